//! Policies that name others: who can become a role, and who may use a resource.

use super::policy::{Condition, Statement, statements};
use super::symbol::texts;
use crate::identity::{
    Credential, CredentialKind, Delegation, Effect, Grant, Identity, Life, Scope, Storage, wildcard,
};
use crate::manifest::file::{File, unknown_credential};
use crate::manifest::parts::Parts;
use crate::text::tree::Node;

/// Everybody, with an account at Amazon or without one.
pub(in crate::manifest) const ANYONE: &str = "aws/principal/*";

/// Seconds a session lasts where the role does not say. Source: AWS, "IAM and STS quotas", read 2026-11-21.
pub(in crate::manifest) const DEFAULT_SESSION: i64 = 3600;

/// Somebody a policy names.
struct Principal<'n> {
    /// Stable name.
    name: String,
    native_kind: &'static str,
    /// Whether the name means the same in every file.
    everywhere: bool,
    node: &'n Node,
}

/// Reads who can become `role`: a step from each of them, and on the role what they prove themselves with.
///
/// What a statement denies only narrows this and is left out.
pub(in crate::manifest) fn trust(
    file: &File<'_>,
    document: &Node,
    role: &str,
    parts: &mut Parts<'_, '_>,
    name_of: &dyn Fn(&str) -> Option<String>,
) {
    let seconds = parts.session_of(role).unwrap_or(DEFAULT_SESSION);
    for statement in statements(document).iter().filter(|statement| statement.effect == Effect::Allow) {
        let Some((_, action)) = statement.actions.iter().find(|(action, _)| {
            wildcard::covers_action("sts:AssumeRole*", action)
                || wildcard::covers_action(action, "sts:AssumeRole")
        }) else {
            continue;
        };
        let conditions: Vec<String> = shown(statement);
        for principal in principals(statement, name_of) {
            let proofs = proofs(file, statement, &principal, seconds);
            parts.credentials(role, proofs);
            let step = Delegation {
                how: "can-become".to_owned(),
                to: role.to_owned(),
                through: String::new(),
                scope: Scope::Cluster,
                namespace: String::new(),
                conditions: conditions.clone(),
                place: file.location(principal.node.span),
            };
            mention(parts, &principal).delegation.push(step);
        }
        if statement.node.get("NotPrincipal").is_some() {
            let step = Delegation {
                how: "can-become".to_owned(),
                to: role.to_owned(),
                through: "NotPrincipal".to_owned(),
                scope: Scope::Cluster,
                namespace: String::new(),
                conditions,
                place: file.location(statement.node.get("NotPrincipal").unwrap_or(action).span),
            };
            parts.mention(ANYONE, "anyone", action, true).delegation.push(step);
        }
    }
}

fn shown(statement: &Statement<'_>) -> Vec<String> {
    statement.conditions.iter().map(Condition::shown).collect()
}

/// Reads who may use the resource `owner`; `*` among its resources means that one resource.
pub(in crate::manifest) fn resource_policy(
    file: &File<'_>,
    document: &Node,
    owner: &str,
    parts: &mut Parts<'_, '_>,
    name_of: &dyn Fn(&str) -> Option<String>,
) {
    for statement in statements(document) {
        let grant = |place| Grant {
            resources: vec![owner.to_owned()],
            not_resources: vec![],
            scope: Scope::Resource,
            bound_at: None,
            action_places: statement.actions.iter().map(|_| file.location(place)).collect(),
            ..statement.grant(file, owner)
        };
        for principal in principals(&statement, name_of) {
            let grant = grant(principal.node.span);
            mention(parts, &principal).grants.push(grant);
        }
        if let Some(node) = statement.node.get("NotPrincipal").filter(|_| statement.effect == Effect::Allow) {
            let mut grant = grant(node.span);
            grant.given_by.push("NotPrincipal".to_owned());
            parts.mention(ANYONE, "anyone", node, true).grants.push(grant);
        }
    }
}

fn mention<'p>(parts: &'p mut Parts<'_, '_>, principal: &Principal<'_>) -> &'p mut Identity {
    parts.mention(&principal.name, principal.native_kind, principal.node, principal.everywhere)
}

/// Everybody a statement names.
fn principals<'n>(statement: &Statement<'n>, name_of: &dyn Fn(&str) -> Option<String>) -> Vec<Principal<'n>> {
    let Some(node) = statement.node.get("Principal") else { return vec![] };
    if node.as_text() == Some("*") {
        return vec![Principal { name: ANYONE.to_owned(), native_kind: "anyone", everywhere: true, node }];
    }
    let mut found = Vec::new();
    for (kind, names) in node.entries() {
        for (text, node) in texts(Some(names)) {
            let (name, native_kind, everywhere) = match kind.as_text() {
                _ if text == "*" => (ANYONE.to_owned(), "anyone", true),
                Some("Service") => (format!("aws/service/{text}"), "service", true),
                Some("Federated") => (format!("aws/federated/{}", issuer(&text)), "federated", true),
                Some("AWS") => account_principal(&text, name_of),
                _ => (format!("aws/principal/{text}"), "principal", true),
            };
            found.push(Principal { name, native_kind, everywhere, node });
        }
    }
    found
}

/// Name, kind, and whether the name means the same everywhere, of `arn:aws:iam::111122223333:root` and its like.
fn account_principal(text: &str, name_of: &dyn Fn(&str) -> Option<String>) -> (String, &'static str, bool) {
    if let Some((_, account, "root")) = wildcard::arn_parts(text) {
        return (format!("aws/account/{account}"), "account", true);
    }
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) || text == "${AWS::AccountId}" {
        return (format!("aws/account/{text}"), "account", true);
    }
    match name_of(text) {
        Some(name) if name.starts_with("aws/role/") => (name, "role", false),
        Some(name) if name.starts_with("aws/user/") => (name, "user", false),
        Some(name) => (name, "principal", false),
        None => (format!("aws/principal/{text}"), "principal", true),
    }
}

/// The host of an identity provider: `token.actions.githubusercontent.com`.
fn issuer(text: &str) -> &str {
    text.split_once("-provider/").map_or(text, |(_, host)| host)
}

/// What a principal proves itself with; one for each subject that a condition lets in.
fn proofs(
    file: &File<'_>,
    statement: &Statement<'_>,
    principal: &Principal<'_>,
    seconds: i64,
) -> Vec<Credential> {
    let proof = |kind, subject: &str, audience: String, at: &Node| Credential {
        issuer: principal.name.trim_start_matches("aws/federated/").to_owned(),
        subject: subject.to_owned(),
        audience,
        life: Life::Bounded,
        lifetime: seconds,
        storage: Storage::Federated,
        ..unknown_credential(kind, &principal.name, file.location(at.span))
    };
    if principal.native_kind != "federated" || principal.name.contains(":saml-provider/") {
        let subject = if principal.name == ANYONE { "*" } else { principal.name.as_str() };
        return vec![proof(
            CredentialKind::StsSession,
            subject,
            "sts.amazonaws.com".to_owned(),
            principal.node,
        )];
    }
    let binding = |end: &str| {
        statement
            .conditions
            .iter()
            .filter(|one| one.binds)
            .find(|one| one.key.to_ascii_lowercase().ends_with(end))
    };
    let audience =
        binding(":aud").and_then(|one| one.values.first()).map_or(String::new(), |(text, _)| text.clone());
    // A claim that names the repository or the project narrows as much as the subject does.
    let claim = binding(":sub").or_else(|| {
        let others = [":repository", ":repository_id", ":job_workflow_ref", ":project_path", ":project_id"];
        others.iter().find_map(|end| binding(end))
    });
    let Some(claim) = claim else {
        return vec![proof(CredentialKind::OidcFederated, "", audience, principal.node)];
    };
    let proofs = claim.values.iter();
    proofs.map(|(subject, at)| proof(CredentialKind::OidcFederated, subject, audience.clone(), at)).collect()
}
