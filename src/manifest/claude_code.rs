//! Claude Code: settings files, and the front matter of agents, skills and commands.

use super::file::{File, Text, ends_in, holds};
use super::front_matter::{self, FrontMatter, entries, name_of};
use super::permission::{everything, is_same_tool, tool};
use super::{Dialect, Reading};
use crate::identity::{Approval, Delegation, Identity, IdentityKind, Scope};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "claude-code";

const WORDS: [&str; 5] = [
    "Bash(",
    "defaultMode",
    "enableAllProjectMcpServers",
    "skipDangerousModePermissionPrompt",
    "apiKeyHelper",
];

fn claims(path: &str, text: &Text<'_>) -> bool {
    if ends_in(path, &[".json", ".jsonc"]) {
        return is_settings_path(path) || (text.may_hold(&SUBJECT) && text.may_hold(&WORDS));
    }
    ends_in(path, &[".md"]) && prompt_kind(path).is_some() && text.bytes.starts_with(b"---")
}

const SUBJECT: [&str; 1] = ["permissions"];

fn is_settings_path(path: &str) -> bool {
    const NAMES: [&str; 3] =
        [".claude/settings.json", ".claude/settings.local.json", "managed-settings.json"];
    ends_in(path, &NAMES)
}

/// Which kind of prompt file lies at `path`, if one does.
fn prompt_kind(path: &str) -> Option<&'static str> {
    let path = format!("/{}", path.to_ascii_lowercase());
    [("/.claude/agents/", "agent"), ("/.claude/commands/", "command"), ("/.claude/skills/", "skill")]
        .into_iter()
        .find_map(|(folder, kind)| path.contains(folder).then_some(kind))
        .filter(|kind| *kind != "skill" || path.ends_with("/skill.md"))
}

fn read(file: &File<'_>, reading: &mut Reading) {
    if let Some(kind) = prompt_kind(file.path).filter(|_| ends_in(file.path, &[".md"])) {
        read_prompt(file, kind, reading);
        return;
    }
    let tree = file.tree();
    file.note_fault(&tree, is_settings_path(file.path) || holds(file.bytes, &SUBJECT), reading);
    for document in tree.documents {
        let lists = ["allow", "ask", "deny", "defaultMode"];
        let permissions = document.get("permissions");
        if !is_settings_path(file.path)
            && !permissions.is_some_and(|node| lists.iter().any(|key| node.get(key).is_some()))
        {
            continue;
        }
        reading.identities.push(settings(file, &document));
        reading.documents.push((NAME, document));
    }
}

/// The agent that a settings file sets up; named by the scope of the file and nothing else.
fn settings(file: &File<'_>, document: &Node) -> Identity {
    let scope = match () {
        () if ends_in(file.path, &["settings.local.json"]) => "local",
        () if ends_in(file.path, &["managed-settings.json"]) => "managed",
        () => "project",
    };
    let name = format!("{NAME}/{scope}");
    let mut identity = file.identity(IdentityKind::Agent, NAME, "coding-agent", name, document);
    if let Some(permissions) = document.get("permissions") {
        add_tools(file, permissions, &mut identity);
    }
    for (key, value) in document.get("env").map(Node::entries).unwrap_or_default() {
        let (Some(key), Some(text)) = (key.as_text(), value.scalar()) else { continue };
        let name = format!("env.{key}");
        match file.credential(&name, &text, value) {
            Some(credential) => identity.credentials.push(credential),
            None => identity.settings.push(file.setting(name, &text, value)),
        }
    }
    let skip = |name: &str| matches!(name, "permissions.allow" | "permissions.ask" | "env" | "$schema");
    file.settings("", document, &skip, &mut identity.settings);
    add_servers(file, document, &mut identity);
    identity
}

/// The tools that run without asking or after asking. Deny beats ask, and ask beats allow.
fn add_tools(file: &File<'_>, permissions: &Node, identity: &mut Identity) {
    let rules = |key| permissions.get(key).map(Node::items).unwrap_or_default();
    let denied =
        |entry: &str| rules("deny").iter().filter_map(Node::as_text).any(|rule| is_same_tool(rule, entry));
    let asked =
        |entry: &str| rules("ask").iter().filter_map(Node::as_text).any(|rule| is_same_tool(rule, entry));
    for (key, approval) in [("allow", Approval::None), ("ask", Approval::Ask)] {
        for rule in rules(key) {
            let Some(entry) = rule.as_text().filter(|entry| !denied(entry)) else { continue };
            if approval == Approval::None && asked(entry) {
                continue;
            }
            identity.tools.push(tool(entry, approval, file.location(rule.span)));
        }
    }
    let Some(mode) = permissions.get("defaultMode") else { return };
    match mode.as_text() {
        Some("bypassPermissions" | "auto") => {
            identity.tools.push(everything(Approval::None, file.location(mode.span)));
        }
        Some("acceptEdits") => identity.tools.push(tool("Edit", Approval::None, file.location(mode.span))),
        _ => {}
    }
}

fn add_servers(file: &File<'_>, document: &Node, identity: &mut Identity) {
    let call = |server: &str, at: &Node| Delegation {
        conditions: vec![],
        how: "calls".to_owned(),
        to: format!("mcp/{NAME}/{server}"),
        through: String::new(),
        scope: Scope::Organisation,
        namespace: String::new(),
        place: file.location(at.span),
    };
    if let Some(all) = document.get("enableAllProjectMcpServers").filter(|node| node.truthy() == Some(true)) {
        identity.delegation.push(call("*", all));
    }
    for server in document.get("enabledMcpjsonServers").map(Node::items).unwrap_or_default() {
        identity.delegation.extend(server.as_text().map(|name| call(name, server)));
    }
}

/// An agent, skill or command: what its front matter says.
fn read_prompt(file: &File<'_>, kind: &str, reading: &mut Reading) {
    let Some(FrontMatter { document, complete }) = front_matter::read(file, reading) else { return };
    let mut identity = prompt(file, kind, &document);
    identity.complete = complete;
    reading.identities.push(identity);
    reading.documents.push((NAME, document));
}

fn prompt(file: &File<'_>, kind: &str, document: &Node) -> Identity {
    let text = |key| document.get(key).and_then(Node::scalar);
    let name = format!("{NAME}/{kind}/{}", name_of(file, document));
    let mut identity = file.identity(IdentityKind::Agent, NAME, kind, name, document);
    identity.purpose = text("description").unwrap_or_default();
    let bypass = text("permissionMode").as_deref() == Some("bypassPermissions");
    let approval = if bypass || kind != "agent" { Approval::None } else { Approval::Ask };
    if let Some(list) = document.get("tools").or_else(|| document.get("allowed-tools")) {
        let place = file.location(list.span);
        identity.tools.extend(entries(list).iter().map(|entry| tool(entry, approval, place.clone())));
    } else {
        // Left out means every tool; who calls it is still asked, unless the agent waves everything through.
        let approval = if bypass { Approval::None } else { Approval::Ask };
        identity.tools.push(everything(approval, file.location(document.span)));
    }
    let skip = |name: &str| matches!(name, "tools" | "allowed-tools" | "description" | "name");
    file.settings("", document, &skip, &mut identity.settings);
    identity
}
