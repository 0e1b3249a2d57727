//! The inventory of identities, in every format it is printed in.

/// For spreadsheets: a line for each identity.
pub mod csv;
/// The graph, for Graphviz.
pub mod dot;
/// One page that opens from disk: graph, table, filter.
pub mod html;
/// For programs: one versioned object.
pub mod json;
/// For people.
pub mod text;

use crate::finding::Location;
use crate::identity::inventory::{Inventory, Row};
use crate::identity::widen;

/// One way to print an inventory.
pub type Render = fn(&Inventory) -> String;

/// Every format by the name people ask for.
pub const FORMATS: &[(&str, Render)] = &[
    ("text", text::render),
    ("json", json::render),
    ("csv", csv::render),
    ("dot", dot::render),
    ("html", html::render),
];

/// The format named `name`.
pub fn format(name: &str) -> Option<Render> {
    FORMATS.iter().find(|(known, _)| *known == name).map(|(_, render)| *render)
}

/// `path:line`.
fn at(place: &Location) -> String {
    format!("{}:{}", place.path, place.start.line)
}

fn authority(row: &Row) -> &'static str {
    row.authority.map_or("nothing known", |authority| authority.word())
}

/// Who is asked before it acts: empty where nothing of it is a tool that executes.
fn approval(row: &Row) -> &'static str {
    row.approval.map(widen::approval).unwrap_or_default()
}

/// The longest-lived of its credentials, in words; empty without one.
fn life(row: &Row) -> String {
    use crate::identity::Life;
    let rank = |life: Life, seconds: i64| match life {
        Life::Never => (2, 0),
        Life::Unknown => (1, 0),
        Life::Bounded => (0, seconds),
    };
    let longest = row.identity.credentials.iter().max_by_key(|one| rank(one.life, one.lifetime));
    longest.map(widen::life).unwrap_or_default()
}

/// The four factors as `P5 D4 R3 E1`.
fn factors(row: &Row) -> String {
    let radius = &row.radius;
    format!(
        "P{} D{} R{} E{}",
        radius.privilege.level, radius.duration.level, radius.reach.level, radius.ease.level
    )
}

/// The score, with its range where something was assumed: `62` or `62 (20-90)`.
fn score(row: &Row) -> String {
    let radius = &row.radius;
    if radius.least == radius.most {
        return radius.score.to_string();
    }
    format!("{} ({}-{})", radius.score, radius.least, radius.most)
}

/// The change that lowers the score most: `hold no credential of its own (86 to 57)`.
fn change(row: &Row) -> String {
    let change = row.radius.change.as_ref();
    change
        .map(|change| format!("{} ({} to {})", change.what, row.radius.score, change.score))
        .unwrap_or_default()
}
