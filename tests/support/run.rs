//! Runs of the real binary: an environment of our own, keys of the real OpenSSH, tokens made at run time.

#![allow(dead_code, reason = "every test binary uses another part of this")]
#![allow(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tollgate::policy::example::{self, Check};
use tollgate::policy::pack;

use crate::support::TestRepo;

/// Everything people may sign.
const NAMESPACES: &str = "exception@tollgate,exception-critical@tollgate,record@tollgate";

/// A repository, and a home folder with keys and state beside it.
pub struct Stage {
    pub repo: TestRepo,
    home: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The report on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Panics unless the command ended with `code`.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

impl Stage {
    /// An empty repository on `main`.
    pub fn new() -> Self {
        Self::of(TestRepo::new())
    }

    /// A folder without git.
    pub fn folder() -> Self {
        Self::of(TestRepo::folder())
    }

    /// Around a repository that is there.
    pub fn of(repo: TestRepo) -> Self {
        let home = tempfile::Builder::new().prefix("tollgate-home-").tempdir().unwrap();
        Self { repo, home }
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where the local ledger of the repository is.
    pub fn ledger(&self) -> PathBuf {
        self.repo.path().join(".git/tollgate/ledger")
    }

    /// The command with `arguments`, not yet started: by `kim`, in the top folder, with nothing else around.
    pub fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tollgate"));
        command
            .current_dir(self.repo.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("USER", "kim")
            .envs(variables.iter().copied())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs the command on a person's machine.
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[])
    }

    /// Runs the command with more variables.
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let output = self.command(arguments, variables).output().unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// `check` with a json report, and its report.
    pub fn check(&self, arguments: &[&str]) -> (i32, Value) {
        self.check_with(arguments, &[])
    }

    /// The same with more variables.
    pub fn check_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, Value) {
        let mut all = vec!["check", "--report", "json"];
        all.extend(arguments);
        let said = self.run_with(&all, variables);
        assert_ne!(said.code, 2, "{}", said.err);
        (said.code, said.json())
    }

    /// A new ed25519 key of `name`, made by `ssh-keygen`; the path of the private half.
    pub fn key(&self, name: &str) -> String {
        let path = self.home().join(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        path.display().to_string()
    }

    /// The lines of a signers file for keys of [`Stage::key`], each of `<name>@acme.example`.
    pub fn signers(&self, names: &[&str]) -> String {
        let line = |name: &&str| {
            let public = fs::read_to_string(self.home().join(name).with_extension("pub")).unwrap();
            format!("{name}@acme.example namespaces=\"{NAMESPACES}\" {public}")
        };
        names.iter().map(line).collect()
    }

    /// The line of a signers file for the key of `name`, which may sign for `namespaces`.
    pub fn signer(&self, name: &str, namespaces: &str) -> String {
        self.signers(&[name]).replace(NAMESPACES, namespaces)
    }

    /// As after a fetch: the clone knows `main` of its origin at `commit`.
    pub fn protect(&self, commit: &str) {
        self.repo.git(&["update-ref", "refs/remotes/origin/main", commit]);
    }

    /// Every record of the local ledger.
    pub fn records(&self, ledger: &[&str]) -> Vec<Value> {
        let mut arguments = vec!["ledger", "log", "--format", "jsonl"];
        arguments.extend(ledger);
        let said = self.run(&arguments).ends(0);
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Variables of a GitHub pull request number 7 by `author`, from `base` to `head`.
    pub fn github(&self, base: &str, head: &str, author: &str) -> Vec<(&'static str, String)> {
        let event = serde_json::json!({ "pull_request": {
            "number": 7, "user": { "login": author },
            "base": { "sha": base, "ref": "main", "repo": { "id": 77 } },
            "head": { "sha": head, "ref": "change", "repo": { "id": 77 } },
        }});
        let path = self.home().join("event.json");
        fs::File::create(&path).and_then(|file| Ok(serde_json::to_writer(file, &event)?)).unwrap();
        let fixed = [
            ("GITHUB_ACTIONS", "true"),
            ("CI", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/pay"),
            ("GITHUB_REPOSITORY_ID", "77"),
            ("GITHUB_WORKFLOW_REF", "acme/pay/.github/workflows/gate.yml@refs/pull/7/merge"),
            ("GITHUB_RUN_ID", "8800"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_JOB", "gate"),
            ("GITHUB_EVENT_NAME", "pull_request"),
            ("GITHUB_ACTOR_ID", "501"),
            ("GITHUB_ACTOR", "kim"),
            ("GITHUB_TRIGGERING_ACTOR", "kim"),
            ("GITHUB_SHA", "0000000000000000000000000000000000000001"),
            ("GITHUB_REF", "refs/pull/7/merge"),
            ("GITHUB_BASE_REF", "main"),
            ("GITHUB_HEAD_REF", "change"),
        ];
        let mut all: Vec<_> = fixed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        all.push(("GITHUB_EVENT_PATH", path.display().to_string()));
        all
    }
}

/// Borrowed, as [`Stage::run_with`] wants it.
pub fn borrowed<'v>(variables: &'v [(&'static str, String)]) -> Vec<(&'v str, &'v str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// `template` filled in for the rule `id`: nobody's secret, with check digits that hold. Another `seed`, another text.
pub fn made_up(id: &str, template: &str, seed: &str) -> String {
    let rules = pack::builtin().unwrap();
    let rule = rules.iter().find(|rule| rule.id.0 == id).unwrap();
    let text = rule.text_rule();
    let regex = text.and_then(|text| text.pattern.regex().ok());
    let check = text.and_then(|text| text.checksum.as_ref()).zip(regex);
    let check = check.map(|(syntax, pattern)| Check { syntax, pattern });
    String::from_utf8(example::fill(template, seed, 0, check).unwrap()).unwrap()
}

/// A GitHub token of nobody.
pub fn token(seed: &str) -> String {
    made_up("github-classic-token", "ghp_{alnum:30}{checksum:6}", seed)
}

/// The paths and rules of the findings of a report.
pub fn found(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |finding: &Value| (text(&finding["place"]["path"]), text(&finding["rule"]));
    report["findings"].as_array().unwrap().iter().map(one).collect()
}

/// Fingerprints of the findings of a report.
pub fn fingerprints(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["fingerprint"].as_str().unwrap().to_owned()).collect()
}
