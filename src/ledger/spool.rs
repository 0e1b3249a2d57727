//! Runs that could not be recorded when they were made: kept as a file, and brought into the ledger later.
//!
//! ```text
//! {"action":"block","kind":"observed","ledger":"acme/ledger/2026",...}      the records, one on each line, as the
//! {"kind":"run",...,"spooled":{"digest":"sha256:...","records":2,"why":...}}   ledger would hold them; the run is last
//! ```
//!
//! The run binds all lines before it, so a file that is cut or damaged is seen. Whoever can write files can write one
//! that holds together, so only signatures of authorised writers make a brought record count. Without them it becomes
//! a record of kind `import`, which says all the same and is believed in nothing.

use super::append::Prefix;
use super::error::LedgerError;
use super::key::Key;
use super::record::{Kind, MAX_RECORD, Record, RecordError};
use super::shard_of;
use crate::text::hash;
use crate::text::time::{Length, Timestamp};

/// What a run writes; nothing else is brought.
pub const KINDS: [Kind; 11] = [
    Kind::Run,
    Kind::Observed,
    Kind::Cleared,
    Kind::ExceptionRequested,
    Kind::ExceptionApproved,
    Kind::ExceptionRefused,
    Kind::Adopted,
    Kind::Dismissed,
    Kind::PolicyActivated,
    Kind::EnforcementChanged,
    Kind::Rerated,
];

/// How far ahead of our clock that of the run may have been.
const SKEW: Length = Length::seconds(300);

/// Why a file brings nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// A line is no record.
    #[error("line {0}: {1}")]
    Line(usize, RecordError),
    /// A line is a record that no run writes.
    #[error("line {0}: a run writes no `{1}`")]
    Kind(usize, String),
    /// A line is of another run than the last one.
    #[error("line {0} is of another run")]
    Foreign(usize),
    /// A line is of a time that has not come.
    #[error("line {0} is of {1}, which is still to come")]
    Future(usize, Timestamp),
    /// The record of the run is not the last, or does not say how many there are.
    #[error("it does not end in the record of a run that was kept: it is cut short, or something else")]
    Cut,
    /// The lines are not those the run names.
    #[error("it was altered: its records are not those its run names")]
    Altered,
    /// The run was to be recorded elsewhere.
    #[error("it is of a run for the ledger `{0}`, not `{1}`")]
    Origin(String, String),
    /// Signed for the ledger of another year, and so not to be changed.
    #[error("it was signed for the ledger `{0}`, which goes on as `{1}`")]
    Signed(String, String),
}

/// The records of one run, which its own record ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    records: Vec<Record>,
}

impl Spooled {
    /// Binds the records of a run together; its own is the last of them. `why` is what kept them out of the ledger.
    pub fn new(mut records: Vec<Record>, why: &str) -> Self {
        let (count, digest) = (records.len(), digest(&records));
        if let Some(run) = records.last_mut() {
            run.set("spooled.why", why);
            run.set("spooled.records", count);
            run.set("spooled.digest", digest);
        }
        Self { records }
    }

    /// Reads what [`Self::bytes`] wrote, at `now`.
    pub fn parse(bytes: &[u8], now: Timestamp) -> Result<Self, SpoolError> {
        let text = bytes.strip_suffix(b"\n").ok_or(SpoolError::Cut)?;
        let parse = |(number, line): (usize, &[u8])| {
            Record::parse(line).map_err(|error| SpoolError::Line(number, error))
        };
        let records: Vec<Record> =
            (1..).zip(text.split(|byte| *byte == b'\n')).map(parse).collect::<Result<_, _>>()?;
        let run = records.last().ok_or(SpoolError::Cut)?;
        if run.kind() != Some(Kind::Run)
            || run.integer("spooled.records") != i64::try_from(records.len()).ok()
        {
            return Err(SpoolError::Cut);
        }
        for (number, record) in (1..).zip(&records) {
            check(number, record, run, now)?;
        }
        if run.text("spooled.digest") != digest(&records) {
            return Err(SpoolError::Altered);
        }
        Ok(Self { records })
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        self.records.iter().flat_map(|record| [record.bytes(), b"\n".to_vec()].concat()).collect()
    }

    /// The records, that of the run last.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The ledger it was to be recorded in.
    pub fn origin(&self) -> &str {
        self.records.last().map_or("", |record| record.text("ledger"))
    }

    /// The name of the file: the same for each retry of one run.
    pub fn file_name(&self) -> String {
        format!("{}.jsonl", self.records.last().map_or("", Record::rid))
    }

    /// Whether each record carries a signature; what it is worth is for the caller to say.
    pub fn is_signed(&self) -> bool {
        self.records.iter().all(|record| record.get("sig").is_some())
    }

    /// Has `sign` sign each record as it is.
    pub fn signed<E>(mut self, sign: &mut dyn FnMut(&mut Record) -> Result<(), E>) -> Result<Self, E> {
        for record in &mut self.records {
            record.remove("sig");
            sign(record)?;
        }
        Ok(self)
    }

    /// The same run for the ledger that is there, which may have begun in another year than the run knew.
    pub fn for_ledger(mut self, origin: &str) -> Result<Self, SpoolError> {
        for record in &mut self.records {
            let own = record.text("ledger").to_owned();
            if own == origin {
                continue;
            }
            if shard_of(&own) != shard_of(origin) {
                return Err(SpoolError::Origin(own, origin.to_owned()));
            }
            if record.get("sig").is_some() {
                return Err(SpoolError::Signed(own, origin.to_owned()));
            }
            record.set("ledger", origin);
            record.set("rid", record.computed_rid());
        }
        Ok(self)
    }

    /// What of it is not in the ledger yet: as it is where it counts, else as imports `by` somebody at `now`.
    ///
    /// The first record with an id stands: what reached the ledger after all is not brought again, nor what was
    /// imported before.
    pub fn missing(
        &self,
        prefix: &mut Prefix<'_>,
        counts: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<Record>, LedgerError> {
        let brought: Vec<Record> = if counts {
            self.records.clone()
        } else {
            self.records.iter().map(|record| imported(record, by, now)).collect()
        };
        let ids = self.records.iter().chain(&brought).filter_map(|record| Key::hex(record.rid()));
        let there = prefix.ids(&ids.collect())?;
        let is_there = |record: &Record| Key::hex(record.rid()).is_some_and(|key| there.contains(&key));
        let pairs = self.records.iter().zip(brought);
        let missing = pairs.filter(|(original, brought)| !is_there(original) && !is_there(brought));
        Ok(missing.map(|(_, brought)| brought).collect())
    }
}

fn check(number: usize, record: &Record, run: &Record, now: Timestamp) -> Result<(), SpoolError> {
    let kind = record.kind().filter(|kind| KINDS.contains(kind));
    if kind.is_none() {
        return Err(SpoolError::Kind(number, record.text("kind").to_owned()));
    }
    record.check_lineage(run.text("ledger")).map_err(|error| SpoolError::Line(number, error))?;
    // A risk may be cleared on several refs at once, so the ref is none of these.
    let same = ["actor", "repo", "pipeline", "run_id", "attempt", "job", "stage"];
    if same.iter().any(|path| record.get(path) != run.get(path)) {
        return Err(SpoolError::Foreign(number));
    }
    if record.ts() > now.plus(SKEW) {
        return Err(SpoolError::Future(number, record.ts()));
    }
    Ok(())
}

/// Over what stands before the run, without signatures.
fn digest(records: &[Record]) -> String {
    let before = records.split_last().map_or(&[][..], |(_, before)| before);
    let lines: Vec<u8> =
        before.iter().flat_map(|record| [record.signed_bytes(), b"\n".to_vec()].concat()).collect();
    hash::digest(&lines)
}

/// `record` as somebody brought it, with nothing to back it.
fn imported(record: &Record, by: &str, now: Timestamp) -> Record {
    let mut import = record.clone();
    import.remove("sig");
    for path in ["kind", "rid", "ts"] {
        import.set(&format!("imported.{path}"), record.text(path));
    }
    import.set("imported.by", by);
    import.set("kind", Kind::Import.word());
    import.set("ts", now.to_string());
    import.set("rid", import.computed_rid());
    if import.bytes().len() > MAX_RECORD {
        // The document of an exception proves itself wherever it is kept; its digest names it.
        import.set("imported.digest", hash::digest(&record.bytes()));
        import.remove("document");
        import.remove("signatures");
    }
    import
}

/// The record that `import` brought, for reading.
pub(super) fn brought(import: &Record) -> Record {
    let mut record = import.clone();
    record.remove("imported");
    record.set("kind", import.text("imported.kind"));
    record
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::lineage::{Lineage, finish};
    use crate::pipeline::{Run, Stage};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn records(origin: &str) -> Vec<Record> {
        let run = Run { provider: "github".to_owned(), run_id: "88".to_owned(), ..Run::default() };
        let run = Run { pipeline: "pay".to_owned(), actor_login: "dana".to_owned(), ..run };
        let lineage = Lineage::new(origin, "0.1.0", &run, Stage::Deploy);
        let mut observed = lineage.begin(Kind::Observed, NOW);
        observed.set("action", "block");
        observed.set("finding.fp", "4f0c91aa7be200000000000000000001");
        let mut run = lineage.begin(Kind::Run, NOW);
        run.set("outcome", "blocked");
        vec![finish(observed), finish(run)]
    }

    fn spooled() -> Spooled {
        Spooled::new(records("acme/ledger/2026"), "no server")
    }

    #[test]
    fn what_is_kept_reads_as_it_was_and_no_part_of_it_reads_alone() {
        let bytes = spooled().bytes();
        assert_eq!(Spooled::parse(&bytes, NOW), Ok(spooled()));
        for end in 0..bytes.len() {
            assert!(Spooled::parse(&bytes[..end], NOW).is_err(), "cut at {end}");
        }
        let of_tomorrow = Spooled::parse(&bytes, Timestamp(NOW.0 - 300_001));
        assert_eq!(of_tomorrow, Err(SpoolError::Future(1, NOW)));
    }

    #[test]
    fn a_ledger_that_goes_on_under_last_years_name_takes_the_run_and_another_does_not() {
        let moved = spooled().for_ledger("acme/ledger/2025").unwrap();
        assert!(moved.records().iter().all(|record| record.check_lineage("acme/ledger/2025").is_ok()));
        let elsewhere = spooled().for_ledger("acme/other/2026");
        let (own, other) = ("acme/ledger/2026".to_owned(), "acme/other/2026".to_owned());
        assert_eq!(elsewhere, Err(SpoolError::Origin(own, other)));
        let sign = &mut |record: &mut Record| {
            record.set("sig.signature", "armour");
            Ok::<(), ()>(())
        };
        let signed = spooled().signed(sign).unwrap();
        assert!(signed.is_signed() && Spooled::parse(&signed.bytes(), NOW).is_ok());
        assert!(matches!(signed.for_ledger("acme/ledger/2025"), Err(SpoolError::Signed(..))));
    }

    #[test]
    fn an_import_says_all_the_same_under_an_id_of_its_own_and_fits() {
        let mut large = records("o");
        large[0].set("document", "x".repeat(MAX_RECORD - 700));
        let (record, import) = (&large[0], imported(&large[0], "lee", Timestamp(5)));
        assert_eq!((import.kind(), import.text("imported.rid")), (Some(Kind::Import), record.rid()));
        assert!(import.check_lineage("o").is_ok() && Record::parse(&import.bytes()).is_ok());
        assert_eq!(import.text("finding.fp"), record.text("finding.fp"));
        assert_ne!(import.rid(), imported(&large[1], "lee", NOW).rid());
        assert_eq!(import.rid(), imported(record, "dana", NOW).rid(), "whoever brings it, and whenever");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_and_no_altered_line_is_taken(
            at in any::<prop::sample::Index>(), byte: u8, junk: Vec<u8>,
        ) {
            let _ = Spooled::parse(&junk, NOW);
            let honest = spooled().bytes();
            let first = honest.iter().position(|byte| *byte == b'\n').unwrap();
            let (mut altered, at) = (honest.clone(), at.index(first));
            altered[at] = byte;
            prop_assert_eq!(Spooled::parse(&altered, NOW).is_ok(), altered == honest);
        }
    }
}
