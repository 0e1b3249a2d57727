//! Azure Pipelines: each job of a pipeline, what it gets and what stands before it.
//!
//! A file of `jobs`, `steps` or `stages` is read in the same way whether it is a pipeline or a template. Conditions
//! such as `${{ if … }}:` are followed as if they held; what a template adds is not looked up, which leaves the job
//! incomplete. Settings that the dialect works out itself:
//!
//! ```text
//! gate                  the environment of a deployment, or the task that waits for a person
//! access-token          a variable of a script that holds the token of the job
//! variable-group        a store of secrets that the job gets
//! spn-in-environment    a step that puts the key of its service connection into variables
//! checkout.credentials  `kept` where every later step can push
//! script.macro          text of an outsider that is put into a script before it runs
//! trigger.pull-request  the pipeline says that pull requests start it
//! ```

use super::ci_job;
use super::file::{File, Text, ends_in, unknown_credential};
use super::{Dialect, Keep, Reading};
use crate::finding::Reason;
use crate::identity::{CredentialKind, Identity, IdentityKind, Setting};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "azure-pipelines";

/// Seconds a job may run when it does not say. Source: Microsoft, "YAML schema", `jobs.job.timeoutInMinutes`.
const DEFAULT_SECONDS: i64 = 3600;

/// How deep conditions, stages and jobs may lie in each other.
const DEEPEST: usize = 16;

fn claims(path: &str, text: &Text<'_>) -> bool {
    if !ends_in(path, &[".yml", ".yaml"]) {
        return false;
    }
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let folder = parts.any(|part| {
        [".azure-pipelines", "azure-pipelines", ".azuredevops", ".azdo", ".pipelines", ".vsts"]
            .contains(&part)
    });
    let named = name.starts_with("azure-pipeline")
        || name.starts_with(".azure-pipeline")
        || name.starts_with(".vsts");
    (folder || named) && text.may_hold(&["steps", "jobs", "stages", "variables", "extends"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    file.note_fault(&tree, true, reading);
    for document in tree.documents.into_iter().filter(Node::is_map) {
        let stem = super::vault::stem(file.path.trim_start_matches('.'));
        let mut pipeline = Pipeline {
            file,
            name: format!("{NAME}/{stem}"),
            pulled: document.get("pr").filter(|pr| starts(pr)),
            gate: None,
            jobs: Vec::new(),
            holes: 0,
        };
        pipeline.list(&document, &Outer::default(), 0);
        let Pipeline { jobs, holes, .. } = pipeline;
        reading.identities.extend(jobs);
        if holes > 0 {
            let noun =
                if holes == 1 { "template of another file is" } else { "templates of other files are" };
            reading.gap(file, Reason::Partial, format!("{holes} {noun} not put in"));
        }
        if file.keep == Keep::Documents {
            reading.documents.push((NAME, document));
        }
    }
}

/// Whether a `pr:` starts the pipeline.
fn starts(pr: &Node) -> bool {
    pr.as_text() != Some("none") && pr.truthy() != Some(false)
}

/// What a job gets from what it stands in.
#[derive(Clone, Default)]
struct Outer<'n> {
    /// The stage.
    name: String,
    variables: Vec<&'n Node>,
    environment: Option<&'n Node>,
}

struct Pipeline<'p, 'f> {
    file: &'p File<'f>,
    name: String,
    /// Where the pipeline says that pull requests start it.
    pulled: Option<&'p Node>,
    /// The task before this place that waits for a person.
    gate: Option<Setting>,
    jobs: Vec<Identity>,
    /// Templates that are not looked up.
    holes: usize,
}

impl<'p> Pipeline<'p, '_> {
    /// Reads what stands where stages, jobs or steps may: the pipeline itself, a stage, a template's parameters.
    fn list(&mut self, node: &'p Node, outer: &Outer<'p>, depth: usize) {
        if depth > DEEPEST {
            self.holes += 1;
            return;
        }
        let mut outer = outer.clone();
        outer.variables.extend(node.get("variables"));
        for key in ["stages", "jobs"] {
            for item in node.get(key).map(flat).unwrap_or_default() {
                self.item(item, &outer, depth);
            }
        }
        if let Some(extends) = node.get("extends") {
            self.holes += 1;
            if let Some(parameters) = extends.get("parameters") {
                self.list(parameters, &outer, depth + 1);
            }
        }
        if node.get("steps").is_some() {
            self.job(node, &outer);
        }
    }

    fn item(&mut self, item: &'p Node, outer: &Outer<'p>, depth: usize) {
        if item.get("stage").is_some() {
            let name = item.get("stage").and_then(Node::scalar).unwrap_or_default();
            self.list(item, &Outer { name, ..outer.clone() }, depth + 1);
        } else if item.get("job").is_some() || item.get("deployment").is_some() || item.get("steps").is_some()
        {
            let mut outer = outer.clone();
            outer.variables.extend(item.get("variables"));
            outer.environment = item.get("environment").or(outer.environment);
            self.job(item, &outer);
        } else if item.get("template").is_some() {
            self.holes += 1;
            if let Some(parameters) = item.get("parameters") {
                self.list(parameters, outer, depth + 1);
            }
        } else {
            self.list(item, outer, depth + 1);
        }
    }

    fn job(&mut self, node: &'p Node, outer: &Outer<'p>) {
        let (key, id) = ["deployment", "job"]
            .iter()
            .find_map(|key| Some((node.entry(key)?, node.get(key)?.scalar().unwrap_or_default())))
            .map_or((None, "job".to_owned()), |((key, _), id)| (Some(key), id));
        let stage = if outer.name.is_empty() { String::new() } else { format!("/{}", outer.name) };
        let name = format!("{}{stage}/{id}", self.name);
        let at = key.unwrap_or(node);
        let mut identity = self.file.identity(IdentityKind::Pipeline, NAME, "ci_job", name, at);
        let minutes = node.get("timeoutInMinutes").map(|minutes| minutes.as_int().unwrap_or(-1));
        let seconds = minutes
            .map_or(DEFAULT_SECONDS, |minutes| if minutes < 0 { -1 } else { minutes.saturating_mul(60) });
        ci_job::session(self.file, NAME, "System.AccessToken", seconds, at, &mut identity);
        let place = outer.environment.map(|place| place.get("name").unwrap_or(place));
        let said = place.and_then(Node::scalar).unwrap_or_default();
        ci_job::named(self.file, &[&said, &outer.name, &id], at, &mut identity);
        if let Some(place) = place {
            identity.settings.push(self.file.setting("gate", &said, place));
        }
        identity.settings.extend(self.gate.clone());
        if let Some(pr) = self.pulled {
            identity.settings.push(self.file.setting("trigger.pull-request", "true", pr));
        }
        for variables in &outer.variables {
            self.variables(variables, &mut identity);
        }
        let deployed = ["runOnce", "rolling", "canary"].iter().filter_map(|how| node.at(&["strategy", how]));
        let lists = deployed.flat_map(Node::entries).map(|(_, phase)| phase).chain([node]);
        for steps in lists.filter_map(|node| node.get("steps")) {
            for step in flat(steps) {
                self.step(step, &mut identity);
            }
        }
        self.jobs.push(identity);
    }

    /// A map of names and values, or a list of `name` and `value`, of groups and of templates.
    fn variables(&self, node: &Node, identity: &mut Identity) {
        for (key, value) in node.entries() {
            ci_job::variable(self.file, &key.scalar().unwrap_or_default(), value, identity);
        }
        for item in flat(node) {
            if let (Some(name), Some(value)) = (item.get("name").and_then(Node::scalar), item.get("value")) {
                ci_job::variable(self.file, &name, value, identity);
            } else if let Some(group) = item.get("group") {
                let name = group.scalar().unwrap_or_default();
                identity.settings.push(self.file.setting("variable-group", &name, group));
                let place = self.file.location(group.span);
                let name = format!("variable-group.{name}");
                identity.credentials.push(unknown_credential(CredentialKind::ApiKey, &name, place));
            }
        }
    }

    fn step(&mut self, step: &Node, identity: &mut Identity) {
        let task = step.get("task").and_then(Node::scalar).unwrap_or_default();
        if ["ManualValidation@", "ManualIntervention@"].iter().any(|start| task.starts_with(start)) {
            let at = step.get("task").unwrap_or(step);
            self.gate = Some(self.file.setting("gate", &task, at));
        }
        if step.get("template").is_some() {
            identity.complete = false;
            self.holes += 1;
        }
        if let Some(at) = step.get("persistCredentials").filter(|at| at.truthy() == Some(true)) {
            identity.settings.push(self.file.setting("checkout.credentials", "kept", at));
        }
        for (name, value) in step.get("env").map(Node::entries).unwrap_or_default() {
            let name = name.scalar().unwrap_or_default();
            if value.as_text().is_some_and(|text| text.contains("$(System.AccessToken)")) {
                identity.settings.push(self.file.setting("access-token", &name, value));
            } else {
                ci_job::variable(self.file, &name, value, identity);
            }
        }
        let inputs = step.get("inputs");
        if let Some(at) = inputs
            .and_then(|inputs| input(inputs, "addSpnToEnvironment"))
            .filter(|at| at.truthy() == Some(true))
        {
            identity.settings.push(self.file.setting("spn-in-environment", "true", at));
        }
        let connections = ["azureSubscription", "connectedServiceName", "connectedServiceNameARM"];
        for at in connections.iter().filter_map(|name| input(inputs?, name)) {
            let name = format!("service-connection.{}", at.scalar().unwrap_or_default());
            let held =
                unknown_credential(CredentialKind::OauthClientSecret, &name, self.file.location(at.span));
            if !identity.credentials.iter().any(|one| one.name == name) {
                identity.credentials.push(held);
            }
        }
        if DEPLOYING.iter().any(|start| task.starts_with(start)) {
            let at = step.get("task").unwrap_or(step);
            identity.settings.push(self.file.setting(
                "deploys",
                task.split('@').next().unwrap_or_default(),
                at,
            ));
        }
        let scripts = ["script", "bash", "pwsh", "powershell"].iter().filter_map(|key| step.get(key));
        let inline = ["script", "inlineScript"].iter().filter_map(|key| input(inputs?, key));
        for script in scripts.chain(inline) {
            let text = script.as_text().unwrap_or_default();
            if let Some(name) = MACROS.iter().find(|name| text.contains(&format!("$({name})"))) {
                identity.settings.push(self.file.setting("script.macro", name, script));
            }
            ci_job::script(self.file, script, identity);
        }
    }
}

/// Values that whoever opens a pull request or pushes writes, and that are put into a script before its shell reads it.
///
/// Source: Microsoft, "Predefined variables" and "Secure use of variables and parameters", read 2026-11-21.
const MACROS: [&str; 5] = [
    "Build.SourceBranchName",
    "Build.SourceBranch",
    "Build.SourceVersionMessage",
    "Build.SourceVersionAuthor",
    "System.PullRequest.SourceBranch",
];

/// Tasks that change something that runs.
const DEPLOYING: [&str; 9] = [
    "AzureWebApp@",
    "AzureRmWebAppDeployment@",
    "AzureFunctionApp@",
    "AzureResourceManagerTemplateDeployment@",
    "AzureResourceGroupDeployment@",
    "Kubernetes@",
    "KubernetesManifest@",
    "HelmDeploy@",
    "AzureContainerApps@",
];

/// The value of an input, whose letter case does not count.
fn input<'n>(inputs: &'n Node, name: &str) -> Option<&'n Node> {
    let mut found = inputs
        .entries()
        .iter()
        .filter(|(key, _)| key.as_text().is_some_and(|key| key.eq_ignore_ascii_case(name)));
    found.next().map(|(_, value)| value)
}

/// The items of a list, those behind a condition too: `- ${{ if … }}:` with a list below it.
fn flat(node: &Node) -> Vec<&Node> {
    let mut found = Vec::new();
    let mut open: Vec<(&Node, usize)> = vec![(node, 0)];
    while let Some((list, depth)) = open.pop() {
        let mut below = Vec::new();
        for item in list.items() {
            let conditions =
                item.entries().iter().filter(|(key, _)| key.scalar().is_some_and(|key| key.contains("${{")));
            let lists: Vec<&Node> = conditions.map(|(_, value)| value).collect();
            if lists.is_empty() {
                found.push(item);
            } else if depth < DEEPEST {
                below.extend(lists.into_iter().map(|list| (list, depth + 1)));
            }
        }
        open.extend(below.into_iter().rev());
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::read;

    #[test]
    fn a_pipeline_is_known_by_its_path() {
        for (path, claimed) in [
            ("azure-pipelines.yml", true),
            ("a/azure-pipelines-release.yaml", true),
            (".azure-pipelines/steps/a.yml", true),
            (".azuredevops/pull_request_template.md", false),
            ("pipelines.yml", false),
        ] {
            assert_eq!(DIALECT.claims(path, b"steps:\n"), claimed, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_pipeline_makes_it_fall_over(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "stages:\n", "- stage: a\n", "  jobs:\n", "  - deployment: b\n", "    strategy: { runOnce: { deploy: { steps: [{ script: x }] } } }\n",
                    "jobs: [{ job: a, steps: [{ task: A@1, inputs: { AddSpnToEnvironment: true } }] }]\n", "steps:\n", "- ${{ if x }}:\n", "  - script: y\n",
                    "variables: [{ group: a }, { name: b, value: c }]\n", "extends: { template: x, parameters: { stages: [] } }\n", "pr: none\n", "---\n", "[", "}",
                ]),
                0..20,
            )
        ) {
            let text = parts.concat();
            for identity in read("azure-pipelines.yml", None, text.as_bytes(), Keep::Documents).identities {
                prop_assert!(identity.places.iter().all(|place| place.span.end <= text.len()));
            }
        }
    }
}
