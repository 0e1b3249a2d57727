//! A json report read back: what `except request` and `explain` need of it.
//!
//! The file comes from a disk anyone may write to. It is read strictly and within bounds, and nothing in it is
//! believed: whoever signs an exception signs what the exception says, and the gate decides anew.

/// All of it, as the outcome it was made from.
mod whole;

pub use whole::outcome;

use serde_json::{Map, Value};

use crate::finding::{Fingerprint, FingerprintAlgorithm, Severity};
use crate::text::hash;
use crate::text::json::{JsonError, read_strict};
use crate::text::time::Timestamp;

/// The name of the only shape this version writes and reads.
pub const SCHEMA: &str = "tollgate.report/v1";

/// The most bytes a report may have to be read.
pub const MAX_REPORT: usize = 64 * 1024 * 1024;

/// A report, as far as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedReport {
    /// `sha256:` digest of the bytes that were read.
    pub digest: String,
    /// When the run decided.
    pub decided_at: Timestamp,
    /// Its one word.
    pub outcome: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Host, immutable id and name of the repository it is about.
    pub repo: [String; 3],
    /// `sha256:` digest of the policy in force.
    pub policy_digest: String,
    /// The findings, in the order of the report.
    pub findings: Vec<SavedFinding>,
}

/// A finding of a saved report; texts are untrusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFinding {
    /// Id of the rule.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// What the gate did with it: `block`, `advise`, `except`, `inherit`.
    pub action: String,
    /// The name of what was found.
    pub fingerprint: Fingerprint,
    /// How the name was made.
    pub algorithm: FingerprintAlgorithm,
    /// Its name under the key before, while keys are changed.
    pub former: Option<Fingerprint>,
    /// Path relative to the scanned root.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is wrong, in a few words.
    pub title: String,
    /// What exactly stands there; may be empty.
    pub detail: String,
    /// Index of the record that holds the decision, where there is one.
    pub record: Option<u64>,
}

/// Why bytes are no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// More than [`MAX_REPORT`].
    #[error("the report has {0} bytes; the limit is {MAX_REPORT}")]
    TooLarge(usize),
    /// Not JSON as we take it.
    #[error("the report is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// Another kind of file, or a report of another version.
    #[error("this is no report of the shape `{SCHEMA}`; write one with `--report json=FILE`")]
    Schema,
    /// A field is missing or of another type.
    #[error("the report has no usable `{0}`")]
    Field(String),
    /// Its word is not the one that follows from its findings and gaps.
    #[error("the report says `{0}`, and its findings and gaps say otherwise")]
    Contradiction(&'static str),
}

/// Reads what [`super::outcome::json::render`] wrote; fields it does not know are passed over, since newer versions
/// may add some.
///
/// # Errors
///
/// Any field of [`SavedReport`] that is missing, of another type or not in its one form.
pub fn read(bytes: &[u8]) -> Result<SavedReport, SavedError> {
    if bytes.len() > MAX_REPORT {
        return Err(SavedError::TooLarge(bytes.len()));
    }
    let Value::Object(report) = read_strict(bytes)? else { return Err(SavedError::Schema) };
    if report.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
        return Err(SavedError::Schema);
    }
    let whole = Object { fields: &report, at: String::new() };
    let findings =
        report.get("findings").and_then(Value::as_array).ok_or_else(|| whole.missing("findings"))?;
    Ok(SavedReport {
        digest: hash::digest(bytes),
        decided_at: whole.parsed("decided_at", |text| Timestamp::parse(text).ok())?,
        outcome: whole.word("outcome", &["clean", "advised", "excepted", "blocked"])?,
        pipeline: whole.text("pipeline")?,
        repo: {
            let run = whole.object("run")?;
            [run.text("repo_host")?, run.text("repo_id")?, run.text("repo_name")?]
        },
        policy_digest: whole.object("policy")?.text("digest")?,
        findings: findings.iter().enumerate().map(finding).collect::<Result<_, _>>()?,
    })
}

fn finding((index, value): (usize, &Value)) -> Result<SavedFinding, SavedError> {
    let at = format!("findings[{index}]");
    let Value::Object(fields) = value else { return Err(SavedError::Field(at)) };
    let finding = Object { fields, at: format!("{at}.") };
    let place = finding.object("place")?;
    Ok(SavedFinding {
        rule: finding.text("rule")?,
        severity: finding.parsed("severity", Severity::from_word)?,
        action: finding.word("action", &["block", "advise", "except", "inherit"])?,
        fingerprint: finding.parsed("fingerprint", Fingerprint::from_hex)?,
        algorithm: finding.parsed("fp_alg", algorithm)?,
        former: match fields.get("former_fingerprint") {
            None => None,
            Some(_) => Some(finding.parsed("former_fingerprint", Fingerprint::from_hex)?),
        },
        path: place.text("path")?,
        line: place.number("line")?,
        column: place.number("column")?,
        title: finding.text("title")?,
        detail: finding.text("detail")?,
        record: match fields.get("record") {
            None => None,
            Some(index) => Some(index.as_u64().ok_or_else(|| finding.missing("record"))?),
        },
    })
}

fn algorithm(word: &str) -> Option<FingerprintAlgorithm> {
    use FingerprintAlgorithm::{Hmac, Located, Salted};
    [Hmac, Salted, Located].into_iter().find(|algorithm| algorithm.word() == word)
}

/// An object of the report, and where it stands for messages.
struct Object<'a> {
    fields: &'a Map<String, Value>,
    at: String,
}

impl Object<'_> {
    fn missing(&self, name: &str) -> SavedError {
        SavedError::Field(format!("{}{name}", self.at))
    }

    fn object(&self, name: &str) -> Result<Object<'_>, SavedError> {
        let fields = self.fields.get(name).and_then(Value::as_object).ok_or_else(|| self.missing(name))?;
        Ok(Object { fields, at: format!("{}{name}.", self.at) })
    }

    fn text(&self, name: &str) -> Result<String, SavedError> {
        self.parsed(name, |text| Some(text.to_owned()))
    }

    fn word(&self, name: &str, words: &[&str]) -> Result<String, SavedError> {
        self.parsed(name, |text| words.contains(&text).then(|| text.to_owned()))
    }

    fn parsed<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, SavedError> {
        self.fields.get(name).and_then(Value::as_str).and_then(read).ok_or_else(|| self.missing(name))
    }

    fn number(&self, name: &str) -> Result<u32, SavedError> {
        let number =
            self.fields.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.missing(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REPORT: &str = r#"{"schema":"tollgate.report/v1","decided_at":"2026-11-21T10:00:00.000Z","outcome":"blocked",
        "pipeline":"pay","run":{"repo_host":"h","repo_id":"7","repo_name":"acme/pay"},"policy":{"digest":"sha256:00"},"added_later":7,"findings":[{"rule":"r","severity":"high",
        "action":"block","fingerprint":"4f0c91aa7be2000000000000000000aa","fp_alg":"salted","title":"t","detail":"",
        "place":{"path":"a.env","line":7,"column":19},"record":118}]}"#;

    #[test]
    fn a_report_reads_back_with_fields_of_later_versions_in_it() {
        let report = read(REPORT.as_bytes()).unwrap();
        assert_eq!((report.outcome.as_str(), report.policy_digest.as_str()), ("blocked", "sha256:00"));
        let finding = &report.findings[0];
        assert_eq!((finding.rule.as_str(), finding.line, finding.record), ("r", 7, Some(118)));
        assert_eq!(finding.fingerprint.to_string(), "4f0c-91aa-7be2");
        assert_eq!(report.digest, hash::digest(REPORT.as_bytes()));
    }

    #[test]
    fn what_is_not_such_a_report_is_refused_and_the_field_is_named() {
        for (from, to, message) in [
            ("report/v1", "report/v2", "this is no report of the shape"),
            ("\"high\"", "\"worst\"", "`findings[0].severity`"),
            ("aa\",\"fp_alg", "\",\"fp_alg", "`findings[0].fingerprint`"),
            ("\"line\":7", "\"line\":-7", "`findings[0].place.line`"),
            ("\"path\":\"a.env\",", "", "`findings[0].place.path`"),
            ("\"record\":118", "\"record\":\"x\"", "`findings[0].record`"),
            ("\"blocked\"", "\"opened\"", "`outcome`"),
            ("\"digest\":", "\"digits\":", "`policy.digest`"),
            ("\"added_later\":7", "\"schema\":\"x\"", "not strict JSON"),
        ] {
            let text = REPORT.replacen(from, to, 1);
            assert_ne!(text, REPORT, "{from}");
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{from}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fall_over(at in 0_usize..REPORT.len(), byte in any::<u8>()) {
            let mut bytes = REPORT.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = read(&bytes);
            let _ = read(&bytes[..at]);
        }
    }
}
