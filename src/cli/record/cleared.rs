//! `record cleared`: what stood on a ref that is gone.

use std::collections::BTreeMap;

use tollgate::finding::{Fingerprint, Severity};
use tollgate::ledger::kinds::About;
use tollgate::ledger::{Kind, Lineage, Record};
use tollgate::pipeline::Stage;

use super::{Desk, Writer, fingerprint};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::tool::Tool;
use crate::cli::trouble::Trouble;
use crate::cli::voucher::Voucher;

/// Which ref, and what stood on it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  tollgate record cleared --ref refs/pull/7/merge --key deploy-bot.key     the request was closed")]
pub struct Arguments {
    #[command(flatten)]
    writer: Writer,
    /// The ref that is gone: a full name, or that of a branch.
    #[arg(long = "ref", value_name = "REF")]
    reference: String,
    /// Fingerprints, all 32 hex digits; everything that stood there when left out.
    findings: Vec<String>,
}

/// Records each as cleared.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let mut desk = Desk::open(&arguments.writer, context)?;
    let reference = match arguments.reference.as_str() {
        full if full.starts_with("refs/") => full.to_owned(),
        branch => format!("refs/heads/{branch}"),
    };
    must_be_gone(&reference, &desk)?;
    let named: Vec<Fingerprint> =
        arguments.findings.iter().map(|typed| fingerprint(typed)).collect::<Result<_, _>>()?;
    let mut standing = standing(&mut desk, &reference)?;
    if !named.is_empty() {
        standing.retain(|known, _| named.contains(known));
    }
    if standing.is_empty() {
        context.print(&format!("nothing on record stands on `{reference}`\n"))?;
        return Ok(Exit::Open);
    }
    let mut run = desk.site.run.clone();
    run.reference.clone_from(&reference);
    let lineage = Lineage::new(desk.ledger.origin(), env!("CARGO_PKG_VERSION"), &run, Stage::Deploy)
        .by_tool(Tool::begin().digest());
    let record = |(fingerprint, (rule, severity)): (&Fingerprint, &(String, Option<Severity>))| {
        let about = About { fingerprint: *fingerprint, rule, severity: *severity };
        lineage.cleared(context.now, about, "ref_deleted")
    };
    let records: Vec<Record> = standing.iter().map(record).collect();
    let what = format!("{} cleared from `{reference}`", records.len());
    desk.append_all(records, &arguments.writer, &what, context)
}

/// A branch that is still here clears nothing: its next run does, when it no longer sees the risk.
fn must_be_gone(reference: &str, desk: &Desk) -> Result<(), Trouble> {
    let Some(branch) = reference.strip_prefix("refs/heads/") else { return Ok(()) };
    let Some(repository) = &desk.site.repository else { return Ok(()) };
    let remote = format!("refs/remotes/origin/{branch}");
    if repository.resolve_branch(&remote)?.is_none() {
        return Ok(());
    }
    Err(Trouble::new(format!("`{branch}` is still a branch of the origin, as this clone knows it"))
        .help("delete it there and `git fetch --prune` first; a run on it clears what it no longer holds"))
}

/// What this pipeline last saw on `reference` and nothing cleared, with rule and severity.
fn standing(
    desk: &mut Desk,
    reference: &str,
) -> Result<BTreeMap<Fingerprint, (String, Option<Severity>)>, Trouble> {
    let records: Vec<Record> =
        desk.ledger.records().map(|entry| entry.map(|(_, record)| record)).collect::<Result<_, _>>()?;
    let voucher = Voucher::of_site(&desk.site, &records)?;
    let run = &desk.site.run;
    let mut standing = BTreeMap::new();
    for record in &records {
        if record.text("pipeline") != run.pipeline || record.text("ref") != reference {
            continue;
        }
        let Some(fingerprint) = Fingerprint::from_hex(record.text("finding.fp")) else { continue };
        match record.kind() {
            Some(Kind::Observed) => {
                let severity = Severity::from_word(record.text("finding.severity"));
                standing.insert(fingerprint, (record.text("finding.rule").to_owned(), severity));
            }
            // What the gate did not see itself counts where somebody who may signed it.
            Some(Kind::Cleared) if record.text("how") == "ref_deleted" && !voucher.vouches_for(record) => {}
            Some(Kind::Cleared) => drop(standing.remove(&fingerprint)),
            _ => {}
        }
    }
    Ok(standing)
}
