//! Files under a lock: one folder, made for one machine or one shared disk with working locks.
//!
//! ```text
//! ledger.lock             held while appending, never read
//! head.json               size, root, frontier, where the last segment ends; replaced as a whole
//! segments/000000.jsonl   4,096 records, one on each line
//! index.bin               80 bytes a record: hash, id, finding, exception or deploy
//! seals/118               the seal over the first 118 records
//! ```
//!
//! The commit point is the rename of `head.json`: bytes behind the end it names are no data, and the next
//! append cuts them off before it writes. The index is derived: `head.json` holds a check sum of it, and
//! where that fails the records themselves are read.

mod folder;
mod head;
mod index;

use std::collections::BTreeSet;
use std::fs::File as OpenFile;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use self::folder::{Folder, SEALS, SEGMENTS, unavailable};
use self::head::DiskHead;
use super::{Batch, CHUNK, Head, Leaf, Scheme, Store, StoreError, set_back};
use crate::ledger::error::LedgerError;
use crate::ledger::key::{Key, Keys};
use crate::ledger::merkle::{Frontier, Hash, leaf_hash};
use crate::ledger::record::Record;

/// `file:FOLDER`.
pub const SCHEME: Scheme = Scheme { prefix: "file:", form: "file:FOLDER", open: open_url };

const SEGMENT: u64 = CHUNK as u64;
const INDEX: &str = "index.bin";

/// A ledger in a folder.
#[derive(Debug, Clone)]
pub struct Files {
    folder: Folder,
    /// Length and check sum of an index that was read and found whole, so that an append need not read it again.
    whole_index: Option<(u64, u32)>,
}

fn open_url(rest: &str) -> Result<Box<dyn Store>, LedgerError> {
    let path = match rest.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        None if !rest.is_empty() => rest,
        _ => return Err(LedgerError::Url(format!("file:{rest}"), "`file:FOLDER`".to_owned())),
    };
    Ok(Box::new(Files::new(Path::new(path))))
}

impl Files {
    /// The ledger in the folder `path`, which the first append makes.
    pub fn new(path: &Path) -> Self {
        Self { folder: Folder::new(path), whole_index: None }
    }

    fn disk_head(&self) -> Result<Option<DiskHead>, LedgerError> {
        self.folder.check()?;
        let Some(bytes) = self.folder.read(Path::new("head.json"))? else { return Ok(None) };
        DiskHead::parse(&bytes).map(Some)
    }

    /// The head on disk, which must hold `head` as its beginning.
    fn at_least(&self, head: &Head) -> Result<DiskHead, LedgerError> {
        let disk = self.disk_head()?.unwrap_or_else(|| DiskHead::empty(&head.origin));
        if disk.head.size() < head.size() {
            return Err(LedgerError::Rollback { size: disk.head.size(), known: head.size() });
        }
        Ok(disk)
    }

    /// The records of one segment, as far as they are there: what stands behind the last one is part of it,
    /// so that nothing can be added unseen, and a last one that is cut short is left out.
    fn segment(&self, disk: &DiskHead, number: u64) -> Result<Vec<Vec<u8>>, LedgerError> {
        let Some(file) = self.folder.open_to_read(&segment_path(number))? else { return Ok(Vec::new()) };
        let (count, end) = if number == disk.segment {
            (disk.head.size() % SEGMENT, disk.offset)
        } else {
            (SEGMENT, u64::MAX)
        };
        let path = self.folder.full(&segment_path(number));
        let mut reader = BufReader::with_capacity(1 << 16, file.take(end));
        let mut lines = Vec::new();
        for left in (0..count).rev() {
            let mut line = Vec::new();
            let read =
                if left == 0 { reader.read_to_end(&mut line) } else { reader.read_until(b'\n', &mut line) };
            read.map_err(|error| unavailable(&path, &error))?;
            if line.pop() != Some(b'\n') {
                break;
            }
            lines.push(line);
        }
        Ok(lines)
    }

    /// The index of the first `size` records; `None` where there is none that belongs to `disk`.
    fn index(&self, disk: &DiskHead) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(file) = self.folder.open_to_read(Path::new(INDEX))? else { return Ok(None) };
        let length = index::length(disk.head.size());
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(length)
            .read_to_end(&mut bytes)
            .map_err(|error| unavailable(&self.folder.full(Path::new(INDEX)), &error))?;
        let whole = bytes.len() as u64 == length && crc32fast::hash(&bytes) == disk.index_sum;
        Ok(whole.then_some(bytes))
    }

    /// The index made again from the records, which must be those of `disk`.
    fn derive_index(&self, disk: &DiskHead) -> Result<Vec<u8>, LedgerError> {
        let mut bytes = Vec::new();
        let mut frontier = Frontier::default();
        for number in 0..disk.head.size().div_ceil(SEGMENT) {
            for line in self.segment(disk, number)? {
                let at = frontier.size();
                let record = Record::parse(&line)
                    .map_err(|error| LedgerError::corrupt(at, format!("record {at}: {error}")))?;
                let hash = leaf_hash(&line);
                bytes.extend(index::entry(&hash, &Keys::of(&record)));
                frontier.push(hash);
            }
        }
        if frontier != disk.head.frontier {
            return Err(LedgerError::corrupt(None, "the records are not those of its head"));
        }
        Ok(bytes)
    }

    /// Writes `leaves` behind the last record, durable, and returns where the last segment ends then.
    fn write_segments(&self, disk: &DiskHead, leaves: &[Leaf]) -> Result<(u64, u64), LedgerError> {
        let (mut number, mut offset) = (disk.segment, disk.offset);
        let mut room = SEGMENT - disk.head.size() % SEGMENT;
        let mut rest = leaves;
        while !rest.is_empty() {
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            let bytes: Vec<u8> =
                now.iter().flat_map(|leaf| leaf.bytes.iter().chain(b"\n")).copied().collect();
            self.write_segment(number, offset, &bytes)?;
            offset += bytes.len() as u64;
            if now.len() as u64 == room {
                (number, offset, room) = (number + 1, 0, SEGMENT);
            }
            rest = later;
        }
        Ok((number, offset))
    }

    /// Cuts the segment to `offset` and writes `bytes` there.
    fn write_segment(&self, number: u64, offset: u64, bytes: &[u8]) -> Result<(), LedgerError> {
        let relative = segment_path(number);
        let path = self.folder.full(&relative);
        let failed = |error| unavailable(&path, &error);
        let is_new = !path.exists();
        let mut file = self.folder.open_to_write(&relative)?;
        let length = file.metadata().map_err(failed)?.len();
        if length < offset || offset > 0 && !ends_a_line(&mut file, offset).map_err(failed)? {
            return Err(LedgerError::corrupt(
                None,
                format!("`{}` does not end where the head says", path.display()),
            ));
        }
        file.set_len(offset).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        if is_new { self.folder.sync(Path::new(SEGMENTS)) } else { Ok(()) }
    }

    /// Adds to the index, which is not synced: after a power cut its check sum tells.
    fn write_index(&self, disk: &DiskHead, added: &[u8]) -> Result<(), LedgerError> {
        let path = self.folder.full(Path::new(INDEX));
        let failed = |error| unavailable(&path, &error);
        let kept = index::length(disk.head.size());
        let mut file = self.folder.open_to_write(Path::new(INDEX))?;
        let known = self.whole_index == Some((disk.head.size(), disk.index_sum));
        let short = file.metadata().map_err(failed)?.len() < kept;
        if short || !known && self.index(disk)?.is_none() {
            let whole = self.derive_index(disk)?;
            file.set_len(0).map_err(failed)?;
            file.write_all(&whole).map_err(failed)?;
        }
        file.set_len(kept).map_err(failed)?;
        file.seek(SeekFrom::Start(kept)).map_err(failed)?;
        file.write_all(added).map_err(failed)
    }
}

impl Store for Files {
    fn place(&self) -> String {
        self.folder.full(Path::new("")).display().to_string()
    }

    fn probe(&mut self) -> Result<Option<String>, LedgerError> {
        self.folder.make(SEGMENTS)?;
        self.folder.probe_lock().map(|()| None)
    }

    fn load_head(&mut self) -> Result<Option<Head>, LedgerError> {
        Ok(self.disk_head()?.map(|disk| disk.head))
    }

    fn read(&mut self, head: &Head, range: Range<u64>) -> Result<Vec<Vec<u8>>, LedgerError> {
        let disk = self.at_least(head)?;
        let mut leaves = Vec::new();
        for number in range.start / SEGMENT..range.end.div_ceil(SEGMENT) {
            let first = number * SEGMENT;
            let lines = self.segment(&disk, number)?;
            let short = (lines.len() as u64) < SEGMENT;
            let wanted = (first..).zip(lines).filter(|(index, _)| range.contains(index));
            leaves.extend(wanted.map(|(_, line)| line));
            // A record that is missing must not let a later one take its index.
            if short {
                break;
            }
        }
        Ok(leaves)
    }

    fn try_append(&mut self, expected: &Head, batch: &Batch) -> Result<(), StoreError> {
        self.folder.make(SEGMENTS)?;
        let _lock = self.folder.lock()?;
        let disk = self.disk_head()?.unwrap_or_else(|| DiskHead::empty(&expected.origin));
        if disk.head != *expected {
            return Err(StoreError::Conflict);
        }
        set_back(&disk.head, self.seals()?.last())?;
        let entries: Vec<u8> =
            batch.leaves.iter().flat_map(|leaf| index::entry(&leaf.hash, &leaf.keys)).collect();
        self.write_index(&disk, &entries)?;
        let (segment, offset) = self.write_segments(&disk, &batch.leaves)?;
        let index_sum = index::extend_sum(disk.index_sum, &entries);
        self.whole_index = None;
        let next = DiskHead { head: batch.next.clone(), segment, offset, index_sum };
        self.folder.replace(Path::new("head.json"), &next.bytes())
    }

    fn locate(&mut self, head: &Head, wanted: &BTreeSet<Key>) -> Result<Vec<(u64, Key)>, LedgerError> {
        let disk = self.at_least(head)?;
        let bytes = match self.index(&disk)? {
            Some(bytes) => {
                self.whole_index = Some((disk.head.size(), disk.index_sum));
                bytes
            }
            None => self.derive_index(&disk)?,
        };
        let mut found = index::find(&bytes, wanted);
        found.retain(|(index, _)| *index < head.size());
        Ok(found)
    }

    fn seals(&mut self) -> Result<Vec<u64>, LedgerError> {
        let names = self.folder.names(SEALS)?;
        let mut sizes: Vec<u64> = names.iter().filter_map(|name| name.parse().ok()).collect();
        sizes.sort_unstable();
        Ok(sizes)
    }

    fn read_seal(&mut self, size: u64) -> Result<Vec<u8>, LedgerError> {
        Ok(self.folder.read(&seal_path(size))?.unwrap_or_default())
    }

    fn keep_seal(&mut self, size: u64, note: &[u8]) -> Result<(), LedgerError> {
        self.folder.make(SEALS)?;
        let _lock = self.folder.lock()?;
        self.folder.replace(&seal_path(size), note).map_err(|error| match error {
            StoreError::Fatal(error) => error,
            StoreError::Ambiguous(why) => LedgerError::Unavailable(why),
            StoreError::Conflict => LedgerError::Unavailable("somebody else wrote the seal".to_owned()),
        })
    }

    fn hashes(&mut self, _: &Head, range: Range<u64>) -> Result<Option<Vec<Hash>>, LedgerError> {
        let Some(mut file) = self.folder.open_to_read(Path::new(INDEX))? else { return Ok(None) };
        let path = self.folder.full(Path::new(INDEX));
        let failed = |error| unavailable(&path, &error);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(index::length(range.start))).map_err(failed)?;
        file.take(index::length(range.end - range.start)).read_to_end(&mut bytes).map_err(failed)?;
        let hashes = index::hashes(&bytes);
        Ok((hashes.len() as u64 == range.end - range.start).then_some(hashes))
    }
}

fn seal_path(size: u64) -> PathBuf {
    PathBuf::from(format!("{SEALS}/{size}"))
}

fn segment_path(number: u64) -> PathBuf {
    PathBuf::from(format!("{SEGMENTS}/{number:06}.jsonl"))
}

fn ends_a_line(file: &mut OpenFile, offset: u64) -> std::io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::Start(offset - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
