//! `except verify`: signatures and form.

use std::fmt::Write as _;

use tollgate::text::safe;

use super::judged::Judged;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::trouble::Trouble;

/// Prints every document named with its votes; exit 1 unless each is approved.
pub fn run(ids: &[String], context: &Context) -> Result<Exit, Trouble> {
    let judged = Judged::here(context)?;
    let exceptions = &judged.exceptions;
    let wanted = |id: &str| ids.is_empty() || ids.iter().any(|typed| id.starts_with(&typed.to_uppercase()));
    let mut text = String::new();
    let mut seen = 0;
    let mut bad = 0;
    for exception in exceptions.accepted().iter().filter(|one| wanted(one.document().id.as_str())) {
        seen += 1;
        let state = judged.state(exception, context.now);
        let holds = state.starts_with("approved");
        bad += usize::from(!holds);
        let _ = writeln!(
            text,
            "{}: {}{state}",
            exception.document().id,
            if holds { "" } else { "does not hold: " }
        );
        for vote in exception.votes() {
            let signer = safe::terminal(&vote.signer.principal);
            let _ = writeln!(text, "  signed by {signer} in namespace {}", vote.namespace);
        }
        for noted in exception.noted() {
            let _ = writeln!(text, "  does not count: {}", safe::terminal(&noted.reason));
        }
    }
    let refused = exceptions
        .refused()
        .iter()
        .map(|one| &one.refusal)
        .filter(|one| wanted(&one.exception) || ids.is_empty());
    for refusal in refused {
        seen += 1;
        bad += 1;
        let (name, reason) = (safe::terminal(&refusal.exception), safe::terminal(&refusal.reason));
        let _ = writeln!(text, "{name}: does not hold: {}: {reason}", refusal.code);
    }
    if seen == 0 && !ids.is_empty() {
        return Err(Trouble::new(format!("there is no exception `{}` here", ids.join("`, `")))
            .help("`tollgate except list` shows every one"));
    }
    if text.is_empty() {
        text.push_str("no exceptions here\n");
    }
    context.print(&text)?;
    Ok(if bad == 0 { Exit::Open } else { Exit::Shut })
}
