//! CrewAI: `agents.yaml` and `tasks.yaml` of a crew.
//!
//! ```text
//! crewai/agent/<key>     role, goal and backstory make it one; tools, code execution, delegation and limits
//! crewai/task/<key>      calls its agent; `human_input` has a person look at what came of it
//! ```
//!
//! Source: CrewAI documentation, "Agents" and "Tasks", as summarised on 2026-11-20.

use super::file::{File, Text, ends_in};
use super::permission::{everything, listed, named_authority};
use super::{Dialect, Reading};
use crate::identity::{Approval, Authority, Identity, IdentityKind, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "crewai", claims, read };

const PLATFORM: &str = "crewai";

fn claims(path: &str, text: &Text<'_>) -> bool {
    let agents = ends_in(path, &["agents.yaml", "agents.yml"]) && text.may_hold(&["backstory"]);
    agents || (ends_in(path, &["tasks.yaml", "tasks.yml"]) && text.may_hold(&["expected_output"]))
}

fn read(file: &File<'_>, reading: &mut Reading) {
    // Single braces are filled into texts when a crew starts, and are no templates.
    file.each_document(DIALECT.name, (file.tree(), true), reading, |document, reading| {
        for (key, node) in document.entries().iter().filter(|(_, node)| node.is_map()) {
            reading.identities.extend(key.as_text().and_then(|key| declared(file, key, node)));
        }
    });
}

fn declared(file: &File<'_>, key: &str, node: &Node) -> Option<Identity> {
    let task = node.get("expected_output").is_some();
    if !task && node.get("backstory").is_none() {
        return None;
    }
    let native = if task { "task" } else { "agent" };
    let kind = if task { IdentityKind::Workload } else { IdentityKind::Agent };
    let mut identity = file.identity(kind, PLATFORM, native, format!("{PLATFORM}/{native}/{key}"), node);
    let purpose = node.get("goal").or_else(|| node.get("description")).and_then(Node::scalar);
    purpose.unwrap_or_default().trim().clone_into(&mut identity.purpose);
    file.settings("", node, &|name: &str| HANDLED.contains(&name), &mut identity.settings);
    if let Some(agent) = node.get("agent").filter(|_| task)
        && let Some(name) = agent.scalar()
    {
        identity.delegation.push(file.step("calls", format!("{PLATFORM}/agent/{name}"), agent));
    }
    let runs = node.get("allow_code_execution").filter(|on| on.truthy() == Some(true));
    identity.tools.extend(runs.map(|on| Tool {
        name: "code execution".to_owned(),
        ..everything(Approval::None, file.location(on.span))
    }));
    for one in node.get("tools").map(Node::items).unwrap_or_default() {
        identity.tools.extend(one.scalar().map(|name| tool(file, &name, one)));
    }
    // The longest an agent may work at one task.
    let seconds = node.get("max_execution_time").and_then(Node::as_int);
    identity.session.max_seconds = seconds.filter(|seconds| *seconds > 0).unwrap_or(-1);
    let delegates = node.get("allow_delegation").filter(|on| on.truthy() == Some(true));
    identity.delegation.extend(delegates.map(|on| file.step("calls", format!("{PLATFORM}/agent/*"), on)));
    Some(identity)
}

/// What becomes something else, and texts of any length.
const HANDLED: [&str; 7] =
    ["role", "goal", "backstory", "description", "expected_output", "tools", "system_template"];

/// A tool by the class or function it is: `SerperDevTool`, `file_read_tool`.
fn tool(file: &File<'_>, name: &str, at: &Node) -> Tool {
    const LOOKING: [&str; 10] =
        ["search", "read", "scrape", "serper", "website", "rag", "query", "lookup", "fetch", "vision"];
    const ACTING: [&str; 6] = ["write", "interpreter", "code", "shell", "delete", "send"];
    let lower = name.to_ascii_lowercase();
    let acts = ACTING.iter().any(|word| lower.contains(word));
    let looks = !acts && LOOKING.iter().any(|word| lower.contains(word));
    let authority = if looks { Authority::Inspect } else { named_authority(Some(name)) };
    listed(name, "code".to_owned(), authority, Approval::None, file.location(at.span))
}
