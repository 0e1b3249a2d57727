//! The three exit codes. Nothing else ever leaves the process.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The gate opens, or the command did what it was asked: 0.
    Open,
    /// The gate stays shut because of findings, or a verification failed: 1.
    Shut,
    /// No decision: 2.
    NoDecision,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Open => 0,
            Exit::Shut => 1,
            Exit::NoDecision => 2,
        })
    }
}
