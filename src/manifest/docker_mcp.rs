//! Docker MCP: servers of a catalogue or a profile, which run in containers of their own.
//!
//! ```text
//! registry:
//!   files:
//!     image: mcp/filesystem@sha256:...
//!     secrets: [{ name: files.token, env: FILES_TOKEN }]
//!     volumes: ["/home/me:/data"]
//!     allowHosts: [api.acme.example:443]      left out: every host, unless disableNetwork says none
//! ```
//!
//! The source of a public registry, where an entry says how its image is built, starts nothing and is left alone.
//! Source: Docker documentation, "MCP Catalog", as summarised on 2026-11-20.

use super::file::{File, Text, ends_in, holds, unknown_credential};
use super::permission::{listed, named_authority};
use super::{Dialect, Reading};
use crate::identity::{Approval, Authority, CredentialKind, Identity, IdentityKind, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "docker-mcp", claims, read };

const PLATFORM: &str = "mcp";

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".yaml", ".yml"])
        && text.may_hold(&["registry:"])
        && text.may_hold(&["image:"])
        && text.may_hold(&["allowHosts", "longLived", "secrets:", "volumes:", "tools:", "disableNetwork"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let certain = holds(file.bytes, &["allowHosts", "longLived", "disableNetwork"]);
    file.each_document(DIALECT.name, (file.tree(), certain), reading, |document, reading| {
        let registry = document.get("registry").map(Node::entries).unwrap_or_default();
        for (name, server) in registry.iter().filter(|(_, server)| is_server(server)) {
            let name = name.as_text().unwrap_or_default();
            reading.identities.push(server_identity(file, name, server));
        }
    });
}

/// Whether an entry runs an image: one with sources says how to build it.
fn is_server(entry: &Node) -> bool {
    let has = |key| entry.get(key).is_some();
    has("image")
        && !has("source")
        && ["secrets", "volumes", "tools", "allowHosts", "env", "title"].iter().any(|key| has(key))
}

fn server_identity(file: &File<'_>, name: &str, server: &Node) -> Identity {
    let stable = format!("mcp/docker/{name}");
    let mut identity = file.identity(IdentityKind::Workload, PLATFORM, "mcp-server", stable, server);
    if let Some(image) = server.get("image") {
        let text = image.scalar().unwrap_or_default();
        let pinned = text.contains("@sha256:");
        identity.settings.push(file.setting("command", "docker", image));
        identity.settings.push(file.setting("package", &text, image));
        identity.settings.push(file.setting("package.pinned", &pinned.to_string(), image));
    }
    for volume in server.get("volumes").map(Node::items).unwrap_or_default() {
        let Some(text) = volume.scalar() else { continue };
        let root = text.split(':').next().unwrap_or_default();
        let reach =
            if root.ends_with("docker.sock") { "docker-socket".to_owned() } else { format!("file:{root}") };
        identity.settings.push(file.setting("reach", &reach, volume));
    }
    let closed = server.get("disableNetwork").is_some_and(|node| node.truthy() == Some(true));
    let hosts = server.get("allowHosts").map(Node::items).unwrap_or_default();
    for (host, text) in hosts.iter().filter_map(|host| Some((host, host.scalar()?))) {
        identity.settings.push(file.setting("reach", &format!("host:{text}"), host));
    }
    if hosts.is_empty() && !closed {
        identity.settings.push(file.setting("network", "open", server));
    }
    for secret in server.get("secrets").map(Node::items).unwrap_or_default() {
        let text = |key| secret.get(key).and_then(Node::scalar).unwrap_or_default();
        let place = file.location(secret.span);
        identity.credentials.push(unknown_credential(
            CredentialKind::ApiKey,
            &format!("env.{}", text("env")),
            place,
        ));
    }
    for variable in server.get("env").map(Node::items).unwrap_or_default() {
        let text = |key| variable.get(key).and_then(Node::scalar).unwrap_or_default();
        let name = format!("env.{}", text("name"));
        match file.credential(&name, &text("value"), variable) {
            Some(credential) => identity.credentials.push(credential),
            None => identity.settings.push(file.setting(name, &text("value"), variable)),
        }
    }
    add_tools(file, name, server, &mut identity);
    let skip = |name: &str| HANDLED.contains(&name);
    file.settings("", server, &skip, &mut identity.settings);
    identity
}

/// What becomes something else, and texts of any length.
const HANDLED: [&str; 15] = [
    "image",
    "volumes",
    "allowHosts",
    "secrets",
    "env",
    "tools",
    "description",
    "title",
    "about",
    "icon",
    "readme",
    "toolsUrl",
    "config",
    "metadata",
    "prompts",
];

/// The tools an entry lists, or all the server offers. Hints tell what a tool means to do and hold nobody back.
fn add_tools(file: &File<'_>, name: &str, server: &Node, identity: &mut Identity) {
    let offered = server.get("tools").map(Node::items).unwrap_or_default();
    let tool = |shown: &str, reads: bool, at: &Node| {
        let authority = if reads { Authority::Inspect } else { Authority::Execute };
        let tool = listed(shown, format!("mcp:{name}"), authority, Approval::Ask, file.location(at.span));
        Tool { unlimited: shown == "*", ..tool }
    };
    for one in offered {
        let shown = one.get("name").and_then(Node::scalar).or_else(|| one.scalar()).unwrap_or_default();
        let hint = one.at(&["annotations", "readOnlyHint"]).and_then(Node::truthy) == Some(true);
        let reads = hint || named_authority(Some(&shown)) == Authority::Inspect;
        identity.tools.push(tool(&shown, reads, one));
    }
    if offered.is_empty() {
        identity.tools.push(tool("*", false, server));
    }
}
