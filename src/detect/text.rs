//! Patterns on the places the prefilter names, with `near`, `paths` and `stop`.

use std::path::Path;

use regex::bytes::{Captures, Match};
use search::{Search, lines_around};
pub(super) use search::{Sight, goes_on, surroundings};

use super::facts::{Said, Seen};
use super::prefilter::{Hit, Prefilter};
use super::{DetectError, checksum, entropy, facts, generic};
use crate::finding::{Confidence, RuleId, Severity};
use crate::policy::rule::TextRule;
use crate::policy::{Policies, Rule};
use crate::text::proof::Outcome;
use crate::text::secret::Secret;
use crate::text::span::Span;

/// Where a pattern is tried.
mod search;

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
    /// The stretch of text in which it was looked for.
    pub area: Span,
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
    /// Path of the file; empty for a text that stands nowhere, in which nothing is ruled out by a path.
    pub path: &'a str,
    /// Its bytes, decoded to UTF-8 where they were UTF-16.
    pub bytes: &'a [u8],
}

impl Subject<'_> {
    fn is_for(&self, rule: &TextRule) -> bool {
        let is_at = |globs: &globset::GlobSet| globs.is_match(Path::new(self.path));
        self.path.is_empty() || rule.paths.as_ref().is_none_or(is_at)
    }
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
    of_hits(subject, policies, hits, &|_, _| true)
}

/// Every candidate around `hits`, which are sorted, whose area `is_wanted`.
///
/// In every text that holds an area with its [`surroundings`] the same is found in it.
pub(super) fn of_hits(
    subject: Subject<'_>,
    policies: &Policies,
    hits: &[Hit],
    is_wanted: &dyn Fn(&TextRule, Span) -> bool,
) -> Result<Vec<Candidate>, DetectError> {
    let mut found = Vec::new();
    for group in hits.chunk_by(|left, right| left.rule == right.rule) {
        let index = group.first().map_or(0, |hit| hit.rule as usize);
        let Some(rule) = policies.rules.get(index) else { continue };
        let Some(text) = rule.text_rule() else { continue };
        if subject.is_for(text) {
            Search { subject, rule, index, text }.run(group, &|area| is_wanted(text, area), &mut found)?;
        }
    }
    Ok(found)
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
        area: Span::default(),
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

/// Where a part of a match is in the text that the searched one begins in at `base`.
fn moved(part: Match<'_>, base: usize) -> Span {
    Span::new(part.start() + base, part.end() + base)
}

fn is_near(bytes: &[u8], rule: &Rule, text: &TextRule, secret: Span) -> Result<bool, DetectError> {
    let Some((near, lines)) = &text.near else { return Ok(true) };
    let near = near.regex().map_err(|message| DetectError::Rule { rule: rule.id.clone(), message })?;
    Ok(near.is_match(lines_around(bytes, secret, *lines).of(bytes)))
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
