//! `check`: build a request, call the gate, render every report asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tollgate::exception::{self, Authors};
use tollgate::gate::{self, Recording, Request};
use tollgate::git::{ObjectId, Repository};
use tollgate::ledger::{Ledger, LedgerError};
use tollgate::outcome::Outcome;
use tollgate::pipeline::Stage;
use tollgate::policy::Policies;
use tollgate::report::{self, saved};
use tollgate::source::{self, Limits, Scope, Source};
use tollgate::text::safe;
use tollgate::text::time::Timestamp;
use tollgate::trust::TrustRoot;

use super::authors;
use super::context::{Context, write_file};
use super::exit::Exit;
use super::granted::granted;
use super::guarded::Guarded;
use super::memo;
use super::progress;
use super::site::Site;
use super::spool;
use super::tool::Tool;
use super::trouble::Trouble;
use super::trusted;
use super::verify_deploy;

/// What to judge, and how.
#[derive(Debug, Clone, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "Examples:
  tollgate check                                  this folder, tracked and untracked files
  tollgate check --staged                         what is about to be committed, from the index
  tollgate check --since origin/main              what every commit since the merge base introduces
  tollgate check --history                        every content any commit ever had, once
  tollgate check --report human --report sarif=out.sarif
  tollgate check --stage deploy --artifact sha256:4e07...    and the job that deploys: --verify-deploy sha256:4e07...
  kubectl get clusterroles -o yaml | tollgate check --stdin --path roles.yaml

Exit codes: 0 the gate opens, 1 it stays shut, 2 no decision.")]
pub struct Arguments {
    /// Folder or file to scan.
    #[arg(value_name = "PATH", default_value = ".")]
    pub path: PathBuf,
    /// Only what is staged, as it is in the index.
    #[arg(long, conflicts_with_all = ["since", "range", "stdin"])]
    pub staged: bool,
    /// Only what every commit since the merge base with REV introduces.
    #[arg(long, value_name = "REV", conflicts_with_all = ["range", "stdin"])]
    pub since: Option<String>,
    /// The same between two commits.
    #[arg(long, value_name = "A..B", conflicts_with = "stdin")]
    pub range: Option<String>,
    /// Also every content of the history, once, or what the commits of a range bring in. Of old versions only texts are
    /// judged: secrets and credentials, not what identities may do.
    #[arg(long, value_name = "A..B", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["staged", "since", "range", "stdin"])]
    pub history: Option<String>,
    /// One stream, judged as the file that `--path` names.
    #[arg(long)]
    pub stdin: bool,
    /// Path the stream is judged at.
    #[arg(long = "path", id = "stream_name", value_name = "NAME", default_value = "stdin")]
    pub name: String,
    /// Where the gate stands; `merge` in CI and `local` elsewhere when left out.
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<StageName>,
    /// Name of the pipeline; the policy or the CI environment gives it when left out.
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Commit or branch that policy and signers come from; at `merge` the base of the request when left out.
    #[arg(long, value_name = "REV")]
    pub trust: Option<String>,
    /// URL of the ledger; the one of the policy when left out.
    #[arg(long, value_name = "URL")]
    pub ledger: Option<String>,
    /// Record nothing; on a developer's machine only.
    #[arg(long)]
    pub no_ledger: bool,
    /// Search no file again that was clean before under the same rules; on a developer's machine only.
    #[arg(long)]
    pub memo: bool,
    /// Judge ends at this instant instead of now; on a developer's machine only.
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// Digest of what is about to be deployed, for the record; may be given again.
    #[arg(long = "artifact", value_name = "DIGEST")]
    pub artifacts: Vec<String>,
    /// Scan nothing: ask the ledger whether the artefact with this digest is the one a run at `deploy` let through.
    #[arg(long, value_name = "DIGEST",
          conflicts_with_all = ["staged", "since", "range", "stdin", "history", "artifacts", "reports", "no_ledger", "as_of"])]
    pub verify_deploy: Option<String>,
    /// A report to print, or to write to a file; may be given again.
    #[arg(long = "report", value_name = "FORMAT[=FILE]")]
    pub reports: Vec<String>,
    /// How many threads may work at once; all cores when left out.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Use no network. Scanning never does; this also holds for ledgers that are not files.
    #[arg(long)]
    pub offline: bool,
}

/// A stage as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum StageName {
    /// A developer's machine.
    Local,
    /// A pull or merge request.
    Merge,
    /// The road to production.
    Deploy,
}

impl From<StageName> for Stage {
    fn from(name: StageName) -> Self {
        match name {
            StageName::Local => Self::Local,
            StageName::Merge => Self::Merge,
            StageName::Deploy => Self::Deploy,
        }
    }
}

/// Runs `check`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    super::ledger::refuse_seal_key(context)?;
    let site = Site::find(&context.absolute(&arguments.path), context)?;
    if let Some(digest) = &arguments.verify_deploy {
        return verify_deploy::run(digest, arguments, site, context);
    }
    let wanted = Wanted::parse(&arguments.reports)?;
    let outcome = decide(arguments, site, context)?;
    for report in &wanted {
        report.write(&outcome, context)?;
    }
    Ok(if outcome.verdict.opens() { Exit::Open } else { Exit::Shut })
}

/// Judges, records, and keeps the report for `except request` and `explain`.
pub fn decide(arguments: &Arguments, mut site: Site, context: &Context) -> Result<Outcome, Trouble> {
    let mut rejected = Vec::new();
    let stage = site.stage(arguments.stage.map(Into::into), &mut rejected)?;
    let private = stage == Stage::Local;
    let tool = if private { Tool::unnamed() } else { Tool::begin() };
    let artifacts: Vec<String> =
        arguments.artifacts.iter().map(|typed| verify_deploy::artifact(typed)).collect::<Result<_, _>>()?;
    let listing = listing(arguments, &site, private, context);
    let trust = trusted::root(arguments.trust.as_deref(), stage, &site, context, &mut rejected)?;
    let policies = trusted::policies(&trust, &site)?;
    if !private {
        tool.must_be_allowed(&policies)?;
    }
    site.name_pipeline(&policies, arguments.pipeline.as_deref(), &mut rejected);
    let arguments = &if private {
        arguments.clone()
    } else {
        granted(arguments, stage, &site, &policies, context, &mut rejected)?
    };
    let now = arguments.as_of.as_deref().map(Timestamp::parse).transpose()?.unwrap_or(context.now);
    let scope = scope(arguments, &policies, private, &mut rejected, context)?;
    let source = source(arguments, scope, listing)?;
    let source = guarded(source, arguments, &trust, &site, context)?;
    let again = || self::scope(arguments, &policies, private, &mut Vec::new(), context);
    let source = with_history(source, arguments, &again)?;
    let source = progress::watched(source, site.in_ci, context);
    let files = site.exception_files()?;
    for refused in exception::Exceptions::verify(&files, &trust.signers, &BTreeMap::new(), now).refused() {
        let (id, reason) = (&refused.refusal.exception, &refused.refusal.reason);
        context.note(&safe::terminal(&format!("note: exception `{id}` lets nothing through: {reason}")));
    }
    let authors = authors::of_change(arguments, &site, &trust, stage, !files.is_empty())?;
    let is_within = |older: &str, newer: &str| is_ancestor(site.repository.as_ref(), older, newer);
    let contains = |commit: &str| is_within(commit, &site.run.commit) == Some(true);
    let replaces = |commit: &str| replaces(&site, commit);
    let memo = arguments.memo.then(|| memo::open(&site, &policies, context)).flatten();
    let request = Request {
        source: &*source,
        stage,
        run: site.run.clone(),
        policies: &policies,
        trust: &trust,
        exceptions: &files,
        context: exception_context(&site, &policies, stage, authors, now, context),
        fingerprinter: &context.fingerprinter(),
        memo: memo.as_ref().map(|kept| &kept.memo),
        threads: threads(arguments.threads),
        version: env!("CARGO_PKG_VERSION"),
        tool_digest: &|| tool.digest().to_owned(),
        artifacts: &artifacts,
        tree: if private { String::new() } else { tree(&site)? },
        overrides_rejected: rejected,
        protected: site.run.request.is_empty() && is_within(&site.run.commit, &trust.commit) == Some(true),
        contains: &contains,
        replaces: &replaces,
        former: &|commit| trusted::former(commit, &site),
        change_base: change_base(&site, &trust)?,
        spool: &|run| spool::keep(run, &site, context),
    };
    let outcome = record(arguments, &site, &policies, &request, now, context)?;
    if let Some(kept) = &memo {
        kept.close(outcome.coverage.files, context);
    }
    keep_report(&outcome, &site, context);
    Ok(outcome)
}

fn record(
    arguments: &Arguments,
    site: &Site,
    policies: &Policies,
    request: &Request<'_>,
    now: Timestamp,
    context: &Context,
) -> Result<Outcome, Trouble> {
    if arguments.no_ledger {
        return Ok(gate::run(request, Recording::Nowhere("--no-ledger was given".to_owned()), now)?);
    }
    let Some(url) = site.ledger_url(arguments.ledger.as_deref(), policies, context) else {
        let reason = "no ledger is configured for this pipeline".to_owned();
        return Ok(gate::run(request, Recording::Nowhere(reason), now)?);
    };
    if arguments.offline && !url.starts_with("file:") {
        let reason = "`--offline` lets no ledger be reached but one in a folder".to_owned();
        return Ok(gate::run(request, Recording::Nowhere(reason), now)?);
    }
    let origin = site.origin(policies, now);
    let mut ledger = match Ledger::open(&site.ledger_place(&url), &origin) {
        Err(error @ LedgerError::Unavailable(_)) => {
            return Ok(gate::run(request, Recording::OutOfReach(origin, error), now)?);
        }
        opened => opened?,
    };
    super::ledger::require_known(&ledger, context)?;
    Ok(gate::run(request, Recording::In(&mut ledger), now)?)
}

fn scope(
    arguments: &Arguments,
    policies: &Policies,
    private: bool,
    rejected: &mut Vec<String>,
    context: &Context,
) -> Result<Scope, Trouble> {
    let mut limits = Limits::default();
    if let Some(size) = policies.settings.limits.file_bytes {
        limits.file_bytes = size.0;
    }
    let scope = Scope::new(&context.absolute(&arguments.path), limits)?;
    let scope = scope.excluding(&policies.settings.paths.exclude)?;
    if let Some(index) = index(private, context) {
        return Ok(scope.with_index(&index));
    }
    // Another index tracks other files, and what is not tracked may be ignored.
    rejected.extend(context.environment.get("GIT_INDEX_FILE").map(|_| "GIT_INDEX_FILE".to_owned()));
    Ok(scope)
}

/// The index that git names to a hook; what CI is told of another one does not count.
fn index(private: bool, context: &Context) -> Option<PathBuf> {
    let named = context.environment.get("GIT_INDEX_FILE").filter(|_| private)?;
    Some(context.absolute(Path::new(named)))
}

/// Has git list what is staged while rules and trust are read.
fn listing(arguments: &Arguments, site: &Site, private: bool, context: &Context) -> Option<source::Listing> {
    let repository = site.repository.clone().filter(|_| arguments.staged)?;
    let repository = match index(private, context) {
        Some(index) => repository.with_index(&index),
        None => repository,
    };
    Some(source::Listing::begin(&repository))
}

/// The source with an eye on the gate's own files, where there is a trust commit they can differ from.
fn guarded(
    source: Box<dyn Source>,
    arguments: &Arguments,
    trust: &TrustRoot,
    site: &Site,
    context: &Context,
) -> Result<Box<dyn Source>, Trouble> {
    let has_base = arguments.since.is_some() || arguments.range.is_some();
    let top = site.repository.as_ref().and_then(|repository| repository.work_tree());
    let Some(((repository, top), trusted)) =
        site.repository.as_ref().zip(top).zip(ObjectId::parse(&trust.commit))
    else {
        return Ok(source);
    };
    if has_base || arguments.stdin {
        return Ok(source);
    }
    let newest = site.base_branch(context).map(|branch| format!("refs/remotes/origin/{branch}"));
    let newest = newest.map(|branch| repository.resolve_branch(&branch)).transpose()?.flatten();
    let commits: Vec<ObjectId> = std::iter::once(trusted).chain(newest).collect();
    Ok(Box::new(Guarded::new(source, repository, &commits, top.to_owned())?))
}

fn source(
    arguments: &Arguments,
    scope: Scope,
    listing: Option<source::Listing>,
) -> Result<Box<dyn Source>, Trouble> {
    if arguments.staged {
        return Ok(Box::new(source::Staged::new(scope).with(listing)));
    }
    if arguments.stdin {
        return Ok(Box::new(source::Stdin::new(&arguments.name, std::io::stdin(), Limits::default())));
    }
    if let Some(revision) = &arguments.since {
        return Ok(Box::new(source::Range::since(scope, revision)));
    }
    if let Some(text) = &arguments.range {
        let range = source::Range::parse(scope, text).ok_or_else(|| no_range(text))?;
        return Ok(Box::new(range));
    }
    let bare = scope.repository().is_some_and(|repository| repository.work_tree().is_none());
    Ok(if bare { Box::new(source::Tree::new(scope, "HEAD")) } else { Box::new(source::Worktree::new(scope)) })
}

/// The source, and the history beside it where that is asked for.
fn with_history(
    source: Box<dyn Source>,
    arguments: &Arguments,
    scope: &dyn Fn() -> Result<Scope, Trouble>,
) -> Result<Box<dyn Source>, Trouble> {
    let history = match arguments.history.as_deref() {
        None => return Ok(source),
        Some("") => source::History::new(scope()?),
        Some(range) => source::History::parse(scope()?, range).ok_or_else(|| {
            no_range(range).help("write `A..B`, as in `main..HEAD`; a path stands before `--history`")
        })?,
    };
    Ok(Box::new(history.beside(source)))
}

fn no_range(text: &str) -> Trouble {
    Trouble::new(format!("`{text}` is no range of commits")).help("write `A..B`, as in `main..HEAD`")
}

fn threads(asked: Option<usize>) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.unwrap_or_else(all).clamp(1, 256)
}

/// Whom and what an exception must hold for: this repository, pipeline and branch, and people other than the authors.
fn exception_context(
    site: &Site,
    policies: &Policies,
    stage: Stage,
    authors: Authors,
    now: Timestamp,
    context: &Context,
) -> exception::Context {
    let environment = context.environment.get("CI_ENVIRONMENT_NAME").map(str::to_owned);
    exception::Context {
        stage,
        ledger: site.ledger_name(policies, now),
        repo_host: site.run.repo_host.clone(),
        repo_id: site.run.repo_id.clone(),
        pipeline: site.run.pipeline.clone(),
        environment: environment.or_else(|| (stage == Stage::Deploy).then(|| "production".to_owned())),
        // A branch on a person's machine is the change itself, not what it is meant for.
        base_branch: site.base_branch(context).filter(|_| stage != Stage::Local),
        commit: site.run.commit.clone(),
        authors,
        clock: exception::Clock::Doubtful,
        vetted: std::collections::BTreeSet::new(),
        uses: BTreeMap::new(),
        revoked: std::collections::BTreeSet::new(),
        denied: std::collections::BTreeSet::new(),
        adopted: None,
    }
}

/// Whether `newer` is `older` or descends from it; `None` where one of them is not here.
fn is_ancestor(repository: Option<&Repository>, older: &str, newer: &str) -> Option<bool> {
    let (older, newer) = ObjectId::parse(older).zip(ObjectId::parse(newer))?;
    repository?.is_ancestor(&older, &newer).ok()
}

/// Whether the head of this run came after `commit` on the same ref. What is not here was left behind by a rewritten
/// branch, unless the clone is cut off or the run is one of an older head that was started anew.
fn replaces(site: &Site, commit: &str) -> bool {
    let Some(repository) = &site.repository else { return true };
    let contains = is_ancestor(Some(repository), commit, &site.run.commit) == Some(true);
    let is_older = is_ancestor(Some(repository), &site.run.commit, commit) == Some(true);
    contains || (site.run.attempt <= 1 && !repository.is_shallow() && !is_older)
}

/// The commit that all of the change comes after; empty when unknown.
fn change_base(site: &Site, trust: &TrustRoot) -> Result<String, Trouble> {
    let start = [&site.run.base, &trust.commit].into_iter().find(|commit| !commit.is_empty());
    let Some((repository, start)) = site.repository.as_ref().zip(start) else { return Ok(String::new()) };
    let Some(head) = repository.head()? else { return Ok(String::new()) };
    let base = authors::base(repository, start, &head)?;
    Ok(base.map(|id| id.as_str().to_owned()).unwrap_or_default())
}

/// Id of the tree of the commit under judgement; empty where it is not here.
fn tree(site: &Site) -> Result<String, Trouble> {
    let Some((repository, id)) = site.repository.as_ref().zip(ObjectId::parse(&site.run.commit)) else {
        return Ok(String::new());
    };
    if repository.resolve(id.as_str())?.is_none() {
        return Ok(String::new());
    }
    let commits = repository.commits(&[id])?;
    Ok(commits.first().map(|commit| commit.tree.as_str().to_owned()).unwrap_or_default())
}

/// One report that was asked for.
struct Wanted {
    format: &'static report::Format<Outcome>,
    file: Option<PathBuf>,
}

impl Wanted {
    fn parse(texts: &[String]) -> Result<Vec<Self>, Trouble> {
        if texts.is_empty() {
            return Self::parse(&["human".to_owned()]);
        }
        let wanted: Vec<Self> = texts.iter().map(|text| Self::one(text)).collect::<Result<_, _>>()?;
        if wanted.iter().filter(|report| report.file.is_none()).count() > 1 {
            return Err(Trouble::new("more than one report goes to standard output")
                .help("give all but one a file, as in `--report json=report.json`"));
        }
        Ok(wanted)
    }

    fn one(text: &str) -> Result<Self, Trouble> {
        let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        let format = report::named(name).ok_or_else(|| {
            let known: Vec<&str> = report::FORMATS.iter().map(|format| format.name).collect();
            Trouble::new(format!("`{name}` is no report format"))
                .help(format!("known are {}", known.join(", ")))
        })?;
        Ok(Self { format, file: file.map(PathBuf::from) })
    }

    fn write(&self, outcome: &Outcome, context: &Context) -> Result<(), Trouble> {
        let colour = context.colour && self.file.is_none();
        let options = report::Options { colour, ..report::Options::default() };
        let text = (self.format.render)(outcome, &options);
        match &self.file {
            Some(file) => write_file(&context.absolute(file), text.as_bytes()),
            None => context.print(&text),
        }
    }
}

/// Where the report of the last run is kept.
fn report_path(site: &Site, context: &Context) -> PathBuf {
    site.state(context).join("last-report.json")
}

/// Keeps the report of this run; a machine where that fails only loses the short way to name a finding.
fn keep_report(outcome: &Outcome, site: &Site, context: &Context) {
    if let Some(json) = report::named("json") {
        let text = (json.render)(outcome, &report::Options::default());
        if let Err(trouble) = write_file(&report_path(site, context), text.as_bytes()) {
            context.note(&format!("note: the report was not kept for `explain`: {}", trouble.message()));
        }
    }
}

/// The report of the last run here.
pub fn last_report(site: &Site, context: &Context) -> Result<saved::SavedReport, Trouble> {
    let path = report_path(site, context);
    if !path.is_file() {
        return Err(
            Trouble::new("there is no report of an earlier run here").help("run `tollgate check` first")
        );
    }
    read_report(&path)
}

/// A json report that was written to a file.
pub fn read_report(path: &Path) -> Result<saved::SavedReport, Trouble> {
    let fault = |error: std::io::Error| {
        Trouble::new(format!("the report `{}` cannot be read: {error}", path.display()))
    };
    let size = std::fs::metadata(path).map_err(fault)?.len();
    if size > saved::MAX_REPORT as u64 {
        return Err(Trouble::new(format!(
            "the report `{}` is larger than {} MiB",
            path.display(),
            saved::MAX_REPORT >> 20
        )));
    }
    Ok(saved::read(&std::fs::read(path).map_err(fault)?)?)
}
