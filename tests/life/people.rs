//! A repository with a ledger that every command shares, a change with a token in it, and the people around.
//!
//! Kim wrote the change. Lee and Mia may approve, Lee of the same team and Mia of another, Sam may revoke, a bot and the CI may record.

use std::fs;

use serde_json::Value;

use crate::run::{Said, Stage, borrowed, fingerprints, token};

pub const REASON: &str = "the new role ships on Tuesday with PAY-88";

const APPROVE: &str = "exception@tollgate,exception-critical@tollgate";

pub struct Scene {
    pub stage: Stage,
    pub base: String,
    runs: std::cell::Cell<u32>,
}

impl Scene {
    pub fn new() -> Self {
        Self::with("")
    }

    /// With more lines in the policy.
    pub fn with(policy: &str) -> Self {
        let stage = Stage::new();
        let ledger = stage.home().join("ledger");
        let mut signers = String::new();
        for (name, namespaces) in [
            ("lee", APPROVE),
            ("mia", APPROVE),
            ("kim", APPROVE),
            ("bot", APPROVE),
            ("sam", "revoke@tollgate,baseline@tollgate,break-glass@tollgate,policy@tollgate"),
            ("pat", "baseline@tollgate,break-glass@tollgate,policy@tollgate"),
            ("ci", "record@tollgate"),
        ] {
            stage.key(name);
            signers.push_str(&stage.signer(name, namespaces));
        }
        let mut people = String::new();
        for (name, class, group) in [
            ("lee", "human", "payments"),
            ("mia", "human", "search"),
            ("kim", "human", "payments"),
            ("bot", "bot", "payments"),
        ] {
            people.push_str(&format!(
                "[principals.\"{name}@acme.example\"]\nperson = \"{name}\"\nclass = \"{class}\"\ngroups = [\"{group}\"]\n"
            ));
        }
        let policy =
            format!("version: 1\norganisation: acme\nledger: \"file:{}\"\n{policy}", ledger.display());
        stage
            .repo
            .write(".tollgate/signers", signers)
            .write(".tollgate/signers.toml", people)
            .write(".tollgate/policy.yml", policy);
        let base = stage.repo.write("README", "pay\n").commit("base");
        stage.protect(&base);
        stage.repo.git(&["checkout", "--quiet", "-b", "change"]);
        stage.repo.write("prod.env", format!("GITHUB_TOKEN={}\n", token("a")));
        stage.repo.commit_as("change", ("Kim Example", "kim@acme.example"));
        Self { stage, base, runs: std::cell::Cell::new(0) }
    }

    /// The variables of the next run of the pull request.
    pub fn github(&self) -> Vec<(&'static str, String)> {
        self.runs.set(self.runs.get() + 1);
        let head = self.stage.repo.git(&["rev-parse", "HEAD"]);
        let mut variables = self.stage.github(&self.base, &head, "kim");
        variables.push(("GITHUB_RUN_ID", format!("9{}", self.runs.get())));
        variables.push(("GITHUB_RUN_ATTEMPT", "1".to_owned()));
        variables
    }

    /// The variables of the next run on the way to production, of what is checked out as the merged `main`.
    pub fn deploying(&self) -> Vec<(&'static str, String)> {
        let mut variables = self.github();
        variables.extend([
            ("GITHUB_EVENT_NAME", "push".to_owned()),
            ("GITHUB_EVENT_PATH", String::new()),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_SHA", self.stage.repo.git(&["rev-parse", "HEAD"])),
            ("GITHUB_BASE_REF", "main".to_owned()),
            ("GITHUB_ACTOR", "ci".to_owned()),
            ("GITHUB_TRIGGERING_ACTOR", "ci".to_owned()),
            ("GITHUB_ACTOR_ID", "900".to_owned()),
        ]);
        variables
    }

    /// The gate in the next run of the pull request.
    pub fn check(&self) -> (i32, Value) {
        self.stage.check_with(&["--since", &self.base], &borrowed(&self.github()))
    }

    /// The one finding of the last report.
    pub fn print(&self) -> String {
        let report = fs::read(self.stage.repo.path().join(".git/tollgate/last-report.json")).unwrap();
        fingerprints(&serde_json::from_slice(&report).unwrap())[0].clone()
    }

    /// Asks for an exception for the one finding; its id.
    pub fn request(&self, more: &[&str]) -> String {
        let print = self.print();
        let mut all = vec!["except", "request", &print, "--owner", "payments", "--reason", REASON];
        all.extend(more);
        self.stage.run(&all).ends(0);
        self.newest("")
    }

    /// Asks for the same once more; the new id.
    pub fn renewed(&self, id: &str, more: &[&str]) -> String {
        let mut all = vec!["except", "request", "--renews", id, "--reason", REASON];
        all.extend(more);
        let said = self.stage.run(&all).ends(0);
        said.out.lines().next().unwrap().rsplit('/').next().unwrap().replace(".json", "")
    }

    /// The id that sorts behind all others and `known`.
    pub fn newest(&self, known: &str) -> String {
        let folder = self.stage.repo.path().join(".tollgate/exceptions");
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let ids = names.map(|name| name.to_str().unwrap().split('.').next().unwrap().to_owned());
        ids.filter(|id| id.as_str() != known).max().unwrap()
    }

    /// The one document.
    pub fn document(&self) -> Value {
        let path = format!(".tollgate/exceptions/{}.json", self.newest(""));
        serde_json::from_slice(&fs::read(self.stage.repo.path().join(path)).unwrap()).unwrap()
    }

    /// A command of somebody with a key.
    pub fn person(&self, name: &str, arguments: &[&str]) -> Said {
        let key = self.stage.home().join(name).display().to_string();
        let mut all = arguments.to_vec();
        all.extend(["--key", &key]);
        self.stage.run_with(&all, &[("USER", name)])
    }

    pub fn approve(&self, id: &str, name: &str) {
        self.person(name, &["except", "approve", id]).ends(0);
    }

    pub fn records(&self) -> Vec<Value> {
        self.stage.records(&[])
    }

    /// The one record of `kind`.
    #[track_caller]
    pub fn only(&self, kind: &str) -> Value {
        let mut all = self.records();
        all.retain(|record| record["kind"] == kind);
        assert_eq!(all.len(), 1, "{kind}: {all:#?}");
        all.remove(0)
    }

    /// The ledger holds.
    #[track_caller]
    pub fn verifies(&self) {
        self.stage.run(&["ledger", "verify"]).ends(0);
    }
}

/// The codes of all refusals of a report.
pub fn refusals(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    let all = findings.iter().flat_map(|one| one["refused"].as_array().unwrap());
    all.map(|refusal| refusal["code"].as_str().unwrap().to_owned()).collect()
}
