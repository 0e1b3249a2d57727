//! Findings from blobs and identities. Pure.

/// Formats that carry their own check digits or inner structure.
pub mod checksum;
/// `when:` over credentials.
pub mod credential;
/// `when:` over raw documents.
pub mod document;
/// How random text looks, and how strong a value is.
pub mod entropy;
/// Facts that a value tells offline, without giving itself away.
pub mod facts;
/// Whether a value assigned to a telling name is a credential.
pub mod generic;
/// `when:` over joined identities.
pub mod identity;
/// What the three share.
pub mod judge;
