//! Certificates, which say themselves until when they are taken.

use super::{Said, Seen};
use crate::text::digits::from_base64;
use crate::text::proof::{der, openssh, pem};
use crate::text::time::Timestamp;

/// The life of the first X.509 certificate in what matched, in PEM or in base64 of PEM.
pub(super) fn x509(seen: Seen<'_>) -> Option<Said> {
    let (_, end) = validity(seen.around).or_else(|| validity(&encoded(seen.around)?))?;
    Some(Said { facts: Vec::new(), ends: Some(end) })
}

fn validity(text: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let block = pem::block(text).filter(|block| block.label.ends_with("CERTIFICATE"))?;
    der::validity(&block.bytes)
}

/// The first run of base64 that begins like `-----BEGIN `.
fn encoded(text: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &[u8] = b"LS0tLS1CRUdJTi";
    let start = text.windows(BEGIN.len()).position(|window| window == BEGIN)?;
    let letter = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let run: Vec<u8> = text.get(start..)?.iter().take_while(letter).copied().collect();
    from_base64(&run)
}

/// The end of an SSH certificate.
pub(super) fn ssh(seen: Seen<'_>) -> Option<Said> {
    let base64 = seen.secret.split(u8::is_ascii_whitespace).find(|part| part.starts_with(b"AAAA"))?;
    let end = openssh::valid_before(&from_base64(base64)?)?;
    match i64::try_from(end).ok().filter(|end| *end < 253_402_300_800) {
        Some(end) => Some(Said { facts: Vec::new(), ends: Some(Timestamp::from_seconds(end)) }),
        None => Said::of(["expires never".to_owned()]),
    }
}
