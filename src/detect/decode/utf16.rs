//! `g·h·p·_·`: text in UTF-16 or UTF-32, as `powershell -EncodedCommand` has it.

use std::borrow::Cow;

use super::{Decoder, Reads, Unpacked};
use crate::text::encoding::to_scan;

pub(super) const DECODER: Decoder = Decoder { name: "utf16", reads: Reads::Packed(read) };

fn read(bytes: &[u8], _: usize) -> Option<Unpacked> {
    memchr::memchr(0, bytes)?;
    match to_scan(bytes) {
        Cow::Owned(text) => Some(Unpacked { bytes: text, cut: false }),
        Cow::Borrowed(_) => None,
    }
}
