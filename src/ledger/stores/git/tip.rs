//! What the newest commit of a ledger's branch holds, by its tree alone.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::super::Head;
use super::leaves::LeafFile;
use crate::git::{Object, ObjectId, Repository};
use crate::ledger::error::LedgerError;
use crate::text::json::{read_strict, write_canonical};

/// The file with the head.
pub(super) const HEAD: &str = "head.json";

/// The largest head or seal that is read.
const FILE_BYTES: u64 = 1 << 20;

/// The branch at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) commit: ObjectId,
    pub(super) head: Head,
    /// Contents of the files of records, by the index of their first.
    leaves: BTreeMap<u64, ObjectId>,
    /// Contents of the seals, by the number of records under them.
    pub(super) seals: BTreeMap<u64, ObjectId>,
}

impl Tip {
    /// Reads the tree of `commit`; what does not belong to a ledger is passed over.
    pub(super) fn read(repository: &Repository, commit: ObjectId) -> Result<Self, LedgerError> {
        let unreadable = |error| LedgerError::Unavailable(format!("the branch of the ledger: {error}"));
        let (mut head, mut leaves, mut seals) = (None, BTreeMap::new(), BTreeMap::new());
        for entry in repository.tree(&commit, "").map_err(unreadable)? {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            if path == HEAD {
                head = Some(entry.id);
            } else if let Some(size) = path.strip_prefix("seals/").and_then(plain_number) {
                seals.insert(size, entry.id);
            } else if let Some(first) = first_index(&path)
                && leaves.insert(first, entry.id).is_some()
            {
                return Err(LedgerError::corrupt(first, format!("record {first} is there twice")));
            }
        }
        let Some(head) = head else {
            return Err(LedgerError::corrupt(None, format!("the branch is there and has no `{HEAD}`")));
        };
        let head = decode(&content(repository, &head)?)
            .ok_or_else(|| LedgerError::corrupt(None, format!("`{HEAD}` is not as it was written")))?;
        if let Some((behind, _)) = leaves.range(head.size()..).next() {
            return Err(LedgerError::corrupt(*behind, format!("record {behind} stands behind the head")));
        }
        Ok(Self { commit, head, leaves, seals })
    }

    /// The files that hold the records in `range`, in order, as far as they are there.
    pub(super) fn files(&self, range: &Range<u64>) -> Vec<LeafFile> {
        let first = self.leaves.range(..=range.start).next_back().map_or(range.start, |(first, _)| *first);
        let mut files = Vec::new();
        for (start, id) in self.leaves.range(first..range.end.max(first)) {
            let next = self.leaves.range(start + 1..).next();
            let end = next.map_or(self.head.size(), |(next, _)| *next);
            files.push(LeafFile { range: *start..end, id: id.clone() });
        }
        files
    }
}

/// The bytes of `head.json`.
pub(super) fn encode(head: &Head) -> Vec<u8> {
    write_canonical(&Value::Object(head.members()))
}

fn decode(bytes: &[u8]) -> Option<Head> {
    let head = Head::of_members(&read_strict(bytes).ok()?)?;
    // Written again it gives the same bytes: that checks the root and the encoding at once.
    (encode(&head) == bytes).then_some(head)
}

/// Where a seal lies.
pub(super) fn seal_path(size: u64) -> String {
    format!("seals/{size}")
}

/// The bytes of a small file.
pub(super) fn content(repository: &Repository, id: &ObjectId) -> Result<Vec<u8>, LedgerError> {
    match repository.object(id, FILE_BYTES) {
        Ok(Object::Content(bytes)) => Ok(bytes),
        Ok(_) => Err(LedgerError::corrupt(None, "a file of its branch is missing, or too large")),
        Err(error) => Err(LedgerError::Unavailable(error.to_string())),
    }
}

/// `leaves/7e/118.jsonl`.
fn first_index(path: &str) -> Option<u64> {
    let (folder, name) = path.strip_prefix("leaves/")?.split_once('/')?;
    let is_folder = folder.len() == 2 && folder.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain_number(name.strip_suffix(".jsonl")?).filter(|_| is_folder)
}

/// A number as we write it: `007` or `+7` would be a second name for one place.
fn plain_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::merkle::leaf_hash;

    #[test]
    fn c6_every_altered_bit_of_a_head_is_seen() {
        let mut head = Head::empty("local/pay/2026");
        (0_u8..3).for_each(|number| head.frontier.push(leaf_hash(&[number])));
        let bytes = encode(&head);
        assert_eq!(decode(&bytes), Some(head.clone()));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                // The name of the ledger stands under no root; who opens it compares it.
                let read = decode(&altered);
                assert!(read.is_none_or(|read| read.origin != head.origin), "byte {at} bit {bit}");
            }
            assert_eq!(decode(&bytes[..at]), None);
        }
    }

    proptest! {
        #[test]
        fn a_path_names_one_record_and_only_as_we_write_it(index: u64, text in "leaves/[0-9a-g/]{0,4}/?[+0-9]{0,3}(.jsonl)?") {
            prop_assert_eq!(first_index(&format!("leaves/7e/{index}.jsonl")), Some(index));
            if let Some(index) = first_index(&text) {
                let end = format!("/{index}.jsonl");
                prop_assert!(text.ends_with(&end));
            }
        }
    }
}
