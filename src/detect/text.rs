//! Patterns on the places the prefilter names, with `near`, `paths` and `stop`.

use std::path::Path;

use regex::bytes::{Captures, Match};

use super::facts::{Said, Seen};
use super::prefilter::{Hit, Prefilter};
use super::{DetectError, checksum, entropy, facts, generic};
use crate::finding::{Confidence, RuleId, Severity};
use crate::policy::pattern::{NAME, Pattern, is_of_name};
use crate::policy::rule::TextRule;
use crate::policy::syntax::THEN_BYTES;
use crate::policy::{Policies, Rule};
use crate::text::proof::Outcome;
use crate::text::secret::Secret;
use crate::text::span::Span;

/// How far from its keyword the match of a pattern without bound is looked for.
const REACH: usize = 32 * 1024;

/// How far around a match text is looked at to judge it, at most.
const AROUND: usize = 256;

/// How far `near` sees at most, in bytes each way: minified files have one line.
pub const NEAR_BYTES: usize = 4 << 10;

/// What a rule judges a value by, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The name it is assigned to.
    Name,
    /// Where it stands, such as behind `Bearer`: whose it is remains open.
    Place,
    /// Its own format.
    Format,
}

impl Basis {
    fn of(rule: &TextRule) -> Self {
        match (rule.generic, rule.value) {
            (true, _) => Self::Name,
            (false, Some(_)) => Self::Place,
            (false, None) => Self::Format,
        }
    }
}

/// A place where a pattern matched.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Index of the rule.
    pub rule: usize,
    /// Id of the rule, for ties.
    pub rule_id: RuleId,
    /// The secret part.
    pub secret: Span,
    /// The name the value is assigned to; empty when there is none.
    pub key: Span,
    /// Whether a check of the text itself holds.
    pub proved: bool,
    /// Whether a check of the text itself fails: nothing is reported here, by any rule.
    pub refuted: bool,
    /// What the rule judges by.
    pub basis: Basis,
    /// Severity of the rule.
    pub severity: Severity,
    /// How likely true.
    pub confidence: Confidence,
    /// Estimated strength of the value in bits.
    pub bits: u32,
    /// What the text says about itself.
    pub said: Said,
    /// What it is once decoded; `None` where it stands as it is.
    pub decoded: Option<Decoded>,
}

/// A secret that stands encoded at the span of its candidate.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The secret itself.
    pub value: Secret,
    /// The name it is assigned to; empty when there is none.
    pub key: Vec<u8>,
    /// How it is encoded, such as `base64 > gzip`.
    pub encoding: String,
    /// Whether a run of base64 or hex holds it, so that its text as it is stands for nothing else.
    pub whole: bool,
    /// Which layer of the text holds it: two secrets of one layer may share their span.
    pub layer: usize,
}

impl Candidate {
    /// Whether the rule judges by the name alone.
    pub fn is_generic(&self) -> bool {
        self.basis == Basis::Name
    }

    /// The secret, where the candidate stands in `bytes`.
    pub fn value<'c>(&'c self, bytes: &'c [u8]) -> &'c [u8] {
        self.decoded.as_ref().map_or_else(|| self.secret.of(bytes), |decoded| decoded.value.expose())
    }

    /// The name it is assigned to; empty when there is none.
    pub fn name<'c>(&'c self, bytes: &'c [u8]) -> &'c [u8] {
        self.decoded.as_ref().map_or_else(|| self.key.of(bytes), |decoded| &decoded.key)
    }
}

/// One text under judgement.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Path of the file.
    pub path: &'a str,
    /// Its bytes, decoded to UTF-8 where they were UTF-16.
    pub bytes: &'a [u8],
}

/// Every candidate in `subject`, unsettled. `hits` is scratch space.
///
/// # Errors
///
/// [`DetectError`] when a pattern cannot be run: no decision.
pub fn candidates(
    subject: Subject<'_>,
    policies: &Policies,
    prefilter: &Prefilter,
    hits: &mut Vec<Hit>,
) -> Result<Vec<Candidate>, DetectError> {
    prefilter.hits(subject.bytes, hits);
    of_hits(subject, policies, hits)
}

/// Every candidate around `hits`, which are sorted.
pub(super) fn of_hits(
    subject: Subject<'_>,
    policies: &Policies,
    hits: &[Hit],
) -> Result<Vec<Candidate>, DetectError> {
    let mut found = Vec::new();
    for group in hits.chunk_by(|left, right| left.rule == right.rule) {
        let index = group.first().map_or(0, |hit| hit.rule as usize);
        let Some(rule) = policies.rules.get(index) else { continue };
        let Some(text) = rule.text_rule() else { continue };
        if text.paths.as_ref().is_some_and(|globs| !globs.is_match(Path::new(subject.path))) {
            continue;
        }
        run(subject, rule, index, text, group, &|_| true, &mut found)?;
    }
    Ok(found)
}

/// Every candidate whose area `is_wanted`, whatever the path; `hits` are sorted.
///
/// In every text that holds an area with its [`surroundings`] the same is found in it.
pub(super) fn candidates_anywhere(
    bytes: &[u8],
    policies: &Policies,
    hits: &[Hit],
    is_wanted: &dyn Fn(&TextRule, Span) -> bool,
) -> Result<Vec<Candidate>, DetectError> {
    let mut found = Vec::new();
    for group in hits.chunk_by(|left, right| left.rule == right.rule) {
        let index = group.first().map_or(0, |hit| hit.rule as usize);
        let Some(rule) = policies.rules.get(index) else { continue };
        let Some(text) = rule.text_rule() else { continue };
        // No path is a test, a lock file or code: nothing is ruled out by where it stands.
        let subject = Subject { path: "", bytes };
        run(subject, rule, index, text, group, &|area| is_wanted(text, area), &mut found)?;
    }
    Ok(found)
}

/// Whether a keyword of `rule` at `hit` is followed by what must stand there.
pub(super) fn goes_on(bytes: &[u8], rule: &Rule, hit: &Hit) -> Result<bool, DetectError> {
    let fault = |message: String| DetectError::Rule { rule: rule.id.clone(), message };
    let Some(then) = rule.text_rule().and_then(|text| text.then.as_ref()) else { return Ok(true) };
    Ok(then.regex().map_err(fault)?.is_match(Span::new(hit.end, hit.end + THEN_BYTES).of(bytes)))
}

/// How far from its keyword a match of `rule` is looked for.
fn reach(rule: &TextRule) -> usize {
    rule.pattern.reach().longest.unwrap_or(REACH).min(REACH)
}

/// All that decides what is found in `area`: what is looked at to judge it, and every place a hit that would widen
/// it can be at, when no keyword is longer than `longest`.
pub(super) fn surroundings(bytes: &[u8], rule: &TextRule, area: Span, longest: usize) -> Span {
    let mut all = area;
    if let Some((_, lines)) = &rule.near {
        all = Span::new(lines_before(bytes, area.start, *lines), lines_behind(bytes, area.end, *lines));
    }
    let around = reach(rule) + longest + THEN_BYTES + AROUND;
    Span::new(all.start.saturating_sub(around), all.end + around)
}

/// Runs one rule around its hits.
fn run(
    subject: Subject<'_>,
    rule: &Rule,
    index: usize,
    text: &TextRule,
    hits: &[Hit],
    is_wanted: &dyn Fn(Span) -> bool,
    found: &mut Vec<Candidate>,
) -> Result<(), DetectError> {
    let fault = |message: String| DetectError::Rule { rule: rule.id.clone(), message };
    let then = text.then.as_ref().map(Pattern::regex).transpose().map_err(fault)?;
    let goes_on = |hit: &&Hit| {
        let behind = Span::new(hit.end, hit.end + THEN_BYTES).of(subject.bytes);
        then.is_none_or(|then| then.is_match(behind))
    };
    let hits = hits.iter().filter(goes_on);
    let search = Search { subject, rule, index, text };
    if text.pattern.reach().at_name {
        search.names(hits, is_wanted, found)
    } else {
        search.areas(hits, is_wanted, found)
    }
}

/// One rule on one text.
struct Search<'s> {
    subject: Subject<'s>,
    rule: &'s Rule,
    index: usize,
    text: &'s TextRule,
}

impl Search<'_> {
    fn fault(&self, message: String) -> DetectError {
        DetectError::Rule { rule: self.rule.id.clone(), message }
    }

    /// Searches the union of the windows around `hits`, so that no byte is read twice.
    fn areas<'h>(
        &self,
        hits: impl Iterator<Item = &'h Hit>,
        is_wanted: &dyn Fn(Span) -> bool,
        found: &mut Vec<Candidate>,
    ) -> Result<(), DetectError> {
        let regex = self.text.pattern.regex().map_err(|message| self.fault(message))?;
        let reach = reach(self.text);
        let mut done = 0;
        let mut windows = hits.map(|hit| window(self.subject.bytes, hit, self.text, reach)).peekable();
        while let Some(mut area) = windows.next() {
            while let Some(next) = windows.next_if(|next| next.start <= area.end) {
                area.end = area.end.max(next.end);
            }
            if !is_wanted(area) {
                done = area.end;
                continue;
            }
            let haystack = Span::new(0, area.end).of(self.subject.bytes);
            let mut at = area.start.max(done);
            while let Some(captures) =
                (at <= haystack.len()).then(|| regex.captures_at(haystack, at)).flatten()
            {
                at = self.take(at, 0, &captures, found)?;
            }
            done = at.min(area.end);
        }
        Ok(())
    }

    /// Looks for a value behind each name that `hits` stand in: a match begins where the name does.
    fn names<'h>(
        &self,
        hits: impl Iterator<Item = &'h Hit>,
        is_wanted: &dyn Fn(Span) -> bool,
        found: &mut Vec<Candidate>,
    ) -> Result<(), DetectError> {
        let regex = self.text.pattern.anchored().map_err(|message| self.fault(message))?;
        let reach = reach(self.text);
        let mut done = 0;
        for hit in hits {
            let area = window(self.subject.bytes, hit, self.text, reach);
            if hit.start < done || !is_wanted(area) {
                continue;
            }
            let start = name_start(self.subject.bytes, hit.start).max(done);
            let haystack = Span::new(start, area.end).of(self.subject.bytes);
            if let Some(captures) = regex.captures(haystack) {
                done = self.take(start, start, &captures, found)?;
            }
        }
        Ok(())
    }

    /// Judges a match at or behind `at`, in a text that begins at `base`; tells where to go on.
    fn take(
        &self,
        at: usize,
        base: usize,
        captures: &Captures<'_>,
        found: &mut Vec<Candidate>,
    ) -> Result<usize, DetectError> {
        let whole = captures.get(0).map_or(Span::new(at, at + 1), |all| moved(all, base));
        let candidate = judge(self.subject, self.rule, self.index, self.text, captures, base)?;
        let mut next = if whole.end > whole.start { whole.end } else { whole.end + 1 };
        if let Some(secret) = captures.name("secret").map(|secret| moved(secret, base)) {
            // A delimiter behind one value is the one before the next; and what is no value may be the name of
            // one, as in `secret = getenv("SECRET", "…")`.
            let names = self.text.generic && candidate.is_none();
            let from = if names { secret.start } else { secret.end };
            next = next.min(from.max(whole.start + 1));
        }
        found.extend(candidate);
        Ok(next)
    }
}

/// Where the name begins that `at` is a part of, as far as patterns look.
fn name_start(text: &[u8], at: usize) -> usize {
    let before = Span::new(at.saturating_sub(NAME), at).of(text);
    at - before.iter().rev().take_while(|byte| is_of_name(**byte)).count()
}

/// Where a part of a match is in the text that the searched one begins in at `base`.
fn moved(part: Match<'_>, base: usize) -> Span {
    Span::new(part.start() + base, part.end() + base)
}

/// Where a match that contains, or stands near, the literal can lie.
fn window(text: &[u8], hit: &Hit, rule: &TextRule, reach: usize) -> Span {
    let mut area = Span::new(hit.start.saturating_sub(reach), hit.end + reach);
    if rule.pattern.reach().in_line && rule.near.is_none() {
        let before = Span::new(area.start, hit.start).of(text);
        let behind = Span::new(hit.end, area.end).of(text);
        let start = memchr::memrchr(b'\n', before).map_or(area.start, |at| area.start + at);
        let end = memchr::memchr(b'\n', behind).map_or(area.end, |at| hit.end + at + 1);
        area = Span::new(start, end);
    }
    if let Some((_, lines)) = &rule.near {
        area = Span::new(lines_before(text, hit.start, *lines), lines_behind(text, hit.end, *lines));
    }
    Span::new(area.start, area.end.min(text.len()))
}

/// The start of the line so many lines above the one of `offset`, at most [`NEAR_BYTES`] away.
fn lines_before(text: &[u8], offset: usize, lines: usize) -> usize {
    let offset = offset.min(text.len());
    let least = offset.saturating_sub(NEAR_BYTES);
    let mut feeds = memchr::memrchr_iter(b'\n', Span::new(least, offset).of(text));
    feeds.nth(lines).map_or(least, |feed| least + feed + 1)
}

/// The end of the line so many lines below the one of `offset`, at most [`NEAR_BYTES`] away.
fn lines_behind(text: &[u8], offset: usize, lines: usize) -> usize {
    let offset = offset.min(text.len());
    let most = (offset + NEAR_BYTES).min(text.len());
    let mut feeds = memchr::memchr_iter(b'\n', Span::new(offset, most).of(text));
    feeds.nth(lines).map_or(most, |feed| offset + feed)
}

/// Turns a match into a candidate, unless something around it says it is no secret.
fn judge(
    subject: Subject<'_>,
    rule: &Rule,
    index: usize,
    text: &TextRule,
    captures: &Captures<'_>,
    base: usize,
) -> Result<Option<Candidate>, DetectError> {
    let group = |name: &str| captures.name(name).map(|part| moved(part, base));
    let Some(secret) = group("secret") else { return Ok(None) };
    let value = secret.of(subject.bytes);
    let key = group("key").unwrap_or_default();
    if text.near.is_some() && !is_near(subject.bytes, rule, text, secret)? {
        return Ok(None);
    }
    let mut candidate = Candidate {
        rule: index,
        rule_id: rule.id.clone(),
        secret,
        key,
        proved: false,
        refuted: false,
        basis: Basis::of(text),
        severity: rule.severity,
        confidence: rule.confidence,
        bits: entropy::strength_bits(value, !text.generic),
        said: Said::default(),
        decoded: None,
    };
    if let Some(check) = &text.checksum {
        match checksum::judge(check, |name| captures.name(name).map(|part| part.as_bytes())) {
            Outcome::Holds => candidate.proved = true,
            Outcome::Differs => return Ok(None),
            Outcome::Fails => {
                candidate.refuted = true;
                return Ok(Some(candidate));
            }
        }
        if checksum::is_exact(check) {
            candidate.confidence = Confidence::High;
        }
    }
    if is_stopped(value, text) || text.entropy.is_some_and(|least| entropy::entropy(value) < least) {
        return Ok(None);
    }
    if text.generic {
        let judgement = generic::judge(&generic::Candidate::of(subject.bytes, key, secret, subject.path));
        if !judgement.keep {
            return Ok(None);
        }
        candidate.confidence = judgement.confidence;
    }
    if let Some(kind) = text.value {
        let Some(confidence) = generic::judge_alone(kind, value, subject.path) else { return Ok(None) };
        candidate.confidence = candidate.confidence.min(confidence);
    }
    let end = captures.get(0).map_or(secret.end, |all| moved(all, base).end);
    if group("user").is_some_and(|user| {
        is_local_login(user.of(subject.bytes), value, Span::new(secret.end, end).of(subject.bytes))
    }) {
        candidate.confidence = Confidence::Low;
    }
    let around = captures.get(0).map_or(value, |all| all.as_bytes());
    let seen = Seen { secret: value, around };
    candidate.said = text.facts.as_deref().map(|decoder| facts::read(decoder, seen)).unwrap_or_default();
    Ok(Some(candidate))
}

fn is_near(bytes: &[u8], rule: &Rule, text: &TextRule, secret: Span) -> Result<bool, DetectError> {
    let Some((near, lines)) = &text.near else { return Ok(true) };
    let near = near.regex().map_err(|message| DetectError::Rule { rule: rule.id.clone(), message })?;
    let area = Span::new(lines_before(bytes, secret.start, *lines), lines_behind(bytes, secret.end, *lines));
    Ok(near.is_match(area.of(bytes)))
}

/// One of the rule's own words, any case.
fn is_stopped(value: &[u8], text: &TextRule) -> bool {
    let lower = value.to_ascii_lowercase();
    let holds =
        |word: &String| !word.is_empty() && lower.windows(word.len()).any(|part| part == word.as_bytes());
    text.stop.iter().any(holds)
}

/// Whether `password` repeats the name of its `user` at `host` (`@db`), a machine without a domain: how
/// throw-away databases of tests and developers are set up.
fn is_local_login(user: &[u8], password: &[u8], host: &[u8]) -> bool {
    let host = host.strip_prefix(b"@").unwrap_or(host);
    user == password && (!host.iter().any(|byte| b".[".contains(byte)) || host == b"127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_repeats_its_user_on_a_local_machine_is_a_guess() {
        for (user, password, host, local) in [
            ("saleor", "saleor", "@db", true),
            ("saleor", "saleor", "@localhost", true),
            ("saleor", "saleor", "@127.0.0.1", true),
            ("saleor", "saleor", "@db.acme.example", false),
            ("saleor", "saleor", "@10.1.2.3", false),
            ("saleor", "saleor1", "@db", false),
            ("", "saleor", "@db", false),
        ] {
            let found = is_local_login(user.as_bytes(), password.as_bytes(), host.as_bytes());
            assert_eq!(found, local, "{user} at {host}");
        }
    }
}
