//! For GitLab's secret detection: the credentials in the open, and those that live too long.
//!
//! Source: GitLab, "Security report schemas", secret detection 15.2.5; every place names its commit.

use crate::finding::{Family, Finding};
use crate::outcome::Outcome;
use crate::report::Options;
use crate::report::gitlab::{Kind, report};

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, _: &Options) -> String {
    let takes = |finding: &Finding| matches!(finding.family, Family::Secret | Family::Lifetime);
    report(outcome, Kind { scan: "secret_detection", version: "15.2.5", takes, commits: true })
}
