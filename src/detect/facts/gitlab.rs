//! Routable tokens of GitLab.

use super::{Said, Seen};
use crate::text::digits::from_base64;

/// The lines behind 16 random bytes of the payload: `g:` group, `o:` organisation, `p:` project, `u:` user.
pub(super) fn routable(seen: Seen<'_>) -> Option<Said> {
    let behind = seen.secret.iter().position(|byte| *byte == b'-')? + 1;
    let part = seen.secret.get(behind..)?.split(|byte| *byte == b'.').next()?;
    let bytes = from_base64(part)?;
    let lines = bytes.get(16..bytes.len().checked_sub(1)?)?;
    Said::of(std::str::from_utf8(lines).ok()?.lines().filter_map(owner))
}

fn owner(line: &str) -> Option<String> {
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
}
