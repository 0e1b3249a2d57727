//! Whether what is believed is in force, and the record that says so.

use std::collections::BTreeMap;

use super::{GateError, Request};
use crate::finding::Enforcement;
use crate::ledger::standing::PolicyFacts;
use crate::ledger::{Key, Kind, Ledger, LedgerError, Lineage, Prefix, Record, audit};
use crate::pipeline::Stage;
use crate::text::time::Timestamp;
use crate::trust::activation::{Activated, Former, Standing};

/// The trust root of a run, and how it came to be in force.
#[derive(Debug, Clone, Default)]
pub(super) struct Activation {
    /// How many records the chain had.
    known: usize,
    /// To be appended: that it is in force, and which rules do something else now.
    pub(super) records: Vec<Record>,
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
        let before = records.iter().rev().find(|record| record.text("pipeline") == request.run.pipeline);
        let same_root = |record: &&Record| record.text("trust.digest") == request.trust.digest;
        let is_known = before
            .filter(same_root)
            .is_some_and(|record| record.text("policy.digest") == request.policies.digest);
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
        let mut activation = Self { known: records.len(), records: Vec::new(), told };
        if !is_known {
            activation.records.push(lineage.trust_activated(now, &facts));
        }
        if let Some(before) = before.filter(|record| !same_root(record)).map(activated) {
            activation.compare(&before, request, &lineage, now);
        }
        Ok(activation)
    }

    /// Records each rule that does something else than under the root of `before`, the last one of this pipeline.
    fn compare(&mut self, before: &Activated, request: &Request<'_>, lineage: &Lineage, now: Timestamp) {
        let former = (request.former)(&before.commit).filter(|former| former.root.digest == before.digest);
        let Some(former) = former else {
            self.tell("what each rule did before is not known: the commit of that policy is not here");
            return;
        };
        let rules = &request.policies.rules;
        let mut to: BTreeMap<&str, Enforcement> =
            rules.iter().map(|rule| (rule.id.0.as_str(), rule.enforcement)).collect();
        let mut changed = BTreeMap::new();
        for (rule, from) in &former.enforcement {
            let to = to.remove(rule.as_str());
            if to != Some(*from) {
                changed.insert(rule.as_str(), (Some(*from), to));
            }
        }
        changed.extend(to.into_iter().map(|(rule, to)| (rule, (None, Some(to)))));
        for (rule, (from, to)) in &changed {
            self.records.push(lineage.enforcement_changed(now, rule, *from, *to));
        }
        let weaker = changed.values().filter(|(from, to)| *from == Some(Enforcement::Block) && to < from);
        let weaker = weaker.count();
        if weaker > 0 {
            self.tell(&format!("rules that blocked and no longer do: {weaker}"));
        }
    }

    fn tell(&mut self, what: &str) {
        let between = if self.told.is_empty() { "" } else { "; " };
        self.told = format!("{}{between}{what}", self.told);
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
        records.retain(|record| self.records.iter().all(|own| own.rid() != record.rid()));
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
