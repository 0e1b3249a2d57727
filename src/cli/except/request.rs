//! `except request`: ask for leave, anew or once more.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tollgate::decide::terms;
use tollgate::exception::document::{Commits, Digest, Named, Reason, Repo, Scope};
use tollgate::exception::{Document, Ulid};
use tollgate::finding::{FingerprintAlgorithm, RuleId, Severity};
use tollgate::ledger::Kind;
use tollgate::policy::Policies;
use tollgate::report::saved::{SavedFinding, SavedReport};
use tollgate::text::time::{Length, Timestamp};

use super::book::{Book, Subject};
use super::judged::{documents, renewals};
use super::{FOLDER, editor, one_document, plural};
use crate::cli::check;
use crate::cli::context::{Context, write_file};
use crate::cli::explain;
use crate::cli::ledger::Which;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

/// How many renewals are a sign that nothing is being done.
const FLAGGED: u32 = 3;

/// What is asked for.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example:
  tollgate except request 4f0c-91aa-7be2 --owner payments --expires 5d \\
      --reason 'split into two roles with PAY-88, which ships on Thursday'
  tollgate except request --renews 01JDQ4R5 --reason 'PAY-88 slipped by a week, see the ticket'")]
pub struct Arguments {
    /// Findings by their first digits, as the last report names them; those of the renewed exception when left out.
    #[arg(required_unless_present = "renews", value_name = "FINDING")]
    pub findings: Vec<String>,
    /// Why, in at least 20 characters; your editor asks for it when left out.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// One word: `accepted_risk`, `false_positive`, ...
    #[arg(long, value_name = "CODE", default_value = "accepted_risk")]
    pub code: String,
    /// Who answers for it; the owner of the renewed exception when left out.
    #[arg(long, value_name = "WHO", required_unless_present = "renews", default_value = "")]
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
    /// Pipelines it holds for; the one of the last report, or those of the renewed exception, when left out.
    #[arg(long = "pipeline", value_name = "NAME")]
    pub pipelines: Vec<String>,
    /// Environments it holds for; `production`, or those of the renewed exception, when left out.
    #[arg(long = "environment", value_name = "NAME")]
    pub environments: Vec<String>,
    /// The protected branch the change is meant for; `main`, or that of the renewed exception, when left out.
    #[arg(long, value_name = "NAME")]
    pub base_branch: Option<String>,
    /// The json report that names the findings, such as one a CI run kept; that of the last run here when left out.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Exception this one follows, by its id or the first characters of it: its findings and its scope are asked for anew.
    #[arg(long, value_name = "ID")]
    pub renews: Option<String>,
    /// Who asks; your login when left out.
    #[arg(long, value_name = "WHO")]
    pub requested_by: Option<String>,
    #[command(flatten)]
    pub which: Which,
}

/// Writes a document and returns its id.
pub fn run(arguments: &Arguments, context: &Context) -> Result<String, Trouble> {
    let mut site = Site::find(&context.folder, context)?;
    let policies = site.local_policies()?;
    site.name_pipeline(&policies, None, &mut Vec::new());
    let files = site.exception_files()?;
    let former = arguments.renews.as_deref().map(|id| former(&files, id)).transpose()?;
    let asked = match &former {
        Some(former) if arguments.findings.is_empty() => Asked::again(former, &policies),
        _ => Asked::of_report(&site, &policies, arguments, context)?,
    };
    let document = document(arguments, asked, former.as_ref(), &site, &policies, context)?;
    let path = format!("{FOLDER}/{}.json", document.id);
    write_file(&site.root.join(&path), &document.encode()?)?;
    context.print(&format!(
        "{path}\n  asks for leave until {} for {} ({})\n{}  it lets nothing through until somebody else approves it:\n  tollgate except approve {} --key KEY\n",
        document.expires_at,
        plural(document.findings.len(), "finding"),
        worst(&document.findings).word(),
        chain(&document, &files),
        document.id
    ))?;
    if let Err(trouble) = write_down(&document, arguments, &site, context) {
        let why = trouble.message();
        context.note(&format!("note: the request is not on record yet ({why}); the first run of the gate that sees it records it"));
    }
    Ok(document.id.as_str().to_owned())
}

fn write_down(
    document: &Document,
    arguments: &Arguments,
    site: &Site,
    context: &Context,
) -> Result<(), Trouble> {
    let mut book = Book::for_document(document, &arguments.which, site, context)?;
    let (by, reason) = (&document.requested_by, &document.reason.text);
    let record = book.step(Kind::ExceptionRequested, &Subject::from(document), by, reason, context)?;
    book.append(record, None).map(|_| ())
}

/// The exception that is renewed.
fn former(files: &[(String, Vec<u8>)], id: &str) -> Result<Document, Trouble> {
    let (path, bytes) = one_document(files, id)?;
    Document::parse(bytes).map_err(|error| Trouble::new(format!("`{path}` is no exception: {error}")))
}

/// How long the chain of renewals is by now, in a line; empty for a first request.
fn chain(document: &Document, files: &[(String, Vec<u8>)]) -> String {
    let mut known: BTreeMap<Ulid, Document> = documents(files);
    known.insert(document.id.clone(), document.clone());
    let Some(former) = &document.renews else { return String::new() };
    match renewals(document, &known) {
        count @ FLAGGED.. => format!(
            "  renewal {count} of the same leave, after {former}: what is put off this often is not an exception any more\n"
        ),
        count => format!("  renewal {count}, after {former}\n"),
    }
}

/// What leave is asked for, before anybody said for how long and why.
struct Asked {
    findings: Vec<Named>,
    ledger: String,
    repo: Repo,
    pipelines: Vec<String>,
    policy: String,
    evidence: Option<Digest>,
}

impl Asked {
    /// For the findings of the last report that `arguments` name.
    fn of_report(
        site: &Site,
        policies: &Policies,
        arguments: &Arguments,
        context: &Context,
    ) -> Result<Self, Trouble> {
        let report: SavedReport = match &arguments.report {
            Some(file) => check::read_report(&context.absolute(file))?,
            None => check::last_report(site, context)?,
        };
        let key = context.fingerprinter().key_id().unwrap_or_default();
        let named = |typed: &String| explain::pick(&report, typed).map(|finding| named(finding, &key));
        let [host, id, name] = report.repo.clone();
        Ok(Self {
            findings: arguments.findings.iter().map(named).collect::<Result<_, _>>()?,
            ledger: site.ledger_name(policies, context.now),
            repo: Repo { host, id, name },
            pipelines: vec![report.pipeline.clone()],
            policy: report.policy_digest.clone(),
            evidence: Some(Digest { digest: report.digest.clone() }),
        })
    }

    /// For all that `former` names.
    fn again(former: &Document, policies: &Policies) -> Self {
        Self {
            findings: former.findings.clone(),
            ledger: former.ledger.clone(),
            repo: former.repo.clone(),
            pipelines: former.scope.pipelines.clone(),
            policy: policies.digest.clone(),
            evidence: None,
        }
    }
}

/// A finding as a document names it, under the fingerprint key with the id `key`.
pub fn named(finding: &SavedFinding, key: &str) -> Named {
    let keyed = finding.algorithm == FingerprintAlgorithm::Hmac;
    Named {
        rule: RuleId(finding.rule.clone()),
        fp: finding.fingerprint,
        fp_alg: finding.algorithm,
        fpk: if keyed { key.to_owned() } else { String::new() },
        severity: finding.severity,
        path: finding.path.clone(),
        summary: finding.title.clone(),
    }
}

fn worst(findings: &[Named]) -> Severity {
    findings.iter().map(|named| named.severity).max().unwrap_or(Severity::Info)
}

fn document(
    arguments: &Arguments,
    asked: Asked,
    former: Option<&Document>,
    site: &Site,
    policies: &Policies,
    context: &Context,
) -> Result<Document, Trouble> {
    let now = context.now;
    let expires_at = end(arguments.expires.as_deref(), worst(&asked.findings), policies, now)?;
    let scope = former.map(|former| former.scope.clone());
    let environments =
        scope.as_ref().map_or_else(|| vec!["production".to_owned()], |scope| scope.environments.clone());
    let base_branch = scope.map_or_else(|| "main".to_owned(), |scope| scope.base_branch);
    let given =
        |named: &Vec<String>, usual: Vec<String>| if named.is_empty() { usual } else { named.clone() };
    let owner =
        former.filter(|_| arguments.owner.is_empty()).map_or(&arguments.owner, |former| &former.owner);
    let text = match &arguments.reason {
        Some(text) => text.clone(),
        None => editor::ask(&asked.findings, context)?,
    };
    Ok(Document {
        v: 1,
        id: Ulid::new(now, context.chance()?),
        ledger: asked.ledger,
        repo: asked.repo,
        scope: Scope {
            pipelines: given(&arguments.pipelines, asked.pipelines),
            environments: given(&arguments.environments, environments),
            base_branch: arguments.base_branch.clone().unwrap_or(base_branch),
            commits: Commits::UntilFixed,
        },
        findings: asked.findings,
        reason: Reason {
            code: arguments.code.clone(),
            text,
            ticket: arguments.ticket.clone(),
            compensating: String::new(),
        },
        owner: owner.clone(),
        requested_by: arguments.requested_by.clone().unwrap_or_else(|| site.run.actor_login.clone()),
        created_at: now,
        not_before: now,
        expires_at,
        max_uses: arguments.max_uses,
        policy: Digest { digest: asked.policy },
        evidence: asked.evidence,
        renews: former.map(|former| former.id.clone()),
    })
}

/// When it ends: as asked for, else as late as `policies` allow for a finding as bad as `worst`.
fn end(
    asked: Option<&str>,
    worst: Severity,
    policies: &Policies,
    now: Timestamp,
) -> Result<Timestamp, Trouble> {
    let longest = terms(&policies.settings.exceptions, worst).max_lifetime;
    let end = match asked {
        None => now.plus(longest),
        Some(text) => {
            Length::parse(text).map(|length| now.plus(length)).or_else(|_| Timestamp::parse(text))?
        }
    };
    if end.since(now) > longest {
        return Err(Trouble::new(format!(
            "the policy lets an exception for a {} finding hold for {longest} at most",
            worst.word()
        ))
        .help("ask for less, and renew it when it ends"));
    }
    Ok(end)
}
