//! Where a command stands: which folder, which repository, which run, whose policy.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate::git::Repository;
use tollgate::ledger::Ledger;
use tollgate::pipeline::{Run, Stage, event, providers};
use tollgate::policy::{Policies, PolicyFile, load};
use tollgate::text::hash;
use tollgate::text::time::Timestamp;
use tollgate::text::ulid::ulid;
use tollgate::trust::{TrustReader as _, WorkTree};

use super::context::Context;
use super::trouble::Trouble;

/// The largest event file that is read.
const EVENT_BYTES: u64 = 10 << 20;

/// The largest file of `.tollgate/` that is read.
pub const POLICY_BYTES: u64 = 1 << 20;

/// Where a command stands.
#[derive(Debug)]
pub struct Site {
    /// The folder that holds `.tollgate/`, or would: the top of the work tree, or the folder itself.
    pub root: PathBuf,
    /// The repository around it.
    pub repository: Option<Repository>,
    /// The trip this is, from the CI provider or made up for a local one.
    pub run: Run,
    /// Whether this is CI, of a provider that is known or not.
    pub in_ci: bool,
    /// The variable that tells of CI where its provider is not known.
    unknown: Option<&'static str>,
}

impl Site {
    /// The site of `path`.
    pub fn find(path: &Path, context: &Context) -> Result<Self, Trouble> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let repository = Repository::discover(&folder)?;
        let top = repository.as_ref().and_then(|found| found.work_tree()).map(Path::to_owned);
        let provider = providers::recognise(&context.environment);
        let unknown = providers::unknown(&context.environment);
        let in_ci = provider.is_some() || unknown.is_some();
        // In CI the top counts alone: a folder of the change could bring settings of its own.
        let nearest = policy_folder(&folder, top.as_deref()).filter(|_| !in_ci || top.is_none());
        let root = nearest.or(top).unwrap_or(folder);
        let run = match provider {
            Some(provider) => {
                let run = with_event(provider.run(&context.environment), context)?;
                completed(run, local_run(&root, repository.as_ref(), context)?)
            }
            None => local_run(&root, repository.as_ref(), context)?,
        };
        Ok(Self { root, repository, run, in_ci, unknown })
    }

    /// `merge` in CI and `local` elsewhere, unless `asked`; in CI a wish for `local` is not granted. Where the provider
    /// is not known, nothing tells a request from a deployment, so it must be asked for.
    pub fn stage(&self, asked: Option<Stage>, rejected: &mut Vec<String>) -> Result<Stage, Trouble> {
        Ok(match (asked, self.unknown, self.in_ci) {
            (Some(Stage::Local), _, true) => {
                rejected.push("--stage local".to_owned());
                Stage::Merge
            }
            (Some(stage), ..) => stage,
            (None, Some(sign), _) => {
                let fault = format!("`{sign}` tells of CI, and its provider is not known");
                return Err(Trouble::new(fault).help(
                    "name where the gate stands with `--stage merge` or `--stage deploy`, and the protected \
                     branch with `--trust`, as in `--trust origin/main`",
                ));
            }
            (None, None, true) => Stage::Merge,
            (None, None, false) => Stage::Local,
        })
    }

    /// Names the pipeline: as asked for, else as the first match of the policy says. In CI the name of the policy
    /// holds: exceptions and rates go by it, so another one is not granted and goes to `rejected`.
    pub fn name_pipeline(&mut self, policies: &Policies, asked: Option<&str>, rejected: &mut Vec<String>) {
        let mut named = false;
        for entry in &policies.settings.pipelines {
            let fits = |glob: &Option<String>, text: &str| {
                glob.as_ref().is_none_or(|glob| {
                    globset::Glob::new(glob).is_ok_and(|glob| glob.compile_matcher().is_match(text))
                })
            };
            // Providers name a pipeline `owner/name/workflow`; people write the workflow alone, or all of it.
            let workflow = self.run.pipeline.rsplit('/').next().unwrap_or_default();
            let is_workflow =
                [workflow, &self.run.pipeline].iter().any(|name| fits(&entry.when.workflow, name));
            if fits(&entry.when.repo, &self.run.repo_name) && is_workflow {
                self.run.pipeline.clone_from(&entry.name);
                self.run.product = entry.product.clone().unwrap_or_default();
                named = true;
                break;
            }
        }
        match asked.filter(|name| *name != self.run.pipeline) {
            Some(name) if named && self.in_ci => rejected.push(format!("--pipeline {name}")),
            Some(name) => name.clone_into(&mut self.run.pipeline),
            None => {}
        }
    }

    /// The policy of the work tree: what a developer's machine goes by, and whose word counts for nothing elsewhere.
    pub fn local_policies(&self) -> Result<Policies, Trouble> {
        Ok(load::policies(&self.policy_files()?)?)
    }

    /// The policy and the rules of `.tollgate/` on the disk, sorted, and those the policy extends.
    pub fn policy_files(&self) -> Result<Vec<PolicyFile>, Trouble> {
        let mut files = Vec::new();
        if let Some(text) = self.read_text(".tollgate/policy.yml")? {
            files.push(PolicyFile { path: ".tollgate/policy.yml".to_owned(), text });
        }
        for name in self.names_in(".tollgate/rules")? {
            let path = format!(".tollgate/rules/{name}");
            if let Some(text) = self.read_text(&path)? {
                files.push(PolicyFile { path, text });
            }
        }
        if let Some(policy) = files.first().filter(|file| file.path == ".tollgate/policy.yml") {
            for path in load::extended(policy)? {
                if let Some(text) = self.read_text(&path)? {
                    files.push(PolicyFile { path, text });
                }
            }
        }
        Ok(files)
    }

    /// Documents and signatures of `.tollgate/exceptions/` on the disk, sorted by path.
    pub fn exception_files(&self) -> Result<Vec<(String, Vec<u8>)>, Trouble> {
        let mut files = Vec::new();
        for name in self.names_in(".tollgate/exceptions")? {
            let path = format!(".tollgate/exceptions/{name}");
            if let Some(bytes) = self.read(&path)? {
                files.push((path, bytes));
            }
        }
        Ok(files)
    }

    /// Where state of this repository is kept: in its git directory, else in the user's state folder.
    pub fn state(&self, context: &Context) -> PathBuf {
        if let Some(repository) = &self.repository {
            return repository.common_dir().join("tollgate");
        }
        let home = context.environment.get("HOME").unwrap_or("/tmp");
        let state = context.environment.get("XDG_STATE_HOME").map(PathBuf::from);
        let state = state.unwrap_or_else(|| Path::new(home).join(".local/state"));
        let name: String =
            hash::digest(self.root.to_string_lossy().as_bytes()).chars().skip(7).take(16).collect();
        state.join("tollgate").join(name)
    }

    /// The URL of the ledger: what was asked for, what the policy says, and outside CI a folder of our own.
    pub fn ledger_url(&self, asked: Option<&str>, policies: &Policies, context: &Context) -> Option<String> {
        let here = || (!self.in_ci).then(|| format!("file:{}", self.state(context).join("ledger").display()));
        asked.map(str::to_owned).or_else(|| policies.settings.ledger.clone()).or_else(here)
    }

    /// `<organisation>/ledger/<year>`, or `local/<repository>/<year>` where the policy names no organisation.
    pub fn origin(&self, policies: &Policies, now: Timestamp) -> String {
        let year: String = now.to_string().chars().take(4).collect();
        if let Some(organisation) = &policies.settings.organisation {
            return format!("{organisation}/ledger/{year}");
        }
        let name =
            self.run.repo_name.rsplit('/').next().unwrap_or_default().replace(char::is_whitespace, "-");
        format!("local/{name}/{year}")
    }

    /// The origin without the year: what an exception names.
    pub fn ledger_name(&self, policies: &Policies, now: Timestamp) -> String {
        let origin = self.origin(policies, now);
        origin.rsplit_once('/').map_or(origin.clone(), |(name, _)| name.to_owned())
    }

    /// The branch the change is meant for, without `refs/heads/`.
    pub fn base_branch(&self, context: &Context) -> Option<String> {
        let told = providers::recognise(&context.environment)
            .and_then(|provider| provider.target(&context.environment));
        let own = self.run.reference.strip_prefix("refs/heads/").unwrap_or(&self.run.reference);
        // The branch of a request is the change itself, not what it is meant for.
        let is_known = self.run.request.is_empty() && !own.is_empty() && !own.starts_with("refs/");
        told.or_else(|| is_known.then(|| own.to_owned()))
    }

    /// Opens the ledger at `url`.
    pub fn open_ledger(&self, url: &str, policies: &Policies, now: Timestamp) -> Result<Ledger, Trouble> {
        Ok(Ledger::open(&self.ledger_place(url), &self.origin(policies, now))?)
    }

    /// The URL with a relative path taken from the top folder.
    pub fn ledger_place(&self, url: &str) -> String {
        match url.strip_prefix("file:") {
            Some(path) if Path::new(path).is_relative() => format!("file:{}", self.root.join(path).display()),
            _ => url.to_owned(),
        }
    }

    fn read_text(&self, path: &str) -> Result<Option<String>, Trouble> {
        let Some(bytes) = self.read(path)? else { return Ok(None) };
        String::from_utf8(bytes).map(Some).map_err(|_| Trouble::new(format!("`{path}` is not UTF-8 text")))
    }

    /// A file below the root, never through a link.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(WorkTree::new(&self.root).blob(path)?)
    }

    fn names_in(&self, folder: &str) -> Result<Vec<String>, Trouble> {
        let mut names = WorkTree::new(&self.root).list(folder)?;
        names.sort();
        Ok(names)
    }
}

/// The nearest folder with a `.tollgate/` from `folder` up to `top`.
fn policy_folder(folder: &Path, top: Option<&Path>) -> Option<PathBuf> {
    let within = |ancestor: &&Path| top.is_none_or(|top| ancestor.starts_with(top));
    folder
        .ancestors()
        .take_while(within)
        .find(|ancestor| ancestor.join(".tollgate").is_dir())
        .map(Path::to_owned)
}

fn with_event(mut run: Run, context: &Context) -> Result<Run, Trouble> {
    if ["github", "gitea", "forgejo"].contains(&run.provider.as_str())
        && let Some(value) = github_event(context)?
    {
        event::apply(&mut run, &value);
    }
    Ok(run)
}

/// What a provider does not tell, as the machine and the repository tell it.
fn completed(mut run: Run, local: Run) -> Run {
    for (told, here) in [
        (&mut run.repo_host, local.repo_host),
        (&mut run.repo_id, local.repo_id),
        (&mut run.repo_name, local.repo_name),
        (&mut run.pipeline, local.pipeline),
        (&mut run.run_id, local.run_id),
        (&mut run.commit, local.commit),
        (&mut run.actor_login, local.actor_login),
    ] {
        if told.is_empty() {
            *told = here;
        }
    }
    run
}

/// The event that started this run, as GitHub wrote it; `None` elsewhere.
pub fn github_event(context: &Context) -> Result<Option<Value>, Trouble> {
    let Some(path) = context.environment.get("GITHUB_EVENT_PATH") else { return Ok(None) };
    let fault = |what: String| Trouble::new(format!("the event file `{path}` {what}"));
    let size = std::fs::metadata(path).map_err(|error| fault(format!("cannot be read: {error}")))?.len();
    if size > EVENT_BYTES {
        return Err(fault(format!("is larger than {} MiB", EVENT_BYTES >> 20)));
    }
    let bytes = std::fs::read(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    serde_json::from_slice(&bytes).map(Some).map_err(|_| fault("is not JSON".to_owned()))
}

/// The run of a person at a machine: a random id, the login of the session.
fn local_run(root: &Path, repository: Option<&Repository>, context: &Context) -> Result<Run, Trouble> {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let login = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| context.environment.get(name));
    let login = login.unwrap_or("unknown").to_owned();
    let head = repository.map(Repository::head).transpose()?.flatten();
    Ok(Run {
        provider: "local".to_owned(),
        repo_host: "local".to_owned(),
        repo_id: name.clone(),
        pipeline: format!("{name}/local"),
        repo_name: name,
        run_id: ulid(context.now, context.chance()?),
        attempt: 1,
        trigger: "manual".to_owned(),
        actor_id: login.clone(),
        actor_class: if is_agent(context) { "agent" } else { "human" }.to_owned(),
        actor_login: login,
        commit: head.map(|id| id.as_str().to_owned()).unwrap_or_default(),
        reference: repository.map(Repository::branch).transpose()?.flatten().unwrap_or_default(),
        ..Run::default()
    })
}

/// Coding agents say so in the environment of what they start.
fn is_agent(context: &Context) -> bool {
    ["CLAUDECODE", "CURSOR_AGENT", "GEMINI_CLI", "CODEX_SANDBOX", "OPENCODE"]
        .iter()
        .any(|name| context.environment.get(name).is_some())
}
