//! What a source is to read: where it starts, what the policy excludes, and how much is too much.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::{Limits, SourceError};
use crate::git::{self, Repository};

/// The part of a repository or folder that a user named.
#[derive(Debug)]
pub struct Scope {
    pub(super) root: PathBuf,
    /// Path of what was named, from the root; empty for the root itself.
    pub(super) under: Vec<u8>,
    pub(super) repository: Option<Repository>,
    pub(super) limits: Limits,
    excluded: Vec<(String, AtomicBool)>,
    globs: GlobSet,
}

impl Scope {
    /// The scope at `path`, a folder or one file.
    ///
    /// Inside a git repository all names count from the top of its work tree, elsewhere from `path`, or from the
    /// folder of the file that `path` is. Links above `path` are followed, since the user wrote them; a last one
    /// only where it leads to a folder.
    ///
    /// # Errors
    ///
    /// [`SourceError::NoPath`], and what [`Repository::discover`] has to say.
    pub fn new(path: &Path, limits: Limits) -> Result<Self, SourceError> {
        let (place, folder) = located(path)?;
        // Whoever names the git directory wants to see its files, and those belong to no repository.
        let repository = Repository::discover(&folder)?
            .filter(|found| found.work_tree().is_none() || !folder.starts_with(found.git_dir()));
        Ok(Self::at(&place, &folder, repository, limits))
    }

    /// The scope at `path` in a repository that was named, as `GIT_DIR` does for a hook, and not looked for.
    ///
    /// # Errors
    ///
    /// [`SourceError::NoPath`], and [`SourceError::NoRepository`] for a path outside its work tree.
    pub fn within(repository: Repository, path: &Path, limits: Limits) -> Result<Self, SourceError> {
        let (place, folder) = located(path)?;
        let top = repository.work_tree().unwrap_or(repository.git_dir());
        if !place.starts_with(top) {
            return Err(SourceError::NoRepository(path.to_owned()));
        }
        Ok(Self::at(&place, &folder, Some(repository), limits))
    }

    fn at(place: &Path, folder: &Path, repository: Option<Repository>, limits: Limits) -> Self {
        let root = match &repository {
            Some(found) => found.work_tree().unwrap_or(found.git_dir()).to_owned(),
            None => folder.to_owned(),
        };
        let under = place.strip_prefix(&root).unwrap_or(Path::new("")).as_os_str().as_bytes().to_vec();
        Self { root, under, repository, limits, excluded: Vec::new(), globs: GlobSet::empty() }
    }

    /// Leaves out what `globs` match, as the policy's `paths: exclude:` has them; every outcome lists those that did.
    ///
    /// # Errors
    ///
    /// [`SourceError::Glob`].
    pub fn excluding(mut self, globs: &[String]) -> Result<Self, SourceError> {
        self.globs = self::globs(globs)?;
        self.excluded = globs.iter().map(|glob| (glob.clone(), AtomicBool::new(false))).collect();
        Ok(self)
    }

    /// With the index that git names to a hook in `GIT_INDEX_FILE`.
    #[must_use]
    pub fn with_index(mut self, index: &Path) -> Self {
        self.repository = self.repository.map(|repository| repository.with_index(index));
        self
    }

    /// The folder that all names count from.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The repository around it.
    pub fn repository(&self) -> Option<&Repository> {
        self.repository.as_ref()
    }

    pub(super) fn need_repository(&self) -> Result<&Repository, SourceError> {
        self.repository.as_ref().ok_or_else(|| SourceError::NoRepository(self.root.clone()))
    }

    /// Whether this path, from the root, is to be read.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        let below = self.under.is_empty()
            || path.strip_prefix(self.under.as_slice()).is_some_and(|rest| matches!(rest, [] | [b'/', ..]));
        below && !self.excludes(path)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.under.is_empty()
    }

    /// Where a path from the root is on disk.
    pub(super) fn on_disk(&self, path: &[u8]) -> PathBuf {
        self.root.join(git::path_from(path))
    }

    /// The globs that matched something so far, in the order of the policy.
    pub(super) fn excluded(&self) -> Vec<String> {
        let used = self.excluded.iter().filter(|(_, used)| used.load(Ordering::Relaxed));
        used.map(|(glob, _)| glob.clone()).collect()
    }

    fn excludes(&self, path: &[u8]) -> bool {
        if self.globs.is_empty() {
            return false;
        }
        let matched = self.globs.matches(git::path_from(path));
        for at in &matched {
            if let Some((_, used)) = self.excluded.get(*at) {
                used.store(true, Ordering::Relaxed);
            }
        }
        !matched.is_empty()
    }
}

/// The patterns of a policy's `paths: exclude:`, ready to match; a `*` stops at a slash.
///
/// # Errors
///
/// [`SourceError::Glob`].
pub fn globs(patterns: &[String]) -> Result<GlobSet, SourceError> {
    let fault = |glob: &str, error: &globset::Error| SourceError::Glob {
        glob: glob.to_owned(),
        message: error.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let built = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
        set.add(built.map_err(|error| fault(pattern, &error))?);
    }
    set.build().map_err(|error| fault(error.glob().unwrap_or_default(), &error))
}

/// Where `path` is, without links above it, and the folder it is or lies in.
fn located(path: &Path) -> Result<(PathBuf, PathBuf), SourceError> {
    let no_path = || SourceError::NoPath(path.to_owned());
    std::fs::symlink_metadata(path).map_err(|_| no_path())?;
    if path.is_dir() {
        let place = path.canonicalize().map_err(|_| no_path())?;
        return Ok((place.clone(), place));
    }
    let above = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let above = above.canonicalize().map_err(|_| no_path())?;
    Ok((above.join(path.file_name().ok_or_else(no_path)?), above))
}
