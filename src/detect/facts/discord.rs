//! Bot tokens of Discord.

use super::{Said, Seen};
use crate::text::digits::from_base64;
use crate::text::time::Timestamp;

/// Seconds from 1970 to 2011, where older tokens count from.
const ERA: u32 = 1_293_840_000;

/// Seconds from 1970 to 2015: what is less counts from 2011.
const START: u32 = 1_420_070_400;

/// `<id of the bot in base64>.<seconds in base64>.<signature>`.
pub(super) fn bot(seen: Seen<'_>) -> Option<Said> {
    let mut parts = seen.secret.split(|byte| *byte == b'.');
    let id = String::from_utf8(from_base64(parts.next()?)?).ok()?;
    let digits = id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = parts.next().and_then(from_base64).and_then(|bytes| {
        let seconds = u32::from_be_bytes(bytes.try_into().ok()?);
        if seconds < START {
            seconds.checked_add(ERA).filter(|seconds| *seconds >= START)
        } else {
            Some(seconds)
        }
    });
    let created =
        seconds.map(|seconds| format!("created {}", Timestamp::from_seconds(i64::from(seconds)).date()));
    Said::of(digits.then(|| format!("bot {id}")).into_iter().chain(created))
}
