//! Signed URLs of Google Cloud.

use super::aws::moment;
use super::{Said, Seen, named};
use crate::text::query;
use crate::text::time::Length;

/// Signature version 4 in a URL: which service account signed it, when, and for how many seconds.
#[expect(clippy::unnecessary_wraps, reason = "one shape for all decoders")]
pub(super) fn signed(seen: Seen<'_>) -> Option<Said> {
    let query = query::parameters(seen.around);
    let account = query.get("x-goog-credential").and_then(|scope| named(scope.split('/').next()?, b"-_.@"));
    let signed = query.get("x-goog-date").and_then(moment);
    let seconds: Option<u32> = query.get("x-goog-expires").and_then(|seconds| seconds.parse().ok());
    let ends = signed.zip(seconds).map(|(start, seconds)| start.plus(Length::seconds(i64::from(seconds))));
    let account = account.map(|account| format!("service account {account}"));
    let signed = signed.map(|signed| format!("signed {}", signed.date()));
    Some(Said { facts: account.into_iter().chain(signed).collect(), ends })
}
