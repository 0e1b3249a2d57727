//! Findings from blobs and identities. Pure.

/// `when:` over credentials.
pub mod credential;
/// `when:` over raw documents.
pub mod document;
/// `when:` over joined identities.
pub mod identity;
/// What the three share.
pub mod judge;
