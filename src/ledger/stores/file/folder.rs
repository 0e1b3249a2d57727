//! The folder of a ledger: private, no links in it, and files replaced as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::super::StoreError;
use crate::ledger::error::LedgerError;

/// The records.
pub(super) const SEGMENTS: &str = "segments";

/// The seals.
pub(super) const SEALS: &str = "seals";

/// A folder whose files nobody else may read.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    /// How somebody else would ask for the lock.
    try_lock: fn(&File) -> Result<(), TryLockError>,
}

/// What kept us from `path`.
pub(super) fn unavailable(path: &Path, error: &io::Error) -> LedgerError {
    LedgerError::Unavailable(format!("`{}`: {error}", path.display()))
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), try_lock: File::try_lock }
    }

    pub(super) fn full(&self, relative: &Path) -> PathBuf {
        if relative.as_os_str().is_empty() { self.path.clone() } else { self.path.join(relative) }
    }

    /// Refuses a link or a file in place of the folder: whoever planted it would choose where records go.
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        for path in [self.path.clone(), self.path.join(SEGMENTS), self.path.join(SEALS)] {
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => {
                    let what = format!("`{}` is no folder, or a link", path.display());
                    return Err(LedgerError::Unavailable(what));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unavailable(&path, &error)),
            }
        }
        Ok(())
    }

    /// Makes `part` of the folder where it is missing, for its owner only.
    pub(super) fn make(&self, part: &str) -> Result<(), LedgerError> {
        self.check()?;
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let path = self.path.join(part);
        builder.create(&path).map_err(|error| unavailable(&path, &error))
    }

    /// The lock of the ledger, held until it is dropped. Waits for whoever holds it: that is a few milliseconds.
    pub(super) fn lock(&self) -> Result<File, LedgerError> {
        let file = self.open_to_write(Path::new("ledger.lock"))?;
        file.lock().map_err(|error| unavailable(&self.path.join("ledger.lock"), &error))?;
        Ok(file)
    }

    /// Refuses a file system on which a second opener gets the lock that we hold: appends would overwrite each other.
    pub(super) fn probe_lock(&self) -> Result<(), LedgerError> {
        let _held = self.lock()?;
        let path = self.path.join("ledger.lock");
        match (self.try_lock)(&self.open_to_write(Path::new("ledger.lock"))?) {
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(error)) => Err(unavailable(&path, &error)),
            Ok(()) => Err(LedgerError::Unavailable(format!(
                "`{}`: the file system ignores locks, so two runs could overwrite each other",
                path.display()
            ))),
        }
    }

    /// The names in `part` of the folder, which may be missing.
    pub(super) fn names(&self, part: &str) -> Result<Vec<String>, LedgerError> {
        self.check()?;
        let path = self.path.join(part);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unavailable(&path, &error)),
        };
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()
            .map_err(|error| unavailable(&path, &error))
    }

    /// Opens a file that may be missing.
    pub(super) fn open_to_read(&self, relative: &Path) -> Result<Option<File>, LedgerError> {
        let path = self.no_link(relative)?;
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(&path, &error)),
        }
    }

    /// All bytes of a file that may be missing.
    pub(super) fn read(&self, relative: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(mut file) = self.open_to_read(relative)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| unavailable(&self.full(relative), &error))?;
        Ok(Some(bytes))
    }

    /// Opens or makes a file, for its owner only, at its beginning and with what is in it.
    pub(super) fn open_to_write(&self, relative: &Path) -> Result<File, LedgerError> {
        let path = self.no_link(relative)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).map_err(|error| unavailable(&path, &error))
    }

    /// Makes the names in the folder `relative` durable.
    pub(super) fn sync(&self, relative: &Path) -> Result<(), LedgerError> {
        // Only unix opens folders; elsewhere the rename itself is all there is.
        if !cfg!(unix) {
            return Ok(());
        }
        let path = self.full(relative);
        File::open(&path).and_then(|folder| folder.sync_all()).map_err(|error| unavailable(&path, &error))
    }

    /// Replaces a file by `bytes` in one step. From the rename on a failure leaves open whether it happened.
    pub(super) fn replace(&self, relative: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let temporary = relative.with_extension("json.tmp");
        let path = self.full(&temporary);
        let mut file = self.open_to_write(&temporary)?;
        let failed = |error| unavailable(&path, &error);
        file.set_len(0).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        drop(file);
        fs::rename(&path, self.full(relative))
            .map_err(|error| StoreError::Ambiguous(failed(error).to_string()))?;
        let holder = relative.parent().unwrap_or(Path::new(""));
        self.sync(holder).map_err(|error| StoreError::Ambiguous(error.to_string()))
    }

    fn no_link(&self, relative: &Path) -> Result<PathBuf, LedgerError> {
        let path = self.path.join(relative);
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => {
                Err(LedgerError::Unavailable(format!("`{}` is no file, or a link", path.display())))
            }
            _ => Ok(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Files;
    use super::*;
    use crate::ledger::record::Kind;
    use crate::ledger::{Ledger, Lineage, Patient};
    use crate::pipeline::{Run, Stage};
    use crate::text::time::Timestamp;

    #[test]
    fn c10_a_file_system_that_ignores_locks_holds_no_ledger() {
        let outer = tempfile::tempdir().unwrap();
        for (try_lock, is_fine) in [(File::try_lock as fn(&File) -> _, true), (|_| Ok(()), false)] {
            let path = outer.path().join(is_fine.to_string());
            let files = Files { folder: Folder { path: path.clone(), try_lock }, whole_index: None };
            let mut ledger = Ledger::with(Box::new(files), Box::new(Patient), "o").unwrap();
            let run = Run { provider: "local".to_owned(), run_id: "1".to_owned(), ..Run::default() };
            let run = Run { pipeline: "p".to_owned(), actor_login: "dana".to_owned(), ..run };
            let record = Lineage::new("o", "0.1.0", &run, Stage::Local).begin(Kind::Note, Timestamp(0));
            let appended = ledger.append(&[record]);
            assert_eq!(appended.is_ok(), is_fine, "{appended:?}");
            assert_eq!(path.join("head.json").exists(), is_fine, "nothing was written");
        }
    }
}
