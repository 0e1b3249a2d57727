//! Files of records: how an append is cut into them, and how they are read.

use std::ops::Range;

use super::super::Leaf;
use crate::git::{Object, ObjectId, Repository};
use crate::ledger::error::LedgerError;
use crate::ledger::key::Keys;
use crate::ledger::record::Record;

/// A file is ended when it holds this much: forges refuse large ones.
const FULL: usize = 4 << 20;

/// The largest file that is read: a full one and one more record.
const LARGEST: u64 = (FULL as u64) << 1;

/// What the records of one file are found by, in their order.
pub(super) type Named = Vec<Keys>;

/// A file of records: which it must hold, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeafFile {
    pub(super) range: Range<u64>,
    pub(super) id: ObjectId,
}

/// The files for `leaves`, the first of which has the index `first`.
pub(super) fn files(first: u64, leaves: &[Leaf]) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (index, leaf) in (first..).zip(leaves) {
        if files.last().is_none_or(|(_, bytes)| bytes.len() >= FULL) {
            let folder = leaf.hash.first().copied().unwrap_or_default();
            files.push((format!("leaves/{folder:02x}/{index}.jsonl"), Vec::new()));
        }
        if let Some((_, bytes)) = files.last_mut() {
            bytes.extend_from_slice(&leaf.bytes);
            bytes.push(b'\n');
        }
    }
    files
}

/// Takes the records of one file.
pub(super) type TakeFile<'a> = dyn FnMut(&LeafFile, Vec<Vec<u8>>) -> Result<(), LedgerError> + 'a;

/// Hands each of `files` to `each` with the records it holds, in order; a record that is cut short is left out.
pub(super) fn read(
    repository: &Repository,
    files: &[LeafFile],
    each: &mut TakeFile<'_>,
) -> Result<(), LedgerError> {
    let ids: Vec<ObjectId> = files.iter().map(|file| file.id.clone()).collect();
    let mut result = Ok(());
    let done = repository.objects(&ids, LARGEST, &mut |at, object| {
        if let (Ok(()), Some(file)) = (&result, files.get(at)) {
            let lines = match object {
                Object::Content(bytes) => lines(&bytes, file.range.end - file.range.start),
                Object::TooLarge(_) | Object::Missing => Vec::new(),
            };
            result = each(file, lines);
        }
    });
    done.map_err(|error| LedgerError::Unavailable(error.to_string()))?;
    result
}

/// The first `count` lines. What stands behind the last of them is part of it, so that nothing can be added unseen.
fn lines(bytes: &[u8], count: u64) -> Vec<Vec<u8>> {
    let Some(text) = bytes.strip_suffix(b"\n") else { return whole_lines(bytes, count) };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    text.splitn(count, |byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// The lines of a file that ends in the middle of one.
fn whole_lines(bytes: &[u8], count: u64) -> Vec<Vec<u8>> {
    let end = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
    if end == 0 { Vec::new() } else { lines(bytes.get(..end).unwrap_or_default(), count) }
}

/// What the records of `file` are found by; all must be there.
pub(super) fn keys(file: &LeafFile, lines: &[Vec<u8>]) -> Result<Named, LedgerError> {
    let mut keys = Vec::with_capacity(lines.len());
    for (index, line) in file.range.clone().zip(lines) {
        let record = Record::parse(line)
            .map_err(|error| LedgerError::corrupt(index, format!("record {index}: {error}")))?;
        keys.push(Keys::of(&record));
    }
    let missing = file.range.start + keys.len() as u64;
    if missing < file.range.end {
        return Err(LedgerError::corrupt(missing, format!("record {missing} is missing")));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::merkle::leaf_hash;
    use crate::ledger::record::Kind;
    use crate::text::time::Timestamp;

    #[test]
    fn what_is_written_reads_as_it_was() {
        let leaf = |number: u64| {
            let bytes = vec![b'x'; 20_000 + usize::try_from(number).unwrap()];
            let record = Record::new(Kind::Note, Timestamp(0));
            Leaf { hash: leaf_hash(&bytes), keys: Keys::of(&record), bytes }
        };
        let leaves: Vec<Leaf> = (0..500).map(leaf).collect();
        let files = files(7, &leaves);
        assert!(files.len() > 1 && files[0].0.ends_with("/7.jsonl"), "{}", files.len());
        let mut read = Vec::new();
        for (at, (path, bytes)) in files.iter().enumerate() {
            let next = files.get(at + 1).map_or(507, |(path, _)| index(path));
            assert!((bytes.len() as u64) < LARGEST);
            read.extend(lines(bytes, next - index(path)));
        }
        assert_eq!(read, leaves.into_iter().map(|leaf| leaf.bytes).collect::<Vec<_>>());
    }

    fn index(path: &str) -> u64 {
        path.rsplit('/').next().unwrap().trim_end_matches(".jsonl").parse().unwrap()
    }

    #[test]
    fn c3_what_was_added_or_cut_shows_in_the_last_record() {
        for (bytes, count, expected) in [
            ("a\nb\n", 2, vec!["a", "b"]),
            ("a\nb\nc\n", 2, vec!["a", "b\nc"]),
            ("a\nb", 2, vec!["a"]),
            ("a\n", 2, vec!["a"]),
            ("a", 2, vec![]),
            ("", 2, vec![]),
            ("a\nb\n\n", 2, vec!["a", "b\n"]),
        ] {
            let expected: Vec<Vec<u8>> = expected.into_iter().map(|line| line.as_bytes().to_vec()).collect();
            assert_eq!(lines(bytes.as_bytes(), count), expected, "{bytes:?}");
        }
    }
}
