//! Tools that the host of a model calls by itself: requests to OpenAI and Azure, and agents kept there, as JSON or YAML.
//!
//! ```text
//! { "type": "mcp", "server_label": "jira", "server_url": "https://...", "require_approval": "never",
//!   "allowed_tools": ["search"], "authorization": "..." }
//! ```
//!
//! Where approval is left out the host asks each time. Source: OpenAI API reference, "Remote MCP"; Azure AI Foundry,
//! "MCP tool", as summarised on 2026-11-20.

use super::file::{File, Text, ends_in, holds, unknown_credential};
use super::permission::{everything, listed, named_authority};
use super::redact::is_reference;
use super::{Dialect, Reading};
use crate::identity::{Approval, Authority, CredentialKind, Identity, IdentityKind, Storage, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "hosted-tool", claims, read };

const PLATFORM: &str = "hosted";

const WORDS: [&str; 1] = ["require_approval"];

/// How deep a list of tools may lie in a document.
const DEEPEST: usize = 12;

/// What a server may say.
const SERVER: [&str; 14] = [
    "type",
    "server_label",
    "server_url",
    "server_description",
    "require_approval",
    "allowed_tools",
    "authorization",
    "headers",
    "connector_id",
    "project_connection_id",
    "defer_loading",
    "tunnel_id",
    "name",
    "description",
];

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".json", ".yaml", ".yml"]) && text.may_hold(&WORDS)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let certain = holds(file.bytes, &WORDS) && holds(file.bytes, &["\"mcp\"", "type: mcp"]);
    file.each_document(DIALECT.name, (file.tree(), certain), reading, |document, reading| {
        agents(file, document, "request", 0, reading);
    });
}

fn is_server(tool: &Node) -> bool {
    tool.get("type").and_then(Node::as_text) == Some("mcp")
        && ["server_url", "server_label", "connector_id", "require_approval"]
            .iter()
            .any(|key| tool.get(key).is_some())
}

/// Adds whoever holds a list of tools with a server among them, called what it or what it lies in is called.
fn agents(file: &File<'_>, node: &Node, outer: &str, depth: usize, reading: &mut Reading) {
    if depth > DEEPEST {
        return;
    }
    let text = |key| node.get(key).and_then(Node::scalar).filter(|text| !text.is_empty());
    let name = text("name").or_else(|| text("model")).unwrap_or_else(|| outer.to_owned());
    let tools = node.get("tools").map(Node::items).unwrap_or_default();
    if tools.iter().any(is_server) {
        let mut identity =
            file.identity(IdentityKind::Agent, PLATFORM, "hosted-agent", format!("{PLATFORM}/{name}"), node);
        for tool in tools {
            let known = !is_server(tool) || file.note_unknown("tools", tool, &SERVER, reading);
            identity.complete &= known;
            add(file, tool, &mut identity);
        }
        reading.identities.push(identity);
    }
    for inner in node.entries().iter().map(|(_, value)| value).chain(node.items()) {
        if inner.is_map() || !inner.items().is_empty() {
            agents(file, inner, &name, depth + 1, reading);
        }
    }
}

/// Adds one tool of the list.
fn add(file: &File<'_>, node: &Node, identity: &mut Identity) {
    let Some(kind) = node.get("type").and_then(Node::as_text) else { return };
    let place = || file.location(node.span);
    match kind {
        "mcp" => add_server(file, node, identity),
        "code_interpreter"
        | "computer_use"
        | "computer_use_preview"
        | "shell"
        | "local_shell"
        | "apply_patch" => {
            // The host runs code in a container of its own; a computer or a shell is that of the program that calls.
            let all = everything(Approval::None, place());
            identity.tools.push(Tool { name: kind.to_owned(), unlimited: kind != "code_interpreter", ..all });
        }
        "function" => {
            let name = node.get("name").or_else(|| node.at(&["function", "name"])).and_then(Node::scalar);
            identity.tools.extend(name.map(|name| tool(&name, "code", Approval::Ask, node, file)));
        }
        _ => identity.tools.push(Tool {
            authority: Authority::Inspect,
            ..tool(kind, "builtin", Approval::None, node, file)
        }),
    }
}

/// The tools of a server, asked about as it says: always unless told otherwise, or for some by name.
fn add_server(file: &File<'_>, node: &Node, identity: &mut Identity) {
    let text = |key| node.get(key).and_then(Node::scalar).unwrap_or_default();
    let source = format!("mcp:{}", text("server_label"));
    let rule = node.get("require_approval");
    let allowed = node.get("allowed_tools");
    let named =
        allowed.and_then(|node| node.get("tool_names")).or(allowed).map(Node::items).unwrap_or_default();
    for one in named {
        let Some(name) = one.scalar() else { continue };
        identity.tools.push(tool(&name, &source, approval(rule, &name), one, file));
    }
    if named.is_empty() {
        let at = rule.unwrap_or(node);
        let all = tool("*", &source, approval(rule, "*"), at, file);
        identity.tools.push(Tool { unlimited: true, ..all });
    }
    if let Some(node) = node.get("server_url") {
        identity.settings.push(file.setting("url", &node.scalar().unwrap_or_default(), node));
    }
    let headers = node.get("headers").map(Node::entries).unwrap_or_default();
    let named = headers.iter().filter_map(|(name, value)| Some((name.as_text()?, value)));
    for (name, value) in
        node.get("authorization").map(|value| ("authorization", value)).into_iter().chain(named)
    {
        let Some(text) = value.scalar() else { continue };
        let name = format!("headers.{name}");
        if name == "headers.authorization" {
            let storage = if is_reference(&text) { Storage::Environment } else { Storage::Literal };
            let credential = unknown_credential(CredentialKind::ApiKey, &name, file.location(value.span));
            identity.credentials.push(crate::identity::Credential { storage, ..credential });
        } else {
            identity.credentials.extend(file.credential(&name, &text, value));
        }
    }
}

/// What stands for one tool: a word for all, or lists of names under `always` and `never`.
fn approval(rule: Option<&Node>, name: &str) -> Approval {
    let named = |key: &str| {
        let names = rule.and_then(|rule| rule.get(key));
        let names =
            names.and_then(|node| node.get("tool_names")).or(names).map(Node::items).unwrap_or_default();
        names.iter().filter_map(Node::as_text).any(|one| one == name)
    };
    match rule.and_then(Node::as_text) {
        Some("never") => Approval::None,
        None if named("never") => Approval::None,
        _ => Approval::Required,
    }
}

fn tool(name: &str, source: &str, approval: Approval, at: &Node, file: &File<'_>) -> Tool {
    let authority = if name == "*" { Authority::Execute } else { named_authority(Some(name)) };
    listed(name, source.to_owned(), authority, approval, file.location(at.span))
}
