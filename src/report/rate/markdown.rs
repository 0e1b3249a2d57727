//! For a page or a request comment: the same order as the text report.

use super::text::{acted, caveats, changed, headline, reduced};
use super::{days, minute, short};
use crate::escape::{Report, Scope};
use crate::text::safe::html;

/// Renders `report`; text from the ledger is plain text in every cell.
pub fn render(report: &Report) -> String {
    let header = &report.header;
    let mut out = vec![
        format!("## Escape rate: {}", headline(&report.all.rate)),
        String::new(),
        format!(
            "From {} to {} (end excluded), as known at {}. Pending: {}.",
            minute(header.window_start),
            minute(header.window_end),
            minute(header.as_of),
            report.all.rate.pending
        ),
        String::new(),
    ];
    out.extend(caveats(report).iter().map(|line| format!("- {}", cell(line))));
    out.extend([
        String::new(),
        "| Pipeline | Escape rate | Pending | Exposure | Median time to remediate |".to_owned(),
    ]);
    out.push("| --- | --- | ---: | ---: | ---: |".to_owned());
    out.extend(report.pipelines.iter().map(row));
    out.push(row(&report.all));
    if !report.all.escapes.is_empty() {
        out.extend([
            String::new(),
            "| Escape | What changed | Who or what acted | Was exposure reduced |".to_owned(),
        ]);
        out.push("| --- | --- | --- | --- |".to_owned());
    }
    for escape in &report.all.escapes {
        let name = format!("{} {} in {}", escape.class.word(), short(&escape.fingerprint), escape.pipeline);
        let cells = [name, changed(escape), acted(escape), reduced(escape)].map(|text| cell(&text));
        out.push(format!("| {} |", cells.join(" | ")));
    }
    out.push(String::new());
    out.join("\n")
}

fn row(scope: &Scope) -> String {
    let bound = if scope.lower_bound { " (lower bound)" } else { "" };
    format!(
        "| {} | {}{bound} | {} | {:.1} d | {} |",
        cell(&scope.name),
        headline(&scope.rate),
        scope.rate.pending,
        scope.exposure.days.0,
        if scope.rate.escaped == 0 {
            "none escaped".to_owned()
        } else {
            days(scope.corrective.remediate.median_days)
        }
    )
}

/// Untrusted text as plain text: no markup, no link, no mention, no end of a cell.
fn cell(text: &str) -> String {
    // A zero-width space keeps an address from becoming a link.
    let text = html(text).replace("://", ":\u{200b}//").replace("www.", "www\u{200b}.");
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter {
            '`' | '|' | '*' | '_' | '[' | ']' | '\\' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(letter);
            }
            '@' => out.push_str("&#64;"),
            other => out.push(other),
        }
        out
    })
}
