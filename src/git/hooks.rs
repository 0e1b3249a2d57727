//! Where git looks for the hooks of a repository.

use std::path::PathBuf;
use std::process::Command;

use super::command::{complaint, failed, no_start};
use super::discover::path_from;
use super::{GitError, Repository};

const HOOKS: [&str; 3] = ["rev-parse", "--git-path", "hooks"];

impl Repository {
    /// The folder that git starts hooks from, as `core.hooksPath` or the git directory has it; it may not be there yet.
    ///
    /// This asks git with the settings of the user, which count for every commit made here; it runs nothing they name.
    ///
    /// # Errors
    ///
    /// When git does not answer.
    pub fn hooks_folder(&self) -> Result<PathBuf, GitError> {
        let top = self.work_tree().unwrap_or(self.git_dir());
        let mut git = Command::new(self.git.program());
        git.current_dir(top).arg("--no-pager").args(HOOKS);
        // Inside a hook these would speak of another repository.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            git.env_remove(name);
        }
        let output = git.output().map_err(|error| no_start(&HOOKS, &error))?;
        if !output.status.success() {
            return Err(failed(&HOOKS, complaint(&output.stderr)));
        }
        Ok(top.join(path_from(output.stdout.trim_ascii_end())))
    }
}
