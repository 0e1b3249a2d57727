//! Every content of the history, once.
//!
//! ```text
//! contents of all packs, by their deltas ──> sieve ──> few that may hold something
//! commits and trees ──────────────────────────────────> where each of them stood, and when
//!                                                       ──> handed out, once for each path
//! ```
//!
//! What no ref leads to is no part of the history, though it lies in the same packs. Of old versions only texts are
//! judged: what an identity may do, and how an agent is set up, is a question about today, for the source beside.

mod by_git;
mod commits;
mod places;
mod quick;
mod sieve;
mod sift;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

pub use sieve::{Basis, Mark, Sieve, Trace};

use super::budget::Budget;
use super::intake::Intake;
use super::{Blob, Extent, Item, Scope, Source, SourceError, range};
use crate::finding::{Moment, Past, Reason};
use crate::git::pack::{self, Fault, Kind, RawId, Store, Visit, Visitor};
use crate::git::{ObjectId, Repository};
use commits::{Commit, Commits};
use places::{Place, Places};

/// All that any ref leads to, or what the commits of a range bring in; beside it, what another source has.
pub struct History {
    scope: Scope,
    range: Option<(String, String)>,
    beside: Option<Box<dyn Source>>,
}

/// The commits and objects that are in scope.
struct Asked {
    commits: Commits,
    /// `None`: whatever is there.
    objects: Option<BTreeSet<RawId>>,
    /// The commit that is checked out.
    head: Option<ObjectId>,
}

impl History {
    /// Everything that `HEAD` and all refs lead to.
    pub fn new(scope: Scope) -> Self {
        Self { scope, range: None, beside: None }
    }

    /// Hands out all of `source` too, so that the state of today is judged in full.
    #[must_use]
    pub fn beside(self, source: Box<dyn Source>) -> Self {
        Self { beside: Some(source), ..self }
    }

    /// What the commits that `B` has and `A` has not bring in; `None` without two dots.
    pub fn parse(scope: Scope, text: &str) -> Option<Self> {
        let (left, right) = text.split_once("..")?;
        let side = |side: &str| if side.is_empty() { "HEAD".to_owned() } else { side.to_owned() };
        Some(Self { range: Some((side(left), side(right))), ..Self::new(scope) })
    }

    /// The two ends of the range as commits.
    fn ends(&self, repository: &Repository) -> Result<Option<(ObjectId, ObjectId)>, SourceError> {
        let commit = |revision: &str| {
            repository.resolve(revision)?.ok_or_else(|| SourceError::NoCommit {
                revision: revision.to_owned(),
                help: range::fetch(repository, revision),
            })
        };
        let ends = self.range.as_ref().map(|(left, right)| Ok((commit(left)?, commit(right)?)));
        ends.transpose()
    }

    /// What is in scope. A range that the clone cuts off is an error, as it is for [`super::Range`].
    fn asked(
        &self,
        repository: &Repository,
        store: &Store,
        limits: pack::Limits,
    ) -> Result<Asked, SourceError> {
        let head = repository.head()?;
        let cut: BTreeSet<RawId> = repository.shallow_commits().iter().filter_map(ObjectId::raw).collect();
        let Some((left, right)) = self.ends(repository)? else {
            let tips: Vec<RawId> = repository.tips()?.iter().filter_map(ObjectId::raw).collect();
            return Ok(Asked { commits: Commits::behind(store, &tips, &cut, limits), objects: None, head });
        };
        let ids: BTreeSet<RawId> =
            repository.between(&left, &right)?.iter().filter_map(ObjectId::raw).collect();
        if ids.iter().any(|id| cut.contains(id)) {
            return Err(SourceError::NoMergeBase {
                left: left.as_str().to_owned(),
                right: right.as_str().to_owned(),
                help: range::deepen(),
            });
        }
        let objects = repository.objects_between(&left, &right)?.iter().filter_map(ObjectId::raw).collect();
        Ok(Asked { commits: Commits::among(store, &ids, limits), objects: Some(objects), head })
    }
}

/// Of the contents that hold the same at the same path, the first one, from its first commit to the last of all.
fn first_of_each(
    places: BTreeMap<RawId, Vec<Place>>,
    holding: &BTreeMap<RawId, RawId>,
) -> BTreeMap<RawId, Vec<Place>> {
    let mut firsts: BTreeMap<(RawId, Vec<u8>), (RawId, Place)> = BTreeMap::new();
    for (id, places) in places {
        let Some(like) = holding.get(&id) else { continue };
        for place in places {
            match firsts.entry((*like, place.path.clone())) {
                Entry::Vacant(entry) => {
                    entry.insert((id, place));
                }
                Entry::Occupied(mut entry) => {
                    let (first, known) = entry.get_mut();
                    known.last = known.last.max(place.last);
                    known.in_head |= place.in_head;
                    if place.first < known.first {
                        (*first, known.first) = (id, place.first);
                    }
                }
            }
        }
    }
    let mut places: BTreeMap<RawId, Vec<Place>> = BTreeMap::new();
    for (id, place) in firsts.into_values() {
        places.entry(id).or_default().push(place);
    }
    places
}

/// Hands out `contents` with the commits they stand in; back come those that could not be read.
fn hand_out(
    store: &Store,
    contents: &BTreeMap<RawId, Vec<Place>>,
    commits: &[Commit],
    limits: pack::Limits,
    intake: &Intake<'_>,
) -> BTreeSet<RawId> {
    let ids: BTreeSet<RawId> = contents.keys().copied().collect();
    let hand = || Hand { contents, commits, intake, faults: BTreeSet::new() };
    let hands = store.walk(Kind::Blob, Some(&ids), limits, hand);
    hands.into_iter().flat_map(|hand| hand.faults).collect()
}

impl Source for History {
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        self.sift(threads, &Everything, sink)
    }

    fn sift(
        &self,
        threads: usize,
        sieve: &dyn Sieve,
        sink: &(dyn Fn(Item) + Sync),
    ) -> Result<Extent, SourceError> {
        let repository = self.scope.need_repository()?;
        let today = self.beside.as_ref().map(|source| source.read(threads, sink)).transpose()?;
        let intake = Intake { budget: Budget::new(self.scope.limits), repository: Some(repository), sink };
        let Some(store) = Store::open(repository).filter(|store| store.unread().is_empty()) else {
            return Ok(self.extent(today, by_git::read(self, repository, &intake)?));
        };
        let limits = pack::Limits { object_bytes: intake.budget.file_bytes(), threads };
        let asked = self.asked(repository, &store, limits)?;
        self.say_what_is_not_here(repository, &store, &asked.commits, &intake);
        let seen = sift::sift(repository, &store, asked.objects.as_ref(), limits, sieve, &intake)?;
        let commits = &asked.commits.ordered;
        let head = asked.head.as_ref().map(|head| tree_of(repository, head)).transpose()?.flatten();
        let wanted = asked.objects.as_ref();
        let sought: BTreeSet<RawId> = seen.holding.keys().chain(seen.unread.keys()).copied().collect();
        let mut places = if sought.is_empty() {
            Places::default()
        } else {
            places::places(&store, &sought, commits, head, wanted, limits)
        };
        say_what_places_miss(&places, &intake);
        for places in places.of.values_mut() {
            places.retain(|place| self.scope.holds(&place.path));
        }
        seen.say_what_was_not_read(&places.of, &intake);
        places.of = first_of_each(places.of, &seen.holding);
        let lost = hand_out(&store, &places.of, commits, limits, &intake);
        places.of.retain(|id, _| lost.contains(id));
        by_git::hand_out(repository, &places.of, commits, &intake)?;
        intake.finish();
        Ok(self.extent(today, seen.sifted()))
    }
}

impl History {
    /// What the source beside says of itself; the history alone proves nothing by absence.
    fn extent(&self, today: Option<Extent>, sifted: super::Sifted) -> Extent {
        let alone = || Extent {
            narrowed: !self.scope.is_whole(),
            excluded: self.scope.excluded(),
            ..Extent::default()
        };
        Extent { sifted: Some(sifted), ..today.unwrap_or_else(alone) }
    }

    fn say_what_is_not_here(
        &self,
        repository: &Repository,
        store: &Store,
        commits: &Commits,
        intake: &Intake<'_>,
    ) {
        if store.is_partial() {
            let detail = "a partial clone: contents that were never fetched were not scanned; `git fetch --refetch --no-filter` brings them";
            intake.gap(b"", Reason::Missing, detail);
        }
        if self.range.is_none() && repository.is_shallow() {
            let detail =
                format!("the history was cut off when it was cloned; {} brings the rest", range::deepen());
            intake.gap(b"", Reason::Missing, &detail);
        }
        if let Some(first) = commits.missing.first() {
            let count = commits.missing.len();
            let detail =
                format!("{count} commits are not here or damaged, the first is {}", ObjectId::of_raw(first));
            intake.gap(b"", Reason::Missing, &detail);
        }
    }
}

fn say_what_places_miss(places: &Places, intake: &Intake<'_>) {
    if let Some(first) = places.faults.first() {
        let detail = format!(
            "{} folders could not be read, the first is {}",
            places.faults.len(),
            ObjectId::of_raw(first)
        );
        intake.gap(b"", Reason::Missing, &detail);
    }
    if places.cut {
        intake.gap(b"", Reason::Limit, "contents stand at more paths than are followed");
    }
}

/// The tree of a commit, where it is one of SHA-1.
fn tree_of(repository: &Repository, commit: &ObjectId) -> Result<Option<RawId>, SourceError> {
    Ok(repository.commits(std::slice::from_ref(commit))?.first().and_then(|commit| commit.tree.raw()))
}

/// One version of the history, at one of its places.
fn version(bytes: &[u8], place: &Place, commits: &[Commit]) -> Option<(Blob, Past)> {
    let moment = |at: usize| {
        let commit = ObjectId::of_raw(&commits.get(at)?.id).as_str().to_owned();
        Some(Moment { order: at as u64, commit })
    };
    let (first, last) = (moment(place.first)?, moment(place.last)?);
    let author = commits.get(place.first)?.author.clone();
    let blob = Blob {
        path: String::from_utf8_lossy(&place.path).into_owned(),
        commit: Some(first.commit.clone()),
        change: None,
        bytes: bytes.to_vec(),
    };
    Some((blob, Past { first, last, author, in_head: place.in_head }))
}

/// Hands out what has a place.
struct Hand<'a> {
    contents: &'a BTreeMap<RawId, Vec<Place>>,
    commits: &'a [Commit],
    intake: &'a Intake<'a>,
    faults: BTreeSet<RawId>,
}

impl Visitor for Hand<'_> {
    type Thought = ();

    fn visit(&mut self, object: Visit<'_, ()>) {
        let places = self.contents.get(&object.id).map(Vec::as_slice).unwrap_or_default();
        for (blob, past) in places.iter().filter_map(|place| version(object.bytes, place, self.commits)) {
            self.intake.past(blob, &past);
        }
    }

    fn fault(&mut self, id: RawId, _: Fault) {
        self.faults.insert(id);
    }
}

/// Lets nothing go.
struct Everything;

impl Sieve for Everything {
    fn look(&self, _: &[u8], _: Option<Basis<'_>>) -> Trace {
        Trace { holds: true, ..Trace::default() }
    }
}
