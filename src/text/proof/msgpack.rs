//! Macaroons of Fly.io: lists of base64, each a `MessagePack` array.
//!
//! ```text
//! fm2_lJPE...,fm2_lJPE...    [nonce, location, [kind, caveat, kind, caveat, ...], tail]
//! ```
//!
//! Source: the open source of the macaroons of Fly.io, and the `MessagePack` specification.

use super::{Outcome, Terms};
use crate::text::digits::from_base64;

/// The kind of caveat that holds `[not before, not after]` in seconds.
const VALIDITY: i64 = 4;

/// How deep arrays may nest.
const DEPTH: usize = 16;

pub(super) fn judge(text: &[u8], _: &Terms<'_>) -> Outcome {
    if tokens(text).next().is_some() && tokens(text).all(|token| token.is_some()) {
        Outcome::Holds
    } else {
        Outcome::Fails
    }
}

/// When the last of the macaroons in `text` ends, in seconds since 1970; `None` when one of them never does.
///
/// Beside a permission stand discharges of minutes, which are asked for anew: they say nothing of its life.
pub fn ends(text: &[u8]) -> Option<i64> {
    let ends: Option<Vec<i64>> = tokens(text).map(|token| token?.0).collect();
    ends?.into_iter().max()
}

/// For each macaroon of the list its end; `None` for what is no macaroon. Tokens of the older
/// `fo1_` kind stand beside them and are not looked into.
fn tokens(text: &[u8]) -> impl Iterator<Item = Option<End>> {
    let list = text.split(|byte| *byte == b',').filter(|one| !one.starts_with(b"fo1_"));
    list.map(|one| {
        let at = one.iter().position(|byte| *byte == b'_')? + 1;
        macaroon(&from_base64(one.get(at..)?)?)
    })
}

/// When a macaroon ends, in seconds since 1970, if it ever does.
struct End(Option<i64>);

/// The end of a macaroon; `None` for what is none.
fn macaroon(bytes: &[u8]) -> Option<End> {
    let mut reader = Reader(bytes);
    let (Value::Array(4), Value::Array(nonce @ 2..=3)) = (reader.head()?, reader.head()?) else {
        return None;
    };
    for _ in 0..nonce {
        reader.skip(0)?;
    }
    let (Value::Bytes, Value::Array(parts)) = (reader.head()?, reader.head()?) else { return None };
    let mut end: Option<i64> = None;
    for _ in 0..parts / 2 {
        let Value::Number(kind) = reader.head()? else { return None };
        if kind == VALIDITY {
            let (Value::Array(2), Value::Number(_), Value::Number(last)) =
                (reader.head()?, reader.head()?, reader.head()?)
            else {
                return None;
            };
            end = Some(end.map_or(last, |known| known.min(last)));
        } else {
            reader.skip(0)?;
        }
    }
    let Value::Bytes = reader.head()? else { return None };
    (parts % 2 == 0 && reader.0.is_empty()).then_some(End(end))
}

/// The head of a value, behind which the reader stands; the bytes of texts are passed over with it.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Number(i64),
    Bytes,
    Array(u64),
    Map(u64),
    Other,
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn head(&mut self) -> Option<Value> {
        let first = u64::from_be_bytes([0, 0, 0, 0, 0, 0, 0, self.take::<1>()?[0]]);
        Some(match first {
            0x00..=0x7f => Value::Number(i64::try_from(first).ok()?),
            0x80..=0x8f => Value::Map(first & 0x0f),
            0x90..=0x9f => Value::Array(first & 0x0f),
            0xa0..=0xbf => self.bytes(first & 0x1f)?,
            0xc0 | 0xc2 | 0xc3 => Value::Other,
            0xc4 | 0xd9 => self.sized(1)?,
            0xc5 | 0xda => self.sized(2)?,
            0xc6 | 0xdb => self.sized(4)?,
            0xca | 0xcb => self.other(4 << (first - 0xca))?,
            0xcc..=0xcf => Value::Number(i64::try_from(self.number(1 << (first - 0xcc))?).ok()?),
            0xd0..=0xd3 => {
                let width = 1_u32 << (first - 0xd0);
                let unused = 64 - 8 * width;
                let bits = self.number(width)? << unused;
                Value::Number(bits.cast_signed() >> unused)
            }
            0xdc => Value::Array(self.number(2)?),
            0xdd => Value::Array(self.number(4)?),
            0xde => Value::Map(self.number(2)?),
            0xdf => Value::Map(self.number(4)?),
            0xe0..=0xff => Value::Number(i64::try_from(first).ok()? - 256),
            // Extensions: not used by these tokens.
            _ => return None,
        })
    }

    /// Passes over one value with all it holds.
    fn skip(&mut self, depth: usize) -> Option<()> {
        let held = match self.head()? {
            Value::Array(count) => count,
            Value::Map(count) => count.checked_mul(2)?,
            _ => 0,
        };
        if depth == DEPTH {
            return None;
        }
        for _ in 0..held {
            self.skip(depth + 1)?;
        }
        Some(())
    }

    fn sized(&mut self, width: u32) -> Option<Value> {
        let length = self.number(width)?;
        self.bytes(length)
    }

    fn bytes(&mut self, length: u64) -> Option<Value> {
        self.0 = self.0.get(usize::try_from(length).ok()?..)?;
        Some(Value::Bytes)
    }

    fn other(&mut self, length: u64) -> Option<Value> {
        self.bytes(length).map(|_| Value::Other)
    }

    fn number(&mut self, width: u32) -> Option<u64> {
        (0..width).try_fold(0_u64, |value, _| Some(value << 8 | u64::from(self.take::<1>()?[0])))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }
}
