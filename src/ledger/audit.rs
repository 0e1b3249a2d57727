//! What a replay cannot tell by itself: which decisions leaned on a key that was revoked since, and which records a
//! tool wrote that nobody allowed.
//!
//! Both are questions about the whole ledger that most ledgers never ask, so they are a walk of their own.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Ledger;
use super::error::LedgerError;
use super::key::Key;
use super::record::{Kind, Record};
use super::verify::Problem;
use crate::signing::Signature;

/// The keys that are void, by fingerprint, each with the first index from which its signatures are.
///
/// Of several revocations of one key the earliest index holds, and no index lies behind its own record: deny wins.
pub fn voided(ledger: &mut Ledger) -> Result<BTreeMap<String, u64>, LedgerError> {
    Ok(void_of(ledger.about(Key::kind(Kind::SignerRevoked))?))
}

/// The same of the records that say so.
pub fn void_of(revocations: Vec<(u64, Record)>) -> BTreeMap<String, u64> {
    let mut voided: BTreeMap<String, u64> = BTreeMap::new();
    for (index, record) in revocations {
        let from = from_of(index, &record);
        let known = voided.entry(record.text("signer.key").to_owned()).or_insert(from);
        *known = from.min(*known);
    }
    voided
}

/// Decisions that let something through under an exception one of whose approvals is void by now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaning {
    /// Made before the key was revoked, in order: a person must look at each of them.
    pub before: Vec<Problem>,
    /// Made afterwards, in order: the gate must not have.
    pub after: Vec<Problem>,
}

/// Every decision that leaned on a revoked key.
///
/// Whether the other approvals would have been enough is not asked; where others approved anew, what comes after
/// leans on them.
pub fn leaning(ledger: &mut Ledger) -> Result<Leaning, LedgerError> {
    let revocations = ledger.about(Key::kind(Kind::SignerRevoked))?;
    let mut leaning = Leaning::default();
    if revocations.is_empty() {
        return Ok(leaning);
    }
    let voided = void_of(revocations.clone());
    let mut tainted: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for entry in ledger.records() {
        let (index, record) = entry?;
        let exception = record.text("exception_id");
        match record.kind() {
            Some(Kind::ExceptionApproved) => {
                let mut signed = keys_of(&record).into_iter();
                match signed.find(|key| voided.get(key).is_some_and(|from| index >= *from)) {
                    Some(key) => drop(tainted.insert(exception.to_owned(), (index, key))),
                    None => drop(tainted.remove(exception)),
                }
            }
            Some(Kind::Observed) if record.text("action") == "except" => {
                let Some((approved, key)) = tainted.get(exception) else { continue };
                let finding = record.text("finding.fp");
                let what = format!(
                    "let {finding} through under exception `{exception}`, approved with the revoked key {key}"
                );
                let was_void = revocations.iter().any(|(at, revocation)| {
                    *at < index
                        && revocation.text("signer.key") == key
                        && from_of(*at, revocation) <= *approved
                });
                let list = if was_void { &mut leaning.after } else { &mut leaning.before };
                list.push(Problem { index, what });
            }
            _ => {}
        }
    }
    Ok(leaning)
}

/// Every record that was made by a tool whose digest is not in `allowed`, in order; one without a digest is none of
/// them, so it is named too. Runs on developers' machines carry none and decide nothing: they are passed over.
pub fn made_by_others(ledger: &mut Ledger, allowed: &BTreeSet<String>) -> Result<Vec<Problem>, LedgerError> {
    let mut others = Vec::new();
    for entry in ledger.records() {
        let (index, record) = entry?;
        let digest = record.text("tool.digest");
        if record.text("stage") == "local" || allowed.contains(digest) {
            continue;
        }
        let digest =
            if digest.is_empty() { "a tool without a digest".to_owned() } else { format!("`{digest}`") };
        let what = format!("was made by {digest}, which the policy does not allow");
        others.push(Problem { index, what });
    }
    Ok(others)
}

/// From which record on the revocation at `index` makes its key void.
fn from_of(index: u64, revocation: &Record) -> u64 {
    let from = revocation.integer("void_from").and_then(|from| u64::try_from(from).ok());
    from.unwrap_or(index).min(index)
}

/// Fingerprints of the keys that signed an approval.
fn keys_of(record: &Record) -> Vec<String> {
    let signatures = record.get("signatures").and_then(Value::as_array).into_iter().flatten();
    let armours = signatures.filter_map(|text| STANDARD.decode(text.as_str()?).ok());
    armours.filter_map(|armour| Some(Signature::parse(&armour).ok()?.key().fingerprint())).collect()
}
