//! Base64 with something readable inside.

use serde_json::Value;

use super::{Outcome, Terms, has};
use crate::text::digits::from_base64;

/// Any bytes that begin with or contain what the rule asks for; what does not may be something else.
pub(super) fn text(text: &[u8], terms: &Terms<'_>) -> Outcome {
    match from_base64(text) {
        Some(bytes) if has(&bytes, terms.holds) => Outcome::Holds,
        _ => Outcome::Differs,
    }
}

/// Characters of ASCII only, which begin with or contain what the rule asks for.
///
/// Six random letters of ten stand for a byte that is none, so forty of them that all are is no chance.
pub(super) fn printable(text: &[u8], terms: &Terms<'_>) -> Outcome {
    match from_base64(text) {
        Some(bytes) if !bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) => Outcome::Fails,
        Some(bytes) if has(&bytes, terms.holds) => Outcome::Holds,
        Some(_) => Outcome::Differs,
        None => Outcome::Fails,
    }
}

/// Decimal digits and nothing else, as a number written in base64 has.
pub(super) fn digits(text: &[u8], _: &Terms<'_>) -> Outcome {
    let all = |bytes: Vec<u8>| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    if from_base64(text).is_some_and(all) { Outcome::Holds } else { Outcome::Fails }
}

/// A JSON object, which has the members that `holds` names, with commas between.
pub(super) fn json(text: &[u8], terms: &Terms<'_>) -> Outcome {
    let value = from_base64(text).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Some(Value::Object(members)) = value else { return Outcome::Fails };
    let mut wanted = terms.holds.into_iter().flat_map(|names| names.split(',')).map(str::trim);
    if wanted.all(|name| members.contains_key(name)) { Outcome::Holds } else { Outcome::Differs }
}
