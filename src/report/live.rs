//! A production scanner's SARIF, as far as `record found` needs it: which rule, how bad, and a name that lasts.
//!
//! The file comes from another tool. It is read strictly and within bounds, and nothing of its text is kept but names.
//!
//! Source: SARIF 2.1.0, sections 3.27 (result) and 3.49 (reportingDescriptor).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::finding::{Fingerprint, Severity};
use crate::text::hash;
use crate::text::json::{JsonError, read_strict};

/// The most bytes a report may have to be read.
pub const MAX_SARIF: usize = 64 * 1024 * 1024;
/// The most results that are taken from one report.
pub const MAX_RESULTS: usize = 10_000;
/// The domain of names for results that have none of ours.
const FOREIGN: &str = "tollgate-live-v1";

/// Something a scanner saw live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Our name of it where the report has one; else one made of scanner, rule and the scanner's own name.
    pub fingerprint: Fingerprint,
    /// Whether it is a name of ours, under which the gate would know it.
    pub is_own: bool,
    /// Id of the scanner's rule, in letters a record may hold.
    pub rule: String,
    /// How bad the scanner says it is.
    pub severity: Severity,
    /// Name of the scanner.
    pub scanner: String,
}

/// What a report holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveReport {
    /// What is there, each once, by fingerprint.
    pub found: Vec<Live>,
    /// Results that say themselves that nothing is there, or that were suppressed.
    pub passed_over: usize,
}

/// Why bytes are no such report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// More than [`MAX_SARIF`] bytes, or more than [`MAX_RESULTS`] results.
    #[error("the report is too large: {0}")]
    TooLarge(String),
    /// Not JSON as we take it.
    #[error("the report is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON, but no SARIF of version 2.1.0.
    #[error("the report is no SARIF 2.1.0: it has no usable `{0}`")]
    Shape(String),
}

/// Reads a SARIF report.
pub fn read(bytes: &[u8]) -> Result<LiveReport, LiveError> {
    if bytes.len() > MAX_SARIF {
        return Err(LiveError::TooLarge(format!("{} bytes, and the limit is {MAX_SARIF}", bytes.len())));
    }
    let report = read_strict(bytes)?;
    if report.get("version").and_then(Value::as_str) != Some("2.1.0") {
        return Err(LiveError::Shape("version".to_owned()));
    }
    let runs = report.get("runs").and_then(Value::as_array);
    let mut found: BTreeMap<Fingerprint, Live> = BTreeMap::new();
    let mut passed_over = 0;
    for (index, run) in runs.ok_or_else(|| LiveError::Shape("runs".to_owned()))?.iter().enumerate() {
        let at = |what: &str| LiveError::Shape(format!("runs[{index}].{what}"));
        let driver = run.pointer("/tool/driver").ok_or_else(|| at("tool.driver"))?;
        let scanner =
            text(driver, "name").filter(|name| !name.is_empty()).ok_or_else(|| at("tool.driver.name"))?;
        let rules = Rules::of(driver);
        for result in run.get("results").and_then(Value::as_array).into_iter().flatten() {
            if is_over(result) {
                passed_over += 1;
                continue;
            }
            let live = live(result, scanner, &rules).ok_or_else(|| at("results: a rule id"))?;
            found.entry(live.fingerprint).or_insert(live);
        }
    }
    if found.len() > MAX_RESULTS {
        return Err(LiveError::TooLarge(format!("{} results, and the limit is {MAX_RESULTS}", found.len())));
    }
    Ok(LiveReport { found: found.into_values().collect(), passed_over })
}

/// The severities that a scanner gives to its rules.
struct Rules<'r>(BTreeMap<&'r str, Severity>, Vec<&'r str>);

impl<'r> Rules<'r> {
    fn of(driver: &'r Value) -> Self {
        let rules: Vec<&Value> =
            driver.get("rules").and_then(Value::as_array).into_iter().flatten().collect();
        let rated = rules.iter().filter_map(|rule| Some((text(rule, "id")?, rating(rule)?)));
        Self(rated.collect(), rules.iter().filter_map(|rule| text(rule, "id")).collect())
    }

    /// The id of a result's rule, by name or by its place in the list.
    fn id<'v>(&self, result: &'v Value) -> Option<&'v str>
    where
        'r: 'v,
    {
        let index = result.get("ruleIndex").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
        text(result, "ruleId").or_else(|| self.1.get(index?).copied())
    }
}

/// Source: GitHub's `security-severity`, a score as in CVSS: from 9.0 critical, 7.0 high, 4.0 medium.
fn rating(value: &Value) -> Option<Severity> {
    let score = value.pointer("/properties/security-severity")?;
    let score = score.as_f64().or_else(|| score.as_str()?.parse().ok())?;
    Some(match score {
        score if score >= 9.0 => Severity::Critical,
        score if score >= 7.0 => Severity::High,
        score if score >= 4.0 => Severity::Medium,
        _ => Severity::Low,
    })
}

/// Whether a result tells of nothing that is there, or of what somebody accepted elsewhere.
fn is_over(result: &Value) -> bool {
    let suppressed =
        result.get("suppressions").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let passes = text(result, "kind").is_some_and(|kind| kind != "fail");
    suppressed || passes || text(result, "baselineState") == Some("absent")
}

fn live(result: &Value, scanner: &str, rules: &Rules<'_>) -> Option<Live> {
    let rule = rules.id(result)?;
    // Our own reports name it `tollgate/v1`.
    let own = result.pointer("/partialFingerprints/tollgate~1v1").and_then(Value::as_str);
    let own = own.and_then(Fingerprint::from_hex);
    let level = match text(result, "level") {
        Some("note" | "none") => Severity::Low,
        Some("error") => Severity::High,
        _ => Severity::Medium,
    };
    let severity = rating(result).or_else(|| rules.0.get(rule).copied()).unwrap_or(level);
    let is_id = |letter: &char| letter.is_ascii_alphanumeric() || "-_./".contains(*letter);
    Some(Live {
        fingerprint: own.unwrap_or_else(|| foreign(result, scanner, rule)),
        is_own: own.is_some(),
        rule: rule.chars().filter(is_id).take(100).collect(),
        severity,
        scanner: scanner.to_owned(),
    })
}

/// A name of scanner, rule and the scanner's own name of the result; without one, of the file it stands in.
fn foreign(result: &Value, scanner: &str, rule: &str) -> Fingerprint {
    let mut parts = vec![scanner.as_bytes(), rule.as_bytes()];
    let names = ["fingerprints", "partialFingerprints"]
        .iter()
        .find_map(|field| result.get(*field).and_then(Value::as_object).filter(|names| !names.is_empty()));
    for (name, value) in names.into_iter().flatten() {
        parts.extend([name.as_bytes(), value.as_str().unwrap_or_default().as_bytes()]);
    }
    let file = result.pointer("/locations/0/physicalLocation/artifactLocation/uri").and_then(Value::as_str);
    if names.is_none() {
        parts.push(file.unwrap_or_default().as_bytes());
    }
    let full = hash::sha256_parts(FOREIGN, &parts);
    Fingerprint(*full.first_chunk().unwrap_or(&[0; 16]))
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn report(results: &Value) -> Result<LiveReport, LiveError> {
        let driver = json!({ "name": "seeker", "rules": [
            { "id": "open-port" },
            { "id": "leaked-key", "properties": { "security-severity": "9.1" } },
        ]});
        let report =
            json!({ "version": "2.1.0", "runs": [{ "tool": { "driver": driver }, "results": results }] });
        read(report.to_string().as_bytes())
    }

    #[test]
    fn a_name_of_ours_is_taken_and_any_other_is_made_of_what_lasts() {
        let own = "4f0c91aa7be2".to_owned() + &"0".repeat(20);
        let place = |line: u32| {
            json!([{ "physicalLocation": {
            "artifactLocation": { "uri": "prod.env" }, "region": { "startLine": line } } }])
        };
        let read = report(&json!([
            { "ruleId": "leaked-key", "partialFingerprints": { "tollgate/v1": own } },
            { "ruleIndex": 0, "level": "error", "locations": place(1) },
            { "ruleIndex": 0, "level": "error", "locations": place(9) },
            { "ruleId": "leaked-key", "fingerprints": { "v1": "abc" } },
        ]))
        .unwrap();
        assert_eq!(read.found.len(), 3, "another line is no other risk: {read:#?}");
        let ours = read.found.iter().find(|live| live.is_own).unwrap();
        assert_eq!((ours.fingerprint.hex(), ours.severity), (own, Severity::Critical));
        let port = read.found.iter().find(|live| live.rule == "open-port").unwrap();
        assert_eq!((port.severity, port.scanner.as_str()), (Severity::High, "seeker"));
    }

    #[test]
    fn what_says_that_nothing_is_there_is_passed_over_and_counted() {
        let read = report(&json!([
            { "ruleId": "a", "kind": "pass" },
            { "ruleId": "a", "suppressions": [{ "kind": "external" }] },
            { "ruleId": "a", "baselineState": "absent" },
        ]));
        assert_eq!(read, Ok(LiveReport { found: Vec::new(), passed_over: 3 }));
    }

    #[test]
    fn what_is_no_sarif_is_an_error_that_says_what_is_missing() {
        for (bytes, part) in [
            ("{}", "`version`"),
            ("{\"version\": \"2.1.0\"}", "`runs`"),
            ("{\"version\": \"2.1.0\", \"runs\": [{}]}", "`runs[0].tool.driver`"),
            ("no", "strict JSON"),
        ] {
            let error = read(bytes.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = report(&json!([{ "message": {} }])).unwrap_err().to_string();
        assert!(error.contains("a rule id"), "{error}");
    }

    proptest! {
        #[test]
        fn no_report_makes_the_reader_fall_over(
            rule in "\\PC{0,20}", index in any::<i64>(), score in "\\PC{0,6}", own in "[0-9a-fx]{0,33}",
        ) {
            let result = json!({ "ruleId": rule, "ruleIndex": index, "partialFingerprints": { "tollgate/v1": own },
                "properties": { "security-severity": score } });
            let read = report(&json!([result, { "ruleIndex": index }]));
            prop_assert!(read.is_err() || read.unwrap().found.iter().all(|live| live.rule.is_ascii()));
        }

        #[test]
        fn no_bytes_make_the_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
