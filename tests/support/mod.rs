//! Repositories for tests: a fixed clock, an empty environment, a fixed author, no network.
//!
//! ```text
//! let repo = TestRepo::new();
//! repo.write("deploy/prod.env", "REGION=eu\n");
//! let first = repo.commit("first");
//! ```

#![allow(dead_code, reason = "every test binary uses another part of this")]
#![allow(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Commit number `n` is made `n` minutes after this second (2026-01-01T00:00:00Z).
const FIRST_SECOND: u64 = 1_767_225_600;

/// A folder that is deleted at the end, with a git repository in it unless made by [`TestRepo::folder`].
pub struct TestRepo {
    root: PathBuf,
    commits: Cell<u64>,
    _kept: tempfile::TempDir,
}

impl TestRepo {
    /// An empty repository on branch `main`.
    pub fn new() -> Self {
        let repo = Self::folder();
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// A folder without git.
    pub fn folder() -> Self {
        let kept = tempfile::Builder::new().prefix("tollgate-test-").tempdir().unwrap();
        let root = kept.path().canonicalize().unwrap();
        Self { root, commits: Cell::new(0), _kept: kept }
    }

    /// The top folder, without symbolic links in its name.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Writes a file and the folders above it.
    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Deletes a file from the disk.
    pub fn remove(&self, path: impl AsRef<Path>) -> &Self {
        fs::remove_file(self.root.join(path)).unwrap();
        self
    }

    /// Runs git and returns what it printed without the last line end; panics when it fails.
    pub fn git<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let output = self.try_git(arguments);
        assert!(output.status.success(), "git failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
    }

    /// Runs git, whatever it says.
    pub fn try_git<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        self.command(("Dana Example", "dana@example.com")).args(arguments).output().unwrap()
    }

    /// Stages everything on the disk and commits it; the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.commit_as(message, ("Dana Example", "dana@example.com"))
    }

    /// As [`TestRepo::commit`], with another author and committer (name, address).
    pub fn commit_as(&self, message: &str, author: (&str, &str)) -> String {
        self.git(&["add", "--all"]);
        self.commits.set(self.commits.get() + 1);
        let output = self
            .command(author)
            .args(["commit", "--quiet", "--allow-empty", "--no-verify", "--cleanup=verbatim", "-m", message])
            .output()
            .unwrap();
        assert!(output.status.success(), "commit failed: {}", String::from_utf8_lossy(&output.stderr));
        self.git(&["rev-parse", "HEAD"])
    }

    /// A copy of this repository with only its newest commit, as CI services check out by default.
    pub fn shallow_clone(&self) -> Self {
        let clone = Self::folder();
        let url = format!("file://{}", self.root.display());
        clone.git(&["clone", "--quiet", "--depth=1", &url, "."]);
        clone
    }

    fn command(&self, (name, address): (&str, &str)) -> Command {
        let mut command = Command::new("git");
        let date = format!("{} +0000", FIRST_SECOND + 60 * self.commits.get());
        command
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("LC_ALL", "C")])
            .envs([("GIT_AUTHOR_NAME", name), ("GIT_AUTHOR_EMAIL", address)])
            .envs([("GIT_COMMITTER_NAME", name), ("GIT_COMMITTER_EMAIL", address)])
            .envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)])
            .args(["-c", "gc.auto=0", "-c", "commit.gpgSign=false", "-c", "protocol.file.allow=always"]);
        command
    }
}
