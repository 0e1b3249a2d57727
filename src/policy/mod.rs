//! From YAML to rules that cannot be wrong.

/// Examples and look-alikes, filled in.
pub mod example;
/// Framework ids, checked.
mod facts;
/// What a condition asks first.
mod guard;
/// How long credentials may live.
pub mod lifetimes;
/// Quorums and lifetimes of exceptions.
pub mod limits;
/// Everything that makes a rule bad.
pub mod lint;
/// The literals a pattern cannot match without.
mod literals;
/// Built-in, then `extends:`, then the repository.
pub mod load;
pub mod maps;
/// The built-in rules.
pub mod pack;
/// Patterns, compiled at their first use.
pub mod pattern;
/// A rule after checking.
pub mod rule;
/// What stands in a row in every match.
mod run;
mod sample;
/// `.tollgate/policy.yml`, field for field.
pub mod settings;
mod shape;
/// Where a rule goes wrong.
mod spot;
/// A rule as it stands in YAML.
pub mod syntax;
/// `when:` as CEL over the models.
pub mod when;

pub use rule::{Detect, Rule, TextRule};
pub use settings::Settings;

use crate::finding::{Confidence, Enforcement};

/// One file the policy is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Path relative to the repository.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All rules in force, and how strictly.
#[derive(Debug, Clone)]
pub struct Policies {
    /// Rules sorted by id.
    pub rules: Vec<Rule>,
    /// What the policy file says.
    pub settings: Settings,
    /// `sha256:` over everything that can change a decision.
    pub digest: String,
}

/// What is wrong with a policy file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PolicyError {
    /// The file.
    pub path: String,
    /// Line and column, both from 1, where known.
    pub place: Option<(usize, usize)>,
    /// What is wrong, in words.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

impl Policies {
    /// The rule with `id`.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        let at = self.rules.binary_search_by(|rule| rule.id.0.as_str().cmp(id)).ok()?;
        self.rules.get(at)
    }

    /// What a rule does for a finding of `confidence`: low never blocks.
    pub fn enforcement(rule: &Rule, confidence: Confidence) -> Enforcement {
        if confidence == Confidence::Low { Enforcement::Advise } else { rule.enforcement }
    }
}

impl PolicyFile {
    /// Line and column of the first place where `word` stands.
    pub fn place(&self, word: &str) -> Option<(usize, usize)> {
        let at = self.text.find(word)?;
        let position = crate::text::span::Position::at(self.text.as_bytes(), at);
        Some((position.line as usize, position.column as usize))
    }

    /// An error at the first place where `word` stands.
    pub fn fault(&self, word: &str, message: String) -> PolicyError {
        PolicyError::at(&self.path, self.place(word), message)
    }
}

impl PolicyError {
    /// An error about a whole file.
    pub fn of(path: &str, message: String) -> Self {
        Self::at(path, None, message)
    }

    /// An error at a place of a file.
    pub fn at(path: &str, place: Option<(usize, usize)>, message: String) -> Self {
        Self { path: path.to_owned(), place, message, help: String::new() }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(mut self, help: &str) -> Self {
        help.clone_into(&mut self.help);
        self
    }
}
