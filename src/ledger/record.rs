//! One event of the ledger: its kinds, its id and its one encoding.

use serde_json::{Map, Value};

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
        let Value::Object(body) = read_strict(bytes)? else { return Err(RecordError::Encoding) };
        let record = Self { body };
        if record.bytes() != bytes {
            return Err(RecordError::Encoding);
        }
        if record.kind().is_none() {
            return Err(RecordError::Kind(record.text("kind").to_owned()));
        }
        if Timestamp::parse(record.text("ts")).map(|ts| ts.to_string()).as_deref() != Ok(record.text("ts")) {
            return Err(RecordError::Field("ts".to_owned()));
        }
        Ok(record)
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
