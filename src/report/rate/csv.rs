//! For spreadsheets: a line for everything together, each product line and each pipeline; no cell begins a formula.

use crate::escape::{Figure, Report, Scope};
use crate::text::safe;

const COLUMNS: &str = "scope,name,rate,low,high,escaped,prevented,decided,pending,dismissed,abandoned,inherited_open,\
                       exposure_days,unsanctioned_days,open,median_days_to_remediate,lower_bound,window_start,window_end,as_of";

/// Renders `report`; a figure that there is none of is an empty cell.
pub fn render(report: &Report) -> String {
    let all = std::iter::once(("all", &report.all));
    let products = report.products.iter().map(|scope| ("product", scope));
    let pipelines = report.pipelines.iter().map(|scope| ("pipeline", scope));
    let lines: Vec<String> =
        all.chain(products).chain(pipelines).map(|(kind, scope)| line(kind, scope, report)).collect();
    format!("{COLUMNS}\n{}", lines.concat())
}

fn line(kind: &str, scope: &Scope, report: &Report) -> String {
    let figure =
        |figure: Option<Figure>| figure.map_or_else(String::new, |figure| format!("{:.4}", figure.0));
    let rate = &scope.rate;
    let decided = rate.decided > 0;
    let [low, high] = rate.interval.map(|bound| decided.then_some(bound));
    let header = &report.header;
    let cells = [
        kind.to_owned(),
        safe::csv(&scope.name),
        figure(rate.rate),
        figure(low),
        figure(high),
        rate.escaped.to_string(),
        rate.prevented.to_string(),
        rate.decided.to_string(),
        rate.pending.to_string(),
        rate.dismissed.to_string(),
        rate.abandoned.to_string(),
        rate.inherited_open.to_string(),
        figure(Some(scope.exposure.days)),
        figure(Some(scope.exposure.unsanctioned)),
        scope.exposure.open.to_string(),
        figure(scope.corrective.remediate.median_days),
        scope.lower_bound.to_string(),
        header.window_start.to_string(),
        header.window_end.to_string(),
        header.as_of.to_string(),
    ];
    cells.join(",") + "\n"
}
