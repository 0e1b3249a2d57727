//! A throw-away repository that we write ourselves: for the demonstration, never for a user's repository.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::command::{Git, failed, no_start};
use super::{GitError, ObjectId, Repository};
use crate::text::time::Timestamp;

/// A repository in a folder of our own.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
    git: Git,
}

impl Scratch {
    /// Makes an empty repository on branch `main` in `root`, which must exist and be empty.
    pub fn create(root: &Path) -> Result<Self, GitError> {
        let scratch = Self { root: root.to_owned(), git: Git::find()? };
        scratch.git(
            &["init", "--quiet", "--initial-branch=main"],
            ("nobody", "nobody@localhost"),
            Timestamp(0),
        )?;
        Ok(scratch)
    }

    /// Moves to a new branch at the present commit.
    pub fn branch(&self, name: &str) -> Result<(), GitError> {
        self.git(&["switch", "--quiet", "--create", name], ("nobody", "nobody@localhost"), Timestamp(0))
            .map(|_| ())
    }

    /// Commits every file of the folder as `(name, address)` at `when`.
    pub fn commit(&self, message: &str, author: (&str, &str), when: Timestamp) -> Result<ObjectId, GitError> {
        self.git(&["add", "--all"], author, when)?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message], author, when)?;
        let repository = Repository::discover(&self.root)?;
        let head = repository.map(|repository| repository.head()).transpose()?.flatten();
        head.ok_or_else(|| failed(&["commit"], "no commit was made".to_owned()))
    }

    /// Goes back to what `main` has, on the present branch, as somebody who rewrites an unmerged change does.
    pub fn start_over(&self) -> Result<(), GitError> {
        self.git(&["reset", "--quiet", "--hard", "main"], ("nobody", "nobody@localhost"), Timestamp(0))
            .map(|_| ())
    }

    /// Makes the present commit what a clone would know as the protected branch of its origin.
    pub fn publish(&self) -> Result<(), GitError> {
        let nobody = ("nobody", "nobody@localhost");
        self.git(&["update-ref", "refs/remotes/origin/main", "HEAD"], nobody, Timestamp(0))?;
        let head = ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"];
        self.git(&head, nobody, Timestamp(0)).map(|_| ())
    }

    /// Makes `main` point at the present commit, as a merge without another change would, and moves there.
    pub fn merge_into_main(&self) -> Result<(), GitError> {
        self.git(&["branch", "--force", "main", "HEAD"], ("nobody", "nobody@localhost"), Timestamp(0))?;
        self.git(&["switch", "--quiet", "main"], ("nobody", "nobody@localhost"), Timestamp(0)).map(|_| ())
    }

    fn git(
        &self,
        arguments: &[&str],
        (name, address): (&str, &str),
        when: Timestamp,
    ) -> Result<Vec<u8>, GitError> {
        let date = format!("@{} +0000", when.0.max(0) / 1000);
        let mut command = self.git.start();
        command
            .current_dir(&self.root)
            .envs([("GIT_AUTHOR_NAME", name), ("GIT_AUTHOR_EMAIL", address), ("GIT_AUTHOR_DATE", &date)])
            .envs([
                ("GIT_COMMITTER_NAME", name),
                ("GIT_COMMITTER_EMAIL", address),
                ("GIT_COMMITTER_DATE", &date),
            ])
            .args(["-c", "commit.gpgSign=false"])
            .args(arguments)
            .stdin(Stdio::null());
        let output = command.output().map_err(|error| no_start(arguments, &error))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(failed(
                arguments,
                crate::text::safe::terminal(String::from_utf8_lossy(&output.stderr).trim()),
            ))
        }
    }
}
