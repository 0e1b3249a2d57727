//! The directory of a zip file.
//!
//! ```text
//! [local header, data] [local header, data] … [directory: one record each] [end record, comment]
//! ```
//!
//! The directory is believed, since that is what unpackers do. Local headers that it does not name are damage, so no
//! member hides there.
//!
//! Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.

use memchr::memmem;

use super::members::{Entry, Fault, Listing, Packing};
use crate::text::span::Span;

const LOCAL: &[u8] = b"PK\x03\x04";
const RECORD: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";

/// Lengths without their variable parts.
const LOCAL_BYTES: usize = 30;
const RECORD_BYTES: usize = 46;
const END_BYTES: usize = 22;
const LOCATOR_64_BYTES: usize = 20;

/// A comment is counted in 16 bits.
const MOST_COMMENT: usize = 0xffff;

/// Whether `bytes` begin like a zip file, or end like one without a comment.
pub(super) fn is(bytes: &[u8]) -> bool {
    let end = bytes.len().checked_sub(END_BYTES).and_then(|at| bytes.get(at..));
    bytes.starts_with(LOCAL)
        || bytes.starts_with(END)
        || end.is_some_and(|end| end.starts_with(END) && directory(bytes).is_some())
}

/// Every member the directory names and that is no folder, of its first `most` records.
pub(super) fn list(bytes: &[u8], most: usize) -> Listing {
    let Some((start, base)) = directory(bytes) else {
        let damage = Some("a zip file without a directory of its members: damaged or cut off");
        return Listing { damage, ..Listing::default() };
    };
    let mut records = Vec::new();
    let mut at = start;
    while let Some(record) = bytes.get(at..).and_then(Record::read) {
        at += record.length;
        records.push(record);
        if records.len() > most {
            break;
        }
    }
    let cut = records.len() > most;
    records.truncate(most);
    let is_end = bytes.get(at..at + 4).is_some_and(|mark| mark == END || mark == END_64);
    records.sort_by_key(|record| record.header);
    let mut listing = Listing { cut, ..Listing::default() };
    let mut covered = 0;
    let mut hides = false;
    for record in records {
        let is_folder = record.is_folder();
        let (header, entry) = record.locate(bytes, base);
        let entry = match header {
            Some(header) if header < covered => Entry { packing: Packing::Unread(Fault::Overlap), ..entry },
            Some(header) => {
                hides |= holds_local(bytes, covered, header);
                covered = entry.data.end;
                entry
            }
            None => entry,
        };
        if !is_folder {
            listing.entries.push(entry);
        }
    }
    hides |= !cut && holds_local(bytes, covered, start);
    listing.damage = match (is_end || cut, hides) {
        (false, _) => Some("a zip file whose directory of members is damaged"),
        (_, true) => Some("a zip file with members that its directory does not name"),
        _ => None,
    };
    listing
}

fn holds_local(bytes: &[u8], start: usize, end: usize) -> bool {
    let between = bytes.get(start..end.min(bytes.len())).unwrap_or_default();
    memmem::find(between, LOCAL).is_some()
}

/// Where the directory begins, and what to add to every place it names: the length of what stands before the archive.
fn directory(bytes: &[u8]) -> Option<(usize, usize)> {
    let from = bytes.len().saturating_sub(END_BYTES + MOST_COMMENT);
    let end = from + memmem::rfind(bytes.get(from..)?, END)?;
    let (mut behind, mut size, mut offset) = (end, four(bytes, end + 12)?, four(bytes, end + 16)?);
    if let Some(record) = end_64(bytes, end) {
        (behind, size, offset) = (record, eight(bytes, record + 40)?, eight(bytes, record + 48)?);
    }
    let start = behind.checked_sub(usize::try_from(size).ok()?)?;
    let base = start.checked_sub(usize::try_from(offset).ok()?)?;
    Some((start, base))
}

/// Where the end record with 64-bit numbers is, where there is one.
fn end_64(bytes: &[u8], end: usize) -> Option<usize> {
    let locator = end.checked_sub(LOCATOR_64_BYTES)?;
    bytes.get(locator..)?.starts_with(LOCATOR_64).then_some(())?;
    // It lies right before its locator; what the locator says counts from a start we do not know yet.
    memmem::rfind(bytes.get(..locator)?, END_64)
}

/// What the directory says of one member.
struct Record {
    name: Vec<u8>,
    flags: u64,
    method: u64,
    crc: u64,
    packed: u64,
    size: u64,
    header: u64,
    length: usize,
}

impl Record {
    /// The record at the start of `bytes`; `None` for anything else.
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.starts_with(RECORD).then_some(())?;
        let length = |at| Some(usize::try_from(two(bytes, at)?).unwrap_or_default());
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let name_end = RECORD_BYTES + name;
        let mut record = Self {
            name: bytes.get(RECORD_BYTES..name_end)?.to_vec(),
            flags: two(bytes, 8)?,
            method: two(bytes, 10)?,
            crc: four(bytes, 16)?,
            packed: four(bytes, 20)?,
            size: four(bytes, 24)?,
            header: four(bytes, 42)?,
            length: name_end + extra + comment,
        };
        record.widen(bytes.get(name_end..name_end + extra)?);
        Some(record)
    }

    fn is_folder(&self) -> bool {
        self.name.ends_with(b"/") && self.size == 0 && self.packed == 0
    }

    /// Takes the numbers that do not fit 32 bits from the extra field 1, which has only those, in this order.
    fn widen(&mut self, mut extra: &[u8]) {
        while let (Some(id), Some(length)) = (two(extra, 0), two(extra, 2)) {
            let end = 4 + usize::try_from(length).unwrap_or_default();
            let field = extra.get(4..end).unwrap_or_default();
            if id == 1 {
                let mut at = 0;
                for number in [&mut self.size, &mut self.packed, &mut self.header] {
                    if *number == 0xffff_ffff
                        && let Some(wide) = eight(field, at)
                    {
                        *number = wide;
                        at += 8;
                    }
                }
            }
            extra = extra.get(end..).unwrap_or_default();
        }
    }

    /// Where the header of the member is, `None` for nowhere, and the member.
    fn locate(self, bytes: &[u8], base: usize) -> (Option<usize>, Entry) {
        let header = usize::try_from(self.header).unwrap_or(usize::MAX).saturating_add(base);
        let data = data(bytes, header, self.packed);
        let packing = match (self.flags & 0x2041, self.method, data) {
            (1.., ..) => Packing::Unread(Fault::Encrypted),
            (_, _, None) => Packing::Unread(Fault::Damaged),
            (_, 0, _) => Packing::Stored,
            (_, 8, _) => Packing::Deflated,
            _ => Packing::Unread(Fault::Method),
        };
        let crc = u32::try_from(self.crc).unwrap_or_default();
        let entry =
            Entry { name: self.name, data: data.unwrap_or_default(), packing, check: Some((self.size, crc)) };
        (data.map(|_| header), entry)
    }
}

/// Where the data behind the local header at `header` lies; `None` where there is no header, or too little behind it.
fn data(bytes: &[u8], header: usize, packed: u64) -> Option<Span> {
    let local = bytes.get(header..)?;
    local.starts_with(LOCAL).then_some(())?;
    let name_and_extra = usize::try_from(two(local, 26)? + two(local, 28)?).ok()?;
    let start = header + LOCAL_BYTES + name_and_extra;
    let end = start.checked_add(usize::try_from(packed).ok()?)?;
    (end <= bytes.len()).then(|| Span::new(start, end))
}

fn two(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn four(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn eight(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
