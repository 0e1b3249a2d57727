//! Who can start a job: its events, and what `if:` asks before it runs.

use crate::identity::Setting;
use crate::manifest::file::File;
use crate::text::span::Span;
use crate::text::tree::Node;

/// Who can start a job, least trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// Anyone with an account, and the job holds the token and the secrets of the repository.
    Outsiders,
    /// An outsider's change, once somebody has set a label on it.
    Labelled,
    /// Anyone who opens a pull request, but then without secrets and with a token that reads.
    Forks,
    /// People who may write to the repository, and the clock.
    Members,
    /// Whoever starts the workflow that calls this one.
    Caller,
}

/// One event that starts a workflow.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// Its name, such as `pull_request_target`.
    pub(super) event: String,
    /// Who brings it about.
    pub(super) who: Who,
    /// Where it says so.
    pub(super) at: Span,
}

impl Who {
    const fn word(self) -> &'static str {
        match self {
            Self::Outsiders => "outsiders",
            Self::Labelled => "labelled",
            Self::Forks => "forks",
            Self::Members => "members",
            Self::Caller => "caller",
        }
    }
}

impl Start {
    /// `started-by.outsiders: issue_comment`.
    pub(super) fn setting(&self, file: &File<'_>) -> Setting {
        Setting {
            name: format!("started-by.{}", self.who.word()),
            value: self.event.clone(),
            place: file.location(self.at),
        }
    }
}

/// The events of a workflow.
pub(super) fn starts(workflow: &Node) -> Vec<Start> {
    let Some(on) = workflow.get("on") else { return vec![] };
    let start = |name: &Node, filter: Option<&Node>| {
        let event = name.scalar()?;
        Some(Start { who: who(&event, filter), event, at: name.span })
    };
    let single = start(on, None);
    let listed = on.items().iter().filter_map(|name| start(name, None));
    let mapped = on.entries().iter().filter_map(|(name, filter)| start(name, Some(filter)));
    single.into_iter().chain(listed).chain(mapped).collect()
}

/// Source: GitHub, "Events that trigger workflows" and "Secure use reference".
fn who(event: &str, filter: Option<&Node>) -> Who {
    match event {
        "pull_request_target" | "issues" | "discussion" if only_labelled(filter) => Who::Labelled,
        "pull_request_target"
        | "issue_comment"
        | "issues"
        | "discussion"
        | "discussion_comment"
        | "workflow_run"
        | "fork"
        | "watch" => Who::Outsiders,
        "pull_request" | "pull_request_review" | "pull_request_review_comment" => Who::Forks,
        "workflow_call" => Who::Caller,
        _ => Who::Members,
    }
}

/// Whether the event is limited to what only people who may sort issues can do.
fn only_labelled(filter: Option<&Node>) -> bool {
    const SORTING: [&str; 6] = ["labeled", "unlabeled", "assigned", "unassigned", "milestoned", "pinned"];
    let Some(types) = filter.and_then(|filter| filter.get("types")) else { return false };
    let single = types.as_text().is_some_and(|kind| SORTING.contains(&kind));
    let all = types.items().iter().all(|kind| kind.as_text().is_some_and(|kind| SORTING.contains(&kind)));
    single || (!types.items().is_empty() && all)
}

/// What is left of `starts` once `condition`, the text of an `if:`, is true.
pub(super) fn narrowed(starts: &[Start], condition: &str) -> Vec<Start> {
    let condition = condition.to_ascii_lowercase().replace('"', "'");
    let ways: Vec<String> = alternatives(&condition).into_iter().map(compact).collect();
    let mut left = Vec::new();
    for start in starts {
        let open: Vec<&String> = ways.iter().filter(|way| admits(way, &start.event)).collect();
        let Some(who) = open.iter().map(|way| guarded(way, start.who)).min() else { continue };
        left.push(Start { who, ..start.clone() });
    }
    left
}

fn compact(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The sides of every `||` that stands in no parentheses.
fn alternatives(condition: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut from) = (0_usize, 0);
    for (at, byte) in condition.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'|' if depth == 0 && condition.get(at..at + 2) == Some("||") => {
                found.push(condition.get(from..at).unwrap_or_default());
                from = at + 2;
            }
            _ => {}
        }
    }
    found.push(condition.get(from..).unwrap_or_default());
    found
}

/// Whether a side of the condition can be true of `event`.
fn admits(way: &str, event: &str) -> bool {
    let asked: Vec<&str> = way
        .match_indices("github.event_name=='")
        .filter_map(|(at, mark)| way.get(at + mark.len()..)?.split('\'').next())
        .collect();
    let refused = way.contains(&format!("github.event_name!='{event}'"));
    !refused && (asked.is_empty() || asked.contains(&event))
}

/// Conditions that only somebody of the project, or one of its bots, can meet.
const GUARDS: [&str; 22] = [
    "author_association",
    "head.repo.full_name==github.repository",
    "github.repository==github.event.pull_request.head.repo.full_name",
    "head.repo.full_name=='",
    "head.repo.fork==false",
    "!github.event.pull_request.head.repo.fork",
    "head.repo.owner.login==",
    "head.user.login==",
    "head_repository.full_name==github.repository",
    "head_repository.full_name=='",
    "head_repository.id==github.repository_id",
    "workflow_run.event=='push'",
    "workflow_run.event=='schedule'",
    "workflow_run.event=='workflow_dispatch'",
    "workflow_run.event!='pull_request'",
    "workflow_run.event=='release'",
    "github.actor=='",
    "github.triggering_actor=='",
    ".login=='",
    "pull_request.merged",
    "),github.actor)",
    "),github.event.comment.user.login)",
];

/// Who can start it by a side of the condition that admits it.
fn guarded(way: &str, who: Who) -> Who {
    if who > Who::Forks {
        return who;
    }
    if GUARDS.iter().any(|guard| way.contains(guard)) {
        return Who::Members;
    }
    let labels = "contains(github.event.pull_request.labels";
    let label = way.contains("github.event.label.name=='")
        || (way.contains(labels) && !way.contains(&format!("!{labels}")));
    if label && who == Who::Outsiders { Who::Labelled } else { who }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::tree::read_yaml;

    fn of(yaml: &str) -> Vec<(String, Who)> {
        let tree = read_yaml(yaml.as_bytes());
        starts(&tree.documents[0]).into_iter().map(|start| (start.event, start.who)).collect()
    }

    #[test]
    fn events_are_read_in_their_three_shapes() {
        let one = |event: &str, who| vec![(event.to_owned(), who)];
        for (yaml, expected) in [
            ("on: push", one("push", Who::Members)),
            ("'on': issue_comment", one("issue_comment", Who::Outsiders)),
            ("on: [pull_request]", one("pull_request", Who::Forks)),
            ("on: { pull_request_target: { types: [opened] } }", one("pull_request_target", Who::Outsiders)),
            ("on: { pull_request_target: { types: [labeled] } }", one("pull_request_target", Who::Labelled)),
            ("on: { workflow_call: }", one("workflow_call", Who::Caller)),
            ("jobs: {}", vec![]),
        ] {
            assert_eq!(of(yaml), expected, "{yaml}");
        }
    }

    #[test]
    fn a_condition_narrows_who_can_start_a_job() {
        let start =
            |event: &str| Start { event: event.to_owned(), who: who(event, None), at: Span::default() };
        let both = [start("pull_request_target"), start("push")];
        for (condition, outsiders, left) in [
            ("", true, 2),
            ("always()", true, 2),
            ("github.event_name == 'push'", false, 1),
            ("github.event_name != 'pull_request_target'", false, 1),
            ("github.event_name == 'push' || github.actor == 'dependabot[bot]'", false, 2),
            ("github.event_name == 'push' || true", true, 2),
            ("github.event.pull_request.head.repo.full_name == github.repository", false, 2),
            ("github.repository == 'acme/pay'", true, 2),
            ("github.actor != 'dependabot[bot]'", true, 2),
            ("github.event.pull_request.merged == true", false, 2),
            ("contains(github.event.pull_request.labels.*.name, 'ok')", false, 2),
            ("!contains(github.event.pull_request.labels.*.name, 'skip')", true, 2),
            (
                "(github.event_name == 'push' || x) && github.event.comment.author_association == 'OWNER'",
                false,
                1,
            ),
        ] {
            let found = narrowed(&both, condition);
            assert_eq!(found.iter().any(|start| start.who == Who::Outsiders), outsiders, "{condition}");
            assert_eq!(found.len(), left, "{condition}");
        }
    }

    proptest! {
        #[test]
        fn a_condition_never_makes_a_job_easier_to_start(condition in "[ -~]{0,60}") {
            let before = [Start { event: "issues".to_owned(), who: Who::Outsiders, at: Span::default() }];
            for after in narrowed(&before, &condition) {
                prop_assert!(after.who >= Who::Outsiders);
            }
        }
    }
}
