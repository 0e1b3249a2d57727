//! For a job summary or a comment: GitHub Flavored Markdown that other forges read too.
//!
//! The verdict is the heading. Text of the repository stands in code spans or is escaped letter by letter: no link,
//! mention, reference or tag of it survives. The whole stays below the megabyte at which GitHub drops a summary; what
//! does not fit is counted.
//!
//! Source: GitHub documentation, "Workflow commands", step isolation and limits.

use std::collections::{BTreeMap, BTreeSet};

use super::{circumstances, headline, leave, prose, short, worst_first};
use crate::decide::{Action, Decision};
use crate::finding::{Gap, Location};
use crate::outcome::{Outcome, RuleText};
use crate::report::Options;
use crate::text::safe;

/// Bytes of a summary: GitHub drops one of more than 1,048,576.
const SUMMARY: usize = 1_000_000;

/// Characters of one text in a cell.
const CELL: usize = 400;

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, options: &Options) -> String {
    within(SUMMARY, outcome, options, |_| true)
}

/// The report in at most `bytes`, with those of the circumstances whose key is `told`.
pub(crate) fn within(
    bytes: usize,
    outcome: &Outcome,
    options: &Options,
    told: impl Fn(&str) -> bool,
) -> String {
    let (large, small) = (bytes / 5 * 2, bytes / 20);
    let mut parts = vec![format!("## {}\n", safe::markdown(&headline(outcome)))];
    if !options.root.is_empty() {
        parts.push(format!("What was scanned: {}\n", safe::markdown_code(&options.root)));
    }
    let decisions = worst_first(outcome);
    if !decisions.is_empty() {
        let rows = decisions.iter().map(|decision| finding(decision));
        parts.push(table(large, ["Action", "Severity", "Rule", "Place", "What", "Finding"], rows));
    }
    let lessons = lessons(small, outcome, &decisions);
    if !lessons.is_empty() {
        parts.push(format!("### What to do\n\n{lessons}"));
    }
    if !outcome.gaps.is_empty() {
        let rows = outcome.gaps.iter().map(gap);
        parts.push(format!("### Not read in full\n\n{}", table(large, ["Path", "Reason", "Detail"], rows)));
    }
    let remarks = circumstances(outcome).into_iter().filter(|(key, _)| told(key));
    let remarks = list(small, remarks.map(|(key, value)| format!("{key}: {}", cell(&value))));
    if !remarks.is_empty() {
        parts.push(remarks);
    }
    parts.join("\n")
}

/// A table of as many rows as fit, and a last one that counts the others.
fn table<const N: usize>(bytes: usize, names: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let head = format!("| {} |\n|{}\n", names.join(" | "), " --- |".repeat(N));
    let rest = |left| format!("| … {left} more |{}\n", " |".repeat(N.saturating_sub(1)));
    fill(head, bytes, rows.map(|row| format!("| {} |\n", row.join(" | "))), rest)
}

/// A list of as many points as fit, and a last one that counts the others.
fn list(bytes: usize, points: impl Iterator<Item = String>) -> String {
    let rest = |left| format!("- … {left} more\n");
    fill(String::new(), bytes, points.map(|point| format!("- {point}\n")), rest)
}

fn fill(
    mut text: String,
    bytes: usize,
    lines: impl Iterator<Item = String>,
    rest: impl Fn(usize) -> String,
) -> String {
    let mut left = 0;
    for line in lines {
        if left > 0 || text.len() + line.len() > bytes {
            left += 1;
        } else {
            text.push_str(&line);
        }
    }
    if left > 0 { text + &rest(left) } else { text }
}

fn finding(decision: &Decision) -> [String; 6] {
    let finding = &decision.finding;
    let mut what = finding.title.clone();
    if !finding.detail.is_empty() {
        what = format!("{what}: {}", finding.detail);
    }
    let mut what = cell(&what);
    if let Some(permit) = &decision.permit {
        what = format!("{what}; exception {} {}", code(&permit.exception), cell(&leave(permit)));
    }
    for refusal in &decision.refused {
        what = format!("{what}; exception {} refused: {}", code(&refusal.exception), cell(&refusal.reason));
    }
    let action = if decision.action == Action::Block { "**block**" } else { decision.action.word() };
    [
        action.to_owned(),
        finding.severity.word().to_owned(),
        code(&finding.rule.0),
        place(&finding.location),
        what,
        code(&finding.fingerprint.to_string()),
    ]
}

fn place(location: &Location) -> String {
    let path = safe::cut(&location.path, CELL);
    let text = code(&format!("{path}:{}:{}", location.start.line, location.start.column));
    match &location.commit {
        Some(commit) => format!("{text} in {}", code(short(commit))),
        None => text,
    }
}

fn gap(gap: &Gap) -> [String; 3] {
    [code(&safe::cut(&gap.path, CELL)), gap.reason.word().to_owned(), cell(&gap.detail)]
}

/// Why and fix of each rule that blocks or advises, the worst first.
fn lessons(bytes: usize, outcome: &Outcome, decisions: &[&Decision]) -> String {
    let mut seen = BTreeSet::new();
    let open = decisions.iter().filter(|decision| decision.permit.is_none());
    let by_id: BTreeMap<&str, &RuleText> =
        outcome.rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
    let ids = open.map(|decision| decision.finding.rule.0.as_str()).filter(|id| seen.insert(*id));
    let rules = ids.filter_map(|id| by_id.get(id));
    list(
        bytes,
        rules.map(|rule| format!("{}: {}. **Fix:** {}", code(&rule.id), cell(&rule.why), cell(&rule.fix))),
    )
}

fn cell(text: &str) -> String {
    prose(&safe::cut(text, CELL))
}

fn code(text: &str) -> String {
    safe::markdown_code(&safe::cut(text, CELL + 40)).replace('|', "\\|")
}
