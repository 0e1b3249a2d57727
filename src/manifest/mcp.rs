//! MCP clients: which servers an agent may start or call, with which credentials and tools.

use super::file::{File, Text, ends_in, holds, unknown_credential};
use super::launch::Launch;
use super::permission::named_authority;
use super::redact::names_secret;
use super::{Dialect, Reading};
use crate::identity::{Approval, Authority, CredentialKind, Identity, IdentityKind, Storage, Tool};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "mcp";

const WORDS: [&str; 3] = ["mcpServers", "context_servers", "mcp_servers"];
const SHORT: [&str; 3] = ["servers", "\"mcp\"", "mcp:"];

fn claims(path: &str, text: &Text<'_>) -> bool {
    let path = path.to_ascii_lowercase();
    if ends_in(&path, &[".json", ".jsonc"]) {
        return text.may_hold(&WORDS) || (has_short_root(&path) && text.may_hold(&SHORT));
    }
    let others =
        ends_in(&path, &[".toml"]) || (path.contains(".continue/") && ends_in(&path, &[".yaml", ".yml"]));
    others && text.may_hold(&WORDS)
}

/// Whether the host of the file at `path` uses the short keys `servers` or `mcp`.
fn has_short_root(path: &str) -> bool {
    ends_in(path, &["mcp.json", ".vscode/settings.json", "opencode.json", "opencode.jsonc", "mcp.jsonc"])
        || path.ends_with(".code-workspace")
}

/// Which client reads the file at `path`, as far as the path tells.
fn client(path: &str) -> &'static str {
    const CLIENTS: [(&str, &str); 19] = [
        (".cursor/", "cursor"),
        (".vscode/", "vscode"),
        (".gemini/", "gemini"),
        ("gemini-extension.json", "gemini"),
        (".codex/", "codex"),
        ("mcp_config.json", "windsurf"),
        (".zed/", "zed"),
        ("opencode.json", "opencode"),
        (".opencode/", "opencode"),
        (".roo/", "roo"),
        ("cline_mcp_settings.json", "cline"),
        (".kiro/", "kiro"),
        (".windsurf/", "windsurf"),
        (".amazonq/", "amazonq"),
        (".amp/", "amp"),
        (".continue/", "continue"),
        ("claude_desktop_config.json", "claude-desktop"),
        (".mcp.json", "claude-code"),
        (".claude", "claude-code"),
    ];
    let path = format!("/{}", path.to_ascii_lowercase());
    CLIENTS.iter().find(|(part, _)| path.contains(&format!("/{part}"))).map_or("client", |(_, name)| name)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let mut tree = file.tree();
    file.note_fault(&tree, holds(file.bytes, &WORDS) || holds(file.bytes, &SHORT), reading);
    for document in std::mem::take(&mut tree.documents) {
        let servers = servers(file.path, &document);
        if servers.is_empty() {
            continue;
        }
        for (name, server) in servers {
            let mut identity = server_identity(file, client(file.path), &name, server);
            identity.complete = tree.templates.is_empty();
            reading.identities.push(identity);
        }
        reading.documents.push((NAME, document));
    }
}

/// The servers a document declares, with their names.
fn servers<'n>(path: &str, document: &'n Node) -> Vec<(String, &'n Node)> {
    let long = ["mcpServers", "amp.mcpServers", "context_servers", "mcp_servers"];
    let mut roots: Vec<&Node> = long.iter().filter_map(|key| document.get(key)).collect();
    for (_, project) in document.get("projects").map(Node::entries).unwrap_or_default() {
        roots.extend(project.get("mcpServers"));
    }
    if has_short_root(&path.to_ascii_lowercase()) {
        roots.extend(document.get("servers"));
        if let Some(mcp) = document.get("mcp").or_else(|| document.at(&["settings", "mcp"])) {
            roots.push(mcp.get("servers").unwrap_or(mcp));
        }
    }
    let mut found = Vec::new();
    for root in roots {
        for (name, server) in root.entries().iter().filter(|(_, server)| server.is_map()) {
            found.push((name.as_text().unwrap_or_default().to_owned(), server));
        }
        for server in root.items().iter().filter(|server| server.is_map()) {
            found.push((server.get("name").and_then(Node::scalar).unwrap_or_default(), server));
        }
    }
    found
}

/// Keys that become credentials, tools or the launch, and so are no settings.
const HANDLED: [&str; 16] = [
    "remote",
    "env",
    "environment",
    "headers",
    "http_headers",
    "args",
    "command",
    "url",
    "httpUrl",
    "serverUrl",
    "autoApprove",
    "alwaysAllow",
    "includeTools",
    "enabled_tools",
    "bearer_token_env_var",
    "env_vars",
];

/// The server called `name` that `client` may start or call.
pub(super) fn server_identity(file: &File<'_>, client: &str, name: &str, server: &Node) -> Identity {
    let stable = format!("{NAME}/{client}/{name}");
    let mut identity = file.identity(IdentityKind::Workload, NAME, "mcp-server", stable, server);
    let launch = Launch::read(server);
    for (key, text, at) in launch.settings() {
        identity.settings.push(file.setting(key, &text, at));
    }
    let tools_list = server.get("tools").is_some_and(|node| !node.items().is_empty());
    let skip = |name: &str| HANDLED.contains(&name) || (name == "tools" && tools_list);
    file.settings("", server, &skip, &mut identity.settings);
    add_credentials(file, server, &launch, &mut identity);
    add_tools(file, name, server, &launch, &mut identity);
    identity
}

fn add_credentials(file: &File<'_>, server: &Node, launch: &Launch<'_>, identity: &mut Identity) {
    let inner = server.get("command").filter(|node| node.is_map());
    for holder in std::iter::once(server).chain(inner) {
        for key in ["env", "environment", "headers", "http_headers"] {
            for (name, value) in holder.get(key).map(Node::entries).unwrap_or_default() {
                let (Some(name), Some(text)) = (name.as_text(), value.scalar()) else { continue };
                let name = format!("{}.{name}", if key.ends_with("headers") { "headers" } else { "env" });
                let holds = administrator(&name, &text).map(|what| file.setting("holds", what, value));
                identity.settings.extend(holds);
                match file.credential(&name, &text, value) {
                    Some(credential) => identity.credentials.push(credential),
                    None => identity.settings.push(file.setting(name, &text, value)),
                }
            }
        }
    }
    for (name, value, at) in launch.named_values() {
        identity.credentials.extend(file.credential(&name, &value, at));
        let holds = administrator(&name, &value).map(|what| file.setting("holds", what, at));
        identity.settings.extend(holds);
    }
    let variables = server.get("env_vars").map(Node::items).unwrap_or_default();
    for node in server.get("bearer_token_env_var").into_iter().chain(variables) {
        let Some(name) = node.scalar() else { continue };
        let credential =
            unknown_credential(CredentialKind::ApiKey, &format!("env.{name}"), file.location(node.span));
        identity
            .credentials
            .push(crate::identity::Credential { storage: Storage::Environment, ..credential });
    }
}

/// Whose rights a value gives when they are those of an administrator: as far as its name and its words tell.
fn administrator(name: &str, value: &str) -> Option<&'static str> {
    let name = name.rsplit('.').next().unwrap_or(name).to_ascii_uppercase();
    let lower = value.to_ascii_lowercase();
    let user = value.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(user, _)| user);
    let user = user.map(|user| user.split(':').next().unwrap_or(user).to_ascii_lowercase());
    match () {
        () if user.is_some_and(|user| {
            ["root", "postgres", "sa", "admin", "administrator", "sys"].contains(&user.as_str())
        }) =>
        {
            Some("superuser of a database")
        }
        () if name == "KUBECONFIG" && lower.contains("admin") => Some("administrator of a cluster"),
        () if name == "AWS_PROFILE" && lower.contains("admin") => Some("administrator of an account"),
        () if name.ends_with("SERVICE_ROLE_KEY") => Some("role that row level security does not hold back"),
        () if names_secret(&name)
            && ["ADMIN_", "ROOT_", "SUPERUSER"].iter().any(|word| name.contains(word)) =>
        {
            Some("administrator")
        }
        () => None,
    }
}

/// What the agent may call: what runs without asking, what is listed, or else everything the server offers.
fn add_tools(file: &File<'_>, name: &str, server: &Node, launch: &Launch<'_>, identity: &mut Identity) {
    let class = launch.authority();
    let tool = |tool: &str, approval, at: &Node| Tool {
        name: tool.to_owned(),
        source: format!("{NAME}:{name}"),
        authority: if tool == "*" { class } else { class.min(named_authority(Some(tool))) },
        approval,
        reversible: class == Authority::Inspect,
        pinned: launch.is_pinned(),
        unlimited: tool == "*",
        place: file.location(at.span),
    };
    let listed = |keys: &[&str]| {
        let lists = keys.iter().filter_map(|key| server.get(key)).flat_map(Node::items);
        lists.filter_map(|node| Some((node.scalar()?, node))).collect::<Vec<_>>()
    };
    let waved = listed(&["autoApprove", "alwaysAllow"]);
    let offered = listed(&["includeTools", "enabled_tools", "tools"]);
    for (entry, at) in &waved {
        identity.tools.push(tool(entry, Approval::None, at));
    }
    let trusted = server.get("trust").filter(|node| node.truthy() == Some(true));
    let mode = server.get("default_tools_approval_mode").filter(|node| node.as_text() == Some("approve"));
    if let Some(at) = trusted.or(mode) {
        identity.tools.push(tool("*", Approval::None, at));
    }
    for (entry, at) in offered.iter().filter(|(entry, _)| waved.iter().all(|(other, _)| other != entry)) {
        identity.tools.push(tool(entry, Approval::Ask, at));
    }
    if offered.is_empty() && identity.tools.iter().all(|tool| !tool.unlimited) {
        identity.tools.push(tool("*", Approval::Ask, server));
    }
}
