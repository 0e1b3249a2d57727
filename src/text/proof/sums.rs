//! Sums over bytes, from no seed.

use sha2::{Digest, Sha256};

/// CRC-32 of zlib and PNG (ISO 3309), most significant byte first.
pub fn crc32(body: &[u8]) -> [u8; 4] {
    crc32fast::hash(body).to_be_bytes()
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all sums")]
pub(super) fn crc32_of(body: &[u8], _: Option<&str>) -> Option<Vec<u8>> {
    Some(crc32(body).to_vec())
}

/// The same, least significant byte first.
#[expect(clippy::unnecessary_wraps, reason = "one shape for all sums")]
pub(super) fn crc32_le(body: &[u8], _: Option<&str>) -> Option<Vec<u8>> {
    Some(crc32fast::hash(body).to_le_bytes().to_vec())
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all sums")]
pub(super) fn sha256(body: &[u8], _: Option<&str>) -> Option<Vec<u8>> {
    Some(Sha256::digest(body).to_vec())
}
