//! GitHub Actions: each job of a workflow, what its token may do, who can start it and what it hands on.
//!
//! A workflow is an identity too, since what it grants its jobs is decided there; so is a composite action,
//! which runs with the token of whoever calls it. Settings that the dialect works out itself:
//!
//! ```text
//! started-by.<who>       event; who: outsiders, labelled, forks, members, caller (see `start`)
//! permissions            `unset` where neither job nor workflow says what the token may do
//! runner                 `self-hosted`
//! gate                   name of the environment that this job or one it needs waits for; its rules are not in the tree
//! untrusted.checkout     what was checked out; untrusted.build: the command that then runs it
//! untrusted.expression   the value an outsider chose that becomes part of a script
//! open.expression        the input that becomes part of a script, which whoever calls or starts it chooses
//! secrets.all            all secrets at once, or one only known when it runs
//! credentials.persisted  how the token that a checkout leaves behind gets out
//! script.piped           a script that is downloaded and run in one go
//! deploys                the command or action that changes something that runs
//! ```

/// Agents that a step starts.
mod agent;
/// What a scalar takes in.
mod expression;
/// What a token may do.
mod permissions;
/// What a job proves itself with.
mod secrets;
/// Who can start a job.
mod start;
/// What a job runs.
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use super::context::environment;
use super::file::{File, Text, ends_in};
use super::{Dialect, Reading};
use crate::finding::Reason;
use crate::identity::{Context, Credential, CredentialKind, Identity, IdentityKind, Life, Storage};
use crate::manifest::file::unknown_credential;
use crate::text::tree::Node;
use start::{Start, narrowed, starts};
use steps::Around;

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "github-actions";

/// Folders whose workflows are loaded.
const FOLDERS: [&str; 3] = [".github/workflows/", ".gitea/workflows/", ".forgejo/workflows/"];

/// Minutes a job may run when it does not say. Source: GitHub, "Workflow syntax", `jobs.<job_id>.timeout-minutes`.
const DEFAULT_MINUTES: i64 = 360;

fn claims(path: &str, text: &Text<'_>) -> bool {
    if FOLDERS.iter().any(|folder| path.contains(folder)) {
        return ends_in(path, &[".yml", ".yaml"]);
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "action.yml" | "action.yaml") && text.may_hold(&["composite"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    file.note_fault(&tree, true, reading);
    let open = file.context == Context::Template || file.path.contains("{{");
    let whole = !open || (tree.templates.is_empty() && tree.quoted_templates.is_empty());
    let first = reading.identities.len();
    for document in tree.documents {
        let workflow = FOLDERS.iter().any(|folder| file.path.contains(folder));
        if workflow && document.get("jobs").is_some_and(Node::is_map) {
            read_workflow(file, &document, reading);
        } else if document.at(&["runs", "using"]).and_then(Node::as_text) == Some("composite") {
            reading.identities.push(action(file, &document));
        } else {
            continue;
        }
        reading.documents.push((NAME, document));
    }
    if !whole && reading.identities.len() > first {
        reading.gap(file, Reason::Partial, "templates are not known before rendering".to_owned());
        reading.identities.iter_mut().skip(first).for_each(|identity| identity.complete = false);
    }
}

/// A workflow as its jobs share it.
struct Workflow<'n> {
    node: &'n Node,
    /// Stable name.
    name: String,
    jobs: &'n [(Node, Node)],
    by_id: BTreeMap<&'n str, &'n Node>,
    starts: Vec<Start>,
}

/// Events of a workflow and secrets of its `env:` that are handed to each job, at most.
const MAX_SHARED: usize = 64;

fn read_workflow(file: &File<'_>, document: &Node, reading: &mut Reading) {
    let stem = file.path.rsplit('/').next().unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    let jobs = document.get("jobs").map(Node::entries).unwrap_or_default();
    let workflow = Workflow {
        node: document,
        name: format!("{NAME}/{stem}"),
        jobs,
        by_id: jobs.iter().filter_map(|(id, node)| Some((id.as_text()?, node))).collect(),
        starts: starts(document).into_iter().take(MAX_SHARED).collect(),
    };
    let mut unknown = Vec::new();
    let shared = shared(file, &workflow, &mut unknown);
    for (id, node) in workflow.jobs.iter().filter(|(_, node)| node.is_map()) {
        let mut identity = job(file, &workflow, (id, node), &mut unknown);
        identity.credentials.extend(shared.credentials.iter().take(MAX_SHARED).cloned());
        once_each(&mut identity.credentials);
        reading.identities.extend(agent::agents(file, &identity, node));
        reading.identities.push(identity);
    }
    reading.identities.push(shared);
    for detail in unknown {
        reading.gap(file, Reason::Partial, detail);
    }
}

/// What a workflow gives all of its jobs.
fn shared(file: &File<'_>, workflow: &Workflow<'_>, unknown: &mut Vec<String>) -> Identity {
    let at = workflow.node.entry("jobs").map_or(workflow.node, |(key, _)| key);
    let mut identity = file.identity(IdentityKind::Pipeline, NAME, "workflow", workflow.name.clone(), at);
    identity.purpose = workflow.node.get("name").and_then(Node::scalar).unwrap_or_default();
    identity.settings.extend(workflow.starts.iter().map(|start| start.setting(file)));
    let inherits = |(_, job): &&(Node, Node)| job.is_map() && job.get("permissions").is_none();
    let heirs = workflow.jobs.iter().filter(inherits).count();
    identity.settings.push(file.setting("jobs.inheriting", &heirs.min(2).to_string(), at));
    match workflow.node.get("permissions") {
        Some(node) => {
            let read = permissions::read(file, node, "");
            identity.grants = read.grants;
            identity.delegation.extend(read.federated);
            if read.unknown {
                identity.complete = false;
                unknown.push("a permission of the workflow is none that is known".to_owned());
            }
        }
        None if heirs > 0 => {
            identity.complete = false;
            identity.grants = permissions::unset(file, at);
            identity.settings.push(file.setting("permissions", "unset", at));
        }
        None => {}
    }
    secrets::values(file, workflow.node.get("env"), "", &mut identity);
    if let Some(env) = workflow.node.get("env") {
        steps::all_secrets(file, env, &mut identity);
    }
    identity
}

fn job(
    file: &File<'_>,
    workflow: &Workflow<'_>,
    (at, node): (&Node, &Node),
    unknown: &mut Vec<String>,
) -> Identity {
    let id = &at.scalar().unwrap_or_default();
    let name = format!("{}/{id}", workflow.name);
    let mut identity = file.identity(IdentityKind::Pipeline, NAME, "ci_job", name.clone(), at);
    identity.purpose = node.get("name").and_then(Node::scalar).unwrap_or_default();
    let starts = workflow.starts_of(node, 0);
    identity.settings.extend(starts.iter().map(|start| start.setting(file)));
    grants(file, workflow, node, at, &name, &mut identity);
    if !identity.complete && node.get("permissions").is_some() {
        unknown.push(format!("a permission of job `{id}` is none that is known"));
    }
    session(file, node, at, &mut identity);
    runner(file, node, &mut identity);
    place_of_deployment(file, workflow, id, node, &mut identity);
    secrets::values(file, node.get("env"), "", &mut identity);
    for (holder, key) in [(node.get("container"), "container"), (node.get("services"), "services")] {
        let Some(holder) = holder else { continue };
        let inner = holder.entries().iter().map(|(_, service)| service);
        for one in std::iter::once(holder).filter(|_| key == "container").chain(inner) {
            secrets::values(file, one.get("credentials"), "container", &mut identity);
            secrets::registry_password(file, one, &mut identity);
        }
    }
    called(file, node, &mut identity);
    steps::all_secrets(file, node, &mut identity);
    let chosen = [workflow.node.get("env"), node.get("env")].map(steps::chosen_variables).concat();
    let around = Around { starts: &starts, chosen, free: free_inputs(workflow.node) };
    steps::read(file, node.get("steps").map(Node::items).unwrap_or_default(), &around, &mut identity);
    identity
}

/// Keeps the first of those that say the same: a secret is one credential, however many steps are handed it.
fn once_each(credentials: &mut Vec<Credential>) {
    let mut seen = BTreeSet::new();
    credentials.retain(|one| seen.insert((one.name.clone(), one.kind, one.issuer.clone())));
}

/// Inputs of a workflow that may be any text.
fn free_inputs(workflow: &Node) -> Vec<String> {
    let inputs = ["workflow_dispatch", "workflow_call"].map(|event| workflow.at(&["on", event, "inputs"]));
    let all = inputs.into_iter().flatten().flat_map(Node::entries);
    let free = all.filter(|(_, input)| {
        let kind = input.get("type").and_then(Node::as_text);
        !matches!(kind, Some("boolean" | "number" | "choice" | "environment"))
    });
    free.filter_map(|(name, _)| name.as_text().map(str::to_owned)).take(MAX_SHARED).collect()
}

impl Workflow<'_> {
    /// Who can start a job: what its own condition admits, and that of the jobs it waits for.
    fn starts_of(&self, job: &Node, depth: usize) -> Vec<Start> {
        let condition = job.get("if").and_then(Node::scalar).unwrap_or_default();
        let mut starts = narrowed(&self.starts, &condition);
        if waits(&condition) && depth < MAX_NEEDS {
            for other in self.needed(job) {
                let theirs = self.starts_of(other, depth + 1);
                starts.retain_mut(|start| {
                    let same = theirs.iter().find(|their| their.event == start.event);
                    start.who = start.who.max(same.map_or(start.who, |their| their.who));
                    same.is_some()
                });
            }
        }
        starts
    }

    /// The environment that a job or one it waits for runs in.
    fn gate<'a>(&'a self, job: &'a Node, depth: usize) -> Option<&'a Node> {
        let own = job.get("environment").map(|node| node.get("name").unwrap_or(node));
        let inherited = || self.needed(job).into_iter().find_map(|other| self.gate(other, depth + 1));
        let condition = job.get("if").and_then(Node::scalar).unwrap_or_default();
        own.or_else(|| if waits(&condition) && depth < MAX_NEEDS { inherited() } else { None })
    }

    fn needed(&self, job: &Node) -> Vec<&Node> {
        let needs = job.get("needs");
        let names = needs.into_iter().chain(needs.map(Node::items).unwrap_or_default());
        let find = |name: &Node| {
            let name = name.as_text()?;
            self.by_id.get(name).copied()
        };
        names.filter_map(find).take(MAX_NEEDED).collect()
    }
}

/// Whether a job is left out where one that it needs was: not with these functions in its condition.
fn waits(condition: &str) -> bool {
    !["always()", "failure()", "cancelled()"].iter().any(|call| condition.contains(call))
}

/// How far back jobs are followed that wait for each other, and how many of one job: enough for a gate in front.
const MAX_NEEDS: usize = 3;
const MAX_NEEDED: usize = 8;

/// What the token of the job may do: what the job says replaces what the workflow says.
fn grants(
    file: &File<'_>,
    workflow: &Workflow<'_>,
    node: &Node,
    at: &Node,
    name: &str,
    identity: &mut Identity,
) {
    let own = node.get("permissions").map(|node| (node, name));
    let given = own.or_else(|| workflow.node.get("permissions").map(|node| (node, workflow.name.as_str())));
    let Some((node, given_by)) = given else {
        identity.complete = false;
        identity.grants = permissions::unset(file, at);
        identity.settings.push(file.setting("permissions", "unset", at));
        return;
    };
    let read = permissions::read(file, node, given_by);
    identity.complete &= !read.unknown;
    identity.grants = read.grants;
    identity.delegation.extend(read.federated);
}

/// The token ends with the job.
fn session(file: &File<'_>, node: &Node, at: &Node, identity: &mut Identity) {
    let said = node.get("timeout-minutes");
    let minutes = said.map_or(Some(DEFAULT_MINUTES), Node::as_int);
    identity.session.max_seconds = minutes.map_or(-1, |minutes| minutes.clamp(1, 100_000) * 60);
    identity.session.bound_to_task = true;
    "the job ends".clone_into(&mut identity.session.teardown);
    if let Some(said) = said {
        identity.settings.push(file.setting("timeout-minutes", &said.scalar().unwrap_or_default(), said));
    }
    identity.credentials.push(Credential {
        issuer: "github".to_owned(),
        life: Life::Bounded,
        lifetime: identity.session.max_seconds,
        storage: Storage::Federated,
        ..unknown_credential(CredentialKind::AppInstallationToken, "GITHUB_TOKEN", file.location(at.span))
    });
}

/// Where the job runs. A label that only a run of the matrix knows is not known here.
fn runner(file: &File<'_>, node: &Node, identity: &mut Identity) {
    let Some(on) = node.get("runs-on") else { return };
    let labels = on.get("labels").unwrap_or(on);
    for label in std::iter::once(labels).chain(labels.items()) {
        let Some(text) = label.as_text() else { continue };
        identity.complete &= !text.contains("${{") || text.contains("matrix.");
        if text == "self-hosted" {
            identity.settings.push(file.setting("runner", "self-hosted", label));
        }
    }
}

/// Words of a job that say it changes what runs.
const DEPLOY_WORDS: [&str; 4] = ["deploy", "release", "rollout", "promote"];

/// The environment of the job: what stands between it and what it deploys, and which one it is.
fn place_of_deployment(
    file: &File<'_>,
    workflow: &Workflow<'_>,
    id: &str,
    node: &Node,
    identity: &mut Identity,
) {
    let own = node.get("environment").map(|node| node.get("name").unwrap_or(node));
    if let Some(gate) = workflow.gate(node, 0) {
        identity.settings.push(file.setting("gate", &gate.scalar().unwrap_or_default(), gate));
    }
    let title = node.get("name").and_then(Node::scalar).unwrap_or_default().replace(' ', "-");
    let said = own.and_then(Node::scalar);
    let mut words = said.iter().map(String::as_str).chain([id, title.as_str(), workflow.name.as_str()]);
    if let Some(word) = words.find_map(environment) {
        word.clone_into(&mut identity.environment);
    }
    let text = format!("{id} {title}").to_ascii_lowercase();
    if DEPLOY_WORDS.iter().any(|word| text.contains(word)) {
        identity.settings.push(file.setting("deploys", "by its name", node));
    }
}

/// A job that is another workflow: which one, and which secrets it is handed.
fn called(file: &File<'_>, node: &Node, identity: &mut Identity) {
    let Some((uses, at)) = node.get("uses").and_then(|at| Some((at.as_text()?, at))) else { return };
    identity.delegation.push(steps::call(file, uses, at));
    // What the other workflow does is in another repository, or in another file of this one.
    identity.complete = false;
    let Some(handed) = node.get("secrets") else { return };
    if handed.as_text() == Some("inherit") {
        let whose = if uses.starts_with("./") { "local" } else { "foreign" };
        identity.settings.push(file.setting(format!("secrets.inherit.{whose}"), uses, handed));
    }
    secrets::values(file, Some(handed), uses, identity);
}

/// A composite action: it holds nothing of its own and hands on what its caller holds.
fn action(file: &File<'_>, document: &Node) -> Identity {
    let folder = file.path.rsplit('/').nth(1).unwrap_or("root");
    let said = document.get("name").and_then(Node::scalar).unwrap_or_default();
    let name = format!("{NAME}/action/{folder}");
    let at = document.entry("runs").map_or(document, |(key, _)| key);
    let mut identity = file.identity(IdentityKind::Pipeline, NAME, "composite-action", name, at);
    identity.purpose = document.get("description").and_then(Node::scalar).unwrap_or(said);
    identity.complete = false;
    identity.session.bound_to_task = true;
    let inputs = document.get("inputs").map(Node::entries).unwrap_or_default();
    let free = inputs.iter().filter_map(|(name, _)| name.as_text().map(str::to_owned)).collect();
    let around = Around { starts: &[], chosen: vec![], free };
    let list = document.at(&["runs", "steps"]).map(Node::items).unwrap_or_default();
    steps::read(file, list, &around, &mut identity);
    identity
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::{Keep, read};

    #[test]
    fn a_workflow_is_known_by_its_path() {
        for (path, text, claimed) in [
            (".github/workflows/a.yml", "", true),
            ("sub/.forgejo/workflows/a.yaml", "", true),
            (".github/workflows/a.md", "", false),
            (".github/dependabot.yml", "", false),
            ("lint/action.yml", "runs: { using: composite }", true),
            ("lint/action.yml", "runs: { using: node20 }", false),
            ("transaction.yml", "composite", false),
        ] {
            assert_eq!(DIALECT.claims(path, text.as_bytes()), claimed, "{path}");
        }
    }

    #[test]
    fn what_is_no_permission_is_a_gap() {
        let gaps = |permissions: &str| {
            let text = format!("on: push\npermissions: {permissions}\njobs: {{ a: {{ runs-on: x }} }}\n");
            read(".github/workflows/a.yml", None, text.as_bytes(), Keep::Identities).gaps.len()
        };
        for known in ["{}", "read-all", "write-all", "{ contents: none }", "", "{ id-token: write }"] {
            assert_eq!(gaps(known), 0, "{known}");
        }
        for unknown in ["{ contests: read }", "{ contents: all }", "all", "[contents]"] {
            assert_eq!(gaps(unknown), 1, "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn no_workflow_makes_it_fall_over(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "on: push\n", "on: [pull_request_target, {}]\n", "permissions: write-all\n", "permissions: { a: b }\n", "jobs:\n", "  a:\n", "  b:\n",
                    "    needs: [a, b]\n", "    needs: b\n", "    if: github.event_name == 'push' ||\n", "    environment: { name: x }\n", "    runs-on: [self-hosted]\n",
                    "    uses: ./x\n", "    secrets: inherit\n", "    steps:\n", "    - run: curl x | sh ${{ github.head_ref }}\n", "    - uses: actions/checkout@v4\n",
                    "      with: { ref: \"${{ github.head_ref }}\" }\n", "      env: { K: \"${{ secrets.K }}\" }\n", "runs: { using: composite, steps: [{ run: x }, 1] }\n", "- ", "}", "ü",
                ]),
                0..24,
            )
        ) {
            let text = parts.concat();
            for path in [".github/workflows/a.yml", "a/action.yml"] {
                for identity in read(path, None, text.as_bytes(), Keep::Documents).identities {
                    prop_assert!(identity.places.iter().all(|place| place.span.end <= text.len()));
                    prop_assert!(identity.settings.iter().all(|setting| setting.place.span.end <= text.len()));
                }
            }
        }
    }
}
