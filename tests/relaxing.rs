//! What a workflow could ask for, or leave unread, so that the gate opens or a risk seems gone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use run::{Stage, borrowed, found, token};
use serde_json::Value;

/// Kim's branch `change` in two commits: a token in the first, nothing in the second.
struct Scene {
    stage: Stage,
    base: String,
    head: String,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::new();
        let ledger = format!("version: 1\norganisation: acme\nledger: \"file:{}\"\n", place(&stage));
        stage.repo.write(".tollgate/policy.yml", ledger);
        let base = stage.repo.write("README", "pay\n").commit("base");
        stage.protect(&base);
        stage.repo.git(&["checkout", "--quiet", "-b", "change"]);
        stage.repo.write("prod.env", line("a")).commit("one");
        let head = stage.repo.write("README", "more\n").commit("two");
        Self { stage, base, head }
    }

    fn check(&self, run: &str, arguments: &[&str], more: &[(&str, &str)]) -> (i32, Value) {
        let variables = self.stage.github(&self.base, &self.head, "kim");
        let mut variables = borrowed(&variables);
        variables.extend([("GITHUB_RUN_ID", run), ("GITHUB_RUN_ATTEMPT", "1")]);
        variables.extend(more);
        self.stage.check_with(arguments, &variables)
    }

    fn cleared(&self) -> usize {
        let ledger = format!("file:{}", place(&self.stage));
        let records = self.stage.records(&["--ledger", &ledger]);
        records.iter().filter(|record| record["kind"] == "cleared").count()
    }
}

fn place(stage: &Stage) -> String {
    stage.home().join("ledger").display().to_string()
}

fn line(seed: &str) -> String {
    format!("GITHUB_TOKEN={}\n", token(seed))
}

#[test]
fn a6_what_would_leave_a_part_of_the_change_unread_is_not_granted() {
    let scene = Scene::new();
    let elsewhere = format!("file:{}", scene.stage.home().join("empty").display());
    let index = scene.stage.home().join("index").display().to_string();
    scene.stage.repo.write("docs/a.txt", "x\n");
    for (run, arguments, more, name) in [
        ("1", &["--since", "HEAD~1"][..], &[][..], "--since HEAD~1"),
        ("2", &["--range", "HEAD~1..HEAD"], &[], "--range HEAD~1..HEAD"),
        ("3", &["--range", "main..HEAD~2"], &[], "--range main..HEAD~2"),
        ("4", &["--staged"], &[], "--staged"),
        ("5", &["--ledger", &elsewhere], &[], "--ledger"),
        ("6", &[], &[("GIT_INDEX_FILE", index.as_str())], "GIT_INDEX_FILE"),
        ("7", &["--stdin"], &[], "--stdin"),
        ("8", &["docs"], &[], "PATH docs"),
        ("9", &["README", "--since", &scene.base], &[], "PATH README"),
    ] {
        let (code, report) = scene.check(run, arguments, more);
        assert_eq!((code, report["overrides_rejected"][0].as_str()), (1, Some(name)), "{report:#}");
        assert!(found(&report).iter().any(|(path, _)| path == "prod.env"), "{name}");
    }
    assert!(!scene.stage.home().join("empty").exists());
    let (code, report) = scene.check("10", &["--since", &scene.base], &[]);
    assert_eq!((code, report["overrides_rejected"].as_array().map(Vec::len)), (1, Some(0)));
}

#[test]
fn a6_at_deploy_a_part_of_the_repository_is_no_decision() {
    let scene = Scene::new();
    scene.stage.repo.write("docs/a.txt", "x\n");
    let github = scene.stage.github(&scene.base, &scene.head, "kim");
    let deploy = ["check", "--stage", "deploy", "--trust", "origin/main"];
    for variables in [&[][..], &borrowed(&github)] {
        for part in
            [&["--stdin"][..], &["--stdin", "--path", "docs/a.txt"], &["docs"], &["README"], &["--staged"]]
        {
            let said = scene.stage.run_with(&[&deploy, part].concat(), variables).ends(2);
            assert!(said.err.contains("the whole repository is judged"), "{part:?}: {}", said.err);
        }
        let top = scene.stage.repo.path().display().to_string();
        scene.stage.run_with(&[&deploy[..], &[&top]].concat(), variables).ends(1);
    }
}

#[test]
fn a6_in_ci_of_an_unknown_provider_the_stage_must_be_named() {
    let scene = Scene::new();
    let ledger = format!("file:{}", place(&scene.stage));
    for sign in [("CI", "true"), ("CI", "1"), ("TRAVIS", "true"), ("APPVEYOR", "True")] {
        let said = scene.stage.run_with(&["check"], &[sign]).ends(2);
        assert!(said.err.contains("`--stage merge`") && said.err.contains("`--trust`"), "{}", said.err);
        for (asked, stage) in [("merge", "merge"), ("deploy", "deploy"), ("local", "merge")] {
            let arguments = ["--stage", asked, "--trust", "origin/main", "--ledger", &ledger];
            let (code, report) = scene.stage.check_with(&arguments, &[sign]);
            assert_eq!((code, report["stage"].as_str()), (1, Some(stage)), "{sign:?}");
            let rejected = report["overrides_rejected"].as_array().map(Vec::len);
            assert_eq!(rejected, Some(usize::from(asked == "local")), "{report:#}");
        }
    }
    assert_eq!(scene.stage.check_with(&[], &[("CI", "false")]).0, 1);
}

#[test]
fn a6_in_ci_the_pipeline_has_the_name_the_policy_gives_it() {
    let stage = Stage::new();
    let policy = "pipelines:\n  - { match: { workflow: gate }, name: payments }\n";
    let base = stage.repo.write(".tollgate/policy.yml", policy).commit("base");
    stage.protect(&base);
    stage.repo.git(&["checkout", "--quiet", "-b", "change"]);
    let head = stage.repo.write("README", "pay\n").commit("one");
    let variables = stage.github(&base, &head, "kim");
    let other = variables.iter().filter(|(name, _)| *name != "GITHUB_WORKFLOW_REF").cloned();
    let other: Vec<_> =
        other.chain([("GITHUB_WORKFLOW_REF", "acme/pay/other.yml@main".to_owned())]).collect();
    for (variables, asked, name, rejected) in [
        (borrowed(&variables), "trial", "payments", Some("--pipeline trial")),
        (borrowed(&variables), "payments", "payments", None),
        (borrowed(&other), "trial", "trial", None),
    ] {
        let (_, report) = stage.check_with(&["--pipeline", asked], &variables);
        assert_eq!(report["pipeline"], name, "{report:#}");
        assert_eq!(report["overrides_rejected"][0].as_str(), rejected);
    }
}

#[test]
fn a3_a_push_is_judged_by_the_branch_of_the_repository_whatever_it_names() {
    let scene = Scene::new();
    let event = scene.stage.home().join("push.json");
    let content = serde_json::json!({ "before": scene.base, "repository": { "default_branch": "main" } });
    std::fs::write(&event, content.to_string()).unwrap();
    scene.stage.repo.git(&["update-ref", "refs/remotes/origin/change", &scene.head]);
    let event = event.display().to_string();
    let push = [
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_EVENT_PATH", event.as_str()),
        ("GITHUB_REF", "refs/heads/change"),
        ("GITHUB_SHA", scene.head.as_str()),
        ("GITHUB_BASE_REF", ""),
    ];
    for (run, trust) in [("1", "HEAD"), ("2", "origin/change"), ("3", scene.head.as_str())] {
        let (code, report) = scene.check(run, &["--trust", trust], &push);
        assert_eq!((code, report["trust"]["commit"].as_str()), (1, Some(scene.base.as_str())), "{trust}");
        assert_eq!(report["overrides_rejected"][0], Value::from(format!("--trust {trust}")));
    }
    let (_, report) = scene.check("4", &["--trust", "origin/main"], &push);
    assert_eq!(report["overrides_rejected"].as_array().map(Vec::len), Some(0), "{report:#}");
}

#[test]
fn a_risk_is_gone_only_when_all_of_the_change_was_read_by_the_rules_that_saw_it() {
    let scene = Scene::new();
    let base = scene.base.clone();
    let since = ["--since", base.as_str()];
    assert_eq!(scene.check("1", &since, &[]).0, 1);
    scene.stage.repo.git(&["reset", "--quiet", "--hard", &scene.base]);
    let head = scene.stage.repo.write("README", "again\n").commit("rewritten");
    let scene = Scene { head, ..scene };
    // Other names, and the same head before it was rewritten.
    scene.check("2", &since, &[("TOLLGATE_FINGERPRINT_KEY", "0123456789abcdef0123456789abcdef")]);
    scene.check("3", &since, &[("GITHUB_RUN_ATTEMPT", "2")]);
    assert_eq!(scene.cleared(), 0);
    assert_eq!(scene.check("4", &since, &[]).0, 0);
    assert_eq!(scene.cleared(), 1);
}

#[test]
fn b11_without_a_ledger_an_exception_that_counts_its_uses_holds_for_nothing() {
    let stage = Stage::new();
    let lee = stage.key("lee");
    // Below critical: there no exception holds without a second clock anyway.
    let policy = "rules:\n  - { id: github-classic-token, severity: high }\n";
    stage.repo.write(".tollgate/signers", stage.signers(&["lee"])).write(".tollgate/policy.yml", policy);
    stage.repo.write("prod.env", line("a")).commit("one");
    let print = run::fingerprints(&stage.check(&[]).1)[0].clone();
    let reason = "the new role ships on Tuesday with PAY-88";
    let request = ["except", "request", &print, "--owner", "pay", "--reason", reason, "--max-uses", "1"];
    stage.run(&request).ends(0);
    let listed = stage.run(&["except", "list"]).ends(0).out;
    stage.run(&["except", "approve", listed.split_whitespace().next().unwrap(), "--key", &lee]).ends(0);
    let (code, report) = stage.check(&["--no-ledger"]);
    assert_eq!(code, 1);
    assert_eq!(report["findings"][0]["refused"][0]["code"], "max_uses", "{report:#}");
}
