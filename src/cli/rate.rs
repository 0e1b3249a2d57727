//! `rate`: the critical risk escape rate and its companions.

use tollgate::escape::rate::Variant;
use tollgate::escape::{self, Mode, Query};
use tollgate::finding::Severity;
use tollgate::ledger::{Kind, Record};
use tollgate::policy::Policies;
use tollgate::report::rate as report;
use tollgate::text::time::{Length, Timestamp, Window};

use super::context::Context;
use super::exit::Exit;
use super::ledger::Which;
use super::site::Site;
use super::trouble::Trouble;
use super::voucher::Voucher;

/// Which numbers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate rate                                      the last 30 days
  tollgate rate --window 2026-03-01..2026-03-31
  tollgate rate --format json --explain              with the record ids behind each number")]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    /// `30d` back from now, or `START..END`; the end is not in it.
    #[arg(long, value_name = "WINDOW", default_value = "30d")]
    window: String,
    /// Only what the ledger held at this instant.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// `all`, `approved_exception_only`, `post_deploy_discovery_only` or `control_failure`.
    #[arg(long, value_name = "NAME", default_value = "all")]
    variant: String,
    /// Severities in the headline; those of the policy when left out.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    severity: Vec<String>,
    /// Count a run that opens the gate at `deploy` as a crossing, without deploy records.
    #[arg(long)]
    presumed: bool,
    /// List the record ids behind each number.
    #[arg(long)]
    explain: bool,
    /// `text`, `json`, `markdown`, `csv`, `html`, `openmetrics` or `dotenv`.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: String,
}

impl Arguments {
    /// The last 30 days of a ledger, as text.
    pub fn last_month(which: Which) -> Self {
        Self {
            which,
            window: "30d".to_owned(),
            as_of: None,
            variant: "all".to_owned(),
            severity: Vec::new(),
            presumed: false,
            explain: false,
            format: "text".to_owned(),
        }
    }
}

/// Runs `rate`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let render = report::format(&arguments.format).ok_or_else(|| {
        let known: Vec<&str> = report::FORMATS.iter().map(|(name, _)| *name).collect();
        Trouble::new(format!("`{}` is no format of a rate", arguments.format))
            .help(format!("known are {}", known.join(", ")))
    })?;
    let site = Site::find(&context.folder, context)?;
    let policies = site.local_policies()?;
    let mut ledger = arguments.which.existing(context)?;
    let records: Vec<Record> =
        ledger.records().map(|entry| entry.map(|(_, record)| record)).collect::<Result<_, _>>()?;
    let voucher = Voucher::of_site(&site, &records)?;
    let total = records.len() as u64;
    let authorised = |record: &Record| voucher.vouches_for(record);
    let query = Query {
        explain: arguments.explain,
        chain: Some((total, total)),
        ..query(arguments, &policies, &records, &authorised, context)?
    };
    let measured = escape::measure(&records, &query)?;
    context.print(&render(&measured))?;
    Ok(Exit::Open)
}

fn query<'a>(
    arguments: &Arguments,
    policies: &Policies,
    records: &[Record],
    authorised: &'a dyn Fn(&Record) -> bool,
    context: &Context,
) -> Result<Query<'a>, Trouble> {
    let as_of = arguments.as_of.as_deref().map(Timestamp::parse).transpose()?.unwrap_or(context.now);
    let mut query = Query::new(window(&arguments.window, as_of)?, as_of, authorised);
    query.variant = Variant::from_word(&arguments.variant).ok_or_else(|| {
        Trouble::new(format!("`{}` is no variant of the rate", arguments.variant))
            .help("known are all, approved_exception_only, post_deploy_discovery_only and control_failure")
    })?;
    let settings = &policies.settings;
    query.severities =
        severities(&arguments.severity)?.or_else(|| settings.critical.clone()).unwrap_or(query.severities);
    let feeds = records.iter().any(|record| record.kind() == Some(Kind::Deploy) && authorised(record));
    query.mode = if arguments.presumed || !feeds { Mode::Presumed } else { Mode::Confirmed };
    query.target = settings.rate.target;
    query.maturity = settings.rate.maturity.unwrap_or(query.maturity);
    query.abandoned_after = settings.rate.abandoned_after.unwrap_or(query.abandoned_after);
    query.production = settings.environments.production.clone().unwrap_or(query.production);
    Ok(query)
}

fn severities(words: &[String]) -> Result<Option<Vec<Severity>>, Trouble> {
    let of = |word: &String| {
        Severity::from_word(word).ok_or_else(|| {
            Trouble::new(format!("`{word}` is no severity"))
                .help("known are critical, high, medium, low and info")
        })
    };
    let all = words.iter().map(of).collect::<Result<Vec<_>, _>>()?;
    Ok((!all.is_empty()).then_some(all))
}

/// `START..END`, or a length of time that ends at `as_of`; the newest millisecond is in it.
fn window(text: &str, as_of: Timestamp) -> Result<Window, Trouble> {
    let window = if let Some((start, end)) = text.split_once("..") {
        Window { start: Timestamp::parse(start)?, end: Timestamp::parse(end)? }
    } else {
        let length = Length::parse(text)?;
        let end = as_of.plus(Length(1));
        Window { start: Timestamp(end.0.saturating_sub(length.0)), end }
    };
    if window.end <= window.start {
        return Err(Trouble::new(format!("the window `{text}` ends before it starts")));
    }
    Ok(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_two_instants_or_a_length_that_ends_now() {
        let now = Timestamp::parse("2026-03-31T00:00:00Z").unwrap();
        let days = window("30d", now).unwrap();
        assert_eq!(days.start.to_string(), "2026-03-01T00:00:00.001Z");
        assert!(days.contains(now));
        let named = window("2026-03-01..2026-03-31", now).unwrap();
        assert!(named.contains(Timestamp::parse("2026-03-01").unwrap()) && !named.contains(now));
        assert!(window("2026-03-31..2026-03-01", now).is_err());
    }
}
