//! The headers of a tar file.
//!
//! ```text
//! [header 512] [data, filled up to 512] [header 512] … [zeros 1024]
//! ```
//!
//! Sparse members are read as they are stored, without their holes. Links have no data; names of their targets stand
//! in the headers, which are searched with the archive itself.
//!
//! Source: POSIX.1-2024, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

use super::members::{Entry, Listing, Packing};
use crate::text::span::Span;

const BLOCK: usize = 512;

/// Where the parts of a header stand.
const NAME: Span = Span { start: 0, end: 100 };
const SIZE: Span = Span { start: 124, end: 136 };
const CHECK: Span = Span { start: 148, end: 156 };
const KIND: usize = 156;
const MAGIC: Span = Span { start: 257, end: 263 };
const PREFIX: Span = Span { start: 345, end: 500 };
const SPARSE_GOES_ON: usize = 482;
const SPARSE_BLOCK_GOES_ON: usize = 504;

/// Whether `bytes` begin with a header whose check holds; with or without the later magic word.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.get(..BLOCK).is_some_and(is_header)
}

/// Every member that is a file, at most `most`.
pub(super) fn list(bytes: &[u8], most: usize) -> Listing {
    let mut listing = Listing::default();
    let mut long = None;
    let mut at = 0_usize;
    while let Some(header) =
        bytes.get(at..at.saturating_add(BLOCK)).filter(|block| block.iter().any(|byte| *byte != 0))
    {
        let Some(size) = size_of(header) else {
            listing.damage = Some("a tar file with a damaged header: what follows it was read as one text");
            return listing;
        };
        let start = at + BLOCK + more_sparse(bytes, at, header);
        let whole = Span::new(start, start.saturating_add(size));
        let data = Span::new(start, whole.end.min(bytes.len()));
        if data != whole {
            listing.damage = Some("a tar file that is cut off");
        }
        match header.get(KIND) {
            Some(b'L') => long = Some(until_zero(data.of(bytes)).to_vec()),
            Some(b'x') => long = pax_path(data.of(bytes)).or(long),
            Some(b'g' | b'K') => {}
            Some(b'1'..=b'6') => long = None,
            _ if listing.entries.len() == most => {
                listing.cut = true;
                return listing;
            }
            _ => {
                let name = long.take().unwrap_or_else(|| short_name(header));
                listing.entries.push(Entry { name, data, packing: Packing::Stored, check: None });
            }
        }
        at = whole.end.saturating_add((BLOCK - size % BLOCK) % BLOCK);
    }
    listing
}

/// How long the data behind a header is; `None` where it is no header. Links, devices and folders have no data, whatever
/// size their header gives.
fn size_of(header: &[u8]) -> Option<usize> {
    let size = number(SIZE.of(header)).filter(|_| is_header(header))?;
    if matches!(header.get(KIND), Some(b'1'..=b'6')) { Some(0) } else { usize::try_from(size).ok() }
}

/// Whether the sum of all bytes, its own field as spaces, is what the field says; some writers took bytes as signed.
fn is_header(block: &[u8]) -> bool {
    let Some(check) = number(CHECK.of(block)) else { return false };
    let own = |at: &usize| (CHECK.start..CHECK.end).contains(at);
    let bytes = || block.iter().enumerate().map(|(at, byte)| if own(&at) { b' ' } else { *byte });
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    check == bytes().map(u64::from).sum::<u64>() || i64::try_from(check) == Ok(signed)
}

/// A number in octal digits, or in the low bytes of a field whose first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let low = field.get(field.len().checked_sub(8)?..)?;
        let high = field.get(1..field.len() - 8)?;
        return high
            .iter()
            .all(|byte| *byte == 0)
            .then(|| low.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)));
    }
    let digits = until_zero(field).trim_ascii();
    let octal =
        |all: u64, byte: &u8| Some(all << 3 | u64::from(byte.checked_sub(b'0').filter(|digit| *digit < 8)?));
    digits.iter().try_fold(0, octal).filter(|_| !digits.is_empty())
}

/// Bytes of further maps behind the header of a sparse member.
fn more_sparse(bytes: &[u8], at: usize, header: &[u8]) -> usize {
    let mut more = 0;
    let mut goes_on =
        header.get(KIND) == Some(&b'S') && header.get(SPARSE_GOES_ON).is_some_and(|flag| *flag != 0);
    while goes_on {
        more += BLOCK;
        goes_on = bytes.get(at + more + SPARSE_BLOCK_GOES_ON).is_some_and(|flag| *flag != 0);
    }
    more
}

fn short_name(header: &[u8]) -> Vec<u8> {
    let name = until_zero(NAME.of(header));
    let prefix = until_zero(PREFIX.of(header));
    // Older formats have other things where the prefix is.
    if prefix.is_empty() || MAGIC.of(header) != b"ustar\0" {
        return name.to_vec();
    }
    [prefix, b"/", name].concat()
}

/// The path in records of the form `<length of all> path=<path>\n`.
fn pax_path(mut records: &[u8]) -> Option<Vec<u8>> {
    let mut path = None;
    while let Some(space) = memchr::memchr(b' ', records) {
        let length: usize = std::str::from_utf8(records.get(..space)?).ok()?.parse().ok()?;
        let record = records.get(space + 1..length.checked_sub(1)?)?;
        if let Some(value) =
            record.strip_prefix(b"path=").or_else(|| record.strip_prefix(b"GNU.sparse.name="))
        {
            path = Some(value.to_vec());
        }
        records = records.get(length..)?;
    }
    path
}

fn until_zero(field: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    field.get(..end).unwrap_or_default()
}
