//! Records in formats that others read: tables, and in-toto statements.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::record::{Kind, Record};
use super::release::artifacts;
use crate::text::safe;

/// The columns of [`row`] after `index`: a name, and the field of a record it holds.
const COLUMNS: [(&str, &str); 18] = [
    ("ts", "ts"),
    ("kind", "kind"),
    ("rid", "rid"),
    ("pipeline", "pipeline"),
    ("stage", "stage"),
    ("run_id", "run_id"),
    ("commit", "commit.id"),
    ("actor", "actor.login"),
    ("outcome", "outcome"),
    ("action", "action"),
    ("rule", "finding.rule"),
    ("severity", "finding.severity"),
    ("fingerprint", "finding.fp"),
    ("path", "finding.path"),
    ("exception_id", "exception_id"),
    ("by", "by"),
    ("deploy_id", "deploy_id"),
    ("environment", "environment"),
];

/// The first line of a table of records.
pub fn header() -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    format!("index,{}\n", names.join(","))
}

/// One record as a line of that table; no cell begins a formula.
pub fn row(index: u64, record: &Record) -> String {
    let cells: Vec<String> = COLUMNS.iter().map(|(_, field)| safe::csv(record.text(field))).collect();
    format!("{index},{}\n", cells.join(","))
}

/// One in-toto statement for each run over a commit or an artefact, in the order of the ledger; and how many runs
/// were over neither, so that there is nothing to state anything about.
///
/// Predicate `https://in-toto.io/attestation/test-result/v0.1`: a clean run passed, a blocked one failed, one that
/// let something through warned; the rules that fired are its tests. Source: in-toto attestation, spec v1.
pub fn statements(records: &[Record]) -> (Vec<Value>, usize) {
    let mut fired: BTreeMap<String, Fired<'_>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.kind() == Some(Kind::Observed)) {
        let rules = fired.entry(run_of(record)).or_default();
        let list = if record.text("action") == "block" { &mut rules.failed } else { &mut rules.warned };
        list.push(record.text("finding.rule"));
    }
    let runs = records.iter().filter(|record| record.kind() == Some(Kind::Run));
    let (mut stated, mut nothing) = (Vec::new(), 0);
    for run in runs {
        let subjects = subjects(run);
        if subjects.is_empty() {
            nothing += 1;
        } else {
            let rules = fired.remove(&run_of(run)).unwrap_or_default();
            stated.push(statement(run, &subjects, rules));
        }
    }
    (stated, nothing)
}

/// The rules that fired in one run.
#[derive(Default)]
struct Fired<'a> {
    failed: Vec<&'a str>,
    warned: Vec<&'a str>,
}

fn statement(run: &Record, subjects: &[Value], mut rules: Fired<'_>) -> Value {
    for list in [&mut rules.failed, &mut rules.warned] {
        list.sort_unstable();
        list.dedup();
    }
    let result = match run.text("outcome") {
        "clean" => "PASSED",
        "blocked" => "FAILED",
        _ => "WARNED",
    };
    let mut policy = Map::new();
    policy.insert("name".to_owned(), json!("policy"));
    policy.insert("uri".to_owned(), json!(format!("tollgate:policy:{}", run.text("policy.digest"))));
    if let Some(digest) = run.text("policy.digest").strip_prefix("sha256:") {
        policy.insert("digest".to_owned(), json!({ "sha256": digest }));
    }
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": result,
            "configuration": [policy],
            "warnedTests": rules.warned,
            "failedTests": rules.failed,
        },
    })
}

fn subjects(run: &Record) -> Vec<Value> {
    let mut subjects = Vec::new();
    let commit = run.text("commit.id");
    if [40, 64].contains(&commit.len()) {
        subjects.push(json!({ "name": run.text("repo.name"), "digest": { "gitCommit": commit } }));
    }
    for digest in artifacts(run) {
        if let Some(digest) = digest.strip_prefix("sha256:") {
            subjects.push(json!({ "name": "artifact", "digest": { "sha256": digest } }));
        }
    }
    subjects
}

fn run_of(record: &Record) -> String {
    let attempt = record.integer("attempt").unwrap_or_default();
    format!("{} {attempt} {}", record.text("run_id"), record.text("job"))
}
