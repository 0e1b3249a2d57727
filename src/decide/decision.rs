//! One finding with its action and the reason for it.

use serde::Serialize;

use crate::finding::Finding;
use crate::text::time::Timestamp;

/// What the gate did with one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

/// The exception that let a finding through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permit {
    /// Id of the exception.
    pub exception: String,
    /// Path of its document, relative to the repository.
    pub path: String,
    /// Persons who approved.
    pub approvers: Vec<String>,
    /// The first instant it no longer holds.
    pub expires_at: Timestamp,
    /// The reason given; untrusted text.
    pub reason: String,
    /// Reason code, such as `false_positive`.
    pub code: String,
    /// Whether an approver is also an author, which `separation_of_duties: false` allows.
    pub self_approved: bool,
}

/// An exception that names a finding and does not cover it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Id of the exception, or the path of a document that has none.
    pub exception: String,
    /// One word: `unknown_signer`, `expired`, `self_approval`, `scope_repo`, ...
    pub code: String,
    /// The reason as a sentence without a full stop.
    pub reason: String,
}
