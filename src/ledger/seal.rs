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

/// What of `seals`, lowest first, nobody of `keys` vouches for: by index of their last record, in words.
///
/// Each seal needs a key of [`Statement::Sealed`], and the newest one every witness among `keys`. Without any
/// key there is nothing to hold them to, and nothing is said.
pub fn unsigned(seals: &[Seal], keys: &[NoteKey]) -> Vec<(u64, String)> {
    if keys.is_empty() {
        return Vec::new();
    }
    let newest = seals.last().map(|seal| seal.checkpoint.size);
    let fault = |seal: &Seal| {
        let size = seal.checkpoint.size;
        let what = missing(seal, keys, newest == Some(size))?;
        Some((size.saturating_sub(1), format!("the seal over {size} records {what}")))
    };
    seals.iter().filter_map(fault).collect()
}

fn missing(seal: &Seal, keys: &[NoteKey], newest: bool) -> Option<String> {
    let Ok(signers) = seal.signed_by(keys) else {
        return Some("bears a signature that is not its own".to_owned());
    };
    if !signers.iter().any(|key| key.statement() == Statement::Sealed) {
        return Some("is not signed by a key that is known".to_owned());
    }
    let absent = |key: &&NoteKey| key.statement() == Statement::Witnessed && !signers.contains(key);
    let witness = keys.iter().find(absent).filter(|_| newest)?;
    Some(format!("is not signed by the witness {}", witness.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::KeyFile;
    use crate::text::time::Timestamp;

    fn signer(seed: u8, name: &str) -> NoteSigner {
        let text = KeyFile::generate(&[seed; 32], "test").unwrap();
        NoteSigner::new(&KeyFile::parse(text.as_bytes(), "test").unwrap(), name).unwrap()
    }

    /// A seal over so many records, by the log, and by the witness where it looked.
    fn seal(size: u64, is_witnessed: bool) -> Seal {
        let checkpoint = Checkpoint { origin: "acme/pay/2026".to_owned(), size, root: [7; 32] };
        let mut note = Note::new(&checkpoint.text());
        note.add(signer(1, "acme/pay/2026").seal(note.text()));
        if is_witnessed {
            let line = signer(2, "witness").witness(note.text(), Timestamp::from_seconds(1_700_000_000));
            note.add(line);
        }
        Seal { checkpoint, note }
    }

    fn faults(seals: &[Seal], keys: &[NoteKey]) -> Vec<u64> {
        unsigned(seals, keys).into_iter().map(|(index, _)| index).collect()
    }

    #[test]
    fn a_witness_alone_does_not_make_a_seal_believed() {
        let log = signer(1, "acme/pay/2026").key(Statement::Sealed);
        let witness = signer(2, "witness").key(Statement::Witnessed);
        let stranger = signer(3, "acme/pay/2026").key(Statement::Sealed);
        let seals = [seal(3, false), seal(5, true)];
        assert_eq!(faults(&seals, &[]), [0_u64; 0], "nothing to hold them to");
        assert_eq!(faults(&seals, std::slice::from_ref(&log)), [0_u64; 0]);
        assert_eq!(faults(&seals, &[log.clone(), witness.clone()]), [0_u64; 0], "older ones need no witness");
        assert_eq!(faults(&seals[..1], &[log, witness.clone()]), [2], "the newest one does");
        assert_eq!(faults(&seals, &[witness]), [2, 4], "nobody sealed it");
        assert_eq!(faults(&seals, &[stranger]), [2, 4]);
    }

    #[test]
    fn a_line_under_the_name_of_a_key_that_is_not_its_signature_is_a_fault() {
        let mut forged = seal(3, false);
        let other = seal(4, false);
        forged.note = Note::parse(
            other
                .note
                .to_string()
                .replacen(&other.checkpoint.text(), &forged.checkpoint.text(), 1)
                .as_bytes(),
        )
        .unwrap();
        let log = signer(1, "acme/pay/2026").key(Statement::Sealed);
        let found = unsigned(&[forged], &[log]);
        assert!(found.iter().any(|(_, what)| what.contains("not its own")), "{found:?}");
    }
}
