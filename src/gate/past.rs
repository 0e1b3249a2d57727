//! Commits that a hook would have stopped.
//!
//! Git leaves no trace of a hook that was bypassed: `--no-verify`, `core.hooksPath`, a machine without one. What can be
//! seen is a commit that holds what `check --staged` stops. So that is what is counted: not who bypassed the hook, nor
//! commits that went past it and hold nothing, nor what was squashed away before it came here. A rule that is newer than
//! the commit counts too.

use std::collections::BTreeSet;

use crate::decide::{Action, Ruling};
use crate::detect::Scan;
use crate::pipeline::Stage;

/// More than these are counted as these, to keep the record of the run small.
const MOST: usize = 200;

/// The commits of the change that bring in what blocks, sorted; none where no change was named.
pub(super) fn past_hook(stage: Stage, ruling: &Ruling, scan: &Scan) -> Vec<String> {
    if stage == Stage::Local {
        return Vec::new();
    }
    let change: BTreeSet<&str> = scan.extent.commits.iter().map(String::as_str).collect();
    let blocking = ruling.decisions.iter().filter(|one| one.action == Action::Block);
    let commits: BTreeSet<&str> = blocking.filter_map(|one| one.finding.location.commit.as_deref()).collect();
    commits.intersection(&change).take(MOST).map(|commit| (*commit).to_owned()).collect()
}
