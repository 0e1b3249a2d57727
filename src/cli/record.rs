//! `record`: what happened outside the gate.

use std::path::PathBuf;

use base64::Engine as _;
use clap::Subcommand;
use tollgate::finding::Fingerprint;
use tollgate::ledger::kinds::{About, Deploy};
use tollgate::ledger::release::{self, Wanted};
use tollgate::ledger::{Kind, Lineage, Record};
use tollgate::pipeline::Stage;
use tollgate::text::safe;
use tollgate::text::ulid::ulid;

use super::context::Context;
use super::exit::Exit;
use super::ledger::Which;
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
    }
}

/// Records a deploy.
pub fn deploy(arguments: &DeployArguments, context: &Context) -> Result<Exit, Trouble> {
    let (site, mut ledger, lineage) = open(&arguments.writer, context)?;
    let commit = arguments.commit.clone().unwrap_or_else(|| site.run.commit.clone());
    let artifact = Some(&arguments.artifact).filter(|typed| !typed.is_empty());
    let artifact = artifact.map(|typed| verify_deploy::artifact(typed)).transpose()?.unwrap_or_default();
    let relied_on = match arguments.relied_on.as_deref() {
        Some("none") => String::new(),
        Some(run) => run.to_owned(),
        None => {
            let wanted = Wanted { run: &site.run, commit: &commit, artifact: &artifact };
            release::newest(&mut ledger, &wanted)?.map(|run| run.run_id).unwrap_or_default()
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
    let record = lineage.deploy(context.now, &deploy);
    let run = if relied_on.is_empty() { "no gate run".to_owned() } else { format!("run {relied_on}") };
    append(&mut ledger, record, &arguments.writer, &format!("deploy {id} relies on {run}"), context)
}

fn done(kind: Kind, arguments: &DoneArguments, context: &Context) -> Result<Exit, Trouble> {
    let typed: String = arguments.finding.chars().filter(|letter| *letter != '-').collect();
    let fingerprint = Fingerprint::from_hex(&typed).ok_or_else(|| {
        Trouble::new(format!("`{}` is not a whole fingerprint", arguments.finding))
            .help("give all 32 hex digits, as the json report and `ledger log` have them")
    })?;
    let (site, mut ledger, lineage) = open(&arguments.writer, context)?;
    let about = About { fingerprint, rule: "", severity: None };
    let record = lineage.done(kind, context.now, about, &site.run.actor_login, &arguments.how);
    append(&mut ledger, record, &arguments.writer, &format!("{} {fingerprint}", kind.word()), context)
}

fn open(writer: &Writer, context: &Context) -> Result<(Site, tollgate::ledger::Ledger, Lineage), Trouble> {
    let mut site = Site::find(&context.folder, context)?;
    let policies = site.local_policies()?;
    let mut rejected = Vec::new();
    site.name_pipeline(&policies, writer.pipeline.as_deref(), &mut rejected);
    for flag in rejected {
        context.note(&safe::terminal(&format!("note: `{flag}` is ignored: the policy names the pipeline")));
    }
    super::ledger::refuse_seal_key(context)?;
    let ledger = writer.which.existing(context)?;
    super::ledger::require_known(&ledger, context)?;
    let lineage = Lineage::new(ledger.origin(), env!("CARGO_PKG_VERSION"), &site.run, Stage::Deploy)
        .by_tool(Tool::begin().digest());
    Ok((site, ledger, lineage))
}

fn append(
    ledger: &mut tollgate::ledger::Ledger,
    mut record: Record,
    writer: &Writer,
    what: &str,
    context: &Context,
) -> Result<Exit, Trouble> {
    let signed = match &writer.key {
        None => "unsigned, so it is shown and never counted".to_owned(),
        Some(path) => {
            let key = voucher::key_file(&context.absolute(path))?;
            let signature = key.sign(voucher::RECORD_NAMESPACE, &record.bytes())?;
            let armour = base64::engine::general_purpose::STANDARD.encode(signature.armour());
            record.set("sig.signature", armour);
            format!("signed with {}", key.key().fingerprint())
        }
    };
    let receipts = ledger.append(&[record])?;
    let index = receipts.first().map_or(0, |receipt| receipt.index);
    context.print(&format!("record {index}: {what} ({signed})\n"))?;
    Ok(Exit::Open)
}
