//! Kiro and Amazon Q: the agents of `.kiro/agents/` and `.amazonq/cli-agents/`, in JSON or as front matter.
//!
//! ```text
//! tools           what the agent has; the user is asked before each of them
//! allowedTools    what runs without asking
//! toolsSettings   shell.allowedCommands, write.allowedPaths, aws.allowedServices: parts of a tool that run without asking
//! permissions     the same, as a list of capability, effect and match
//! ```
//!
//! Sources: Amazon Q CLI, "Agent format" and "Built-in tools"; Kiro documentation, "Custom agents", read 2026-11-21.

use super::coding_agent::{Agent, none};
use super::file::{File, Text, ends_in};
use super::front_matter::{self, FrontMatter, entries, name_of};
use super::permission::{everything, tool_as};
use super::{Dialect, Reading};
use crate::identity::{Approval, Identity};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "kiro", claims, read };

const AGENT: Agent = Agent { platform: "kiro", handled: &HANDLED, add_tools, others: none };

/// Texts of any length, and what becomes tools or servers.
const HANDLED: [&str; 8] =
    ["tools", "allowedTools", "mcpServers", "prompt", "description", "name", "welcomeMessage", "$schema"];

/// Keys of the settings of a builtin tool.
const TOOL_SETTINGS: [&str; 12] = [
    "availableAgents",
    "allowedCommands",
    "deniedCommands",
    "autoAllowReadonly",
    "denyByDefault",
    "allowedPaths",
    "deniedPaths",
    "allowedServices",
    "deniedServices",
    "trusted",
    "blocked",
    "trustedAgents",
];

/// What a permission may say.
const PERMISSION: [&str; 4] = ["capability", "effect", "match", "reason"];

/// Names of builtin tools, old and new, and what other agents call them.
const BUILTIN: [(&str, &str); 22] = [
    ("execute_bash", "Bash"),
    ("execute_cmd", "Bash"),
    ("shell", "Bash"),
    ("fs_write", "Edit"),
    ("write", "Edit"),
    ("use_aws", "aws"),
    ("aws", "aws"),
    ("delegate", "Task"),
    ("subagent", "Task"),
    ("use_subagent", "Task"),
    ("web_fetch", "WebFetch"),
    ("web_search", "WebSearch"),
    ("web", "WebFetch"),
    ("fs_read", "Read"),
    ("read", "Read"),
    ("grep", "Read"),
    ("glob", "Read"),
    ("code", "Read"),
    ("knowledge", "Read"),
    ("thinking", "Read"),
    ("introspect", "Read"),
    ("todo_list", "Read"),
];

fn claims(path: &str, _: &Text<'_>) -> bool {
    let lower = format!("/{}", path.to_ascii_lowercase());
    ["/.kiro/agents/", "/.amazonq/cli-agents/"].iter().any(|folder| lower.contains(folder))
        && ends_in(path, &[".json", ".md"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    if ends_in(file.path, &[".md"]) {
        if let Some(FrontMatter { document, complete }) = front_matter::read(file, reading) {
            read_agent(file, document, complete, reading);
        }
        return;
    }
    let tree = file.tree();
    file.note_fault(&tree, true, reading);
    for document in tree.documents.into_iter().filter(Node::is_map) {
        read_agent(file, document, tree.templates.is_empty(), reading);
    }
}

fn read_agent(file: &File<'_>, document: Node, complete: bool, reading: &mut Reading) {
    let mut identity = AGENT.identity(file, &format!("agent/{}", name_of(file, &document)), &document);
    identity.purpose = document.get("description").and_then(Node::scalar).unwrap_or_default();
    identity.complete = complete && is_known(file, &document, reading);
    reading.identities.push(identity);
    reading.documents.push((AGENT.platform, document));
}

/// Whether nothing that decides over tools is of a kind we have not heard of.
fn is_known(file: &File<'_>, document: &Node, reading: &mut Reading) -> bool {
    let mut known = true;
    for (name, settings) in document.get("toolsSettings").map(Node::entries).unwrap_or_default() {
        // Servers and own tools take settings that mean something to them alone.
        let name = name.as_text().unwrap_or_default();
        if BUILTIN.iter().any(|(builtin, _)| *builtin == name) {
            known &= file.note_unknown(&format!("toolsSettings.{name}"), settings, &TOOL_SETTINGS, reading);
        }
    }
    for permission in document.get("permissions").map(Node::items).unwrap_or_default() {
        known &= file.note_unknown("permissions", permission, &PERMISSION, reading);
    }
    known
}

fn add_tools(file: &File<'_>, document: &Node, identity: &mut Identity) {
    let allowed = document.get("allowedTools").map(entries).unwrap_or_default();
    let listed = document.get("tools").map(entries).unwrap_or_default();
    let place = |key| file.location(document.get(key).unwrap_or(document).span);
    let mut add = |entry: &str, approval, place| {
        identity.tools.push(match entry {
            "*" | "@builtin" => everything(approval, place),
            _ => tool_as(entry, &as_rule(entry), approval, place),
        });
    };
    // Entries of a list stand each at their own place, those of a text at that of the text.
    for (key, names, approval) in
        [("allowedTools", &allowed, Approval::None), ("tools", &listed, Approval::Ask)]
    {
        let items = document.get(key).map(Node::items).unwrap_or_default();
        let nodes: Vec<&Node> = items.iter().filter(|item| item.scalar().is_some()).collect();
        for (at, entry) in names.iter().enumerate() {
            let is_waved = approval == Approval::Ask && allowed.iter().any(|other| other == entry);
            if !is_waved {
                add(
                    entry,
                    approval,
                    nodes.get(at).map_or_else(|| place(key), |node| file.location(node.span)),
                );
            }
        }
    }
    for (tool, key, base) in [
        ("execute_bash", "allowedCommands", "Bash"),
        ("shell", "allowedCommands", "Bash"),
        ("fs_write", "allowedPaths", "Edit"),
        ("write", "allowedPaths", "Edit"),
        ("use_aws", "allowedServices", "aws"),
        ("aws", "allowedServices", "aws"),
    ] {
        let list = document.at(&["toolsSettings", tool, key]).map(Node::items).unwrap_or_default();
        for (pattern, at) in list.iter().filter_map(|node| Some((node.as_text()?, node))) {
            let rule = format!("{base}({})", as_pattern(pattern));
            let shown = format!("{tool}({pattern})");
            identity.tools.push(tool_as(&shown, &rule, Approval::None, file.location(at.span)));
        }
    }
    permissions(file, document, identity);
}

/// What the list of capabilities lets through without asking.
fn permissions(file: &File<'_>, document: &Node, identity: &mut Identity) {
    for one in document.get("permissions").map(Node::items).unwrap_or_default() {
        let text = |key| one.get(key).and_then(Node::as_text);
        let (Some(capability), Some("allow")) = (text("capability"), text("effect")) else { continue };
        let base = as_rule(capability);
        let patterns = one.get("match").map(entries_of_match).unwrap_or_default();
        let at = || file.location(one.span);
        if patterns.is_empty() {
            identity.tools.push(tool_as(capability, &base, Approval::None, at()));
        }
        for pattern in patterns {
            let rule = format!("{base}({})", as_pattern(&pattern));
            identity.tools.push(tool_as(&format!("{capability}({pattern})"), &rule, Approval::None, at()));
        }
    }
}

fn entries_of_match(node: &Node) -> Vec<String> {
    node.scalar().into_iter().chain(node.items().iter().filter_map(Node::scalar)).collect()
}

/// The rule of other agents that says the same; of a pattern with stars, the most that it covers.
fn as_rule(entry: &str) -> String {
    if let Some(server) = entry.strip_prefix('@').filter(|name| !name.starts_with("builtin/")) {
        return match server.split_once('/') {
            Some((server, tool)) => format!("mcp__{server}__{tool}"),
            None => format!("mcp__{server}"),
        };
    }
    let name = entry.strip_prefix("@builtin/").unwrap_or(entry);
    let covered = BUILTIN.iter().find(|(builtin, _)| covers(name, builtin));
    covered.map_or(name, |(_, rule)| *rule).to_owned()
}

/// Whether `pattern`, where a star stands for any letters, covers `name`.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

/// A regular expression or a path pattern as a rule with stars says it.
fn as_pattern(pattern: &str) -> String {
    match pattern {
        ".*" | ".+" | "^.*$" | "**" | "*" | "/" | "/**" | "~" | "~/" | "~/**" => "*".to_owned(),
        // An expression that ends in a choice or a class covers more than one command, whichever it is.
        _ => pattern.replace(".*", "*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_star_is_the_most_it_covers() {
        for (entry, rule) in [
            ("fs_*", "Edit"),
            ("execute_*", "Bash"),
            ("*_bash", "Bash"),
            ("fs_read", "Read"),
            ("@builtin/shell", "Bash"),
            ("@git/git_status", "mcp__git__git_status"),
            ("@git", "mcp__git"),
            ("own_tool", "own_tool"),
        ] {
            assert_eq!(as_rule(entry), rule, "{entry}");
        }
    }
}
