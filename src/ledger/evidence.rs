//! The records that tell what let one deploy through.

use std::collections::BTreeSet;

use super::error::LedgerError;
use super::key::Key;
use super::record::{Kind, Record};
use super::{Ledger, seal::Seal};

/// Every record that bears on one deploy, with its index, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The deploy itself.
    pub deploy: (u64, Record),
    /// It, the run it relied on with all it saw, and whatever else speaks of those findings and exceptions.
    pub records: Vec<(u64, Record)>,
}

impl Evidence {
    /// The run the deploy relied on, its newest attempt; `None` for a deploy that passed no gate.
    pub fn run(&self) -> Option<&Record> {
        self.of(Kind::Run).last().filter(|run| is_relied_on(run, &self.deploy.1))
    }

    /// Its records of one kind, in order.
    pub fn of(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter().map(|(_, record)| record).filter(move |record| record.kind() == Some(kind))
    }
}

impl Ledger {
    /// The evidence on the deploy `id` among the records under `seal`; `None` when there is no such deploy.
    ///
    /// Reads the whole ledger twice: the first time for what the run saw, the second for what speaks of it.
    pub fn evidence(&mut self, id: &str, seal: &Seal) -> Result<Option<Evidence>, LedgerError> {
        let about = self.about(Key::deploy(id))?;
        let own = |(_, record): &(u64, Record)| {
            record.kind() == Some(Kind::Deploy) && record.text("deploy_id") == id
        };
        let Some(deploy) = about.into_iter().find(own) else { return Ok(None) };
        let mut subjects = Subjects::default();
        for entry in self.records() {
            let (_, record) = entry?;
            if is_relied_on(&record, &deploy.1) {
                subjects.add(&record);
            }
        }
        let mut records = Vec::new();
        for entry in self.records() {
            let (index, record) = entry?;
            let bears = index == deploy.0
                || is_relied_on(&record, &deploy.1)
                || is_override(&record, &deploy.1)
                || subjects.bear_on(&record);
            if bears && index < seal.checkpoint.size {
                records.push((index, record));
            }
        }
        Ok(Some(Evidence { deploy, records }))
    }
}

/// Whether `record` was written by the run that `deploy` relied on.
fn is_relied_on(record: &Record, deploy: &Record) -> bool {
    let run = deploy.text("relied_on");
    !run.is_empty() && record.text("run_id") == run && record.text("pipeline") == deploy.text("pipeline")
}

/// Whether `record` broke the glass for what `deploy` brought out.
fn is_override(record: &Record, deploy: &Record) -> bool {
    let same = |field: &str| !record.text(field).is_empty() && record.text(field) == deploy.text(field);
    record.kind() == Some(Kind::BreakGlass)
        && record.text("pipeline") == deploy.text("pipeline")
        && (same("deploy_id") || same("commit.id"))
}

/// What a run saw: findings, exceptions, its policy.
#[derive(Default)]
struct Subjects {
    findings: BTreeSet<String>,
    exceptions: BTreeSet<String>,
    policies: BTreeSet<String>,
}

impl Subjects {
    fn add(&mut self, record: &Record) {
        let fields = [
            (&mut self.findings, "finding.fp"),
            (&mut self.exceptions, "exception_id"),
            (&mut self.policies, "policy.digest"),
        ];
        for (set, field) in fields {
            let text = record.text(field);
            if !text.is_empty() {
                set.insert(text.to_owned());
            }
        }
    }

    fn bear_on(&self, record: &Record) -> bool {
        match record.kind() {
            // What other runs saw and other deploys shipped is no evidence on this one.
            Some(Kind::Run | Kind::Deploy | Kind::Observed) => false,
            Some(Kind::PolicyActivated) => self.policies.contains(record.text("policy.digest")),
            Some(Kind::SignerRevoked) => true,
            _ => {
                self.findings.contains(record.text("finding.fp"))
                    || self.exceptions.contains(record.text("exception_id"))
            }
        }
    }
}
