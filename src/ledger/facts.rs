//! The fields every record is judged by, from a [`Record`] or straight from its bytes.
//!
//! A replay of a million records cannot afford a tree of values for each of them: [`Facts::scan`] reads
//! the bytes once and takes nothing but what it needs. Where anything is unusual it gives up, and the
//! record is parsed in full, which also says what is wrong.

use super::record::{Kind, Record, RecordError};
use crate::text::hash;
use crate::text::time::Timestamp;

const RID_DOMAIN: &str = "tollgate-rid-v1";

/// The fields a record is judged by; a text that is not there is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Facts<'a> {
    pub(super) version: Option<i64>,
    pub(super) kind: &'a str,
    pub(super) rid: &'a str,
    pub(super) ts: &'a str,
    pub(super) ledger: &'a str,
    pub(super) tool_name: &'a str,
    pub(super) tool_version: &'a str,
    pub(super) provider: &'a str,
    pub(super) actor_id: &'a str,
    pub(super) login: &'a str,
    pub(super) repo_id: &'a str,
    pub(super) pipeline: &'a str,
    pub(super) run_id: &'a str,
    pub(super) attempt: Option<i64>,
    pub(super) job: &'a str,
    pub(super) stage: &'a str,
    pub(super) action: &'a str,
    pub(super) outcome: &'a str,
    pub(super) policy: &'a str,
    pub(super) rule: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) occurrence: Option<i64>,
    pub(super) occurrence_beside: Option<i64>,
    pub(super) exception: &'a str,
    pub(super) deploy: &'a str,
    pub(super) signer: &'a str,
    /// Id of the record that an import brings.
    pub(super) imported: &'a str,
    /// Whether it carries a signature of its own.
    pub(super) signed: bool,
}

impl<'a> Facts<'a> {
    /// Of a record.
    pub(super) fn of(record: &'a Record) -> Self {
        Self {
            version: record.integer("v"),
            kind: record.text("kind"),
            rid: record.text("rid"),
            ts: record.text("ts"),
            ledger: record.text("ledger"),
            tool_name: record.text("tool.name"),
            tool_version: record.text("tool.version"),
            provider: record.text("actor.provider"),
            actor_id: record.text("actor.id"),
            login: record.text("actor.login"),
            repo_id: record.text("repo.id"),
            pipeline: record.text("pipeline"),
            run_id: record.text("run_id"),
            attempt: record.integer("attempt"),
            job: record.text("job"),
            stage: record.text("stage"),
            action: record.text("action"),
            outcome: record.text("outcome"),
            policy: record.text("policy.digest"),
            rule: record.text("finding.rule"),
            fingerprint: record.text("finding.fp"),
            occurrence: record.integer("finding.occurrence"),
            occurrence_beside: record.integer("occurrence"),
            exception: record.text("exception_id"),
            deploy: record.text("deploy_id"),
            signer: record.text("signer.key"),
            imported: record.text("imported.rid"),
            signed: record.get("sig").is_some(),
        }
    }

    /// Of the bytes of a record; `None` unless [`Record::parse`] would surely take them.
    pub(super) fn scan(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= super::record::MAX_RECORD)?;
        let mut scan = Scan { text, at: 0, facts: Self::default() };
        scan.object("", 0)?;
        let facts = scan.facts;
        let sound = scan.at == text.len() && Kind::from_word(facts.kind).is_some() && is_instant(facts.ts);
        sound.then_some(facts)
    }

    /// See [`Record::computed_rid`].
    pub(super) fn computed_rid(&self) -> [u8; 16] {
        let attempt = self.attempt.unwrap_or_default().to_string();
        let occurrence = self.occurrence.or(self.occurrence_beside).unwrap_or_default().to_string();
        let parts = [
            self.ledger,
            self.repo_id,
            self.run_id,
            &attempt,
            self.job,
            self.kind,
            self.subject(),
            &occurrence,
        ];
        let full = hash::sha256_parts(RID_DOMAIN, &parts.map(str::as_bytes));
        *full.first_chunk().unwrap_or(&[0; 16])
    }

    /// What tells it from other records of its kind in one run: a finding, an exception, a deploy, a rule, a key, what
    /// it brings.
    fn subject(&self) -> &'a str {
        match Kind::from_word(self.kind) {
            Some(Kind::PolicyActivated) => self.policy,
            Some(Kind::EnforcementChanged) => self.rule,
            Some(Kind::SignerRevoked) => self.signer,
            Some(Kind::Import) => self.imported,
            Some(Kind::Run) => "",
            _ => [self.fingerprint, self.exception, self.deploy]
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_default(),
        }
    }

    /// See [`Record::check_lineage`].
    pub(super) fn check(&self, origin: &str) -> Result<(), RecordError> {
        let observed = self.kind == "observed";
        let who = if self.actor_id.is_empty() { self.login } else { self.actor_id };
        let requirements = [
            ("v", self.version == Some(1)),
            ("ledger", self.ledger == origin),
            ("kind", !self.kind.is_empty()),
            ("tool.name", !self.tool_name.is_empty()),
            ("tool.version", !self.tool_version.is_empty()),
            ("actor.provider", !self.provider.is_empty()),
            ("actor.login", !who.is_empty()),
            ("pipeline", !self.pipeline.is_empty()),
            ("run_id", !self.run_id.is_empty()),
            ("attempt", self.attempt.is_some_and(|attempt| attempt >= 1)),
            ("stage", ["local", "merge", "deploy"].contains(&self.stage)),
            ("action", !observed || ["block", "advise", "except", "inherit"].contains(&self.action)),
            ("rid", hash::hex(&self.computed_rid()) == self.rid),
        ];
        match requirements.iter().find(|(_, holds)| !holds) {
            Some((path, _)) => Err(RecordError::Field((*path).to_owned())),
            None => Ok(()),
        }
    }

    fn text(&mut self, parent: &str, key: &str, value: &'a str) {
        let field = match (parent, key) {
            ("", "kind") => &mut self.kind,
            ("", "rid") => &mut self.rid,
            ("", "ts") => &mut self.ts,
            ("", "ledger") => &mut self.ledger,
            ("tool", "name") => &mut self.tool_name,
            ("tool", "version") => &mut self.tool_version,
            ("actor", "provider") => &mut self.provider,
            ("actor", "id") => &mut self.actor_id,
            ("actor", "login") => &mut self.login,
            ("repo", "id") => &mut self.repo_id,
            ("", "pipeline") => &mut self.pipeline,
            ("", "run_id") => &mut self.run_id,
            ("", "job") => &mut self.job,
            ("", "stage") => &mut self.stage,
            ("", "action") => &mut self.action,
            ("", "outcome") => &mut self.outcome,
            ("policy", "digest") => &mut self.policy,
            ("finding", "rule") => &mut self.rule,
            ("finding", "fp") => &mut self.fingerprint,
            ("", "exception_id") => &mut self.exception,
            ("", "deploy_id") => &mut self.deploy,
            ("signer", "key") => &mut self.signer,
            ("imported", "rid") => &mut self.imported,
            _ => return,
        };
        *field = value;
    }

    fn integer(&mut self, parent: &str, key: &str, value: i64) {
        match (parent, key) {
            ("", "v") => self.version = Some(value),
            ("", "attempt") => self.attempt = Some(value),
            ("finding", "occurrence") => self.occurrence = Some(value),
            ("", "occurrence") => self.occurrence_beside = Some(value),
            _ => {}
        }
    }
}

/// Whether `text` is an instant as we write it; a leap second is none.
fn is_instant(text: &str) -> bool {
    let shape = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.eq(b"0000-00-00T00:00:00.000Z".iter().copied())
        && text.get(17..19) != Some("60")
        && Timestamp::parse(text).is_ok()
}

/// Nesting beyond this is left to the full parser.
const DEPTH: usize = 8;
/// Names under which nothing is taken: lists, and objects in objects.
const NOWHERE: &str = "-";

/// A reader of the one encoding that gives up at the first unusual byte.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    facts: Facts<'a>,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn object(&mut self, parent: &str, depth: usize) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        let mut last = "";
        loop {
            let key = self.string()?;
            let plain = key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            if !plain || key <= last {
                return None;
            }
            last = key;
            self.expect(b':')?;
            self.value(parent, key, depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.expect(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.value(NOWHERE, "", depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn value(&mut self, parent: &str, key: &str, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => {
                let value = self.string()?;
                self.facts.text(parent, key, value);
            }
            b'{' => {
                self.facts.signed |= parent.is_empty() && key == "sig";
                self.object(if parent.is_empty() { key } else { NOWHERE }, depth)?;
            }
            b'[' => self.list(depth)?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            _ => {
                let value = self.number()?;
                self.facts.integer(parent, key, value);
            }
        }
        Some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        rest.starts_with(word).then(|| self.at += word.len())
    }

    /// A text without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let rest = self.text.get(self.at..)?;
        let length = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=31))?;
        self.at += length;
        self.expect(b'"')?;
        rest.get(..length)
    }

    /// An integer of at most 15 digits.
    fn number(&mut self) -> Option<i64> {
        let rest = self.text.get(self.at..)?;
        let end = rest.bytes().position(|byte| !matches!(byte, b'-' | b'0'..=b'9'))?;
        let digits = rest.get(..end)?;
        let unsigned = digits.strip_prefix('-').unwrap_or(digits);
        let canonical = (1..=15).contains(&unsigned.len())
            && !unsigned.contains('-')
            && (!unsigned.starts_with('0') || digits == "0");
        self.at += end;
        canonical.then(|| digits.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::lineage::{Lineage, finish};
    use crate::pipeline::{Run, Stage};
    use proptest::prelude::*;

    fn record() -> Record {
        let run = Run { provider: "github".to_owned(), run_id: "88".to_owned(), ..Run::default() };
        let mut record = Lineage::new("o", "0.1.0", &run, Stage::Merge).begin(Kind::Observed, Timestamp(0));
        record.set("finding.occurrence", 3);
        record.set("finding.blast", -40);
        record.set("list", serde_json::json!([1, {"kind": "run", "v": 2}, [], {}, true, "é"]));
        record.set("deep.finding.fp", "no fingerprint");
        record.set("action", "block");
        finish(record)
    }

    #[test]
    fn a_scan_takes_what_the_parser_takes() {
        let mut signed = record();
        signed.set("sig.principal", "bot");
        signed.set("deploy_id", "d1");
        for record in [record(), signed] {
            let bytes = record.bytes();
            assert_eq!(Facts::scan(&bytes), Some(Facts::of(&record)));
        }
    }

    proptest! {
        #[test]
        fn a_scan_never_takes_what_the_parser_refuses(
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, "[ -~\u{0}\n\"{}\\[\\],:0-9e.]"), 0..3),
        ) {
            let mut bytes = record().bytes();
            for (at, how, letter) in edits {
                let at = at.index(bytes.len());
                let byte = letter.as_bytes()[0];
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 => { bytes.remove(at); }
                    _ => { let piece = bytes[at..bytes.len().min(at + 9)].to_vec(); bytes.splice(at..at, piece); }
                }
            }
            if let Some(facts) = Facts::scan(&bytes) {
                let parsed = Record::parse(&bytes);
                prop_assert!(parsed.is_ok(), "{:?}", String::from_utf8_lossy(&bytes));
                let parsed = parsed.unwrap();
                prop_assert_eq!(facts, Facts::of(&parsed));
            }
        }

        #[test]
        fn numbers_are_taken_as_the_parser_takes_them(text in "-{0,2}[0-9]{0,17}") {
            let bytes = String::from_utf8(record().bytes()).unwrap().replace("-40", &text).into_bytes();
            if Facts::scan(&bytes).is_some() {
                prop_assert!(Record::parse(&bytes).is_ok(), "{}", text);
            }
        }

        #[test]
        fn instants_are_taken_as_the_parser_takes_them(text in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{3}Z") {
            let written = Timestamp::parse(&text).map(|instant| instant.to_string());
            prop_assert_eq!(is_instant(&text), written.as_deref() == Ok(text.as_str()));
        }
    }
}
