//! One comment that stays the same one: made once, edited when it would say something else, told by its first line.
//!
//! ```text
//! <!-- tollgate:v1 comment NAME -->
//! ## blocked: 1 finding blocks, no coverage gaps
//! ```
//!
//! The first line is no proof, since anybody can write it: whoever calls this hands over comments of our author alone.

use crate::outcome::Outcome;
use crate::report::{Options, outcome};

/// Bytes of a comment; GitHub takes 65,536 characters, GitLab 1,000,000.
const COMMENT: usize = 60_000;

/// What is to be done about a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// There is nothing to say, and nothing was said before.
    Nothing,
    /// It says this already.
    Leave,
    /// Make it.
    Make,
    /// Edit the one with this id.
    Edit(u64),
}

/// The first line of the comment called `name`.
pub fn marker(name: &str) -> String {
    format!("<!-- tollgate:v1 comment {name} -->")
}

/// What the comment shall say.
pub fn body(name: &str, outcome: &Outcome) -> String {
    // Which record and which commit of the base changes with every run and means nothing to a reader.
    let told = |key: &str| !matches!(key, "recorded" | "trusted");
    let text = outcome::markdown::within(COMMENT, outcome, &Options::default(), told);
    format!("{}\n{text}", marker(name))
}

/// What to do so that `body` stands there, given the comments of our author as id and text.
pub fn step<'c>(comments: impl IntoIterator<Item = (u64, &'c str)>, body: &str, outcome: &Outcome) -> Step {
    let first = body.lines().next().unwrap_or_default();
    let own = comments.into_iter().find(|(_, text)| text.lines().next().map(str::trim_end) == Some(first));
    match own {
        Some((_, text)) if same(text, body) => Step::Leave,
        Some((id, _)) => Step::Edit(id),
        None if outcome.decisions.is_empty() && outcome.gaps.is_empty() => Step::Nothing,
        None => Step::Make,
    }
}

/// Whether two texts are one to a forge, which may end lines otherwise and drop blanks at the end.
pub fn same(left: &str, right: &str) -> bool {
    left.trim_end().lines().eq(right.trim_end().lines())
}
