//! What a run is about: the repository, the commit and the request, from the variables and the event that GitHub
//! wrote, and never from a file that a job of strangers may have written.
//!
//! | event | commit | request |
//! | --- | --- | --- |
//! | `pull_request` (from a fork: read-only), `pull_request_target` | its head | its number |
//! | `workflow_run` | head of the run before | asked of GitHub by repository, branch and commit of that head |
//! | `merge_group` | its head | none |
//! | any other | `GITHUB_SHA` | none |

use serde_json::Value;

use crate::pipeline::Environment;
use crate::publish::PublishError;
use crate::text::safe;

/// What a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `owner/name`.
    pub repository: String,
    /// Its immutable id.
    pub repository_id: String,
    /// The commit people look at.
    pub head: String,
    /// The pull request, or how to find it.
    pub wanted: Wanted,
    /// Whether the token of this run can write nothing.
    pub read_only: bool,
    /// Whether the report was made by another run, whose workflow its author could change.
    pub foreign: bool,
}

/// The pull request of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// It has none.
    Nothing,
    /// This one.
    Number(u64),
    /// The open one with this head.
    Head {
        /// Owner of the repository the branch is in.
        owner: String,
        /// The branch.
        branch: String,
        /// Id of that repository.
        repository: u64,
    },
}

impl Place {
    /// The place of a run with these variables and this event.
    pub fn of(environment: &Environment, event: &Value) -> Result<Self, PublishError> {
        let told = |name: &str| environment.get(name).unwrap_or_default().to_owned();
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        let number = |pointer: &str| event.pointer(pointer).and_then(Value::as_u64);
        let trigger = told("GITHUB_EVENT_NAME");
        let is_request = matches!(trigger.as_str(), "pull_request" | "pull_request_target");
        let head_repository = number("/pull_request/head/repo/id");
        let fork = head_repository.is_none() || head_repository != number("/pull_request/base/repo/id");
        let (head, wanted) = match trigger.as_str() {
            _ if is_request => (
                text("/pull_request/head/sha").map(str::to_owned),
                number("/pull_request/number").map_or(Wanted::Nothing, Wanted::Number),
            ),
            "workflow_run" => (text("/workflow_run/head_sha").map(str::to_owned), before(event)),
            "merge_group" => (text("/merge_group/head_sha").map(str::to_owned), Wanted::Nothing),
            _ => (Some(told("GITHUB_SHA")), Wanted::Nothing),
        };
        Ok(Self {
            repository: repository(&told("GITHUB_REPOSITORY"))?,
            repository_id: told("GITHUB_REPOSITORY_ID"),
            head: head.filter(|head| is_commit(head)).ok_or(PublishError::Run("its commit"))?,
            wanted,
            read_only: trigger == "pull_request" && fork,
            foreign: trigger == "workflow_run",
        })
    }
}

/// The head of the run that started this one, where that was for a pull request.
fn before(event: &Value) -> Wanted {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let for_request = text("/workflow_run/event").is_some_and(|event| event.starts_with("pull_request"));
    let repository = event.pointer("/workflow_run/head_repository/id").and_then(Value::as_u64);
    let head = (text("/workflow_run/head_repository/owner/login"), text("/workflow_run/head_branch"));
    match (head, repository) {
        ((Some(owner), Some(branch)), Some(repository)) if for_request => {
            Wanted::Head { owner, branch, repository }
        }
        _ => Wanted::Nothing,
    }
}

/// `owner/name` as it can stand in an address.
fn repository(text: &str) -> Result<String, PublishError> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.trim_matches('.').is_empty()
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
    };
    match text.split_once('/') {
        Some((owner, name)) if plain(owner) && plain(name) => Ok(text.to_owned()),
        _ => Err(PublishError::Run("its repository")),
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.chars().all(|letter| letter.is_ascii_hexdigit())
}

/// `text` as one value of a query.
pub fn encoded(text: &str) -> String {
    safe::uri(text).replace('/', "%2F")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HEAD: &str = "1111111111111111111111111111111111111111";

    fn place(trigger: &str, event: &Value) -> Result<Place, PublishError> {
        let pairs = [
            ("GITHUB_EVENT_NAME", trigger),
            ("GITHUB_REPOSITORY", "acme/pay"),
            ("GITHUB_REPOSITORY_ID", "77"),
            ("GITHUB_SHA", "2222222222222222222222222222222222222222"),
        ];
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Place::of(&Environment(pairs.collect()), event)
    }

    fn request(head: u64) -> Value {
        json!({ "pull_request": { "number": 7, "head": { "sha": HEAD, "repo": { "id": head } },
            "base": { "repo": { "id": 77 } } } })
    }

    #[test]
    fn a_request_of_a_fork_can_be_read_and_not_written_to() {
        let own = place("pull_request", &request(77)).unwrap();
        assert_eq!((own.head.as_str(), &own.wanted, own.read_only), (HEAD, &Wanted::Number(7), false));
        assert!(place("pull_request", &request(78)).unwrap().read_only);
        assert!(!place("pull_request_target", &request(78)).unwrap().read_only);
        let mut gone = request(78);
        gone["pull_request"]["head"]["repo"] = Value::Null;
        assert!(place("pull_request", &gone).unwrap().read_only, "a fork that was deleted is one");
    }

    #[test]
    fn a_run_after_another_is_about_its_head_and_asks_for_the_request() {
        let run = json!({ "event": "pull_request", "head_sha": HEAD, "head_branch": "a/b", "pull_requests": [],
            "head_repository": { "id": 78, "owner": { "login": "mallory" } } });
        let found = place("workflow_run", &json!({ "workflow_run": run })).unwrap();
        assert!(found.foreign && found.head == HEAD);
        let wanted = Wanted::Head { owner: "mallory".to_owned(), branch: "a/b".to_owned(), repository: 78 };
        assert_eq!(found.wanted, wanted);
        let mut push = run;
        push["event"] = json!("push");
        assert_eq!(place("workflow_run", &json!({ "workflow_run": push })).unwrap().wanted, Wanted::Nothing);
    }

    #[test]
    fn a_run_that_does_not_say_what_it_is_about_writes_nothing() {
        assert!(place("workflow_run", &Value::Null).is_err());
        assert!(place("pull_request", &json!({ "pull_request": { "head": { "sha": "../x" } } })).is_err());
        assert_eq!(place("push", &Value::Null).unwrap().head, "2".repeat(40));
        for name in ["acme", "acme/..", "acme/a?b", "/x", "a/b/c"] {
            assert!(repository(name).is_err(), "{name}");
        }
    }
}
