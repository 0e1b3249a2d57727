//! A comment at each line the request adds that has an open finding; marked when the finding is open no more.
//!
//! ```text
//! <!-- tollgate:v1 line 4f0c91aa7be2…-0 NAME -->
//! **block: long-lived AWS key**
//! ```
//!
//! All new ones are one review, so that people get one mail. GitHub refuses a whole review for one line that is not in
//! its diff; then each comment is sent by itself. What has a comment keeps it: it is edited when it would say something
//! else, and never deleted, since people may have answered.
//!
//! Source: GitHub REST API, "Pull request reviews" and "Pull request review comments".

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Hub, patch};
use crate::decide::{Action, Decision};
use crate::outcome::Outcome;
use crate::publish::PublishError;
use crate::publish::sticky::same;
use crate::publish::wire::Verb;
use crate::report::outcome::{counted, github, prose, worst_first};
use crate::text::safe;

/// Comments of ours on one request; the comment above has every finding.
const MOST: usize = 30;

/// Characters of one sentence.
const SENTENCE: usize = 600;

const WHAT: &str = "the comments at lines";

/// A comment of ours that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct There {
    id: u64,
    body: String,
}

impl Hub<'_> {
    /// Makes and edits the comments at lines of request `number`; says how many.
    pub(super) fn put_lines(&self, number: u64) -> Result<String, PublishError> {
        let pull = format!("/repos/{}/pulls/{number}", self.place.repository);
        let there = self.lines_there(&pull)?;
        let open = open(self.name, self.job.outcome);
        let by_first: BTreeMap<&str, &Decision> =
            open.iter().map(|(first, decision)| (first.as_str(), *decision)).collect();
        let mut edited = 0;
        for (first, there) in &there {
            let text = by_first.get(first.as_str());
            let text = text.map_or_else(|| resolved(first), |decision| self.line_text(first, decision));
            if !same(&text, &there.body) {
                let route = format!("/repos/{}/pulls/comments/{}", self.place.repository, there.id);
                self.wire.set(WHAT, Verb::Patch, &route, &json!({ "body": text }))?;
                edited += 1;
            }
        }
        let added = self.lines_added(&pull)?;
        let fits = |decision: &Decision| {
            let place = &decision.finding.location;
            added.get(&place.path).is_some_and(|lines| lines.contains(&place.start.line))
        };
        let (here, elsewhere): (Vec<_>, Vec<_>) = open.iter().partition(|(_, decision)| fits(decision));
        let more = here.len().saturating_sub(MOST);
        let new = here.into_iter().take(MOST).filter(|(first, _)| !there.contains_key(first));
        let new: BTreeMap<&str, Value> =
            new.map(|(first, decision)| (first.as_str(), self.line_comment(first, decision))).collect();
        let made = self.comment_lines(&pull, &new)?;
        Ok(said(made, edited, elsewhere.len() + more + new.len() - made))
    }

    /// Makes `new`, and says how many of them GitHub took.
    fn comment_lines(&self, pull: &str, new: &BTreeMap<&str, Value>) -> Result<usize, PublishError> {
        if new.is_empty() {
            return Ok(0);
        }
        let all_there = || {
            let there = self.lines_there(pull)?;
            Ok(new.keys().all(|first| there.contains_key(*first)).then_some(Value::Null))
        };
        let comments: Vec<&Value> = new.values().collect();
        let body = json!({
            "commit_id": self.place.head,
            "event": "COMMENT",
            "body": format!("{}: {} on lines this change adds.", self.name, counted(new.len() as u64, "finding")),
            "comments": comments,
        });
        match self.wire.add(WHAT, Verb::Post, &format!("{pull}/reviews"), &body, all_there) {
            Ok(review) => self.know_again(&review).map(|()| new.len()),
            Err(PublishError::Refused { status: 422, .. }) => self.comment_each(pull, new),
            Err(error) => Err(error),
        }
    }

    fn comment_each(&self, pull: &str, new: &BTreeMap<&str, Value>) -> Result<usize, PublishError> {
        let mut made = 0;
        for (first, comment) in new {
            let mut body = comment.clone();
            if let Some(fields) = body.as_object_mut() {
                fields.insert("commit_id".to_owned(), self.place.head.clone().into());
            }
            let find = || Ok(self.lines_there(pull)?.contains_key(*first).then_some(Value::Null));
            match self.wire.add(WHAT, Verb::Post, &format!("{pull}/comments"), &body, find) {
                Ok(_) => made += 1,
                Err(PublishError::Refused { status: 422, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(made)
    }

    fn line_comment(&self, first: &str, decision: &Decision) -> Value {
        let (path, line) = (&decision.finding.location.path, decision.finding.location.start.line);
        json!({ "path": path, "line": line, "side": "RIGHT", "body": self.line_text(first, decision) })
    }

    fn line_text(&self, first: &str, decision: &Decision) -> String {
        format!("{first}\n{}", text(self.job.outcome, decision))
    }

    /// Our comments at lines by their first line; of two that are the same one counts.
    fn lines_there(&self, pull: &str) -> Result<BTreeMap<String, There>, PublishError> {
        let all = self.wire.pages(WHAT, &format!("{pull}/comments"), "")?;
        let end = format!("{} -->", self.name);
        let own = all.iter().filter(|comment| self.is_ours(comment)).filter_map(|comment| {
            let body = comment.get("body")?.as_str()?.to_owned();
            let first = body.lines().next()?.trim_end().to_owned();
            let (_, rest) = first.strip_prefix("<!-- tollgate:v1 line ")?.split_once(' ')?;
            (rest == end).then_some((first, There { id: comment.get("id")?.as_u64()?, body }))
        });
        Ok(own.collect())
    }

    /// The lines each file of the request gets; files without a patch (large, binary) get none.
    fn lines_added(&self, pull: &str) -> Result<BTreeMap<String, BTreeSet<u32>>, PublishError> {
        let files = self.wire.pages("the files of the request", &format!("{pull}/files"), "")?;
        let lines = files.iter().filter_map(|file| {
            Some((file.get("filename")?.as_str()?.to_owned(), patch::added(file.get("patch")?.as_str()?)))
        });
        Ok(lines.collect())
    }
}

/// Every finding that blocks or is advised in the version people see, the worst first, after the first line it gets.
fn open<'o>(name: &str, outcome: &'o Outcome) -> Vec<(String, &'o Decision)> {
    let is_open = |decision: &&Decision| {
        matches!(decision.action, Action::Block | Action::Advise)
            && !github::other_version(outcome, &decision.finding.location)
    };
    let named = |decision: &'o Decision| {
        let finding = &decision.finding;
        let key = format!("{}-{}", finding.fingerprint.hex(), finding.occurrence);
        (format!("<!-- tollgate:v1 line {key} {name} -->"), decision)
    };
    worst_first(outcome).into_iter().filter(is_open).map(named).collect()
}

fn text(outcome: &Outcome, decision: &Decision) -> String {
    let finding = &decision.finding;
    let sentence = |text: &str| prose(&safe::cut(text, SENTENCE));
    let mut parts = vec![format!("**{}:** {}", decision.action.word(), sentence(&finding.title))];
    parts.extend(Some(&finding.detail).filter(|detail| !detail.is_empty()).map(|detail| sentence(detail)));
    if let Some(rule) = outcome.rule(&finding.rule.0) {
        parts.push(format!("**Why:** {}", sentence(&rule.why)));
        parts.push(format!("**Fix:** {}", sentence(&rule.fix)));
    }
    let rule = safe::markdown_code(&safe::cut(&finding.rule.0, 100));
    parts.push(format!("{}, rule {rule}, finding `{}`", finding.severity.word(), finding.fingerprint));
    parts.join("\n\n")
}

fn resolved(first: &str) -> String {
    format!("{first}\n**Resolved:** the last report no longer has this finding open.")
}

fn said(made: usize, edited: usize, left: usize) -> String {
    if made + edited == 0 && left == 0 {
        return "as they were".to_owned();
    }
    let left = match left {
        0 => String::new(),
        _ => format!(", {} not at a line this change adds", counted(left as u64, "finding")),
    };
    format!("{} made, {edited} edited{left}", counted(made as u64, "comment"))
}
