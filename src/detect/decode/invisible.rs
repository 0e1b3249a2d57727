//! A character that nobody sees, inside a word: `ghp_` and a zero-width space before the rest.

use super::{Atom, Decoder, Hides, Language, Reads};

/// The first two bytes of the soft hyphen, of the block of zero-width characters and of the byte order mark.
pub(super) const DECODER: Decoder =
    Decoder { name: "invisible", reads: Reads::Atom([b"\xc2\xe2\xef\xf3", b"\xad\x80\x81\xbb\xa0"], read) };

/// Source: Unicode 16.0, the format characters (Cf) that have no width in a word of Latin letters.
fn read(text: &[u8], offset: usize, _: Language) -> Option<Atom> {
    let rest = text.get(offset..)?;
    let length = match rest {
        // U+00AD.
        [0xc2, 0xad, ..] => 2,
        // U+200B to U+200F, U+202A to U+202E, U+2060 to U+206F; U+FEFF.
        [0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae, ..]
        | [0xe2, 0x81, 0xa0..=0xaf, ..]
        | [0xef, 0xbb, 0xbf, ..] => 3,
        // U+E0000 to U+E007F.
        [0xf3, 0xa0, 0x80 | 0x81, _, ..] => 4,
        _ => return None,
    };
    // Between letters of other scripts and beside emoji they have their use.
    let letter = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-./+=".contains(byte) || *byte >= 0x80)
    };
    let is_inside = letter(offset.checked_sub(1).and_then(|at| text.get(at))) && letter(rest.get(length));
    let hides = if is_inside { Hides::Always } else { Hides::Never };
    Some(Atom { length, stands_for: None, hides })
}
