//! Quoted-printable, as mail is kept that says so: `=3D` for `=`, and lines that end in `=` go on in the next one.

use super::{Atom, Decoder, Hides, Language, Reads, two_digits};

pub(super) const DECODER: Decoder = Decoder { name: "quoted", reads: Reads::Atom([b"=", b"3\r\n"], read) };

/// What a line that was broken has in bytes, with its `=`. Source: RFC 2045, section 6.7: at most 76; those who
/// write them break as late as they can, and not inside `=3D`.
const BROKEN: std::ops::RangeInclusive<usize> = 73..=76;

fn read(text: &[u8], offset: usize, language: Language) -> Option<Atom> {
    // Elsewhere it is what base64 ends with.
    if !language.quoted {
        return None;
    }
    let length = match text.get(offset + 1..)? {
        [b'3', b'D', ..] => {
            let letter = two_digits(text, offset + 1).map(char::from);
            return Some(Atom { length: 3, stands_for: letter, hides: Hides::BeforeWord });
        }
        [b'\n', ..] => 2,
        [b'\r', b'\n', ..] => 3,
        _ => return None,
    };
    let before = text.get(offset.saturating_sub(*BROKEN.end())..offset)?;
    let line = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    BROKEN.contains(&line).then_some(Atom { length, stands_for: None, hides: Hides::Always })
}
