//! JSON web tokens: header and claims are read, the signature is not judged.
//!
//! ```text
//! eyJhbGciOi... . eyJpc3MiOi... . SflKxwRJSM...     base64url, the third part empty for `alg: none`
//! header          claims          signature
//! ```
//!
//! Source: RFC 7519 (claims, and times in seconds), RFC 7515 section 3 (the three parts).

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::Form;
use crate::finding::Location;
use crate::identity::{Credential, CredentialKind, Life, Storage};
use crate::text::span::{Position, Span};
use crate::text::time::Timestamp;

/// Any token that no other form claims.
pub(super) const FORM: Form = Form { name: "jwt", literals: &["eyJ"], read };

/// The longest header in encoded bytes.
const LONGEST_HEADER: usize = 4 << 10;

/// The longest claims, and the longest signature (those of post-quantum schemes included).
const LONGEST_PART: usize = 64 << 10;

/// The longest claim that is kept, in characters.
const LONGEST_CLAIM: usize = 200;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A token taken apart.
pub(super) struct Token {
    /// Bytes from its first to its last letter.
    pub(super) length: usize,
    /// Algorithm as the header says.
    algorithm: String,
    /// The claims.
    pub(super) claims: Map<String, Value>,
}

fn read(bytes: &[u8], start: usize, now: Timestamp) -> Option<(Span, Credential)> {
    let token = Token::read(bytes.get(start..)?)?;
    if token.is_public() {
        return None;
    }
    Some((Span::new(start, start + token.length), token.credential(CredentialKind::Jwt, now)))
}

impl Token {
    /// The token at the front of `text`.
    ///
    /// An encrypted token (five parts) has no claims to read and is not one of these.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let header = part(text, LONGEST_HEADER)?;
        let rest = after_dot(text, header.len())?;
        let claims = part(rest, LONGEST_PART)?;
        let last = after_dot(rest, claims.len())?;
        let signature = part(last, LONGEST_PART)?;
        let more = after_dot(last, signature.len()).and_then(|rest| part(rest, LONGEST_PART));
        if more.is_some_and(|more| !more.is_empty()) {
            return None;
        }
        let algorithm = object(header)?.get("alg")?.as_str()?.to_owned();
        let unsigned = algorithm.eq_ignore_ascii_case("none");
        let claims_read = object(claims)?;
        if signature.is_empty() != unsigned {
            return None;
        }
        let length = header.len() + claims.len() + signature.len() + 2;
        // Rules have one word for it, however a token spells it to slip past a verifier.
        let algorithm = if unsigned { "none".to_owned() } else { algorithm };
        Some(Self { length, algorithm, claims: claims_read })
    }

    /// What the token says of itself, at `now`.
    pub(super) fn credential(&self, kind: CredentialKind, now: Timestamp) -> Credential {
        let expires = self.time("exp");
        let issued = self.time("iat").or(self.time("nbf"));
        let lifetime = expires.zip(issued).map(|(end, start)| end.saturating_sub(start));
        let subject = self.text("sub");
        let start = Position { line: 1, column: 1 };
        Credential {
            kind,
            name: if subject.is_empty() { "token".to_owned() } else { subject.clone() },
            issuer: self.text("iss"),
            subject,
            audience: self.text("aud"),
            algorithm: self.algorithm.clone(),
            issued: issued.unwrap_or(-1),
            expires: expires.unwrap_or(-1),
            life: if expires.is_some() { Life::Bounded } else { Life::Never },
            lifetime: lifetime.unwrap_or(-1),
            remaining: expires.map_or(0, |end| end.saturating_sub(now.0.div_euclid(1000))),
            limit: -1,
            storage: Storage::Literal,
            place: Location { path: String::new(), start, end: start, span: Span::default(), commit: None },
        }
    }

    /// A claim as text, lists joined; empty when it is not there.
    pub(super) fn text(&self, claim: &str) -> String {
        let text = match self.claims.get(claim) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            _ => String::new(),
        };
        text.chars().take(LONGEST_CLAIM).collect()
    }

    /// A claim as seconds since 1970; before 1970 counts as 1970.
    fn time(&self, claim: &str) -> Option<i64> {
        let value = self.claims.get(claim)?;
        let whole = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        whole.or_else(|| value.as_f64().map(seconds)).map(|seconds| seconds.max(0))
    }

    /// Whether the token is published for everyone to use: then it opens nothing.
    ///
    /// These are the example of the debugger at jwt.io and its copies in the manuals of libraries, the
    /// keys that every local Supabase has, and Supabase's `anon` key, which is made to stand in web pages.
    fn is_public(&self) -> bool {
        let (issuer, subject) = (self.text("iss"), self.text("sub"));
        let example =
            subject == "1234567890" && ["John Doe", "Jane Doe"].contains(&self.text("name").as_str());
        example || issuer == "supabase-demo" || (issuer == "supabase" && self.text("role") == "anon")
    }
}

/// Whole seconds of a fractional time.
#[expect(clippy::cast_possible_truncation, reason = "a cast from floating point saturates")]
fn seconds(value: f64) -> i64 {
    value as i64
}

/// The base64url letters at the front of `text`; `None` when there are more than `longest`.
fn part(text: &[u8], longest: usize) -> Option<&[u8]> {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let end = text.iter().take(longest + 1).position(|byte| !letter(byte)).unwrap_or(text.len());
    if end > longest { None } else { text.get(..end) }
}

fn after_dot(text: &[u8], length: usize) -> Option<&[u8]> {
    text.get(length..)?.strip_prefix(b".")
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&BASE64.decode(part).ok()?).ok()? {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}
