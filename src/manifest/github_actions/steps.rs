//! Steps of a job: what they run, whose code it is, and what outsiders put into it.

use super::expression::{chosen_by_outsider, expressions, named, takes_all_secrets};
use super::secrets;
use super::start::{Start, Who, narrowed};
use crate::identity::{Delegation, Identity, Scope, Setting};
use crate::manifest::file::File;
use crate::manifest::script;
use crate::text::span::Span;
use crate::text::tree::Node;

/// What the steps of a job see of what stands around them.
pub(super) struct Around<'a> {
    /// Who can start the job.
    pub(super) starts: &'a [Start],
    /// Names of variables, set for the whole job, that hold what an outsider chose.
    pub(super) chosen: Vec<String>,
    /// Names of inputs that may be any text.
    pub(super) free: Vec<String>,
}

/// What earlier steps have left behind.
#[derive(Default)]
struct Left {
    /// The work tree is that of an outsider.
    foreign: bool,
    /// Ids of steps whose outputs may name the change of an outsider.
    naming: Vec<String>,
    /// The token of the job stands in the work tree, put there by the step at this place.
    token: Option<Span>,
}

/// Reads `steps` into `identity`.
pub(super) fn read(file: &File<'_>, steps: &[Node], around: &Around<'_>, identity: &mut Identity) {
    let mut left = Left::default();
    for step in steps.iter().filter(|step| step.is_map()) {
        read_step(file, step, around, &mut left, identity);
    }
}

fn read_step(file: &File<'_>, step: &Node, around: &Around<'_>, left: &mut Left, identity: &mut Identity) {
    let uses = step.get("uses").and_then(Node::as_text).unwrap_or_default();
    let action = uses.split('@').next().unwrap_or_default();
    let run = step.get("run").and_then(Node::as_text).unwrap_or_default();
    let consumer = if uses.is_empty() { run } else { uses };
    secrets::values(file, step.get("env"), consumer, identity);
    secrets::values(file, step.get("with"), consumer, identity);
    if let Some(with) = step.get("with") {
        secrets::login(file, action, with, identity);
    }
    secrets::app_token(file, action, step, identity);
    if let Some(node) = step.get("uses").filter(|_| !uses.is_empty()) {
        identity.delegation.push(call(file, uses, node));
    }
    injections(file, step, action, around, identity);
    foreign_code(file, step, action, run, around, left, identity);
    kept_token(file, step, action, left, identity);
    if let Some(node) = step.get("run") {
        if let Some(at) = script::piped(run) {
            let span = within(file, node, run, at);
            identity.settings.push(setting(file, "script.piped", "a downloaded script", span));
        }
        if let Some(command) = script::deploys(run) {
            identity.settings.push(file.setting("deploys", command, node));
        }
    }
    if let Some(node) = step.get("uses").filter(|_| script::DEPLOYING.contains(&action)) {
        identity.settings.push(file.setting("deploys", action, node));
    }
}

/// A step hands the job over to what it calls.
pub(super) fn call(file: &File<'_>, uses: &str, at: &Node) -> Delegation {
    Delegation {
        conditions: vec![],
        how: "calls".to_owned(),
        to: uses.to_owned(),
        through: String::new(),
        scope: Scope::Namespace,
        namespace: String::new(),
        place: file.location(at.span),
    }
}

pub(super) fn setting(file: &File<'_>, name: &str, value: &str, span: Span) -> Setting {
    Setting { name: name.to_owned(), value: value.to_owned(), place: file.location(span) }
}

/// Where `part` of the text of `node` stands in the file; the whole node where it is written in another way.
fn within(file: &File<'_>, node: &Node, text: &str, part: Span) -> Span {
    let raw = node.span.of(file.bytes);
    let found = memchr::memmem::find(raw, part.of(text.as_bytes()));
    found.map_or(node.span, |at| {
        Span::new(node.span.start + at, node.span.start + at + (part.end - part.start))
    })
}

/// Names of the variables of `env` that hold what an outsider chose.
pub(super) fn chosen_variables(env: Option<&Node>) -> Vec<String> {
    let entries = env.map(Node::entries).unwrap_or_default();
    let chosen = entries.iter().filter(|(_, value)| {
        let text = value.as_text().unwrap_or_default();
        expressions(text).any(|one| chosen_by_outsider(one.inner).is_some())
    });
    chosen.filter_map(|(key, _)| key.as_text().map(str::to_owned)).collect()
}

/// Texts that outsiders chose and that become part of a script, and secrets taken in by the dozen.
fn injections(file: &File<'_>, step: &Node, action: &str, around: &Around<'_>, identity: &mut Identity) {
    let chosen: Vec<String> =
        around.chosen.iter().cloned().chain(chosen_variables(step.get("env"))).collect();
    let script = step.at(&["with", "script"]).filter(|_| action == "actions/github-script");
    for node in step.get("run").into_iter().chain(script) {
        let raw = String::from_utf8_lossy(node.span.of(file.bytes));
        for one in expressions(&raw) {
            let variable =
                named(one.inner, "env.").into_iter().find(|name| chosen.iter().any(|other| other == name));
            let name = chosen_by_outsider(one.inner).or_else(|| variable.map(|name| format!("env.{name}")));
            let free = named(one.inner, "inputs.")
                .into_iter()
                .find(|name| around.free.iter().any(|other| other == name));
            let (kind, name) = match (name, free) {
                (Some(name), _) => ("untrusted.expression", name),
                (None, Some(free)) if !one.inner.contains(['=', '(']) => {
                    ("open.expression", format!("inputs.{free}"))
                }
                _ => continue,
            };
            let span = Span::new(node.span.start + one.span.start, node.span.start + one.span.end);
            identity.settings.push(setting(file, kind, &name, span));
        }
    }
}

/// Notes every place in and below `node` that takes in all secrets, or one that is only known when it runs.
pub(super) fn all_secrets(file: &File<'_>, node: &Node, identity: &mut Identity) {
    if let Some(text) = node.as_text() {
        for one in expressions(text).filter(|one| takes_all_secrets(one.inner)) {
            let span = within(file, node, text, one.span);
            identity.settings.push(setting(file, "secrets.all", one.inner.trim(), span));
        }
    }
    for child in node.items() {
        all_secrets(file, child, identity);
    }
    for (_, child) in node.entries() {
        all_secrets(file, child, identity);
    }
}

/// What a `ref:` or `repository:` holds that names the change of an outsider.
const FOREIGN: [&str; 5] = ["head", "refs/pull/", "merge_commit_sha", "pr_sha", "pr-sha"];

/// Whether the work tree becomes that of an outsider, and what then runs in it.
fn foreign_code(
    file: &File<'_>,
    step: &Node,
    action: &str,
    run: &str,
    around: &Around<'_>,
    left: &mut Left,
    identity: &mut Identity,
) {
    let condition = step.get("if").and_then(Node::scalar).unwrap_or_default();
    let starts = narrowed(around.starts, &condition);
    let who = starts.iter().map(|start| start.who).min().unwrap_or(Who::Members);
    if who > Who::Labelled {
        return;
    }
    let id = step.get("id").and_then(Node::as_text).filter(|_| {
        ["pull_request.head.", "github.head_ref", "workflow_run.head_"].iter().any(|part| run.contains(part))
    });
    left.naming.extend(id.map(str::to_owned));
    let named = |text: &str| left.naming.iter().any(|id| text.contains(&format!("steps.{id}.outputs")));
    let foreign = |node: &&Node| {
        let text = node.as_text().unwrap_or_default().to_ascii_lowercase();
        let change =
            FOREIGN.iter().any(|part| text.contains(part)) || named(node.as_text().unwrap_or_default());
        text.contains("${{") && change
    };
    let mut keys = ["ref", "repository"].iter().filter_map(|key| step.at(&["with", key]));
    let checkout = keys.find(foreign).filter(|_| action == "actions/checkout");
    let fetched = step.get("run").filter(|_| script::fetches_change(run));
    if let Some(at) = checkout.or(fetched) {
        let value = if checkout.is_some() { at.as_text().unwrap_or_default() } else { "fetched by a script" };
        identity.settings.push(file.setting("untrusted.checkout", value, at));
        left.foreign = true;
    }
    if !left.foreign {
        return;
    }
    let local = step.get("uses").filter(|node| {
        script::BUILDERS.contains(&action) || node.as_text().is_some_and(|uses| uses.starts_with("./"))
    });
    if let Some(at) = step.get("run") {
        if let Some(command) = script::builds(run) {
            identity.settings.push(file.setting("untrusted.build", command, at));
        }
    } else if let Some(at) = local {
        identity.settings.push(file.setting("untrusted.build", action, at));
    }
}

/// Whether the token that a checkout leaves in `.git` is packed into an artifact.
fn kept_token(file: &File<'_>, step: &Node, action: &str, left: &mut Left, identity: &mut Identity) {
    let text = |key: &str| step.at(&["with", key]).and_then(Node::scalar).unwrap_or_default();
    if action == "actions/checkout" {
        let kept = step.at(&["with", "persist-credentials"]).and_then(Node::truthy) != Some(false);
        let whole = text("path").is_empty();
        if let Some(uses) = step.get("uses").filter(|_| kept && whole) {
            left.token = Some(uses.span);
        }
        return;
    }
    let Some(at) = left.token.filter(|_| action == "actions/upload-artifact") else { return };
    let paths = text("path");
    let whole = paths.lines().map(str::trim).any(|path| {
        matches!(
            path,
            "." | "./" | "*" | "**" | "./**" | "**/*" | "./**/*" | "${{ github.workspace }}" | ".git"
        )
    });
    let uses = step.get("uses").and_then(Node::as_text).unwrap_or_default();
    // Since its fourth version the action leaves hidden files out unless it is told otherwise.
    let old = ["@v1", "@v2", "@v3"].iter().any(|version| uses.contains(version));
    let hidden = step.at(&["with", "include-hidden-files"]).and_then(Node::truthy) == Some(true);
    if whole && (old || hidden) {
        identity.settings.push(setting(file, "credentials.persisted", "packed into an artifact", at));
    }
}
