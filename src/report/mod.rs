//! One file for each format of each thing that is reported. Pure: the same value gives the same bytes.
//!
//! A report is made from values that hold no secret, and every text that came from a repository passes
//! [`crate::text::safe`] on its way out. A new format is one file and one line in a list; the test over one
//! fixed value picks it up.

/// A message with its place, causes and help, as a reader sees it.
pub mod diagnostic;
/// What let one deploy through, for a person.
pub mod evidence;
/// What the two security reports of GitLab share.
mod gitlab;
/// The inventory of identities, in every format.
pub mod inventory;
/// A production scanner's SARIF, read.
pub mod live;
/// The formats of an outcome.
pub mod outcome;
/// The colours of words that must not be confused.
mod paint;
/// The escape rate, in every format.
pub mod rate;
/// A json report read back.
pub mod saved;

use crate::outcome::Outcome;

/// How a report is to look. Nothing of it comes from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether the human report may colour words; it reads the same without.
    pub colour: bool,
    /// Characters in a line of the human report; longer sentences are wrapped, source lines are not.
    pub width: usize,
    /// Name of what was scanned, such as the folder's; never an absolute path, may be empty.
    pub root: String,
}

/// One way to write one thing.
#[derive(Debug)]
pub struct Format<T: 'static> {
    /// What `--report` and `--format` call it.
    pub name: &'static str,
    /// How the name of a file in it ends, without the dot before it.
    pub ending: &'static str,
    /// Writes it, line feed at the end included.
    pub render: fn(&T, &Options) -> String,
}

/// Every format of an outcome, in the order help lists them.
pub const FORMATS: &[Format<Outcome>] = &[
    Format { name: "human", ending: "txt", render: outcome::human::render },
    Format { name: "json", ending: "json", render: outcome::json::render },
    Format { name: "sarif", ending: "sarif", render: outcome::sarif::render },
    Format { name: "junit", ending: "xml", render: outcome::junit::render },
    Format { name: "markdown", ending: "md", render: outcome::markdown::render },
    Format { name: "github", ending: "txt", render: outcome::github::render },
    Format { name: "github-sarif", ending: "sarif", render: outcome::github_sarif::render },
    Format { name: "gitlab-codequality", ending: "json", render: outcome::gitlab_codequality::render },
    Format {
        name: "gitlab-secret-detection",
        ending: "json",
        render: outcome::gitlab_secret_detection::render,
    },
    Format { name: "gitlab-sast", ending: "json", render: outcome::gitlab_sast::render },
    Format { name: "rdjson", ending: "json", render: outcome::rdjson::render },
    Format { name: "dotenv", ending: "env", render: outcome::dotenv::render },
    Format { name: "csv", ending: "csv", render: outcome::csv::render },
];

/// The JSON Schema (2020-12) of the json report, as published.
pub const REPORT_SCHEMA: &str = include_str!("outcome/report.schema.json");

impl Default for Options {
    fn default() -> Self {
        Self { colour: false, width: 100, root: String::new() }
    }
}

/// The format of an outcome called `name`.
pub fn named(name: &str) -> Option<&'static Format<Outcome>> {
    FORMATS.iter().find(|format| format.name == name)
}
