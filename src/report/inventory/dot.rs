//! The graph of who becomes whom and calls what, for Graphviz.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::identity::inventory::Inventory;
use crate::text::safe;

/// Renders `inventory` as a directed graph; names that nothing declares are dashed.
pub fn render(inventory: &Inventory) -> String {
    let mut out = String::from(
        "digraph identities {\n  rankdir=LR;\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n",
    );
    let mut known = BTreeSet::new();
    for row in &inventory.rows {
        let name = row.identity.name.as_str();
        if known.insert(name) {
            let label = format!("{name}\n{} {}", row.radius.score, row.radius.band);
            let colour = colour(row.radius.band);
            let (name, label) = (quoted(name), quoted(&label));
            let _ = writeln!(out, "  {name} [label={label}, fillcolor=\"{colour}\"];");
        }
    }
    let mut others = BTreeSet::new();
    let mut steps = BTreeSet::new();
    for row in &inventory.rows {
        for step in &row.identity.delegation {
            if !known.contains(step.to.as_str()) {
                others.insert(step.to.as_str());
            }
            steps.insert((row.identity.name.as_str(), step.to.as_str(), step.how.as_str()));
        }
    }
    for name in others {
        let _ = writeln!(out, "  {} [style=dashed];", quoted(name));
    }
    for (from, to, how) in steps {
        let _ = writeln!(out, "  {} -> {} [label={}];", quoted(from), quoted(to), quoted(how));
    }
    out.push_str("}\n");
    out
}

/// A quoted string of the language: source, the Graphviz grammar.
fn quoted(text: &str) -> String {
    let lines: Vec<String> =
        text.split('\n').map(|line| safe::line(line).replace('\\', "\\\\").replace('"', "\\\"")).collect();
    format!("\"{}\"", lines.join("\\n"))
}

fn colour(band: &str) -> &'static str {
    match band {
        "critical" => "#f4b6b0",
        "high" => "#f7d3a6",
        "medium" => "#f3eaa5",
        "low" => "#cfe6cf",
        _ => "#e8e8e8",
    }
}
