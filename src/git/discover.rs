//! Which repository a path lies in, found by looking at files alone.

use std::fs;
use std::path::{Path, PathBuf};

use super::command::Git;
use super::{GitError, Repository};

/// The longest `.git` file that is believed: it holds one path.
const POINTER_BYTES: u64 = 64 * 1024;

impl Repository {
    /// The repository whose work tree `path` lies in, or the bare repository that `path` is.
    ///
    /// The nearest `.git` on the way up counts: a folder, or a file that names one (a linked work tree, a
    /// submodule). A bare repository counts only where `path` is its top and no work tree lies around it: one
    /// that was committed as files is data of the repository around it. `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`GitError::Broken`] for a `.git` that leads nowhere, [`GitError::Missing`] without git.
    pub fn discover(path: &Path) -> Result<Option<Self>, GitError> {
        let Ok(start) = path.canonicalize() else { return Ok(None) };
        for folder in start.ancestors() {
            let mark = folder.join(".git");
            let Ok(meta) = fs::metadata(&mark) else { continue };
            let git_dir = if meta.is_dir() { mark } else { pointed_to(&mark)? };
            // An empty `.git` folder is none to git either; the search goes on above it.
            if fs::metadata(git_dir.join("HEAD")).is_ok() {
                return Self::at(&git_dir, Some(folder)).map(Some);
            }
        }
        if is_bare(&start) { Self::at(&start, None).map(Some) } else { Ok(None) }
    }

    /// The repository with this git directory and work tree, as `GIT_DIR` and `GIT_WORK_TREE` name them to a hook.
    ///
    /// # Errors
    ///
    /// [`GitError::Broken`] where there is none, [`GitError::Missing`] without git.
    pub fn at(git_dir: &Path, work_tree: Option<&Path>) -> Result<Self, GitError> {
        let git_dir = canonical(git_dir)?;
        let common = git_dir.join("commondir");
        let common_dir = match fs::read_to_string(&common) {
            Ok(text) => canonical(&git_dir.join(text.trim_end_matches(['\n', '\r'])))?,
            Err(_) => git_dir.clone(),
        };
        if !common_dir.join("objects").is_dir() {
            return Err(broken(&git_dir, "it has no folder `objects`"));
        }
        let work_tree = work_tree.map(canonical).transpose()?;
        Ok(Self { work_tree, git_dir, common_dir, index: None, git: Git::find()? })
    }
}

/// What a `.git` file names: `gitdir: <path>`, relative to the folder of the file.
fn pointed_to(file: &Path) -> Result<PathBuf, GitError> {
    let size = fs::metadata(file).map(|meta| (meta.is_file(), meta.len()));
    if !matches!(size, Ok((true, 0..=POINTER_BYTES))) {
        return Err(broken(file, "it is neither a folder nor a small file"));
    }
    let text = fs::read(file).map_err(|error| broken(file, &error.to_string()))?;
    let Some(target) = text.strip_prefix(b"gitdir:") else {
        return Err(broken(file, "it does not begin with `gitdir:`"));
    };
    let folder = file.parent().unwrap_or(file);
    let target = folder.join(path_from(target.trim_ascii()));
    if target.join("HEAD").exists() {
        Ok(target)
    } else {
        Err(broken(file, "the folder it names is not here"))
    }
}

fn is_bare(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

fn canonical(path: &Path) -> Result<PathBuf, GitError> {
    path.canonicalize().map_err(|error| broken(path, &error.to_string()))
}

fn broken(path: &Path, message: &str) -> GitError {
    GitError::Broken { path: path.to_owned(), message: message.to_owned() }
}

/// The bytes of a name as a path.
pub fn path_from(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}
