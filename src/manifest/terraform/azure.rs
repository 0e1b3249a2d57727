//! Roles of Azure and credentials of Entra in Terraform.

use super::home;
use super::module::{Module, Resource, blocks, each, reference};
use crate::identity::{Credential, CredentialKind, Life, Scope, Storage};
use crate::manifest::Reading;
use crate::manifest::azure_rbac::PLATFORM;
use crate::manifest::azure_rbac::assignment::{Assignment, assign, federated, permissions, scope_of};
use crate::manifest::file::{File, unknown_credential};
use crate::manifest::parts::Parts;
use crate::text::time::{Length, Timestamp};
use crate::text::tree::Node;

/// Adds the identities of Azure that `module` declares.
pub(super) fn read(file: &File<'_>, module: &Module, reading: &mut Reading) {
    let reader = Reader { file, planned: module.planned };
    let mut parts = Parts::new(file, PLATFORM, &home(file));
    for resource in module.resources.iter().filter(|one| !one.data && one.kind.starts_with("azure")) {
        reader.resource(resource, &mut parts);
    }
    reading.identities.extend(parts.finish());
}

/// What a reference to a resource stands for.
fn name_of(text: &str) -> Option<String> {
    let found = reference(text).filter(|found| !found.data)?;
    let word = match found.kind {
        "azurerm_user_assigned_identity" => "identity",
        "azuread_service_principal" | "azuread_application" | "azuread_application_registration" => {
            "application"
        }
        "azuread_group" => "group",
        "azurerm_role_definition" => "role",
        kind if text.contains(".identity") => {
            return Some(format!("azure/{}/{}", kind.trim_start_matches("azurerm_"), found.label));
        }
        _ => return None,
    };
    Some(format!("azure/{word}/{}", found.label))
}

struct Reader<'r, 'f> {
    file: &'r File<'f>,
    planned: bool,
}

impl Reader<'_, '_> {
    fn resource(&self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        match resource.kind.as_str() {
            "azurerm_role_assignment" => self.assignment(body, parts),
            "azurerm_role_definition" => self.definition(resource, parts),
            "azurerm_federated_identity_credential"
            | "azuread_application_federated_identity_credential"
            | "azuread_application_flexible_federated_identity_credential" => {
                let Some(issuer) = body.get("issuer") else { return };
                let name = format!("azure/federated/{}", resource.label);
                let subject = body.get("subject").or_else(|| body.get("claims_matching_expression"));
                let audience = body.get("audience").or_else(|| body.get("audiences"));
                let proof = federated(self.file, &name, issuer, subject, audience);
                parts.declare(&name, "federated-credential", body).credentials.push(proof);
            }
            "azuread_application_password" | "azuread_service_principal_password" => {
                self.secret(resource, CredentialKind::OauthClientSecret, parts);
            }
            "azuread_application_certificate" | "azuread_service_principal_certificate" => {
                self.secret(resource, CredentialKind::X509, parts);
            }
            "azuread_app_role_assignment" => self.app_role(body, parts),
            "azurerm_kubernetes_cluster" if !self.planned || body.get("local_account_disabled").is_some() => {
                let said = body.get("local_account_disabled");
                let known = said.is_none_or(|node| node.as_text().is_none_or(|text| !text.contains("${")));
                if known && said.and_then(Node::truthy) != Some(true) {
                    let name = format!("azure/cluster/{}", resource.label);
                    let identity = parts.declare(&name, "cluster", body);
                    identity.settings.push(self.file.setting(
                        "local-accounts",
                        "enabled",
                        said.unwrap_or(body),
                    ));
                }
            }
            "azurerm_storage_account" => self.storage(resource, parts),
            _ => {}
        }
    }

    /// A storage account whose keys may sign what never ends.
    fn storage(&self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        let shared = body.get("shared_access_key_enabled");
        if shared.is_some_and(|at| at.truthy() != Some(true)) || !blocks(body, "sas_policy").is_empty() {
            return;
        }
        let identity = parts.declare(&format!("azure/storage/{}", resource.label), "storage-account", body);
        identity.settings.push(self.file.setting("sas-policy", "none", shared.unwrap_or(body)));
    }

    fn assignment(&self, body: &Node, parts: &mut Parts<'_, '_>) {
        let Some(principal) = body.get("principal_id") else { return };
        let roles = body.get("role_definition_name").or_else(|| body.get("role_definition_id"));
        let text = body.get("scope").and_then(Node::scalar).unwrap_or_default();
        for role in roles.into_iter().flat_map(each) {
            let assignment = Assignment {
                principal,
                kind: body.get("principal_type").and_then(Node::scalar).unwrap_or_default(),
                role,
                scope: scope(&text),
                resource: text.clone(),
                condition: body.get("condition"),
            };
            assign(self.file, parts, &assignment, &name_of);
        }
    }

    fn definition(&self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        let name = format!("azure/role/{}", resource.label);
        let own = body.get("scope").and_then(Node::scalar).unwrap_or_default();
        let mut grants = Vec::new();
        for block in blocks(body, "permissions") {
            let keys = ["actions", "not_actions", "data_actions", "not_data_actions"];
            grants.extend(permissions(self.file, block, body.get("assignable_scopes"), &name, keys));
        }
        let scopes = body.get("assignable_scopes").map(Node::items).unwrap_or_default();
        let reach = scopes.iter().filter_map(Node::scalar).chain([own]).map(|text| scope(&text)).max();
        for grant in &mut grants {
            grant.scope = reach.unwrap_or(Scope::Cluster);
        }
        parts.declare(&name, "role-definition", body).grants.extend(grants);
    }

    /// A password or a certificate of an application, with its end.
    fn secret(&self, resource: &Resource, kind: CredentialKind, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        let holder = ["application_id", "application_object_id", "service_principal_id"];
        let Some(at) = holder.iter().find_map(|key| body.get(key)) else { return };
        let text = at.scalar().unwrap_or_default();
        let name = name_of(&text).unwrap_or_else(|| format!("azure/application/{text}"));
        let end = body.get("end_date").and_then(Node::scalar).and_then(|text| Timestamp::parse(&text).ok());
        let relative =
            body.get("end_date_relative").and_then(Node::scalar).and_then(|text| Length::parse(&text).ok());
        let start =
            body.get("start_date").and_then(Node::scalar).and_then(|text| Timestamp::parse(&text).ok());
        let from_start = end.zip(start).map(|(end, start)| end.since(start));
        let place = ["end_date_relative", "end_date"].iter().find_map(|key| body.get(key)).unwrap_or(at);
        let held = Credential {
            expires: end.map_or(-1, |end| end.0 / 1000),
            // An end that is computed is an end.
            life: if body.get("end_date").is_some() || relative.is_some() {
                Life::Bounded
            } else {
                Life::Unknown
            },
            lifetime: relative.or(from_start).map_or(-1, |length| length.0 / 1000),
            storage: Storage::SecretManager,
            ..unknown_credential(
                kind,
                &format!("azure/credential/{}", resource.label),
                self.file.location(place.span),
            )
        };
        parts.mention(&name, "application", at, false).credentials.push(held);
    }

    /// Leave to call Microsoft Graph, by the name of the role in the expression that finds its id.
    fn app_role(&self, body: &Node, parts: &mut Parts<'_, '_>) {
        let (Some(at), Some(principal)) = (body.get("app_role_id"), body.get("principal_object_id")) else {
            return;
        };
        let text = at.scalar().unwrap_or_default();
        let named = text.split('"').nth(1).map(str::to_owned);
        let role =
            named.or_else(|| GRAPH.iter().find(|(id, _)| *id == text).map(|(_, name)| (*name).to_owned()));
        let Some(role) = role else { return };
        let text = principal.scalar().unwrap_or_default();
        let name = name_of(&text).unwrap_or_else(|| format!("azure/principal/{text}"));
        let identity = parts.mention(&name, "application", principal, false);
        identity.settings.push(self.file.setting("graph.app-role", &role, at));
    }
}

/// Roles of Microsoft Graph that lead to more, by their ids.
///
/// Source: Microsoft Graph, "Permissions reference", read 2026-11-21.
const GRAPH: [(&str, &str); 4] = [
    ("9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8", "RoleManagement.ReadWrite.Directory"),
    ("06b708a9-e830-4db3-a914-8e69da51d44f", "AppRoleAssignment.ReadWrite.All"),
    ("1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", "Application.ReadWrite.All"),
    ("19dbc75e-c2e2-444c-a770-ec69d8559fc7", "Directory.ReadWrite.All"),
];

/// How far the scope of an assignment reaches: written out, or by the type that an expression refers to.
fn scope(text: &str) -> Scope {
    let Some(found) = reference(text) else {
        if text.starts_with("${") && text.to_ascii_lowercase().contains("resourcegroups") {
            return Scope::Namespace;
        }
        // `/subscriptions/${var.id}` is written out but for its name; of a variable nothing is known.
        return if text.starts_with("${") && !text.contains("subscription") {
            Scope::Namespace
        } else {
            scope_of(&plain(text))
        };
    };
    match found.kind {
        "azurerm_subscription" | "azurerm_client_config" => Scope::Cluster,
        "azurerm_management_group" => Scope::Organisation,
        "azurerm_resource_group" => Scope::Namespace,
        _ => Scope::Resource,
    }
}

/// A scope with its first expression as the path it most likely gives.
fn plain(text: &str) -> String {
    let Some((inner, rest)) = text.strip_prefix("${").and_then(|rest| rest.split_once('}')) else {
        return text.to_owned();
    };
    if inner.contains("subscription") {
        format!("/subscriptions/x{rest}")
    } else {
        format!("/subscriptions/x/resourceGroups/y/providers/z{rest}")
    }
}
