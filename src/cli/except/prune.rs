//! `except prune`: the documents that can let nothing through any more.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tollgate::detect::{self, Setting};
use tollgate::exception::Document;
use tollgate::finding::{Finding, Fingerprint};
use tollgate::policy::Policies;
use tollgate::source::{Limits, Scope, Worktree};
use tollgate::text::safe;

use super::judged::{Judged, documents};
use super::plural;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

/// What to do with them.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Delete them, with their signatures, from the work tree; the ledger keeps what it took in.
    #[arg(long)]
    remove: bool,
}

/// Lists documents that ended, were denied or revoked, or match nothing in the work tree.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let judged = Judged::here(context)?;
    let known = documents(&judged.files);
    let site = Site::find(&context.folder, context)?;
    let root = &site.root;
    let present =
        if known.is_empty() { BTreeSet::new() } else { present(&site.local_policies()?, root, context)? };
    let mut text = String::new();
    let mut gone = BTreeSet::new();
    for document in known.values() {
        let Some(mut why) = reason(&judged, document, &present, context) else { continue };
        if !judged.used(document.id.as_str()) {
            why.push_str(", never used");
        }
        let reason = safe::terminal(&document.reason.text);
        let _ = writeln!(text, "{}  {why:<32} \"{reason}\"", document.id);
        gone.insert(document.id.as_str());
    }
    if arguments.remove {
        let deleted = remove(&judged.files, &gone, root)?;
        let _ = writeln!(text, "{} deleted", plural(deleted, "file"));
    } else if !gone.is_empty() {
        let _ = writeln!(text, "{} can go: `tollgate except prune --remove`", plural(gone.len(), "document"));
    } else {
        text.push_str("nothing to prune\n");
    }
    context.print(&text)?;
    Ok(Exit::Open)
}

fn reason(
    judged: &Judged,
    document: &Document,
    present: &BTreeSet<Fingerprint>,
    context: &Context,
) -> Option<String> {
    let end = judged.end(document, context.now);
    let matches = document.findings.iter().any(|named| present.contains(&named.fp));
    end.or_else(|| (!matches).then(|| "matches nothing here".to_owned()))
}

/// What stands in the work tree now.
fn present(policies: &Policies, root: &Path, context: &Context) -> Result<BTreeSet<Fingerprint>, Trouble> {
    let scope = Scope::new(root, Limits::default())?.excluding(&policies.settings.paths.exclude)?;
    let fingerprinter = context.fingerprinter();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let setting = Setting { policies, fingerprinter: &fingerprinter, now: context.now, threads };
    let scan = detect::scan(&Worktree::new(scope), setting)?;
    let (identities, _) = detect::judge(&scan, setting)?;
    let found = scan.findings.iter().chain(&identities);
    Ok(found.flat_map(Finding::names).map(|(name, _)| name).collect())
}

fn remove(files: &[(String, Vec<u8>)], ids: &BTreeSet<&str>, root: &Path) -> Result<usize, Trouble> {
    let is_gone = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().is_some_and(|id| ids.contains(id))
    };
    let mut deleted = 0;
    for (path, _) in files.iter().filter(|(path, _)| is_gone(path)) {
        let full: PathBuf = root.join(path);
        std::fs::remove_file(&full)
            .map_err(|error| Trouble::new(format!("`{path}` cannot be deleted: {error}")))?;
        deleted += 1;
    }
    Ok(deleted)
}
