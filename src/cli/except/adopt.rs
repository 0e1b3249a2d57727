//! `except adopt`: the baseline of an old repository, or a smaller one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tollgate::exception::baseline::{self, Item, MAX_REVIEW};
use tollgate::exception::document::Repo;
use tollgate::exception::{BaselineDocument, Ulid};
use tollgate::finding::Fingerprint;
use tollgate::report::saved::{SavedFinding, SavedReport};
use tollgate::text::time::{Length, Timestamp};

use super::request::named;
use super::{FOLDER, plural};
use crate::cli::check;
use crate::cli::context::{Context, write_file};
use crate::cli::exit::Exit;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

/// What is adopted, by whom and until when.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  tollgate except adopt --owner platform --owner k8s/=payments --review-by 90d
  tollgate except approve baseline --key KEY            by a holder of baseline@tollgate who did not write it
  tollgate except adopt                                 later: takes out what is gone, and adds nothing")]
pub struct Arguments {
    /// Who answers for what is adopted; with a path, for what stands below it. Repeatable.
    #[arg(long = "owner", value_name = "[PATH=]WHO")]
    owners: Vec<String>,
    /// When each item must be looked at again: a length of time or a day, at most a year ahead.
    #[arg(long, value_name = "WHEN")]
    review_by: Option<String>,
    /// The json report that names what blocks; that of the last run here when left out.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Writes the baseline. Where one is there it only shrinks.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let mut site = Site::find(&context.folder, context)?;
    let policies = site.local_policies()?;
    site.name_pipeline(&policies, None, &mut Vec::new());
    let report = match &arguments.report {
        Some(file) => check::read_report(&context.absolute(file))?,
        None => check::last_report(&site, context)?,
    };
    let path = format!("{FOLDER}/{}", baseline::FILE);
    let files = site.exception_files()?;
    let former = files.iter().find(|(known, _)| *known == path);
    let former = former.map(|(_, bytes)| BaselineDocument::parse(bytes)).transpose()?;
    let present = blocking(&report);
    let (items, told) = match &former {
        Some(former) => smaller(former, &report, &present, arguments, context)?,
        None => first(&present, arguments, context)?,
    };
    let [host, id, name] = report.repo.clone();
    let document = BaselineDocument {
        v: 1,
        id: Ulid::new(context.now, context.chance()?),
        ledger: site.ledger_name(&policies, context.now),
        repo: Repo { host, id, name },
        adopted_by: site.run.actor_login.clone(),
        created_at: context.now,
        items,
    };
    write_file(&site.root.join(&path), &document.encode()?)?;
    // They were over other bytes.
    for (signature, _) in files.iter().filter(|(other, _)| *other != path && baseline::is_baseline(other)) {
        std::fs::remove_file(site.root.join(signature))
            .map_err(|error| Trouble::new(format!("`{signature}` cannot be deleted: {error}")))?;
    }
    context.print(&format!(
        "{path}\n  {told}\n  it holds for nothing until somebody else signs it:\n  tollgate except approve baseline --key KEY\n"
    ))?;
    Ok(Exit::Open)
}

/// What keeps the gate shut, or is let through, each once.
fn blocking(report: &SavedReport) -> BTreeMap<Fingerprint, &SavedFinding> {
    let shut = report.findings.iter().filter(|finding| finding.action != "advise");
    shut.map(|finding| (finding.fingerprint, finding)).collect()
}

fn first(
    present: &BTreeMap<Fingerprint, &SavedFinding>,
    arguments: &Arguments,
    context: &Context,
) -> Result<(Vec<Item>, String), Trouble> {
    let review_by = review(arguments, context)?.ok_or_else(|| {
        Trouble::new("nobody said when what is adopted must be looked at again")
            .help("name a day or a length of time, as in `--review-by 90d`")
    })?;
    let key = context.fingerprinter().key_id().unwrap_or_default();
    let item = |finding: &&SavedFinding| {
        let owner = owner(&arguments.owners, &finding.path).ok_or_else(|| {
            Trouble::new(format!("nobody answers for `{}`", finding.path))
                .help("name one with `--owner WHO`, or `--owner PATH=WHO` for what stands below a path")
        })?;
        Ok(Item { finding: named(finding, &key), owner, review_by })
    };
    let items: Vec<Item> = present.values().map(item).collect::<Result<_, Trouble>>()?;
    let told =
        format!("{} adopted, to be looked at again by {}", plural(items.len(), "finding"), review_by.date());
    Ok((items, told))
}

/// What `former` names and the last run still saw.
fn smaller(
    former: &BaselineDocument,
    report: &SavedReport,
    present: &BTreeMap<Fingerprint, &SavedFinding>,
    arguments: &Arguments,
    context: &Context,
) -> Result<(Vec<Item>, String), Trouble> {
    let review_by = review(arguments, context)?;
    let is_named = |finding: &SavedFinding, name: Fingerprint| {
        finding.fingerprint == name || finding.former == Some(name)
    };
    let seen = |item: &&Item| report.findings.iter().any(|finding| is_named(finding, item.finding.fp));
    let mut items: Vec<Item> = former.items.iter().filter(seen).cloned().collect();
    for item in &mut items {
        item.review_by = review_by.unwrap_or(item.review_by);
        if let Some(owner) = owner(&arguments.owners, &item.finding.path) {
            item.owner = owner;
        }
    }
    let known = |finding: &&&SavedFinding| former.items.iter().any(|item| is_named(finding, item.finding.fp));
    let fresh = present.values().filter(|finding| !known(finding)).count();
    let told = format!("{} left of {}", plural(items.len(), "finding"), former.items.len());
    let came = match fresh {
        0 => String::new(),
        _ => format!("; {} came since and is not adopted: a baseline only shrinks", plural(fresh, "finding")),
    };
    Ok((items, told + &came))
}

fn review(arguments: &Arguments, context: &Context) -> Result<Option<Timestamp>, Trouble> {
    let Some(text) = &arguments.review_by else { return Ok(None) };
    let day =
        Length::parse(text).map(|length| context.now.plus(length)).or_else(|_| Timestamp::parse(text))?;
    if day.since(context.now) > MAX_REVIEW || day <= context.now {
        return Err(Trouble::new(format!("`{text}` is not within a year from now")));
    }
    Ok(Some(day))
}

/// Who answers for what stands at `path`: whoever was named with the longest path above it.
fn owner(owners: &[String], path: &str) -> Option<String> {
    let named = owners.iter().map(|owner| owner.split_once('=').unwrap_or(("", owner)));
    named
        .filter(|(above, _)| path.starts_with(above))
        .max_by_key(|(above, _)| above.len())
        .map(|(_, who)| who.to_owned())
}
