//! A gzip stream, as `gzip | base64` and Helm releases have it.

use super::{Decoder, Reads, Unpacked};
use crate::text::inflate::{End, gunzip};

pub(super) const DECODER: Decoder = Decoder { name: "gzip", reads: Reads::Packed(read) };

/// What is damaged is read as far as it goes.
fn read(bytes: &[u8], limit: usize) -> Option<Unpacked> {
    if !bytes.starts_with(b"\x1f\x8b\x08") {
        return None;
    }
    let inflated = gunzip(bytes, limit);
    (!inflated.bytes.is_empty()).then(|| Unpacked { cut: inflated.end == End::Limit, bytes: inflated.bytes })
}
