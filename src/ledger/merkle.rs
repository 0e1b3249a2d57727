//! The tree over all records: root, growth without old records, and proofs.
//!
//! ```text
//! leaf(d)    = SHA-256(0x00 || d)
//! node(l, r) = SHA-256(0x01 || l || r)
//! root(D)    = node(root(D[0..k]), root(D[k..n])), k the largest power of two below n
//! ```
//!
//! Source: RFC 6962, section 2.1; the checks of proofs follow RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use sha2::{Digest, Sha256};

/// One hash of the tree.
pub type Hash = [u8; 32];

/// Hash of a record's bytes.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// Hash of two neighbours.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// What is needed of a tree to make it grow: the roots of its perfect subtrees, the largest first.
///
/// A tree of `size` leaves has one for each bit set in `size`, so 20 hashes stand for a million records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    nodes: Vec<Hash>,
}

impl Frontier {
    /// A frontier read from a store; `None` when the number of hashes does not fit `size`.
    pub fn from_parts(size: u64, nodes: Vec<Hash>) -> Option<Self> {
        (nodes.len() == size.count_ones() as usize).then_some(Self { size, nodes })
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the perfect subtrees, the largest first.
    pub fn nodes(&self) -> &[Hash] {
        &self.nodes
    }

    /// Adds one leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.nodes.pop() else { break };
            node = node_hash(&left, &node);
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// Root over all leaves; the hash of nothing when there are none.
    pub fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        match nodes.next() {
            Some(last) => nodes.fold(*last, |right, left| node_hash(left, &right)),
            None => Sha256::digest([]).into(),
        }
    }

    /// The half-open range of leaves under the first subtree root that differs from `other`'s.
    ///
    /// Both must have the same size; `None` when they are equal or cannot be compared.
    pub fn first_difference(&self, other: &Self) -> Option<std::ops::Range<u64>> {
        if self.size != other.size {
            return None;
        }
        let mut start = 0;
        let powers = (0..64).rev().map(|bit| 1_u64 << bit).filter(|power| self.size & power != 0);
        for (power, (mine, theirs)) in powers.zip(self.nodes.iter().zip(&other.nodes)) {
            if mine != theirs {
                return Some(start..start + power);
            }
            start += power;
        }
        None
    }
}

/// Root over `leaves`.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// Proof that the leaf at `index` is among `leaves`, lowest hash first; `None` when it is not.
///
/// Source: RFC 6962, section 2.1.1.
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    leaves.get(index)?;
    let mut path = Vec::new();
    let (mut rest, mut at) = (leaves, index);
    while rest.len() > 1 {
        let (left, right) = rest.split_at_checked(split(rest.len()))?;
        if at < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            at -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that `leaf` stands at `index` in the tree of `size` leaves with `root`.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut first, mut last, mut hash) = (index, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if first & 1 == 1 || first == last {
            hash = node_hash(step, &hash);
            while first & 1 == 0 && first != 0 {
                first >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        first >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Proof that the tree over the first `old` of `leaves` is a beginning of the tree over all of them.
///
/// Empty when `old` is 0 or all; `None` when `old` is more than there are. Source: RFC 6962, section 2.1.2.
pub fn consistency_proof(leaves: &[Hash], old: usize) -> Option<Vec<Hash>> {
    if old > leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    if old == 0 || old == leaves.len() {
        return Some(path);
    }
    let (mut rest, mut kept, mut whole) = (leaves, old, true);
    while kept != rest.len() {
        let (left, right) = rest.split_at_checked(split(rest.len()))?;
        if kept <= left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            kept -= left.len();
            rest = right;
            whole = false;
        }
    }
    if !whole {
        path.push(root(rest));
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that the tree of `new` leaves begins with the tree of `old` leaves.
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 || old >= new {
        // Every tree begins with the empty one; one of the same size must be the same.
        return proof.is_empty()
            && (old == new && old_root == new_root || old == 0 && *old_root == root(&[]) && new > 0);
    }
    let (mut first, mut last) = (old - 1, new - 1);
    while first & 1 == 1 {
        first >>= 1;
        last >>= 1;
    }
    // A perfect old tree is itself the first hash of the proof and left out of it.
    let mut steps = proof.iter();
    let seed = if old.is_power_of_two() { old_root } else { steps.next().unwrap_or(old_root) };
    if !old.is_power_of_two() && proof.is_empty() {
        return false;
    }
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for step in steps {
        if last == 0 {
            return false;
        }
        if first & 1 == 1 || first == last {
            old_hash = node_hash(step, &old_hash);
            new_hash = node_hash(step, &new_hash);
            while first & 1 == 0 && first != 0 {
                first >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, step);
        }
        first >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// The largest power of two below `length`, which is at least 2.
fn split(length: usize) -> usize {
    1 << (usize::BITS - 1 - (length - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hash::{hex, unhex};
    use proptest::prelude::*;

    /// The eight leaves that certificate transparency logs test their trees with.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn published() -> Vec<Hash> {
        LEAVES.iter().map(|leaf| leaf_hash(&unhex(leaf).unwrap())).collect()
    }

    /// The definition of RFC 6962 as it stands there.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let mut power = 1;
                while power * 2 < leaves.len() {
                    power *= 2;
                }
                node_hash(&naive(&leaves[..power]), &naive(&leaves[power..]))
            }
        }
    }

    fn numbered(count: usize) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    #[test]
    fn the_roots_are_the_published_ones() {
        assert_eq!(hex(&root(&[])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let leaves = published();
        for (count, expected) in (1..).zip(ROOTS) {
            assert_eq!(hex(&root(&leaves[..count])), expected, "{count} leaves");
        }
    }

    #[test]
    fn the_published_inclusion_proof_of_the_first_leaf_holds() {
        let leaves = published();
        let proof: Vec<String> = inclusion_proof(&leaves, 0).unwrap().iter().map(|hash| hex(hash)).collect();
        assert_eq!(
            proof,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
    }

    #[test]
    fn the_published_consistency_proof_from_six_to_eight_holds() {
        let leaves = published();
        let proof: Vec<String> =
            consistency_proof(&leaves, 6).unwrap().iter().map(|hash| hex(hash)).collect();
        assert_eq!(
            proof,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
    }

    #[test]
    fn every_proof_of_every_small_tree_holds_and_no_altered_one_does() {
        let all = numbered(17);
        for size in 1..=all.len() {
            let leaves = &all[..size];
            let top = naive(leaves);
            for index in 0..size {
                let proof = inclusion_proof(leaves, index).unwrap();
                let holds = |at: usize, of: usize, steps: &[Hash]| {
                    verify_inclusion(&leaves[index], at as u64, of as u64, steps, &top)
                };
                assert!(holds(index, size, &proof), "leaf {index} of {size}");
                assert!((0..size).filter(|at| *at != index).all(|at| !holds(at, size, &proof)));
                assert!(!holds(index, size, &[proof.as_slice(), &[top]].concat()));
                for step in 0..proof.len() {
                    let mut altered = proof.clone();
                    altered[step][0] ^= 1;
                    assert!(!holds(index, size, &altered));
                    altered.remove(step);
                    assert!(!holds(index, size, &altered));
                }
            }
            for old in 0..=size {
                let proof = consistency_proof(leaves, old).unwrap();
                let begin = naive(&all[..old]);
                let holds = |old_root: &Hash, steps: &[Hash]| {
                    verify_consistency(old as u64, old_root, size as u64, &top, steps)
                };
                assert!(holds(&begin, &proof), "{old} of {size}");
                assert!(!holds(&leaf_hash(b"other"), &proof));
                assert!(!holds(&begin, &[proof.as_slice(), &[top]].concat()));
                for step in 0..proof.len() {
                    let mut altered = proof.clone();
                    altered[step][0] ^= 1;
                    assert!(!holds(&begin, &altered));
                    altered.remove(step);
                    assert!(!holds(&begin, &altered));
                }
            }
            assert_eq!(consistency_proof(leaves, size + 1), None);
            assert_eq!(inclusion_proof(leaves, size), None);
        }
    }

    #[test]
    fn a_frontier_names_the_subtree_that_differs() {
        let leaves = numbered(13);
        let mut altered = leaves.clone();
        altered[9][0] ^= 1;
        let grow = |hashes: &[Hash]| {
            let mut frontier = Frontier::default();
            for hash in hashes {
                frontier.push(*hash);
            }
            frontier
        };
        assert_eq!(grow(&leaves).first_difference(&grow(&altered)), Some(8..12));
        assert_eq!(grow(&leaves).first_difference(&grow(&leaves)), None);
    }

    proptest! {
        #[test]
        fn the_frontier_gives_the_root_of_the_definition(count in 0_usize..300) {
            let leaves = numbered(count);
            let mut frontier = Frontier::default();
            for leaf in &leaves {
                frontier.push(*leaf);
            }
            prop_assert_eq!(frontier.root(), naive(&leaves));
            prop_assert_eq!(Frontier::from_parts(count as u64, frontier.nodes().to_vec()), Some(frontier));
        }

        #[test]
        fn proofs_of_larger_trees_hold(count in 1_usize..300, pick in any::<prop::sample::Index>()) {
            let leaves = numbered(count);
            let top = root(&leaves);
            let at = pick.index(count);
            let proof = inclusion_proof(&leaves, at).unwrap();
            prop_assert!(verify_inclusion(&leaves[at], at as u64, count as u64, &proof, &top));
            let proof = consistency_proof(&leaves, at).unwrap();
            prop_assert!(verify_consistency(at as u64, &root(&leaves[..at]), count as u64, &top, &proof));
        }
    }
}
