//! `rules profile`: which rules cost what on a tree.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate::detect::Setting;
use tollgate::detect::profile::{self, Profile};
use tollgate::policy::Policies;
use tollgate::source::{Limits, Scope, Worktree};

use super::context::Context;
use super::rules::Listing;
use super::trouble::Trouble;

/// How many rules the text names; JSON names all.
const SHOWN: usize = 30;

/// Which tree, and how to print it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder or file to measure on.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// How to print it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Listing,
}

/// Measures and prints.
pub fn run(arguments: &Arguments, policies: &Policies, context: &Context) -> Result<(), Trouble> {
    let scope = Scope::new(&context.absolute(&arguments.path), Limits::default())?;
    let source = Worktree::new(scope.excluding(&policies.settings.paths.exclude)?);
    let fingerprinter = context.fingerprinter();
    let setting = Setting { policies, fingerprinter: &fingerprinter, now: context.now, threads: 1 };
    let start = Instant::now();
    let profile = profile::run(&source, setting, &|| start.elapsed())?;
    context.print(&match arguments.format {
        Listing::Text => text(&profile),
        Listing::Json => json(profile),
    })
}

fn total(profile: &Profile) -> Duration {
    profile.rules.iter().map(|cost| cost.time).sum::<Duration>() + profile.filter + profile.rest
}

/// A share of `all` in per cent.
fn share(part: Duration, all: Duration) -> f64 {
    if all.is_zero() { 0.0 } else { 100.0 * part.as_secs_f64() / all.as_secs_f64() }
}

fn text(profile: &Profile) -> String {
    let all = total(profile);
    let mut text = format!(
        "{:>10} {:>6}  {:>9} {:>9} {:>7} {:>7}  rule\n",
        "ms", "%", "hits", "tried", "runs", "matches"
    );
    let parts = [("(keywords of all rules)", profile.filter), ("(all but text rules)", profile.rest)];
    for (name, time) in parts {
        let _ = writeln!(text, "{:>10.1} {:>6.1}  {:>35}  {name}", millis(time), share(time, all), "");
    }
    for cost in profile.rules.iter().take(SHOWN) {
        let _ = writeln!(
            text,
            "{:>10.1} {:>6.1}  {:>9} {:>9} {:>7} {:>7}  {}",
            millis(cost.time),
            share(cost.time, all),
            cost.hits,
            cost.tried,
            cost.runs,
            cost.matches,
            cost.rule
        );
    }
    let more = profile.rules.len().saturating_sub(SHOWN);
    if more > 0 {
        let time: Duration = profile.rules.iter().skip(SHOWN).map(|cost| cost.time).sum();
        let (time, share) = (millis(time), share(time, all));
        let _ = writeln!(text, "{time:>10.1} {share:>6.1}  {:>35}  ({more} more rules)", "");
    }
    let _ = writeln!(
        text,
        "{} files, {} bytes, {} gaps: {:.1} ms on one thread without reading",
        profile.files,
        profile.bytes,
        profile.gaps,
        millis(all)
    );
    text
}

/// All rules by id, so that two profiles differ in their times alone.
fn json(mut profile: Profile) -> String {
    profile.rules.sort_by(|one, other| one.rule.cmp(&other.rule));
    let rules: Vec<_> = profile
        .rules
        .iter()
        .map(|cost| {
            json!({
                "rule": cost.rule.0, "hits": cost.hits, "tried": cost.tried, "runs": cost.runs,
                "matches": cost.matches, "ms": millis(cost.time),
            })
        })
        .collect();
    let value = json!({
        "files": profile.files, "bytes": profile.bytes, "gaps": profile.gaps, "rules": rules,
        "keywords_ms": millis(profile.filter), "rest_ms": millis(profile.rest), "total_ms": millis(total(&profile)),
    });
    format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default())
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
