//! `ledger`: init, log, verify.

use std::fmt::Write as _;

use clap::{Subcommand, ValueEnum};
use tollgate::ledger::{Kind, Ledger, LedgerError, Record, log};
use tollgate::policy::Policies;

use super::audited;
use super::context::Context;
use super::exit::Exit;
use super::site::Site;
use super::trouble::Trouble;
use super::voucher;

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an empty ledger, or say where it is.
    Init(Which),
    /// Print its records.
    Log {
        #[command(flatten)]
        which: Which,
        /// Only the newest so many.
        #[arg(long, value_name = "N")]
        last: Option<u64>,
        /// How to print them.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: Listing,
    },
    /// Replay it from the first record: exit 1 when anything was changed.
    Verify(Which),
}

/// Which ledger.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// URL of the ledger; the one of the policy when left out.
    #[arg(long, value_name = "URL")]
    pub ledger: Option<String>,
}

/// How records are printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Listing {
    /// A line for each.
    Text,
    /// Their bytes as stored, a line for each.
    Jsonl,
}

impl Which {
    /// The ledger it names, seen from where the command stands; it must exist, under whatever origin it was begun.
    pub fn existing(&self, context: &Context) -> Result<Ledger, Trouble> {
        let site = Site::find(&context.folder, context)?;
        let url = self.url(&site, &site.local_policies()?, context)?;
        match Ledger::open_existing(&site.ledger_place(&url)) {
            Err(LedgerError::Absent(place)) => {
                Err(Trouble::new(format!("there is no ledger at `{place}` yet"))
                    .help("the first `tollgate check` writes one; `--ledger URL` names another"))
            }
            opened => Ok(opened?),
        }
    }

    fn open(&self, context: &Context) -> Result<Ledger, Trouble> {
        let site = Site::find(&context.folder, context)?;
        let policies = site.local_policies()?;
        let url = self.url(&site, &policies, context)?;
        site.open_ledger(&url, &policies, context.now)
    }

    fn url(&self, site: &Site, policies: &Policies, context: &Context) -> Result<String, Trouble> {
        site.ledger_url(self.ledger.as_deref(), policies, context).ok_or_else(|| {
            Trouble::new("no ledger is configured")
                .help("name one with `--ledger URL`, or as `ledger:` in the policy")
        })
    }
}

/// Runs `ledger`.
pub fn run(command: &Command, context: &Context) -> Result<Exit, Trouble> {
    match command {
        Command::Init(which) => init(which, context),
        Command::Log { which, last, format } => {
            print_log(&mut which.existing(context)?, *last, *format, context)
        }
        Command::Verify(which) => verify(&mut which.existing(context)?, context),
    }
}

fn init(which: &Which, context: &Context) -> Result<Exit, Trouble> {
    let mut ledger = which.open(context)?;
    if ledger.head().size() == 0 {
        let site = Site::find(&context.folder, context)?;
        let stage = tollgate::pipeline::Stage::Local;
        let lineage =
            tollgate::ledger::Lineage::new(ledger.origin(), env!("CARGO_PKG_VERSION"), &site.run, stage);
        let record = tollgate::ledger::lineage::finish(lineage.begin(Kind::ShardOpen, context.now));
        ledger.append(&[record])?;
    }
    context.print(&format!(
        "{} at {}: {} records\n",
        ledger.origin(),
        ledger.place(),
        ledger.head().size()
    ))?;
    Ok(Exit::Open)
}

fn print_log(
    ledger: &mut Ledger,
    last: Option<u64>,
    format: Listing,
    context: &Context,
) -> Result<Exit, Trouble> {
    let first = last.map_or(0, |last| ledger.head().size().saturating_sub(last));
    let mut text = String::new();
    for record in ledger.records() {
        let (index, record) = record?;
        if index < first {
            continue;
        }
        add_line(&mut text, index, &record, format);
        if text.len() > 1 << 16 {
            context.print(&std::mem::take(&mut text))?;
        }
    }
    context.print(&text)?;
    Ok(Exit::Open)
}

fn add_line(text: &mut String, index: u64, record: &Record, format: Listing) {
    let result = match format {
        Listing::Jsonl => writeln!(text, "{}", String::from_utf8_lossy(&record.bytes())),
        Listing::Text => {
            let line = log::line(index, record);
            writeln!(text, "{:>6}  {}  {:<20} {}", line.index, line.ts, line.kind, line.text)
        }
    };
    // Writing to a `String` cannot fail.
    let _ = result;
}

fn verify(ledger: &mut Ledger, context: &Context) -> Result<Exit, Trouble> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let verification = ledger.verify(&[], threads, &mut voucher::signatures_hold)?;
    let mut text = String::new();
    for problem in &verification.problems {
        let _ = writeln!(text, "record {}: {}", problem.index, tollgate::text::safe::terminal(&problem.what));
    }
    for notice in &verification.notices {
        let _ =
            writeln!(text, "note, record {}: {}", notice.index, tollgate::text::safe::terminal(&notice.what));
    }
    let stands = audited::stands(ledger, &mut text, context)?;
    let holds = verification.holds() && stands;
    let word = if holds { "holds" } else { "does not hold" };
    let _ = writeln!(
        text,
        "{}: {} records, root {}: {word}",
        ledger.origin(),
        verification.size,
        verification.root
    );
    context.print(&text)?;
    Ok(if holds { Exit::Open } else { Exit::Shut })
}
