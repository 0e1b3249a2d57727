//! What the mutations start from.

use std::fs;
use std::path::Path;

use tollgate::ledger::record::{Kind, Record};
use tollgate::ledger::{Checkpoint, Proof, Seal, merkle};
use tollgate::policy::Policies;
use tollgate::policy::example::{self, Check};
use tollgate::signing::{KeyFile, Note, NoteKey, NoteSigner, Statement};

use crate::NOW;
use crate::support::TestRepo;

/// Every example and look-alike of every rule, filled in, with a path it may stand at.
pub fn examples(policies: &Policies) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for rule in &policies.rules {
        let regex = rule.text_rule().and_then(|text| text.pattern.regex().ok());
        let check = rule.text_rule().and_then(|text| text.checksum.as_ref()).zip(regex);
        let check = check.map(|(syntax, pattern)| Check { syntax, pattern });
        for (index, text) in rule.text.examples.iter().chain(&rule.text.look_alikes).enumerate() {
            for (path, template) in text.files() {
                if let Ok(bytes) = example::fill(template, "fuzz", index, check) {
                    found.push((path.to_owned(), bytes));
                }
            }
        }
    }
    found
}

/// Every file below `folder` of this repository.
pub fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.to_str().unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Archives of a few files, as git makes them, alone and in each other, and compressed.
pub fn archives() -> Vec<(String, Vec<u8>)> {
    let (inner, outer) = (TestRepo::new(), TestRepo::new());
    inner.write("conf/app.env", "REGION=eu\n".repeat(40)).write("a.txt", "x").commit("files");
    let made = |repo: &TestRepo, format: &str| {
        repo.git(&["archive", &format!("--format={format}"), "--output=out", "HEAD"]);
        let bytes = fs::read(repo.path().join("out")).unwrap();
        repo.remove("out");
        bytes
    };
    outer.write("a.zip", made(&inner, "zip")).write("b.tar", made(&inner, "tar")).commit("archives");
    let tar = made(&outer, "tar");
    vec![
        ("a.zip".to_owned(), made(&outer, "zip")),
        ("a.tar.gz".to_owned(), gzip(&tar)),
        ("a.tar".to_owned(), tar),
        ("a.jar".to_owned(), made(&inner, "zip")),
    ]
}

/// `text` as a gzip stream.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut room = vec![0; zlib_rs::compress_bound(text.len()) + 32];
    let config = zlib_rs::DeflateConfig { window_bits: 31, ..zlib_rs::DeflateConfig::default() };
    zlib_rs::compress_slice(&mut room, text, config).0.to_vec()
}

/// The files of every case of `tests/manifests`, with their paths.
pub fn manifests() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for (_, case) in files("tests/manifests") {
        let case = String::from_utf8(case).unwrap();
        for part in case.split("== ").filter(|part| !part.starts_with("identities\n")) {
            if let Some((path, text)) = part.split_once('\n') {
                found.push((path.to_owned(), text.as_bytes().to_vec()));
            }
        }
    }
    found
}

/// A valid exception document.
pub fn document() -> Vec<u8> {
    let value = serde_json::json!({
        "v": 1, "id": "01JDQ4R5M3K8ZV6T2XW9YABCDE", "ledger": "acme.example/payments",
        "repo": { "host": "github.com", "id": "42", "name": "acme/payments" },
        "scope": {
            "pipelines": ["payments/deploy"], "environments": ["production"], "base_branch": "main",
            "commits": "until_fixed"
        },
        "findings": [{
            "rule": "aws-access-key", "fp": "4f0c91aa7be24f0c91aa7be24f0c91aa", "fp_alg": "salted",
            "severity": "critical", "path": "deploy/prod.env", "summary": "a key in a deployed file"
        }],
        "reason": { "code": "accepted_risk", "text": "the vendor rotates it on Monday", "ticket": "PAY-88" },
        "owner": "dana", "requested_by": "lee",
        "created_at": "2026-11-20T12:00:00.000Z", "not_before": "2026-11-20T12:00:00.000Z",
        "expires_at": "2026-12-01T12:00:00.000Z", "max_uses": 3,
        "policy": { "digest": format!("sha256:{}", "a".repeat(64)) }
    });
    serde_json::to_vec_pretty(&value).unwrap()
}

/// A valid baseline.
pub fn baseline() -> Vec<u8> {
    let document: serde_json::Value = serde_json::from_slice(&document()).unwrap();
    let item = serde_json::json!({
        "finding": document["findings"][0], "owner": "dana", "review_by": "2027-03-01T00:00:00.000Z"
    });
    let value = serde_json::json!({
        "v": 1, "id": document["id"], "ledger": document["ledger"], "repo": document["repo"],
        "adopted_by": "kim", "created_at": document["created_at"], "items": [item]
    });
    serde_json::to_vec_pretty(&value).unwrap()
}

/// A production scanner's report.
pub fn sarif() -> Vec<u8> {
    let value = serde_json::json!({ "version": "2.1.0", "runs": [{
        "tool": { "driver": { "name": "seeker", "rules": [
            { "id": "leaked-key", "properties": { "security-severity": "9.1" } }
        ] } },
        "results": [
            { "ruleId": "leaked-key", "partialFingerprints": { "tollgate/v1": "4f0c91aa7be24f0c91aa7be24f0c91aa" } },
            { "ruleIndex": 0, "level": "error", "locations": [
                { "physicalLocation": { "artifactLocation": { "uri": "prod.env" } } }
            ] }
        ]
    }]});
    serde_json::to_vec_pretty(&value).unwrap()
}

/// A record of each of some kinds.
pub fn records() -> Vec<Vec<u8>> {
    [
        Kind::Run,
        Kind::Observed,
        Kind::Cleared,
        Kind::ExceptionApproved,
        Kind::Deploy,
        Kind::Notice,
        Kind::SignerRevoked,
        Kind::PolicyActivated,
    ]
    .into_iter()
    .map(|kind| {
        let mut record = Record::new(kind, NOW);
        record.set("origin", "acme.example/ledger/2026");
        record.set("run.id", "7");
        record.set("run.attempt", 1);
        record.set("finding.fingerprint", "4f0c91aa7be2");
        record.set("finding.severity", "critical");
        record.set("text", "two lines\nand \"quotes\"");
        record.bytes()
    })
    .collect()
}

/// A key file, a signature and a signers file.
pub fn signed() -> Vec<Vec<u8>> {
    let file = KeyFile::generate(&[7; 32], "fuzz").unwrap();
    let key = KeyFile::parse(file.as_bytes(), "key").unwrap();
    let signature = key.sign("tollgate-exception", b"message").unwrap().armour();
    let signers = format!(
        "dana@acme.example namespaces=\"tollgate-exception\",valid-after=\"20260101Z\" {}\n",
        key.key().openssh()
    );
    vec![file.as_bytes().to_vec(), signature.into_bytes(), signers.into_bytes()]
}

/// The state that [`sealed`] seals: one record.
pub fn checkpoint() -> Checkpoint {
    let root = merkle::leaf_hash(&records()[0]);
    Checkpoint { origin: "acme.example/ledger/2026".to_owned(), size: 1, root }
}

fn sealer() -> NoteSigner {
    let file = KeyFile::generate(&[9; 32], "fuzz").unwrap();
    NoteSigner::new(&KeyFile::parse(file.as_bytes(), "key").unwrap(), &checkpoint().origin).unwrap()
}

/// The key that [`sealed`] signs with.
pub fn seal_key() -> NoteKey {
    sealer().key(Statement::Sealed)
}

/// A seal, a proof under it, and the key of both.
pub fn sealed() -> Vec<Vec<u8>> {
    let mut note = Note::new(&checkpoint().text());
    note.add(sealer().seal(note.text()));
    let seal = Seal::parse(note.to_string().as_bytes()).unwrap();
    let proof = Proof { index: 0, record: records().swap_remove(0), path: Vec::new(), seal };
    [note.to_string(), proof.to_string(), seal_key().to_string()].map(String::into_bytes).to_vec()
}
