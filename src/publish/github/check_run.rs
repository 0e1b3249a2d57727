//! The check run: the verdict on the commit, and an annotation for each finding.
//!
//! A request takes 50 annotations and later ones are added to those that are there, so an update sent twice would show
//! them twice. How many are there is read back before anything is sent again, and a run that was interrupted goes on
//! where it stopped. What a check says is named by a digest in `external_id`: a check with that name and all its
//! annotations is left alone.
//!
//! A report that another run made can make a check fail and never pass: whoever wrote the change could have written it.
//!
//! Source: GitHub REST API, "Check runs".

use serde_json::{Map, Value, json};

use super::{Hub, place};
use crate::decide::{Action, Decision, Verdict};
use crate::finding::{Gap, Location};
use crate::outcome::Outcome;
use crate::publish::PublishError;
use crate::publish::wire::Verb;
use crate::report::Options;
use crate::report::outcome::{counted, github, headline, markdown, relative, worst_first};
use crate::text::json::write_canonical;
use crate::text::span::Position;
use crate::text::{hash, safe};

/// Annotations of one request.
const BATCH: usize = 50;

/// Annotations of one check; the summary has the others.
const MOST: usize = 500;

/// Bytes of the summary, of which 65,535 characters may be.
const SUMMARY: usize = 60_000;

/// Characters of a message; 64 KiB may be.
const MESSAGE: usize = 4_000;

const WHAT: &str = "the check run";

/// A check run as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    /// The headline.
    pub title: String,
    /// The report as Markdown.
    pub summary: String,
    /// At most [`MOST`], the worst first.
    pub annotations: Vec<Value>,
    /// `failure`, `neutral` or `success`.
    pub conclusion: &'static str,
}

impl CheckRun {
    /// The check run of an outcome; a `foreign` one never succeeds.
    pub fn of(outcome: &Outcome, foreign: bool) -> Self {
        let here = |decision: &&Decision| !github::other_version(outcome, &decision.finding.location);
        let findings = worst_first(outcome).into_iter().filter(here);
        let findings = findings.map(|decision| of_finding(outcome, decision));
        let gaps = outcome.gaps.iter().map(|gap| of_gap(gap, outcome.gaps_block));
        let annotations: Vec<Value> = findings.chain(gaps).take(MOST).collect();
        let left = outcome.decisions.len() + outcome.gaps.len() - annotations.len();
        let mut summary = markdown::within(SUMMARY, outcome, &Options::default(), |key| key != "recorded");
        if left > 0 {
            let left = counted(left as u64, "result");
            summary = format!("{summary}\n{left} without an annotation.\n");
        }
        Self {
            title: safe::cut(&safe::line(&headline(outcome)), 200),
            summary,
            annotations,
            conclusion: match outcome.verdict {
                Verdict::Blocked => "failure",
                Verdict::Clean if !foreign => "success",
                _ => "neutral",
            },
        }
    }

    /// Names all that it says.
    pub fn digest(&self) -> String {
        let all = json!([self.title, self.summary, self.annotations, self.conclusion]);
        hash::digest(&write_canonical(&all)).chars().skip(7).take(40).collect()
    }

    /// What the request says that brings annotations `from..from + BATCH`, and the end where these are the last.
    fn batch(&self, from: usize) -> (Map<String, Value>, usize) {
        let batch: Vec<&Value> = self.annotations.iter().skip(from).take(BATCH).collect();
        let until = from + batch.len();
        let output = json!({ "title": self.title, "summary": self.summary, "annotations": batch });
        let mut body = Map::from_iter([("output".to_owned(), output)]);
        if until == self.annotations.len() {
            body.insert("status".to_owned(), "completed".into());
            body.insert("conclusion".to_owned(), self.conclusion.into());
        } else {
            body.insert("status".to_owned(), "in_progress".into());
        }
        (body, until)
    }
}

impl Hub<'_> {
    /// Makes the check run, completes it, or leaves it; says which.
    pub(super) fn put_check_run(&self) -> Result<String, PublishError> {
        let wanted = CheckRun::of(self.job.outcome, self.place.foreign);
        let digest = wanted.digest();
        let annotations = counted(wanted.annotations.len() as u64, "annotation");
        let (word, mut there) = match self.find_check_run(&digest)? {
            Some(there) if is_whole(&there, &wanted) => return Ok(format!("as it was, with {annotations}")),
            Some(there) => ("completed", there),
            None => ("made", self.make_check_run(&wanted, &digest)?),
        };
        while !is_whole(&there, &wanted) {
            there = self.extend_check_run(&there, &wanted)?;
        }
        Ok(format!("{word}, with {annotations}"))
    }

    fn make_check_run(&self, wanted: &CheckRun, digest: &str) -> Result<Value, PublishError> {
        let (mut body, _) = wanted.batch(0);
        body.insert("name".to_owned(), self.name.into());
        body.insert("head_sha".to_owned(), self.place.head.clone().into());
        body.insert("external_id".to_owned(), digest.into());
        let find = || self.find_check_run(digest);
        let route = format!("/repos/{}/check-runs", self.place.repository);
        self.wire.add(WHAT, Verb::Post, &route, &body.into(), find)
    }

    /// Brings the next batch to `there`.
    fn extend_check_run(&self, there: &Value, wanted: &CheckRun) -> Result<Value, PublishError> {
        let id = there.get("id").and_then(Value::as_u64).ok_or(PublishError::Answer(WHAT))?;
        let route = format!("/repos/{}/check-runs/{id}", self.place.repository);
        let (body, until) = wanted.batch(count(there));
        let find = || {
            let now = self.wire.get(WHAT, &route)?;
            Ok((count(&now) >= until).then_some(now))
        };
        let now = self.wire.add(WHAT, Verb::Patch, &route, &body.into(), find)?;
        // Anything else would be sent for ever.
        if count(&now) < until || until == wanted.annotations.len() && !is_whole(&now, wanted) {
            return Err(PublishError::Answer(WHAT));
        }
        Ok(now)
    }

    /// The check run of ours that says just this.
    fn find_check_run(&self, digest: &str) -> Result<Option<Value>, PublishError> {
        let Self { place, name, author, .. } = self;
        let name = place::encoded(name);
        let route = format!(
            "/repos/{}/commits/{}/check-runs?filter=all&check_name={name}",
            place.repository, place.head
        );
        let runs = self.wire.pages("the check runs", &route, "check_runs")?;
        let ours = |run: &Value| {
            let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            text("/external_id") == digest && format!("{}[bot]", text("/app/slug")) == *author
        };
        Ok(runs.into_iter().find(ours))
    }
}

/// How many annotations a check run has.
fn count(run: &Value) -> usize {
    let count = run.pointer("/output/annotations_count").and_then(Value::as_u64).unwrap_or_default();
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn is_whole(run: &Value, wanted: &CheckRun) -> bool {
    let completed = run.get("status").and_then(Value::as_str) == Some("completed");
    completed && count(run) >= wanted.annotations.len()
}

fn of_finding(outcome: &Outcome, decision: &Decision) -> Value {
    let level = match decision.action {
        Action::Block => "failure",
        Action::Advise => "warning",
        Action::Except | Action::Inherit => "notice",
    };
    let title = format!("{}: {}", decision.action.word(), decision.finding.rule);
    let Location { path, start, end, .. } = &decision.finding.location;
    annotation(path, (*start, *end), level, &title, &github::message(outcome, decision))
}

fn of_gap(gap: &Gap, blocks: bool) -> Value {
    let title = format!("gap: {}", gap.reason.word());
    let message = format!("not read in full\n{}", gap.detail);
    let top = Position { line: 1, column: 0 };
    let level = if blocks { "failure" } else { "warning" };
    annotation(&gap.path, (top, top), level, &title, message.trim_end())
}

/// GitHub takes columns where both ends are on one line.
fn annotation(
    path: &str,
    (from, to): (Position, Position),
    level: &str,
    title: &str,
    message: &str,
) -> Value {
    let (start, end) = (from.line.max(1), to.line.max(from.line).max(1));
    let lines: Vec<String> = message.lines().map(safe::line).collect();
    let mut annotation = json!({
        "path": relative(path),
        "start_line": start,
        "end_line": end,
        "annotation_level": level,
        "title": safe::cut(&safe::line(title), 255),
        "message": safe::cut(&lines.join("\n"), MESSAGE),
    });
    if let (Some(fields), true) = (annotation.as_object_mut(), start == end && from.column > 0) {
        fields.insert("start_column".to_owned(), from.column.into());
        fields.insert("end_column".to_owned(), to.column.max(from.column).into());
    }
    annotation
}
