//! `ledger import`: the runs that were kept aside while the ledger was out of reach.

use std::path::{Path, PathBuf};

use tollgate::ledger::spool::Spooled;
use tollgate::ledger::{Ledger, Receipt, Record};
use tollgate::text::safe;

use super::Which;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::pen::Pen;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;
use crate::cli::voucher::{self, Voucher};

/// The largest file that is read: a run writes half as much.
const FILE_BYTES: u64 = 64 << 20;

/// What to bring.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate ledger import .git/tollgate/spool/*.jsonl            kept and shown, and never counted
  tollgate ledger import --key ~/.ssh/release spool/*.jsonl     signed by somebody who vouches for them, so they count

A run that is in the ledger already is not brought again, so a second import changes nothing.")]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    /// SSH key to sign the records with; unsigned ones are kept as imports and never counted.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Files that runs left, one run in each.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Reads every file before any is brought.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    super::refuse_seal_key(context)?;
    let site = Site::find(&context.folder, context)?;
    let unread =
        |path: &Path, why: String| Trouble::new(format!("`{}` is not imported: {why}", path.display()));
    let mut runs = Vec::new();
    for path in &arguments.files {
        runs.push((path, read(path, context).map_err(|why| unread(path, why))?));
    }
    let origin = runs.first().map(|(_, run)| run.origin().to_owned()).unwrap_or_default();
    let url = arguments.which.url(&site, &site.local_policies()?, context)?;
    let mut ledger = Ledger::open(&site.ledger_place(&url), &origin)?;
    super::require_known(&ledger, context)?;
    for (path, run) in runs {
        let run = run.for_ledger(ledger.origin()).map_err(|error| unread(path, error.to_string()))?;
        let run = &signed(run, arguments, &site, context)?;
        let counts = counts(run, &mut ledger, &site, path)?;
        let by = &site.run.actor_login;
        let receipts = ledger.append_with(&mut |prefix| run.missing(prefix, counts, by, context.now))?;
        context.print(&told(path, run, counts, &receipts))?;
    }
    Ok(Exit::Open)
}

fn read(path: &Path, context: &Context) -> Result<Spooled, String> {
    let full = context.absolute(path);
    let size = std::fs::metadata(&full).map_err(|error| error.to_string())?.len();
    if size > FILE_BYTES {
        return Err(format!("it is larger than {} MiB", FILE_BYTES >> 20));
    }
    let bytes = std::fs::read(&full).map_err(|error| error.to_string())?;
    Spooled::parse(&bytes, context.now).map_err(|error| error.to_string())
}

fn signed(run: Spooled, arguments: &Arguments, site: &Site, context: &Context) -> Result<Spooled, Trouble> {
    let Some(key) = &arguments.key else { return Ok(run) };
    let mut pen = Pen::find(Some(key), &[voucher::RECORD_NAMESPACE], site, context)?;
    pen.signer(site, context)?;
    run.signed(&mut |record| pen.sign_record(record))
}

/// Whether somebody who may vouches for the whole run; a signature that does not fit is an error.
fn counts(run: &Spooled, ledger: &mut Ledger, site: &Site, path: &Path) -> Result<bool, Trouble> {
    for record in run.records() {
        voucher::signatures_hold(0, record).map_err(|why| {
            Trouble::new(format!("`{}` is not imported: it was altered: {why}", path.display()))
        })?;
    }
    if !run.is_signed() {
        return Ok(false);
    }
    let mut records: Vec<Record> =
        ledger.records().map(|entry| entry.map(|(_, record)| record)).collect::<Result<_, _>>()?;
    records.extend_from_slice(run.records());
    let voucher = Voucher::of_site(site, &records)?;
    Ok(run.records().iter().all(|record| voucher.vouches_for(record)))
}

fn told(path: &Path, run: &Spooled, counts: bool, receipts: &[Receipt]) -> String {
    let id = run.records().last().map_or("", |record| record.text("run_id"));
    let place = match (receipts.first(), receipts.last()) {
        (Some(first), Some(last)) if first.index != last.index => {
            format!("records {} to {}", first.index, last.index)
        }
        (Some(first), _) => format!("record {}", first.index),
        (None, _) => "nothing new".to_owned(),
    };
    let worth = if counts || receipts.is_empty() {
        ""
    } else {
        ", as imports, which never count: no signer who may stands behind them"
    };
    safe::terminal(&format!("run {id} out of {}: {place}{worth}", path.display())) + "\n"
}
