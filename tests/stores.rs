//! The same promises for every store of the ledger, with kills between the steps.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests say what they expect by falling over, and build broken files by hand"
)]

#[path = "stores/backends.rs"]
mod backends;
#[path = "stores/branch.rs"]
mod branch;
#[cfg(feature = "postgres")]
#[path = "stores/database.rs"]
mod database;
#[path = "stores/figures.rs"]
mod figures;
#[path = "stores/server.rs"]
mod server;
#[path = "stores/setback.rs"]
mod setback;

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use backends::{Load, on_every_store, on_every_url};
use tempfile::TempDir;
use tollgate::decide::Verdict;
use tollgate::finding::{Fingerprint, Severity};
use tollgate::ledger::kinds::{About, Approval, Deploy, RunFacts};
use tollgate::ledger::merkle::{Frontier, leaf_hash};
use tollgate::ledger::stores::file::Files;
use tollgate::ledger::stores::memory::Memory;
use tollgate::ledger::stores::{self, Batch, StoreError};
use tollgate::ledger::{
    Head, Key, Kind, Ledger, LedgerError, Lineage, Pace, Record, RecordError, Store, Verification,
};
use tollgate::pipeline::{Run, Stage};
use tollgate::text::hash::hex;
use tollgate::text::time::{Length, Timestamp};

const ORIGIN: &str = "local/pay/2026";

// What the tests are made of.

fn lineage(run_id: &str) -> Lineage {
    let run = Run {
        provider: "github".to_owned(),
        repo_host: "github.com".to_owned(),
        repo_id: "7".to_owned(),
        repo_name: "acme/pay".to_owned(),
        pipeline: "pay-api".to_owned(),
        run_id: run_id.to_owned(),
        attempt: 1,
        job: "gate".to_owned(),
        trigger: "push".to_owned(),
        actor_id: "12".to_owned(),
        actor_login: "dana".to_owned(),
        actor_class: "human".to_owned(),
        ..Run::default()
    };
    Lineage::new(ORIGIN, "0.1.0", &run, Stage::Deploy)
}

fn at(second: i64) -> Timestamp {
    Timestamp::parse("2026-11-01T00:00:00Z").unwrap().plus(Length::seconds(second))
}

fn fingerprint(number: u64) -> Fingerprint {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Fingerprint(bytes)
}

/// The `number`-th record of a run: short, and another one for each number.
fn record(run_id: &str, number: u64) -> Record {
    let about = About { fingerprint: fingerprint(number), rule: "r", severity: Some(Severity::Critical) };
    lineage(run_id).cleared(at(number as i64), about, "absent")
}

fn records(run_id: &str, range: Range<u64>) -> Vec<Record> {
    range.map(|number| record(run_id, number)).collect()
}

fn exception_approved(run_id: &str, id: &str, finding: u64, expires: i64) -> Record {
    let approval = Approval {
        exception: id,
        findings: &[fingerprint(finding)],
        by: "kim",
        reason: "split in PAY-88, three days",
        approvers: &["dana".to_owned()],
        outside: None,
        self_approved: false,
        document: b"{}\n",
        signatures: &[b"armour".to_vec()],
        requested_at: at(0),
        approved_at: at(60),
        expires_at: at(expires),
    };
    lineage(run_id).exception_approved(at(60), &approval)
}

fn excepted(run_id: &str, exception: &str, finding: u64, second: i64) -> Record {
    let mut record = lineage(run_id).begin(Kind::Observed, at(second));
    record.set("action", "except");
    record.set("finding.fp", fingerprint(finding).hex());
    record.set("exception_id", exception);
    tollgate::ledger::lineage::finish(record)
}

/// Waits hardly at all, each in another rhythm.
struct Hasty(u64);

impl Pace for Hasty {
    fn jitter(&mut self, ceiling: Duration) -> Duration {
        self.0 = next(self.0);
        ceiling.min(Duration::from_secs(1)).mul_f64((self.0 % 1000) as f64 / 1_000.0)
    }

    fn sleep(&mut self, length: Duration) {
        std::thread::sleep(length);
    }
}

/// Xorshift: the same numbers in every test run.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ state << 17
}

fn ledger_on(store: Box<dyn Store>, seed: u64) -> Ledger {
    Ledger::with(store, Box::new(Hasty(seed | 1)), ORIGIN).unwrap()
}

fn verified(ledger: &mut Ledger) -> Verification {
    ledger.refresh().unwrap();
    ledger.verify(&[], 1, &mut |_, _| Ok(())).unwrap()
}

// What every store promises.

#[test]
fn what_is_appended_is_read_in_order_and_found_by_its_keys() {
    on_every_store(|name, open, _| {
        let mut ledger = ledger_on(open(), 1);
        assert!(open().load_head().unwrap().is_none(), "{name}: opening makes nothing");
        let written = records("88", 0..5);
        let receipts = ledger.append(&written).unwrap();
        assert_eq!(
            receipts.iter().map(|receipt| receipt.index).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4],
            "{name}"
        );
        assert_eq!(receipts[3].fingerprint, fingerprint(3).hex());
        assert_eq!(receipts[3].kind, "cleared");
        let mut other = ledger_on(open(), 2);
        let read: Vec<Record> = other.records().map(|item| item.unwrap().1).collect();
        assert_eq!(read, written, "{name}");
        let found = other.about(Key::hex(&fingerprint(3).hex()).unwrap()).unwrap();
        assert_eq!(found, [(3, written[3].clone())], "{name}");
        assert_eq!(other.about(Key::exception("none")).unwrap(), []);
        assert!(verified(&mut other).holds(), "{name}");
        assert_eq!(other.checkpoint(), ledger.checkpoint(), "{name}");
    });
}

#[test]
fn c4_a_record_that_is_there_keeps_its_receipt_and_one_that_says_something_else_is_an_error() {
    on_every_store(|name, open, _| {
        let mut ledger = ledger_on(open(), 1);
        let first = ledger.append(&records("88", 0..3)).unwrap();
        let mut again = records("88", 0..3);
        for record in &mut again {
            record.set("ts", at(999).to_string());
        }
        assert_eq!(
            ledger_on(open(), 2).append(&again).unwrap(),
            first,
            "{name}: another time is the same event"
        );
        let mixed = [record("88", 1), record("88", 7), record("88", 1)];
        let receipts = ledger.append(&mixed).unwrap();
        assert_eq!(receipts.iter().map(|receipt| receipt.index).collect::<Vec<_>>(), [1, 3, 1], "{name}");
        let mut changed = record("88", 2);
        changed.set("how", "ref_deleted");
        let refused = ledger.append(&[record("88", 9), changed.clone()]).unwrap_err();
        assert_eq!(refused, LedgerError::Conflict { index: 2, rid: changed.rid().to_owned() }, "{name}");
        let mut twin = record("88", 9);
        twin.set("how", "ref_deleted");
        assert!(matches!(ledger.append(&[record("88", 9), twin]), Err(LedgerError::Ambiguous(_))), "{name}");
        assert_eq!(ledger.refresh().unwrap().size(), 4, "{name}: nothing of a refused batch goes in");
    });
}

/// A batch as the shared loop makes it.
fn batch_of_one(before: &Head, record: &Record) -> Batch {
    let bytes = record.bytes();
    let leaf = stores::Leaf { hash: leaf_hash(&bytes), bytes, keys: tollgate::ledger::key::Keys::of(record) };
    let mut next = before.clone();
    next.frontier.push(leaf.hash);
    Batch { leaves: vec![leaf], next }
}

#[test]
fn of_two_batches_on_one_head_one_goes_in() {
    on_every_store(|name, open, _| {
        let mut ledger = ledger_on(open(), 1);
        ledger.append(&records("1", 0..1)).unwrap();
        let before = ledger.head().clone();
        ledger.append(&records("2", 0..1)).unwrap();
        let after = open().load_head().unwrap().unwrap();
        let batch = batch_of_one(&before, &record("3", 0));
        assert_eq!(open().try_append(&before, &batch), Err(StoreError::Conflict), "{name}");
        assert_eq!(open().try_append(&Head::empty(ORIGIN), &batch), Err(StoreError::Conflict), "{name}");
        assert_eq!(open().load_head().unwrap(), Some(after), "{name}");
    });
}

#[test]
fn a_record_without_lineage_is_refused_and_nothing_is_written() {
    on_every_store(|name, open, _| {
        let mut ledger = ledger_on(open(), 1);
        let mut nameless = record("88", 1);
        nameless.set("actor.login", "");
        nameless.set("actor.id", "");
        let error = ledger.append(&[record("88", 0), nameless]).unwrap_err();
        assert_eq!(error, RecordError::Field("actor.login".to_owned()).into(), "{name}");
        let mut broken = record("88", 1);
        broken.set("how", serde_json::Value::Null);
        assert!(matches!(ledger.append(&[broken]), Err(LedgerError::Record(RecordError::Json(_)))), "{name}");
        let mut large = record("88", 1);
        large.set("how", "x".repeat(33_000));
        assert!(
            matches!(ledger.append(&[large]), Err(LedgerError::Record(RecordError::TooLarge(_)))),
            "{name}"
        );
        assert!(open().load_head().unwrap().is_none(), "{name}");
    });
}

#[test]
fn c15_the_stored_bytes_are_the_hashed_bytes() {
    on_every_store(|name, open, _| {
        let mut odd = record("88", 0);
        odd.set("how", "é \u{2028} \"\\ \u{1} 😀 </script>");
        odd.set("of_a_later_version", serde_json::json!({"b": [1, true, {"a": -9_007_199_254_740_991_i64}]}));
        let written = [odd, record("88", 1)];
        let mut ledger = ledger_on(open(), 1);
        ledger.append(&written).unwrap();
        let head = open().load_head().unwrap().unwrap();
        let stored = open().read(&head, 0..2).unwrap();
        assert_eq!(stored, written.iter().map(Record::bytes).collect::<Vec<_>>(), "{name}");
        let mut frontier = Frontier::default();
        for bytes in &stored {
            frontier.push(leaf_hash(bytes));
        }
        assert_eq!(frontier.root(), head.root(), "{name}");
        assert!(verified(&mut ledger).holds(), "{name}: a field we do not know yet is no damage");
    });
}

#[test]
fn c15_the_format_of_version_1_is_what_it_was() {
    let mut ledger = ledger_on(Box::new(Memory::new()), 1);
    ledger.append(&records("88", 0..3)).unwrap();
    let first = ledger.records().next().unwrap().unwrap().1;
    assert_eq!(
        String::from_utf8(first.bytes()).unwrap(),
        concat!(
            r#"{"actor":{"class":"human","id":"12","login":"dana","provider":"github"},"attempt":1,"#,
            r#""commit":{"id":""},"finding":{"fp":"07070707070707070000000000000000","rule":"r","#,
            r#""severity":"critical"},"how":"absent","job":"gate","kind":"cleared","ledger":"local/pay/2026","#,
            r#""pipeline":"pay-api","product":"","ref":"","repo":{"host":"github.com","id":"7","name":"acme/pay"},"#,
            r#""rid":"RID","run_id":"88","stage":"deploy","tool":{"name":"tollgate","version":"0.1.0"},"#,
            r#""trigger":"push","ts":"2026-11-01T00:00:00.000Z","v":1}"#
        )
        .replace("RID", first.rid())
    );
    assert_eq!(first.rid(), "129e51f096c289056311e22a6cfba4ce");
    assert_eq!(
        hex(&ledger.head().root()),
        "fa9560197aa09be622b2392bcc40e3dac6becd531923aa259bc28b740b472647"
    );
}

#[test]
fn a_store_set_back_under_an_open_ledger_is_seen() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = ledger_on(Box::new(Files::new(&path)), 1);
    ledger.append(&records("1", 0..2)).unwrap();
    let old = fs::read(path.join("head.json")).unwrap();
    ledger.append(&records("2", 0..2)).unwrap();
    fs::write(path.join("head.json"), old).unwrap();
    assert_eq!(ledger.append(&records("3", 0..1)), Err(LedgerError::Rollback { size: 2, known: 4 }));
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(ledger.append(&records("3", 0..1)), Err(LedgerError::Rollback { size: 0, known: 4 }));
}

#[test]
fn c10_every_store_honours_the_condition_it_rests_on() {
    on_every_store(|name, open, _| {
        assert!(open().probe().is_ok(), "{name}: where nothing is yet");
        ledger_on(open(), 1).append(&records("88", 0..2)).unwrap();
        let mut probed = open();
        assert!(probed.probe().is_ok(), "{name}");
        assert_eq!(probed.load_head().unwrap().unwrap().size(), 2, "{name}: looking adds nothing");
    });
}

#[test]
fn c16_a_writer_that_stalled_while_what_followed_was_sealed_and_deleted_adds_nothing() {
    on_every_url(|url, _| {
        let mut stalled = ledger_on(stores::open(url).unwrap(), 1);
        stalled.append(&records("88", 0..3)).unwrap();
        let before = setback::remember(url);
        let mut other = ledger_on(stores::open(url).unwrap(), 2);
        other.append(&records("89", 0..2)).unwrap();
        stores::open(url).unwrap().keep_seal(5, b"a seal\n").unwrap();
        setback::to(url, &before);
        assert_eq!(stores::open(url).unwrap().load_head().unwrap().unwrap().size(), 3, "{url}");
        let refused = stalled.append(&records("90", 0..1));
        assert_eq!(refused, Err(LedgerError::Rollback { size: 3, known: 5 }), "{url}");
        let head = stalled.head().clone();
        let batch = batch_of_one(&head, &record("90", 0));
        let refused = stores::open(url).unwrap().try_append(&head, &batch);
        assert_eq!(refused, Err(LedgerError::Rollback { size: 3, known: 5 }.into()), "{url}: at the commit");
    });
}

#[test]
fn c16_records_deleted_and_made_again_under_their_name_do_not_verify() {
    on_every_url(|url, _| {
        ledger_on(stores::open(url).unwrap(), 1).append(&records("88", 0..3)).unwrap();
        let honest = ledger_on(stores::open(url).unwrap(), 1).checkpoint();
        // What is put there instead is a record like any other.
        setback::make_again(url, 1, &record("forged", 1));
        let verified = Ledger::open_existing(url).and_then(|mut ledger| {
            assert_eq!(ledger.checkpoint(), honest, "{url}: the head is as it was");
            ledger.verify(&[], 1, &mut |_, _| Ok(()))
        });
        let problems = verified.map(|found| found.problems.len());
        assert!(problems != Ok(0), "{url}: {problems:?}");
    });
}

#[test]
fn c1_every_shorter_ledger_than_a_known_checkpoint_is_reported() {
    let mut full = ledger_on(Box::new(Memory::new()), 1);
    full.append(&records("88", 0..20)).unwrap();
    let known = full.checkpoint();
    for kept in 0..20 {
        let mut cut = ledger_on(Box::new(Memory::new()), 1);
        cut.append(&records("88", 0..kept)).unwrap();
        assert_eq!(cut.require(&known), Err(LedgerError::Rollback { size: kept, known: 20 }));
        let found = cut.verify(std::slice::from_ref(&known), 1, &mut |_, _| Ok(())).unwrap();
        assert_eq!(found.problems[0].index, kept, "{:?}", found.problems);
        cut.append(&records("89", kept..25)).unwrap();
        let found = cut.verify(std::slice::from_ref(&known), 1, &mut |_, _| Ok(())).unwrap();
        assert_eq!(found.problems[0].index, 19, "another history: {:?}", found.problems);
    }
    assert_eq!(full.require(&known), Ok(()));
    assert!(full.verify(&[known], 2, &mut |_, _| Ok(())).unwrap().holds());
}

// Doubt.

/// A store whose replies are not to be trusted.
struct Flaky {
    inner: Box<dyn Store>,
    script: Box<dyn FnMut() -> (bool, Reply) + Send>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reply {
    True,
    Timeout,
    Exists,
}

impl Store for Flaky {
    fn place(&self) -> String {
        self.inner.place()
    }
    fn probe(&mut self) -> Result<Option<String>, LedgerError> {
        self.inner.probe()
    }
    fn load_head(&mut self) -> Result<Option<Head>, LedgerError> {
        self.inner.load_head()
    }
    fn read(&mut self, head: &Head, range: Range<u64>) -> Result<Vec<Vec<u8>>, LedgerError> {
        self.inner.read(head, range)
    }
    fn try_append(&mut self, expected: &Head, batch: &Batch) -> Result<(), StoreError> {
        let (persist, reply) = (self.script)();
        let truth = if persist { self.inner.try_append(expected, batch) } else { Err(StoreError::Conflict) };
        match reply {
            Reply::True => truth,
            Reply::Timeout => Err(StoreError::Ambiguous("the connection was reset".to_owned())),
            Reply::Exists => Err(StoreError::Conflict),
        }
    }
    fn locate(&mut self, head: &Head, wanted: &BTreeSet<Key>) -> Result<Vec<(u64, Key)>, LedgerError> {
        self.inner.locate(head, wanted)
    }
    fn seals(&mut self) -> Result<Vec<u64>, LedgerError> {
        self.inner.seals()
    }
    fn read_seal(&mut self, size: u64) -> Result<Vec<u8>, LedgerError> {
        self.inner.read_seal(size)
    }
    fn keep_seal(&mut self, size: u64, note: &[u8]) -> Result<(), LedgerError> {
        self.inner.keep_seal(size, note)
    }
}

#[test]
fn c7_on_any_doubt_it_is_read_back() {
    for first in
        [(true, Reply::Timeout), (true, Reply::Exists), (false, Reply::Timeout), (false, Reply::Exists)]
    {
        let memory = Memory::new();
        let mut calls = 0;
        let script = Box::new(move || {
            calls += 1;
            if calls == 1 { first } else { (true, Reply::True) }
        });
        let mut ledger = ledger_on(Box::new(Flaky { inner: Box::new(memory.clone()), script }), 1);
        let mut built = 0;
        let receipts = ledger
            .append_with(&mut |_| {
                built += 1;
                Ok(records("88", 0..3))
            })
            .unwrap();
        assert_eq!(receipts.iter().map(|receipt| receipt.index).collect::<Vec<_>>(), [0, 1, 2], "{first:?}");
        assert_eq!(built, if first.0 { 1 } else { 2 }, "{first:?}: what went in is not decided anew");
        let mut reader = ledger_on(Box::new(memory), 1);
        assert_eq!((reader.head().size(), verified(&mut reader).holds()), (3, true), "{first:?}");
    }
}

#[test]
fn c7_a_store_that_never_answers_is_no_success() {
    for reply in [Reply::Timeout, Reply::Exists] {
        let memory = Memory::new();
        let script = Box::new(move || (false, reply));
        let store = Box::new(Flaky { inner: Box::new(memory.clone()), script });
        let mut ledger = Ledger::with(store, Box::new(NoTime), ORIGIN).unwrap();
        assert!(matches!(ledger.append(&records("88", 0..3)), Err(LedgerError::Unavailable(_))), "{reply:?}");
        assert!(memory.clone().load_head().unwrap().is_none());
    }
}

/// Waits the longest without waiting.
struct NoTime;

impl Pace for NoTime {
    fn jitter(&mut self, ceiling: Duration) -> Duration {
        ceiling
    }
    fn sleep(&mut self, _: Duration) {}
}

#[test]
fn c4_with_replies_dropped_at_random_every_record_is_there_once() {
    on_every_store(|name, open, Load { appends, .. }| {
        let store = Flaky { inner: open(), script: dice(11) };
        let mut ledger = Ledger::with(Box::new(store), Box::new(NoTime), ORIGIN).unwrap();
        for number in 0..appends {
            let receipts = ledger.append(&[record("88", number)]).unwrap();
            assert_eq!(receipts[0].index, number, "{name}");
        }
        assert!(verified(&mut ledger).holds(), "{name}");
        assert_eq!(ledger.head().size(), appends, "{name}");
    });
}

/// Replies by the throw of a seeded dice: half of them true, the rest dropped before or after the write.
fn dice(seed: u64) -> Box<dyn FnMut() -> (bool, Reply) + Send> {
    let mut state = seed;
    Box::new(move || {
        state = next(state);
        match state >> 20 & 7 {
            0 => (true, Reply::Timeout),
            1 => (true, Reply::Exists),
            2 => (false, Reply::Timeout),
            3 => (false, Reply::Exists),
            _ => (true, Reply::True),
        }
    })
}

// Many at once.

#[test]
fn c5_many_writers_at_once_lose_no_record() {
    on_every_store(|name, open, Load { writers, each, .. }| {
        std::thread::scope(|scope| {
            for writer in 0..writers {
                scope.spawn(move || {
                    let mut ledger = ledger_on(open(), writer + 1);
                    for number in 0..each {
                        ledger.append(&[record(&writer.to_string(), number)]).unwrap();
                    }
                });
            }
        });
        all_there(name, &mut ledger_on(open(), 1), writers, each);
    });
}

fn all_there(name: &str, ledger: &mut Ledger, writers: u64, each: u64) {
    assert!(verified(ledger).holds(), "{name}");
    let ids: BTreeSet<String> = ledger.records().map(|item| item.unwrap().1.rid().to_owned()).collect();
    assert_eq!(ledger.head().size(), writers * each, "{name}");
    for writer in 0..writers {
        assert!(
            records(&writer.to_string(), 0..each).iter().all(|record| ids.contains(record.rid())),
            "{name}"
        );
    }
}

/// One of the processes of the next tests; on its own it does nothing.
#[test]
fn c5_a_writing_process() {
    let (Ok(url), Ok(writer), Ok(each)) = (
        std::env::var("TOLLGATE_TEST_LEDGER"),
        std::env::var("TOLLGATE_TEST_WRITER"),
        std::env::var("TOLLGATE_TEST_EACH"),
    ) else {
        return;
    };
    let mut ledger = ledger_on(stores::open(&url).unwrap(), writer.parse::<u64>().unwrap() + 1);
    for number in 0..each.parse().unwrap() {
        ledger.append(&[record(&writer, number)]).unwrap();
    }
}

fn spawn_writer(url: &str, writer: u64, each: u64) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "c5_a_writing_process"])
        .env("TOLLGATE_TEST_LEDGER", url)
        .env("TOLLGATE_TEST_WRITER", writer.to_string())
        .env("TOLLGATE_TEST_EACH", each.to_string())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn c5_processes_that_write_at_once_lose_none() {
    on_every_url(|url, Load { writers, each, .. }| {
        let (writers, each) = (writers.min(12), each.min(20));
        let processes: Vec<_> = (0..writers).map(|writer| spawn_writer(url, writer, each)).collect();
        for mut process in processes {
            assert!(process.wait().unwrap().success(), "{url}");
        }
        all_there(url, &mut ledger_on(stores::open(url).unwrap(), 1), writers, each);
    });
}

#[test]
fn c6_killed_writers_leave_nothing_partial() {
    on_every_url(|url, Load { each, .. }| kill_rounds(url, 12, each.min(20)));
}

/// Kills two writers in the middle, `rounds` times, and appends in between; then lets them end what they began.
fn kill_rounds(url: &str, rounds: u64, each: u64) {
    let mut chance = 88;
    for round in 0..rounds {
        let mut writers = [spawn_writer(url, 0, each), spawn_writer(url, 1, each)];
        chance = next(chance);
        std::thread::sleep(Duration::from_millis(10 + chance % 60));
        for writer in &mut writers {
            let _ = writer.kill();
            writer.wait().unwrap();
        }
        let mut ledger = ledger_on(stores::open(url).unwrap(), round);
        assert!(verified(&mut ledger).holds(), "{url} round {round}");
        ledger.append(&[record("between", round)]).unwrap();
    }
    for writer in 0..2 {
        assert!(spawn_writer(url, writer, each).wait().unwrap().success());
    }
    let mut ledger = ledger_on(stores::open(url).unwrap(), 1);
    assert!(verified(&mut ledger).holds(), "{url}");
    assert_eq!(ledger.head().size(), 2 * each + rounds, "{url}: what was acknowledged is there once");
}

#[test]
fn b11_of_many_runs_at_once_one_uses_an_exception_for_one_use() {
    on_every_store(|name, open, Load { runs, .. }| {
        let uses = AtomicUsize::new(0);
        ledger_on(open(), 1).append(&[exception_approved("0", "E1", 1, 9_000)]).unwrap();
        std::thread::scope(|scope| {
            for run in 1..=runs {
                let uses = &uses;
                scope.spawn(move || {
                    let id = run.to_string();
                    let decide = &mut |prefix: &mut tollgate::ledger::Prefix<'_>| {
                        let earlier = prefix.about(Key::exception("E1"))?;
                        let others = |record: &Record| {
                            record.text("action") == "except" && record.text("run_id") != id
                        };
                        let mut record = excepted(&id, "E1", 1, 100);
                        if earlier.iter().any(|(_, record)| others(record)) {
                            record.set("action", "block");
                        }
                        Ok(vec![record])
                    };
                    let mut ledger = ledger_on(open(), run);
                    let receipts = ledger.append_with(decide).unwrap();
                    let key = Key::hex(&receipts[0].rid).unwrap();
                    if ledger.about(key).unwrap()[0].1.text("action") == "except" {
                        uses.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(uses.load(Ordering::Relaxed), 1, "{name}");
        assert!(verified(&mut ledger_on(open(), 1)).holds(), "{name}");
    });
}

// Damage.

struct Damage {
    _folder: TempDir,
    path: PathBuf,
    segment: Vec<u8>,
    /// Where each record begins.
    starts: Vec<usize>,
}

impl Damage {
    fn new(count: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("ledger");
        ledger_on(Box::new(Files::new(&path)), 1).append(&records("88", 0..count)).unwrap();
        let segment = fs::read(path.join("segments/000000.jsonl")).unwrap();
        let ends = segment.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { _folder: folder, path, segment, starts }
    }

    /// The indexes that `verify` names when `segment` is what is stored.
    fn named(&self, segment: &[u8]) -> Vec<u64> {
        fs::write(self.path.join("segments/000000.jsonl"), segment).unwrap();
        let mut ledger = ledger_on(Box::new(Files::new(&self.path)), 1);
        let mut named: Vec<u64> =
            verified(&mut ledger).problems.iter().map(|problem| problem.index).collect();
        named.dedup();
        named
    }

    fn line(&self, index: usize) -> Range<usize> {
        self.starts[index]..self.starts[index + 1]
    }
}

#[test]
fn c3_every_changed_byte_of_300_records_is_named() {
    let ledger = Damage::new(300);
    assert!(ledger.named(&ledger.segment).is_empty(), "an honest ledger holds");
    // Two neighbouring offsets in turn, in every tenth record at once: each is named for itself, and no other.
    for offset in (0..ledger.line(0).len() - 2).step_by(2) {
        let mut segment = ledger.segment.clone();
        let changed: Vec<u64> = (0..300).skip(offset / 2 % 10).step_by(10).collect();
        for index in &changed {
            let byte = &mut segment[ledger.starts[*index as usize] + offset + (*index as usize / 10 % 2)];
            *byte ^= if *byte == 0xb { 2 } else { 1 };
        }
        assert_eq!(ledger.named(&segment), changed, "offset {offset}");
    }
    // One byte at a time, at another offset in every record: only that record is named.
    for index in (0..300).step_by(6) {
        let mut segment = ledger.segment.clone();
        let offset = index * 37 % (ledger.line(index).len() - 1);
        segment[ledger.starts[index] + offset] ^= 4;
        assert_eq!(ledger.named(&segment), [index as u64], "record {index} offset {offset}");
    }
}

#[test]
fn c3_every_swap_deletion_and_insertion_is_named() {
    let ledger = Damage::new(300);
    let piece = |index: usize| ledger.segment[ledger.line(index)].to_vec();
    let until = |index: usize| ledger.segment[..ledger.starts[index]].to_vec();
    let from = |index: usize| ledger.segment[ledger.starts[index]..].to_vec();
    let first = |segment: Vec<u8>| ledger.named(&segment)[0];
    for index in (0..299).step_by(11) {
        let swapped = [until(index), piece(index + 1), piece(index), from(index + 2)].concat();
        assert_eq!(first(swapped), index as u64, "swap");
        let deleted = [until(index), from(index + 1)].concat();
        assert_eq!(first(deleted), index as u64, "deletion");
        let inserted = [until(index), record("other", 1).bytes(), b"\n".to_vec(), from(index)].concat();
        assert_eq!(first(inserted), index as u64, "insertion");
        let mut joined = ledger.segment.clone();
        joined.remove(ledger.starts[index + 1] - 1);
        assert_eq!(first(joined), index as u64, "line feed lost");
        let mut split = ledger.segment.clone();
        split[ledger.starts[index] + 1 + index] = b'\n';
        assert_eq!(first(split), index as u64, "line feed put in");
    }
    let cut = |count: usize| ledger.segment[..ledger.segment.len() - count].to_vec();
    for count in (1..=ledger.line(299).len()).step_by(9) {
        assert_eq!(first(cut(count)), 299, "{count} bytes cut off");
    }
    assert_eq!(first(Vec::new()), 0);
}

#[test]
fn c3_damage_is_named_by_its_range_when_the_index_went_with_it() {
    let ledger = Damage::new(300);
    let mut segment = ledger.segment.clone();
    let at =
        ledger.starts[270] + segment[ledger.line(270)].windows(6).position(|word| word == b"absent").unwrap();
    segment[at] = b'A';
    fs::remove_file(ledger.path.join("index.bin")).unwrap();
    assert_eq!(ledger.named(&segment), [256], "one of 256 to 287");
    // An index rebuilt by whoever changed the record is no witness: the root is.
    fs::write(ledger.path.join("segments/000000.jsonl"), &segment).unwrap();
    let mut reader = ledger_on(Box::new(Files::new(&ledger.path)), 1);
    assert!(reader.append(&records("89", 0..1)).is_err(), "nothing is appended to a damaged ledger");
    let last = reader.records().last().unwrap();
    assert!(matches!(last, Err(LedgerError::Corrupt { .. })), "no number is computed from it");
}

#[test]
fn c3_a_record_behind_a_full_segment_is_no_data_and_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = ledger_on(Box::new(Files::new(&path)), 1);
    ledger.append(&records("88", 0..4_100)).unwrap();
    assert!(verified(&mut ledger).holds());
    let segment = path.join("segments/000000.jsonl");
    let honest = fs::read(&segment).unwrap();
    let longer = [honest.clone(), record("x", 0).bytes(), b"\n".to_vec()].concat();
    fs::write(&segment, longer).unwrap();
    assert_eq!(verified(&mut ledger).problems[0].index, 4_095);
    fs::write(&segment, &honest[..honest.len() - 1]).unwrap();
    assert_eq!(verified(&mut ledger).problems[0].index, 4_095);
    fs::write(&segment, honest).unwrap();
    fs::remove_file(path.join("segments/000001.jsonl")).unwrap();
    assert_eq!(verified(&mut ledger).problems[0].index, 4_096);
}

#[test]
fn a_lost_or_garbled_index_costs_time_and_nothing_else() {
    for garble in [None, Some(Vec::new()), Some(vec![0; 80 * 10]), Some(vec![9; 2000])] {
        let ledger = Damage::new(10);
        let index = ledger.path.join("index.bin");
        let honest = fs::read(&index).unwrap();
        match &garble {
            None => fs::remove_file(&index).unwrap(),
            Some(bytes) => fs::write(&index, bytes).unwrap(),
        }
        let mut open = ledger_on(Box::new(Files::new(&ledger.path)), 1);
        let receipts = open.append(&records("88", 4..5)).unwrap();
        assert_eq!(receipts[0].index, 4, "{garble:?}: the record is found all the same");
        assert_eq!(open.about(Key::hex(&fingerprint(6).hex()).unwrap()).unwrap()[0].0, 6);
        open.append(&records("89", 0..1)).unwrap();
        assert!(verified(&mut open).holds());
        assert_eq!(verified(&mut open).notices, [], "{garble:?}: the append made it again");
        assert_eq!(fs::read(&index).unwrap()[..800], honest[..800]);
    }
}

#[test]
fn c6_a_cut_at_every_byte_leaves_what_was_acknowledged() {
    let before = Damage::new(3);
    let old_head = fs::read(before.path.join("head.json")).unwrap();
    let old_index = fs::read(before.path.join("index.bin")).unwrap();
    ledger_on(Box::new(Files::new(&before.path)), 1).append(&records("89", 0..1)).unwrap();
    let new_head = fs::read(before.path.join("head.json")).unwrap();
    let new_index = fs::read(before.path.join("index.bin")).unwrap();
    let new_segment = fs::read(before.path.join("segments/000000.jsonl")).unwrap();
    let segment = before.path.join("segments/000000.jsonl");
    let added = new_segment.len() - before.segment.len();
    for cut in 0..=added + new_head.len() {
        // In the order of the writes: the index, the record, the new head beside the old one.
        fs::write(before.path.join("head.json"), &old_head).unwrap();
        fs::write(&segment, &new_segment[..before.segment.len() + cut.min(added)]).unwrap();
        fs::write(before.path.join("index.bin"), &new_index[..old_index.len() + cut.min(80)]).unwrap();
        fs::write(before.path.join("head.json.tmp"), &new_head[..cut.saturating_sub(added)]).unwrap();
        let mut ledger = ledger_on(Box::new(Files::new(&before.path)), 1);
        assert_eq!(ledger.head().size(), 3, "cut {cut}: what was not committed is not there");
        let next = if cut % 2 == 0 { records("89", 0..1) } else { records("90", 5..6) };
        assert_eq!(ledger.append(&next).unwrap()[0].index, 3, "cut {cut}");
        assert!(verified(&mut ledger).holds(), "cut {cut}");
        assert_eq!(
            ledger.records().map(|item| item.unwrap().1).collect::<Vec<_>>()[..3],
            records("88", 0..3)
        );
    }
    fs::write(before.path.join("head.json"), &new_head).unwrap();
    fs::write(&segment, &new_segment).unwrap();
    let mut ledger = ledger_on(Box::new(Files::new(&before.path)), 1);
    assert_eq!(ledger.append(&records("89", 0..1)).unwrap()[0].index, 3, "after the rename it is there");
}

#[test]
fn c6_a_cut_while_a_segment_fills_up_leaves_what_was_acknowledged() {
    let full = Damage::new(4_094);
    let old_head = fs::read(full.path.join("head.json")).unwrap();
    ledger_on(Box::new(Files::new(&full.path)), 1).append(&records("89", 0..4)).unwrap();
    let new_first = fs::read(full.path.join("segments/000000.jsonl")).unwrap();
    let second = full.path.join("segments/000001.jsonl");
    let new_second = fs::read(&second).unwrap();
    for (of_first, of_second) in
        [(7, 0), (900, 0), (usize::MAX, 0), (usize::MAX, 9), (usize::MAX, usize::MAX)]
    {
        let end = new_first.len().min(full.segment.len().saturating_add(of_first));
        fs::write(full.path.join("head.json"), &old_head).unwrap();
        fs::write(full.path.join("segments/000000.jsonl"), &new_first[..end]).unwrap();
        fs::write(&second, &new_second[..new_second.len().min(of_second)]).unwrap();
        let mut ledger = ledger_on(Box::new(Files::new(&full.path)), 1);
        assert_eq!(ledger.head().size(), 4_094);
        assert_eq!(ledger.append(&records("90", 0..3)).unwrap()[2].index, 4_096);
        assert!(verified(&mut ledger).holds(), "{of_first} {of_second}");
    }
}

#[test]
fn c13_a_place_that_cannot_hold_a_ledger_is_an_error() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("ledger")] {
        let result = Ledger::open(&format!("file:{}", path.display()), ORIGIN)
            .and_then(|mut ledger| ledger.append(&records("88", 0..1)));
        assert!(matches!(result, Err(LedgerError::Unavailable(_))), "{}", path.display());
    }
    for url in ["mysql://db/x", "ledger", "", "file:", "file://host/x", "memory:", "git:ledger", "git:x#l"] {
        assert!(matches!(Ledger::open(url, ORIGIN), Err(LedgerError::Url(..))), "{url}");
    }
    let missing = format!("file:{}", folder.path().join("none").display());
    assert!(matches!(Ledger::open_existing(&missing), Err(LedgerError::Absent(_))));
}

#[cfg(unix)]
#[test]
fn a_ledger_is_private_and_follows_no_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deep/ledger");
    ledger_on(Box::new(Files::new(&path)), 1).append(&records("88", 0..1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for name in ["head.json", "index.bin", "ledger.lock", "segments/000000.jsonl"] {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(Files::new(&link).load_head().is_err());
    let target = folder.path().join("target");
    fs::write(&target, "precious").unwrap();
    for name in ["ledger.lock", "index.bin", "segments/000000.jsonl"] {
        let fresh = folder.path().join(format!("fresh-{}", name.replace('/', "-")));
        fs::create_dir_all(fresh.join("segments")).unwrap();
        symlink(&target, fresh.join(name)).unwrap();
        assert!(ledger_on(Box::new(Files::new(&fresh)), 1).append(&records("88", 0..1)).is_err(), "{name}");
        assert_eq!(fs::read(&target).unwrap(), b"precious");
    }
}

#[test]
fn c15_a_copied_ledger_verifies_and_goes_on() {
    let original = Damage::new(5);
    let copy = TempDir::new().unwrap();
    fs::create_dir(copy.path().join("segments")).unwrap();
    for name in ["head.json", "segments/000000.jsonl"] {
        fs::copy(original.path.join(name), copy.path().join(name)).unwrap();
    }
    let mut ledger = Ledger::open_existing(&format!("file:{}", copy.path().display())).unwrap();
    assert_eq!(ledger.origin(), ORIGIN);
    assert!(verified(&mut ledger).holds());
    assert_eq!(ledger.append(&records("89", 0..1)).unwrap()[0].index, 5);
}

#[test]
fn a_ledger_of_last_year_goes_on_and_another_one_is_refused() {
    let memory = Memory::new();
    ledger_on(Box::new(memory.clone()), 1).append(&records("88", 0..1)).unwrap();
    let open = |origin: &str| Ledger::with(Box::new(memory.clone()), Box::new(NoTime), origin);
    assert_eq!(open("local/pay/2027").unwrap().origin(), ORIGIN);
    for origin in ["local/other/2026", "acme/pay/2026", "local/pay/2026/eu"] {
        assert!(matches!(open(origin), Err(LedgerError::Origin { .. })), "{origin}");
    }
    let mut foreign = record("88", 2);
    foreign.set("ledger", "acme/pay/2026");
    let refused = open(ORIGIN).unwrap().append(&[foreign]).unwrap_err();
    assert_eq!(refused, RecordError::Field("ledger".to_owned()).into());
}

// What a replay knows beyond bytes.

/// What is told, the records, the indexes with problems, those with notices.
type Case<'a> = (&'a str, Vec<Record>, &'a [u64], &'a [u64]);

#[test]
fn a_replay_names_decisions_that_nothing_backs() {
    let run = |policy: &str, verdict: Verdict| {
        let facts = RunFacts {
            verdict,
            policy_digest: policy,
            policy_commit: "",
            files: 3,
            bytes: 100,
            gaps: 0,
            coverage_digest: "sha256:00",
            full_scope: true,
            counts: [0, 0, 0, 0],
            artifacts: &[],
            tree: "",
            overrides_rejected: &[],
            separation_of_duties: true,
        };
        lineage("run").run(at(0), &facts)
    };
    let approved = |run: &str| exception_approved(run, "E1", 1, 500);
    let revoked = lineage("9").exception_event(Kind::ExceptionRevoked, at(70), "E1", &[], "dana", "key lost");
    let late = record("1", 400);
    let early = record("1", 50);
    let cases: [Case<'_>; 11] = [
        ("an approved use", vec![approved("1"), excepted("2", "E1", 1, 100)], &[], &[]),
        ("an approval later in the same run", vec![excepted("1", "E1", 1, 100), approved("1")], &[], &[]),
        ("an approval of a later run", vec![excepted("2", "E1", 1, 100), approved("1")], &[0], &[]),
        ("no approval", vec![excepted("1", "E1", 1, 100)], &[0], &[]),
        ("no exception named", vec![excepted("1", "", 1, 100)], &[0], &[]),
        ("another finding", vec![approved("1"), excepted("1", "E1", 2, 100)], &[1], &[]),
        ("the last second is over", vec![approved("1"), excepted("1", "E1", 1, 500)], &[1], &[]),
        ("revoked before", vec![approved("1"), revoked, excepted("2", "E1", 1, 100)], &[2], &[]),
        ("an open gate without a policy", vec![run("", Verdict::Clean)], &[0], &[]),
        ("a shut gate without a policy", vec![run("", Verdict::Blocked)], &[], &[]),
        ("a clock that ran back", vec![late, early], &[], &[1]),
    ];
    for (name, written, problems, notices) in cases {
        let mut ledger = ledger_on(Box::new(Memory::new()), 1);
        ledger.append(&written).unwrap();
        let found = verified(&mut ledger);
        let indexes =
            |list: &[tollgate::ledger::Problem]| list.iter().map(|one| one.index).collect::<Vec<_>>();
        assert_eq!(indexes(&found.problems), problems, "{name}: {:?}", found.problems);
        assert_eq!(indexes(&found.notices), notices, "{name}: {:?}", found.notices);
    }
}

#[test]
fn a_replay_hands_every_signature_to_its_caller() {
    let mut ledger = ledger_on(Box::new(Memory::new()), 1);
    let deploy = Deploy { id: "d1", environment: "prod", artifact_digest: "", relied_on: "88", commit: "" };
    let mut signed = lineage("88").deploy(at(0), &deploy);
    let unsigned = signed.bytes();
    signed.set("sig.signature", "armour");
    assert_eq!(signed.signed_bytes(), unsigned);
    ledger.append(&[record("88", 0), exception_approved("88", "E1", 1, 500), signed]).unwrap();
    let mut seen = Vec::new();
    let found = ledger
        .verify(&[], 1, &mut |index, _| {
            seen.push(index);
            if index == 2 { Err("its signature does not fit".to_owned()) } else { Ok(()) }
        })
        .unwrap();
    assert_eq!(seen, [1, 2]);
    assert_eq!(found.problems.len(), 1);
    assert_eq!(found.problems[0].what, "its signature does not fit");
}

#[test]
fn records_read_as_lines_that_are_safe_to_print() {
    let mut hostile = excepted("88", "E1\u{1b}[2J", 1, 5);
    hostile.set("finding.path", "a\n::error::x");
    hostile.set("finding.rule", "acme-deploy-key");
    let line = tollgate::ledger::log::line(7, &hostile);
    assert_eq!((line.index, line.ts, line.kind.as_str()), (7, at(5), "observed"));
    assert_eq!(line.text, r"except  acme-deploy-key  070707070707  a\u{a}::error::x  under E1\u{1b}[2J");
}

// How fast. Run with `--release -- --ignored --nocapture`.

#[test]
#[ignore = "half a minute; a figure, not a promise"]
fn figures_of_a_million_records() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = ledger_on(Box::new(Files::new(&path)), 1);
    for batch in 0..100_u64 {
        ledger.append(&records(&batch.to_string(), 0..10_000)).unwrap();
    }
    let start = Instant::now();
    let mut run = ledger_on(Box::new(Files::new(&path)), 1);
    run.append(&records("one more", 0..20)).unwrap();
    eprintln!("20 records behind 1,000,000, opened and appended: {:?}", start.elapsed());
    let start = Instant::now();
    let bytes = bytes_of(&path.join("segments"));
    eprintln!("sha256 of the same {} MiB: {:?}", bytes >> 20, start.elapsed());
    for threads in [1, 2] {
        let (start, before) = (Instant::now(), resident());
        assert!(ledger.verify(&[], threads, &mut |_, _| Ok(())).unwrap().holds());
        let more = resident().saturating_sub(before);
        eprintln!("verify of 1,000,000 records on {threads} threads: {:?}, {more} KiB more", start.elapsed());
    }
    ledger.refresh().unwrap();
    let start = Instant::now();
    assert_eq!(ledger.records().flatten().count(), 1_000_020);
    eprintln!("1,000,000 records read in full: {:?}", start.elapsed());
}

/// Hashes every file of a folder; how many bytes they have.
fn bytes_of(folder: &Path) -> usize {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let files = names.iter().map(|name| fs::read(name).unwrap());
    files.map(|bytes| (tollgate::text::hash::sha256(&bytes), bytes.len()).1).sum()
}

/// Memory of this process, in KiB, as Linux tells it.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
