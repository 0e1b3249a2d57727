//! How whoever looks for something says which contents are worth a place in the history.
//!
//! Most contents of a history hold nothing. Where they stood, and when, is looked up for the others only.

use crate::git::pack::Run;

/// Tells contents that may hold something from those that hold nothing, whatever their path.
///
/// Never a false no: what it lets go is not looked at again.
pub trait Sieve: Sync {
    /// Looks at a content; at what is new in it where `basis` says what it was made out of.
    ///
    /// The answer must be the one without a basis.
    fn look(&self, bytes: &[u8], basis: Option<Basis<'_>>) -> Trace;
}

/// What a content was made out of.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// What the sieve said of it.
    pub trace: &'a Trace,
    /// Its bytes.
    pub length: usize,
    /// What was copied from it, in the order of the new places.
    pub runs: &'a [Run],
}

/// What a sieve says of a content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Whether it may hold something.
    pub holds: bool,
    /// Whether places in it are places in its bytes: it needed no decoding.
    pub plain: bool,
    /// What may be a part of something, for those that are made out of it; only where it is plain.
    pub marks: Vec<Mark>,
}

/// A place worth a look: whatever the sieve means by `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Of what kind.
    pub kind: u32,
    /// Its first byte.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
}
