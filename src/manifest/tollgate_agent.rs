//! Our own agent manifest, for agents whose platform has no file that says who answers for them.
//!
//! ```text
//! # tollgate-agent.yml
//! version: 1
//! agents:
//!   - name: release-bot
//!     governs: [claude-code/project]         identities it speaks for; a final `*` stands for any rest
//!     owner: pay-team
//!     purpose: prepares releases
//!     autonomy: assisting                    reporting, assisting or autonomous
//!     acts_for: dana                         the person or pipeline behind it
//!     tools:
//!       - { name: deploy, authority: execute, approval: required, reversible: false }
//! ```
//!
//! `tollgate rules schema agent` prints its JSON Schema.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::{File, Text};
use super::{Dialect, Reading};
use crate::finding::{Gap, Location, Reason};
use crate::identity::govern::PLATFORM;
use crate::identity::{self, Delegation, Identity, IdentityKind, Scope, Setting};
use crate::text::time::Length;
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: PLATFORM, claims, read };

/// `tollgate-agent.yml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// Version of the format: 1.
    pub version: u32,
    /// Every agent that is declared here.
    pub agents: Vec<Agent>,
}

/// One agent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its name, unique in the repository.
    pub name: String,
    /// Names of the identities it speaks for, as `tollgate inventory` prints them; a final `*` stands for any rest.
    #[serde(default)]
    pub governs: Vec<String>,
    /// Person or team that answers for it.
    pub owner: String,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// How far it goes by itself.
    pub autonomy: Autonomy,
    /// The person or pipeline it acts for.
    #[serde(default)]
    pub acts_for: String,
    /// Where it may act: `dev`, `test`, `stage`, `prod`.
    #[serde(default)]
    pub environments: Vec<String>,
    /// Everything it can call.
    pub tools: Vec<Tool>,
    /// Agents it may hand work to.
    #[serde(default)]
    pub delegates: Vec<Delegate>,
    /// How long it lives at a time.
    #[serde(default)]
    pub session: Session,
    /// What is kept of what it does.
    #[serde(default)]
    pub logging: Logging,
    /// How it is stopped at once; empty when nobody knows.
    #[serde(default)]
    pub stop: String,
    /// Day it was approved, `2026-01-31`.
    #[serde(default)]
    pub created: String,
    /// First day it may no longer run.
    #[serde(default)]
    pub expires: String,
    /// Day by which somebody looks at it again.
    #[serde(default)]
    pub review_by: String,
}

/// How far an agent goes by itself, least first.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Autonomy {
    /// It tells what it sees.
    Reporting,
    /// It prepares what a person then does.
    Assisting,
    /// It acts.
    Autonomous,
}

impl Autonomy {
    /// The word its manifest uses.
    const fn word(self) -> &'static str {
        match self {
            Self::Reporting => "reporting",
            Self::Assisting => "assisting",
            Self::Autonomous => "autonomous",
        }
    }
}

/// One thing an agent can call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What calling it can do.
    pub authority: Authority,
    /// Whether somebody is asked.
    pub approval: Approval,
    /// Who is asked; a model alone is nobody.
    #[serde(default)]
    pub by: By,
    /// Whether what it does can be undone.
    #[serde(default)]
    pub reversible: bool,
    /// Whether its version is fixed.
    #[serde(default)]
    pub pinned: bool,
}

/// What calling a tool can do.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Authority {
    /// Reads.
    Inspect,
    /// Proposes.
    Recommend,
    /// Acts.
    Execute,
}

/// Whether somebody is asked before a tool runs.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// Nobody.
    None,
    /// Somebody, who may wave it through for good.
    Ask,
    /// Somebody, each time.
    Required,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// A person.
    #[default]
    Person,
    /// Another model.
    Model,
}

/// An agent that work is handed to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delegate {
    /// Its name; `*` for any.
    pub to: String,
}

/// How long an agent lives at a time.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Longest session, such as `1h`.
    #[serde(default)]
    pub max: String,
    /// Whether a session ends with its task.
    #[serde(default)]
    pub bound_to_task: bool,
    /// What happens to its credentials at the end.
    #[serde(default)]
    pub teardown: String,
}

/// What is kept of what an agent does.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "four switches of a file, each its own")]
pub struct Logging {
    /// What it was asked.
    #[serde(default)]
    pub prompts: bool,
    /// What it answered.
    #[serde(default)]
    pub outputs: bool,
    /// Who let it do what.
    #[serde(default)]
    pub approvals: bool,
    /// What it did.
    #[serde(default)]
    pub actions: bool,
}

fn claims(path: &str, _: &Text<'_>) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".yml")
        .or_else(|| name.strip_suffix(".yaml"))
        .is_some_and(|stem| stem.ends_with("tollgate-agent"))
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    file.note_fault(&tree, true, reading);
    let Some(document) = tree.documents.first() else { return };
    // Rules about such manifests stand in a file of the same name.
    if document.get("rules").is_some() && document.get("agents").is_none() {
        return;
    }
    let read: Result<AgentFile, _> = serde_yaml::from_slice(file.bytes);
    let manifest = match read {
        Ok(manifest) if manifest.version == 1 => manifest,
        Ok(manifest) => {
            return gap(file, format!("version {} of the format is not known", manifest.version), reading);
        }
        Err(error) => return gap(file, format!("this is no agent manifest: {error}"), reading),
    };
    let nodes = document.get("agents").map(Node::items).unwrap_or_default();
    for (agent, node) in manifest.agents.iter().zip(nodes) {
        reading.identities.push(identity(file, agent, node));
    }
    reading.documents.push((PLATFORM, document.clone()));
}

fn gap(file: &File<'_>, detail: String, reading: &mut Reading) {
    reading.gaps.push(Gap { path: file.path.to_owned(), reason: Reason::Unparsed, detail });
}

fn identity(file: &File<'_>, agent: &Agent, node: &Node) -> Identity {
    let name = format!("{PLATFORM}/{}", agent.name);
    let mut identity = file.identity(IdentityKind::Agent, PLATFORM, "agent-manifest", name, node);
    identity.owner.clone_from(&agent.owner);
    identity.purpose.clone_from(&agent.purpose);
    if let [only] = agent.environments.as_slice() {
        identity.environment.clone_from(only);
    }
    let seconds = Length::parse(&agent.session.max).map_or(-1, |length| length.0 / 1000);
    identity.session = identity::Session {
        max_seconds: seconds,
        bound_to_task: agent.session.bound_to_task,
        teardown: agent.session.teardown.clone(),
    };
    let nodes = node.get("tools").map(Node::items).unwrap_or_default();
    let place = |at: Option<&Node>| file.location(at.map_or(node.span, |at| at.span));
    identity.tools = agent.tools.iter().zip(nodes).map(|(one, at)| tool(one, place(Some(at)))).collect();
    let steps = node.get("delegates").map(Node::items).unwrap_or_default();
    identity.delegation =
        agent.delegates.iter().zip(steps).map(|(one, at)| step(&one.to, place(Some(at)))).collect();
    identity.settings = settings(file, agent, node);
    identity
}

fn tool(tool: &Tool, place: Location) -> identity::Tool {
    identity::Tool {
        name: tool.name.clone(),
        source: "code".to_owned(),
        authority: match tool.authority {
            Authority::Inspect => identity::Authority::Inspect,
            Authority::Recommend => identity::Authority::Recommend,
            Authority::Execute => identity::Authority::Execute,
        },
        approval: match (tool.approval, tool.by) {
            (_, By::Model) | (Approval::None, _) => identity::Approval::None,
            (Approval::Ask, _) => identity::Approval::Ask,
            (Approval::Required, _) => identity::Approval::Required,
        },
        reversible: tool.reversible,
        pinned: tool.pinned,
        unlimited: false,
        place,
    }
}

fn step(to: &str, place: Location) -> Delegation {
    Delegation {
        how: "calls".to_owned(),
        to: if to == "*" { to.to_owned() } else { format!("{PLATFORM}/{to}") },
        through: String::new(),
        scope: Scope::Resource,
        namespace: String::new(),
        conditions: Vec::new(),
        place,
    }
}

/// What no other field of the model holds, each where it stands.
fn settings(file: &File<'_>, agent: &Agent, node: &Node) -> Vec<Setting> {
    let at = |key: &str| node.get(key).unwrap_or(node);
    let logging = &agent.logging;
    let switch = |on: bool| if on { "true" } else { "false" };
    let mut found = Vec::new();
    for (name, key, value) in [
        ("autonomy", "autonomy", agent.autonomy.word()),
        ("acts_for", "acts_for", &agent.acts_for),
        ("stop", "stop", &agent.stop),
        ("created", "created", &agent.created),
        ("expires", "expires", &agent.expires),
        ("review_by", "review_by", &agent.review_by),
        ("logging.prompts", "logging", switch(logging.prompts)),
        ("logging.outputs", "logging", switch(logging.outputs)),
        ("logging.approvals", "logging", switch(logging.approvals)),
        ("logging.actions", "logging", switch(logging.actions)),
    ] {
        found.push(file.setting(name, value, at(key)));
    }
    found.extend(agent.governs.iter().map(|name| file.setting("governs", name, at("governs"))));
    found.extend(agent.environments.iter().map(|name| file.setting("reach", name, at("environments"))));
    found
}
