//! All records of a ledger, one after the other: as bytes, or read and held to the root.

use super::Ledger;
use super::error::LedgerError;
use super::merkle::{Frontier, leaf_hash};
use super::record::Record;
use super::stores::{CHUNK, Head, Store};

/// What is told where every record can be read and the root is another.
pub(super) const ALTERED: &str = "a record was altered; `tollgate ledger verify` names it";

/// The bytes of records, in order, as stored and unread.
pub struct Leaves<'a> {
    store: &'a mut dyn Store,
    head: &'a Head,
    next: u64,
    chunk: std::vec::IntoIter<Vec<u8>>,
}

/// All records in order.
pub struct Records<'a> {
    leaves: Leaves<'a>,
    frontier: Frontier,
}

impl Ledger {
    /// The bytes of all records in order. The first that is missing ends the walk with an error.
    pub fn leaves(&mut self) -> Leaves<'_> {
        self.leaves_from(0)
    }

    /// As [`Self::leaves`], from the record `next` on.
    pub fn leaves_from(&mut self, next: u64) -> Leaves<'_> {
        Leaves { store: &mut *self.store, head: &self.head, next, chunk: Vec::new().into_iter() }
    }

    /// All records with their indexes, in order. The first damaged one ends the walk with an error, and so
    /// does a root at the end that is not that of the head: then none of them is to be believed.
    pub fn records(&mut self) -> Records<'_> {
        Records { leaves: self.leaves(), frontier: Frontier::default() }
    }
}

impl Iterator for Leaves<'_> {
    type Item = Result<Vec<u8>, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.head.size() {
            return None;
        }
        if self.chunk.len() == 0 {
            let end = self.head.size().min(self.next + CHUNK as u64);
            match self.store.read(self.head, self.next..end) {
                Ok(leaves) => self.chunk = leaves.into_iter(),
                Err(error) => return Some(Err(self.stop(error))),
            }
        }
        let Some(bytes) = self.chunk.next() else {
            let missing = LedgerError::corrupt(self.next, format!("record {} is missing", self.next));
            return Some(Err(self.stop(missing)));
        };
        self.next += 1;
        Some(Ok(bytes))
    }
}

impl Leaves<'_> {
    /// Nothing comes after a damaged record.
    fn stop(&mut self, error: LedgerError) -> LedgerError {
        self.next = u64::MAX;
        error
    }
}

impl Iterator for Records<'_> {
    type Item = Result<(u64, Record), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(leaf) = self.leaves.next() else { return self.end() };
        let bytes = match leaf {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error)),
        };
        let index = self.frontier.size();
        self.frontier.push(leaf_hash(&bytes));
        Some(Record::parse(&bytes).map(|record| (index, record)).map_err(|error| {
            self.leaves.stop(LedgerError::corrupt(index, format!("record {index}: {error}")))
        }))
    }
}

impl Records<'_> {
    /// Once at the end of a walk that met no error: whether what was read has the root of the head.
    fn end(&mut self) -> Option<<Self as Iterator>::Item> {
        let is_whole = self.leaves.next == self.leaves.head.size();
        let is_altered = is_whole && self.frontier.root() != self.leaves.head.root();
        is_altered.then(|| Err(self.leaves.stop(LedgerError::corrupt(None, ALTERED))))
    }
}
