//! `ledger prove`: one record, for somebody who does not have the ledger.

use std::path::{Path, PathBuf};

use tollgate::ledger::{Key, Ledger, Proof, Seal, log, seal};
use tollgate::text::safe;

use super::{SealKeys, Which};
use crate::cli::context::{Context, write_file};
use crate::cli::exit::Exit;
use crate::cli::trouble::Trouble;

/// What to prove, or which proof to check.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate ledger prove 41 --to decision.tlog-proof
  tollgate ledger prove --check decision.tlog-proof --seal-key 'acme/pay/2026+1f0c...+AbCd...'")]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    keys: SealKeys,
    /// The record: its index, or the 32 hex digits of its id.
    #[arg(value_name = "RECORD", required_unless_present = "check")]
    record: Option<String>,
    /// Where the proof goes; printed when left out.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Check a proof instead, without any ledger.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "to", "ledger"])]
    check: Option<PathBuf>,
}

/// Runs `ledger prove`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    if let Some(path) = &arguments.check {
        return check(path, &arguments.keys, context);
    }
    let mut ledger = arguments.which.existing(context)?;
    let index = index_of(arguments.record.as_deref().unwrap_or_default(), &mut ledger)?;
    let seal = newest_seal(&mut ledger)?;
    let proofs = ledger.prove(&[index], &seal)?;
    let text: String = proofs.iter().map(Proof::to_string).collect();
    match &arguments.to {
        Some(path) => {
            write_file(&context.absolute(path), text.as_bytes())?;
            context.note(&format!("record {index}, under the seal over {}", seal.checkpoint.size));
        }
        None => context.print(&text)?,
    }
    Ok(Exit::Open)
}

/// The newest seal, without which nothing can be proven to anybody.
pub fn newest_seal(ledger: &mut Ledger) -> Result<Seal, Trouble> {
    ledger.newest_seal()?.ok_or_else(|| {
        Trouble::new("the ledger has no seal yet, so there is nothing to prove a record against")
            .help("`tollgate ledger seal --key FILE` makes one")
    })
}

fn index_of(text: &str, ledger: &mut Ledger) -> Result<u64, Trouble> {
    if let Some(key) = Key::hex(text) {
        let found = ledger.about(key)?;
        let own = found.iter().find(|(_, record)| record.rid() == text.to_lowercase());
        return own
            .map(|(index, _)| *index)
            .ok_or_else(|| Trouble::new(format!("no record has the id `{text}`")));
    }
    text.parse().map_err(|_| {
        Trouble::new(format!("`{text}` names no record"))
            .help("give its index or its id, as `tollgate ledger log` prints them")
    })
}

fn check(path: &Path, keys: &SealKeys, context: &Context) -> Result<Exit, Trouble> {
    let keys = keys.read(context)?;
    if keys.is_empty() {
        return Err(Trouble::new("a proof is worth what the key of its seal is worth")
            .help("name the key with `--seal-key`, as `tollgate ledger seal` printed it"));
    }
    let proof = Proof::parse(&super::read(path, context)?)
        .map_err(|error| Trouble::new(format!("`{}`: {error}", path.display())))?;
    let believed = seal::unsigned(std::slice::from_ref(&proof.seal), &keys);
    let fault = believed.into_iter().next().map(|(_, what)| what);
    let record = match (fault, proof.verify()) {
        (None, Ok(record)) => record,
        (fault, result) => {
            let why = fault.or_else(|| result.err().map(|error| error.to_string())).unwrap_or_default();
            context.print(&format!("proves nothing: {}\n", safe::terminal(&why)))?;
            return Ok(Exit::Shut);
        }
    };
    let line = log::line(proof.index, &record);
    let sealed = &proof.seal.checkpoint;
    context.print(&format!(
        "{:>6}  {}  {:<20} {}\nproven: record {} of {}, sealed with {} others\n",
        line.index,
        line.ts,
        line.kind,
        line.text,
        proof.index,
        safe::terminal(&sealed.origin),
        sealed.size - 1
    ))?;
    Ok(Exit::Open)
}
