//! `evidence`: all that let one deploy through, in one folder that verifies elsewhere.

pub mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tollgate::ledger::evidence::Evidence;
use tollgate::ledger::{Kind, Record, Seal};
use tollgate::policy::pack;
use tollgate::report::evidence as report;
use tollgate::text::hash;
use tollgate::trust::FOLDER;

use super::context::{Context, write_file};
use super::exit::Exit;
use super::ledger::{Which, newest_seal};
use super::site::Site;
use super::trouble::Trouble;
use super::trusted;

/// Which deploy, or which bundle.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  tollgate evidence 01KAG6T4V0CB5NAP6M2YV9WG1S --to bundle
  tollgate evidence verify bundle --seal-key 'acme/pay/2026+1f0c...+AbCd...'"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    which: Which,
    /// Id of the deploy, as `record deploy` and `ledger log` print it.
    #[arg(value_name = "DEPLOY")]
    deploy: Option<String>,
    /// The folder the bundle goes to, which must not be there yet.
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

impl Arguments {
    /// Gathers the evidence on `deploy` in `folder`.
    pub fn on(which: Which, deploy: &str, folder: PathBuf) -> Self {
        Self { command: None, which, deploy: Some(deploy.to_owned()), to: Some(folder) }
    }
}

/// What else can be done with evidence.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check a bundle, without network, ledger or repository: exit 1 when anything in it does not hold.
    Verify(verify::Arguments),
}

/// What a bundle says of itself. Nothing of it is believed: it tells where to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    schema: String,
    /// The version of tollgate that made the bundle.
    tollgate: String,
    ledger: String,
    deploy: String,
    /// The digest of the built-in rules of that version.
    pack: String,
    /// Policy files, in the order they are read.
    policy: Vec<String>,
    /// What a reader would expect and does not find, in words.
    missing: Vec<String>,
    /// `sha256:` digest of every other file, by path.
    files: BTreeMap<String, String>,
}

const SCHEMA: &str = "tollgate-evidence-1";
const MANIFEST: &str = "manifest.json";
const CHECKPOINT: &str = "checkpoint";

/// Where the trusted files of the repository stand in a bundle.
const TRUSTED: &str = "trusted";

/// Runs `evidence`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    match (&arguments.command, &arguments.deploy, &arguments.to) {
        (Some(Command::Verify(bundle)), ..) => verify::run(bundle, context),
        (None, Some(deploy), Some(folder)) => {
            gather(deploy, &context.absolute(folder), &arguments.which, context)
        }
        _ => Err(Trouble::new("which deploy, and where to?")
            .help("as in `tollgate evidence DEPLOY --to FOLDER`; `tollgate ledger log` lists deploys")),
    }
}

fn gather(deploy: &str, folder: &Path, which: &Which, context: &Context) -> Result<Exit, Trouble> {
    if folder.exists() {
        return Err(Trouble::new(format!("`{}` is there already", folder.display()))
            .help("a bundle is made whole or not at all: name a new folder"));
    }
    let mut ledger = which.existing(context)?;
    let seal = newest_seal(&mut ledger)?;
    let evidence = ledger.evidence(deploy, &seal)?.ok_or_else(|| {
        Trouble::new(format!("no deploy has the id `{deploy}`"))
            .help("`tollgate ledger log` lists every deploy")
    })?;
    if evidence.deploy.0 >= seal.checkpoint.size {
        return Err(Trouble::new("the deploy is not sealed yet, so nothing can be proven about it")
            .help("run `tollgate ledger seal` again"));
    }
    let mut bundle = Bundle::default();
    let indexes: Vec<u64> = evidence.records.iter().map(|(index, _)| *index).collect();
    for proof in ledger.prove(&indexes, &seal)? {
        bundle.add(&format!("records/{:09}.tlog-proof", proof.index), proof.to_string());
    }
    bundle.add(CHECKPOINT, seal.note.to_string());
    for record in evidence.of(Kind::ExceptionApproved) {
        bundle.add_exception(record);
    }
    bundle.add_trusted(&evidence, context)?;
    bundle.write(folder, &evidence, &seal, context)
}

/// The files of a bundle in the making.
#[derive(Default)]
struct Bundle {
    files: BTreeMap<String, Vec<u8>>,
    policy: Vec<String>,
    missing: Vec<String>,
}

impl Bundle {
    fn add(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.to_owned(), bytes.into());
    }

    /// Document and signatures as files, so that stock `ssh-keygen -Y verify` can read them.
    fn add_exception(&mut self, record: &Record) {
        let id: String = record.text("exception_id").chars().filter(char::is_ascii_alphanumeric).collect();
        let decode = |text: &str| STANDARD.decode(text).unwrap_or_default();
        self.add(&format!("exceptions/{id}.json"), decode(record.text("document")));
        let signatures = record.get("signatures").and_then(serde_json::Value::as_array);
        for (number, signature) in signatures.into_iter().flatten().enumerate() {
            let armour = decode(signature.as_str().unwrap_or_default());
            self.add(&format!("exceptions/{id}.json.{}.sig", number + 1), armour);
        }
    }

    /// Policy and signers as the run believed them.
    fn add_trusted(&mut self, evidence: &Evidence, context: &Context) -> Result<(), Trouble> {
        let Some(run) = evidence.run() else { return Ok(()) };
        let site = Site::find(&context.folder, context)?;
        let commit = run.text("policy.source_commit");
        let Some(root) = trusted::at(commit, &site)? else {
            self.missing.push(format!("the policy: its commit {commit} is not in this repository"));
            return Ok(());
        };
        for file in trusted::policy_files(&root, &site)? {
            self.policy.push(file.path.clone());
            self.add(&format!("{TRUSTED}/{}", file.path), file.text);
        }
        for name in ["signers", "signers.toml", "revoked"] {
            let path = format!("{FOLDER}/{name}");
            if let Some(bytes) = trusted::file(commit, &path, &site)? {
                self.add(&format!("{TRUSTED}/{path}"), bytes);
            }
        }
        Ok(())
    }

    fn write(
        mut self,
        folder: &Path,
        evidence: &Evidence,
        seal: &Seal,
        context: &Context,
    ) -> Result<Exit, Trouble> {
        let summary = report::summary(evidence, seal, &self.missing);
        self.add("summary.md", summary);
        let files = self.files.iter().map(|(path, bytes)| (path.clone(), hash::digest(bytes))).collect();
        let manifest = Manifest {
            schema: SCHEMA.to_owned(),
            tollgate: env!("CARGO_PKG_VERSION").to_owned(),
            ledger: seal.checkpoint.origin.clone(),
            deploy: evidence.deploy.1.text("deploy_id").to_owned(),
            pack: pack::DIGEST.to_owned(),
            policy: self.policy.clone(),
            missing: self.missing.clone(),
            files,
        };
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|error| Trouble::new(format!("the manifest cannot be written: {error}")))?;
        self.add(MANIFEST, format!("{text}\n"));
        for (path, bytes) in &self.files {
            write_file(&folder.join(path), bytes)?;
        }
        context.print(&format!(
            "{} files on {} records in {}; `summary.md` tells it, `tollgate evidence verify` checks it\n",
            self.files.len(),
            evidence.records.len(),
            folder.display()
        ))?;
        Ok(Exit::Open)
    }
}
