//! Google Agent Development Kit: agents written as YAML, `root_agent.yaml` and those it names.
//!
//! ```text
//! agent_class: LlmAgent
//! tools: [{ name: google_search }, { name: MCPToolset, args: { stdio_connection_params: ..., tool_filter: [...] } }]
//! sub_agents: [{ config_path: helper.yaml }]
//! ```
//!
//! A tool of a toolset without `tool_filter` is any that its server offers. Source: Agent Development Kit
//! documentation, "Agent Config", read 2026-11-21.

use super::file::{File, Text, ends_in, holds};
use super::permission::{everything, listed, named_authority};
use super::{Dialect, Reading, mcp};
use crate::identity::{Approval, Authority, Identity, IdentityKind, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: "adk", claims, read };

const PLATFORM: &str = "adk";

/// What is in each of these files but those named after their place: the class, or the schema in a comment.
const WORDS: [&str; 2] = ["agent_class", "AgentConfig.json"];

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &["root_agent.yaml", "root_agent.yml"])
        || (ends_in(path, &[".yaml", ".yml"]) && text.may_hold(&WORDS))
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let named = ends_in(file.path, &["root_agent.yaml", "root_agent.yml"]);
    let certain = named || holds(file.bytes, &WORDS);
    file.each_document(DIALECT.name, (file.tree(), certain), reading, |document, reading| {
        let marks = ["agent_class", "instruction", "sub_agents"];
        let name = document.get("name").and_then(Node::scalar);
        let Some(name) = name.filter(|_| marks.iter().any(|key| document.get(key).is_some())) else { return };
        let mut servers = Vec::new();
        let identity = agent(file, &name, document, &mut servers);
        reading.identities.extend(servers);
        reading.identities.push(identity);
    });
}

fn agent(file: &File<'_>, name: &str, document: &Node, servers: &mut Vec<Identity>) -> Identity {
    let stable = format!("{PLATFORM}/{name}");
    let mut identity = file.identity(IdentityKind::Agent, PLATFORM, "agent", stable, document);
    identity.purpose = document.get("description").and_then(Node::scalar).unwrap_or_default();
    for tool in document.get("tools").map(Node::items).unwrap_or_default() {
        add_tool(file, name, tool, &mut identity, servers);
    }
    for key in ["code_executor", "code_executor_config"] {
        let Some(executor) = document.get(key) else { continue };
        let kind = executor.get("name").or_else(|| executor.get("type")).and_then(Node::scalar);
        let kind = kind.or_else(|| executor.scalar()).unwrap_or_default();
        let here = kind.contains("UnsafeLocal");
        let all = everything(Approval::None, file.location(executor.span));
        identity.tools.push(Tool { name: "code".to_owned(), unlimited: here, ..all });
        identity.settings.push(file.setting(
            "code-runs-on",
            if here { "host" } else { "container" },
            executor,
        ));
    }
    for other in document.get("sub_agents").map(Node::items).unwrap_or_default() {
        // A file says its name inside; by custom it is called after it.
        let path = other.get("config_path").and_then(Node::scalar).or_else(|| other.scalar());
        let Some(path) = path else { continue };
        let stem = path.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
        identity.delegation.push(file.step("calls", format!("{PLATFORM}/{stem}"), other));
    }
    if let Some(most) = document.get("max_iterations") {
        identity.settings.push(file.setting("max_iterations", &most.scalar().unwrap_or_default(), most));
    }
    identity
}

fn add_tool(file: &File<'_>, agent: &str, node: &Node, identity: &mut Identity, servers: &mut Vec<Identity>) {
    let Some(name) = node.get("name").and_then(Node::scalar).or_else(|| node.scalar()) else { return };
    let args = node.get("args");
    let short = name.rsplit('.').next().unwrap_or(&name).to_owned();
    let asks = args.and_then(|args| args.get("require_confirmation")).and_then(Node::truthy) == Some(true);
    let approval = if asks { Approval::Required } else { Approval::None };
    if !short.eq_ignore_ascii_case("mcptoolset") {
        identity.tools.push(tool(file, &short, "code".to_owned(), approval, node));
        return;
    }
    let source = format!("mcp:{agent}");
    let filter = args.and_then(|args| args.get("tool_filter")).map(Node::items).unwrap_or_default();
    for one in filter {
        identity.tools.extend(one.scalar().map(|name| tool(file, &name, source.clone(), approval, one)));
    }
    if filter.is_empty() {
        let all = tool(file, "*", source, approval, node);
        identity.tools.push(Tool {
            authority: Authority::Execute,
            reversible: false,
            unlimited: true,
            ..all
        });
    }
    let Some(args) = args else { return };
    for key in [
        "stdio_connection_params",
        "stdio_server_params",
        "sse_connection_params",
        "streamable_http_connection_params",
    ] {
        let Some(params) = args.get(key) else { continue };
        let server = params.get("server_params").unwrap_or(params);
        let server = mcp::server_identity(file, PLATFORM, agent, server);
        identity.delegation.push(file.step("calls", server.name.clone(), node));
        servers.push(server);
    }
}

/// What a tool does by its name, and by what is known of those the kit brings along.
fn tool(file: &File<'_>, name: &str, source: String, approval: Approval, at: &Node) -> Tool {
    const LOOKING: [&str; 8] = [
        "google_search",
        "google_maps_grounding",
        "url_context",
        "VertexAiSearchTool",
        "load_memory",
        "load_artifacts",
        "preload_memory",
        "exit_loop",
    ];
    let authority = if LOOKING.contains(&name) { Authority::Inspect } else { named_authority(Some(name)) };
    listed(name, source, authority, approval, file.location(at.span))
}
