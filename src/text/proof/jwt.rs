//! JSON web tokens, as far as a check needs them: two JSON objects, of which the first names its algorithm.
//!
//! Source: RFC 7519 and RFC 7515, section 3.

use serde_json::{Map, Value};

use super::{Outcome, Terms, has};
use crate::text::digits::from_base64;

pub(super) fn judge(token: &[u8], terms: &Terms<'_>) -> Outcome {
    match parts(token) {
        Some((_, payload)) if has(&payload, terms.holds) => Outcome::Holds,
        Some(_) => Outcome::Differs,
        None => Outcome::Fails,
    }
}

/// The claims of `token`; nothing is verified.
pub fn claims(token: &[u8]) -> Option<Map<String, Value>> {
    Some(parts(token)?.0)
}

/// The claims, and the bytes they were read from.
fn parts(token: &[u8]) -> Option<(Map<String, Value>, Vec<u8>)> {
    let mut parts = token.split(|byte| *byte == b'.');
    let mut object = || {
        let text = from_base64(parts.next()?)?;
        match serde_json::from_slice(&text).ok()? {
            Value::Object(members) => Some((members, text)),
            _ => None,
        }
    };
    let (header, _) = object()?;
    header.get("alg").filter(|algorithm| algorithm.is_string())?;
    object()
}
