//! What happens to each finding. Pure.

/// One finding with its action and the reason for it.
pub mod decision;
/// The one word of a run.
pub mod verdict;

pub use decision::{Action, Decision, Permit, Refusal};
pub use verdict::Verdict;

use crate::exception::{Context, Exceptions, Terms};
use crate::finding::{Confidence, Enforcement, Finding, Severity};
use crate::policy::limits::ExceptionLimits;
use crate::text::time::Timestamp;

/// All decisions of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What happens to each finding, in the order the findings came.
    pub decisions: Vec<Decision>,
    /// The one word.
    pub verdict: Verdict,
    /// Documents among the exceptions that are none, whatever they name.
    pub refused: Vec<Refusal>,
}

/// What was left unread, and whether that keeps the gate shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// Everything in scope was read.
    None,
    /// There are gaps and the gate may open: the outcome is at best `advised`.
    Shown,
    /// There are gaps and they block.
    Block,
}

/// Decides what happens to each finding at `now`.
///
/// A finding of a blocking rule blocks unless the baseline names it, then it is inherited, or a live exception
/// covers it, then it is excepted. Findings of advising rules, and those of low confidence, are advised.
/// Decisions keep the order of the findings.
///
/// An exception is live while `not_before <= now < expires_at`. Its tier is that of the finding's severity.
/// Of several that cover a finding one without a count of uses comes first, then the one with the most
/// time left, then the first by id.
pub fn decide(
    findings: Vec<Finding>,
    exceptions: &Exceptions,
    context: &Context,
    limits: &ExceptionLimits,
    gaps: Gaps,
    now: Timestamp,
) -> Ruling {
    let decisions: Vec<Decision> =
        findings.into_iter().map(|finding| decide_one(finding, exceptions, context, limits, now)).collect();
    let verdict = Verdict::of(decisions.iter().map(|decision| decision.action), gaps);
    let refused = exceptions.refused().iter().map(|document| document.refusal.clone()).collect();
    Ruling { decisions, verdict, refused }
}

fn decide_one(
    finding: Finding,
    exceptions: &Exceptions,
    context: &Context,
    limits: &ExceptionLimits,
    now: Timestamp,
) -> Decision {
    if finding.enforcement == Enforcement::Advise || finding.confidence == Confidence::Low {
        return Decision { finding, action: Action::Advise, permit: None, refused: Vec::new() };
    }
    let terms = terms(limits, finding.severity);
    let mut best: Option<((bool, Timestamp), Permit)> = None;
    let mut refused = Vec::new();
    if let Some((baseline, item)) = exceptions.baseline().and_then(|it| Some((it, it.item(&finding)?))) {
        match baseline.covers(&finding, item, context, &terms, now) {
            Ok(permit) => {
                return Decision { finding, action: Action::Inherit, permit: Some(permit), refused };
            }
            Err(refusal) => refused.push(refusal),
        }
    }
    for exception in exceptions.accepted().iter().filter(|exception| exception.names(&finding)) {
        match exception.covers(&finding, context, &terms, now) {
            // A use is spent only where nothing that is bound by time alone covers the finding too.
            Ok(permit) => {
                let rank = (exception.document().max_uses == 0, permit.expires_at);
                if best.as_ref().is_none_or(|(known, _)| rank > *known) {
                    best = Some((rank, permit));
                }
            }
            Err(refusal) => refused.push(refusal),
        }
    }
    let names = |named: &[_]| finding.names().any(|(name, _)| named.contains(&name));
    let documents = exceptions.refused().iter().filter(|document| names(&document.named));
    refused.extend(documents.map(|document| document.refusal.clone()));
    let action = if best.is_some() { Action::Except } else { Action::Block };
    Decision { finding, action, permit: best.map(|(_, permit)| permit), refused }
}

/// What `limits` ask of an exception for a finding of `severity`.
pub fn terms(limits: &ExceptionLimits, severity: Severity) -> Terms {
    let tier = limits.tier(severity);
    Terms {
        critical: severity == Severity::Critical,
        quorum: tier.quorum,
        max_lifetime: tier.max_lifetime,
        max_uses: tier.max_uses,
        require_touch: tier.require_touch,
        separation_of_duties: limits.separation_of_duties,
    }
}
