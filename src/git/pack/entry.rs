//! The few bytes before each object of a pack.
//!
//! ```text
//! 1kkkssss 1sssssss ... 0sssssss     kind, and size once inflated, low bits first
//! kind 6: 1ddddddd ... 0ddddddd      how far back in the pack the base is, high bits first
//! kind 7: 20 bytes                   name of the base
//! ```
//!
//! Source: gitformat-pack(5), "pack-*.pack files have the following format".

use super::RawId;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A commit.
    Commit,
    /// A folder.
    Tree,
    /// Content of a file.
    Blob,
    /// An annotated tag.
    Tag,
}

/// Where an object of a pack comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Stored whole.
    Whole(Kind),
    /// A delta to the entry that begins so many bytes before it.
    Back(u64),
    /// A delta to the object of this name.
    Named(RawId),
}

/// What stands before the compressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) origin: Origin,
    /// Bytes once inflated: of the object, or of the delta.
    pub(super) size: u64,
    /// Bytes of the header itself.
    pub(super) length: usize,
}

/// No header is longer.
pub(super) const LONGEST: usize = 32;

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        let mut size = u64::from(first & 0x0f);
        let mut more = first & 0x80 != 0;
        let mut rest = rest;
        let mut shift = 4_u32;
        while more {
            let (byte, behind) = rest.split_first()?;
            let bits = u64::from(byte & 0x7f);
            // A size of more than 64 bits is none.
            size |= bits.checked_shl(shift).filter(|wide| wide >> shift == bits)?;
            (rest, shift, more) = (behind, shift + 7, byte & 0x80 != 0);
        }
        let origin = match first >> 4 & 7 {
            1 => Origin::Whole(Kind::Commit),
            2 => Origin::Whole(Kind::Tree),
            3 => Origin::Whole(Kind::Blob),
            4 => Origin::Whole(Kind::Tag),
            6 => {
                let (back, behind) = distance(rest)?;
                rest = behind;
                Origin::Back(back)
            }
            7 => {
                let (id, behind) = rest.split_first_chunk::<20>()?;
                rest = behind;
                Origin::Named(*id)
            }
            _ => return None,
        };
        Some(Self { origin, size, length: bytes.len() - rest.len() })
    }
}

/// Each byte but the last stands for one more than it says, so that every distance has one spelling.
fn distance(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = bytes;
    loop {
        let (byte, behind) = rest.split_first()?;
        value = value.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        rest = behind;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
        value = value.checked_add(1)?;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn encode(origin: Origin, size: u64) -> Vec<u8> {
        let kind = match origin {
            Origin::Whole(Kind::Commit) => 1,
            Origin::Whole(Kind::Tree) => 2,
            Origin::Whole(Kind::Blob) => 3,
            Origin::Whole(Kind::Tag) => 4,
            Origin::Back(_) => 6,
            Origin::Named(_) => 7,
        };
        let mut bytes = vec![kind << 4 | u8::try_from(size & 15).unwrap()];
        let mut left = size >> 4;
        while left > 0 {
            *bytes.last_mut().unwrap() |= 0x80;
            bytes.push(u8::try_from(left & 0x7f).unwrap());
            left >>= 7;
        }
        match origin {
            Origin::Whole(_) => {}
            Origin::Named(id) => bytes.extend(id),
            Origin::Back(mut back) => {
                let mut digits = vec![u8::try_from(back & 0x7f).unwrap()];
                while back >= 128 {
                    back = (back >> 7) - 1;
                    digits.insert(0, 0x80 | u8::try_from(back & 0x7f).unwrap());
                }
                bytes.extend(digits);
            }
        }
        bytes
    }

    fn origin() -> impl Strategy<Value = Origin> {
        prop_oneof![
            prop::sample::select(vec![Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag])
                .prop_map(Origin::Whole),
            (0..1_u64 << 60).prop_map(Origin::Back),
            any::<RawId>().prop_map(Origin::Named),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(origin in origin(), size: u64, behind: Vec<u8>) {
            let bytes = encode(origin, size);
            let length = bytes.len();
            prop_assert!(length <= LONGEST);
            let all = [bytes, behind].concat();
            prop_assert_eq!(Header::parse(&all), Some(Header { origin, size, length }));
            prop_assert_eq!(Header::parse(&all[..length - 1]), None);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xff)], 0..60)) {
            if let Some(header) = Header::parse(&bytes) {
                prop_assert!(header.length <= bytes.len());
            }
        }
    }
}
