//! Whoever can be granted something, in one model for every platform (design, section 5).
//!
//! Rules see these values through [`serde::Serialize`]: every field is always present, integers are
//! signed, unknown is a word and never an absence.

/// What others call an identity.
pub mod called;
/// What proves an identity, with issue and end.
pub mod credential;
/// Deny beats allow.
pub mod deny;
/// Actions that lead to more than they say.
mod escalation;
/// Agents and the manifests that govern them.
pub mod govern;
/// Leave to do actions on resources under conditions.
pub mod grant;
/// Every identity of a tree in one list.
pub mod inventory;
/// One identity out of many files.
pub mod join;
/// Policies that a cloud keeps for everybody.
mod managed;
/// Blast radius: the four factors and the score.
pub mod radius;
/// What identities come to together.
pub mod session;
/// An agent's tools and how their use is approved.
pub mod tool;
/// What a change lets an identity do that it could not before.
pub mod widen;
/// What `*` really covers, by meaning.
pub mod wildcard;

use serde::Serialize;

pub use credential::{Credential, CredentialKind, Life, Storage};
pub use grant::{Authority, Effect, Grant, Scope};
pub use join::{Joined, join};
pub use radius::{Blast, Radius, radius};
pub use session::relate;
pub use tool::{Approval, Tool};
pub use widen::Widened;
pub use wildcard::allows;

use crate::finding::Location;

/// Whoever can be granted something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Person, service account, workload, pipeline or agent.
    pub kind: IdentityKind,
    /// The platform's own word: `ServiceAccount`, `ClusterRole`, `mcp-server`, `coding-agent`.
    pub native_kind: String,
    /// `kubernetes`, `mcp`, `claude-code`, ...
    pub platform: String,
    /// Stable name: `kubernetes/ServiceAccount/payments/api`; never a path or a line.
    pub name: String,
    /// Accountable person or team; empty when unknown.
    pub owner: String,
    /// `dev`, `test`, `stage`, `prod` or `unknown`.
    pub environment: String,
    /// What it is for, as declared; empty when not.
    pub purpose: String,
    /// Where in the tree the file stands: `live`, `local-optional`, `template`, `docs`, `test`, `plugin`.
    pub context: Context,
    /// Whether the declaration was read in full; false for templates and unresolved references.
    pub complete: bool,
    /// What it may do.
    pub grants: Vec<Grant>,
    /// What proves it.
    pub credentials: Vec<Credential>,
    /// What an agent can call; empty for the rest.
    pub tools: Vec<Tool>,
    /// How long it lives at a time.
    pub session: Session,
    /// Whom it acts for or can become.
    pub delegation: Vec<Delegation>,
    /// Switches of the platform that no other field holds, by the platform's own dotted name
    /// (`permissions.defaultMode`, `automountServiceAccountToken`), as text.
    pub settings: Vec<Setting>,
    /// What the change lets it do beyond the base; empty without a base. Set before rules are asked.
    pub widened: Vec<Widened>,
    /// How much falls with it. Set before rules are asked.
    pub blast: Blast,
    /// The folder whose files declare one thing together, such as a Terraform module, or the file where a name means
    /// something in that file alone; empty where a name means the same everywhere.
    #[serde(skip)]
    pub home: String,
    /// Where it is declared; the first is the main one, never empty.
    #[serde(skip)]
    pub places: Vec<Location>,
}

/// What kind of being an identity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// A human being.
    Person,
    /// An account for machines: roles, groups and API clients too.
    ServiceAccount,
    /// Something that runs: a pod template, an MCP server.
    Workload,
    /// A CI job.
    Pipeline,
    /// Something that decides for itself which tool to call.
    Agent,
}

/// Where in the tree a file stands; it lowers a level by one and never drops a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// A path the product loads.
    Live,
    /// `*.local.json` and its like.
    LocalOptional,
    /// `*.example`, `*.tmpl`, chart templates.
    Template,
    /// Documentation, samples, tutorials.
    Docs,
    /// Tests and fixtures.
    Test,
    /// A plugin or a marketplace entry.
    Plugin,
}

/// How long an identity lives at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Session {
    /// Longest session in seconds; -1 when unknown, 0 when unbounded.
    pub max_seconds: i64,
    /// Whether the session is bound to one task.
    pub bound_to_task: bool,
    /// How it ends; empty when not said.
    pub teardown: String,
}

/// One step to another identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delegation {
    /// `bound-to` (holds the grants of a role), `runs-as`, `can-become`, `calls`.
    pub how: String,
    /// Stable name of the other identity; `*` for any.
    pub to: String,
    /// Stable name of what makes the step possible, such as a binding; empty when nothing stands between.
    pub through: String,
    /// How far the step reaches: that of the binding, `organisation` where nothing limits it.
    pub scope: Scope,
    /// Namespace the step is limited to; empty when not.
    pub namespace: String,
    /// Conditions of the step as written; one that binds nothing begins with `weak: `, as in a grant.
    pub conditions: Vec<String>,
    /// Where it says so.
    #[serde(skip)]
    pub place: Location,
}

/// One switch of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Dotted name as the platform writes it.
    pub name: String,
    /// The value as text; a list is one setting per item.
    pub value: String,
    /// Where it says so.
    #[serde(skip)]
    pub place: Location,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::text::span::{Position, Span};

    /// The start of a file.
    pub(crate) fn place(path: &str) -> Location {
        let start = Position { line: 1, column: 1 };
        Location { path: path.to_owned(), start, end: start, span: Span::new(0, 0), commit: None }
    }

    /// A service account that can do nothing.
    pub(crate) fn identity(platform: &str, native_kind: &str, name: &str, context: Context) -> Identity {
        Identity {
            kind: IdentityKind::ServiceAccount,
            native_kind: native_kind.to_owned(),
            platform: platform.to_owned(),
            name: name.to_owned(),
            owner: String::new(),
            environment: "unknown".to_owned(),
            purpose: String::new(),
            context,
            complete: true,
            grants: vec![],
            credentials: vec![],
            tools: vec![],
            session: Session { max_seconds: -1, ..Session::default() },
            delegation: vec![],
            settings: vec![],
            widened: vec![],
            blast: Blast::default(),
            home: String::new(),
            places: vec![place("a.yaml")],
        }
    }
}
