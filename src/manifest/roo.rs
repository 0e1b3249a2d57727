//! Roo Code: the modes of `.roomodes`, each with the groups of tools it holds. Which of them run without asking is a
//! setting of the user; the servers of `.roo/mcp.json` are read with those of the other clients.

use super::coding_agent::{Agent, none};
use super::file::{File, Text, ends_in};
use super::permission::tool_as;
use super::{Dialect, Reading};
use crate::finding::Reason;
use crate::identity::{Approval, Identity};
use crate::text::tree::{self, Node};

pub(super) const DIALECT: Dialect = Dialect { name: "roo", claims, read };

const AGENT: Agent = Agent { platform: "roo", handled: &HANDLED, add_tools, others: none };

const HANDLED: [&str; 7] =
    ["roleDefinition", "customInstructions", "whenToUse", "description", "slug", "name", "rulesFiles"];

/// The groups of tools, and what other agents call the most of each.
const GROUPS: [(&str, &str); 6] = [
    ("read", "Read"),
    ("edit", "Edit"),
    ("browser", "browser"),
    ("command", "Bash"),
    ("mcp", "mcp__*"),
    ("modes", "Task"),
];

fn claims(path: &str, _: &Text<'_>) -> bool {
    ends_in(path, &[".roomodes", "custom_modes.yaml", "custom_modes.json"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    // The file has no ending, and holds JSON in older versions.
    let tree = tree::read_yaml(file.bytes);
    file.each_document(AGENT.platform, (tree, true), reading, |document, reading| {
        for mode in document.get("customModes").map(Node::items).unwrap_or_default() {
            let text = |key| mode.get(key).and_then(Node::scalar).unwrap_or_default();
            let mut identity = AGENT.identity(file, &format!("mode/{}", text("slug")), mode);
            identity.purpose = text("description");
            identity.complete = is_known(file, mode, reading);
            reading.identities.push(identity);
        }
    });
}

/// The group of an entry, which stands alone or before what narrows it.
fn group(entry: &Node) -> Option<(&str, Option<&Node>)> {
    match entry.items() {
        [] => Some((entry.as_text()?, None)),
        [name, options @ ..] => Some((name.as_text()?, options.first())),
    }
}

fn is_known(file: &File<'_>, mode: &Node, reading: &mut Reading) -> bool {
    let mut known = true;
    for (name, options) in groups(mode) {
        if !GROUPS.iter().any(|(group, _)| *group == name) {
            let detail = "a group of tools that is not known".to_owned();
            reading.gap(file, Reason::Partial, detail);
            known = false;
        }
        let options = options.filter(|options| options.is_map());
        known &= options.is_none_or(|options| {
            file.note_unknown("groups", options, &["fileRegex", "description"], reading)
        });
    }
    known
}

fn groups(mode: &Node) -> impl Iterator<Item = (&str, Option<&Node>)> {
    mode.get("groups").map(Node::items).unwrap_or_default().iter().filter_map(group)
}

fn add_tools(file: &File<'_>, mode: &Node, identity: &mut Identity) {
    for entry in mode.get("groups").map(Node::items).unwrap_or_default() {
        let Some((name, options)) = group(entry) else { continue };
        let rule = GROUPS.iter().find(|(known, _)| *known == name).map_or(name, |(_, rule)| *rule);
        let files = options.and_then(|options| options.get("fileRegex")).and_then(Node::as_text);
        let any = files.is_none_or(|files| matches!(files, ".*" | "^.*$" | ".+" | "\\..*$"));
        let place = file.location(entry.span);
        identity.tools.push(if any {
            tool_as(name, rule, Approval::Ask, place)
        } else {
            let files = files.unwrap_or_default();
            tool_as(&format!("{name}({files})"), &format!("{rule}({files})"), Approval::Ask, place)
        });
    }
}
