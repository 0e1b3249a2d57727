//! `Z2hwXw==`, of either alphabet, padded or not.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Decoder, Reads};

pub(super) const DECODER: Decoder = Decoder { name: "base64", reads: Reads::Run(read) };

/// Source: RFC 4648, sections 4 and 5. Bits left over behind the last byte are dropped, as careless encoders do.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn read(run: &[u8]) -> Option<Vec<u8>> {
    let end = run.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    // One letter too many holds no byte.
    let letters = run.get(..end - usize::from(end % 4 == 1))?;
    let hex = letters.iter().all(u8::is_ascii_hexdigit);
    if hex || letters.is_empty() {
        return None;
    }
    LENIENT.decode(standard(letters)).ok()
}

/// The letters of the URL alphabet as those of the standard one.
fn standard(letters: &[u8]) -> Cow<'_, [u8]> {
    if !letters.iter().any(|byte| b"-_".contains(byte)) {
        return Cow::Borrowed(letters);
    }
    let translated = letters.iter().map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    });
    Cow::Owned(translated.collect())
}
