//! Where a pattern is tried: around its keywords, and nowhere else.

use regex::bytes::Captures;

use super::{Candidate, Subject, judge, moved};
use crate::detect::prefilter::Hit;
use crate::detect::{DetectError, generic};
use crate::policy::Rule;
use crate::policy::pattern::{NAME, Pattern, is_of_name};
use crate::policy::rule::TextRule;
use crate::policy::syntax::THEN_BYTES;
use crate::text::span::Span;

/// How far from its keyword the match of a pattern without bound is looked for.
const REACH: usize = 32 * 1024;

/// How far around a match text is looked at to judge it, at most.
const AROUND: usize = 256;

/// How far `near` sees at most, in bytes each way: minified files have one line.
const NEAR_BYTES: usize = 4 << 10;

/// Whether a keyword of `rule` at `hit` is followed by what must stand there.
pub(in crate::detect) fn goes_on(bytes: &[u8], rule: &Rule, hit: &Hit) -> Result<bool, DetectError> {
    let fault = |message: String| DetectError::Rule { rule: rule.id.clone(), message };
    let Some(then) = rule.text_rule().and_then(|text| text.then.as_ref()) else { return Ok(true) };
    Ok(then.regex().map_err(fault)?.is_match(behind(bytes, hit)))
}

/// What stands behind a keyword.
fn behind<'t>(bytes: &'t [u8], hit: &Hit) -> &'t [u8] {
    Span::new(hit.end, hit.end + THEN_BYTES).of(bytes)
}

/// How far from its keyword a match of `rule` is looked for.
fn reach(rule: &TextRule) -> usize {
    rule.pattern.reach().longest.unwrap_or(REACH).min(REACH)
}

/// All that decides what is found in `area`: what is looked at to judge it, and every place a hit that would widen
/// it can be at, with what must stand behind that one, when no keyword is longer than `longest`.
pub(in crate::detect) fn surroundings(bytes: &[u8], rule: &TextRule, area: Span, longest: usize) -> Span {
    let around = reach(rule) + longest + THEN_BYTES + AROUND;
    let all = match &rule.near {
        Some((_, lines)) => lines_around(bytes, area, *lines),
        None => area,
    };
    let all = Span::new(all.start.saturating_sub(around), all.end + around);
    if !is_by_line(rule) {
        return all;
    }
    // The area of a hit in the line above or below may touch this one, but none further away. A line feed right beside
    // the area may be the end of either line.
    let (before, behind) = (area.start.saturating_sub(1).max(all.start), area.end + 1);
    let above = memchr::memrchr(b'\n', Span::new(all.start, before).of(bytes));
    let below = memchr::memchr(b'\n', Span::new(behind, all.end).of(bytes));
    Span::new(
        above.map_or(all.start, |feed| all.start + feed),
        below.map_or(all.end, |feed| all.end.min(behind + feed + 1 + THEN_BYTES)),
    )
}

/// Whether nothing beyond the line of a hit has a say in what is found at it.
fn is_by_line(rule: &TextRule) -> bool {
    rule.pattern.reach().in_line && rule.near.is_none()
}

/// How far hits of a rule see, in bytes each way; bounds that hold at every place.
#[derive(Debug, Clone, Copy)]
pub(in crate::detect) struct Sight {
    /// Further away nothing decides what is found around a hit, nor does it have a say there: see [`surroundings`].
    pub(in crate::detect) far: usize,
    /// Hits further apart from each other are searched for as if the other one were not there.
    pub(in crate::detect) step: usize,
}

impl Sight {
    /// That of `rule`, when no keyword is longer than `longest`.
    pub(in crate::detect) fn of(rule: &TextRule, longest: usize) -> Self {
        let near = if rule.near.is_some() { NEAR_BYTES } else { 0 };
        let window = reach(rule).max(near) + 1;
        Self { far: window + near + reach(rule) + longest + THEN_BYTES + AROUND, step: 2 * window }
    }
}

/// One rule on one text.
pub(super) struct Search<'s> {
    pub(super) subject: Subject<'s>,
    pub(super) rule: &'s Rule,
    /// Of the rule among all.
    pub(super) index: usize,
    pub(super) text: &'s TextRule,
}

impl Search<'_> {
    fn fault(&self, message: String) -> DetectError {
        DetectError::Rule { rule: self.rule.id.clone(), message }
    }

    /// Runs the rule around those of its hits that go on as they must.
    pub(super) fn run(
        &self,
        hits: &[Hit],
        is_wanted: &dyn Fn(Span) -> bool,
        found: &mut Vec<Candidate>,
    ) -> Result<(), DetectError> {
        if self.text.generic && !generic::reads(self.subject.path) {
            return Ok(());
        }
        let then = self.text.then.as_ref().map(Pattern::regex).transpose();
        let then = then.map_err(|message| self.fault(message))?;
        let goes_on = |hit: &&Hit| then.is_none_or(|then| then.is_match(behind(self.subject.bytes, hit)));
        let hits = hits.iter().filter(goes_on);
        if self.text.is_at_name() {
            self.names(hits, is_wanted, found)
        } else {
            self.areas(hits, is_wanted, found)
        }
    }

    /// Searches the union of the windows around `hits`, so that no byte is read twice.
    fn areas<'h>(
        &self,
        hits: impl Iterator<Item = &'h Hit>,
        is_wanted: &dyn Fn(Span) -> bool,
        found: &mut Vec<Candidate>,
    ) -> Result<(), DetectError> {
        let mut done = 0;
        let mut windows = hits.map(|hit| window(self.subject.bytes, hit, self.text)).peekable();
        while let Some(mut area) = windows.next() {
            while let Some(next) = windows.next_if(|next| next.start <= area.end) {
                area.end = area.end.max(next.end);
            }
            if !is_wanted(area) || !self.text.pattern.may_match(area.of(self.subject.bytes)) {
                done = area.end;
                continue;
            }
            let regex = self.text.pattern.regex().map_err(|message| self.fault(message))?;
            let haystack = Span::new(0, area.end).of(self.subject.bytes);
            let mut at = area.start.max(done);
            while let Some(captures) =
                (at <= haystack.len()).then(|| regex.captures_at(haystack, at)).flatten()
            {
                at = self.take(area, 0, &captures, found)?;
            }
            done = at.min(area.end);
        }
        Ok(())
    }

    /// Looks for a value behind each name that `hits` stand in: a match begins where the name does, or where the word
    /// before does that a blank parts from it, as in `api key`.
    fn names<'h>(
        &self,
        hits: impl Iterator<Item = &'h Hit>,
        is_wanted: &dyn Fn(Span) -> bool,
        found: &mut Vec<Candidate>,
    ) -> Result<(), DetectError> {
        let bytes = self.subject.bytes;
        let is_code = self.text.generic && generic::code(self.subject.path);
        let mut done = 0;
        for hit in hits {
            let area = window(bytes, hit, self.text);
            if hit.start < done || !is_wanted(area) || !self.text.pattern.may_match(area.of(bytes)) {
                continue;
            }
            let name = name_start(bytes, hit.start);
            let blank = name.checked_sub(1).filter(|at| bytes.get(*at) == Some(&b' '));
            let starts = [blank.map(|blank| name_start(bytes, blank)), Some(name)];
            let before = starts.iter().flatten().filter_map(|start| bytes.get(start.checked_sub(1)?));
            if !generic::may_keep(is_code, before, Span::new(hit.end, area.end).of(bytes)) {
                continue;
            }
            let regex = self.text.pattern.anchored().map_err(|message| self.fault(message))?;
            for start in starts.into_iter().flatten().map(|start| start.max(done)) {
                let haystack = Span::new(start, area.end).of(bytes);
                if let Some(captures) = regex.captures(haystack) {
                    done = self.take(area, start, &captures, found)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Judges a match in `area`, in a text that begins at `base`; tells where to go on.
    fn take(
        &self,
        area: Span,
        base: usize,
        captures: &Captures<'_>,
        found: &mut Vec<Candidate>,
    ) -> Result<usize, DetectError> {
        let whole = captures.get(0).map_or(area, |all| moved(all, base));
        let candidate = judge(self.subject, self.rule, self.index, self.text, captures, base)?;
        let mut next = if whole.end > whole.start { whole.end } else { whole.end + 1 };
        if let Some(secret) = captures.name("secret").map(|secret| moved(secret, base)) {
            // A delimiter behind one value is the one before the next; and what is no value may be the name of
            // one, as in `secret = getenv("SECRET", "…")`.
            let names = self.text.generic && candidate.is_none();
            let from = if names { secret.start } else { secret.end };
            next = next.min(from.max(whole.start + 1));
        }
        found.extend(candidate.map(|candidate| Candidate { area, ..candidate }));
        Ok(next)
    }
}

/// Where the name begins that `at` is a part of, as far as patterns look.
fn name_start(text: &[u8], at: usize) -> usize {
    let before = Span::new(at.saturating_sub(NAME), at).of(text);
    at - before.iter().rev().take_while(|byte| is_of_name(**byte)).count()
}

/// Where a match that contains, or stands near, the literal can lie.
fn window(text: &[u8], hit: &Hit, rule: &TextRule) -> Span {
    let reach = reach(rule);
    let mut area = Span::new(hit.start.saturating_sub(reach), hit.end + reach);
    if is_by_line(rule) {
        let before = Span::new(area.start, hit.start).of(text);
        let behind = Span::new(hit.end, area.end).of(text);
        let start = memchr::memrchr(b'\n', before).map_or(area.start, |at| area.start + at);
        let end = memchr::memchr(b'\n', behind).map_or(area.end, |at| hit.end + at + 1);
        area = Span::new(start, end);
    }
    if let Some((_, lines)) = &rule.near {
        area = lines_around(text, Span::new(hit.start, hit.end), *lines);
    }
    Span::new(area.start, area.end.min(text.len()))
}

/// From so many lines above `span` to so many below it, at most [`NEAR_BYTES`] each way.
pub(super) fn lines_around(text: &[u8], span: Span, lines: usize) -> Span {
    let (from, to) = (span.start.min(text.len()), span.end.min(text.len()));
    let least = from.saturating_sub(NEAR_BYTES);
    let most = (to + NEAR_BYTES).min(text.len());
    let above = memchr::memrchr_iter(b'\n', Span::new(least, from).of(text)).nth(lines);
    let below = memchr::memchr_iter(b'\n', Span::new(to, most).of(text)).nth(lines);
    Span::new(above.map_or(least, |feed| least + feed + 1), below.map_or(most, |feed| to + feed))
}

#[cfg(test)]
mod tests;
