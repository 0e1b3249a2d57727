//! Service accounts, the Secrets that hold their old tokens, and kubeconfig users.

use super::{File, NAME, Object, service_account_name, texts};
use crate::identity::{Credential, CredentialKind, Delegation, Identity, IdentityKind, Life, Scope, Storage};
use crate::manifest::aws_iam;
use crate::manifest::file::unknown_credential;
use crate::manifest::redact::is_reference;
use crate::text::tree::Node;

/// Annotations that let an account become one of a cloud.
const CLOUDS: [(&str, &str); 3] = [
    ("eks.amazonaws.com/role-arn", "aws"),
    ("iam.gke.io/gcp-service-account", "gcp/serviceAccount"),
    ("azure.workload.identity/client-id", "azure"),
];

/// A service account as declared.
pub(super) fn service_account(file: &File<'_>, object: &Object<'_>) -> Identity {
    let name = object.stable_name();
    let mut identity = file.identity(IdentityKind::ServiceAccount, NAME, &object.kind, name, object.node);
    object.describe(file, &mut identity);
    automount(file, object.node, &mut identity);
    for (secret, at) in
        object.node.get("secrets").map(Node::items).unwrap_or_default().iter().filter_map(named)
    {
        identity.settings.push(file.setting("secrets", &secret, at));
    }
    for (annotation, cloud) in CLOUDS {
        let Some(node) = object.meta("annotations", annotation) else { continue };
        let name = node.scalar().unwrap_or_default();
        let role = aws_iam::stable_name(&name).filter(|_| cloud == aws_iam::PLATFORM);
        identity.delegation.push(Delegation {
            conditions: vec![],
            how: "can-become".to_owned(),
            to: role.unwrap_or_else(|| format!("{cloud}/{name}")),
            through: annotation.to_owned(),
            scope: Scope::Cluster,
            namespace: String::new(),
            place: file.location(node.span),
        });
    }
    if let Some(node) = object.meta("annotations", "eks.amazonaws.com/token-expiration")
        && let Some(seconds) = node.as_int()
    {
        let mut token = bound_token(file, "eks.amazonaws.com/token-expiration", seconds, node);
        token.subject.clone_from(&identity.name);
        identity.credentials.push(token);
    }
    identity
}

/// Notes whether the token of the account is put into pods, where the object says so.
pub(super) fn automount(file: &File<'_>, node: &Node, identity: &mut Identity) {
    const KEY: &str = "automountServiceAccountToken";
    if let Some(value) = node.get(KEY) {
        let truth = value.truthy().map_or_else(|| "unknown".to_owned(), |truth| truth.to_string());
        identity.settings.push(file.setting(KEY, &truth, value));
    }
}

fn named(item: &Node) -> Option<(String, &Node)> {
    let name = item.get("name").unwrap_or(item);
    Some((name.scalar()?, name))
}

/// A token bound to one pod that ends after `seconds`.
pub(super) fn bound_token(file: &File<'_>, name: &str, seconds: i64, at: &Node) -> Credential {
    Credential {
        life: Life::Bounded,
        lifetime: seconds,
        storage: Storage::Federated,
        ..credential(file, CredentialKind::KubeBoundToken, name, at)
    }
}

fn credential(file: &File<'_>, kind: CredentialKind, name: &str, at: &Node) -> Credential {
    unknown_credential(kind, name, file.location(at.span))
}

/// The account whose never ending token a Secret holds, if it is such a Secret.
///
/// The control plane writes the token into the Secret; one that stands in the file is in the clear.
pub(super) fn token_secret(file: &File<'_>, object: &Object<'_>) -> Option<Identity> {
    let kind = object
        .node
        .get("type")
        .filter(|node| node.as_text() == Some("kubernetes.io/service-account-token"))?;
    let account = object.meta("annotations", "kubernetes.io/service-account.name").and_then(Node::scalar);
    let name = service_account_name(&object.namespace, &account.unwrap_or_default());
    let mut identity = file.identity(IdentityKind::ServiceAccount, NAME, "ServiceAccount", name, object.node);
    object.describe(file, &mut identity);
    let written = |part| object.node.at(&[part, "token"]).and_then(Node::scalar);
    let literal = ["data", "stringData"].into_iter().filter_map(written).any(|value| !is_reference(&value));
    identity.credentials.push(Credential {
        issuer: "kubernetes/serviceaccount".to_owned(),
        subject: identity.name.clone(),
        life: Life::Never,
        storage: if literal { Storage::Literal } else { Storage::SecretManager },
        ..credential(file, CredentialKind::KubeLegacyToken, &object.stable_name(), kind)
    });
    Some(identity)
}

/// What a kubeconfig user can prove itself with.
const PROOFS: [(&str, CredentialKind, Storage); 5] = [
    ("token", CredentialKind::Jwt, Storage::Literal),
    ("client-key-data", CredentialKind::X509, Storage::Literal),
    ("password", CredentialKind::Password, Storage::Literal),
    ("tokenFile", CredentialKind::Jwt, Storage::Environment),
    ("client-key", CredentialKind::X509, Storage::Environment),
];

/// The users of a kubeconfig file.
pub(super) fn kubeconfig(file: &File<'_>, object: &Object<'_>) -> Vec<Identity> {
    let users = object.node.get("users").map(Node::items).unwrap_or_default();
    users.iter().filter_map(|entry| kubeconfig_user(file, entry)).collect()
}

fn kubeconfig_user(file: &File<'_>, entry: &Node) -> Option<Identity> {
    let user = entry.get("user")?;
    let name = entry.get("name").and_then(Node::scalar).unwrap_or_default();
    let stable = format!("{NAME}/kubeconfig/{name}");
    let mut identity = file.identity(IdentityKind::ServiceAccount, NAME, "kubeconfig-user", stable, entry);
    for (key, kind, storage) in PROOFS {
        let Some(value) = user.get(key) else { continue };
        let reference = value.scalar().is_none_or(|text| is_reference(&text));
        let storage = if reference { Storage::Environment } else { storage };
        identity.credentials.push(Credential { storage, ..credential(file, kind, key, value) });
    }
    for (command, at) in texts(user.at(&["exec", "command"])) {
        identity.settings.push(file.setting("exec.command", &command, at));
    }
    Some(identity)
}
