//! The strict JSON document of an exception.
//!
//! ```text
//! .tollgate/exceptions/01JDQ4R5M3K8ZV6T2XW9YABCDE.json         what is signed: these bytes and no others
//! .tollgate/exceptions/01JDQ4R5M3K8ZV6T2XW9YABCDE.json.1.sig   by the first approver
//! .tollgate/exceptions/01JDQ4R5M3K8ZV6T2XW9YABCDE.json.sig     as plain `ssh-keygen -Y sign` names it
//! ```
//!
//! A field that is unknown, missing or stands twice, a wildcard, an empty list, one item too many: each is an error.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::finding::{Fingerprint, FingerprintAlgorithm, RuleId, Severity};
use crate::text::json::{self, JsonError};
use crate::text::safe;
use crate::text::time::Timestamp;
use crate::text::ulid::{is_ulid, ulid};

/// The most bytes a document may have.
pub const MAX_DOCUMENT: usize = 32 * 1024;
/// The most findings one document may name.
pub const MAX_FINDINGS: usize = 50;
/// The most pipelines, and the most environments, one document may name.
pub const MAX_SCOPE: usize = 50;
/// The fewest characters a reason may have.
pub const MIN_REASON: usize = 20;

/// Everything an approver puts a name to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Version of the format: 1.
    pub v: u32,
    /// Its name and that of its file.
    pub id: Ulid,
    /// Origin of the ledger without the year, such as `acme.example/payments`.
    pub ledger: String,
    /// The one repository it holds for.
    pub repo: Repo,
    /// Where in that repository it holds.
    pub scope: Scope,
    /// What it lets through, 1 to [`MAX_FINDINGS`].
    pub findings: Vec<Named>,
    /// Why.
    pub reason: Reason,
    /// Who answers for it.
    pub owner: String,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was written, as it says itself; nothing is decided by it.
    #[serde(deserialize_with = "utc")]
    pub created_at: Timestamp,
    /// The first instant it holds.
    #[serde(deserialize_with = "utc")]
    pub not_before: Timestamp,
    /// The first instant it no longer holds.
    #[serde(deserialize_with = "utc")]
    pub expires_at: Timestamp,
    /// How many runs may use it; 0 is bound by time alone.
    pub max_uses: u32,
    /// The policy it was requested under; tiers come from the policy in force.
    pub policy: Digest,
    /// The json report it was requested from, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// The exception it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<Ulid>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repo {
    /// Host, such as `github.com`.
    pub host: String,
    /// The id that survives renaming; the name where the host has none.
    pub id: String,
    /// `owner/name`; for people, since a repository may be renamed.
    pub name: String,
}

/// Where an exception holds. Every name is written in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Pipelines.
    pub pipelines: Vec<String>,
    /// Environments; asked at the deploy stage only, since no other has one.
    pub environments: Vec<String>,
    /// The protected branch the change is meant for.
    pub base_branch: String,
    /// Which commits.
    pub commits: Commits,
}

/// Which commits an exception holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commits {
    /// All, until the finding is gone or the time is over: `until_fixed`.
    UntilFixed,
    /// The one with this full id: `exact <id>`.
    Exact(String),
}

/// A finding by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The rule.
    pub rule: RuleId,
    /// All 32 digits of the fingerprint.
    pub fp: Fingerprint,
    /// How the fingerprint was made.
    pub fp_alg: FingerprintAlgorithm,
    /// Id of the fingerprint key, for `hmac` only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fpk: String,
    /// As it was when requested; the policy in force decides.
    pub severity: Severity,
    /// Where it stood when requested; for people.
    pub path: String,
    /// What it is, in a few words; for people.
    pub summary: String,
}

/// Why an exception is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// One word, such as `false_positive` or `accepted_risk`.
    pub code: String,
    /// At least [`MIN_REASON`] characters.
    pub text: String,
    /// A ticket; may be left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ticket: String,
    /// What else guards meanwhile; may be left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub compensating: String,
}

/// A digest of something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// `sha256:` and 64 hex digits.
    pub digest: String,
}

/// 26 digits of Crockford's base 32: 48 bits of time in milliseconds, then 80 random bits.
///
/// Source: github.com/ulid/spec.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Ulid(String);

/// Why bytes are no exception.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than [`MAX_DOCUMENT`].
    #[error("the document has {0} bytes; the limit is {MAX_DOCUMENT}")]
    TooLarge(usize),
    /// Not strict JSON.
    #[error("the document is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON of another shape.
    #[error("the document has another shape: {0}")]
    Shape(String),
    /// A field holds what it may not.
    #[error("`{field}` {cause}")]
    Field {
        /// Dotted name of the field.
        field: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

impl Ulid {
    /// The id of `at` and 80 random bits.
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        Self(ulid(at, random))
    }

    /// Reads 26 upper-case digits of at most 128 bits.
    pub fn parse(text: &str) -> Option<Self> {
        is_ulid(text).then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Document {
    /// Reads `bytes` as a document.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let document: Self = strict(bytes, MAX_DOCUMENT)?;
        document.check()?;
        Ok(document)
    }

    /// The bytes to store and to sign: indented for people, with a line feed at the end.
    ///
    /// # Errors
    ///
    /// A document that [`Self::parse`] would not take back.
    pub fn encode(&self) -> Result<Vec<u8>, DocumentError> {
        let bytes = pretty(self)?;
        Self::parse(&bytes)?;
        Ok(bytes)
    }

    /// Whether one of the findings is critical, as the document says itself.
    pub fn claims_critical(&self) -> bool {
        self.findings.iter().any(|named| named.severity == Severity::Critical)
    }

    fn check(&self) -> Result<(), DocumentError> {
        if self.v != 1 {
            return Err(fault("v", "must be 1"));
        }
        check_name("ledger", &self.ledger)?;
        check_name("repo.host", &self.repo.host)?;
        check_name("repo.id", &self.repo.id)?;
        check_name("repo.name", &self.repo.name)?;
        check_list("scope.pipelines", &self.scope.pipelines)?;
        check_list("scope.environments", &self.scope.environments)?;
        check_name("scope.base_branch", &self.scope.base_branch)?;
        if self.findings.is_empty() {
            return Err(fault("findings", "is empty: name at least one"));
        }
        check_findings(self.findings.iter(), MAX_FINDINGS)?;
        self.reason.check()?;
        check_name("owner", &self.owner)?;
        check_name("requested_by", &self.requested_by)?;
        if self.not_before >= self.expires_at {
            return Err(fault("expires_at", "is not after `not_before`"));
        }
        check_digest("policy.digest", &self.policy.digest)?;
        if let Some(evidence) = &self.evidence {
            check_digest("evidence.digest", &evidence.digest)?;
        }
        if self.renews.as_ref() == Some(&self.id) {
            return Err(fault("renews", "names the document itself"));
        }
        Ok(())
    }
}

impl Reason {
    fn check(&self) -> Result<(), DocumentError> {
        let is_word = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        if self.code.is_empty() || !self.code.chars().all(is_word) {
            return Err(fault("reason.code", "must be lower-case letters and `_`, such as `accepted_risk`"));
        }
        if self.text.trim().chars().count() < MIN_REASON {
            return Err(fault("reason.text", "has fewer than 20 characters: say why, and until when"));
        }
        Ok(())
    }
}

/// `document` indented for people, with a line feed at the end.
pub(super) fn pretty<T: Serialize>(document: &T) -> Result<Vec<u8>, DocumentError> {
    let mut bytes =
        serde_json::to_vec_pretty(document).map_err(|error| DocumentError::Shape(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// At most `limit` bytes of strict JSON of the shape of `T`, where an object is an object.
pub(super) fn strict<T: Serialize + serde::de::DeserializeOwned>(
    bytes: &[u8],
    limit: usize,
) -> Result<T, DocumentError> {
    if bytes.len() > limit {
        return Err(DocumentError::TooLarge(bytes.len()));
    }
    let value = json::read_strict(bytes)?;
    let shape = |error: serde_json::Error| {
        DocumentError::Shape(safe::terminal(&error.to_string().replace("struct ", "the object ")))
    };
    let document: T = serde_json::from_value(value.clone()).map_err(shape)?;
    // A list of values in the right order would pass for an object; to other readers it is none.
    if !same_shape(&value, &serde_json::to_value(&document).map_err(shape)?) {
        return Err(DocumentError::Shape("a list stands where an object belongs".to_owned()));
    }
    Ok(document)
}

/// Whether objects, lists and plain values stand at the same places; what `known` leaves out may be empty text.
fn same_shape(read: &Value, known: &Value) -> bool {
    match (read, known) {
        (Value::Object(read), Value::Object(known)) => {
            read.iter().all(|(name, item)| match known.get(name) {
                Some(known) => same_shape(item, known),
                None => item == "",
            })
        }
        (Value::Array(read), Value::Array(known)) => {
            read.len() == known.len() && read.iter().zip(known).all(|(read, known)| same_shape(read, known))
        }
        (read, known) => std::mem::discriminant(read) == std::mem::discriminant(known) && !read.is_object(),
    }
}

/// Takes times in UTC with `Z` and at most milliseconds, so that they mean one instant to every reader.
pub(super) fn utc<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = Timestamp::parse(&text).map_err(serde::de::Error::custom)?;
    let written = time.to_string();
    if text == written || text == written.replace(".000Z", "Z") {
        Ok(time)
    } else {
        Err(serde::de::Error::custom("times are written as `2026-03-01T00:00:00Z`"))
    }
}

pub(super) fn fault(field: &'static str, cause: &str) -> DocumentError {
    DocumentError::Field { field, cause: cause.to_owned() }
}

/// A name is compared byte for byte: what could be read as a pattern, or not be seen, is refused.
pub(super) fn check_name(field: &'static str, name: &str) -> Result<(), DocumentError> {
    if name.is_empty() || name.trim() != name {
        return Err(fault(field, "is empty or has space around it"));
    }
    if name.contains(['*', '?']) {
        return Err(fault(field, "holds a wildcard: write each name in full"));
    }
    if safe::terminal(name) != name {
        return Err(fault(field, "holds characters that cannot be seen"));
    }
    Ok(())
}

fn check_list(field: &'static str, names: &[String]) -> Result<(), DocumentError> {
    if names.is_empty() {
        return Err(fault(field, "is empty: name at least one"));
    }
    if names.len() > MAX_SCOPE {
        return Err(fault(field, "names more than 50"));
    }
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        return Err(fault(field, "names one of them twice"));
    }
    names.iter().try_for_each(|name| check_name(field, name))
}

/// Findings are named once each, at most `most` of them.
pub(super) fn check_findings<'n>(
    findings: impl ExactSizeIterator<Item = &'n Named> + Clone,
    most: usize,
) -> Result<(), DocumentError> {
    if findings.len() > most {
        return Err(fault("findings", &format!("names more than {most}")));
    }
    if findings.clone().map(|named| named.fp).collect::<BTreeSet<_>>().len() < findings.len() {
        return Err(fault("findings", "names one fingerprint twice"));
    }
    for named in findings {
        let is_id = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if named.rule.0.is_empty() || !named.rule.0.chars().all(is_id) {
            return Err(fault("findings.rule", "is no rule id: lower-case letters, digits and dashes"));
        }
        let is_key_id = named.fpk.len() == 8 && named.fpk.bytes().all(|digit| digit.is_ascii_hexdigit());
        if (named.fp_alg == FingerprintAlgorithm::Hmac) != is_key_id || (!is_key_id && !named.fpk.is_empty())
        {
            return Err(fault("findings.fpk", "must be 8 hex digits with `hmac`, and left out without"));
        }
    }
    Ok(())
}

fn check_digest(field: &'static str, digest: &str) -> Result<(), DocumentError> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match digest.strip_prefix("sha256:") {
        Some(hex) if hex.len() == 64 && hex.bytes().all(is_hex) => Ok(()),
        _ => Err(fault(field, "is not `sha256:` and 64 hex digits")),
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Ulid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("an id is 26 digits of Crockford's base 32"))
    }
}

impl Serialize for Commits {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::UntilFixed => serializer.serialize_str("until_fixed"),
            Self::Exact(id) => serializer.collect_str(&format_args!("exact {id}")),
        }
    }
}

impl<'de> Deserialize<'de> for Commits {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match text.strip_prefix("exact ") {
            None if text == "until_fixed" => Ok(Self::UntilFixed),
            Some(id) if matches!(id.len(), 40 | 64) && id.bytes().all(is_hex) => {
                Ok(Self::Exact(id.to_owned()))
            }
            _ => Err(serde::de::Error::custom("commits are `until_fixed`, or `exact` and a full commit id")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_named() -> impl Strategy<Value = Named> {
        let alg = prop_oneof![
            Just((FingerprintAlgorithm::Salted, "")),
            Just((FingerprintAlgorithm::Located, "")),
            Just((FingerprintAlgorithm::Hmac, "00aa11bb")),
        ];
        let severity = prop::sample::select(Severity::ALL.to_vec());
        ("[a-z0-9-]{1,12}", any::<[u8; 16]>(), alg, severity, any::<String>(), any::<String>()).prop_map(
            |(rule, fp, (fp_alg, fpk), severity, path, summary)| Named {
                rule: RuleId(rule),
                fp: Fingerprint(fp),
                fp_alg,
                fpk: fpk.to_owned(),
                severity,
                path,
                summary,
            },
        )
    }

    fn any_document() -> impl Strategy<Value = Document> {
        let names = || prop::collection::btree_set("[a-zA-Z0-9/._-]{1,12}", 1..4).prop_map(Vec::from_iter);
        let commits = prop_oneof![
            Just(Commits::UntilFixed),
            "[0-9a-f]{40}".prop_map(Commits::Exact),
            "[0-9a-f]{64}".prop_map(Commits::Exact),
        ];
        let findings = prop::collection::vec(any_named(), 1..4);
        let times = (0_i64..4_102_444_800_000, 1_i64..1_000_000_000, any::<u32>());
        let texts = ("[a-z_]{1,9}", "[ -~]{10}[a-zéß ]{15,30}x", any::<String>(), any::<String>());
        let rest = (any::<[u8; 10]>(), any::<bool>(), any::<bool>());
        (names(), names(), commits, findings, times, texts, rest).prop_map(
            |(
                pipelines,
                environments,
                commits,
                findings,
                (from, length, max_uses),
                (code, text, ticket, compensating),
                (random, evidence, renews),
            )| {
                let from = Timestamp(from);
                let digest = || Digest { digest: format!("sha256:{}", "0a".repeat(32)) };
                Document {
                    v: 1,
                    id: Ulid::new(from, random),
                    ledger: pipelines.concat(),
                    repo: Repo {
                        host: "local".to_owned(),
                        id: environments.concat(),
                        name: "pay".to_owned(),
                    },
                    scope: Scope { pipelines, environments, base_branch: "main".to_owned(), commits },
                    findings,
                    reason: Reason { code, text, ticket, compensating },
                    owner: "dana".to_owned(),
                    requested_by: "kim".to_owned(),
                    created_at: from,
                    not_before: from,
                    expires_at: Timestamp(from.0 + length),
                    max_uses,
                    policy: digest(),
                    evidence: evidence.then(digest),
                    renews: renews.then(|| Ulid::new(from, random.map(|byte| byte ^ 1))),
                }
            },
        )
    }

    #[test]
    fn an_id_sorts_by_time_and_reads_back() {
        let (early, late) = (Ulid::new(Timestamp(0), [255; 10]), Ulid::new(Timestamp(1), [0; 10]));
        assert!(early < late);
        assert_eq!(early.as_str(), "0000000000ZZZZZZZZZZZZZZZZ");
        // 1469918176385 is the time in the example of the specification.
        assert!(Ulid::new(Timestamp(1_469_918_176_385), [0; 10]).as_str().starts_with("01ARYZ6S41"));
        for text in [
            "",
            "01ARYZ6S41",
            "81ARYZ6S410000000000000000",
            "01aryz6s410000000000000000",
            "01ARYZ6S41000000000000000I",
        ] {
            assert_eq!(Ulid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_field_that_is_wrong_is_named_without_words_of_ours() {
        let error = Document::parse(b"{\"v\": 1, \"x\": 2}").unwrap_err().to_string();
        assert!(error.contains("unknown field `x`"), "{error}");
        assert!(!error.contains("struct"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same_bytes(mut document in any_document()) {
            prop_assume!(document.reason.text.trim().chars().count() >= MIN_REASON);
            document.findings.dedup_by_key(|named| named.fp);
            let bytes = document.encode().unwrap();
            let read = Document::parse(&bytes).unwrap();
            prop_assert_eq!(&read, &document);
            prop_assert_eq!(read.encode().unwrap(), bytes);
        }

        #[test]
        fn no_bytes_make_the_reader_fall_over(
            document in any_document(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
            noise in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let _ = Document::parse(&noise);
            let mut bytes = serde_json::to_vec(&document).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = Document::parse(&bytes) {
                prop_assert_eq!(Document::parse(&read.encode().unwrap()).unwrap(), read);
            }
            bytes.truncate(at);
            prop_assert!(Document::parse(&bytes).is_err());
        }
    }
}
