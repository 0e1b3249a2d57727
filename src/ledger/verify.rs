//! Replay from the first record: is everything there, in order, unaltered, and does it make sense.

use std::collections::{BTreeMap, HashSet};
use std::iter::Peekable;

use super::checkpoint::Checkpoint;
use super::error::LedgerError;
use super::facts::Facts;
use super::key::Key;
use super::merkle::{Frontier, Hash, leaf_hash};
use super::record::{Kind, Record, RecordError};
use super::stores::{CHUNK, Head, Store};
use crate::text::hash;
use crate::text::time::{Length, Timestamp};

/// Checks the signatures a record carries: the approvals of an `exception.approved`, the `sig` of an
/// outside record. Called with the index of the record; the text says what is wrong.
pub type SignatureCheck<'a> = dyn FnMut(u64, &Record) -> Result<(), String> + 'a;

/// How far a record may lie before the newest one so far without being shown, as clocks differ.
pub const SKEW: Length = Length::seconds(300);

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Number of records.
    pub size: u64,
    /// Root over them as recomputed, in hex.
    pub root: String,
    /// What is wrong, by index. Any of them fails the verification.
    pub problems: Vec<Problem>,
    /// What a person should know and nothing fails by, by index: clocks that ran back.
    pub notices: Vec<Problem>,
}

/// Something about the record at one index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Which record, from 0; for the ledger as a whole the first record concerned.
    pub index: u64,
    /// What about it, for a person.
    pub what: String,
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Replays the records of `head` from `store`, parsing them on `threads` threads.
///
/// Every record must parse in its one encoding, belong to this ledger, say who, in which session and what,
/// and have an id of its own; the root must be that of the head and, where its size is passed, that of each
/// checkpoint in `known`. A run that opened the gate names its policy; a finding let through under an
/// exception names one that was approved before, or by the same run, covers it, had not ended and was not revoked.
///
/// # Errors
///
/// Only when the store cannot be read: what is wrong with its records is in the result.
pub fn verify(
    store: &mut dyn Store,
    head: &Head,
    known: &[Checkpoint],
    threads: usize,
    signatures: &mut SignatureCheck<'_>,
) -> Result<Verification, LedgerError> {
    let mut replay = Replay::new(&head.origin, known, signatures);
    let mut noted = Some(Frontier::default());
    let mut start = 0;
    while start < head.size() {
        let range = start..head.size().min(start + CHUNK as u64);
        let leaves = store.read(head, range.clone())?;
        let hashes = store.hashes(head, range.clone())?;
        let complete = leaves.len() as u64 == range.end - range.start;
        for (at, (hash, leaf)) in parse_all(&leaves, &head.origin, threads).into_iter().enumerate() {
            let expected = hashes.as_ref().and_then(|hashes| hashes.get(at));
            replay.take(hash, expected, leaf);
        }
        match (&mut noted, hashes) {
            (Some(frontier), Some(hashes)) => hashes.into_iter().for_each(|hash| frontier.push(hash)),
            _ => noted = None,
        }
        if !complete {
            replay.problem(replay.frontier.size(), "is missing, or cut off".to_owned());
            break;
        }
        start = range.end;
    }
    Ok(replay.end(head, noted.as_ref()))
}

type Parsed = (Hash, Leaf);

/// One record as far as it must be known to be judged.
enum Leaf {
    /// Nothing is wrong with it, and nothing else depends on it than its id and its time.
    Plain { rid: Key, ts: Timestamp },
    /// To be looked at in full.
    Full(Result<Record, RecordError>),
}

impl Leaf {
    fn read(bytes: &[u8], origin: &str) -> Self {
        let plain = Facts::scan(bytes).filter(|facts| is_plain(facts) && facts.check(origin).is_ok());
        match plain.and_then(|facts| Some((Key::hex(facts.rid)?, Timestamp::parse(facts.ts).ok()?))) {
            Some((rid, ts)) => Self::Plain { rid, ts },
            None => Self::Full(Record::parse(bytes)),
        }
    }
}

/// Whether no rule of the replay speaks of such a record beyond its lineage.
fn is_plain(facts: &Facts<'_>) -> bool {
    let special = match Kind::from_word(facts.kind) {
        Some(Kind::ExceptionApproved | Kind::ExceptionRevoked) | None => true,
        Some(Kind::Observed) => facts.action == "except",
        Some(Kind::Run) => run_fault(facts).is_some(),
        Some(_) => false,
    };
    !special && !facts.signed
}

fn parse_all(leaves: &[Vec<u8>], origin: &str, threads: usize) -> Vec<Parsed> {
    let parse = |part: &[Vec<u8>]| -> Vec<Parsed> {
        part.iter().map(|bytes| (leaf_hash(bytes), Leaf::read(bytes, origin))).collect()
    };
    let share = leaves.len().div_ceil(threads.max(1)).max(64);
    if leaves.len() <= share {
        return parse(leaves);
    }
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            leaves.chunks(share).map(|part| (part, scope.spawn(move || parse(part)))).collect();
        // A thread that fell over is no reason to pass over its records.
        parts.into_iter().flat_map(|(part, thread)| thread.join().unwrap_or_else(|_| parse(part))).collect()
    })
}

/// What is remembered of the records so far.
struct Replay<'a, 'b> {
    origin: &'a str,
    known: &'a [Checkpoint],
    /// Those of `known` that the replay has not reached yet, shortest first.
    ahead: Peekable<std::vec::IntoIter<&'a Checkpoint>>,
    signatures: &'a mut SignatureCheck<'b>,
    frontier: Frontier,
    ids: HashSet<Key>,
    newest: Timestamp,
    approved: BTreeMap<String, Approved>,
    /// Findings let through before their exception is on record, by exception and run.
    early: BTreeMap<(String, String), Vec<Use>>,
    /// Records whose hash is not the one noted: altered, if the root says so too.
    altered: Vec<u64>,
    problems: Vec<Problem>,
    notices: Vec<Problem>,
}

/// An exception on record.
struct Approved {
    document: String,
    findings: Vec<String>,
    expires_at: Timestamp,
    revoked_at: Option<u64>,
}

/// A finding let through under an exception.
struct Use {
    index: u64,
    /// Of today, and of the key before.
    fingerprints: [String; 2],
    ts: Timestamp,
}

impl<'a, 'b> Replay<'a, 'b> {
    fn new(origin: &'a str, known: &'a [Checkpoint], signatures: &'a mut SignatureCheck<'b>) -> Self {
        let mut ahead: Vec<_> = known.iter().collect();
        ahead.sort_by_key(|known| known.size);
        Self {
            origin,
            known,
            ahead: ahead.into_iter().peekable(),
            signatures,
            frontier: Frontier::default(),
            ids: HashSet::new(),
            newest: Timestamp(i64::MIN),
            approved: BTreeMap::new(),
            early: BTreeMap::new(),
            altered: Vec::new(),
            problems: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn problem(&mut self, index: u64, what: String) {
        self.problems.push(Problem { index, what });
    }

    /// Takes the next record, with its hash as noted when it was appended.
    fn take(&mut self, hash: Hash, expected: Option<&Hash>, leaf: Leaf) {
        let index = self.frontier.size();
        self.frontier.push(hash);
        if expected.is_some_and(|expected| *expected != hash) {
            self.altered.push(index);
        }
        while let Some(known) = self.ahead.next_if(|known| known.size <= index + 1) {
            if known.size == index + 1 && known.root != self.frontier.root() {
                let what =
                    format!("the first {} records are not those of a checkpoint that is known", known.size);
                self.problems.push(Problem { index, what });
            }
        }
        match leaf {
            Leaf::Plain { rid, ts } => self.place(index, rid, ts),
            Leaf::Full(Err(error)) => self.problem(index, error.to_string()),
            Leaf::Full(Ok(record)) => self.judge(index, &record),
        }
    }

    /// Whether its id is its own and its time not long gone.
    fn place(&mut self, index: u64, rid: Key, ts: Timestamp) {
        if !self.ids.insert(rid) {
            self.problem(index, format!("has the id `{}` of an earlier record", hash::hex(&rid.0)));
        }
        if ts.plus(SKEW) < self.newest {
            let what = format!("is dated {} before an earlier record", self.newest.since(ts));
            self.notices.push(Problem { index, what });
        }
        self.newest = self.newest.max(ts);
    }

    fn judge(&mut self, index: u64, record: &Record) {
        if let Err(error) = record.check_lineage(self.origin) {
            self.problem(index, error.to_string());
        }
        if let Some(rid) = Key::hex(record.rid()) {
            self.place(index, rid, record.ts());
        }
        let signed = record.kind() == Some(Kind::ExceptionApproved) || record.get("sig").is_some();
        if signed && let Err(what) = (self.signatures)(index, record) {
            self.problem(index, what);
        }
        match record.kind() {
            Some(Kind::Run) => {
                let what = run_fault(&Facts::of(record));
                self.problems.extend(what.map(|what| Problem { index, what }));
            }
            Some(Kind::Observed) if record.text("action") == "except" => self.except(index, record),
            Some(Kind::ExceptionApproved) => self.approve(index, record),
            Some(Kind::ExceptionRevoked) => {
                if let Some(approved) = self.approved.get_mut(record.text("exception_id")) {
                    approved.revoked_at.get_or_insert(index);
                }
            }
            _ => {}
        }
    }

    fn except(&mut self, index: u64, record: &Record) {
        let exception = record.text("exception_id").to_owned();
        let fingerprints = ["finding.fp", "finding.former_fp"].map(|field| record.text(field).to_owned());
        let used = Use { index, fingerprints, ts: record.ts() };
        if exception.is_empty() {
            self.problem(index, "lets a finding through and names no exception".to_owned());
        } else if let Some(approved) = self.approved.get(&exception) {
            let what = fault(&exception, approved, &used);
            self.problems.extend(what.map(|what| Problem { index, what }));
        } else {
            self.early.entry((exception, run_of(record))).or_default().push(used);
        }
    }

    fn approve(&mut self, index: u64, record: &Record) {
        let id = record.text("exception_id").to_owned();
        let expires_at = Timestamp::parse(record.text("expires_at"));
        if id.is_empty() || expires_at.is_err() || record.text("document").is_empty() {
            return self.problem(index, "approves an exception without its id, end or document".to_owned());
        }
        let findings =
            record.get("findings").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        let approved = Approved {
            document: record.text("document").to_owned(),
            findings: findings.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            expires_at: expires_at.unwrap_or_default(),
            revoked_at: None,
        };
        for used in self.early.remove(&(id.clone(), run_of(record))).unwrap_or_default() {
            let what = fault(&id, &approved, &used);
            self.problems.extend(what.map(|what| Problem { index: used.index, what }));
        }
        match self.approved.get(&id) {
            Some(earlier) if earlier.document != approved.document => {
                self.problem(index, format!("approves another document as exception `{id}`"));
            }
            Some(_) => {}
            None => {
                self.approved.insert(id, approved);
            }
        }
    }

    /// What can be said once all records are through.
    fn end(mut self, head: &Head, noted: Option<&Frontier>) -> Verification {
        for ((exception, _), uses) in std::mem::take(&mut self.early) {
            for used in uses {
                self.problem(
                    used.index,
                    format!("relies on exception `{exception}`, which was not approved before"),
                );
            }
        }
        for known in self.known {
            if known.origin != self.origin {
                self.problem(0, format!("a checkpoint is of `{}`, not of this ledger", known.origin));
            } else if known.size > head.size() {
                let what = format!("the ledger ends here; a known checkpoint has {} records", known.size);
                self.problem(head.size(), what);
            }
        }
        if self.frontier == head.frontier {
            if !self.altered.is_empty() || noted.is_some_and(|noted| *noted != head.frontier) {
                let what = "the index of the store is not that of its records".to_owned();
                self.notices.push(Problem { index: self.altered.first().copied().unwrap_or_default(), what });
            }
        } else {
            for index in std::mem::take(&mut self.altered) {
                self.problem(index, "is not what was appended here".to_owned());
            }
            // With true notes the altered record is named already; else its subtree is all that is known.
            let named = noted.is_some_and(|noted| *noted == head.frontier);
            if !named && let Some(range) = self.frontier.first_difference(&head.frontier) {
                let what = format!("one of the records {} to {} was altered", range.start, range.end - 1);
                self.problem(range.start, what);
            }
        }
        self.problems.sort();
        self.notices.sort();
        let root = hash::hex(&self.frontier.root());
        Verification { size: self.frontier.size(), root, problems: self.problems, notices: self.notices }
    }
}

/// What is wrong with a `run`.
fn run_fault(facts: &Facts<'_>) -> Option<String> {
    if !["clean", "advised", "excepted", "blocked"].contains(&facts.outcome) {
        return Some(format!("has the unknown outcome `{}`", facts.outcome));
    }
    let open = facts.outcome != "blocked" && facts.policy.is_empty();
    open.then(|| "opened the gate and names no policy".to_owned())
}

fn run_of(record: &Record) -> String {
    format!("{} {}", record.text("run_id"), record.integer("attempt").unwrap_or_default())
}

/// Why `used` is not covered.
fn fault(exception: &str, approved: &Approved, used: &Use) -> Option<String> {
    if approved.revoked_at.is_some() {
        return Some(format!("relies on exception `{exception}`, which was revoked before"));
    }
    if used.ts >= approved.expires_at {
        return Some(format!("relies on exception `{exception}`, which had ended"));
    }
    let covered = used.fingerprints.iter().any(|name| approved.findings.contains(name));
    (!covered).then(|| format!("relies on exception `{exception}`, which does not name its finding"))
}
