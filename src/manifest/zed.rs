//! Zed: what `.zed/settings.json` lets its agent do without asking.

use super::coding_agent::{Agent, none};
use super::file::{File, Text, ends_in};
use super::permission::{everything, tool};
use super::{Dialect, Reading};
use crate::identity::{Approval, Identity, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "zed", claims, read };

const AGENT: Agent = Agent { platform: "zed", handled: &["context_servers"], add_tools, others: none };

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".zed/settings.json"]) && text.may_hold(&["agent"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    AGENT.read(file, |document| document.get("agent").is_some_and(Node::is_map), reading);
    for identity in reading.identities.iter_mut().filter(|identity| identity.platform == AGENT.platform) {
        identity.settings.retain(|setting| setting.name.starts_with("agent."));
    }
}

fn add_tools(file: &File<'_>, document: &Node, identity: &mut Identity) {
    let Some(agent) = document.get("agent") else { return };
    let allows = |node: &&Node| node.as_text() == Some("allow");
    let all = agent.get("always_allow_tool_actions").filter(|node| node.truthy() == Some(true));
    let all = all.or_else(|| agent.at(&["tool_permissions", "default"]).filter(allows));
    identity.tools.extend(all.map(|all| everything(Approval::None, file.location(all.span))));
    for (name, rule) in agent.at(&["tool_permissions", "tools"]).map(Node::entries).unwrap_or_default() {
        let Some(name) = name.as_text() else { continue };
        if let Some(default) = rule.get("default").filter(allows) {
            let base = match name {
                "terminal" => "Bash",
                "edit_file" | "save_file" | "create_file" => "Edit",
                other => other,
            };
            let found = tool(base, Approval::None, file.location(default.span));
            identity.tools.push(Tool { name: name.to_owned(), ..found });
        }
    }
}
