//! Where a forge shows what a run concluded: beside the change, for those who never open a log.
//!
//! ```text
//! outcome ─> github   check_run   the check with its annotations
//!    │         │      comment     one comment, edited when it would say something else
//!    │         └────> lines       a comment at each added line with a finding, marked when that is resolved
//!    └─────> gitlab               one note on the merge request, edited likewise
//! ```
//!
//! The same outcome twice changes nothing. What is ours is told by its author and by its first line together, since
//! anybody can write that line. The outcome may come from a file that strangers wrote: which repository, request and
//! commit this is about is asked of the forge and the run, and the file only has to agree.
//!
//! This is the only part of the library that speaks HTTP, and it is left out by `--no-default-features`.

/// The check run, the comments, and what they are about.
pub mod github;
/// The note on a merge request.
pub mod gitlab;
/// One comment that stays the same one.
mod sticky;
/// Requests, and what is sent twice.
mod wire;

use serde_json::Value;

use crate::outcome::Outcome;
use crate::pipeline::Environment;
use crate::text::secret::Secret;

/// What to publish, and what this run is.
#[derive(Debug)]
pub struct Job<'a> {
    /// What was concluded. Its texts, and its claims about the run, are untrusted.
    pub outcome: &'a Outcome,
    /// The variables of this run.
    pub environment: &'a Environment,
    /// The event that started this run; null where the forge writes none.
    pub event: &'a Value,
    /// The name of the check and the comments; two gates on one change need two.
    pub name: &'a str,
    /// The login that comments of ours bear; the usual one of the forge when left out.
    pub author: Option<&'a str>,
}

/// One place where outcomes are shown.
#[derive(Debug)]
pub struct Forge {
    /// What `--forge` calls it.
    pub name: &'static str,
    /// The variables that may hold the token; the first that is set counts.
    pub tokens: &'static [&'static str],
    /// Publishes, and adds a line for each thing it did, those before an error too.
    pub publish: fn(&Job<'_>, &Secret, &mut Vec<String>) -> Result<(), PublishError>,
}

/// Every forge, in the order help lists them.
pub const FORGES: [Forge; 2] = [
    Forge { name: "github", tokens: &["GITHUB_TOKEN", "GH_TOKEN"], publish: github::publish },
    // The token of a job (`CI_JOB_TOKEN`) may read notes and not write them.
    Forge { name: "gitlab", tokens: &["GITLAB_TOKEN"], publish: gitlab::publish },
];

/// Why something was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The run does not say what it is about.
    #[error("this run does not say {0}")]
    Run(&'static str),
    /// The report was made for something else.
    #[error("the report is about {what} `{theirs}`, and this run about `{ours}`")]
    Elsewhere {
        /// The kind of thing.
        what: &'static str,
        /// What the report says; untrusted.
        theirs: String,
        /// What the run says.
        ours: String,
    },
    /// The name cannot stand in a comment.
    #[error(
        "`{0}` cannot be a name here: take up to 60 letters, digits, blanks, `.`, `_`, `/` and single `-`"
    )]
    Name(String),
    /// The address is not encrypted, or not an address.
    #[error("`{0}` is not the https address of an API")]
    Address(String),
    /// There is no connection to be had.
    #[error("the connection to the forge cannot be set up: {0}")]
    Setup(&'static str),
    /// Nothing came, as often as it was asked.
    #[error("the forge gave no answer about {what}: {cause}")]
    NoAnswer {
        /// What was asked for.
        what: &'static str,
        /// The last thing that went wrong.
        cause: String,
    },
    /// The forge said no.
    #[error("the forge refused {what} with status {status}: {message}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// The status of the answer.
        status: u16,
        /// Its message; untrusted.
        message: String,
        /// The permissions that would do, where the forge names them.
        needs: String,
    },
    /// The forge wants fewer requests than we can wait for.
    #[error("the forge asks to wait {seconds} s before {what}, longer than this run waits")]
    Busy {
        /// What was asked for.
        what: &'static str,
        /// How long.
        seconds: u64,
    },
    /// The forge answered something else than it documents.
    #[error("the answer about {0} is not what the forge documents")]
    Answer(&'static str),
    /// Not all of it could be read, so what is ours in it is not known.
    #[error("there are more than {most} of {what}; nothing is written where not all can be read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most that are read.
        most: usize,
    },
    /// The comment was made under another login than the one that is looked for.
    #[error("the token writes as `{0}`, so the next run would not know this comment again")]
    Author(String),
}

/// Whether `name` can stand in the first line of a comment and in the name of a check.
fn checked_name(name: &str) -> Result<&str, PublishError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._/ -".contains(letter);
    let fits = (1..=60).contains(&name.len()) && name.chars().all(plain) && !name.contains("--");
    if fits { Ok(name) } else { Err(PublishError::Name(name.to_owned())) }
}

/// Checks that the report is about the same thing as this run, where both say.
fn agree(what: &'static str, theirs: &str, ours: &str) -> Result<(), PublishError> {
    if theirs == ours {
        return Ok(());
    }
    Err(PublishError::Elsewhere { what, theirs: theirs.to_owned(), ours: ours.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_line_that_marks_a_comment() {
        for name in ["tollgate", "pay/deploy", "the gate 2"] {
            assert_eq!(checked_name(name).unwrap(), name);
        }
        for name in ["", "a-->b", "a\nb", "`a`", &"x".repeat(61), "größe"] {
            assert!(checked_name(name).is_err(), "{name}");
        }
    }
}
