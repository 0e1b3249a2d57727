//! Tokens that carry a JSON object.

use serde_json::{Map, Value};

use super::{Said, Seen, named, plain};
use crate::text::digits::from_base64;
use crate::text::proof::jwt;
use crate::text::time::Timestamp;

/// Base64 JSON with `o`, the organisation, and `n`, the name of the token.
pub(super) fn grafana_cloud(seen: Seen<'_>) -> Option<Said> {
    let members = object(seen.secret.strip_prefix(b"glc_")?)?;
    let member = |name, word: &str| Some(format!("{word} {}", shown(members.get(name)?)?));
    Said::of([member("o", "organisation"), member("n", "name")].into_iter().flatten())
}

/// Base64 JSON between the two underscores, with `org` and `iat`.
pub(super) fn sentry_organisation(seen: Seen<'_>) -> Option<Said> {
    let members = object(seen.secret.strip_prefix(b"sntrys_")?.split(|byte| *byte == b'_').next()?)?;
    let organisation = members.get("org").and_then(shown).map(|name| format!("organisation {name}"));
    let created = members.get("iat").and_then(time).map(|time| format!("created {}", time.date()));
    Said::of(organisation.into_iter().chain(created))
}

/// The claims of a JSON web token: issuer, audience, creation and end. Whom it speaks for is not shown.
pub(super) fn web_token(seen: Seen<'_>) -> Option<Said> {
    let start = seen.secret.windows(3).position(|letters| letters == b"eyJ")?;
    let claims = jwt::claims(seen.secret.get(start..)?)?;
    let place = |claim, word: &str| {
        let text = match claims.get(claim)? {
            Value::Array(list) => list.first()?.as_str()?,
            other => other.as_str()?,
        };
        Some(format!("{word} {}", named(text, b"-_.:/ ")?))
    };
    let created = claims.get("iat").and_then(time).map(|time| format!("created {}", time.date()));
    let endless = (!claims.contains_key("exp")).then(|| "expires never".to_owned());
    let facts = [place("iss", "issuer"), place("aud", "audience"), created, endless];
    Some(Said { facts: facts.into_iter().flatten().collect(), ends: claims.get("exp").and_then(time) })
}

fn object(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(&from_base64(text)?).ok()
}

/// A short identifier or number.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => plain(text),
        Value::Number(number) => plain(&number.to_string()),
        _ => None,
    }
}

/// Seconds since 1970, a fraction allowed, up to the year 5138.
fn time(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64().filter(|seconds| (0.0..1e11).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked, fractions do not matter")]
    let whole = seconds as i64;
    Some(Timestamp::from_seconds(whole))
}
