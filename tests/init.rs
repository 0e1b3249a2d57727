//! `init`: what it writes where, that a second run changes nothing, and that the gate runs on what it wrote.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use run::Stage;

/// Every file below `folder`, but for what git keeps to itself.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_file() {
            found.insert(entry.clone(), fs::read(&entry).unwrap());
        } else if entry.file_name().is_some_and(|name| name != ".git" && name != "tollgate") {
            found.extend(files(&entry));
        }
    }
    found
}

#[test]
fn a_second_run_changes_nothing_and_the_gate_runs_on_what_was_written() {
    for forge in ["github", "gitlab", "none"] {
        let stage = Stage::new();
        stage.repo.write("a.txt", "x\n").commit("one");
        let arguments = ["init", "--forge", forge, "--owner", "@acme/security"];
        let first = stage.run(&arguments).ends(0).out;
        assert!(first.contains("wrote .tollgate/policy.yml: "), "{first}");
        let before = files(stage.repo.path());
        let hooks = files(&stage.repo.path().join(".git/hooks"));
        let second = stage.run(&arguments).ends(0).out;
        assert!(!second.contains("wrote"), "{second}");
        assert_eq!(
            (files(stage.repo.path()), files(&stage.repo.path().join(".git/hooks"))),
            (before, hooks),
            "{forge}"
        );
        let (code, report) = stage.check(&["--no-ledger"]);
        assert_eq!(code, 0, "{forge}: {report:#}");
    }
}

#[test]
fn what_is_there_is_left_alone() {
    let stage = Stage::new();
    stage
        .repo
        .write(".tollgate/policy.yml", "version: 1\n")
        .write(".gitlab-ci.yml", "stages: [test]\n")
        .write("docs/CODEOWNERS", "* @acme/all")
        .commit("one");
    let said = stage.run(&["init", "--owner", "@acme/security"]).ends(0).out;
    let read = |path: &str| fs::read_to_string(stage.repo.path().join(path)).unwrap();
    assert_eq!(read(".tollgate/policy.yml"), "version: 1\n");
    assert_eq!(read(".gitlab-ci.yml"), "stages: [test]\n");
    assert_eq!(read("docs/CODEOWNERS"), "* @acme/all\n/.tollgate/ @acme/security\n");
    assert!(
        said.contains("add to .gitlab-ci.yml:\ninclude:\n  - local: .gitlab/tollgate.gitlab-ci.yml"),
        "{said}"
    );
}

#[test]
fn the_forge_is_told_from_the_remote() {
    for (url, path) in [
        ("git@github.com:acme/pay.git", ".github/workflows/tollgate.yml"),
        ("https://gitlab.acme.example/pay.git", ".gitlab-ci.yml"),
    ] {
        let stage = Stage::new();
        stage.repo.git(&["remote", "add", "origin", url]);
        stage.run(&["init"]).ends(0);
        assert!(stage.repo.path().join(path).is_file(), "{url}");
    }
    let stage = Stage::new();
    let said = stage.run(&["init", "--owner", "a b"]).ends(2);
    assert!(said.err.contains("is no code owner"), "{}", said.err);
}
