//! `when:` over credentials: those read from text, and those a manifest declares.

use super::judge::{JudgeError, Subject, finding};
use crate::finding::{Finding, Fingerprinter, Subject as Named, WeakPlace};
use crate::identity::{Context, Credential, Identity, Life, Storage};
use crate::policy::rule::{Detect, Rule};
use crate::policy::when::{Facts, When};
use crate::text::secret::Secret;
use crate::text::time::{Length, Timestamp};

/// Judges credentials that were read from `bytes`; each place covers the credential's text.
///
/// A credential in the open is never rated lower for where its file stands.
pub fn in_text(
    rules: &[&Rule],
    credentials: &[Credential],
    bytes: &[u8],
    fingerprinter: &Fingerprinter,
) -> Result<Vec<Finding>, JudgeError> {
    let mut findings = Vec::new();
    for (at, credential) in credentials.iter().enumerate() {
        let value = Secret::new(credential.place.span.of(bytes));
        let same_name = |other: &&Credential| other.name == credential.name;
        let earlier = credentials.iter().take(at).filter(same_name).count();
        for rule in holding(rules, credential)? {
            let place = WeakPlace {
                path: &credential.place.path,
                key: &credential.name,
                occurrence: u32::try_from(earlier).unwrap_or(u32::MAX),
            };
            let named = Named::Secret { value: &value, bits: strength(value.expose()), place };
            let name = fingerprinter.of(&rule.id.0, named);
            let subject = Subject {
                location: credential.place.clone(),
                detail: String::new(),
                name,
                identity: None,
                related: Vec::new(),
                facts: facts(credential),
            };
            findings.push(finding(rule, subject, Context::Live));
        }
    }
    Ok(findings)
}

/// Judges the credentials that `identity` declares, named by the identity and by their own name.
pub fn declared(
    rules: &[&Rule],
    identity: &Identity,
    fingerprinter: &Fingerprinter,
) -> Result<Vec<Finding>, JudgeError> {
    let mut findings = Vec::new();
    for credential in &identity.credentials {
        for rule in holding(rules, credential)? {
            let part = normal_form(credential);
            let named = Named::Identity { name: &identity.name, part: &part };
            let subject = Subject {
                location: credential.place.clone(),
                detail: credential.name.clone(),
                name: fingerprinter.of(&rule.id.0, named),
                identity: Some(identity.name.clone()),
                related: Vec::new(),
                facts: facts(credential),
            };
            findings.push(finding(rule, subject, context(identity, credential)));
        }
    }
    Ok(findings)
}

/// The context that counts for a credential: one in the clear is as live as its text.
pub(super) const fn context(identity: &Identity, credential: &Credential) -> Context {
    match credential.storage {
        Storage::Literal => Context::Live,
        _ => identity.context,
    }
}

/// What names a declared credential within its identity.
pub(super) fn normal_form(credential: &Credential) -> String {
    format!("credential {:?} {}", credential.kind, credential.name)
}

/// What is known of a credential, in words.
pub(super) fn facts(credential: &Credential) -> Vec<String> {
    let end = match credential.life {
        Life::Never => "expires never".to_owned(),
        Life::Unknown => "expires at an unknown time".to_owned(),
        Life::Bounded if credential.expires >= 0 => {
            format!("expires {}", Timestamp::from_seconds(credential.expires))
        }
        Life::Bounded => "expires".to_owned(),
    };
    let mut facts = vec![end];
    if credential.lifetime >= 0 {
        let length = Length(credential.lifetime.saturating_mul(1000));
        facts.push(format!("lives {length}"));
    }
    for (word, text) in [
        ("issuer", &credential.issuer),
        ("audience", &credential.audience),
        ("algorithm", &credential.algorithm),
    ] {
        if !text.is_empty() {
            facts.push(format!("{word} {text}"));
        }
    }
    facts
}

fn holding<'r>(rules: &[&'r Rule], credential: &Credential) -> Result<Vec<&'r Rule>, JudgeError> {
    let conditions: Vec<(&Rule, &When)> =
        rules.iter().filter_map(|rule| Some((*rule, condition(rule)?))).collect();
    let Some((first, _)) = conditions.first() else { return Ok(Vec::new()) };
    let path = &credential.place.path;
    let mut known = Facts::new();
    known.set("path", path).map_err(JudgeError::of(first, path))?;
    known.set("credential", credential).map_err(JudgeError::of(first, path))?;
    let mut holding = Vec::new();
    for (rule, when) in conditions {
        if when.holds(&known).map_err(JudgeError::of(rule, path))? {
            holding.push(rule);
        }
    }
    Ok(holding)
}

const fn condition(rule: &Rule) -> Option<&When> {
    match &rule.detect {
        Detect::Credential(when) => Some(when),
        _ => None,
    }
}

/// Estimated strength of `value` in bits: the letters that differ, times how many there are.
///
/// Half the bits of its letters are taken to be predictable, as in the header of a token.
fn strength(value: &[u8]) -> u32 {
    let mut seen = value.to_vec();
    seen.sort_unstable();
    seen.dedup();
    let per_letter = seen.len().checked_ilog2().unwrap_or(0);
    u32::try_from(value.len()).unwrap_or(u32::MAX).saturating_mul(per_letter) / 2
}
