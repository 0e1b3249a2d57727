//! The append-only log of what the gate decided and what came of it.

/// One event of the ledger.
pub mod record;

pub use record::{Kind, Record, RecordError};
