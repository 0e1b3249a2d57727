//! The formats of an outcome, one file each, and the sentences they share.

/// For a spreadsheet.
pub mod csv;
/// For the next step or job.
pub mod dotenv;
/// GitHub workflow commands.
pub mod github;
/// For GitHub's code scanning.
pub mod github_sarif;
/// For GitLab's merge request widget.
pub mod gitlab_codequality;
/// For GitLab's static analysis.
pub mod gitlab_sast;
/// For GitLab's secret detection.
pub mod gitlab_secret_detection;
/// For a person at a terminal.
pub mod human;
/// For programs, under a published schema.
pub mod json;
/// For the test panel of a CI service.
pub mod junit;
/// For a job summary or a comment.
pub mod markdown;
/// For reviewdog.
pub mod rdjson;
/// For code scanning.
pub mod sarif;

use std::collections::BTreeMap;

use crate::decide::{Action, Decision, Permit};
use crate::outcome::Outcome;
use crate::pipeline::Stage;
use crate::text::safe;

/// The outcome in one line: the verdict, what it rests on, and how much was not read.
///
/// ```text
/// blocked: 1 finding blocks, 1 is excepted, no coverage gaps
/// ```
pub fn headline(outcome: &Outcome) -> String {
    let mut parts = Vec::new();
    for action in Action::ALL {
        let count = outcome.count(action);
        if count > 0 {
            parts.push(format!("{count} {}", predicate(action, count, parts.is_empty())));
        }
    }
    if parts.is_empty() {
        parts.push(format!("nothing found in {}", counted(outcome.coverage.files, "file")));
    }
    parts.push(match outcome.gaps.len() {
        0 => "no coverage gaps".to_owned(),
        1 if outcome.gaps_block => "1 coverage gap keeps the gate shut".to_owned(),
        many if outcome.gaps_block => format!("{many} coverage gaps keep the gate shut"),
        many => counted(many as u64, "coverage gap"),
    });
    format!("{}: {}", outcome.verdict.word(), parts.join(", "))
}

/// `1 file`, `2 files`, `no files`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        many => format!("{many} {noun}s"),
    }
}

/// Decisions with the worst first: by action, severity and confidence, then in the order of the outcome.
pub(crate) fn worst_first(outcome: &Outcome) -> Vec<&Decision> {
    let mut decisions: Vec<&Decision> = outcome.decisions.iter().collect();
    decisions.sort_by_key(|decision| {
        let finding = &decision.finding;
        (rank(decision.action), std::cmp::Reverse((finding.severity, finding.confidence)))
    });
    decisions
}

/// The index of the record of each fingerprint that has one; the first where there are several.
pub(crate) fn records(outcome: &Outcome) -> BTreeMap<&str, u64> {
    let observed = outcome.receipts.iter().filter(|receipt| receipt.kind == "observed").rev();
    observed.map(|receipt| (receipt.fingerprint.as_str(), receipt.index)).collect()
}

/// Who let a finding through and until when: ``approved by `dana` and `lee` until 2026-12-01: "split"``.
///
/// It holds untrusted text.
pub(crate) fn leave(permit: &Permit) -> String {
    let approvers = quoted(&permit.approvers);
    let own = if permit.self_approved { ", an author of the change," } else { "" };
    let by = if approvers.is_empty() { "nobody".to_owned() } else { joined(&approvers) };
    let mut text = format!("approved by {by}{own} until {}", day_of(permit));
    if !permit.reason.is_empty() {
        text = format!("{text}: \"{}\"", permit.reason);
    }
    text
}

/// What a reader must know to trust the verdict, as key and text: what was ignored and kept out, whom the gate
/// believed, what was recorded.
///
/// It holds untrusted text.
pub(crate) fn circumstances(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&str, String)> = Vec::new();
    for rejected in &outcome.overrides_rejected {
        lines.push(("ignored", format!("`{rejected}`: it would have relaxed the gate")));
    }
    if outcome.coverage.suppressions_ignored > 0 {
        let seen = counted(outcome.coverage.suppressions_ignored, "suppression");
        lines.push(("not obeyed", format!("{seen} of other tools")));
    }
    if !outcome.coverage.past_hook.is_empty() {
        let commits = counted(outcome.coverage.past_hook.len() as u64, "commit");
        lines.push(("past the hook", format!("{commits} with what `check --staged` stops")));
    }
    if let Some(contents) = outcome.coverage.history {
        let seen = counted(contents, "content");
        lines.push(("history", format!("{seen} of it, by their text alone; identities are those of today")));
    }
    if !outcome.coverage.excluded.is_empty() {
        lines.push(("excluded by policy", quoted(&outcome.coverage.excluded).join(", ")));
    }
    match (outcome.trust_commit.as_str(), outcome.stage) {
        // Nobody expects a guard there, so nothing is said.
        ("", Stage::Local) => {}
        ("", _) => {
            lines.push(("trusted", "policy and signers of the work tree, which guards nobody".to_owned()));
        }
        (commit, _) => lines.push(("trusted", format!("policy and signers of commit {}", short(commit)))),
    }
    if !outcome.activation.is_empty() {
        lines.push(("policy", outcome.activation.clone()));
    }
    match (&outcome.unrecorded, outcome.receipts.first(), outcome.receipts.last()) {
        (Some(why), ..) => lines.push(("advisory", format!("nothing was recorded, {why}"))),
        (None, Some(first), Some(last)) if first.index != last.index => {
            lines.push(("recorded", format!("records {} to {}", first.index, last.index)));
        }
        (None, Some(first), _) => lines.push(("recorded", format!("record {}", first.index))),
        (None, ..) => {}
    }
    lines
}

/// Our kind of sentence as Markdown: what stands in backticks is code, the rest plain text.
pub(crate) fn prose(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    let inner = pieces.get(1..pieces.len().saturating_sub(1)).unwrap_or_default();
    // Two spans that touch would be read as one; a pipe would end a cell.
    if pieces.len().is_multiple_of(2)
        || inner.iter().any(|piece| piece.trim().is_empty())
        || text.contains('|')
    {
        return safe::markdown(text);
    }
    let write = |(index, piece): (usize, &&str)| {
        if index % 2 == 1 { safe::markdown_code(piece) } else { safe::markdown(piece) }
    };
    pieces.iter().enumerate().map(write).collect()
}

/// The id of a rule as forges take it: harmless, and never empty.
pub(crate) fn named(rule: &str) -> String {
    if rule.is_empty() { "tollgate".to_owned() } else { safe::line(rule) }
}

/// A path as forges take it: from the top of the repository, none of `./` or `/` in front, harmless and never empty.
pub(crate) fn relative(path: &str) -> String {
    let path = safe::line(path.trim_start_matches("./").trim_start_matches('/'));
    if path.is_empty() { "-".to_owned() } else { path }
}

/// The first twelve digits of a commit id.
pub(crate) fn short(commit: &str) -> &str {
    commit.char_indices().nth(12).and_then(|(end, _)| commit.get(..end)).unwrap_or(commit)
}

/// The date where it ends at midnight, else the instant to the minute.
fn day_of(permit: &Permit) -> String {
    let instant = permit.expires_at.to_string();
    match instant.strip_suffix("T00:00:00.000Z") {
        Some(day) => day.to_owned(),
        None => format!("{} UTC", instant.chars().take(16).collect::<String>().replace('T', " ")),
    }
}

fn predicate(action: Action, count: usize, first: bool) -> String {
    let noun = match (first, count) {
        (false, _) => "",
        (true, 1) => "finding ",
        (true, _) => "findings ",
    };
    let verb = match (action, count) {
        (Action::Block, 1) => "blocks",
        (Action::Block, _) => "block",
        (Action::Except, 1) => "is excepted",
        (Action::Except, _) => "are excepted",
        (Action::Inherit, 1) => "is inherited",
        (Action::Inherit, _) => "are inherited",
        (Action::Advise, 1) => "is advised",
        (Action::Advise, _) => "are advised",
    };
    format!("{noun}{verb}")
}

fn rank(action: Action) -> u8 {
    match action {
        Action::Block => 0,
        Action::Advise => 1,
        Action::Except => 2,
        Action::Inherit => 3,
    }
}

fn quoted(words: &[String]) -> Vec<String> {
    words.iter().map(|word| format!("`{word}`")).collect()
}

fn joined(words: &[String]) -> String {
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_backticks_is_code_and_the_rest_is_text() {
        for (text, markdown) in [
            ("acts as `ci_a` until *then*", "acts as `ci_a` until \\*then\\*"),
            ("`a`", "`a`"),
            ("one ` alone", "one \\` alone"),
            ("`a``b`", "\\`a\\`\\`b\\`"),
            ("`a|b`", "\\`a\\|b\\`"),
            ("", ""),
        ] {
            assert_eq!(prose(text), markdown, "{text}");
        }
    }

    #[test]
    fn a_list_of_people_reads_as_a_sentence() {
        let people = |names: &[&str]| joined(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(people(&["a"]), "a");
        assert_eq!(people(&["a", "b"]), "a and b");
        assert_eq!(people(&["a", "b", "c"]), "a, b and c");
    }
}
