//! For a spreadsheet: RFC 4180, a line of names, then one line for each finding and gap, the outcome last.
//!
//! ```text
//! "kind","action","rule","family",...
//! "finding","block","aws-access-key","secret",...
//! "outcome","blocked","","",...
//! ```
//!
//! Every cell is quoted and none begins as a formula.

use super::{headline, records};
use crate::decide::Decision;
use crate::finding::Gap;
use crate::outcome::Outcome;
use crate::report::Options;
use crate::text::safe;

const COLUMNS: [&str; 20] = [
    "kind",
    "action",
    "rule",
    "family",
    "severity",
    "confidence",
    "enforcement",
    "path",
    "line",
    "column",
    "commit",
    "title",
    "detail",
    "identity",
    "blast",
    "fingerprint",
    "fp_alg",
    "exception",
    "expires_at",
    "record",
];

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, _: &Options) -> String {
    let records = records(outcome);
    let mut text = row(&COLUMNS.map(|name| (name, name.to_owned())));
    for decision in &outcome.decisions {
        let record = records.get(decision.finding.fingerprint.hex().as_str());
        text.push_str(&finding(decision, record.map_or_else(String::new, u64::to_string)));
    }
    text.extend(outcome.gaps.iter().map(gap));
    let verdict = outcome.verdict.word().to_owned();
    text.push_str(&row(&[("kind", "outcome".to_owned()), ("action", verdict), ("title", headline(outcome))]));
    text
}

fn finding(decision: &Decision, record: String) -> String {
    let finding = &decision.finding;
    let place = &finding.location;
    let permit = decision.permit.as_ref();
    row(&[
        ("kind", "finding".to_owned()),
        ("action", decision.action.word().to_owned()),
        ("rule", finding.rule.0.clone()),
        ("family", finding.family.word().to_owned()),
        ("severity", finding.severity.word().to_owned()),
        ("confidence", finding.confidence.word().to_owned()),
        ("enforcement", finding.enforcement.word().to_owned()),
        ("path", place.path.clone()),
        ("line", place.start.line.to_string()),
        ("column", place.start.column.to_string()),
        ("commit", place.commit.clone().unwrap_or_default()),
        ("title", finding.title.clone()),
        ("detail", finding.detail.clone()),
        ("identity", finding.identity.clone().unwrap_or_default()),
        ("blast", finding.blast.map_or_else(String::new, |blast| blast.to_string())),
        ("fingerprint", finding.fingerprint.hex()),
        ("fp_alg", finding.algorithm.word().to_owned()),
        ("exception", permit.map_or_else(String::new, |permit| permit.exception.clone())),
        ("expires_at", permit.map_or_else(String::new, |permit| permit.expires_at.to_string())),
        ("record", record),
    ])
}

fn gap(gap: &Gap) -> String {
    row(&[
        ("kind", "gap".to_owned()),
        ("path", gap.path.clone()),
        ("title", format!("not read in full: {}", gap.reason.word())),
        ("detail", gap.detail.clone()),
    ])
}

/// The cells by the name of their column; columns without one stay empty.
fn row(cells: &[(&str, String)]) -> String {
    let cell =
        |name: &str| cells.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str());
    COLUMNS.map(|name| safe::csv(cell(name))).join(",") + "\n"
}
