//! Roles become grants; a binding says who holds them, and how far they reach.

use super::{File, NAME, Object, service_account_name, texts};
use crate::identity::{Authority, Delegation, Effect, Grant, Identity, IdentityKind, Scope};
use crate::text::tree::Node;

/// A role with its grants, as far as its own kind lets them reach.
pub(super) fn role(file: &File<'_>, object: &Object<'_>) -> Identity {
    let name = object.stable_name();
    let mut identity = file.identity(IdentityKind::ServiceAccount, NAME, &object.kind, name, object.node);
    object.describe(file, &mut identity);
    for rule in object.node.get("rules").map(Node::items).unwrap_or_default() {
        identity.grants.extend(grants(file, object, &identity.name, rule));
    }
    for (key, value) in object.node.at(&["metadata", "labels"]).map(Node::entries).unwrap_or_default() {
        let Some(label) = key.as_text().filter(|label| label.starts_with(AGGREGATE)) else { continue };
        if value.truthy() == Some(true) {
            identity.settings.push(file.setting(label, "true", key));
        }
    }
    let selectors = object.node.at(&["aggregationRule", "clusterRoleSelectors"]);
    for selector in selectors.map(Node::items).unwrap_or_default() {
        for (key, value) in selector.get("matchLabels").map(Node::entries).unwrap_or_default() {
            let text = format!("{}={}", key.scalar().unwrap_or_default(), value.scalar().unwrap_or_default());
            identity.settings.push(file.setting("aggregationRule.matchLabels", &text, key));
        }
    }
    identity
}

const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// The grant of one rule; URLs are a grant of their own, with `/` in front of each.
fn grants(file: &File<'_>, object: &Object<'_>, giver: &str, rule: &Node) -> Vec<Grant> {
    let verbs = texts(rule.get("verbs"));
    let plain = |key| texts(rule.get(key)).into_iter().map(|(text, _)| text).collect::<Vec<_>>();
    let (scope, namespace) = match object.kind.as_str() {
        "Role" => (Scope::Namespace, object.namespace.clone()),
        _ => (Scope::Unbound, String::new()),
    };
    let grant = |resources: Vec<String>, groups, names| Grant {
        effect: Effect::Allow,
        authority: verbs
            .iter()
            .map(|(verb, _)| authority(verb, &resources))
            .max()
            .unwrap_or(Authority::Inspect),
        actions: verbs.iter().map(|(verb, _)| verb.clone()).collect(),
        resources,
        not_actions: vec![],
        not_resources: vec![],
        groups,
        names,
        scope,
        namespace: namespace.clone(),
        conditions: vec![],
        given_by: vec![giver.to_owned()],
        place: file.location(rule.span),
        action_places: verbs.iter().map(|(_, node)| file.location(node.span)).collect(),
        bound_at: None,
    };
    let urls: Vec<_> =
        plain("nonResourceURLs").into_iter().map(|url| format!("/{}", url.trim_start_matches('/'))).collect();
    let resources = plain("resources");
    let mut found = Vec::new();
    if !resources.is_empty() {
        found.push(grant(resources, plain("apiGroups"), plain("resourceNames")));
    }
    if !urls.is_empty() {
        found.push(grant(urls, vec![], vec![]));
    }
    found
}

/// What a verb does to resources.
///
/// Reading the subresources that open a connection runs commands: an upgrade to a WebSocket starts as a `get`.
fn authority(verb: &str, resources: &[String]) -> Authority {
    let connects = |resource: &String| {
        let sub = resource.split_once('/').map_or("", |(_, sub)| sub);
        matches!(sub, "exec" | "attach" | "proxy" | "token" | "portforward" | "ephemeralcontainers")
    };
    let asks = |resource: &String| {
        ["events", "tokenreviews"].contains(&resource.as_str()) || resource.ends_with("accessreviews")
    };
    match verb {
        "get" | "list" | "watch" if !resources.iter().any(connects) => Authority::Inspect,
        "create" if !resources.is_empty() && resources.iter().all(asks) => Authority::Recommend,
        _ => Authority::Execute,
    }
}

/// One identity for each subject of a binding, with the step to the role.
pub(super) fn binding(file: &File<'_>, object: &Object<'_>) -> Vec<Identity> {
    let Some(reference) = object.node.get("roleRef") else { return vec![] };
    let text = |key| reference.get(key).and_then(Node::scalar).unwrap_or_default();
    let to = match text("kind").as_str() {
        "Role" => format!("{NAME}/Role/{}/{}", object.namespace, text("name")),
        _ => format!("{NAME}/ClusterRole/{}", text("name")),
    };
    let (scope, namespace) = match object.kind.as_str() {
        "RoleBinding" => (Scope::Namespace, object.namespace.clone()),
        _ => (Scope::Cluster, String::new()),
    };
    let step = Delegation {
        conditions: vec![],
        how: "bound-to".to_owned(),
        to,
        through: object.stable_name(),
        scope,
        namespace,
        place: file.location(reference.span),
    };
    let subjects = object.node.get("subjects").map(Node::items).unwrap_or_default();
    let held = subjects.iter().filter_map(|subject| subject_identity(file, object, subject));
    held.map(|identity| Identity { delegation: vec![step.clone()], ..identity }).collect()
}

fn subject_identity(file: &File<'_>, object: &Object<'_>, subject: &Node) -> Option<Identity> {
    let text = |key| subject.get(key).and_then(Node::scalar).filter(|text| !text.is_empty());
    let name = text("name")?;
    let account = |namespace: &str, name: &str| {
        let stable = service_account_name(namespace, name);
        file.identity(IdentityKind::ServiceAccount, NAME, "ServiceAccount", stable, subject)
    };
    Some(match text("kind").as_deref() {
        Some("Group") => {
            let stable = format!("{NAME}/Group/{name}");
            file.identity(IdentityKind::ServiceAccount, NAME, "Group", stable, subject)
        }
        Some("User") => {
            let account_of =
                name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
            if let Some((namespace, name)) = account_of {
                return Some(account(namespace, name));
            }
            // Names of the system are components and pseudo users, no human being.
            let system = name.starts_with("system:");
            let kind = if system { IdentityKind::ServiceAccount } else { IdentityKind::Person };
            file.identity(kind, NAME, "User", format!("{NAME}/User/{name}"), subject)
        }
        _ => account(&text("namespace").unwrap_or_else(|| object.namespace.clone()), &name),
    })
}
