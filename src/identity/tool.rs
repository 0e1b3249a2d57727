//! An agent's tools and how their use is approved.

use serde::Serialize;

use super::grant::Authority;
use crate::finding::Location;

/// One thing an agent can call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Name as the platform writes it, such as `Bash(git push *)` or `mcp__jira`.
    pub name: String,
    /// `builtin`, `mcp:<server>`, `agent:<id>` or `code`.
    pub source: String,
    /// What calling it can do; unknown tools count as execute.
    pub authority: Authority,
    /// Whether a person is asked; a model alone is `none`.
    pub approval: Approval,
    /// Whether what it does can be undone; false when unknown and it executes.
    pub reversible: bool,
    /// Whether its version is fixed; true for builtin tools.
    pub pinned: bool,
    /// Whether the whole tool is allowed, or arguments that amount to any command.
    pub unlimited: bool,
    /// Where it says so.
    #[serde(skip)]
    pub place: Location,
}

/// Whether a person is asked before a tool runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// Nobody is asked.
    None,
    /// A person is asked and may wave it through for good.
    Ask,
    /// A person is asked each time.
    Required,
}
