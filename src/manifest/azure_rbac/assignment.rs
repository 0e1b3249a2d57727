//! Who is assigned which role where, and what roles of one's own allow.

use crate::identity::{
    Authority, Credential, CredentialKind, Delegation, Effect, Grant, Life, Scope, Storage,
};
use crate::manifest::file::{File, unknown_credential};
use crate::manifest::parts::Parts;
use crate::text::tree::Node;

/// One role assignment.
pub(in crate::manifest) struct Assignment<'n> {
    pub(in crate::manifest) principal: &'n Node,
    /// `User`, `Group`, `ServicePrincipal`; empty when not said.
    pub(in crate::manifest) kind: String,
    pub(in crate::manifest) role: &'n Node,
    pub(in crate::manifest) scope: Scope,
    /// What it is assigned on, for people.
    pub(in crate::manifest) resource: String,
    pub(in crate::manifest) condition: Option<&'n Node>,
}

/// Roles that are built in, by the end of their ids.
///
/// Source: Microsoft, "Azure built-in roles", read 2026-11-21.
const BUILT_IN: [(&str, &str); 9] = [
    ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner"),
    ("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor"),
    ("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "User Access Administrator"),
    ("f58310d9-a9f6-439a-9e8d-f62e7b41a168", "Role Based Access Control Administrator"),
    ("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader"),
    ("00482a5a-887f-4fb3-b363-3b7fe8e74483", "Key Vault Administrator"),
    ("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "Key Vault Secrets Officer"),
    ("4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User"),
    ("fb1c8493-542b-48eb-b624-b4c8fea62acd", "Security Admin"),
];

/// The name of the role that a name, an id or an expression with an id stands for.
pub(in crate::manifest) fn role_name(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let known = BUILT_IN.iter().find(|(id, _)| lower.contains(id));
    known.map_or_else(|| text.to_owned(), |(_, name)| (*name).to_owned())
}

/// How far a scope such as `/subscriptions/ID/resourceGroups/X` reaches.
pub(in crate::manifest) fn scope_of(text: &str) -> Scope {
    let lower = text.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => Scope::Organisation,
        ["providers", "microsoft.management", ..] => Scope::Organisation,
        ["subscriptions", _] => Scope::Cluster,
        ["subscriptions", _, "resourcegroups", _] => Scope::Namespace,
        _ => Scope::Resource,
    }
}

/// Gives the role of `assignment` to its principal; `name_of` knows what references stand for.
pub(in crate::manifest) fn assign(
    file: &File<'_>,
    parts: &mut Parts<'_, '_>,
    assignment: &Assignment<'_>,
    name_of: &dyn Fn(&str) -> Option<String>,
) {
    let (Some(principal), Some(role)) = (assignment.principal.scalar(), assignment.role.scalar()) else {
        return;
    };
    let name = name_of(&principal).unwrap_or_else(|| format!("azure/principal/{principal}"));
    let native_kind = match assignment.kind.as_str() {
        "User" => "user",
        "Group" => "group",
        "ServicePrincipal" | "MSI" => "service-principal",
        _ => "principal",
    };
    let conditions: Vec<String> =
        assignment.condition.and_then(Node::scalar).filter(|text| !text.is_empty()).into_iter().collect();
    let identity = parts.mention(&name, native_kind, assignment.principal, false);
    if let Some(to) = name_of(&role) {
        identity.delegation.push(Delegation {
            how: "bound-to".to_owned(),
            to,
            through: assignment.resource.clone(),
            scope: assignment.scope,
            namespace: String::new(),
            conditions,
            place: file.location(assignment.role.span),
        });
        return;
    }
    let role = role_name(&role);
    identity.grants.push(Grant {
        effect: Effect::Allow,
        authority: authority(&role),
        actions: vec![role],
        not_actions: vec![],
        resources: vec![assignment.resource.clone()],
        not_resources: vec![],
        groups: vec![],
        names: vec![],
        scope: assignment.scope,
        namespace: String::new(),
        conditions,
        given_by: vec![name],
        place: file.location(assignment.principal.span),
        action_places: vec![file.location(assignment.role.span)],
        bound_at: None,
    });
}

/// What a role does, by the word its name ends with.
fn authority(role: &str) -> Authority {
    let reads = ["Reader", "Viewer", "Secrets User", "Data Reader"];
    if reads.iter().any(|end| role.ends_with(end)) { Authority::Inspect } else { Authority::Execute }
}

/// Adds a role of one's own; `properties` in an ARM template, the object itself elsewhere.
pub(in crate::manifest) fn define(
    file: &File<'_>,
    object: &Node,
    id: Option<&str>,
    parts: &mut Parts<'_, '_>,
) {
    let said = key(object, "roleName").or_else(|| key(object, "name")).and_then(Node::scalar);
    let stable = format!("azure/role/{}", id.map(str::to_owned).or(said).unwrap_or_default());
    let scopes = key(object, "assignableScopes");
    let blocks = key(object, "permissions").map_or(std::slice::from_ref(object), Node::items);
    let grants: Vec<Grant> = blocks
        .iter()
        .flat_map(|block| {
            permissions(
                file,
                block,
                scopes,
                &stable,
                ["actions", "notActions", "dataActions", "notDataActions"],
            )
        })
        .collect();
    let identity = parts.declare(&stable, "role-definition", object);
    identity.purpose = key(object, "description").and_then(Node::scalar).unwrap_or_default();
    identity.grants.extend(grants);
}

/// The grants of one block of permissions, by its four keys: those on the resource, and those on its data.
pub(in crate::manifest) fn permissions(
    file: &File<'_>,
    block: &Node,
    scopes: Option<&Node>,
    giver: &str,
    keys: [&str; 4],
) -> Vec<Grant> {
    let resources = texts(scopes);
    let scope = resources.iter().map(|(text, _)| scope_of(text)).max().unwrap_or(Scope::Cluster);
    let [actions, not_actions, data, not_data] = keys;
    let pairs = [(actions, not_actions), (data, not_data)];
    let grants = pairs.into_iter().filter_map(|(some, but)| {
        let list = key(block, some)?;
        let actions = texts(Some(list));
        (!actions.is_empty()).then(|| Grant {
            effect: Effect::Allow,
            authority: actions
                .iter()
                .map(|(text, _)| action_authority(text))
                .max()
                .unwrap_or(Authority::Inspect),
            action_places: actions.iter().map(|(_, node)| file.location(node.span)).collect(),
            actions: actions.into_iter().map(|(text, _)| text).collect(),
            not_actions: texts(key(block, but)).into_iter().map(|(text, _)| text).collect(),
            resources: resources.iter().map(|(text, _)| text.clone()).collect(),
            not_resources: vec![],
            groups: vec![],
            names: vec![],
            scope,
            namespace: String::new(),
            conditions: vec![],
            given_by: vec![giver.to_owned()],
            place: file.location(list.span),
            bound_at: None,
        })
    });
    grants.collect()
}

fn action_authority(action: &str) -> Authority {
    if action.to_ascii_lowercase().ends_with("/read") { Authority::Inspect } else { Authority::Execute }
}

fn texts(node: Option<&Node>) -> Vec<(String, &Node)> {
    let items = node.map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| Some((item.scalar()?, item))).collect()
}

/// The value under `name`, whose first letter may be a capital: the command line prints both.
pub(in crate::manifest) fn key<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    node.entries()
        .iter()
        .find(|(key, _)| key.as_text().is_some_and(|key| key.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value)
}

/// Whom a managed identity or an application believes.
pub(in crate::manifest) fn federated(
    file: &File<'_>,
    name: &str,
    issuer: &Node,
    subject: Option<&Node>,
    audience: Option<&Node>,
) -> Credential {
    let host = issuer.scalar().unwrap_or_default();
    let first = |node: &Node| node.items().first().unwrap_or(node).scalar();
    Credential {
        issuer: host.trim_start_matches("https://").trim_end_matches('/').to_owned(),
        subject: subject.and_then(Node::scalar).unwrap_or_default(),
        audience: audience.and_then(first).unwrap_or_default(),
        life: Life::Bounded,
        lifetime: 3600,
        storage: Storage::Federated,
        ..unknown_credential(
            CredentialKind::OidcFederated,
            name,
            file.location(subject.unwrap_or(issuer).span),
        )
    }
}
