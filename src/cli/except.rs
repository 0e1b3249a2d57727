//! `except`: request, approve, list, verify.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use tollgate::decide::terms;
use tollgate::exception::document::{Commits, Digest, Named, Reason, Repo, Scope};
use tollgate::exception::{Authors, Document, Exceptions, NAMESPACE, NAMESPACE_CRITICAL, Ulid};
use tollgate::finding::{RuleId, Severity};
use tollgate::policy::Policies;
use tollgate::report::saved::{SavedFinding, SavedReport};
use tollgate::signing::{Agent, Signature};
use tollgate::text::safe;
use tollgate::text::time::{Length, Timestamp};
use tollgate::trust::{TrustRoot, WorkTree};

use super::check;
use super::context::{Context, write_file};
use super::exit::Exit;
use super::explain;
use super::site::Site;
use super::trouble::Trouble;
use super::voucher;

/// The folder of exceptions.
const FOLDER: &str = ".tollgate/exceptions";

/// What to do with exceptions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a document that asks for an exception for findings of the last report.
    Request(Box<RequestArguments>),
    /// Sign a document: not for a change of your own.
    Approve(ApproveArguments),
    /// Every document here with its state.
    List,
    /// Check signatures and form: exit 1 unless every one named is an exception.
    Verify {
        /// Ids; all when left out.
        ids: Vec<String>,
    },
}

/// What is asked for.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:
  tollgate except request 4f0c-91aa-7be2 --owner payments --expires 5d \\
      --reason 'split into two roles with PAY-88, which ships on Thursday'")]
pub struct RequestArguments {
    /// Findings by their first digits, as the last report names them.
    #[arg(required = true, value_name = "FINDING")]
    pub findings: Vec<String>,
    /// Why, in at least 20 characters.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// One word: `accepted_risk`, `false_positive`, ...
    #[arg(long, value_name = "CODE", default_value = "accepted_risk")]
    pub code: String,
    /// Who answers for it.
    #[arg(long, value_name = "WHO")]
    pub owner: String,
    /// How long it holds, or until when; the longest the policy allows when left out.
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<String>,
    /// Ticket it belongs to.
    #[arg(long, value_name = "ID", default_value = "")]
    pub ticket: String,
    /// How often it may be used; any number within its time when left out.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_uses: u32,
    /// Pipelines it holds for; the one of the last report when left out.
    #[arg(long = "pipeline", value_name = "NAME")]
    pub pipelines: Vec<String>,
    /// Environments it holds for.
    #[arg(long = "environment", value_name = "NAME", default_values_t = ["production".to_owned()])]
    pub environments: Vec<String>,
    /// The protected branch the change is meant for.
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub base_branch: String,
    /// The json report that names the findings, such as one a CI run kept; that of the last run here when left out.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Id of the exception this one follows.
    #[arg(long, value_name = "ID")]
    pub renews: Option<String>,
    /// Who asks; your login when left out.
    #[arg(long, value_name = "WHO")]
    pub requested_by: Option<String>,
}

/// What to sign, and with what.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ApproveArguments {
    /// Id of the exception, or its first characters.
    pub id: String,
    /// OpenSSH private key; a key of the running agent that the signers file lists when left out.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// Runs `except`.
pub fn run(command: &Command, context: &Context) -> Result<Exit, Trouble> {
    match command {
        Command::Request(arguments) => request(arguments, context).map(|_| Exit::Open),
        Command::Approve(arguments) => approve(arguments, context),
        Command::List => list(context),
        Command::Verify { ids } => verify(ids, context),
    }
}

/// Writes a document and returns its id.
pub fn request(arguments: &RequestArguments, context: &Context) -> Result<String, Trouble> {
    let mut site = Site::find(&context.folder, context)?;
    let policies = site.local_policies()?;
    site.name_pipeline(&policies, None, &mut Vec::new());
    let report = match &arguments.report {
        Some(file) => check::read_report(&context.absolute(file))?,
        None => check::last_report(&site, context)?,
    };
    let found: Vec<&SavedFinding> =
        arguments.findings.iter().map(|typed| explain::pick(&report, typed)).collect::<Result<_, _>>()?;
    let document = document(arguments, &found, &report, &site, &policies, context)?;
    let path = format!("{FOLDER}/{}.json", document.id);
    write_file(&site.root.join(&path), &document.encode()?)?;
    let severity = found.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
    context.print(&format!(
        "{path}\n  asks for leave until {} for {} ({})\n  it lets nothing through until somebody else approves it:\n  tollgate except approve {} --key KEY\n",
        document.expires_at,
        plural(found.len(), "finding"),
        severity.word(),
        document.id
    ))?;
    Ok(document.id.as_str().to_owned())
}

fn document(
    arguments: &RequestArguments,
    found: &[&SavedFinding],
    report: &SavedReport,
    site: &Site,
    policies: &Policies,
    context: &Context,
) -> Result<Document, Trouble> {
    let now = context.now;
    let worst = found.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
    let longest = terms(&policies.settings.exceptions, worst).max_lifetime;
    let expires_at = match &arguments.expires {
        None => now.plus(longest),
        Some(text) => {
            Length::parse(text).map(|length| now.plus(length)).or_else(|_| Timestamp::parse(text))?
        }
    };
    if expires_at.since(now) > longest {
        return Err(Trouble::new(format!(
            "the policy lets an exception for a {} finding hold for {longest} at most",
            worst.word()
        ))
        .help("ask for less, and renew it when it ends"));
    }
    let key_id = context.fingerprinter().key_id().unwrap_or_default();
    let named = |finding: &&SavedFinding| Named {
        rule: RuleId(finding.rule.clone()),
        fp: finding.fingerprint,
        fp_alg: finding.algorithm,
        fpk: if finding.algorithm == tollgate::finding::FingerprintAlgorithm::Hmac {
            key_id.clone()
        } else {
            String::new()
        },
        severity: finding.severity,
        path: finding.path.clone(),
        summary: finding.title.clone(),
    };
    let pipelines = if arguments.pipelines.is_empty() {
        vec![report.pipeline.clone()]
    } else {
        arguments.pipelines.clone()
    };
    let renews = arguments
        .renews
        .as_deref()
        .map(|id| Ulid::parse(id).ok_or_else(|| Trouble::new(format!("`{id}` is no id of an exception"))));
    Ok(Document {
        v: 1,
        id: Ulid::new(now, context.chance()?),
        ledger: site.ledger_name(policies, now),
        repo: {
            let [host, id, name] = report.repo.clone();
            Repo { host, id, name }
        },
        scope: Scope {
            pipelines,
            environments: arguments.environments.clone(),
            base_branch: arguments.base_branch.clone(),
            commits: Commits::UntilFixed,
        },
        findings: found.iter().map(named).collect(),
        reason: Reason {
            code: arguments.code.clone(),
            text: arguments.reason.clone(),
            ticket: arguments.ticket.clone(),
            compensating: String::new(),
        },
        owner: arguments.owner.clone(),
        requested_by: arguments.requested_by.clone().unwrap_or_else(|| site.run.actor_login.clone()),
        created_at: now,
        not_before: now,
        expires_at,
        max_uses: arguments.max_uses,
        policy: Digest { digest: report.policy_digest.clone() },
        evidence: Some(Digest { digest: report.digest.clone() }),
        renews: renews.transpose()?,
    })
}

/// Signs a document and writes the signature beside it.
pub fn approve(arguments: &ApproveArguments, context: &Context) -> Result<Exit, Trouble> {
    let site = Site::find(&context.folder, context)?;
    let files = site.exception_files()?;
    let (path, bytes) = one_document(&files, &arguments.id)?;
    let document = Document::parse(bytes).map_err(|error| {
        Trouble::new(format!("`{path}` is no exception: {error}"))
            .help("nothing was signed; ask for a new document")
    })?;
    let namespace = if document.claims_critical() { NAMESPACE_CRITICAL } else { NAMESPACE };
    let signature = match &arguments.key {
        Some(key) => voucher::key_file(&context.absolute(key))?.sign(namespace, bytes)?,
        None => with_agent(&site, namespace, bytes, context)?,
    };
    let taken: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let free =
        (1..=files.len() + 1).map(|n| format!("{path}.{n}.sig")).find(|name| !taken.contains(name.as_str()));
    let target = free.unwrap_or_else(|| format!("{path}.sig"));
    write_file(&site.root.join(&target), signature.armour().as_bytes())?;
    context.print(&format!(
        "{target}\n  signed by {} in namespace {namespace}\n",
        signature.key().fingerprint()
    ))?;
    let trust = TrustRoot::read(&WorkTree::new(&site.root))?;
    if let Err(refusal) = trust.signers.who(signature.key(), namespace, context.now) {
        context.note(&format!("note: as things stand this signature does not count: {refusal}"));
    }
    Ok(Exit::Open)
}

/// Signs with the first key of the agent that the signers file lists for `namespace`.
fn with_agent(site: &Site, namespace: &str, bytes: &[u8], context: &Context) -> Result<Signature, Trouble> {
    let socket = context.environment.get("SSH_AUTH_SOCK").ok_or_else(|| {
        Trouble::new("no key was named and no SSH agent runs")
            .help("name a key file with `--key`, or start an agent")
    })?;
    let trust = TrustRoot::read(&WorkTree::new(&site.root))?;
    let mut agent = Agent::connect(Path::new(socket))?;
    let offers = agent.offers()?;
    let listed = offers.iter().find(|offer| trust.signers.who(&offer.key, namespace, context.now).is_ok());
    let offer = listed.ok_or_else(|| {
        Trouble::new(format!("none of the agent's keys may sign for `{namespace}`"))
            .help("`.tollgate/signers` lists who may; `--key FILE` names another key")
    })?;
    Ok(agent.sign(&offer.key, namespace, bytes)?)
}

fn one_document<'f>(files: &'f [(String, Vec<u8>)], id: &str) -> Result<(&'f str, &'f [u8]), Trouble> {
    let begins = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".json").is_some_and(|name| name.starts_with(&id.to_uppercase()))
    };
    let mut found = files.iter().filter(|(path, _)| begins(path));
    match (found.next(), found.next()) {
        (Some((path, bytes)), None) => Ok((path, bytes)),
        (None, _) => Err(Trouble::new(format!("there is no exception `{id}` in `{FOLDER}`"))
            .help("`tollgate except list` shows every one")),
        (Some((one, _)), Some((other, _))) => {
            Err(Trouble::new(format!("`{id}` could be `{one}` or `{other}`")).help("type more of the id"))
        }
    }
}

/// All documents here, judged by the signers of the work tree.
fn all(context: &Context) -> Result<(Exceptions, Policies, TrustRoot), Trouble> {
    let site = Site::find(&context.folder, context)?;
    let policies = site.local_policies()?;
    let trust = TrustRoot::read(&WorkTree::new(&site.root))?;
    let exceptions =
        Exceptions::verify(&site.exception_files()?, &trust.signers, &BTreeMap::new(), context.now);
    Ok((exceptions, policies, trust))
}

fn list(context: &Context) -> Result<Exit, Trouble> {
    let (exceptions, policies, trust) = all(context)?;
    let mut text = String::new();
    for exception in exceptions.accepted() {
        let document = exception.document();
        let state = state(exception, &policies, &trust, context.now);
        let _ = writeln!(
            text,
            "{}  {state:<22} until {}  {}  \"{}\"",
            document.id,
            document.expires_at.date(),
            plural(document.findings.len(), "finding"),
            safe::terminal(&document.reason.text)
        );
    }
    for refused in exceptions.refused() {
        let refusal = &refused.refusal;
        let name = safe::terminal(&refusal.exception);
        let _ = writeln!(text, "{name}  {:<22} {}", refusal.code, safe::terminal(&refusal.reason));
    }
    if text.is_empty() {
        text.push_str("no exceptions here\n");
    }
    context.print(&text)?;
    Ok(Exit::Open)
}

fn state(
    exception: &tollgate::exception::Exception,
    policies: &Policies,
    trust: &TrustRoot,
    now: Timestamp,
) -> String {
    let document = exception.document();
    if trust.revoked.contains(document.id.as_str()) {
        return "revoked".to_owned();
    }
    if now >= document.expires_at {
        return "expired".to_owned();
    }
    if now < document.not_before {
        return "not yet valid".to_owned();
    }
    let severity = document.findings.iter().map(|named| named.severity).max().unwrap_or(Severity::Info);
    let terms = terms(&policies.settings.exceptions, severity);
    let mut authors = Authors::new(&trust.signers);
    authors.add_name(&document.requested_by);
    match tollgate::exception::approval::judge(exception.votes(), &authors, &terms) {
        Ok(approval) => format!("approved by {}", approval.persons.join(", ")),
        Err((code, _)) => code.word().to_owned(),
    }
}

fn verify(ids: &[String], context: &Context) -> Result<Exit, Trouble> {
    let (exceptions, policies, trust) = all(context)?;
    let wanted = |id: &str| ids.is_empty() || ids.iter().any(|typed| id.starts_with(&typed.to_uppercase()));
    let mut text = String::new();
    let mut seen = 0;
    let mut bad = 0;
    for exception in exceptions.accepted().iter().filter(|one| wanted(one.document().id.as_str())) {
        seen += 1;
        let state = state(exception, &policies, &trust, context.now);
        let holds = state.starts_with("approved");
        bad += usize::from(!holds);
        let _ = writeln!(
            text,
            "{}: {}{state}",
            exception.document().id,
            if holds { "" } else { "does not hold: " }
        );
        for vote in exception.votes() {
            let signer = safe::terminal(&vote.signer.principal);
            let _ = writeln!(text, "  signed by {signer} in namespace {}", vote.namespace);
        }
        for noted in exception.noted() {
            let _ = writeln!(text, "  does not count: {}", safe::terminal(&noted.reason));
        }
    }
    let refused = exceptions
        .refused()
        .iter()
        .map(|one| &one.refusal)
        .filter(|one| wanted(&one.exception) || ids.is_empty());
    for refusal in refused {
        seen += 1;
        bad += 1;
        let (name, reason) = (safe::terminal(&refusal.exception), safe::terminal(&refusal.reason));
        let _ = writeln!(text, "{name}: does not hold: {}: {reason}", refusal.code);
    }
    if seen == 0 && !ids.is_empty() {
        return Err(Trouble::new(format!("there is no exception `{}` here", ids.join("`, `")))
            .help("`tollgate except list` shows every one"));
    }
    if text.is_empty() {
        text.push_str("no exceptions here\n");
    }
    context.print(&text)?;
    Ok(if bad == 0 { Exit::Open } else { Exit::Shut })
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
