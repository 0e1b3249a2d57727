//! DER, as far as a key or a certificate shows it: elements that fill what holds them, to the byte.
//!
//! ```text
//! tag · length · contents      30 82 04 a4 ...     SEQUENCE of 1188 bytes
//! ```
//!
//! Source: ITU-T X.690; RFC 8017 appendix A.1.2, RFC 5915, RFC 5958 (keys); RFC 5280, section 4.1 (certificates).

use super::pem::Protection;
use crate::text::time::Timestamp;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const EXPLICIT: u8 = 0xa0;

/// One element.
#[derive(Debug, Clone, Copy)]
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
}

/// Whether `bytes` are a private key, and if so whether it is encrypted.
///
/// A version in front is a key (a PKCS #1 or DSA list of numbers, an EC key, PKCS #8); an algorithm in front and one
/// block of bytes behind is an encrypted PKCS #8.
pub fn key(bytes: &[u8]) -> Option<Protection> {
    let parts = list(whole(bytes, SEQUENCE)?)?;
    match parts.as_slice() {
        [first, second, ..] if first.tag == INTEGER => {
            let version = matches!(first.contents, [0 | 1]);
            let size: usize = parts.iter().map(|part| part.contents.len()).sum();
            (version && size >= 32 && !second.contents.is_empty()).then_some(Protection::Plain)
        }
        [algorithm, data] if algorithm.tag == SEQUENCE && data.tag == OCTETS => {
            list(algorithm.contents)?;
            (data.contents.len() >= 32).then_some(Protection::Encrypted)
        }
        _ => None,
    }
}

/// From when to when a certificate is valid.
pub fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let signed = list(whole(certificate, SEQUENCE)?)?;
    let parts = list(signed.first().filter(|part| part.tag == SEQUENCE)?.contents)?;
    // Behind an optional version: serial number, algorithm, issuer, then the validity.
    let version = usize::from(parts.first()?.tag == EXPLICIT);
    let validity = list(parts.get(version + 3)?.contents)?;
    match validity.as_slice() {
        [start, end] => Some((time(*start)?, time(*end)?)),
        _ => None,
    }
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The common name of whom it speaks for; empty where it has none.
    pub subject: String,
    /// The common name of who signed it.
    pub issuer: String,
    /// From when it is valid.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// Whether it may sign other certificates.
    pub authority: bool,
}

/// Reads the certificate that `bytes` are; its signature is not judged.
pub fn certificate(bytes: &[u8]) -> Option<Certificate> {
    let (start, end) = validity(bytes)?;
    let signed = list(whole(bytes, SEQUENCE)?)?;
    let parts = list(signed.first()?.contents)?;
    let version = usize::from(parts.first()?.tag == EXPLICIT);
    let name =
        |at: usize| parts.get(version + at).and_then(|part| common_name(part.contents)).unwrap_or_default();
    let extensions = parts.iter().find(|part| part.tag == EXTENSIONS).map(|part| part.contents);
    let authority = extensions.is_some_and(|bytes| is_authority(bytes) == Some(true));
    Some(Certificate { subject: name(4), issuer: name(2), start, end, authority })
}

/// The extensions of a certificate.
const EXTENSIONS: u8 = 0xa3;

/// Whether the basic constraints (2.5.29.19) say `CA:TRUE`. Source: RFC 5280, section 4.2.1.9.
fn is_authority(extensions: &[u8]) -> Option<bool> {
    const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
    let all = list(whole(extensions, SEQUENCE)?)?;
    let own = all
        .iter()
        .filter_map(|one| list(one.contents))
        .find(|one| one.first().is_some_and(|id| id.contents == BASIC_CONSTRAINTS))?;
    // The value stands last, behind a word on whether it is critical.
    let constraints = list(whole(own.last()?.contents, SEQUENCE)?)?;
    Some(constraints.first().is_some_and(|first| first.tag == BOOLEAN && first.contents == [0xff]))
}

/// The last common name (2.5.4.3) of a distinguished name.
fn common_name(name: &[u8]) -> Option<String> {
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    let attributes = list(name)?.into_iter().filter_map(|set| list(set.contents)).flatten();
    let pairs = attributes.filter_map(|pair| list(pair.contents));
    let named = pairs.filter_map(|pair| match pair.as_slice() {
        [id, value] if id.contents == COMMON_NAME => String::from_utf8(value.contents.to_vec()).ok(),
        _ => None,
    });
    named.reduce(|_, later| later)
}

/// The contents of the one element that `bytes` are.
fn whole(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (element, rest) = element(bytes)?;
    (element.tag == tag && rest.is_empty()).then_some(element.contents)
}

/// The elements that `bytes` are made of.
fn list(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (next, rest) = element(bytes)?;
        found.push(next);
        bytes = rest;
    }
    Some(found)
}

fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(*short), rest),
        long @ 0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(long & 3))?;
            (length.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((Element { tag: *tag, contents }, rest))
}

/// `YYMMDDHHMMSSZ` (50 to 99 are the years before 2000) or `YYYYMMDDHHMMSSZ`.
fn time(element: Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(element.contents).ok().filter(|text| text.is_ascii())?;
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let century = if year.parse::<u8>().ok()? < 50 { "20" } else { "19" };
            (format!("{century}{year}"), rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.to_owned(), rest)
        }
        _ => return None,
    };
    compact(&format!("{year}{}", rest.strip_suffix('Z')?))
}

/// `YYYYMMDDHHMMSS`.
pub fn compact(digits: &str) -> Option<Timestamp> {
    let part = |from: usize, to: usize| digits.get(from..to);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    );
    (digits.len() == 14).then(|| Timestamp::parse(&text).ok()).flatten()
}
