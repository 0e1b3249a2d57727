//! The only place that starts a process: git, shielded from the tree it reads.
//!
//! ```text
//! discover      which repository a path lies in, found without git
//! command       how git is started: nothing of the user's or the tree's configuration can run
//! revisions     names to commits; never a tag where a branch was meant
//! listing       the index, trees, and what commits changed: bytes, NUL-separated
//! objects       contents by id, in a stream, sizes first
//! branch        a branch elsewhere: fetched, grown by one commit, pushed
//! commits       who wrote what is between two commits
//! ```
//!
//! Names of files are bytes here: git promises no encoding.

mod branch;
mod command;
mod commits;
mod discover;
mod hooks;
mod listing;
mod objects;
/// Objects as git stores them, read without git.
pub mod pack;
mod revisions;
mod scratch;

use std::fmt;
use std::path::{Path, PathBuf};

pub use branch::{Branch, Pushed};
pub use commits::{Commit, Person};
pub use discover::path_from;
pub use listing::{Change, IndexEntry, Mode, Status, TreeEntry};
pub use objects::Object;
pub use scratch::Scratch;

/// A repository, and how to ask git about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    work_tree: Option<PathBuf>,
    git_dir: PathBuf,
    common_dir: PathBuf,
    index: Option<PathBuf>,
    git: command::Git,
}

/// The name of an object: 40 or 64 lower-case hex digits, always in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(String);

/// Why git gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git on this machine.
    #[error("git is not installed or not on the path")]
    Missing,
    /// git ran and failed.
    #[error("`git {command}` failed: {message}")]
    Failed {
        /// The first words of the command line.
        command: String,
        /// What git said, made safe.
        message: String,
    },
    /// git said something we do not understand.
    #[error("the answer of `git {command}` cannot be understood")]
    Answer {
        /// The first words of the command line.
        command: String,
    },
    /// A plain name that several refs have: which one is meant decides what is trusted, so we do not guess.
    #[error("`{name}` could mean {}: write the full name", among(refs))]
    Ambiguous {
        /// As the user wrote it.
        name: String,
        /// The full names, sorted.
        refs: Vec<String>,
    },
    /// A `.git` that leads nowhere.
    #[error("`{}` is no git repository: {message}", path.display())]
    Broken {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

impl Repository {
    /// The top of the work tree, without symbolic links in its name; `None` for a bare repository.
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// Where this work tree keeps `HEAD` and its index.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Where objects and refs are; differs from the git directory in a linked work tree.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The same repository with another index, as git names it to a hook in `GIT_INDEX_FILE`.
    ///
    /// A relative path counts from the top of the work tree, where git starts hooks.
    #[must_use]
    pub fn with_index(mut self, index: &Path) -> Self {
        let top = self.work_tree.as_deref().unwrap_or(&self.git_dir);
        self.index = Some(top.join(index));
        self
    }

    /// Whether the history was cut when the repository was cloned.
    pub fn is_shallow(&self) -> bool {
        !self.shallow_commits().is_empty()
    }

    /// The commits whose parents were cut off.
    pub fn shallow_commits(&self) -> Vec<ObjectId> {
        let text = std::fs::read_to_string(self.common_dir.join("shallow")).unwrap_or_default();
        text.lines().filter_map(ObjectId::parse).collect()
    }
}

impl ObjectId {
    /// Reads a full name; abbreviations are none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        (is_hex && matches!(text.len(), 40 | 64)).then(|| Self(text.to_owned()))
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::parse(std::str::from_utf8(bytes).ok()?)
    }

    /// The name that `raw` is.
    pub fn of_raw(raw: &pack::RawId) -> Self {
        Self(crate::text::hash::hex(raw))
    }

    /// Its bytes, where it is one of SHA-1.
    pub fn raw(&self) -> Option<pack::RawId> {
        crate::text::hash::unhex(&self.0)?.try_into().ok()
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the name git gives to nothing: only zeros.
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|digit| digit == b'0')
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn among(refs: &[String]) -> String {
    let quoted: Vec<String> = refs.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}
