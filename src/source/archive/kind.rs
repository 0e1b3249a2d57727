//! What kind of archive some bytes are.

use super::{tar, zip};

/// A kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Zip,
    Tar,
    Gzip,
    /// One we know and do not read; what it is, for a person.
    Unread(&'static str),
}

/// First bytes that no text has.
const UNREAD: [(&[u8], &str); 6] = [
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\x04\x22\x4d\x18", "an LZ4 file"),
    (b"MSCF\0\0\0\0", "a cabinet file"),
];

/// The kind of the archive `bytes`; `None` where they are none.
///
/// A zip file may have anything before it, such as the shell script of an executable jar. Then it is told by its end
/// record, as long as that has no comment.
pub(super) fn of(bytes: &[u8]) -> Option<Kind> {
    if zip::is(bytes) {
        return Some(Kind::Zip);
    }
    // Deflate is the one method there is, and three flags are not in use.
    if bytes.starts_with(b"\x1f\x8b\x08") && bytes.get(3).is_some_and(|flags| flags & 0xe0 == 0) {
        return Some(Kind::Gzip);
    }
    if tar::is(bytes) {
        return Some(Kind::Tar);
    }
    let is_bzip2 = bytes.starts_with(b"BZh") && bytes.get(4..10) == Some(b"1AY&SY".as_slice());
    if is_bzip2 {
        return Some(Kind::Unread("a bzip2 file"));
    }
    UNREAD.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, name)| Kind::Unread(name))
}

/// The name of the file in the gzip file at `path`, by its ending: the name inside is optional and anybody's.
pub(super) fn ungzipped(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    match file.rsplit_once('.') {
        Some((name, "gz" | "GZ")) if !name.is_empty() => name.to_owned(),
        Some((name, "tgz" | "TGZ")) => format!("{name}.tar"),
        _ => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gzip_file_holds_a_file_of_its_own_name() {
        for (path, expected) in [
            ("a/dump.sql.gz", "dump.sql"),
            ("a/chart-1.0.tgz", "chart-1.0.tar"),
            ("a/.gz", ".gz"),
            ("a.zip!/b.gz", "b"),
            ("blob", "blob"),
        ] {
            assert_eq!(ungzipped(path), expected, "{path}");
        }
    }

    #[test]
    fn archives_are_told_by_their_bytes() {
        for (bytes, expected) in [
            (b"PK\x03\x04".as_slice(), Some(Kind::Zip)),
            (b"\x1f\x8b\x08\0", Some(Kind::Gzip)),
            (b"\x1f\x8b\x08\xff", None),
            (b"Rar!\x1a\x07\x01\0", Some(Kind::Unread("a RAR archive"))),
            (b"BZh91AY&SY", Some(Kind::Unread("a bzip2 file"))),
            (b"BZhello world", None),
            (b"PKG=1\n", None),
            (b"", None),
        ] {
            assert_eq!(of(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
