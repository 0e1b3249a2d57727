//! Constructors for records of who may do what: revoked signers, adopted baselines, broken glass, policies in force.
//! Each comes out with its id.

use super::lineage::{Lineage, finish};
use super::record::{Kind, Record};
use crate::text::time::Timestamp;

impl Lineage {
    /// A key (fingerprint and principal, which may be empty) whose signatures are void from the record at index
    /// `from` on.
    pub fn signer_revoked(
        &self,
        at: Timestamp,
        (key, principal): (&str, &str),
        from: u64,
        by: &str,
        reason: &str,
    ) -> Record {
        let mut record = self.begin(Kind::SignerRevoked, at);
        record.set("signer.key", key);
        if !principal.is_empty() {
            record.set("signer.principal", principal);
        }
        record.set("void_from", from);
        record.set("by", by);
        record.set("reason", reason);
        finish(record)
    }
}
