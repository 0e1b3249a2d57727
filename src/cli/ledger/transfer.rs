//! `ledger export`, `ledger compare`, `ledger copy`: a ledger out of its store.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tollgate::ledger::transfer::{self, Comparison};
use tollgate::ledger::{Ledger, LedgerError, Record, export, stores};
use tollgate::text::safe;

use super::Which;
use super::prove::newest_seal;
use crate::cli::context::{Context, write_file};
use crate::cli::exit::Exit;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

/// What to write, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate ledger export > ledger.jsonl                      the records, byte for byte
  tollgate ledger export --format tiles --to public/         for any client of tiled logs (C2SP)
  tollgate ledger export --format in-toto > statements.jsonl one statement for each run")]
pub struct ExportArguments {
    #[command(flatten)]
    which: Which,
    /// How to write them.
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    format: Format,
    /// File, or folder for tiles; printed when left out.
    #[arg(long, value_name = "PATH")]
    to: Option<PathBuf>,
}

/// How a ledger is written for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The records as stored, a line for each.
    Jsonl,
    /// A table, a line for each record.
    Csv,
    /// A folder of hashes, entries and checkpoint, as C2SP tlog-tiles.
    Tiles,
    /// in-toto statements, a line for each run.
    InToto,
}

/// Two ledgers.
#[derive(Debug, clap::Args)]
pub struct CompareArguments {
    /// URL of a ledger, or a file that `ledger export` wrote.
    left: String,
    /// The other.
    right: String,
}

/// From where to where.
#[derive(Debug, clap::Args)]
pub struct CopyArguments {
    /// URL of the ledger that is there.
    from: String,
    /// URL of the ledger that is made, or goes on.
    to: String,
}

/// Runs `ledger export`.
pub fn export(arguments: &ExportArguments, context: &Context) -> Result<Exit, Trouble> {
    let mut ledger = arguments.which.existing(context)?;
    if arguments.format == Format::Tiles {
        let Some(folder) = &arguments.to else {
            return Err(Trouble::new("tiles are many files").help("name a folder with `--to`"));
        };
        return tiles(&mut ledger, &context.absolute(folder), context);
    }
    let mut text = Output { path: arguments.to.as_deref(), text: String::new(), context };
    match arguments.format {
        Format::Csv => {
            text.add(&export::header())?;
            for entry in ledger.records() {
                let (index, record) = entry?;
                text.add(&export::row(index, &record))?;
            }
        }
        Format::InToto => {
            let records = ledger.records().map(|entry| entry.map(|(_, record)| record));
            let (statements, without) = export::statements(&records.collect::<Result<Vec<_>, _>>()?);
            for statement in statements {
                text.add(&format!("{statement}\n"))?;
            }
            if without > 0 {
                context
                    .note(&format!("{without} runs were over no commit and no artefact: nothing to state"));
            }
        }
        Format::Jsonl | Format::Tiles => {
            for entry in ledger.records() {
                let (_, record) = entry?;
                text.add(&format!("{}\n", String::from_utf8_lossy(&record.bytes())))?;
            }
        }
    }
    text.end()?;
    Ok(Exit::Open)
}

/// Text on its way to a file, whole or not at all, or to standard output as it comes.
struct Output<'a> {
    path: Option<&'a Path>,
    text: String,
    context: &'a Context,
}

impl Output<'_> {
    fn add(&mut self, line: &str) -> Result<(), Trouble> {
        self.text.push_str(line);
        if self.path.is_none() && self.text.len() > 1 << 16 {
            self.context.print(&std::mem::take(&mut self.text))?;
        }
        Ok(())
    }

    fn end(self) -> Result<(), Trouble> {
        match self.path {
            Some(path) => write_file(&self.context.absolute(path), self.text.as_bytes()),
            None => self.context.print(&self.text),
        }
    }
}

fn tiles(ledger: &mut Ledger, folder: &Path, context: &Context) -> Result<Exit, Trouble> {
    let seal = newest_seal(ledger)?;
    let tree = ledger.tree(&seal)?;
    let size = usize::try_from(seal.checkpoint.size).unwrap_or(usize::MAX);
    let mut count = 0;
    transfer::tiles(&tree, &seal, &mut ledger.leaves().take(size), &mut |path, bytes| {
        count += 1;
        write_file(&folder.join(path), bytes)
            .map_err(|error| LedgerError::Unavailable(error.message().to_owned()))
    })?;
    context.print(&format!("{count} files over {size} records in {}\n", folder.display()))?;
    Ok(Exit::Open)
}

/// Runs `ledger compare`.
pub fn compare(arguments: &CompareArguments, context: &Context) -> Result<Exit, Trouble> {
    let mut left = Side::open(&arguments.left, context)?;
    let mut right = Side::open(&arguments.right, context)?;
    let (text, exit) = match transfer::compare(left.leaves(), right.leaves())? {
        Comparison::Same(size) => (format!("the same {size} records"), Exit::Open),
        Comparison::LeftLonger(size) => {
            (format!("the same {size} records; the left one goes on"), Exit::Open)
        }
        Comparison::RightLonger(size) => {
            (format!("the same {size} records; the right one goes on"), Exit::Open)
        }
        Comparison::Fork(index) => {
            (format!("they part at record {index}: two histories were told of one ledger"), Exit::Shut)
        }
    };
    context.print(&format!("{text}\n"))?;
    Ok(exit)
}

/// One of two ledgers: in its store, or exported.
enum Side {
    Store(Ledger),
    Lines(String, BufReader<std::fs::File>),
}

impl Side {
    fn open(text: &str, context: &Context) -> Result<Self, Trouble> {
        if stores::STORES.iter().any(|scheme| text.starts_with(scheme.prefix)) {
            let site = Site::find(&context.folder, context)?;
            return Ok(Self::Store(Ledger::open_existing(&site.ledger_place(text))?));
        }
        let file = std::fs::File::open(context.absolute(Path::new(text))).map_err(|error| {
            Trouble::new(format!("`{text}` cannot be read: {error}"))
                .help("name a ledger by its URL, or a file that `tollgate ledger export` wrote")
        })?;
        Ok(Self::Lines(text.to_owned(), BufReader::new(file)))
    }

    fn leaves(&mut self) -> Box<dyn Iterator<Item = Result<Vec<u8>, Trouble>> + '_> {
        match self {
            Self::Store(ledger) => Box::new(ledger.leaves().map(|leaf| leaf.map_err(Trouble::from))),
            Self::Lines(name, reader) => {
                let name = name.as_str();
                Box::new(reader.split(b'\n').zip(1_u64..).map(move |(line, number)| {
                    let fault = |why: String| Trouble::new(format!("`{name}`, line {number}: {why}"));
                    let line = line.map_err(|error| fault(error.to_string()))?;
                    Record::parse(&line).map_err(|error| fault(error.to_string()))?;
                    Ok(line)
                }))
            }
        }
    }
}

/// Runs `ledger copy`.
pub fn copy(arguments: &CopyArguments, context: &Context) -> Result<Exit, Trouble> {
    let site = Site::find(&context.folder, context)?;
    let mut from = Ledger::open_existing(&site.ledger_place(&arguments.from))?;
    let mut to = stores::open(&site.ledger_place(&arguments.to))?;
    let added = from.copy_to(&mut *to)?;
    let checkpoint = from.checkpoint();
    let root = tollgate::text::hash::hex(&checkpoint.root);
    let place = safe::terminal(&to.place());
    context.print(&format!("{added} records added at {place}: {} in all, root {root}\n", checkpoint.size))?;
    Ok(Exit::Open)
}
