//! Docker Agent (cagent): teams of agents in one YAML file.
//!
//! ```text
//! agents:
//!   root:                       the agent a person talks to: the one of that name, else the first
//!     toolsets: [{ type: shell }, { type: mcp, ref: docker:github }]
//!     sub_agents: [helper]
//! permissions:                  for all of them: what runs without asking, what never does
//!   allow: ["shell:cmd=git status*", "mcp:github:get_*"]
//! ```
//!
//! Source: Docker Agent, `agent-schema.json` version 7, read 2026-11-21.

use super::coding_agent::{Agent, none};
use super::file::{File, Text, ends_in, holds};
use super::permission::{is_same_tool, named_authority, tool_as};
use super::{Dialect, Reading, mcp};
use crate::identity::{Approval, Identity, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "docker-agent", claims, read };

const AGENT: Agent = Agent { platform: "docker-agent", handled: &HANDLED, add_tools, others: none };

const HANDLED: [&str; 10] = [
    "toolsets",
    "instruction",
    "description",
    "welcome_message",
    "commands",
    "structured_output",
    "sub_agents",
    "handoffs",
    "add_prompt_files",
    "rag",
];

const WORDS: [&str; 2] = ["toolsets:", "sub_agents:"];

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".yaml", ".yml"]) && text.may_hold(&WORDS) && text.may_hold(&["agents:"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let certain = holds(file.bytes, &["toolsets:"]) && holds(file.bytes, &["agents:"]);
    file.each_document(AGENT.platform, (file.tree(), certain), reading, |document, reading| {
        read_team(file, document, reading);
    });
}

fn read_team(file: &File<'_>, document: &Node, reading: &mut Reading) {
    let agents = document.get("agents").map(Node::entries).unwrap_or_default();
    let marks = ["toolsets", "sub_agents", "handoffs"];
    if !agents.iter().any(|(_, agent)| marks.iter().any(|key| agent.get(key).is_some())) {
        return;
    }
    let complete = is_known(file, document, reading);
    let named = agents.iter().filter_map(|(name, agent)| Some((name.as_text()?, agent)));
    let entry = named.clone().find(|(name, _)| *name == "root").or_else(|| named.clone().next());
    for (name, agent) in named {
        let mut identity = AGENT.identity(file, name, agent);
        identity.purpose = agent.get("description").and_then(Node::scalar).unwrap_or_default();
        identity.complete = complete;
        add_calls(file, agent, &mut identity);
        if entry.is_some_and(|(entry, _)| entry == name) {
            permit(file, document, &mut identity);
        }
        let first = reading.identities.len();
        add_servers(file, document, agent, reading);
        for server in reading.identities.get(first..).unwrap_or_default() {
            identity.delegation.push(file.step("calls", server.name.clone(), agent));
        }
        reading.identities.push(identity);
    }
}

fn is_known(file: &File<'_>, document: &Node, reading: &mut Reading) -> bool {
    document
        .get("permissions")
        .is_none_or(|node| file.note_unknown("permissions", node, &["allow", "ask", "deny"], reading))
}

fn toolsets(agent: &Node) -> impl Iterator<Item = &Node> {
    agent.get("toolsets").map(Node::items).unwrap_or_default().iter()
}

/// Who is asked about what the agent has: a person, until a permission or a flag of the command line waves it through.
fn add_tools(file: &File<'_>, agent: &Node, identity: &mut Identity) {
    for set in toolsets(agent) {
        let Some(kind) = set.get("type").and_then(Node::as_text) else { continue };
        let place = || file.location(set.span);
        let only: Vec<String> =
            set.get("tools").map(Node::items).unwrap_or_default().iter().filter_map(Node::scalar).collect();
        match kind {
            "mcp" => {}
            "script" => {
                for (name, _) in set.get("shell").map(Node::entries).unwrap_or_default() {
                    let name = name.scalar().unwrap_or_default();
                    identity.tools.push(tool_as(&name, &format!("Bash({name})"), Approval::Ask, place()));
                }
            }
            _ if only.is_empty() => identity.tools.push(tool_as(kind, of_kind(kind), Approval::Ask, place())),
            _ => identity
                .tools
                .extend(only.iter().map(|name| tool_as(name, &as_rule(name), Approval::Ask, place()))),
        }
    }
}

/// The most that a toolset can do, as other agents call it.
fn of_kind(kind: &str) -> &str {
    match kind {
        "shell" => "Bash",
        "filesystem" => "Edit",
        "fetch" => "WebFetch",
        "think" | "memory" | "todo" | "tasks" | "lsp" | "user_prompt" | "model_picker" => "Read",
        "background_agents" => "Task",
        other => other,
    }
}

/// A permission or the name of a tool as the rules of other agents say it.
fn as_rule(entry: &str) -> String {
    if let Some(rest) = entry.strip_prefix("mcp:") {
        return format!("mcp__{}", rest.replacen(':', "__", 1));
    }
    let (name, arguments) = entry.split_once(':').map_or((entry, None), |(name, rest)| (name, Some(rest)));
    let base = match name {
        "shell" | "run_background_job" => "Bash",
        "write_file" | "edit_file" | "create_directory" | "remove_directory" => "Edit",
        "fetch" => "WebFetch",
        "think" => "Read",
        _ if ["read_", "list_", "search_", "directory_tree", "get_"]
            .iter()
            .any(|start| name.starts_with(start)) =>
        {
            "Read"
        }
        other => other,
    };
    match arguments {
        Some(arguments) => {
            let value = arguments.split_once('=').map_or(arguments, |(_, value)| value);
            format!("{base}({value})")
        }
        None => base.to_owned(),
    }
}

/// What the permissions of the file wave through. Deny beats allow.
fn permit(file: &File<'_>, document: &Node, identity: &mut Identity) {
    let rules = |key| document.at(&["permissions", key]).map(Node::items).unwrap_or_default();
    for rule in rules("allow") {
        let Some(entry) = rule.as_text() else { continue };
        let ours = as_rule(entry);
        let refused = |other: &str| is_same_tool(&as_rule(other), &ours);
        if !rules("deny").iter().filter_map(Node::as_text).any(refused) {
            let tool = tool_as(entry, &ours, Approval::None, file.location(rule.span));
            // A name we do not know is one tool of some server, not a shell.
            let whole =
                ["Bash", "Edit", "WebFetch", "*"].contains(&ours.split('(').next().unwrap_or_default());
            let unlimited = tool.unlimited && (whole || ours.starts_with("mcp__"));
            let authority =
                if whole { tool.authority } else { tool.authority.min(named_authority(Some(entry))) };
            identity.tools.push(Tool { authority, unlimited, ..tool });
        }
    }
    for rule in rules("deny") {
        let Some(entry) = rule.as_text() else { continue };
        identity.settings.push(file.setting("permissions.deny", entry, rule));
    }
}

fn add_calls(file: &File<'_>, agent: &Node, identity: &mut Identity) {
    for key in ["sub_agents", "handoffs"] {
        for other in agent.get(key).map(Node::items).unwrap_or_default() {
            let Some(name) = other.as_text() else { continue };
            identity.delegation.push(file.step("calls", format!("{}/{name}", AGENT.platform), other));
            // A name with a slash is an agent that comes from a registry, whatever it holds by then.
            if name.contains('/') && !name.contains("@sha256:") {
                identity.settings.push(file.setting("foreign-agent", name, other));
            }
        }
    }
}

/// The servers of the toolsets of an agent: written out, or named in the list of the file.
fn add_servers(file: &File<'_>, document: &Node, agent: &Node, reading: &mut Reading) {
    for set in toolsets(agent).filter(|set| set.get("type").and_then(Node::as_text) == Some("mcp")) {
        let text = |key| set.get(key).and_then(Node::scalar);
        let reference = text("ref").unwrap_or_default();
        let listed = document.at(&["mcps", &reference]);
        let server = listed.unwrap_or(set);
        let name = text("name").filter(|name| !name.is_empty()).unwrap_or_else(|| {
            let plain = reference.strip_prefix("docker:").unwrap_or(&reference);
            if plain.is_empty() { text("command").unwrap_or_default() } else { plain.to_owned() }
        });
        let remote = server.get("remote").filter(|node| node.is_map());
        let mut identity = mcp::server_identity(file, AGENT.platform, &name, server);
        if let Some(remote) = remote {
            let far = mcp::server_identity(file, AGENT.platform, &name, remote);
            identity.settings.extend(far.settings);
            identity.credentials.extend(far.credentials);
        }
        reading.identities.push(identity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_known_by_its_tool_and_argument() {
        for (entry, rule) in [
            ("shell", "Bash"),
            ("shell:cmd=git status*", "Bash(git status*)"),
            ("mcp:github:get_*", "mcp__github__get_*"),
            ("edit_file", "Edit"),
            ("read_*", "Read"),
            ("*", "*"),
        ] {
            assert_eq!(as_rule(entry), rule, "{entry}");
        }
    }
}
