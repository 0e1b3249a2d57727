//! URLs that carry the signature of one request, for some seconds from the moment of signing.
//!
//! ```text
//! ?X-Amz-Credential=AKIA.../20260101/eu-west-1/s3/aws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=604800&X-Amz-Signature=...
//! ```
//!
//! Source: AWS Signature Version 4, query parameters; Google Cloud Storage, V4 signed URLs, as generally known on
//! 2026-11-21.

use super::{Form, bounded, unknown};
use crate::identity::{Credential, CredentialKind};
use crate::text::proof::der::compact;
use crate::text::query;
use crate::text::span::Span;
use crate::text::time::{Length, Timestamp};

/// Every query with a signature, the moment it was made, and for how long it holds.
pub(super) const FORM: Form =
    Form { name: "presigned", literals: &["X-Amz-Signature=", "X-Goog-Signature="], read };

fn read(bytes: &[u8], at: usize, now: Timestamp) -> Option<(Span, Credential)> {
    let query = query::around(bytes, at, super::BEHIND)?;
    let parameters = query::parameters(query.of(bytes));
    let (vendor, literal) = if bytes.get(at..)?.starts_with(b"X-Amz") {
        ("x-amz", "X-Amz-Signature=")
    } else {
        ("x-goog", "X-Goog-Signature=")
    };
    let get = |name: &str| parameters.get(&format!("{vendor}-{name}"));
    let digits = get("signature")?;
    if digits.len() < 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let (date, time) = get("date")?.strip_suffix('Z')?.split_once('T')?;
    let start = compact(&format!("{date}{time}"))?;
    let seconds: u32 = get("expires")?.parse().ok()?;
    let mut credential = unknown(CredentialKind::PresignedUrl, "presigned URL");
    let signer = get("credential").unwrap_or_default().split('/').next().unwrap_or_default();
    signer.clone_into(&mut credential.subject);
    let end = start.plus(Length::seconds(i64::from(seconds)));
    Some((query::value(bytes, at + literal.len()), bounded(credential, Some(start), end, now)))
}
