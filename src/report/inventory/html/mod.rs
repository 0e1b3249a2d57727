//! One page that opens from disk: a graph, a table to sort and filter, nothing from any network.
//!
//! The page works without its script, which only sorts and filters. Style and script are named by their hash in
//! the page's own policy, so that nothing a repository wrote can run in it.

mod graph;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{approval, at, authority, change, factors, life, score};
use crate::identity::Context;
use crate::identity::inventory::{Inventory, Row};
use crate::identity::radius::Factor;
use crate::text::hash;
use crate::text::safe::html;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");

/// Renders `inventory`; text from the repository is plain text in it.
pub fn render(inventory: &Inventory) -> String {
    let hash = |text: &str| STANDARD.encode(hash::sha256(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Identities and what they could reach</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <main>\n<h1>Identities and what they could reach</h1>\n{}{}{}{}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        sums(inventory),
        picture(inventory),
        table(inventory),
        gaps(inventory)
    )
}

fn sums(inventory: &Inventory) -> String {
    let mut out = String::from("<ul class=\"sums\">");
    for band in ["critical", "high", "medium", "low", "minimal"] {
        let count = inventory.rows.iter().filter(|row| row.radius.band == band).count();
        let _ = write!(out, "<li class=\"{band}\"><b>{count}</b>{band}</li>");
    }
    if inventory.compared {
        let count = inventory.rows.iter().filter(|row| !row.widened.is_empty()).count();
        let _ = write!(out, "<li class=\"wider\"><b>{count}</b>wider than at the base</li>");
    }
    let _ = writeln!(out, "<li><b>{}</b>not read in full</li></ul>", inventory.gaps.len());
    out.push_str(
        "<p>The blast radius (0 to 100) tells how much falls with an identity, from what files declare alone: \
         P what it may do, D how long what it holds lasts, R what it reaches, E how easily somebody else uses it.</p>\n",
    );
    out
}

fn picture(inventory: &Inventory) -> String {
    let Some((svg, left_out)) = graph::draw(inventory) else {
        return "<p>No identity here becomes or calls another.</p>\n".to_owned();
    };
    let note = if left_out > 0 {
        format!(
            "<p>{left_out} identities with steps are not drawn: the picture holds {} boxes. The table has all.</p>\n",
            graph::BOXES
        )
    } else {
        String::new()
    };
    format!(
        "<h2>Who becomes whom</h2>\n<div class=\"graph\" tabindex=\"0\" role=\"region\" aria-label=\"Graph\">{svg}</div>\n{note}"
    )
}

/// The columns that can be sorted: key, heading.
const HEADS: [(&str, &str); 8] = [
    ("score", "Radius"),
    ("name", "Identity"),
    ("may", "May"),
    ("life", "Credentials"),
    ("asked", "Asked"),
    ("owner", "Owner"),
    ("reaches", "Reaches"),
    ("rules", "Rules"),
];

fn table(inventory: &Inventory) -> String {
    let mut kinds: Vec<&str> = inventory.rows.iter().map(|row| row.identity.kind.word()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut out = String::from(
        "<h2>All identities</h2>\n<div class=\"tools\"><label>Search<input id=\"search\" type=\"search\" autocomplete=\"off\"></label>",
    );
    out.push_str("<label>Kind<select id=\"kind\"><option value=\"\">all</option>");
    for kind in kinds {
        let _ = write!(out, "<option>{kind}</option>");
    }
    let _ = write!(
        out,
        "</select></label><span id=\"count\" role=\"status\">{} identities</span></div>\n<div class=\"wide\"><table>\n<thead><tr>",
        inventory.rows.len()
    );
    for (key, head) in HEADS {
        let _ =
            write!(out, "<th scope=\"col\" data-key=\"{key}\"><button type=\"button\">{head}</button></th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (at, row) in inventory.rows.iter().enumerate() {
        self::row(&mut out, at, row);
    }
    out.push_str("</tbody>\n</table></div>\n");
    out
}

fn row(out: &mut String, number: usize, row: &Row) {
    let identity = &row.identity;
    let radius = &row.radius;
    let rules = rules(row);
    let reaches = row.reaches.join(", ");
    let _ = write!(
        out,
        "<tr id=\"i{number}\" data-score=\"{}\" data-name=\"{}\" data-kind=\"{}\" data-may=\"{}\" data-life=\"{}\" \
         data-asked=\"{}\" data-owner=\"{}\" data-reaches=\"{}\" data-rules=\"{}\">",
        radius.score,
        html(&identity.name),
        identity.kind.word(),
        authority(row),
        html(&life(row)),
        approval(row),
        html(&identity.owner),
        html(&reaches),
        row.faults.len()
    );
    let _ = write!(
        out,
        "<td class=\"number\"><meter min=\"0\" max=\"100\" low=\"45\" high=\"65\" optimum=\"0\" value=\"{0}\">{0}</meter> <b class=\"{1}\">{2}</b><br><code>{3}</code></td>",
        radius.score,
        radius.band,
        score(row),
        factors(row)
    );
    let _ = write!(
        out,
        "<td class=\"name\"><b>{}</b><br><span class=\"soft\">{}</span>{}</td>",
        html(&identity.name),
        about(row),
        why(row)
    );
    let credentials: Vec<String> = identity
        .credentials
        .iter()
        .map(|one| format!("<li>{}: {}</li>", html(&one.name), html(&crate::identity::widen::life(one))))
        .collect();
    let credentials = if credentials.is_empty() {
        String::new()
    } else {
        format!("<ul class=\"plain\">{}</ul>", credentials.concat())
    };
    let _ = writeln!(
        out,
        "<td>{}</td><td>{credentials}</td><td>{}</td><td>{}</td><td class=\"reaches\">{}</td><td>{rules}</td></tr>",
        authority(row),
        approval(row),
        html(&identity.owner),
        html(&reaches)
    );
}

fn about(row: &Row) -> String {
    let identity = &row.identity;
    let mut parts = vec![identity.kind.word().to_owned(), html(&identity.platform)];
    if identity.context != Context::Live {
        parts.push(identity.context.word().to_owned());
    }
    if identity.environment != "unknown" {
        parts.push(html(&identity.environment));
    }
    if !identity.complete {
        parts.push("not read in full".to_owned());
    }
    parts.join(", ")
}

/// The four factors with their evidence, the way, the change that lowers most, and what is wider.
fn why(row: &Row) -> String {
    let radius = &row.radius;
    let mut lines: Vec<String> =
        [("P", &radius.privilege), ("D", &radius.duration), ("R", &radius.reach), ("E", &radius.ease)]
            .map(|(letter, one)| factor(letter, one))
            .to_vec();
    if !radius.path.is_empty() {
        lines.push(format!("<li>through {}</li>", html(&radius.path.join(" \u{2192} "))));
    }
    if radius.change.is_some() {
        lines.push(format!("<li>lower it: {}</li>", html(&change(row))));
    }
    for place in &row.identity.places {
        lines.push(format!("<li>declared at <code>{}</code></li>", html(&at(place))));
    }
    let mut out = format!("<details><summary>why</summary><ul>{}</ul></details>", lines.concat());
    if !row.widened.is_empty() {
        let wider: Vec<String> = row.widened.iter().map(wider).collect();
        let _ = write!(out, "<ul class=\"plain wider\">{}</ul>", wider.concat());
    }
    out
}

fn factor(letter: &str, factor: &Factor) -> String {
    let assumed = if factor.assumed { " (assumed)" } else { "" };
    let place = factor
        .evidence
        .as_ref()
        .map(|place| format!(", <code>{}</code>", html(&at(place))))
        .unwrap_or_default();
    format!("<li>{letter}{}: {}{assumed}{place}</li>", factor.level, html(&factor.reason))
}

fn wider(one: &crate::identity::widen::Widened) -> String {
    let said = |text: &str| if text.is_empty() { "nothing".to_owned() } else { html(text) };
    format!("<li>widened, {}: {} \u{2192} {}</li>", one.what, said(&one.old), said(&one.new))
}

fn rules(row: &Row) -> String {
    let mut names: Vec<(&str, &str)> =
        row.faults.iter().map(|fault| (fault.severity.word(), fault.rule.as_str())).collect();
    names.dedup();
    let lines: Vec<String> = names
        .iter()
        .map(|(severity, rule)| {
            let class = if *severity == "info" { "minimal" } else { severity };
            format!("<li><span class=\"{class}\">{severity}</span> {}</li>", html(rule))
        })
        .collect();
    if lines.is_empty() { String::new() } else { format!("<ul class=\"plain\">{}</ul>", lines.concat()) }
}

fn gaps(inventory: &Inventory) -> String {
    if inventory.gaps.is_empty() {
        return String::new();
    }
    let line = |gap: &crate::finding::Gap| {
        format!("<li><code>{}</code>: {}</li>", html(&gap.path), html(&gap.detail))
    };
    let lines: Vec<String> = inventory.gaps.iter().map(line).collect();
    format!("<h2>Not read in full</h2>\n<ul>{}</ul>\n", lines.concat())
}
