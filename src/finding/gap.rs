//! Something in scope that was not read in full.

use serde::{Deserialize, Serialize};

/// In scope and not read in full: never counted as clean.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Gap {
    /// Which file, archive member or commit; lossy where the name is no UTF-8.
    pub path: String,
    /// Why it was not read in full.
    pub reason: Reason,
    /// What exactly, for a person; holds no value of the file.
    pub detail: String,
}

/// Why something was not read in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Larger than the limit for one file.
    TooLarge,
    /// The file could not be opened or read.
    Unreadable,
    /// A submodule whose files are not here.
    Submodule,
    /// A large-file pointer in place of the content.
    Pointer,
    /// A manifest that does not parse.
    Unparsed,
    /// A manifest with templates, unresolved variables or unknown security keys.
    Partial,
    /// A named limit of a parser was reached.
    Limit,
    /// The file changed while it was read.
    Changed,
    /// The name is no UTF-8, or two names collide where case or form is folded.
    Name,
    /// An object of the repository is missing.
    Missing,
    /// The budget of files, bytes or time was spent.
    Budget,
}

impl Reason {
    /// The word reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Unreadable => "unreadable",
            Self::Submodule => "submodule",
            Self::Pointer => "pointer",
            Self::Unparsed => "unparsed",
            Self::Partial => "partial",
            Self::Limit => "limit",
            Self::Changed => "changed",
            Self::Name => "name",
            Self::Missing => "missing",
            Self::Budget => "budget",
        }
    }
}
