//! For people: a few lines for each identity, the widest first.

use std::fmt::Write as _;

use super::{approval, at, authority, change, factors, life, score};
use crate::identity::inventory::{Inventory, Row};
use crate::text::safe::terminal;

/// Renders `inventory`.
pub fn render(inventory: &Inventory) -> String {
    let mut out = String::new();
    for row in &inventory.rows {
        one(&mut out, row, inventory.compared);
    }
    for gap in &inventory.gaps {
        let _ = writeln!(out, "not read in full: {}: {}", terminal(&gap.path), terminal(&gap.detail));
    }
    let wider = inventory.rows.iter().filter(|row| !row.widened.is_empty()).count();
    let rows = inventory.rows.len();
    let compared =
        if inventory.compared { format!(", {wider} wider than at the base") } else { String::new() };
    let _ = writeln!(out, "{rows} identities{compared}, {} gaps", inventory.gaps.len());
    out
}

fn one(out: &mut String, row: &Row, compared: bool) {
    let identity = &row.identity;
    let radius = &row.radius;
    let (kind, name) = (identity.kind.word(), terminal(&identity.name));
    let context = match identity.context {
        crate::identity::Context::Live => String::new(),
        other => format!(", {}", other.word()),
    };
    let _ = writeln!(out, "{:>3} {:<8} {name} ({kind}{context})", radius.score, radius.band);
    let reasons = [&radius.privilege, &radius.duration, &radius.reach, &radius.ease].map(|factor| {
        let mark = if factor.assumed { " (assumed)" } else { "" };
        format!("{}{mark}", terminal(&factor.reason))
    });
    let mut lines = vec![
        ("may", authority(row).to_owned()),
        ("radius", format!("{} = {}: {}", score(row), factors(row), reasons.join("; "))),
    ];
    if !radius.path.is_empty() {
        lines.push(("through", terminal(&radius.path.join(" > "))));
    }
    for (name, text) in [
        ("lives", life(row)),
        ("reaches", terminal(&row.reaches.join(", "))),
        ("asked", approval(row).to_owned()),
        ("owner", terminal(&identity.owner)),
        ("lower", change(row)),
        ("rules", faults(row)),
        ("at", terminal(&identity.places.iter().map(at).collect::<Vec<_>>().join(", "))),
    ] {
        if !text.is_empty() {
            lines.push((name, text));
        }
    }
    for (name, text) in lines {
        let _ = writeln!(out, "    {name:<8} {text}");
    }
    if compared {
        for wider in &row.widened {
            let (old, new) = (terminal(&wider.old), terminal(&wider.new));
            let (old, new) = (or_nothing(&old), or_nothing(&new));
            let _ = writeln!(
                out,
                "    widened  {}: {old} -> {new}, at {}",
                wider.what,
                terminal(&at(&wider.place))
            );
        }
    }
    out.push('\n');
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn faults(row: &Row) -> String {
    let mut names: Vec<String> =
        row.faults.iter().map(|fault| format!("{} ({})", fault.rule, fault.severity.word())).collect();
    names.dedup();
    names.join(", ")
}
