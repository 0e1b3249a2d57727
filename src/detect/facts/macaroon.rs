//! Macaroons, whose caveats say what they are for and until when.

use serde_json::Value;

use super::{Said, Seen, plain};
use crate::text::digits::from_base64;
use crate::text::proof::{macaroon, msgpack};
use crate::text::time::Timestamp;

/// The caveats of the Python package index: `[0, end, start]`, `[1, [projects]]`, `{"nbf":..., "exp":...}`.
pub(super) fn pypi(seen: Seen<'_>) -> Option<Said> {
    let bytes = from_base64(seen.secret.strip_prefix(b"pypi-")?)?;
    let macaroon = macaroon::parse(&bytes)?;
    let mut said = Said::default();
    for caveat in macaroon.caveats.iter().filter_map(|caveat| serde_json::from_slice::<Value>(caveat).ok()) {
        let end = match &caveat {
            Value::Array(parts) => match (parts.first().and_then(Value::as_u64), parts.get(1)) {
                (Some(0), Some(end)) => end.as_i64(),
                (Some(1), Some(Value::Array(names))) => {
                    let names = names.iter().filter_map(|name| plain(name.as_str()?));
                    said.facts.extend(names.take(5).map(|name| format!("project {name}")));
                    None
                }
                _ => None,
            },
            Value::Object(members) => members.get("exp").and_then(Value::as_i64),
            _ => None,
        };
        // Every caveat must hold, so the first end counts.
        let end = end.filter(|end| (0..=100_000_000_000).contains(end)).map(Timestamp::from_seconds);
        said.ends = said.ends.into_iter().chain(end).min();
    }
    Some(said)
}

/// The window of validity of a Fly.io token.
#[expect(clippy::unnecessary_wraps, reason = "one shape for all decoders")]
pub(super) fn fly(seen: Seen<'_>) -> Option<Said> {
    let end = msgpack::ends(seen.secret).filter(|end| (0..=100_000_000_000).contains(end));
    Some(Said { facts: Vec::new(), ends: end.map(Timestamp::from_seconds) })
}
