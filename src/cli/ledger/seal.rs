//! `ledger seal` and `ledger witness`: who signs what the ledger was.

use std::path::{Path, PathBuf};

use tollgate::ledger::{Checkpoint, Ledger, Seal, Verification, seal};
use tollgate::signing::{NoteKey, NoteSigner, Statement};

use super::verify::{self, print_problems};
use super::{SealKeys, Which};
use crate::cli::context::{Context, write_file};
use crate::cli::exit::Exit;
use crate::cli::trouble::Trouble;
use crate::cli::voucher;

/// The variable that names the key for seals, where `--key` does not.
pub const SEAL_KEY: &str = "TOLLGATE_SEAL_KEY";

/// What to seal, and with what.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ssh-keygen -t ed25519 -N '' -f seal_key            a key that no scanning job holds
  tollgate ledger seal --key seal_key --to seal.txt  check everything, then sign what the ledger is
  tollgate ledger verify --since seal.txt            is it still what it was, and only grown?")]
pub struct SealArguments {
    #[command(flatten)]
    which: Which,
    /// Ed25519 key file, of OpenSSH; the one that `TOLLGATE_SEAL_KEY` names when left out.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A second place for the seal, beside the ledger: whoever can rewrite both can rewrite history.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

impl SealArguments {
    /// Seals with the key in the file `key`, beside the ledger alone.
    pub fn with(which: Which, key: PathBuf) -> Self {
        Self { which, key: Some(key), to: None }
    }
}

/// Who witnesses what.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  tollgate ledger witness --name watch.acme.example --key witness_key \\
      --state watch.state --seal-key \"$LOG_KEY\" --to cosigned.txt

The state file is the memory of the witness: it must outlive the ledger's machine.")]
pub struct WitnessArguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    keys: SealKeys,
    /// The name of the witness, such as a host of its own.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Its Ed25519 key file, of OpenSSH.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What it saw last; begun when it is not there.
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// A second place for the seal it signed.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// Runs `ledger seal`.
pub fn seal(arguments: &SealArguments, context: &Context) -> Result<Exit, Trouble> {
    let named = context.environment.get(SEAL_KEY).map(PathBuf::from);
    let path = arguments.key.clone().or(named).ok_or_else(|| {
        Trouble::new("no key to seal with")
            .help(format!("name an Ed25519 key file with `--key`, or in `{SEAL_KEY}`"))
    })?;
    let mut ledger = arguments.which.existing(context)?;
    let signer = NoteSigner::new(&voucher::key_file(&context.absolute(&path))?, ledger.origin())?;
    let Some(verification) = verified(&mut ledger, context)? else { return Ok(Exit::Shut) };
    let sealed = ledger.seal(&signer, &verification)?;
    publish(&sealed, arguments.to.as_deref(), context)?;
    context.note(&format!("sealed with {}", signer.key(Statement::Sealed)));
    Ok(Exit::Open)
}

/// Runs `ledger witness`.
pub fn witness(arguments: &WitnessArguments, context: &Context) -> Result<Exit, Trouble> {
    let mut keys = arguments.keys.read(context)?;
    // It speaks for itself alone: whether others witnessed is for whoever believes them to ask.
    keys.retain(|key| key.statement() == Statement::Sealed);
    if keys.is_empty() {
        return Err(Trouble::new("a witness must know whose seals it looks at")
            .help("name the key of the ledger with `--seal-key`; `tollgate ledger seal` prints it"));
    }
    let signer = NoteSigner::new(&voucher::key_file(&context.absolute(&arguments.key))?, &arguments.name)?;
    let mut ledger = arguments.which.existing(context)?;
    let path = context.absolute(&arguments.state);
    let lock = lock(&path)?;
    let Some(newest) = ledger.newest_seal()? else {
        return Err(Trouble::new("the ledger has no seal yet").help("`tollgate ledger seal` makes one"));
    };
    let seen = remembered(&path)?;
    if let Some(fault) = refusal(&mut ledger, &newest, seen.as_ref(), &keys)? {
        context.print(&format!("not signed: {}\n", tollgate::text::safe::terminal(&fault)))?;
        return Ok(Exit::Shut);
    }
    // The memory first: a state that was signed and forgotten could be signed once more, and differ.
    write_file(&path, newest.checkpoint.text().as_bytes())?;
    settle(&path)?;
    drop(lock);
    let cosigned = ledger.sign(&newest.checkpoint, signer.witness(newest.note.text(), context.now))?;
    publish(&cosigned, arguments.to.as_deref(), context)?;
    context.note(&format!("witnessed with {}", signer.key(Statement::Witnessed)));
    Ok(Exit::Open)
}

/// Why a witness must not sign `newest`.
fn refusal(
    ledger: &mut Ledger,
    newest: &Seal,
    seen: Option<&Checkpoint>,
    keys: &[NoteKey],
) -> Result<Option<String>, Trouble> {
    if let Some((_, what)) = seal::unsigned(std::slice::from_ref(newest), keys).into_iter().next() {
        return Ok(Some(what));
    }
    let Some(seen) = seen else { return Ok(None) };
    let known = &newest.checkpoint;
    if seen.origin != known.origin {
        return Ok(Some(format!("the state is of the ledger `{}`", seen.origin)));
    }
    if known.size < seen.size {
        return Ok(Some(format!("the seal covers {} records, {} were seen before", known.size, seen.size)));
    }
    let before = ledger.tree(newest)?.root_at(seen.size);
    let same = before.is_some_and(|root| root == seen.root);
    Ok((!same).then(|| format!("the first {} records are not those that were seen before", seen.size)))
}

fn verified(ledger: &mut Ledger, context: &Context) -> Result<Option<Verification>, Trouble> {
    let known: Vec<Checkpoint> = ledger.seals()?.into_iter().map(|seal| seal.checkpoint).collect();
    let verification = verify::replay(ledger, &known)?;
    if verification.holds() {
        return Ok(Some(verification));
    }
    print_problems(&verification, context)?;
    context.print("not sealed: the ledger does not hold\n")?;
    Ok(None)
}

fn publish(seal: &Seal, to: Option<&Path>, context: &Context) -> Result<(), Trouble> {
    let text = seal.note.to_string();
    if let Some(path) = to {
        write_file(&context.absolute(path), text.as_bytes())?;
    }
    context.print(&text)
}

fn remembered(path: &Path) -> Result<Option<Checkpoint>, Trouble> {
    let fault = |why: String| Trouble::new(format!("the state `{}` cannot be used: {why}", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) => Checkpoint::parse(&text).map(Some).map_err(|error| fault(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(error.to_string())),
    }
}

/// Waits until the file and its name would outlive a power cut.
fn settle(path: &Path) -> Result<(), Trouble> {
    let folder = path.parent().unwrap_or(Path::new("."));
    for path in [path, folder] {
        std::fs::File::open(path)
            .and_then(|file| file.sync_all())
            .map_err(|error| Trouble::new(format!("`{}` cannot be made durable: {error}", path.display())))?;
    }
    Ok(())
}

/// Two witnesses on one memory would each sign what the other does not know.
fn lock(state: &Path) -> Result<std::fs::File, Trouble> {
    let name = state.file_name().unwrap_or_default().to_string_lossy();
    let path = state.with_file_name(format!("{name}.lock"));
    let fault =
        |error: std::io::Error| Trouble::new(format!("`{}` cannot be locked: {error}", path.display()));
    let file = std::fs::File::create(&path).map_err(fault)?;
    file.lock().map_err(fault)?;
    Ok(file)
}
