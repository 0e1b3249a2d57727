//! The one word of a run.

use serde::Serialize;

/// How a run ended. The first three open the gate and never share one word or colour.
///
/// There is no word for *no decision* here: a run without one is an error and has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing was found and nothing was left unread.
    Clean,
    /// Something is shown that does not block.
    Advised,
    /// Something that would block is let through under a signed exception or baseline.
    Excepted,
    /// The gate stays shut.
    Blocked,
}

impl Verdict {
    /// The word reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Advised => "advised",
            Self::Excepted => "excepted",
            Self::Blocked => "blocked",
        }
    }

    /// Whether the gate opens.
    pub const fn opens(self) -> bool {
        !matches!(self, Self::Blocked)
    }
}
