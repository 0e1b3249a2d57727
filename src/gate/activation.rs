//! Whether what is believed is in force, and the record that says so.

use super::{GateError, Request};
use crate::ledger::standing::PolicyFacts;
use crate::ledger::{Key, Kind, Ledger, LedgerError, Prefix, Record, audit};
use crate::pipeline::Stage;
use crate::text::time::Timestamp;
use crate::trust::activation::{Activated, Former, Standing};

/// The trust root of a run, and how it came to be in force.
#[derive(Debug, Clone, Default)]
pub(super) struct Activation {
    /// How many records the chain had.
    known: usize,
    /// To be appended.
    pub(super) record: Option<Record>,
    /// In words, for the report; empty where there is nothing to say.
    pub(super) told: String,
}

impl Activation {
    /// Of `request`, at `now`. Only at `deploy` is there anything to be in force for.
    ///
    /// # Errors
    ///
    /// The root was left behind, or too few signed it: no decision.
    pub(super) fn of(ledger: &mut Ledger, request: &Request<'_>, now: Timestamp) -> Result<Self, GateError> {
        if request.stage != Stage::Deploy {
            return Ok(Self::default());
        }
        let records = own(ledger.about(Key::kind(Kind::PolicyActivated))?, request);
        let chain: Vec<Activated> = records.iter().map(activated).collect();
        let void = audit::voided(ledger)?;
        let former = |commit: &str| {
            let former = (request.former)(commit)?;
            let signers = former.root.signers.clone().void_from(void);
            Some(Former { root: crate::trust::TrustRoot { signers, ..former.root }, ..former })
        };
        let standing = request.trust.standing(&chain, former, now)?;
        let version = chain.last().map_or(0, |newest| newest.version);
        let version = if standing == Standing::InForce { version } else { version + 1 };
        let told = match &standing {
            Standing::InForce => String::new(),
            Standing::First => "the first of this ledger, taken on trust".to_owned(),
            Standing::Unsigned => format!("version {version}, unsigned: nobody is listed who may sign it"),
            Standing::Signed(persons) => format!("version {version}, signed by {}", persons.join(" and ")),
        };
        let is_known = records.iter().rev().find(|record| record.text("pipeline") == request.run.pipeline);
        let is_known = is_known.is_some_and(|record| {
            record.text("trust.digest") == request.trust.digest
                && record.text("policy.digest") == request.policies.digest
        });
        let facts = PolicyFacts {
            digest: &request.policies.digest,
            commit: &request.trust.commit,
            trust: &request.trust.digest,
            version,
            standing: &standing,
            signatures: &request.trust.signatures,
            holders: request.trust.holders(),
        };
        let lineage = request.lineage(ledger.origin(), &request.run);
        let record = (!is_known).then(|| lineage.trust_activated(now, &facts));
        Ok(Self { known: records.len(), record, told })
    }

    /// Refuses the batch when another policy came into force since.
    pub(super) fn still_holds(
        &self,
        prefix: &mut Prefix<'_>,
        request: &Request<'_>,
    ) -> Result<(), LedgerError> {
        if request.stage != Stage::Deploy {
            return Ok(());
        }
        let mut records = own(prefix.about(Key::kind(Kind::PolicyActivated))?, request);
        // An earlier try of this very run may have gone in.
        records.retain(|record| self.record.as_ref().is_none_or(|own| own.rid() != record.rid()));
        if records.len() == self.known {
            return Ok(());
        }
        Err(LedgerError::Refused("another policy came into force in between".to_owned()))
    }
}

/// Those of this repository: other repositories may share the ledger.
fn own(records: Vec<(u64, Record)>, request: &Request<'_>) -> Vec<Record> {
    let run = &request.run;
    let is_own =
        |record: &Record| record.text("repo.host") == run.repo_host && record.text("repo.id") == run.repo_id;
    records.into_iter().map(|(_, record)| record).filter(is_own).collect()
}

fn activated(record: &Record) -> Activated {
    Activated {
        digest: record.text("trust.digest").to_owned(),
        version: record
            .integer("policy.version")
            .and_then(|version| u64::try_from(version).ok())
            .unwrap_or(1),
        commit: record.text("policy.source_commit").to_owned(),
        holders: record.integer("trust.holders").and_then(|count| u64::try_from(count).ok()),
    }
}
