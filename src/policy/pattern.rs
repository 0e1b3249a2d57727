//! Patterns: compiled at their first use, bounded in size, linear in time.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use super::literals::{self, Reach};
pub use super::literals::{NAME, is_of_name};
use super::run::Run;

/// The most bytes the states of one pattern may take while it runs; with less they are thrown away and made anew.
const DFA_LIMIT: usize = 8 << 20;

/// The most bytes one compiled pattern may take.
const SIZE_LIMIT: usize = 4 << 20;

/// A regular expression over bytes, compiled when it is first needed.
///
/// The engine has no backtracking, so matching takes time linear in the text whatever the pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    compiled: OnceLock<Result<Regex, String>>,
    anchored: OnceLock<Result<Regex, String>>,
    shape: OnceLock<(Reach, Option<Run>)>,
}

impl Pattern {
    /// Keeps `text` for its first use; nothing is checked yet.
    pub fn new(text: &str) -> Self {
        let (compiled, anchored, shape) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { text: text.to_owned(), compiled, anchored, shape }
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How far a match can go; without a bound where the pattern is wrong.
    pub fn reach(&self) -> Reach {
        self.shape().0
    }

    /// Whether a match may lie in `text`: cheap, and never false where one does.
    pub fn may_match(&self, text: &[u8]) -> bool {
        self.shape().1.is_none_or(|run| run.stands_in(text))
    }

    fn shape(&self) -> &(Reach, Option<Run>) {
        self.shape.get_or_init(|| match literals::parse(&self.text) {
            Ok(hir) => (literals::reach(&hir), Run::of(&hir)),
            Err(_) => (Reach { longest: None, in_line: false }, None),
        })
    }

    /// The compiled pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words: syntax, or more than the size limit.
    pub fn regex(&self) -> Result<&Regex, String> {
        self.compiled.get_or_init(|| compile(&self.text)).as_ref().map_err(Clone::clone)
    }

    /// The compiled pattern for a match that begins where the text does.
    ///
    /// # Errors
    ///
    /// As [`Self::regex`].
    pub fn anchored(&self) -> Result<&Regex, String> {
        let text = || format!("^(?:{})", self.text);
        self.anchored.get_or_init(|| compile(&text())).as_ref().map_err(Clone::clone)
    }
}

fn compile(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(DFA_LIMIT)
        .nest_limit(64)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!(
                    "the pattern takes more than {} MiB when compiled; bound its repetitions",
                    limit >> 20
                )
            }
            regex::Error::Syntax(_) => {
                literals::required(text).err().unwrap_or_else(|| "the pattern is not valid".to_owned())
            }
            other => other.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d4_an_oversized_pattern_is_refused_and_look_around_does_not_exist() {
        assert!(Pattern::new("(?:[a-z]{1000}){1000}").regex().is_err());
        assert!(Pattern::new("(?!x)y").regex().is_err());
        assert!(Pattern::new("(").regex().is_err_and(|error| error.contains("unclosed group")));
    }
}
