//! `ledger verify`: is everything there, unaltered, and only grown since it was sealed.

use std::fmt::Write as _;
use std::path::PathBuf;

use tollgate::ledger::{Checkpoint, Ledger, Seal, Verification, seal};
use tollgate::text::safe;

use super::{SealKeys, Which};
use crate::cli::audited;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::trouble::Trouble;
use crate::cli::voucher;

/// What to hold the ledger to.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    keys: SealKeys,
    /// A seal or checkpoint kept elsewhere: the ledger must begin with what it names. Repeatable.
    #[arg(long, value_name = "FILE")]
    since: Vec<PathBuf>,
}

impl Arguments {
    /// The ledger that `which` names, held to the seals it keeps.
    pub fn of(which: Which) -> Self {
        Self { which, ..Self::default() }
    }
}

/// Runs `ledger verify`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let mut ledger = arguments.which.existing(context)?;
    let keys = arguments.keys.read(context)?;
    let seals = ledger.seals()?;
    let mut known: Vec<Checkpoint> = seals.iter().map(|seal| seal.checkpoint.clone()).collect();
    for path in &arguments.since {
        known.push(super::read_checkpoint(path, context)?);
    }
    let verification = replay(&mut ledger, &known)?;
    print_problems(&verification, context)?;
    let unsigned = seal::unsigned(&seals, &keys);
    let mut text = String::new();
    for (_, what) in &unsigned {
        let _ = writeln!(text, "{}", safe::terminal(what));
    }
    // What cannot be read tells nothing of who leaned on whom.
    let stands = !verification.holds() || audited::stands(&mut ledger, &mut text, context)?;
    let holds = verification.holds() && unsigned.is_empty() && stands;
    let _ = writeln!(text, "{}", sealed(&seals, verification.size, keys.is_empty()));
    let word = if holds { "holds" } else { "does not hold" };
    let (size, root) = (verification.size, &verification.root);
    let _ = writeln!(text, "{}: {size} records, root {root}: {word}", ledger.origin());
    context.print(&text)?;
    Ok(if holds { Exit::Open } else { Exit::Shut })
}

/// How much of the ledger is under a seal.
fn sealed(seals: &[Seal], size: u64, without_keys: bool) -> String {
    let Some(newest) = seals.last() else {
        return "no seal: whoever can write to the store can rewrite it unseen".to_owned();
    };
    let covered = newest.checkpoint.size;
    let names: Vec<&str> = newest.note.names().collect();
    let checked = if without_keys { ", signatures not checked (name keys with `--seal-key`)" } else { "" };
    let rest = match size.saturating_sub(covered) {
        0 => String::new(),
        open => format!("; {open} records since are not sealed"),
    };
    let names = safe::terminal(&names.join(", "));
    format!("newest of {} sealed states: {covered} records by {names}{checked}{rest}", seals.len())
}

/// Replays `ledger` from its first record, against what is known of it.
pub fn replay(ledger: &mut Ledger, known: &[Checkpoint]) -> Result<Verification, Trouble> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(ledger.verify(known, threads, &mut voucher::signatures_hold)?)
}

/// Prints what is wrong with each record, and what should be known of it.
pub fn print_problems(verification: &Verification, context: &Context) -> Result<(), Trouble> {
    let mut text = String::new();
    for problem in &verification.problems {
        let _ = writeln!(text, "record {}: {}", problem.index, safe::terminal(&problem.what));
    }
    for notice in &verification.notices {
        let _ = writeln!(text, "note, record {}: {}", notice.index, safe::terminal(&notice.what));
    }
    context.print(&text)
}
