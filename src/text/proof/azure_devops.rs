//! Personal access tokens of Azure DevOps in their older form.
//!
//! ```text
//! 52 letters of base32 (a-z2-7) = 32 bytes: data, but for bytes 22, 8, 7 and 2, which hold, least
//! significant first, the CRC-32 of the other 28 exclusive-or a published number for each kind of token
//! ```
//!
//! Source: Microsoft Security Utilities, open source description of this form.

use super::Terms;
use crate::text::digits::{from_base32, to_base32};

/// Where the check bytes stand, least significant first.
const CHECK: [usize; 4] = [22, 8, 7, 2];

/// Puts the check bytes in; the seed is the number in eight hex digits.
pub(super) fn seal(text: &[u8], _: &Terms<'_>, seed: Option<&str>) -> Option<Vec<u8>> {
    let seed = u32::from_str_radix(seed?, 16).ok()?;
    let mut bytes: [u8; 32] = from_base32(&text.to_ascii_uppercase())?.try_into().ok()?;
    let data: Vec<u8> =
        bytes.iter().enumerate().filter(|(at, _)| !CHECK.contains(at)).map(|(_, byte)| *byte).collect();
    let sum = crc32fast::hash(&data) ^ seed;
    for (at, byte) in CHECK.into_iter().zip(sum.to_le_bytes()) {
        *bytes.get_mut(at)? = byte;
    }
    Some(to_base32(&bytes).to_ascii_lowercase())
}
