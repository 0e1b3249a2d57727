//! Bytes of any encoding as bytes that patterns can read.
//!
//! Patterns are about ASCII and UTF-8. Text in UTF-16 or UTF-32 has zero bytes between its letters; here they go.
//! Nothing else is ever dropped: what is no text stays as it is, so a file cannot hide by looking binary, nor by a
//! byte order mark that is a lie.
//!
//! ```text
//! k·e·y·=·1·        UTF-16LE, · a zero byte        key=1
//! ·k·e·y·=·1        UTF-16BE                       ·key=1
//! \x7fELF·key=1     binary                         as it is
//! ```

use std::borrow::Cow;

/// So many letters with zero bytes between them are taken for text and not for small numbers.
const RUN: usize = 4;

/// A run of plain bytes longer than this does not occur in UTF-16 text of European languages.
const PLAIN: usize = 16;

/// The bytes to search in `bytes`; the same ones, without a copy, for nearly every file.
///
/// Line numbers are those of the decoded text. Where a byte order mark may be a lie, the text as the mark says is
/// followed by the bytes as they are, on lines of their own.
pub fn to_scan(bytes: &[u8]) -> Cow<'_, [u8]> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return without_zeros(rest);
    }
    let Some(mut text) = by_mark(bytes) else { return without_zeros(bytes) };
    if longest_plain_run(bytes) > PLAIN {
        text.push('\n');
        let mut both = text.into_bytes();
        both.extend_from_slice(&without_zeros(bytes));
        return Cow::Owned(both);
    }
    Cow::Owned(text.into_bytes())
}

/// Decodes what begins with a byte order mark of UTF-16 or UTF-32 and is well-formed.
fn by_mark(bytes: &[u8]) -> Option<String> {
    // The mark of UTF-32LE begins with that of UTF-16LE, so it is asked for first.
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe\0\0") {
        return utf32(rest, u32::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\0\0\xfe\xff") {
        return utf32(rest, u32::from_be_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(rest, u16::from_le_bytes);
    }
    utf16(bytes.strip_prefix(b"\xfe\xff")?, u16::from_be_bytes)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(units.iter().copied().map(unit)).collect();
    text.ok().filter(|_| rest.is_empty())
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<4>();
    let text: Option<String> = units.iter().map(|bytes| char::from_u32(unit(*bytes))).collect();
    text.filter(|_| rest.is_empty())
}

/// `bytes` with the zero bytes taken out of every run of wide letters.
fn without_zeros(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut narrow: Vec<u8> = Vec::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some(zero) = bytes.get(from..).and_then(|rest| memchr::memchr(0, rest)).map(|at| from + at) {
        let start = zero.saturating_sub(1).max(from);
        let (letters, end) = wide_run(bytes, start);
        if letters.len() < RUN {
            from = zero + 1;
            continue;
        }
        narrow.extend_from_slice(bytes.get(copied..start).unwrap_or_default());
        narrow.extend(letters);
        copied = end;
        from = end;
    }
    if copied == 0 {
        return Cow::Borrowed(bytes);
    }
    narrow.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    Cow::Owned(narrow)
}

/// The letters that stand one or three zero bytes apart from `start` on, and where that ends.
///
/// The last letter of a big-endian run has no zero byte behind it; it stays where it is and so joins the others.
fn wide_run(bytes: &[u8], start: usize) -> (Vec<u8>, usize) {
    let width = if bytes.get(start + 1..start + 4) == Some(&[0, 0, 0]) { 4 } else { 2 };
    let mut letters = Vec::new();
    let mut at = start;
    while let Some([letter, zeros @ ..]) = bytes.get(at..at + width) {
        let is_text = matches!(letter, b'\t' | b'\n' | b'\r' | b' '..=b'~');
        if !is_text || zeros.iter().any(|zero| *zero != 0) {
            break;
        }
        letters.push(*letter);
        at += width;
    }
    (letters, at)
}

fn longest_plain_run(bytes: &[u8]) -> usize {
    bytes
        .split(|byte| !matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wide(text: &str, encoding: &str) -> Vec<u8> {
        let bytes = |unit: u32| match encoding {
            "16le" => unit.to_le_bytes()[..2].to_vec(),
            "16be" => unit.to_be_bytes()[2..].to_vec(),
            "32le" => unit.to_le_bytes().to_vec(),
            _ => unit.to_be_bytes().to_vec(),
        };
        text.chars().flat_map(|letter| bytes(u32::from(letter))).collect()
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        to_scan(bytes).windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[test]
    fn d10_the_same_text_is_found_in_every_encoding() {
        let text = "clé = 1\r\nkey=abcdefgh12345678\n";
        for encoding in ["16le", "16be", "32le", "32be"] {
            let plain = wide(text, encoding);
            let marked = [wide("\u{feff}", encoding), plain.clone()].concat();
            let late = [b"\x7fELF\x01\x02\0\x03".as_slice(), &plain, b"\xff\0\x01tail"].concat();
            for bytes in [&plain, &marked, &late] {
                assert!(holds(bytes, "key=abcdefgh12345678"), "{encoding}: {:?}", to_scan(bytes));
            }
            assert_eq!(to_scan(&marked), text.as_bytes());
        }
        assert!(holds(b"\0\0\x01key=abcdefgh12345678", "key=abcdefgh12345678"));
        assert!(holds(b"\xe9t\xe9 key=abcdefgh12345678", "key=abcdefgh12345678"));
        assert_eq!(to_scan("\u{feff}key".as_bytes()), b"key".as_slice());
    }

    #[test]
    fn d10_a_byte_order_mark_that_is_a_lie_hides_nothing() {
        for mark in [b"\xff\xfe".as_slice(), b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff"] {
            assert!(holds(&[mark, b"key=abcdefgh12345678"].concat(), "key=abcdefgh12345678"), "{mark:?}");
            let half = [mark, &wide(&"x".repeat(200), "16le"), b"key=abcdefgh12345678"].concat();
            assert!(holds(&half, "key=abcdefgh12345678"), "{mark:?}");
        }
    }

    proptest! {
        #[test]
        fn text_without_zero_bytes_stays_where_it_is(text in "[^\\x00\u{feff}]{0,200}") {
            prop_assert!(matches!(to_scan(text.as_bytes()), Cow::Borrowed(same) if same == text.as_bytes()));
        }

        #[test]
        fn no_bytes_make_the_reader_panic_or_add_much(bytes: Vec<u8>) {
            prop_assert!(to_scan(&bytes).len() <= 3 * bytes.len() + 1);
        }

        #[test]
        fn a_word_survives_between_any_bytes(
            before: Vec<u8>, word in "[a-z0-9]{8,20}", after: Vec<u8>, encoding in 0..4_usize,
        ) {
            let encoding = ["16le", "16be", "32le", "32be"][encoding];
            // A byte that is text or zero right before the word may join its run and shift it.
            let bytes = [before.as_slice(), b"\xff\xff\xff\xff", &wide(&word, encoding), b"\xff", &after].concat();
            prop_assume!(by_mark(&bytes).is_none());
            prop_assert!(holds(&bytes, &word), "{:?}", to_scan(&bytes));
        }
    }
}
