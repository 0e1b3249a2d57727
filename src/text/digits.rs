//! Sums written in one of several alphabets, and the alphabets themselves.
//!
//! ```text
//! body ──construction──> sum ──encoding──> digits, cut or padded to a width
//! hello    crc32       3610a686   base62     0zNvy2
//! ```
//!
//! Stands at the bottom so that policies (to fill examples) and detection (to check) compute the same.

/// How a sum is written.
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
    /// The same without leading zeros (a zero byte in front is one `0`), padded with `0` on the right to six
    /// digits and cut to the width: how common annotated keys of Azure write it.
    Base62Left,
    /// The sum as a number with the 66 unreserved characters of a URL (`a-zA-Z1-90.-_~`), padded with `a` on the
    /// left to six digits and cut to the width: how Entra writes it.
    Base66,
    /// Standard base64, cut to the width.
    Base64,
    /// Base32 of RFC 4648 (`A-Z2-7`), cut to the width.
    Base32,
}

const BASE66: &[u8; 66] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Every encoding by the name a rule gives it.
pub const ENCODINGS: [(&str, Encoding); 8] = [
    ("hex", Encoding::Hex),
    ("hex-upper", Encoding::HexUpper),
    ("base36", Encoding::Base36),
    ("base62", Encoding::Base62),
    ("base62-left", Encoding::Base62Left),
    ("base66", Encoding::Base66),
    ("base64", Encoding::Base64),
    ("base32", Encoding::Base32),
];

/// Digits that [`Encoding::Base62Left`] and [`Encoding::Base66`] have before they are cut.
const SIX: usize = 6;

impl Encoding {
    /// The encoding of that name in a rule.
    pub fn named(name: &str) -> Option<Self> {
        ENCODINGS.iter().find(|(known, _)| *known == name).map(|(_, encoding)| *encoding)
    }

    /// A digit of the alphabet, to stand where the digits are not computed yet.
    pub fn filler(self) -> u8 {
        match self {
            Self::Hex | Self::HexUpper | Self::Base36 | Self::Base62 | Self::Base62Left => b'0',
            Self::Base64 | Self::Base32 => b'A',
            Self::Base66 => b'a',
        }
    }

    /// `sum` in `width` digits.
    ///
    /// `None` when it has fewer digits than `width` (hex, base32, base64), needs more than `width` (base36,
    /// base62), or is no number of at most 64 bits (where numbers are written).
    pub fn write(self, sum: &[u8], width: usize) -> Option<Vec<u8>> {
        let mut text = match self {
            Self::Hex => bits(sum, 4, b"0123456789abcdef"),
            Self::HexUpper => bits(sum, 4, b"0123456789ABCDEF"),
            Self::Base32 => bits(sum, 5, BASE32),
            Self::Base64 => bits(sum, 6, BASE64),
            Self::Base36 => return padded(number(sum, BASE36)?, b'0', width),
            Self::Base62 => return padded(number(sum, BASE62)?, b'0', width),
            Self::Base66 => padded(number(sum, BASE66)?, b'a', SIX)?,
            Self::Base62Left => {
                let zeros =
                    sum.iter().take(sum.len().saturating_sub(1)).take_while(|byte| **byte == 0).count();
                let mut digits = vec![b'0'; zeros];
                digits.extend(if sum.iter().all(|byte| *byte == 0) {
                    vec![b'0']
                } else {
                    number(sum, BASE62)?
                });
                digits.resize(digits.len().max(SIX), b'0');
                digits
            }
        };
        if text.len() < width {
            return None;
        }
        text.truncate(width);
        Some(text)
    }
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

/// Encodes base64 of the alphabet for URLs, without padding.
pub fn to_base64_url(bytes: &[u8]) -> Vec<u8> {
    bits(bytes, 6, BASE64_URL)
}

/// Encodes base32 of RFC 4648 without padding.
pub fn to_base32(bytes: &[u8]) -> Vec<u8> {
    bits(bytes, 5, BASE32)
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

/// The big-endian number `sum` without leading zeros; empty for zero, `None` above 64 bits.
fn number(sum: &[u8], alphabet: &[u8]) -> Option<Vec<u8>> {
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
    text.reverse();
    Some(text)
}

/// `digits` with `zero` in front, up to `width`; `None` when there are more.
fn padded(digits: Vec<u8>, zero: u8, width: usize) -> Option<Vec<u8>> {
    let missing = width.checked_sub(digits.len())?;
    Some([vec![zero; missing], digits].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_width_that_cannot_be_met_gives_no_digits() {
        let sum = 907_060_870_u32.to_be_bytes();
        assert_eq!(Encoding::Hex.write(&sum, 9), None);
        assert_eq!(Encoding::Base62.write(&sum, 4), None);
        assert_eq!(Encoding::Base62.write(&[1; 32], 60), None);
        assert_eq!(Encoding::Base66.write(&sum, 7), None);
    }

    #[test]
    fn numbers_are_padded_on_the_side_their_format_says() {
        for (encoding, sum, width, expected) in [
            (Encoding::Base62, [0, 0, 0, 61], 3, "00z"),
            (Encoding::Base36, [0, 0, 0, 35], 3, "00z"),
            (Encoding::Base66, [0, 0, 0, 65], 6, "aaaaa~"),
            (Encoding::Base66, [0, 0, 0, 65], 3, "aaa"),
            (Encoding::Base62Left, [0, 0, 0, 61], 6, "000z00"),
            (Encoding::Base62Left, [0, 0, 0, 0], 6, "000000"),
            (Encoding::Base62Left, [0, 0, 1, 0], 4, "0048"),
            (Encoding::Base62Left, [255, 255, 255, 255], 6, "4gfFC3"),
            (Encoding::Base62Left, [255, 255, 255, 255], 4, "4gfF"),
        ] {
            let found = encoding.write(&sum, width);
            assert_eq!(found.as_deref(), Some(expected.as_bytes()), "{encoding:?} {sum:?}");
        }
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
        fn every_base_reads_back_what_it_wrote(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_base64(&to_base64_url(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_base32(&to_base32(&bytes)), Some(bytes));
        }

        #[test]
        fn digits_have_the_width_asked_for(sum in prop::collection::vec(any::<u8>(), 0..12), width in 0..12_usize) {
            for (name, encoding) in ENCODINGS {
                let digits = encoding.write(&sum, width);
                prop_assert!(digits.is_none_or(|digits| digits.len() == width), "{}", name);
            }
        }

        #[test]
        fn no_text_makes_a_decoder_fall_over(text in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = from_base64(&text);
            let _ = from_base32(&text);
        }
    }
}
