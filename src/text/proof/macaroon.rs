//! Macaroons in the binary format 2 of libmacaroons.
//!
//! ```text
//! 02 · location? · identifier · 00 · (location? · identifier · verification id? · 00)* · 00 · signature
//! field: type (01 location, 02 identifier, 04 verification id, 06 signature) · length · bytes
//! ```
//!
//! Types and lengths are numbers of seven bits a byte, lowest first. Source: libmacaroons, "doc/format.txt".

use super::{Outcome, Terms};
use crate::text::digits::from_base64;

const END: u64 = 0;
const LOCATION: u64 = 1;
const IDENTIFIER: u64 = 2;
const VERIFICATION: u64 = 4;
const SIGNATURE: u64 = 6;

/// A macaroon taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Macaroon<'a> {
    /// Who takes it.
    pub location: &'a [u8],
    /// The identifiers of its caveats, in order.
    pub caveats: Vec<&'a [u8]>,
}

pub(super) fn judge(text: &[u8], terms: &Terms<'_>) -> Outcome {
    let bytes = from_base64(text);
    let Some(macaroon) = bytes.as_deref().and_then(parse) else { return Outcome::Fails };
    let wanted = terms.holds.is_none_or(|location| macaroon.location == location.as_bytes());
    if wanted { Outcome::Holds } else { Outcome::Differs }
}

/// Reads a whole macaroon; `None` for anything cut, longer or otherwise not one.
pub fn parse(bytes: &[u8]) -> Option<Macaroon<'_>> {
    let mut reader = Reader(bytes.strip_prefix(&[2])?);
    let (location, _) = reader.section()?;
    let mut caveats = Vec::new();
    while reader.0.first() != Some(&0) {
        caveats.push(reader.section()?.1);
    }
    reader.number()?;
    let (SIGNATURE, signature) = reader.field()? else { return None };
    (signature.len() == 32 && reader.0.is_empty()).then_some(Macaroon { location, caveats })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Location (empty when left out) and identifier of one section, its end included.
    fn section(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let mut field = self.field()?;
        let mut location = &[][..];
        if field.0 == LOCATION {
            location = field.1;
            field = self.field()?;
        }
        let (IDENTIFIER, identifier) = field else { return None };
        let mut kind = self.number()?;
        if kind == VERIFICATION {
            self.bytes()?;
            kind = self.number()?;
        }
        (kind == END).then_some((location, identifier))
    }

    fn field(&mut self) -> Option<(u64, &'a [u8])> {
        Some((self.number()?, self.bytes()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for place in 0..5 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}
