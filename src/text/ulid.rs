//! Ids that sort by time: 26 characters of Crockford base 32, 48 bits of time and 80 of chance.
//!
//! Source: the ULID specification, "Binary Layout and Byte Order".

use super::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The id of `now` and ten random bytes.
pub fn ulid(now: Timestamp, chance: [u8; 10]) -> String {
    let time = u128::from(now.0.unsigned_abs()) & 0xffff_ffff_ffff;
    let number = chance.iter().fold(time, |number, byte| (number << 8) | u128::from(*byte));
    (0..26_u32)
        .rev()
        .map(|place| {
            let digit = usize::try_from((number >> (5 * place)) & 31).unwrap_or_default();
            char::from(ALPHABET.get(digit).copied().unwrap_or(b'0'))
        })
        .collect()
}

/// Whether `text` is such an id, in upper case, not larger than 128 bits.
pub fn is_ulid(text: &str) -> bool {
    text.len() == 26
        && text.bytes().all(|byte| ALPHABET.contains(&byte))
        && text.starts_with(|first| ('0'..='7').contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_are_recognised() {
        let early = ulid(Timestamp(1_000), [255; 10]);
        let late = ulid(Timestamp(1_001), [0; 10]);
        assert!(early < late && is_ulid(&early) && is_ulid(&late));
        assert_eq!(ulid(Timestamp(0), [0; 10]), "0".repeat(26));
        assert!(!is_ulid("8ZZZZZZZZZZZZZZZZZZZZZZZZZ") && !is_ulid("01jdq4"));
    }
}
