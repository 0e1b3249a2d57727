//! Whole runs of the gate on repositories built in the test.
//!
//! Tests that begin with a letter and a number are rows of the threat model.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a set-up that fails is a test that fails"
)]

mod support;
#[path = "support/run.rs"]
mod run;

use std::process::Child;

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
    stage.repo.write(".tollgate/policy.yml", "rules:\n  - { id: github-classic-token, enforcement: advise }\n");
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
        .write(".gitattributes", "*.env export-ignore -diff linguist-generated working-tree-encoding=UTF-16\n")
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
    stage.repo.write("README", "x\n").write(".tollgate/policy.yml", "limits: { file_bytes: 64 KiB }\n").commit("base");
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
        stage.repo.write(format!("d{}/f{n}.env", n % 7), format!("{}\nDB_PASSWORD=\"Zk{n}qXv9rTb2wLm{n}\"\n", line(&n.to_string())));
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
    for marker in ["gitleaks:allow", "pragma: allowlist secret", "trufflehog:ignore", "ggignore", "nosemgrep"] {
        stage.repo.write("prod.env", format!("{} # {marker}\n", line("a").trim_end()));
        let (code, report) = stage.check(&[]);
        assert_eq!((code, fingerprints(&report)), (1, fingerprints(&plain)), "{marker}");
        assert_eq!(report["coverage"]["suppressions_ignored"], 1, "{marker}");
    }
}
