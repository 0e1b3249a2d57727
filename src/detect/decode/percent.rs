//! `%67`: a byte of a URL, as two hex digits.

use super::{Atom, Decoder, Hides, Language, Reads, two_digits};

pub(super) const DECODER: Decoder =
    Decoder { name: "percent", reads: Reads::Atom([b"%", b"01234567"], read) };

/// Source: RFC 3986, section 2.1. A byte above ASCII is left alone: no secret format has one.
fn read(text: &[u8], offset: usize, _: Language) -> Option<Atom> {
    let byte = two_digits(text, offset + 1).filter(u8::is_ascii)?;
    let hides =
        if byte.is_ascii_alphanumeric() || b"_-".contains(&byte) { Hides::Always } else { Hides::BeforeWord };
    Some(Atom { length: 3, stands_for: Some(char::from(byte)), hides })
}
