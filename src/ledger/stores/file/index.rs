//! `index.bin`: 80 bytes a record, so that a hundred thousand are searched in milliseconds.

use std::collections::BTreeSet;

use crate::ledger::key::{Key, Keys};
use crate::ledger::merkle::Hash;

/// Hash of the record, then its keys.
const ENTRY: usize = 32 + Keys::LENGTH;

/// Bytes of the index of `records`.
pub(super) const fn length(records: u64) -> u64 {
    records * ENTRY as u64
}

pub(super) fn entry(hash: &Hash, keys: &Keys) -> Vec<u8> {
    [hash.as_slice(), &keys.encode()].concat()
}

/// The check sum of an index with `sum` once `added` is behind it.
pub(super) fn extend_sum(sum: u32, added: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(sum);
    hasher.update(added);
    hasher.finalize()
}

/// The places of `wanted` in an index, in order.
pub(super) fn find(bytes: &[u8], wanted: &BTreeSet<Key>) -> Vec<(u64, Key)> {
    let mut found = Vec::new();
    for (index, entry) in (0..).zip(bytes.as_chunks::<ENTRY>().0) {
        for key in entry.as_chunks::<16>().0.iter().skip(2) {
            if wanted.contains(&Key(*key)) {
                found.push((index, Key(*key)));
            }
        }
    }
    found
}

pub(super) fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<ENTRY>().0.iter().filter_map(|entry| entry.first_chunk().copied()).collect()
}
