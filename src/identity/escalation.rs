//! Actions that lead to more than they say, platform by platform.

use super::wildcard::{allows, allows_somewhere};
use super::{Grant, Scope};

/// How far an escalation reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The whole cluster or account.
    Whole,
    /// One scope, or what is named.
    Part,
}

/// The first action of `grant` that leads to more, and how far.
pub(super) fn escalation(platform: &str, grant: &Grant) -> Option<(String, Extent)> {
    match platform {
        "aws" => amazon(grant),
        _ => kubernetes(grant),
    }
}

fn kubernetes(grant: &Grant) -> Option<(String, Extent)> {
    let wide = !matches!(grant.scope, Scope::Namespace | Scope::Resource) && grant.names.is_empty();
    let (action, resource, _) =
        KUBERNETES.iter().find(|(action, resource, group)| allows(grant, action, resource, group))?;
    Some((format!("{action} {resource}"), if wide { Extent::Whole } else { Extent::Part }))
}

fn amazon(grant: &Grant) -> Option<(String, Extent)> {
    // A statement whose conditions bind, or about oneself, leads nowhere that is known.
    if grant.scope == Scope::Resource || grant.conditions.iter().any(|one| !one.starts_with("weak: ")) {
        return None;
    }
    let action = AMAZON.iter().find(|action| allows_somewhere(grant, action))?;
    let everywhere = AMAZON_KINDS.iter().any(|kind| allows(grant, action, kind, ""));
    Some(((*action).to_owned(), if everywhere { Extent::Whole } else { Extent::Part }))
}

/// Everything an escalation of [`AMAZON`] can be about.
const AMAZON_KINDS: [&str; 4] =
    ["arn:aws:iam:::role/*", "arn:aws:iam:::user/*", "arn:aws:iam:::group/*", "arn:aws:iam:::policy/*"];

/// Actions of IAM that give oneself more, or make one somebody else.
///
/// Source: AWS, "Service Authorization Reference", "Actions for AWS IAM", access level "Permissions management", read
/// 2026-11-21.
const AMAZON: [&str; 18] = [
    "iam:CreatePolicyVersion",
    "iam:SetDefaultPolicyVersion",
    "iam:AttachUserPolicy",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:PutUserPolicy",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:AddUserToGroup",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:UpdateAssumeRolePolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:UpdateLoginProfile",
    "iam:CreateServiceSpecificCredential",
    "sts:AssumeRole",
    "iam:PassRole",
];

/// Action, resource, API group.
const KUBERNETES: [(&str, &str, &str); 23] = [
    ("escalate", "clusterroles", RBAC),
    ("escalate", "roles", RBAC),
    ("bind", "clusterroles", RBAC),
    ("bind", "roles", RBAC),
    ("impersonate", "users", ""),
    ("impersonate", "groups", ""),
    ("impersonate", "serviceaccounts", ""),
    ("create", "serviceaccounts/token", ""),
    ("create", "secrets", ""),
    ("create", "pods", ""),
    ("create", "pods/exec", ""),
    ("get", "pods/exec", ""),
    ("create", "pods/attach", ""),
    ("patch", "pods/ephemeralcontainers", ""),
    ("create", "deployments", "apps"),
    ("patch", "deployments", "apps"),
    ("create", "daemonsets", "apps"),
    ("create", "statefulsets", "apps"),
    ("create", "jobs", "batch"),
    ("create", "cronjobs", "batch"),
    ("get", "nodes/proxy", ""),
    ("create", "nodes/proxy", ""),
    ("approve", "signers", "certificates.k8s.io"),
];

const RBAC: &str = "rbac.authorization.k8s.io";
