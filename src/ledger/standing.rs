//! Constructors for records of who may do what: revoked signers, adopted baselines, broken glass, policies in force.
//! Each comes out with its id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::lineage::{Lineage, finish};
use super::record::{Kind, Record};
use crate::finding::Fingerprint;
use crate::text::time::Timestamp;

/// What `adopted` records say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adoption<'a> {
    /// Id of the baseline.
    pub id: &'a str,
    /// `sha256:` digest of its bytes.
    pub digest: &'a str,
    /// Who wrote it.
    pub by: &'a str,
    /// Persons who signed it.
    pub approvers: &'a [String],
    /// Their signatures, each as its SSHSIG armour.
    pub signatures: &'a [Vec<u8>],
    /// What it names.
    pub findings: &'a [Fingerprint],
}

/// How many findings one `adopted` record names; the rest stand in further ones.
const PART: usize = 500;

impl Lineage {
    /// The signed baseline of an old repository, in as many records as it takes.
    pub fn adopted(&self, at: Timestamp, adoption: &Adoption<'_>) -> Vec<Record> {
        let mut parts: Vec<&[Fingerprint]> = adoption.findings.chunks(PART).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let count = parts.len();
        let part = |(number, names): (usize, &[Fingerprint])| {
            let mut record = self.begin(Kind::Adopted, at);
            record.set("exception_id", adoption.id);
            record.set("baseline.digest", adoption.digest);
            record.set("baseline.findings", adoption.findings.len());
            record.set("baseline.parts", count);
            record.set("occurrence", number);
            record.set("by", adoption.by);
            record.set(
                "approvers",
                adoption.approvers.iter().map(|one| one.as_str().into()).collect::<Vec<Value>>(),
            );
            let armour = |one: &Vec<u8>| Value::from(STANDARD.encode(one));
            record.set("signatures", adoption.signatures.iter().map(armour).collect::<Vec<_>>());
            record.set("findings", names.iter().map(|name| name.hex().into()).collect::<Vec<Value>>());
            finish(record)
        };
        parts.into_iter().enumerate().map(part).collect()
    }

    /// A key (fingerprint and principal, which may be empty) whose signatures are void from the record at index
    /// `from` on.
    pub fn signer_revoked(
        &self,
        at: Timestamp,
        (key, principal): (&str, &str),
        from: u64,
        by: &str,
        reason: &str,
    ) -> Record {
        let mut record = self.begin(Kind::SignerRevoked, at);
        record.set("signer.key", key);
        if !principal.is_empty() {
            record.set("signer.principal", principal);
        }
        record.set("void_from", from);
        record.set("by", by);
        record.set("reason", reason);
        finish(record)
    }
}
