//! The append-only log of what the gate decided and what came of it.

/// Size and root as a text that can be signed.
pub mod checkpoint;
/// The tree over all records.
pub mod merkle;
/// One event of the ledger.
pub mod record;

pub use record::{Kind, Record, RecordError};
