//! `6768705f`: text as pairs of hex digits, with or without `0x` before it.

use super::{Decoder, Reads, two_digits};

pub(super) const DECODER: Decoder = Decoder { name: "hex", reads: Reads::Run(read) };

/// The fewest digits: 16 bytes. Shorter runs are numbers and colours.
const LEAST: usize = 32;

fn read(run: &[u8]) -> Option<Vec<u8>> {
    let digits = run.strip_prefix(b"0x").or_else(|| run.strip_prefix(b"0X")).unwrap_or(run);
    if digits.len() < LEAST || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| two_digits(digits, at)).collect()
}
