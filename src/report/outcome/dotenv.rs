//! For the next step or job: words and numbers as variables, with no text of the repository among them.
//!
//! ```text
//! TOLLGATE_OUTCOME=blocked
//! TOLLGATE_BLOCK=1
//! ```
//!
//! Source: GitLab, "Pass an environment variable to another job", `artifacts:reports:dotenv`; GitHub, "Setting an
//! output parameter", takes the same lines.

use crate::decide::Action;
use crate::outcome::Outcome;
use crate::report::Options;

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, _: &Options) -> String {
    let mut lines = vec![
        ("OUTCOME", outcome.verdict.word().to_owned()),
        ("STAGE", outcome.stage.word().to_owned()),
        ("RECORDED", outcome.unrecorded.is_none().to_string()),
    ];
    for (name, action) in [
        ("BLOCK", Action::Block),
        ("ADVISE", Action::Advise),
        ("EXCEPT", Action::Except),
        ("INHERIT", Action::Inherit),
    ] {
        lines.push((name, outcome.count(action).to_string()));
    }
    lines.push(("GAPS", outcome.gaps.len().to_string()));
    let lines: Vec<String> = lines.iter().map(|(name, value)| format!("TOLLGATE_{name}={value}")).collect();
    lines.join("\n") + "\n"
}
