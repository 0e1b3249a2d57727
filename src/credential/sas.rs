//! Shared access signatures of Azure Storage: what is allowed, from when and until when, signed with an account key.
//!
//! ```text
//! ?sv=2025-01-05&st=2026-01-01&se=2027-01-01T00%3A00%3A00Z&sr=c&sp=rl&sig=...     any order
//! ```
//!
//! Source: Microsoft Learn, "Create a service SAS", as generally known on 2026-11-21.

use super::{Form, bounded, unknown};
use crate::identity::{Credential, CredentialKind};
use crate::text::query;
use crate::text::span::Span;
use crate::text::time::Timestamp;

/// Every query with a signature, its version and its end, or a stored policy that holds the end.
pub(super) const FORM: Form = Form { name: "sas", literals: &["sig="], read };

fn read(bytes: &[u8], at: usize, now: Timestamp) -> Option<(Span, Credential)> {
    let query = query::around(bytes, at, super::BEHIND)?;
    let parameters = query::parameters(query.of(bytes));
    let signature = parameters.get("sig").filter(|value| (40..=64).contains(&value.len()))?;
    parameters.get("sv")?;
    let end = parameters.get("se").and_then(moment);
    if signature.contains('*') || end.is_none() && parameters.get("si").is_none() {
        return None;
    }
    let span = query::value(bytes, at + "sig=".len());
    let mut credential = unknown(CredentialKind::Sas, "shared access signature");
    parameters.get("sp").unwrap_or_default().clone_into(&mut credential.audience);
    Some((
        span,
        match end {
            Some(end) => bounded(credential, parameters.get("st").and_then(moment), end, now),
            None => credential,
        },
    ))
}

/// A date, or a date with a time that may lack seconds, in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let text = match text.strip_suffix('Z') {
        Some(minutes) if minutes.len() == 16 => format!("{minutes}:00Z"),
        _ => text.to_owned(),
    };
    Timestamp::parse(&text).ok()
}
