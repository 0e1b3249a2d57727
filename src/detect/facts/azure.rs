//! Keys and shared access signatures of Azure.

use super::{Said, Seen, plain};
use crate::text::query;
use crate::text::time::Timestamp;

/// Creation month of a common annotated key: a year letter (from 2024) and a month letter behind the marker at 52.
pub(super) fn cask(seen: Seen<'_>) -> Option<Said> {
    let marker = seen.secret.get(52..58).filter(|marker| marker.starts_with(b"JQQJ9"));
    let (Some(_), Some([year, month])) = (marker, seen.secret.get(58..60)) else { return None };
    let year = 2024 + u32::from(year.checked_sub(b'A')?);
    let month = u32::from(month.checked_sub(b'A')?) + 1;
    Said::of((month <= 12 && year < 2050).then(|| format!("created {year}-{month:02}")))
}

/// What a shared access signature allows (`sp`, in letters such as `rwdl`), on what (`sr`), from when and until when.
///
/// One that names a stored access policy (`si`) may have its end there.
#[expect(clippy::unnecessary_wraps, reason = "one shape for all decoders")]
pub(super) fn sas(seen: Seen<'_>) -> Option<Said> {
    let query = query::parameters(seen.around);
    let time = |name| query.get(name).and_then(time);
    let part = |name, word: &str| query.get(name).and_then(plain).map(|value| format!("{word} {value}"));
    let facts = [
        part("sp", "permissions"),
        part("sr", "resource"),
        part("si", "policy"),
        time("st").map(|start| format!("starts {}", start.date())),
    ];
    Some(Said { facts: facts.into_iter().flatten().collect(), ends: time("se") })
}

/// A date, or a date with a time that may lack seconds, in UTC.
fn time(text: &str) -> Option<Timestamp> {
    let text = match text.strip_suffix('Z') {
        Some(minutes) if minutes.len() == 16 => format!("{minutes}:00Z"),
        _ => text.to_owned(),
    };
    Timestamp::parse(&text).ok()
}
