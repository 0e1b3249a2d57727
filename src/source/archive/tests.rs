use std::io::Write as _;

use proptest::prelude::*;
use zlib_rs::{DeflateConfig, compress_bound, compress_slice};

use super::*;

const BOUNDS: Bounds = Bounds { depth: 5, members: 1000, member_bytes: 1 << 20, bytes: 1 << 30, ratio: 100 };

fn deflate(window_bits: i32, text: &[u8]) -> Vec<u8> {
    let mut room = vec![0; compress_bound(text.len()) + 32];
    let config = DeflateConfig { window_bits, ..DeflateConfig::default() };
    compress_slice(&mut room, text, config).0.to_vec()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    deflate(31, text)
}

/// A zip file as it is put together; what a test wants to lie about it changes before [`Zip::finish`].
#[derive(Default)]
struct Zip {
    bytes: Vec<u8>,
    records: Vec<Vec<u8>>,
}

impl Zip {
    fn of(members: &[(&str, &[u8])]) -> Vec<u8> {
        members.iter().fold(Self::default(), |zip, (name, text)| zip.member(name, text, 8)).finish()
    }

    fn member(mut self, name: &str, text: &[u8], method: u16) -> Self {
        let packed = if method == 8 { deflate(-15, text) } else { text.to_vec() };
        let [packed_length, length] = [packed.len(), text.len()].map(|length| u32::try_from(length).unwrap());
        let name_length = u16::try_from(name.len()).unwrap();
        let header = u32::try_from(self.bytes.len()).unwrap();
        let mut common = [20_u16, 0, method, 0, 0].map(u16::to_le_bytes).concat();
        common.extend([crc32fast::hash(text), packed_length, length].map(u32::to_le_bytes).concat());
        common.extend([name_length, 0].map(u16::to_le_bytes).concat());
        self.bytes.extend([b"PK\x03\x04".as_slice(), &common, name.as_bytes(), &packed].concat());
        let rest = [[0; 10].as_slice(), &header.to_le_bytes(), name.as_bytes()].concat();
        self.records.push([b"PK\x01\x02\x14\0".as_slice(), &common, &rest].concat());
        self
    }

    /// Writes two bytes at `at` of the record of the last member.
    fn record(mut self, at: usize, value: u16) -> Self {
        self.records.last_mut().unwrap()[at..at + 2].copy_from_slice(&value.to_le_bytes());
        self
    }

    fn finish(self) -> Vec<u8> {
        let directory = self.records.concat();
        let [size, start] = [directory.len(), self.bytes.len()].map(|length| u32::try_from(length).unwrap());
        let count = u16::try_from(self.records.len()).unwrap();
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend([count, count].map(u16::to_le_bytes).concat());
        end.extend([size, start].map(u32::to_le_bytes).concat());
        [self.bytes, directory, end, vec![0, 0]].concat()
    }
}

/// One tar header with its data, filled up.
fn tar_member(name: &str, kind: u8, size: usize, data: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    write!(&mut header[124..], "{size:011o}").unwrap();
    header[156] = kind;
    header[257..263].copy_from_slice(b"ustar\0");
    signed(header)
        .into_iter()
        .chain(data.iter().copied())
        .chain(vec![0; (512 - data.len() % 512) % 512])
        .collect()
}

fn signed(mut header: Vec<u8>) -> Vec<u8> {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    write!(&mut header[148..], "{sum:06o}\0").unwrap();
    header
}

fn file(name: &str, data: &[u8]) -> Vec<u8> {
    tar_member(name, b'0', data.len(), data)
}

fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

/// Members, gaps, and what is left of the archive.
type Opened = (Vec<(String, Vec<u8>)>, Vec<(String, Reason, String)>, Vec<u8>);

fn opened_within(path: &str, bytes: &[u8], bounds: Bounds) -> Opened {
    let (mut members, mut gaps, mut rest) = (Vec::new(), Vec::new(), bytes.to_vec());
    unpack(path, &mut rest, bounds, &mut |found| match found {
        Found::Member(path, bytes) => members.push((path, bytes)),
        Found::Gap(gap) => gaps.push((gap.path, gap.reason, gap.detail)),
    });
    assert_eq!(rest.len(), bytes.len(), "what is left stays where it is");
    (members, gaps, rest)
}

fn opened(path: &str, bytes: &[u8]) -> Opened {
    opened_within(path, bytes, BOUNDS)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

fn assert_gap(bytes: &[u8], reason: Reason, words: &str) {
    let (_, gaps, _) = opened("a", bytes);
    assert!(gaps.iter().any(|gap| gap.1 == reason && gap.2.contains(words)), "{words}: {gaps:?}");
}

#[test]
fn d2_members_are_named_by_their_archive_whatever_its_kind() {
    let text = b"key=1 ".repeat(40);
    let inside = tar(&[file("web/values.yaml", &text)]);
    let jar = Zip::of(&[("lib/a.yml", &text)]);
    let script = [b"#!/bin/sh\nexec java -jar $0\n".as_slice(), &jar].concat();
    let stored = Zip::default().member("lib/inner.jar", &jar, 0).finish();
    for (path, bytes, expected) in [
        ("c.tar", inside.clone(), vec!["c.tar!/web/values.yaml"]),
        ("c.tgz", gzip(&inside), vec!["c.tgz!/web/values.yaml", "c.tgz!/c.tar"]),
        ("c.tar.gz", gzip(&inside), vec!["c.tar.gz!/web/values.yaml", "c.tar.gz!/c.tar"]),
        ("dump.sql.gz", gzip(&text), vec!["dump.sql.gz!/dump.sql"]),
        ("app.jar", jar.clone(), vec!["app.jar!/lib/a.yml"]),
        ("app.bin", script, vec!["app.bin!/lib/a.yml"]),
        ("app.war", stored, vec!["app.war!/lib/inner.jar!/lib/a.yml", "app.war!/lib/inner.jar"]),
        ("none.txt", text.clone(), vec![]),
    ] {
        let (members, gaps, rest) = opened(path, &bytes);
        assert_eq!(members.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), expected);
        assert_eq!(gaps, vec![], "{path}");
        assert!(members.first().is_none_or(|(_, member)| *member == text), "{path}");
        assert_eq!(holds(&rest, "key=1"), expected.is_empty(), "nothing is there twice: {path}");
    }
}

#[test]
fn d2_an_archive_in_too_many_others_is_a_gap() {
    let nested = |depth| (0..depth).fold(b"key=1".to_vec(), |inner, _| Zip::of(&[("x", &inner)]));
    let (members, gaps, _) = opened("a", &nested(5));
    assert_eq!((members[0].0.as_str(), gaps), ("a!/x!/x!/x!/x!/x", vec![]));
    let (members, gaps, _) = opened("a", &nested(6));
    assert_eq!(members[0].0, "a!/x!/x!/x!/x!/x");
    assert_eq!((gaps.len(), gaps[0].1), (1, Reason::Limit));
}

#[test]
fn d2_a_bomb_ends_in_a_named_limit() {
    let zeros = vec![0; 1 << 20];
    let layer = |inner: &[u8]| Zip::of(&vec![("x.zip", inner); 16]);
    let nested = layer(&layer(&layer(&Zip::of(&[("zeros", &zeros)]))));
    let (members, gaps, _) = opened("bomb.zip", &nested);
    let bytes: usize = members.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes <= FREE_BYTES + 100 * nested.len(), "{bytes}");
    assert!(gaps.iter().any(|gap| gap.0 == "bomb.zip" && gap.1 == Reason::Limit), "{gaps:?}");
    let larger = vec![0; (1 << 20) + 1];
    assert_gap(
        &Zip::of(&[("zeros", &larger), ("other", b"1")]),
        Reason::TooLarge,
        "more bytes than one file",
    );
    assert_gap(&gzip(&larger), Reason::TooLarge, "only its first 1048576 bytes");
    assert_gap(&Zip::of(&vec![("x", b"".as_slice()); 1001]), Reason::Limit, "only 1000 members");
}

#[test]
fn d2_members_that_share_bytes_are_read_once() {
    // Each record of the directory names the same local header: a bomb without nesting.
    let zeros = vec![0; 100_000];
    let mut zip = Zip::default().member("x", &zeros, 8);
    zip.records = vec![zip.records[0].clone(); 500];
    let (members, gaps, _) = opened("a", &zip.finish());
    assert_eq!(members.len(), 1);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0].2.starts_with("members that share bytes with another: 499"), "{gaps:?}");
    // A header quoted inside the data of the one before it.
    let inner = Zip::default().member("inner", &zeros, 8);
    let outer = Zip::default().member("outer", &inner.bytes, 0);
    let mut both = Zip { bytes: outer.bytes, records: [outer.records, inner.records].concat() };
    both = both.record(42, 35);
    assert_gap(&both.finish(), Reason::Unreadable, "share bytes");
}

#[test]
fn d2_what_cannot_be_read_of_a_zip_file_is_a_gap() {
    let whole = || Zip::default().member("a.txt", &b"key=1 ".repeat(40), 8);
    assert_gap(
        &whole().record(8, 1).finish(),
        Reason::Unreadable,
        "that are encrypted: 1, the first is `a.txt`",
    );
    assert_gap(&whole().record(10, 12).finish(), Reason::Unreadable, "by a method");
    assert_gap(&whole().record(16, 7).finish(), Reason::Unreadable, "that are damaged");
    assert_gap(&whole().record(24, 7).finish(), Reason::Unreadable, "that are damaged");
    assert_gap(&whole().record(42, 7).finish(), Reason::Unreadable, "that are damaged");
    let bytes = whole().finish();
    assert_gap(&bytes[..bytes.len() - 30], Reason::Unreadable, "without a directory");
    let mut broken = whole();
    broken.records[0][0] = b'X';
    assert_gap(&broken.finish(), Reason::Unreadable, "whose directory");
    assert_gap(b"7z\xbc\xaf\x27\x1c", Reason::Unreadable, "a 7z archive, which is not read");
    assert_gap(&gzip(b"text")[..15], Reason::Unreadable, "gzip data is damaged");
}

#[test]
fn d2_a_member_that_the_directory_does_not_name_is_a_gap() {
    let mut zip = Zip::default().member("shown", b"1", 0).member("hidden", &b"key=1 ".repeat(40), 8);
    zip.records.pop();
    assert_gap(&zip.finish(), Reason::Unreadable, "members that its directory does not name");
    let hidden = [Zip::of(&[("hidden", &b"key=1 ".repeat(40))]), Zip::of(&[("shown", b"1")])].concat();
    assert_gap(&hidden, Reason::Unreadable, "members that its directory does not name");
}

#[test]
fn sizes_in_64_bits_are_read() {
    let text = b"key=1";
    let mut zip = Zip::default().member("x", text, 0);
    let record = zip.records.last_mut().unwrap();
    record[20..28].fill(0xff);
    record[30..32].copy_from_slice(&20_u16.to_le_bytes());
    record.extend([1, 0, 16, 0]);
    record.extend([5_u64, 5].map(u64::to_le_bytes).concat());
    let (members, gaps, _) = opened("a", &zip.finish());
    assert_eq!((members, gaps), (vec![("a!/x".to_owned(), text.to_vec())], vec![]));
}

#[test]
fn what_no_member_covers_is_left_to_be_searched() {
    let text = b"key=1 ".repeat(40);
    let mut bytes = Zip::default().member("x", &text, 0).finish();
    let comment = b"password=2";
    let at = bytes.len() - 2;
    bytes[at] = 10;
    bytes.extend(comment);
    let (_, gaps, rest) = opened("a.zip", &bytes);
    assert!(holds(&rest, "password=2") && !holds(&rest, "key=1") && gaps.is_empty());
    let tar = [tar(&[file("x", &text)]), b"password=2".to_vec()].concat();
    let (_, gaps, rest) = opened("a.tar", &tar);
    assert!(holds(&rest, "password=2") && !holds(&rest, "key=1") && gaps.is_empty());
}

#[test]
fn d1_no_name_or_link_of_a_tar_file_leads_anywhere() {
    let mut link = tar_member("link", b'2', 0, b"");
    link[157..168].copy_from_slice(b"/etc/passwd");
    let link = signed(link);
    let long = "a/".repeat(80) + "b";
    let pax = format!("{} path=pax/name\n", " path=pax/name\n".len() + 2);
    let bytes = tar(&[
        file("/etc/passwd", b"1"),
        file("../../x", b"2"),
        link,
        tar_member("././@LongLink", b'L', long.len(), long.as_bytes()),
        file("short", b"3"),
        tar_member("PaxHeader", b'x', pax.len(), pax.as_bytes()),
        file("short", b"4"),
        tar_member("folder", b'5', 0, b""),
    ]);
    let (members, gaps, rest) = opened("a", &bytes);
    let names: Vec<&str> = members.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(names, ["a!/etc/passwd", "a!/x", &format!("a!/{long}"), "a!/pax/name"]);
    assert!(gaps.is_empty() && holds(&rest, "/etc/passwd"), "{gaps:?}");
}

#[test]
fn d2_a_tar_file_that_lies_about_sizes_is_a_gap_and_its_text_is_kept() {
    let lie = |size| tar(&[tar_member("x", b'0', size, b"key=1"), file("y", b"2")]);
    for (bytes, words) in
        [(lie(8_000_000_000), "cut off"), (lie(100_000), "cut off"), (lie(600), "damaged header")]
    {
        let (members, gaps, rest) = opened("a", &bytes);
        assert!(gaps.iter().any(|gap| gap.2.contains(words)), "{words}: {gaps:?}");
        assert!(members.iter().any(|(_, bytes)| holds(bytes, "key=1")) || holds(&rest, "key=1"), "{words}");
    }
    let mut wide = tar_member("x", b'0', 0, b"");
    wide[124..136].copy_from_slice(&[0xff; 12]);
    assert_gap(&tar(&[file("y", b"2"), signed(wide.clone())]), Reason::Unreadable, "damaged header");
    wide[124..128].copy_from_slice(&[0x80, 0, 0, 0]);
    assert_gap(&tar(&[file("y", b"2"), signed(wide)]), Reason::Unreadable, "cut off");
}

#[test]
fn a_sparse_member_is_read_as_it_is_stored() {
    let mut header = tar_member("disk", b'S', 5, b"");
    header[482] = 1;
    let bytes =
        tar(&[signed(header), vec![7; 504], vec![1; 8], vec![0; 512], b"key=1".to_vec(), vec![0; 507]]);
    let (members, gaps, _) = opened("a", &bytes);
    assert_eq!((members, gaps), (vec![("a!/disk".to_owned(), b"key=1".to_vec())], vec![]));
}

proptest! {
    #[test]
    fn any_bytes_give_members_within_bounds(bytes: Vec<u8>, kind in 0..4_usize) {
        let magic: [&[u8]; 4] = [b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\0", b""];
        opened("a", &[magic[kind], &bytes].concat());
    }

    #[test]
    fn a_changed_archive_never_gives_more_than_allowed(
        text in proptest::collection::vec(any::<u8>(), 0..3000),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
        kind in 0..4_usize,
    ) {
        let zip = Zip::of(&[("a", &text), ("b.gz", &gzip(&text))]);
        let tar = tar(&[file("a", &text), file("b.zip", &zip)]);
        let mut bytes = [zip.clone(), tar.clone(), gzip(&tar), Zip::of(&[("x.tar", &tar)])][kind].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let bounds = Bounds { bytes: 5000, ..BOUNDS };
        let (members, ..) = opened_within("a", &bytes, bounds);
        prop_assert!(members.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() <= 5000);
    }

    #[test]
    fn every_member_comes_back(texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..700), 0..5)) {
        prop_assume!(texts.iter().all(|text| kind::of(text).is_none()));
        let names: Vec<String> = (0..texts.len()).map(|at| format!("m{at}")).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(texts.iter().map(Vec::as_slice)).collect();
        let tarred: Vec<Vec<u8>> = members.iter().map(|(name, text)| file(name, text)).collect();
        let expected: Vec<_> = members.iter().map(|(name, text)| (format!("a!/{name}"), text.to_vec())).collect();
        prop_assert_eq!(opened("a", &Zip::of(&members)).0, expected.clone());
        prop_assert_eq!(opened("a", &tar(&tarred)).0, expected);
    }
}
