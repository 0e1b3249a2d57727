//! What delivers into a cluster, and who of a cloud becomes its administrator: projects of Argo CD, objects of Flux, and
//! the `ConfigMap`s that decide who may do what.
//!
//! ```text
//! project.destinations   `*/*` where a project delivers to every namespace of every cluster
//! project.objects        `*/*` where it may make every kind of object that belongs to no namespace
//! delivers-as            `controller` where nothing says whose rights count
//! argocd.policy          a line of the policy that lets somebody do everything
//! argocd.default         the role of everybody who logs in
//! argocd.account         an account with keys, which end only if somebody says so
//! ```

use super::{File, NAME, Object, texts};
use crate::finding::Reason;
use crate::identity::{Delegation, Identity, IdentityKind, Scope};
use crate::manifest::{Reading, aws_iam};
use crate::text::tree::{self, Node};

/// Adds the identity behind an object of a delivery, or behind each entry of a `ConfigMap` that hands out power.
pub(super) fn delivery(file: &File<'_>, object: &Object<'_>, reading: &mut Reading) {
    let found = identities(file, object, reading);
    reading.identities.extend(found);
}

fn identities(file: &File<'_>, object: &Object<'_>, reading: &mut Reading) -> Vec<Identity> {
    let group = object.node.get("apiVersion").and_then(Node::scalar).unwrap_or_default();
    let group = group.split('/').next().unwrap_or_default();
    match (object.kind.as_str(), group) {
        ("AppProject", "argoproj.io") => vec![project(file, object)],
        ("Kustomization", "kustomize.toolkit.fluxcd.io") | ("HelmRelease", "helm.toolkit.fluxcd.io") => {
            vec![flux(file, object)]
        }
        ("ConfigMap", _) if object.name == "aws-auth" => aws_auth(file, object, reading),
        ("ConfigMap", _) if object.name.ends_with("argocd-rbac-cm") => vec![argocd_policy(file, object)],
        ("ConfigMap", _) if object.name.ends_with("argocd-cm") => vec![argocd_accounts(file, object)],
        _ => vec![],
    }
}

fn identity(file: &File<'_>, object: &Object<'_>) -> Identity {
    let name = object.stable_name();
    let mut identity = file.identity(IdentityKind::ServiceAccount, NAME, &object.kind, name, object.node);
    object.describe(file, &mut identity);
    identity
}

fn project(file: &File<'_>, object: &Object<'_>) -> Identity {
    let mut identity = identity(file, object);
    let all = |node: &Node, keys: [&str; 2]| {
        keys.iter().all(|key| node.get(key).and_then(Node::scalar).as_deref() == Some("*"))
    };
    let spec = |key: &str| object.node.at(&["spec", key]).map(Node::items).unwrap_or_default();
    let open = |node: &&Node| all(node, ["namespace", "server"]) || all(node, ["namespace", "name"]);
    if let Some(at) = spec("destinations").iter().find(open) {
        identity.settings.push(file.setting("project.destinations", "*/*", at));
    }
    if let Some(at) = spec("clusterResourceWhitelist").iter().find(|node| all(node, ["group", "kind"])) {
        identity.settings.push(file.setting("project.objects", "*/*", at));
    }
    identity
}

fn flux(file: &File<'_>, object: &Object<'_>) -> Identity {
    let mut identity = identity(file, object);
    match object.node.at(&["spec", "serviceAccountName"]).and_then(|at| Some((at.scalar()?, at))) {
        Some((account, at)) => identity.delegation.push(Delegation {
            conditions: vec![],
            how: "runs-as".to_owned(),
            to: super::service_account_name(&object.namespace, &account),
            through: String::new(),
            scope: Scope::Namespace,
            namespace: object.namespace.clone(),
            place: file.location(at.span),
        }),
        // Another cluster's rights are those of its kubeconfig.
        None if object.node.at(&["spec", "kubeConfig"]).is_some() => {}
        None => {
            let at = object.node.get("spec").unwrap_or(object.node);
            identity.settings.push(file.setting("delivers-as", "controller", at));
        }
    }
    identity
}

/// Roles and users of Amazon that belong to the group for which nothing is checked.
fn aws_auth(file: &File<'_>, object: &Object<'_>, reading: &mut Reading) -> Vec<Identity> {
    let mut found = Vec::new();
    for (key, name_key, word) in [("mapRoles", "rolearn", "role"), ("mapUsers", "userarn", "user")] {
        let Some(at) = object.node.at(&["data", key]) else { continue };
        let tree = tree::read_yaml(at.as_text().unwrap_or_default().as_bytes());
        if let Some(fault) = tree.fault {
            reading.gap(file, Reason::Partial, format!("`{key}` of `aws-auth`: {fault}"));
        }
        for entry in tree.documents.iter().flat_map(Node::items) {
            if !texts(entry.get("groups")).iter().any(|(group, _)| group == "system:masters") {
                continue;
            }
            let arn = entry.get(name_key).and_then(Node::scalar).unwrap_or_default();
            let name = aws_iam::stable_name(&arn).unwrap_or_else(|| format!("aws/principal/{arn}"));
            let mut identity = file.identity(IdentityKind::ServiceAccount, aws_iam::PLATFORM, word, name, at);
            identity.delegation.push(Delegation {
                conditions: vec![],
                how: "bound-to".to_owned(),
                to: format!("{NAME}/ClusterRole/cluster-admin"),
                through: object.stable_name(),
                scope: Scope::Cluster,
                namespace: String::new(),
                place: file.location(at.span),
            });
            found.push(identity);
        }
    }
    found
}

fn argocd_policy(file: &File<'_>, object: &Object<'_>) -> Identity {
    let mut identity = identity(file, object);
    if let Some(at) = object.node.at(&["data", "policy.default"])
        && let Some(role) = at.scalar().filter(|role| !role.is_empty())
    {
        identity.settings.push(file.setting("argocd.default", &role, at));
    }
    let policies =
        object.node.get("data").map(Node::entries).unwrap_or_default().iter().filter(|(key, _)| {
            key.as_text().is_some_and(|key| key.starts_with("policy.") && key.ends_with("csv"))
        });
    for (_, at) in policies {
        for line in at.as_text().unwrap_or_default().lines() {
            let parts: Vec<&str> = line.split(',').map(str::trim).collect();
            if let ["p", whom, "*", "*", "*/*" | "*", "allow"] = parts.as_slice() {
                identity.settings.push(file.setting("argocd.policy", whom, at));
            }
        }
    }
    identity
}

fn argocd_accounts(file: &File<'_>, object: &Object<'_>) -> Identity {
    let mut identity = identity(file, object);
    for (key, value) in object.node.get("data").map(Node::entries).unwrap_or_default() {
        let Some(name) = key.as_text().and_then(|key| key.strip_prefix("accounts.")) else { continue };
        if value.as_text().is_some_and(|able| able.split(',').any(|one| one.trim() == "apiKey")) {
            identity.settings.push(file.setting("argocd.account", name, value));
        }
    }
    identity
}
