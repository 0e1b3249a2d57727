//! `explain`: a rule, a finding, a record or a topic.

use std::fmt::Write as _;

use tollgate::finding::Fingerprint;
use tollgate::ledger::{Key, log};
use tollgate::policy::{Policies, Rule};
use tollgate::report::saved::{SavedFinding, SavedReport};
use tollgate::text::safe;

use crate::cli::check;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::rules;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

/// What to explain.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Id of a rule, the first digits of a finding, the number of a ledger record, or a topic
    /// (`adopting`, `exceptions`, `exit-codes`, `gaps`, `ledger`, `outcomes`, `policy`, `rate`, `rules`, `trust`).
    pub id: String,
}

/// Every topic with its text. The commands in them run in a test.
const TOPICS: [(&str, &str); 10] = [
    ("adopting", include_str!("topics/adopting.txt")),
    ("exceptions", include_str!("topics/exceptions.txt")),
    ("exit-codes", include_str!("topics/exit-codes.txt")),
    ("gaps", include_str!("topics/gaps.txt")),
    ("ledger", include_str!("topics/ledger.txt")),
    ("outcomes", include_str!("topics/outcomes.txt")),
    ("policy", include_str!("topics/policy.txt")),
    ("rate", include_str!("topics/rate.txt")),
    ("rules", include_str!("topics/rules.txt")),
    ("trust", include_str!("topics/trust.txt")),
];

/// Runs `explain`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let id = arguments.id.as_str();
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| *name == id) {
        context.print(text)?;
        return Ok(Exit::Open);
    }
    let site = Site::find(&context.folder, context)?;
    let policies = site.local_policies()?;
    if let Some(rule) = policies.rule(id) {
        context.print(&rule_in_full(rule))?;
        return Ok(Exit::Open);
    }
    if let Ok(index) = id.parse::<u64>() {
        return record(index, &site, &policies, context);
    }
    if looks_like_a_finding(id) {
        return finding(id, &site, &policies, context);
    }
    rules::find(&policies, id)?;
    Ok(Exit::Open)
}

fn looks_like_a_finding(id: &str) -> bool {
    id.len() >= 4 && id.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-')
}

fn rule_in_full(rule: &Rule) -> String {
    let mut text = rules::show(rule);
    let _ = writeln!(text, "\nAn exception for one finding of it: `tollgate except request FINDING`");
    text
}

fn finding(id: &str, site: &Site, policies: &Policies, context: &Context) -> Result<Exit, Trouble> {
    let report = check::last_report(site, context)?;
    let found = pick(&report, id)?;
    let mut text = format!(
        "finding {} ({})\n  {}:{}:{}  {}\n",
        found.fingerprint,
        found.action,
        safe::terminal(&found.path),
        found.line,
        found.column,
        safe::terminal(&found.title)
    );
    if !found.detail.is_empty() {
        let _ = writeln!(text, "  {}", safe::terminal(&found.detail));
    }
    text.push('\n');
    if let Some(rule) = policies.rule(&found.rule) {
        text.push_str(&rules::show(rule));
    }
    text.push_str(&history(found.fingerprint, site, policies, context)?);
    context.print(&text)?;
    Ok(Exit::Open)
}

/// The one finding of `report` that `typed` names.
pub fn pick<'r>(report: &'r SavedReport, typed: &str) -> Result<&'r SavedFinding, Trouble> {
    let mut found: Vec<&SavedFinding> =
        report.findings.iter().filter(|finding| finding.fingerprint.matches(typed)).collect();
    found.sort_by_key(|finding| finding.fingerprint);
    found.dedup_by_key(|finding| finding.fingerprint);
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Trouble::new(format!("the last report has no finding `{typed}`"))
            .help("run `tollgate check` first; its report names each finding")),
        [one, other, ..] => {
            Err(Trouble::new(format!("`{typed}` could be `{}` or `{}`", one.fingerprint, other.fingerprint))
                .help("type more digits"))
        }
    }
}

/// What the ledger tells of a fingerprint.
fn history(
    fingerprint: Fingerprint,
    site: &Site,
    policies: &Policies,
    context: &Context,
) -> Result<String, Trouble> {
    let Some(url) = site.ledger_url(None, policies, context) else { return Ok(String::new()) };
    let mut ledger = site.open_ledger(&url, policies, context.now)?;
    let records = ledger.about(Key(fingerprint.0))?;
    let mut text = if records.is_empty() { String::new() } else { "\n  in the ledger\n".to_owned() };
    for (index, record) in &records {
        let line = log::line(*index, record);
        let _ = writeln!(text, "  {:>6}  {}  {:<20} {}", line.index, line.ts, line.kind, line.text);
    }
    Ok(text)
}

fn record(index: u64, site: &Site, policies: &Policies, context: &Context) -> Result<Exit, Trouble> {
    let url =
        site.ledger_url(None, policies, context).ok_or_else(|| Trouble::new("no ledger is configured"))?;
    let mut ledger = site.open_ledger(&url, policies, context.now)?;
    for entry in ledger.records() {
        let (at, record) = entry?;
        if at == index {
            let value: serde_json::Value = serde_json::from_slice(&record.bytes()).unwrap_or_default();
            let text = serde_json::to_string_pretty(&value).unwrap_or_default();
            context.print(&format!("{text}\n"))?;
            return Ok(Exit::Open);
        }
    }
    Err(Trouble::new(format!("the ledger has no record {index}")).help("`tollgate ledger log` lists them"))
}
