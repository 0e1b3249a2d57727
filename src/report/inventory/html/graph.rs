//! The picture of who becomes whom and calls what: drawn here, so that it stands without a script.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::identity::inventory::{Inventory, Row};
use crate::text::safe::html;

/// The most boxes that are drawn; the widest identities and their neighbours come first.
pub const BOXES: usize = 80;

/// The most columns: longer ways fold into the last.
const COLUMNS: usize = 6;

const WIDTH: usize = 230;
const HEIGHT: usize = 40;
const APART: usize = 110;
const BELOW: usize = 14;
const EDGE: usize = 16;

/// How many letters of a name fit into a box.
const LETTERS: usize = 32;

/// The drawing, and how many identities with steps were left out of it; `None` when nobody has a step to anybody.
pub fn draw(inventory: &Inventory) -> Option<(String, usize)> {
    let picture = Picture::of(inventory);
    (!picture.steps.is_empty()).then(|| (picture.svg(inventory), picture.left_out))
}

/// Names and steps that are drawn.
struct Picture<'i> {
    /// Every box with its column.
    columns: Vec<Vec<&'i str>>,
    steps: BTreeSet<(&'i str, &'i str, &'i str)>,
    left_out: usize,
}

impl<'i> Picture<'i> {
    fn of(inventory: &'i Inventory) -> Self {
        let mut all: Vec<(&str, &str, &str)> = Vec::new();
        for row in &inventory.rows {
            let from = row.identity.name.as_str();
            let steps = row.identity.delegation.iter().filter(|step| step.to != from);
            all.extend(steps.map(|step| (from, step.to.as_str(), step.how.as_str())));
        }
        let mut drawn: BTreeSet<&str> = BTreeSet::new();
        let mut steps = BTreeSet::new();
        let mut without: BTreeSet<&str> = BTreeSet::new();
        for (from, to, how) in all {
            let more = [from, to].iter().filter(|name| !drawn.contains(*name)).count();
            if drawn.len() + more > BOXES {
                without.insert(from);
                continue;
            }
            drawn.extend([from, to]);
            steps.insert((from, to, how));
        }
        let columns = columns(&drawn, &steps);
        Self { columns, steps, left_out: without.len() }
    }

    fn svg(&self, inventory: &Inventory) -> String {
        let mut rows: BTreeMap<&str, (usize, &Row)> = BTreeMap::new();
        for (at, row) in inventory.rows.iter().enumerate() {
            rows.entry(&row.identity.name).or_insert((at, row));
        }
        let tallest = self.columns.iter().map(Vec::len).max().unwrap_or_default();
        let width = self.columns.len() * (WIDTH + APART) - APART + 2 * EDGE;
        let height = tallest * (HEIGHT + BELOW) - BELOW + 2 * EDGE;
        let mut places = BTreeMap::new();
        for (column, names) in self.columns.iter().enumerate() {
            for (line, name) in names.iter().enumerate() {
                places.insert(*name, (EDGE + column * (WIDTH + APART), EDGE + line * (HEIGHT + BELOW)));
            }
        }
        let mut out = format!(
            "<svg role=\"group\" aria-label=\"Who becomes whom\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
             markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\"/></marker></defs>\n"
        );
        for (from, to, how) in &self.steps {
            if let (Some(start), Some(end)) = (places.get(from), places.get(to)) {
                step(&mut out, *start, *end, &format!("{from} {how} {to}"), how);
            }
        }
        for (name, place) in &places {
            node(&mut out, name, *place, rows.get(name).copied());
        }
        out.push_str("</svg>\n");
        out
    }
}

/// Each name in the column of its longest way from a name that nobody steps to, in the order that keeps steps short.
fn columns<'i>(
    names: &BTreeSet<&'i str>,
    steps: &BTreeSet<(&'i str, &'i str, &'i str)>,
) -> Vec<Vec<&'i str>> {
    let mut depth: BTreeMap<&str, usize> = names.iter().map(|name| (*name, 0)).collect();
    // A cycle would push its names on for ever: the number of columns bounds it.
    for _ in 0..COLUMNS {
        for (from, to, _) in steps {
            let next = (depth.get(from).copied().unwrap_or_default() + 1).min(COLUMNS - 1);
            let own = depth.entry(to).or_default();
            *own = (*own).max(next);
        }
    }
    let mut columns: Vec<Vec<&str>> = vec![Vec::new(); COLUMNS];
    for (name, column) in &depth {
        if let Some(list) = columns.get_mut(*column) {
            list.push(name);
        }
    }
    columns.retain(|column| !column.is_empty());
    let mut line: BTreeMap<&str, usize> = BTreeMap::new();
    for column in &mut columns {
        let mean = |name: &str| {
            let before: Vec<usize> = steps
                .iter()
                .filter(|(_, to, _)| *to == name)
                .filter_map(|(from, ..)| line.get(from).copied())
                .collect();
            (before.iter().sum::<usize>() * 16).checked_div(before.len()).unwrap_or(usize::MAX)
        };
        column.sort_by_key(|name| (mean(name), *name));
        line.extend(column.iter().enumerate().map(|(at, name)| (*name, at)));
    }
    columns
}

fn step(out: &mut String, start: (usize, usize), end: (usize, usize), title: &str, how: &str) {
    let (x, y) = (start.0 + WIDTH, start.1 + HEIGHT / 2);
    let (to_x, to_y) = (end.0, end.1 + HEIGHT / 2);
    let (near, far) = (x + APART / 2, to_x.saturating_sub(APART / 2));
    let _ = writeln!(
        out,
        "<g><title>{}</title><path d=\"M{x} {y} C{near} {y} {far} {to_y} {to_x} {to_y}\" marker-end=\"url(#tip)\"/>\
         <text class=\"how\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text></g>",
        html(title),
        to_x.saturating_sub(10),
        to_y.saturating_sub(4),
        html(how)
    );
}

fn node(out: &mut String, name: &str, (x, y): (usize, usize), row: Option<(usize, &Row)>) {
    let shown = end_of(name);
    let (class, link, second) = match row {
        Some((at, row)) => {
            let radius = &row.radius;
            let kind = row.identity.kind.word();
            (radius.band, format!(" href=\"#i{at}\""), format!("{} {}, {kind}", radius.score, radius.band))
        }
        None => ("unknown", String::new(), "not declared here".to_owned()),
    };
    let _ = writeln!(
        out,
        "<a{link} class=\"{class}\"><title>{}: {second}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         rx=\"6\"/><text x=\"{}\" y=\"{}\">{}</text><text class=\"how\" x=\"{}\" y=\"{}\">{second}</text></a>",
        html(name),
        x + 8,
        y + 17,
        html(&shown),
        x + 8,
        y + 32
    );
}

/// The end of a name tells more than its beginning.
fn end_of(name: &str) -> String {
    let count = name.chars().count();
    if count <= LETTERS {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - LETTERS + 1).collect();
    format!("\u{2026}{end}")
}
