//! Signed checkpoints: what a ledger was, told by somebody who does not write it.
//!
//! Records since the newest seal are guarded by the rules of their store alone; everything before it by every
//! copy of the seal that is kept elsewhere.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::error::LedgerError;
use super::verify::Verification;
use super::{Ledger, Store};
use crate::signing::note::NoteSignature;
use crate::signing::{Note, NoteKey, NoteSigner, SigningError, Statement};
use crate::text::hash::hex;

/// A checkpoint and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// What is signed.
    pub checkpoint: Checkpoint,
    /// The text of the checkpoint with its signatures.
    pub note: Note,
}

/// Why bytes are no seal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No signed note.
    #[error(transparent)]
    Note(#[from] SigningError),
    /// A signed note over something else.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl Seal {
    /// Reads a checkpoint with its signatures, which are not checked here.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        let note = Note::parse(bytes)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// Which of `keys` signed it.
    ///
    /// # Errors
    ///
    /// [`SigningError::Mismatch`] when a line bears the name and id of a key and is not its signature.
    pub fn signed_by<'k>(&self, keys: &'k [NoteKey]) -> Result<Vec<&'k NoteKey>, SigningError> {
        let mut signers = Vec::new();
        for key in keys {
            if self.note.verify(key)?.is_some() {
                signers.push(key);
            }
        }
        Ok(signers)
    }
}

/// Reads a checkpoint that somebody noted, with signatures or without.
pub fn known(bytes: &[u8]) -> Result<Checkpoint, SealError> {
    match Seal::parse(bytes) {
        Ok(seal) => Ok(seal.checkpoint),
        Err(error) => {
            std::str::from_utf8(bytes).ok().and_then(|text| Checkpoint::parse(text).ok()).ok_or(error)
        }
    }
}

impl Ledger {
    /// Every seal its store keeps, lowest first.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Corrupt`] when one cannot be read, or says another size than it is kept under.
    pub fn seals(&mut self) -> Result<Vec<Seal>, LedgerError> {
        let sizes = self.store.seals()?;
        sizes.into_iter().map(|size| read(&mut *self.store, size)).collect()
    }

    /// The newest seal its store keeps.
    pub fn newest_seal(&mut self) -> Result<Option<Seal>, LedgerError> {
        let newest = self.store.seals()?.last().copied();
        newest.map(|size| read(&mut *self.store, size)).transpose()
    }

    /// Seals the ledger as `verification` found it, which must hold and be of its head as last seen.
    ///
    /// Signing the same state again changes nothing; a second key adds its line.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Refused`] when the verification does not hold, [`LedgerError::Corrupt`] when the store keeps
    /// a seal of as many other records.
    pub fn seal(&mut self, signer: &NoteSigner, verification: &Verification) -> Result<Seal, LedgerError> {
        let checkpoint = self.checkpoint();
        let same = verification.size == checkpoint.size && verification.root == hex(&checkpoint.root);
        if !verification.holds() || !same {
            return Err(LedgerError::Refused("a ledger that does not verify is not sealed".to_owned()));
        }
        self.sign(&checkpoint, signer.seal(&checkpoint.text()))
    }

    /// Adds `signature` to the seal over `checkpoint`, which is begun where there is none.
    pub fn sign(&mut self, checkpoint: &Checkpoint, signature: NoteSignature) -> Result<Seal, LedgerError> {
        let text = checkpoint.text();
        let there = self.store.seals()?.contains(&checkpoint.size);
        let mut note = if there { read(&mut *self.store, checkpoint.size)?.note } else { Note::new(&text) };
        if note.text() != text {
            let what = format!("a seal over {} records names another root", checkpoint.size);
            return Err(LedgerError::corrupt(None, what));
        }
        note.add(signature);
        self.store.keep_seal(checkpoint.size, note.to_string().as_bytes())?;
        Ok(Seal { checkpoint: checkpoint.clone(), note })
    }
}

fn read(store: &mut dyn Store, size: u64) -> Result<Seal, LedgerError> {
    let seal = Seal::parse(&store.read_seal(size)?)
        .map_err(|error| LedgerError::corrupt(None, format!("the seal over {size} records: {error}")))?;
    if seal.checkpoint.size != size {
        let what = format!("the seal over {size} records is one over {}", seal.checkpoint.size);
        return Err(LedgerError::corrupt(None, what));
    }
    Ok(seal)
}

/// What of `seals` nobody vouches for: by index of their last record, in words.
///
/// With no key for seals at all there is nothing to hold them to, and nothing is said.
pub fn unsigned(seals: &[Seal], keys: &[NoteKey]) -> Vec<(u64, String)> {
    if !keys.iter().any(|key| key.statement() == Statement::Sealed) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for seal in seals {
        let size = seal.checkpoint.size;
        let what = match seal.signed_by(keys) {
            Err(_) => format!("the seal over {size} records bears a signature that is not its own"),
            Ok(signers) if !signers.iter().any(|key| key.statement() == Statement::Sealed) => {
                format!("the seal over {size} records is not signed by a key that is known")
            }
            Ok(_) => continue,
        };
        found.push((size.saturating_sub(1), what));
    }
    found
}
