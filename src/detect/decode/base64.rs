//! `Z2hwXw==`, of either alphabet, padded or not.

use super::{Decoder, Reads};

pub(super) const DECODER: Decoder = Decoder { name: "base64", reads: Reads::Run(read) };

/// Source: RFC 4648, sections 4 and 5. Bits left over behind the last byte are dropped, as careless encoders do.
fn read(run: &[u8]) -> Option<Vec<u8>> {
    let end = run.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    // One letter too many holds no byte.
    let letters = run.get(..end - usize::from(end % 4 == 1))?;
    let hex = letters.iter().all(u8::is_ascii_hexdigit);
    if hex || letters.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3 + 2);
    for group in letters.chunks(4) {
        let mut bits = 0;
        for letter in group {
            bits = bits << 6 | number(*letter)?;
        }
        let [_, first, second, third] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        bytes.extend_from_slice([first, second, third].get(..group.len() - 1)?);
    }
    Some(bytes)
}

/// What a letter of either alphabet counts.
fn number(letter: u8) -> Option<u32> {
    const NUMBERS: [u8; 256] = numbers();
    let number = NUMBERS.get(usize::from(letter)).copied().filter(|number| *number != NONE);
    number.map(u32::from)
}

/// Stands for what is no letter.
const NONE: u8 = u8::MAX;

#[expect(clippy::indexing_slicing, reason = "it makes a constant, so what lies outside does not compile")]
const fn numbers() -> [u8; 256] {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut numbers = [NONE; 256];
    let mut number = 0;
    while number < 64 {
        numbers[letters[number as usize] as usize] = number;
        number += 1;
    }
    numbers[b'-' as usize] = 62;
    numbers[b'_' as usize] = 63;
    numbers
}
