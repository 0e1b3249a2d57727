//! Actions that lead to more than they say, platform by platform.

use super::wildcard::{allows, allows_somewhere, covers_path};
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
        "gcp" => google(grant),
        "azure" => azure(grant),
        "vault" => vault(grant),
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

fn google(grant: &Grant) -> Option<(String, Extent)> {
    if !grant.conditions.is_empty() {
        return None;
    }
    let action = grant.actions.iter().find(|action| {
        let action = action.as_str();
        GOOGLE_ROLES.contains(&action) || GOOGLE_PERMISSIONS.contains(&action)
    })?;
    let wide = !matches!(grant.scope, Scope::Namespace | Scope::Resource);
    Some((format!("use {action}"), if wide { Extent::Whole } else { Extent::Part }))
}

fn azure(grant: &Grant) -> Option<(String, Extent)> {
    if !grant.conditions.is_empty() {
        return None;
    }
    let named = grant.actions.iter().find(|action| AZURE_ROLES.contains(&action.as_str()));
    let action = named
        .map(String::as_str)
        .or_else(|| AZURE_ACTIONS.iter().copied().find(|action| allows_somewhere(grant, action)))?;
    let wide = !matches!(grant.scope, Scope::Namespace | Scope::Resource);
    Some((format!("use {action}"), if wide { Extent::Whole } else { Extent::Part }))
}

fn vault(grant: &Grant) -> Option<(String, Extent)> {
    let writes = ["create", "update", "patch", "sudo", "*"];
    if !grant.actions.iter().any(|action| writes.contains(&action.as_str()))
        || grant.conditions.iter().any(|one| !one.starts_with("weak: "))
    {
        return None;
    }
    let path = VAULT.iter().find(|path| grant.resources.iter().any(|one| covers_path(one, path)))?;
    Some((format!("write {path}"), Extent::Whole))
}

/// Paths of Vault whose writer decides who may do what; one name stands for any.
///
/// Source: Vault, "Policies" and "Token auth method (API)", read 2026-11-21.
const VAULT: [&str; 5] =
    ["sys/policies/acl/any", "sys/policy/any", "sys/auth/any", "auth/any/role/any", "identity/entity/any"];

/// Built-in roles that hand out roles, or change whatever runs.
///
/// Source: Microsoft, "Azure built-in roles", read 2026-11-21.
const AZURE_ROLES: [&str; 4] =
    ["Owner", "Contributor", "User Access Administrator", "Role Based Access Control Administrator"];

/// Actions that lead to more.
///
/// Source: Microsoft, "Azure permissions", read 2026-11-21.
const AZURE_ACTIONS: [&str; 6] = [
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/elevateAccess/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.Compute/virtualMachines/runCommand/action",
    "Microsoft.Resources/deploymentScripts/write",
];

/// Roles that lead to more, or to whoever a service account is.
///
/// Source: Google Cloud, "IAM basic and predefined roles reference", and "Roles for service account authentication",
/// read 2026-11-21.
const GOOGLE_ROLES: [&str; 22] = [
    "roles/owner",
    "roles/editor",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.workloadIdentityUser",
    "roles/iam.roleAdmin",
    "roles/iam.organizationRoleAdmin",
    "roles/iam.securityAdmin",
    "roles/resourcemanager.projectIamAdmin",
    "roles/resourcemanager.folderIamAdmin",
    "roles/resourcemanager.folderAdmin",
    "roles/resourcemanager.organizationAdmin",
    "roles/orgpolicy.policyAdmin",
    "roles/cloudbuild.builds.editor",
    "roles/deploymentmanager.editor",
    "roles/compute.admin",
    "roles/compute.instanceAdmin",
    "roles/compute.instanceAdmin.v1",
    "roles/container.admin",
    "roles/secretmanager.admin",
];

/// Permissions of roles of one's own that lead to more.
const GOOGLE_PERMISSIONS: [&str; 14] = [
    "resourcemanager.projects.setIamPolicy",
    "resourcemanager.folders.setIamPolicy",
    "resourcemanager.organizations.setIamPolicy",
    "iam.roles.update",
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.getOpenIdToken",
    "iam.serviceAccounts.signBlob",
    "iam.serviceAccounts.signJwt",
    "iam.serviceAccounts.implicitDelegation",
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.setIamPolicy",
    "iam.serviceAccountKeys.create",
    "orgpolicy.policy.set",
    "cloudbuild.builds.create",
];

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
