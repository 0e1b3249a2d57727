//! Why the ledger gives no answer.

use super::record::RecordError;

/// Why nothing was read or appended. At the deploy stage every one of them keeps the gate shut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The text names no store we have.
    #[error("`{0}` names no ledger; known are {1}")]
    Url(String, String),
    /// There is nothing at that place.
    #[error("there is no ledger at `{0}`")]
    Absent(String),
    /// The ledger there is another one.
    #[error("the ledger there is `{found}`, not `{expected}`")]
    Origin {
        /// What the caller asked for.
        expected: String,
        /// What the store holds.
        found: String,
    },
    /// The store cannot be read or written, or gave no turn within the budget.
    #[error("the ledger cannot be used: {0}")]
    Unavailable(String),
    /// What is stored contradicts itself.
    #[error("the ledger is damaged: {what}")]
    Corrupt {
        /// The first record concerned, where that is known.
        index: Option<u64>,
        /// What is wrong.
        what: String,
    },
    /// The store is older than a state we know of.
    #[error("the ledger was set back: it has {size} records where {known} are known to have been")]
    Rollback {
        /// How many records it has.
        size: u64,
        /// How many we know of.
        known: u64,
    },
    /// A record with this id is there and says something else, time apart.
    #[error("record {index} has the id `{rid}` already and says something else")]
    Conflict {
        /// Its place.
        index: u64,
        /// The id.
        rid: String,
    },
    /// Two records of one batch have the same id and differ.
    #[error("two records of this run have the id `{0}` and differ")]
    Ambiguous(String),
    /// A record that may not be appended.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A condition of the caller does not hold against the newest state.
    #[error("{0}")]
    Refused(String),
}

impl LedgerError {
    /// Damage at or after the record at `index`.
    pub(crate) fn corrupt(index: impl Into<Option<u64>>, what: impl Into<String>) -> Self {
        Self::Corrupt { index: index.into(), what: what.into() }
    }
}
