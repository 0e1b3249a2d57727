//! Bundles of evidence: made from a ledger, checked on another machine, and worth nothing once altered.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use run::{Stage, fingerprints, token};

/// A stage on which a finding went out under an exception; the id of the deploy, and the key of the seal.
fn deployed() -> (Stage, String, String) {
    let stage = Stage::new();
    let (lee, _, seal) = (stage.key("lee"), stage.key("ci"), stage.key("seal"));
    stage
        .repo
        .write(".tollgate/signers", stage.signers(&["lee", "ci"]))
        .write(".tollgate/policy.yml", "version: 1\norganisation: acme\n")
        .write("prod.env", format!("TOKEN={}\n", token("one")))
        .commit("one");
    let gate = ["--stage", "deploy", "--trust", "main"];
    let (_, report) = stage.check(&gate);
    let print = fingerprints(&report)[0].clone();
    let reason = "the new role ships on Tuesday with PAY-88";
    let asked = ["except", "request", &print, "--owner", "pay", "--reason", reason];
    stage.run(&asked).ends(0);
    let listed = stage.run(&["except", "list"]).ends(0).out;
    stage.run(&["except", "approve", listed.split_whitespace().next().unwrap(), "--key", &lee]).ends(0);
    let (code, report) = stage.check(&gate);
    assert_eq!((code, report["outcome"].as_str()), (0, Some("excepted")), "{report}");
    let ci = stage.home().join("ci").display().to_string();
    stage.run(&["record", "deploy", "--id", "D1", "--key", &ci]).ends(0);
    let said = stage.run(&["ledger", "seal", "--key", &seal]).ends(0);
    let key = said.err.lines().find_map(|line| line.strip_prefix("sealed with ")).unwrap().to_owned();
    (stage, "D1".to_owned(), key)
}

fn gather(stage: &Stage, deploy: &str, name: &str) -> PathBuf {
    let folder = stage.home().join(name);
    stage.run(&["evidence", deploy, "--to", folder.to_str().unwrap()]).ends(0);
    folder
}

/// `evidence verify` on a machine that has nothing but the bundle.
fn verify(folder: &Path, key: &str) -> run::Said {
    Stage::folder().run(&["evidence", "verify", folder.to_str().unwrap(), "--seal-key", key])
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

fn write(path: &Path, bytes: &[u8]) {
    fs::File::create(path).and_then(|mut file| std::io::Write::write_all(&mut file, bytes)).unwrap();
}

#[test]
fn a_bundle_tells_the_deploy_and_verifies_elsewhere() {
    let (stage, deploy, key) = deployed();
    let folder = gather(&stage, &deploy, "bundle");
    let said = verify(&folder, &key).ends(0);
    for part in [
        "the gate said `excepted`",
        "the policy is the one in force then",
        "is signed by lee@acme.example",
        "holds",
    ] {
        assert!(said.out.contains(part), "{part} in {}", said.out);
    }
    let summary = fs::read_to_string(folder.join("summary.md")).unwrap();
    for part in ["the new role ships on Tuesday", "lee", "github-classic-token", "prod.env"] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
    assert!(!summary.contains(&token("one")));
    // The same deploy gives the same bytes.
    let again = gather(&stage, &deploy, "again");
    let bytes = |folder: &Path| -> Vec<Vec<u8>> {
        files(folder).iter().map(|path| fs::read(path).unwrap()).collect()
    };
    assert_eq!(bytes(&folder), bytes(&again));
}

#[test]
fn no_file_of_a_bundle_can_be_altered_taken_or_added() {
    let (stage, deploy, key) = deployed();
    let folder = gather(&stage, &deploy, "bundle");
    for path in files(&folder) {
        let before = fs::read(&path).unwrap();
        let mut after = before.clone();
        let middle = after.len() / 2;
        after[middle] ^= 1;
        write(&path, &after);
        assert_ne!(verify(&folder, &key).code, 0, "{} altered", path.display());
        fs::remove_file(&path).unwrap();
        assert_ne!(verify(&folder, &key).code, 0, "{} taken", path.display());
        write(&path, &before);
    }
    verify(&folder, &key).ends(0);
    write(&folder.join("more.txt"), b"x");
    verify(&folder, &key).ends(1);
}

#[test]
fn a_manifest_written_to_fit_altered_files_convinces_nobody() {
    let (stage, deploy, key) = deployed();
    let folder = gather(&stage, &deploy, "bundle");
    let manifest = folder.join("manifest.json");
    let original = fs::read(&manifest).unwrap();
    for path in files(&folder).into_iter().filter(|path| *path != manifest && !path.ends_with("signers")) {
        let before = fs::read(&path).unwrap();
        let mut after = before.clone();
        let middle = after.len() / 2;
        after[middle] ^= 1;
        write(&path, &after);
        let digest = tollgate::text::hash::digest;
        let fitted = String::from_utf8(original.clone()).unwrap().replace(&digest(&before), &digest(&after));
        write(&manifest, fitted.as_bytes());
        assert_ne!(verify(&folder, &key).code, 0, "{}", path.display());
        write(&path, &before);
        write(&manifest, &original);
    }
    verify(&folder, &key).ends(0);
}

#[test]
fn an_approval_that_no_signers_vouch_for_does_not_hold() {
    let (stage, deploy, key) = deployed();
    let folder = gather(&stage, &deploy, "bundle");
    let path = folder.join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let listed = manifest["files"].as_object_mut().unwrap();
    let signers: Vec<String> = listed.keys().filter(|name| name.ends_with("/signers")).cloned().collect();
    for name in &signers {
        listed.remove(name);
        fs::remove_file(folder.join(name)).unwrap();
    }
    assert_eq!(signers.len(), 1);
    write(&path, manifest.to_string().as_bytes());
    let said = verify(&folder, &key).ends(1);
    assert!(said.out.contains("no signers are here"), "{}", said.out);
}

#[test]
fn a_deploy_that_is_not_there_or_not_sealed_has_no_evidence() {
    let (stage, ..) = deployed();
    let to = stage.home().join("bundle").display().to_string();
    let said = stage.run(&["evidence", "D2", "--to", &to]).ends(2);
    assert!(said.err.contains("no deploy has the id"), "{}", said.err);
    stage.run(&["record", "deploy", "--id", "D2"]).ends(0);
    let said = stage.run(&["evidence", "D2", "--to", &to]).ends(2);
    assert!(said.err.contains("not sealed yet"), "{}", said.err);
}

#[test]
fn the_evidence_on_a_deploy_without_a_run_says_ungated() {
    let (stage, _, _) = deployed();
    stage.run(&["record", "deploy", "--id", "D3", "--relied-on", "none"]).ends(0);
    let seal = stage.home().join("seal").display().to_string();
    let said = stage.run(&["ledger", "seal", "--key", &seal]).ends(0);
    let key = said.err.lines().find_map(|line| line.strip_prefix("sealed with ")).unwrap().to_owned();
    let folder = gather(&stage, "D3", "bundle");
    assert!(fs::read_to_string(folder.join("summary.md")).unwrap().contains("ungated"));
    let said = verify(&folder, &key).ends(0);
    assert!(said.out.contains("names no run"), "{}", said.out);
}

#[test]
fn the_evidence_on_a_deploy_names_those_who_broke_the_glass_for_it() {
    let stage = Stage::new();
    let (dana, lee, seal) = (stage.key("dana"), stage.key("lee"), stage.key("seal"));
    let signers =
        stage.signers(&["dana", "lee"]).replace("record@tollgate", "record@tollgate,break-glass@tollgate");
    stage
        .repo
        .write(".tollgate/signers", signers)
        .write("prod.env", format!("TOKEN={}\n", token("one")))
        .commit("one");
    stage.check(&["--stage", "deploy", "--trust", "main"]);
    let reason = "payments are down, INC-12";
    stage
        .run(&["record", "break-glass", "--reason", reason, "--deploy", "D4", "--key", &dana, "--key", &lee])
        .ends(0);
    stage.run(&["record", "deploy", "--id", "D4"]).ends(0);
    stage.run(&["ledger", "seal", "--key", &seal]).ends(0);
    let folder = gather(&stage, "D4", "bundle");
    let summary = fs::read_to_string(folder.join("summary.md")).unwrap();
    assert!(summary.contains("payments are down"), "{summary}");
}
