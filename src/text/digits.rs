//! Check digits: a sum over bytes, written in one of several alphabets.
//!
//! ```text
//! body ──algorithm──> sum ──encoding──> digits, cut or padded to a width
//! hello    crc32    3610a686   base62     0zNvy2
//! ```
//!
//! Stands at the bottom so that policies (to fill examples) and detection (to check) compute the same.

use sha2::{Digest, Sha256};

/// How the sum over the body is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// CRC-32 of zlib and PNG (ISO 3309), most significant byte first.
    Crc32,
    /// The same, least significant byte first.
    Crc32Le,
    /// SHA-256.
    Sha256,
}

/// How the sum is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lower-case hex, cut to the width.
    Hex,
    /// Upper-case hex, cut to the width.
    HexUpper,
    /// The sum as a number with digits `0-9a-z`, padded with `0` on the left.
    Base36,
    /// The sum as a number with digits `0-9A-Za-z`, padded with `0` on the left.
    Base62,
    /// Standard base64, cut to the width.
    Base64,
    /// Base32 of RFC 4648 (`A-Z2-7`), cut to the width.
    Base32,
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

impl Algorithm {
    /// The algorithm of that name in a rule, if it makes check digits.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "crc32" => Some(Self::Crc32),
            "crc32-le" => Some(Self::Crc32Le),
            "sha256" => Some(Self::Sha256),
            _ => None,
        }
    }

    fn sum(self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Crc32 => crc32fast::hash(body).to_be_bytes().to_vec(),
            Self::Crc32Le => crc32fast::hash(body).to_le_bytes().to_vec(),
            Self::Sha256 => Sha256::digest(body).to_vec(),
        }
    }
}

impl Encoding {
    /// The encoding of that name in a rule.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "hex" => Some(Self::Hex),
            "hex-upper" => Some(Self::HexUpper),
            "base36" => Some(Self::Base36),
            "base62" => Some(Self::Base62),
            "base64" => Some(Self::Base64),
            "base32" => Some(Self::Base32),
            _ => None,
        }
    }

    /// A digit of the alphabet, to stand where the digits are not computed yet.
    pub fn filler(self) -> u8 {
        match self {
            Self::Hex | Self::HexUpper | Self::Base36 | Self::Base62 => b'0',
            Self::Base64 | Self::Base32 => b'A',
        }
    }
}

/// The `width` check digits of `body`.
///
/// `None` when the sum has fewer digits than `width` (hex, base32, base64), needs more than `width`
/// (base36, base62), or is no number of at most 64 bits (SHA-256 in base36 or base62).
pub fn digits(algorithm: Algorithm, encoding: Encoding, body: &[u8], width: usize) -> Option<Vec<u8>> {
    let sum = algorithm.sum(body);
    let mut text = match encoding {
        Encoding::Hex => bits(&sum, 4, b"0123456789abcdef"),
        Encoding::HexUpper => bits(&sum, 4, b"0123456789ABCDEF"),
        Encoding::Base32 => bits(&sum, 5, BASE32),
        Encoding::Base64 => bits(&sum, 6, BASE64),
        Encoding::Base36 => return number(&sum, BASE36, width),
        Encoding::Base62 => return number(&sum, BASE62, width),
    };
    if text.len() < width {
        return None;
    }
    text.truncate(width);
    Some(text)
}

/// Decodes base32 of RFC 4648 without padding; leftover bits are dropped.
pub fn from_base32(text: &[u8]) -> Option<Vec<u8>> {
    unbits(text, 5, |byte| BASE32.iter().position(|digit| *digit == byte))
}

/// Decodes base64 of either alphabet; padding and white space are passed over, leftover bits dropped.
pub fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let kept: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let end = kept.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    unbits(kept.get(..end)?, 6, |byte| {
        let standard = match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
        BASE64.iter().position(|digit| *digit == standard)
    })
}

/// Encodes standard base64 without padding.
pub fn to_base64(bytes: &[u8]) -> Vec<u8> {
    bits(bytes, 6, BASE64)
}

fn bits(bytes: &[u8], width: u32, alphabet: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let (mut held, mut count) = (0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        count += 8;
        while count >= width {
            count -= width;
            text.extend(alphabet.get((held >> count) as usize & ((1 << width) - 1)));
        }
        held &= (1 << count) - 1;
    }
    if count > 0 {
        text.extend(alphabet.get((held << (width - count)) as usize & ((1 << width) - 1)));
    }
    text
}

fn unbits(text: &[u8], width: u32, value: impl Fn(u8) -> Option<usize>) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut held, mut count) = (0_u32, 0);
    for digit in text {
        held = (held << width) | u32::try_from(value(*digit)?).ok()?;
        count += width;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(held >> count & 0xff).ok()?);
            held &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

fn number(sum: &[u8], alphabet: &[u8], width: usize) -> Option<Vec<u8>> {
    if sum.len() > 8 {
        return None;
    }
    let mut left = sum.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    let base = alphabet.len() as u64;
    let mut text = Vec::new();
    while left > 0 {
        text.push(*alphabet.get(usize::try_from(left % base).ok()?)?);
        left /= base;
    }
    if text.len() > width {
        return None;
    }
    text.resize(width, b'0');
    text.reverse();
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_vectors_of_hello_hold() {
        for (algorithm, encoding, width, expected) in [
            (Algorithm::Crc32, Encoding::Hex, 8, "3610a686"),
            (Algorithm::Crc32, Encoding::HexUpper, 8, "3610A686"),
            (Algorithm::Crc32Le, Encoding::Hex, 8, "86a61036"),
            (Algorithm::Crc32, Encoding::Base62, 6, "0zNvy2"),
            (Algorithm::Crc32, Encoding::Base36, 7, "0f01gna"),
            (Algorithm::Crc32Le, Encoding::Base64, 6, "hqYQNg"),
            (Algorithm::Sha256, Encoding::Base32, 8, "FTZE3OS7"),
        ] {
            let found = digits(algorithm, encoding, b"hello", width);
            assert_eq!(found.as_deref(), Some(expected.as_bytes()), "{algorithm:?} {encoding:?}");
        }
        assert_eq!(crc32fast::hash(b"hello"), 907_060_870);
    }

    #[test]
    fn a_width_that_cannot_be_met_gives_no_digits() {
        assert_eq!(digits(Algorithm::Crc32, Encoding::Hex, b"hello", 9), None);
        assert_eq!(digits(Algorithm::Crc32, Encoding::Base62, b"hello", 4), None);
        assert_eq!(digits(Algorithm::Sha256, Encoding::Base62, b"hello", 60), None);
    }

    #[test]
    fn base64_of_either_alphabet_decodes() {
        assert_eq!(from_base64(b"aGVsbG8=").as_deref(), Some(&b"hello"[..]));
        assert_eq!(from_base64(b"-_-_"), from_base64(b"+/+/"));
        assert_eq!(from_base64(b"a*b"), None);
        assert_eq!(from_base32(b"NBSWY3DP").as_deref(), Some(&b"hello"[..]));
    }

    proptest! {
        #[test]
        fn base64_reads_back_what_was_written(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes));
        }

        #[test]
        fn no_text_makes_a_decoder_fall_over(text in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = from_base64(&text);
            let _ = from_base32(&text);
        }
    }
}
