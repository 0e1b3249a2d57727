//! Seals, witnesses, proofs and exports: what somebody without the ledger can hold it to.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use run::{Said, Stage, token};
use tollgate::ledger::{Ledger, Proof};
use tollgate::signing::{KeyFile, NoteKey, NoteSigner, Statement};

/// A stage whose local ledger holds the records of `runs` runs, and a seal key.
fn stage(runs: usize) -> (Stage, String) {
    let stage = Stage::new();
    let key = stage.key("seal");
    stage.repo.write("app.env", format!("TOKEN={}\n", token("one")));
    stage.repo.commit("first");
    for _ in 0..runs {
        stage.run(&["check"]).ends(1);
    }
    (stage, key)
}

/// Seals the ledger; the path of the seal, and the key it is signed with as people pass it on.
fn seal(stage: &Stage, key: &str, name: &str) -> (String, String) {
    let path = stage.home().join(name).display().to_string();
    let said = stage.run(&["ledger", "seal", "--key", key, "--to", &path]).ends(0);
    let public = said.err.lines().find_map(|line| line.strip_prefix("sealed with ")).unwrap();
    (path, public.to_owned())
}

fn size(stage: &Stage) -> u64 {
    stage.records(&[]).len() as u64
}

/// Cuts the ledger to its first records, as whoever owns the disk can.
fn set_back(stage: &Stage, from: &Path) {
    for part in ["head.json", "index.bin", "segments/000000.jsonl"] {
        fs::copy(from.join(part), stage.ledger().join(part)).unwrap();
    }
}

/// A copy of the ledger as it is now.
fn photograph(stage: &Stage) -> tempfile::TempDir {
    let kept = tempfile::tempdir().unwrap();
    fs::create_dir(kept.path().join("segments")).unwrap();
    for part in ["head.json", "index.bin", "segments/000000.jsonl"] {
        fs::copy(stage.ledger().join(part), kept.path().join(part)).unwrap();
    }
    kept
}

#[test]
fn a_sealed_ledger_verifies_with_its_seal_and_goes_on() {
    let (stage, key) = stage(1);
    let sealed_at = size(&stage);
    let (path, public) = seal(&stage, &key, "seal.txt");
    stage.run(&["check"]).ends(1);
    let said = stage.run(&["ledger", "verify", "--since", &path, "--seal-key", &public]).ends(0);
    assert!(said.out.contains(&format!("newest of 1 sealed states: {sealed_at} records")), "{}", said.out);
    assert!(said.out.contains("records since are not sealed"), "{}", said.out);
    // Twice the same key over the same state changes nothing.
    let (again, _) = seal(&stage, &key, "again.txt");
    let (third, _) = seal(&stage, &key, "third.txt");
    assert_eq!(fs::read(again).unwrap(), fs::read(third).unwrap());
}

#[test]
fn a_seal_of_another_key_is_named() {
    let (stage, key) = stage(1);
    seal(&stage, &key, "seal.txt");
    let other = NoteSigner::new(
        &KeyFile::parse(&fs::read(stage.key("other")).unwrap(), "other").unwrap(),
        Ledger::open_existing(&format!("file:{}", stage.ledger().display())).unwrap().origin(),
    );
    let other: NoteKey = other.unwrap().key(Statement::Sealed);
    let said = stage.run(&["ledger", "verify", "--seal-key", &other.to_string()]).ends(1);
    assert!(said.out.contains("is not signed by a key that is known"), "{}", said.out);
}

#[test]
fn c1_a_ledger_set_back_is_reported_and_not_written_to() {
    let (stage, key) = stage(1);
    let before = photograph(&stage);
    stage.run(&["check"]).ends(1);
    let (elsewhere, _) = seal(&stage, &key, "seal.txt");
    set_back(&stage, before.path());
    // The store still keeps its own seal: whoever appends sees it.
    let said = stage.run(&["check"]).ends(2);
    assert!(said.err.contains("set back"), "{}", said.err);
    // Even where that was taken away as well, the seal elsewhere tells.
    fs::remove_dir_all(stage.ledger().join("seals")).unwrap();
    stage.run(&["ledger", "verify"]).ends(0);
    let said = stage.run(&["ledger", "verify", "--since", &elsewhere]).ends(1);
    assert!(said.out.contains("the ledger ends here"), "{}", said.out);
    let said = stage.run_with(&["check"], &[("TOLLGATE_SEAL", &elsewhere)]).ends(2);
    assert!(said.err.contains("set back"), "{}", said.err);
}

#[test]
fn b10_an_older_ledger_than_the_newest_seal_decides_nothing() {
    let (stage, key) = stage(1);
    let before = photograph(&stage);
    stage.run(&["check"]).ends(1);
    let (elsewhere, _) = seal(&stage, &key, "seal.txt");
    set_back(&stage, before.path());
    let known = [("TOLLGATE_SEAL", elsewhere.as_str())];
    stage.run_with(&["check"], &known).ends(2);
    stage.run_with(&["record", "deploy", "--environment", "production"], &known).ends(2);
    assert_eq!(
        fs::read(stage.ledger().join("head.json")).unwrap(),
        fs::read(before.path().join("head.json")).unwrap()
    );
}

#[test]
fn c11_no_command_that_scans_or_records_goes_on_beside_the_seal_key() {
    let (stage, key) = stage(1);
    let beside = [("TOLLGATE_SEAL_KEY", key.as_str())];
    for arguments in [vec!["check"], vec!["record", "deploy"]] {
        let said = stage.run_with(&arguments, &beside).ends(2);
        assert!(said.err.contains("TOLLGATE_SEAL_KEY"), "{}", said.err);
        // Without it they run to their end.
        assert_ne!(stage.run(&arguments).code, 2);
    }
    stage.run_with(&["ledger", "seal"], &beside).ends(0);
}

#[test]
fn c2_two_histories_of_one_ledger_part_where_compare_says() {
    let (stage, _) = stage(1);
    let begun = size(&stage);
    let before = photograph(&stage);
    let export = |name: &str| {
        let path = stage.home().join(name).display().to_string();
        stage.run(&["ledger", "export", "--to", &path]).ends(0);
        path
    };
    let short = export("short.jsonl");
    stage.run(&["check"]).ends(1);
    let left = export("left.jsonl");
    set_back(&stage, before.path());
    stage.run(&["check"]).ends(1);
    let right = export("right.jsonl");
    let said = stage.run(&["ledger", "compare", &left, &right]).ends(1);
    assert!(said.out.contains(&format!("part at record {begun}:")), "{}", said.out);
    let said = stage.run(&["ledger", "compare", &short, &left]).ends(0);
    assert!(said.out.contains("the right one goes on"), "{}", said.out);
    let url = format!("file:{}", stage.ledger().display());
    let said = stage.run(&["ledger", "compare", &right, &url]).ends(0);
    assert!(said.out.starts_with("the same "), "{}", said.out);
}

#[test]
fn a_proof_holds_without_the_ledger_and_no_byte_of_it_is_free() {
    let (stage, key) = stage(2);
    let (_, public) = seal(&stage, &key, "seal.txt");
    let path = stage.home().join("p.tlog-proof").display().to_string();
    let elsewhere = Stage::folder();
    for index in 0..size(&stage) {
        stage.run(&["ledger", "prove", &index.to_string(), "--to", &path]).ends(0);
        let check = ["ledger", "prove", "--check", &path, "--seal-key", &public];
        let said = elsewhere.run(&check).ends(0);
        assert!(said.out.contains(&format!("proven: record {index} of ")), "{}", said.out);
    }
    let bytes = fs::read(&path).unwrap();
    let key = [NoteKey::parse(&public).unwrap()];
    let holds = |bytes: &[u8]| {
        Proof::parse(bytes).is_ok_and(|proof| {
            proof.seal.signed_by(&key).is_ok_and(|by| !by.is_empty()) && proof.verify().is_ok()
        })
    };
    assert!(holds(&bytes));
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(!holds(&altered), "byte {at}");
    }
}

#[test]
fn a_record_behind_the_newest_seal_is_not_proven() {
    let (stage, key) = stage(1);
    let said = stage.run(&["ledger", "prove", "0"]).ends(2);
    assert!(said.err.contains("no seal yet"), "{}", said.err);
    let sealed = size(&stage);
    seal(&stage, &key, "seal.txt");
    stage.run(&["check"]).ends(1);
    let said = stage.run(&["ledger", "prove", &sealed.to_string()]).ends(2);
    assert!(said.err.contains("not sealed yet"), "{}", said.err);
}

#[test]
fn a_ledger_that_does_not_hold_is_not_sealed() {
    let (stage, key) = stage(1);
    let path = stage.ledger().join("segments/000000.jsonl");
    let text = fs::read_to_string(&path).unwrap().replace("\"block\"", "\"allow\"");
    fs::File::create(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
    let said = stage.run(&["ledger", "seal", "--key", &key]).ends(1);
    assert!(said.out.contains("not sealed"), "{}", said.out);
    assert!(!stage.ledger().join("seals").exists());
}

#[test]
fn a_witness_signs_what_grew_and_nothing_else() {
    let (stage, key) = stage(1);
    let before = photograph(&stage);
    let (_, public) = seal(&stage, &key, "seal.txt");
    let own = stage.key("witness");
    let memory = stage.home().join("watch.state").display().to_string();
    let witness = |stage: &Stage| -> Said {
        let arguments = [
            "ledger",
            "witness",
            "--name",
            "watch.example",
            "--key",
            &own,
            "--state",
            &memory,
            "--seal-key",
            &public,
        ];
        stage.run(&arguments)
    };
    let said = witness(&stage).ends(0);
    let of_witness =
        said.err.lines().find_map(|line| line.strip_prefix("witnessed with ")).unwrap().to_owned();
    assert_eq!(said.out.matches('\u{2014}').count(), 2, "{}", said.out);
    stage.run(&["ledger", "verify", "--seal-key", &public, "--seal-key", &of_witness]).ends(0);
    // It grew: signed again.
    stage.run(&["check"]).ends(1);
    seal(&stage, &key, "seal.txt");
    witness(&stage).ends(0);
    // Another history of the same length or longer, sealed by the true key: not signed.
    set_back(&stage, before.path());
    fs::remove_dir_all(stage.ledger().join("seals")).unwrap();
    seal(&stage, &key, "seal.txt");
    let said = witness(&stage).ends(1);
    assert!(said.out.contains("were seen before"), "{}", said.out);
    for _ in 0..2 {
        stage.run(&["check"]).ends(1);
    }
    seal(&stage, &key, "seal.txt");
    let said = witness(&stage).ends(1);
    assert!(said.out.contains("are not those that were seen before"), "{}", said.out);
}

#[test]
fn a_ledger_is_copied_with_its_bytes_root_and_seals() {
    let (stage, key) = stage(2);
    let (_, public) = seal(&stage, &key, "seal.txt");
    let from = format!("file:{}", stage.ledger().display());
    let to = format!("file:{}", stage.home().join("copy").display());
    let said = stage.run(&["ledger", "copy", &from, &to]).ends(0);
    assert!(said.out.starts_with(&format!("{} records added", size(&stage))), "{}", said.out);
    stage.run(&["ledger", "verify", "--ledger", &to, "--seal-key", &public]).ends(0);
    stage.run(&["ledger", "compare", &from, &to]).ends(0);
    // Again after it grew: only what is new.
    let begun = size(&stage);
    stage.run(&["check"]).ends(1);
    let said = stage.run(&["ledger", "copy", &from, &to]).ends(0);
    assert!(said.out.starts_with(&format!("{} records added", size(&stage) - begun)), "{}", said.out);
    // A copy that went on by itself is no beginning any more.
    stage.run(&["check", "--ledger", &to]).ends(1);
    stage.run(&["check"]).ends(1);
    let said = stage.run(&["ledger", "copy", &from, &to]).ends(2);
    assert!(said.err.contains("no beginning of this one"), "{}", said.err);
}

#[test]
fn exports_are_whole_tables_statements_and_tiles() {
    let (stage, key) = stage(2);
    let table = stage.run(&["ledger", "export", "--format", "csv"]).ends(0).out;
    assert_eq!(table.lines().count() as u64, size(&stage) + 1);
    let statements = stage.run(&["ledger", "export", "--format", "in-toto"]).ends(0).out;
    let schema = fs::read_to_string("tests/contracts/in-toto-test-result-v0.1.own.schema.json").unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert_eq!(statements.lines().count(), 2);
    for line in statements.lines() {
        let value = serde_json::from_str(line).unwrap();
        let faults: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?} in {line}");
        assert_eq!(value["predicate"]["result"], "FAILED");
        assert_eq!(value["predicate"]["failedTests"][0], "github-classic-token");
    }
    seal(&stage, &key, "seal.txt");
    let folder = stage.home().join("tiles");
    stage.run(&["ledger", "export", "--format", "tiles", "--to", folder.to_str().unwrap()]).ends(0);
    let width = size(&stage);
    let hashes = fs::read(folder.join(format!("tile/0/000.p/{width}"))).unwrap();
    let entries = fs::read(folder.join(format!("tile/entries/000.p/{width}"))).unwrap();
    assert_eq!(hashes.len() as u64, width * 32);
    let mut rest = entries.as_slice();
    for hash in hashes.chunks(32) {
        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        assert_eq!(tollgate::ledger::merkle::leaf_hash(&rest[2..2 + length]), hash);
        rest = &rest[2 + length..];
    }
    assert!(rest.is_empty() && folder.join("checkpoint").exists());
}

#[test]
fn a_reader_without_tollgate_recomputes_the_root_and_the_signature() {
    let (stage, key) = stage(3);
    let (path, public) = seal(&stage, &key, "seal.txt");
    stage.run(&["check"]).ends(1);
    let export = stage.home().join("ledger.jsonl");
    stage.run(&["ledger", "export", "--to", export.to_str().unwrap()]).ends(0);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ledger/verify_ledger.py");
    let verify = |export: &Path, key: &str| {
        Command::new("python3").arg(&script).arg(export).arg(&path).arg(key).output().ok()
    };
    let Some(output) = verify(&export, &public) else {
        assert!(std::env::var_os("TOLLGATE_CI").is_none(), "python3 is not here");
        eprintln!("left out: no python3 here");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("its signature holds"));
    // Another key, and one altered byte.
    let name = public.split('+').next().unwrap();
    let text = fs::read(stage.key("other")).unwrap();
    let other =
        NoteSigner::new(&KeyFile::parse(&text, "other").unwrap(), name).unwrap().key(Statement::Sealed);
    assert!(!verify(&export, &other.to_string()).unwrap().status.success());
    let mut bytes = fs::read(&export).unwrap();
    bytes[40] ^= 1;
    fs::File::create(&export).and_then(|mut file| std::io::Write::write_all(&mut file, &bytes)).unwrap();
    assert!(!verify(&export, &public).unwrap().status.success());
}

#[test]
fn a_ledger_that_was_altered_is_copied_nowhere() {
    let (stage, _) = stage(2);
    let segment = stage.ledger().join("segments/000000.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    let altered = text.replacen("\"outcome\":\"blocked\"", "\"outcome\":\"advised\"", 1);
    std::io::Write::write_all(&mut fs::File::create(&segment).unwrap(), altered.as_bytes()).unwrap();
    let copy = stage.home().join("copy");
    let said = stage
        .run(&[
            "ledger",
            "copy",
            &format!("file:{}", stage.ledger().display()),
            &format!("file:{}", copy.display()),
        ])
        .ends(2);
    assert!(said.err.contains("a record was altered"), "{}", said.err);
    assert!(!copy.join("segments/000000.jsonl").exists(), "nothing of it arrived");
}
