//! Kubernetes: roles, bindings, service accounts, workloads, token Secrets, kubeconfig files.

/// Service accounts, token Secrets and kubeconfig users.
mod account;
/// What delivers into a cluster.
mod delivery;
/// Documents that need no parsing.
mod idle;
/// Roles and bindings.
mod rbac;
/// Pods and everything that makes them.
mod workload;

use super::context::environment;
use super::file::{File, Text, ends_in, holds};
use super::{Dialect, Keep, Reading};
use crate::finding::Reason;
use crate::identity::Identity;
use crate::text::tree::{self, Node, Tree, Value};

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "kubernetes";

const WORDS: [&str; 1] = ["apiVersion"];

fn claims(path: &str, text: &Text<'_>) -> bool {
    const ENDINGS: [&str; 6] = [".yaml", ".yml", ".json", ".jsonc", "kubeconfig", ".kube/config"];
    ends_in(path, &ENDINGS) && text.may_hold(&WORDS)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let by_line = ends_in(file.path, &[".yaml", ".yml"]) && file.keep == Keep::Identities;
    let mut tree = match by_line.then(|| idle::parts_between(file.bytes)) {
        Some(parts) => tree::read_yaml_parts(file.bytes, &parts),
        None => file.tree(),
    };
    file.note_fault(&tree, holds(file.bytes, &WORDS), reading);
    let first = reading.identities.len();
    for document in std::mem::take(&mut tree.documents) {
        read_object(file, &document, None, reading);
        if file.keep == Keep::Documents {
            keep_objects(document, &mut reading.documents);
        }
    }
    note_templates(file, &tree, reading, first);
}

/// One object of the API server, with what its metadata say.
struct Object<'n> {
    kind: String,
    namespace: String,
    name: String,
    node: &'n Node,
}

/// Reads one object, or each item of a list; `list_kind` is the kind of items that do not say theirs.
fn read_object(file: &File<'_>, node: &Node, list_kind: Option<&str>, reading: &mut Reading) {
    let kind = node.get("kind").and_then(Node::scalar).or_else(|| list_kind.map(str::to_owned));
    let (Some(kind), true) = (kind, list_kind.is_some() || node.get("apiVersion").is_some()) else { return };
    if let Some(items) = node.get("items")
        && let Some(item_kind) = kind.strip_suffix("List")
    {
        for item in items.items() {
            read_object(file, item, Some(item_kind), reading);
        }
        return;
    }
    let object = Object::new(kind, node);
    match object.kind.as_str() {
        "Role" | "ClusterRole" => reading.identities.push(rbac::role(file, &object)),
        "RoleBinding" | "ClusterRoleBinding" => reading.identities.extend(rbac::binding(file, &object)),
        "ServiceAccount" => reading.identities.push(account::service_account(file, &object)),
        "Secret" => reading.identities.extend(account::token_secret(file, &object)),
        "Config" => reading.identities.extend(account::kubeconfig(file, &object)),
        "AppProject" | "Kustomization" | "HelmRelease" | "ConfigMap" => {
            delivery::delivery(file, &object, reading);
        }
        _ => reading.identities.extend(workload::workload(file, &object)),
    }
}

/// Keeps an object, or each one of a list, for rules over raw documents.
fn keep_objects(node: Node, documents: &mut Vec<(&'static str, Node)>) {
    let kind = node.get("kind").and_then(Node::as_text);
    if kind.is_some_and(|kind| kind.ends_with("List"))
        && let Value::Map(entries) = node.value
    {
        let lists = entries.into_iter().filter(|(key, _)| key.as_text() == Some("items"));
        for (_, items) in lists {
            if let Value::List(items) = items.value {
                for item in items {
                    keep_objects(item, documents);
                }
            }
        }
    } else if node.get("kind").is_some() || node.get("metadata").is_some() {
        documents.push((NAME, node));
    }
}

/// Marks what templates leave unknown. Text in quotes is a template only where the path says so: a live
/// manifest may hold braces that mean something to somebody else.
fn note_templates(file: &File<'_>, tree: &Tree, reading: &mut Reading, first: usize) {
    let quoted = matches!(file.context, crate::identity::Context::Template);
    let open = tree.templates.len() + if quoted { tree.quoted_templates.len() } else { 0 };
    let found = reading.identities.iter_mut().skip(first);
    let mut concerned = false;
    for identity in found.filter(|_| open > 0) {
        identity.complete = false;
        concerned = true;
    }
    if concerned && tree.fault.is_none() {
        let noun = if open == 1 { "template is" } else { "templates are" };
        reading.gap(file, Reason::Partial, format!("{open} {noun} not known before rendering"));
    }
}

impl<'n> Object<'n> {
    fn new(kind: String, node: &'n Node) -> Self {
        let meta = |key| node.at(&["metadata", key]).and_then(Node::scalar).filter(|text| !text.is_empty());
        let namespace = meta("namespace").unwrap_or_else(|| "default".to_owned());
        let name = meta("name").or_else(|| meta("generateName")).unwrap_or_default();
        Self { kind, namespace, name, node }
    }

    /// `kubernetes/Kind/namespace/name`; kinds of the whole cluster have no namespace.
    fn stable_name(&self) -> String {
        match self.kind.as_str() {
            "ClusterRole" | "ClusterRoleBinding" => format!("{NAME}/{}/{}", self.kind, self.name),
            _ => format!("{NAME}/{}/{}/{}", self.kind, self.namespace, self.name),
        }
    }

    fn meta(&self, part: &str, key: &str) -> Option<&'n Node> {
        self.node.at(&["metadata", part, key])
    }

    /// Fills in who answers for the object and where it runs, as its labels, namespace and path say.
    fn describe(&self, file: &File<'_>, identity: &mut Identity) {
        let said = |keys: &[&str]| {
            let mut found =
                keys.iter().flat_map(|key| [self.meta("labels", key), self.meta("annotations", key)]);
            found.find_map(|node| node.and_then(Node::scalar)).unwrap_or_default()
        };
        identity.owner = said(&["owner", "team", "app.kubernetes.io/owner", "contact"]);
        identity.purpose = said(&["description", "purpose", "kubernetes.io/description"]);
        let label = said(&["environment", "env"]);
        let folders = file.path.rsplit_once('/').map_or("", |(folders, _)| folders);
        let mut words = [label.as_str(), self.namespace.as_str()].into_iter().chain(folders.split('/').rev());
        if let Some(word) = words.find_map(environment) {
            word.clone_into(&mut identity.environment);
        }
    }
}

/// The scalars of a list, or one scalar where a list belongs.
fn texts(node: Option<&Node>) -> Vec<(String, &Node)> {
    let Some(node) = node else { return vec![] };
    match node.scalar() {
        Some(text) => vec![(text, node)],
        None => node.items().iter().filter_map(|item| Some((item.scalar()?, item))).collect(),
    }
}

fn service_account_name(namespace: &str, name: &str) -> String {
    format!("{NAME}/ServiceAccount/{namespace}/{name}")
}
