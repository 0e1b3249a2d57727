//! Which commit is trusted, and how it is read.
//!
//! git itself is behind two traits, so that what is proved here can be tested without it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{MAX_FILE, TrustError};

/// Files of one commit, by object id, or of the work tree.
pub trait TrustReader {
    /// The bytes of the regular file at `path` relative to the root; `None` where there is none.
    ///
    /// A symbolic link is no file: it would lead out of what is trusted.
    fn blob(&self, path: &str) -> Result<Option<Vec<u8>>, TrustError>;

    /// Names of what stands directly in `folder` and is no folder, in any order; empty where there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<String>, TrustError>;

    /// Full id of the commit; empty for the work tree.
    fn commit(&self) -> String;
}

/// What a repository can say about commits. The protected branch must be freshly fetched.
pub trait History {
    /// The commit at the tip of the ref with this full name, such as `refs/remotes/origin/main`.
    fn tip(&self, full_name: &str) -> Result<Option<String>, CommitError>;

    /// Whether the commit with this full id is here.
    fn has(&self, commit: &str) -> Result<bool, CommitError>;

    /// Whether `newer` is `older` or descends from it.
    fn contains(&self, newer: &str, older: &str) -> Result<bool, CommitError>;
}

/// Why no commit can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Nothing says which commit.
    #[error("no trusted commit is known for this change")]
    Unknown,
    /// Not the full id of a commit.
    #[error("`{0}` is not the full id of a commit")]
    NotAnId(String),
    /// Not the full name of a branch.
    #[error("`{0}` is not the full name of a branch")]
    NotABranch(String),
    /// The commit is not in this clone.
    #[error("the trusted commit `{0}` is not in this clone")]
    Missing(String),
    /// The branch is not in this clone.
    #[error("the protected branch `{0}` is not in this clone")]
    NoBranch(String),
    /// The commit does not lie on the protected branch.
    #[error("the commit `{commit}` is not on the protected branch `{branch}`")]
    OffBranch {
        /// The commit.
        commit: String,
        /// Full name of the branch.
        branch: String,
    },
    /// git did not answer.
    #[error("git gave no answer: {0}")]
    Git(String),
}

impl CommitError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown => "name the protected base with `--trust`, as in `--trust origin/main`",
            Self::NotAnId(_) => "give all 40 or 64 digits: a short name can be planted",
            Self::NotABranch(_) => "write `refs/remotes/origin/main`: a tag can have the short name of a branch",
            Self::Missing(_) | Self::NoBranch(_) => {
                "fetch the protected branch with its history first: `fetch-depth: 0` for actions/checkout; `GIT_DEPTH: 0` and `git fetch origin +refs/heads/main:refs/remotes/origin/main` for GitLab"
            }
            Self::OffBranch { .. } => "the base of a change lies on the protected branch; fetch it anew and try again",
            Self::Git(_) => "",
        }
        .to_owned()
    }
}

/// Proves that `commit` may be trusted: a full id that is here and lies on the protected `branch`.
///
/// Without a commit the tip of the branch is meant, which is the rule at the deploy stage.
///
/// # Errors
///
/// Every doubt is one: there is no other commit to fall back to, least of all the head.
pub fn prove(history: &dyn History, branch: &str, commit: Option<&str>) -> Result<String, CommitError> {
    if !(branch.starts_with("refs/heads/") || branch.starts_with("refs/remotes/")) {
        return Err(CommitError::NotABranch(branch.to_owned()));
    }
    let tip = history.tip(branch)?.ok_or_else(|| CommitError::NoBranch(branch.to_owned()))?;
    let commit = commit.unwrap_or(&tip);
    let is_hex = commit.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hex || !matches!(commit.len(), 40 | 64) {
        return Err(CommitError::NotAnId(commit.to_owned()));
    }
    if !history.has(commit)? {
        return Err(CommitError::Missing(commit.to_owned()));
    }
    if !history.contains(&tip, commit)? {
        return Err(CommitError::OffBranch { commit: commit.to_owned(), branch: branch.to_owned() });
    }
    Ok(commit.to_owned())
}

/// What a commit holds under [`super::FOLDER`], as whoever speaks to git listed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitFiles {
    commit: String,
    entries: BTreeMap<String, Entry>,
}

/// One entry of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A regular file with its bytes.
    File(Vec<u8>),
    /// Something else, in words, such as `a symbolic link`. To read it is an error.
    Other(String),
}

impl CommitFiles {
    /// The commit with this full id and these entries, by path from the root.
    pub fn new(commit: &str, entries: impl IntoIterator<Item = (String, Entry)>) -> Self {
        Self { commit: commit.to_owned(), entries: entries.into_iter().collect() }
    }
}

impl TrustReader for CommitFiles {
    fn blob(&self, path: &str) -> Result<Option<Vec<u8>>, TrustError> {
        match self.entries.get(path) {
            Some(Entry::File(bytes)) => Ok(Some(bytes.clone())),
            Some(Entry::Other(what)) => {
                Err(TrustError::Read { path: path.to_owned(), cause: format!("it is {what}") })
            }
            None => Ok(None),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, TrustError> {
        let inside = |path: &String| path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        Ok(self.entries.keys().filter_map(inside).filter(|name| !name.contains('/')).collect())
    }

    fn commit(&self) -> String {
        self.commit.clone()
    }
}

/// The work tree as trust root: for the local stage only, where it guards nobody.
#[derive(Debug, Clone)]
pub struct WorkTree {
    root: PathBuf,
}

impl WorkTree {
    /// The work tree with its top at `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The path, unless a part of it is a symbolic link or nothing is there.
    fn plain(&self, path: &str) -> Result<Option<PathBuf>, TrustError> {
        let mut full = self.root.clone();
        for part in path.split('/') {
            full.push(part);
            match fs::symlink_metadata(&full) {
                Ok(found) if found.is_symlink() => {
                    let cause = "it is a symbolic link, or lies behind one".to_owned();
                    return Err(TrustError::Read { path: path.to_owned(), cause });
                }
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(read_error(path, &error)),
            }
        }
        Ok(Some(full))
    }
}

impl TrustReader for WorkTree {
    fn blob(&self, path: &str) -> Result<Option<Vec<u8>>, TrustError> {
        let Some(full) = self.plain(path)? else { return Ok(None) };
        let found = fs::symlink_metadata(&full).map_err(|error| read_error(path, &error))?;
        if !found.is_file() {
            let cause = "it is no regular file".to_owned();
            return Err(TrustError::Read { path: path.to_owned(), cause });
        }
        if found.len() > MAX_FILE as u64 {
            return Err(TrustError::TooLarge { path: path.to_owned() });
        }
        fs::read(&full).map(Some).map_err(|error| read_error(path, &error))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, TrustError> {
        let Some(full) = self.plain(folder)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in fs::read_dir(&full).map_err(|error| read_error(folder, &error))? {
            let entry = entry.map_err(|error| read_error(folder, &error))?;
            let kind = entry.file_type().map_err(|error| read_error(folder, &error))?;
            if kind.is_dir() {
                continue;
            }
            let name = entry.file_name().into_string().map_err(|name| TrustError::Read {
                path: format!("{folder}/{}", name.to_string_lossy()),
                cause: "its name is not UTF-8".to_owned(),
            })?;
            names.push(name);
        }
        Ok(names)
    }

    fn commit(&self) -> String {
        String::new()
    }
}

fn read_error(path: &str, error: &std::io::Error) -> TrustError {
    TrustError::Read { path: path.to_owned(), cause: error.to_string().to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `main` is at `b`, which descends from `a`; `x` is here too, on no protected branch.
    struct Small;

    const MAIN: &str = "refs/remotes/origin/main";

    fn id(letter: char) -> String {
        letter.to_string().repeat(40)
    }

    impl History for Small {
        fn tip(&self, full_name: &str) -> Result<Option<String>, CommitError> {
            Ok((full_name == MAIN).then(|| id('b')))
        }

        fn has(&self, commit: &str) -> Result<bool, CommitError> {
            Ok(["a", "b", "e"].iter().any(|letter| commit.starts_with(letter)))
        }

        fn contains(&self, newer: &str, older: &str) -> Result<bool, CommitError> {
            Ok(newer == older || (newer.starts_with('b') && older.starts_with('a')))
        }
    }

    #[test]
    fn a3_only_a_commit_on_the_protected_branch_is_trusted() {
        assert_eq!(prove(&Small, MAIN, Some(&id('a'))), Ok(id('a')));
        assert_eq!(prove(&Small, MAIN, None), Ok(id('b')));
        for (branch, commit, expected) in [
            ("main", id('a'), CommitError::NotABranch("main".to_owned())),
            ("refs/tags/main", id('a'), CommitError::NotABranch("refs/tags/main".to_owned())),
            ("refs/heads/main", id('a'), CommitError::NoBranch("refs/heads/main".to_owned())),
            (MAIN, "main".to_owned(), CommitError::NotAnId("main".to_owned())),
            (MAIN, "aaaaaaa".to_owned(), CommitError::NotAnId("aaaaaaa".to_owned())),
            (MAIN, id('c'), CommitError::Missing(id('c'))),
            (MAIN, id('e'), CommitError::OffBranch { commit: id('e'), branch: MAIN.to_owned() }),
        ] {
            let error = prove(&Small, branch, Some(&commit)).unwrap_err();
            assert!(!error.help().is_empty());
            assert_eq!(error, expected);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_in_the_work_tree_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".tollgate/rules")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join(".tollgate/signers")).unwrap();
        let tree = WorkTree::new(folder.path());
        assert!(tree.blob(".tollgate/signers").is_err());
        assert!(tree.blob(".tollgate/rules").is_err(), "a folder is no file");
        assert_eq!(tree.blob(".tollgate/policy.yml").unwrap(), None);
        assert_eq!(tree.list(".tollgate/none").unwrap(), Vec::<String>::new());
    }
}
