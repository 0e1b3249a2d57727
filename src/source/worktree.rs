//! Tracked files on disk, and untracked ones that git does not ignore.
//!
//! ```text
//! git's index ──────────────┐        what was in the index and not met on the walk
//!                           ├──────> is read afterwards: ignored, yet tracked
//! folders ──> files ────────┘
//! ```
//!
//! - A tracked file is read whatever ignore files or attributes say. One that is not on disk was deleted, unless a
//!   sparse checkout left it out: then its blob is read from the index.
//! - Outside git nothing is ignored, since nothing is tracked.
//! - The repository's own `.git` is not read. Every other `.git`, and a bare repository kept as files, is data.
//! - A link is never followed: the name of its target is its content.
//! - A pipe, socket or device has no content at rest. In place of a tracked file it is a gap.
//! - A submodule that is there is read as a plain folder, ignore files or not; one that is not there is a gap.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ignore::{WalkBuilder, WalkState};

use super::budget::Budget;
use super::intake::Intake;
use super::stored::{self, Wanted};
use super::tree::read_tree;
use super::{Extent, Item, Scope, Source, SourceError, disk, names};
use crate::finding::{Gap, Reason};
use crate::git::{GitError, IndexEntry, Mode, Repository};

/// The files of a folder or of a repository's work tree.
#[derive(Debug)]
pub struct Worktree {
    scope: Scope,
}

/// What git says while the walk goes on.
#[derive(Default)]
struct Tracked {
    entries: Vec<IndexEntry>,
    collisions: Vec<Gap>,
    head: String,
}

/// The paths met so far, from the root.
type Met = HashSet<Vec<u8>>;

impl Worktree {
    /// The files in `scope`; for a bare repository those of its last commit.
    pub fn new(scope: Scope) -> Self {
        Self { scope }
    }
}

impl Source for Worktree {
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        let scope = &self.scope;
        let repository = scope.repository();
        if let Some(bare) = repository.filter(|repository| repository.work_tree().is_none()) {
            return match bare.head()? {
                Some(head) => read_tree(scope, &head, threads, sink),
                None => Ok(Extent { full: scope.is_whole(), ..Extent::default() }),
            };
        }
        let intake = Intake { budget: Budget::new(scope.limits), repository, sink };
        let reading = Reading { scope, intake: &intake, threads: threads.max(1) };
        let (tracked, met) = std::thread::scope(|threads| {
            let tracked = threads.spawn(|| tracked(scope, repository));
            let met = reading.walk(&scope.on_disk(&scope.under), Ignored::AsGitDoes, &Met::new());
            (tracked.join(), met)
        });
        let tracked = tracked.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        intake.gaps(tracked.collisions);
        reading.rest(&tracked.entries, met)?;
        intake.finish();
        Ok(Extent {
            full: scope.is_whole(),
            excluded: scope.excluded(),
            head: tracked.head,
            ..Extent::default()
        })
    }
}

fn tracked(scope: &Scope, repository: Option<&Repository>) -> Result<Tracked, GitError> {
    let Some(repository) = repository else { return Ok(Tracked::default()) };
    let head = repository.head()?.map(|head| head.as_str().to_owned()).unwrap_or_default();
    let entries = repository.index()?;
    let paths = entries.iter().map(|entry| (entry.path.as_slice(), entry.id.as_str()));
    let collisions = names::collisions(paths.filter(|(path, _)| scope.holds(path)));
    Ok(Tracked { entries, collisions, head })
}

/// Whether ignore files count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ignored {
    AsGitDoes,
    Never,
}

#[derive(Clone, Copy)]
struct Reading<'a> {
    scope: &'a Scope,
    intake: &'a Intake<'a>,
    threads: usize,
}

impl Reading<'_> {
    /// Reads every file below `start` that was not met before, and returns those met now.
    fn walk(&self, start: &Path, ignored: Ignored, before: &Met) -> Met {
        // A walker would follow a link it starts at.
        if let Ok(meta) = fs::symlink_metadata(start)
            && !meta.is_dir()
        {
            self.entry(start, meta.file_type(), Fifo::IsGap);
            return Met::from([self.name(start).to_vec()]);
        }
        let own: Vec<_> = self.scope.repository().into_iter().flat_map(own_places).collect();
        let as_git_does = ignored == Ignored::AsGitDoes && self.scope.repository().is_some();
        let mut builder = WalkBuilder::new(start);
        builder.standard_filters(false).follow_links(false).threads(self.threads);
        builder.git_ignore(as_git_does).git_exclude(as_git_does).git_global(as_git_does).parents(as_git_does);
        builder.filter_entry(move |entry| !own.iter().any(|own| own.as_os_str() == entry.path().as_os_str()));
        let all = Mutex::new(Met::new());
        builder.build_parallel().run(|| {
            let mut mine = Notes { met: Vec::new(), all: &all };
            Box::new(move |entry| {
                match entry {
                    Ok(entry) => {
                        let name = self.name(entry.path());
                        if let Some(kind) =
                            entry.file_type().filter(|kind| kind.is_file() || kind.is_symlink())
                            && !before.contains(name)
                        {
                            self.entry(entry.path(), kind, Fifo::IsNothing);
                            mine.met.push(name.to_vec());
                        }
                    }
                    Err(error) => self.walk_error(&error),
                }
                WalkState::Continue
            })
        });
        all.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is tracked and was not met: ignored files, files a sparse checkout leaves out, submodules.
    fn rest(&self, tracked: &[IndexEntry], mut met: Met) -> Result<(), SourceError> {
        for path in self.submodules(tracked, b"") {
            let now = self.walk(&self.scope.on_disk(&path), Ignored::Never, &met);
            met.extend(now);
        }
        let mut rest: Vec<&IndexEntry> = tracked
            .iter()
            .filter(|entry| matches!(entry.mode, Mode::File | Mode::Link))
            .filter(|entry| self.scope.holds(&entry.path) && !met.contains(&entry.path))
            .collect();
        rest.dedup_by(|right, left| right.path == left.path);
        let left_out = self.unmet(&rest);
        if let Some(repository) = self.scope.repository() {
            stored::read(repository, &left_out, self.threads, self.intake)?;
        }
        Ok(())
    }

    /// Reads tracked files on several threads; returns those a sparse checkout left out.
    fn unmet(&self, rest: &[&IndexEntry]) -> Vec<Wanted> {
        let next = AtomicUsize::new(0);
        let left_out = Mutex::new(Vec::new());
        let work = || {
            while let Some(entry) = rest.get(next.fetch_add(1, Ordering::Relaxed)) {
                let path = self.scope.on_disk(&entry.path);
                match fs::symlink_metadata(&path) {
                    Ok(meta) if self.is_below_link(&path) || meta.is_dir() => {}
                    Ok(meta) => self.entry(&path, meta.file_type(), Fifo::IsGap),
                    Err(_) if entry.left_out => {
                        left_out.lock().unwrap_or_else(PoisonError::into_inner).push(from_index(entry));
                    }
                    Err(error) if is_absence(&error) => {}
                    Err(error) => self.intake.unreadable(&entry.path, &error),
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.min(rest.len()) {
                scope.spawn(work);
            }
            work();
        });
        left_out.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a folder above `path` is a link by now, so that the path leads out of what is tracked.
    fn is_below_link(&self, path: &Path) -> bool {
        let above = path.ancestors().skip(1).take_while(|folder| *folder != self.scope.root);
        above.into_iter().any(|folder| fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_symlink()))
    }

    /// The submodules in scope that are on disk, and those in them; the others are gaps.
    fn submodules(&self, tracked: &[IndexEntry], above: &[u8]) -> BTreeSet<Vec<u8>> {
        let mut found = BTreeSet::new();
        for entry in tracked.iter().filter(|entry| entry.mode == Mode::Submodule) {
            let path = [above, &entry.path].concat();
            // A scope inside the submodule was walked as it is; one that holds the submodule holds its path.
            if !self.scope.holds(&path) {
                continue;
            }
            let place = self.scope.on_disk(&path);
            let inner =
                if self.is_below_link(&place.join(".git")) { Ok(None) } else { Repository::discover(&place) };
            match inner {
                Ok(Some(inner)) if inner.work_tree() == Some(&place) => {
                    let above = [&path, b"/".as_slice()].concat();
                    match inner.index() {
                        Ok(entries) => found.extend(self.submodules(&entries, &above)),
                        Err(error) => self.intake.gap(&path, Reason::Submodule, &error.to_string()),
                    }
                    found.insert(path);
                }
                Err(error) => self.intake.gap(&path, Reason::Submodule, &error.to_string()),
                Ok(_) => {
                    let detail = format!("its files are not here: it stands at {}", entry.id);
                    self.intake.gap(&path, Reason::Submodule, &detail);
                }
            }
        }
        found
    }

    /// Reads one thing that is no folder.
    fn entry(&self, path: &Path, kind: FileType, fifo: Fifo) {
        let name = self.name(path);
        if !self.scope.holds(name) {
            return;
        }
        if kind.is_symlink() {
            match disk::read_link(path) {
                Ok(target) => self.intake.blob(name, None, None, target),
                Err(error) => self.intake.unreadable(name, &error),
            }
            return;
        }
        if !kind.is_file() {
            if fifo == Fifo::IsGap {
                self.intake.gap(name, Reason::Unreadable, "it is no regular file");
            }
            return;
        }
        match disk::read(path, self.intake.budget.file_bytes()) {
            disk::Read::Bytes(bytes) => self.intake.blob(name, None, None, bytes),
            disk::Read::TooLarge(size) => self.intake.too_large(name, size),
            disk::Read::Changed => {
                self.intake.gap(name, Reason::Changed, "it was written to while it was read");
            }
            disk::Read::Special => self.intake.gap(name, Reason::Unreadable, "it is no regular file"),
            disk::Read::Failed(error) => self.intake.unreadable(name, &error),
        }
    }

    /// The path from the root, as bytes.
    fn name<'p>(&self, path: &'p Path) -> &'p [u8] {
        let path = path.as_os_str().as_bytes();
        let rest = path.strip_prefix(self.scope.root.as_os_str().as_bytes()).unwrap_or(path);
        rest.strip_prefix(b"/").unwrap_or(rest)
    }

    fn walk_error(&self, error: &ignore::Error) {
        let path = path_of(error).unwrap_or(&self.scope.root);
        match error.io_error() {
            Some(error) => self.intake.unreadable(self.name(path), error),
            None => self.intake.gap(self.name(path), Reason::Unreadable, "the folder cannot be read"),
        }
    }
}

/// What a pipe, socket or device is where we meet it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fifo {
    IsGap,
    IsNothing,
}

/// What one thread met; handed over when the thread is through.
struct Notes<'a> {
    met: Vec<Vec<u8>>,
    all: &'a Mutex<Met>,
}

impl Drop for Notes<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).extend(self.met.drain(..));
    }
}

/// Where the repository keeps itself.
fn own_places(repository: &Repository) -> Vec<std::path::PathBuf> {
    let mark = repository.work_tree().map(|top| top.join(OsStr::new(".git")));
    let dirs = [repository.git_dir().to_owned(), repository.common_dir().to_owned()];
    mark.into_iter().chain(dirs).collect()
}

fn from_index(entry: &IndexEntry) -> Wanted {
    Wanted {
        path: entry.path.clone(),
        commit: None,
        change: None,
        mode: entry.mode,
        id: entry.id.clone(),
        base: false,
    }
}

/// Whether a path leads nowhere, as after its deletion or that of a folder above it.
fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        ignore::Error::Partial(errors) => errors.first().and_then(path_of),
        ignore::Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}
