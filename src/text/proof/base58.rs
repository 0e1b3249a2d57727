//! Base58, whose only check is that a text of its letters stands for a known number of bytes.

use super::{Outcome, Terms};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The longest text that is read: reading takes time that grows with its square.
const LONGEST: usize = 256;

pub(super) fn judge(text: &[u8], terms: &Terms<'_>) -> Outcome {
    match decode(text) {
        Some(bytes) if terms.length.is_none_or(|length| length == bytes.len()) => Outcome::Holds,
        _ => Outcome::Fails,
    }
}

/// The bytes of `text`; each `1` in front is a zero byte.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    // Least significant byte first.
    let mut bytes: Vec<u8> = Vec::new();
    for letter in text {
        let mut carry = u32::try_from(ALPHABET.iter().position(|known| known == letter)?).ok()?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(u8::try_from(carry).ok()?);
        }
    }
    bytes.extend(text.iter().take_while(|letter| **letter == b'1').map(|_| 0));
    bytes.reverse();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_base58_draft_decode() {
        for (text, bytes) in [
            ("2NEpo7TZRRrLZSi2U", &b"Hello World!"[..]),
            ("11233QC4", &[0, 0, 0x28, 0x7f, 0xb4, 0xcd][..]),
            ("1", &[0][..]),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(decode(b"0OIl"), None);
    }
}
