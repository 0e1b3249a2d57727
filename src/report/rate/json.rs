//! One versioned object: the report as it was computed, rates to four decimals.

use serde::Serialize;

use crate::escape::Report;

/// The version of the object's fields.
pub const SCHEMA: &str = "tollgate.rate/v1";

#[derive(Serialize)]
struct Versioned<'r> {
    schema: &'static str,
    #[serde(flatten)]
    report: &'r Report,
}

/// Renders `report`, indented, with a final line feed; same report, same bytes.
pub fn render(report: &Report) -> String {
    // INVARIANT: the report holds texts, integers and finite numbers under text keys, which always serialise.
    let text = serde_json::to_string_pretty(&Versioned { schema: SCHEMA, report }).unwrap_or_default();
    text + "\n"
}
