//! The loop all stores share: load the head, let the caller decide against it, try, and on any doubt read back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::LedgerError;
use super::key::{Key, Keys};
use super::merkle::leaf_hash;
use super::record::{Record, RecordError};
use super::stores::{Batch, Head, Leaf, Store, StoreError};

/// Proof of a record's place in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Id of the record.
    pub rid: String,
    /// Its index, from 0.
    pub index: u64,
    /// What it is, such as `observed`.
    pub kind: String,
    /// Fingerprint it speaks of, as 32 hex digits; empty for a record about the run.
    pub fingerprint: String,
}

/// How to wait for a turn. Injected, so that the loop needs no clock and tests need no time.
pub trait Pace: Send {
    /// A random length of at most `ceiling`.
    fn jitter(&mut self, ceiling: Duration) -> Duration;

    /// Waits.
    fn sleep(&mut self, length: Duration);
}

/// Waits for real, with jitter from the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patient;

impl Pace for Patient {
    fn jitter(&mut self, ceiling: Duration) -> Duration {
        // Without randomness the full ceiling is still a correct wait, only less fair.
        let share = getrandom::u32().unwrap_or(u32::MAX);
        ceiling.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }

    fn sleep(&mut self, length: Duration) {
        std::thread::sleep(length);
    }
}

/// How long all waits of one append may take together.
pub const BUDGET: Duration = Duration::from_secs(60);

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The least a wait counts, so that a jitter of nothing cannot turn the loop for ever.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// The ledger as it is right before a batch goes in: what conditions are checked against.
pub struct Prefix<'a> {
    store: &'a mut dyn Store,
    head: &'a Head,
}

impl<'a> Prefix<'a> {
    pub(super) fn new(store: &'a mut dyn Store, head: &'a Head) -> Self {
        Self { store, head }
    }

    /// The head the batch will follow.
    pub fn head(&self) -> &Head {
        self.head
    }

    /// Every record with `key`, with its index, in order.
    pub fn about(&mut self, key: Key) -> Result<Vec<(u64, Record)>, LedgerError> {
        let mut records = Vec::new();
        for (index, _) in self.store.locate(self.head, &BTreeSet::from([key]))? {
            let record = read_one(self.store, self.head, index)?;
            if !Keys::of(&record).present().any(|other| other == key) {
                return Err(LedgerError::corrupt(
                    index,
                    format!("record {index} is not what the index says"),
                ));
            }
            records.push((index, record));
        }
        Ok(records)
    }

    /// Which of `ids` records have that are there.
    pub fn ids(&mut self, ids: &BTreeSet<Key>) -> Result<BTreeSet<Key>, LedgerError> {
        let mut there = BTreeSet::new();
        for (index, key) in self.store.locate(self.head, ids)? {
            // A finding may be named as any id is; only the record tells them apart.
            if Key::hex(read_one(self.store, self.head, index)?.rid()) == Some(key) {
                there.insert(key);
            }
        }
        Ok(there)
    }
}

/// Appends what `build` makes of the newest state, all or none; the newest head is left in `head`.
pub(super) fn append(
    store: &mut dyn Store,
    pace: &mut dyn Pace,
    head: &mut Head,
    build: &mut dyn FnMut(&mut Prefix<'_>) -> Result<Vec<Record>, LedgerError>,
) -> Result<Vec<Receipt>, LedgerError> {
    let mut tried: Option<Prepared> = None;
    let (mut waited, mut ceiling, mut doubt) =
        (Duration::ZERO, FIRST_WAIT, "others were first every time".to_owned());
    while waited <= BUDGET {
        advance(store, head)?;
        // What was tried may have gone in although the store said otherwise: only the ids tell.
        if let Some(before) = &tried {
            let places = before.places(store, head)?;
            if before.all_in(&places) {
                return Ok(before.receipts(&places, head.size()));
            }
        }
        let records = build(&mut Prefix { store, head })?;
        let prepared = match tried.take() {
            Some(before) if before.given == records => before,
            _ => Prepared::new(records, &head.origin)?,
        };
        let places = prepared.places(store, head)?;
        let Some(batch) = prepared.batch(&places, head) else {
            return Ok(prepared.receipts(&places, head.size()));
        };
        match store.try_append(head, &batch) {
            Ok(()) => {
                let receipts = prepared.receipts(&places, head.size());
                *head = batch.next;
                return Ok(receipts);
            }
            Err(StoreError::Fatal(error)) => return Err(error),
            Err(StoreError::Conflict) => {}
            Err(StoreError::Ambiguous(why)) => doubt = why,
        }
        tried = Some(prepared);
        let wait = pace.jitter(ceiling);
        pace.sleep(wait);
        waited += wait.max(LEAST_WAIT);
        ceiling = LONGEST_WAIT.min(ceiling * 2);
    }
    Err(LedgerError::Unavailable(format!("no turn within {} seconds: {doubt}", BUDGET.as_secs())))
}

/// Loads the newest head into `head`, which it must continue.
pub(super) fn advance(store: &mut dyn Store, head: &mut Head) -> Result<(), LedgerError> {
    let newest = store.load_head()?;
    let size = newest.as_ref().map_or(0, Head::size);
    if size < head.size() {
        return Err(LedgerError::Rollback { size, known: head.size() });
    }
    let Some(newest) = newest else { return Ok(()) };
    if size > 0 && newest.origin != head.origin {
        return Err(LedgerError::Origin { expected: head.origin.clone(), found: newest.origin });
    }
    if size == head.size() && newest.root() != head.root() {
        return Err(LedgerError::corrupt(None, "it has another root than a moment ago at the same size"));
    }
    *head = newest;
    Ok(())
}

/// The record at `index`.
pub(super) fn read_one(store: &mut dyn Store, head: &Head, index: u64) -> Result<Record, LedgerError> {
    let leaves = store.read(head, index..index + 1)?;
    let bytes =
        leaves.first().ok_or_else(|| LedgerError::corrupt(index, format!("record {index} is missing")))?;
    Record::parse(bytes).map_err(|error| LedgerError::corrupt(index, format!("record {index}: {error}")))
}

/// Records checked and encoded; of several with one id only the first is kept.
struct Prepared {
    /// As the caller made them.
    given: Vec<Record>,
    records: Vec<(Key, Record)>,
    /// For each record as given, which of `records` it is.
    order: Vec<usize>,
}

impl Prepared {
    fn new(records: Vec<Record>, origin: &str) -> Result<Self, LedgerError> {
        let mut prepared = Self { given: records.clone(), records: Vec::new(), order: Vec::new() };
        let mut first: BTreeMap<Key, usize> = BTreeMap::new();
        for mut record in records {
            if record.rid().is_empty() {
                record.set("rid", record.computed_rid());
            }
            record.check_lineage(origin)?;
            // What cannot be read again must not be stored: this also finds null and numbers that are not whole.
            let record = Record::parse(&record.bytes())?;
            let key = Key::hex(record.rid()).ok_or_else(|| RecordError::Field("rid".to_owned()))?;
            let place = *first.entry(key).or_insert(prepared.records.len());
            match prepared.records.get(place) {
                None => prepared.records.push((key, record)),
                Some((_, other)) if other.says_the_same(&record) => {}
                Some(_) => return Err(LedgerError::Ambiguous(record.rid().to_owned())),
            }
            prepared.order.push(place);
        }
        Ok(prepared)
    }

    /// Where each of `records` stands already; one that is there must say the same.
    fn places(&self, store: &mut dyn Store, head: &Head) -> Result<BTreeMap<Key, u64>, LedgerError> {
        let wanted: BTreeSet<Key> = self.records.iter().map(|(key, _)| *key).collect();
        let mut places = BTreeMap::new();
        if wanted.is_empty() || head.size() == 0 {
            return Ok(places);
        }
        for (index, key) in store.locate(head, &wanted)? {
            let there = read_one(store, head, index)?;
            let Some((_, record)) = self.records.iter().find(|(other, _)| *other == key) else { continue };
            // The key of another record's finding can be no id of ours; an index that says so is wrong.
            if there.rid() != record.rid() {
                return Err(LedgerError::corrupt(
                    index,
                    format!("record {index} is not what the index says"),
                ));
            }
            if !there.says_the_same(record) {
                return Err(LedgerError::Conflict { index, rid: record.rid().to_owned() });
            }
            places.entry(key).or_insert(index);
        }
        Ok(places)
    }

    fn all_in(&self, places: &BTreeMap<Key, u64>) -> bool {
        self.records.iter().all(|(key, _)| places.contains_key(key))
    }

    /// What is not there yet, behind `head`; `None` when everything is.
    fn batch(&self, places: &BTreeMap<Key, u64>, head: &Head) -> Option<Batch> {
        let fresh = self.records.iter().filter(|(key, _)| !places.contains_key(key));
        let leaves: Vec<Leaf> = fresh
            .map(|(_, record)| {
                let bytes = record.bytes();
                Leaf { hash: leaf_hash(&bytes), keys: Keys::of(record), bytes }
            })
            .collect();
        let mut next = head.clone();
        for leaf in &leaves {
            next.frontier.push(leaf.hash);
        }
        (!leaves.is_empty()).then_some(Batch { leaves, next })
    }

    /// One receipt for each record as given; those not in `places` stand in order from `start`.
    fn receipts(&self, places: &BTreeMap<Key, u64>, start: u64) -> Vec<Receipt> {
        let mut next = start;
        let mut receipts = Vec::with_capacity(self.records.len());
        for (key, record) in &self.records {
            let index = places.get(key).copied().unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            receipts.push(Receipt {
                rid: record.rid().to_owned(),
                index,
                kind: record.text("kind").to_owned(),
                fingerprint: record.text("finding.fp").to_owned(),
            });
        }
        self.order.iter().filter_map(|place| receipts.get(*place).cloned()).collect()
    }
}
