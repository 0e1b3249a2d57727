//! Codex: `.codex/config.toml` and its hooks.
//!
//! ```text
//! approval_policy   never | on-request | untrusted ...       who is asked
//! sandbox_mode      read-only | workspace-write | danger-full-access
//! ```
//!
//! Both together say what a command may do; a profile overrides either.

use super::coding_agent::Agent;
use super::file::{File, Text, ends_in};
use super::permission::everything;
use super::{Dialect, Reading};
use crate::identity::{Approval, Authority, Identity, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "codex", claims, read };

const AGENT: Agent =
    Agent { platform: "codex", handled: &["mcp_servers", "profiles"], add_tools, others: profiles };

fn claims(path: &str, _: &Text<'_>) -> bool {
    ends_in(path, &[".codex/config.toml", ".codex/hooks.json", ".codex/requirements.toml"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    AGENT.read(file, |_| true, reading);
}

fn profiles(file: &File<'_>, document: &Node) -> Vec<Identity> {
    let profiles = document.get("profiles").map(Node::entries).unwrap_or_default();
    let agent = |(name, profile): &(Node, Node)| {
        let mut identity = AGENT.identity(file, &format!("profile/{}", name.as_text()?), profile);
        identity.tools = shell(file, profile, Some(document)).into_iter().collect();
        Some(identity)
    };
    profiles.iter().filter_map(agent).collect()
}

fn add_tools(file: &File<'_>, document: &Node, identity: &mut Identity) {
    identity.tools.extend(shell(file, document, None));
}

/// What a command may do; what `settings` leave open stands in `base`. `None` where neither says anything.
fn shell(file: &File<'_>, settings: &Node, base: Option<&Node>) -> Option<Tool> {
    let told = |key| settings.get(key).or_else(|| base?.get(key));
    let (policy, sandbox) = (told("approval_policy"), told("sandbox_mode"));
    let at = file.location(policy.or(sandbox)?.span);
    let approval = match policy.and_then(Node::as_text) {
        Some("never") => Approval::None,
        _ => Approval::Ask,
    };
    let open = match sandbox.and_then(Node::as_text) {
        Some("danger-full-access") => true,
        Some("workspace-write") => false,
        // Nothing is written or sent: also what holds where nothing is said.
        _ => return Some(Tool { authority: Authority::Inspect, ..limited(approval, at) }),
    };
    Some(if open { everything(approval, at) } else { limited(approval, at) })
}

/// Any command, behind the sandbox.
fn limited(approval: Approval, at: crate::finding::Location) -> Tool {
    Tool { name: "shell".to_owned(), unlimited: false, ..everything(approval, at) }
}
