//! Identities read from configuration; one file for each dialect.

/// Agent cards of A2A.
mod a2a_card;
/// Agents of the Agent Development Kit of Google.
mod adk;
/// Agentic workflows of GitHub.
mod agentic_workflow;
/// Settings of the coding agent Amp.
mod amp;
/// Components of AutoGen.
mod autogen;
/// Policies of AWS IAM, alone and in templates.
mod aws_iam;
/// Pipelines of Azure.
mod azure_pipelines;
/// Role definitions and assignments of Azure.
mod azure_rbac;
/// Agents of Amazon Bedrock.
mod bedrock_agent;
/// What the jobs of CI systems have in common.
mod ci_job;
/// Workflows of CircleCI.
mod circleci;
/// Settings of the coding agent Claude Code.
mod claude_code;
/// Settings of the coding agent Codex.
mod codex;
/// What the settings files of coding agents have in common.
mod coding_agent;
/// Services of Compose and what they get of their host.
mod compose;
/// Where in the tree a file stands.
mod context;
/// Agents, chat modes and prompts of GitHub Copilot.
mod copilot;
/// Agents and tasks of CrewAI.
mod crewai;
/// Settings of the coding agent Cursor.
mod cursor;
/// Teams of Docker Agent.
mod docker_agent;
/// Catalogues of MCP servers in containers.
mod docker_mcp;
/// One file while it is read.
mod file;
/// The YAML at the head of a Markdown file.
mod front_matter;
/// Policies of Google Cloud IAM.
mod gcp_iam;
/// Settings of the coding agent Gemini CLI.
mod gemini;
/// Workflows of GitHub Actions and their jobs.
mod github_actions;
/// Pipelines of GitLab and cluster agents.
mod gitlab_ci;
/// Tools that the host of a model calls.
mod hosted_tool;
/// The configuration of Jenkins as code.
mod jenkins;
/// Agents of kagent.
mod kagent;
/// Agents of Kiro and Amazon Q.
mod kiro;
/// Roles, bindings, service accounts, workloads.
mod kubernetes;
/// Graphs that a LangGraph server offers.
mod langgraph;
/// How a server is started or reached.
mod launch;
/// MCP client configuration.
mod mcp;
/// Settings of the coding agent opencode.
mod opencode;
/// The identities of one file while it is read.
mod parts;
/// Permission rules of coding agents.
mod permission;
/// Text that may hold a secret, made fit to show.
mod redact;
/// Modes of Roo Code.
mod roo;
/// What the script of a CI job does.
mod script;
/// Identity resources in Terraform.
mod terraform;
/// Our own manifest of agents.
pub mod tollgate_agent;
/// Policies of Vault.
mod vault;
/// Settings of VS Code and its coding agents.
mod vscode;
/// Whether a text may hold a word.
mod words;
/// Settings of the coding agent of Zed.
mod zed;

use crate::finding::{Gap, Reason};
use crate::identity::Identity;
use crate::text::tree::Node;

pub use context::context_of;
use file::{File, Text};

/// A language in which files declare identities.
pub struct Dialect {
    /// The word rules and reports use.
    pub name: &'static str,
    /// Whether a file may be of this dialect: cheap, and never false for one that is.
    claims: fn(path: &str, text: &Text<'_>) -> bool,
    /// Reads a file that was claimed; finds nothing in one of another kind.
    read: fn(file: &File<'_>, reading: &mut Reading),
}

/// What of a manifest is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Identities alone: documents of a kind that declares none need not be parsed.
    Identities,
    /// The raw documents too, for rules that look at them.
    Documents,
}

/// Every dialect.
pub const DIALECTS: &[Dialect] = &[
    a2a_card::DIALECT,
    adk::DIALECT,
    agentic_workflow::DIALECT,
    amp::DIALECT,
    autogen::DIALECT,
    aws_iam::DIALECT,
    azure_pipelines::DIALECT,
    azure_rbac::DIALECT,
    bedrock_agent::DIALECT,
    circleci::DIALECT,
    claude_code::DIALECT,
    codex::DIALECT,
    compose::DIALECT,
    copilot::DIALECT,
    crewai::DIALECT,
    cursor::DIALECT,
    docker_agent::DIALECT,
    docker_mcp::DIALECT,
    gcp_iam::DIALECT,
    gemini::DIALECT,
    github_actions::DIALECT,
    gitlab_ci::DIALECT,
    hosted_tool::DIALECT,
    jenkins::DIALECT,
    kagent::DIALECT,
    kiro::DIALECT,
    kubernetes::DIALECT,
    langgraph::DIALECT,
    mcp::DIALECT,
    opencode::DIALECT,
    roo::DIALECT,
    terraform::DIALECT,
    tollgate_agent::DIALECT,
    vault::DIALECT,
    vscode::DIALECT,
    zed::DIALECT,
];

/// What one file declares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// Identities, or parts of them: see [`crate::identity::join`].
    pub identities: Vec<Identity>,
    /// The raw documents of each dialect, in order; with [`Keep::Documents`] they are complete.
    pub documents: Vec<(&'static str, Node)>,
    /// What could not be read in full.
    pub gaps: Vec<Gap>,
}

/// Reads the identities that `bytes`, the content of the file at `path` (in `commit`), declare.
///
/// Most files are turned down by name or by one search for a word, so it may be called for each. A manifest
/// in UTF-16 is a gap: decode it first, if its places are to be those of the decoded text.
pub fn read(path: &str, commit: Option<&str>, bytes: &[u8], keep: Keep) -> Reading {
    let mut reading = Reading::default();
    if let Some(text) = utf16(bytes) {
        if DIALECTS.iter().any(|dialect| dialect.claims(path, text.as_bytes())) {
            let detail = "the manifest is written in UTF-16".to_owned();
            reading.gaps.push(Gap { path: path.to_owned(), reason: Reason::Unparsed, detail });
        }
        return reading;
    }
    let mut file = None;
    let text = Text::new(bytes);
    for dialect in DIALECTS.iter().filter(|dialect| (dialect.claims)(path, &text)) {
        let file = file.get_or_insert_with(|| File::new(path, commit, bytes, keep));
        (dialect.read)(file, &mut reading);
    }
    reading.gaps.sort();
    reading.gaps.dedup();
    reading
}

/// The text behind a byte order mark of UTF-16.
fn utf16(bytes: &[u8]) -> Option<String> {
    let (order, rest): (fn([u8; 2]) -> u16, _) = match bytes {
        [0xff, 0xfe, rest @ ..] => (u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => (u16::from_be_bytes, rest),
        _ => return None,
    };
    let units: Vec<u16> = rest.as_chunks::<2>().0.iter().map(|pair| order(*pair)).collect();
    Some(String::from_utf16_lossy(&units))
}

impl Dialect {
    /// Whether a file may be of this dialect: cheap, and never false for one that is.
    pub fn claims(&self, path: &str, bytes: &[u8]) -> bool {
        (self.claims)(path, &Text::new(bytes))
    }
}

impl Reading {
    fn gap(&mut self, file: &File<'_>, reason: Reason, detail: String) {
        self.gaps.push(Gap { path: file.path.to_owned(), reason, detail });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, commit: Option<&str>, bytes: &[u8]) -> Reading {
        super::read(path, commit, bytes, Keep::Documents)
    }

    use proptest::prelude::*;

    #[test]
    fn every_dialect_has_one_name_and_the_list_is_sorted() {
        assert!(DIALECTS.is_sorted_by(|left, right| left.name < right.name));
    }

    #[test]
    fn a_file_that_declares_nothing_is_turned_down_by_every_dialect() {
        for (path, text) in [
            ("src/main.rs", "apiVersion kind mcpServers permissions"),
            ("values.yaml", "image: nginx\n"),
            ("package.json", "{\"name\": \"x\"}"),
        ] {
            assert!(DIALECTS.iter().all(|dialect| !dialect.claims(path, text.as_bytes())), "{path}");
        }
    }

    #[test]
    fn d10_a_manifest_in_utf_16_is_a_gap() {
        let text = "apiVersion: v1\nkind: ServiceAccount\n";
        let bytes: Vec<u8> =
            [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        assert_eq!(read("a.yaml", None, &bytes).gaps.len(), 1);
        assert!(read("a.txt", None, &bytes).gaps.is_empty());
    }

    #[test]
    fn nesting_without_end_is_a_gap_for_agents_of_every_kind() {
        let flow = "[".repeat(10_000);
        let front = format!("---\ntools: {flow}\n---\n");
        for (path, text) in [
            (".kiro/agents/a.json", format!("{{\"tools\":{flow}")),
            (".kiro/agents/a.md", front.clone()),
            (".amp/settings.json", format!("{{\"amp.permissions\":{flow}")),
            (".roomodes", format!("customModes: {flow}")),
            ("team.yaml", format!("agents: {{root: {{toolsets: {flow}")),
            ("catalog.yaml", format!("registry: {{a: {{image: x, allowHosts: {flow}")),
            (".github/agents/a.md", front.clone()),
            (".github/workflows/a.md", front),
            ("agent.yaml", format!("apiVersion: kagent.dev/v1alpha2\nkind: Agent\nspec: {flow}")),
            (
                "agent.json",
                format!("{{\"Resources\":{{\"a\":{{\"Type\":\"AWS::Bedrock::Agent\",\"Properties\":{flow}"),
            ),
            ("agent-card.json", format!("{{\"skills\":[],\"defaultInputModes\":{flow}")),
            ("langgraph.json", format!("{{\"graphs\":{flow}")),
            ("config/agents.yaml", format!("a: {{backstory: {flow}")),
            ("OAI_CONFIG_LIST", flow.clone()),
            ("request.json", format!("{{\"require_approval\":\"never\",\"tools\":{flow}")),
            ("root_agent.yaml", format!("name: a\ntools: {flow}")),
        ] {
            let reading = read(path, None, text.as_bytes());
            let limit = reading.gaps.iter().any(|gap| gap.reason == Reason::Limit);
            assert!(limit, "{path}: {:?}", reading.gaps);
        }
    }

    /// Reads `text` with secrets in the place of `CANARY` and `WEAK`: something is found, and neither shows.
    fn keeps_secrets((path, text): (&str, &str)) {
        let canary = ["kX9", "vQ2", "mZ7", "tR4", "wB8", "yN3"].concat();
        // Not even the eye of the masks can tell it: only its name does.
        let weak = ["hun", "ter", "ed"].concat();
        let text = text.replace("CANARY", &canary).replace("WEAK", &weak);
        let reading = read(path, None, text.as_bytes());
        assert!(!reading.identities.is_empty(), "{path}");
        for secret in [&canary, &weak] {
            assert!(!format!("{reading:?}").contains(secret), "{path}: {:?}", reading.identities);
            let json = serde_json::to_string(&reading.identities).unwrap();
            assert!(!json.contains(secret), "{path}: {json}");
        }
    }

    #[test]
    fn no_secret_of_a_manifest_reaches_the_model() {
        for one in [
            (
                ".mcp.json",
                r#"{"mcpServers":{"a":{"command":"x","args":["--token","CANARY","--key=CANARY","CANARY"],"env":{"A_KEY":"CANARY","B":"CANARY"},"headers":{"Authorization":"Bearer CANARY"},"url":"https://u:CANARY@h/?t=CANARY","note":"CANARY"}}}"#,
            ),
            (
                ".claude/settings.json",
                r#"{"permissions":{"allow":["Bash(curl -H 'X: CANARY' *)"],"deny":["CANARY"]},"env":{"A_TOKEN":"CANARY","B":"CANARY"},"hooks":{"Stop":[{"hooks":[{"command":"x --password CANARY"}]}]},"apiKeyHelper":"echo CANARY"}"#,
            ),
            (
                "k.yaml",
                "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata: {name: a}\ndata: {token: CANARY}\n",
            ),
            (
                ".codex/config.toml",
                "notify = [\"x\", \"--token\", \"CANARY\"]\n[shell_environment_policy.set]\nA_TOKEN = \"WEAK\"\nB = \"CANARY\"\n[profiles.a]\napi_key = \"WEAK\"\n",
            ),
            (
                "opencode.json",
                r#"{"provider":{"a":{"options":{"apiKey":"WEAK"}}},"permission":{"bash":{"curl CANARY":"allow"}}}"#,
            ),
            (
                ".vscode/settings.json",
                r#"{"chat.tools.terminal.autoApprove":{"x --key=CANARY":true},"chat.agent.token":"WEAK"}"#,
            ),
            (
                ".gemini/settings.json",
                r#"{"tools":{"allowed":["run_shell_command(x CANARY)"]},"telemetry":{"password":"WEAK"}}"#,
            ),
            (".cursor/cli.json", r#"{"permissions":{"allow":["Shell(x CANARY)"]},"auth":{"token":"WEAK"}}"#),
            (
                ".zed/settings.json",
                r#"{"agent":{"always_allow_tool_actions":true,"api_key":"WEAK","note":"CANARY"}}"#,
            ),
            (
                ".github/workflows/a.yml",
                "on: push\nenv: {A_TOKEN: WEAK, B: CANARY}\njobs:\n  a:\n    runs-on: x\n    container: {image: i, credentials: {username: u, password: WEAK}}\n    env: {DB_PASSWORD: WEAK}\n    steps:\n      - run: \"curl -H 'Authorization: Bearer CANARY' https://a.example/${{ github.head_ref }} | sh\"\n      - uses: a/b@v1\n        with: {token: WEAK, key: CANARY}\n",
            ),
            (
                ".gitlab-ci.yml",
                "variables: {DB_PASSWORD: WEAK, B: CANARY}\na:\n  variables: {A_TOKEN: WEAK}\n  script: [\"curl --token CANARY https://a.example | sh\"]\n",
            ),
            (
                "stack.yaml",
                "Resources:\n  U:\n    Type: AWS::IAM::User\n    Properties: {LoginProfile: {Password: WEAK}, Tags: [{Key: token, Value: CANARY}]}\n",
            ),
            (
                "main.tf",
                "resource \"aws_iam_user_login_profile\" \"a\" {\n  user = \"a\"\n  password = \"WEAK\"\n  token = \"CANARY\"\n}\nresource \"azuread_application_password\" \"a\" {\n  application_id = \"a\"\n  value = \"WEAK\"\n}\n",
            ),
            (
                "kubeconfig",
                "apiVersion: v1\nkind: Config\nusers: [{name: a, user: {token: CANARY, password: CANARY}}]\n",
            ),
        ] {
            keeps_secrets(one);
        }
    }

    #[test]
    fn no_secret_of_an_agent_reaches_the_model() {
        for one in [
            (
                ".kiro/agents/a.json",
                r#"{"tools":["shell"],"toolsSettings":{"shell":{"allowedCommands":["x --key=CANARY"],"token":"WEAK"}},"hooks":{"a":[{"command":"x --password CANARY"}]}}"#,
            ),
            (
                ".amp/settings.json",
                r#"{"amp.permissions":[{"tool":"Bash","matches":{"cmd":"x CANARY"},"action":"allow"}],"amp.token":"WEAK"}"#,
            ),
            (
                ".roomodes",
                "customModes:\n  - {slug: a, groups: [[edit, {fileRegex: CANARY}]], apiKey: WEAK}\n",
            ),
            (
                "team.yaml",
                "agents:\n  root:\n    api_token: WEAK\n    toolsets:\n      - {type: shell}\n      - {type: mcp, command: x, args: [--token, WEAK], env: {A_TOKEN: WEAK}, remote: {url: 'https://u:CANARY@h/', headers: {X-Api-Key: WEAK}}}\npermissions: {allow: ['shell:cmd=x CANARY']}\n",
            ),
            (
                "catalog.yaml",
                "registry:\n  a: {image: i, title: t, env: [{name: A_TOKEN, value: WEAK}], password: WEAK, tools: []}\n",
            ),
            (
                ".github/agents/a.md",
                "---\ntools: ['x CANARY']\napi_key: WEAK\nmcp-servers: {a: {command: x, env: {A_TOKEN: WEAK}, args: [CANARY]}}\n---\n",
            ),
            (
                ".github/workflows/a.md",
                "---\non: push\nenv: {A_TOKEN: WEAK}\ntools: {bash: ['x --key=CANARY']}\nengine: {token: WEAK}\n---\n",
            ),
            (
                "agent.yaml",
                "apiVersion: kagent.dev/v1alpha2\nkind: Agent\nmetadata: {name: a}\nspec: {declarative: {deployment: {env: [{name: A_TOKEN, value: WEAK}]}, modelToken: WEAK}, headersFrom: [{name: X-Api-Key, value: WEAK}]}\n",
            ),
            (
                "langgraph.json",
                r#"{"graphs":{"a":"b"},"env":{"A_TOKEN":"WEAK","B":"CANARY"},"http":{"secret":"WEAK"}}"#,
            ),
            ("config/agents.yaml", "a: {role: r, goal: g, backstory: b, api_key: WEAK, tools: ['CANARY']}\n"),
            ("OAI_CONFIG_LIST", r#"[{"model":"m","api_key":"CANARY"},{"model":"m","api_key":"WEAK"}]"#),
            (
                "request.json",
                r#"{"tools":[{"type":"mcp","server_label":"a","server_url":"https://u:CANARY@h/","require_approval":"never","authorization":"WEAK","headers":{"X-Api-Key":"WEAK"}}]}"#,
            ),
            (
                "root_agent.yaml",
                "name: a\ninstruction: b\ntools: [{name: MCPToolset, args: {stdio_server_params: {command: x, args: [--token, WEAK], env: {A_TOKEN: WEAK}}}}]\n",
            ),
            (
                "agent.tf",
                "resource \"aws_bedrockagent_agent\" \"a\" {\n  agent_resource_role_arn = \"CANARY\"\n  token = \"WEAK\"\n}\n",
            ),
            (
                "agent-card.json",
                r#"{"name":"a","url":"https://u:CANARY@h/","defaultInputModes":[],"skills":[{"id":"a"}],"securitySchemes":{"a":{"type":"http","token":"WEAK"}}}"#,
            ),
        ] {
            keeps_secrets(one);
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_a_dialect_fall_over(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "apiVersion: v1\n", "kind: ", "Role", "RoleBinding", "Pod", "List", "Secret", "\n", "rules:\n", "- ",
                    "  ", "subjects: ", "metadata: {name: a}\n", "items: [", "]", "{", "}", "spec: ", "verbs: ['*']\n", "---\n",
                    "mcpServers: ", "permissions: ", "allow: ", "\"", ",", ":", "{{ x }}", "roleRef: {kind: Role, name: a}\n",
                    "env: {A: b}", "hooks: [1]", "resources: ", "null", "~", "&a ", "*a", "Statement: ", "Effect: Allow\n", "Action: '*'\n", "Principal: '*'\n", "Resources: ",
                    "Type: AWS::IAM::Role\n", "Properties: ", "!Ref ", "!If ", "bindings: ", "role: ", "members: ", "resource \"aws_iam_role\" \"a\" {\n",
                    "assume_role_policy = ", "jsonencode(", ")", "<<EOF\n", "EOF\n", " = ", "data \"aws_iam_policy_document\" \"a\" {\n", "statement {\n",
                    "$schema: deploymentTemplate\n", "type: Microsoft.Authorization/roleAssignments\n", "properties: ", "google_project_iam_member",
                    "agents:\n", "toolsets: ", "type: shell\n", "tools: ", "registry:\n", "groups: ", "customModes:\n",
                    "mcpServer: ", "toolNames: ", "amp.permissions: ", "sub_agents: ", "ActionGroups: ", "safe-outputs: ",
                ]),
                0..30,
            )
        ) {
            let text = parts.concat();
            for path in [
                "a/k.yaml", ".mcp.json", ".claude/settings.json", "x/deploy.json", ".codex/config.toml", "a/main.tf",
                ".github/agents/a.md", ".roomodes",
            ] {
                for dialect in DIALECTS {
                    let mut reading = Reading::default();
                    (dialect.read)(&File::new(path, None, text.as_bytes(), Keep::Documents), &mut reading);
                    for place in reading.identities.iter().flat_map(|identity| &identity.places) {
                        prop_assert!(place.span.end <= text.len());
                    }
                }
            }
        }
    }
}
