//! The one word of a run.

use serde::{Deserialize, Serialize};

use super::{Action, Gaps};

/// How a run ended. The first three open the gate and never share one word or colour.
///
/// There is no word for *no decision* here: a run without one is an error and has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// The word for these actions.
    pub fn of(actions: impl IntoIterator<Item = Action>, gaps: Gaps) -> Self {
        let least = match gaps {
            Gaps::None => Self::Clean,
            Gaps::Shown => Self::Advised,
            Gaps::Block => Self::Blocked,
        };
        let word = |action| match action {
            Action::Block => Self::Blocked,
            Action::Except | Action::Inherit => Self::Excepted,
            Action::Advise => Self::Advised,
        };
        actions.into_iter().map(word).fold(least, Self::max)
    }

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
