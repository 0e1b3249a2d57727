//! What a GitHub event file adds to a run: the base, the head and who asked.

use serde_json::Value;

use super::Run;

/// The id git writes where there is no commit.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// Fills `run` from the event of the kind `run.trigger`; what the event does not say stays as it was.
///
/// Source: GitHub, "Events that trigger workflows", and the samples of octokit/webhooks.
pub fn apply(run: &mut Run, event: &Value) {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |pointer: &str| event.pointer(pointer).and_then(Value::as_u64);
    let own = text("/repository/default_branch");
    if !own.is_empty() {
        run.protected.insert(0, own);
    }
    match run.trigger.as_str() {
        "pull_request" | "pull_request_target" => {
            run.base = text("/pull_request/base/sha");
            run.commit = text("/pull_request/head/sha");
            run.request = number("/pull_request/number").map(|number| number.to_string()).unwrap_or_default();
            run.request_author = text("/pull_request/user/login");
            let head = number("/pull_request/head/repo/id");
            run.fork = head.is_none() || head != number("/pull_request/base/repo/id");
        }
        "merge_group" => {
            run.base = text("/merge_group/base_sha");
            run.commit = text("/merge_group/head_sha");
        }
        "push" => {
            let before = text("/before");
            if before != NO_COMMIT {
                run.before = before;
            }
        }
        "workflow_run" => run.commit = text("/workflow_run/head_sha"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pull_request_tells_base_head_author_and_whether_it_is_a_fork() {
        let mut run = Run { trigger: "pull_request".to_owned(), ..Run::default() };
        let side = |sha: &str, repo: u64| json!({ "sha": sha, "repo": { "id": repo } });
        let request =
            json!({ "number": 7, "user": { "login": "dana" }, "base": side("b", 1), "head": side("h", 2) });
        apply(&mut run, &json!({ "pull_request": request }));
        assert_eq!((run.base.as_str(), run.commit.as_str(), run.request.as_str()), ("b", "h", "7"));
        assert!(run.fork && run.request_author == "dana");
    }

    #[test]
    fn a3_a_push_tells_no_base_that_could_be_trusted() {
        let mut run = Run { trigger: "push".to_owned(), ..Run::default() };
        apply(&mut run, &json!({ "before": NO_COMMIT }));
        assert_eq!((run.base.as_str(), run.before.as_str()), ("", ""));
        apply(&mut run, &json!({ "before": "abc" }));
        assert_eq!((run.base.as_str(), run.before.as_str()), ("", "abc"));
    }
}
