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
//! - A literal travels with its run, if what must stand behind it does. A new one can only stand where two runs meet, or
//!   in between.
//! - An area around literals is judged, unless it lies in one run with its [`text::surroundings`]. What was found in the
//!   base travels with its surroundings too.
//! - What is encoded is decoded in the lines around a change. Archives and notebooks are looked at in full.
//! - A content that keeps all that its base shows, and shows nothing new, holds the same. Of all these at one path only
//!   the first is scanned in full.
//!
//! So the answer is the one a look at the whole content gives, which is what the tests compare.

mod change;
mod past;

use std::sync::{Mutex, OnceLock, PoisonError};

use memchr::memmem;

use self::change::Change;
pub(super) use self::past::Past;
use super::layer::search::Search;
use super::prefilter::{Hit, Prefilter};
use super::{DetectError, Setting, text};
use crate::credential as forms;
use crate::policy::Rule;
use crate::policy::rule::TextRule;
use crate::source::{self, Basis, Mark, Trace};
use crate::text::encoding;
use crate::text::span::Span;

/// The kind of marks that stand for the literal of a form of credential and not of a rule.
const FORM: u32 = u32::MAX;

/// How far the literal of a form of credential sees: nothing is looked at together with another one.
const OF_FORM: text::Sight = text::Sight { far: forms::REACH, step: 0 };

/// Tells contents in which something may be found at some path.
pub(super) struct Sieve<'a> {
    setting: Setting<'a>,
    /// The rules over credentials.
    rules: Vec<&'a Rule>,
    ready: OnceLock<Ready>,
    scratch: Mutex<Vec<Vec<Hit>>>,
}

/// Built when it is first used: most sources have no history.
struct Ready {
    prefilter: Prefilter,
    /// How far the literals of each rule see.
    sights: Vec<text::Sight>,
}

impl Ready {
    fn new(rules: &[Rule]) -> Self {
        let literals = forms::FORMS.iter().flat_map(|form| form.literals);
        let literals: Vec<(&[u8], u32)> = literals.map(|literal| (literal.as_bytes(), FORM)).collect();
        let prefilter = Prefilter::with(rules, &literals);
        let sight =
            |rule: &Rule| rule.text_rule().map_or(OF_FORM, |text| text::Sight::of(text, prefilter.longest()));
        let sights = rules.iter().map(sight).collect();
        Self { prefilter, sights }
    }
}

impl<'a> Sieve<'a> {
    pub(super) fn new(setting: Setting<'a>) -> Self {
        let rules = setting.policies.rules.iter().filter(|rule| rule.kind() == "credential").collect();
        Self { setting, rules, ready: OnceLock::new(), scratch: Mutex::default() }
    }

    fn ready(&self) -> &Ready {
        self.ready.get_or_init(|| Ready::new(&self.setting.policies.rules))
    }

    fn scratch(&self) -> Vec<Hit> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn put_back(&self, hits: Vec<Hit>) {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(hits);
    }

    /// The hits in `text` that may be a part of something, in the order of their places.
    fn marks(&self, text: &[u8], change: Option<&Change<'_>>) -> Result<Vec<Mark>, DetectError> {
        let mut marks = Vec::new();
        let mut parts = vec![Span::new(0, text.len())];
        if let Some(change) = change {
            change.carry(&mut marks);
            parts = change.seams(self.ready().prefilter.longest());
        }
        let mut hits = self.scratch();
        for part in parts {
            self.ready().prefilter.hits(part.of(text), &mut hits);
            for hit in &hits {
                let hit = Hit { rule: hit.rule, start: hit.start + part.start, end: hit.end + part.start };
                let rule = self.setting.policies.rules.get(hit.rule as usize);
                if rule.map_or(Ok(true), |rule| text::goes_on(text, rule, &hit))? {
                    marks.push(Mark { start: hit.start, end: hit.end, kind: hit.rule });
                }
            }
        }
        self.put_back(hits);
        marks.sort_unstable();
        marks.dedup();
        Ok(marks)
    }

    /// What stands at the marks, where it could be otherwise than in the base: the spans that show it.
    fn shown(
        &self,
        text: &[u8],
        marks: &[Mark],
        change: Option<&Change<'_>>,
    ) -> Result<Vec<Span>, DetectError> {
        let is_new = |span: Span| change.is_none_or(|change| !change.is_copied(span));
        let longest = self.ready().prefilter.longest();
        let around = |rule: &TextRule, area: Span| text::surroundings(text, rule, area, longest);
        let is_wanted = |rule: &TextRule, area: Span| is_new(around(rule, area));
        let hits = self.hits_to_judge(marks, change);
        let first_form = hits.partition_point(|hit| hit.rule != FORM);
        let (of_rules, of_forms) = hits.split_at_checked(first_form).unwrap_or((&hits, &[]));
        let subject = text::Subject { path: "", bytes: text };
        // What is refuted too: it keeps others from being found.
        let found = text::of_hits(subject, self.setting.policies, of_rules, &is_wanted)?;
        let mut shown: Vec<Span> = Vec::new();
        for candidate in found {
            let rule = self.setting.policies.rules.get(candidate.rule).and_then(Rule::text_rule);
            shown.extend(rule.map(|rule| around(rule, candidate.area)));
        }
        let reach = |hit: &Hit| Span::new(hit.start.saturating_sub(forms::BEHIND), hit.start + forms::REACH);
        let begins = |hit: &&Hit| is_new(reach(hit)) && forms::begins(text, hit.start, self.setting.now);
        shown.extend(of_forms.iter().filter(begins).map(reach));
        Ok(shown)
    }

    /// The hits that have a say in what is found where something is new, by rule.
    fn hits_to_judge(&self, marks: &[Mark], change: Option<&Change<'_>>) -> Vec<Hit> {
        let as_hit = |mark: &Mark| Hit { rule: mark.kind, start: mark.start, end: mark.end };
        let Some(change) = change else {
            let mut hits: Vec<Hit> = marks.iter().map(as_hit).collect();
            hits.sort_unstable();
            return hits;
        };
        let sight = |kind: u32| self.ready().sights.get(kind as usize).copied().unwrap_or(OF_FORM);
        let is_near = |mark: &&Mark| change.is_near(Span::new(mark.start, mark.end), sight(mark.kind).far);
        let mut kinds: Vec<u32> = marks.iter().filter(is_near).map(|mark| mark.kind).collect();
        if kinds.is_empty() {
            return Vec::new();
        }
        kinds.sort_unstable();
        kinds.dedup();
        let mut hits: Vec<Hit> =
            marks.iter().filter(|mark| kinds.binary_search(&mark.kind).is_ok()).map(as_hit).collect();
        hits.sort_unstable();
        let is_linked =
            |one: &Hit, next: &Hit| one.rule == next.rule && next.start <= one.end + sight(one.rule).step;
        let is_near = |chain: &&[Hit]| {
            chain.iter().any(|hit| change.is_near(Span::new(hit.start, hit.end), sight(hit.rule).far))
        };
        hits.chunk_by(is_linked).filter(is_near).flatten().copied().collect()
    }

    /// Whether something stands encoded where the text could be otherwise than in the base.
    fn hides(&self, text: &[u8], change: Option<&Change<'_>>) -> Result<bool, DetectError> {
        let search = Search {
            path: "",
            policies: self.setting.policies,
            prefilter: &self.ready().prefilter,
            rules: &self.rules,
            fingerprinter: self.setting.fingerprinter,
            now: self.setting.now,
        };
        let parts = match change {
            None => vec![Span::new(0, text.len())],
            Some(change) => change.blocks(text),
        };
        let mut hits = self.scratch();
        let hides = search.may_hold(text, &parts, &mut hits);
        self.put_back(hits);
        hides
    }

    fn trace(&self, bytes: &[u8], basis: Option<Basis<'_>>) -> Result<Trace, DetectError> {
        if is_container(bytes) {
            return Ok(Trace { holds: true, ..Trace::default() });
        }
        let basis = basis.filter(|basis| basis.trace.plain);
        let change = basis.map(|basis| Change::new(basis, bytes.len()));
        let change = change.as_ref();
        if !is_plain(bytes, change) {
            let text = encoding::to_scan(bytes);
            let marks = self.marks(&text, None)?;
            let holds = !self.shown(&text, &marks, None)?.is_empty() || self.hides(&text, None)?;
            return Ok(Trace { holds, ..Trace::default() });
        }
        let marks = self.marks(bytes, change)?;
        let new = self.shown(bytes, &marks, change)?;
        if self.hides(bytes, change)? {
            return Ok(Trace { holds: true, ..Trace::default() });
        }
        let (mut shown, keeps_all) = change.map(Change::kept).unwrap_or_default();
        let same = keeps_all && new.is_empty();
        shown.extend(new);
        shown.sort_unstable();
        shown.dedup();
        Ok(Trace { holds: !shown.is_empty(), plain: true, same, shown, marks })
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

/// Whether `bytes` are searched as they are: no zero byte, no byte order mark.
fn is_plain(bytes: &[u8], change: Option<&Change<'_>>) -> bool {
    let marked = matches!(bytes, [0xef, 0xbb, ..] | [0xfe, 0xff, ..] | [0xff, 0xfe, ..]);
    let has_zero = |span: &Span| memchr::memchr(0, span.of(bytes)).is_some();
    !marked
        && match change {
            Some(change) => !change.gaps().iter().any(has_zero),
            None => !has_zero(&Span::new(0, bytes.len())),
        }
}

#[cfg(test)]
mod tests;
