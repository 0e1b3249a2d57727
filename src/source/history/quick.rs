//! Hashing for tables that are asked millions of times: names of objects, which are hashes already, and small numbers.

use std::hash::{BuildHasherDefault, Hasher};

/// Makes [`QuickHasher`]s.
pub(super) type Quick = BuildHasherDefault<QuickHasher>;

/// One multiplication for eight bytes. Who can choose what is put in freely can make it slow, so names of files are
/// hashed otherwise; to choose the name of an object takes a search for each.
#[derive(Default)]
pub(super) struct QuickHasher(u64);

impl QuickHasher {
    fn add(&mut self, word: u64) {
        // The factor is 2^64 divided by the golden ratio.
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.add(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}
