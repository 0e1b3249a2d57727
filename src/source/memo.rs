//! Which blobs were clean under which rules, so that the next run on the same machine need not search them again.
//!
//! ```text
//! tag     HMAC-SHA-256(key, rules, path, change, BLAKE3 of the content), its first 16 bytes
//! memo    "tollgate clean blobs 1\n", then tags, and nothing else
//! ```
//!
//! A memo names no file and no content, so that nobody learns anything from it, and nobody can write into it:
//!
//! - Whoever does not hold the key cannot make the tag of a blob. Whatever else stands in a memo is the tag of nothing.
//!   Bytes that were changed, taken out or brought from elsewhere cost time and hide no finding.
//! - Content is read and hashed in every run; size and times of a file are not believed. (The coverage digest needs the
//!   hash anyway.)
//! - Rules, path and content are all that decides on a clean blob: one with a date in it is never remembered.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Blob, Change};
use crate::text::hash::hmac_parts;
use crate::text::secret::Secret;

/// The first line.
const HEADER: &[u8] = b"tollgate clean blobs 1\n";

/// The most tags that are kept: 16 MB. With more than these only those of the last run are.
const MAX_TAGS: usize = 1_000_000;

/// The largest memo.
pub const MAX_MEMO: u64 = (HEADER.len() + MAX_TAGS * size_of::<Tag>()) as u64;

/// Name of one content at one path under one set of rules.
pub type Tag = [u8; 16];

/// The blobs that were clean, for one set of rules.
pub struct Memo {
    key: Secret,
    /// Sorted.
    known: Vec<Tag>,
    met: Mutex<BTreeSet<Tag>>,
    spared: AtomicU64,
}

/// Why a file is no memo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no list of clean blobs as this version writes it")]
pub struct NoMemo;

impl Memo {
    /// A memo that knows nothing yet, for the rules that `rules` is the name of, digests and versions together.
    pub fn new(key: &Secret, rules: &[&[u8]]) -> Self {
        let key = Secret::new(&hmac_parts(key.expose(), "tollgate/memo/rules/v1", rules));
        Self { key, known: Vec::new(), met: Mutex::default(), spared: AtomicU64::new(0) }
    }

    /// The same with what `bytes` remember, as [`Self::bytes`] gave them.
    ///
    /// # Errors
    ///
    /// [`NoMemo`]: another format, or a part of one.
    pub fn with(mut self, bytes: &[u8]) -> Result<Self, NoMemo> {
        let (tags, rest) = bytes.strip_prefix(HEADER).ok_or(NoMemo)?.as_chunks();
        if !rest.is_empty() || tags.len() > MAX_TAGS {
            return Err(NoMemo);
        }
        self.known = tags.to_vec();
        self.known.sort_unstable();
        Ok(self)
    }

    /// The tag of a blob whose content has the hash `content`.
    pub fn tag(&self, blob: &Blob, content: &[u8; 32]) -> Tag {
        let change: &[u8] = match blob.change {
            None => b"",
            Some(Change::Added) => b"added",
            Some(Change::Modified) => b"modified",
            Some(Change::Deleted) => b"deleted",
        };
        let parts = [blob.path.as_bytes(), change, content];
        let mac = hmac_parts(self.key.expose(), "tollgate/memo/blob/v1", &parts);
        let mut tag = Tag::default();
        tag.iter_mut().zip(mac).for_each(|(byte, of_mac)| *byte = of_mac);
        tag
    }

    /// Whether the blob of `tag` was clean before.
    pub fn knows(&self, tag: &Tag) -> bool {
        let known = self.known.binary_search(tag).is_ok();
        if known {
            self.spared.fetch_add(1, Ordering::Relaxed);
            self.meet(*tag);
        }
        known
    }

    /// Takes down that the blob of `tag` is clean.
    pub fn remember(&self, tag: Tag) {
        self.meet(tag);
    }

    fn meet(&self, tag: Tag) {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(tag);
    }

    /// How many blobs were not searched again.
    pub fn spared(&self) -> u64 {
        self.spared.load(Ordering::Relaxed)
    }

    /// What to keep for the next run; `None` when there is nothing new.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        if met.iter().all(|tag| self.known.binary_search(tag).is_ok()) {
            return None;
        }
        let mut kept = met.clone();
        if self.known.len() + met.len() <= MAX_TAGS {
            kept.extend(&self.known);
        }
        let tags = kept.iter().take(MAX_TAGS).flatten();
        Some(HEADER.iter().chain(tags).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::hash::sha256;

    fn memo(key: &[u8], rules: &str) -> Memo {
        Memo::new(&Secret::new(key), &[rules.as_bytes()])
    }

    fn blob(path: &str, change: Option<Change>, bytes: &[u8]) -> Blob {
        Blob { path: path.to_owned(), commit: None, change, bytes: bytes.to_vec() }
    }

    fn tag(memo: &Memo, blob: &Blob) -> Tag {
        memo.tag(blob, &sha256(&blob.bytes))
    }

    #[test]
    fn a_clean_blob_is_known_in_the_next_run_and_nothing_near_it() {
        let clean = blob("a/b", None, b"clean");
        let first = memo(b"key", "rules");
        first.remember(tag(&first, &clean));
        let kept = first.bytes().unwrap();
        let next = memo(b"key", "rules").with(&kept).unwrap();
        assert!(next.knows(&tag(&next, &clean)));
        assert_eq!((next.spared(), next.bytes()), (1, None));
        for other in [
            blob("a/b", None, b"clean2"),
            blob("a/bclean", None, b""),
            blob("a/c", None, b"clean"),
            blob("a/b", Some(Change::Added), b"clean"),
        ] {
            assert!(!next.knows(&tag(&next, &other)), "{other:?}");
        }
        for other in [memo(b"key", "other rules"), memo(b"another key", "rules")] {
            let other = other.with(&kept).unwrap();
            assert!(!other.knows(&tag(&other, &clean)), "tags hold for one key and one set of rules");
        }
    }

    #[test]
    fn what_is_no_memo_is_an_error_and_knows_nothing() {
        let first = memo(b"key", "rules");
        first.remember(tag(&first, &blob("a", None, b"clean")));
        let kept = first.bytes().unwrap();
        for bytes in [&kept[..kept.len() - 1], &kept[1..], b"", b"tollgate clean blobs 2\n"] {
            assert!(memo(b"key", "rules").with(bytes).is_err());
        }
    }

    #[test]
    fn a_memo_that_is_full_keeps_what_the_last_run_met() {
        let mut full = memo(b"key", "rules");
        full.known = (0..MAX_TAGS as u128).map(u128::to_be_bytes).collect();
        full.remember([255; 16]);
        let kept = memo(b"key", "rules").with(&full.bytes().unwrap()).unwrap();
        assert_eq!(kept.known, [[255; 16]]);
    }

    proptest! {
        #[test]
        fn no_change_of_a_memo_makes_a_blob_known(
            at in any::<prop::sample::Index>(),
            change in prop::collection::vec(any::<u8>(), 0..40),
            content in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let first = memo(b"key", "rules");
            first.remember(tag(&first, &blob("a", None, b"clean")));
            let mut kept = first.bytes().unwrap();
            let at = at.index(kept.len() + 1);
            kept.splice(at..at, change);
            if let Ok(changed) = memo(b"key", "rules").with(&kept) {
                prop_assert!(!changed.knows(&tag(&changed, &blob("secret", None, &content))));
            }
        }
    }
}
