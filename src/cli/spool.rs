//! Where the records of a run go when its ledger is out of reach.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tollgate::ledger::spool::Spooled;

use super::context::Context;
use super::pen::Pen;
use super::site::Site;
use super::voucher;

/// The folder for them; beside the local state when unset. A CI job names one that it keeps as an artefact.
const FOLDER: &str = "TOLLGATE_SPOOL";

/// The SSH key that a job with one signs them with; runs without are imported and never counted.
const KEY: &str = "TOLLGATE_RECORD_KEY";

/// Writes the records of a run to a file of its own, whole or not at all, and returns where.
pub fn keep(run: Spooled, site: &Site, context: &Context) -> Result<String, String> {
    let run = match context.environment.get(KEY) {
        None => run,
        Some(key) => {
            let names = [voucher::RECORD_NAMESPACE];
            let told = |trouble: super::trouble::Trouble| trouble.message().to_owned();
            let mut pen = Pen::find(Some(Path::new(key)), &names, site, context).map_err(told)?;
            run.signed(&mut |record| pen.sign_record(record)).map_err(told)?
        }
    };
    let named = context.environment.get(FOLDER).map(|folder| context.absolute(Path::new(folder)));
    let folder = named.unwrap_or_else(|| site.state(context).join("spool"));
    let path = folder.join(run.file_name());
    write(&folder, &path, &run.bytes()).map_err(|error| format!("`{}`: {error}", path.display()))?;
    Ok(path.display().to_string())
}

/// Durable once it returns, and under its name only when it is whole.
fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut temporary = PathBuf::from(path);
    temporary.set_extension(format!("{}.tmp", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&temporary, path)?;
    // Only unix opens folders; elsewhere the rename is all there is.
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}
