//! The one hash for everything that is named, signed or kept, its hex and its domain prefixes; and a quicker one for
//! contents that are read.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// BLAKE3 of a content that was read. Only the list of all of them is told, by its SHA-256: on a machine whose
/// processor has no instructions for SHA-256, that alone took a seventh of a scan.
pub fn content(bytes: &[u8]) -> [u8; 32] {
    blake3::hash(bytes).into()
}

/// SHA-256 over `domain` and the length-prefixed `parts`, so that no two lists of parts collide.
pub fn sha256_parts(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    sha256(&framed(domain, parts))
}

/// HMAC-SHA-256 under `key` over the same bytes as [`sha256_parts`].
pub fn hmac_parts(key: &[u8], domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    // INVARIANT: HMAC takes a key of any length, so the error of `new_from_slice` cannot occur.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(&framed(domain, parts));
    mac.finalize().into_bytes().into()
}

/// `sha256:<hex>`, the form of every digest in records and documents.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&sha256(bytes)))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

/// Reads hex of either case; `None` for an odd length or another character.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).ok()).collect()
}

fn framed(domain: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = domain.as_bytes().to_vec();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_published_one() {
        assert_eq!(digest(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn parts_cannot_slide_into_each_other() {
        assert_ne!(sha256_parts("d", &[b"ab", b"c"]), sha256_parts("d", &[b"a", b"bc"]));
    }

    #[test]
    fn hex_reads_back() {
        assert_eq!(unhex(&hex(&[0, 127, 255])), Some(vec![0, 127, 255]));
        assert_eq!(unhex("abc"), None);
        assert_eq!(unhex("zz"), None);
    }
}
