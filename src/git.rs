//! The only place that starts a process: git, shielded from the tree it reads.

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
}
