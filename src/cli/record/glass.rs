//! `record break-glass`: the gate was overridden, by several persons together.
//!
//! It opens no gate. It says who takes it upon themselves that something goes into production past a shut one, for
//! one deploy within a day; the deploy is an escape all the same, of class `overridden`, and shown apart.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate::ledger::release::{self, Wanted};
use tollgate::ledger::standing::BrokenGlass;
use tollgate::ledger::{Kind, Record};
use tollgate::signing::{Class, Signature, Signers};
use tollgate::text::time::Length;
use tollgate::trust::{TrustRoot, WorkTree};

use super::{Desk, Writer};
use crate::cli::context::{Context, write_file};
use crate::cli::exit::Exit;
use crate::cli::ledger::Which;
use crate::cli::pen::Pen;
use crate::cli::trouble::Trouble;
use crate::cli::voucher::{GLASS_NAMESPACE, GLASS_QUORUM};

/// How long it holds.
const HOLDS_FOR: Length = Length::seconds(24 * 60 * 60);

/// What is overridden, why and by whom.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate record break-glass --reason 'payments are down, INC-12' --key dana --key lee
  tollgate record break-glass --reason 'payments are down, INC-12' --draft glass     then each person, anywhere:
  ssh-keygen -Y sign -n break-glass@tollgate -f KEY glass && mv glass.sig glass.1.sig
  tollgate record break-glass --from glass")]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    /// The pipeline; the one of this run when left out.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Why it cannot wait.
    #[arg(long, value_name = "TEXT", required_unless_present = "from")]
    reason: Option<String>,
    /// Commit that goes into production; the one of this run when left out.
    #[arg(long, value_name = "COMMIT")]
    commit: Option<String>,
    /// Id that the deploy will have, where that is known.
    #[arg(long, value_name = "ID", default_value = "")]
    deploy: String,
    /// OpenSSH private keys, of two persons at least.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Write what is to be signed to a file, and record nothing yet.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keys", "from"])]
    draft: Option<PathBuf>,
    /// Record such a file, with the signatures `FILE.sig` and `FILE.<n>.sig` beside it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keys", "reason", "commit"])]
    from: Option<PathBuf>,
}

/// Records it, or writes what is to be signed.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let writer = Writer { which: arguments.which.clone(), pipeline: arguments.pipeline.clone(), key: None };
    let mut desk = Desk::open(&writer, context)?;
    if let Some(path) = &arguments.from {
        let (record, signatures) = drafted(&context.absolute(path), &desk, context)?;
        return append(record, &signatures, &mut desk, context);
    }
    let record = begin(arguments, &mut desk, context)?;
    if let Some(path) = &arguments.draft {
        write_file(&context.absolute(path), &record.bytes())?;
        let path = path.display();
        context.print(&format!(
            "{path}\n  nothing is recorded yet; each person signs it:\n  ssh-keygen -Y sign -n {GLASS_NAMESPACE} -f KEY {path}\n"
        ))?;
        return Ok(Exit::Open);
    }
    let mut signatures = Vec::new();
    for key in &arguments.keys {
        let mut pen = Pen::find(Some(key), &[GLASS_NAMESPACE], &desk.site, context)?;
        pen.signer(&desk.site, context)?;
        signatures.push(pen.sign(&record.signed_bytes())?);
    }
    append(record, &signatures, &mut desk, context)
}

fn begin(arguments: &Arguments, desk: &mut Desk, context: &Context) -> Result<Record, Trouble> {
    let commit = arguments.commit.clone().unwrap_or_else(|| desk.site.run.commit.clone());
    let wanted = Wanted { run: &desk.site.run, commit: &commit, artifact: "" };
    let shut = release::newest(&mut desk.ledger, &wanted)?;
    let glass = BrokenGlass {
        reason: arguments.reason.as_deref().unwrap_or_default(),
        by: &desk.site.run.actor_login,
        commit: &commit,
        deploy: &arguments.deploy,
        run: shut.as_ref().map_or("", |run| &run.run_id),
        until: context.now.plus(HOLDS_FOR),
    };
    Ok(desk.lineage.glass_broken(context.now, &glass))
}

/// A draft with the signatures beside it.
fn drafted(path: &Path, desk: &Desk, context: &Context) -> Result<(Record, Vec<Signature>), Trouble> {
    let shown = path.display();
    let fault = |error: std::io::Error| Trouble::new(format!("`{shown}` cannot be read: {error}"));
    let record = Record::parse(&std::fs::read(path).map_err(fault)?)
        .map_err(|error| Trouble::new(format!("`{shown}` is no draft: {error}")))?;
    if record.kind() != Some(Kind::BreakGlass) || record.text("ledger") != desk.ledger.origin() {
        return Err(Trouble::new(format!("`{shown}` is no draft of broken glass for this ledger")));
    }
    if context.now.since(record.ts()) > HOLDS_FOR {
        return Err(Trouble::new(format!("`{shown}` is older than a day")).help("draft it anew"));
    }
    let name = |ending: &str| PathBuf::from(format!("{shown}.{ending}"));
    let names = std::iter::once(name("sig")).chain((1..=50).map(|number| name(&format!("{number}.sig"))));
    let mut signatures = Vec::new();
    for name in names.filter(|name| name.is_file()) {
        signatures.push(Signature::parse(&std::fs::read(&name).map_err(fault)?)?);
    }
    Ok((record, signatures))
}

fn append(
    mut record: Record,
    signatures: &[Signature],
    desk: &mut Desk,
    context: &Context,
) -> Result<Exit, Trouble> {
    let signers = TrustRoot::read(&WorkTree::new(&desk.site.root))?.signers;
    let alone = !desk.site.local_policies()?.settings.exceptions.separation_of_duties;
    let persons = persons(&record, signatures, &signers, context)?;
    let quorum = if alone { 1 } else { GLASS_QUORUM };
    if persons.len() < quorum {
        return Err(Trouble::new(format!("{} of {quorum} persons signed", persons.len())).help(format!(
            "`.tollgate/signers` lists who may sign for `{GLASS_NAMESPACE}`; agents and bots may not"
        )));
    }
    let armour = |signature: &Signature| STANDARD.encode(signature.armour()).into();
    let armours: Vec<serde_json::Value> = signatures.iter().map(armour).collect();
    record.set("sig.signatures", armours);
    let until = record.text("expires_at").to_owned();
    let receipts = desk.ledger.append(&[record])?;
    let index = receipts.first().map_or(0, |receipt| receipt.index);
    let names = persons.into_iter().collect::<Vec<_>>().join(" and ");
    context.print(&format!(
        "record {index}: the gate is overridden by {names}, for one deploy until {until}\n"
    ))?;
    Ok(Exit::Open)
}

/// The persons who signed `record` and may.
fn persons(
    record: &Record,
    signatures: &[Signature],
    signers: &Signers,
    context: &Context,
) -> Result<BTreeSet<String>, Trouble> {
    let bytes = record.signed_bytes();
    let mut persons = BTreeSet::new();
    for signature in signatures {
        signature.verify(GLASS_NAMESPACE, &bytes)?;
        let signer = signers.who(signature.key(), GLASS_NAMESPACE, context.now);
        let signer = signer.map_err(|refusal| Trouble::new(refusal.to_string()))?;
        if signer.class == Class::Human {
            persons.insert(signer.person.clone());
        }
    }
    Ok(persons)
}
