//! The steps of `action.yml` and of the GitLab job, run as a runner would run them, with the real binary.
//!
//! The events are those of `tests/contracts/github-events`, with commits of a repository that is there.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on should say where"
)]

#[path = "support/contract.rs"]
#[cfg(feature = "annotate")]
mod contract;
#[path = "support/forge.rs"]
#[cfg(feature = "annotate")]
mod forge;
#[path = "support/run.rs"]
mod run;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use run::{Said, Stage, token};
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&fs::read_to_string(Path::new(ROOT).join(path)).unwrap()).unwrap()
}

/// A runner with a checkout: `main` is protected, `change` adds one file to it.
struct Runner {
    stage: Stage,
    base: String,
    head: String,
    inputs: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

impl Runner {
    fn new(path: &str, text: &str) -> Self {
        let stage = Stage::new();
        let base = stage.repo.write("README", "pay\n").commit("base");
        stage.protect(&base);
        stage.repo.git(&["checkout", "--quiet", "-b", "change"]);
        let head = stage.repo.write(path, text).commit("change");
        let temp = stage.home().join("temp");
        fs::create_dir_all(temp.join("tollgate/bin")).unwrap();
        std::os::unix::fs::symlink(
            assert_cmd::cargo::cargo_bin!("tollgate"),
            temp.join("tollgate/bin/tollgate"),
        )
        .unwrap();
        let path = |name: &str| stage.home().join(name).display().to_string();
        let pairs = [
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_ACTION_PATH", ROOT.to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_REPOSITORY", "acme/pay".to_owned()),
            ("GITHUB_WORKFLOW_REF", "acme/pay/.github/workflows/gate.yml@refs/heads/main".to_owned()),
            ("GITHUB_RUN_ID", "8800".to_owned()),
            ("GITHUB_JOB", "gate".to_owned()),
            ("GITHUB_ACTOR", "kim".to_owned()),
            ("GITHUB_OUTPUT", path("output")),
            ("GITHUB_STEP_SUMMARY", path("summary")),
            ("GITHUB_SHA", head.clone()),
            ("RUNNER_TEMP", path("temp")),
            ("RUNNER_OS", "Linux".to_owned()),
            ("RUNNER_ARCH", "X64".to_owned()),
        ];
        let variables = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let action = yaml("action.yml");
        let inputs = action["inputs"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, input)| (name.clone(), input["default"].as_str().unwrap().to_owned()));
        let inputs = inputs.collect();
        Self { stage, base, head, inputs, variables }
    }

    /// With one of the payloads, whose commits become those of the repository.
    fn on(mut self, event: &str, file: &str) -> Self {
        let text =
            fs::read_to_string(Path::new(ROOT).join("tests/contracts/github-events").join(file)).unwrap();
        let mut payload: Value = serde_json::from_str(&text).unwrap();
        let shas = [
            ("/pull_request/base/sha", &self.base),
            ("/pull_request/head/sha", &self.head),
            ("/merge_group/base_sha", &self.base),
            ("/merge_group/head_sha", &self.head),
            ("/after", &self.head),
            ("/workflow_run/head_sha", &self.head),
        ];
        for (pointer, sha) in shas {
            if let Some(value) = payload.pointer_mut(pointer) {
                *value = json!(sha);
            }
        }
        for (pointer, number) in [
            ("/pull_request/number", 7),
            ("/pull_request/head/repo/id", 77),
            ("/pull_request/base/repo/id", 77),
            ("/repository/id", 77),
        ] {
            if let Some(value) = payload.pointer_mut(pointer) {
                *value = json!(number);
            }
        }
        for pointer in ["/repository/default_branch", "/pull_request/base/ref"] {
            if let Some(value) = payload.pointer_mut(pointer) {
                *value = json!("main");
            }
        }
        let repository = payload["repository"]["id"].to_string();
        let path = self.stage.home().join("event.json");
        self.stage.repo.write(&path, payload.to_string());
        self.variables.insert("GITHUB_REPOSITORY_ID".to_owned(), repository);
        self.variables.insert("GITHUB_EVENT_NAME".to_owned(), event.to_owned());
        self.variables.insert("GITHUB_EVENT_PATH".to_owned(), path.display().to_string());
        if event == "pull_request" {
            self.variables.insert("GITHUB_BASE_REF".to_owned(), "main".to_owned());
            self.variables.insert("GITHUB_REF".to_owned(), "refs/pull/2/merge".to_owned());
        }
        self
    }

    fn with(mut self, input: &str, value: &str) -> Self {
        value.clone_into(self.inputs.get_mut(input).unwrap());
        self
    }

    /// Runs the step called `name`, with its variables filled in from inputs and from `outputs` of the gate.
    fn step(&self, name: &str) -> Said {
        let action = yaml("action.yml");
        let steps = action["runs"]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == name).unwrap();
        let outputs = self.outputs();
        let mut variables = self.variables.clone();
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            variables.insert(name.clone(), self.filled(value.as_str().unwrap(), &outputs));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = format!("{}:{}", self.stage.home().join("path").display(), path.to_string_lossy());
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"].as_str().unwrap()])
            .current_dir(self.stage.repo.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.stage.home())
            .envs(variables)
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// `${{ inputs.x }}`, `${{ inputs.x || steps.gate.outputs.y }}`: all the expressions that stand there.
    fn filled(&self, text: &str, outputs: &BTreeMap<String, String>) -> String {
        let expression = text.strip_prefix("${{ ").and_then(|text| text.strip_suffix(" }}")).unwrap();
        let value = |name: &str| match name.strip_prefix("inputs.") {
            Some(input) => self.inputs[input].clone(),
            None => {
                outputs.get(name.strip_prefix("steps.gate.outputs.").unwrap()).cloned().unwrap_or_default()
            }
        };
        expression.split(" || ").map(value).find(|value| !value.is_empty()).unwrap_or_default()
    }

    fn gate(&self) -> Said {
        self.step("Run the gate")
    }

    fn outputs(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.stage.home().join("output")).unwrap_or_default();
        let pairs = text.lines().map(|line| line.split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

fn secret() -> String {
    format!("GITHUB_TOKEN={}\n", token("action"))
}

#[test]
fn a_request_with_a_secret_is_shut_and_every_output_says_so() {
    let runner = Runner::new("deploy.env", &secret()).on("pull_request", "pull_request.opened.json");
    let said = runner.gate().ends(1);
    assert!(said.out.starts_with("::error file=deploy.env,line=1,"), "{}", said.out);
    let outputs = runner.outputs();
    let expected = [
        ("outcome", "blocked"),
        ("block", "1"),
        ("advise", "0"),
        ("gaps", "0"),
        ("recorded", "false"),
        ("sarif", "tollgate.sarif"),
    ];
    for (name, value) in expected {
        assert_eq!(outputs[name], value, "{name}");
    }
    assert!(!outputs.contains_key("escape-rate"), "there is no ledger");
    assert!(Path::new(&outputs["report"]).is_file());
    let sarif: Value =
        serde_json::from_slice(&fs::read(runner.stage.repo.path().join("tollgate.sarif")).unwrap()).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 1);
    let summary = fs::read_to_string(runner.stage.home().join("summary")).unwrap();
    assert!(summary.starts_with("## blocked: 1 finding blocks"), "{summary}");
}

#[test]
fn every_event_the_action_is_for_leads_to_a_decision() {
    for (event, file) in [
        ("pull_request", "pull_request.opened.json"),
        ("pull_request", "pull_request.synchronize.json"),
        ("merge_group", "merge_group.checks_requested.json"),
        ("push", "push.new_branch.json"),
        ("workflow_run", "workflow_run.completed.json"),
    ] {
        let runner = Runner::new("notes.txt", "nothing to see\n").on(event, file);
        runner.gate().ends(0);
        assert_eq!(runner.outputs()["outcome"], "clean", "{event}");
        let report: Value = serde_json::from_slice(&fs::read(&runner.outputs()["report"]).unwrap()).unwrap();
        assert_eq!(report["run"]["commit"], runner.head.as_str(), "{event}");
    }
}

#[test]
fn no_decision_is_no_outcome_whatever_an_earlier_step_said() {
    let runner = Runner::new("notes.txt", "x\n").on("pull_request", "pull_request.opened.json");
    runner.gate().ends(0);
    fs::remove_file(runner.stage.home().join("output")).unwrap();
    let runner = runner.with("since", "no-such-revision");
    let said = runner.gate().ends(2);
    assert!(said.err.contains("no decision"), "{}", said.err);
    let outputs = runner.outputs();
    assert!(!outputs.contains_key("outcome") && !outputs.contains_key("report"), "{outputs:?}");
}

#[test]
fn the_escape_rate_is_that_of_the_ledger() {
    let runner = Runner::new("deploy.env", &secret()).on("pull_request", "pull_request.opened.json");
    let runner = runner.with("ledger", "file:ledger");
    let variables: Vec<(&str, &str)> =
        runner.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    runner.stage.run_with(&["ledger", "init", "--ledger", "file:ledger"], &variables).ends(0);
    runner.gate().ends(1);
    assert_eq!(runner.outputs()["recorded"], "true");
    assert_eq!((&*runner.outputs()["escape-rate"], &*runner.outputs()["pending"]), ("", "1"), "undecided");
    let mut runner = runner;
    runner.head = runner.stage.repo.write("deploy.env", "TOKEN_FILE=/run/secrets/token\n").commit("change");
    runner.variables.insert("GITHUB_RUN_ID".to_owned(), "8801".to_owned());
    let runner = runner.on("pull_request", "pull_request.synchronize.json");
    fs::remove_file(runner.stage.home().join("output")).unwrap();
    runner.gate().ends(0);
    let outputs = runner.outputs();
    assert_eq!((&*outputs["escape-rate"], &*outputs["pending"]), ("0.0000", "0"), "it was prevented");
}

#[test]
fn an_input_is_a_value_and_never_an_option_or_a_command() {
    for (input, value) in [
        ("path", "$(touch pwned)"),
        ("path", "--no-ledger"),
        ("stage", "local --as-of=2020-01-01"),
        ("since", "x\"; touch pwned; \""),
        ("trust", "--offline"),
        ("ledger", "`touch pwned`"),
    ] {
        let runner = Runner::new("notes.txt", "x\n").on("pull_request", "pull_request.opened.json");
        let runner = runner.with(input, value);
        let said = runner.gate();
        // A wish for another trust is ignored and said; all others lead to no decision.
        assert_eq!(said.code, if input == "trust" { 0 } else { 2 }, "{input}={value}: {}", said.err);
        assert!(!runner.stage.repo.path().join("pwned").exists(), "{input}={value}");
    }
}

#[test]
fn a_release_is_installed_when_its_checksum_is_the_one_asked_for() {
    let runner = Runner::new("notes.txt", "x\n");
    let temp = runner.stage.home().join("temp");
    let name = "tollgate-v1.2.3-x86_64-unknown-linux-musl";
    fs::create_dir_all(temp.join(name)).unwrap();
    runner.stage.repo.write(temp.join(name).join("tollgate"), "#!/bin/sh\necho installed\n");
    fs::set_permissions(temp.join(name).join("tollgate"), fs::Permissions::from_mode(0o755)).unwrap();
    let archive = temp.join("release.tar.gz");
    let packed =
        Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&temp).arg(name).status().unwrap();
    assert!(packed.success());
    // In place of the network: whatever is asked for is this archive.
    let path = runner.stage.home().join("path");
    fs::create_dir_all(&path).unwrap();
    let stub = "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = --output ] && cp \"$ARCHIVE\" \"$2\"; last=$1; shift; done\n\
        echo \"$last\" >\"$ARCHIVE.asked\"\n";
    runner.stage.repo.write(path.join("curl"), stub);
    fs::set_permissions(path.join("curl"), fs::Permissions::from_mode(0o755)).unwrap();
    let digest = tollgate::text::hash::digest(&fs::read(&archive).unwrap()).replace("sha256:", "");
    let installed = temp.join("tollgate/bin/tollgate");
    let install = |version: &str, sha256: &str| {
        let _ = fs::remove_file(&installed);
        let mut runner = Runner::new("notes.txt", "x\n").with("version", version).with("sha256", sha256);
        runner.variables.insert("ARCHIVE".to_owned(), archive.display().to_string());
        runner.variables.insert("RUNNER_TEMP".to_owned(), temp.display().to_string());
        let from = path.join("curl");
        let to: PathBuf = runner.stage.home().join("path");
        fs::create_dir_all(&to).unwrap();
        std::os::unix::fs::symlink(from, to.join("curl")).unwrap();
        runner.step("Install tollgate")
    };
    for (version, sha256, message) in [
        ("1.2.3", "", "sha256 is not 64 hex digits"),
        ("1.2.3", &"0".repeat(64), "has another checksum"),
        ("../1", &digest, "version is not like 1.2.3"),
    ] {
        let said = install(version, sha256).ends(2);
        assert!(said.out.contains(message), "{}", said.out);
        assert!(!installed.exists());
    }
    install("1.2.3", &digest).ends(0);
    assert_eq!(fs::read_to_string(&installed).unwrap(), "#!/bin/sh\necho installed\n");
    let asked = fs::read_to_string(temp.join("release.tar.gz.asked")).unwrap();
    assert!(asked.trim().ends_with(&format!("/releases/download/v1.2.3/{name}.tar.gz")), "{asked}");
}

#[test]
fn a_machine_it_does_not_run_on_is_told_so() {
    let mut runner = Runner::new("notes.txt", "x\n");
    fs::remove_file(runner.stage.home().join("temp/tollgate/bin/tollgate")).unwrap();
    runner.variables.insert("RUNNER_OS".to_owned(), "Windows".to_owned());
    let said = runner.step("Install tollgate").ends(2);
    assert!(said.out.contains("Linux and macOS"), "{}", said.out);
}

#[cfg(feature = "annotate")]
#[test]
fn the_outcome_is_shown_and_what_cannot_be_shown_changes_nothing() {
    let forge = forge::Forge::start();
    let runner = Runner::new("deploy.env", &secret()).on("pull_request", "pull_request.opened.json");
    let mut runner = runner.with("annotate", "true").with("token", forge::TOKEN);
    runner.variables.insert("GITHUB_API_URL".to_owned(), forge.api("/api/v3"));
    forge.state().pulls.push(json!({ "number": 7, "state": "open", "head": { "sha": runner.head } }));
    forge.state().files.push(json!({ "filename": "deploy.env", "patch": "@@ -0,0 +1 @@\n+x" }));
    runner.gate().ends(1);
    let said = runner.step("Show the outcome").ends(0);
    let expected = "check run: made, with 1 annotation\ncomment: made\nlines: 1 comment made, 0 edited\n";
    assert_eq!(said.out, expected, "{}", said.err);
    assert_eq!(forge.writes(), 3);
    assert_eq!(forge.state().checks[0]["head_sha"], runner.head.as_str());
    runner.variables.insert("GITHUB_API_URL".to_owned(), "http://forge.example".to_owned());
    let said = runner.step("Show the outcome").ends(0);
    assert!(said.out.contains("::warning title=tollgate::the report was not shown"), "{}", said.out);
}

#[test]
fn f3_a_forged_report_that_lies_around_changes_no_decision() {
    let runner = Runner::new("deploy.env", &secret()).on("pull_request", "pull_request.opened.json");
    let forged = json!({ "schema": "tollgate.report/v1", "outcome": "clean", "findings": [] }).to_string();
    let temp = runner.stage.home().join("temp");
    for place in ["outcome.json", "tollgate.json", "tollgate.sarif"] {
        runner.stage.repo.write(place, &forged);
        runner.stage.repo.write(temp.join(place), &forged);
    }
    runner.gate().ends(1);
    assert_eq!(runner.outputs()["outcome"], "blocked");
}

#[test]
fn zizmor_finds_nothing_in_the_action_and_the_workflows() {
    let audit = Command::new("zizmor")
        .args(["--offline", "--no-progress", "--persona=pedantic", "action.yml", "examples/github"])
        .current_dir(ROOT)
        .output();
    let Ok(output) = audit else {
        assert!(std::env::var_os("TOLLGATE_CI").is_none(), "zizmor is not here");
        eprintln!("left out: no zizmor here");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn scripts_hold_no_expression_and_files_follow_their_schemas() {
    let action = yaml("action.yml");
    for step in action["runs"]["steps"].as_array().unwrap() {
        assert!(!step["run"].as_str().unwrap().contains("${{"), "{step}");
    }
    for name in ["install", "gate", "annotate"] {
        let text = fs::read_to_string(Path::new(ROOT).join(format!("action/{name}.sh"))).unwrap();
        assert!(!text.contains("${{") && text.contains("set -euo pipefail"), "{name}");
    }
    let schema = |text: &str| {
        let schema: Value = serde_json::from_str(text).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    };
    let of_action = schema(include_str!("contracts/schemastore-github-action.schema.json"));
    let of_workflow = schema(include_str!("contracts/schemastore-github-workflow.schema.json"));
    let mut files = vec![("action.yml".to_owned(), &of_action)];
    let folder = "examples/github/.github/workflows";
    for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
        files.push((format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy()), &of_workflow));
    }
    assert!(files.len() > 3, "{}", files.len());
    for (file, validator) in files {
        let faults: Vec<String> =
            validator.iter_errors(&yaml(&file)).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{file}: {faults:#?}");
    }
}

/// The jobs of the file to include, and those of the component with its inputs filled in.
fn gitlab_jobs() -> [(&'static str, Value); 2] {
    let plain = yaml("examples/gitlab/tollgate.gitlab-ci.yml");
    let text = fs::read_to_string(Path::new(ROOT).join("examples/gitlab/templates/tollgate.yml")).unwrap();
    let (head, mut body) = text.split_once("\n---\n").map(|(head, body)| (head, body.to_owned())).unwrap();
    let head: Value = serde_yaml::from_str(head).unwrap();
    for (name, input) in head["spec"]["inputs"].as_object().unwrap() {
        body = body.replace(&format!("$[[ inputs.{name} ]]"), input["default"].as_str().unwrap());
    }
    assert!(!body.contains("$[["), "{body}");
    [("include", plain), ("component", serde_yaml::from_str(&body).unwrap())]
}

#[test]
fn the_gitlab_job_writes_every_report_it_names() {
    for (kind, jobs) in gitlab_jobs() {
        let job = &jobs["tollgate"];
        let stage = Stage::new();
        let base = stage.repo.write("README", "pay\n").commit("base");
        stage.protect(&base);
        stage.repo.git(&["checkout", "--quiet", "-b", "change"]);
        let head = stage.repo.write("deploy.env", secret()).commit("change");
        let bin = Path::new(assert_cmd::cargo::cargo_bin!("tollgate")).parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = format!("{}:{}", bin.display(), path.to_string_lossy());
        let variables = job["variables"].as_object().unwrap().iter();
        let output = Command::new("sh")
            .args(["-e", "-c", job["script"][0].as_str().unwrap()])
            .current_dir(stage.repo.path())
            .env_clear()
            .envs(variables.map(|(name, value)| (name, value.as_str().unwrap())))
            .envs([("PATH", path.as_str()), ("CI", "true"), ("GITLAB_CI", "true"), ("CI_PROJECT_ID", "77")])
            .envs([("CI_PROJECT_PATH", "acme/pay"), ("CI_JOB_NAME", "tollgate"), ("CI_JOB_ID", "9")])
            .envs([("CI_SERVER_URL", "https://gitlab.example"), ("CI_MERGE_REQUEST_IID", "7")])
            .envs([("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"), ("CI_DEFAULT_BRANCH", "main")])
            .envs([("CI_COMMIT_SHA", &head), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base)])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
        let reports = job["artifacts"]["reports"].as_object().unwrap().values();
        for name in reports.chain(job["artifacts"]["paths"].as_array().unwrap()) {
            let name = name.as_str().unwrap();
            // What could not be recorded: nothing here, where no ledger is named.
            let is_spool = job["variables"]["TOLLGATE_SPOOL"] == name;
            assert_eq!(stage.repo.path().join(name).is_file(), !is_spool, "{kind}: {name}");
        }
        let told = fs::read_to_string(stage.repo.path().join("tollgate.env")).unwrap();
        assert!(told.starts_with("TOLLGATE_OUTCOME=blocked\nTOLLGATE_STAGE=merge\n"), "{told}");
        assert!(told.len() < 5_000 && !told.contains("\n\n") && !told.contains('"'), "{told}");
    }
}

#[test]
fn the_exit_code_is_the_same_in_every_format() {
    for (text, code) in [(secret(), 1), ("nothing\n".to_owned(), 0)] {
        let stage = Stage::folder();
        stage.repo.write("deploy.env", &text);
        for format in tollgate::report::FORMATS {
            let said = stage.run(&["check", "--no-ledger", "--report", format.name]);
            assert_eq!(said.code, code, "{}: {}", format.name, said.err);
        }
        stage.run(&["check", "--no-ledger", "--as-of", "never", "--report", "sarif"]).ends(2);
    }
}

#[cfg(not(feature = "annotate"))]
#[test]
fn a_build_without_the_bot_says_that_it_is_left_out() {
    let said = Stage::folder().run(&["annotate", "--from", "outcome.json", "--forge", "github"]).ends(2);
    assert!(said.err.contains("this tollgate was built without the command `annotate`"), "{}", said.err);
}
