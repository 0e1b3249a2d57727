//! LangGraph: `langgraph.json`, which says which graphs a server offers, with which variables, to whom.

use super::file::{File, Text, ends_in};
use super::{Dialect, Reading};
use crate::identity::{Identity, IdentityKind};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "langgraph", claims, read };

const NAME: &str = "langgraph";

/// What decides who gets in.
const AUTH: [&str; 4] = ["path", "disable_studio_auth", "openapi", "cache"];

fn claims(path: &str, _: &Text<'_>) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ends_in(name, &["langgraph.json"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    file.each_document(NAME, (file.tree(), true), reading, |document, reading| {
        let auth = document.get("auth").filter(|node| node.is_map());
        let complete = auth.is_none_or(|auth| file.note_unknown("auth", auth, &AUTH, reading));
        if document.get("graphs").is_some_and(|graphs| !graphs.entries().is_empty()) {
            reading.identities.push(Identity { complete, ..server(file, document) });
        }
    });
}

/// The server: its graphs share variables, memory and the gate.
fn server(file: &File<'_>, document: &Node) -> Identity {
    let name = format!("{NAME}/server");
    let mut identity = file.identity(IdentityKind::Agent, NAME, "graph-server", name, document);
    let graphs = document.get("graphs").unwrap_or(document);
    for (name, graph) in graphs.entries() {
        let name = name.scalar().unwrap_or_default();
        identity.settings.push(file.setting("graph", &name, graph));
    }
    for (key, value) in document.get("env").map(Node::entries).unwrap_or_default() {
        let (Some(key), Some(text)) = (key.as_text(), value.scalar()) else { continue };
        let name = format!("env.{key}");
        match file.credential(&name, &text, value) {
            Some(credential) => identity.credentials.push(credential),
            None => identity.settings.push(file.setting(name, &text, value)),
        }
    }
    let gate = document.at(&["auth", "path"]);
    identity.settings.push(match gate {
        Some(path) => file.setting("auth", &path.scalar().unwrap_or_default(), path),
        None => file.setting("open-to-all", "true", graphs),
    });
    let kept = ["store", "checkpointer"].iter().any(|key| document.at(&[*key, "ttl"]).is_some());
    if !kept {
        identity.settings.push(file.setting("endless-memory", "true", graphs));
    }
    if let Some(http) = document.get("http") {
        file.settings("http", http, &|_| false, &mut identity.settings);
    }
    identity
}
