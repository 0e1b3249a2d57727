//! A file that proves, without the ledger, that one record is in it.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra eyJhY3Rpb24iOiJibG9jayIs...                     the record, base64
//! index 41                                             which record, from 0
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=         its sibling in the tree, then one level higher each
//!
//! acme.example/payments/2026                           the seal
//! 118
//! ...
//! ```
//!
//! Source: C2SP tlog-proof. The line `extra` is authenticated by being hashed: it is the record itself.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Ledger;
use super::error::LedgerError;
use super::merkle::{Hash, leaf_hash, verify_inclusion};
use super::record::{Record, RecordError};
use super::seal::{Seal, SealError};
use super::tree::Tree;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The most bytes a proof may have: a record, 64 hashes and a seal.
pub const MAX_PROOF: usize = 256 * 1024;

/// One record, its way up the tree, and the seal over the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Which record, from 0.
    pub index: u64,
    /// Its bytes as stored.
    pub record: Vec<u8>,
    /// The siblings on its way, lowest first.
    pub path: Vec<Hash>,
    /// The tree it leads to.
    pub seal: Seal,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not the lines of a proof.
    #[error("this is no proof: {0}")]
    Form(&'static str),
    /// What follows the empty line is no seal.
    #[error("the seal of the proof: {0}")]
    Seal(#[from] SealError),
    /// What it proves is no record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The hashes do not lead from the record to the root.
    #[error("the record is not in the ledger of this seal")]
    NotIncluded,
    /// The record says it is of another ledger than the seal.
    #[error("the record is of another ledger than the seal")]
    Ledger,
}

impl Proof {
    /// Reads what [`Self`] is written as, and nothing that would be written in another way.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > MAX_PROOF {
            return Err(ProofError::Form("it has more than 256 KiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofError::Form("it is not UTF-8"))?;
        let (head, seal) = text.split_once("\n\n").ok_or(ProofError::Form("it holds no seal"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(ProofError::Form("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let record = lines.next().and_then(|line| line.strip_prefix("extra "));
        let record = record.and_then(|text| STANDARD.decode(text).ok());
        let record = record.ok_or(ProofError::Form("its second line holds no record"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(|digits| digits.parse::<u64>().ok().filter(|it| it.to_string() == digits));
        let index = index.ok_or(ProofError::Form("its third line holds no index"))?;
        let path: Option<Vec<Hash>> =
            lines.map(|line| STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok())).collect();
        let path = path.ok_or(ProofError::Form("a line is no hash"))?;
        Ok(Self { index, record, path, seal: Seal::parse(seal.as_bytes())? })
    }

    /// The record, when the hashes lead from it to the root of the seal.
    ///
    /// Who sealed is for the caller to ask: [`Seal::signed_by`].
    pub fn verify(&self) -> Result<Record, ProofError> {
        let sealed = &self.seal.checkpoint;
        let leaf = leaf_hash(&self.record);
        if !verify_inclusion(&leaf, self.index, sealed.size, &self.path, &sealed.root) {
            return Err(ProofError::NotIncluded);
        }
        let record = Record::parse(&self.record)?;
        if record.text("ledger") == sealed.origin { Ok(record) } else { Err(ProofError::Ledger) }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{FIRST_LINE}\nextra {}\nindex {}", STANDARD.encode(&self.record), self.index)?;
        for hash in &self.path {
            writeln!(formatter, "{}", STANDARD.encode(hash))?;
        }
        write!(formatter, "\n{}", self.seal.note)
    }
}

impl Ledger {
    /// Proofs that the records at `indexes` are under `seal`.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Refused`] for a record behind the seal, [`LedgerError::Corrupt`] when the records are not
    /// those that were sealed.
    pub fn prove(&mut self, indexes: &[u64], seal: &Seal) -> Result<Vec<Proof>, LedgerError> {
        let tree = self.tree(seal)?;
        let mut proofs = Vec::new();
        for index in indexes {
            let path = tree.inclusion(*index).ok_or_else(|| {
                let sealed = seal.checkpoint.size;
                LedgerError::Refused(format!("record {index} is not sealed yet: the seal covers {sealed}"))
            })?;
            let mut bytes = self.store.read(&self.head, *index..*index + 1)?;
            let record = bytes
                .pop()
                .ok_or_else(|| LedgerError::corrupt(*index, format!("record {index} is missing")))?;
            proofs.push(Proof { index: *index, record, path, seal: seal.clone() });
        }
        Ok(proofs)
    }

    /// The tree over the records under `seal`, whose root it has.
    pub fn tree(&mut self, seal: &Seal) -> Result<Tree, LedgerError> {
        let size = seal.checkpoint.size;
        self.require(&seal.checkpoint)?;
        // The notes of the store save reading every record; the root tells whether they are true.
        if let Some(noted) = self.store.hashes(&self.head, 0..size)? {
            let tree = Tree::new(noted);
            if tree.root() == seal.checkpoint.root {
                return Ok(tree);
            }
        }
        let leaves = self.leaves().take(usize::try_from(size).unwrap_or(usize::MAX));
        let hashes = leaves.map(|leaf| leaf.map(|bytes| leaf_hash(&bytes))).collect::<Result<Vec<_>, _>>()?;
        let tree = Tree::new(hashes);
        let same = tree.root() == seal.checkpoint.root;
        let what = || format!("its first {size} records are not those that were sealed");
        if same { Ok(tree) } else { Err(LedgerError::corrupt(None, what())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fall_over(head in "(extra|index|[A-Za-z0-9+/= \n]){0,60}", tail in "\\PC{0,40}") {
            let _ = Proof::parse(format!("{FIRST_LINE}\n{head}\n\n{tail}").as_bytes());
        }
    }
}
