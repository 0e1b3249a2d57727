//! `head.json`: the one file whose replacement commits an append.

use serde_json::Value;

use super::super::{CHUNK, Head};
use crate::ledger::error::LedgerError;
use crate::text::hash;
use crate::text::json::{read_strict, write_canonical};

/// The head with what only files need.
///
/// ```text
/// {"check":"sha256:...","frontier":["<64 hex>",...],"index_sum":7,"ledger":"local/pay/2026",
///  "offset":1843,"root":"<64 hex>","segment":0,"size":3,"v":1}
/// ```
///
/// `check` is the digest of the object without it, so that a damaged head cannot make the next append
/// cut off records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiskHead {
    pub(super) head: Head,
    /// The segment the next record goes into.
    pub(super) segment: u64,
    /// Bytes of that segment that are data.
    pub(super) offset: u64,
    /// CRC-32 of the index.
    pub(super) index_sum: u32,
}

impl DiskHead {
    pub(super) fn empty(origin: &str) -> Self {
        Self { head: Head::empty(origin), segment: 0, offset: 0, index_sum: 0 }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut object = self.head.members();
        for (name, value) in [
            ("segment", Value::from(self.segment)),
            ("offset", self.offset.into()),
            ("index_sum", self.index_sum.into()),
        ] {
            object.insert(name.to_owned(), value);
        }
        let check = hash::digest(&write_canonical(&Value::Object(object.clone())));
        object.insert("check".to_owned(), check.into());
        write_canonical(&Value::Object(object))
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let damaged = || LedgerError::corrupt(None, "`head.json` is not as it was written");
        let value = read_strict(bytes).map_err(|_| damaged())?;
        let number = |name: &str| value.get(name).and_then(Value::as_u64);
        let read = || {
            let head = Head::of_members(&value)?;
            let index_sum = u32::try_from(number("index_sum")?).ok()?;
            Some(Self { head, segment: number("segment")?, offset: number("offset")?, index_sum })
        };
        let head = read().ok_or_else(damaged)?;
        // Written again it gives the same bytes: that checks root, digest and encoding at once.
        if head.bytes() != bytes || head.segment != head.head.size() / CHUNK as u64 {
            return Err(damaged());
        }
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::merkle::leaf_hash;

    #[test]
    fn c6_every_altered_bit_of_a_head_is_seen() {
        let mut head = DiskHead::empty("local/pay/2026");
        (0_u8..3).for_each(|number| head.head.frontier.push(leaf_hash(&[number])));
        (head.offset, head.index_sum) = (1843, 7);
        let bytes = head.bytes();
        assert_eq!(DiskHead::parse(&bytes), Ok(head));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                assert!(DiskHead::parse(&altered).is_err(), "byte {at} bit {bit}");
            }
            assert!(DiskHead::parse(&bytes[..at]).is_err());
        }
    }
}
