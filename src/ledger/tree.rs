//! All hashes of the tree at once: for many proofs, and for tiles.

use std::ops::Range;

use super::merkle::{Frontier, Hash, node_hash};

/// The roots of all perfect subtrees, level by level: `levels[0]` are the leaves, each level above hashes pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over `leaves`: twice their number of hashes.
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(above) = levels.last().filter(|level| level.len() > 1).map(|level| pairs(level)) {
            levels.push(above);
        }
        Self { levels }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Root over all leaves.
    pub fn root(&self) -> Hash {
        self.node(0..self.size())
    }

    /// Root over the first `size` leaves; `None` when there are fewer.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        (size <= self.size()).then(|| self.node(0..size))
    }

    /// The hashes of `level`, each over `2^level` leaves.
    pub fn level(&self, level: usize) -> &[Hash] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// Proof that the leaf at `index` is among the leaves, its sibling first; `None` when it is not.
    ///
    /// Source: RFC 6962, section 2.1.1.
    pub fn inclusion(&self, index: u64) -> Option<Vec<Hash>> {
        let mut rest = 0..self.size();
        if !rest.contains(&index) {
            return None;
        }
        let mut path = Vec::new();
        while rest.end - rest.start > 1 {
            let middle = rest.start + split(rest.end - rest.start);
            let (near, far) = if index < middle {
                (rest.start..middle, middle..rest.end)
            } else {
                (middle..rest.end, rest.start..middle)
            };
            path.push(self.node(far));
            rest = near;
        }
        path.reverse();
        Some(path)
    }

    /// Root over the leaves in `range`, which begins where a subtree of its length can begin.
    fn node(&self, range: Range<u64>) -> Hash {
        let length = range.end - range.start;
        if length == 0 {
            return Frontier::default().root();
        }
        if length.is_power_of_two() {
            let level = length.trailing_zeros() as usize;
            let at = usize::try_from(range.start >> level).unwrap_or(usize::MAX);
            // INVARIANT: a subtree within the leaves is on its level.
            return self.level(level).get(at).copied().unwrap_or_default();
        }
        let middle = range.start + split(length);
        node_hash(&self.node(range.start..middle), &self.node(middle..range.end))
    }
}

fn pairs(level: &[Hash]) -> Vec<Hash> {
    level.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect()
}

/// The largest power of two below `length`, which is at least 2.
fn split(length: u64) -> u64 {
    1 << (u64::BITS - 1 - (length - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::merkle::{inclusion_proof, leaf_hash, root};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn roots_and_proofs_are_those_of_the_definition(count in 0_usize..600, pick in any::<prop::sample::Index>()) {
            let leaves: Vec<Hash> = (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect();
            let tree = Tree::new(leaves.clone());
            prop_assert_eq!(tree.root(), root(&leaves));
            let begin = pick.index(count + 1);
            prop_assert_eq!(tree.root_at(begin as u64), Some(root(&leaves[..begin])));
            let index = if count == 0 { 0 } else { pick.index(count) };
            prop_assert_eq!(tree.inclusion(index as u64), inclusion_proof(&leaves, index));
            prop_assert_eq!(tree.inclusion(count as u64), None);
        }
    }
}
