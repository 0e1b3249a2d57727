//! Amazon Bedrock agents and AgentCore, in CloudFormation templates and in Terraform.
//!
//! ```text
//! bedrock/agent/<name>        runs-as its role; its action groups are its tools, asked about where a function requires it
//! bedrock/gateway/<name>      an AgentCore gateway: who may call it
//! bedrock/runtime/<name>      an AgentCore runtime: which network it stands in
//! ```
//!
//! Sources: AWS CloudFormation reference, `AWS::Bedrock::Agent`, `AWS::BedrockAgentCore::*`; Terraform provider for AWS,
//! `aws_bedrockagent_agent` and its action groups and collaborators, read 2026-11-21.

use std::collections::BTreeMap;

use super::aws_iam::{self, symbol};
use super::context::environment;
use super::file::{File, Text, ends_in, holds};
use super::permission::{listed, named_authority};
use super::{Dialect, Reading};
use crate::finding::Reason;
use crate::identity::{Approval, Authority, Identity, IdentityKind, Tool};
use crate::text::tree::{self, Node, Value};

pub(super) const DIALECT: Dialect = Dialect { name: "bedrock-agent", claims, read };

const PLATFORM: &str = "bedrock";

const WORDS: [&str; 4] =
    ["AWS::Bedrock::Agent", "AWS::BedrockAgentCore::", "aws_bedrockagent_", "aws_bedrockagentcore_"];

/// The source of a tool that an API describes.
const API: &str = "api";

fn claims(path: &str, text: &Text<'_>) -> bool {
    const ENDINGS: [&str; 7] = [".json", ".yaml", ".yml", ".tf", ".tofu", ".template", ".jsonc"];
    (ends_in(path, &ENDINGS) || path.ends_with(".template")) && text.may_hold(&WORDS)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let hcl = ends_in(file.path, &[".tf", ".tofu"]);
    let json = file.bytes.trim_ascii_start().starts_with(b"{");
    let tree = match () {
        () if hcl => tree::read_hcl(file.bytes),
        () if json => tree::read_json(file.bytes),
        () => tree::read_yaml_with_tags(file.bytes),
    };
    let certain = holds(file.bytes, &WORDS);
    file.each_document(DIALECT.name, (tree, certain), reading, |document, reading| {
        let terraform_file = document.get("resource").is_some();
        let mut found = if terraform_file { terraform(file, document) } else { template(file, document) };
        for identity in &mut found {
            for detail in unseen(identity) {
                reading.gap(file, Reason::Partial, detail);
                identity.complete = false;
            }
        }
        reading.identities.extend(found);
    });
}

/// What of an agent lies elsewhere.
fn unseen(identity: &Identity) -> Vec<String> {
    let groups = identity.tools.iter().filter(|tool| tool.source == API);
    let schema =
        |name: &str| format!("which calls of `{name}` are asked about stands in the schema of its API");
    let elsewhere = identity.settings.iter().any(|setting| setting.name == ELSEWHERE);
    let agent = elsewhere.then(|| format!("`{}` is declared in another file", identity.name));
    groups.map(|group| schema(&group.name)).chain(agent).collect()
}

/// Marks an agent of which the file holds an action group alone.
const ELSEWHERE: &str = "declared-elsewhere";

/// A list item by item, or the one thing that stands where a list may.
fn each(node: &Node) -> impl Iterator<Item = &Node> {
    let one = if matches!(node.value, Value::List(_)) { None } else { Some(node) };
    one.into_iter().chain(node.items())
}

fn at<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n Node> {
    keys.iter().find_map(|key| node.get(key))
}

/// The agents of a template.
fn template(file: &File<'_>, document: &Node) -> Vec<Identity> {
    let resources = document.get("Resources").map(Node::entries).unwrap_or_default();
    let mut found = Vec::new();
    for (id, node) in resources {
        let (Some(id), Some(kind)) = (id.as_text(), node.get("Type").and_then(Node::as_text)) else {
            continue;
        };
        let (Some((word, native)), Some(properties)) = (native(kind), node.get("Properties")) else {
            continue;
        };
        let said = at(properties, &["AgentName", "Name", "AgentRuntimeName"]).and_then(symbol::text);
        let name = said.filter(|name| !symbol::is_unknown(name)).unwrap_or_else(|| id.to_owned());
        let role = at(properties, &["AgentResourceRoleArn", "RoleArn"]);
        let mut identity = declare(file, word, native, &name, node);
        if let Some((role, text)) = role.and_then(|role| Some((role, symbol::text(role)?))) {
            let to = aws_iam::stable_name(&text).or_else(|| local_role(document, &text));
            identity.complete &= to.is_some();
            identity.delegation.extend(to.map(|to| file.step("runs-as", to, role)));
        }
        for group in properties.get("ActionGroups").into_iter().flat_map(each) {
            add_group(file, group, &mut identity);
        }
        for other in properties.get("AgentCollaborators").into_iter().flat_map(each) {
            if other.get("RelayConversationHistory").and_then(Node::as_text) == Some("TO_COLLABORATOR") {
                identity.settings.push(file.setting("relays-history", "true", other));
            }
        }
        describe(file, properties, &mut identity);
        found.push(identity);
    }
    found
}

/// The word in the name of an identity and its native kind, for a type of either language.
fn native(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        "AWS::Bedrock::Agent" | "aws_bedrockagent_agent" => Some(("agent", "agent")),
        "AWS::BedrockAgentCore::Gateway" | "aws_bedrockagentcore_gateway" => Some(("gateway", "gateway")),
        "AWS::BedrockAgentCore::Runtime" | "aws_bedrockagentcore_agent_runtime" => {
            Some(("runtime", "runtime"))
        }
        _ => None,
    }
}

fn declare(file: &File<'_>, word: &str, native: &str, name: &str, node: &Node) -> Identity {
    let kind = if native == "gateway" { IdentityKind::Workload } else { IdentityKind::Agent };
    let mut identity = file.identity(kind, PLATFORM, native, format!("{PLATFORM}/{word}/{name}"), node);
    let folders = file.path.rsplit('/').skip(1);
    if let Some(word) = std::iter::once(name).chain(folders).find_map(environment) {
        word.clone_into(&mut identity.environment);
    }
    identity
}

/// The role of the same template that `${Id.Arn}` stands for.
fn local_role(document: &Node, text: &str) -> Option<String> {
    let id = text.strip_prefix("${")?.strip_suffix('}')?.split('.').next()?;
    let properties = document.at(&["Resources", id])?.get("Properties");
    let said = properties.and_then(|node| node.get("RoleName")).and_then(symbol::text);
    Some(format!(
        "aws/role/{}",
        said.filter(|name| !symbol::is_unknown(name)).unwrap_or_else(|| id.to_owned())
    ))
}

/// Switches of either language under one name each, and how long a session lasts.
fn describe(file: &File<'_>, node: &Node, identity: &mut Identity) {
    if let Some(node) = at(node, &["IdleSessionTTLInSeconds", "idle_session_ttl_in_seconds"]) {
        identity.settings.push(file.setting("idle-seconds", &node.scalar().unwrap_or_default(), node));
    }
    let guard = at(node, &["GuardrailConfiguration", "guardrail_configuration"]);
    identity.settings.extend(guard.map(|node| file.setting("guardrail", "true", node)));
    for memory in at(node, &["MemoryConfiguration", "memory_configuration"]).into_iter().flat_map(each) {
        if let Some(days) = at(memory, &["StorageDays", "storage_days"]) {
            identity.settings.push(file.setting("memory-days", &days.scalar().unwrap_or_default(), days));
        }
    }
    if let Some(node) = at(node, &["AuthorizerType", "authorizer_type"]) {
        identity.settings.push(file.setting("authorizer", &node.scalar().unwrap_or_default(), node));
    }
    for network in at(node, &["NetworkConfiguration", "network_configuration"]).into_iter().flat_map(each) {
        if let Some(mode) = at(network, &["NetworkMode", "network_mode"]) {
            identity.settings.push(file.setting("network", &mode.scalar().unwrap_or_default(), mode));
        }
    }
    identity.purpose = at(node, &["Description", "description"]).and_then(Node::scalar).unwrap_or_default();
}

/// The tools of an action group: a signature of Amazon's, or the functions of a Lambda function.
fn add_group(file: &File<'_>, group: &Node, identity: &mut Identity) {
    let name =
        at(group, &["ActionGroupName", "action_group_name"]).and_then(Node::scalar).unwrap_or_default();
    let state = at(group, &["ActionGroupState", "action_group_state"]).and_then(Node::as_text);
    if state == Some("DISABLED") {
        return;
    }
    let signature = at(group, &["ParentActionGroupSignature", "parent_action_group_signature"]);
    if let Some((signature, node)) = signature.and_then(|node| Some((node.as_text()?, node))) {
        let runs = signature != "AMAZON.UserInput";
        let authority = if runs { Authority::Execute } else { Authority::Inspect };
        identity.tools.push(tool(file, signature, "builtin", (authority, runs), Approval::None, node));
        return;
    }
    // Where control comes back, the program that called the agent runs the function, or does not.
    let mut back = at(group, &["ActionGroupExecutor", "action_group_executor"]).into_iter().flat_map(each);
    let returned = back.any(|one| at(one, &["CustomControl", "custom_control"]).is_some());
    let functions = functions(group);
    for function in &functions {
        let called = at(function, &["Name", "name"]).and_then(Node::scalar).unwrap_or_default();
        let asks = at(function, &["RequireConfirmation", "require_confirmation"]).and_then(Node::as_text);
        let approval = match asks {
            Some("ENABLED") => Approval::Required,
            _ if returned => Approval::Ask,
            _ => Approval::None,
        };
        let authority = named_authority(Some(&called));
        identity.tools.push(tool(
            file,
            &called,
            &format!("code:{name}"),
            (authority, false),
            approval,
            function,
        ));
    }
    if functions.is_empty() {
        let approval = if returned { Approval::Ask } else { Approval::None };
        identity.tools.push(tool(file, &name, API, (Authority::Execute, false), approval, group));
    }
}

fn functions(group: &Node) -> Vec<&Node> {
    let schemas = at(group, &["FunctionSchema", "function_schema"]).into_iter().flat_map(each);
    let inner = schemas.flat_map(|schema| {
        let members = schema.get("member_functions").into_iter().flat_map(each);
        members.chain(std::iter::once(schema)).collect::<Vec<_>>()
    });
    inner
        .filter_map(|holder| at(holder, &["Functions", "functions"]))
        .flat_map(each)
        .filter(|one| one.is_map())
        .collect()
}

fn tool(
    file: &File<'_>,
    name: &str,
    source: &str,
    (authority, unlimited): (Authority, bool),
    approval: Approval,
    at: &Node,
) -> Tool {
    let place = file.location(at.span);
    Tool { unlimited, ..listed(name, source.to_owned(), authority, approval, place) }
}

/// The agents of a Terraform file, with the action groups and collaborators that name them in the same file.
fn terraform(file: &File<'_>, document: &Node) -> Vec<Identity> {
    let mut found: BTreeMap<String, Identity> = BTreeMap::new();
    let bodies = |kind: &str| {
        let labels = document.get("resource").into_iter().flat_map(each).filter_map(|one| one.get(kind));
        labels
            .flat_map(each)
            .flat_map(Node::entries)
            .flat_map(|(label, bodies)| {
                each(bodies).map(move |body| (label.scalar().unwrap_or_default(), body))
            })
            .collect::<Vec<_>>()
    };
    for kind in
        ["aws_bedrockagent_agent", "aws_bedrockagentcore_gateway", "aws_bedrockagentcore_agent_runtime"]
    {
        let Some((word, native)) = native(kind) else { continue };
        for (label, body) in bodies(kind) {
            let mut identity = declare(file, word, native, &label, body);
            let role = at(body, &["agent_resource_role_arn", "role_arn"]);
            if let Some((text, node)) = role.and_then(|node| Some((node.scalar()?, node))) {
                let to = aws_iam::stable_name(&text)
                    .or_else(|| referred(&text, "aws_iam_role").map(|label| format!("aws/role/{label}")));
                identity.complete &= to.is_some();
                identity.delegation.extend(to.map(|to| file.step("runs-as", to, node)));
            }
            describe(file, body, &mut identity);
            found.insert(format!("{kind}.{label}"), identity);
        }
    }
    for (kind, is_group) in
        [("aws_bedrockagent_agent_action_group", true), ("aws_bedrockagent_agent_collaborator", false)]
    {
        for (label, body) in bodies(kind) {
            let agent = body.get("agent_id").and_then(Node::scalar).unwrap_or_default();
            let owner = referred(&agent, "aws_bedrockagent_agent").unwrap_or(label);
            let key = format!("aws_bedrockagent_agent.{owner}");
            // The agent itself may be declared in another file of the module.
            let identity = found.entry(key).or_insert_with(|| {
                let mut identity = declare(file, "agent", "agent", &owner, body);
                identity.settings.push(file.setting(ELSEWHERE, "true", body));
                identity
            });
            if is_group {
                add_group(file, body, identity);
            } else if body.get("relay_conversation_history").and_then(Node::as_text)
                == Some("TO_COLLABORATOR")
            {
                identity.settings.push(file.setting("relays-history", "true", body));
            }
        }
    }
    found.into_values().collect()
}

/// The label in `${kind.label.attribute}`.
fn referred(text: &str, kind: &str) -> Option<String> {
    let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let mut parts = inner.split('.');
    let label = parts.next().filter(|first| *first == kind).and_then(|_| parts.next())?;
    Some(label.split('[').next().unwrap_or(label).to_owned())
}
