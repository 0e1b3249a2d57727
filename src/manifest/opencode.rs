//! opencode: `opencode.json`, with the agents it defines.

use super::coding_agent::Agent;
use super::file::{File, Text, ends_in};
use super::permission::{everything, tool_as};
use super::{Dialect, Reading};
use crate::identity::{Approval, Identity, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "opencode", claims, read };

const AGENT: Agent =
    Agent { platform: "opencode", handled: &["mcp", "agent", "permission"], add_tools, others: agents };

fn claims(path: &str, _: &Text<'_>) -> bool {
    ends_in(path, &["opencode.json", "opencode.jsonc"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    AGENT.read(file, |_| true, reading);
}

/// The agents with permissions of their own.
fn agents(file: &File<'_>, document: &Node) -> Vec<Identity> {
    let agents = document.get("agent").map(Node::entries).unwrap_or_default();
    let own = agents.iter().filter(|(_, agent)| agent.get("permission").is_some());
    own.filter_map(|(name, agent)| Some(AGENT.identity(file, &format!("agent/{}", name.as_text()?), agent)))
        .collect()
}

/// A word for all tools, or one for each tool, or one for each pattern of a tool.
fn add_tools(file: &File<'_>, document: &Node, identity: &mut Identity) {
    let Some(permission) = document.get("permission") else { return };
    if let Some(approval) = approval(permission) {
        identity.tools.push(everything(approval, file.location(permission.span)));
    }
    for (name, rule) in permission.entries() {
        let Some(name) = name.as_text() else { continue };
        identity.tools.extend(approval(rule).map(|approval| named(name, None, approval, rule, file)));
        let patterns = rule.entries().iter().filter_map(|(key, value)| Some((key.as_text()?, value)));
        identity.tools.extend(
            patterns.filter_map(|(pattern, value)| {
                Some(named(name, Some(pattern), approval(value)?, value, file))
            }),
        );
    }
}

/// `None` for what is denied, and for what is no word at all.
fn approval(rule: &Node) -> Option<Approval> {
    match rule.as_text()? {
        "allow" => Some(Approval::None),
        "ask" => Some(Approval::Ask),
        _ => None,
    }
}

fn named(name: &str, pattern: Option<&str>, approval: Approval, at: &Node, file: &File<'_>) -> Tool {
    if name == "*" {
        return everything(approval, file.location(at.span));
    }
    let base = match name {
        "bash" => "Bash",
        "edit" | "write" | "patch" => "Edit",
        "read" | "glob" | "grep" | "list" => "Read",
        "webfetch" => "WebFetch",
        "websearch" | "codesearch" => "WebSearch",
        other => other,
    };
    let with = |base: &str| pattern.map_or_else(|| base.to_owned(), |pattern| format!("{base}({pattern})"));
    tool_as(&with(name), &with(base), approval, file.location(at.span))
}
