//! A deploy is tied to the run that let it through, by digest, commit and tree.

use serde_json::Value;

use crate::people::{REASON, Scene};
use crate::run::{Said, borrowed, token};

/// What is built, and something else.
fn digests() -> (String, String) {
    (format!("sha256:{}", "a1".repeat(32)), format!("sha256:{}", "b2".repeat(32)))
}

/// A merged, clean `main`.
fn clean() -> Scene {
    let scene = Scene::new();
    scene.stage.repo.git(&["checkout", "--quiet", "main"]);
    scene
}

impl Scene {
    fn in_deploy(&self, arguments: &[&str]) -> Said {
        let variables = self.deploying();
        self.stage.run_with(arguments, &borrowed(&variables))
    }

    /// The gate at deploy, over an artefact.
    fn releases(&self, more: &[&str]) -> Said {
        self.stage.protect(&self.stage.repo.git(&["rev-parse", "HEAD"]));
        let mut all = vec!["check", "--stage", "deploy", "--trust", "origin/main"];
        all.extend(more);
        self.in_deploy(&all)
    }

    fn verify_deploy(&self, digest: &str) -> Said {
        self.in_deploy(&["check", "--trust", "origin/main", "--verify-deploy", digest])
    }
}

#[test]
fn f2_only_the_digest_that_a_run_let_through_may_be_deployed() {
    let scene = clean();
    let (built, other) = digests();
    scene.releases(&["--artifact", &built]).ends(0);
    let run = scene.records().pop().unwrap();
    assert_eq!(run["artifact"]["digest"], Value::from(built.as_str()));
    assert_eq!(run["commit"]["tree"], Value::from(scene.stage.repo.git(&["rev-parse", "HEAD^{tree}"])));
    scene.verify_deploy(&built).ends(0);
    let said = scene.verify_deploy(&other).ends(1);
    assert!(said.out.contains("is about `sha256:a1a1"), "{}", said.out);
    let hex = built.strip_prefix("sha256:").unwrap();
    scene.verify_deploy(&hex.to_uppercase()).ends(0);
    let said = scene.verify_deploy("latest").ends(2);
    assert!(said.err.contains("no digest of an artefact"), "{}", said.err);
    // The same bytes from another commit are another matter.
    scene.stage.repo.write("README", "more\n").commit("two");
    let said = scene.verify_deploy(&built).ends(1);
    assert!(said.out.contains("let it through for commit"), "{}", said.out);
    assert_eq!(scene.records().len(), 2, "asking writes nothing");
}

#[test]
fn f2_what_was_blocked_revoked_or_never_seen_is_refused() {
    let scene = Scene::new();
    let (built, other) = digests();
    scene.check();
    let id = scene.request(&[]);
    scene.approve(&id, "lee");
    assert_eq!(scene.check().0, 0);
    scene.stage.repo.commit("exception");
    scene.stage.repo.git(&["branch", "--force", "main", "HEAD"]);
    let said = scene.verify_deploy(&built).ends(1);
    assert!(said.out.contains("no run at deploy named it"), "{}", said.out);
    scene.releases(&["--artifact", &built, "--artifact", &other]).ends(0);
    scene.verify_deploy(&built).ends(0);
    scene.verify_deploy(&other).ends(0);
    scene.person("sam", &["except", "revoke", &id, "--reason", REASON]).ends(0);
    let said = scene.verify_deploy(&built).ends(1);
    assert!(said.out.contains("was revoked since"), "{}", said.out);
    scene.releases(&["--artifact", &built]).ends(1);
    let said = scene.verify_deploy(&built).ends(1);
    assert!(said.out.contains("blocked it"), "{}", said.out);
    let said = scene.verify_deploy(&other).ends(1);
    assert!(said.out.contains("blocked the same commit since"), "{}", said.out);
}

#[test]
fn f2_without_a_ledger_nothing_is_verified() {
    let stage = crate::run::Stage::new();
    let base = stage.repo.write("README", "pay\n").commit("base");
    stage.protect(&base);
    let variables = stage.github(&base, &base, "kim");
    let (built, _) = digests();
    let said = stage
        .run_with(&["check", "--trust", "origin/main", "--verify-deploy", &built], &borrowed(&variables))
        .ends(2);
    assert!(said.err.contains("nothing may be deployed without a ledger"), "{}", said.err);
}

#[test]
fn f3_a_forged_pass_changes_nothing_at_deploy() {
    let scene = clean();
    let (built, _) = digests();
    scene.releases(&["--artifact", &built, "--report", "json=pass.json"]).ends(0);
    let pass = std::fs::read(scene.stage.repo.path().join("pass.json")).unwrap();
    scene.stage.repo.remove("pass.json");
    scene.stage.repo.write("prod.env", format!("GITHUB_TOKEN={}\n", token("a"))).commit("token");
    // Everywhere a job could leave it: as a report, as the report of the last run, as a ledger of its own.
    for path in ["pass.json", "tollgate.json", "last-report.json", ".git/tollgate/last-report.json"] {
        scene.stage.repo.write(path, &pass);
    }
    scene.stage.repo.write(".git/tollgate/ledger/segments/000000.jsonl", &pass);
    let report = scene.releases(&["--artifact", &built, "--report", "json"]).ends(1).json();
    assert_eq!(report["outcome"], "blocked", "{report:#}");
    let said = scene.verify_deploy(&built).ends(1);
    assert!(said.out.contains("must not be deployed"), "{}", said.out);
    let elsewhere = format!("file:{}", scene.stage.repo.path().join(".git/tollgate/ledger").display());
    let asked = ["check", "--trust", "origin/main", "--verify-deploy", &built, "--ledger", &elsewhere];
    let said = scene.in_deploy(&asked).ends(1);
    assert!(said.err.contains("`--ledger` is ignored"), "{}", said.err);
}

#[test]
fn f1_a_deploy_is_joined_by_digest_before_it_is_joined_by_commit() {
    let scene = clean();
    let (built, other) = digests();
    let key = scene.stage.home().join("ci").display().to_string();
    scene.releases(&["--artifact", &built]).ends(0);
    let record = |digest: &str| {
        scene.in_deploy(&["record", "deploy", "--key", &key, "--artifact", digest]).ends(0).out
    };
    assert!(record(&built).contains("relies on run 9"));
    assert!(record(&other).contains("relies on no gate run"), "the run is about another digest");
    let rate = scene.stage.run(&["rate", "--format", "json"]).ends(0).json();
    let gated = &rate["all"]["trust"]["gated"];
    assert_eq!((gated["count"].as_u64(), gated["of"].as_u64()), (Some(1), Some(2)), "{gated:#}");
}

#[test]
fn a8_every_record_of_a_binary_that_is_not_allowed_is_listed() {
    let scene = clean();
    scene.releases(&[]).ends(0);
    let binary = std::fs::read(assert_cmd::cargo::cargo_bin!("tollgate")).unwrap();
    let own = tollgate::text::hash::digest(&binary);
    let records = scene.records();
    assert!(records.iter().all(|record| record["tool"]["digest"] == own.as_str()), "{records:#?}");
    let path = scene.stage.repo.path().join(".tollgate/policy.yml");
    let policy = std::fs::read_to_string(&path).unwrap();
    let allow = |digest: &str| {
        scene.stage.repo.write(".tollgate/policy.yml", format!("{policy}tools: [\"{digest}\"]\n"));
        scene.stage.run(&["ledger", "verify"])
    };
    allow(&own).ends(0);
    let said = allow(&digests().0).ends(1);
    assert_eq!(said.out.matches("which the policy does not allow").count(), records.len(), "{}", said.out);
    // It does not decide either, where the policy that is believed says so.
    for name in ["sam", "pat"] {
        scene.person(name, &["rules", "sign"]).ends(0);
    }
    scene.stage.repo.commit("another binary");
    let said = scene.releases(&[]).ends(2);
    assert!(said.err.contains("the policy does not allow it"), "{}", said.err);
}
