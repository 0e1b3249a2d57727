//! Every content through the sieve.

use std::collections::{BTreeMap, BTreeSet};

use super::places::Place;
use super::{Basis, Intake, Sieve, Trace};
use crate::finding::Reason;
use crate::git::pack::{Fault, Kind, Limits, RawId, Store, Visit, Visitor};
use crate::git::{GitError, Object, ObjectId, Repository};
use crate::source::Sifted;
use crate::text::hash;

/// What came of it.
#[derive(Default)]
pub(super) struct Seen {
    /// Contents that may hold something, each with one that holds the same.
    pub(super) holding: BTreeMap<RawId, RawId>,
    /// Contents that git could not read either, or not within the limit, with why.
    pub(super) unread: BTreeMap<RawId, Unread>,
    ids: Vec<RawId>,
    bytes: u64,
}

/// Why a content was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    Missing,
    TooLarge(u64),
}

/// Looks at the contents of `store`, or at the `wanted` ones of them.
pub(super) fn sift(
    repository: &Repository,
    store: &Store,
    wanted: Option<&BTreeSet<RawId>>,
    limits: Limits,
    sieve: &dyn Sieve,
    intake: &Intake<'_>,
) -> Result<Seen, GitError> {
    let look = || Looking { sieve, intake, seen: Seen::default(), faults: BTreeSet::new() };
    let mut seen = Seen::default();
    let mut faults = BTreeSet::new();
    for looking in store.walk(Kind::Blob, wanted, limits, look) {
        seen.holding.extend(looking.seen.holding);
        seen.ids.extend(looking.seen.ids);
        seen.bytes += looking.seen.bytes;
        faults.extend(looking.faults);
    }
    if let Some(wanted) = wanted {
        faults.extend(wanted.iter().filter(|id| !store.has(id)));
    }
    let ids: Vec<RawId> = faults.into_iter().collect();
    let names: Vec<ObjectId> = ids.iter().map(ObjectId::of_raw).collect();
    repository.objects(&names, limits.object_bytes, &mut |at, object| {
        let Some(id) = ids.get(at).copied() else { return };
        match object {
            Object::Content(bytes) => {
                seen.take(id, bytes.len());
                if sieve.look(&bytes, None).holds {
                    seen.holding.insert(id, id);
                }
            }
            Object::TooLarge(size) => {
                seen.unread.insert(id, Unread::TooLarge(size));
            }
            Object::Missing => {
                seen.unread.insert(id, Unread::Missing);
            }
        }
    })?;
    seen.ids.sort_unstable();
    seen.ids.dedup();
    Ok(seen)
}

impl Seen {
    fn take(&mut self, id: RawId, bytes: usize) {
        self.ids.push(id);
        self.bytes += bytes as u64;
    }

    pub(super) fn sifted(&self) -> Sifted {
        Sifted {
            blobs: self.ids.len() as u64,
            bytes: self.bytes,
            digest: hash::digest(self.ids.as_flattened()),
        }
    }

    /// Names what was not looked at by where it stands. What no ref leads to is no part of the history; where that
    /// cannot be known, it is named by its id.
    pub(super) fn say_what_was_not_read(&self, places: &BTreeMap<RawId, Vec<Place>>, intake: &Intake<'_>) {
        for (id, unread) in &self.unread {
            for place in places.get(id).map(Vec::as_slice).unwrap_or_default() {
                match unread {
                    Unread::TooLarge(size) => intake.too_large(&place.path, *size),
                    Unread::Missing => {
                        let detail = format!("object {} is not here or damaged", ObjectId::of_raw(id));
                        intake.gap(&place.path, Reason::Missing, &detail);
                    }
                }
            }
        }
    }
}

struct Looking<'a> {
    sieve: &'a dyn Sieve,
    intake: &'a Intake<'a>,
    seen: Seen,
    faults: BTreeSet<RawId>,
}

/// What is known of a content, and the first one that holds the same.
struct Known {
    trace: Trace,
    like: RawId,
}

impl Visitor for Looking<'_> {
    type Thought = Known;

    fn visit(&mut self, object: Visit<'_, Known>) -> Known {
        if !self.intake.budget.take(object.bytes.len() as u64) {
            return Known { trace: Trace::default(), like: object.id };
        }
        self.seen.take(object.id, object.bytes.len());
        let base = object.basis.as_ref().map(|basis| basis.thought.like);
        let basis = object.basis.map(|basis| Basis {
            trace: &basis.thought.trace,
            length: basis.length,
            runs: basis.runs,
        });
        let trace = self.sieve.look(object.bytes, basis);
        let like = base.filter(|_| trace.same).unwrap_or(object.id);
        if trace.holds {
            self.seen.holding.insert(object.id, like);
        }
        Known { trace, like }
    }

    fn fault(&mut self, id: RawId, _: Fault) {
        self.faults.insert(id);
    }
}
