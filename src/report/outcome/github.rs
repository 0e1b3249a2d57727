//! For a GitHub job: workflow commands that become annotations.
//!
//! ```text
//! ::error file=deploy/prod.env,line=7,endLine=7,col=19,endColumn=39,title=block%3A aws-access-key::long-lived ...
//! ::notice title=tollgate::blocked: 1 finding blocks, no coverage gaps
//! ```
//!
//! A step may make ten annotations of each type; the eleventh is a log line that nobody sees. So the ten worst are
//! written, and the last notice gives the verdict and says how many were left out. Nothing else is written: every line
//! is a command of ours and all text of the repository is escaped inside it.
//!
//! Source: actions/runner, `ActionCommand.cs` and `ActionCommandManager.cs`; actions/toolkit, "Problem matchers".

use super::{counted, headline, leave, short, worst_first};
use crate::decide::{Action, Decision};
use crate::finding::{Gap, Location};
use crate::outcome::Outcome;
use crate::report::Options;
use crate::text::safe;

/// Annotations of one type that a step may make.
const EACH: usize = 10;

/// Characters of a message before it is escaped: the runner cuts at 4,096.
const MESSAGE: usize = 1_000;

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, _: &Options) -> String {
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    let mut notices = Vec::new();
    for decision in worst_first(outcome) {
        match decision.action {
            Action::Block => errors.push(Note::finding(outcome, decision)),
            Action::Advise => warnings.push(Note::finding(outcome, decision)),
            Action::Except | Action::Inherit => notices.push(Note::finding(outcome, decision)),
        }
    }
    let kept_shut = if outcome.gaps_block { &mut errors } else { &mut warnings };
    kept_shut.extend(outcome.gaps.iter().map(Note::gap));
    let mut text = String::new();
    let mut left = 0;
    // The last notice is the verdict, so one place less is free.
    for (kind, notes, most) in
        [("error", &errors, EACH), ("warning", &warnings, EACH), ("notice", &notices, EACH - 1)]
    {
        notes.iter().take(most).for_each(|note| text.push_str(&note.command(kind)));
        left += notes.len().saturating_sub(most);
    }
    text.push_str(&verdict(outcome, left).command("notice"));
    text
}

/// One annotation, not yet escaped.
struct Note {
    place: Vec<(&'static str, String)>,
    title: String,
    message: String,
}

impl Note {
    fn finding(outcome: &Outcome, decision: &Decision) -> Self {
        let location = &decision.finding.location;
        let other = other_version(outcome, location);
        Self {
            place: if other { Vec::new() } else { place(location) },
            title: format!("{}: {}", decision.action.word(), decision.finding.rule),
            message: message(outcome, decision),
        }
    }

    fn gap(gap: &Gap) -> Self {
        Self {
            place: vec![("file", gap.path.clone())],
            title: format!("gap: {}", gap.reason.word()),
            message: if gap.detail.is_empty() {
                "not read in full".to_owned()
            } else {
                format!("not read in full: {}", gap.detail)
            },
        }
    }

    /// The line of this note as a command of `kind`.
    fn command(&self, kind: &str) -> String {
        let mut properties = self.place.clone();
        properties.push(("title", safe::cut(&self.title, 255)));
        let written: Vec<String> =
            properties.iter().map(|(key, value)| format!("{key}={}", safe::github_property(value))).collect();
        format!("::{kind} {}::{}\n", written.join(","), safe::github_data(&safe::cut(&self.message, MESSAGE)))
    }
}

/// What is wrong and what to do, a sentence a line. It holds untrusted text.
pub(crate) fn message(outcome: &Outcome, decision: &Decision) -> String {
    let finding = &decision.finding;
    let mut lines = vec![finding.title.clone()];
    lines.extend(Some(&finding.detail).filter(|detail| !detail.is_empty()).cloned());
    if other_version(outcome, &finding.location) {
        let commit = finding.location.commit.as_deref().unwrap_or_default();
        let (path, line) = (&finding.location.path, finding.location.start.line);
        lines.push(format!("at {path}:{line} in commit {}", short(commit)));
    }
    lines.extend(decision.permit.as_ref().map(leave));
    lines.extend(decision.refused.iter().map(|refusal| format!("exception refused: {}", refusal.reason)));
    if let (None, Some(rule)) = (&decision.permit, outcome.rule(&finding.rule.0)) {
        lines.push(format!("fix: {}", rule.fix));
    }
    lines.push(format!("finding: {}", finding.fingerprint));
    lines.join("\n")
}

/// Whether the finding stands in another version of the file than the one people see beside the annotation.
pub(crate) fn other_version(outcome: &Outcome, location: &Location) -> bool {
    location.commit.as_ref().is_some_and(|commit| *commit != outcome.run.commit)
}

/// The runner drops columns where the lines differ, so they are not written there.
fn place(location: &Location) -> Vec<(&'static str, String)> {
    let (start, end) = (location.start, location.end.max(location.start));
    let mut place = vec![
        ("file", location.path.clone()),
        ("line", start.line.to_string()),
        ("endLine", end.line.to_string()),
    ];
    if start.line == end.line {
        place.push(("col", start.column.to_string()));
        place.push(("endColumn", end.column.to_string()));
    }
    place
}

fn verdict(outcome: &Outcome, left: usize) -> Note {
    let mut lines = vec![headline(outcome)];
    if left > 0 {
        lines.push(format!(
            "{} without an annotation; the json report has all",
            counted(left as u64, "result")
        ));
    }
    if let Some(why) = &outcome.unrecorded {
        lines.push(format!("advisory: nothing was recorded, {why}"));
    }
    lines.extend(outcome.overrides_rejected.iter().map(|text| format!("ignored: `{text}`")));
    Note { place: Vec::new(), title: "tollgate".to_owned(), message: lines.join("\n") }
}
