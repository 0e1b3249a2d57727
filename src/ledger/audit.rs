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
/// Of several revocations of one key the earliest index holds, and no index lies behind its own record. Who signed a
/// revocation is not asked here: deny wins, and whoever can write to the store could shut the gate anyway.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Fingerprint;
    use crate::ledger::append::Patient;
    use crate::ledger::kinds::Approval;
    use crate::ledger::lineage::{Lineage, finish};
    use crate::ledger::stores::memory::Memory;
    use crate::pipeline::{Run, Stage};
    use crate::signing::KeyFile;
    use crate::text::time::Timestamp;

    const ORIGIN: &str = "acme/ledger/2026";

    fn key(seed: u8) -> KeyFile {
        KeyFile::parse(KeyFile::generate(&[seed; 32], "k").unwrap().as_bytes(), "k").unwrap()
    }

    fn lineage(run_id: &str) -> Lineage {
        let run = Run {
            provider: "github".to_owned(),
            actor_id: "12".to_owned(),
            pipeline: "pay".to_owned(),
            run_id: run_id.to_owned(),
            ..Run::default()
        };
        Lineage::new(ORIGIN, "0.1.0", &run, Stage::Deploy)
    }

    fn approved(run_id: &str, by: &KeyFile) -> Record {
        let armour = by.sign("exception@tollgate", b"{}").unwrap().armour().into_bytes();
        let (start, end) = (Timestamp(0), Timestamp(1 << 40));
        lineage(run_id).exception_approved(
            start,
            &Approval {
                exception: "X",
                findings: &[Fingerprint([7; 16])],
                by: "kim",
                reason: "",
                approvers: &["lee".to_owned()],
                outside: None,
                self_approved: false,
                document: b"{}",
                signatures: &[armour],
                requested_at: start,
                approved_at: start,
                expires_at: end,
            },
        )
    }

    fn used(run_id: &str) -> Record {
        let mut record = lineage(run_id).begin(Kind::Observed, Timestamp(1));
        record.set("action", "except");
        record.set("finding.fp", Fingerprint([7; 16]).hex());
        record.set("exception_id", "X");
        finish(record)
    }

    fn revoked(run_id: &str, key: &KeyFile, from: u64) -> Record {
        let key = key.key().fingerprint();
        lineage(run_id).signer_revoked(Timestamp(2), (&key, ""), from, "sam", "stolen")
    }

    fn leaning_of(records: &[Record]) -> (Vec<u64>, Vec<u64>) {
        let mut ledger = Ledger::with(Box::new(Memory::new()), Box::new(Patient), ORIGIN).unwrap();
        ledger.append(records).unwrap();
        let leaning = leaning(&mut ledger).unwrap();
        let indexes = |problems: &[Problem]| problems.iter().map(|problem| problem.index).collect();
        (indexes(&leaning.before), indexes(&leaning.after))
    }

    #[test]
    fn b17_a_decision_after_the_revocation_that_leans_on_it_must_not_be_there() {
        let (lee, mia) = (key(1), key(2));
        for (records, before, after) in [
            // Nobody was revoked.
            (vec![approved("1", &lee), used("1")], vec![], vec![]),
            // From the first record on: the use before is to be looked at, the one after is wrong.
            (vec![approved("1", &lee), used("1"), revoked("2", &lee, 0), used("3")], vec![1], vec![3]),
            // From now on: the approval stands.
            (vec![approved("1", &lee), used("1"), revoked("2", &lee, 2), used("3")], vec![], vec![]),
            // An index behind its own record is its own record.
            (vec![revoked("1", &lee, 99), approved("2", &lee), used("2")], vec![], vec![2]),
            // Somebody else's key, and an approval anew by somebody else.
            (vec![approved("1", &lee), revoked("2", &mia, 0), used("3")], vec![], vec![]),
            (
                vec![approved("1", &lee), revoked("2", &lee, 0), approved("3", &mia), used("3")],
                vec![],
                vec![],
            ),
            // Of two revocations the earlier index holds, and only the later one makes it wrong.
            (
                vec![approved("1", &lee), revoked("2", &lee, 1), used("3"), revoked("4", &lee, 0), used("5")],
                vec![2],
                vec![4],
            ),
        ] {
            assert_eq!(leaning_of(&records), (before, after));
        }
    }

    #[test]
    fn a8_records_of_a_tool_that_is_not_listed_are_named_and_those_of_people_are_not() {
        let mut ledger = Ledger::with(Box::new(Memory::new()), Box::new(Patient), ORIGIN).unwrap();
        let run = |id: &str, digest: &str, stage: Stage| {
            let run = Run {
                provider: "github".to_owned(),
                actor_id: "12".to_owned(),
                pipeline: "pay".to_owned(),
                run_id: id.to_owned(),
                ..Run::default()
            };
            let lineage = Lineage::new(ORIGIN, "0.1.0", &run, stage).by_tool(digest);
            finish(lineage.begin(Kind::Note, Timestamp(0)))
        };
        let records = [
            run("1", "sha256:good", Stage::Merge),
            run("2", "sha256:bad", Stage::Deploy),
            run("3", "", Stage::Deploy),
            run("4", "", Stage::Local),
        ];
        ledger.append(&records).unwrap();
        let allowed = BTreeSet::from(["sha256:good".to_owned()]);
        let others = made_by_others(&mut ledger, &allowed).unwrap();
        assert_eq!(others.iter().map(|problem| problem.index).collect::<Vec<_>>(), [1, 2]);
    }
}
