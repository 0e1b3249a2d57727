//! Records read once, in ledger order, into sorted events.

use std::borrow::Borrow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::event::{self, Event, Id, Names, Reading, What};
use super::{Counts, EscapeError, Query};
use crate::ledger::Record;
use crate::text::hash::hex;
use crate::text::time::Timestamp;

/// The events of a ledger prefix and what was seen on the way.
pub(super) struct Intake {
    /// By time; ledger order breaks ties.
    pub events: Vec<Event>,
    pub names: Names,
    pub counts: Counts,
    /// Complete and all records, by pipeline.
    pub fields: BTreeMap<Id, (u64, u64)>,
    /// Product line of each pipeline, by its newest record that names one.
    pub products: BTreeMap<Id, Id>,
    /// An authorised writer signed at least one deploy.
    pub confirmed: bool,
}

/// Reads `records` up to `query.as_of`.
pub(super) fn read<R, I>(records: I, query: &Query<'_>) -> Result<Intake, EscapeError>
where
    R: Borrow<Record>,
    I: IntoIterator<Item = R>,
{
    let mut intake = Intake {
        events: Vec::new(),
        names: Names::new(),
        counts: Counts::default(),
        fields: BTreeMap::new(),
        products: BTreeMap::new(),
        confirmed: false,
    };
    let mut bodies: HashMap<u128, u64> = HashMap::new();
    for (index, record) in records.into_iter().enumerate() {
        let record: &Record = record.borrow();
        let ts = record.ts();
        if ts > query.as_of {
            continue;
        }
        let rid = event::rid(record).ok_or(EscapeError::Unnamed(index as u64))?;
        intake.counts.read += 1;
        let body = event::body_hash(record);
        match bodies.entry(rid) {
            Entry::Occupied(known) if *known.get() == body => {
                intake.counts.duplicates_folded += 1;
                continue;
            }
            Entry::Occupied(_) => return Err(EscapeError::Clash(record.rid().to_owned())),
            Entry::Vacant(slot) => slot.insert(body),
        };
        intake.take(record, ts, rid, query);
    }
    for event in &mut intake.events {
        event.what.rename(&intake.names);
    }
    intake.events.sort_by_key(|event| event.ts);
    Ok(intake)
}

impl Intake {
    fn take(&mut self, record: &Record, ts: Timestamp, rid: u128, query: &Query<'_>) {
        match event::read(record, &mut self.names, query.authorised) {
            Reading::Local => {
                self.counts.local += 1;
                return;
            }
            Reading::Imported => {
                self.counts.unsigned.push(record.rid().to_owned());
                return;
            }
            Reading::Unsigned => self.counts.unsigned.push(record.rid().to_owned()),
            Reading::Unreadable(field) => self.counts.unreadable.push(format!("{}: {field}", record.rid())),
            Reading::Silent => {}
            Reading::Event(what) => {
                self.confirmed |= matches!(&what, What::Deploy(deploy) if deploy.signed);
                self.events.push(Event { ts, rid, what });
            }
        }
        let pipeline = self.names.id(event::pipeline(record));
        let (complete, all) = self.fields.entry(pipeline).or_default();
        *complete += u64::from(event::complete(record));
        *all += 1;
        let product = event::product(record);
        if !product.is_empty() {
            let product = self.names.id(product);
            self.products.insert(pipeline, product);
        }
    }
}

/// A record id as it is written: 32 hex digits.
pub(super) fn rid_text(rid: u128) -> String {
    hex(&rid.to_be_bytes())
}
