//! `permissions:`: what the token of a job may do.

use super::NAME;
use crate::identity::{Authority, Delegation, Effect, Grant, Scope};
use crate::manifest::file::File;
use crate::text::tree::{Node, Value};

/// Scopes of the token. Source: GitHub, "Workflow syntax for GitHub Actions", section "permissions".
const SCOPES: [&str; 18] = [
    "actions",
    "artifact-metadata",
    "attestations",
    "checks",
    "contents",
    "deployments",
    "discussions",
    "id-token",
    "issues",
    "models",
    "packages",
    "pages",
    "pull-requests",
    "repository-projects",
    "security-events",
    "statuses",
    "vulnerability-alerts",
    "copilot-requests",
];

/// Scopes through which a write only comments or proposes.
const PROPOSING: [&str; 6] =
    ["checks", "discussions", "issues", "pull-requests", "security-events", "statuses"];

/// What a `permissions:` gives.
#[derive(Default)]
pub(super) struct Permissions {
    pub(super) grants: Vec<Grant>,
    /// `id-token: write`: the job can be whoever trusts its proof of identity.
    pub(super) federated: Option<Delegation>,
    /// Whether something in it is no permission that is known.
    pub(super) unknown: bool,
}

/// Reads `permissions` as written in `given_by`, a workflow or a job.
pub(super) fn read(file: &File<'_>, permissions: &Node, given_by: &str) -> Permissions {
    let mut read = Permissions::default();
    let everything = |action: &str, authority| Grant {
        place: file.location(permissions.span),
        ..grant(file, "*", action, authority, permissions, given_by)
    };
    match (&permissions.value, permissions.as_text()) {
        (_, Some("write-all")) => {
            read.grants.push(everything("*", Authority::Execute));
            read.federated = Some(federated(file, permissions));
        }
        (_, Some("read-all")) => read.grants.push(everything("read", Authority::Inspect)),
        (Value::Null | Value::Map(_), _) => {
            for (scope, level) in permissions.entries() {
                read_scope(file, scope, level, given_by, &mut read);
            }
        }
        _ => read.unknown = true,
    }
    read
}

fn read_scope(file: &File<'_>, scope: &Node, level: &Node, given_by: &str, read: &mut Permissions) {
    let name = scope.as_text().unwrap_or_default();
    read.unknown |= !SCOPES.contains(&name);
    match level.as_text() {
        Some("write") if name == "id-token" => {
            read.grants.push(grant(file, name, "write", Authority::Execute, level, given_by));
            read.federated = Some(federated(file, level));
        }
        Some("write") => {
            let authority = if PROPOSING.contains(&name) { Authority::Recommend } else { Authority::Execute };
            read.grants.push(grant(file, name, "write", authority, level, given_by));
        }
        Some("read") => read.grants.push(grant(file, name, "read", Authority::Inspect, level, given_by)),
        Some("none") => {}
        _ => read.unknown = true,
    }
}

/// What a job holds where nothing says so: the setting of the repository is not in the tree.
///
/// Source: GitHub, "Permissions for the `GITHUB_TOKEN`": the restricted default.
pub(super) fn unset(file: &File<'_>, job: &Node) -> Vec<Grant> {
    let scopes = ["contents", "packages"].into_iter();
    let grants = scopes.map(|scope| Grant {
        conditions: vec!["default of the repository".to_owned()],
        ..grant(file, scope, "read", Authority::Inspect, job, "")
    });
    grants.collect()
}

fn grant(
    file: &File<'_>,
    scope: &str,
    action: &str,
    authority: Authority,
    at: &Node,
    given_by: &str,
) -> Grant {
    Grant {
        effect: Effect::Allow,
        actions: vec![action.to_owned()],
        resources: vec![scope.to_owned()],
        not_actions: vec![],
        not_resources: vec![],
        groups: vec![],
        names: vec![],
        scope: Scope::Namespace,
        namespace: String::new(),
        conditions: vec![],
        authority,
        given_by: Some(given_by).filter(|name| !name.is_empty()).map(str::to_owned).into_iter().collect(),
        place: file.location(at.span),
        action_places: vec![file.location(at.span)],
        bound_at: None,
    }
}

/// Whom a job becomes with its proof of identity is settled where that proof is trusted.
fn federated(file: &File<'_>, at: &Node) -> Delegation {
    Delegation {
        conditions: vec![],
        how: "can-become".to_owned(),
        to: format!("{NAME}/id-token"),
        through: "id-token".to_owned(),
        scope: Scope::Cluster,
        namespace: String::new(),
        place: file.location(at.span),
    }
}
