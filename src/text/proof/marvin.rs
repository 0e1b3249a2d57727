//! Marvin32, a keyed sum that Azure builds into its keys, each service from a published seed of its own.
//!
//! ```text
//! digits   Entra:   body · 3 digits               base66 of the sum over the text in front
//!          common annotated: 80 letters · 4       base62 of the sum over the bytes they stand for
//! seal     base64 of (bytes · service mark · 4 bytes)    the last four are the sum, least significant first
//! ```
//!
//! Source: Microsoft SymCrypt, "Marvin32" (mixing and vectors); Microsoft Security Utilities, open source
//! description of identifiable keys (seeds, and where the sum stands).

use super::Terms;
use crate::text::digits::{from_base64, to_base64, to_base64_url};

/// How far each half is turned in one round, in order.
const TURNS: [u32; 4] = [20, 9, 27, 19];

/// Both halves of the state after `bytes`, low half first.
fn state(bytes: &[u8], seed: u64) -> [u32; 2] {
    let mut halves = [low_half(seed), low_half(seed >> 32)];
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        halves = mixed(halves, u32::from_le_bytes(*word));
    }
    // What is left of the last word, least significant first, with a single bit behind it.
    let last = rest.iter().rev().fold(0x80_u32, |word, byte| (word << 8) | u32::from(*byte));
    mixed(mixed(halves, last), 0)
}

fn low_half(seed: u64) -> u32 {
    let [.., first, second, third, fourth] = seed.to_be_bytes();
    u32::from_be_bytes([first, second, third, fourth])
}

fn mixed([low, high]: [u32; 2], word: u32) -> [u32; 2] {
    let [first, second, third, fourth] = TURNS;
    let low = low.wrapping_add(word);
    let high = high ^ low;
    let low = low.rotate_left(first).wrapping_add(high);
    let high = high.rotate_left(second) ^ low;
    let low = low.rotate_left(third).wrapping_add(high);
    [low, high.rotate_left(fourth)]
}

fn marvin32(bytes: &[u8], seed: Option<&str>) -> Option<u32> {
    let seed: [u8; 8] = seed?.as_bytes().try_into().ok()?;
    let [low, high] = state(bytes, u64::from_be_bytes(seed));
    Some(low ^ high)
}

/// The sum as a number; the seed is eight characters of ASCII.
pub(super) fn sum(body: &[u8], seed: Option<&str>) -> Option<Vec<u8>> {
    Some(marvin32(body, seed)?.to_be_bytes().to_vec())
}

/// The same, least significant byte first.
pub(super) fn sum_le(body: &[u8], seed: Option<&str>) -> Option<Vec<u8>> {
    Some(marvin32(body, seed)?.to_le_bytes().to_vec())
}

/// Sets the last four bytes of a base64 block to the sum of those before.
///
/// `decode: base64-url` has the alphabet for URLs; `decode: base64-plain` is a service that writes the sum with `P`
/// for `+` and `F` for `/`.
pub(super) fn seal(text: &[u8], terms: &Terms<'_>, seed: Option<&str>) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    let (letters, padding) = text.split_at_checked(end)?;
    let mut bytes = from_base64(letters)?;
    let check = bytes.len().checked_sub(4)?;
    let sum = marvin32(bytes.get(..check)?, seed)?;
    bytes.truncate(check);
    bytes.extend(sum.to_le_bytes());
    let mut sealed = match terms.decode {
        Some("base64-url") => to_base64_url(&bytes),
        _ => to_base64(&bytes),
    };
    if terms.decode == Some("base64-plain") {
        for letter in sealed.iter_mut().skip(check * 4 / 3) {
            *letter = match *letter {
                b'+' => b'P',
                b'/' => b'F',
                other => other,
            };
        }
    }
    Some([&sealed, padding].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_symcrypt_and_a_second_implementation_hold() {
        for (seed, text, expected) in [
            (0xd53c_d9ce_cd08_93b7, "abc", 0x22c7_4339_4927_69bf),
            (0x0ddd_deee_efff_f000, "abcdefghijklmnopqrstuvwxyz", 0xa128_eb7e_7260_aca2),
            (0x004f_b61a_001b_dbcc, "", 0x30ed_35c1_00cd_3c7d_u64),
        ] {
            let [low, high] = state(text.as_bytes(), seed);
            assert_eq!(u64::from(high) << 32 | u64::from(low), expected, "{text}");
        }
    }

    #[test]
    fn a_seed_has_eight_characters() {
        assert!(sum(b"x", Some("Default0")).is_some());
        assert!(sum(b"x", Some("Default")).is_none() && sum(b"x", None).is_none());
    }
}
