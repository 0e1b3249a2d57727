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

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};

use super::commits::Commit;
use super::quick::Quick;
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
        let Some(id) = graph.nodes.get(node) else { continue };
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

/// What the trees say that one reader saw.
struct Reader<'a> {
    filter: &'a Filter<'a>,
    ids: Numbers<RawId>,
    names: Names,
    trees: Vec<Tree>,
    edges: Vec<Edge>,
    faults: BTreeSet<RawId>,
}

/// A tree that names a folder or a content.
struct Tree {
    node: u32,
    /// Where its edges begin.
    edges: usize,
}

/// A folder or a content that a tree names.
#[derive(Clone, Copy)]
struct Edge {
    name: u32,
    child: u32,
}

impl<'a> Reader<'a> {
    fn new(filter: &'a Filter<'a>) -> Self {
        Self {
            filter,
            ids: Numbers::default(),
            names: Numbers::default(),
            trees: Vec::new(),
            edges: Vec::new(),
            faults: BTreeSet::new(),
        }
    }
}

impl Visitor for Reader<'_> {
    type Thought = ();

    fn visit(&mut self, object: Visit<'_, ()>) {
        let edges = self.edges.len();
        for (is_folder, name, child) in Entries(object.bytes) {
            if is_folder || self.filter.holds(child) {
                let (name, child) = (self.names.of(name), self.ids.of(child));
                self.edges.push(Edge { name, child });
            }
        }
        if self.edges.len() > edges {
            let node = self.ids.of(&object.id);
            self.trees.push(Tree { node, edges });
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

/// Numbers for things, in the order in which they were first seen.
struct Numbers<T, S = Quick> {
    numbers: HashMap<T, u32, S>,
    things: Vec<T>,
}

/// Those of names: whoever wrote the history chose them, so they are hashed in a way nobody foresees.
type Names = Numbers<Vec<u8>, RandomState>;

impl<T, S: Default> Default for Numbers<T, S> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), things: Vec::new() }
    }
}

impl<T: Eq + Hash + Clone, S: BuildHasher> Numbers<T, S> {
    fn of<Q: ToOwned<Owned = T> + Eq + Hash + ?Sized>(&mut self, thing: &Q) -> u32
    where
        T: Borrow<Q>,
    {
        if let Some(number) = self.numbers.get(thing) {
            return *number;
        }
        let number = u32::try_from(self.things.len()).unwrap_or(u32::MAX);
        self.things.push(thing.to_owned());
        self.numbers.insert(thing.to_owned(), number);
        number
    }

    fn get(&self, number: u32) -> Option<&T> {
        self.things.get(number as usize)
    }
}

/// Trees that lead to a content, by number, with the entries that do.
#[derive(Default)]
struct Graph {
    nodes: Numbers<RawId>,
    /// So many of the first nodes are contents.
    contents: u32,
    /// By node, where its entries are in `edges`.
    entries: Vec<(usize, usize)>,
    edges: Vec<Edge>,
    names: Names,
    /// Paths as (path of the folder, name); the first one is the top.
    paths: Numbers<(u32, u32)>,
}

/// The pairs of node and path that one pass came by.
#[derive(Default)]
struct Walk {
    seen: HashSet<(u32, u32), Quick>,
    cut: bool,
}

impl Graph {
    fn of(readers: Vec<Reader<'_>>, contents: &BTreeSet<RawId>, faults: &mut BTreeSet<RawId>) -> Self {
        let mut graph = Self::default();
        // No other name has this number, so no other path has that of the top.
        graph.names.of(&b""[..]);
        graph.paths.of(&(0, 0));
        for id in contents {
            graph.nodes.of(id);
        }
        graph.contents = u32::try_from(contents.len()).unwrap_or(u32::MAX);
        for reader in readers {
            faults.extend(reader.faults);
            graph.add(&reader.ids, &reader.names, &reader.trees, &reader.edges);
        }
        graph.keep_what_leads();
        graph
    }

    fn add(&mut self, ids: &Numbers<RawId>, names: &Names, trees: &[Tree], edges: &[Edge]) {
        let nodes: Vec<u32> = ids.things.iter().map(|id| self.nodes.of(id)).collect();
        let names: Vec<u32> = names.things.iter().map(|name| self.names.of(name.as_slice())).collect();
        let ends = trees.iter().skip(1).map(|tree| tree.edges).chain([edges.len()]);
        self.entries.resize(self.nodes.things.len(), (0, 0));
        for (tree, end) in trees.iter().zip(ends) {
            let start = self.edges.len();
            let own = edges.get(tree.edges..end).unwrap_or_default();
            self.edges.extend(own.iter().filter_map(|edge| {
                let name = *names.get(edge.name as usize)?;
                Some(Edge { name, child: *nodes.get(edge.child as usize)? })
            }));
            let node = nodes.get(tree.node as usize).and_then(|node| self.entries.get_mut(*node as usize));
            if let Some(entries) = node {
                *entries = (start, self.edges.len());
            }
        }
    }

    /// Forgets the entries that lead to no content.
    fn keep_what_leads(&mut self) {
        let mut above: Vec<Vec<u32>> = vec![Vec::new(); self.nodes.things.len()];
        for (node, entries) in (0..).zip(&self.entries) {
            for edge in self.edges.get(entries.0..entries.1).unwrap_or_default() {
                if let Some(above) = above.get_mut(edge.child as usize) {
                    above.push(node);
                }
            }
        }
        let mut leads = vec![false; self.nodes.things.len()];
        let mut open: Vec<u32> = (0..self.contents).collect();
        while let Some(node) = open.pop() {
            match leads.get_mut(node as usize) {
                Some(lead) if !*lead => *lead = true,
                _ => continue,
            }
            open.extend(above.get_mut(node as usize).map(std::mem::take).unwrap_or_default());
        }
        let mut kept = Vec::new();
        for entries in &mut self.entries {
            let start = kept.len();
            let own = self.edges.get(entries.0..entries.1).unwrap_or_default();
            kept.extend(own.iter().filter(|edge| leads.get(edge.child as usize) == Some(&true)));
            *entries = (start, kept.len());
        }
        self.edges = kept;
    }

    /// Calls `each` for every content below `tree` that `walk` did not come by at that path.
    fn visit(&mut self, tree: &RawId, walk: &mut Walk, each: &mut dyn FnMut((u32, u32))) {
        let Some(root) = self.nodes.numbers.get(tree).copied() else { return };
        let mut open = vec![(root, 0)];
        while let Some((node, path)) = open.pop() {
            if walk.seen.len() >= MOST {
                walk.cut = true;
                return;
            }
            if !walk.seen.insert((node, path)) {
                continue;
            }
            if node < self.contents {
                each((node, path));
                continue;
            }
            let (start, end) = self.entries.get(node as usize).copied().unwrap_or_default();
            for edge in self.edges.get(start..end).unwrap_or_default() {
                open.push((edge.child, self.paths.of(&(path, edge.name))));
            }
        }
    }

    fn path(&self, number: u32) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = number;
        while let Some((above, name)) = self.paths.get(at).filter(|_| at != 0) {
            parts.push(self.names.get(*name).map(Vec::as_slice).unwrap_or_default());
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
