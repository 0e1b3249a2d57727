//! AutoGen: agents and teams as JSON components, and the older settings of a single agent.
//!
//! ```text
//! provider: autogen_ext.code_executors.local...     code runs where the agent runs
//! human_input_mode: NEVER                           nobody is asked
//! code_execution_config: { use_docker: false }      the older form of the first
//! ```
//!
//! Source: AutoGen documentation, "Serializing Components" and "Code Executors", as summarised on 2026-11-20.

use super::file::{File, Text, ends_in, holds, unknown_credential};
use super::permission::{everything, listed, named_authority};
use super::redact::is_reference;
use super::{Dialect, Reading};
use crate::identity::{Approval, Authority, CredentialKind, Identity, IdentityKind, Storage, Tool};
use crate::text::tree::{self, Node};

pub(super) const DIALECT: Dialect = Dialect { name: "autogen", claims, read };

const PLATFORM: &str = "autogen";

const WORDS: [&str; 4] = ["component_type", "human_input_mode", "code_execution_config", "OAI_CONFIG_LIST"];

/// How deep components may lie in each other.
const DEEPEST: usize = 12;

fn claims(path: &str, text: &Text<'_>) -> bool {
    let list = is_model_list(path);
    list || (ends_in(path, &[".json"]) && text.may_hold(&WORDS))
}

/// The file of models that every example of the older version loads.
fn is_model_list(path: &str) -> bool {
    ends_in(path, &["oai_config_list", "oai_config_list.json"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let list = is_model_list(file.path);
    let certain = list || holds(file.bytes, &WORDS);
    file.each_document(DIALECT.name, (tree::read_json(file.bytes), certain), reading, |document, reading| {
        if list {
            reading.identities.push(models(file, document));
        } else {
            components(file, document, 0, reading);
        }
    });
}

/// The keys of a list of models.
fn models(file: &File<'_>, document: &Node) -> Identity {
    let mut identity =
        file.identity(IdentityKind::Workload, PLATFORM, "model-list", format!("{PLATFORM}/models"), document);
    for model in document.items() {
        let Some(key) = model.get("api_key") else { continue };
        let value = key.scalar().unwrap_or_default();
        let literal = !is_reference(&value) && value.len() >= SHORTEST_KEY;
        let mut credential = unknown_credential(CredentialKind::ApiKey, "api_key", file.location(key.span));
        credential.storage = if literal { Storage::Literal } else { Storage::Environment };
        identity.credentials.push(credential);
    }
    identity
}

/// Shorter words in the place of a key are there because something must be: `NULL`, `ollama`, `not-needed`.
const SHORTEST_KEY: usize = 16;

/// Adds the agents among `node` and what lies in it.
fn components(file: &File<'_>, node: &Node, depth: usize, reading: &mut Reading) {
    if depth > DEEPEST {
        return;
    }
    reading.identities.extend(agent(file, node));
    for inner in node.entries().iter().map(|(_, value)| value).chain(node.items()) {
        if inner.is_map() || !inner.items().is_empty() {
            components(file, inner, depth + 1, reading);
        }
    }
}

fn agent(file: &File<'_>, node: &Node) -> Option<Identity> {
    let text = |key| node.get(key).and_then(Node::as_text);
    let component = text("component_type") == Some("agent") && node.get("config").is_some();
    let shape = ["name", "system_message", "llm_config", "code_execution_config"];
    let older = text("human_input_mode").is_some() && shape.iter().any(|key| node.get(key).is_some());
    if !component && !older {
        return None;
    }
    let config = node.get("config").filter(|_| component).unwrap_or(node);
    let name = config.get("name").and_then(Node::scalar).or_else(|| node.get("label").and_then(Node::scalar));
    let name = format!("{PLATFORM}/{}", name.unwrap_or_else(|| "agent".to_owned()));
    let mut identity = file.identity(IdentityKind::Agent, PLATFORM, "agent", name, node);
    identity.purpose = config.get("description").and_then(Node::scalar).unwrap_or_default();
    let provider = text("provider").unwrap_or_default();
    identity.settings.push(file.setting("provider", provider, node.get("provider").unwrap_or(node)));
    let asked = approval(config);
    let mode = text("human_input_mode").map(|mode| file.setting("human_input_mode", mode, node));
    identity.settings.extend(mode);
    add_executors(file, config, asked, &mut identity);
    add_tools(file, config, asked, &mut identity);
    Some(identity)
}

/// Whether a person is asked before code runs: by a function that says so, or by the older mode.
fn approval(config: &Node) -> Approval {
    match config.get("human_input_mode").and_then(Node::as_text) {
        Some("ALWAYS") => Approval::Required,
        None if config.get("approval_func").is_some() => Approval::Ask,
        // `TERMINATE` asks when all is done.
        _ => Approval::None,
    }
}

/// What runs code: an executor of the agent, or one that a tool of it holds.
fn add_executors(file: &File<'_>, config: &Node, asked: Approval, identity: &mut Identity) {
    let tools = config.get("tools").map(Node::items).unwrap_or_default();
    let benches = config
        .get("workbench")
        .into_iter()
        .flat_map(|one| one.items().iter().chain(one.is_map().then_some(one)));
    let listed = benches.filter_map(|bench| bench.at(&["config", "tools"])).flat_map(Node::items);
    let held = tools.iter().chain(listed).filter_map(|tool| tool.at(&["config", "executor"]));
    for executor in config.get("code_executor").into_iter().chain(held) {
        let provider = executor.get("provider").and_then(Node::as_text).unwrap_or_default();
        let local = provider.contains(".local.") || provider.contains("LocalCommandLine");
        identity.tools.push(code(file, local, asked, executor));
        let place = if local { "host" } else { "container" };
        identity.settings.push(file.setting("code-runs-on", place, executor));
    }
    let older = config.get("code_execution_config").filter(|node| node.is_map());
    if let Some(older) = older {
        let docker = older.get("use_docker");
        let local = docker.is_some_and(|node| node.truthy() == Some(false));
        identity.tools.push(code(file, local, asked, older));
        let place = if local { "host" } else { "container" };
        identity.settings.push(file.setting("code-runs-on", place, docker.unwrap_or(older)));
    }
}

fn code(file: &File<'_>, local: bool, approval: Approval, at: &Node) -> Tool {
    let all = everything(approval, file.location(at.span));
    Tool { name: "code".to_owned(), unlimited: local, ..all }
}

fn add_tools(file: &File<'_>, config: &Node, approval: Approval, identity: &mut Identity) {
    for one in config.get("tools").map(Node::items).unwrap_or_default() {
        let name = one.at(&["config", "name"]).or_else(|| one.get("label")).and_then(Node::scalar);
        let Some(name) = name.or_else(|| one.scalar()) else { continue };
        if one.at(&["config", "executor"]).is_some() {
            continue;
        }
        let calculates = ["calculator", "search"].iter().any(|word| name.contains(word));
        let authority = if calculates { Authority::Inspect } else { named_authority(Some(&name)) };
        identity.tools.push(listed(&name, "code".to_owned(), authority, approval, file.location(one.span)));
    }
}
