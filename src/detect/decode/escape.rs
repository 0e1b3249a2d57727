//! `\u0067`, `\u{67}`, `\U00000067`, `\x67`, `\147`, `\n`: a character of a literal in nearly every language.

use super::{Atom, Decoder, Hides, Language, Reads, digit, two_digits};

pub(super) const DECODER: Decoder =
    Decoder { name: "escape", reads: Reads::Atom([b"\\", b"nrt\"'/`\\xuU0123"], read) };

fn read(text: &[u8], offset: usize, _: Language) -> Option<Atom> {
    let kind = *text.get(offset + 1)?;
    match kind {
        b'n' => Some(short('\n')),
        b'r' => Some(short('\r')),
        b't' => Some(short('\t')),
        b'"' | b'\'' | b'/' | b'`' => Some(Atom { hides: Hides::Never, ..short(char::from(kind)) }),
        b'\\' => {
            let next = text.get(offset + 2).is_some_and(|next| b"nrtux".contains(next));
            Some(Atom { hides: if next { Hides::BeforeWord } else { Hides::Never }, ..short('\\') })
        }
        b'x' => Some(coded(4, char::from(two_digits(text, offset + 2)?))),
        b'u' if text.get(offset + 2) == Some(&b'{') => braced(text, offset + 3),
        b'u' => unit(text, offset),
        b'U' => Some(coded(10, char::from_u32(number(text, offset + 2, 8)?)?)),
        b'0'..=b'3' => octal(text, offset),
        _ => None,
    }
}

/// A backslash and one letter.
const fn short(letter: char) -> Atom {
    Atom { length: 2, stands_for: Some(letter), hides: Hides::BeforeWord }
}

/// A character by its number: suspicious where it could have been written as it is.
fn coded(length: usize, letter: char) -> Atom {
    let hides = if letter.is_ascii_alphanumeric() || "_-".contains(letter) {
        Hides::Always
    } else if letter.is_ascii() {
        Hides::BeforeWord
    } else {
        Hides::Never
    };
    Atom { length, stands_for: Some(letter), hides }
}

/// `\uXXXX`, with the second half where it is the first one of a pair.
fn unit(text: &[u8], offset: usize) -> Option<Atom> {
    let first = number(text, offset + 2, 4)?;
    if let Some(letter) = char::from_u32(first) {
        return Some(coded(6, letter));
    }
    if text.get(offset + 6..offset + 8) != Some(b"\\u") {
        return None;
    }
    let second = number(text, offset + 8, 4).filter(|unit| (0xdc00..0xe000).contains(unit))?;
    let letter = 0x10000 + ((first.checked_sub(0xd800)? & 0x3ff) << 10) + (second - 0xdc00);
    Some(coded(12, char::from_u32(letter)?))
}

/// The rest of `\u{67}`, from behind the brace.
fn braced(text: &[u8], from: usize) -> Option<Atom> {
    let end = text.get(from..)?.iter().take(7).position(|byte| *byte == b'}').filter(|end| *end > 0)?;
    Some(coded(end + 4, char::from_u32(number(text, from, end)?)?))
}

fn octal(text: &[u8], offset: usize) -> Option<Atom> {
    let digits = text.get(offset + 1..offset + 4)?;
    let number =
        digits.iter().try_fold(0_u32, |number, byte| Some(number * 8 + char::from(*byte).to_digit(8)?))?;
    Some(coded(4, char::from_u32(number)?))
}

/// `count` hex digits from `from` on, at most 8.
fn number(text: &[u8], from: usize, count: usize) -> Option<u32> {
    (from..from + count).try_fold(0_u32, |number, at| Some(number.checked_mul(16)? + digit(text.get(at))?))
}
