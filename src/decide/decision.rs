//! One finding with its action and the reason for it.

use serde::{Deserialize, Serialize};

pub use crate::exception::{Permit, Refusal};
use crate::finding::Finding;

/// What the gate did with one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The gate stays shut.
    Block,
    /// Shown; the gate opens.
    Advise,
    /// Let through under a signed exception.
    Except,
    /// Let through under the signed adoption baseline.
    Inherit,
}

impl Action {
    /// Every action, in the order reports count them.
    pub const ALL: [Self; 4] = [Self::Block, Self::Except, Self::Inherit, Self::Advise];

    /// The word reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Advise => "advise",
            Self::Except => "except",
            Self::Inherit => "inherit",
        }
    }
}

/// One finding with what the gate did and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The finding.
    pub finding: Finding,
    /// What the gate did with it.
    pub action: Action,
    /// The exception that let it through, for `except` and `inherit`.
    pub permit: Option<Permit>,
    /// Exceptions that name this finding and do not cover it, each with the reason, in words.
    pub refused: Vec<Refusal>,
}
