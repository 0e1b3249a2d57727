//! Reference tokens of JFrog.

use super::{Said, Seen};
use crate::text::digits::from_base64;
use crate::text::time::Timestamp;

/// `reftkn:<version>:<end in seconds>:<random>`; zeros mean that it never ends.
pub(super) fn reference(seen: Seen<'_>) -> Option<Said> {
    let text = String::from_utf8(from_base64(seen.secret)?).ok()?;
    match text.split(':').nth(2)?.parse::<u32>().ok()? {
        0 => Said::of(["expires never".to_owned()]),
        seconds => Some(Said { facts: Vec::new(), ends: Some(Timestamp::from_seconds(i64::from(seconds))) }),
    }
}
