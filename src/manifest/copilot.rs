//! GitHub Copilot: agents, chat modes and prompts, which are Markdown files with front matter.
//!
//! ```text
//! .github/agents/*.md                  tools left out, or `*`: every tool
//! .github/chatmodes/*.chatmode.md      the same under an older name
//! .github/prompts/*.prompt.md          tools left out: those of the agent that runs it
//! ```
//!
//! Source: GitHub documentation, "Custom agents configuration", as summarised on 2026-11-20.

use super::coding_agent::{Agent, none};
use super::file::{File, Text, ends_in};
use super::front_matter::{self, FrontMatter, entries, name_of};
use super::permission::{everything, tool_as};
use super::{Dialect, Reading, mcp};
use crate::identity::{Approval, Identity};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "copilot", claims, read };

const AGENT: Agent = Agent { platform: "copilot", handled: &HANDLED, add_tools, others: none };

const HANDLED: [&str; 6] = ["tools", "mcp-servers", "description", "name", "argument-hint", "handoffs"];

/// Names of tools and sets of tools that run commands, start processes or install something.
const RUNNING: [&str; 14] = [
    "execute",
    "shell",
    "bash",
    "powershell",
    "runcommands",
    "runcommand",
    "runinterminal",
    "terminalcommand",
    "runtasks",
    "runnotebooks",
    "runtests",
    "createandruntask",
    "installextension",
    "new",
];

/// Those that change files.
const EDITING: [&str; 8] = [
    "edit",
    "multiedit",
    "write",
    "notebookedit",
    "editfiles",
    "createfile",
    "createdirectory",
    "createjupyternotebook",
];

/// Those that only look.
const LOOKING: [&str; 34] = [
    "read",
    "notebookread",
    "search",
    "grep",
    "glob",
    "codebase",
    "changes",
    "problems",
    "usages",
    "testfailure",
    "findtestfiles",
    "searchresults",
    "githubrepo",
    "extensions",
    "vscodeapi",
    "terminallastcommand",
    "terminalselection",
    "think",
    "todo",
    "todos",
    "todowrite",
    "readfile",
    "viewimage",
    "listdirectory",
    "filesearch",
    "textsearch",
    "getterminaloutput",
    "awaitterminal",
    "getprojectsetupinfo",
    "memory",
    "askquestions",
    "vscode",
    "gettaskoutput",
    "sequentialthinking",
];

fn claims(path: &str, text: &Text<'_>) -> bool {
    kind(path).is_some() && text.bytes.starts_with(b"---")
}

/// What the file at `path` describes.
fn kind(path: &str) -> Option<&'static str> {
    let lower = format!("/{}", path.to_ascii_lowercase());
    match () {
        () if !ends_in(path, &[".md"]) => None,
        () if ends_in(path, &[".chatmode.md"]) => Some("mode"),
        () if ends_in(path, &[".prompt.md"]) => Some("prompt"),
        () if lower.contains("/.github/agents/") || ends_in(path, &[".agent.md"]) => Some("agent"),
        () => None,
    }
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let Some(kind) = kind(file.path) else { return };
    let Some(FrontMatter { document, complete }) = front_matter::read(file, reading) else { return };
    let name = name_of(file, &document);
    let mut identity = AGENT.identity(file, &format!("{kind}/{name}"), &document);
    kind.clone_into(&mut identity.native_kind);
    identity.purpose = document.get("description").and_then(Node::scalar).unwrap_or_default();
    if document.get("tools").is_none() && kind != "prompt" {
        identity.tools.push(everything(Approval::Ask, file.location(document.span)));
    }
    identity.complete = complete;
    for (server, node) in document.get("mcp-servers").map(Node::entries).unwrap_or_default() {
        let (Some(server), true) = (server.as_text(), node.is_map()) else { continue };
        let server = mcp::server_identity(file, "copilot", server, node);
        identity.delegation.push(file.step("calls", server.name.clone(), node));
        reading.identities.push(Identity { complete, ..server });
    }
    reading.identities.push(identity);
    reading.documents.push((AGENT.platform, document));
}

fn add_tools(file: &File<'_>, document: &Node, identity: &mut Identity) {
    let Some(list) = document.get("tools") else { return };
    for (at, entry) in entries(list).iter().enumerate() {
        let place = file.location(list.items().get(at).unwrap_or(list).span);
        identity.tools.push(match entry.as_str() {
            "*" => everything(Approval::Ask, place),
            _ => tool_as(entry, &as_rule(entry), Approval::Ask, place),
        });
    }
}

/// The rule of other agents that says the same.
fn as_rule(entry: &str) -> String {
    let (set, tool) = entry.split_once('/').map_or(("", entry), |(set, tool)| (set, tool));
    // The last word tells more than the set it is in, unless it is all of the set.
    let word = if tool == "*" { set } else { tool }.to_ascii_lowercase();
    let has = |list: &[&str]| list.contains(&word.as_str());
    match () {
        () if has(&RUNNING) => "Bash".to_owned(),
        () if has(&EDITING) => "Edit".to_owned(),
        () if has(&LOOKING) => "Read".to_owned(),
        () if has(&["web", "fetch", "webfetch", "websearch", "opensimplebrowser"]) => "WebFetch".to_owned(),
        () if has(&["agent", "custom-agent", "task", "runsubagent"]) => "Task".to_owned(),
        () if set.is_empty() => entry.to_owned(),
        () if tool == "*" => format!("mcp__{set}"),
        () => format!("mcp__{set}__{tool}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_known_by_its_last_word() {
        for (entry, rule) in [
            ("execute/runInTerminal", "Bash"),
            ("edit/editFiles", "Edit"),
            ("search/codebase", "Read"),
            ("web/fetch", "WebFetch"),
            ("github/*", "mcp__github"),
            ("github/create_issue", "mcp__github__create_issue"),
            ("read/*", "Read"),
            ("own", "own"),
        ] {
            assert_eq!(as_rule(entry), rule, "{entry}");
        }
    }
}
