//! Where contents stand in the history: at which paths, from which commit to which.
//!
//! ```text
//! contents that may hold something        config.yml of 3 versions
//! trees that name one of them, and trees that name such a tree      deploy/, /
//! commits of such trees, oldest first     the first one that comes by (content, path) is where it begins
//! the same, newest first                  ... where it ends
//! ```
//!
//! Of all other trees only the names of their folders are kept, so that the whole history is walked once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::commits::Commit;
use crate::git::pack::{Fault, Kind, Limits, RawId, Store, Visit, Visitor};

/// One content at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: Vec<u8>,
    /// The first commit that holds it, by its place in the order.
    pub(super) first: usize,
    /// The last one.
    pub(super) last: usize,
    /// Whether `HEAD` holds it there.
    pub(super) in_head: bool,
}

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) of: BTreeMap<RawId, Vec<Place>>,
    /// Trees that could not be read.
    pub(super) faults: BTreeSet<RawId>,
    /// Whether there were more paths than are told.
    pub(super) cut: bool,
}

/// So many pairs of a tree or content and a path are followed: folders in folders can name endless ones.
const MOST: usize = 8 << 20;

/// Finds the places of `contents` in the trees of `commits`; among the `wanted` objects, where some are.
pub(super) fn places(
    store: &Store,
    contents: &BTreeSet<RawId>,
    commits: &[Commit],
    head: Option<RawId>,
    wanted: Option<&BTreeSet<RawId>>,
    limits: Limits,
) -> Places {
    let filter = Filter::of(contents);
    let readers = store.walk(Kind::Tree, wanted, limits, || Reader::new(&filter));
    let mut faults = BTreeSet::new();
    let mut graph = Graph::of(readers, contents, &mut faults);
    let mut found: BTreeMap<(u32, u32), (usize, usize)> = BTreeMap::new();
    let mut walk = Walk::default();
    for (at, commit) in commits.iter().enumerate() {
        graph.visit(&commit.tree, &mut walk, &mut |pair| {
            found.entry(pair).or_insert((at, at));
        });
    }
    let mut back = Walk::default();
    for (at, commit) in commits.iter().enumerate().rev() {
        graph.visit(&commit.tree, &mut back, &mut |pair| {
            if let Some((_, last)) = found.get_mut(&pair) {
                *last = at;
            }
        });
    }
    let mut at_head = BTreeSet::new();
    let mut now = Walk::default();
    if let Some(tree) = head {
        graph.visit(&tree, &mut now, &mut |pair| {
            at_head.insert(pair);
        });
    }
    let mut of: BTreeMap<RawId, Vec<Place>> = BTreeMap::new();
    for ((node, path), (first, last)) in found {
        let Some(id) = graph.contents.get(&node) else { continue };
        let in_head = at_head.contains(&(node, path));
        of.entry(*id).or_default().push(Place { path: graph.path(path), first, last, in_head });
    }
    for places in of.values_mut() {
        places.sort_by(|one, other| one.path.cmp(&other.path));
    }
    Places { of, faults, cut: walk.cut || back.cut }
}

/// A quick no for names that are not in a set.
struct Filter<'a> {
    bits: Vec<u64>,
    ids: &'a BTreeSet<RawId>,
}

impl<'a> Filter<'a> {
    fn of(ids: &'a BTreeSet<RawId>) -> Self {
        let mut bits = vec![0; 1 << 14];
        for id in ids {
            let (word, bit) = Self::place(id);
            if let Some(word) = bits.get_mut(word) {
                *word |= bit;
            }
        }
        Self { bits, ids }
    }

    fn holds(&self, id: &RawId) -> bool {
        let (word, bit) = Self::place(id);
        self.bits.get(word).is_some_and(|word| word & bit != 0) && self.ids.contains(id)
    }

    /// The first twenty bits of a name.
    fn place(id: &RawId) -> (usize, u64) {
        let [a, b, c, ..] = *id;
        let number = u32::from_be_bytes([0, a, b, c]) >> 4;
        ((number >> 6) as usize, 1 << (number & 63))
    }
}

/// A folder or a content that a tree names.
struct Edge {
    /// Counts the trees of one reader.
    tree: u32,
    name: u32,
    child: RawId,
}

struct Reader<'a> {
    filter: &'a Filter<'a>,
    trees: Vec<RawId>,
    edges: Vec<Edge>,
    names: Names,
    faults: BTreeSet<RawId>,
}

impl<'a> Reader<'a> {
    fn new(filter: &'a Filter<'a>) -> Self {
        Self {
            filter,
            trees: Vec::new(),
            edges: Vec::new(),
            names: Names::default(),
            faults: BTreeSet::new(),
        }
    }
}

impl Visitor for Reader<'_> {
    type Thought = ();

    fn visit(&mut self, object: Visit<'_, ()>) {
        let tree = u32::try_from(self.trees.len()).unwrap_or(u32::MAX);
        let before = self.edges.len();
        for (is_folder, name, child) in Entries(object.bytes) {
            if is_folder || self.filter.holds(child) {
                let name = self.names.number(name);
                self.edges.push(Edge { tree, name, child: *child });
            }
        }
        if self.edges.len() > before {
            self.trees.push(object.id);
        }
    }

    fn fault(&mut self, id: RawId, _: Fault) {
        self.faults.insert(id);
    }
}

/// The entries of a tree: `<mode> <name>`, a zero byte, 20 bytes. Stops at what is none.
struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    /// Whether it is a folder, its name, and what it names.
    type Item = (bool, &'a [u8], &'a RawId);

    fn next(&mut self) -> Option<Self::Item> {
        let zero = memchr::memchr(0, self.0)?;
        let (head, rest) = self.0.split_at_checked(zero)?;
        let (id, rest) = rest.get(1..)?.split_first_chunk::<20>()?;
        let space = memchr::memchr(b' ', head)?;
        let (mode, name) = (head.get(..space)?, head.get(space + 1..)?);
        self.0 = rest;
        Some((mode == b"40000", name, id))
    }
}

/// Numbers for names.
#[derive(Default)]
struct Names {
    numbers: HashMap<Vec<u8>, u32>,
    texts: Vec<Vec<u8>>,
}

impl Names {
    fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_vec(), number);
        self.texts.push(name.to_vec());
        number
    }
}

/// Trees that lead to a content, by number, with the entries that do.
#[derive(Default)]
struct Graph {
    numbers: HashMap<RawId, u32>,
    contents: BTreeMap<u32, RawId>,
    entries: HashMap<u32, Vec<(u32, u32)>>,
    names: Names,
    /// Paths as (path of the folder, name); the first one is the top.
    paths: Vec<(u32, u32)>,
    path_numbers: HashMap<(u32, u32), u32>,
}

/// The pairs of node and path that one pass came by.
#[derive(Default)]
struct Walk {
    seen: HashSet<(u32, u32)>,
    cut: bool,
}

impl Graph {
    fn of(readers: Vec<Reader<'_>>, contents: &BTreeSet<RawId>, faults: &mut BTreeSet<RawId>) -> Self {
        let mut graph = Self { paths: vec![(0, 0)], ..Self::default() };
        for id in contents {
            let number = graph.number(*id);
            graph.contents.insert(number, *id);
        }
        let mut leads: Vec<Vec<bool>> =
            readers.iter().map(|reader| vec![false; reader.trees.len()]).collect();
        // Each round finds the trees one step further up; there are as many as folders in folders.
        loop {
            let mut is_new = false;
            for (reader, leads) in readers.iter().zip(&mut leads) {
                for edge in &reader.edges {
                    let Some(lead) = leads.get_mut(edge.tree as usize).filter(|lead| !**lead) else {
                        continue;
                    };
                    if graph.numbers.contains_key(&edge.child) {
                        *lead = true;
                        is_new = true;
                        let tree = reader.trees.get(edge.tree as usize).copied().unwrap_or_default();
                        graph.number(tree);
                    }
                }
            }
            if !is_new {
                break;
            }
        }
        for reader in readers {
            faults.extend(reader.faults);
            for edge in reader.edges {
                let Some(child) = graph.numbers.get(&edge.child).copied() else { continue };
                let Some(tree) = reader.trees.get(edge.tree as usize) else { continue };
                let Some(tree) = graph.numbers.get(tree).copied() else { continue };
                let text = reader.names.texts.get(edge.name as usize).map(Vec::as_slice).unwrap_or_default();
                let name = graph.names.number(text);
                graph.entries.entry(tree).or_default().push((name, child));
            }
        }
        graph
    }

    fn number(&mut self, id: RawId) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(id).or_insert(next)
    }

    /// Calls `each` for every content below `tree` that `walk` did not come by at that path.
    fn visit(&mut self, tree: &RawId, walk: &mut Walk, each: &mut dyn FnMut((u32, u32))) {
        let Some(root) = self.numbers.get(tree).copied() else { return };
        let mut open = vec![(root, 0)];
        while let Some((node, path)) = open.pop() {
            if walk.seen.len() >= MOST {
                walk.cut = true;
                return;
            }
            if !walk.seen.insert((node, path)) {
                continue;
            }
            if self.contents.contains_key(&node) {
                each((node, path));
                continue;
            }
            for (name, child) in self.entries.get(&node).map(Vec::as_slice).unwrap_or_default() {
                let next = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
                let below = *self.path_numbers.entry((path, *name)).or_insert_with(|| {
                    self.paths.push((path, *name));
                    next
                });
                open.push((*child, below));
            }
        }
    }

    fn path(&self, number: u32) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = number;
        while let Some((above, name)) = self.paths.get(at as usize).filter(|_| at != 0) {
            parts.push(self.names.texts.get(*name as usize).map(Vec::as_slice).unwrap_or_default());
            at = *above;
        }
        parts.reverse();
        parts.join(&b'/')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_tree_panics(bytes: Vec<u8>, good in prop::collection::vec(("[a-z ]{1,9}", any::<RawId>()), 0..5)) {
            let tree: Vec<u8> = good
                .iter()
                .flat_map(|(name, id)| [b"40000 ", name.as_bytes(), &[0], id.as_slice()].concat())
                .collect();
            let read: Vec<_> = Entries(&tree).map(|(_, name, id)| (String::from_utf8_lossy(name).into_owned(), *id)).collect();
            prop_assert_eq!(read, good);
            prop_assert!(Entries(&[tree, bytes].concat()).count() < 1000);
        }
    }
}
