//! For a page of its own: headline, table and escapes; no script, nothing from any network.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::{acted, caveats, changed, headline, reduced};
use super::{days, minute, short};
use crate::escape::{Report, Scope};
use crate::text::hash;
use crate::text::safe::html;

const STYLE: &str = ":root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --ground: #fff; --line: #d1d9e0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --ground: #0d1117; --line: #3d444d; } }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1.5rem; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
p, li { color: var(--soft); }
";

/// Renders `report`; text from the ledger is plain text in it.
pub fn render(report: &Report) -> String {
    let header = &report.header;
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        STANDARD.encode(hash::sha256(STYLE.as_bytes()))
    );
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n<title>Escape rate</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>Escape rate: {}</h1>\n<p>From {} to {} (end excluded), as known at {}.</p>\n",
        html(&headline(&report.all.rate)),
        minute(header.window_start),
        minute(header.window_end),
        minute(header.as_of)
    );
    let notes: Vec<String> = caveats(report).iter().map(|note| format!("<li>{}</li>", html(note))).collect();
    if !notes.is_empty() {
        let _ = writeln!(out, "<ul>{}</ul>", notes.concat());
    }
    out.push_str(
        "<table><thead><tr><th>Pipeline</th><th>Escape rate</th><th>Pending</th><th>Exposure</th>\
         <th>Median time to remediate</th></tr></thead><tbody>\n",
    );
    for scope in report.pipelines.iter().chain(&report.products).chain([&report.all]) {
        row(&mut out, scope);
    }
    out.push_str("</tbody></table>\n");
    escapes(&mut out, &report.all);
    out + "</body>\n</html>\n"
}

fn row(out: &mut String, scope: &Scope) {
    let bound = if scope.lower_bound { " (lower bound)" } else { "" };
    let ended = match scope.rate.escaped {
        0 => "none escaped".to_owned(),
        _ => days(scope.corrective.remediate.median_days),
    };
    let _ = writeln!(
        out,
        "<tr><td>{}</td><td>{}{bound}</td><td>{}</td><td>{:.1} d</td><td>{ended}</td></tr>",
        html(&scope.name),
        html(&headline(&scope.rate)),
        scope.rate.pending,
        scope.exposure.days.0
    );
}

fn escapes(out: &mut String, scope: &Scope) {
    if scope.escapes.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Escapes</h2>\n<table><thead><tr><th>Escape</th><th>What changed</th><th>Who or what acted</th>\
         <th>Was exposure reduced</th></tr></thead><tbody>\n",
    );
    for escape in &scope.escapes {
        let name = format!("{} {} in {}", escape.class.word(), short(&escape.fingerprint), escape.pipeline);
        let cells = [name, changed(escape), acted(escape), reduced(escape)].map(|text| html(&text));
        let _ = writeln!(out, "<tr><td>{}</td></tr>", cells.join("</td><td>"));
    }
    out.push_str("</tbody></table>\n");
}
