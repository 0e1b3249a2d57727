//! What a bundle of evidence says, for a person.

use crate::ledger::evidence::Evidence;
use crate::ledger::{Kind, Record, Seal, log};
use crate::text::safe::{markdown, markdown_code};

/// The summary of `evidence` as Markdown; text from the ledger is plain text in it.
pub fn summary(evidence: &Evidence, seal: &Seal, notes: &[String]) -> String {
    let (_, deploy) = &evidence.deploy;
    let mut out =
        vec![format!("# Evidence on deploy {}", markdown_code(deploy.text("deploy_id"))), String::new()];
    let environment =
        Some(deploy.text("environment")).filter(|name| !name.is_empty()).unwrap_or("production");
    out.push(table(&[
        ("Ledger", &seal.checkpoint.origin),
        ("When", deploy.text("ts")),
        ("Environment", environment),
        ("Pipeline", deploy.text("pipeline")),
        ("Commit", deploy.text("commit.id")),
        ("Artefact", deploy.text("artifact.digest")),
        ("Recorded by", who(deploy)),
    ]));
    out.push(gate(evidence));
    out.push(decisions(evidence));
    out.push(exceptions(evidence));
    out.push(others(evidence));
    if !notes.is_empty() {
        let lines: Vec<String> = notes.iter().map(|note| format!("- {}", markdown(note))).collect();
        out.push(format!("## What is not in this bundle\n\n{}\n", lines.join("\n")));
    }
    out.push(format!(
        "## How to check this\n\n`tollgate evidence verify FOLDER --seal-key KEY` needs no network and no ledger: each \
         of the {} records is proven to be under the seal over {} records, and the key is that of whoever seals.\n",
        evidence.records.len(),
        seal.checkpoint.size
    ));
    out.join("\n")
}

fn gate(evidence: &Evidence) -> String {
    let Some(run) = evidence.run() else {
        return "## The gate\n\nThe deploy names no run of the gate: it is an escape of the class `ungated`.\n".to_owned();
    };
    let gaps = run.integer("coverage.gaps").unwrap_or_default();
    let files = run.integer("coverage.files").unwrap_or_default();
    let same = run.text("commit.id") == evidence.deploy.1.text("commit.id");
    let commit = if same { "the commit that was deployed" } else { "another commit than was deployed" };
    let rows = [
        ("Outcome", run.text("outcome").to_owned()),
        ("Run", format!("{} (attempt {})", run.text("run_id"), run.integer("attempt").unwrap_or_default())),
        ("Stage", run.text("stage").to_owned()),
        ("Judged", format!("{commit}: {files} files, {gaps} not read in full")),
        ("Started by", who(run).to_owned()),
        ("Policy", run.text("policy.digest").to_owned()),
        ("tollgate", run.text("tool.version").to_owned()),
    ];
    let rows: Vec<(&str, &str)> = rows.iter().map(|(name, text)| (*name, text.as_str())).collect();
    format!("## The gate\n\n{}", table(&rows))
}

fn decisions(evidence: &Evidence) -> String {
    let mut lines = vec!["## What it saw, and what it did\n".to_owned()];
    let seen: Vec<&Record> = evidence.of(Kind::Observed).collect();
    if seen.is_empty() {
        lines.push("Nothing was found.\n".to_owned());
        return lines.join("\n");
    }
    lines
        .push("| Action | Severity | Rule | Where | Exception |\n| --- | --- | --- | --- | --- |".to_owned());
    for record in seen {
        let fields = ["action", "finding.severity", "finding.rule", "finding.path", "exception_id"];
        let cells: Vec<String> = fields.iter().map(|field| cell(record.text(field))).collect();
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn exceptions(evidence: &Evidence) -> String {
    let mut lines = Vec::new();
    for record in evidence.of(Kind::ExceptionApproved) {
        let approvers = record.get("approvers").and_then(serde_json::Value::as_array);
        let approvers: Vec<&str> =
            approvers.into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
        let rows = [
            ("Reason", record.text("reason").to_owned()),
            ("Asked for by", record.text("by").to_owned()),
            ("Approved by", approvers.join(", ")),
            ("Approved", record.text("approved_at").to_owned()),
            ("Held until", record.text("expires_at").to_owned()),
        ];
        let rows: Vec<(&str, &str)> = rows.iter().map(|(name, text)| (*name, text.as_str())).collect();
        lines.push(format!("### {}\n\n{}", markdown_code(record.text("exception_id")), table(&rows)));
    }
    if lines.is_empty() { String::new() } else { format!("## Exceptions\n\n{}", lines.join("\n")) }
}

/// Everything else: refusals, revocations, what was found and done afterwards.
fn others(evidence: &Evidence) -> String {
    let told = [Kind::Run, Kind::Deploy, Kind::Observed, Kind::ExceptionApproved];
    let rest =
        evidence.records.iter().filter(|(_, record)| !record.kind().is_some_and(|kind| told.contains(&kind)));
    let lines: Vec<String> = rest
        .map(|(index, record)| {
            let line = log::line(*index, record);
            format!("- {} {}: {}", line.ts, markdown(&line.kind), markdown(&line.text))
        })
        .collect();
    if lines.is_empty() { String::new() } else { format!("## Before and after\n\n{}\n", lines.join("\n")) }
}

fn table(rows: &[(&str, &str)]) -> String {
    let said = rows.iter().filter(|(_, text)| !text.is_empty());
    let lines: Vec<String> = said.map(|(name, text)| format!("| {name} | {} |", cell(text))).collect();
    format!("| | |\n| --- | --- |\n{}\n", lines.join("\n"))
}

fn cell(text: &str) -> String {
    if text.is_empty() { String::new() } else { markdown(text) }
}

fn who(record: &Record) -> &str {
    let names = [record.text("actor.login"), record.text("actor.id")];
    names.into_iter().find(|name| !name.is_empty()).unwrap_or("nobody named")
}
