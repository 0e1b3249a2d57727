//! Files inside archives, bounded in depth and size.
//!
//! ```text
//! chart.tgz!/web/values.yaml              a member of a tar file, gzipped or not
//! app.jar!/BOOT-INF/lib/a.jar!/x.yml      a member of a member
//! dump.sql.gz!/dump.sql                   what a single gzip file holds
//! ```
//!
//! Zip (so jar, whl, nupkg, apk, docx), tar and gzip are read, and told by their bytes, never by a name. A member
//! is judged like every other file; what a policy excludes are files of the tree, never members.
//!
//! - Nothing is written to disk and no link is followed. A name is only a name: parts of it that are empty, `.` or
//!   `..` go.
//! - Sizes are what was inflated, not what a header says. Members that share bytes are read once.
//! - What was read as a member is blank in the archive, so nothing is found twice. What no member covers (headers,
//!   comments, what stands between or behind them) is searched as it stands.
//! - Every bound that is hit, every encrypted or damaged member and every packing we do not read is a gap.

mod kind;
mod members;
mod tar;
mod zip;

use crate::finding::{Gap, Reason};
use crate::text::inflate::{self, End};
use crate::text::span::Span;
use kind::Kind;
use members::{Faults, Packing};

/// How much of one archive is read, archives inside it included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// How many archives may lie around a member.
    pub(super) depth: usize,
    /// How many members there may be.
    pub(super) members: usize,
    /// Bytes of one member.
    pub(super) member_bytes: usize,
    /// Bytes of all members, however large the archive is.
    pub(super) bytes: usize,
    /// Bytes of all members for each byte of the archive, beyond [`FREE_BYTES`].
    pub(super) ratio: usize,
}

/// So many bytes an archive may hold whatever its own size: small ones of repeated text are no bombs.
const FREE_BYTES: usize = 16 << 20;

impl Bounds {
    /// The bounds for a run whose files may have `file_bytes` bytes.
    pub(super) fn new(file_bytes: u64) -> Self {
        let member_bytes = usize::try_from(file_bytes).unwrap_or(usize::MAX);
        Self { depth: 5, members: 100_000, member_bytes, bytes: 1 << 30, ratio: 100 }
    }
}

/// What an archive gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A file in it: its path, that of the archive included, and its bytes.
    Member(String, Vec<u8>),
    /// Something in it that was not read.
    Gap(Gap),
}

/// Hands every member of the archive `bytes`, if it is one, to `sink`, and blanks it in `bytes`.
///
/// Members come in the order they lie in, each after its own members. At most as many archives as may lie in each
/// other are held at once.
pub(super) fn unpack(path: &str, bytes: &mut [u8], bounds: Bounds, sink: &mut dyn FnMut(Found)) {
    let allowed = FREE_BYTES.saturating_add(bytes.len().saturating_mul(bounds.ratio)).min(bounds.bytes);
    let mut unpacking = Unpacking { bounds, members: bounds.members, allowed, left: allowed, sink };
    unpacking.open(path, bytes, 1);
}

/// Whether `bytes` are an archive, of a kind that is read or not.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    kind::of(bytes).is_some()
}

/// The path of the file in the tree that holds `path`; `path` itself where that is no member.
pub(crate) fn outermost(path: &str) -> &str {
    path.split_once("!/").map_or(path, |(archive, _)| archive)
}

struct Unpacking<'s> {
    bounds: Bounds,
    /// Members that may still come.
    members: usize,
    allowed: usize,
    /// Bytes that may still come.
    left: usize,
    sink: &'s mut dyn FnMut(Found),
}

impl Unpacking<'_> {
    /// Reads the archive `bytes` whose members are named below `path`, and around which `depth - 1` others lie.
    fn open(&mut self, path: &str, bytes: &mut [u8], depth: usize) {
        let Some(kind) = kind::of(bytes) else { return };
        if let Kind::Unread(format) = kind {
            self.gap(path, Reason::Unreadable, &format!("{format}, which is not read"));
            return;
        }
        if depth > self.bounds.depth {
            let detail =
                format!("an archive inside {} others, which is as deep as we read", self.bounds.depth);
            self.gap(path, Reason::Limit, &detail);
            return;
        }
        match kind {
            Kind::Zip => self.members(path, bytes, &zip::list(bytes, self.members), depth),
            Kind::Tar => self.members(path, bytes, &tar::list(bytes, self.members), depth),
            Kind::Gzip => self.gzip(path, bytes, depth),
            Kind::Unread(_) => {}
        }
    }

    /// The one file in a gzip file. Where that is a tar file, its members are named as if there were no gzip.
    fn gzip(&mut self, path: &str, bytes: &[u8], depth: usize) {
        let limit = self.bounds.member_bytes.min(self.left);
        let mut inflated = inflate::gunzip(bytes, limit);
        self.left = self.left.saturating_sub(inflated.bytes.len());
        match inflated.end {
            End::Complete => {}
            End::Limit => {
                let detail = format!("only its first {} bytes were read", inflated.bytes.len());
                self.gap(path, Reason::TooLarge, &detail);
            }
            End::Broken => self.gap(path, Reason::Unreadable, "its gzip data is damaged or cut off"),
        }
        let name = format!("{path}!/{}", kind::ungzipped(path));
        let below = if kind::of(&inflated.bytes) == Some(Kind::Tar) { path } else { &name };
        self.open(below, &mut inflated.bytes, depth + 1);
        (self.sink)(Found::Member(name, inflated.bytes));
    }

    fn members(&mut self, path: &str, bytes: &mut [u8], listing: &members::Listing, depth: usize) {
        let mut faults = Faults::default();
        for entry in &listing.entries {
            self.members = self.members.saturating_sub(1);
            let name = members::name(&entry.name);
            let limit = self.bounds.member_bytes.min(self.left);
            let read = match entry.packing {
                Packing::Unread(fault) => Err(fault),
                Packing::Stored => members::stored(bytes, entry, limit),
                Packing::Deflated => members::deflated(bytes, entry, limit),
            };
            match read {
                Ok(member) => {
                    self.left = self.left.saturating_sub(member.bytes.len());
                    if member.damaged {
                        faults.add(members::Fault::Damaged, &name);
                    }
                    blank(bytes, member.covered);
                    self.member(format!("{path}!/{name}"), member.bytes, depth);
                }
                Err(members::Fault::TooLarge) if limit < self.bounds.member_bytes => {
                    let detail = format!(
                        "it holds more than {} bytes; from `{name}` on it was not read",
                        self.allowed
                    );
                    self.gap(path, Reason::Limit, &detail);
                    self.left = 0;
                    break;
                }
                Err(fault) => faults.add(fault, &name),
            }
        }
        for (reason, detail) in faults.told().into_iter().chain(listing.told(self.bounds.members)) {
            self.gap(path, reason, &detail);
        }
    }

    fn member(&mut self, path: String, mut bytes: Vec<u8>, depth: usize) {
        self.open(&path, &mut bytes, depth + 1);
        (self.sink)(Found::Member(path, bytes));
    }

    fn gap(&mut self, path: &str, reason: Reason, detail: &str) {
        (self.sink)(Found::Gap(Gap { path: path.to_owned(), reason, detail: detail.to_owned() }));
    }
}

/// Spaces: they end every value, and keep every other byte where it is.
fn blank(bytes: &mut [u8], covered: Span) {
    bytes.get_mut(covered.start..covered.end).unwrap_or_default().fill(b' ');
}

#[cfg(test)]
mod tests;
