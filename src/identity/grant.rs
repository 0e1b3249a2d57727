//! Leave to do actions on resources under conditions.

use serde::Serialize;

use crate::finding::Location;

/// One rule or statement: conditions of one are never mixed with those of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Allow or deny.
    pub effect: Effect,
    /// Verbs or actions as written; `*` covers all.
    pub actions: Vec<String>,
    /// Actions it leaves out although `actions` covers them: `NotAction`, or what a deny takes back.
    pub not_actions: Vec<String>,
    /// Resources as written, `group/resource` apart: see `groups`.
    pub resources: Vec<String>,
    /// Resources it leaves out although `resources` covers them: `NotResource`.
    pub not_resources: Vec<String>,
    /// API groups (Kubernetes); `""` is the core group, `*` covers all; empty elsewhere.
    pub groups: Vec<String>,
    /// Names the grant is limited to; empty means every name. In a policy of a resource: who is meant.
    pub names: Vec<String>,
    /// How far it reaches.
    pub scope: Scope,
    /// Namespace it is limited to; empty when not.
    pub namespace: String,
    /// Conditions as written; one that binds nothing, such as a negation or `...IfExists`, begins with `weak: `.
    pub conditions: Vec<String>,
    /// The greatest authority among its actions.
    pub authority: Authority,
    /// Where the grant was given: the stable name of the role and of the binding.
    pub given_by: Vec<String>,
    /// The whole grant.
    #[serde(skip)]
    pub place: Location,
    /// One place for each of `actions`, same order.
    #[serde(skip)]
    pub action_places: Vec<Location>,
    /// The binding that makes it effective, where there is one.
    #[serde(skip)]
    pub bound_at: Option<Location>,
}

/// Whether a grant gives or takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Gives.
    Allow,
    /// Takes; beats every allow.
    Deny,
}

/// How far a grant reaches, smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// A role that nothing in the tree binds: it may reach anything.
    Unbound,
    /// One named resource.
    Resource,
    /// One namespace, repository or bucket.
    Namespace,
    /// One cluster, account, project or subscription.
    Cluster,
    /// One organisation or tenant, or everything.
    Organisation,
}

/// What an action does: derived by the table of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Authority {
    /// Reads, lists, plans.
    Inspect,
    /// Drafts, comments, proposes.
    Recommend,
    /// Writes, deletes, deploys, runs code, pays, sends.
    Execute,
}
