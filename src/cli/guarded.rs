//! A source that also tells which of the gate's own files differ from those that are believed.
//!
//! A run over a whole tree has no base, so nothing in it is a change. Against a trust commit there is one: what
//! the head does to `.tollgate/` shows however the scope was chosen (threat A1).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tollgate::git::{Mode, Object, ObjectId, Repository};
use tollgate::source::{Blob, Change, Extent, Item, Source, SourceError};
use tollgate::trust::FOLDER;

use super::site::POLICY_BYTES;
use super::trouble::Trouble;

/// The source and what is believed.
pub struct Guarded {
    inner: Box<dyn Source>,
    /// The versions of each file that are no change: those of the trust commit and of the newest protected one.
    trusted: BTreeMap<String, Vec<Vec<u8>>>,
    /// The top of the work tree.
    top: PathBuf,
}

impl Guarded {
    /// `inner`, seen from `commits` of `repository`, whose work tree begins at `top`.
    pub fn new(
        inner: Box<dyn Source>,
        repository: &Repository,
        commits: &[ObjectId],
        top: PathBuf,
    ) -> Result<Self, Trouble> {
        let mut trusted: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for commit in commits {
            for entry in repository.tree(commit, FOLDER)? {
                let Ok(path) = String::from_utf8(entry.path) else { continue };
                let versions = trusted.entry(path).or_default();
                if entry.mode == Mode::File
                    && let Object::Content(bytes) = repository.object(&entry.id, POLICY_BYTES)?
                {
                    versions.push(bytes);
                }
            }
        }
        Ok(Self { inner, trusted, top })
    }

    /// What a file with these bytes is to those who believe the trust commit.
    fn change(&self, path: &str, bytes: &[u8]) -> Option<Change> {
        match self.trusted.get(path) {
            None => Some(Change::Added),
            Some(versions) => (!versions.iter().any(|version| version == bytes)).then_some(Change::Modified),
        }
    }

    /// What became of a file that the source did not hand out.
    fn unseen(&self, path: &str) -> Option<Blob> {
        let plain = std::fs::symlink_metadata(self.top.join(path))
            .is_ok_and(|meta| meta.is_file() && meta.len() <= POLICY_BYTES);
        let bytes = plain.then(|| std::fs::read(self.top.join(path)).ok()).flatten();
        let change = match &bytes {
            Some(bytes) => self.change(path, bytes)?,
            None => Change::Deleted,
        };
        let bytes = bytes.unwrap_or_default();
        Some(Blob { path: path.to_owned(), commit: None, change: Some(change), bytes })
    }
}

impl Source for Guarded {
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        let seen: Mutex<BTreeSet<String>> = Mutex::default();
        let extent = self.inner.read(threads, &|item| match item {
            Item::Blob(mut blob) if is_own(&blob.path) => {
                blob.change = blob.change.or_else(|| self.change(&blob.path, &blob.bytes));
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(blob.path.clone());
                sink(Item::Blob(blob));
            }
            other => sink(other),
        })?;
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        for path in self.trusted.keys().filter(|path| !seen.contains(*path)) {
            if let Some(blob) = self.unseen(path) {
                sink(Item::Blob(blob));
            }
        }
        Ok(extent)
    }
}

fn is_own(path: &str) -> bool {
    path.strip_prefix(FOLDER).is_some_and(|rest| rest.starts_with('/'))
}
