//! VS Code: what its settings let the agents in it do without asking.

use super::coding_agent::{Agent, none};
use super::file::{File, Text, ends_in};
use super::permission::{everything, tool_as};
use super::{Dialect, Reading};
use crate::identity::{Approval, Identity};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "vscode", claims, read };

const AGENT: Agent = Agent { platform: "vscode", handled: &[TERMINAL, EDITS], add_tools, others: none };

const TERMINAL: &str = "chat.tools.terminal.autoApprove";
const EDITS: &str = "chat.tools.edits.autoApprove";

/// What the names of settings of agents begin with.
const PREFIXES: [&str; 5] =
    ["chat.tools.", "chat.agent.", "chat.permissions.", "github.copilot.chat.agent", "claudeCode."];

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".vscode/settings.json", ".code-workspace"]) && text.may_hold(&PREFIXES)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    file.note_fault(&tree, true, reading);
    for document in tree.documents {
        // A workspace keeps its settings one level down.
        let settings = document.get("settings").filter(|node| node.is_map()).unwrap_or(&document);
        if !settings.entries().iter().any(|(key, _)| key.as_text().is_some_and(is_of_agent)) {
            continue;
        }
        let mut identity = AGENT.identity(file, "workspace", settings);
        identity.settings.retain(|setting| is_of_agent(&setting.name));
        identity.complete = tree.templates.is_empty();
        reading.identities.push(identity);
        reading.documents.push((AGENT.platform, document));
    }
}

fn is_of_agent(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn add_tools(file: &File<'_>, settings: &Node, identity: &mut Identity) {
    for key in ["chat.tools.global.autoApprove", "chat.tools.autoApprove"] {
        if let Some(all) = settings.get(key).filter(|node| node.truthy() == Some(true)) {
            identity.tools.push(everything(Approval::None, file.location(all.span)));
        }
    }
    for (key, base) in [(TERMINAL, "Bash"), (EDITS, "Edit")] {
        for (pattern, word) in settings.get(key).map(Node::entries).unwrap_or_default() {
            let approved = word.get("approve").unwrap_or(word).truthy() == Some(true);
            let Some(pattern) = pattern.as_text().filter(|_| approved) else { continue };
            let shown = format!("{base}({pattern})");
            let entry = format!("{base}({})", as_rule(base, pattern));
            identity.tools.push(tool_as(&shown, &entry, Approval::None, file.location(word.span)));
        }
    }
}

/// A command is approved by what it begins with, or by a pattern between slashes.
fn as_rule(base: &str, pattern: &str) -> String {
    let inner = pattern.trim_start_matches('/').trim_end_matches(['/', 'i', 's', 'g']);
    let any = [".*", "^.*$", ".+", "^.+$", "^", "."].contains(&inner) && pattern.starts_with('/');
    match base {
        "Bash" if any => "*".to_owned(),
        "Bash" if pattern.starts_with('/') => pattern.to_owned(),
        "Bash" => format!("{pattern}:*"),
        _ => pattern.to_owned(),
    }
}
