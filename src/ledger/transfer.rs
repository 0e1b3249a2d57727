//! Ledgers out of their store: compared, copied, and as tiles.

use super::error::LedgerError;
use super::key::Keys;
use super::leaves::ALTERED;
use super::merkle::leaf_hash;
use super::record::Record;
use super::seal::Seal;
use super::stores::{Batch, CHUNK, Head, Leaf, Store, StoreError};
use super::tree::Tree;
use super::{Ledger, merkle::Frontier};

/// How one history stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Both have the same records.
    Same(u64),
    /// The left one goes on where the right one ends, after so many records.
    LeftLonger(u64),
    /// The right one goes on where the left one ends, after so many records.
    RightLonger(u64),
    /// They differ from this index on: one origin told two readers two histories.
    Fork(u64),
}

/// Where two lists of records, told one by one, part.
pub fn compare<E>(
    mut left: impl Iterator<Item = Result<Vec<u8>, E>>,
    mut right: impl Iterator<Item = Result<Vec<u8>, E>>,
) -> Result<Comparison, E> {
    let mut index = 0;
    loop {
        match (left.next().transpose()?, right.next().transpose()?) {
            (None, None) => return Ok(Comparison::Same(index)),
            (Some(_), None) => return Ok(Comparison::LeftLonger(index)),
            (None, Some(_)) => return Ok(Comparison::RightLonger(index)),
            (Some(mine), Some(theirs)) if mine != theirs => return Ok(Comparison::Fork(index)),
            (Some(_), Some(_)) => index += 1,
        }
    }
}

impl Ledger {
    /// Brings everything `self` holds to `target`, which must be a beginning of it: bytes, order, root and seals.
    ///
    /// Nothing is written before every record was read and both roots were found true. Returns how many
    /// records were added.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Corrupt`] when the records here have another root than the head,
    /// [`LedgerError::Refused`] when the target holds something else.
    pub fn copy_to(&mut self, target: &mut dyn Store) -> Result<u64, LedgerError> {
        let begun = target.load_head()?.unwrap_or_else(|| Head::empty(self.origin()));
        if begun.origin != self.head.origin {
            let (expected, found) = (self.head.origin.clone(), begun.origin);
            return Err(LedgerError::Origin { expected, found });
        }
        if !self.begins_with(&begun)? {
            let what = "the ledger there is no beginning of this one; `ledger compare` names where they part";
            return Err(LedgerError::Refused(what.to_owned()));
        }
        let old = begun.size();
        let mut head = begun;
        let mut frontier = head.frontier.clone();
        let mut batch = Vec::new();
        let size = self.head.size();
        for leaf in self.leaves_from(old) {
            let bytes = leaf?;
            let hash = leaf_hash(&bytes);
            frontier.push(hash);
            let keys = Keys::of(&Record::parse(&bytes)?);
            batch.push(Leaf { bytes, hash, keys });
            if batch.len() == CHUNK || frontier.size() == size {
                head = add(target, head, &frontier, std::mem::take(&mut batch))?;
            }
        }
        for seal in self.seals()? {
            target.keep_seal(seal.checkpoint.size, seal.note.to_string().as_bytes())?;
        }
        Ok(size - old)
    }

    /// Whether the records begin with those under `other`, all of them being those of the head.
    fn begins_with(&mut self, other: &Head) -> Result<bool, LedgerError> {
        let mut frontier = Frontier::default();
        let mut begins = frontier == other.frontier;
        for leaf in self.leaves() {
            let bytes = leaf?;
            let index = frontier.size();
            Record::parse(&bytes)
                .map_err(|error| LedgerError::corrupt(index, format!("record {index}: {error}")))?;
            frontier.push(leaf_hash(&bytes));
            begins |= frontier == other.frontier;
        }
        if frontier.root() != self.head.root() {
            return Err(LedgerError::corrupt(None, ALTERED));
        }
        Ok(begins)
    }
}

fn add(
    target: &mut dyn Store,
    head: Head,
    frontier: &Frontier,
    leaves: Vec<Leaf>,
) -> Result<Head, LedgerError> {
    if leaves.is_empty() {
        return Ok(head);
    }
    let next = Head { origin: head.origin.clone(), frontier: frontier.clone() };
    let batch = Batch { leaves, next: next.clone() };
    target.try_append(&head, &batch).map_err(|error| match error {
        StoreError::Fatal(error) => error,
        StoreError::Ambiguous(why) => LedgerError::Unavailable(why),
        StoreError::Conflict => {
            LedgerError::Refused("somebody else wrote to it meanwhile; copy again".to_owned())
        }
    })?;
    Ok(next)
}

/// Hashes in a tile, entries in a bundle. Source: C2SP tlog-tiles.
const WIDTH: usize = 256;

/// Writes one file, by its path from the top folder.
pub type WriteFile<'a> = dyn FnMut(&str, &[u8]) -> Result<(), LedgerError> + 'a;

/// The files of a tiled log over the records under `seal`, by path: hashes, entries, and the checkpoint.
///
/// `entries` are the records, in order. Source: C2SP tlog-tiles.
pub fn tiles(
    tree: &Tree,
    seal: &Seal,
    entries: &mut dyn Iterator<Item = Result<Vec<u8>, LedgerError>>,
    write: &mut WriteFile<'_>,
) -> Result<(), LedgerError> {
    for level in 0.. {
        let hashes = tree.level(level * 8);
        if hashes.is_empty() {
            break;
        }
        for (number, tile) in hashes.chunks(WIDTH).enumerate() {
            write(&tile_path(&level.to_string(), number, tile.len()), &tile.concat())?;
        }
    }
    for number in 0_usize.. {
        let mut bundle = Vec::new();
        let mut width = 0;
        let left = seal.checkpoint.size.saturating_sub((number * WIDTH) as u64);
        while width < WIDTH.min(usize::try_from(left).unwrap_or(WIDTH)) {
            let Some(entry) = entries.next().transpose()? else { break };
            bundle.extend(u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
            bundle.extend(entry);
            width += 1;
        }
        if width == 0 {
            break;
        }
        write(&tile_path("entries", number, width), &bundle)?;
    }
    write("checkpoint", seal.note.to_string().as_bytes())
}

/// `tile/0/x001/x234/067`, with `.p/112` behind it when it is not full.
fn tile_path(level: &str, number: usize, width: usize) -> String {
    let mut parts = vec![format!("{:03}", number % 1000)];
    let mut rest = number / 1000;
    while rest > 0 {
        parts.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    parts.reverse();
    let partial = if width == WIDTH { String::new() } else { format!(".p/{width}") };
    format!("tile/{level}/{}{partial}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_tiles_are_those_of_the_specification() {
        assert_eq!(tile_path("0", 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile_path("entries", 0, 112), "tile/entries/000.p/112");
        assert_eq!(tile_path("1", 1000, 17), "tile/1/x001/000.p/17");
    }

    #[test]
    fn two_histories_part_where_they_differ() {
        let list =
            |text: &str| -> Vec<Result<Vec<u8>, ()>> { text.bytes().map(|byte| Ok(vec![byte])).collect() };
        for (left, right, expected) in [
            ("abc", "abc", Comparison::Same(3)),
            ("abc", "ab", Comparison::LeftLonger(2)),
            ("", "ab", Comparison::RightLonger(0)),
            ("abc", "axc", Comparison::Fork(1)),
        ] {
            assert_eq!(compare(list(left).into_iter(), list(right).into_iter()), Ok(expected));
        }
    }
}
