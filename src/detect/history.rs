//! What stands in the history: which contents are worth a look, and since when it is there.
//!
//! Most contents of a history are made out of another one by a small change. What was found out about that one holds
//! for every place that was copied together with all that could be looked at to judge it:
//!
//! ```text
//! base     ....token....................password = ..........
//! new      ....token........[ inserted ]....password = ......    runs: two, from the base
//!          carried along    searched    judged anew
//! ```
//!
//! - A literal travels with its run, if what must stand behind it does.
//! - A new literal can only stand where two runs meet, or in between.
//! - An area around literals is judged, unless it lies in one run with its [`text::surroundings`].
//!
//! - What is encoded is decoded in the lines around a change. Archives and notebooks are looked at in full.
//!
//! So the answer is the one a look at the whole content gives, which is what the tests compare.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use memchr::memmem;

use super::blob::Found;
use super::engine::Engine;
use super::layer::search::Search;
use super::prefilter::{Hit, Prefilter};
use super::{DetectError, Setting, text};
use crate::credential as forms;
use crate::finding::{self, Finding, Fingerprint, Reason, RuleId};
use crate::git::pack::Run;
use crate::policy::Rule;
use crate::policy::rule::TextRule;
use crate::policy::syntax::THEN_BYTES;
use crate::source::{self, Basis, Blob, Mark, Trace};
use crate::text::encoding;
use crate::text::span::Span;

/// The kind of marks that stand for the literal of a form of credential and not of a rule.
const FORM: u32 = u32::MAX;

/// Tells contents in which something may be found at some path.
pub(super) struct Sieve<'a> {
    setting: Setting<'a>,
    /// The rules over credentials.
    rules: Vec<&'a Rule>,
    prefilter: OnceLock<Prefilter>,
    scratch: Mutex<Vec<Vec<Hit>>>,
}

impl<'a> Sieve<'a> {
    pub(super) fn new(setting: Setting<'a>) -> Self {
        let rules = setting.policies.rules.iter().filter(|rule| rule.kind() == "credential").collect();
        Self { setting, rules, prefilter: OnceLock::new(), scratch: Mutex::default() }
    }

    /// Built when it is first used: most sources have no history.
    fn prefilter(&self) -> &Prefilter {
        self.prefilter.get_or_init(|| {
            let literals = forms::FORMS.map(|form| (form.literal.as_bytes(), FORM));
            Prefilter::with(&self.setting.policies.rules, &literals)
        })
    }

    /// The hits in `text` that may be a part of something, sorted by kind and place.
    fn marks(&self, text: &[u8], basis: Option<&Basis<'_>>) -> Result<Vec<Mark>, DetectError> {
        let mut marks = Vec::new();
        let mut parts = vec![Span::new(0, text.len())];
        if let Some(basis) = basis {
            carry(basis, text.len(), &mut marks);
            parts = seams(basis, text.len(), self.prefilter().longest());
        }
        let mut hits = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        for part in parts {
            self.prefilter().hits(part.of(text), &mut hits);
            for hit in &hits {
                let hit = Hit { rule: hit.rule, start: hit.start + part.start, end: hit.end + part.start };
                let rule = self.setting.policies.rules.get(hit.rule as usize);
                if rule.map_or(Ok(true), |rule| text::goes_on(text, rule, &hit))? {
                    marks.push(Mark { kind: hit.rule, start: hit.start, end: hit.end });
                }
            }
        }
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(hits);
        marks.sort_unstable();
        marks.dedup();
        Ok(marks)
    }

    /// Whether something stands at a mark, looked at where it could be otherwise than in the base.
    fn holds(&self, text: &[u8], marks: &[Mark], basis: Option<&Basis<'_>>) -> Result<bool, DetectError> {
        let is_new = |span: Span| basis.is_none_or(|basis| !is_copied(basis, text.len(), span));
        let first_form = marks.partition_point(|mark| mark.kind != FORM);
        let (of_rules, of_forms) = marks.split_at_checked(first_form).unwrap_or((marks, &[]));
        let begins = |mark: &Mark| {
            is_new(Span::new(mark.start.saturating_sub(1), mark.start.saturating_add(forms::REACH)))
                && forms::begins(text, mark.start, self.setting.now)
        };
        if of_forms.iter().any(begins) {
            return Ok(true);
        }
        let hits: Vec<Hit> =
            of_rules.iter().map(|mark| Hit { rule: mark.kind, start: mark.start, end: mark.end }).collect();
        let is_wanted = |rule: &TextRule, area: Span| {
            is_new(text::surroundings(text, rule, area, self.prefilter().longest()))
        };
        let subject = text::Subject { path: "", bytes: text };
        let found = text::of_hits(subject, self.setting.policies, &hits, &is_wanted)?;
        Ok(found.iter().any(|candidate| !candidate.refuted))
    }

    /// Whether something stands encoded where the text could be otherwise than in the base.
    fn hides(&self, text: &[u8], basis: Option<&Basis<'_>>) -> Result<bool, DetectError> {
        let search = Search {
            path: "",
            policies: self.setting.policies,
            prefilter: self.prefilter(),
            rules: &self.rules,
            fingerprinter: self.setting.fingerprinter,
            now: self.setting.now,
        };
        let parts = match basis {
            None => vec![Span::new(0, text.len())],
            Some(basis) => blocks(basis, text),
        };
        let mut hits = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let hides = search.may_hold(text, &parts, &mut hits);
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(hits);
        hides
    }

    fn trace(&self, bytes: &[u8], basis: Option<Basis<'_>>) -> Result<Trace, DetectError> {
        if is_container(bytes) {
            return Ok(Trace { holds: true, ..Trace::default() });
        }
        let basis = basis.filter(|basis| basis.trace.plain);
        if !is_plain(bytes, basis.as_ref()) {
            let text = encoding::to_scan(bytes);
            let marks = self.marks(&text, None)?;
            let holds = self.holds(&text, &marks, None)? || self.hides(&text, None)?;
            return Ok(Trace { holds, ..Trace::default() });
        }
        let marks = self.marks(bytes, basis.as_ref())?;
        // What was found in the base may have been copied, or not: every mark is looked at.
        let known = basis.as_ref().filter(|basis| !basis.trace.holds);
        let holds = self.holds(bytes, &marks, known)? || self.hides(bytes, known)?;
        Ok(Trace { holds, plain: true, marks })
    }
}

impl source::Sieve for Sieve<'_> {
    fn look(&self, bytes: &[u8], basis: Option<Basis<'_>>) -> Trace {
        // A rule that cannot be run fails again, and is told, when the content is scanned.
        self.trace(bytes, basis).unwrap_or(Trace { holds: true, ..Trace::default() })
    }
}

/// Whether texts of their own lie in `bytes`, which are looked at in full: an archive, a notebook.
fn is_container(bytes: &[u8]) -> bool {
    source::is_archive(bytes)
        || (bytes.first() == Some(&b'{') && memmem::find(bytes, b"\"nbformat\"").is_some())
}

/// How much of a line, and of lines of base64 in a row, is looked at around a change, in bytes each way.
const LINE: usize = 4 << 10;
const WRAPPED: usize = 64 << 10;

/// The shortest line of base64 that may go on in the next one.
const FULL: usize = 40;

/// The lines around what was not copied in one piece, with the blocks of base64 they are a part of; joined where they
/// overlap.
fn blocks(basis: &Basis<'_>, text: &[u8]) -> Vec<Span> {
    let mut parts: Vec<Span> = Vec::new();
    for gap in gaps(basis.runs, text.len()) {
        if parts.last().is_some_and(|last| gap.end < last.end) {
            continue;
        }
        let part = Span::new(block_start(text, gap.start), block_end(text, gap.end));
        match parts.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => parts.push(part),
        }
    }
    parts
}

fn block_start(text: &[u8], at: usize) -> usize {
    let line_start = |at: usize| {
        let least = at.saturating_sub(LINE);
        memchr::memrchr(b'\n', Span::new(least, at).of(text)).map_or(least, |feed| least + feed + 1)
    };
    let mut start = line_start(at);
    while start > 0 && at - start < WRAPPED {
        let above = line_start(start - 1);
        if !is_full(Span::new(above, start).of(text)) {
            break;
        }
        start = above;
    }
    start
}

fn block_end(text: &[u8], at: usize) -> usize {
    let line_end = |at: usize| {
        let most = (at + LINE).min(text.len());
        memchr::memchr(b'\n', Span::new(at, most).of(text)).map_or(most, |feed| at + feed + 1)
    };
    let mut end = line_end(at);
    while end < text.len() && end - at < WRAPPED {
        let below = line_end(end);
        if !is_full(Span::new(end, below).of(text)) {
            break;
        }
        end = below;
    }
    // The last line of a block is as long as what is left.
    line_end(end)
}

/// Whether a line is nothing but letters of base64, as many as an encoder puts on one.
fn is_full(line: &[u8]) -> bool {
    let letters = line.trim_ascii();
    letters.len() >= FULL
        && letters.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte))
}

/// Whether `bytes` are searched as they are: no zero byte, no byte order mark.
fn is_plain(bytes: &[u8], basis: Option<&Basis<'_>>) -> bool {
    let marked = matches!(bytes, [0xef, 0xbb, ..] | [0xfe, 0xff, ..] | [0xff, 0xfe, ..]);
    let has_zero = |span: Span| memchr::memchr(0, span.of(bytes)).is_some();
    let whole = Span::new(0, bytes.len());
    !marked && !basis.map_or_else(|| has_zero(whole), |basis| gaps(basis.runs, bytes.len()).any(has_zero))
}

/// What lies between runs, and before and behind them; empty where two of them meet.
fn gaps(runs: &[Run], length: usize) -> impl Iterator<Item = Span> {
    let ends = std::iter::once(0).chain(runs.iter().map(|run| run.to + run.length));
    let starts = runs.iter().map(|run| run.to).chain([length]);
    ends.zip(starts).map(|(end, start)| Span::new(end, start))
}

/// Whether the run ends where both texts do.
const fn ends_both(run: &Run, basis: &Basis<'_>, length: usize) -> bool {
    run.from + run.length == basis.length && run.to + run.length == length
}

/// Takes along the marks of the base that were copied with what stands behind them.
fn carry(basis: &Basis<'_>, length: usize, into: &mut Vec<Mark>) {
    let all = &basis.trace.marks;
    for of_kind in all.chunk_by(|left, right| left.kind == right.kind) {
        for run in basis.runs {
            let tail = if ends_both(run, basis, length) { 0 } else { THEN_BYTES };
            let first = of_kind.partition_point(|mark| mark.start < run.from);
            let inside =
                of_kind.iter().skip(first).take_while(|mark| mark.end + tail <= run.from + run.length);
            into.extend(inside.map(|mark| Mark {
                kind: mark.kind,
                start: mark.start - run.from + run.to,
                end: mark.end - run.from + run.to,
            }));
        }
    }
}

/// Where literals can stand that were not carried along, joined where they overlap.
fn seams(basis: &Basis<'_>, length: usize, longest: usize) -> Vec<Span> {
    let mut parts: Vec<Span> = Vec::new();
    let last_ends = basis.runs.last().is_some_and(|run| ends_both(run, basis, length));
    for gap in gaps(basis.runs, length) {
        let at_start = gap.end == 0 && length > 0;
        if at_start || (gap.start == length && last_ends) {
            continue;
        }
        let start = gap.start.saturating_sub(longest + THEN_BYTES);
        let part = Span::new(start, (gap.end + longest).min(length));
        match parts.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => parts.push(part),
        }
    }
    parts
}

/// Whether all of `span`, as far as there is text, was copied in one piece, and ends where the base ends if it does.
fn is_copied(basis: &Basis<'_>, length: usize, span: Span) -> bool {
    let at = basis.runs.partition_point(|run| run.to <= span.start);
    let Some(run) = at.checked_sub(1).and_then(|at| basis.runs.get(at)) else { return false };
    let starts = span.start > 0 || (run.to == 0 && run.from == 0);
    let ends = span.end <= run.to + run.length && span.end < length || ends_both(run, basis, length);
    starts && ends
}

impl Engine<'_> {
    /// What is found in the text of an old version: no identity is read from it, nor is any document judged.
    pub(super) fn past(&self, blob: &Blob, past: &finding::Past) -> Result<Found, DetectError> {
        let mut found = self.blob(blob)?;
        let rules = self.setting.policies;
        let is_text =
            |id: &RuleId| rules.rule(&id.0).is_some_and(|rule| matches!(rule.kind(), "text" | "credential"));
        found.findings.retain(|finding| is_text(&finding.rule));
        for finding in &mut found.findings {
            finding.past = Some(past.clone());
        }
        found.gaps.retain(|gap| !matches!(gap.reason, Reason::Unparsed | Reason::Partial));
        Ok(found)
    }
}

/// The findings of the history: one for each path, from the first commit that has it.
#[derive(Default)]
pub(super) struct Past {
    /// By rule, fingerprint, path, and which of several in one version.
    findings: BTreeMap<(RuleId, Fingerprint, String, usize), Finding>,
}

impl Past {
    /// Takes in what one version holds.
    pub(super) fn take(&mut self, findings: Vec<Finding>, past: &finding::Past) {
        let mut counts: BTreeMap<(RuleId, Fingerprint), usize> = BTreeMap::new();
        for finding in findings {
            let count = counts.entry((finding.rule.clone(), finding.fingerprint)).or_default();
            let key = (finding.rule.clone(), finding.fingerprint, finding.location.path.clone(), *count);
            *count += 1;
            let Some(known) = self.findings.get_mut(&key) else {
                self.findings.insert(key, finding);
                continue;
            };
            let mut joined = known.past.clone().unwrap_or_else(|| past.clone());
            joined.join(past);
            if is_earlier(&finding, known) {
                *known = finding;
            }
            known.past = Some(joined);
        }
    }

    /// Adds all of them to `findings` of today: one that is known there is told since when it stands.
    ///
    /// A value that is still somewhere in `HEAD` is so at every path.
    pub(super) fn join(self, findings: &mut Vec<Finding>) {
        let mut in_head: BTreeMap<(RuleId, Fingerprint), bool> = BTreeMap::new();
        let mut pasts: BTreeMap<(RuleId, Fingerprint, String), finding::Past> = BTreeMap::new();
        for ((rule, fingerprint, path, _), finding) in &self.findings {
            let Some(past) = &finding.past else { continue };
            *in_head.entry((rule.clone(), *fingerprint)).or_default() |= past.in_head;
            let place = (rule.clone(), *fingerprint, path.clone());
            pasts.entry(place).and_modify(|known| known.join(past)).or_insert_with(|| past.clone());
        }
        let mut today = BTreeSet::new();
        for finding in &mut *findings {
            let place = (finding.rule.clone(), finding.fingerprint, finding.location.path.clone());
            finding.past = pasts.get(&place).cloned();
            today.insert(place);
        }
        let of_past = self.findings.into_iter().filter(|((rule, fingerprint, path, _), _)| {
            !today.contains(&(rule.clone(), *fingerprint, path.clone()))
        });
        findings.extend(of_past.map(|(_, finding)| finding));
        for finding in findings {
            let is_there = in_head.get(&(finding.rule.clone(), finding.fingerprint)).copied();
            if let Some(past) = &mut finding.past {
                past.in_head |= is_there == Some(true);
            }
        }
    }
}

/// Whether `one` stands in an earlier version than `other`, or further up in the same.
fn is_earlier(one: &Finding, other: &Finding) -> bool {
    let first = |finding: &Finding| finding.past.as_ref().map(|past| past.first.clone());
    (first(one), one.location.span) < (first(other), other.location.span)
}

#[cfg(test)]
mod tests;
