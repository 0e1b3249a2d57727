//! What every source does with what it read: names, pointers, budgets.

use std::io;

use super::archive::{self, Bounds, Found};
use super::budget::Budget;
use super::disk;
use super::{Blob, Change, Item};
use crate::finding::{Gap, Past, Reason};
use crate::git::Repository;
use crate::text::{hash, safe};

/// The way of everything that was read, or was not, to the sink.
pub(super) struct Intake<'a> {
    pub(super) budget: Budget,
    pub(super) repository: Option<&'a Repository>,
    pub(super) sink: &'a (dyn Fn(Item) + Sync),
}

/// A large-file pointer is short text; a longer file is content.
const POINTER_BYTES: usize = 1024;

impl Intake<'_> {
    /// Hands out a blob, unless the budget is spent.
    pub(super) fn blob(&self, path: &[u8], commit: Option<&str>, change: Option<Change>, bytes: Vec<u8>) {
        if !self.budget.take(bytes.len() as u64) {
            return;
        }
        let name = String::from_utf8_lossy(path).into_owned();
        if str::from_utf8(path).is_err() {
            self.gap(path, Reason::Name, &format!("its name is no UTF-8: `{}`", path.escape_ascii()));
        }
        if let Some(pointer) = Pointer::read(&bytes) {
            match self.content_of(&pointer) {
                Some(content) => self.opened(&name, commit, change, content),
                None => self.gap(path, Reason::Pointer, "a large-file pointer whose content is not here"),
            }
        }
        self.opened(&name, commit, change, bytes);
    }

    /// Hands out a file and, where it is an archive, the files in it.
    fn opened(&self, path: &str, commit: Option<&str>, change: Option<Change>, mut bytes: Vec<u8>) {
        let blob = |path, bytes| Item::Blob(Blob { path, commit: commit.map(str::to_owned), change, bytes });
        archive::unpack(path, &mut bytes, self.bounds(), &mut |found| match found {
            Found::Member(path, bytes) if self.budget.take(bytes.len() as u64) => {
                (self.sink)(blob(path, bytes));
            }
            Found::Member(..) => {}
            Found::Gap(gap) => (self.sink)(Item::Gap(gap)),
        });
        (self.sink)(blob(path.to_owned(), bytes));
    }

    /// Hands out an old version and, where it is an archive, the files in it.
    pub(super) fn past(&self, mut blob: Blob, past: &Past) {
        let Blob { path, commit, bytes, .. } = &mut blob;
        archive::unpack(path, bytes, self.bounds(), &mut |found| match found {
            Found::Member(path, bytes) if self.budget.take(bytes.len() as u64) => {
                let member = Blob { path, commit: commit.clone(), change: None, bytes };
                (self.sink)(Item::Past(member, past.clone()));
            }
            Found::Member(..) => {}
            Found::Gap(gap) => (self.sink)(Item::Gap(gap)),
        });
        (self.sink)(Item::Past(blob, past.clone()));
    }

    fn bounds(&self) -> Bounds {
        Bounds::new(self.budget.file_bytes())
    }

    /// Hands out a version of the base. One that cannot be read only makes more of the change look new.
    pub(super) fn base(&self, path: &[u8], mut bytes: Vec<u8>) {
        let path = String::from_utf8_lossy(path).into_owned();
        let blob = |path, bytes| Item::Base(Blob { path, commit: None, change: None, bytes });
        archive::unpack(&path, &mut bytes, self.bounds(), &mut |found| {
            if let Found::Member(path, bytes) = found {
                (self.sink)(blob(path, bytes));
            }
        });
        (self.sink)(blob(path, bytes));
    }

    /// Hands out the deletion of a file.
    pub(super) fn deleted(&self, path: &[u8], commit: Option<&str>) {
        let path = String::from_utf8_lossy(path).into_owned();
        let change = Some(Change::Deleted);
        (self.sink)(Item::Blob(Blob { path, commit: commit.map(str::to_owned), change, bytes: Vec::new() }));
    }

    pub(super) fn gap(&self, path: &[u8], reason: Reason, detail: &str) {
        let path = String::from_utf8_lossy(path).into_owned();
        (self.sink)(Item::Gap(Gap { path, reason, detail: detail.to_owned() }));
    }

    pub(super) fn gaps(&self, gaps: impl IntoIterator<Item = Gap>) {
        for gap in gaps {
            (self.sink)(Item::Gap(gap));
        }
    }

    pub(super) fn too_large(&self, path: &[u8], size: u64) {
        self.gap(path, Reason::TooLarge, &format!("{size} bytes are more than one file may have"));
    }

    pub(super) fn unreadable(&self, path: &[u8], error: &io::Error) {
        // A file that was listed and is gone was not unreadable: someone works in the tree.
        let reason =
            if error.kind() == io::ErrorKind::NotFound { Reason::Changed } else { Reason::Unreadable };
        self.gap(path, reason, &safe::terminal(&error.to_string()));
    }

    /// Says what the budget left out.
    pub(super) fn finish(&self) {
        self.gaps(self.budget.gap());
    }

    /// The content behind a pointer, from the store beside the objects, if it is there and is what the pointer says.
    fn content_of(&self, pointer: &Pointer) -> Option<Vec<u8>> {
        let Pointer::Lfs { digest } = pointer else { return None };
        let store = self.repository?.common_dir().join("lfs").join("objects");
        let file = store.join(digest.get(..2)?).join(digest.get(2..4)?).join(digest);
        let disk::Read::Bytes(content) = disk::read(&file, self.budget.file_bytes()) else { return None };
        (hash::hex(&hash::sha256(&content)) == *digest).then_some(content)
    }
}

/// Text that stands for a content kept elsewhere.
#[derive(Debug, PartialEq, Eq)]
enum Pointer {
    /// Content by its SHA-256 in hex.
    Lfs { digest: String },
    /// Content we have no way to.
    Other,
}

impl Pointer {
    /// `version https://git-lfs…` and `oid sha256:<hex>` on lines of their own, the older spellings of the first
    /// line, or git-annex's path of a key, in a file or as a link's target.
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > POINTER_BYTES {
            return None;
        }
        let is_annexed = bytes.starts_with(b"/annex/objects/")
            || memchr::memmem::find(bytes, b".git/annex/objects/").is_some_and(|at| {
                bytes.get(..at).is_some_and(|above| above.iter().all(|byte| matches!(byte, b'.' | b'/')))
            });
        if is_annexed {
            return Some(Self::Other);
        }
        let text = str::from_utf8(bytes).ok().filter(|text| text.starts_with("version http"))?;
        let digest = text.lines().find_map(|line| line.strip_prefix("oid sha256:"));
        match digest {
            Some(digest) if digest.len() == 64 && hash::unhex(digest).is_some() => {
                Some(Self::Lfs { digest: digest.to_owned() })
            }
            _ => (text.starts_with("version https://git-lfs") || digest.is_some()).then_some(Self::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d7_pointers_are_told_from_text_about_them() {
        let digest = "a".repeat(64);
        let lfs = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 12\n");
        assert_eq!(Pointer::read(lfs.as_bytes()), Some(Pointer::Lfs { digest }));
        for (text, expected) in [
            ("version https://git-lfs.github.com/spec/v2\n", Some(Pointer::Other)),
            ("/annex/objects/SHA256E-s1--ab\n", Some(Pointer::Other)),
            ("../../.git/annex/objects/aa/bb/k/k", Some(Pointer::Other)),
            ("see .git/annex/objects/", None),
            ("version https://example.com\n", None),
            ("A pointer begins with version https://git-lfs", None),
        ] {
            assert_eq!(Pointer::read(text.as_bytes()), expected, "{text}");
        }
    }
}
