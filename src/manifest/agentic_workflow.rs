//! GitHub agentic workflows: `.github/workflows/*.md`, whose front matter is compiled into a workflow of its own.
//!
//! ```text
//! permissions, tools, network, safe-outputs    what the agent may read, run, reach, and write through a checked way
//! lock                                         the compiled workflow that belongs to it
//! ```
//!
//! Source: GitHub Agentic Workflows, "Frontmatter", as summarised on 2026-11-20.

use super::file::{File, Text, ends_in};
use super::front_matter::{self, FrontMatter};
use super::permission::{listed, tool};
use super::{Dialect, Reading, mcp};
use crate::identity::{Approval, Authority, Effect, Grant, Identity, IdentityKind, Scope, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "agentic-workflow", claims, read };

const PLATFORM: &str = "agentic-workflow";

fn claims(path: &str, text: &Text<'_>) -> bool {
    let folder = format!("/{path}").contains("/.github/workflows/");
    folder && ends_in(path, &[".md"]) && text.bytes.starts_with(b"---")
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let Some(FrontMatter { document, complete }) = front_matter::read(file, reading) else { return };
    // A part that others include starts by nothing.
    if document.get("on").is_none() {
        return;
    }
    let stem = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".md");
    let name = format!("{PLATFORM}/{stem}");
    let mut identity = file.identity(IdentityKind::Agent, PLATFORM, "workflow", name, &document);
    let description = document.get("description").and_then(Node::scalar).unwrap_or_default();
    description.trim().clone_into(&mut identity.purpose);
    identity.complete = complete;
    let skip = |name: &str| HANDLED.contains(&name);
    file.settings("", &document, &skip, &mut identity.settings);
    add_grants(file, &document, &mut identity);
    add_tools(file, &document, &mut identity);
    for holder in ["env", "secrets"] {
        for (key, value) in document.get(holder).map(Node::entries).unwrap_or_default() {
            let (Some(key), Some(text)) = (key.as_text(), value.scalar()) else { continue };
            identity.credentials.extend(file.credential(&format!("{holder}.{key}"), &text, value));
        }
    }
    for (server, node) in document.get("mcp-servers").map(Node::entries).unwrap_or_default() {
        let (Some(server), true) = (server.as_text(), node.is_map()) else { continue };
        let server = mcp::server_identity(file, PLATFORM, server, node);
        identity.delegation.push(file.step("calls", server.name.clone(), node));
        reading.identities.push(Identity { complete, ..server });
    }
    reading.identities.push(identity);
    reading.documents.push((DIALECT.name, document));
}

/// What becomes something else, and texts of any length.
const HANDLED: [&str; 8] =
    ["description", "env", "secrets", "mcp-servers", "steps", "post-steps", "jobs", "source"];

/// Leave to write of the token itself. What goes through `safe-outputs` is checked by a job behind the agent.
fn add_grants(file: &File<'_>, document: &Node, identity: &mut Identity) {
    let Some(permissions) = document.get("permissions") else { return };
    let grant = |resource: &str, action: &str, at: &Node| Grant {
        effect: Effect::Allow,
        actions: vec![action.to_owned()],
        resources: vec![resource.to_owned()],
        not_actions: vec![],
        not_resources: vec![],
        groups: vec![],
        names: vec![],
        scope: Scope::Namespace,
        namespace: String::new(),
        conditions: vec![],
        authority: if action == "read" { Authority::Inspect } else { Authority::Execute },
        given_by: vec![],
        place: file.location(at.span),
        action_places: vec![file.location(at.span)],
        bound_at: None,
    };
    match permissions.as_text() {
        Some("write-all") => identity.grants.push(grant("*", "write", permissions)),
        Some("read-all") => identity.grants.push(grant("*", "read", permissions)),
        _ => {}
    }
    for (scope, level) in permissions.entries() {
        let (Some(scope), Some(level)) = (scope.as_text(), level.as_text().map(|text| (text, level))) else {
            continue;
        };
        if matches!(level.0, "read" | "write") {
            identity.grants.push(grant(scope, level.0, level.1));
        }
    }
}

/// Nobody is asked: the agent runs in a job.
fn add_tools(file: &File<'_>, document: &Node, identity: &mut Identity) {
    for (name, value) in document.get("tools").map(Node::entries).unwrap_or_default() {
        let Some(name) = name.as_text() else { continue };
        let at = |node: &Node| file.location(node.span);
        match name {
            "bash" if value.truthy() == Some(true) => {
                identity
                    .tools
                    .push(Tool { name: "bash".to_owned(), ..tool("Bash", Approval::None, at(value)) });
            }
            "bash" => {
                for command in value.items() {
                    let Some(text) = command.as_text() else { continue };
                    let rule = if text == ":*" { "*" } else { text };
                    identity.tools.push(tool(&format!("Bash({rule})"), Approval::None, at(command)));
                }
            }
            "edit" => identity.tools.push(tool("Edit", Approval::None, at(value))),
            "web-fetch" | "web-search" => identity.tools.push(tool("WebFetch", Approval::None, at(value))),
            _ => {}
        }
    }
    for (name, value) in document.get("safe-outputs").map(Node::entries).unwrap_or_default() {
        let Some(name) = name.as_text().filter(|_| value.truthy() != Some(false)) else { continue };
        identity.tools.push(listed(
            name,
            "builtin".to_owned(),
            Authority::Recommend,
            Approval::None,
            file.location(value.span),
        ));
    }
}
