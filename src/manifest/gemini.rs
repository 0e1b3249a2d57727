//! Gemini CLI: `.gemini/settings.json`.

use super::coding_agent::{Agent, none};
use super::file::{File, Text, ends_in};
use super::permission::{tool, tool_as};
use super::{Dialect, Reading};
use crate::identity::{Approval, Identity};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "gemini", claims, read };

const AGENT: Agent = Agent {
    platform: "gemini",
    handled: &["mcpServers", "tools.allowed", "allowedTools"],
    add_tools,
    others: none,
};

fn claims(path: &str, _: &Text<'_>) -> bool {
    ends_in(path, &[".gemini/settings.json"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    AGENT.read(file, |_| true, reading);
}

/// What is allowed runs without asking; a command is allowed by what it begins with.
fn add_tools(file: &File<'_>, document: &Node, identity: &mut Identity) {
    let lists = [document.at(&["tools", "allowed"]), document.get("allowedTools")];
    for rule in lists.into_iter().flatten().flat_map(Node::items) {
        let Some(entry) = rule.as_text() else { continue };
        identity.tools.push(tool_as(entry, &as_rule(entry), Approval::None, file.location(rule.span)));
    }
    let mode = document.at(&["general", "defaultApprovalMode"]);
    if let Some(mode) = mode.filter(|mode| mode.as_text() == Some("auto_edit")) {
        identity.tools.push(tool("Edit", Approval::None, file.location(mode.span)));
    }
}

/// `run_shell_command(git)` as the rules of other agents say it.
fn as_rule(entry: &str) -> String {
    let (base, prefix) = match entry.split_once('(') {
        Some((base, rest)) => (base, Some(rest.strip_suffix(')').unwrap_or(rest))),
        None => (entry, None),
    };
    let base = match base.trim() {
        "run_shell_command" | "ShellTool" => "Bash",
        "read_file" | "read_many_files" | "list_directory" | "glob" | "search_file_content" => "Read",
        "web_fetch" | "google_web_search" => "WebSearch",
        other => other,
    };
    prefix.map_or_else(|| base.to_owned(), |prefix| format!("{base}({prefix}:*)"))
}
