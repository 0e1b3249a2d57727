//! `except`: the whole life of an exception, one file for each step.
//!
//! ```text
//! request ─> approve / deny ─> (check uses it) ─> revoke, or its end ─> prune
//!    └── --renews ──┘          adopt: the signed baseline of an old repository
//! ```
//!
//! Every step but `prune` and `approve` is written to the ledger at once; an approval is, with document and
//! signatures, by the first run of the gate that accepts it.

mod adopt;
mod approve;
mod book;
mod deny;
mod editor;
mod judged;
mod list;
mod prune;
mod request;
mod revoke;
mod verify;

use clap::Subcommand;
use tollgate::exception::baseline;

use super::context::Context;
use super::exit::Exit;
use super::trouble::Trouble;

pub use approve::{Arguments as ApproveArguments, run as approve};
pub use request::{Arguments as RequestArguments, run as request};

/// The folder of exceptions.
const FOLDER: &str = ".tollgate/exceptions";

/// What to do with exceptions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a document that asks for an exception for findings of the last report, or renews one.
    Request(Box<RequestArguments>),
    /// Sign a document: not for a change of your own.
    Approve(ApproveArguments),
    /// Say no to a document, on record: nobody's approval makes it hold any more.
    Deny(deny::Arguments),
    /// Write the baseline of an old repository, or shrink it: what was there before the gate, with owners and dates.
    Adopt(adopt::Arguments),
    /// Every document here with its state.
    List,
    /// Check signatures and form: exit 1 unless every one named is an exception.
    Verify {
        /// Ids; all when left out.
        ids: Vec<String>,
    },
    /// End an exception before its time, or make a key void: one signer is enough.
    Revoke(revoke::Arguments),
    /// The documents here that can let nothing through any more.
    Prune(prune::Arguments),
}

/// Runs `except`.
pub fn run(command: &Command, context: &Context) -> Result<Exit, Trouble> {
    match command {
        Command::Request(arguments) => request(arguments, context).map(|_| Exit::Open),
        Command::Approve(arguments) => approve(arguments, context),
        Command::Deny(arguments) => deny::run(arguments, context),
        Command::Adopt(arguments) => adopt::run(arguments, context),
        Command::List => list::run(context),
        Command::Verify { ids } => verify::run(ids, context),
        Command::Revoke(arguments) => revoke::run(arguments, context),
        Command::Prune(arguments) => prune::run(arguments, context),
    }
}

/// The one document whose id begins with `id`.
fn one_document<'f>(files: &'f [(String, Vec<u8>)], id: &str) -> Result<(&'f str, &'f [u8]), Trouble> {
    let begins = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".json").is_some_and(|name| name.starts_with(&id.to_uppercase()))
    };
    let mut found = files.iter().filter(|(path, _)| begins(path));
    match (found.next(), found.next()) {
        (Some((path, bytes)), None) => Ok((path, bytes)),
        (None, _) => Err(Trouble::new(format!("there is no exception `{id}` in `{FOLDER}`"))
            .help("`tollgate except list` shows every one")),
        (Some((one, _)), Some((other, _))) => {
            Err(Trouble::new(format!("`{id}` could be `{one}` or `{other}`")).help("type more of the id"))
        }
    }
}

/// The baseline.
fn baseline_of(files: &[(String, Vec<u8>)]) -> Result<(&str, &[u8]), Trouble> {
    let found = files.iter().find(|(path, _)| path.rsplit('/').next() == Some(baseline::FILE));
    found
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
        .ok_or_else(|| Trouble::new("there is no baseline here").help("`tollgate except adopt` writes one"))
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
