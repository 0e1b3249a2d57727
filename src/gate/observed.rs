//! The records of what a run saw, within bounds: a flood of findings must not drown the ledger.

use std::collections::BTreeMap;

use crate::decide::{Action, Decision, Ruling};
use crate::finding::Fingerprint;
use crate::ledger::{Lineage, Record};
use crate::text::time::Timestamp;

/// The most findings one run writes down.
pub(super) const MOST: usize = 10_000;
/// The most bytes their records may have together.
const MOST_BYTES: usize = 16 << 20;

/// Findings on record, and those that are only counted.
pub(super) struct Observed<'r> {
    /// One decision for each finding that is written down, with its record, by fingerprint.
    pub(super) kept: Vec<(&'r Decision, Record)>,
    /// How many findings are only counted, in the record of the run.
    pub(super) left_out: usize,
}

/// What is written down of `ruling`: what was let through before what was not, then the worst.
pub(super) fn of<'r>(
    ruling: &'r Ruling,
    lineage: &Lineage,
    policy_digest: &str,
    now: Timestamp,
) -> Observed<'r> {
    let all = worst(ruling);
    let mut order: Vec<_> = all.iter().collect();
    order.sort_by_key(|(key, decision)| {
        let through = decision.action == Action::Except;
        (std::cmp::Reverse((through, decision.finding.severity)), **key)
    });
    let mut bytes = 0;
    let mut kept = BTreeMap::new();
    for (key, decision) in order.into_iter().take(MOST) {
        let record = lineage.observed(now, decision, policy_digest);
        bytes += record.bytes().len();
        if bytes > MOST_BYTES {
            break;
        }
        kept.insert(*key, (*decision, record));
    }
    let left_out = all.len() - kept.len();
    Observed { kept: kept.into_values().collect(), left_out }
}

/// One decision for each fingerprint: of several places the one that was treated worst.
fn worst(ruling: &Ruling) -> BTreeMap<(Fingerprint, &str), &Decision> {
    let mut worst: BTreeMap<(Fingerprint, &str), &Decision> = BTreeMap::new();
    let rank = |decision: &Decision| {
        let action = Action::ALL.iter().position(|action| *action == decision.action);
        (std::cmp::Reverse(action), decision.finding.severity)
    };
    for decision in &ruling.decisions {
        let key = (decision.finding.fingerprint, decision.finding.rule.0.as_str());
        let known = worst.entry(key).or_insert(decision);
        if rank(decision) > rank(known) {
            *known = decision;
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Verdict;
    use crate::finding::{
        Confidence, Enforcement, Family, Finding, FingerprintAlgorithm, Location, RuleId, Severity,
    };
    use crate::pipeline::{Run, Stage};
    use crate::text::span::{Position, Span};

    fn decision(number: u64, action: Action, severity: Severity) -> Decision {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&number.to_be_bytes());
        let position = Position { line: 1, column: 1 };
        let location = Location {
            path: format!("flood/{number}.env"),
            start: position,
            end: position,
            span: Span::new(0, 1),
            commit: None,
        };
        let finding = Finding {
            rule: RuleId("some-rule".to_owned()),
            family: Family::Secret,
            severity,
            confidence: Confidence::High,
            enforcement: Enforcement::Block,
            title: "a secret".to_owned(),
            detail: String::new(),
            location,
            fingerprint: Fingerprint(name),
            algorithm: FingerprintAlgorithm::Salted,
            former: None,
            identity: None,
            blast: None,
            occurrence: 0,
            snippet: None,
            related: Vec::new(),
            facts: Vec::new(),
            encoding: None,
            past: None,
        };
        Decision { finding, action, permit: None, refused: Vec::new() }
    }

    fn written(decisions: Vec<Decision>) -> (Vec<(String, Action)>, usize) {
        let ruling = Ruling { decisions, verdict: Verdict::Blocked, refused: Vec::new() };
        let run = Run { provider: "github".to_owned(), run_id: "88".to_owned(), ..Run::default() };
        let lineage = Lineage::new("acme/ledger/2026", "0.1.0", &run, Stage::Merge);
        let observed = of(&ruling, &lineage, "sha256:00", Timestamp(0));
        let bytes: usize = observed.kept.iter().map(|(_, record)| record.bytes().len()).sum();
        assert!(bytes <= MOST_BYTES);
        let name = |(decision, record): &(&Decision, Record)| {
            (record.text("finding.severity").to_owned(), decision.action)
        };
        (observed.kept.iter().map(name).collect(), observed.left_out)
    }

    #[test]
    fn c9_of_a_hundred_thousand_findings_the_worst_are_written_and_the_rest_is_counted() {
        let mut flood: Vec<Decision> =
            (0..100_000).map(|number| decision(number, Action::Block, Severity::Medium)).collect();
        flood.push(decision(200_000, Action::Block, Severity::Critical));
        flood.push(decision(200_001, Action::Except, Severity::High));
        let (kept, left_out) = written(flood);
        assert_eq!((kept.len(), kept.len() + left_out), (MOST, 100_002));
        assert_eq!(kept.iter().filter(|(severity, _)| severity == "critical").count(), 1);
        assert_eq!(kept.iter().filter(|(_, action)| *action == Action::Except).count(), 1);
    }

    #[test]
    fn what_fits_is_written_whole() {
        let few = (0..50).map(|number| decision(number / 2, Action::Block, Severity::Low)).collect();
        let (kept, left_out) = written(few);
        assert_eq!((kept.len(), left_out), (25, 0), "each finding once");
    }
}
