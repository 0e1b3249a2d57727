//! What `ledger verify` says beyond the replay: decisions on keys that are void by now, records of tools nobody allowed.

use std::fmt::Write as _;

use tollgate::ledger::{Ledger, Problem, audit};
use tollgate::text::safe;

use super::context::Context;
use super::site::Site;
use super::trouble::Trouble;

/// Adds a line to `text` for each, and says whether nothing of it fails the verification.
pub fn stands(ledger: &mut Ledger, text: &mut String, context: &Context) -> Result<bool, Trouble> {
    let policies = Site::find(&context.folder, context)?.local_policies()?;
    let leaning = audit::leaning(ledger)?;
    let mut problems = leaning.after;
    if !policies.settings.tools.is_empty() {
        problems.extend(audit::made_by_others(ledger, &policies.settings.tools)?);
    }
    lines(text, "", &problems);
    lines(text, "note, ", &leaning.before);
    Ok(problems.is_empty())
}

fn lines(text: &mut String, mark: &str, problems: &[Problem]) {
    for problem in problems {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{mark}record {}: {}", problem.index, safe::terminal(&problem.what));
    }
}
