//! Which run let an artefact through, so that a deploy can be tied to it or refused.
//!
//! A run at `deploy` names what is about to be deployed by digest, and the commit and tree it read. What goes into
//! production later must be that very digest: a file that says `pass` proves nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Ledger;
use super::error::LedgerError;
use super::key::Key;
use super::record::{Kind, Record};
use crate::pipeline::{Run, Stage};
use crate::text::time::{Length, Timestamp};

/// How old a run may be when what it let through is deployed.
pub const FRESH_FOR: Length = Length::days(7);

/// What is about to be deployed, or was.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The repository and pipeline it comes from.
    pub run: &'a Run,
    /// Its commit; empty when unknown.
    pub commit: &'a str,
    /// Its digest; empty when unknown.
    pub artifact: &'a str,
}

/// A run at `merge` or `deploy`, as far as deploys ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Index of its record.
    pub index: u64,
    /// Its id.
    pub run_id: String,
    /// Which attempt.
    pub attempt: i64,
    /// Job within the run.
    pub job: String,
    /// Where it stood.
    pub deploys: bool,
    /// When it decided.
    pub at: Timestamp,
    /// What it read.
    pub commit: String,
    /// Digests it named.
    pub artifacts: Vec<String>,
    /// How it ended.
    pub outcome: String,
}

/// The newest run that `wanted` can rest on: one that names its digest, else one over its commit that names none.
pub fn newest(ledger: &mut Ledger, wanted: &Wanted<'_>) -> Result<Option<Passage>, LedgerError> {
    let runs = runs(ledger, wanted)?;
    let by_digest =
        runs.iter().rev().find(|run| run.artifacts.iter().any(|digest| digest == wanted.artifact));
    let by_commit = || {
        let open = |run: &&Passage| wanted.artifact.is_empty() || run.artifacts.is_empty();
        runs.iter().rev().find(|run| run.commit == wanted.commit && open(run))
    };
    Ok(by_digest.or_else(by_commit).cloned())
}

/// Whether `wanted` may be deployed at `now`: the run that let it through, or why not, in words.
pub fn may_deploy(
    ledger: &mut Ledger,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<Result<Passage, String>, LedgerError> {
    let runs: Vec<Passage> = runs(ledger, wanted)?.into_iter().filter(|run| run.deploys).collect();
    let names_it = |run: &&Passage| run.artifacts.iter().any(|digest| digest == wanted.artifact);
    let Some(run) = runs.iter().rev().find(names_it) else {
        let of_commit = runs.iter().rev().find(|run| run.commit == wanted.commit);
        let others = of_commit.map(|run| run.artifacts.join("`, `")).filter(|names| !names.is_empty());
        return Ok(Err(match others {
            Some(names) => format!("the run over commit `{}` is about `{names}`", wanted.commit),
            None => "no run at deploy named it".to_owned(),
        }));
    };
    let newer = runs.iter().rev().find(|other| other.commit == run.commit).unwrap_or(run);
    let age = now.since(run.at);
    let fault = match () {
        () if !wanted.commit.is_empty() && run.commit != wanted.commit => {
            Some(format!("run {} let it through for commit `{}`", run.run_id, run.commit))
        }
        () if run.outcome == "blocked" => Some(format!("run {} blocked it", run.run_id)),
        () if newer.outcome == "blocked" => {
            Some(format!("run {} blocked the same commit since", newer.run_id))
        }
        () if age > FRESH_FOR => Some(format!("run {} is {age} old", run.run_id)),
        () => lapsed(ledger, run, now)?,
    };
    Ok(fault.map_or_else(|| Ok(run.clone()), Err))
}

/// The runs of a repository and pipeline outside people's machines, in order.
fn runs(ledger: &mut Ledger, wanted: &Wanted<'_>) -> Result<Vec<Passage>, LedgerError> {
    let own = wanted.run;
    let here = [("pipeline", &own.pipeline), ("repo.host", &own.repo_host), ("repo.id", &own.repo_id)];
    let mut runs = Vec::new();
    for entry in ledger.records() {
        let (index, record) = entry?;
        let is_run = record.kind() == Some(Kind::Run) && record.text("stage") != Stage::Local.word();
        if is_run && here.iter().all(|(field, own)| record.text(field) == own.as_str()) {
            runs.push(passage(index, &record));
        }
    }
    Ok(runs)
}

fn passage(index: u64, record: &Record) -> Passage {
    Passage {
        index,
        run_id: record.text("run_id").to_owned(),
        attempt: record.integer("attempt").unwrap_or(1),
        job: record.text("job").to_owned(),
        deploys: record.text("stage") == Stage::Deploy.word(),
        at: record.ts(),
        commit: record.text("commit.id").to_owned(),
        artifacts: artifacts(record),
        outcome: record.text("outcome").to_owned(),
    }
}

/// The digests a run or deploy names: one text, or a list of them.
pub fn artifacts(record: &Record) -> Vec<String> {
    match record.get("artifact.digest") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// Why an exception that `run` let something through under holds no longer at `now`.
fn lapsed(ledger: &mut Ledger, run: &Passage, now: Timestamp) -> Result<Option<String>, LedgerError> {
    let mut relied = BTreeSet::new();
    for entry in ledger.records() {
        let (_, record) = entry?;
        let same = record.text("run_id") == run.run_id
            && record.text("job") == run.job
            && record.integer("attempt").unwrap_or(1) == run.attempt;
        if same && record.kind() == Some(Kind::Observed) && record.text("action") == "except" {
            relied.insert(record.text("exception_id").to_owned());
        }
    }
    for id in relied {
        for (_, record) in ledger.about(Key::exception(&id))? {
            let fault = match record.kind() {
                Some(Kind::ExceptionRevoked) => "was revoked since",
                Some(Kind::ExceptionApproved) if ended(&record, now) => "has ended since",
                _ => continue,
            };
            return Ok(Some(format!("exception `{id}`, which run {} relied on, {fault}", run.run_id)));
        }
    }
    Ok(None)
}

fn ended(approval: &Record, now: Timestamp) -> bool {
    Timestamp::parse(approval.text("expires_at")).is_ok_and(|end| now >= end)
}
