//! A zlib stream, as `zlib.compress` and Git objects have it.

use super::{Decoder, Reads, Unpacked};
use crate::text::inflate::{End, Wrapper, inflate};

pub(super) const DECODER: Decoder = Decoder { name: "zlib", reads: Reads::Packed(read) };

/// Source: RFC 1950, section 2.2: method 8, and the first two bytes a multiple of 31.
fn read(bytes: &[u8], limit: usize) -> Option<Unpacked> {
    let [0x78, flags, ..] = bytes else { return None };
    if !(0x7800_u16 + u16::from(*flags)).is_multiple_of(31) {
        return None;
    }
    let inflated = inflate(Wrapper::Zlib, bytes, limit);
    (inflated.end != End::Broken && !inflated.bytes.is_empty())
        .then(|| Unpacked { cut: inflated.end == End::Limit, bytes: inflated.bytes })
}
