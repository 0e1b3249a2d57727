//! A json report read back as an outcome, so that whatever is made from an outcome can be made of it later.
//!
//! What a report leaves out stays empty: masked lines, byte offsets, the order of commits. Texts are untrusted, as
//! those of every outcome are; the words and numbers are checked, and the verdict against the findings.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{MAX_REPORT, SCHEMA, SavedError, algorithm};
use crate::decide::decision::Refusal;
use crate::decide::{Action, Decision, Gaps, Permit, Verdict};
use crate::finding::{
    Confidence, Enforcement, Family, Finding, Fingerprint, Gap, Location, Moment, Past, Related, RuleId,
    Severity,
};
use crate::outcome::Outcome;
use crate::pipeline::Stage;
use crate::text::json::read_strict;
use crate::text::span::{Position, Span};
use crate::text::time::Timestamp;

/// Reads all that [`crate::report::outcome::json::render`] wrote; fields it does not know are passed over.
///
/// # Errors
///
/// A field that is missing or of another type, and a verdict that does not follow from the rest.
pub fn outcome(bytes: &[u8]) -> Result<Outcome, SavedError> {
    if bytes.len() > MAX_REPORT {
        return Err(SavedError::TooLarge(bytes.len()));
    }
    let Value::Object(mut report) = read_strict(bytes)? else { return Err(SavedError::Schema) };
    if report.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
        return Err(SavedError::Schema);
    }
    let policy: Policy = field(&mut report, "policy")?;
    let trust: Trust = field(&mut report, "trust")?;
    let stage = field(&mut report, "stage")?;
    let verdict = field(&mut report, "outcome")?;
    let decisions = list(&mut report, "findings", decision)?;
    let gaps: Vec<Gap> = list(&mut report, "gaps", Some)?;
    Ok(Outcome {
        stage,
        verdict,
        gaps_block: gaps_block(stage, verdict, &decisions, gaps.len())?,
        decided_at: field(&mut report, "decided_at")?,
        run: field(&mut report, "run")?,
        decisions,
        gaps,
        coverage: field(&mut report, "coverage")?,
        receipts: field(&mut report, "receipts")?,
        unrecorded: if report.contains_key("unrecorded") {
            Some(field(&mut report, "unrecorded")?)
        } else {
            None
        },
        policy_digest: policy.digest,
        trust_commit: trust.commit,
        activation: trust.activation,
        overrides_rejected: field(&mut report, "overrides_rejected")?,
        rules: field(&mut report, "rules")?,
    })
}

/// Whether gaps keep the gate shut: the one answer under which the verdict follows, that of the stage where both do.
fn gaps_block(
    stage: Stage,
    verdict: Verdict,
    decisions: &[Decision],
    gaps: usize,
) -> Result<bool, SavedError> {
    let usual = stage == Stage::Deploy;
    let follows = |block: &bool| {
        let gaps = match (gaps, block) {
            (0, _) => Gaps::None,
            (_, true) => Gaps::Block,
            (_, false) => Gaps::Shown,
        };
        Verdict::of(decisions.iter().map(|decision| decision.action), gaps) == verdict
    };
    [usual, !usual].into_iter().find(follows).ok_or(SavedError::Contradiction(verdict.word()))
}

fn field<T: DeserializeOwned>(report: &mut Map<String, Value>, name: &str) -> Result<T, SavedError> {
    // The words of the reader would repeat values of the file; the name is enough.
    report
        .remove(name)
        .and_then(|value| serde_json::from_value(value).ok())
        .ok_or_else(|| SavedError::Field(name.to_owned()))
}

/// A list whose entries are read one by one, so that a message can say which one is wrong.
fn list<S: DeserializeOwned, T>(
    report: &mut Map<String, Value>,
    name: &str,
    of: impl Fn(S) -> Option<T>,
) -> Result<Vec<T>, SavedError> {
    let Some(Value::Array(values)) = report.remove(name) else {
        return Err(SavedError::Field(name.to_owned()));
    };
    let entry = |(index, value)| {
        let read = serde_json::from_value(value).ok().and_then(&of);
        read.ok_or_else(|| SavedError::Field(format!("{name}[{index}]")))
    };
    values.into_iter().enumerate().map(entry).collect()
}

#[derive(Deserialize)]
struct Policy {
    digest: String,
}

#[derive(Deserialize)]
struct Trust {
    commit: String,
    #[serde(default)]
    activation: String,
}

#[derive(Deserialize)]
struct Entry {
    rule: RuleId,
    family: Family,
    severity: Severity,
    confidence: Confidence,
    enforcement: Enforcement,
    action: Action,
    fingerprint: Fingerprint,
    fp_alg: String,
    place: Place,
    title: String,
    detail: String,
    identity: Option<String>,
    blast: Option<u8>,
    occurrence: u32,
    facts: Vec<String>,
    encoding: Option<String>,
    related: Vec<Explanation>,
    past: Option<Stay>,
    exception: Option<Exception>,
    refused: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Place {
    path: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    commit: Option<String>,
}

#[derive(Deserialize)]
struct Explanation {
    place: Place,
    message: String,
}

#[derive(Deserialize)]
struct Stay {
    first: String,
    last: String,
    author: String,
    in_head: bool,
}

#[derive(Deserialize)]
struct Exception {
    id: String,
    path: String,
    approvers: Vec<String>,
    expires_at: Timestamp,
    reason: String,
    code: String,
    self_approved: bool,
}

fn decision(entry: Entry) -> Option<Decision> {
    let moment = |commit| Moment { order: 0, commit };
    let finding = Finding {
        rule: entry.rule,
        family: entry.family,
        severity: entry.severity,
        confidence: entry.confidence,
        enforcement: entry.enforcement,
        title: entry.title,
        detail: entry.detail,
        location: entry.place.into(),
        fingerprint: entry.fingerprint,
        algorithm: algorithm(&entry.fp_alg)?,
        former: None,
        identity: entry.identity,
        blast: entry.blast,
        occurrence: entry.occurrence,
        snippet: None,
        related: entry.related.into_iter().map(Related::from).collect(),
        facts: entry.facts,
        encoding: entry.encoding,
        past: entry.past.map(|past| Past {
            first: moment(past.first),
            last: moment(past.last),
            author: past.author,
            in_head: past.in_head,
        }),
    };
    let permit = entry.exception.map(Permit::from);
    // What is let through is let through by something.
    let whole = permit.is_some() == matches!(entry.action, Action::Except | Action::Inherit);
    whole.then_some(Decision { finding, action: entry.action, permit, refused: entry.refused })
}

impl From<Place> for Location {
    fn from(place: Place) -> Self {
        Self {
            path: place.path,
            start: Position { line: place.line, column: place.column },
            end: Position { line: place.end_line, column: place.end_column },
            span: Span::default(),
            commit: place.commit,
        }
    }
}

impl From<Explanation> for Related {
    fn from(explanation: Explanation) -> Self {
        Self { location: explanation.place.into(), message: explanation.message }
    }
}

impl From<Exception> for Permit {
    fn from(exception: Exception) -> Self {
        Self {
            exception: exception.id,
            path: exception.path,
            approvers: exception.approvers,
            expires_at: exception.expires_at,
            reason: exception.reason,
            code: exception.code,
            self_approved: exception.self_approved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REPORT: &str = r#"{"schema":"tollgate.report/v1","stage":"merge","outcome":"excepted","decided_at":"2026-11-21T10:00:00.000Z",
        "run":{"commit":"c"},"policy":{"digest":"sha256:00"},"trust":{"commit":""},"gaps":[{"path":"g","reason":"limit","detail":""}],
        "coverage":{"files":1},"receipts":[],"rules":[],"overrides_rejected":[],"findings":[{"rule":"r","family":"secret",
        "severity":"high","confidence":"high","enforcement":"block","action":"except","fingerprint":"4f0c91aa7be2000000000000000000aa",
        "fp_alg":"salted","place":{"path":"a","line":1,"column":1,"end_line":1,"end_column":2},"title":"t","detail":"","occurrence":0,
        "facts":[],"related":[],"refused":[],"exception":{"id":"e","path":"p","approvers":["lee"],
        "expires_at":"2027-01-01T00:00:00.000Z","reason":"","code":"","self_approved":false}}]}"#;

    #[test]
    fn whether_gaps_keep_the_gate_shut_follows_from_the_verdict() {
        for (stage, word, block) in [
            ("merge", "excepted", Some(false)),
            ("merge", "blocked", Some(true)),
            ("deploy", "blocked", Some(true)),
            ("deploy", "excepted", Some(false)),
            ("merge", "clean", None),
            ("merge", "advised", None),
        ] {
            let text = REPORT.replacen("\"merge\"", &format!("\"{stage}\""), 1);
            let text = text.replacen("\"excepted\"", &format!("\"{word}\""), 1);
            let read = outcome(text.as_bytes()).ok().map(|outcome| outcome.gaps_block);
            assert_eq!(read, block, "{stage} {word}");
        }
    }

    #[test]
    fn what_is_let_through_names_what_lets_it_through() {
        let text = REPORT.replacen("\"exception\":", "\"was\":", 1);
        assert_eq!(outcome(text.as_bytes()), Err(SavedError::Field("findings[0]".to_owned())));
        let text = REPORT.replacen("\"limit\"", "\"none\"", 1);
        assert_eq!(outcome(text.as_bytes()), Err(SavedError::Field("gaps[0]".to_owned())));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fall_over(at in 0_usize..REPORT.len(), byte in any::<u8>()) {
            let mut bytes = REPORT.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = outcome(&bytes);
            let _ = outcome(&bytes[..at]);
        }
    }
}
