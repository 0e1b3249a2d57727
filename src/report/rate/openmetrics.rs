//! For a monitoring system to scrape from a file. A rate of nothing is left out: a zero would be a claim.
//!
//! Source: `OpenMetrics` 1.0, the text format.

use std::fmt::Write as _;

use crate::escape::{Figure, Report, Scope};
use crate::text::safe;

/// A family of gauges: name, what it tells, and its value in one scope.
type Gauge = (&'static str, &'static str, fn(&Scope) -> Option<f64>);

const GAUGES: [Gauge; 9] = [
    ("escape_rate", "Escaped by decided risks of the headline severities.", |scope| {
        scope.rate.rate.map(|rate| rate.0)
    }),
    ("escape_rate_low", "Lower end of the 95 % interval of the rate.", |scope| bound(scope, 0)),
    ("escape_rate_high", "Upper end of the 95 % interval of the rate.", |scope| bound(scope, 1)),
    ("escaped_risks", "Risks that first crossed into production in the window.", |scope| {
        count(scope.rate.escaped)
    }),
    ("prevented_risks", "Risks prevented in the window.", |scope| count(scope.rate.prevented)),
    ("pending_risks", "Risks seen and undecided at the end of the window.", |scope| {
        count(scope.rate.pending)
    }),
    ("open_risks", "Escapes still open.", |scope| count(scope.exposure.open)),
    ("exposure_days", "Days of open risk in the window.", |scope| Some(scope.exposure.days.0)),
    ("unsanctioned_days", "The part of them under no exception.", |scope| {
        Some(scope.exposure.unsanctioned.0)
    }),
];

/// Renders `report`, every family over everything together, product lines and pipelines.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for (name, help, value) in GAUGES {
        let _ = writeln!(out, "# TYPE tollgate_{name} gauge\n# HELP tollgate_{name} {help}");
        let all = std::iter::once(("all", &report.all));
        let products = report.products.iter().map(|scope| ("product", scope));
        let pipelines = report.pipelines.iter().map(|scope| ("pipeline", scope));
        for (kind, scope) in all.chain(products).chain(pipelines) {
            if let Some(value) = value(scope) {
                let label = label(&scope.name);
                let _ = writeln!(out, "tollgate_{name}{{scope=\"{kind}\",name=\"{label}\"}} {value}");
            }
        }
    }
    out + "# EOF\n"
}

fn bound(scope: &Scope, end: usize) -> Option<f64> {
    let interval: &[Figure; 2] = &scope.rate.interval;
    interval.get(end).filter(|_| scope.rate.decided > 0).map(|figure| figure.0)
}

#[expect(clippy::cast_precision_loss, reason = "risks are counted in thousands")]
#[expect(clippy::unnecessary_wraps, reason = "one shape for all values")]
fn count(number: u64) -> Option<f64> {
    Some(number as f64)
}

/// A name inside quotes: source, the escapes of the text format.
fn label(name: &str) -> String {
    safe::line(name).replace('\\', "\\\\").replace('"', "\\\"")
}
