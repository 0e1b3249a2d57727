//! How whoever looks for something says which contents are worth a place in the history.
//!
//! Most contents of a history hold nothing. Where they stood, and when, is looked up for the others only.

use crate::git::pack::Run;
use crate::text::span::Span;

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
    /// Whether what it holds is known by `shown` and `marks`; else nothing can be told of a content by it.
    pub plain: bool,
    /// Whether it holds what its base holds, no more and no less, wherever in it.
    pub same: bool,
    /// What it may hold, each with all that tells so: whatever has a copy of these bytes in one piece holds it too.
    /// One that reaches behind the end says that nothing follows.
    pub shown: Vec<Span>,
    /// What may be a part of something, for those that are made out of it, in the order of their places.
    pub marks: Vec<Mark>,
}

/// A place worth a look: whatever the sieve means by `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Its first byte.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
    /// Of what kind.
    pub kind: u32,
}
