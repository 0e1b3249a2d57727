//! Nothing but memory: for tests, which need a second store to show that the promises are no accident of files.
//!
//! No URL names it, since a gate must not open on a record that is gone with the process.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Batch, Head, Leaf, Store, StoreError, set_back};
use crate::ledger::error::LedgerError;
use crate::ledger::key::Key;
use crate::ledger::merkle::Hash;

/// A store that lives as long as its last clone; clones share their records.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    head: Option<Head>,
    leaves: Vec<Leaf>,
    seals: BTreeMap<u64, Vec<u8>>,
}

impl Memory {
    /// A store without a ledger.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn probe(&mut self) -> Result<Option<String>, LedgerError> {
        Ok(None)
    }

    fn load_head(&mut self) -> Result<Option<Head>, LedgerError> {
        Ok(self.state().head.clone())
    }

    fn read(&mut self, _: &Head, range: Range<u64>) -> Result<Vec<Vec<u8>>, LedgerError> {
        Ok(self.state().slice(range).iter().map(|leaf| leaf.bytes.clone()).collect())
    }

    fn try_append(&mut self, expected: &Head, batch: &Batch) -> Result<(), StoreError> {
        let mut state = self.state();
        let current = state.head.clone().unwrap_or_else(|| Head::empty(&expected.origin));
        if current != *expected {
            return Err(StoreError::Conflict);
        }
        set_back(&current, state.seals.keys().next_back())?;
        state.leaves.extend_from_slice(&batch.leaves);
        state.head = Some(batch.next.clone());
        Ok(())
    }

    fn locate(&mut self, head: &Head, wanted: &BTreeSet<Key>) -> Result<Vec<(u64, Key)>, LedgerError> {
        let state = self.state();
        let leaves = (0..).zip(state.slice(0..head.size()));
        let keys = leaves.flat_map(|(index, leaf)| leaf.keys.present().map(move |key| (index, key)));
        Ok(keys.filter(|(_, key)| wanted.contains(key)).collect())
    }

    fn seals(&mut self) -> Result<Vec<u64>, LedgerError> {
        Ok(self.state().seals.keys().copied().collect())
    }

    fn read_seal(&mut self, size: u64) -> Result<Vec<u8>, LedgerError> {
        Ok(self.state().seals.get(&size).cloned().unwrap_or_default())
    }

    fn keep_seal(&mut self, size: u64, note: &[u8]) -> Result<(), LedgerError> {
        self.state().seals.insert(size, note.to_owned());
        Ok(())
    }

    fn hashes(&mut self, _: &Head, range: Range<u64>) -> Result<Option<Vec<Hash>>, LedgerError> {
        Ok(Some(self.state().slice(range).iter().map(|leaf| leaf.hash).collect()))
    }
}

impl State {
    /// As much of `range` as is there.
    fn slice(&self, range: Range<u64>) -> &[Leaf] {
        let at = |index: u64| usize::try_from(index).unwrap_or(usize::MAX).min(self.leaves.len());
        self.leaves.get(at(range.start)..at(range.end)).unwrap_or_default()
    }
}
