//! From a condition that holds to a finding.

use crate::finding::{Confidence, Enforcement, Finding, Location, Name, Related, RuleId, Severity};
use crate::identity::Context;
use crate::policy::rule::Rule;
use crate::policy::when::WhenError;

/// A condition has no answer: no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule `{}` cannot be decided for `{path}`: {error}", rule.0)]
pub struct JudgeError {
    /// The rule.
    pub rule: RuleId,
    /// The file it was asked about.
    pub path: String,
    /// Why there is no answer.
    pub error: WhenError,
}

impl JudgeError {
    pub(super) fn of<'r>(rule: &'r Rule, path: &'r str) -> impl Fn(WhenError) -> Self + 'r {
        move |error| Self { rule: rule.id.clone(), path: path.to_owned(), error }
    }
}

/// What a condition held of.
pub(super) struct Subject {
    pub(super) location: Location,
    pub(super) detail: String,
    pub(super) name: Name,
    pub(super) identity: Option<String>,
    pub(super) related: Vec<Related>,
    pub(super) facts: Vec<String>,
}

/// The finding of `rule` about `subject`, its level fitted to where in the tree the subject stands.
pub(super) fn finding(rule: &Rule, subject: Subject, context: Context) -> Finding {
    let severity = fitted(rule.severity, context);
    let falls_below_high = severity < Severity::High && rule.severity >= Severity::High;
    let advises = rule.confidence == Confidence::Low || falls_below_high;
    Finding {
        rule: rule.id.clone(),
        family: rule.family,
        severity,
        confidence: rule.confidence,
        enforcement: if advises { Enforcement::Advise } else { rule.enforcement },
        title: rule.title.to_string(),
        detail: subject.detail,
        location: subject.location,
        fingerprint: subject.name.fingerprint,
        algorithm: subject.name.algorithm,
        former: subject.name.former,
        identity: subject.identity,
        blast: None,
        occurrence: 0,
        snippet: None,
        related: subject.related,
        facts: subject.facts,
        encoding: None,
        past: None,
    }
}

/// One level lower away from the paths a product loads, and never gone.
const fn fitted(severity: Severity, context: Context) -> Severity {
    match (context, severity) {
        (Context::Live, severity) => severity,
        (_, Severity::Critical) => Severity::High,
        (_, Severity::High) => Severity::Medium,
        (_, Severity::Medium) => Severity::Low,
        (_, Severity::Low | Severity::Info) => Severity::Info,
    }
}
