//! The escape rate and its companions, in every format they are printed in.

/// For spreadsheets.
pub mod csv;
/// For the next step or job.
pub mod dotenv;
/// For a page of its own.
pub mod html;
/// For programs: one versioned object.
pub mod json;
/// For a page or a request comment.
pub mod markdown;
/// For a monitoring system.
pub mod openmetrics;
/// For people.
pub mod text;

use crate::escape::Report;
use crate::escape::rate::Share;
use crate::text::time::Timestamp;

/// One way to print a report.
pub type Render = fn(&Report) -> String;

/// Every format by the name people ask for.
pub const FORMATS: &[(&str, Render)] = &[
    ("text", text::render),
    ("json", json::render),
    ("markdown", markdown::render),
    ("csv", csv::render),
    ("html", html::render),
    ("openmetrics", openmetrics::render),
    ("dotenv", dotenv::render),
];

/// Below this many decided risks no percentage is printed: it would claim more than is known.
const ENOUGH: u64 = 5;

/// The format named `name`.
pub fn format(name: &str) -> Option<Render> {
    FORMATS.iter().find(|(known, _)| *known == name).map(|(_, render)| *render)
}

/// `6 of 12 (50.0 %)`, `2 of 3` where there are too few for a percentage, `0 of 0` of nothing.
fn part(share: Share) -> String {
    match share.rate {
        None => "0 of 0".to_owned(),
        Some(_) if share.of < ENOUGH => format!("{} of {}", share.count, share.of),
        Some(rate) => format!("{} of {} ({})", share.count, share.of, percent(rate.0)),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `12.0 d`, or `not reached` where more than half still last.
fn days(days: Option<crate::escape::Figure>) -> String {
    days.map_or_else(|| "not reached".to_owned(), |days| format!("{:.1} d", days.0))
}

/// The first groups of a fingerprint, as people type them; another name stays as it is.
fn short(fingerprint: &str) -> String {
    crate::finding::Fingerprint::from_hex(fingerprint)
        .map_or_else(|| crate::text::safe::terminal(fingerprint), |known| known.to_string())
}

/// Date and minute, enough for a person.
fn minute(at: Timestamp) -> String {
    let text: String = at.to_string().chars().take(16).collect();
    format!("{}Z", text.replace('T', " "))
}
