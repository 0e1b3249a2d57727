//! What stood in old versions: the findings of all of them, one for each path.

use std::collections::{BTreeMap, BTreeSet};

use crate::detect::DetectError;
use crate::detect::blob::Found;
use crate::detect::engine::Engine;
use crate::finding::{self, Finding, Fingerprint, Reason, RuleId};
use crate::source::Blob;

impl Engine<'_> {
    /// What is found in the text of an old version: no identity is read from it, nor is any document judged.
    pub(in crate::detect) fn past(&self, blob: &Blob, past: &finding::Past) -> Result<Found, DetectError> {
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
pub(in crate::detect) struct Past {
    /// By rule, fingerprint, path, and which of several in one version.
    findings: BTreeMap<(RuleId, Fingerprint, String, usize), Finding>,
}

impl Past {
    /// Takes in what one version holds.
    pub(in crate::detect) fn take(&mut self, findings: Vec<Finding>, past: &finding::Past) {
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
    pub(in crate::detect) fn join(self, findings: &mut Vec<Finding>) {
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
