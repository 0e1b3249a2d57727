//! Cursor: `.cursor/cli.json`, its sandbox and its hooks.

use super::coding_agent::{Agent, none};
use super::file::{File, Text, ends_in};
use super::permission::{is_same_tool, tool_as};
use super::{Dialect, Reading};
use crate::identity::{Approval, Identity};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "cursor", claims, read };

const AGENT: Agent = Agent { platform: "cursor", handled: &["permissions.allow"], add_tools, others: none };

fn claims(path: &str, _: &Text<'_>) -> bool {
    ends_in(path, &[".cursor/cli.json", ".cursor/sandbox.json", ".cursor/hooks.json"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    AGENT.read(file, |_| true, reading);
}

/// What is allowed and not denied runs without asking.
fn add_tools(file: &File<'_>, document: &Node, identity: &mut Identity) {
    let rules = |key| document.at(&["permissions", key]).map(Node::items).unwrap_or_default();
    for rule in rules("allow") {
        let Some(entry) = rule.as_text() else { continue };
        let is_denied =
            rules("deny").iter().filter_map(Node::as_text).any(|other| is_same_tool(other, entry));
        if !is_denied {
            identity.tools.push(tool_as(entry, &widened(entry), Approval::None, file.location(rule.span)));
        }
    }
}

/// `Shell(git)` is git with any arguments.
fn widened(entry: &str) -> String {
    match entry.strip_prefix("Shell(").and_then(|rest| rest.strip_suffix(')')) {
        Some(command) if !command.contains('*') => format!("Shell({command} *)"),
        _ => entry.to_owned(),
    }
}
