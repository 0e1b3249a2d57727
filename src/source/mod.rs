//! Where bytes come from.
//!
//! A source hands out every blob in its scope, or a gap that says why not. What is in scope is decided by git's
//! own lists and by the policy's `exclude`, never by attributes or by ignore files of other tools. Bytes are handed
//! out as they are stored; [`crate::text::encoding`] makes them searchable.

mod archive;
mod budget;
mod disk;
mod history;
mod intake;
/// Which blobs were clean under which rules.
pub mod memo;
mod names;
mod range;
mod scope;
mod staged;
mod stdin;
mod stored;
mod tree;
mod worktree;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub(crate) use archive::{is_archive, outermost};
pub use budget::Limits;
pub use history::{Basis, History, Mark, Sieve, Trace};
pub use memo::Memo;
pub use range::Range;
pub use scope::{Scope, globs};
pub use staged::{Listing, Staged};
pub use stdin::Stdin;
pub use tree::Tree;
pub use worktree::Worktree;

use crate::finding::{Gap, Past};

/// Every source: its name, how a user asks `check` for it, and what it reads.
pub const SOURCES: &[(&str, &str, &str)] = &[
    ("worktree", "", "tracked files on disk, and untracked ones that git does not ignore"),
    ("staged", "--staged", "what the index adds to the last commit"),
    ("range", "--since REV, --range A..B", "what each commit introduces"),
    ("history", "--history [A..B]", "beside the work tree, every content any ref leads to, once"),
    ("stdin", "--stdin", "one named stream"),
    ("tree", "in a bare repository", "every file of the last commit"),
];

/// One named run of bytes, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Path relative to the scanned root, forward slashes; `archive!/member` for a file inside an archive.
    pub path: String,
    /// The commit whose version this is; `None` for the disk, the index and a stream.
    pub commit: Option<String>,
    /// Whether the change under judgement added or changed it; `None` without a base.
    pub change: Option<Change>,
    /// The bytes as stored; those of an archive are blank where a member of it was read.
    pub bytes: Vec<u8>,
}

/// What a change does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// New at head.
    Added,
    /// Another content at head.
    Modified,
    /// Gone at head; its blob has no bytes.
    Deleted,
}

/// What a source hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Bytes to scan.
    Blob(Blob),
    /// A version the base of the change holds: what stands in it is not new.
    Base(Blob),
    /// A version of the history, and when it stood there: judged by its text alone.
    Past(Blob, Past),
    /// Something in scope that could not be read in full.
    Gap(Gap),
}

/// What a source says about itself when it is through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extent {
    /// Whether everything on the ref was in scope: only then does absence prove anything.
    pub full: bool,
    /// Whether a part of a change was named and the rest of it left unread.
    pub narrowed: bool,
    /// Paths the policy excludes, as globs that matched something.
    pub excluded: Vec<String>,
    /// The commit at the head of what was scanned; empty for a bare folder, the index and a stream.
    pub head: String,
    /// The merge base the change was measured from; empty without one.
    pub base: String,
    /// The commits of the change, oldest first; empty without a base.
    pub commits: Vec<String>,
    /// Versions (path, commit) the change introduced and replaced again: not what it leaves at head, so not what an
    /// identity is read from.
    pub superseded: BTreeSet<(String, String)>,
    /// What went through a sieve, where most of it was not handed out.
    pub sifted: Option<Sifted>,
}

/// How much went through a sieve.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sifted {
    /// Contents, each once.
    pub blobs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Digest over their names.
    pub digest: String,
}

/// Somewhere bytes come from.
pub trait Source: Sync {
    /// Hands every item to `sink`, from up to `threads` threads at once and in no order.
    ///
    /// # Errors
    ///
    /// [`SourceError`] when nothing can be decided: a missing base, a broken repository.
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError>;

    /// As [`Source::read`], but may leave out what `sieve` says holds nothing.
    ///
    /// # Errors
    ///
    /// As [`Source::read`].
    fn sift(
        &self,
        threads: usize,
        sieve: &dyn Sieve,
        sink: &(dyn Fn(Item) + Sync),
    ) -> Result<Extent, SourceError> {
        let _ = sieve;
        self.read(threads, sink)
    }
}

/// Why a source cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The path to scan is not there.
    #[error("there is nothing at `{}`", .0.display())]
    NoPath(PathBuf),
    /// The work needs a git repository and there is none.
    #[error("`{}` is not inside a git repository", .0.display())]
    NoRepository(PathBuf),
    /// A revision does not resolve to a commit that is here.
    #[error("`{revision}` names no commit that is here")]
    NoCommit {
        /// As the user wrote it.
        revision: String,
        /// How to get it, as a command to run; may be empty.
        help: String,
    },
    /// Two commits share no ancestor that is here.
    #[error("`{left}` and `{right}` share no ancestor that is here")]
    NoMergeBase {
        /// The base.
        left: String,
        /// The head.
        right: String,
        /// How to get it, as a command to run; may be empty.
        help: String,
    },
    /// A glob of `paths: exclude:` that is none.
    #[error("`{glob}` is no glob: {message}")]
    Glob {
        /// As the policy has it.
        glob: String,
        /// What is wrong with it.
        message: String,
    },
    /// git failed, or said something we do not understand.
    #[error(transparent)]
    Git(#[from] crate::git::GitError),
    /// A read failed for the whole source.
    #[error("`{}` cannot be read: {error}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
}
