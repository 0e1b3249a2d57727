//! What zip and tar files have in common: members that lie somewhere, packed somehow, or not to be had.

use std::collections::BTreeMap;

use crate::finding::Reason;
use crate::text::inflate::{self, End, Wrapper};
use crate::text::safe;
use crate::text::span::Span;

/// What an archive says it holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In the order they lie in.
    pub(super) entries: Vec<Entry>,
    /// Whether there are more than were asked for.
    pub(super) cut: bool,
    /// What is wrong with the archive as such.
    pub(super) damage: Option<&'static str>,
}

/// One member as its archive describes it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    /// Where its packed bytes lie; inside the archive.
    pub(super) data: Span,
    pub(super) packing: Packing,
    /// Size and CRC-32 as the archive has them; `None` where it has none.
    pub(super) check: Option<(u64, u32)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Packing {
    Stored,
    Deflated,
    Unread(Fault),
}

/// Why a member was not read, or not in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Encrypted,
    Method,
    Damaged,
    Overlap,
    TooLarge,
}

/// A member that was read.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) bytes: Vec<u8>,
    /// What of the archive it is made of.
    pub(super) covered: Span,
    /// Whether its bytes are not what the archive says.
    pub(super) damaged: bool,
}

pub(super) fn stored(archive: &[u8], entry: &Entry, limit: usize) -> Result<Member, Fault> {
    let bytes = entry.data.of(archive);
    if bytes.len() > limit {
        return Err(Fault::TooLarge);
    }
    Ok(Member { bytes: bytes.to_vec(), covered: entry.data, damaged: entry.differs(bytes) })
}

pub(super) fn deflated(archive: &[u8], entry: &Entry, limit: usize) -> Result<Member, Fault> {
    let inflated = inflate::inflate(Wrapper::Raw, entry.data.of(archive), limit);
    if inflated.end == End::Limit {
        return Err(Fault::TooLarge);
    }
    let damaged = inflated.end == End::Broken || entry.differs(&inflated.bytes);
    // What a stream leaves of its room is nobody's, and stays to be searched.
    let end = if damaged { entry.data.start } else { entry.data.start + inflated.consumed };
    Ok(Member { bytes: inflated.bytes, covered: Span::new(entry.data.start, end), damaged })
}

impl Entry {
    fn differs(&self, bytes: &[u8]) -> bool {
        self.check.is_some_and(|(size, crc)| size != bytes.len() as u64 || crc != crc32fast::hash(bytes))
    }
}

/// A member's name as part of a path: forward slashes, and no part that leads nowhere or upwards.
pub(super) fn name(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace('\\', "/");
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    parts.join("/")
}

impl Listing {
    /// Gaps of the archive as such; `most` is how many members are read.
    pub(super) fn told(&self, most: usize) -> Vec<(Reason, String)> {
        let cut = self.cut.then(|| (Reason::Limit, format!("only {most} members of an archive are read")));
        let damage = self.damage.map(|damage| (Reason::Unreadable, damage.to_owned()));
        cut.into_iter().chain(damage).collect()
    }
}

/// Members that were not read, counted by why: an archive has one gap for each cause, not for each member.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<Fault, (u64, String)>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault, name: &str) {
        self.0.entry(fault).or_insert_with(|| (0, safe::terminal(name))).0 += 1;
    }

    pub(super) fn told(&self) -> Vec<(Reason, String)> {
        let told = |(fault, (count, first)): (&Fault, &(u64, String))| {
            let (reason, what) = fault.words();
            (reason, format!("members {what}: {count}, the first is `{first}`"))
        };
        self.0.iter().map(told).collect()
    }
}

impl Fault {
    const fn words(self) -> (Reason, &'static str) {
        match self {
            Self::Encrypted => (Reason::Unreadable, "that are encrypted"),
            Self::Method => (Reason::Unreadable, "packed by a method that is not read"),
            Self::Damaged => (Reason::Unreadable, "that are damaged"),
            Self::Overlap => (Reason::Unreadable, "that share bytes with another"),
            Self::TooLarge => (Reason::TooLarge, "that hold more bytes than one file may have"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1_a_name_leads_nowhere() {
        for (given, expected) in [
            ("a/b.txt", "a/b.txt"),
            ("/etc/passwd", "etc/passwd"),
            ("../../../x", "x"),
            ("a/../b", "a/b"),
            ("C:\\keys\\id", "C:/keys/id"),
            ("./", ""),
        ] {
            assert_eq!(name(given.as_bytes()), expected, "{given}");
        }
    }
}
