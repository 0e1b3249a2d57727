//! For programs: one object under `report.schema.json`, pretty-printed, stable to the byte.
//!
//! ```text
//! { "schema": "tollgate.report/v1", "stage": "deploy", "outcome": "blocked", ...,
//!   "findings": [ { "rule": "aws-access-key", "action": "block", "fingerprint": "4f0c91aa7be2...", "place": {...} } ] }
//! ```
//!
//! Lines and columns count from 1, an end column is the first that no longer belongs. Fields are only ever added. It
//! holds no line of a file, not even a masked one.

use serde::Serialize;

pub use crate::report::saved::{SCHEMA, SavedError, SavedFinding, SavedReport, read};

use crate::decide::decision::Refusal;
use crate::decide::{Action, Decision, Permit, Verdict};
use crate::finding::{
    Confidence, Enforcement, Family, FingerprintAlgorithm, Gap, Location, Related, Severity,
};
use crate::outcome::{Coverage, Outcome, Receipt, RuleText};
use crate::pipeline::{Run, Stage};
use crate::report::Options;
use crate::text::safe;
use crate::text::time::Timestamp;

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, _: &Options) -> String {
    pretty(&Report::new(outcome))
}

/// JSON over many lines with a line feed at the end and no raw control character in it.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    // INVARIANT: every value here has text keys and no failing `Serialize`, so this cannot fail; an empty
    // report would be refused by every reader.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    safe::json(&text) + "\n"
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    tool: Tool,
    stage: Stage,
    outcome: Verdict,
    decided_at: Timestamp,
    pipeline: &'a str,
    run: &'a Run,
    policy: Digest<'a>,
    trust: Trust<'a>,
    counts: Counts,
    findings: Vec<Finding<'a>>,
    rules: &'a [RuleText],
    gaps: &'a [Gap],
    receipts: &'a [Receipt],
    #[serde(skip_serializing_if = "Option::is_none")]
    unrecorded: Option<&'a str>,
    coverage: &'a Coverage,
    overrides_rejected: &'a [String],
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Digest<'a> {
    digest: &'a str,
}

#[derive(Serialize)]
struct Trust<'a> {
    commit: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    activation: &'a str,
}

#[derive(Serialize)]
struct Counts {
    block: usize,
    except: usize,
    inherit: usize,
    advise: usize,
    gaps: usize,
}

#[derive(Serialize)]
struct Finding<'a> {
    rule: &'a str,
    family: Family,
    severity: Severity,
    confidence: Confidence,
    enforcement: Enforcement,
    action: Action,
    fingerprint: String,
    fp_alg: FingerprintAlgorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    former_fingerprint: Option<String>,
    short: String,
    place: Place<'a>,
    title: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blast: Option<u8>,
    occurrence: u32,
    facts: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'a str>,
    related: Vec<Explanation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    past: Option<Past<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<Exception<'a>>,
    refused: &'a [Refusal],
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
}

#[derive(Serialize)]
struct Place<'a> {
    path: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
}

/// When it stood in the history.
#[derive(Serialize)]
struct Past<'a> {
    first: &'a str,
    last: &'a str,
    author: &'a str,
    in_head: bool,
}

#[derive(Serialize)]
struct Explanation<'a> {
    place: Place<'a>,
    message: &'a str,
}

#[derive(Serialize)]
struct Exception<'a> {
    id: &'a str,
    path: &'a str,
    approvers: &'a [String],
    expires_at: Timestamp,
    reason: &'a str,
    code: &'a str,
    self_approved: bool,
}

impl<'a> Report<'a> {
    fn new(outcome: &'a Outcome) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool { name: "tollgate", version: env!("CARGO_PKG_VERSION") },
            stage: outcome.stage,
            outcome: outcome.verdict,
            decided_at: outcome.decided_at,
            pipeline: &outcome.run.pipeline,
            run: &outcome.run,
            policy: Digest { digest: &outcome.policy_digest },
            trust: Trust { commit: &outcome.trust_commit, activation: &outcome.activation },
            counts: Counts::new(outcome),
            findings: findings(outcome),
            rules: &outcome.rules,
            gaps: &outcome.gaps,
            receipts: &outcome.receipts,
            unrecorded: outcome.unrecorded.as_deref(),
            coverage: &outcome.coverage,
            overrides_rejected: &outcome.overrides_rejected,
        }
    }
}

fn findings(outcome: &Outcome) -> Vec<Finding<'_>> {
    let records = super::records(outcome);
    let finding = |decision| {
        let finding = Finding::new(outcome, decision);
        Finding { record: records.get(finding.fingerprint.as_str()).copied(), ..finding }
    };
    outcome.decisions.iter().map(finding).collect()
}

impl Counts {
    fn new(outcome: &Outcome) -> Self {
        Self {
            block: outcome.count(Action::Block),
            except: outcome.count(Action::Except),
            inherit: outcome.count(Action::Inherit),
            advise: outcome.count(Action::Advise),
            gaps: outcome.gaps.len(),
        }
    }
}

impl<'a> Finding<'a> {
    fn new(outcome: &'a Outcome, decision: &'a Decision) -> Self {
        let finding = &decision.finding;
        let rule = outcome.rule(&finding.rule.0);
        Self {
            rule: &finding.rule.0,
            family: finding.family,
            severity: finding.severity,
            confidence: finding.confidence,
            enforcement: finding.enforcement,
            action: decision.action,
            fingerprint: finding.fingerprint.hex(),
            fp_alg: finding.algorithm,
            former_fingerprint: finding.former.map(|(name, _)| name.hex()),
            short: finding.fingerprint.to_string(),
            place: Place::new(&finding.location),
            title: &finding.title,
            detail: &finding.detail,
            identity: finding.identity.as_deref(),
            blast: finding.blast,
            occurrence: finding.occurrence,
            facts: &finding.facts,
            encoding: finding.encoding.as_deref(),
            past: finding.past.as_ref().map(|past| Past {
                first: &past.first.commit,
                last: &past.last.commit,
                author: &past.author,
                in_head: past.in_head,
            }),
            related: finding.related.iter().map(Explanation::new).collect(),
            why: rule.map(|rule| rule.why.as_str()),
            fix: rule.map(|rule| rule.fix.as_str()),
            exception: decision.permit.as_ref().map(Exception::new),
            refused: &decision.refused,
            record: None,
        }
    }
}

impl<'a> Place<'a> {
    fn new(location: &'a Location) -> Self {
        Self {
            path: &location.path,
            line: location.start.line,
            column: location.start.column,
            end_line: location.end.line,
            end_column: location.end.column,
            commit: location.commit.as_deref(),
        }
    }
}

impl<'a> Explanation<'a> {
    fn new(related: &'a Related) -> Self {
        Self { place: Place::new(&related.location), message: &related.message }
    }
}

impl<'a> Exception<'a> {
    fn new(permit: &'a Permit) -> Self {
        Self {
            id: &permit.exception,
            path: &permit.path,
            approvers: &permit.approvers,
            expires_at: permit.expires_at,
            reason: &permit.reason,
            code: &permit.code,
            self_approved: permit.self_approved,
        }
    }
}
