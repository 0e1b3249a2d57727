//! Objects of Config Connector, with which a cluster declares what Google Cloud holds.

use super::binding::{Target, bind, key, permissions, provider};
use crate::identity::{CredentialKind, Scope};
use crate::manifest::file::File;
use crate::manifest::parts::Parts;
use crate::text::tree::{Node, Value};

/// Whether a document is one object, or a list of them.
pub(super) fn is_object(document: &Node) -> bool {
    let version = |node: &Node| node.get("apiVersion").and_then(Node::scalar).unwrap_or_default();
    version(document).contains(super::CONNECTOR)
        || document
            .get("items")
            .is_some_and(|items| items.items().iter().any(|item| version(item).contains(super::CONNECTOR)))
}

/// Adds what one object declares.
pub(super) fn read(file: &File<'_>, object: &Node, parts: &mut Parts<'_, '_>) {
    let kind = object.get("kind").and_then(Node::scalar).unwrap_or_default();
    let name = object.at(&["metadata", "name"]).and_then(Node::scalar).unwrap_or_default();
    let Some(spec) = object.get("spec") else { return };
    match kind.as_str() {
        "IAMPolicyMember" => {
            let Some(role) = spec.get("role") else { return };
            if let Some(member) = member(spec) {
                bind(file, parts, &member, role, &target(spec), spec.get("condition"), &|_| None);
            }
        }
        "IAMPolicy" | "IAMPartialPolicy" => {
            for binding in spec.get("bindings").map(Node::items).unwrap_or_default() {
                let Some(role) = binding.get("role") else { continue };
                for one in binding.get("members").map(Node::items).unwrap_or_default() {
                    let Some(member) = one.scalar().map(|_| one.clone()).or_else(|| member(one)) else {
                        continue;
                    };
                    bind(file, parts, &member, role, &target(spec), binding.get("condition"), &|_| None);
                }
            }
        }
        "IAMServiceAccount" => {
            parts.declare(&format!("gcp/serviceAccount/{name}"), "service-account", object).purpose =
                spec.get("displayName").and_then(Node::scalar).unwrap_or_default();
        }
        "IAMServiceAccountKey" | "StorageHMACKey" => {
            let reference = spec.get("serviceAccountRef").or_else(|| spec.get("serviceAccountEmail"));
            let Some(at) = reference else { return };
            let account = at.get("name").or_else(|| at.get("external")).unwrap_or(at);
            let account = account.scalar().unwrap_or_default();
            let kind =
                if kind == "StorageHMACKey" { CredentialKind::StaticKey } else { CredentialKind::SaKeyFile };
            let identity =
                parts.mention(&format!("gcp/serviceAccount/{account}"), "service-account", at, false);
            identity.credentials.push(key(file, kind, &format!("gcp/key/{name}"), at));
        }
        "IAMCustomRole" => {
            let stable = format!("gcp/role/{name}");
            let identity = parts.declare(&stable, "role-definition", object);
            identity.grants.extend(spec.get("permissions").map(|list| permissions(file, list, &stable)));
        }
        "IAMWorkloadIdentityPoolProvider" => {
            let stable = format!("gcp/identity-provider/{name}");
            let Some(issuer) = spec.at(&["oidc", "issuerUri"]) else { return };
            let audiences = spec.at(&["oidc", "allowedAudiences"]);
            let proof = provider(file, &stable, issuer, spec.get("attributeCondition"), audiences);
            parts.declare(&stable, "identity-provider", object).credentials.push(proof);
        }
        _ => {}
    }
}

/// The member, written out or as a reference to another object.
fn member(spec: &Node) -> Option<Node> {
    if let Some(member) = spec.get("member").filter(|node| node.scalar().is_some()) {
        return Some(member.clone());
    }
    let from = spec.get("memberFrom")?.get("serviceAccountRef")?;
    let name = from.get("name").or_else(|| from.get("external"))?;
    Some(Node { span: name.span, value: Value::Text(format!("serviceAccount:{}", name.scalar()?)) })
}

/// What the role is given on.
fn target(spec: &Node) -> Target {
    let reference = spec.get("resourceRef");
    let text = |key| reference.and_then(|node| node.get(key)).and_then(Node::scalar).unwrap_or_default();
    let kind = text("kind");
    let scope = match kind.as_str() {
        "Organization" | "Folder" => Scope::Organisation,
        "Project" => Scope::Cluster,
        _ => Scope::Resource,
    };
    let name = [text("name"), text("external")].into_iter().find(|name| !name.is_empty()).unwrap_or_default();
    let resource = if kind == "IAMServiceAccount" && !name.contains('@') {
        format!("serviceAccount/{name}")
    } else {
        format!("{kind}/{name}")
    };
    Target { scope, resource }
}
