//! `check --memo`: saves searches, and nothing that stands in a memo hides a finding.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use run::{Said, Stage, found, token};

const CHECK: [&str; 5] = ["check", "--memo", "--no-ledger", "--report", "json"];

/// A repository with two clean files and a secret.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.repo.write("clean.txt", "one\n").write("also/clean.txt", "two\n");
    stage.repo.write("secret.env", format!("KEY={}\n", token("memo"))).commit("first");
    stage
}

fn memo(stage: &Stage) -> PathBuf {
    let folder = stage.home().join(".cache/tollgate/clean");
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

fn spares(said: &Said) -> bool {
    said.err.contains("not searched again (--memo)")
}

/// One finding, and the same report but for what differs in every run.
fn same_findings(first: &Said, second: &Said) {
    assert_eq!(found(&first.json()).len(), 1);
    assert_eq!(first.json()["findings"], second.json()["findings"]);
    assert_eq!(first.json()["coverage"], second.json()["coverage"]);
}

#[test]
fn the_second_run_searches_less_and_says_the_same() {
    let stage = stage();
    let first = stage.run(&CHECK);
    assert!(!spares(&first), "{}", first.err);
    let second = stage.run(&CHECK);
    assert!(second.err.contains("2 of 3 files were clean before"), "{}", second.err);
    same_findings(&first, &second);
    assert!(!spares(&stage.run(&["check", "--no-ledger"])), "it is asked only where it is asked for");

    stage.repo.write("clean.txt", format!("KEY={}\n", token("another")));
    assert_eq!(found(&stage.run(&CHECK).json()).len(), 2, "a file that changed is searched");

    stage.repo.write(".tollgate/policy.yml", "version: 1\nlimits: { file_bytes: 1MiB }\n");
    assert!(!spares(&stage.run(&CHECK)), "under another policy nothing is known");
}

#[test]
fn f6_whatever_is_written_into_a_memo_hides_nothing() {
    let stage = stage();
    let first = stage.run(&CHECK);
    let kept = fs::read(memo(&stage)).unwrap();
    let forged = [kept.as_slice(), &[0x5a; 16 * 100]].concat();
    for (bytes, is_noted) in [
        (forged.as_slice(), false),
        (b"nonsense".as_slice(), true),
        (&kept[..kept.len() - 3], true),
        (b"".as_slice(), true),
    ] {
        std::io::Write::write_all(&mut fs::File::create(memo(&stage)).unwrap(), bytes).unwrap();
        let said = stage.run(&CHECK);
        same_findings(&first, &said);
        assert_eq!(said.err.contains("is not believed"), is_noted, "{}", said.err);
    }
}

#[test]
fn a_memo_made_under_another_key_is_of_no_use() {
    let stage = stage();
    let first = stage.run(&CHECK);
    fs::remove_file(stage.home().join(".local/state/tollgate/memo.key")).unwrap();
    let second = stage.run(&CHECK);
    assert!(!spares(&second), "{}", second.err);
    same_findings(&first, &second);
}

#[test]
fn a_key_that_others_may_know_is_not_used() {
    let stage = stage();
    let first = stage.run(&CHECK);
    let key = stage.home().join(".local/state/tollgate/memo.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let second = stage.run(&CHECK);
    assert!(!spares(&second) && second.err.contains("may be known to others"), "{}", second.err);
    same_findings(&first, &second);
}

#[test]
fn a_link_in_place_of_the_key_is_not_followed() {
    let stage = stage();
    stage.run(&CHECK);
    let key = stage.home().join(".local/state/tollgate/memo.key");
    fs::rename(&key, stage.home().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(stage.home().join("elsewhere"), &key).unwrap();
    let said = stage.run(&CHECK);
    assert!(!spares(&said) && said.err.contains("memo.key"), "{}", said.err);
}
