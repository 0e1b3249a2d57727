//! Objects as git stores them, read without git: every one of a kind, each inflated once.
//!
//! ```text
//! index      which object begins where in a pack (`.idx`, version 2)
//! entry      the few bytes before each object: kind, size, base
//! inflate    what is compressed
//! delta      how an object is made out of its base, and what of it is new
//! plan       which entry is made out of which: the trees of deltas
//! walk       down these trees, on several threads
//! loose      objects in files of their own
//! store      all of these together, and those of alternates
//! ```
//!
//! Everything is data of the repository: sizes are bounded before memory is taken, links between entries may form
//! rings, and what cannot be read is handed back by name. git then has the last word on it.

mod delta;
mod entry;
mod index;
mod inflate;
mod loose;
mod plan;
mod store;
mod walk;

pub use delta::Run;
pub use entry::Kind;
pub use store::{Limits, Store};
pub use walk::{Basis, Visit, Visitor};

/// The name of an object in bytes. Only repositories that name objects by SHA-1 are read here.
pub type RawId = [u8; 20];

/// Why something of a pack could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A version or layout that is not read here.
    #[error("a format that is not read here")]
    Format,
    /// The file ends before the object does.
    #[error("cut off")]
    Short,
    /// What is compressed cannot be inflated, or not to the size it states.
    #[error("damaged")]
    Inflate,
    /// A delta that does not fit its base.
    #[error("a delta that does not fit its base")]
    Delta,
    /// Larger than what is read.
    #[error("too large")]
    Large,
}

#[cfg(test)]
mod tests;
