//! The commits of the history, parents before children.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::git::pack::{Fault, Kind, Limits, RawId, Store, Visit, Visitor};

/// What is needed of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) id: RawId,
    pub(super) tree: RawId,
    parents: Vec<RawId>,
    /// Seconds, by the clock of whoever made it: a wish, not a fact.
    time: i64,
    /// `Name <address>`.
    pub(super) author: String,
}

/// The commits that were asked for, in order, and what is missing among them.
#[derive(Debug, Default)]
pub(super) struct Commits {
    pub(super) ordered: Vec<Commit>,
    /// Commits that others name as parents, and that are neither here nor cut off on purpose.
    pub(super) missing: BTreeSet<RawId>,
}

impl Commits {
    /// All that `tips` come from; a commit of `cut` has no parents here.
    pub(super) fn behind(store: &Store, tips: &[RawId], cut: &BTreeSet<RawId>, limits: Limits) -> Self {
        let mut known = read(store, None, limits);
        let mut reached = BTreeMap::new();
        let mut missing = BTreeSet::new();
        let mut open: Vec<RawId> = tips.to_vec();
        while let Some(id) = open.pop() {
            if reached.contains_key(&id) {
                continue;
            }
            let Some(mut commit) = known.remove(&id) else {
                missing.insert(id);
                continue;
            };
            if cut.contains(&id) {
                commit.parents.clear();
            }
            open.extend(commit.parents.iter().copied());
            reached.insert(id, commit);
        }
        Self { ordered: in_order(reached), missing }
    }

    /// Just these.
    pub(super) fn among(store: &Store, ids: &BTreeSet<RawId>, limits: Limits) -> Self {
        let known = read(store, Some(ids), limits);
        let missing = ids.iter().filter(|id| !known.contains_key(*id)).copied().collect();
        Self { ordered: in_order(known), missing }
    }
}

fn read(store: &Store, wanted: Option<&BTreeSet<RawId>>, limits: Limits) -> BTreeMap<RawId, Commit> {
    let readers = store.walk(Kind::Commit, wanted, limits, Reader::default);
    readers.into_iter().flat_map(|reader| reader.found).map(|commit| (commit.id, commit)).collect()
}

/// Parents before children; of what could come next, the oldest.
fn in_order(commits: BTreeMap<RawId, Commit>) -> Vec<Commit> {
    let mut children: BTreeMap<RawId, Vec<RawId>> = BTreeMap::new();
    let mut waits_for: BTreeMap<RawId, usize> = BTreeMap::new();
    let mut ready = BinaryHeap::new();
    for commit in commits.values() {
        let parents: BTreeSet<&RawId> =
            commit.parents.iter().filter(|parent| commits.contains_key(*parent)).collect();
        for parent in &parents {
            children.entry(**parent).or_default().push(commit.id);
        }
        if parents.is_empty() {
            ready.push(Reverse((commit.time, commit.id)));
        }
        waits_for.insert(commit.id, parents.len());
    }
    let mut commits = commits;
    let mut ordered = Vec::with_capacity(commits.len());
    while let Some(Reverse((_, id))) = ready.pop() {
        for child in children.remove(&id).unwrap_or_default() {
            let Some(count) = waits_for.get_mut(&child) else { continue };
            *count -= 1;
            if let Some(child) = commits.get(&child).filter(|_| *count == 0) {
                ready.push(Reverse((child.time, child.id)));
            }
        }
        ordered.extend(commits.remove(&id));
    }
    ordered
}

/// Collects commits; one that does not parse is as good as missing.
#[derive(Default)]
struct Reader {
    found: Vec<Commit>,
}

impl Visitor for Reader {
    type Thought = ();

    fn visit(&mut self, object: Visit<'_, ()>) {
        self.found.extend(parse(object.id, object.bytes));
    }

    fn fault(&mut self, _: RawId, _: Fault) {}
}

/// Reads the lines up to the committer's; a message follows after an empty line.
fn parse(id: RawId, bytes: &[u8]) -> Option<Commit> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let tree = raw(lines.next()?.strip_prefix(b"tree ")?)?;
    let mut parents = Vec::new();
    let mut author = String::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(parent) = line.strip_prefix(b"parent ") {
            parents.push(raw(parent)?);
        } else if let Some(person) = line.strip_prefix(b"author ") {
            let end = memchr::memrchr(b'>', person).map_or(person.len(), |at| at + 1);
            author = String::from_utf8_lossy(person.get(..end)?).into_owned();
        } else if let Some(person) = line.strip_prefix(b"committer ") {
            let behind = memchr::memrchr(b'>', person).and_then(|at| person.get(at + 1..));
            let text = str::from_utf8(behind.unwrap_or_default()).unwrap_or_default();
            let time = text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
            return Some(Commit { id, tree, parents, time, author });
        }
    }
    None
}

fn raw(digits: &[u8]) -> Option<RawId> {
    crate::text::hash::unhex(str::from_utf8(digits).ok()?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn commit(id: u8, parents: &[u8], time: i64) -> (RawId, Commit) {
        let parents = parents.iter().map(|parent| [*parent; 20]).collect();
        ([id; 20], Commit { id: [id; 20], tree: [0; 20], parents, time, author: String::new() })
    }

    #[test]
    fn parents_come_before_children_whatever_their_clocks_say() {
        let all = [
            commit(1, &[], 50),
            commit(2, &[1], 10),
            commit(3, &[1], 5),
            commit(4, &[2, 3], 1),
            commit(5, &[9], 7),
        ];
        let order: Vec<u8> = in_order(all.into_iter().collect()).iter().map(|commit| commit.id[0]).collect();
        assert_eq!(order, [5, 1, 3, 2, 4]);
    }

    #[test]
    fn a_commit_is_read_up_to_its_committer() {
        let (tree, parent) = ("ab".repeat(20), "cd".repeat(20));
        let text = format!(
            "tree {tree}\nparent {parent}\nauthor Dana <d@example.com> 5 +0000\ncommitter X <x> 77 +0100\n\ntree\n"
        );
        let read = parse([7; 20], text.as_bytes()).unwrap();
        assert_eq!((read.tree, read.parents, read.time), ([0xab; 20], vec![[0xcd; 20]], 77));
        assert_eq!(read.author, "Dana <d@example.com>");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text in "(tree |parent |author |committer |[a-f0-9]{40}|<|>|\n|.){0,40}") {
            let _ = parse([0; 20], text.as_bytes());
        }

        #[test]
        fn every_commit_comes_once_and_after_its_parents(
            links in prop::collection::vec((prop::collection::vec(0..40_u8, 0..4), -3..3_i64), 1..40)
        ) {
            let all: BTreeMap<_, _> = (0..).zip(&links).map(|(id, (parents, time))| {
                let older: Vec<u8> = parents.iter().copied().filter(|parent| *parent < id).collect();
                commit(id, &older, *time)
            }).collect();
            let ordered = in_order(all.clone());
            prop_assert_eq!(ordered.len(), all.len());
            let mut seen = BTreeSet::new();
            for commit in ordered {
                prop_assert!(commit.parents.iter().all(|parent| seen.contains(parent)));
                prop_assert!(seen.insert(commit.id));
            }
        }
    }
}
