//! `record found`: a risk seen live.

use std::path::{Path, PathBuf};

use tollgate::finding::Severity;
use tollgate::ledger::Record;
use tollgate::ledger::kinds::About;
use tollgate::report::live;
use tollgate::text::safe;
use tollgate::text::time::Timestamp;

use super::{Desk, Writer, fingerprint};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::trouble::Trouble;

/// What was seen, by whom, since when.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate record found 4f0c91aa7be2... --since 2026-11-02 --key deploy-bot.key
  tollgate record found --sarif production.sarif --key deploy-bot.key")]
pub struct Arguments {
    #[command(flatten)]
    writer: Writer,
    /// The risk: all 32 hex digits of its fingerprint.
    #[arg(required_unless_present = "sarif", conflicts_with = "sarif")]
    finding: Option<String>,
    /// A production scanner's report: every result in it. One without a fingerprint of ours is a risk of its own.
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Its rule.
    #[arg(long, value_name = "ID", default_value = "", conflicts_with = "sarif")]
    rule: String,
    /// How bad it is.
    #[arg(long, value_name = "WORD", conflicts_with = "sarif")]
    severity: Option<String>,
    /// Since when it is live; now when left out.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The deploy that brought it, where that is known.
    #[arg(long, value_name = "ID", default_value = "")]
    introduced_by: String,
    /// Who saw it; the scanner's name is in its report.
    #[arg(long, value_name = "NAME", default_value = "person", conflicts_with = "sarif")]
    scanner: String,
}

/// Records it.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let since = arguments.since.as_deref().map(Timestamp::parse).transpose()?.unwrap_or(context.now);
    let mut desk = Desk::open(&arguments.writer, context)?;
    if let Some(path) = &arguments.sarif {
        return all(arguments, path, since, &mut desk, context);
    }
    let severity = arguments.severity.as_deref().map(|word| {
        Severity::from_word(word).ok_or_else(|| {
            Trouble::new(format!("`{word}` is no severity"))
                .help("known are critical, high, medium, low and info")
        })
    });
    let fingerprint = fingerprint(arguments.finding.as_deref().unwrap_or_default())?;
    let about = About { fingerprint, rule: &arguments.rule, severity: severity.transpose()? };
    let deploy = &arguments.introduced_by;
    let record = desk.lineage.production_found(context.now, about, since, deploy, &arguments.scanner);
    desk.append(record, &arguments.writer, &format!("{fingerprint} seen live"), context)
}

fn all(
    arguments: &Arguments,
    path: &Path,
    since: Timestamp,
    desk: &mut Desk,
    context: &Context,
) -> Result<Exit, Trouble> {
    let shown = path.display();
    let fault = |error: std::io::Error| Trouble::new(format!("the report `{shown}` cannot be read: {error}"));
    let full = context.absolute(path);
    if std::fs::metadata(&full).map_err(fault)?.len() > live::MAX_SARIF as u64 {
        return Err(Trouble::new(format!(
            "the report `{shown}` is larger than {} MiB",
            live::MAX_SARIF >> 20
        )));
    }
    let report = live::read(&std::fs::read(&full).map_err(fault)?)
        .map_err(|error| Trouble::new(format!("`{shown}`: {error}")))?;
    let record = |live: &live::Live| {
        let about = About { fingerprint: live.fingerprint, rule: &live.rule, severity: Some(live.severity) };
        let scanner = safe::terminal(&live.scanner);
        desk.lineage.production_found(context.now, about, since, &arguments.introduced_by, &scanner)
    };
    let records: Vec<Record> = report.found.iter().map(record).collect();
    let own = report.found.iter().filter(|live| live.is_own).count();
    let (count, over) = (records.len(), report.passed_over);
    let what = format!("{count} seen live, {own} of them known to the gate by name, {over} passed over");
    desk.append_all(records, &arguments.writer, &what, context)
}
