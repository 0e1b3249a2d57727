//! kagent: agents, their tools, servers and models as objects of a Kubernetes cluster.
//!
//! ```text
//! kagent/Agent/<namespace>/<name>              runs-as kubernetes/ServiceAccount/..., calls other agents and servers
//! kagent/RemoteMCPServer/<namespace>/<name>    a server in or outside the cluster
//! kagent/ModelConfig/<namespace>/<name>        the address that all an agent thinks goes to
//! ```
//!
//! A tool is asked about only when `requireApproval` names it. Source: kagent, custom resource definitions of
//! `kagent.dev/v1alpha2`, read 2026-11-21.

use super::context::environment;
use super::file::{File, Text, ends_in, holds, unknown_credential};
use super::permission::{listed, named_authority, words};
use super::redact::names_secret;
use super::{Dialect, Reading};
use crate::identity::{Approval, Authority, CredentialKind, Identity, IdentityKind, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "kagent";

const WORDS: [&str; 1] = ["kagent.dev/"];

/// What the reference to a server may say: it decides which tools there are and who is asked.
const SERVER: [&str; 9] = [
    "name",
    "namespace",
    "kind",
    "apiGroup",
    "toolNames",
    "requireApproval",
    "allowedHeaders",
    "toolServer",
    "proxy",
];

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".yaml", ".yml", ".json"]) && text.may_hold(&WORDS)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let certain = holds(file.bytes, &WORDS);
    file.each_document(NAME, (file.tree(), certain), reading, |document, reading| {
        let api = document.get("apiVersion").and_then(Node::as_text).unwrap_or_default();
        let own = WORDS.iter().any(|word| api.starts_with(word));
        if let Some(mut identity) = object(file, document).filter(|_| own) {
            for server in servers(document) {
                identity.complete &= file.note_unknown("mcpServer", server, &SERVER, reading);
            }
            reading.identities.push(identity);
        }
    });
}

/// The tools of an agent, wherever its version of the format keeps them.
fn tools(document: &Node) -> impl Iterator<Item = &Node> {
    let spec = document.get("spec");
    let lists =
        [spec.and_then(|spec| spec.at(&["declarative", "tools"])), spec.and_then(|spec| spec.get("tools"))];
    lists.into_iter().flatten().flat_map(Node::items)
}

fn servers(document: &Node) -> impl Iterator<Item = &Node> {
    tools(document).filter_map(|tool| tool.get("mcpServer"))
}

fn object(file: &File<'_>, document: &Node) -> Option<Identity> {
    let kind = document.get("kind").and_then(Node::as_text)?;
    let meta = |key| document.at(&["metadata", key]).and_then(Node::scalar).filter(|text| !text.is_empty());
    let namespace = meta("namespace").unwrap_or_else(|| "default".to_owned());
    let native = match kind {
        "Agent" | "SandboxAgent" => "agent",
        "RemoteMCPServer" | "ToolServer" | "MCPServer" => "server",
        "ModelConfig" | "ModelProviderConfig" => "model",
        _ => return None,
    };
    // An agent is called by one name whichever kind of sandbox it has.
    let word = if native == "agent" { "Agent" } else { kind };
    let name = format!("{NAME}/{word}/{namespace}/{}", meta("name").unwrap_or_default());
    let being = if native == "agent" { IdentityKind::Agent } else { IdentityKind::Workload };
    let mut identity = file.identity(being, NAME, native, name, document);
    if let Some(word) = environment(&namespace) {
        word.clone_into(&mut identity.environment);
    }
    let spec = document.get("spec")?;
    identity.purpose = spec.get("description").and_then(Node::scalar).unwrap_or_default();
    let skip = |name: &str| HANDLED.contains(&name);
    file.settings("", spec, &skip, &mut identity.settings);
    for skill in spec.at(&["skills", "gitRefs"]).map(Node::items).unwrap_or_default() {
        // A commit is long enough to be hidden as a secret might be.
        let commit = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let pinned = skill.get("ref").and_then(Node::scalar).is_some_and(|text| commit(&text));
        identity.settings.push(file.setting("skills.gitRefs.pinned", &pinned.to_string(), skill));
    }
    if native == "agent" {
        add_account(file, spec, &namespace, &mut identity);
        for tool in tools(document) {
            add_tool(file, tool, &namespace, &mut identity);
        }
    }
    add_credentials(file, spec, &mut identity);
    Some(identity)
}

/// Texts of any length, and what becomes tools, steps or credentials.
const HANDLED: [&str; 12] = [
    "description",
    "systemMessage",
    "tools",
    "declarative.tools",
    "declarative.systemMessage",
    "declarative.a2aConfig",
    "a2aConfig",
    "declarative.deployment.env",
    "byo.deployment.env",
    "deployment.env",
    "sandbox.deployment.env",
    "headersFrom",
];

fn deployments(spec: &Node) -> impl Iterator<Item = &Node> {
    let paths: [&[&str]; 3] = [&["declarative", "deployment"], &["byo", "deployment"], &["deployment"]];
    paths.into_iter().filter_map(|path| spec.at(path))
}

/// Whose grants the agent runs with.
fn add_account(file: &File<'_>, spec: &Node, namespace: &str, identity: &mut Identity) {
    for node in deployments(spec).filter_map(|one| one.get("serviceAccountName")) {
        let Some(account) = node.scalar().filter(|text| !text.is_empty()) else { continue };
        let to = format!("kubernetes/ServiceAccount/{namespace}/{account}");
        identity.delegation.push(file.step("runs-as", to, node));
    }
}

fn add_tool(file: &File<'_>, node: &Node, namespace: &str, identity: &mut Identity) {
    let name_of =
        |node: &Node| node.get("name").and_then(Node::scalar).or_else(|| node.scalar()).unwrap_or_default();
    let space =
        |node: &Node| node.get("namespace").and_then(Node::scalar).unwrap_or_else(|| namespace.to_owned());
    if let Some(agent) = node.get("agent") {
        let to = format!("{NAME}/Agent/{}/{}", space(agent), name_of(agent));
        identity.delegation.push(file.step("calls", to, agent));
    }
    if let Some(builtin) = node.get("builtin") {
        let full = name_of(builtin);
        let short = full.rsplit('.').next().unwrap_or_default().to_owned();
        identity.tools.push(tool(file, &short, "builtin".to_owned(), Approval::None, builtin));
    }
    let Some(server) = node.get("mcpServer") else { return };
    let name =
        server.get("name").or_else(|| server.get("toolServer")).and_then(Node::scalar).unwrap_or_default();
    let kind = server.get("kind").and_then(Node::scalar).unwrap_or_else(|| "RemoteMCPServer".to_owned());
    let source = format!("mcp:{name}");
    identity.delegation.push(file.step("calls", format!("{NAME}/{kind}/{}/{name}", space(server)), server));
    let list = |key: &str| server.get(key).map(Node::items).unwrap_or_default();
    let asked: Vec<String> = list("requireApproval").iter().filter_map(Node::scalar).collect();
    for one in list("toolNames") {
        let Some(called) = one.scalar() else { continue };
        let approval = if asked.contains(&called) { Approval::Required } else { Approval::None };
        identity.tools.push(tool(file, &called, source.clone(), approval, one));
    }
    if list("toolNames").is_empty() {
        let all = tool(file, "*", source, Approval::None, server);
        identity.tools.push(Tool {
            authority: Authority::Execute,
            reversible: false,
            unlimited: true,
            ..all
        });
    }
    for header in list("allowedHeaders") {
        identity.settings.extend(header.as_text().map(|text| file.setting("allowedHeaders", text, header)));
    }
}

/// A tool that is known by its name: `k8s_get_resources` begins with the system it looks at.
fn tool(file: &File<'_>, name: &str, source: String, approval: Approval, at: &Node) -> Tool {
    let words = words(name);
    let plain = words.iter().find(|word| !SYSTEMS.contains(&word.as_str())).cloned().unwrap_or_default();
    let looks = ["query", "status", "current", "version"].contains(&plain.as_str());
    let authority = if looks { Authority::Inspect } else { named_authority(Some(&plain)) };
    listed(name, source, authority, approval, file.location(at.span))
}

/// Systems whose names stand before what a tool does.
const SYSTEMS: [&str; 11] = [
    "k8s",
    "helm",
    "istio",
    "argo",
    "cilium",
    "prometheus",
    "grafana",
    "kubescape",
    "datetime",
    "rollouts",
    "kubectl",
];

/// Variables of the container and headers, which name a secret of the cluster or hold one.
fn add_credentials(file: &File<'_>, spec: &Node, identity: &mut Identity) {
    let lists = deployments(spec).filter_map(|one| one.get("env")).chain(spec.get("headersFrom"));
    for one in lists.flat_map(Node::items) {
        let name = one.get("name").and_then(Node::scalar).unwrap_or_default();
        if one.get("valueFrom").is_some() && names_secret(&name) {
            let place = file.location(one.span);
            identity.credentials.push(unknown_credential(
                CredentialKind::ApiKey,
                &format!("env.{name}"),
                place,
            ));
        }
        let Some(value) = one.get("value").and_then(Node::scalar) else { continue };
        match file.credential(&format!("env.{name}"), &value, one) {
            Some(credential) => identity.credentials.push(credential),
            None => identity.settings.push(file.setting(format!("env.{name}"), &value, one)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tree;

    #[test]
    fn a_tool_is_known_by_the_word_behind_its_system() {
        let tree = tree::read_yaml(b"a: b");
        let file = File::new("a.yaml", None, b"a: b", super::super::Keep::Identities);
        for (name, authority) in [
            ("k8s_get_resources", Authority::Inspect),
            ("k8s_delete_resource", Authority::Execute),
            ("GetPodLogs", Authority::Inspect),
            ("ApplyManifest", Authority::Execute),
            ("helm_list_releases", Authority::Inspect),
            ("prometheus_query_tool", Authority::Inspect),
        ] {
            let found = tool(&file, name, String::new(), Approval::None, &tree.documents[0]);
            assert_eq!(found.authority, authority, "{name}");
        }
    }
}
