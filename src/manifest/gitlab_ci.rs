//! GitLab CI: each job of a pipeline, what it proves itself with and what stands before it; and the cluster
//! agents that let jobs of other projects into a cluster.
//!
//! A job takes what it does not say from the jobs it `extends` and from `default:`; those of other files are not
//! looked up, which leaves it incomplete. Settings that the dialect works out itself:
//!
//! ```text
//! gate                name of the environment, or `manual` where somebody has to start the job
//! id-token.audience   `missing`, `wildcard` or `shared`
//! include.<how>       what is taken in and may change: remote, project, component
//! ci_access.<whose>   who may use a cluster agent as the agent itself: projects, groups
//! deploys             the command that changes something that runs
//! script.piped        a script that is downloaded and run in one go
//! ```

use super::file::{File, Text, ends_in, unknown_credential};
use super::{Dialect, Reading, ci_job};
use crate::finding::Reason;
use crate::identity::{
    Context, Credential, CredentialKind, Delegation, Identity, IdentityKind, Life, Scope, Setting, Storage,
};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "gitlab-ci";

/// Seconds a job may run when it does not say. Source: GitLab, "CI/CD YAML syntax reference", `timeout`.
const DEFAULT_SECONDS: i64 = 3600;

/// Keys at the top that are no jobs. Source: GitLab, "CI/CD YAML syntax reference", section "Global keywords".
const GLOBAL: [&str; 11] = [
    "default",
    "include",
    "stages",
    "variables",
    "workflow",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "spec",
];

/// How far a chain of `extends` is followed. Source: GitLab allows eleven and advises against more than three.
const MAX_EXTENDS: usize = 11;

fn claims(path: &str, _: &Text<'_>) -> bool {
    if is_agent(path) {
        return true;
    }
    path.contains(".gitlab") && ends_in(path, &[".yml", ".yaml"]) && is_pipeline(path)
}

fn is_pipeline(path: &str) -> bool {
    ends_in(path, &[".gitlab-ci.yml", ".gitlab-ci.yaml"])
        || path.contains(".gitlab/ci/")
        || path.contains(".gitlab-ci/")
}

fn is_agent(path: &str) -> bool {
    path.contains(".gitlab/agents/") && ends_in(path, &["/config.yaml", "/config.yml"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    file.note_fault(&tree, true, reading);
    let open = file.context == Context::Template || file.path.contains("{{");
    let first = reading.identities.len();
    for document in tree.documents.into_iter().filter(Node::is_map) {
        if is_agent(file.path) {
            reading.identities.extend(agent(file, &document));
        } else {
            read_pipeline(file, &document, reading);
        }
        reading.documents.push((NAME, document));
    }
    if open && !tree.templates.is_empty() && reading.identities.len() > first {
        reading.gap(file, Reason::Partial, "templates are not known before rendering".to_owned());
        reading.identities.iter_mut().skip(first).for_each(|identity| identity.complete = false);
    }
}

/// A pipeline file.
struct Pipeline<'n> {
    node: &'n Node,
    /// Begins the stable name of each job.
    name: String,
}

fn read_pipeline(file: &File<'_>, document: &Node, reading: &mut Reading) {
    let stem = file.path.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
    let name = if stem.is_empty() { NAME.to_owned() } else { format!("{NAME}/{stem}") };
    let pipeline = Pipeline { node: document, name };
    let jobs = document.entries().iter().filter(|(key, node)| {
        let name = key.as_text().unwrap_or_default();
        node.is_map() && !name.starts_with('.') && !GLOBAL.contains(&name)
    });
    let jobs: Vec<Identity> = jobs.map(|(key, node)| job(file, &pipeline, key, node)).collect();
    let shared = shared(file, &pipeline);
    if !jobs.is_empty() || !shared.settings.is_empty() || !shared.credentials.is_empty() {
        reading.identities.push(shared);
    }
    reading.identities.extend(jobs);
}

/// What every job of the pipeline gets, and what is taken in from elsewhere.
fn shared(file: &File<'_>, pipeline: &Pipeline<'_>) -> Identity {
    let name = format!("{}/pipeline", pipeline.name);
    let mut identity = file.identity(IdentityKind::Pipeline, NAME, "pipeline", name, pipeline.node);
    variables(file, pipeline.node.get("variables"), &mut identity);
    for (key, hidden) in pipeline.node.entries() {
        if key.as_text().is_some_and(|name| name.starts_with('.')) {
            variables(file, hidden.get("variables"), &mut identity);
        }
    }
    let Some(include) = pipeline.node.get("include") else { return identity };
    for one in std::iter::once(include).chain(include.items()) {
        identity.settings.extend(included(file, one));
    }
    identity
}

/// What an entry of `include:` takes in, where that may change without a change here.
fn included(file: &File<'_>, one: &Node) -> Option<Setting> {
    let text = |key: &str| one.get(key).and_then(Node::scalar).unwrap_or_default();
    let remote = one.get("remote").or(Some(one)).filter(|node| {
        node.as_text().is_some_and(|text| text.starts_with("https://") || text.starts_with("http://"))
    });
    if let Some(at) = remote {
        return one
            .get("integrity")
            .is_none()
            .then(|| file.setting("include.remote", at.as_text().unwrap_or_default(), at));
    }
    if let Some(at) = one.get("component") {
        let version = text("component").rsplit_once('@').map(|(_, version)| version.to_owned());
        let fixed = version.is_some_and(|version| {
            is_commit(&version) || version.starts_with(|first: char| first.is_ascii_digit())
        });
        return (!fixed).then(|| file.setting("include.component", &text("component"), at));
    }
    let at = one.get("project")?;
    (!is_commit(&text("ref"))).then(|| file.setting("include.project", &text("project"), at))
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Pipeline<'_> {
    /// The value of `key` for a job: its own, that of what it extends, or the default.
    fn of<'a>(&'a self, job: &'a Node, key: &str) -> Option<&'a Node> {
        self.inherited(job, key, 0)
            .or_else(|| self.node.at(&["default", key]))
            .or_else(|| self.node.get(key).filter(|_| key != "variables"))
    }

    fn inherited<'a>(&'a self, job: &'a Node, key: &str, depth: usize) -> Option<&'a Node> {
        if let Some(own) = job.get(key) {
            return Some(own);
        }
        let parents = parents(job).into_iter().rev().take(MAX_EXTENDS);
        let mut found = parents.filter_map(|name| self.node.get(&name));
        if depth >= MAX_EXTENDS {
            None
        } else {
            found.find_map(|parent| self.inherited(parent, key, depth + 1))
        }
    }

    /// Whether all that the job extends stands in this file.
    fn is_whole(&self, job: &Node) -> bool {
        parents(job).iter().all(|name| self.node.get(name).is_some())
    }
}

fn parents(job: &Node) -> Vec<String> {
    let extends = job.get("extends");
    let single = extends.and_then(Node::scalar).into_iter();
    single.chain(extends.map(Node::items).unwrap_or_default().iter().filter_map(Node::scalar)).collect()
}

fn job(file: &File<'_>, pipeline: &Pipeline<'_>, key: &Node, node: &Node) -> Identity {
    let id = key.scalar().unwrap_or_default();
    let name = format!("{}/{id}", pipeline.name);
    let mut identity = file.identity(IdentityKind::Pipeline, NAME, "ci_job", name, key);
    identity.complete = pipeline.is_whole(node);
    session(file, pipeline, node, key, &mut identity);
    variables(file, node.get("variables"), &mut identity);
    id_tokens(file, pipeline.of(node, "id_tokens"), &mut identity);
    for (name, secret) in pipeline.of(node, "secrets").map(Node::entries).unwrap_or_default() {
        let place = file.location(secret.span);
        identity.credentials.push(unknown_credential(
            CredentialKind::ApiKey,
            &format!("secrets.{}", name.scalar().unwrap_or_default()),
            place,
        ));
    }
    gate(file, pipeline, &id, node, &mut identity);
    for key in ["before_script", "script", "after_script"] {
        let Some(lines) = pipeline.of(node, key) else { continue };
        for line in std::iter::once(lines).chain(lines.items()) {
            ci_job::script(file, line, &mut identity);
        }
    }
    handed_on(file, node, &mut identity);
    identity
}

/// The token of the job ends with it.
fn session(file: &File<'_>, pipeline: &Pipeline<'_>, node: &Node, key: &Node, identity: &mut Identity) {
    let said = pipeline.of(node, "timeout").and_then(Node::scalar);
    let seconds = said.map_or(DEFAULT_SECONDS, |text| seconds(&text).unwrap_or(-1));
    ci_job::session(file, "gitlab", "CI_JOB_TOKEN", seconds, key, identity);
}

/// `3h 30m`, `2 hours`, `3600`: seconds.
fn seconds(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut number = String::new();
    let mut unit = String::new();
    for letter in text.chars().chain(['0']) {
        if letter.is_ascii_digit() && !unit.is_empty() {
            total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(scale(&unit)?)?)?;
            number.clear();
            unit.clear();
        }
        match letter {
            letter if letter.is_ascii_digit() => number.push(letter),
            letter if letter.is_alphabetic() => unit.push(letter),
            _ => {}
        }
    }
    // The last letter was added above.
    let rest = number.strip_suffix('0').filter(|rest| !rest.is_empty());
    total.checked_add(rest.map_or(Some(0), |rest| rest.parse().ok())?)
}

fn scale(unit: &str) -> Option<i64> {
    match unit.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3600),
        "d" | "day" | "days" => Some(86_400),
        "w" | "week" | "weeks" => Some(604_800),
        _ => None,
    }
}

fn variables(file: &File<'_>, map: Option<&Node>, identity: &mut Identity) {
    for (key, value) in map.map(Node::entries).unwrap_or_default() {
        let Some(key) = key.as_text() else { continue };
        let value = value.get("value").unwrap_or(value);
        if key == "CI_DEBUG_TRACE" || key == "CI_DEBUG_SERVICES" {
            let on = value.truthy().unwrap_or(true);
            identity.settings.push(file.setting(format!("variables.{key}"), &on.to_string(), value));
        }
        ci_job::variable(file, key, value, identity);
    }
}

/// Proofs of identity that the job gets, and for whom each is.
fn id_tokens(file: &File<'_>, tokens: Option<&Node>, identity: &mut Identity) {
    for (name, token) in tokens.map(Node::entries).unwrap_or_default() {
        let aud = token.get("aud");
        let said = aud.into_iter().chain(aud.map(Node::items).unwrap_or_default());
        let audiences: Vec<String> = said.filter_map(Node::scalar).collect();
        let at = aud.unwrap_or(name);
        let fault = match audiences.as_slice() {
            [] => Some("missing"),
            list if list.iter().any(|one| one.contains('*') || one.is_empty()) => Some("wildcard"),
            [_] => None,
            _ => Some("shared"),
        };
        identity.settings.extend(fault.map(|fault| file.setting("id-token.audience", fault, at)));
        identity.credentials.push(Credential {
            audience: audiences.join(" "),
            issuer: "gitlab".to_owned(),
            life: Life::Bounded,
            lifetime: identity.session.max_seconds,
            storage: Storage::Federated,
            ..unknown_credential(
                CredentialKind::OidcFederated,
                &name.scalar().unwrap_or_default(),
                file.location(at.span),
            )
        });
    }
}

/// What a person must do, or an environment may ask, before the job runs; and which environment it changes.
fn gate(file: &File<'_>, pipeline: &Pipeline<'_>, id: &str, node: &Node, identity: &mut Identity) {
    let place = pipeline.of(node, "environment").map(|place| place.get("name").unwrap_or(place));
    let rules = pipeline.of(node, "rules").map(Node::items).unwrap_or_default();
    let manual = std::iter::once(pipeline.of(node, "when"))
        .chain(rules.iter().map(|rule| rule.get("when")))
        .flatten()
        .find(|when| when.as_text() == Some("manual"));
    if let Some(place) = place {
        identity.settings.push(file.setting("gate", &place.scalar().unwrap_or_default(), place));
    }
    identity.settings.extend(manual.map(|when| file.setting("gate", "manual", when)));
    let said = place.and_then(Node::scalar);
    let names: Vec<&str> = said.iter().map(String::as_str).chain([id]).collect();
    ci_job::named(file, &names, node, identity);
}

/// What a job that starts another pipeline hands to it.
fn handed_on(file: &File<'_>, node: &Node, identity: &mut Identity) {
    let Some(trigger) = node.get("trigger") else { return };
    let project = trigger.get("project").unwrap_or(trigger);
    if let Some(text) = project.as_text() {
        identity.delegation.push(Delegation {
            conditions: vec![],
            how: "calls".to_owned(),
            to: format!("{NAME}/project/{text}"),
            through: String::new(),
            scope: Scope::Namespace,
            namespace: String::new(),
            place: file.location(project.span),
        });
    }
    if let Some(at) = trigger.at(&["forward", "pipeline_variables"]).filter(|at| at.truthy() == Some(true)) {
        identity.settings.push(file.setting("trigger.forward.pipeline_variables", "true", at));
    }
}

/// A cluster agent: who may use it, and as whom.
fn agent(file: &File<'_>, document: &Node) -> Option<Identity> {
    let access = document.get("ci_access")?;
    let name = format!("{NAME}/agent/{}", file.path.rsplit('/').nth(1).unwrap_or_default());
    let mut identity = file.identity(IdentityKind::ServiceAccount, NAME, "cluster-agent", name, document);
    // What its service account may do is decided in the cluster.
    identity.complete = false;
    for whose in ["projects", "groups", "instance"] {
        let list = access.get(whose);
        let single = list.filter(|node| node.is_map()).into_iter();
        for entry in single.chain(list.map(Node::items).unwrap_or_default()) {
            let other = ["ci_job", "ci_user", "impersonate"];
            if other.iter().any(|how| entry.at(&["access_as", how]).is_some()) {
                continue;
            }
            let id = entry.get("id").unwrap_or(entry);
            let setting = file.setting(format!("ci_access.{whose}"), &id.scalar().unwrap_or_default(), id);
            identity.settings.push(setting);
        }
    }
    Some(identity)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::{Keep, read};

    #[test]
    fn a_pipeline_is_known_by_its_path() {
        for (path, claimed) in [
            (".gitlab-ci.yml", true),
            ("ci/build.gitlab-ci.yml", true),
            (".gitlab/ci/deploy.yml", true),
            (".gitlab/agents/prod/config.yaml", true),
            (".gitlab/issue_templates/a.yml", false),
            ("gitlab.yml", false),
            ("src/main.rs", false),
        ] {
            assert_eq!(DIALECT.claims(path, b""), claimed, "{path}");
        }
    }

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, expected) in [
            ("3 hours 30 minutes", Some(12_600)),
            ("1h", Some(3600)),
            ("90m", Some(5400)),
            ("3600", Some(3600)),
            ("1 fortnight", None),
            ("", Some(0)),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_pipeline_makes_it_fall_over(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "a:\n", ".b:\n", "  extends: .b\n", "  extends: [a, .b]\n", "  script: [x]\n", "include:\n", "- remote: https://x\n",
                    "  id_tokens: { T: { aud: [a, b] } }\n", "  variables: { A_KEY: b }\n", "  environment: prod\n", "ci_access: { groups: [{ id: a }] }\n",
                    "  trigger: { project: x, forward: { pipeline_variables: true } }\n", "  rules: [{ when: manual }]\n", "---\n", "[", "}", "!reference [a, b]\n", "  timeout: 99999999999999999999h\n",
                ]),
                0..20,
            )
        ) {
            let text = parts.concat();
            for path in [".gitlab-ci.yml", ".gitlab/agents/a/config.yaml"] {
                for identity in read(path, None, text.as_bytes(), Keep::Documents).identities {
                    prop_assert!(identity.places.iter().all(|place| place.span.end <= text.len()));
                }
            }
        }
    }
}
