//! For a person at a terminal: every finding with its place, why it matters, what to do; the verdict last.
//!
//! ```text
//! block[aws-access-key]: long-lived AWS key in a deployed file
//!   --> deploy/prod.env:7:19
//! 7 | AWS_ACCESS_KEY_ID=AKIA················
//!   |                   ^^^^^^^^^^^^^^^^^^^^ never expires; 412 days old
//!   = why: whoever reads this file acts as `ci-deployer` until the key is deleted
//!   = fix: delete the key and let the job assume the role through OIDC
//!   = finding: 4f0c-91aa-7be2
//!
//! blocked: 1 finding blocks, no coverage gaps
//! ```
//!
//! It reads without colour. Lines begin with words of ours; text of the repository comes behind them and is
//! shown only as the masked line that the finding carries: this file never sees the bytes of a file.

use std::collections::BTreeMap;

use super::{circumstances, counted, headline, leave, short};
use crate::decide::{Action, Decision};
use crate::finding::{Finding, Gap, Location, Past};
use crate::outcome::Outcome;
use crate::report::Options;
use crate::report::diagnostic::{Marked, arrow, frame, margin_of, message, note};
use crate::report::paint::Paint;

/// Places of one rule in one file that are drawn; the next ones are lines, the rest is a number.
const DRAWN: usize = 3;
const LISTED: usize = 20;

/// Blocks of findings for each action, and gaps, before the rest is a number.
const BLOCKS: usize = 100;

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, options: &Options) -> String {
    let mut text = String::new();
    for action in Action::ALL {
        let groups = groups(outcome, action);
        for group in groups.iter().take(BLOCKS) {
            text.push_str(&block(outcome, group, options));
            text.push('\n');
        }
        let left: usize = groups.iter().skip(BLOCKS).map(Vec::len).sum();
        text.push_str(&remainder(action.word(), left, "finding", Paint::action(action), options));
    }
    text.push_str(&gaps(&outcome.gaps, options));
    for (key, value) in circumstances(outcome) {
        text.extend([Paint::Quiet.on(key, options.colour), format!(": {}\n", message(&value))]);
    }
    let line = headline(outcome);
    let (verdict, rest) = line.split_once(':').unwrap_or((&line, ""));
    let verdict = Paint::verdict(outcome.verdict).on(verdict, options.colour);
    text + &format!("{verdict}:{rest}\n")
}

/// Findings of one action that differ in place alone: same rule, file, commit and exception, in the order of the
/// first of them.
fn groups(outcome: &Outcome, action: Action) -> Vec<Vec<&Decision>> {
    let mut places: BTreeMap<_, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<&Decision>> = Vec::new();
    for decision in outcome.decisions.iter().filter(|decision| decision.action == action) {
        let finding = &decision.finding;
        let exception = decision.permit.as_ref().map(|permit| &permit.exception);
        let refused: Vec<_> =
            decision.refused.iter().map(|refusal| (&refusal.exception, &refusal.reason)).collect();
        let key = (
            &finding.rule,
            &finding.location.path,
            &finding.location.commit,
            &finding.title,
            exception,
            refused,
        );
        let at = *places.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.push(decision);
        }
    }
    groups
}

/// One group: a head, its places, and what holds for all of them.
fn block(outcome: &Outcome, group: &[&Decision], options: &Options) -> String {
    let Some(first) = group.first() else { return String::new() };
    let finding = &first.finding;
    let head = Paint::action(first.action).on(first.action.word(), options.colour);
    let mut text = format!("{head}[{}]: {}\n", message(&finding.rule.0), message(&finding.title));
    let margin =
        group.iter().map(|decision| margin_of(decision.finding.location.start.line)).max().unwrap_or(1);
    for decision in group.iter().take(DRAWN) {
        text.push_str(&place(decision, options));
        if group.len() > 1 {
            text.push_str(&names(outcome, &decision.finding, margin, options));
        }
    }
    for decision in group.iter().skip(DRAWN).take(LISTED) {
        let (at, name) = (whereabouts(&decision.finding.location), decision.finding.fingerprint);
        text.push_str(&arrow(margin, "-->", &format!("{at}  finding {name}"), options));
    }
    let left = group.len().saturating_sub(DRAWN + LISTED);
    if left > 0 {
        text.push_str(&note(margin, "", &format!("and {left} more of this rule in this file"), options));
    }
    text.push_str(&reasons(outcome, first, margin, options));
    if group.len() == 1 {
        text.push_str(&names(outcome, finding, margin, options));
    }
    text
}

/// One place: arrow, line with carets, what else explains it, and what is known of this finding alone.
fn place(decision: &Decision, options: &Options) -> String {
    let finding = &decision.finding;
    let margin = margin_of(finding.location.start.line);
    let mut text = arrow(margin, "-->", &whereabouts(&finding.location), options);
    let drawn = finding.snippet.as_ref().map_or_else(String::new, |snippet| {
        let line = finding.location.start.line;
        let marked = Marked { text: &snippet.text, start: snippet.start, length: snippet.length, line };
        frame(&marked, &finding.detail, Paint::action(decision.action), options)
    });
    if drawn.is_empty() && !finding.detail.is_empty() {
        text.push_str(&note(margin, "", &finding.detail, options));
    }
    text.push_str(&drawn);
    for related in &finding.related {
        let there = format!("{}  {}", whereabouts(&related.location), message(&related.message));
        text.push_str(&arrow(margin, ":::", &there, options));
    }
    if let Some(encoding) = &finding.encoding {
        text.push_str(&note(margin, "encoding", encoding, options));
    }
    if !finding.facts.is_empty() {
        text.push_str(&note(margin, "facts", &finding.facts.join("; "), options));
    }
    if let Some(past) = &finding.past {
        text.push_str(&note(margin, "history", &history(past), options));
    }
    if let Some(name) = &finding.identity {
        let radius = finding.blast.map_or_else(String::new, |blast| format!(", blast radius {blast} of 100"));
        text.push_str(&note(margin, "identity", &format!("{name}{radius}"), options));
    }
    text
}

/// Since when and until when it stood in the history, and whether it still does.
fn history(past: &Past) -> String {
    let (first, last) = (short(&past.first.commit), short(&past.last.commit));
    let now = if past.in_head { "still in HEAD" } else { "no longer in HEAD" };
    format!("from commit {first} by {} to {last}, {now}", past.author)
}

/// What a person types to speak of one finding, and where its decision is recorded.
fn names(outcome: &Outcome, finding: &Finding, margin: usize, options: &Options) -> String {
    let mut text = note(margin, "finding", &finding.fingerprint.to_string(), options);
    if let Some(index) = outcome.record_of(&finding.fingerprint.hex()) {
        text.push_str(&note(margin, "ledger", &format!("record {index}"), options));
    }
    text
}

/// What holds for all places of a group: how bad, leave given or refused, why, fix.
fn reasons(outcome: &Outcome, decision: &Decision, margin: usize, options: &Options) -> String {
    let finding = &decision.finding;
    let mut text = String::new();
    if let Some(permit) = &decision.permit {
        let there = format!("{}  {}", message(&permit.path), message(&leave(permit)));
        text.push_str(&arrow(margin, ":::", &there, options));
    }
    let severity = format!("{}, {} confidence", finding.severity.word(), finding.confidence.word());
    text.push_str(&note(margin, "severity", &severity, options));
    for refusal in &decision.refused {
        let refused = format!("`{}`: {}", refusal.exception, refusal.reason);
        text.push_str(&note(margin, "exception refused", &refused, options));
    }
    if let Some(rule) = outcome.rule(&finding.rule.0) {
        for (key, value) in [("why", &rule.why), ("fix", &rule.fix), ("revoke", &rule.revoke)] {
            // What is let through with leave needs no second lesson.
            if !value.is_empty() && decision.permit.is_none() {
                text.push_str(&note(margin, key, value, options));
            }
        }
    }
    text
}

/// `path:line:column`, with the commit where another version was read.
fn whereabouts(location: &Location) -> String {
    let place = format!("{}:{}:{}", message(&location.path), location.start.line, location.start.column);
    match &location.commit {
        Some(commit) => format!("{place} in commit {}", message(short(commit))),
        None => place,
    }
}

fn gaps(gaps: &[Gap], options: &Options) -> String {
    let mut text = String::new();
    for gap in gaps.iter().take(BLOCKS) {
        let head = Paint::Unread.on("gap", options.colour);
        let detail = if gap.detail.is_empty() { "" } else { ": " };
        text.extend([
            format!("{head}[{}]: {} was not read in full", gap.reason.word(), message(&gap.path)),
            format!("{detail}{}\n", message(&gap.detail)),
        ]);
    }
    text.push_str(&remainder("gap", gaps.len().saturating_sub(BLOCKS), "gap", Paint::Unread, options));
    if !gaps.is_empty() && gaps.len() <= BLOCKS {
        text.push('\n');
    }
    text
}

fn remainder(word: &str, left: usize, noun: &str, paint: Paint, options: &Options) -> String {
    if left == 0 {
        return String::new();
    }
    let head = paint.on(word, options.colour);
    format!("{head}: {} not shown here; the json report has all\n\n", counted(left as u64, noun))
}
