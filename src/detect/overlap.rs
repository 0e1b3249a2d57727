//! Two rules claim the same bytes: which one speaks.
//!
//! Text rules settle it in the file, before anything else is known; whether a value also stands in a manifest
//! shows only when identities are judged.

use std::collections::BTreeMap;

use super::text::Candidate;
use crate::finding::{Enforcement, Finding, RuleId};
use crate::policy::rule::{Detect, Rule};
use crate::policy::syntax::Each;

/// Keeps, of candidates whose secrets share bytes, the one that knows most.
///
/// A rule whose check holds beats one without a check; a specific rule beats a generic one; then the
/// higher severity, the longer secret, the smaller id. What a check refuted is told by no rule.
pub fn settle(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let refuted: Vec<_> = candidates.iter().filter(|one| one.refuted).map(|one| one.secret).collect();
    candidates
        .retain(|one| !one.refuted && (one.proved || !refuted.iter().any(|span| span.overlaps(&one.secret))));
    candidates.sort_by(|left, right| {
        (right.proved, left.generic, right.severity, right.confidence, right.secret.end - right.secret.start)
            .cmp(&(
                left.proved,
                right.generic,
                left.severity,
                left.confidence,
                left.secret.end - left.secret.start,
            ))
            .then_with(|| left.secret.cmp(&right.secret))
            .then_with(|| left.rule_id.cmp(&right.rule_id))
    });
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if !kept.iter().any(|other| other.secret.overlaps(&candidate.secret)) {
            kept.push(candidate);
        }
    }
    kept.sort_by(|left, right| left.secret.cmp(&right.secret).then_with(|| left.rule_id.cmp(&right.rule_id)));
    kept
}

/// Keeps one finding for a value that a text rule found and that an identity holds in the clear.
///
/// The text rule speaks where it knows the format and is no laxer: it says what to revoke. A generic one is silent,
/// since the identity says more.
pub fn one_voice(findings: Vec<Finding>, rules: &[Rule]) -> Vec<Finding> {
    let voices: BTreeMap<&RuleId, Voice> =
        rules.iter().filter_map(|rule| Some((&rule.id, Voice::of(rule)?))).collect();
    let voice = |finding: &Finding| voices.get(&finding.rule).copied();
    let places = |wanted: Voice| {
        let mut places: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| voice(finding) == Some(wanted)) {
            places.entry(&finding.location.path).or_default().push(finding);
        }
        places
    };
    let (formats, literals) = (places(Voice::Format), places(Voice::Literal));
    let among =
        |others: &BTreeMap<&str, Vec<&Finding>>, finding: &Finding, fits: fn(&Finding, &Finding) -> bool| {
            let here = others.get(finding.location.path.as_str());
            here.into_iter().flatten().any(|other| same_value(finding, other) && fits(finding, other))
        };
    let silent: Vec<bool> = findings
        .iter()
        .map(|finding| match voice(finding) {
            Some(Voice::Literal) => among(&formats, finding, no_laxer),
            Some(Voice::Generic) => among(&literals, finding, no_laxer),
            Some(Voice::Format) | None => false,
        })
        .collect();
    findings.into_iter().zip(silent).filter_map(|(finding, silent)| (!silent).then_some(finding)).collect()
}

/// Who says that a value is a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// A text rule that knows the format.
    Format,
    /// A text rule that judges by name and randomness.
    Generic,
    /// A rule over the credentials of identities.
    Literal,
}

impl Voice {
    fn of(rule: &Rule) -> Option<Self> {
        match &rule.detect {
            Detect::Text(text) if text.generic || text.value.is_some() => Some(Self::Generic),
            Detect::Text(_) => Some(Self::Format),
            Detect::Identity { each: Some(Each::Credentials), .. } => Some(Self::Literal),
            _ => None,
        }
    }
}

fn same_value(one: &Finding, other: &Finding) -> bool {
    one.location.commit == other.location.commit && one.location.span.overlaps(&other.location.span)
}

/// Whether `other` blocks where `silenced` would have.
fn no_laxer(silenced: &Finding, other: &Finding) -> bool {
    silenced.enforcement == Enforcement::Advise || other.enforcement == Enforcement::Block
}
