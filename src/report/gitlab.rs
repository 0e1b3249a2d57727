//! The security report that two formats share: what GitLab shows in the Security tab of a pipeline.
//!
//! Findings of one kind are in it, and messages say how many others there are and what was not read. Excepted and
//! inherited ones have the severity `Info`. No line of a file is in it, and `raw_source_code_extract` never is.
//!
//! Source: GitLab, "Security report schemas", 15.2.

use serde::Serialize;

use super::outcome::json::pretty;
use super::outcome::{counted, headline, leave, named, prose, relative};
use crate::decide::{Action, Decision};
use crate::finding::{Finding, Severity};
use crate::outcome::Outcome;
use crate::text::{hash, safe};

/// What GitLab's own analyzers write where there is no commit.
const NO_COMMIT: &str = "0000000";

/// One kind of security report.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// `secret_detection` or `sast`.
    pub scan: &'static str,
    /// The version of its schema.
    pub version: &'static str,
    /// Whether a finding belongs into it.
    pub takes: fn(&Finding) -> bool,
    /// Whether a place names its commit.
    pub commits: bool,
}

/// The report of one kind.
pub fn report(outcome: &Outcome, kind: Kind) -> String {
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        outcome.decisions.iter().partition(|decision| (kind.takes)(&decision.finding));
    let mut messages = vec![Message { level: "info", value: safe::line(&headline(outcome)) }];
    if !elsewhere.is_empty() {
        let count = counted(elsewhere.len() as u64, "finding");
        messages.push(Message { level: "info", value: format!("{count} of other kinds not in this report") });
    }
    messages.extend(outcome.gaps.iter().map(|gap| {
        let text = format!("not read in full: {}: {} {}", gap.path, gap.reason.word(), gap.detail);
        let level = if outcome.gaps_block { "fatal" } else { "warn" };
        Message { level, value: safe::line(text.trim_end()) }
    }));
    let now: String = outcome.decided_at.to_string().chars().take(19).collect();
    pretty(&Report {
        version: kind.version,
        scan: Scan {
            analyzer: TOOL,
            scanner: TOOL,
            r#type: kind.scan,
            start_time: now.clone(),
            end_time: now,
            status: "success",
            messages,
        },
        vulnerabilities: here.into_iter().map(|decision| entry(outcome, decision, kind)).collect(),
    })
}

const TOOL: Tool = Tool {
    id: "tollgate",
    name: "tollgate",
    version: env!("CARGO_PKG_VERSION"),
    vendor: Vendor { name: "tollgate" },
};

#[derive(Serialize)]
struct Report {
    version: &'static str,
    scan: Scan,
    vulnerabilities: Vec<Entry>,
}

#[derive(Serialize)]
struct Scan {
    analyzer: Tool,
    scanner: Tool,
    r#type: &'static str,
    start_time: String,
    end_time: String,
    status: &'static str,
    messages: Vec<Message>,
}

#[derive(Serialize)]
struct Tool {
    id: &'static str,
    name: &'static str,
    version: &'static str,
    vendor: Vendor,
}

#[derive(Serialize)]
struct Vendor {
    name: &'static str,
}

#[derive(Serialize)]
struct Message {
    level: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Entry {
    id: String,
    name: String,
    description: String,
    severity: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    solution: String,
    identifiers: [Identifier; 1],
    location: Place,
}

#[derive(Serialize)]
struct Identifier {
    r#type: &'static str,
    name: String,
    value: String,
}

#[derive(Serialize)]
struct Place {
    file: String,
    start_line: u32,
    end_line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<Commit>,
}

#[derive(Serialize)]
struct Commit {
    sha: String,
}

fn entry(outcome: &Outcome, decision: &Decision, kind: Kind) -> Entry {
    let finding = &decision.finding;
    let rule = outcome.rule(&finding.rule.0);
    let mut sentences = vec![format!("{}: {}", decision.action.word(), finding.title)];
    sentences.extend(Some(&finding.detail).filter(|detail| !detail.is_empty()).cloned());
    sentences.extend(decision.permit.as_ref().map(leave));
    sentences.extend(rule.map(|rule| format!("why: {}", rule.why)));
    sentences.push(format!("finding: {}", finding.fingerprint));
    let sentences: Vec<String> = sentences.iter().map(|text| prose(&safe::cut(text, 2_000))).collect();
    let (start, end) = (finding.location.start.line.max(1), finding.location.end.line);
    let sha = finding.location.commit.as_deref().unwrap_or(&outcome.run.commit);
    let sha = if sha.is_empty() { NO_COMMIT.to_owned() } else { safe::line(sha) };
    Entry {
        id: uuid(finding),
        name: safe::cut(&safe::line(rule.map_or(&finding.title, |rule| &rule.title)), 255),
        description: sentences.join("\n\n"),
        severity: severity(decision),
        solution: rule.map(|rule| prose(&safe::cut(&rule.fix, 2_000))).unwrap_or_default(),
        identifiers: [Identifier {
            r#type: "tollgate_rule",
            name: format!("tollgate rule {}", named(&finding.rule.0)),
            value: named(&finding.rule.0),
        }],
        location: Place {
            file: relative(&finding.location.path),
            start_line: start,
            end_line: end.max(start),
            commit: kind.commits.then_some(Commit { sha }),
        },
    }
}

/// A name that stays: of the fingerprint and its occurrence, in the form of RFC 9562, version 8.
fn uuid(finding: &Finding) -> String {
    let occurrence = finding.occurrence.to_be_bytes();
    let name = hash::sha256_parts("tollgate-gitlab-id-v1", &[&finding.fingerprint.0, &occurrence]);
    let mut bytes: [u8; 16] = *name.first_chunk().unwrap_or(&[0; 16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hash::hex(&bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or_default());
    parts.join("-")
}

fn severity(decision: &Decision) -> &'static str {
    if matches!(decision.action, Action::Except | Action::Inherit) {
        return "Info";
    }
    match decision.finding.severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Info => "Info",
    }
}
