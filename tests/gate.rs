//! Whole runs of the gate on repositories built in the test.
//!
//! Tests that begin with a letter and a number are rows of the threat model.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::cell::Cell;

use run::{Stage, borrowed, fingerprints, found, token};
use serde_json::Value;

const TOKEN_RULE: &str = "github-classic-token";

fn at(path: &str, rule: &str) -> (String, String) {
    (path.to_owned(), rule.to_owned())
}

/// A line that holds a token made from `seed`.
fn line(seed: &str) -> String {
    format!("GITHUB_TOKEN={}\n", token(seed))
}

#[test]
fn without_any_configuration_a_clean_folder_opens_the_gate_and_a_token_shuts_it() {
    for stage in [Stage::new(), Stage::folder()] {
        stage.repo.write("src/main.rs", "fn main() {}\n");
        let (code, report) = stage.check(&[]);
        assert_eq!((code, report["outcome"].as_str()), (0, Some("clean")));
        stage.repo.write("deploy/prod.env", line("a"));
        let (code, report) = stage.check(&[]);
        assert_eq!((code, report["outcome"].as_str()), (1, Some("blocked")));
        assert_eq!(found(&report), [at("deploy/prod.env", TOKEN_RULE)]);
        let said = stage.run(&["check"]).ends(1);
        assert!(said.out.contains("deploy/prod.env:1:14") && said.out.contains("blocked"), "{}", said.out);
        stage.run(&["check", "no/such/place"]).ends(2);
    }
}

#[test]
fn a_folder_below_the_top_is_scanned_alone_under_the_policy_above_it() {
    let stage = Stage::new();
    stage
        .repo
        .write(".tollgate/policy.yml", "rules:\n  - { id: github-classic-token, enforcement: advise }\n");
    stage.repo.write("a/one.env", line("a")).write("b/two.env", line("b"));
    let (code, report) = stage.check(&["a"]);
    assert_eq!((code, report["outcome"].as_str()), (0, Some("advised")));
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report}");
}

#[test]
fn d5_a_tracked_file_is_scanned_whatever_hides_it() {
    let stage = Stage::new();
    stage.repo.write("deploy/prod.env", line("a")).commit("first");
    stage
        .repo
        .write(".gitignore", "deploy/\n*.env\n")
        .write(".ignore", "deploy\n")
        .write(".gitleaksignore", "deploy/prod.env:1\n")
        .write(
            ".gitattributes",
            "*.env export-ignore -diff linguist-generated working-tree-encoding=UTF-16\n",
        )
        .write("deploy/other.env", line("b"));
    let (code, report) = stage.check(&[]);
    assert_eq!(code, 1);
    assert_eq!(found(&report), [at("deploy/prod.env", TOKEN_RULE)], "untracked files may be ignored");
}

#[test]
fn staged_is_what_the_index_holds_and_not_the_disk() {
    let stage = Stage::new();
    stage.repo.write("README", "x\n").commit("first");
    stage.repo.write("in-index.env", line("a"));
    stage.repo.git(&["add", "in-index.env"]);
    stage.repo.write("in-index.env", "REGION=eu\n").write("on-disk.env", line("b"));
    let (code, report) = stage.check(&["--staged"]);
    assert_eq!((code, found(&report)), (1, vec![at("in-index.env", TOKEN_RULE)]));
    let (code, report) = stage.check(&[]);
    assert_eq!((code, found(&report)), (1, vec![at("on-disk.env", TOKEN_RULE)]));
}

#[test]
fn d13_a_secret_of_a_middle_commit_is_named_by_it_and_what_the_base_had_is_not() {
    let stage = Stage::new();
    stage.repo.write("old.env", line("old")).commit("base");
    stage.repo.git(&["checkout", "--quiet", "-b", "change"]);
    stage.repo.write("notes.txt", "one\n").commit("one");
    let middle = stage.repo.write("new.env", line("new")).commit("two");
    stage.repo.remove("new.env").commit("three");
    let (code, report) = stage.check(&["--since", "main"]);
    assert_eq!((code, found(&report)), (1, vec![at("new.env", TOKEN_RULE)]));
    assert_eq!(report["findings"][0]["place"]["commit"], Value::from(middle.clone()));
    let (_, ranged) = stage.check(&["--range", "main..change"]);
    assert_eq!(ranged["findings"][0]["fingerprint"], report["findings"][0]["fingerprint"]);
    stage.repo.git(&["checkout", "--quiet", "main"]);
    stage.repo.git(&["checkout", "--quiet", "-b", "harmless"]);
    stage.repo.write("notes.txt", "two\n").commit("harmless");
    let (code, report) = stage.check(&["--since", "main"]);
    assert_eq!((code, report["outcome"].as_str()), (0, Some("clean")), "{report}");
}

#[test]
fn gaps_block_a_merge_and_advise_on_a_persons_machine() {
    let stage = Stage::new();
    stage
        .repo
        .write("README", "x\n")
        .write(".tollgate/policy.yml", "limits: { file_bytes: 64 KiB }\n")
        .commit("base");
    stage.repo.write("big.txt", "a".repeat(1 << 17)).commit("big");
    let (code, report) = stage.check(&[]);
    assert_eq!((code, report["outcome"].as_str()), (0, Some("advised")), "{report}");
    assert_eq!(report["gaps"][0]["path"], "big.txt");
    let (code, report) = stage.check(&["--stage", "merge", "--trust", "main~1"]);
    assert_eq!((code, report["outcome"].as_str()), (1, Some("blocked")));
    assert!(report["findings"].as_array().unwrap().is_empty());
}

/// A report without what differs from run to run.
fn still(mut report: Value) -> String {
    for field in ["decided_at", "receipts"] {
        report[field] = Value::Null;
    }
    report["run"]["run_id"] = Value::Null;
    for finding in report["findings"].as_array_mut().unwrap() {
        finding["record"] = Value::Null;
    }
    serde_json::to_string_pretty(&report).unwrap()
}

#[test]
fn f5_any_number_of_threads_and_a_second_run_give_the_same_bytes() {
    let stage = Stage::new();
    for n in 0..40 {
        stage.repo.write(
            format!("d{}/f{n}.env", n % 7),
            format!("{}\nDB_PASSWORD=\"Zk{n}qXv9rTb2wLm{n}\"\n", line(&n.to_string())),
        );
    }
    stage.repo.write("rbac.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: { name: all }\nrules:\n- { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }\n");
    stage.repo.commit("all");
    let one = stage.check(&["--threads", "1"]).1;
    assert!(one["findings"].as_array().unwrap().len() > 40, "{one}");
    for threads in ["8", "8", "3"] {
        assert_eq!(still(stage.check(&["--threads", threads]).1), still(one.clone()));
    }
    let attempts = stage.records(&[]).iter().filter(|record| record["kind"] == "run").count();
    assert_eq!(attempts, 4, "no attempt hides another");
}

#[test]
fn b6_another_secret_on_the_same_line_is_another_finding_and_a_moved_line_is_the_same() {
    let stage = Stage::new();
    stage.repo.write("prod.env", line("a"));
    let first = fingerprints(&stage.check(&[]).1);
    stage.repo.write("prod.env", format!("\n\n    {}", line("a")));
    assert_eq!(fingerprints(&stage.check(&[]).1), first);
    stage.repo.write("prod.env", line("b"));
    assert_ne!(fingerprints(&stage.check(&[]).1), first);
}

#[test]
fn b15_allow_markers_of_other_tools_change_nothing_and_are_counted() {
    let stage = Stage::new();
    stage.repo.write("prod.env", line("a"));
    let (code, plain) = stage.check(&[]);
    assert_eq!((code, plain["coverage"]["suppressions_ignored"].as_u64()), (1, Some(0)));
    for marker in ["gitleaks:allow", "pragma: allowlist secret", "trufflehog:ignore", "ggignore", "nosemgrep"]
    {
        stage.repo.write("prod.env", format!("{} # {marker}\n", line("a").trim_end()));
        let (code, report) = stage.check(&[]);
        assert_eq!((code, fingerprints(&report)), (1, fingerprints(&plain)), "{marker}");
        assert_eq!(report["coverage"]["suppressions_ignored"], 1, "{marker}");
    }
}

/// A repository whose `main` lists lee as approver, and kim's branch `change` with a token in `prod.env`.
struct Scene {
    stage: Stage,
    base: String,
    head: String,
    lee: String,
    /// The attempt of the newest run.
    attempt: Cell<u32>,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::new();
        let lee = stage.key("lee");
        stage.key("kim");
        stage.repo.write(".tollgate/signers", stage.signers(&["lee", "kim"]));
        let base = stage.repo.write("README", "pay\n").commit("base");
        stage.repo.git(&["checkout", "--quiet", "-b", "change"]);
        stage.repo.write("prod.env", line("a"));
        let head = stage.repo.commit_as("change", ("Kim Example", "kim@acme.example"));
        stage.protect(&base);
        Self { stage, base, head, lee, attempt: Cell::new(1) }
    }

    /// The next attempt of `check` in the pull request of this scene, with a ledger.
    fn check(&self, arguments: &[&str]) -> (i32, Value) {
        self.attempt.set(self.attempt.get() + 1);
        let attempt = self.attempt.get().to_string();
        let variables = self.stage.github(&self.base, &self.head, "kim");
        let mut variables = borrowed(&variables);
        variables.push(("GITHUB_RUN_ATTEMPT", &attempt));
        let ledger = self.ledger();
        let mut all = vec!["--ledger", ledger.as_str()];
        all.extend(arguments);
        self.stage.check_with(&all, &variables)
    }

    fn ledger(&self) -> String {
        format!("file:{}", self.stage.home().join("ledger").display())
    }

    fn records(&self) -> Vec<Value> {
        self.stage.records(&["--ledger", &self.ledger()])
    }

    /// Asks for an exception for every finding of the last report in the request, and returns its id.
    fn request(&self, arguments: &[&str]) -> String {
        let report = std::fs::read(self.stage.repo.path().join(".git/tollgate/last-report.json")).unwrap();
        let prints = fingerprints(&serde_json::from_slice(&report).unwrap());
        let variables = self.stage.github(&self.base, &self.head, "kim");
        let mut all = vec!["except", "request"];
        all.extend(prints.iter().map(String::as_str));
        all.extend(["--owner", "payments", "--reason", "the new role ships on Tuesday with PAY-88"]);
        all.extend(arguments);
        self.stage.run_with(&all, &borrowed(&variables)).ends(0);
        let folder = self.stage.repo.path().join(".tollgate/exceptions");
        let name = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().file_name();
        name.to_str().unwrap().split('.').next().unwrap().to_owned()
    }

    fn approve(&self, id: &str, key: &str) {
        self.stage.run(&["except", "approve", id, "--key", key]).ends(0);
    }
}

fn refusals(report: &Value) -> Vec<String> {
    let all =
        report["findings"].as_array().unwrap().iter().flat_map(|one| one["refused"].as_array().unwrap());
    all.map(|refusal| refusal["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn github_tells_who_asked_where_and_which_attempt_without_a_flag() {
    let scene = Scene::new();
    let (code, report) = scene.check(&["--since", &scene.base]);
    assert_eq!((code, report["stage"].as_str()), (1, Some("merge")), "{report}");
    assert_eq!(report["trust"]["commit"], Value::from(scene.base.clone()));
    let records = scene.records();
    assert_eq!(records.len(), 2, "one observed, one run");
    for record in records {
        let is = |field: &str, wanted: Value| {
            let got = field.split('.').fold(&record, |value, part| &value[part]);
            assert_eq!(*got, wanted, "{field} of {record}");
        };
        is("actor.provider", "github".into());
        is("actor.id", "501".into());
        is("actor.login", "kim".into());
        is("actor.class", "human".into());
        is("repo.host", "github.com".into());
        is("repo.id", "77".into());
        is("repo.name", "acme/pay".into());
        is("pipeline", "acme/pay/gate".into());
        is("run_id", "8800".into());
        is("attempt", 2.into());
        is("job", "gate".into());
        is("trigger", "pull_request".into());
        is("ref", "refs/pull/7/merge".into());
        is("pr.number", "7".into());
        is("pr.author", "kim".into());
        is("commit.id", scene.head.clone().into());
        is("stage", "merge".into());
    }
}

#[test]
fn gitlab_tells_the_same() {
    let scene = Scene::new();
    let variables = [
        ("GITLAB_CI", "true"),
        ("CI_SERVER_URL", "https://gitlab.example"),
        ("CI_PROJECT_ID", "31"),
        ("CI_PROJECT_PATH", "acme/pay"),
        ("CI_JOB_NAME", "gate"),
        ("CI_PIPELINE_ID", "9900"),
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("GITLAB_USER_ID", "12"),
        ("GITLAB_USER_LOGIN", "kim"),
        ("CI_COMMIT_SHA", &scene.head),
        ("CI_COMMIT_REF_NAME", "change"),
        ("CI_MERGE_REQUEST_IID", "4"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &scene.base),
    ];
    let ledger = scene.ledger();
    let (code, _) = scene.stage.check_with(&["--since", &scene.base, "--ledger", &ledger], &variables);
    assert_eq!(code, 1);
    let run = scene.records().pop().unwrap();
    let expected = serde_json::json!({
        "actor": { "provider": "gitlab", "id": "12", "login": "kim", "class": "human" },
        "repo": { "host": "gitlab.example", "id": "31", "name": "acme/pay" },
        "run_id": "9900", "pipeline": "acme/pay/gate", "kind": "run",
    });
    for (field, wanted) in expected.as_object().unwrap() {
        assert_eq!(run[field], *wanted, "{field}");
    }
    assert_eq!(run["commit"]["id"], scene.head.as_str());
    assert_eq!(run["pr"]["number"], "4");
}

#[test]
fn an_exception_somebody_else_approved_opens_the_gate_and_is_on_record() {
    let scene = Scene::new();
    assert_eq!(scene.check(&["--since", &scene.base]).0, 1);
    let id = scene.request(&[]);
    let (code, report) = scene.check(&["--since", &scene.base]);
    assert_eq!((code, refusals(&report).len()), (1, 1), "nobody signed yet: {report}");
    scene.approve(&id, &scene.lee);
    let (code, report) = scene.check(&["--since", &scene.base]);
    assert_eq!((code, report["outcome"].as_str()), (0, Some("excepted")), "{report}");
    assert_eq!(report["findings"][0]["exception"]["approvers"][0], "lee@acme.example");
    let kinds: Vec<String> =
        scene.records().iter().map(|record| record["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "exception.approved").count(), 1, "{kinds:?}");
    scene.stage.run(&["ledger", "verify", "--ledger", &scene.ledger()]).ends(0);
    scene.stage.run(&["except", "verify", &id]).ends(0);
}

#[test]
fn b2_an_author_who_approves_is_refused_and_that_is_on_record() {
    let scene = Scene::new();
    scene.check(&["--since", &scene.base]);
    let id = scene.request(&[]);
    let kim = scene.stage.home().join("kim");
    scene.approve(&id, kim.to_str().unwrap());
    let (code, report) = scene.check(&["--since", &scene.base]);
    assert_eq!((code, refusals(&report)), (1, vec!["self_approval".to_owned()]), "{report}");
    let refused = scene.records().into_iter().find(|record| record["kind"] == "exception.refused").unwrap();
    assert_eq!(refused["exception_id"], Value::from(id));
}

#[test]
fn a2_an_exception_signed_by_a_key_that_only_the_head_lists_is_refused() {
    let scene = Scene::new();
    let eve = scene.stage.key("eve");
    scene.check(&["--since", &scene.base]);
    let id = scene.request(&[]);
    scene.stage.repo.write(".tollgate/signers", scene.stage.signers(&["lee", "kim", "eve"]));
    scene.approve(&id, &eve);
    let head = scene.stage.repo.commit_as("signers", ("Kim Example", "kim@acme.example"));
    let scene = Scene { head, ..scene };
    let (code, report) = scene.check(&["--since", &scene.base]);
    assert_eq!(code, 1);
    assert_eq!(refusals(&report), ["unknown_signer"], "{report}");
    assert!(found(&report).contains(&at(".tollgate/signers", "gate-own-files")), "{report}");
}

#[test]
fn a1_a_rule_that_only_the_head_removes_still_blocks() {
    let scene = Scene::new();
    let before = scene.check(&["--since", &scene.base]).1;
    scene
        .stage
        .repo
        .write(".tollgate/policy.yml", "rules:\n  - { id: github-classic-token, enabled: false }\n");
    let head = scene.stage.repo.commit_as("policy", ("Kim Example", "kim@acme.example"));
    let scene = Scene { head, ..scene };
    let (code, report) = scene.check(&["--since", &scene.base]);
    assert_eq!(code, 1);
    let wanted = [at(".tollgate/policy.yml", "gate-own-files"), at("prod.env", TOKEN_RULE)];
    assert_eq!(found(&report), wanted);
    assert_eq!(report["policy"], before["policy"]);
    let run = scene.records().pop().unwrap();
    assert_eq!(run["policy"]["digest"], before["policy"]["digest"]);
    assert_eq!(run["policy"]["source_commit"], Value::from(scene.base.clone()));
    let (code, whole) = scene.check(&[]);
    assert_eq!(code, 1);
    assert!(found(&whole).contains(&wanted[0]), "a run over the whole tree sees it too: {whole}");
}

#[test]
fn a3_no_name_and_no_variable_makes_the_head_its_own_judge() {
    let scene = Scene::new();
    let repo = &scene.stage.repo;
    repo.write(".tollgate/policy.yml", "rules:\n  - { id: github-classic-token, enabled: false }\n");
    let head = repo.commit_as("policy", ("Kim Example", "kim@acme.example"));
    // Everything here that can be called like the base is.
    repo.git(&["tag", "main", &head]);
    repo.git(&["branch", "refs/heads/main", &head]);
    repo.git(&["branch", "origin/main", &head]);
    let scene = Scene { head: head.clone(), ..scene };
    let (code, report) = scene.check(&["--since", &scene.base]);
    assert_eq!((code, report["trust"]["commit"].as_str()), (1, Some(scene.base.as_str())));
    for trust in [head.as_str(), "HEAD", "refs/tags/main"] {
        let (code, report) = scene.check(&["--since", &scene.base, "--trust", trust]);
        assert_eq!(code, 1, "{trust}");
        assert_eq!(report["trust"]["commit"], Value::from(scene.base.clone()), "{trust}");
        assert_eq!(report["overrides_rejected"][0], Value::from(format!("--trust {trust}")));
    }
    let refuses = |base: &str| {
        let variables = scene.stage.github(base, &head, "kim");
        let said = scene.stage.run_with(&["check", "--since", &scene.base], &borrowed(&variables)).ends(2);
        assert!(
            said.err.contains("protected branch") || said.err.contains("not in this clone"),
            "{}",
            said.err
        );
    };
    refuses(&head);
    refuses(&"d".repeat(40));
    let shallow = Stage::of(scene.stage.repo.shallow_clone());
    let variables = shallow.github(&scene.base, &head, "kim");
    let said = shallow.run_with(&["check", "--since", &scene.base], &borrowed(&variables)).ends(2);
    assert!(said.err.contains("fetch-depth: 0"), "{}", said.err);
}

#[test]
fn a6_a_workflow_that_relaxes_the_gate_changes_nothing_and_is_on_record() {
    let scene = Scene::new();
    let plain = scene.check(&["--since", &scene.base]).1;
    let flags: [&[&str]; 3] = [&["--stage", "local"], &["--no-ledger"], &["--as-of", "2020-01-01T00:00:00Z"]];
    for flags in flags {
        let mut arguments = vec!["--since", scene.base.as_str()];
        arguments.extend(flags);
        let (code, report) = scene.check(&arguments);
        assert_eq!(code, 1, "{flags:?}");
        for field in ["outcome", "stage", "counts", "policy"] {
            assert_eq!(report[field], plain[field], "{field} with {flags:?}");
        }
        let run = scene.records().pop().unwrap();
        assert!(run["override_rejected"][0].as_str().unwrap().starts_with(flags[0]), "{run}");
    }
}

#[test]
fn a1_the_gates_own_files_are_watched_whatever_the_scope() {
    let scene = Scene::new();
    let repo = &scene.stage.repo;
    let seen = |path: &str| {
        let (code, report) = scene.check(&[path]);
        assert_eq!(code, 1);
        let all = found(&report).into_iter().filter(|(_, rule)| rule == "gate-own-files");
        all.map(|(path, _)| path).collect::<Vec<_>>()
    };
    repo.write("docs/a.txt", "x\n");
    assert!(seen(".").is_empty());
    repo.write(".tollgate/signers", "# nobody\n").write(".tollgate/rules/own.yml", "rules: []\n");
    assert_eq!(seen("."), [".tollgate/rules/own.yml", ".tollgate/signers"]);
    assert_eq!(seen("docs"), [".tollgate/rules/own.yml", ".tollgate/signers"]);
    repo.remove(".tollgate/signers").remove(".tollgate/rules/own.yml");
    assert_eq!(seen("."), [".tollgate/signers"]);
}

#[test]
fn what_is_excepted_and_deployed_escaped_and_what_was_blocked_and_removed_was_prevented() {
    let stage = Stage::new();
    for name in ["lee", "ci", "kim"] {
        stage.key(name);
    }
    let key = |name: &str| stage.home().join(name).display().to_string();
    stage.repo.write(".tollgate/signers", stage.signers(&["lee", "ci", "kim"])).commit("signers");
    stage.repo.write("prod.env", line("a")).commit("one");
    let deploy = ["--stage", "deploy", "--trust", "main"];
    let (code, report) = stage.check(&deploy);
    assert_eq!(code, 1);
    let print = fingerprints(&report)[0].clone();
    let reason = "the new role ships on Tuesday with PAY-88";
    stage.run(&["except", "request", print.get(..12).unwrap(), "--owner", "pay", "--reason", reason]).ends(0);
    let listed = stage.run(&["except", "list"]).ends(0).out;
    let id = listed.split_whitespace().next().unwrap().to_owned();
    stage.run(&["except", "verify", &id]).ends(1);
    stage.run(&["except", "approve", &id, "--key", &key("lee")]).ends(0);
    stage.run(&["except", "verify", &id]).ends(0);
    stage.repo.write("more.env", line("b")).commit("two");
    let (code, report) = stage.check(&deploy);
    assert_eq!(
        (code, report["counts"]["block"].as_u64(), report["counts"]["except"].as_u64()),
        (1, Some(1), Some(1)),
        "{report:#}"
    );
    stage.repo.remove("more.env").commit("three");
    let (code, report) = stage.check(&deploy);
    assert_eq!((code, report["outcome"].as_str()), (0, Some("excepted")), "{report}");
    let said = stage.run(&["record", "deploy", "--key", &key("ci")]).ends(0);
    assert!(said.out.contains("relies on run") && said.out.contains("signed with"), "{}", said.out);
    stage.run(&["ledger", "verify"]).ends(0);
    let rate = stage.run(&["rate", "--format", "json", "--explain"]).ends(0).json();
    let headline = |field: &str| rate["all"]["rate"][field].as_u64();
    assert_eq!((headline("escaped"), headline("prevented")), (Some(1), Some(1)), "{rate:#}");
}

#[test]
fn b11_of_fifty_runs_at_once_one_uses_an_exception_for_one_use() {
    let scene = Scene::new();
    scene.check(&["--since", &scene.base]);
    let id = scene.request(&["--max-uses", "1"]);
    scene.approve(&id, &scene.lee);
    let ledger = scene.ledger();
    let variables = scene.stage.github(&scene.base, &scene.head, "kim");
    let runs: Vec<_> = (0..50)
        .map(|n| {
            let mut variables = borrowed(&variables);
            let run = format!("99{n:02}");
            variables.push(("GITHUB_RUN_ID", &run));
            let arguments = ["check", "--since", &scene.base, "--ledger", &ledger];
            let mut command = scene.stage.command(&arguments, &variables);
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<_> = runs.into_iter().map(|run| run.wait_with_output().unwrap()).collect();
    let mut codes: Vec<_> = outputs.iter().map(|output| output.status.code()).collect();
    codes.sort();
    let said: Vec<_> = outputs.iter().map(|output| String::from_utf8_lossy(&output.stderr)).collect();
    assert_eq!(codes, [&[Some(0)][..], &[Some(1); 49]].concat(), "{said:?}");
    let records = scene.records();
    let uses = records.iter().filter(|record| record["action"] == "except").count();
    assert_eq!(uses, 1);
    let runs = records.iter().filter(|record| record["kind"] == "run").count();
    assert_eq!(runs, 51);
}

#[test]
fn b8_an_exception_that_ended_stays_ended_with_the_clock_two_years_back() {
    let stage = Stage::new();
    let lee = stage.key("lee");
    stage.repo.write(".tollgate/signers", stage.signers(&["lee"])).write("prod.env", line("a")).commit("one");
    let print = fingerprints(&stage.check(&[]).1)[0].clone();
    let reason = "the new role ships on Tuesday with PAY-88";
    stage
        .run(&["except", "request", &print, "--owner", "pay", "--reason", reason, "--expires", "3s"])
        .ends(0);
    let listed = stage.run(&["except", "list"]).ends(0).out;
    stage.run(&["except", "approve", listed.split_whitespace().next().unwrap(), "--key", &lee]).ends(0);
    assert_eq!(stage.check(&[]).1["outcome"], "excepted");
    std::thread::sleep(std::time::Duration::from_secs(3));
    for back in [&[][..], &["--as-of", "2024-11-21T00:00:00Z"]] {
        let (code, report) = stage.check(back);
        assert_eq!((code, refusals(&report)), (1, vec!["expired".to_owned()]), "{back:?}: {report}");
    }
}

#[test]
fn f1_a_deploy_that_no_run_stood_before_is_counted_as_ungated() {
    let stage = Stage::new();
    stage.key("ci");
    let key = stage.home().join("ci").display().to_string();
    stage.repo.write(".tollgate/signers", stage.signers(&["ci"])).write("prod.env", line("a")).commit("one");
    stage.check(&["--stage", "deploy", "--trust", "main"]);
    stage.repo.write("README", "x\n").commit("two, which no run has seen");
    let said = stage.run(&["record", "deploy", "--key", &key]).ends(0);
    assert!(said.out.contains("no gate run"), "{}", said.out);
    let rate = stage.run(&["rate", "--format", "json"]).ends(0).json();
    assert_eq!(rate["all"]["rate"]["classes"]["ungated"], 1, "{rate:#}");
}

#[test]
fn a_credential_that_lives_longer_than_the_policy_allows_is_told() {
    use base64::Engine as _;
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = r#"{"iss":"acme","sub":"ci","aud":"api","iat":4102441200,"exp":4102444800}"#;
    let token = [part(r#"{"alg":"RS256"}"#), part(claims), part(&"signature".repeat(4))].join(".");
    let stage = Stage::new();
    stage.repo.write("ci.env", format!("T={token}\n")).commit("one");
    let over = |stage: &Stage| {
        let (_, report) = stage.check(&[]);
        found(&report).iter().filter(|(_, rule)| rule == "lifetime-over-limit").count()
    };
    assert_eq!(over(&stage), 0);
    stage.repo.write(".tollgate/policy.yml", "version: 1\nlimits: { max_lifetime: { jwt: 15m } }\n");
    assert_eq!(over(&stage), 1);
    stage.repo.write(".tollgate/policy.yml", "version: 1\nlimits: { max_lifetime: { jwt: 2h } }\n");
    assert_eq!(over(&stage), 0);
    stage.repo.write(".tollgate/policy.yml", "version: 1\nlimits: { max_lifetime: { jwtt: 2h } }\n");
    let said = stage.run(&["check"]).ends(2);
    assert!(said.err.contains("`jwtt` is no kind of credential"), "{}", said.err);
}
