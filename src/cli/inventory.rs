//! `inventory`: every identity and agent of a tree, and what it could reach.

use std::path::PathBuf;

use tollgate::detect::{self, Scan, Setting};
use tollgate::finding::{Fingerprinter, Gap};
use tollgate::identity::govern::govern;
use tollgate::identity::inventory::Inventory;
use tollgate::identity::relate;
use tollgate::identity::{Identity, join};
use tollgate::policy::{Policies, rule::Detect};
use tollgate::report::inventory as report;
use tollgate::source::{Limits, Scope, Source, Tree, Worktree};
use tollgate::text::time::Timestamp;

use super::authors;
use super::context::{Context, write_file};
use super::exit::Exit;
use super::site::Site;
use super::trouble::Trouble;

/// Of which tree, as of when, compared with what.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate inventory                                      the widest blast radius first
  tollgate inventory --format html --to identities.html   a page with graph and table, no network
  tollgate inventory --since origin/main                  what this branch widens")]
pub struct Arguments {
    /// Folder to read.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Tell what the work tree lets identities do beyond the merge base with this revision.
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Judge lifetimes at this instant instead of now.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// `text`, `json`, `csv`, `dot` or `html`.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: String,
    /// Where it goes; printed when left out.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// Runs `inventory`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let render = report::format(&arguments.format).ok_or_else(|| {
        let known: Vec<&str> = report::FORMATS.iter().map(|(name, _)| *name).collect();
        Trouble::new(format!("`{}` is no format of an inventory", arguments.format))
            .help(format!("known are {}", known.join(", ")))
    })?;
    let text = render(&gather(arguments, context)?);
    match &arguments.to {
        Some(path) => write_file(&context.absolute(path), text.as_bytes())?,
        None => context.print(&text)?,
    }
    Ok(Exit::Open)
}

fn gather(arguments: &Arguments, context: &Context) -> Result<Inventory, Trouble> {
    let path = context.absolute(&arguments.path);
    let site = Site::find(&path, context)?;
    let policies = about_identities(site.local_policies()?);
    let now = arguments.as_of.as_deref().map(Timestamp::parse).transpose()?.unwrap_or(context.now);
    let fingerprinter = context.fingerprinter();
    let setting = setting(&policies, &fingerprinter, now);
    let scope = || -> Result<Scope, Trouble> {
        Ok(Scope::new(&path, Limits::default())?.excluding(&policies.settings.paths.exclude)?)
    };
    let scan = read(&Worktree::new(scope()?), setting)?;
    let (findings, _) = detect::judge(&scan, setting)?;
    let (identities, mut gaps) = joined(scan, now);
    let Some(revision) = &arguments.since else {
        return Ok(Inventory::new(&identities, None, &findings, gaps));
    };
    let commit = base(revision, &site)?;
    let (before, unread) = joined(read(&Tree::new(scope()?, &commit), setting)?, now);
    // What was not read there may make something look wider here than it is.
    let only_there: Vec<Gap> = unread.into_iter().filter(|gap| !gaps.contains(gap)).collect();
    gaps.extend(only_there.into_iter().map(|gap| at_base(gap, &commit)));
    Ok(Inventory::new(&identities, Some(&before), &findings, gaps))
}

/// Nothing but what judges identities: secrets are not looked for.
fn about_identities(mut policies: Policies) -> Policies {
    policies.rules.retain(|rule| matches!(rule.detect, Detect::Identity { .. }));
    policies
}

fn setting<'a>(policies: &'a Policies, fingerprinter: &'a Fingerprinter, now: Timestamp) -> Setting<'a> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Setting { policies, fingerprinter, now, threads }
}

fn read(source: &dyn Source, setting: Setting<'_>) -> Result<Scan, Trouble> {
    Ok(detect::scan(source, setting)?)
}

fn joined(scan: Scan, now: Timestamp) -> (Vec<Identity>, Vec<Gap>) {
    let mut joined = join(scan.identities);
    govern(&mut joined.identities, now);
    relate(&mut joined.identities);
    joined.gaps.extend(scan.gaps);
    joined.gaps.sort();
    joined.gaps.dedup();
    (joined.identities, joined.gaps)
}

/// `gap` as one of the tree of `commit`.
fn at_base(gap: Gap, commit: &str) -> Gap {
    let short: String = commit.chars().take(12).collect();
    Gap { path: format!("{short}:{}", gap.path), ..gap }
}

/// The commit that `revision` and the head have in common.
fn base(revision: &str, site: &Site) -> Result<String, Trouble> {
    let missing = || {
        Trouble::new(format!("`{revision}` has nothing in common with the head here"))
            .help("name a branch or commit of this repository, and fetch it first")
    };
    let repository = site.repository.as_ref().ok_or_else(|| {
        Trouble::new("there is no repository around this folder, so nothing to compare with")
    })?;
    let head = repository.head()?.ok_or_else(missing)?;
    let base = authors::base(repository, revision, &head)?.ok_or_else(missing)?;
    Ok(base.as_str().to_owned())
}
