//! For code scanning: SARIF 2.1.0, with everything let through marked as suppressed.
//!
//! GitHub ignores `suppressions` and would open alerts for them: `github-sarif` is what to upload there. Limits are GitHub's (docs, "SARIF support for code scanning"): 25,000 results, 20 tags for a rule,
//! 1,024 characters in a description. What does not fit is counted in a notification, never dropped in silence.
//! There is no snippet: the alert is seen by more people than the file.

/// What is written.
mod model;

use std::collections::BTreeMap;

use self::model::{
    Driver, Finding, FindingProperties, Help, Id, Invocation, Level, Log, Notification, Past, Physical,
    Place, Region, Rule, RuleProperties, Run, RunProperties, Suppression, Text, Tool, Uri,
};
use super::json::pretty;
use super::{counted, leave, prose, records, worst_first};
use crate::decide::{Action, Decision};
use crate::finding::{Confidence, Gap, Location, Severity};
use crate::outcome::{Outcome, RuleText};
use crate::report::Options;
use crate::text::safe;

const RESULTS: usize = 25_000;
const DESCRIPTION: usize = 1_024;
const RELATED: usize = 100;
const TAGS: usize = 20;

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, _: &Options) -> String {
    pretty(&Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run::new(outcome)],
    })
}

impl Run {
    fn new(outcome: &Outcome) -> Self {
        let rules = rules(outcome);
        let index: BTreeMap<&str, usize> =
            rules.keys().enumerate().map(|(index, rule)| (*rule, index)).collect();
        let records = records(outcome);
        let decisions = worst_first(outcome);
        let results = decisions.iter().take(RESULTS).map(|decision| {
            let record = records.get(decision.finding.fingerprint.hex().as_str()).copied();
            let at = index.get(decision.finding.rule.0.as_str()).copied().unwrap_or_default();
            Finding::new(decision, at, record)
        });
        Self {
            results: results.collect(),
            automation_details: Id { id: category(&outcome.run.pipeline) },
            invocations: [Invocation::new(outcome)],
            column_kind: "unicodeCodePoints",
            properties: RunProperties {
                stage: outcome.stage.word(),
                verdict: outcome.verdict.word(),
                policy_digest: outcome.policy_digest.clone(),
                trust_commit: outcome.trust_commit.clone(),
            },
            tool: Tool {
                driver: Driver {
                    name: "tollgate",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: rules.into_values().collect(),
                },
            },
        }
    }
}

/// What stands before the last `/` is the category, under which a later upload replaces an earlier one.
fn category(pipeline: &str) -> String {
    let name = safe::line(pipeline);
    format!("{}/", if name.is_empty() { "tollgate" } else { &name })
}

impl Invocation {
    fn new(outcome: &Outcome) -> Self {
        let level = if outcome.gaps_block { "error" } else { "warning" };
        let mut notifications: Vec<Notification> =
            outcome.gaps.iter().map(|gap| Notification::gap(gap, level)).collect();
        if let Some(left) = outcome.decisions.len().checked_sub(RESULTS + 1) {
            let text = format!(
                "{} left out: code scanning takes {RESULTS}, the worst are here",
                counted(left as u64 + 1, "finding")
            );
            notifications.push(Notification::plain("warning", "results-left-out", text));
        }
        for rejected in &outcome.overrides_rejected {
            let text = format!("ignored, since it would have relaxed the gate: {}", safe::sarif(rejected));
            notifications.push(Notification::plain("warning", "override-rejected", text));
        }
        if let Some(why) = &outcome.unrecorded {
            let text = format!("advisory: nothing was recorded, {}", safe::sarif(why));
            notifications.push(Notification::plain("note", "not-recorded", text));
        }
        Self {
            execution_successful: true,
            exit_code: u8::from(!outcome.verdict.opens()),
            exit_code_description: outcome.verdict.word(),
            end_time_utc: outcome.decided_at.to_string(),
            tool_execution_notifications: notifications,
        }
    }
}

impl Notification {
    fn plain(level: &'static str, name: &str, text: String) -> Self {
        Self { level, message: Text { text }, descriptor: Id { id: name.to_owned() }, locations: Vec::new() }
    }

    fn gap(gap: &Gap, level: &'static str) -> Self {
        let detail =
            if gap.detail.is_empty() { String::new() } else { format!(": {}", safe::sarif(&gap.detail)) };
        let text = format!("{} was not read in full{detail}", safe::sarif(&gap.path));
        let name = format!("gap/{}", gap.reason.word());
        Self { locations: vec![Place::file(&gap.path)], ..Self::plain(level, &name, text) }
    }
}

/// The rules that have a decision, by id, each as bad and as sure as its worst finding.
fn rules(outcome: &Outcome) -> BTreeMap<&str, Rule> {
    let mut worst: BTreeMap<&str, &Decision> = BTreeMap::new();
    for decision in &outcome.decisions {
        let finding = &decision.finding;
        let kept = worst.entry(&finding.rule.0).or_insert(decision);
        if (finding.severity, finding.confidence) > (kept.finding.severity, kept.finding.confidence) {
            *kept = decision;
        }
    }
    worst.into_iter().map(|(id, decision)| (id, Rule::new(outcome.rule(id), decision))).collect()
}

impl Rule {
    fn new(text: Option<&RuleText>, decision: &Decision) -> Self {
        let finding = &decision.finding;
        let id = safe::line(&finding.rule.0);
        let or =
            |text: &str, instead: &str| if text.is_empty() { instead.to_owned() } else { text.to_owned() };
        let title = or(text.map_or("", |text| &text.title), &or(&finding.title, &id));
        let why = or(text.map_or("", |text| &text.why), &title);
        let level =
            if finding.enforcement == crate::finding::Enforcement::Block { "error" } else { "warning" };
        Self {
            name: safe::cut(&safe::line(&title), 255),
            short_description: Text { text: described(&title) },
            full_description: Text { text: described(&why) },
            help: help(text, &title),
            default_configuration: Level { level },
            properties: RuleProperties {
                tags: tags(text, finding.family.word()),
                precision: precision(finding.confidence),
                problem: if level == "error" { "error" } else { "warning" },
                severity: score(finding.severity),
            },
            id,
        }
    }
}

fn described(text: &str) -> String {
    safe::cut(&safe::sarif(text), DESCRIPTION)
}

fn help(text: Option<&RuleText>, title: &str) -> Help {
    let parts: Vec<(&str, &str)> = text.map_or_else(Vec::new, |text| {
        let all =
            [("Why", &text.why), ("Fix", &text.fix), ("Revoke", &text.revoke), ("Source", &text.source)];
        all.map(|(key, value)| (key, value.as_str()))
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect()
    });
    if parts.is_empty() {
        return Help { text: safe::sarif(title), markdown: prose(title) };
    }
    let plain: Vec<String> =
        parts.iter().map(|(key, value)| format!("{key}: {}", safe::sarif(value))).collect();
    let rich: Vec<String> = parts.iter().map(|(key, value)| format!("**{key}:** {}", prose(value))).collect();
    Help { text: plain.join("\n"), markdown: rich.join("\n\n") }
}

fn tags(text: Option<&RuleText>, family: &str) -> Vec<String> {
    let maps = text.map_or(&[][..], |text| &text.maps);
    let mut tags = vec!["security".to_owned(), family.to_owned()];
    for tag in maps.iter().map(|id| safe::line(id)) {
        if tags.len() < TAGS && !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

const fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "very-high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

/// A number within the band that GitHub calls by the same word: over 9.0 critical, from 7.0 high, from 4.0 medium.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.5",
    }
}

impl Finding {
    fn new(decision: &Decision, rule_index: usize, record: Option<u64>) -> Self {
        let finding = &decision.finding;
        let related = finding.related.iter().take(RELATED).enumerate();
        Self {
            rule_id: safe::line(&finding.rule.0),
            rule_index,
            level: level(decision.action),
            message: Text { text: message(decision) },
            locations: [Place::new(&finding.location)],
            related_locations: related
                .map(|(id, related)| Place {
                    id: Some(id),
                    message: Some(Text { text: safe::sarif(&related.message) }),
                    ..Place::new(&related.location)
                })
                .collect(),
            partial_fingerprints: BTreeMap::from([("tollgate/v1", finding.fingerprint.hex())]),
            suppressions: suppressions(decision),
            properties: FindingProperties {
                action: decision.action,
                enforcement: finding.enforcement.word(),
                severity: finding.severity.word(),
                confidence: finding.confidence.word(),
                family: finding.family.word(),
                fingerprint_algorithm: finding.algorithm.word(),
                facts: finding.facts.iter().map(|fact| safe::line(fact)).collect(),
                encoding: finding.encoding.as_deref().map(safe::line),
                refused: decision
                    .refused
                    .iter()
                    .map(|refusal| safe::line(&format!("{}: {}", refusal.exception, refusal.reason)))
                    .collect(),
                identity: finding.identity.as_deref().map(safe::line),
                blast: finding.blast,
                past: finding.past.as_ref().map(|past| Past {
                    first: safe::line(&past.first.commit),
                    last: safe::line(&past.last.commit),
                    author: safe::line(&past.author),
                    in_head: past.in_head,
                }),
                commit: finding.location.commit.as_deref().map(safe::line),
                record,
            },
        }
    }
}

const fn level(action: Action) -> &'static str {
    match action {
        Action::Block => "error",
        Action::Advise => "warning",
        Action::Except | Action::Inherit => "note",
    }
}

fn message(decision: &Decision) -> String {
    let finding = &decision.finding;
    let mut text = if finding.title.is_empty() { finding.rule.0.clone() } else { finding.title.clone() };
    if !finding.detail.is_empty() {
        text = format!("{text}: {}", finding.detail);
    }
    format!("{} (finding {})", safe::sarif(&text), finding.fingerprint)
}

fn suppressions(decision: &Decision) -> Vec<Suppression> {
    let lets_through = matches!(decision.action, Action::Except | Action::Inherit);
    let justification = decision.permit.as_ref().map_or_else(
        || decision.action.word().to_owned(),
        |permit| safe::sarif(&format!("exception {} {}", permit.exception, leave(permit))),
    );
    let one = Suppression { kind: "external", status: "accepted", justification };
    if lets_through { vec![one] } else { Vec::new() }
}

impl Place {
    fn new(location: &Location) -> Self {
        let (start, end) = (location.start, location.end.max(location.start));
        let (start_line, start_column) = (start.line.max(1), start.column.max(1));
        let region = Region {
            start_line,
            start_column,
            end_line: end.line.max(start_line),
            end_column: end.column.max(1),
        };
        let mut place = Self::file(&location.path);
        place.physical_location.region = Some(region);
        place
    }

    fn file(path: &str) -> Self {
        let physical = Physical { artifact_location: Uri { uri: safe::uri(path) }, region: None };
        Self { id: None, physical_location: physical, message: None }
    }
}
