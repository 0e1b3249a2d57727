//! What records are found by, without reading them all.

use super::record::{Kind, Record};
use crate::text::hash;

/// 128 bits that records are found by: an id, a finding, or an exception or deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 16]);

/// The keys of one record, zero where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Its id.
    pub rid: Key,
    /// The finding it speaks of.
    pub finding: Key,
    /// The exception or deploy it speaks of; for those that speak of the ledger as a whole, their kind.
    pub matter: Key,
}

const NONE: Key = Key([0; 16]);

impl Key {
    /// Of a record id or a fingerprint, both 32 hex digits.
    pub fn hex(digits: &str) -> Option<Self> {
        hash::unhex(digits)?.try_into().ok().map(Self)
    }

    /// Of an exception by its id.
    pub fn exception(id: &str) -> Self {
        Self::hashed("exception", id)
    }

    /// Of a deploy by its id.
    pub fn deploy(id: &str) -> Self {
        Self::hashed("deploy", id)
    }

    /// Of all records of a kind that speak of the ledger as a whole: a signer, a policy, a baseline.
    pub fn kind(kind: Kind) -> Self {
        Self::hashed("kind", kind.word())
    }

    fn hashed(what: &str, id: &str) -> Self {
        let full = hash::sha256_parts("tollgate-key-v1", &[what.as_bytes(), id.as_bytes()]);
        Self(*full.first_chunk::<16>().unwrap_or(&[0; 16]))
    }
}

impl Keys {
    /// Bytes of [`Self::encode`].
    pub const LENGTH: usize = 48;

    /// The keys of `record`.
    pub fn of(record: &Record) -> Self {
        let matter = match (record.kind(), record.text("exception_id"), record.text("deploy_id")) {
            (Some(kind @ (Kind::SignerRevoked | Kind::PolicyActivated | Kind::Adopted)), ..) => {
                Key::kind(kind)
            }
            // There may be thousands in each run, and nobody looks for them by the baseline.
            (Some(Kind::Observed), ..) if record.text("action") == "inherit" => NONE,
            (_, "", "") => NONE,
            (Some(Kind::Deploy), "", deploy) => Key::deploy(deploy),
            (_, "", _) => NONE,
            (_, exception, _) => Key::exception(exception),
        };
        Self {
            rid: Key::hex(record.rid()).unwrap_or(NONE),
            finding: Key::hex(record.text("finding.fp")).unwrap_or(NONE),
            matter,
        }
    }

    /// All three in a row.
    pub fn encode(&self) -> Vec<u8> {
        [self.rid.0, self.finding.0, self.matter.0].concat()
    }

    /// Those that are there.
    pub fn present(&self) -> impl Iterator<Item = Key> {
        [self.rid, self.finding, self.matter].into_iter().filter(|key| *key != NONE)
    }
}
