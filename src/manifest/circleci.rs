//! `CircleCI`: each job of each workflow, what it gets from contexts and what stands before it.
//!
//! A workflow calls a job, maybe by another name; the steps of the job may call commands of the file. What an orb does
//! is not looked up. Settings that the dialect works out itself:
//!
//! ```text
//! gate                the approval that somebody gives before the job, also by way of other jobs
//! context             a store of secrets that the job gets
//! context.everywhere  one that every job of a workflow gets, at the workflow
//! orb.moving          an orb whose version may change by itself
//! oidc                the command or the step that proves the job to somebody else
//! ```

use std::collections::BTreeSet;

use super::ci_job;
use super::file::{File, Text, ends_in, unknown_credential};
use super::{Dialect, Keep, Reading};
use crate::finding::Reason;
use crate::identity::{Credential, CredentialKind, Identity, IdentityKind, Life, Storage};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "circleci";

/// Seconds a job may run on any plan. Source: `CircleCI`, "Jobs and steps", read 2026-11-21.
const LONGEST: i64 = 18_000;

/// How deep commands and conditions of steps are followed.
const MAX_STEPS: usize = 8;

/// A context at fewer jobs than this is no habit.
const FEWEST_JOBS: usize = 3;

fn claims(path: &str, _: &Text<'_>) -> bool {
    ends_in(path, &[".yml", ".yaml"]) && path.split('/').rev().nth(1) == Some(".circleci")
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    file.note_fault(&tree, true, reading);
    for document in tree.documents.into_iter().filter(Node::is_map) {
        let config = Config { file, node: &document };
        reading.identities.extend(config.shared());
        for (key, workflow) in document.get("workflows").map(Node::entries).unwrap_or_default() {
            if workflow.is_map() {
                config.workflow(key, workflow, reading);
            }
        }
        if document.get("setup").and_then(Node::truthy) == Some(true) {
            reading.gap(
                file,
                Reason::Partial,
                "the rest of the configuration is made while it runs".to_owned(),
            );
        }
        if file.keep == Keep::Documents {
            reading.documents.push((NAME, document));
        }
    }
}

struct Config<'c, 'f> {
    file: &'c File<'f>,
    node: &'c Node,
}

/// One call of a job in a workflow.
struct Call<'n> {
    /// The job, and what it is called here.
    job: String,
    id: String,
    at: &'n Node,
    /// What stands below its name; nothing for a job that is only named.
    body: Option<&'n Node>,
}

impl<'c> Config<'c, '_> {
    /// What holds of all workflows: the orbs, whose code runs in their jobs.
    fn shared(&self) -> Option<Identity> {
        let orbs = self.node.get("orbs").map(Node::entries).unwrap_or_default();
        let moving: Vec<_> = orbs.iter().filter(|(_, orb)| orb.as_text().is_some_and(is_moving)).collect();
        if moving.is_empty() {
            return None;
        }
        let name = format!("{NAME}/pipeline");
        let mut identity = self.file.identity(IdentityKind::Pipeline, NAME, "pipeline", name, self.node);
        for (_, orb) in moving {
            identity.settings.push(self.file.setting("orb.moving", orb.as_text().unwrap_or_default(), orb));
        }
        Some(identity)
    }

    fn workflow(&self, key: &Node, workflow: &Node, reading: &mut Reading) {
        let id = key.scalar().unwrap_or_default();
        let calls: Vec<Call<'_>> =
            workflow.get("jobs").map(Node::items).unwrap_or_default().iter().filter_map(call).collect();
        if let Some(identity) = self.everywhere(&id, key, &calls) {
            reading.identities.push(identity);
        }
        let jobs = calls.iter().filter(|call| !is_approval(call));
        reading.identities.extend(jobs.map(|call| self.job(&id, call, &calls)));
    }

    /// The workflow itself, where every job of it gets the same secrets.
    fn everywhere(&self, id: &str, key: &Node, calls: &[Call<'_>]) -> Option<Identity> {
        let jobs: Vec<&Call<'_>> = calls.iter().filter(|call| !is_approval(call)).collect();
        let contexts = |call: &Call<'_>| -> BTreeSet<String> {
            contexts(call).into_iter().filter_map(Node::scalar).collect()
        };
        let mut all = jobs.iter().map(|call| contexts(call));
        let first = all.next()?;
        let shared = all.fold(first, |shared, next| &shared & &next);
        if jobs.len() < FEWEST_JOBS || shared.is_empty() {
            return None;
        }
        let name = format!("{NAME}/{id}");
        let mut identity = self.file.identity(IdentityKind::Pipeline, NAME, "workflow", name, key);
        for context in shared {
            identity.settings.push(self.file.setting("context.everywhere", &context, key));
        }
        Some(identity)
    }

    fn job(&self, workflow: &str, call: &Call<'_>, calls: &[Call<'_>]) -> Identity {
        let name = format!("{NAME}/{workflow}/{}", call.id);
        let mut identity = self.file.identity(IdentityKind::Pipeline, NAME, "ci_job", name, call.at);
        ci_job::session(self.file, NAME, "CIRCLE_OIDC_TOKEN", LONGEST, call.at, &mut identity);
        ci_job::named(self.file, &[&call.id, &call.job], call.at, &mut identity);
        for context in contexts(call) {
            let name = context.scalar().unwrap_or_default();
            identity.settings.push(self.file.setting("context", &name, context));
            let place = self.file.location(context.span);
            let held = unknown_credential(CredentialKind::ApiKey, &format!("context.{name}"), place);
            identity.credentials.push(held);
        }
        if let Some(gate) = gate(call, calls) {
            identity.settings.push(self.file.setting("gate", &gate.id, gate.at));
        }
        match self.node.at(&["jobs", &call.job]) {
            Some(job) => {
                self.environment(job, &mut identity);
                if let Some(executor) = job.get("executor").and_then(|at| at.get("name").or(Some(at))) {
                    let named = self.node.at(&["executors", &executor.scalar().unwrap_or_default()]);
                    if let Some(executor) = named {
                        self.environment(executor, &mut identity);
                    }
                }
                self.steps(job.get("steps"), 0, &mut identity);
            }
            // A job of an orb.
            None => identity.complete = false,
        }
        for key in ["pre-steps", "post-steps"] {
            self.steps(call.body.and_then(|body| body.get(key)), 0, &mut identity);
        }
        identity
    }

    /// Variables of a job or an executor, and of its images.
    fn environment(&self, node: &Node, identity: &mut Identity) {
        let images = node.get("docker").map(Node::items).unwrap_or_default();
        for one in std::iter::once(node).chain(images) {
            for (key, value) in one.get("environment").map(Node::entries).unwrap_or_default() {
                ci_job::variable(self.file, &key.scalar().unwrap_or_default(), value, identity);
            }
            // A password for a registry stands here by the name of a variable.
            for (key, value) in one.get("auth").map(Node::entries).unwrap_or_default() {
                ci_job::variable(self.file, &key.scalar().unwrap_or_default(), value, identity);
            }
        }
    }

    fn steps(&self, steps: Option<&'c Node>, depth: usize, identity: &mut Identity) {
        if depth > MAX_STEPS {
            identity.complete = false;
            return;
        }
        for step in steps.map(Node::items).unwrap_or_default() {
            if let Some(name) = step.as_text() {
                self.command(name, depth, identity);
            }
            for (key, body) in step.entries() {
                match key.as_text().unwrap_or_default() {
                    "run" => self.run(body, identity),
                    "when" | "unless" => self.steps(body.get("steps"), depth + 1, identity),
                    name => {
                        self.parameters(body, identity);
                        self.command(name, depth, identity);
                    }
                }
            }
        }
    }

    /// A command of this file; those of orbs are not known.
    fn command(&self, name: &str, depth: usize, identity: &mut Identity) {
        if let Some(command) = self.node.at(&["commands", name]) {
            self.steps(command.get("steps"), depth + 1, identity);
        }
    }

    fn run(&self, body: &Node, identity: &mut Identity) {
        for (key, value) in body.get("environment").map(Node::entries).unwrap_or_default() {
            ci_job::variable(self.file, &key.scalar().unwrap_or_default(), value, identity);
        }
        let command = body.get("command").unwrap_or(body);
        let text = command.as_text().unwrap_or_default();
        if text.contains("CIRCLE_OIDC_TOKEN") {
            self.proof(command, identity);
        }
        ci_job::script(self.file, command, identity);
    }

    /// What the step of an orb is given: a role to take on, or the key of a cloud by the name of a variable.
    fn parameters(&self, body: &Node, identity: &mut Identity) {
        for (key, value) in body.entries() {
            match key.as_text().unwrap_or_default().replace('-', "_").as_str() {
                "role_arn" | "oidc_token_variable" => self.proof(value, identity),
                "aws_secret_access_key" => {
                    let place = self.file.location(value.span);
                    let name = "variables.AWS_SECRET_ACCESS_KEY";
                    identity.credentials.push(Credential {
                        issuer: "aws".to_owned(),
                        life: Life::Never,
                        ..unknown_credential(CredentialKind::StaticKey, name, place)
                    });
                }
                _ => {}
            }
        }
    }

    fn proof(&self, at: &Node, identity: &mut Identity) {
        identity.settings.push(self.file.setting("oidc", "a proof of the job", at));
        identity.credentials.push(Credential {
            issuer: NAME.to_owned(),
            life: Life::Bounded,
            lifetime: 3600,
            storage: Storage::Federated,
            ..unknown_credential(
                CredentialKind::OidcFederated,
                "CIRCLE_OIDC_TOKEN",
                self.file.location(at.span),
            )
        });
    }
}

fn call(item: &Node) -> Option<Call<'_>> {
    if let Some(name) = item.as_text() {
        return Some(Call { job: name.to_owned(), id: name.to_owned(), at: item, body: None });
    }
    let (key, body) = item.entries().first()?;
    let job = key.scalar()?;
    let id = body.get("name").and_then(Node::scalar).unwrap_or_else(|| job.clone());
    Some(Call { job, id, at: key, body: Some(body) })
}

fn is_approval(call: &Call<'_>) -> bool {
    call.body.and_then(|body| body.get("type")).and_then(Node::as_text) == Some("approval")
}

fn contexts<'n>(call: &Call<'n>) -> Vec<&'n Node> {
    let context = call.body.and_then(|body| body.get("context"));
    let one = context.filter(|node| node.as_text().is_some_and(|text| !text.is_empty())).into_iter();
    one.chain(context.map(Node::items).unwrap_or_default()).collect()
}

/// The names of the jobs before a job; what it waits for may say how they must have ended.
fn required(call: &Call<'_>) -> Vec<String> {
    let list = call.body.and_then(|body| body.get("requires")).map(Node::items).unwrap_or_default();
    let name = |node: &Node| node.scalar().or_else(|| node.entries().first()?.0.scalar());
    list.iter().filter_map(name).collect()
}

/// The first approval on the ways to a job.
fn gate<'a, 'n>(call: &Call<'_>, calls: &'a [Call<'n>]) -> Option<&'a Call<'n>> {
    let mut seen = BTreeSet::new();
    let mut open = required(call);
    while let Some(name) = open.pop() {
        let Some(before) = calls.iter().find(|call| call.id == name).filter(|_| seen.insert(name)) else {
            continue;
        };
        if is_approval(before) {
            return Some(before);
        }
        open.extend(required(before));
    }
    None
}

/// Whether an orb is not named by a whole version: `acme/deploy@1`, `@volatile`, `@dev:first`.
fn is_moving(orb: &str) -> bool {
    let Some((_, version)) = orb.rsplit_once('@') else { return false };
    let numbers = version.split('.').filter(|part| part.bytes().all(|byte| byte.is_ascii_digit())).count();
    !version.contains("<<") && numbers < 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::read;

    #[test]
    fn a_configuration_is_known_by_its_folder() {
        for (path, claimed) in [
            (".circleci/config.yml", true),
            ("a/.circleci/continue.yaml", true),
            (".circleci/a/b.yml", false),
            ("circleci/config.yml", false),
        ] {
            assert_eq!(DIALECT.claims(path, b""), claimed, "{path}");
        }
    }

    #[test]
    fn an_orb_stays_where_its_version_is_whole() {
        for (orb, moving) in [
            ("acme/x@1.2.3", false),
            ("acme/x@1.2", true),
            ("acme/x@1", true),
            ("acme/x@volatile", true),
            ("acme/x@dev:alpha", true),
            ("acme/x@<<pipeline.parameters.v>>", false),
        ] {
            assert_eq!(is_moving(orb), moving, "{orb}");
        }
    }

    proptest! {
        #[test]
        fn no_configuration_makes_it_fall_over(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "version: 2.1\n", "orbs: { a: b/c@1 }\n", "jobs:\n", "  a: { steps: [checkout, { run: x }, { c: { role_arn: y } }] }\n", "commands:\n",
                    "  c: { steps: [c] }\n", "workflows:\n", "  w:\n", "    jobs: [a, { a: { requires: [a], context: [x] } }, { h: { type: approval } }]\n",
                    "---\n", "[", "}", "setup: true\n", "  - run: { command: [1], environment: { A_KEY: b } }\n",
                ]),
                0..20,
            )
        ) {
            let text = parts.concat();
            for identity in read(".circleci/config.yml", None, text.as_bytes(), Keep::Documents).identities {
                prop_assert!(identity.places.iter().all(|place| place.span.end <= text.len()));
            }
        }
    }
}
