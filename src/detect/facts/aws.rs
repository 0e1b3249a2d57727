//! What AWS signs, or names by an account.

use super::{Said, Seen, plain};
use crate::text::digits::{from_base32, from_base64};
use crate::text::proof::der::compact;
use crate::text::query;
use crate::text::time::{Length, Timestamp};

/// The account behind an access key id.
pub(super) fn account(seen: Seen<'_>) -> Option<Said> {
    Said::of(account_of(seen.secret).map(|account| format!("account {account}")))
}

/// 40 bits of the first six bytes that stand behind the prefix in base32.
fn account_of(id: &[u8]) -> Option<String> {
    let bytes = from_base32(id.get(4..20)?)?;
    let number = bytes.get(..6)?.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    let account = (number & 0x7fff_ffff_ff80) >> 7;
    // Ids made before about 2019 decode to numbers that are no accounts.
    (account < 1_000_000_000_000).then(|| format!("{account:012}"))
}

/// `BedrockAPIKey-<id>-at-<account>:...` in base64, behind four letters.
pub(super) fn bedrock(seen: Seen<'_>) -> Option<Said> {
    let text = from_base64(seen.secret.get(4..)?)?;
    let name = text.split(|byte| *byte == b':').next()?;
    let name = std::str::from_utf8(name).ok()?;
    let account = name.rsplit_once("-at-")?.1;
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    Said::of(digits.then(|| format!("account {account}")))
}

/// A presigned URL in base64, behind `bedrock-api-key-`.
pub(super) fn bedrock_session(seen: Seen<'_>) -> Option<Said> {
    let url = from_base64(seen.secret.strip_prefix(b"bedrock-api-key-")?)?;
    presigned(Seen { secret: &url, around: &url })
}

/// Signature version 4 in a URL: whose key signed it, when, and for how many seconds.
#[expect(clippy::unnecessary_wraps, reason = "one shape for all decoders")]
pub(super) fn presigned(seen: Seen<'_>) -> Option<Said> {
    let query = query::parameters(seen.around);
    let credential = query.get("x-amz-credential");
    let mut facts = Vec::new();
    let mut scope = credential.unwrap_or_default().split('/');
    let account = scope.next().and_then(|id| account_of(id.as_bytes()));
    facts.extend(account.map(|account| format!("account {account}")));
    let region = scope.nth(1).and_then(plain);
    facts.extend(region.map(|region| format!("region {region}")));
    facts.extend(scope.next().and_then(plain).map(|service| format!("service {service}")));
    let signed = query.get("x-amz-date").and_then(moment);
    facts.extend(signed.map(|signed| format!("signed {}", signed.date())));
    let seconds: Option<u32> = query.get("x-amz-expires").and_then(|seconds| seconds.parse().ok());
    let ends = signed.zip(seconds).map(|(start, seconds)| start.plus(Length::seconds(i64::from(seconds))));
    Some(Said { facts, ends })
}

/// `20261120T120000Z`.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    compact(&format!("{date}{time}"))
}
