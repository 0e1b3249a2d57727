//! `&#103;`, `&#x67;`, `&quot;`: a character of HTML or XML.

use super::{Atom, Decoder, Hides, Language, Reads};

pub(super) const DECODER: Decoder = Decoder { name: "entity", reads: Reads::Atom([b"&", b"#aqlg"], read) };

/// The five names XML knows by itself.
const NAMES: [(&[u8], char); 5] =
    [(b"&amp;", '&'), (b"&quot;", '"'), (b"&apos;", '\''), (b"&lt;", '<'), (b"&gt;", '>')];

/// Digits of the longest number, leading zeros included.
const DIGITS: usize = 8;

/// Source: XML 1.0, sections 4.1 and 4.6.
fn read(text: &[u8], offset: usize, _: Language) -> Option<Atom> {
    let rest = text.get(offset..)?;
    if let Some(digits) = rest.strip_prefix(b"&#") {
        return number(digits);
    }
    let (name, letter) = NAMES.iter().find(|(name, _)| rest.starts_with(name))?;
    Some(Atom { length: name.len(), stands_for: Some(*letter), hides: Hides::Never })
}

fn number(rest: &[u8]) -> Option<Atom> {
    let (digits, radix, before) = match rest.split_first()? {
        (b'x' | b'X', digits) => (digits, 16, 3),
        _ => (rest, 10, 2),
    };
    let end = digits.iter().take(DIGITS + 1).position(|byte| *byte == b';').filter(|end| *end > 0)?;
    let number = digits.iter().take(end).try_fold(0_u32, |number, byte| {
        number.checked_mul(radix)?.checked_add(char::from(*byte).to_digit(radix)?)
    })?;
    let letter = char::from_u32(number)?;
    let hides =
        if letter.is_ascii_alphanumeric() || "_-".contains(letter) { Hides::Always } else { Hides::Never };
    Some(Atom { length: before + end + 1, stands_for: Some(letter), hides })
}
