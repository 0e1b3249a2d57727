//! `except list`: every document here with its state.

use std::fmt::Write as _;

use tollgate::text::safe;

use super::judged::{Judged, documents, renewals};
use super::plural;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::trouble::Trouble;

/// Prints a line for each.
pub fn run(context: &Context) -> Result<Exit, Trouble> {
    let judged = Judged::here(context)?;
    let known = documents(&judged.files);
    let mut text = String::new();
    for exception in judged.exceptions.accepted() {
        let document = exception.document();
        let state = judged.state(exception, context.now);
        let chain = match renewals(document, &known) {
            0 => String::new(),
            count => format!("  renewal {count}"),
        };
        let _ = writeln!(
            text,
            "{}  {state:<22} until {}  {}{chain}  \"{}\"",
            document.id,
            document.expires_at.date(),
            plural(document.findings.len(), "finding"),
            safe::terminal(&document.reason.text)
        );
    }
    for refused in judged.exceptions.refused() {
        let refusal = &refused.refusal;
        let name = safe::terminal(&refusal.exception);
        let end = known.values().find(|document| document.id.as_str() == refusal.exception);
        let end = end.and_then(|document| judged.end(document, context.now));
        let code = end.unwrap_or_else(|| refusal.code.clone());
        let _ = writeln!(text, "{name}  {code:<22} {}", safe::terminal(&refusal.reason));
    }
    if let Some(baseline) = judged.exceptions.baseline() {
        let items = &baseline.document().items;
        let due = items.iter().filter(|item| context.now >= item.review_by).count();
        let next = items.iter().map(|item| item.review_by).filter(|day| *day > context.now).min();
        let next =
            next.map(|day| format!(", the next to be looked at by {}", day.date())).unwrap_or_default();
        let _ = writeln!(
            text,
            "baseline  {} inherited, {due} past their day{next}",
            plural(items.len(), "finding")
        );
    }
    if text.is_empty() {
        text.push_str("no exceptions here\n");
    }
    context.print(&text)?;
    Ok(Exit::Open)
}
