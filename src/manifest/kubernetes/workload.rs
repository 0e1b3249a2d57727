//! Pods and everything that makes them: which account they run as, and what else they may reach.

use super::account::{automount, bound_token};
use super::{File, NAME, Object, service_account_name, texts};
use crate::identity::{Delegation, Identity, IdentityKind, Scope};
use crate::text::tree::Node;

/// Where kinds keep the specification of their pods; custom kinds follow the same paths.
const POD_PATHS: [&[&str]; 4] = [
    &["spec"],
    &["spec", "template", "spec"],
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["template", "spec"],
];

/// How long a token lasts whose volume does not say. Source: Kubernetes, "Projected Volumes".
const DEFAULT_SECONDS: i64 = 3600;

/// Flags of the API server that decide how long tokens live and who needs none.
const FLAGS: [&str; 4] = [
    "--token-auth-file",
    "--service-account-extend-token-expiration",
    "--service-account-max-token-expiration",
    "--anonymous-auth",
];

/// The workload an object makes, if it makes pods.
pub(super) fn workload(file: &File<'_>, object: &Object<'_>) -> Option<Identity> {
    let mut specs = POD_PATHS.iter().filter_map(|path| object.node.at(path));
    let spec = specs.find(|spec| spec.get("containers").is_some_and(|list| !list.items().is_empty()))?;
    let name = object.stable_name();
    let mut identity = file.identity(IdentityKind::Workload, NAME, &object.kind, name, object.node);
    object.describe(file, &mut identity);
    let account = ["serviceAccountName", "serviceAccount"]
        .into_iter()
        .filter_map(|key| spec.get(key))
        .find_map(|node| Some((node.scalar().filter(|text| !text.is_empty())?, node)));
    let (account, at) = account.unwrap_or_else(|| ("default".to_owned(), spec));
    let account = service_account_name(&object.namespace, &account);
    identity.delegation.push(Delegation {
        conditions: vec![],
        how: "runs-as".to_owned(),
        to: account.clone(),
        through: String::new(),
        scope: Scope::Cluster,
        namespace: String::new(),
        place: file.location(at.span),
    });
    automount(file, spec, &mut identity);
    for key in ["hostPID", "hostNetwork", "hostIPC"] {
        if let Some(node) = spec.get(key).filter(|node| node.truthy() == Some(true)) {
            identity.settings.push(file.setting(key, "true", node));
        }
    }
    volumes(file, spec, &account, &mut identity);
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.get(kind).map(Node::items).unwrap_or_default() {
            read_container(file, container, &mut identity);
        }
    }
    Some(identity)
}

fn volumes(file: &File<'_>, spec: &Node, account: &str, identity: &mut Identity) {
    for volume in spec.get("volumes").map(Node::items).unwrap_or_default() {
        if let Some(path) = volume.at(&["hostPath", "path"]) {
            identity.settings.push(file.setting("hostPath", &path.scalar().unwrap_or_default(), path));
        }
        for source in volume.at(&["projected", "sources"]).map(Node::items).unwrap_or_default() {
            let Some(token) = source.get("serviceAccountToken") else { continue };
            let text = |key| token.get(key).and_then(Node::scalar).unwrap_or_default();
            let at = token.get("expirationSeconds").unwrap_or(token);
            let seconds = at.as_int().unwrap_or(DEFAULT_SECONDS);
            let name = volume.get("name").and_then(Node::scalar).unwrap_or_default();
            let mut credential = bound_token(file, &format!("{name}/{}", text("path")), seconds, at);
            credential.audience = text("audience");
            account.clone_into(&mut credential.subject);
            identity.credentials.push(credential);
        }
    }
}

fn read_container(file: &File<'_>, container: &Node, identity: &mut Identity) {
    let privileged = container.at(&["securityContext", "privileged"]);
    if let Some(node) = privileged.filter(|node| node.truthy() == Some(true)) {
        identity.settings.push(file.setting("securityContext.privileged", "true", node));
    }
    for key in ["command", "args"] {
        for (text, node) in texts(container.get(key)) {
            let (flag, value) = text.split_once('=').unwrap_or((&text, "true"));
            if FLAGS.contains(&flag) {
                identity.settings.push(file.setting(flag, value, node));
            }
        }
    }
}
