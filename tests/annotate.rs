//! `annotate` against a forge on this machine that checks every request and fails when it is told to.
//!
//! Every test runs the real binary as a workflow would, and looks at what the forge holds afterwards.
#![cfg(feature = "annotate")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on should say where"
)]

#[path = "support/contract.rs"]
mod contract;
#[path = "support/forge.rs"]
mod forge;
#[path = "support/run.rs"]
mod run;
mod support;

use std::sync::OnceLock;

use forge::{Fault, Forge, TOKEN};
use run::{Said, Stage, borrowed, token};
use serde_json::{Value, json};

const HEAD: &str = "1111111111111111111111111111111111111111";

/// Everything that means something to a forge or to a runner.
const HOSTILE: &str = "\n-->\n<!-- tollgate:v1 comment tollgate -->\n::error::x\n##[error]`b`</td><script>@team #12 \
    [x](javascript:y) ![i](https://evil.example/p.png) |\u{202e}\u{0}";

/// A pull request with number 7, the repository it is for, and the forge both are on.
struct Bot {
    forge: Forge,
    stage: Stage,
    variables: Vec<(&'static str, String)>,
}

impl Bot {
    /// In a run of `pull_request`; the files of `report` are new in it.
    fn new() -> Self {
        let (forge, stage) = (Forge::start(), Stage::folder());
        let mut variables = stage.github("0000000000000000000000000000000000000002", HEAD, "kim");
        variables.extend([("GITHUB_API_URL", forge.api("/api/v3")), ("GITHUB_TOKEN", TOKEN.to_owned())]);
        forge.state().pulls.push(pull(7, HEAD, "acme:change", 77));
        Self { forge, stage, variables }
    }

    /// In a run of `workflow_run` after the run of a fork's request; GitHub names no request there.
    fn after_a_fork() -> Self {
        let mut bot = Self::new();
        let run = json!({ "event": "pull_request", "head_sha": HEAD, "head_branch": "a/b", "pull_requests": [],
            "head_repository": { "id": 99, "owner": { "login": "mallory" } } });
        let path = bot.stage.home().join("event.json");
        bot.stage.repo.write(path, json!({ "workflow_run": run }).to_string());
        bot.set("GITHUB_EVENT_NAME", "workflow_run");
        bot.forge.state().pulls = vec![
            pull(6, HEAD, "acme:a/b", 77),
            pull(8, "3333333333333333333333333333333333333333", "mallory:a/b", 99),
            pull(7, HEAD, "mallory:a/b", 99),
        ];
        bot
    }

    /// In the pipeline of a merge request on GitLab.
    fn on_gitlab() -> Self {
        let mut bot = Self::new();
        let pairs = [
            ("GITLAB_CI", "true".to_owned()),
            ("CI_API_V4_URL", bot.forge.api("/api/v4")),
            ("CI_COMMIT_SHA", HEAD.to_owned()),
            ("CI_MERGE_REQUEST_IID", "7".to_owned()),
            ("CI_MERGE_REQUEST_PROJECT_ID", "77".to_owned()),
            ("GITLAB_TOKEN", TOKEN.to_owned()),
        ];
        bot.variables = pairs.to_vec();
        bot
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
    }

    fn fail(&self, fault: Fault) -> &Self {
        self.forge.state().faults.push(fault);
        self
    }

    /// Annotates with `report`, and panics where the token shows.
    #[track_caller]
    fn annotate(&self, report: &Value) -> Said {
        self.annotate_with(report, &[])
    }

    #[track_caller]
    fn annotate_with(&self, report: &Value, more: &[&str]) -> Said {
        self.stage.repo.write("outcome.json", report.to_string());
        let files = report["findings"].as_array().into_iter().flatten().map(|finding| {
            let lines: String = (0..300).map(|_| "+line\n").collect();
            json!({ "filename": finding["place"]["path"], "patch": format!("@@ -0,0 +1,300 @@\n{lines}") })
        });
        if self.forge.state().files.is_empty() {
            let files: Vec<Value> = files.collect();
            self.forge.state().files = files;
        }
        let forge =
            if self.variables.iter().any(|(name, _)| *name == "GITLAB_CI") { "gitlab" } else { "github" };
        let mut arguments = vec!["annotate", "--from", "outcome.json", "--forge", forge];
        arguments.extend(more);
        let said = self.stage.run_with(&arguments, &borrowed(&self.variables));
        assert!(!format!("{}{}", said.out, said.err).contains(TOKEN), "{said:?}");
        said
    }
}

fn pull(number: u64, head: &str, label: &str, repository: u64) -> Value {
    json!({ "number": number, "state": "open",
        "head": { "sha": head, "label": label, "repo": { "id": repository } } })
}

/// What goes wrong once, after the request was carried out or instead.
fn fault(method: &'static str, path: &'static str, status: u16, done: bool) -> Fault {
    Fault { method, path, status, headers: "", body: json!({ "message": "Server Error" }), done }
}

/// A report of a real run with one blocking finding.
fn template() -> &'static Value {
    static REPORT: OnceLock<Value> = OnceLock::new();
    REPORT.get_or_init(|| {
        let stage = Stage::new();
        stage.repo.write("deploy.env", format!("GITHUB_TOKEN={}\n", token("annotate")));
        let (code, mut report) = stage.check(&[]);
        assert_eq!((code, report["findings"].as_array().unwrap().len()), (1, 1));
        report["run"]["commit"] = json!(HEAD);
        report["run"]["repo_id"] = json!("77");
        report
    })
}

/// A report with a blocking finding in line `line` of each of `names`.
fn report(names: &[&str]) -> Value {
    let mut report = template().clone();
    let finding = |name: &&str| {
        let mut finding = report["findings"][0].clone();
        let digest = tollgate::text::hash::digest(name.as_bytes());
        finding["fingerprint"] = json!(digest["sha256:".len()..][..32]);
        finding["place"]["path"] = json!(name);
        finding
    };
    report["findings"] = names.iter().map(finding).collect();
    if names.is_empty() {
        report["outcome"] = json!("clean");
    }
    report
}

fn bodies(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["body"].as_str().unwrap()).collect()
}

/// What a reader of Markdown takes for text: all but code spans.
fn outside_code(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('`') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let fence: String = from.chars().take_while(|letter| *letter == '`').collect();
        let inside = &from[fence.len()..];
        let closing = inside
            .match_indices(&fence)
            .find(|(at, _)| !inside[..*at].ends_with('`') && !inside[at + fence.len()..].starts_with('`'));
        rest = match closing {
            Some((end, _)) if !before.ends_with('\\') => &inside[end + fence.len()..],
            _ => inside,
        };
    }
    out + rest
}

#[test]
fn a_run_is_shown_once_and_the_second_time_nothing_is_written() {
    let bot = Bot::new();
    let said = bot.annotate(&report(&["a.env", "b.env"])).ends(0);
    assert_eq!(
        said.out,
        "check run: made, with 2 annotations\ncomment: made\nlines: 2 comments made, 0 edited\n"
    );
    assert_eq!(bot.forge.writes(), 3, "a check run, a comment, a review");
    {
        let state = bot.forge.state();
        assert_eq!(state.checks[0]["conclusion"], "failure");
        assert_eq!(state.checks[0]["head_sha"], HEAD);
        assert_eq!(state.annotations[0]["annotation_level"], "failure");
        assert!(state.comments[0]["body"].as_str().unwrap().contains("blocked: 2 findings block"));
        assert_eq!(state.lines[0]["side"], "RIGHT");
        assert_eq!(state.reviews.len(), 1);
    }
    let said = bot.annotate(&report(&["a.env", "b.env"])).ends(0);
    assert_eq!(
        said.out,
        "check run: as it was, with 2 annotations\ncomment: as it was\nlines: as they were\n"
    );
    assert_eq!(bot.forge.writes(), 0);
    let mut later = report(&["a.env", "b.env"]);
    later["decided_at"] = json!("2027-01-01T00:00:00.000Z");
    bot.annotate(&later).ends(0);
    assert_eq!(bot.forge.writes(), 0, "another time and record are no other content");
}

#[test]
fn annotations_go_out_in_batches_of_fifty_and_each_arrives_once() {
    let names: Vec<String> = (0..120).map(|index| format!("{index:03}.env")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bot = Bot::new();
    // The second batch is carried out, and the answer is lost.
    bot.fail(fault("PATCH", "/check-runs/1001", 502, true));
    bot.annotate(&report(&names)).ends(0);
    bot.forge.writes();
    let state = bot.forge.state();
    assert_eq!((state.checks.len(), state.annotations.len()), (1, 120));
    let paths: std::collections::BTreeSet<&str> =
        state.annotations.iter().map(|note| note["path"].as_str().unwrap()).collect();
    assert_eq!(paths.len(), 120);
    assert_eq!(state.checks[0]["status"], "completed");
    assert_eq!(state.lines.len(), 30, "the comment has the others");
}

#[test]
fn a_check_run_that_was_interrupted_is_gone_on_with() {
    let names: Vec<String> = (0..70).map(|index| format!("{index:03}.env")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bot = Bot::new();
    for _ in 0..3 {
        bot.fail(fault("PATCH", "/check-runs/1001", 500, false));
    }
    let said = bot.annotate(&report(&names)).ends(2);
    assert!(said.err.contains("the forge gave no answer about the check run"), "{}", said.err);
    assert_eq!(bot.forge.state().checks[0]["status"], "in_progress");
    let said = bot.annotate(&report(&names)).ends(0);
    assert!(said.out.starts_with("check run: completed, with 70 annotations\n"), "{}", said.out);
    let state = bot.forge.state();
    assert_eq!((state.checks.len(), state.annotations.len()), (1, 70));
}

#[test]
fn what_was_written_before_a_502_is_not_written_again() {
    for path in ["/check-runs", "/comments", "/reviews"] {
        let bot = Bot::new();
        bot.fail(fault("POST", path, 502, true)).annotate(&report(&["a.env"])).ends(0);
        bot.forge.writes();
        let state = bot.forge.state();
        let counts = (state.checks.len(), state.comments.len(), state.reviews.len(), state.lines.len());
        assert_eq!(counts, (1, 1, 1, 1), "{path}");
    }
}

#[test]
fn what_was_not_written_before_a_502_is_written_after_it() {
    let bot = Bot::new();
    for path in ["/check-runs", "/comments", "/reviews"] {
        bot.fail(fault("POST", path, 502, false));
    }
    bot.annotate(&report(&["a.env"])).ends(0);
    assert_eq!(bot.forge.writes(), 6);
    let state = bot.forge.state();
    assert_eq!((state.checks.len(), state.comments.len(), state.reviews.len()), (1, 1, 1));
}

#[test]
fn a_forge_that_is_asked_too_often_is_given_the_time_it_names() {
    let bot = Bot::new();
    bot.fail(Fault { headers: "Retry-After: 1\r\n", ..fault("POST", "/comments", 429, false) });
    bot.fail(Fault { headers: "Retry-After: 1\r\n", ..fault("GET", "/files", 403, false) });
    bot.annotate(&report(&["a.env"])).ends(0);
    assert_eq!(bot.forge.writes(), 4);
    bot.fail(Fault { headers: "Retry-After: 3600\r\n", ..fault("GET", "/check-runs", 429, false) });
    let said = bot.annotate(&report(&["a.env"])).ends(2);
    assert!(said.err.contains("asks to wait 3600 s"), "{}", said.err);
    assert_eq!(bot.forge.writes(), 0);
}

#[test]
fn what_the_token_may_not_write_is_said_and_left_out() {
    let bot = Bot::new();
    let refused = |path| Fault {
        headers: "x-accepted-github-permissions: pull_requests=write\r\n",
        body: json!({ "message": "Resource not accessible by integration" }),
        ..fault("POST", path, 403, false)
    };
    bot.fail(refused("/comments")).fail(Fault { headers: "", ..refused("/check-runs") });
    let said = bot.annotate(&report(&["a.env"])).ends(0);
    let expected = "check run: not written, the token may not (Resource not accessible by integration)\n\
        comment: not written, the token may not (it needs `pull_requests=write`)\n\
        lines: 1 comment made, 0 edited\n";
    assert_eq!(said.out, expected);
}

#[test]
fn one_line_that_is_refused_does_not_take_the_others_with_it() {
    let bot = Bot::new();
    let report = report(&["a.env", "b.env", "c.env"]);
    bot.annotate(&report).ends(0);
    let mut state = bot.forge.state();
    state.lines.clear();
    state.files[1]["refuses"] = json!(1);
    drop(state);
    let said = bot.annotate(&report).ends(0);
    assert!(
        said.out.ends_with("lines: 2 comments made, 0 edited, 1 finding not at a line this change adds\n"),
        "{}",
        said.out
    );
    assert_eq!(bot.forge.state().lines.len(), 2);
}

#[test]
fn only_lines_that_the_change_adds_get_a_comment() {
    let bot = Bot::new();
    bot.forge.state().files = vec![
        json!({ "filename": "a.env", "patch": "@@ -1,2 +1,3 @@\n one\n+two\n three" }),
        json!({ "filename": "large.env" }),
    ];
    let said = bot.annotate(&report(&["a.env", "large.env", "elsewhere.env"])).ends(0);
    assert!(
        said.out.ends_with("lines: no comments made, 0 edited, 3 findings not at a line this change adds\n"),
        "{}",
        said.out
    );
    let mut moved = report(&["a.env"]);
    moved["findings"][0]["place"]["line"] = json!(2);
    bot.annotate(&moved).ends(0);
    assert_eq!(bot.forge.state().lines.len(), 1);
}

#[test]
fn a_comment_of_ours_is_found_behind_hundreds_of_others() {
    let bot = Bot::new();
    let other =
        |index: usize| json!({ "id": index, "body": format!("no. {index}"), "user": { "login": "dana" } });
    bot.forge.state().comments = (0..250).map(other).collect();
    bot.annotate(&report(&["a.env"])).ends(0);
    bot.annotate(&report(&["a.env", "b.env"])).ends(0);
    bot.forge.writes();
    let state = bot.forge.state();
    assert_eq!(state.comments.len(), 251);
    assert!(bodies(&state.comments)[250].contains("2 findings block"));
}

#[test]
fn a_comment_of_somebody_else_that_bears_our_mark_is_not_ours() {
    let bot = Bot::new();
    bot.annotate(&report(&["a.env"])).ends(0);
    let (mut comment, mut line) = {
        let mut state = bot.forge.state();
        (state.comments.remove(0), state.lines.remove(0))
    };
    comment["user"] = json!({ "login": "mallory", "type": "User" });
    comment["id"] = json!(1);
    line["user"] = json!({ "login": "github-actions", "type": "User" });
    line["id"] = json!(2);
    {
        let mut state = bot.forge.state();
        state.comments.push(comment.clone());
        state.lines.push(line.clone());
        state.files.clear();
        for run in &mut state.checks {
            run["app"] = json!({ "slug": "somebody-elses-app" });
        }
    }
    bot.forge.writes();
    bot.annotate(&report(&["a.env", "b.env"])).ends(0);
    assert_eq!(bot.forge.writes(), 3);
    let state = bot.forge.state();
    assert_eq!((&state.comments[0], &state.lines[0]), (&comment, &line), "they are as they were");
    assert_eq!((state.comments.len(), state.lines.len(), state.checks.len()), (2, 3, 2));
}

#[test]
fn what_is_resolved_is_marked_and_what_comes_back_is_open_again() {
    let bot = Bot::new();
    bot.annotate(&report(&["a.env", "b.env"])).ends(0);
    let said = bot.annotate(&report(&["a.env"])).ends(0);
    assert!(said.out.ends_with("comment: edited\nlines: no comments made, 1 edited\n"), "{}", said.out);
    let resolved = |bot: &Bot| {
        let state = bot.forge.state();
        bodies(&state.lines).iter().filter(|body| body.contains("**Resolved:**")).count()
    };
    assert_eq!(resolved(&bot), 1);
    let said = bot.annotate(&report(&[])).ends(0);
    assert!(said.out.contains("check run: made, with no annotations\ncomment: edited\n"), "{}", said.out);
    assert_eq!(resolved(&bot), 2);
    assert!(bodies(&bot.forge.state().comments)[0].contains("clean: nothing found"));
    bot.forge.writes();
    bot.annotate(&report(&[])).ends(0);
    assert_eq!(bot.forge.writes(), 0);
    bot.annotate(&report(&["b.env"])).ends(0);
    assert_eq!(resolved(&bot), 1);
    assert_eq!(bot.forge.state().lines.len(), 2, "nothing is ever deleted or made twice");
}

#[test]
fn a_clean_change_gets_a_check_and_no_comment() {
    let bot = Bot::new();
    let said = bot.annotate(&report(&[])).ends(0);
    assert_eq!(
        said.out,
        "check run: made, with no annotations\ncomment: none, nothing was found\nlines: as they were\n"
    );
    assert_eq!(bot.forge.state().checks[0]["conclusion"], "success");
}

#[test]
fn f3_a_report_that_another_run_made_never_makes_a_check_pass() {
    let bot = Bot::after_a_fork();
    bot.annotate(&report(&[])).ends(0);
    assert_eq!(bot.forge.state().checks[0]["conclusion"], "neutral");
    bot.annotate(&report(&["a.env"])).ends(0);
    assert_eq!(bot.forge.writes(), 4);
    let state = bot.forge.state();
    assert_eq!(state.checks[1]["conclusion"], "failure");
    assert_eq!((state.comments.len(), state.lines.len()), (1, 1), "on 7: neither 6 nor 8 has this head");
}

#[test]
fn f4_a_run_for_a_fork_writes_nothing_and_says_where_to_do_it() {
    let mut bot = Bot::new();
    let side = |sha: &str, id: u64| json!({ "sha": sha, "repo": { "id": id } });
    let event = json!({ "pull_request": { "number": 7, "head": side(HEAD, 99), "base": side("b", 77) } });
    let path = bot.stage.home().join("fork.json");
    bot.stage.repo.write(&path, event.to_string());
    bot.set("GITHUB_EVENT_PATH", &path.display().to_string());
    let said = bot.annotate(&report(&["a.env"])).ends(0);
    assert!(said.out.contains("workflow_run"), "{}", said.out);
    assert!(bot.forge.state().log.is_empty());
}

#[test]
fn a_request_that_moved_on_or_was_closed_gets_no_comments() {
    for (pointer, value, why) in [
        ("/head/sha", json!("4444444444444444444444444444444444444444"), "a newer commit"),
        ("/state", json!("closed"), "is closed"),
    ] {
        let bot = Bot::new();
        *bot.forge.state().pulls[0].pointer_mut(pointer).unwrap() = value;
        let said = bot.annotate(&report(&["a.env"])).ends(0);
        assert!(said.out.contains("comments: none, ") && said.out.contains(why), "{}", said.out);
        assert_eq!(bot.forge.writes(), 1);
    }
}

#[test]
fn a_report_about_something_else_is_not_shown() {
    for (pointer, message) in [("/run/commit", "about commit"), ("/run/repo_id", "about repository")] {
        let bot = Bot::new();
        let mut other = report(&["a.env"]);
        *other.pointer_mut(pointer).unwrap() = json!("5");
        let said = bot.annotate(&other).ends(2);
        assert!(said.err.contains(message), "{}", said.err);
        assert!(bot.forge.state().log.is_empty());
    }
}

#[test]
fn e3_texts_of_a_report_are_text_wherever_they_go() {
    let bot = Bot::new();
    let mut hostile = report(&["a.env", "b.env"]);
    for finding in hostile["findings"].as_array_mut().unwrap() {
        for field in ["rule", "title", "detail"] {
            finding[field] = json!(format!("p{HOSTILE}"));
        }
    }
    hostile["findings"][1]["place"]["path"] = json!(HOSTILE);
    hostile["rules"] = json!([{ "id": format!("p{HOSTILE}"), "title": HOSTILE, "why": HOSTILE, "fix": HOSTILE,
        "source": HOSTILE, "maps": [HOSTILE], "revoke": HOSTILE }]);
    hostile["gaps"] = json!([{ "path": HOSTILE, "reason": "limit", "detail": HOSTILE }]);
    hostile["run"]["pipeline"] = json!(HOSTILE);
    hostile["unrecorded"] = json!(HOSTILE);
    let said = bot.annotate(&hostile).ends(0);
    assert!(!said.out.contains("::error::") && !said.out.contains("##["), "{}", said.out);
    bot.forge.writes();
    let state = bot.forge.state();
    let summary = state.checks[0]["output"]["summary"].as_str().unwrap();
    for body in bodies(&state.comments).into_iter().chain(bodies(&state.lines)).chain([summary]) {
        let marks = body.lines().filter(|line| line.trim_start().starts_with("<!--")).count();
        assert_eq!(marks, usize::from(body != summary), "one mark, and that is ours: {body}");
        let prose = outside_code(body);
        for markup in ["<script", "</td>", "@team", "#12", "[x](", "![i]", "\u{202e}", "\u{0}"] {
            assert!(!prose.contains(markup), "{markup}: {body}");
        }
    }
    for note in &state.annotations {
        let text = note.to_string();
        assert!(!text.contains("\\u0000") && !text.contains('\u{202e}') && !text.contains("##["), "{text}");
    }
    drop(state);
    bot.annotate(&hostile).ends(0);
    assert_eq!(bot.forge.writes(), 0, "a hostile report is idempotent too");
}

#[test]
fn a_report_of_any_size_fits_into_what_the_forge_takes() {
    let names: Vec<String> = (0..3_000).map(|index| format!("{index:04}-{}.env", "x".repeat(300))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bot = Bot::new();
    bot.annotate(&report(&names)).ends(0);
    assert_eq!(bot.forge.writes(), 12, "ten batches, a comment, a review");
    let state = bot.forge.state();
    assert_eq!(state.annotations.len(), 500);
    assert!(
        state.checks[0]["output"]["summary"].as_str().unwrap().contains("2500 results without an annotation")
    );
    assert!(bodies(&state.comments)[0].contains(" more |"));
}

#[test]
fn what_is_no_whole_report_is_refused_before_anything_is_sent() {
    let bot = Bot::new();
    let with = |pointer: &str, value: Value| {
        let mut report = report(&["a.env"]);
        *report.pointer_mut(pointer).unwrap() = value;
        report
    };
    for (report, message) in [
        (json!("x"), "this is no report of the shape"),
        (
            with("/outcome", json!("clean")),
            "the report says `clean`, and its findings and gaps say otherwise",
        ),
        (with("/findings/0/action", json!("except")), "no usable `findings[0]`"),
        (with("/findings/0/severity", json!("worst::error::")), "no usable `findings[0]`"),
        (with("/coverage", json!(7)), "no usable `coverage`"),
    ] {
        let said = bot.annotate(&report).ends(2);
        assert!(said.err.contains(message), "{}", said.err);
    }
    let mut large = report(&["a.env"]);
    large["findings"][0]["detail"] = json!("x".repeat(17 << 20));
    assert!(bot.annotate(&large).ends(2).err.contains("is larger than 16 MiB"));
    assert!(bot.forge.state().log.is_empty());
}

#[test]
fn nothing_is_sent_offline_without_a_token_or_in_the_clear() {
    let mut bot = Bot::new();
    assert!(bot.annotate_with(&report(&[]), &["--offline"]).ends(2).err.contains("--offline"));
    bot.set("GITHUB_API_URL", "http://forge.example/api/v3");
    assert!(bot.annotate(&report(&[])).ends(2).err.contains("is not the https address of an API"));
    bot.variables.retain(|(name, _)| *name != "GITHUB_TOKEN");
    let said = bot.annotate(&report(&[])).ends(2);
    assert!(said.err.contains("there is no token in `GITHUB_TOKEN` or `GH_TOKEN`"), "{}", said.err);
    assert!(bot.forge.state().log.is_empty());
}

#[test]
fn a_token_that_writes_under_another_name_is_told_apart() {
    let bot = Bot::new();
    let said = bot.annotate_with(&report(&["a.env"]), &["--author", "gate[bot]"]).ends(2);
    assert_eq!(said.out, "check run: made, with 1 annotation\n", "what was done is said");
    assert!(said.err.contains("the token writes as `github-actions[bot]`"), "{}", said.err);
}

#[test]
fn two_gates_on_one_change_have_a_comment_each() {
    let bot = Bot::new();
    bot.annotate_with(&report(&["a.env"]), &["--name", "pay"]).ends(0);
    bot.annotate_with(&report(&["a.env"]), &["--name", "pay 2"]).ends(0);
    assert_eq!(bot.forge.state().comments.len(), 2);
    bot.forge.writes();
    bot.annotate_with(&report(&["a.env"]), &["--name", "pay"]).ends(0);
    assert_eq!(bot.forge.writes(), 0);
    assert!(bot.annotate_with(&report(&[]), &["--name", "a-->"]).ends(2).err.contains("cannot be a name"));
}

/// The forge here answers in few fields; these say that the real one has them.
#[test]
fn what_is_read_of_an_answer_stands_in_the_examples_of_the_description() {
    let description: Value =
        serde_json::from_str(include_str!("contracts/github-openapi-subset.json")).unwrap();
    let read: [(&str, &[&str]); 7] = [
        ("check-run", &["/id", "/external_id", "/status", "/app/slug", "/output/annotations_count"]),
        ("check-run-paginated", &["/check_runs/0/id"]),
        ("issue-comment-items", &["/0/id", "/0/body", "/0/user/login"]),
        ("pull-request-review-comment-items", &["/0/id", "/0/body", "/0/user/login"]),
        ("pull-request-review", &["/user/login"]),
        ("diff-entry-items", &["/0/filename", "/0/patch"]),
        ("pull-request", &["/number", "/state", "/head/sha", "/head/repo/id"]),
    ];
    for (name, pointers) in read {
        let example = &description["components"]["examples"][name]["value"];
        for pointer in pointers {
            assert!(example.pointer(pointer).is_some_and(|value| !value.is_null()), "{name}{pointer}");
        }
    }
}

#[test]
fn gitlab_gets_one_note_that_stays_the_same_one() {
    let bot = Bot::on_gitlab();
    let foreign = json!({ "id": 1, "author": { "id": 42 }, "body": "<!-- tollgate:v1 comment tollgate -->\nall clean" });
    bot.forge.state().comments.push(foreign.clone());
    assert_eq!(bot.annotate(&report(&["a.env"])).ends(0).out, "note: made\n");
    assert_eq!(bot.annotate(&report(&["a.env"])).ends(0).out, "note: as it was\n");
    assert_eq!(bot.forge.writes(), 1);
    assert_eq!(bot.annotate(&report(&["a.env", "b.env"])).ends(0).out, "note: edited\n");
    assert_eq!(bot.forge.writes(), 1);
    let state = bot.forge.state();
    assert_eq!((state.comments.len(), &state.comments[0]), (2, &foreign));
}

#[test]
fn gitlab_is_not_sent_a_note_twice_and_not_outside_of_a_merge_request() {
    let mut bot = Bot::on_gitlab();
    bot.fail(fault("POST", "/notes", 502, true));
    bot.annotate(&report(&["a.env"])).ends(0);
    assert_eq!(bot.forge.state().comments.len(), 1);
    bot.forge.writes();
    bot.set("CI_MERGE_REQUEST_IID", "");
    assert!(bot.annotate(&report(&["a.env"])).ends(0).out.contains("belongs to no merge request"));
    assert_eq!(bot.forge.writes(), 0);
}
