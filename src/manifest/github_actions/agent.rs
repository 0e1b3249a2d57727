//! Agents that a step of a job starts: what they may do without anybody there to ask.
//!
//! ```text
//! agent.unlimited      what lets it run any command
//! agent.prompt         the value an outsider chose that stands in its prompt or arguments
//! agent.foreign-tree   the work tree it starts in is that of an outsider
//! agent.output         where its answer is run
//! agent.open-to        everyone, or every bot, may start it: users, bots
//! agent.endless        neither a timeout nor a number of turns ends it
//! agent.holds          `cloud` where its job may log in to one
//! ```

use super::NAME;
use super::expression::{chosen_by_outsider, expressions};
use super::steps::{chosen_variables, setting};
use crate::identity::{Approval, Authority, Delegation, Identity, IdentityKind, Scope, Tool};
use crate::manifest::file::File;
use crate::manifest::script;
use crate::text::span::Span;
use crate::text::tree::Node;

/// Actions that run an agent.
const ACTIONS: [&str; 6] = [
    "anthropics/claude-code-action",
    "anthropics/claude-code-base-action",
    "openai/codex-action",
    "google-github-actions/run-gemini-cli",
    "actions/ai-inference",
    "cursor/cursor-agent-action",
];

/// Programs that are agents.
const PROGRAMS: [&str; 7] = ["claude", "codex", "gemini", "copilot", "opencode", "cursor-agent", "aider"];

/// Arguments of theirs that start none.
const IDLE: [&str; 10] =
    ["--version", "-v", "--help", "mcp", "install", "update", "login", "config", "plugin", "extensions"];

/// What lets an agent run any command.
const UNLIMITED: [&str; 9] = [
    "--dangerously-skip-permissions",
    "--dangerously-bypass-approvals-and-sandbox",
    "danger-full-access",
    "--yolo",
    "--approval-mode yolo",
    "--approval-mode=yolo",
    "--allow-all-tools",
    "bypassPermissions",
    "Bash(*)",
];

/// The agents of a job, each with the grants of the job.
pub(super) fn agents(file: &File<'_>, job: &Identity, node: &Node) -> Vec<Identity> {
    let steps = node.get("steps").map(Node::items).unwrap_or_default();
    steps.iter().filter_map(|step| agent(file, job, node, step)).collect()
}

fn agent(file: &File<'_>, job: &Identity, job_node: &Node, step: &Node) -> Option<Identity> {
    let uses = step.get("uses").and_then(Node::as_text).unwrap_or_default();
    let action = uses.split('@').next().unwrap_or_default();
    let run = step.get("run").and_then(Node::as_text).unwrap_or_default();
    let (kind, at) = match ACTIONS.iter().find(|known| **known == action) {
        Some(action) => (*action, step.get("uses")?),
        None => (program(run)?, step.get("run")?),
    };
    let kind = kind.rsplit('/').next().unwrap_or(kind);
    let name = format!("{}/{kind}", job.name);
    let mut identity = file.identity(IdentityKind::Agent, NAME, "ci_agent", name, at);
    identity.grants.clone_from(&job.grants);
    identity.session = job.session.clone();
    identity.environment.clone_from(&job.environment);
    identity.complete = job.complete;
    let kept = |name: &str| name.starts_with("started-by.") || name == "gate";
    identity.settings.extend(job.settings.iter().filter(|setting| kept(&setting.name)).cloned());
    identity.delegation.push(Delegation {
        conditions: vec![],
        how: "runs-as".to_owned(),
        to: job.name.clone(),
        through: String::new(),
        scope: Scope::Namespace,
        namespace: String::new(),
        place: file.location(at.span),
    });
    guarded(action, step, &mut identity);
    let earlier = job
        .settings
        .iter()
        .find(|setting| setting.name == "untrusted.checkout" && setting.place.span.start < at.span.start);
    if let Some(tree) = earlier {
        identity.settings.push(file.setting("agent.foreign-tree", &tree.value, at));
    }
    let cloud = |to: &str| ["aws/", "gcp/", "azure/"].iter().any(|cloud| to.starts_with(cloud));
    if job.delegation.iter().any(|step| cloud(&step.to)) {
        identity.settings.push(file.setting("agent.holds", "cloud", at));
    }
    reads(file, job_node, step, &mut identity);
    limits(file, job_node, step, run, at, &mut identity);
    Some(identity)
}

/// Actions that turn away whoever may not write, unless a setting lets everyone in.
///
/// Source: anthropics/claude-code-action and openai/codex-action, sections on access control, read 2026-11-21.
fn guarded(action: &str, step: &Node, identity: &mut Identity) {
    let asks = action.starts_with("anthropics/") || action == "openai/codex-action";
    let open = ["allowed_non_write_users", "allow-users"]
        .iter()
        .any(|key| step.at(&["with", key]).and_then(Node::scalar).is_some_and(|users| users.trim() == "*"));
    for setting in
        identity.settings.iter_mut().filter(|setting| asks && !open && setting.name == "started-by.outsiders")
    {
        "started-by.members".clone_into(&mut setting.name);
    }
}

/// The agent that a script starts.
fn program(run: &str) -> Option<&'static str> {
    // What stands in `$(...)` is a command too.
    script::commands(&run.replace("$(", "\n")).find_map(|command| {
        let mut words = command.split_whitespace();
        let first = words.next()?;
        let known = PROGRAMS.iter().find(|program| **program == first)?;
        let next = words.next()?;
        (!IDLE.contains(&next)).then_some(*known)
    })
}

/// What of outsiders the agent reads as its task.
fn reads(file: &File<'_>, job: &Node, step: &Node, identity: &mut Identity) {
    let chosen = [job.get("env"), step.get("env")].map(chosen_variables).concat();
    let with = step.get("with").map(Node::entries).unwrap_or_default();
    let fields = ["prompt", "args", "settings", "instruction", "direct_prompt", "system-prompt", "input"];
    let texts = with.iter().filter(|(key, _)| {
        let key = key.as_text().unwrap_or_default();
        fields.iter().any(|field| key.contains(field))
    });
    for node in texts.map(|(_, value)| value).chain(step.get("run")) {
        let raw = String::from_utf8_lossy(node.span.of(file.bytes));
        for one in expressions(&raw) {
            let variable = chosen.iter().find(|name| one.inner.contains(&format!("env.{name}")));
            let Some(name) = chosen_by_outsider(one.inner).or_else(|| variable.cloned()) else { continue };
            let span = Span::new(node.span.start + one.span.start, node.span.start + one.span.end);
            identity.settings.push(setting(file, "agent.prompt", &name, span));
        }
        let taken = chosen.iter().find(|name| {
            [format!("${name}"), format!("${{{name}}}")].iter().any(|form| raw.contains(form.as_str()))
        });
        identity.settings.extend(taken.map(|name| file.setting("agent.prompt", name, node)));
    }
}

/// What bounds the agent: commands, who may start it, time; and whether its answer is run.
fn limits(file: &File<'_>, job: &Node, step: &Node, run: &str, at: &Node, identity: &mut Identity) {
    let with = step.get("with").map(Node::entries).unwrap_or_default();
    let values = with.iter().filter_map(|(key, value)| Some((key.as_text()?, value.scalar()?, value)));
    let mut turns = run.contains("--max-turns");
    for (key, text, value) in values {
        turns |= key.contains("max_turns")
            || key.contains("max-turns")
            || key.contains("timeout")
            || text.contains("--max-turns");
        let everyone = text.trim() == "*";
        match key {
            "allowed_non_write_users" | "allow-users" if everyone => {
                identity.settings.push(file.setting("agent.open-to", "users", value));
            }
            "allowed_bots" | "allow-bots" if everyone || value.truthy() == Some(true) => {
                identity.settings.push(file.setting("agent.open-to", "bots", value));
            }
            "show_full_output" if value.truthy() == Some(true) => {
                identity.settings.push(file.setting("agent.shows-all", "true", value));
            }
            "safety-strategy" if text == "unsafe" => {
                unlimited(file, "safety-strategy: unsafe", value, identity);
            }
            _ => {
                if let Some(found) = without_limit(&text) {
                    unlimited(file, found, value, identity);
                }
            }
        }
    }
    if let Some(node) = step.get("run") {
        if let Some(found) = without_limit(run) {
            unlimited(file, found, node, identity);
        }
        if let Some(line) = run.lines().find(|line| runs_answer(line)) {
            let shell = if line.contains("eval") { "eval" } else { "a shell" };
            identity.settings.push(file.setting("agent.output", shell, node));
        }
    }
    let timed = job.get("timeout-minutes").is_some() || step.get("timeout-minutes").is_some();
    if !turns && !timed {
        identity.settings.push(file.setting("agent.endless", "true", at));
    }
}

fn without_limit(text: &str) -> Option<&'static str> {
    let found = UNLIMITED.iter().find(|mark| text.contains(*mark)).copied();
    let bash = || {
        // `Bash` as a whole word of a list of tools, with no arguments that narrow it.
        let lists = ["--allowedTools", "--allowed-tools", "allowed_tools", "\"allow\""];
        let bare = text.match_indices("Bash").any(|(at, word)| {
            let before = text.get(..at).and_then(|start| start.chars().next_back());
            let behind = text.get(at + word.len()..).and_then(|rest| rest.chars().next());
            let edge = |letter: Option<char>| {
                letter.is_none_or(|letter| matches!(letter, ',' | '"' | '\'' | ' ' | '\n' | ']' | '['))
            };
            edge(before) && edge(behind)
        });
        (bare && lists.iter().any(|list| text.contains(list))).then_some("Bash")
    };
    found.or_else(bash)
}

fn unlimited(file: &File<'_>, what: &str, at: &Node, identity: &mut Identity) {
    identity.settings.push(file.setting("agent.unlimited", what, at));
    identity.tools.push(Tool {
        name: "*".to_owned(),
        source: "builtin".to_owned(),
        authority: Authority::Execute,
        approval: Approval::None,
        reversible: false,
        pinned: true,
        unlimited: true,
        place: file.location(at.span),
    });
}

/// Whether a line runs what an agent answers.
fn runs_answer(line: &str) -> bool {
    let line = line.trim();
    let starts = |text: &str| {
        PROGRAMS
            .iter()
            .any(|program| text.trim_start().strip_prefix(program).is_some_and(|rest| rest.starts_with(' ')))
    };
    let inside = ["eval \"$(", "eval $(", "bash -c \"$(", "sh -c \"$(", "bash <("];
    if inside.iter().any(|mark| line.split_once(mark).is_some_and(|(_, rest)| starts(rest))) {
        return true;
    }
    let mut behind = false;
    for part in line.split('|') {
        let first = part.split_whitespace().next().unwrap_or_default();
        if behind && matches!(first, "sh" | "bash" | "zsh" | "xargs") {
            return true;
        }
        behind |= starts(part);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_starts_an_agent_is_known() {
        for (script, agent) in [
            ("claude -p \"fix it\"", Some("claude")),
            ("npm i -g x\ncodex exec 'go'", Some("codex")),
            ("claude --version", None),
            ("claude mcp add x", None),
            ("echo claude -p x", None),
        ] {
            assert_eq!(program(script), agent, "{script}");
        }
    }

    #[test]
    fn what_lets_an_agent_do_anything_is_told_from_what_names_commands() {
        for (text, found) in [
            ("--allowedTools \"Bash,Read\"", true),
            ("--allowedTools \"Bash(git log:*),Read\"", false),
            ("--dangerously-skip-permissions", true),
            ("Use Bash to look around", false),
            ("sandbox: danger-full-access", true),
        ] {
            assert_eq!(without_limit(text).is_some(), found, "{text}");
        }
        assert!(runs_answer("claude -p 'x' | bash"));
        assert!(runs_answer("eval \"$(codex exec x)\""));
        assert!(!runs_answer("claude -p 'x' | tee out.txt"));
        assert!(!runs_answer("cat x | bash"));
    }
}
