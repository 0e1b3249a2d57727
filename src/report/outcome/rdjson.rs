//! For reviewdog: its Diagnostic Format, from which it comments on many forges.
//!
//! Columns there count bytes of UTF-8 and ours characters, so places are whole lines. A message is Markdown once it is
//! a comment, and is escaped as such. A finding of another version of the file has no line, since people see this one.
//!
//! Source: reviewdog, "Reviewdog Diagnostic Format", `rdjson`.

use serde::Serialize;

use super::json::pretty;
use super::{github, named, prose, relative};
use crate::decide::{Action, Decision, Verdict};
use crate::finding::{Gap, Location};
use crate::outcome::Outcome;
use crate::report::Options;

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, _: &Options) -> String {
    let findings = outcome.decisions.iter().map(|decision| Diagnostic::finding(outcome, decision));
    let gaps = outcome.gaps.iter().map(|gap| Diagnostic::gap(gap, outcome.gaps_block));
    pretty(&Report {
        source: Source { name: "tollgate" },
        severity: match outcome.verdict {
            Verdict::Blocked => "ERROR",
            Verdict::Advised => "WARNING",
            Verdict::Clean | Verdict::Excepted => "INFO",
        },
        diagnostics: findings.chain(gaps).collect(),
    })
}

#[derive(Serialize)]
struct Report {
    source: Source,
    severity: &'static str,
    diagnostics: Vec<Diagnostic>,
}

#[derive(Serialize)]
struct Source {
    name: &'static str,
}

#[derive(Serialize)]
struct Diagnostic {
    message: String,
    location: Place,
    severity: &'static str,
    code: Code,
}

#[derive(Serialize)]
struct Place {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
}

#[derive(Serialize)]
struct Range {
    start: Line,
    end: Line,
}

#[derive(Serialize)]
struct Line {
    line: u32,
}

#[derive(Serialize)]
struct Code {
    value: String,
}

impl Diagnostic {
    fn finding(outcome: &Outcome, decision: &Decision) -> Self {
        let location = &decision.finding.location;
        let here = !github::other_version(outcome, location);
        let message = format!("{}: {}", decision.action.word(), github::message(outcome, decision));
        Self {
            message: message.lines().map(prose).collect::<Vec<_>>().join("\n"),
            location: Place { path: relative(&location.path), range: here.then(|| range(location)) },
            severity: match decision.action {
                Action::Block => "ERROR",
                Action::Advise => "WARNING",
                Action::Except | Action::Inherit => "INFO",
            },
            code: Code { value: named(&decision.finding.rule.0) },
        }
    }

    fn gap(gap: &Gap, blocks: bool) -> Self {
        Self {
            message: prose(format!("not read in full: {}", gap.detail).trim_end_matches(": ")),
            location: Place { path: relative(&gap.path), range: None },
            severity: if blocks { "ERROR" } else { "WARNING" },
            code: Code { value: format!("gap-{}", gap.reason.word()) },
        }
    }
}

fn range(location: &Location) -> Range {
    let start = location.start.line.max(1);
    Range { start: Line { line: start }, end: Line { line: location.end.line.max(start) } }
}
