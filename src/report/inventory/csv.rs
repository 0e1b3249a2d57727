//! For spreadsheets: a line for each identity; no cell begins a formula.

use super::{approval, at, authority, change, factors, life};
use crate::identity::inventory::{Inventory, Row};
use crate::text::safe;

/// The columns, in order.
const COLUMNS: [&str; 20] = [
    "score",
    "band",
    "least",
    "most",
    "factors",
    "name",
    "kind",
    "platform",
    "context",
    "environment",
    "owner",
    "authority",
    "approval",
    "credentials",
    "life",
    "reaches",
    "change",
    "rules",
    "widened",
    "place",
];

/// Renders `inventory`.
pub fn render(inventory: &Inventory) -> String {
    let mut out = format!("{}\n", COLUMNS.join(","));
    for row in &inventory.rows {
        let cells: Vec<String> = cells(row).iter().map(|cell| safe::csv(cell)).collect();
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}

fn cells(row: &Row) -> [String; 20] {
    let identity = &row.identity;
    let radius = &row.radius;
    let names: Vec<&str> = identity.credentials.iter().map(|one| one.name.as_str()).collect();
    let rules: Vec<&str> = row.faults.iter().map(|fault| fault.rule.as_str()).collect();
    let wider: Vec<String> =
        row.widened.iter().map(|one| format!("{}: {} -> {}", one.what, one.old, one.new)).collect();
    let place = identity.places.first().map(at).unwrap_or_default();
    [
        radius.score.to_string(),
        radius.band.to_owned(),
        radius.least.to_string(),
        radius.most.to_string(),
        factors(row),
        identity.name.clone(),
        identity.kind.word().to_owned(),
        identity.platform.clone(),
        identity.context.word().to_owned(),
        identity.environment.clone(),
        identity.owner.clone(),
        authority(row).to_owned(),
        approval(row).to_owned(),
        names.join("; "),
        life(row),
        row.reaches.join("; "),
        change(row),
        rules.join("; "),
        wider.join("; "),
        place,
    ]
}
