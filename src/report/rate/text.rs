//! For people: the escape rate first, exposure next, time to remediate last.
//!
//! Each escape answers three questions: what changed, who or what acted, was exposure reduced. What stopped
//! risks, what noticed them and how fast they were dealt with stand in blocks of their own.

use super::{days, minute, part, percent, short};
use crate::escape::rate::{Rate, Share};
use crate::escape::risk::{Cause, Class};
use crate::escape::{Escaped, Figure, Known, Mode, Report, Scope};
use crate::text::safe::terminal;

/// At most this many risks are listed by name; the rest are counted.
const LISTED: usize = 20;

/// Renders `report`; text from the ledger is made safe for a terminal.
pub fn render(report: &Report) -> String {
    let mut out = Vec::new();
    head(report, &mut out);
    rates(report, &mut out);
    exposure(&report.all, &mut out);
    escapes(&report.all, &mut out);
    undecided(&report.all, &mut out);
    preventive(&report.all, &mut out);
    detective(&report.all, &mut out);
    corrective(&report.all, &mut out);
    approvals(&report.all, &mut out);
    trust(report, &mut out);
    explain(&report.all, &mut out);
    out.push(String::new());
    out.join("\n")
}

/// `6 of 12 (50.0 %), 95 % interval 0.25 to 0.75`; shares as such, since few risks bear no percentage.
pub(super) fn headline(rate: &Rate) -> String {
    if rate.decided == 0 {
        return "no risk is decided, so there is no rate".to_owned();
    }
    let [low, high] = rate.interval;
    let share = part(Share::new(rate.numerator, rate.decided));
    format!("{share}, 95 % interval {:.2} to {:.2}", low.0, high.0)
}

/// Why the number may not be final, one sentence each.
pub(super) fn caveats(report: &Report) -> Vec<String> {
    let header = &report.header;
    let mut lines = Vec::new();
    if header.mode == Mode::Presumed {
        lines.push("crossings are presumed from deploy-stage runs: overridden, ungated and missed escapes are not seen".to_owned());
    }
    if header.coverage == Known::Unknown {
        lines.push("coverage: unknown".to_owned());
    }
    if header.lower_bound {
        lines.push("lower bound: the true rate may be higher".to_owned());
    }
    if header.provisional {
        let maturity = header.maturity_days.0;
        lines.push(format!(
            "provisional: what is found until {maturity:.0} days after the window restates it"
        ));
    }
    if let Some(first) = report.all.rate.first_reported {
        lines.push(format!("first reported as {}", part(Share::new(first.escaped, first.decided))));
    }
    lines
}

fn head(report: &Report, out: &mut Vec<String>) {
    let header = &report.header;
    let severities: Vec<&str> = header.severities.iter().map(|severity| severity.word()).collect();
    out.push(format!(
        "escape rate of {} risks from {} to {} (end excluded), as known at {}",
        severities.join(" and "),
        minute(header.window_start),
        minute(header.window_end),
        minute(header.as_of)
    ));
    let (mode, coverage) = (mode(header.mode), known(header.coverage));
    out.push(format!(
        "variant {}, crossings {mode}, coverage: {coverage}, fingerprints {}",
        header.variant.word(),
        header.fingerprint_version
    ));
    out.push(String::new());
}

fn rates(report: &Report, out: &mut Vec<String>) {
    out.push(format!("escaped: {}", headline(&report.all.rate)));
    let classes: Vec<String> = report
        .all
        .rate
        .classes
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(class, n)| format!("{n} {class}"))
        .collect();
    if !classes.is_empty() {
        out.push(format!("  by class: {}", classes.join(", ")));
    }
    let rate = &report.all.rate;
    out.push(format!(
        "  pending: {} (beside the rate, not in it); prevented {}, dismissed {}, abandoned {}, inherited and open {}",
        rate.pending, rate.prevented, rate.dismissed, rate.abandoned, rate.inherited_open
    ));
    if let Some(weighted) = rate.blast_rate.filter(|_| rate.decided >= super::ENOUGH) {
        let without = if rate.without_blast > 0 {
            format!(", {} without a blast radius left out", rate.without_blast)
        } else {
            String::new()
        };
        out.push(format!("  weighted by blast radius: {}{without}", percent(weighted.0)));
    }
    if let Some(budget) = report.all.budget {
        let burn =
            budget.burn.map_or_else(|| "not used".to_owned(), |burn| format!("used {:.1} times", burn.0));
        out.push(format!(
            "  agreed rate {}: {burn}; {:.1} risks were allowed",
            percent(budget.target.0),
            budget.allowed_risks.0
        ));
    }
    out.extend(caveats(report).iter().map(|line| format!("  note: {line}")));
    for (title, scopes) in [("by product line", &report.products), ("by pipeline", &report.pipelines)] {
        if scopes.is_empty() {
            continue;
        }
        out.push(String::new());
        out.push(format!("{title}:"));
        out.extend(scopes.iter().map(line));
    }
    comparisons(report, out);
    out.push(String::new());
}

fn line(scope: &Scope) -> String {
    let bound = if scope.lower_bound { "; coverage: unknown, lower bound" } else { "" };
    format!("  {}: {}, {} pending{bound}", terminal(&scope.name), headline(&scope.rate), scope.rate.pending)
}

/// Says which pipelines the data can and cannot tell apart.
fn comparisons(report: &Report, out: &mut Vec<String>) {
    for pair in &report.comparisons {
        let (first, second) = (terminal(&pair.first), terminal(&pair.second));
        let [low, high] = pair.difference.interval;
        let interval = format!(
            "difference {:+.2}, 95 % interval {:+.2} to {:+.2}",
            pair.difference.difference.0, low.0, high.0
        );
        out.push(if pair.difference.changed {
            format!("  {first} and {second} differ: {interval}")
        } else {
            format!("  {first} and {second} cannot be told apart yet: {interval}")
        });
    }
    let outside = |scope: &&Scope| {
        let rate = scope.rate.rate.map(|rate| rate.0);
        rate.zip(scope.rate.funnel998).is_some_and(|(rate, [low, high])| rate < low.0 || rate > high.0)
    };
    for scope in report.pipelines.iter().filter(outside) {
        out.push(format!(
            "  {} lies outside the 99.8 % limits around the rate of all",
            terminal(&scope.name)
        ));
    }
    for fingerprint in &report.split_outcome {
        out.push(format!("  {} had different fates in different pipelines", short(fingerprint)));
    }
}

fn exposure(scope: &Scope, out: &mut Vec<String>) {
    let exposure = &scope.exposure;
    let mean = exposure.mean_open.map_or(0.0, |mean| mean.0);
    out.push(format!(
        "exposure: {:.1} days of open risk, {mean:.2} open on average, {} open now",
        exposure.days.0, exposure.open
    ));
    out.push(format!(
        "  under a live exception {:.1} d, under none {:.1} d; weighted by blast radius {:.1}",
        exposure.sanctioned.0, exposure.unsanctioned.0, exposure.blast_days.0
    ));
    if exposure.inherited_days.0 > 0.0 {
        out.push(format!("  beside it, under the adoption baseline {:.1} d", exposure.inherited_days.0));
    }
    out.push(String::new());
}

fn escapes(scope: &Scope, out: &mut Vec<String>) {
    for escape in scope.escapes.iter().take(LISTED) {
        out.push(format!(
            "{}[{}]: {} in {}",
            escape.class.word(),
            terminal(&escape.rule),
            short(&escape.fingerprint),
            terminal(&escape.pipeline)
        ));
        out.push(format!("  what changed: {}", changed(escape)));
        out.push(format!("  who or what acted: {}", acted(escape)));
        out.push(format!("  was exposure reduced: {}", reduced(escape)));
    }
    more(scope.escapes.len(), out);
    if !scope.escapes.is_empty() {
        out.push(String::new());
    }
}

/// What came into production, when, and what stood before it.
pub(super) fn changed(escape: &Escaped) -> String {
    let carrier = match (escape.deploy.as_str(), escape.run.as_str()) {
        ("", "") => "by no recorded deploy".to_owned(),
        ("", run) => format!("presumed with run `{}`", terminal(run)),
        (deploy, _) => format!("with deploy `{}`", terminal(deploy)),
    };
    let why = match (escape.class, escape.cause) {
        (Class::Excepted, _) => format!("under exception `{}`", terminal(&escape.exception)),
        (Class::Advisory, _) => "since its rule advises and does not block".to_owned(),
        (Class::Overridden, Cause::BreakGlass) => "although its run was blocked, by break-glass".to_owned(),
        (Class::Overridden, _) => "although its run was blocked, without a record of why".to_owned(),
        (Class::Ungated, _) => "without a valid run before it".to_owned(),
        (Class::Missed, Cause::NoRule) => "past a valid run whose policy had no rule for it".to_owned(),
        (Class::Missed, Cause::Evaded) => "past a valid run whose policy had the rule".to_owned(),
        (Class::Missed, _) => "past a valid run that did not see it".to_owned(),
    };
    let estimate = if escape.estimated { " (estimated)" } else { "" };
    format!("live since {}{estimate}, {carrier}, {why}", minute(escape.escaped_at))
}

/// Who deployed and who approved.
pub(super) fn acted(escape: &Escaped) -> String {
    let deployed = if escape.deployed_by.is_empty() {
        "nobody on record deployed it".to_owned()
    } else {
        format!("deployed by `{}`", terminal(&escape.deployed_by))
    };
    let approvers: Vec<String> =
        escape.approved_by.iter().map(|name| format!("`{}`", terminal(name))).collect();
    let approved = if approvers.is_empty() {
        String::new()
    } else {
        format!(", approved by {}", approvers.join(" and "))
    };
    let found = escape.found_at.map_or(String::new(), |at| format!(", found in production {}", minute(at)));
    format!("{deployed}{approved}{found}")
}

/// Whether it is over, and how long it was live.
pub(super) fn reduced(escape: &Escaped) -> String {
    let (under, outside) = (escape.sanctioned_days.0, escape.unsanctioned_days.0);
    let lasted =
        format!("{:.1} days live in the window, {outside:.1} of them under no exception", under + outside);
    match escape.remediated_at {
        Some(at) if escape.remedy.is_empty() => format!("yes, {}; {lasted}", minute(at)),
        Some(at) => format!("yes, {} ({}); {lasted}", minute(at), terminal(&escape.remedy)),
        None => format!("no, still open; {lasted}"),
    }
}

fn undecided(scope: &Scope, out: &mut Vec<String>) {
    if scope.pending.is_empty() {
        return;
    }
    out.push("pending, neither prevented nor escaped:".to_owned());
    for risk in scope.pending.iter().take(LISTED) {
        let (rule, pipeline) = (terminal(&risk.rule), terminal(&risk.pipeline));
        out.push(format!(
            "  {} [{rule}] in {pipeline}, since {}",
            short(&risk.fingerprint),
            minute(risk.first_seen)
        ));
    }
    more(scope.pending.len(), out);
    out.push(String::new());
}

fn more(all: usize, out: &mut Vec<String>) {
    if let Some(rest) = all.checked_sub(LISTED).filter(|rest| *rest > 0) {
        out.push(format!("  and {rest} more, all in the json report"));
    }
}

fn preventive(scope: &Scope, out: &mut Vec<String>) {
    let (preventive, trust) = (&scope.preventive, &scope.trust);
    out.push("preventive: what stopped risks before production".to_owned());
    out.push(format!("  seen before crossing {}", part(preventive.detected_before)));
    out.push(format!("  of those prevented {}", part(preventive.conversion)));
    out.push(format!("  deploys that carried a first crossing {}", part(preventive.escaping_deploys)));
    out.push(format!("  rules that block {}, changed to advise {}", part(trust.enforcing), trust.relaxed));
    out.push(String::new());
}

fn detective(scope: &Scope, out: &mut Vec<String>) {
    let detective = &scope.detective;
    out.push("detective: what noticed risks in production".to_owned());
    out.push(format!("  escapes first seen in production {}", part(detective.production_found)));
    if let Some(median) = detective.detect_median_days {
        out.push(format!("  time to detect, median {:.1} d", median.0));
    }
    out.push(String::new());
}

fn corrective(scope: &Scope, out: &mut Vec<String>) {
    let (remediate, revoke) = (&scope.corrective.remediate, &scope.corrective.revoke);
    out.push("corrective: how fast they were dealt with".to_owned());
    let both =
        |closed: &[Figure], open: &[Figure]| format!("{} closed, {} still open", closed.len(), open.len());
    let (closed, open) = (&remediate.closed_days, &remediate.censored_days);
    if !closed.is_empty() || !open.is_empty() {
        out.push(format!(
            "  time to remediate, median {} ({})",
            days(remediate.median_days),
            both(closed, open)
        ));
    } else {
        out.push("  nothing escaped, so nothing to remediate".to_owned());
    }
    let (closed, open) = (&revoke.closed_days, &revoke.censored_days);
    if !closed.is_empty() || !open.is_empty() {
        let after: Vec<String> = ["1 d", "5 d", "30 d"]
            .iter()
            .zip(revoke.still_after)
            .filter_map(|(name, share)| Some(format!("{:.2} after {name}", share?.0)))
            .collect();
        let figures = both(closed, open);
        out.push(format!(
            "  time to revoke after notice, median {} ({figures}); share still valid: {}",
            days(revoke.median_days),
            after.join(", ")
        ));
    }
    out.push(String::new());
}

fn approvals(scope: &Scope, out: &mut Vec<String>) {
    let review = &scope.review;
    if review.requested + review.approved + review.denied + review.refused_self_approval == 0 {
        return;
    }
    out.push(format!(
        "exceptions: {} requested, {} approved, {} denied, {} refused as self-approval, {} used by a deploy",
        review.requested, review.approved, review.denied, review.refused_self_approval, review.used
    ));
    let names = |names: &[String]| {
        names.iter().map(|name| format!("`{}`", terminal(name))).collect::<Vec<_>>().join(", ")
    };
    if !review.open.is_empty() {
        out.push(format!("  live with an open risk: {}", names(&review.open)));
    }
    if !review.expired_while_exposed.is_empty() {
        out.push(format!("  ended while the risk was live: {}", names(&review.expired_while_exposed)));
    }
    for (number, what) in [
        (review.fast, "approved within 60 s"),
        (review.self_approved, "approved by their own author"),
        (review.without_expiry, "without an end, which must not be"),
        (review.bursts, "approvers with three approvals within 60 s"),
        (review.reused_reason, "with a reason used before"),
        (review.outside_owner_group, "by somebody outside the owner's group"),
    ] {
        if number > 0 {
            out.push(format!("  {number} {what}"));
        }
    }
    out.push(format!("  whether somebody approves nearly everything: {}", review.approve_ratio_signal));
    for approver in &review.approvers {
        let signs = match &approver.signs {
            None => "insufficient".to_owned(),
            Some(signs) if signs.is_empty() => "quiet".to_owned(),
            Some(signs) => signs.join(", ").replace('_', " "),
        };
        let (name, decisions, approvals) = (terminal(&approver.name), approver.decisions, approver.approvals);
        out.push(format!(
            "  `{name}`: {approvals} of {decisions} approved, signs of a review that only clicks: {signs}"
        ));
    }
    out.push(String::new());
}

fn trust(report: &Report, out: &mut Vec<String>) {
    let (trust, records) = (&report.all.trust, &report.records);
    out.push("what the numbers rest on".to_owned());
    if report.all.coverage == Known::Unknown {
        out.push("  coverage: unknown, since not every pipeline records its deploys".to_owned());
    }
    out.push(format!(
        "  deploys with a valid run {}, with one that opened the gate {}",
        part(trust.gated),
        part(trust.honoured)
    ));
    let audit = &trust.audit;
    let chain = audit.chain.map_or_else(|| "not verified here".to_owned(), part);
    out.push(format!(
        "  audit trail: deploys on record {}, fields {}, chain {chain}",
        part(audit.presence),
        part(audit.fields)
    ));
    for (number, what) in [
        (trust.unsigned_deploys, "deploys are unsigned and count as presumed"),
        (trust.without_separation, "runs under a policy that lets authors approve"),
        (trust.past_hook, "commits came past the hook, or from where there is none"),
        (records.duplicates_folded, "retries folded into the event they repeat"),
        (records.local, "records come from developers' machines and feed no rate"),
        (records.unsigned.len() as u64, "records from outside are unsigned and not counted"),
        (records.unreadable.len() as u64, "records lack a field they need and are not counted"),
        (report.all.rate.estimated, "escapes have an estimated deploy"),
        (report.all.quality.downgraded, "escapes were rated down in the week before"),
    ] {
        if number > 0 {
            out.push(format!("  {number} {what}"));
        }
    }
}

fn explain(scope: &Scope, out: &mut Vec<String>) {
    if scope.explain.is_empty() {
        return;
    }
    out.push(String::new());
    out.push("records behind each number".to_owned());
    for (number, rids) in &scope.explain {
        out.push(format!("  {number}: {}", rids.join(" ")));
    }
}

pub(super) const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Presumed => "presumed",
        Mode::Confirmed | Mode::Auto => "confirmed",
    }
}

pub(super) const fn known(known: Known) -> &'static str {
    match known {
        Known::Known => "known",
        Known::Unknown => "unknown",
    }
}
