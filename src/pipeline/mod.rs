//! A named road to deployment, one trip on it, and the snapshot of variables both are read from.

/// What a GitHub event file adds to a run.
pub mod event;
/// One table entry for each CI provider.
pub mod providers;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The environment variables of the process, read once in `cli`. An empty value counts as absent.
#[derive(Debug, Clone, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// The value of `name`, unless absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Where the gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// A developer's machine.
    Local,
    /// A pull or merge request.
    Merge,
    /// The road to production.
    Deploy,
}

impl Stage {
    /// The word reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Merge => "merge",
            Self::Deploy => "deploy",
        }
    }
}

/// One trip on a pipeline: who, where, which attempt (the audit lineage of every record).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// `github`, `gitlab`, ... or `local`.
    pub provider: String,
    /// Host of the repository, `github.com`; `local` without one.
    pub repo_host: String,
    /// Immutable id of the repository; the name where the provider has none.
    pub repo_id: String,
    /// `owner/name`, or the name of the folder.
    pub repo_name: String,
    /// Name of the pipeline, from the policy or derived from the provider.
    pub pipeline: String,
    /// Product line from the policy; empty without one.
    pub product: String,
    /// Unique id of the run: the provider's, or a random ULID.
    pub run_id: String,
    /// From 1.
    pub attempt: u32,
    /// Job within the run; empty when there is none.
    pub job: String,
    /// What started the run, such as `pull_request`; `manual` outside CI.
    pub trigger: String,
    /// Immutable id of the actor, or the login where there is none.
    pub actor_id: String,
    /// Login of the actor.
    pub actor_login: String,
    /// `human`, `bot` or `agent`.
    pub actor_class: String,
    /// Commit under judgement; empty for a bare folder.
    pub commit: String,
    /// The ref it was reached by, such as `refs/heads/main`; empty when unknown.
    pub reference: String,
    /// Number of the pull or merge request; empty without one.
    pub request: String,
    /// Author of the request (login); empty without one.
    pub request_author: String,
    /// Commit id of the base of the request; empty without one.
    pub base: String,
    /// The commit the ref pointed at before a push; empty otherwise. Whoever pushed chose it, so it is never trusted.
    #[serde(skip)]
    pub before: String,
    /// The branches, without `refs/heads/`, that not everybody can push to: that of the repository, and the one of this
    /// run where the provider says so. Empty when unknown.
    #[serde(skip)]
    pub protected: Vec<String>,
    /// Whether the request comes from a fork.
    pub fork: bool,
}
