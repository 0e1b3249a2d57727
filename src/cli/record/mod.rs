//! `record`: what happened outside the gate.

mod cleared;
mod found;
mod glass;

use std::path::PathBuf;

use clap::Subcommand;
use tollgate::finding::Fingerprint;
use tollgate::ledger::kinds::{About, Deploy};
use tollgate::ledger::release::{self, Wanted};
use tollgate::ledger::{Kind, Ledger, Lineage, Record};
use tollgate::pipeline::Stage;
use tollgate::text::safe;
use tollgate::text::ulid::ulid;

use super::context::Context;
use super::exit::Exit;
use super::ledger::Which;
use super::pen::Pen;
use super::site::Site;
use super::tool::Tool;
use super::trouble::Trouble;
use super::{verify_deploy, voucher};

/// What happened.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A change went into an environment.
    Deploy(DeployArguments),
    /// A risk was ended in production: the secret revoked at its issuer, the grant narrowed.
    Remediated(DoneArguments),
    /// A secret was revoked at its issuer.
    Revoked(DoneArguments),
    /// Somebody was told of a risk.
    Notice(DoneArguments),
    /// A risk was seen live.
    Found(Box<found::Arguments>),
    /// A finding is none: it leaves the rate and is counted among the dismissed.
    Dismissed(DismissedArguments),
    /// A ref is gone, with what stood on it.
    Cleared(cleared::Arguments),
    /// Several persons override the gate, for one deploy within a day.
    BreakGlass(glass::Arguments),
}

/// A deploy.
#[derive(Debug, Default, clap::Args)]
pub struct DeployArguments {
    #[command(flatten)]
    pub writer: Writer,
    /// Where it went; production when left out.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub environment: String,
    /// The gate run it relied on; the newest that names the digest, else the newest over the commit, when left out; none with `none`.
    #[arg(long, value_name = "RUN")]
    pub relied_on: Option<String>,
    /// Digest of what was deployed.
    #[arg(long, value_name = "DIGEST", default_value = "")]
    pub artifact: String,
    /// Commit that was deployed; the one of this run when left out.
    #[arg(long, value_name = "COMMIT")]
    pub commit: Option<String>,
    /// Unique id of the deploy; made up when left out.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

/// Something people did about a risk.
#[derive(Debug, clap::Args)]
pub struct DoneArguments {
    #[command(flatten)]
    pub writer: Writer,
    /// The risk: all 32 hex digits of its fingerprint.
    pub finding: String,
    /// How, in a word or two.
    #[arg(long, value_name = "HOW", default_value = "")]
    pub how: String,
}

/// A finding that is none.
#[derive(Debug, clap::Args)]
pub struct DismissedArguments {
    #[command(flatten)]
    pub writer: Writer,
    /// The risk: all 32 hex digits of its fingerprint.
    pub finding: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Who writes, where, and for which pipeline.
#[derive(Debug, Default, clap::Args)]
pub struct Writer {
    #[command(flatten)]
    pub which: Which,
    /// The pipeline; the one of this run when left out.
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// SSH key to sign the record with; an unsigned record is kept and never counted.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// Runs `record`.
pub fn run(command: &Command, context: &Context) -> Result<Exit, Trouble> {
    match command {
        Command::Deploy(arguments) => deploy(arguments, context),
        Command::Remediated(arguments) => done(Kind::Remediated, arguments, context),
        Command::Revoked(arguments) => done(Kind::Revoked, arguments, context),
        Command::Notice(arguments) => done(Kind::Notice, arguments, context),
        Command::Found(arguments) => found::run(arguments, context),
        Command::Dismissed(arguments) => dismissed(arguments, context),
        Command::Cleared(arguments) => cleared::run(arguments, context),
        Command::BreakGlass(arguments) => glass::run(arguments, context),
    }
}

/// Records a deploy.
pub fn deploy(arguments: &DeployArguments, context: &Context) -> Result<Exit, Trouble> {
    let mut desk = Desk::open(&arguments.writer, context)?;
    let commit = arguments.commit.clone().unwrap_or_else(|| desk.site.run.commit.clone());
    let artifact = Some(&arguments.artifact).filter(|typed| !typed.is_empty());
    let artifact = artifact.map(|typed| verify_deploy::artifact(typed)).transpose()?.unwrap_or_default();
    let relied_on = match arguments.relied_on.as_deref() {
        Some("none") => String::new(),
        Some(run) => run.to_owned(),
        None => {
            let wanted = Wanted { run: &desk.site.run, commit: &commit, artifact: &artifact };
            release::newest(&mut desk.ledger, &wanted)?.map(|run| run.run_id).unwrap_or_default()
        }
    };
    let id = match &arguments.id {
        Some(id) => id.clone(),
        None => ulid(context.now, context.chance()?),
    };
    let deploy = Deploy {
        id: &id,
        environment: &arguments.environment,
        artifact_digest: &artifact,
        relied_on: &relied_on,
        commit: &commit,
    };
    let record = desk.lineage.deploy(context.now, &deploy);
    let run = if relied_on.is_empty() { "no gate run".to_owned() } else { format!("run {relied_on}") };
    desk.append(record, &arguments.writer, &format!("deploy {id} relies on {run}"), context)
}

fn done(kind: Kind, arguments: &DoneArguments, context: &Context) -> Result<Exit, Trouble> {
    let fingerprint = fingerprint(&arguments.finding)?;
    let mut desk = Desk::open(&arguments.writer, context)?;
    let about = About { fingerprint, rule: "", severity: None };
    let by = &desk.site.run.actor_login;
    let record = desk.lineage.done(kind, context.now, about, by, &arguments.how);
    desk.append(record, &arguments.writer, &format!("{} {fingerprint}", kind.word()), context)
}

fn dismissed(arguments: &DismissedArguments, context: &Context) -> Result<Exit, Trouble> {
    let fingerprint = fingerprint(&arguments.finding)?;
    let mut desk = Desk::open(&arguments.writer, context)?;
    let about = About { fingerprint, rule: "", severity: None };
    let by = &desk.site.run.actor_login;
    let record = desk.lineage.dismissed(context.now, about, by, &arguments.reason, "");
    desk.append(record, &arguments.writer, &format!("{fingerprint} dismissed"), context)
}

/// A whole fingerprint as it is typed, with or without dashes.
fn fingerprint(typed: &str) -> Result<Fingerprint, Trouble> {
    let digits: String = typed.chars().filter(|letter| *letter != '-').collect();
    Fingerprint::from_hex(&digits).ok_or_else(|| {
        Trouble::new(format!("`{typed}` is not a whole fingerprint"))
            .help("give all 32 hex digits, as the json report and `ledger log` have them")
    })
}

/// Where records from outside the gate are written.
struct Desk {
    site: Site,
    ledger: Ledger,
    lineage: Lineage,
}

impl Desk {
    fn open(writer: &Writer, context: &Context) -> Result<Self, Trouble> {
        let mut site = Site::find(&context.folder, context)?;
        let policies = site.local_policies()?;
        let mut rejected = Vec::new();
        site.name_pipeline(&policies, writer.pipeline.as_deref(), &mut rejected);
        for flag in rejected {
            context
                .note(&safe::terminal(&format!("note: `{flag}` is ignored: the policy names the pipeline")));
        }
        let ledger = writer.which.existing(context)?;
        super::ledger::writable(&ledger, context)?;
        let lineage = Lineage::new(ledger.origin(), env!("CARGO_PKG_VERSION"), &site.run, Stage::Deploy)
            .by_tool(Tool::begin().digest());
        Ok(Self { site, ledger, lineage })
    }

    fn append(
        &mut self,
        record: Record,
        writer: &Writer,
        what: &str,
        context: &Context,
    ) -> Result<Exit, Trouble> {
        self.append_all(vec![record], writer, what, context)
    }

    /// Signs each of `records` and adds them together.
    fn append_all(
        &mut self,
        mut records: Vec<Record>,
        writer: &Writer,
        what: &str,
        context: &Context,
    ) -> Result<Exit, Trouble> {
        let signed = if writer.key.is_none() {
            "unsigned, so it is shown and never counted".to_owned()
        } else {
            let names = [voucher::RECORD_NAMESPACE];
            let mut pen = Pen::find(writer.key.as_deref(), &names, &self.site, context)?;
            for record in &mut records {
                pen.sign_record(record)?;
            }
            format!("signed with {}", pen.key().fingerprint())
        };
        let receipts = self.ledger.append(&records)?;
        let place = match (receipts.first(), receipts.last()) {
            (Some(first), Some(last)) if first.index != last.index => {
                format!("records {} to {}", first.index, last.index)
            }
            (Some(first), _) => format!("record {}", first.index),
            (None, _) => "no record".to_owned(),
        };
        context.print(&format!("{place}: {what} ({signed})\n"))?;
        Ok(Exit::Open)
    }
}
