//! The repository the gate is made in is clean: nothing here looks like a secret, and nothing is excluded.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::fs;
use std::path::Path;

use run::Stage;

/// What is kept in git; not what a build makes.
const OWN: [&str; 9] = [
    "src",
    "policies",
    "tests",
    "examples",
    "benches",
    "README.md",
    "CHANGELOG.md",
    "Cargo.toml",
    "action.yml",
];

#[test]
fn the_repository_the_gate_is_made_in_is_clean() {
    let stage = Stage::folder();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copied: usize = OWN.iter().map(|name| copy(&stage, top, &top.join(name))).sum();
    assert!(copied > 300, "only {copied} files");
    let said = stage.run(&["check", "--no-ledger"]).ends(0);
    assert!(said.out.contains("clean: nothing found"), "{}", said.out);
}

/// Copies a file, or every file below a folder, and counts them.
fn copy(stage: &Stage, top: &Path, from: &Path) -> usize {
    if from.is_dir() {
        return fs::read_dir(from).unwrap().map(|entry| copy(stage, top, &entry.unwrap().path())).sum();
    }
    stage.repo.write(from.strip_prefix(top).unwrap(), fs::read(from).unwrap());
    1
}
