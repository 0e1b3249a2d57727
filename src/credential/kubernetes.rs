//! Service account tokens of Kubernetes.
//!
//! A legacy token comes from a Secret and never ends; a bound token comes from the TokenRequest API and
//! says in `kubernetes.io` which pod it was made for.
//!
//! Source: Kubernetes, "Managing Service Accounts", read 2026-11-20.

use super::Form;
use super::jwt::Token;
use crate::identity::{Credential, CredentialKind};
use crate::text::span::Span;
use crate::text::time::Timestamp;

/// Tokens whose claims are those of a service account.
pub(super) const FORM: Form = Form { name: "kubernetes", literals: &["eyJ"], read };

/// The issuer of every legacy token.
const LEGACY: &str = "kubernetes/serviceaccount";

fn read(bytes: &[u8], start: usize, now: Timestamp) -> Option<(Span, Credential)> {
    let token = Token::read(bytes.get(start..)?)?;
    let kind = if token.text("iss") == LEGACY {
        CredentialKind::KubeLegacyToken
    } else if token.claims.get("kubernetes.io").is_some_and(serde_json::Value::is_object) {
        CredentialKind::KubeBoundToken
    } else {
        return None;
    };
    Some((Span::new(start, start + token.length), token.credential(kind, now)))
}
