//! `evidence verify`: a bundle against the key of whoever seals, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate::ledger::evidence::Evidence;
use tollgate::ledger::{Kind, Proof, Record, Seal, seal};
use tollgate::policy::{PolicyFile, load};
use tollgate::signing::{NoteKey, Signature, Signers};
use tollgate::text::{hash, safe};
use tollgate::trust::FOLDER;

use super::{CHECKPOINT, MANIFEST, Manifest, SCHEMA, TRUSTED};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::ledger::SealKeys;
use crate::cli::trouble::Trouble;
use crate::cli::voucher;

/// Which bundle, and whose seal is believed.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    keys: SealKeys,
    /// The folder of the bundle.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Arguments {
    /// The bundle in `folder`, sealed with `key`.
    pub fn of(folder: PathBuf, key: &NoteKey) -> Self {
        Self { keys: SealKeys::one(key), folder }
    }
}

/// The largest file of a bundle that is read, and how many.
const FILE_BYTES: u64 = 4 << 20;
const FILES: usize = 100_000;

/// Runs `evidence verify`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let keys = arguments.keys.read(context)?;
    if keys.is_empty() {
        return Err(Trouble::new("a bundle is worth what the key of its seal is worth")
            .help("name the key with `--seal-key`, as whoever seals passed it on"));
    }
    let mut files = BTreeMap::new();
    read_all(&context.absolute(&arguments.folder), "", &mut files)?;
    let mut report = Checked::default();
    let manifest = manifest(&files)?;
    check_files(&manifest, &files, &mut report);
    let (records, sealed) = check_records(&files, &keys, &mut report);
    check_deploy(&manifest, &records, &mut report);
    check_summary(&manifest, &files, &records, sealed.as_ref(), &mut report);
    check_policy(&manifest, &files, &records, &mut report);
    check_exceptions(&files, &records, &mut report);
    report.print(&manifest, records.len(), context)
}

/// What was checked, and what does not hold.
#[derive(Default)]
struct Checked {
    faults: Vec<String>,
    said: Vec<String>,
}

impl Checked {
    fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    fn print(&self, manifest: &Manifest, records: usize, context: &Context) -> Result<Exit, Trouble> {
        let mut text = String::new();
        for fault in &self.faults {
            let _ = writeln!(text, "does not hold: {}", safe::terminal(fault));
        }
        for line in &self.said {
            let _ = writeln!(text, "{}", safe::terminal(line));
        }
        let word = if self.faults.is_empty() { "holds" } else { "does not hold" };
        let deploy = safe::terminal(&manifest.deploy);
        let _ = writeln!(
            text,
            "deploy {deploy} of {}: {records} records, {word}",
            safe::terminal(&manifest.ledger)
        );
        context.print(&text)?;
        Ok(if self.faults.is_empty() { Exit::Open } else { Exit::Shut })
    }
}

type Files = BTreeMap<String, Vec<u8>>;

fn read_all(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), Trouble> {
    let fault =
        |error: std::io::Error| Trouble::new(format!("`{}` cannot be read: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let kind = entry.file_type().map_err(fault)?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let odd = |why: &str| Err(Trouble::new(format!("`{path}` in the bundle is {why}")));
        if files.len() > FILES {
            return odd("one file too many");
        }
        if kind.is_dir() {
            read_all(&entry.path(), &format!("{path}/"), files)?;
        } else if !kind.is_file() {
            return odd("no file, or a link");
        } else if entry.metadata().map_err(fault)?.len() > FILE_BYTES {
            return odd("larger than 4 MiB");
        } else {
            files.insert(path, std::fs::read(entry.path()).map_err(fault)?);
        }
    }
    Ok(())
}

fn manifest(files: &Files) -> Result<Manifest, Trouble> {
    let fault = |why: String| Trouble::new(format!("this is no bundle of evidence: {why}"));
    let bytes = files.get(MANIFEST).ok_or_else(|| fault(format!("it has no `{MANIFEST}`")))?;
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| fault(error.to_string()))?;
    if manifest.schema == SCHEMA {
        Ok(manifest)
    } else {
        Err(fault(format!("its form is `{}`, this tollgate reads `{SCHEMA}`", manifest.schema)))
    }
}

/// Every file is the one the bundle was made with, and no other is there.
fn check_files(manifest: &Manifest, files: &Files, report: &mut Checked) {
    for (path, digest) in &manifest.files {
        match files.get(path) {
            None => report.fault(format!("`{path}` is missing")),
            Some(bytes) if hash::digest(bytes) != *digest => report.fault(format!("`{path}` was altered")),
            Some(_) => {}
        }
    }
    for path in files.keys().filter(|path| *path != MANIFEST && !manifest.files.contains_key(*path)) {
        report.fault(format!("`{path}` was added"));
    }
}

/// Every record is under one seal, which a believed key signed.
fn check_records(
    files: &Files,
    keys: &[NoteKey],
    report: &mut Checked,
) -> (Vec<(u64, Record)>, Option<Seal>) {
    let sealed = match believed(files, keys) {
        Ok(sealed) => sealed,
        Err(why) => {
            report.fault(why);
            return (Vec::new(), None);
        }
    };
    let names: Vec<&str> = sealed.note.names().collect();
    report.said.push(format!("sealed over {} records by {}", sealed.checkpoint.size, names.join(", ")));
    let mut records = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("records/")) {
        let proof = Proof::parse(bytes).and_then(|proof| Ok((proof.verify()?, proof)));
        match proof {
            Ok((record, proof)) if proof.seal.checkpoint == sealed.checkpoint => {
                records.push((proof.index, record));
            }
            Ok(_) => report.fault(format!("`{path}` is proven by another seal")),
            Err(error) => report.fault(format!("`{path}`: {error}")),
        }
    }
    for (index, record) in &records {
        if let Err(why) = voucher::signatures_hold(*index, record) {
            report.fault(format!("record {index}: {why}"));
        }
    }
    (records, Some(sealed))
}

/// The seal of the bundle, when a key that is believed signed it.
fn believed(files: &Files, keys: &[NoteKey]) -> Result<Seal, String> {
    let bytes = files.get(CHECKPOINT).ok_or("it holds no seal")?;
    let sealed = Seal::parse(bytes).map_err(|error| format!("`{CHECKPOINT}`: {error}"))?;
    match seal::unsigned(std::slice::from_ref(&sealed), keys).into_iter().next() {
        Some((_, what)) => Err(what),
        None => Ok(sealed),
    }
}

/// The summary says what the records say: it is written again and compared.
fn check_summary(
    manifest: &Manifest,
    files: &Files,
    records: &[(u64, Record)],
    sealed: Option<&Seal>,
    report: &mut Checked,
) {
    let Some((sealed, deploy)) = sealed.zip(deploy_of(manifest, records)) else { return };
    if manifest.tollgate != env!("CARGO_PKG_VERSION") {
        let version = &manifest.tollgate;
        report.said.push(format!(
            "`summary.md` was written by tollgate {version} and is not compared: read the records"
        ));
        return;
    }
    let evidence = Evidence { deploy: deploy.clone(), records: records.to_vec() };
    let summary = tollgate::report::evidence::summary(&evidence, sealed, &manifest.missing);
    if files.get("summary.md").map(Vec::as_slice) != Some(summary.as_bytes()) {
        report.fault("`summary.md` does not say what the records say");
    }
}

fn deploy_of<'r>(manifest: &Manifest, records: &'r [(u64, Record)]) -> Option<&'r (u64, Record)> {
    records.iter().find(|(_, record)| {
        record.kind() == Some(Kind::Deploy) && record.text("deploy_id") == manifest.deploy
    })
}

/// The deploy is there, and the run it relied on.
fn check_deploy(manifest: &Manifest, records: &[(u64, Record)], report: &mut Checked) {
    let Some((_, deploy)) = deploy_of(manifest, records) else {
        report.fault("it does not hold the deploy it is about");
        return;
    };
    let relied = deploy.text("relied_on");
    let Some(run) = run_of(records) else {
        let what = if relied.is_empty() {
            "the deploy names no run of the gate"
        } else {
            "it does not hold the run"
        };
        if relied.is_empty() {
            report.said.push(what.to_owned());
        } else {
            report.fault(what);
        }
        return;
    };
    report.said.push(format!("the gate said `{}` in run {}", run.text("outcome"), run.text("run_id")));
    if run.text("run_id") != relied {
        report.fault("the run it holds is not the one the deploy relied on");
    }
    if run.text("outcome") == "blocked" {
        report.fault("the gate was shut, and the deploy went out");
    }
    if run.text("commit.id") != deploy.text("commit.id") {
        report.fault("the run judged another commit than was deployed");
    }
}

fn run_of(records: &[(u64, Record)]) -> Option<&Record> {
    records.iter().rev().map(|(_, record)| record).find(|record| record.kind() == Some(Kind::Run))
}

/// The policy files are those whose digest the run recorded.
fn check_policy(manifest: &Manifest, files: &Files, records: &[(u64, Record)], report: &mut Checked) {
    let Some(run) = run_of(records) else { return };
    let mut policy = Vec::new();
    for path in &manifest.policy {
        let text =
            files.get(&format!("{TRUSTED}/{path}")).and_then(|bytes| String::from_utf8(bytes.clone()).ok());
        match text {
            Some(text) => policy.push(PolicyFile { path: path.clone(), text }),
            None => return report.fault(format!("the policy file `{path}` is missing")),
        }
    }
    if load::digest(&manifest.pack, &policy) == run.text("policy.digest") {
        report.said.push(format!("the policy is the one in force then: {}", run.text("policy.digest")));
    } else {
        report.fault("the policy files are not those the run went by");
    }
}

/// Every finding let through names an exception that is here, signed, covers it, and had not ended.
fn check_exceptions(files: &Files, records: &[(u64, Record)], report: &mut Checked) {
    let signers = signers(files, report);
    let approved = || records.iter().filter(|(_, record)| record.kind() == Some(Kind::ExceptionApproved));
    let mut ids = BTreeSet::new();
    for (index, record) in approved() {
        ids.insert(record.text("exception_id"));
        let document = STANDARD.decode(record.text("document")).unwrap_or_default();
        let path = format!("exceptions/{}.json", record.text("exception_id"));
        if files.get(&path) != Some(&document) {
            report.fault(format!("`{path}` is not the document that was approved"));
        }
        for (number, signature) in (1..).zip(signatures(record)) {
            let path = format!("{path}.{number}.sig");
            if files.get(&path).map(Vec::as_slice) != Some(signature.armour().as_bytes()) {
                report.fault(format!("`{path}` is not the signature that was given"));
            }
            let who = signers
                .as_ref()
                .map(|signers| signers.who(signature.key(), signature.namespace(), record.ts()));
            let id = record.text("exception_id");
            match who {
                Some(Ok(signer)) => {
                    report.said.push(format!("exception {id} is signed by {}", signer.principal));
                }
                Some(Err(why)) => report.fault(format!("record {index}, exception {id}: {why}")),
                None => report.fault(format!(
                    "exception {id} is signed with {}, and no signers are here to say whose that is",
                    signature.key()
                )),
            }
        }
    }
    for (index, record) in records {
        let excepted = record.kind() == Some(Kind::Observed) && record.text("action") == "except";
        if excepted && !ids.contains(record.text("exception_id")) {
            report
                .fault(format!("record {index} lets a finding through under an exception that is not here"));
        }
    }
}

fn signers(files: &Files, report: &mut Checked) -> Option<Signers> {
    let at = |name: &str| files.get(&format!("{TRUSTED}/{FOLDER}/{name}"));
    let bytes = at("signers")?;
    let people = at("signers.toml").map(|bytes| ("signers.toml", bytes.as_slice()));
    match Signers::parse(("signers", bytes), people) {
        Ok(signers) => Some(signers),
        Err(error) => {
            report.fault(format!("the signers cannot be read: {error}"));
            None
        }
    }
}

fn signatures(record: &Record) -> Vec<Signature> {
    let list = record.get("signatures").and_then(serde_json::Value::as_array);
    let armours = list.into_iter().flatten().filter_map(serde_json::Value::as_str);
    let decoded = armours.filter_map(|text| STANDARD.decode(text).ok());
    decoded.filter_map(|armour| Signature::parse(&armour).ok()).collect()
}
