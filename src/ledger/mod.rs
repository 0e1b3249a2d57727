//! The append-only log of what the gate decided and what came of it.

/// The loop all stores share.
pub mod append;
/// Which decisions leaned on what was revoked since, and which tool made what.
pub mod audit;
/// Size and root as a text that can be signed.
pub mod checkpoint;
/// Why the ledger gives no answer.
pub mod error;
/// The records that tell what let one deploy through.
pub mod evidence;
/// Records as tables and as statements of others' formats.
pub mod export;
/// The fields every record is judged by.
mod facts;
/// What records are found by.
pub mod key;
/// One constructor for each kind of record.
pub mod kinds;
/// All records, one after the other.
pub mod leaves;
/// What every record begins with.
pub mod lineage;
/// Records as lines for a person.
pub mod log;
/// The tree over all records.
pub mod merkle;
/// A record and its way to a seal, in one file.
pub mod proof;
/// One event of the ledger.
pub mod record;
/// Which run let an artefact through.
pub mod release;
/// Signed checkpoints.
pub mod seal;
/// Runs that could not be recorded, and how they come in later.
pub mod spool;
/// Records of who may do what: signers, baselines, broken glass.
pub mod standing;
/// Where records are kept.
pub mod stores;
/// Ledgers out of their store.
pub mod transfer;
/// All hashes of the tree at once.
pub mod tree;
/// Replay from the first record.
pub mod verify;

pub use append::{Pace, Patient, Prefix, Receipt};
pub use checkpoint::Checkpoint;
pub use error::LedgerError;
pub use key::Key;
pub use leaves::{Leaves, Records};
pub use lineage::Lineage;
pub use proof::{Proof, ProofError};
pub use record::{Kind, Record, RecordError};
pub use seal::{Seal, SealError};
pub use stores::{Head, Store};
pub use verify::{Problem, Verification};

/// An open ledger.
pub struct Ledger {
    store: Box<dyn Store>,
    pace: Box<dyn Pace>,
    head: Head,
    /// Whether the store was seen to be no older than its own newest seal.
    is_current: bool,
}

impl Ledger {
    /// Opens the ledger that `url` names, to read or append; the first append makes it.
    ///
    /// `origin` is `<name the organisation chose>/<ledger>/<year>`. A ledger of another year goes on under
    /// its own origin until somebody opens the next one, so use [`Self::origin`] from here on.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Origin`] when another ledger is there, [`LedgerError::Corrupt`] when its head is damaged.
    pub fn open(url: &str, origin: &str) -> Result<Self, LedgerError> {
        Self::with(stores::open(url)?, Box::new(Patient), origin)
    }

    /// Opens the ledger that `url` names, whichever it is; there must be one.
    pub fn open_existing(url: &str) -> Result<Self, LedgerError> {
        let mut store = stores::open(url)?;
        let Some(head) = store.load_head()? else { return Err(LedgerError::Absent(store.place())) };
        Ok(Self { store, pace: Box::new(Patient), head, is_current: false })
    }

    /// As [`Self::open`], on an open store and with another way of waiting.
    pub fn with(mut store: Box<dyn Store>, pace: Box<dyn Pace>, origin: &str) -> Result<Self, LedgerError> {
        let head = match store.load_head()? {
            None => Head::empty(origin),
            Some(head) if shard_of(&head.origin) == shard_of(origin) => head,
            Some(head) => {
                return Err(LedgerError::Origin { expected: origin.to_owned(), found: head.origin });
            }
        };
        Ok(Self { store, pace, head, is_current: false })
    }

    /// Which ledger this is; every record names it.
    pub fn origin(&self) -> &str {
        &self.head.origin
    }

    /// The head as of the last call that looked.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The place as a person would name it.
    pub fn place(&self) -> String {
        self.store.place()
    }

    /// What is allowed where the ledger is and better were not; an error where appends could overwrite each other.
    pub fn probe(&mut self) -> Result<Option<String>, LedgerError> {
        self.store.probe()
    }

    /// Size and root as of the last call that looked.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.head.origin.clone(), size: self.head.size(), root: self.head.root() }
    }

    /// Adds `records` at the end, all or none, and returns their receipts in the same order.
    ///
    /// On `Ok` they are durable; a record that was there already keeps its first receipt. On `Err`
    /// keep the gate shut: they may or may not have arrived, and a retry with the same ids settles it.
    ///
    /// # Errors
    ///
    /// - [`LedgerError::Record`]: a record without who, session or what; nothing was written.
    /// - [`LedgerError::Conflict`]: a record with the same id is there and says something else.
    /// - [`LedgerError::Unavailable`]: the store cannot be written, or gave no turn within a minute of waiting.
    /// - [`LedgerError::Rollback`], [`LedgerError::Corrupt`]: the store is not what it was.
    pub fn append(&mut self, records: &[Record]) -> Result<Vec<Receipt>, LedgerError> {
        self.append_with(&mut |_| Ok(records.to_vec()))
    }

    /// As [`Self::append`], with records that depend on the newest state.
    ///
    /// `build` is called again after each conflict, so a condition it checks holds at the very place the
    /// batch goes in. It must leave records of its own run out of what it counts: an earlier attempt of
    /// the same run may have gone in. Returning [`LedgerError::Refused`] appends nothing.
    pub fn append_with(
        &mut self,
        build: &mut dyn FnMut(&mut Prefix<'_>) -> Result<Vec<Record>, LedgerError>,
    ) -> Result<Vec<Receipt>, LedgerError> {
        if !self.is_current {
            self.store.probe()?;
            if let Some(newest) = self.newest_seal()? {
                self.require(&newest.checkpoint)?;
            }
            self.is_current = true;
        }
        append::append(&mut *self.store, &mut *self.pace, &mut self.head, build)
    }

    /// Looks for newer records.
    pub fn refresh(&mut self) -> Result<&Head, LedgerError> {
        append::advance(&mut *self.store, &mut self.head)?;
        Ok(&self.head)
    }

    /// Refuses a ledger that is older than `known`, or of the same length and not the same.
    ///
    /// A longer one is compared by [`Self::verify`], which replays it.
    pub fn require(&self, known: &Checkpoint) -> Result<(), LedgerError> {
        if known.origin != self.head.origin {
            return Err(LedgerError::Origin {
                expected: known.origin.clone(),
                found: self.head.origin.clone(),
            });
        }
        if self.head.size() < known.size {
            return Err(LedgerError::Rollback { size: self.head.size(), known: known.size });
        }
        if self.head.size() == known.size && self.head.root() != known.root {
            return Err(LedgerError::corrupt(
                None,
                "it has another root than the checkpoint of the same size",
            ));
        }
        Ok(())
    }

    /// Every record with `key`, with its index, in order; without reading the others.
    pub fn about(&mut self, key: Key) -> Result<Vec<(u64, Record)>, LedgerError> {
        Prefix::new(&mut *self.store, &self.head).about(key)
    }

    /// The newest record, as of the last call that looked.
    pub fn newest(&mut self) -> Result<Option<Record>, LedgerError> {
        let size = self.head.size();
        let Some(last) = size.checked_sub(1) else { return Ok(None) };
        append::read_one(&mut *self.store, &self.head, last).map(Some)
    }

    /// Replays everything; see [`verify::verify`].
    pub fn verify(
        &mut self,
        known: &[Checkpoint],
        threads: usize,
        signatures: &mut verify::SignatureCheck<'_>,
    ) -> Result<Verification, LedgerError> {
        verify::verify(&mut *self.store, &self.head, known, threads, signatures)
    }
}

/// What names a ledger across the years: its origin without the last part, when that is a year.
fn shard_of(origin: &str) -> &str {
    match origin.rsplit_once('/') {
        Some((name, year)) if year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => origin,
    }
}
