//! People with keys made by the real `ssh-keygen`, a document, a finding and a run they belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tollgate::decide::{self, Decision, Gaps, Ruling};
use tollgate::exception::{Authors, Clock, Context, Document, Exceptions};
use tollgate::finding::{
    Confidence, Enforcement, Family, Finding, Fingerprint, FingerprintAlgorithm, Location, RuleId, Severity,
};
use tollgate::pipeline::Stage;
use tollgate::policy::limits::ExceptionLimits;
use tollgate::signing::{KeyFile, Signers};
use tollgate::text::span::{Position, Span};
use tollgate::text::time::Timestamp;

pub const ID: &str = "01JDQ4R5M3K8ZV6T2XW9YABCDE";
pub const BOTH: &str = "exception@tollgate,exception-critical@tollgate";
pub const PLAIN: &str = "exception@tollgate";
pub const CRITICAL: &str = "exception-critical@tollgate";

/// A folder of keys and the two signers files that speak of them.
pub struct Scene {
    folder: TempDir,
    lines: String,
    people: String,
}

/// A file that a change brings along.
pub type File = (String, Vec<u8>);

impl Scene {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), lines: String::new(), people: String::new() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a key of `kind` in the file `name`.
    pub fn keygen(&self, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        let path = self.path().join(name);
        let bits = if kind == "rsa" { ["-b", "2048"].as_slice() } else { &[] };
        let made = Command::new("ssh-keygen")
            .args(bits)
            .args(["-q", "-t", kind, "-N", passphrase, "-C", name, "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        path
    }

    /// Adds a signer with a new ed25519 key; `options` begin with a comma or are empty.
    pub fn add(&mut self, name: &str, person: &str, class: &str, namespaces: &str, options: &str) -> PathBuf {
        let key = self.keygen(name, "ed25519", "");
        self.list(name, &key, namespaces, options);
        self.people.extend([format!(
            "[principals.\"{name}@acme.example\"]\nperson = \"{person}\"\nclass = \"{class}\"\n"
        )]);
        key
    }

    /// Adds a line to the signers file for the key at `key`.
    pub fn list(&mut self, name: &str, key: &Path, namespaces: &str, options: &str) {
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        self.lines.extend([format!("{name}@acme.example namespaces=\"{namespaces}\"{options} {public}")]);
    }

    pub fn signers(&self) -> Signers {
        let people = Some(("signers.toml", self.people.as_bytes()));
        Signers::parse(("signers", self.lines.as_bytes()), people).unwrap()
    }

    pub fn signers_text(&self) -> &str {
        &self.lines
    }
}

/// What plain `ssh-keygen -Y sign` makes of `bytes`.
pub fn stock_sign(key: &Path, namespace: &str, bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.json");
    fs::write(&file, bytes).unwrap();
    let made = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", namespace, "-f"])
        .arg(key)
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::read(folder.path().join("document.json.sig")).unwrap()
}

/// Whether plain `ssh-keygen -Y verify` takes `armour` for `bytes`.
pub fn stock_verify(scene: &Scene, principal: &str, namespace: &str, armour: &str, bytes: &[u8]) -> bool {
    let file = |name: &str, bytes: &[u8]| {
        let path = scene.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let (signers, signature) =
        (file("allowed", scene.signers_text().as_bytes()), file("it.sig", armour.as_bytes()));
    let input = fs::File::open(file("it", bytes)).unwrap();
    Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", namespace, "-I", principal, "-f"])
        .arg(signers)
        .arg("-s")
        .arg(signature)
        .stdin(input)
        .output()
        .unwrap()
        .status
        .success()
}

/// Our own signature, with the key file at `key`.
pub fn our_sign(key: &Path, namespace: &str, bytes: &[u8]) -> Vec<u8> {
    let file = KeyFile::parse(&fs::read(key).unwrap(), &key.display().to_string()).unwrap();
    file.sign(namespace, bytes).unwrap().armour().into_bytes()
}

/// An ssh-agent that ends with the value.
pub struct TestAgent {
    child: Child,
    pub socket: PathBuf,
}

impl TestAgent {
    pub fn start(scene: &Scene) -> Self {
        let socket = scene.path().join("agent.sock");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if socket.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        Self { child, socket }
    }

    pub fn load(&self, key: &Path) {
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &self.socket)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// In the middle of the document's life.
pub fn now() -> Timestamp {
    at("2026-11-22T00:00:00Z")
}

pub fn finding(severity: Severity) -> Finding {
    let position = Position { line: 7, column: 19 };
    Finding {
        rule: RuleId("aws-access-key".to_owned()),
        family: Family::Secret,
        severity,
        confidence: Confidence::High,
        enforcement: Enforcement::Block,
        title: "long-lived key".to_owned(),
        detail: String::new(),
        location: Location {
            path: "deploy/prod.env".to_owned(),
            start: position,
            end: position,
            span: Span::new(90, 110),
            commit: None,
        },
        fingerprint: Fingerprint([7; 16]),
        algorithm: FingerprintAlgorithm::Salted,
        former: None,
        identity: None,
        blast: None,
        occurrence: 0,
        snippet: None,
        related: Vec::new(),
        facts: Vec::new(),
        encoding: None,
        past: None,
    }
}

/// A document that covers [`finding`], valid for 7 days around [`now`].
pub fn document(severity: Severity) -> Document {
    let text = format!(
        r#"{{
  "v": 1, "id": "{ID}", "ledger": "acme.example/payments",
  "repo": {{"host": "github.com", "id": "4711", "name": "acme/pay"}},
  "scope": {{"pipelines": ["pay-api"], "environments": ["prod"], "base_branch": "main", "commits": "until_fixed"}},
  "findings": [{{"rule": "aws-access-key", "fp": "{}", "fp_alg": "salted", "severity": "{}",
    "path": "deploy/prod.env", "summary": "long-lived key"}}],
  "reason": {{"code": "accepted_risk", "text": "the new role is rolled out on Tuesday", "ticket": "PAY-88"}},
  "owner": "dana", "requested_by": "kim",
  "created_at": "2026-11-20T00:00:00Z", "not_before": "2026-11-20T00:00:00Z", "expires_at": "2026-11-27T00:00:00Z",
  "max_uses": 0, "policy": {{"digest": "sha256:{}"}}
}}"#,
        "07".repeat(16),
        severity.word(),
        "0".repeat(64)
    );
    Document::parse(text.as_bytes()).unwrap()
}

/// The document as a file, with `signatures` beside it.
pub fn files(document: &[u8], signatures: &[Vec<u8>]) -> Vec<File> {
    let path = format!(".tollgate/exceptions/{ID}.json");
    let mut files = vec![(path.clone(), document.to_vec())];
    for (index, armour) in signatures.iter().enumerate() {
        files.push((format!("{path}.{}.sig", index + 1), armour.clone()));
    }
    files
}

/// The run that [`document`] is written for.
pub fn context(signers: &Signers) -> Context {
    Context {
        stage: Stage::Deploy,
        ledger: "acme.example/payments".to_owned(),
        repo_host: "github.com".to_owned(),
        repo_id: "4711".to_owned(),
        pipeline: "pay-api".to_owned(),
        environment: Some("prod".to_owned()),
        base_branch: Some("main".to_owned()),
        commit: "c".repeat(40),
        authors: Authors::new(signers),
        clock: Clock::Agreed,
        vetted: BTreeSet::new(),
        uses: BTreeMap::new(),
        revoked: BTreeSet::new(),
        denied: BTreeSet::new(),
        adopted: None,
    }
}

/// The ruling on one finding with the default limits.
pub fn rule_on(finding: Finding, files: &[File], signers: &Signers, context: &Context) -> Ruling {
    let exceptions = Exceptions::verify(files, signers, &BTreeMap::new(), now());
    decide::decide(vec![finding], &exceptions, context, &ExceptionLimits::default(), Gaps::None, now())
}

/// The first reason why the one finding stays blocked; `except` when it is let through.
pub fn fate(ruling: &Ruling) -> String {
    let Decision { action, refused, .. } = &ruling.decisions[0];
    match refused.first().or(ruling.refused.first()) {
        _ if action.word() == "except" => "except".to_owned(),
        Some(refusal) => refusal.code.clone(),
        None => action.word().to_owned(),
    }
}
