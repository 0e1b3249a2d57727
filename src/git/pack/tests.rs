//! Packs made by hand: what no git writes.

use std::collections::BTreeMap;
use std::fs;

use super::entry::{Kind, Origin};
use super::plan::Pack;
use super::walk::walk;
use super::{Fault, RawId, Visit, Visitor};

/// An entry with its own idea of its size, and what is compressed.
struct Entry {
    origin: Origin,
    size: u64,
    content: Vec<u8>,
}

fn entry(origin: Origin, content: &[u8]) -> Entry {
    Entry { origin, size: content.len() as u64, content: content.to_vec() }
}

/// A zlib stream that compresses nothing.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = content.chunks(0xffff).peekable();
    if content.is_empty() {
        stream.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap();
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in content {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

fn id(number: usize) -> RawId {
    let mut id = [0; 20];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    id
}

/// A pack of these entries, the n-th named `id(n)`.
#[expect(clippy::disallowed_methods, reason = "into a folder of the test alone")]
fn pack(entries: &[Entry]) -> Pack {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    let mut offsets = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        offsets.push((id(number), bytes.len() as u64));
        bytes.extend(super::entry::tests::encode(entry.origin, entry.size));
        bytes.extend(stored(&entry.content));
    }
    bytes.extend([0; 20]);
    let path = folder.path().join("pack-1.pack");
    fs::write(&path, bytes).unwrap();
    fs::write(path.with_extension("idx"), super::index::tests::table(&offsets)).unwrap();
    Pack::open(&path).unwrap()
}

#[derive(Default)]
struct All {
    seen: BTreeMap<RawId, Vec<u8>>,
    faults: BTreeMap<RawId, Fault>,
}

impl Visitor for All {
    type Thought = ();

    fn visit(&mut self, object: Visit<'_, ()>) {
        assert!(self.seen.insert(object.id, object.bytes.to_vec()).is_none(), "each once");
    }

    fn fault(&mut self, id: RawId, fault: Fault) {
        self.faults.insert(id, fault);
    }
}

fn read(entries: &[Entry], limit: usize) -> All {
    walk(&pack(entries), Kind::Blob, None, limit, vec![All::default()]).remove(0)
}

const BLOB: Origin = Origin::Whole(Kind::Blob);

/// Copies all of a base of `from` bytes and adds a letter.
fn one_more(from: u8) -> Vec<u8> {
    vec![from, from + 1, 0x90, from, 1, b'x']
}

#[test]
fn a_delta_by_name_may_stand_before_its_base() {
    let read = read(&[entry(Origin::Named(id(1)), &one_more(2)), entry(BLOB, b"ab")], 100);
    assert_eq!(read.seen, BTreeMap::from([(id(0), b"abx".to_vec()), (id(1), b"ab".to_vec())]));
    assert!(read.faults.is_empty());
}

#[test]
fn rings_and_missing_bases_have_no_kind_and_are_not_followed() {
    let ring = [
        entry(Origin::Named(id(1)), &one_more(2)),
        entry(Origin::Named(id(0)), &one_more(2)),
        entry(Origin::Named(id(9)), &one_more(2)),
        entry(Origin::Named(id(3)), &one_more(2)),
        entry(Origin::Back(7), &one_more(2)),
        entry(Origin::Back(1 << 50), &one_more(2)),
        entry(BLOB, b"ab"),
    ];
    let found = pack(&ring);
    assert_eq!(found.nodes.iter().filter(|node| node.kind.is_none()).count(), 6);
    assert_eq!(read(&ring, 100).seen, BTreeMap::from([(id(6), b"ab".to_vec())]));
    let wanted = vec![true; 7];
    let all = walk(&found, Kind::Blob, Some(&wanted), 100, vec![All::default()]).remove(0);
    assert_eq!(all.seen.len(), 1);
}

#[test]
fn a_size_that_is_a_lie_takes_no_memory() {
    let huge = Entry { origin: BLOB, size: u64::MAX, content: b"ab".to_vec() };
    let long = Entry { origin: BLOB, size: 90, content: b"ab".to_vec() };
    let short = Entry { origin: BLOB, size: 1, content: b"ab".to_vec() };
    let read = read(&[huge, long, short], 100);
    let expected = [(id(0), Fault::Large), (id(1), Fault::Inflate), (id(2), Fault::Inflate)];
    assert_eq!((read.seen.len(), read.faults), (0, BTreeMap::from(expected)));
}

#[test]
fn a_delta_that_grows_beyond_the_limit_is_a_fault_and_so_is_all_below_it() {
    // Each copies its base of 100 bytes ten times.
    let bomb: Vec<u8> = [vec![100, 0xe8, 7], [0x90, 100].repeat(10)].concat();
    let entries =
        [entry(BLOB, &[b'a'; 100]), entry(Origin::Named(id(0)), &bomb), entry(Origin::Named(id(1)), &bomb)];
    let all = read(&entries, 999);
    assert_eq!(all.seen.len(), 1);
    assert_eq!(all.faults, BTreeMap::from([(id(1), Fault::Large), (id(2), Fault::Large)]));
    let all = read(&entries, 1000);
    assert_eq!((all.seen.len(), all.faults), (2, BTreeMap::from([(id(2), Fault::Delta)])));
}

#[test]
fn a_chain_of_thousands_holds_one_object_at_a_time() {
    let same = [3, 3, 0x90, 3];
    let chain = (0..5000_usize).map(|number| match number {
        0 => entry(BLOB, b"abc"),
        _ => entry(Origin::Named(id(number - 1)), &same),
    });
    let read = read(&chain.collect::<Vec<_>>(), 10);
    assert_eq!((read.seen.len(), read.faults.len()), (5000, 0));
}
