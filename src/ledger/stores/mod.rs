//! Where records are kept. Compare-and-swap on the head is the store's; all else is shared.

/// Files under a lock.
pub mod file;
/// A branch of a repository of its own.
pub mod git;
/// A head as JSON.
mod head;
/// Nothing but memory, for tests.
pub mod memory;
/// One row of a database.
#[cfg(feature = "postgres")]
pub mod postgres;

use std::collections::BTreeSet;
use std::ops::Range;

use super::error::LedgerError;
use super::key::{Key, Keys};
use super::merkle::{Frontier, Hash};
use super::record::Record;
use crate::text::url;

/// A kind of store: the scheme of its URLs and how one is opened.
pub struct Scheme {
    /// What a URL of this kind begins with, such as `file:`.
    pub prefix: &'static str,
    /// How such a URL is written, for messages.
    pub form: &'static str,
    /// Opens what follows the prefix; makes nothing yet.
    pub open: fn(&str) -> Result<Box<dyn Store>, LedgerError>,
}

/// Every kind of store a URL can name. [`memory`] is none of them: it forgets.
pub const STORES: &[Scheme] = &[
    file::SCHEME,
    git::SCHEME,
    #[cfg(feature = "postgres")]
    postgres::SCHEME,
    #[cfg(feature = "postgres")]
    postgres::LONG_SCHEME,
];

/// Opens the store that `url` names; makes nothing yet.
pub fn open(url: &str) -> Result<Box<dyn Store>, LedgerError> {
    for scheme in STORES {
        if let Some(rest) = url.strip_prefix(scheme.prefix) {
            return (scheme.open)(rest);
        }
    }
    let forms: Vec<String> = STORES.iter().map(|scheme| format!("`{}`", scheme.form)).collect();
    Err(LedgerError::Url(url::public(url), forms.join(", ")))
}

/// The state of a ledger: which one, how many records, and what the tree needs to grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which ledger.
    pub origin: String,
    /// The tree over its records.
    pub frontier: Frontier,
}

impl Head {
    /// The head of a ledger without records.
    pub fn empty(origin: &str) -> Self {
        Self { origin: origin.to_owned(), frontier: Frontier::default() }
    }

    /// Number of records.
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Root over them.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
}

/// One record on its way into a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// What is hashed and stored; never a line feed in it.
    pub bytes: Vec<u8>,
    /// Hash of them.
    pub hash: Hash,
    /// What it is found by.
    pub keys: Keys,
}

/// Records to append together, and the head they make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The records, never none.
    pub leaves: Vec<Leaf>,
    /// The head once they are there.
    pub next: Head,
}

/// Why a batch did not go in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Somebody else was first; nothing was written.
    Conflict,
    /// It may or may not have gone in; the text says why that is not known.
    Ambiguous(String),
    /// Trying again does not help.
    Fatal(LedgerError),
}

impl From<LedgerError> for StoreError {
    fn from(error: LedgerError) -> Self {
        Self::Fatal(error)
    }
}

/// What every store promises; `tests/stores.rs` holds each of them to it.
///
/// - A batch goes in whole or not at all, and on `Ok` it is durable.
/// - Of two batches with the same `expected`, one goes in.
/// - What was read once reads the same for ever: the stored bytes are the hashed bytes.
/// - A store that is shorter than its newest seal was set back, and nothing is added to it.
pub trait Store: Send {
    /// The place as a person would name it.
    fn place(&self) -> String;

    /// Sees whether what keeps two appends apart is honoured here; asked once, before the first of them.
    ///
    /// What is allowed there and better were not comes back in words.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`]: it is not, so that appends could overwrite each other.
    fn probe(&mut self) -> Result<Option<String>, LedgerError>;

    /// The newest head, `None` when there is no ledger yet.
    fn load_head(&mut self) -> Result<Option<Head>, LedgerError>;

    /// The bytes of the records in `range`, which lies within `head`.
    ///
    /// Fewer come back when the store is damaged: the caller names the first that is missing.
    fn read(&mut self, head: &Head, range: Range<u64>) -> Result<Vec<Vec<u8>>, LedgerError>;

    /// Adds `batch` if the head is still `expected`.
    fn try_append(&mut self, expected: &Head, batch: &Batch) -> Result<(), StoreError>;

    /// The places within `head` of records with a key in `wanted`, in order.
    ///
    /// A store with an index of its own answers from that; this default reads everything.
    fn locate(&mut self, head: &Head, wanted: &BTreeSet<Key>) -> Result<Vec<(u64, Key)>, LedgerError> {
        let mut found = Vec::new();
        for start in (0..head.size()).step_by(CHUNK) {
            let range = start..head.size().min(start + CHUNK as u64);
            for (index, bytes) in (start..).zip(self.read(head, range)?) {
                let record = Record::parse(&bytes)
                    .map_err(|error| LedgerError::corrupt(index, format!("record {index}: {error}")))?;
                found.extend(
                    Keys::of(&record).present().filter(|key| wanted.contains(key)).map(|key| (index, key)),
                );
            }
        }
        Ok(found)
    }

    /// The number of records under each seal that is kept here, lowest first.
    fn seals(&mut self) -> Result<Vec<u64>, LedgerError>;

    /// The seal over the first `size` records, which [`Self::seals`] named.
    fn read_seal(&mut self, size: u64) -> Result<Vec<u8>, LedgerError>;

    /// Keeps `note` as the seal over the first `size` records, durable, in place of an earlier one over as many.
    fn keep_seal(&mut self, size: u64, note: &[u8]) -> Result<(), LedgerError>;

    /// The leaf hashes in `range` as noted when they were appended; `None` when the store notes none.
    ///
    /// They only help to name an altered record: the root decides whether one is altered.
    fn hashes(&mut self, head: &Head, range: Range<u64>) -> Result<Option<Vec<Hash>>, LedgerError> {
        let _ = (head, range);
        Ok(None)
    }
}

/// Refuses to go on behind a head that is older than the `newest` seal of the same store.
fn set_back(head: &Head, newest: Option<&u64>) -> Result<(), LedgerError> {
    match newest {
        Some(known) if *known > head.size() => {
            Err(LedgerError::Rollback { size: head.size(), known: *known })
        }
        _ => Ok(()),
    }
}

/// How many records are read at a time; the segments of the file store have as many.
pub const CHUNK: usize = 4096;
