//! One event of the ledger: its kinds, its id and its one encoding.

use serde_json::{Map, Value};

use super::facts::Facts;
use crate::text::hash;
use crate::text::json::{JsonError, read_strict, write_canonical};
use crate::text::time::Timestamp;

/// The most bytes one record may have.
pub const MAX_RECORD: usize = 32 * 1024;

/// One event, as the JSON object that is hashed and stored.
///
/// ```text
/// {"action":"block","actor":{"id":"7","login":"dana","class":"human",...},"finding":{"fp":"4f0c...",...},
///  "kind":"observed","ledger":"acme/pay/2026","pipeline":"pay-api","rid":"9e1b...","run_id":"88","ts":"2026-...","v":1}
/// ```
///
/// Keys are sorted ASCII, values are text, integers, booleans, lists and objects, so that the bytes are RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    body: Map<String, Value>,
}

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the words are the table of kinds itself")]
pub enum Kind {
    Run,
    Observed,
    Cleared,
    ExceptionRequested,
    ExceptionApproved,
    ExceptionDenied,
    ExceptionRefused,
    ExceptionRevoked,
    Adopted,
    Deploy,
    ProductionFound,
    Notice,
    Revoked,
    Remediated,
    Dismissed,
    PolicyActivated,
    EnforcementChanged,
    Rerated,
    SignerRevoked,
    BreakGlass,
    ShardOpen,
    Import,
    Note,
}

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not JSON as we take it.
    #[error("a record is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON, but not in the one encoding.
    #[error("a record is not written in its one encoding")]
    Encoding,
    /// Longer than [`MAX_RECORD`].
    #[error("a record has {0} bytes; the limit is {MAX_RECORD}")]
    TooLarge(usize),
    /// A field is missing, empty or of another type.
    #[error("a record has no usable `{0}`")]
    Field(String),
    /// A kind we do not know.
    #[error("a record has the unknown kind `{0}`")]
    Kind(String),
}

impl Record {
    /// A record of `kind` at `ts` with nothing else in it.
    pub fn new(kind: Kind, ts: Timestamp) -> Self {
        let mut record = Self { body: Map::new() };
        record.set("v", 1);
        record.set("kind", kind.word());
        record.set("ts", ts.to_string());
        record
    }

    /// Sets the field at the dotted `path`, making objects on the way; an empty text removes nothing and is kept.
    pub fn set(&mut self, path: &str, value: impl Into<Value>) {
        let mut names = path.split('.').peekable();
        let mut object = &mut self.body;
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                object.insert(name.to_owned(), value.into());
                return;
            }
            let slot = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            let Value::Object(inner) = slot else { return };
            object = inner;
        }
    }

    /// The value at the dotted `path`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let mut names = path.split('.');
        let mut value = self.body.get(names.next()?)?;
        for name in names {
            value = value.get(name)?;
        }
        Some(value)
    }

    /// The text at the dotted `path`; empty when there is none.
    pub fn text(&self, path: &str) -> &str {
        self.get(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// The integer at the dotted `path`.
    pub fn integer(&self, path: &str) -> Option<i64> {
        self.get(path).and_then(Value::as_i64)
    }

    /// Every field, as read or set.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.body
    }

    /// Takes the field at the top-level `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.body.remove(name)
    }

    /// What it tells; [`Kind::Note`] is never assumed: a record made here or parsed has a known kind.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_word(self.text("kind"))
    }

    /// When it happened, by the clock of whoever wrote it.
    pub fn ts(&self) -> Timestamp {
        Timestamp::parse(self.text("ts")).unwrap_or_default()
    }

    /// Its id: 32 hex digits, the same for every retry of the same event.
    pub fn rid(&self) -> &str {
        self.text("rid")
    }

    /// The id its other fields give it, and nothing else: the same for every retry of the same event.
    ///
    /// First 16 bytes of the hash over ledger, repository, run, attempt, job, kind, subject and occurrence. The
    /// subject is the finding, else the exception, else the deploy; for a change of policy or rule, these.
    pub fn computed_rid(&self) -> String {
        hash::hex(&Facts::of(self).computed_rid())
    }

    /// The bytes an authorised writer signs (namespace `record@tollgate`): the record without its `sig`.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bare = self.clone();
        bare.remove("sig");
        bare.bytes()
    }

    /// Whether `other` says the same, apart from when it was written.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let rest = |record: &Self| {
            let mut body = record.body.clone();
            body.remove("ts");
            body
        };
        rest(self) == rest(other)
    }

    /// Checks that it belongs to the ledger `origin` and says who, in which session, and what: without
    /// one of them a record is refused at append and named by `verify`.
    pub fn check_lineage(&self, origin: &str) -> Result<(), RecordError> {
        Facts::of(self).check(origin)
    }

    /// The bytes that are hashed and stored, without a line feed.
    pub fn bytes(&self) -> Vec<u8> {
        write_canonical(&Value::Object(self.body.clone()))
    }

    /// Reads what [`Self::bytes`] wrote.
    ///
    /// # Errors
    ///
    /// Anything that would not be written again byte for byte, an unknown kind, a bad time or id.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_RECORD {
            return Err(RecordError::TooLarge(bytes.len()));
        }
        let value = read_strict(bytes)?;
        if write_canonical(&value) != bytes || !has_plain_keys(&value) {
            return Err(RecordError::Encoding);
        }
        let Value::Object(body) = value else { return Err(RecordError::Encoding) };
        let record = Self { body };
        if record.kind().is_none() {
            return Err(RecordError::Kind(record.text("kind").to_owned()));
        }
        if Timestamp::parse(record.text("ts")).map(|ts| ts.to_string()).as_deref() != Ok(record.text("ts")) {
            return Err(RecordError::Field("ts".to_owned()));
        }
        Ok(record)
    }
}

/// Whether every key is of `[a-z0-9_]`, which makes byte order and UTF-16 order the same.
fn has_plain_keys(value: &Value) -> bool {
    let plain = |key: &str| {
        !key.is_empty() && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    match value {
        Value::Object(map) => map.iter().all(|(key, item)| plain(key) && has_plain_keys(item)),
        Value::Array(items) => items.iter().all(has_plain_keys),
        _ => true,
    }
}

impl Kind {
    /// Every kind with its word.
    pub const ALL: [(Self, &'static str); 23] = [
        (Self::Run, "run"),
        (Self::Observed, "observed"),
        (Self::Cleared, "cleared"),
        (Self::ExceptionRequested, "exception.requested"),
        (Self::ExceptionApproved, "exception.approved"),
        (Self::ExceptionDenied, "exception.denied"),
        (Self::ExceptionRefused, "exception.refused"),
        (Self::ExceptionRevoked, "exception.revoked"),
        (Self::Adopted, "adopted"),
        (Self::Deploy, "deploy"),
        (Self::ProductionFound, "production_found"),
        (Self::Notice, "notice"),
        (Self::Revoked, "revoked"),
        (Self::Remediated, "remediated"),
        (Self::Dismissed, "dismissed"),
        (Self::PolicyActivated, "policy.activated"),
        (Self::EnforcementChanged, "enforcement.changed"),
        (Self::Rerated, "rerated"),
        (Self::SignerRevoked, "signer.revoked"),
        (Self::BreakGlass, "break_glass"),
        (Self::ShardOpen, "shard.open"),
        (Self::Import, "import"),
        (Self::Note, "note"),
    ];

    /// The word in the record.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("note", |(_, word)| word)
    }

    /// The kind of a word, if it is one.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> Record {
        let mut record = Record::new(Kind::Observed, Timestamp(0));
        for (path, text) in [
            ("ledger", "local/pay/2026"),
            ("tool.name", "tollgate"),
            ("tool.version", "0.1.0"),
            ("actor.provider", "github"),
            ("actor.login", "dana"),
            ("repo.id", "7"),
            ("pipeline", "pay-api"),
            ("run_id", "88"),
            ("job", "gate"),
            ("stage", "deploy"),
            ("action", "block"),
            ("finding.fp", "4f0c91aa7be200000000000000000001"),
        ] {
            record.set(path, text);
        }
        record.set("attempt", 1);
        record.set("rid", record.computed_rid());
        record
    }

    #[test]
    fn a_record_without_who_session_or_what_is_refused_by_the_name_of_the_field() {
        assert_eq!(record().check_lineage("local/pay/2026"), Ok(()));
        for path in ["tool.version", "actor.provider", "actor.login", "pipeline", "run_id", "stage", "action"]
        {
            let mut broken = record();
            broken.set(path, "");
            broken.set("rid", broken.computed_rid());
            assert_eq!(broken.check_lineage("local/pay/2026"), Err(RecordError::Field(path.to_owned())));
        }
        assert_eq!(record().check_lineage("other"), Err(RecordError::Field("ledger".to_owned())));
        let mut by_id = record();
        by_id.set("actor.login", "");
        by_id.set("actor.id", "12");
        assert_eq!(by_id.check_lineage("local/pay/2026"), Ok(()), "an id is as good as a login");
    }

    #[test]
    fn an_id_follows_from_run_kind_and_subject_and_not_from_time_or_wording() {
        let mut later = record();
        later.set("ts", Timestamp(9).to_string());
        later.set("finding.path", "other.env");
        assert_eq!(later.computed_rid(), record().rid());
        let changes: [(&str, Value); 6] = [
            ("ledger", "x".into()),
            ("run_id", "89".into()),
            ("attempt", 2.into()),
            ("job", "x".into()),
            ("kind", "cleared".into()),
            ("finding.occurrence", 1.into()),
        ];
        for (path, value) in changes {
            let mut other = record();
            other.set(path, value);
            assert_ne!(other.computed_rid(), record().rid(), "{path}");
        }
    }

    #[test]
    fn what_is_signed_is_everything_but_the_signature() {
        let mut signed = record();
        signed.set("sig.principal", "bot");
        assert_eq!(signed.signed_bytes(), record().bytes());
    }

    #[test]
    fn bytes_that_are_not_the_one_encoding_are_refused() {
        let good = String::from_utf8(record().bytes()).unwrap();
        assert_eq!(Record::parse(good.as_bytes()), Ok(record()));
        for bad in [
            good.replace(':', ": "),
            format!(" {good}"),
            format!("{good}\n"),
            good.replace("\"v\":1", "\"v\":1,\"a\":1"),
            good.replace("\"v\":1", "\"v\":1,\"v\":1"),
            good.replace("\"v\":1", "\"v\":1,\"x y\":1"),
            good.replace("dana", "d\\u0061na"),
            good.replace("observed", "watched"),
            good.replace("00.000Z", "00Z"),
            "[]".to_owned(),
        ] {
            assert!(Record::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn one_altered_byte_is_refused_or_another_record(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = record().bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(parsed) = Record::parse(&bytes) {
                prop_assert_eq!(parsed.bytes(), bytes);
            }
        }
    }
}
