//! Compose: each service as an identity, with what it gets of the host it runs on.
//!
//! Compose refuses keys that it does not know, so there is none to be told. A service takes what it does not say from
//! the one it `extends`; from another file that is not looked up, which leaves it incomplete. A variable counts as its
//! default. Whoever may talk to the daemon, is privileged or writes to the root of the host has a grant for all of the
//! host. Settings that the dialect works out itself:
//!
//! ```text
//! host.socket       the socket of the daemon, by its path on the host
//! host.folder       a folder of the host, as `/etc` or as `/ (read only)`
//! host.namespace    what it shares with the host: pid, ipc, network, user, uts, cgroup
//! host.credentials  the folder with the keys of the person who starts it
//! ```
//!
//! Names are `compose/<project>/<service>`; the project is what `name:` says, else the folder.

use super::context::environment;
use super::file::{File, Text, ends_in, holds, unknown_credential};
use super::redact::{is_reference, names_secret};
use super::{Dialect, Keep, Reading};
use crate::finding::Reason;
use crate::identity::{
    Authority, Context, Credential, CredentialKind, Effect, Grant, Identity, IdentityKind, Scope, Storage,
};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "compose";

/// How far a chain of `extends` is followed.
const MAX_EXTENDS: usize = 8;

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".yml", ".yaml"])
        && path.rsplit('/').next().is_some_and(|name| name.contains("compose"))
        && text.may_hold(&["services"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    file.note_fault(&tree, holds(file.bytes, &["services:"]), reading);
    let first = reading.identities.len();
    for document in tree.documents.into_iter().filter(|document| document.get("services").is_some()) {
        let project = Project { file, node: &document, name: project(file.path, &document) };
        for (key, node) in document.get("services").map(Node::entries).unwrap_or_default() {
            if node.is_map() {
                project.service(key, node, reading);
            }
        }
        if file.keep == Keep::Documents {
            reading.documents.push((NAME, document));
        }
    }
    if !tree.templates.is_empty() && reading.identities.len() > first {
        reading.gap(file, Reason::Partial, "templates are not known before rendering".to_owned());
        reading.identities.iter_mut().skip(first).for_each(|identity| identity.complete = false);
    }
}

/// What Compose calls the project of a file.
fn project(path: &str, document: &Node) -> String {
    let said = document.get("name").and_then(Node::scalar).map(|name| interpolated(&name));
    let folder = path.rsplit('/').nth(1).filter(|folder| !folder.is_empty());
    said.or_else(|| folder.map(str::to_owned)).unwrap_or_else(|| "project".to_owned())
}

struct Project<'p, 'f> {
    file: &'p File<'f>,
    node: &'p Node,
    name: String,
}

impl Project<'_, '_> {
    fn service(&self, key: &Node, node: &Node, reading: &mut Reading) {
        let id = key.scalar().unwrap_or_default();
        let name = format!("{NAME}/{}/{id}", self.name);
        let mut identity = self.file.identity(IdentityKind::Workload, NAME, "service", name, key);
        let name = self.file.path.rsplit('/').next().unwrap_or_default();
        if let Some(word) = [name, &self.name].into_iter().find_map(environment) {
            word.clone_into(&mut identity.environment);
        }
        let (chain, whole) = self.chain(node);
        identity.complete = whole;
        let said = |key: &str| chain.iter().find_map(|node| node.get(key));
        let listed = |key: &str| -> Vec<&Node> { chain.iter().filter_map(|node| node.get(key)).collect() };
        let mut unknown = Vec::new();
        if let Some(at) = said("privileged") {
            match at.truthy().or_else(|| Node::truthy(&resolved(at))) {
                Some(true) => self.host(&mut identity, "privileged", "true", at),
                Some(false) => {}
                None => unknown.push("privileged"),
            }
        }
        if let Some(at) = said("use_api_socket").filter(|at| at.truthy() == Some(true)) {
            self.host(&mut identity, "host.socket", "the one that Compose uses", at);
        }
        for (key, word) in NAMESPACES {
            let Some(at) = said(key) else { continue };
            match interpolated(&at.scalar().unwrap_or_default()) {
                value if value == "host" => {
                    identity.settings.push(self.file.setting("host.namespace", word, at));
                }
                value if value.contains("${") => unknown.push(key),
                _ => {}
            }
        }
        for item in listed("cap_add").into_iter().flat_map(Node::items) {
            let text = interpolated(&item.scalar().unwrap_or_default()).to_ascii_uppercase();
            identity.settings.push(self.file.setting("cap_add", text.trim_start_matches("CAP_"), item));
        }
        for item in listed("security_opt").into_iter().flat_map(Node::items) {
            let text = interpolated(&item.scalar().unwrap_or_default()).replace('=', ":");
            identity.settings.push(self.file.setting("security_opt", &text, item));
        }
        for volume in listed("volumes").into_iter().flat_map(Node::items) {
            self.volume(volume, &mut identity);
        }
        for environment in listed("environment") {
            self.environment(environment, &mut identity);
        }
        for entry in listed("env_file") {
            for one in std::iter::once(entry).chain(entry.items()) {
                let path = one.get("path").unwrap_or(one);
                let setting = path.as_text().map(|text| self.file.setting("env_file", text, path));
                identity.settings.extend(setting);
            }
        }
        for secret in listed("secrets").into_iter().flat_map(Node::items) {
            let name = secret.get("source").unwrap_or(secret).scalar().unwrap_or_default();
            let place = self.file.location(secret.span);
            let name = format!("secrets.{name}");
            identity.credentials.push(unknown_credential(CredentialKind::ApiKey, &name, place));
        }
        if !unknown.is_empty() {
            identity.complete = false;
            let keys = unknown.join("`, `");
            reading.gap(
                self.file,
                Reason::Partial,
                format!("service `{id}`: `{keys}` is a variable without a default"),
            );
        }
        reading.identities.push(identity);
    }

    /// A service and those it extends, and whether all of them stand in this file.
    fn chain<'n>(&'n self, node: &'n Node) -> (Vec<&'n Node>, bool) {
        let mut chain = vec![node];
        let mut at = node;
        while let Some(extends) = at.get("extends") {
            let service = extends.get("service").unwrap_or(extends).scalar().unwrap_or_default();
            let base = self.node.at(&["services", &service]).filter(|_| extends.get("file").is_none());
            match base {
                Some(base)
                    if chain.len() <= MAX_EXTENDS && !chain.iter().any(|seen| seen.span == base.span) =>
                {
                    chain.push(base);
                    at = base;
                }
                _ => return (chain, false),
            }
        }
        (chain, true)
    }

    /// Something that makes the service as mighty as the host it runs on.
    fn host(&self, identity: &mut Identity, name: &str, value: &str, at: &Node) {
        identity.settings.push(self.file.setting(name, value, at));
        let place = self.file.location(at.span);
        identity.grants.push(Grant {
            effect: Effect::Allow,
            actions: vec!["*".to_owned()],
            not_actions: vec![],
            resources: vec!["*".to_owned()],
            not_resources: vec![],
            groups: vec![],
            names: vec![],
            scope: Scope::Cluster,
            namespace: String::new(),
            conditions: vec![],
            authority: Authority::Execute,
            given_by: vec![name.to_owned()],
            place: place.clone(),
            action_places: vec![place],
            bound_at: None,
        });
    }

    /// What a volume brings in from the host: `source:target:options`, or the same in a map.
    fn volume(&self, volume: &Node, identity: &mut Identity) {
        let short = volume.scalar().map(|text| interpolated(&text));
        let (source, read_only) = if let Some(text) = &short {
            let mut parts = text.split(':');
            let source = parts.next().unwrap_or_default().to_owned();
            if parts.next().is_none() {
                return;
            }
            let options = parts.next().unwrap_or_default();
            (source, options.split(',').any(|option| option == "ro"))
        } else {
            let source = volume.get("source").or_else(|| volume.get("src")).and_then(Node::scalar);
            let read_only = volume.get("read_only").and_then(Node::truthy) == Some(true);
            (interpolated(&source.unwrap_or_default()), read_only)
        };
        let at = volume.get("source").unwrap_or(volume);
        let folder = source.trim_end_matches('/');
        if SOCKETS.iter().any(|socket| folder.ends_with(socket)) {
            // That the file may not be written says nothing of what may be said through it.
            self.host(identity, "host.socket", folder, at);
        } else if source == "/" && !read_only {
            self.host(identity, "host.folder", "/", at);
        } else if source == "/" || FOLDERS.contains(&folder) {
            let folder = if folder.is_empty() { "/" } else { folder };
            let value = if read_only { format!("{folder} (read only)") } else { folder.to_owned() };
            identity.settings.push(self.file.setting("host.folder", &value, at));
        } else if home(folder).is_some_and(|inside| KEYS.contains(&inside)) {
            identity.settings.push(self.file.setting("host.credentials", folder, at));
        } else if folder.starts_with("${") {
            identity.complete = false;
        }
    }

    /// Variables: a map, or a list of `NAME=value`.
    fn environment(&self, node: &Node, identity: &mut Identity) {
        let map = node
            .entries()
            .iter()
            .filter_map(|(key, value)| Some((key.scalar()?, value.scalar().unwrap_or_default(), value)));
        let list = node.items().iter().filter_map(|item| {
            let text = item.scalar()?;
            let (name, value) = text.split_once('=').unwrap_or((&text, ""));
            Some((name.to_owned(), value.to_owned(), item))
        });
        for (name, value, at) in map.chain(list) {
            if names_secret(&name) {
                let held = self.variable(&name, &value, identity.environment == "prod", at);
                identity.credentials.extend(held);
            }
        }
    }

    /// A variable that is named as a secret is.
    fn variable(&self, name: &str, value: &str, prod: bool, at: &Node) -> Option<Credential> {
        let name = format!("environment.{name}");
        let settled = interpolated(value);
        let reference = value.is_empty() || settled.contains("${") || is_reference(&settled);
        if reference {
            let held = self.file.credential(&name, value, at)?;
            return Some(Credential { storage: Storage::Environment, ..held });
        }
        // A word is what a developer logs in with on his own machine, and a switch is no secret.
        let random = settled.len() >= 12
            && settled.bytes().any(|byte| byte.is_ascii_digit())
            && settled.bytes().any(|byte| byte.is_ascii_alphabetic());
        let plain = !settled.contains(char::is_whitespace)
            && !settled.contains("://")
            && !settled.starts_with(['/', '.'])
            && !["true", "false", "yes", "no", "on", "off"].contains(&settled.to_ascii_lowercase().as_str())
            && settled.parse::<f64>().is_err();
        let meant = random || (prod && self.file.context == Context::Live && settled.len() >= 4);
        (meant && plain).then(|| self.file.credential(&name, &settled, at)).flatten()
    }
}

/// Keys by which a service shares a namespace of the host.
const NAMESPACES: [(&str, &str); 6] = [
    ("pid", "pid"),
    ("ipc", "ipc"),
    ("network_mode", "network"),
    ("userns_mode", "user"),
    ("uts", "uts"),
    ("cgroup", "cgroup"),
];

/// Sockets whose daemon starts containers of any kind.
const SOCKETS: [&str; 5] =
    ["/docker.sock", "/podman.sock", "/containerd.sock", "/crio.sock", "/docker.raw.sock"];

/// Folders of the host from which the rest of it is in reach.
const FOLDERS: [&str; 11] = [
    "/etc",
    "/root",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/run",
    "/var/run",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/home",
];

/// Where people keep what they log in with.
const KEYS: [&str; 8] =
    [".ssh", ".aws", ".azure", ".kube", ".docker", ".gnupg", ".config/gcloud", ".docker/config.json"];

/// What stands behind the folder of the person who starts the service.
fn home(path: &str) -> Option<&str> {
    ["~/", "$HOME/", "${HOME}/", "/root/"]
        .iter()
        .find_map(|start| path.strip_prefix(start))
        .or_else(|| path.strip_prefix("/home/").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest))
}

/// `node` as text with the defaults of its variables.
fn resolved(node: &Node) -> Node {
    let text = interpolated(&node.scalar().unwrap_or_default());
    Node { span: node.span, value: crate::text::tree::Value::Text(text) }
}

/// `text` with each variable that has a default as that default: `${SOCKET:-/var/run/docker.sock}`.
///
/// Source: Compose Specification, section "Interpolation", read 2026-11-21.
fn interpolated(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inside, after)) = behind.split_once('}') else {
            rest = behind;
            out.push_str("${");
            continue;
        };
        match inside.split_once(":-").or_else(|| inside.split_once('-')) {
            Some((_, default)) if !default.contains("${") => out.push_str(default),
            _ => {
                out.push_str("${");
                out.push_str(inside);
                out.push('}');
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::read;

    #[test]
    fn a_file_of_compose_is_known_by_its_name() {
        for (path, claimed) in [
            ("compose.yaml", true),
            ("docker-compose.prod.yml", true),
            ("a/docker-compose.yml.example", true),
            ("a/compose/services.yml", false),
            ("values.yaml", false),
        ] {
            assert_eq!(DIALECT.claims(path, b"services:\n"), claimed, "{path}");
        }
        assert!(!DIALECT.claims("compose.yaml", b"a: b\n"));
    }

    #[test]
    fn a_variable_counts_as_its_default() {
        for (text, expected) in [
            ("${A:-/var/run/docker.sock}:/x", "/var/run/docker.sock:/x"),
            ("${A-b}", "b"),
            ("${A}", "${A}"),
            ("${A:?missing}", "${A:?missing}"),
            ("a${", "a${"),
            ("$A", "$A"),
        ] {
            assert_eq!(interpolated(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_file_of_compose_makes_it_fall_over(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "services:\n", "  a:\n", "    extends: a\n", "    extends: { service: b }\n", "  b: { extends: { service: a } }\n",
                    "    volumes: ['/:/x:ro', '${A', { source: / }]\n", "    privileged: ${A:-true}\n", "    environment: [A_KEY, 'A_KEY=b']\n",
                    "    cap_add: [ALL, 1, { }]\n", "name: ${X}\n", "---\n", "[", "}", "    env_file: [a, { path: b }]\n", "    secrets: [a, { source: b }]\n",
                ]),
                0..20,
            )
        ) {
            let text = parts.concat();
            for identity in read("compose.yaml", None, text.as_bytes(), Keep::Documents).identities {
                prop_assert!(identity.places.iter().all(|place| place.span.end <= text.len()));
            }
        }
    }
}
