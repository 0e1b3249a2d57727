//! Secret keys of OpenPGP: packets, of which the first is the key.
//!
//! ```text
//! tag 5 · length · version · created (4) · algorithm · public numbers · 00 open, else protected · ...
//! tag 2 signature: hashed part with (length · 9 · seconds the key lives after it was made)
//! ```
//!
//! Source: RFC 9580, sections 4.2 (packets), 5.2.3 (signatures), 5.5 (keys), 6 (armour and its CRC-24).

use super::pem::Protection;

/// A secret key, without its numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct SecretKey {
    /// Whether a passphrase stands before its use.
    pub protection: Protection,
    /// Seconds since 1970 when it was made.
    pub created: u32,
    /// Seconds it lives from then on, where a signature of its owner says so.
    pub lives: Option<u32>,
}

const SIGNATURE: u8 = 2;
const SECRET_KEY: u8 = 5;
const KEY_EXPIRATION: u8 = 9;

/// Reads the packets of an armoured block; `None` when the first is no secret key or a length leads outside.
pub fn parse(bytes: &[u8]) -> Option<SecretKey> {
    let (SECRET_KEY, body, mut rest) = packet(bytes)? else { return None };
    let mut key = secret_key(body)?;
    while !rest.is_empty() {
        let (tag, body, behind) = packet(rest)?;
        if tag == SIGNATURE && key.lives.is_none() {
            key.lives = expiration(body);
        }
        rest = behind;
    }
    Some(key)
}

/// CRC-24 of the armour.
pub fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x00b7_04ce, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 16, |sum, _| {
            let shifted = sum << 1;
            (if shifted & 0x0100_0000 == 0 { shifted } else { shifted ^ 0x0186_4cfb }) & 0x00ff_ffff
        })
    })
}

/// Tag, body and what follows.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (tag, width) = match first {
        0xc0..=0xff => {
            let (length, rest) = new_length(rest)?;
            let (body, rest) = rest.split_at_checked(length)?;
            return Some((first & 0x3f, body, rest));
        }
        0x80..=0xbf => (first >> 2 & 0x0f, 1_usize << (first & 3)),
        _ => return None,
    };
    // A packet of no stated length, which no key is.
    if width == 8 {
        return None;
    }
    let (length, rest) = rest.split_at_checked(width)?;
    let (body, rest) = rest.split_at_checked(number(length))?;
    Some((tag, body, rest))
}

fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [short @ 0..=191, rest @ ..] => Some((usize::from(*short), rest)),
        [high @ 192..=223, low, rest @ ..] => {
            Some(((usize::from(*high) - 192) * 256 + usize::from(*low) + 192, rest))
        }
        [255, rest @ ..] => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            Some((usize::try_from(u32::from_be_bytes(*length)).ok()?, rest))
        }
        _ => None,
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

fn secret_key(body: &[u8]) -> Option<SecretKey> {
    let [version, rest @ ..] = body else { return None };
    let (created, rest) = rest.split_first_chunk::<4>()?;
    let [algorithm, rest @ ..] = rest else { return None };
    let rest = match version {
        4 => public_part(*algorithm, rest)?,
        // Since version 6 the public part says how long it is.
        6 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            rest.get(usize::try_from(u32::from_be_bytes(*length)).ok()?..)?
        }
        _ => return None,
    };
    let (usage, secret) = rest.split_first()?;
    let protection = if *usage == 0 { Protection::Plain } else { Protection::Encrypted };
    (secret.len() >= 16).then_some(SecretKey {
        protection,
        created: u32::from_be_bytes(*created),
        lives: None,
    })
}

/// What follows the public numbers of a key of `algorithm`.
fn public_part(algorithm: u8, bytes: &[u8]) -> Option<&[u8]> {
    let numbers = |count: usize, bytes| (0..count).try_fold(bytes, |bytes, _| after_number(bytes));
    match algorithm {
        1..=3 => numbers(2, bytes),
        16 => numbers(3, bytes),
        17 => numbers(4, bytes),
        19 | 22 => numbers(1, after_short(bytes)?),
        18 => after_short(numbers(1, after_short(bytes)?)?),
        25 | 27 => bytes.get(32..),
        26 => bytes.get(56..),
        28 => bytes.get(57..),
        _ => None,
    }
}

/// What follows a number behind its length in bits.
fn after_number(bytes: &[u8]) -> Option<&[u8]> {
    let (bits, rest) = bytes.split_first_chunk::<2>()?;
    rest.get(usize::from(u16::from_be_bytes(*bits)).div_ceil(8)..)
}

/// What follows some bytes behind their count in one byte.
fn after_short(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first()?;
    rest.get(usize::from(*length)..)
}

/// The life of the key in the hashed part of a version 4 signature.
fn expiration(signature: &[u8]) -> Option<u32> {
    let [4, _, _, _, rest @ ..] = signature else { return None };
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let mut parts = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    while !parts.is_empty() {
        let (length, rest) = new_length(parts)?;
        let (part, behind) = rest.split_at_checked(length)?;
        // The highest bit says that the part must be understood.
        if let [kind, seconds @ ..] = part
            && kind & 0x7f == KEY_EXPIRATION
        {
            return Some(u32::from_be_bytes(seconds.try_into().ok()?));
        }
        parts = behind;
    }
    None
}
