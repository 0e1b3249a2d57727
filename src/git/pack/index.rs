//! Which object begins where in a pack.
//!
//! ```text
//! ff 74 4f 63  00 00 00 02     magic, version
//! 256 x u32                    how many names begin with a byte up to this one
//! n x 20 bytes                 names, sorted
//! n x u32                      checksums, not looked at
//! n x u32                      offsets; with the top bit set, a place in the next table
//! m x u64                      offsets behind the first 2 GiB
//! 40 bytes                     digests of the pack and of this file
//! ```
//!
//! Source: gitformat-pack(5), "Version 2 pack-*.idx files".

use super::{Fault, RawId};

const HEAD: usize = 8;
const FAN_OUT: usize = 256 * 4;
const TRAILER: usize = 40;

/// A pack's table of contents, in the order of names.
#[derive(Debug)]
pub(super) struct Index {
    bytes: Vec<u8>,
    count: usize,
}

impl Index {
    /// Reads the table; only its layout is checked.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, Fault> {
        if !bytes.starts_with(b"\xfftOc\0\0\0\x02") {
            return Err(Fault::Format);
        }
        let count = word(&bytes, HEAD + FAN_OUT - 4).ok_or(Fault::Short)? as usize;
        let least = HEAD + FAN_OUT + count * 28 + TRAILER;
        let wide = bytes.len().checked_sub(least).ok_or(Fault::Short)?;
        if wide % 8 == 0 && wide / 8 <= count { Ok(Self { bytes, count }) } else { Err(Fault::Format) }
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    pub(super) fn id(&self, at: usize) -> Option<&RawId> {
        self.ids().get(at)
    }

    /// Where the object begins in the pack.
    pub(super) fn offset(&self, at: usize) -> Option<u64> {
        let table = HEAD + FAN_OUT + self.count * 24;
        let narrow = word(&self.bytes, table + at.checked_mul(4)?).filter(|_| at < self.count)?;
        if narrow >> 31 == 0 {
            return Some(u64::from(narrow));
        }
        let place = table + self.count * 4 + (narrow & 0x7fff_ffff) as usize * 8;
        let end = self.bytes.len() - TRAILER;
        let bytes = self.bytes.get(place..end)?.first_chunk::<8>()?;
        Some(u64::from_be_bytes(*bytes))
    }

    pub(super) fn find(&self, id: &RawId) -> Option<usize> {
        let first = usize::from(id.first().copied().unwrap_or_default());
        let end = word(&self.bytes, HEAD + first * 4)? as usize;
        let start = if first == 0 { 0 } else { word(&self.bytes, HEAD + first * 4 - 4)? as usize };
        self.ids().get(start..end)?.binary_search(id).ok().map(|at| start + at)
    }

    fn ids(&self) -> &[RawId] {
        let start = HEAD + FAN_OUT;
        let bytes = self.bytes.get(start..start + self.count * 20).unwrap_or_default();
        bytes.as_chunks().0
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A table over `ids` (sorted) and offsets, the wide ones behind the first 2 GiB.
    pub(in super::super) fn table(entries: &[(RawId, u64)]) -> Vec<u8> {
        let mut bytes = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=255_u8 {
            let count = entries.iter().filter(|(id, _)| id[0] <= first).count();
            bytes.extend(u32::try_from(count).unwrap().to_be_bytes());
        }
        bytes.extend(entries.iter().flat_map(|(id, _)| *id));
        bytes.extend(entries.iter().flat_map(|_| [0; 4]));
        let mut wide = Vec::new();
        for (_, offset) in entries {
            let narrow =
                u32::try_from(*offset).ok().filter(|offset| offset >> 31 == 0).unwrap_or_else(|| {
                    wide.push(*offset);
                    0x8000_0000 | u32::try_from(wide.len() - 1).unwrap()
                });
            bytes.extend(narrow.to_be_bytes());
        }
        bytes.extend(wide.iter().flat_map(|offset| offset.to_be_bytes()));
        bytes.extend([0; 40]);
        bytes
    }

    proptest! {
        #[test]
        fn every_name_is_found_with_its_offset(
            entries in prop::collection::btree_map(any::<RawId>(), 0..1_u64 << 40, 0..40)
        ) {
            let entries: Vec<(RawId, u64)> = entries.into_iter().collect();
            let index = Index::parse(table(&entries)).unwrap();
            prop_assert_eq!(index.len(), entries.len());
            for (at, (id, offset)) in entries.iter().enumerate() {
                prop_assert_eq!(index.find(id), Some(at));
                prop_assert_eq!(index.id(at), Some(id));
                prop_assert_eq!(index.offset(at), Some(*offset));
            }
            prop_assert_eq!(index.offset(entries.len()), None);
        }

        #[test]
        fn no_bytes_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..3000), cut in any::<prop::sample::Index>(), whole: bool
        ) {
            if whole {
                bytes = [b"\xfftOc\0\0\0\x02", bytes.as_slice()].concat();
                for byte in bytes.iter_mut().skip(8).take(1023) { *byte = 0; }
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            if let Ok(index) = Index::parse(bytes) {
                for at in 0..index.len() + 2 {
                    let _ = (index.id(at), index.offset(at));
                }
                let _ = (index.find(&[0; 20]), index.find(&[255; 20]));
            }
        }
    }
}
