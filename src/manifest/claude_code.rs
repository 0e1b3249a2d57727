//! Claude Code: settings files, and the front matter of agents, skills and commands.

use super::file::{File, Text, ends_in, holds};
use super::permission::{everything, is_same_tool, tool};
use super::{Dialect, Reading};
use crate::finding::Reason;
use crate::identity::{Approval, Delegation, Identity, IdentityKind, Scope};
use crate::text::tree::{self, Node};

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
    let Some(length) = front_matter(file.bytes) else { return };
    let tree = tree::read_yaml(file.bytes.get(..length).unwrap_or_default());
    file.note_fault(&tree, true, reading);
    if tree.fault.is_none() && !tree.templates.is_empty() {
        reading.gap(file, Reason::Partial, "the front matter holds templates".to_owned());
    }
    let Some(document) = tree.documents.into_iter().find(Node::is_map) else { return };
    let mut identity = prompt(file, kind, &document);
    identity.complete = tree.templates.is_empty();
    reading.identities.push(identity);
    reading.documents.push((NAME, document));
}

/// Bytes before the line that closes the front matter.
fn front_matter(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let marks = line.trim_end() == "---";
        if number == 0 && !marks {
            return None;
        }
        if number > 0 && marks {
            return Some(at);
        }
        at += line.len();
    }
    None
}

fn prompt(file: &File<'_>, kind: &str, document: &Node) -> Identity {
    let text = |key| document.get(key).and_then(Node::scalar);
    let file_name = file.path.rsplit('/').next().unwrap_or_default();
    let stem = file_name.split('.').next().unwrap_or_default().to_owned();
    let name = format!("{NAME}/{kind}/{}", text("name").unwrap_or(stem));
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

/// The entries of a tool list, written as a list or as one text with commas or blanks between.
fn entries(list: &Node) -> Vec<String> {
    let Some(text) = list.scalar() else { return list.items().iter().filter_map(Node::scalar).collect() };
    let mut found = vec![String::new()];
    let mut depth = 0_usize;
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (letter == ',' || letter.is_whitespace()) {
            found.push(String::new());
        } else if let Some(last) = found.last_mut() {
            last.push(letter);
        }
    }
    found.retain(|entry| !entry.is_empty());
    found
}
