//! Two rules claim the same bytes: which one speaks.
//!
//! Text rules settle it in the file, before anything else is known; whether a value also stands in a manifest
//! shows only when identities are judged.

use std::collections::BTreeMap;

use super::text::Candidate;
use crate::finding::{Enforcement, Finding};
use crate::policy::Policies;
use crate::policy::rule::{Detect, Rule};
use crate::policy::syntax::Each;

/// Keeps, of candidates whose secrets share bytes, the one that knows most.
///
/// A rule whose check holds beats one without a check; a rule that knows the format
/// beats one that knows the place, and that one a generic one; then the higher severity, the longer secret, the smaller id. What a check refuted is told by no rule.
/// Encoded or not is asked last, but for a generic rule that took base64 for the secret itself.
pub fn settle(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut settled = settle_layer(candidates);
    settled.retain(|one| !one.refuted);
    settled
}

/// The same, with what was refuted kept: it also silences those who see it undecoded.
pub fn settle_layer(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let (refuted, mut candidates): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|one| one.refuted);
    candidates.retain(|one| one.proved || !refuted.iter().any(|other| refutes(other, one)));
    candidates.sort_by(|left, right| {
        let length = |one: &Candidate| one.secret.end - one.secret.start;
        let read =
            |one: &Candidate| one.is_generic() && one.decoded.as_ref().is_some_and(|decoded| decoded.whole);
        let sure = |one: &Candidate| (one.proved, one.basis, read(one));
        (sure(right), right.severity, right.confidence, length(right))
            .cmp(&(sure(left), left.severity, left.confidence, length(left)))
            .then_with(|| left.decoded.is_some().cmp(&right.decoded.is_some()))
            .then_with(|| left.secret.cmp(&right.secret))
            .then_with(|| left.rule_id.cmp(&right.rule_id))
    });
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if !kept.iter().any(|other| collide(other, &candidate)) {
            kept.push(candidate);
        }
    }
    kept.extend(refuted);
    kept.sort_by(|left, right| left.secret.cmp(&right.secret).then_with(|| left.rule_id.cmp(&right.rule_id)));
    kept
}

/// Whether two candidates claim the same bytes. Those of one layer were settled there.
fn collide(one: &Candidate, other: &Candidate) -> bool {
    let layer = |one: &Candidate| one.decoded.as_ref().map(|decoded| decoded.layer);
    one.secret.overlaps(&other.secret) && (layer(one).is_none() || layer(one) != layer(other))
}

/// What is refuted inside of something encoded says nothing against a format around it.
fn refutes(refuted: &Candidate, other: &Candidate) -> bool {
    collide(refuted, other) && (refuted.decoded.is_none() || other.is_generic())
}

/// Keeps one finding for a value that a text rule found and that an identity holds in the clear.
///
/// The text rule speaks where it knows the format and is no laxer: it says what to revoke. A generic one is silent,
/// since the identity says more.
pub fn one_voice(findings: Vec<Finding>, policies: &Policies) -> Vec<Finding> {
    let voice = |finding: &Finding| policies.rule(&finding.rule.0).and_then(Voice::of);
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
