//! For GitLab's merge request widget: the Code Quality list.
//!
//! It can say what stands where and no more: the verdict is the exit code's and the other reports'. Excepted and
//! inherited findings are there as `info`, gaps as `major` where they keep the gate shut. The list is empty, and never
//! missing, when there is nothing.
//!
//! Source: GitLab documentation, "Code Quality", custom tools; `fingerprint` holds no line and differs for each place.

use serde::Serialize;

use super::json::pretty;
use super::{leave, named, relative};
use crate::decide::{Action, Decision};
use crate::finding::{Gap, Severity};
use crate::outcome::Outcome;
use crate::report::Options;
use crate::text::{hash, safe};

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, _: &Options) -> String {
    let findings = outcome.decisions.iter().map(Entry::finding);
    let gaps = outcome.gaps.iter().map(|gap| Entry::gap(gap, outcome.gaps_block));
    pretty(&findings.chain(gaps).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct Entry {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
    end: u32,
}

impl Entry {
    fn finding(decision: &Decision) -> Self {
        let finding = &decision.finding;
        let mut description = format!("{}: {}", decision.action.word(), finding.title);
        if !finding.detail.is_empty() {
            description = format!("{description}: {}", finding.detail);
        }
        if let Some(permit) = &decision.permit {
            description = format!("{description} ({})", leave(permit));
        }
        let (start, end) = (finding.location.start.line.max(1), finding.location.end.line);
        Self {
            description: safe::line(&description),
            check_name: named(&finding.rule.0),
            fingerprint: format!("{}-{}", finding.fingerprint.hex(), finding.occurrence),
            severity: severity(decision),
            location: Location {
                path: relative(&finding.location.path),
                lines: Lines { begin: start, end: end.max(start) },
            },
        }
    }

    fn gap(gap: &Gap, blocks: bool) -> Self {
        let word = gap.reason.word();
        let detail = if gap.detail.is_empty() { String::new() } else { format!(", {}", gap.detail) };
        let name = hash::sha256_parts("tollgate-gap-v1", &[gap.path.as_bytes(), word.as_bytes()]);
        Self {
            description: safe::line(&format!("not read in full: {word}{detail}")),
            check_name: format!("gap-{word}"),
            fingerprint: hash::hex(&name),
            severity: if blocks { "major" } else { "minor" },
            location: Location { path: relative(&gap.path), lines: Lines { begin: 1, end: 1 } },
        }
    }
}

fn severity(decision: &Decision) -> &'static str {
    if matches!(decision.action, Action::Except | Action::Inherit) {
        return "info";
    }
    match decision.finding.severity {
        Severity::Critical => "blocker",
        Severity::High => "critical",
        Severity::Medium => "major",
        Severity::Low => "minor",
        Severity::Info => "info",
    }
}
