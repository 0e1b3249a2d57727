//! Bech32: a name, a `1`, digits of five bits, and six check digits over all of it.
//!
//! ```text
//! AGE-SECRET-KEY-1 GQ9778VQXM... 6 check digits      all upper or all lower case
//! ```
//!
//! Source: BIP 173. Its limit of 90 characters is not kept here: age does not keep it either.

use super::Terms;

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// The generator, one entry for each bit that leaves the register.
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];

/// How many check digits there are.
const CHECK: usize = 6;

/// Puts the check digits at the end.
pub(super) fn seal(text: &[u8], _: &Terms<'_>, _: Option<&str>) -> Option<Vec<u8>> {
    let upper = !text.iter().any(u8::is_ascii_lowercase);
    if !upper && text.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let digits = text.iter().rposition(|byte| *byte == b'1')? + 1;
    let body = text.get(..text.len().checked_sub(CHECK)?)?;
    let name = body.get(..digits.checked_sub(1)?).filter(|name| !name.is_empty())?;
    let mut values: Vec<u8> = name.iter().map(|byte| byte >> 5).collect();
    values.push(0);
    values.extend(name.iter().map(|byte| byte & 31));
    for digit in body.get(digits..)? {
        values.push(u8::try_from(ALPHABET.iter().position(|known| known == digit)?).ok()?);
    }
    values.extend([0; CHECK]);
    let sum = polymod(&values) ^ 1;
    let check = (0..CHECK).rev().filter_map(|at| ALPHABET.get((sum >> (5 * at)) as usize & 31));
    let sealed: Vec<u8> = body.iter().chain(check).copied().collect();
    Some(if upper { sealed.to_ascii_uppercase() } else { sealed })
}

fn polymod(values: &[u8]) -> u32 {
    values.iter().fold(1, |sum, value| {
        let shifted = (sum & 0x01ff_ffff) << 5 ^ u32::from(*value);
        let top = sum >> 25;
        let taps = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        taps.fold(shifted, |sum, (_, tap)| sum ^ tap)
    })
}
