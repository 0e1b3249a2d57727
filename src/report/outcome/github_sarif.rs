//! For GitHub's code scanning: SARIF with the open findings alone.
//!
//! GitHub ignores `suppressions`, so what an exception lets through would be an open alert there. It is left out, and
//! an alert about it closes; `sarif` has everything. The verdict is that of the whole outcome.
//!
//! Source: GitHub documentation, "SARIF support for code scanning".

use super::sarif;
use crate::decide::Action;
use crate::outcome::Outcome;
use crate::report::Options;

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, options: &Options) -> String {
    let mut open = outcome.clone();
    open.decisions.retain(|decision| matches!(decision.action, Action::Block | Action::Advise));
    sarif::render(&open, options)
}
