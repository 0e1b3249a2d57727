//! What happens to each finding. Pure.

/// One finding with its action and the reason for it.
pub mod decision;
/// The one word of a run.
pub mod verdict;

pub use decision::{Action, Decision, Permit};
pub use verdict::Verdict;
