//! Constructors for records of who may do what: revoked signers, adopted baselines, broken glass, policies in force.
//! Each comes out with its id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::lineage::{Lineage, finish};
use super::record::{Kind, Record};
use crate::finding::Fingerprint;
use crate::text::time::Timestamp;
use crate::trust::activation::Standing;

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

/// What `policy.activated` records say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyFacts<'a> {
    /// `sha256:` digest of the rules in force.
    pub digest: &'a str,
    /// The commit they were read from.
    pub commit: &'a str,
    /// `sha256:` digest of everything that is believed.
    pub trust: &'a str,
    /// Number of what is believed, from 1.
    pub version: u64,
    /// How it came to be in force.
    pub standing: &'a Standing,
    /// The signatures over it, one after the other.
    pub signatures: &'a str,
    /// How many persons it lists who may sign the next one.
    pub holders: usize,
}

/// What `break_glass` records say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenGlass<'a> {
    /// Why it cannot wait.
    pub reason: &'a str,
    /// Who wrote it; who takes it upon themselves are those who sign.
    pub by: &'a str,
    /// The commit that goes into production.
    pub commit: &'a str,
    /// The deploy; empty while it has no id.
    pub deploy: &'a str,
    /// The run that is overridden; empty for none.
    pub run: &'a str,
    /// The first instant it no longer holds.
    pub until: Timestamp,
}

/// The most bytes of signatures over a policy that a record holds.
const MAX_SIGNATURES: usize = 12 * 1024;

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

    /// The gate is overridden, for one deploy.
    pub fn glass_broken(&self, at: Timestamp, glass: &BrokenGlass<'_>) -> Record {
        let mut record = self.begin(Kind::BreakGlass, at);
        record.set("reason", glass.reason);
        record.set("by", glass.by);
        if !glass.commit.is_empty() {
            record.set("commit.id", glass.commit);
        }
        if !glass.deploy.is_empty() {
            record.set("deploy_id", glass.deploy);
        }
        record.set("relied_on", glass.run);
        record.set("max_uses", 1);
        record.set("expires_at", glass.until.to_string());
        finish(record)
    }

    /// What is believed from now on.
    pub fn trust_activated(&self, at: Timestamp, facts: &PolicyFacts<'_>) -> Record {
        let mut record = self.policy_activated(at, facts.digest, facts.commit);
        record.set("policy.version", facts.version);
        record.set("trust.digest", facts.trust);
        record.set("trust.holders", facts.holders);
        let (word, persons) = match facts.standing {
            Standing::InForce => ("in_force", &[][..]),
            Standing::First => ("first", &[][..]),
            Standing::Unsigned => ("unsigned", &[][..]),
            Standing::Signed(persons) => ("signed", persons.as_slice()),
        };
        record.set("standing", word);
        if !persons.is_empty() {
            record.set(
                "approvers",
                persons.iter().map(|person| person.as_str().into()).collect::<Vec<Value>>(),
            );
            // Whatever else stands in that file may be long, and is in the repository.
            let text = Some(facts.signatures).filter(|text| text.len() <= MAX_SIGNATURES);
            record.set(
                "signatures",
                text.map(|text| STANDARD.encode(text).into()).into_iter().collect::<Vec<Value>>(),
            );
        }
        finish(record)
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
