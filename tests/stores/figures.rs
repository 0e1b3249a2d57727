//! How fast, and what survives. Figures, not promises: run with `-- --ignored --nocapture figures`, and for one kind of
//! store alone with `TOLLGATE_FIGURES=git:` (or `file:`, `postgres:`). On an idle machine: a load beside it is printed.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tollgate::ledger::stores::{self, Batch, StoreError};
use tollgate::ledger::{Head, LedgerError, Patient, Store};

use super::backends::on_every_url;
use super::{ORIGIN, all_there, kill_rounds, ledger_on, record, spawn_writer};

#[test]
#[ignore = "minutes"]
fn figures_of_32_processes_of_50_appends() {
    on_wanted(&|url| {
        let each = 50;
        let start = Instant::now();
        let processes: Vec<_> = (0..32).map(|writer| spawn_writer(url, writer, each)).collect();
        for mut process in processes {
            assert!(process.wait().unwrap().success(), "{url}");
        }
        let seconds = start.elapsed().as_secs_f64();
        all_there(url, &mut ledger_on(stores::open(url).unwrap(), 1), 32, each);
        let count = 32 * each;
        eprintln!("{url}: {count} records of 32 processes, {:.0} a second", count as f64 / seconds);
    });
}

#[test]
#[ignore = "minutes"]
fn figures_of_writers_that_wait_for_their_turn() {
    on_wanted(&|url| {
        let (writers, each) = if url.starts_with("git:") { (16, 4) } else { (32, 100) };
        let tries = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        std::thread::scope(|scope| {
            for writer in 0..writers {
                let store = Counted { inner: stores::open(url).unwrap(), tries: tries.clone() };
                scope.spawn(move || {
                    let mut ledger =
                        tollgate::ledger::Ledger::with(Box::new(store), Box::new(Patient), ORIGIN).unwrap();
                    for number in 0..each {
                        ledger.append(&[record(&writer.to_string(), number)]).unwrap();
                    }
                });
            }
        });
        let (count, seconds) = ((writers * each) as f64, start.elapsed().as_secs_f64());
        let tries = tries.load(Ordering::Relaxed) as f64;
        eprintln!(
            "{url}: {writers} writers, {:.1} a second, {:.1} attempts each",
            count / seconds,
            tries / count
        );
    });
}

#[test]
#[ignore = "minutes"]
fn figures_of_one_writer() {
    on_wanted(&|url| {
        let count = if url.starts_with("git:") { 20 } else { 2_000 };
        let mut ledger = ledger_on(stores::open(url).unwrap(), 1);
        let start = Instant::now();
        for number in 0..count {
            ledger.append(&[record("88", number)]).unwrap();
        }
        eprintln!("{url}: one writer, {:.1} a second", count as f64 / start.elapsed().as_secs_f64());
    });
}

#[test]
#[ignore = "minutes"]
fn figures_of_200_kills() {
    on_wanted(&|url| {
        let (rounds, each) = (200, if url.starts_with("git:") { 5 } else { 20 });
        kill_rounds(url, rounds, each);
        eprintln!("{url}: {rounds} rounds of two killed writers, nothing lost, nothing partial");
    });
}

/// Runs `test` on every store a URL names, or on those that are asked for, and says how busy the machine is.
fn on_wanted(test: &dyn Fn(&str)) {
    let wanted = std::env::var("TOLLGATE_FIGURES").unwrap_or_default();
    on_every_url(|url, _| {
        if url.starts_with(&wanted) {
            let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
            eprintln!("load {}", load.split(' ').next().unwrap_or("unknown"));
            test(url);
        }
    });
}

/// Counts attempts.
struct Counted {
    inner: Box<dyn Store>,
    tries: Arc<AtomicU64>,
}

impl Store for Counted {
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
        self.tries.fetch_add(1, Ordering::Relaxed);
        self.inner.try_append(expected, batch)
    }
    fn locate(
        &mut self,
        head: &Head,
        wanted: &std::collections::BTreeSet<tollgate::ledger::Key>,
    ) -> Result<Vec<(u64, tollgate::ledger::Key)>, LedgerError> {
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
