//! Amp: `.amp/settings.json`, and the same keys in the settings of VS Code.
//!
//! ```text
//! amp.dangerouslyAllowAll    everything runs without asking
//! amp.permissions            rules of tool, matches and action, the first that fits decides
//! amp.commands.allowlist     commands that run without asking (older)
//! ```
//!
//! Source: Amp owner's manual, appendix "Permissions", as summarised on 2026-11-21.

use super::coding_agent::{Agent, none};
use super::file::{File, Text, ends_in};
use super::permission::{everything, is_same_tool, tool_as};
use super::{Dialect, Reading};
use crate::identity::{Approval, Identity};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "amp", claims, read };

const AGENT: Agent = Agent { platform: "amp", handled: &HANDLED, add_tools, others: none };

const HANDLED: [&str; 3] = ["amp.mcpServers", "amp.permissions", "amp.commands.allowlist"];

/// What a permission may say.
const PERMISSION: [&str; 6] = ["tool", "matches", "action", "context", "to", "message"];

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".amp/settings.json", ".amp/settings.jsonc"])
        || (ends_in(path, &[".vscode/settings.json", ".code-workspace"]) && text.may_hold(&["\"amp."]))
}

fn read(file: &File<'_>, reading: &mut Reading) {
    file.each_document(AGENT.platform, (file.tree(), true), reading, |document, reading| {
        let settings = document.get("settings").filter(|node| node.is_map()).unwrap_or(document);
        let mut identity = AGENT.identity(file, "project", settings);
        identity.settings.retain(|setting| setting.name.starts_with("amp."));
        if !identity.settings.is_empty() || !identity.tools.is_empty() {
            identity.complete = is_known(file, settings, reading);
            reading.identities.push(identity);
        }
    });
}

fn is_known(file: &File<'_>, settings: &Node, reading: &mut Reading) -> bool {
    let mut known = true;
    for rule in settings.get("amp.permissions").map(Node::items).unwrap_or_default() {
        known &= file.note_unknown("amp.permissions", rule, &PERMISSION, reading);
    }
    known
}

fn add_tools(file: &File<'_>, settings: &Node, identity: &mut Identity) {
    if let Some(all) = settings.get("amp.dangerouslyAllowAll").filter(|all| all.truthy() == Some(true)) {
        identity.tools.push(everything(Approval::None, file.location(all.span)));
    }
    for command in settings.get("amp.commands.allowlist").map(Node::items).unwrap_or_default() {
        let Some(text) = command.as_text() else { continue };
        let rule = format!("Bash({text})");
        identity.tools.push(tool_as(&rule, &rule, Approval::None, file.location(command.span)));
    }
    let mut refused: Vec<&str> = Vec::new();
    for rule in settings.get("amp.permissions").map(Node::items).unwrap_or_default() {
        let text = |key| rule.get(key).and_then(Node::as_text);
        let (Some(tool), Some(action)) = (text("tool"), text("action")) else { continue };
        let approval = match action {
            "allow" => Approval::None,
            "ask" => Approval::Ask,
            _ => {
                // A rule without conditions leaves nothing of its tool to those behind it.
                refused.extend(rule.get("matches").is_none().then_some(tool));
                continue;
            }
        };
        if refused.iter().any(|before| *before == "*" || is_same_tool(before, tool)) {
            continue;
        }
        for (shown, ours) in rules(tool, rule.get("matches")) {
            let place = file.location(rule.span);
            identity.tools.push(match ours.as_str() {
                "*" => everything(approval, place),
                _ => tool_as(&shown, &ours, approval, place),
            });
        }
    }
}

/// A rule for each pattern of a permission: as it is written, and as other agents say it.
fn rules(tool: &str, matches: Option<&Node>) -> Vec<(String, String)> {
    let base = match tool {
        "edit_file" | "create_file" | "undo_edit" | "apply_patch" => "Edit",
        "Read" | "Grep" | "glob" | "finder" | "read_web_page" | "web_search" | "oracle" | "librarian"
        | "list_directory" | "todo_read" | "todo_write" => "Read",
        other => other,
    };
    let Some(matches) = matches else { return vec![(tool.to_owned(), base.to_owned())] };
    let conditions = matches.entries().iter().map(|(_, value)| value);
    conditions
        .flat_map(|value| value.scalar().into_iter().chain(value.items().iter().filter_map(Node::scalar)))
        .map(|pattern| (format!("{tool}({pattern})"), format!("{base}({})", as_pattern(&pattern))))
        .collect()
}

/// What stands between slashes is a regular expression; of those only one that takes anything has stars.
fn as_pattern(pattern: &str) -> String {
    let inner = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    match inner {
        Some(".*" | "^.*$" | ".+" | "^.+$" | "") => "*".to_owned(),
        Some(expression) => expression.trim_start_matches('^').to_owned(),
        None => pattern.to_owned(),
    }
}
