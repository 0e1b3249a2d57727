//! For GitLab's static analysis: the identities and agents with too much power.
//!
//! Credentials are in the report of secret detection; the two together have every finding once.
//!
//! Source: GitLab, "Security report schemas", SAST 15.2.

use crate::finding::{Family, Finding};
use crate::outcome::Outcome;
use crate::report::Options;
use crate::report::gitlab::{Kind, report};

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, _: &Options) -> String {
    let takes = |finding: &Finding| matches!(finding.family, Family::Privilege | Family::Agent);
    report(outcome, Kind { scan: "sast", version: "15.2.1", takes, commits: false })
}
