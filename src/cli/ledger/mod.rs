//! `ledger`: what is in it, whether it is what it was, and how others see it.

mod import;
mod prove;
mod seal;
mod transfer;
mod verify;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use tollgate::ledger::{Checkpoint, Kind, Ledger, LedgerError, Record, log};
use tollgate::policy::Policies;
use tollgate::signing::NoteKey;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

pub use prove::newest_seal;

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
    Verify(verify::Arguments),
    /// Check everything, then sign what the ledger is now; with a key that no scanning job holds.
    Seal(seal::SealArguments),
    /// Sign a seal as somebody who remembers the one before: exit 1 when the ledger did not only grow.
    Witness(seal::WitnessArguments),
    /// Prove one record to somebody who does not have the ledger, or check such a proof.
    Prove(prove::Arguments),
    /// Find where two copies part: exit 1 when they do.
    Compare(transfer::CompareArguments),
    /// Write it for others: JSON lines, a table, tiles, in-toto statements.
    Export(transfer::ExportArguments),
    /// Add the runs that were kept aside while it was out of reach.
    Import(import::Arguments),
    /// Bring all of it to another place, with its seals.
    Copy(transfer::CopyArguments),
}

/// The variable that names a seal kept elsewhere: an older ledger than that is not written to.
const KNOWN_SEAL: &str = "TOLLGATE_SEAL";

/// Refuses a ledger that is older than the seal `TOLLGATE_SEAL` names.
pub fn require_known(ledger: &Ledger, context: &Context) -> Result<(), Trouble> {
    let Some(path) = context.environment.get(KNOWN_SEAL) else { return Ok(()) };
    Ok(ledger.require(&read_checkpoint(Path::new(path), context)?)?)
}

/// Refuses to go on beside the key for seals: whoever scans or records could then rewrite what it seals (threat C11).
pub fn refuse_seal_key(context: &Context) -> Result<(), Trouble> {
    match context.environment.get(seal::SEAL_KEY) {
        None => Ok(()),
        Some(_) => Err(Trouble::new(format!("`{}` is set where nothing is sealed", seal::SEAL_KEY))
            .help("seal in a job of its own, which neither scans nor records")),
    }
}

/// Both, for a command whose whole work is to write to `ledger`.
pub fn writable(ledger: &Ledger, context: &Context) -> Result<(), Trouble> {
    refuse_seal_key(context)?;
    require_known(ledger, context)
}

/// Whose seals are believed.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SealKeys {
    /// Key of a seal or a witness, as `ledger seal` prints it, or a file with one a line. Repeatable.
    #[arg(long = "seal-key", value_name = "KEY")]
    keys: Vec<String>,
}

impl SealKeys {
    /// One key.
    pub fn one(key: &NoteKey) -> Self {
        Self { keys: vec![key.to_string()] }
    }

    /// All of them, in the order given.
    pub fn read(&self, context: &Context) -> Result<Vec<NoteKey>, Trouble> {
        let mut keys = Vec::new();
        for text in &self.keys {
            if text.matches('+').count() >= 2 {
                keys.push(NoteKey::parse(text)?);
                continue;
            }
            let file = String::from_utf8_lossy(&read(Path::new(text), context)?).into_owned();
            let lines = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            keys.extend(lines.map(NoteKey::parse).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(keys)
    }
}

/// The largest seal or proof that is read.
const FILE_BYTES: u64 = 1 << 20;

/// All bytes of a file that somebody kept.
fn read(path: &Path, context: &Context) -> Result<Vec<u8>, Trouble> {
    let full: PathBuf = context.absolute(path);
    let fault = |why: String| Trouble::new(format!("`{}` cannot be read: {why}", path.display()));
    if std::fs::metadata(&full).map_err(|error| fault(error.to_string()))?.len() > FILE_BYTES {
        return Err(fault("it is larger than 1 MiB".to_owned()));
    }
    std::fs::read(&full).map_err(|error| fault(error.to_string()))
}

/// The checkpoint in a file, with signatures or without.
pub fn read_checkpoint(path: &Path, context: &Context) -> Result<Checkpoint, Trouble> {
    tollgate::ledger::seal::known(&read(path, context)?)
        .map_err(|error| Trouble::new(format!("`{}` is no seal: {error}", path.display())))
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

impl Command {
    /// `ledger verify` of the ledger that `which` names.
    pub fn verify(which: Which) -> Self {
        Self::Verify(verify::Arguments::of(which))
    }

    /// `ledger seal` of the ledger that `which` names, with the key in the file `key`.
    pub fn seal(which: Which, key: PathBuf) -> Self {
        Self::Seal(seal::SealArguments::with(which, key))
    }
}

/// Runs `ledger`.
pub fn run(command: &Command, context: &Context) -> Result<Exit, Trouble> {
    match command {
        Command::Init(which) => init(which, context),
        Command::Log { which, last, format } => {
            print_log(&mut which.existing(context)?, *last, *format, context)
        }
        Command::Verify(arguments) => verify::run(arguments, context),
        Command::Seal(arguments) => seal::seal(arguments, context),
        Command::Witness(arguments) => seal::witness(arguments, context),
        Command::Prove(arguments) => prove::run(arguments, context),
        Command::Compare(arguments) => transfer::compare(arguments, context),
        Command::Export(arguments) => transfer::export(arguments, context),
        Command::Import(arguments) => import::run(arguments, context),
        Command::Copy(arguments) => transfer::copy(arguments, context),
    }
}

fn init(which: &Which, context: &Context) -> Result<Exit, Trouble> {
    let mut ledger = which.open(context)?;
    if let Some(caution) = ledger.probe()? {
        context.note(&format!("note: {caution}"));
    }
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
