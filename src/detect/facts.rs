//! Facts that a value tells offline, without giving itself away.
//!
//! A rule names its decoder as data (`facts: aws-account`); no decoder knows a rule. A fact holds an
//! identifier, a name or a date, never a part that proves anything.

use serde_json::Value;

use crate::text::digits::{from_base32, from_base64};

/// Reads what a value says of itself.
type Decoder = fn(&[u8]) -> Vec<String>;

/// The names a rule may give as `facts`, each with its decoder.
const DECODERS: [(&str, Decoder); 6] = [
    ("aws-account", aws_account),
    ("azure-cask", azure_cask),
    ("gitlab-routable", gitlab_routable),
    ("grafana-cloud", grafana_cloud),
    ("jfrog-reference", jfrog_reference),
    ("sentry-organisation", sentry_organisation),
];

/// Whether a rule may name `decoder`.
pub fn known(decoder: &str) -> bool {
    DECODERS.iter().any(|(name, _)| *name == decoder)
}

/// What `decoder` reads from `secret`, such as `account 029608264753`; empty when there is nothing to read.
pub fn facts(decoder: &str, secret: &[u8]) -> Vec<String> {
    DECODERS.iter().find(|(name, _)| *name == decoder).map_or_else(Vec::new, |(_, read)| read(secret))
}

/// The account behind an access key id: 40 bits of the first six bytes of its base32 part.
fn aws_account(secret: &[u8]) -> Vec<String> {
    let account = secret.get(4..20).and_then(from_base32).and_then(|bytes| {
        let head = bytes.get(..6)?;
        let number = head.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        let account = (number & 0x7fff_ffff_ff80) >> 7;
        // Ids made before about 2019 decode to numbers that are no accounts.
        (account < 1_000_000_000_000).then(|| format!("account {account:012}"))
    });
    account.into_iter().collect()
}

/// Creation month of an Azure key: a year letter (from 2024) and a month letter behind the marker at 52.
fn azure_cask(secret: &[u8]) -> Vec<String> {
    let created = || {
        let marker = secret.get(52..58)?;
        if !marker.starts_with(b"JQQJ9") {
            return None;
        }
        let (year, month) = (secret.get(58)?, secret.get(59)?);
        let year = 2024 + u32::from(year.checked_sub(b'A')?);
        let month = u32::from(month.checked_sub(b'A')?) + 1;
        (month <= 12 && year < 2050).then(|| format!("created {year}-{month:02}"))
    };
    created().into_iter().collect()
}

/// The lines behind 16 random bytes of the payload: `g:` group, `o:` organisation, `p:` project, `u:` user.
fn gitlab_routable(secret: &[u8]) -> Vec<String> {
    let payload = || {
        let behind = secret.iter().position(|byte| *byte == b'-')? + 1;
        let part = secret.get(behind..)?.split(|byte| *byte == b'.').next()?;
        let bytes = from_base64(part)?;
        let lines = bytes.get(16..bytes.len().checked_sub(1)?)?;
        String::from_utf8(lines.to_vec()).ok()
    };
    let named = |line: &str| {
        let (key, value) = line.split_once(':')?;
        let name = match key {
            "c" => "cell",
            "g" => "group",
            "o" => "organisation",
            "p" => "project",
            "u" => "user",
            _ => return None,
        };
        let number = u64::from_str_radix(value, 36).ok()?;
        Some(format!("{name} {number}"))
    };
    payload().map(|text| text.lines().filter_map(named).collect()).unwrap_or_default()
}

/// Base64 JSON with `o`, the organisation, and `n`, the name of the token.
fn grafana_cloud(secret: &[u8]) -> Vec<String> {
    let Some(value) = secret.strip_prefix(b"glc_").and_then(object) else { return Vec::new() };
    [("o", "organisation"), ("n", "name")]
        .into_iter()
        .filter_map(|(key, name)| Some(format!("{name} {}", plain(value.get(key)?)?)))
        .collect()
}

/// `reftkn:<version>:<expiry as seconds>:<random>`; zeros mean that it never expires.
fn jfrog_reference(secret: &[u8]) -> Vec<String> {
    let expiry = || {
        let text = String::from_utf8(from_base64(secret)?).ok()?;
        let seconds: i64 = text.split(':').nth(2)?.parse().ok()?;
        Some(match seconds {
            0 => "expires never".to_owned(),
            _ => format!("expires {}", crate::text::time::Timestamp::from_seconds(seconds).date()),
        })
    };
    expiry().into_iter().collect()
}

/// Base64 JSON between the two underscores, with `org` and `iat`.
fn sentry_organisation(secret: &[u8]) -> Vec<String> {
    let part = secret.strip_prefix(b"sntrys_").and_then(|rest| rest.split(|byte| *byte == b'_').next());
    let Some(value) = part.and_then(object) else { return Vec::new() };
    let organisation = value.get("org").and_then(plain).map(|name| format!("organisation {name}"));
    let issued = value.get("iat").and_then(Value::as_f64).filter(|seconds| (0.0..1e11).contains(seconds));
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked, fractions do not matter")]
    let issued = issued.map(|seconds| {
        format!("created {}", crate::text::time::Timestamp::from_seconds(seconds as i64).date())
    });
    organisation.into_iter().chain(issued).collect()
}

fn object(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(&from_base64(text)?).ok()
}

/// A short identifier or number; anything else is not shown.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte);
    (!text.is_empty() && text.len() <= 64 && text.bytes().all(fine)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::digits::to_base64;
    use proptest::prelude::*;

    #[test]
    fn the_account_stands_in_the_key_id() {
        let id = ["AK", "IA", "QNZGKIQY", "56JQ7WML"].concat();
        assert_eq!(facts("aws-account", id.as_bytes()), ["account 029608264753"]);
        assert!(facts("aws-account", b"AKIA1").is_empty());
    }

    #[test]
    fn the_month_of_creation_stands_in_an_azure_key() {
        let key = ["x".repeat(52), "JQQJ99BC".to_owned(), "x".repeat(24)].concat();
        assert_eq!(facts("azure-cask", key.as_bytes()), ["created 2025-03"]);
        assert!(facts("azure-cask", "x".repeat(84).as_bytes()).is_empty());
    }

    #[test]
    fn the_owner_stands_in_a_routable_token() {
        let payload = [&[7_u8; 16][..], b"o:1\nu:2n\n", &[8]].concat();
        let token = [b"glpat-", &to_base64(&payload)[..], b".01.0y0f01gna"].concat();
        assert_eq!(facts("gitlab-routable", &token), ["organisation 1", "user 95"]);
    }

    #[test]
    fn names_and_dates_are_read_from_json_inside() {
        let json = to_base64(br#"{"iat":1700000000.5,"org":"acme"}"#);
        let token = [b"sntrys_", &json[..], b"_abc"].concat();
        assert_eq!(facts("sentry-organisation", &token), ["organisation acme", "created 2023-11-14"]);
        let json = to_base64(br#"{"o":"12","n":"ci","k":"hidden"}"#);
        assert_eq!(facts("grafana-cloud", &[b"glc_", &json[..]].concat()), ["organisation 12", "name ci"]);
        assert_eq!(facts("jfrog-reference", &to_base64(b"reftkn:01:0000000000:ab")), ["expires never"]);
    }

    #[test]
    fn an_unknown_decoder_reads_nothing() {
        assert!(!known("acme") && facts("acme", b"x").is_empty());
    }

    proptest! {
        #[test]
        fn no_value_makes_a_decoder_fall_over(value in prop::collection::vec(any::<u8>(), 0..100)) {
            for (_, read) in DECODERS {
                let _ = read(&value);
            }
        }
    }
}
