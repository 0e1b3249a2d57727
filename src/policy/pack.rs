//! The built-in rules, as the build script wrote them: ready to be judged by, and read in full when first needed.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{LazyLock, OnceLock};

use super::PolicyError;
use super::rule::{Detect, Rule, RuleDoc, TextRule, usual};
use super::syntax::{DetectSyntax, TextSyntax};
use crate::finding::{Confidence, Enforcement, Family, RuleId, Severity};

/// The rules of `policies/`, sorted by id.
static PACK: &[Entry] = &include!(concat!(env!("OUT_DIR"), "/pack.rs"));

/// What people read about them, in the same order.
const DOCS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/docs.json"));

/// `sha256:` over both.
pub const DIGEST: &str = include_str!(concat!(env!("OUT_DIR"), "/pack.digest"));

/// A built-in rule, as far as it is read at each start.
#[derive(Debug)]
struct Entry {
    id: &'static str,
    title: &'static str,
    family: Family,
    severity: Severity,
    confidence: Option<Confidence>,
    enforcement: Option<Enforcement>,
    origin: &'static str,
    /// Of a text rule only.
    keywords: &'static [&'static str],
    /// What it looks for, in JSON: that of a text rule without the word `text`.
    detect: &'static str,
}

/// The built-in rules alone, sorted by id.
///
/// # Errors
///
/// A rule of the pack that is wrong, which the tests of the pack exclude.
pub fn builtin() -> Result<Vec<Rule>, PolicyError> {
    PACK.iter().enumerate().map(|(place, entry)| entry.rule(place)).collect()
}

impl Entry {
    fn rule(&self, place: usize) -> Result<Rule, PolicyError> {
        Ok(Rule {
            id: RuleId(self.id.to_owned()),
            family: self.family,
            title: Cow::Borrowed(self.title),
            severity: self.severity,
            confidence: self.confidence.unwrap_or(Confidence::Medium),
            enforcement: self.enforcement.unwrap_or_else(|| usual(self.severity)),
            detect: self.looks_for(place).map_err(|message| PolicyError::of(self.origin, message))?,
            text: Stored::of_pack(place),
            origin: Cow::Borrowed(self.origin),
            overridden_by: String::new(),
        })
    }

    fn looks_for(&self, place: usize) -> Result<Detect, String> {
        if !self.keywords.is_empty() {
            return Ok(Detect::Text(Stored::of_pack(place)));
        }
        let syntax: DetectSyntax = serde_json::from_str(self.detect).map_err(|error| error.to_string())?;
        Detect::new(syntax)
    }
}

/// A part of a rule; that of a built-in one is read when it is first asked for.
#[derive(Debug, Clone)]
pub struct Stored<T> {
    read: OnceLock<Box<T>>,
    /// Place of a built-in rule in the pack.
    place: usize,
}

impl<T> Stored<T> {
    const fn of_pack(place: usize) -> Self {
        Self { read: OnceLock::new(), place }
    }
}

impl<T> From<T> for Stored<T> {
    fn from(part: T) -> Self {
        Self { read: OnceLock::from(Box::new(part)), place: usize::MAX }
    }
}

impl Stored<TextRule> {
    /// The keywords, whether or not the rest was read.
    pub(super) fn keywords(&self) -> Vec<&str> {
        match PACK.get(self.place) {
            Some(entry) => entry.keywords.to_vec(),
            None => self.keywords.iter().map(String::as_str).collect(),
        }
    }
}

impl<T: Part> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.read.get_or_init(|| Box::new(T::read(self.place)))
    }
}

/// What is read from the pack by the place of its rule.
pub trait Part {
    /// That of the rule at `place`.
    fn read(place: usize) -> Self;
}

impl Part for RuleDoc {
    fn read(place: usize) -> Self {
        // INVARIANT: the build script wrote these texts, and a test reads every one of them.
        static READ: LazyLock<Vec<RuleDoc>> =
            LazyLock::new(|| serde_json::from_slice(DOCS).unwrap_or_default());
        READ.get(place).cloned().unwrap_or_default()
    }
}

impl Part for TextRule {
    fn read(place: usize) -> Self {
        let json = PACK.get(place).map(|entry| entry.detect).unwrap_or_default();
        let rule = serde_json::from_str::<TextSyntax>(json).map_err(|error| error.to_string());
        // INVARIANT: a test reads every rule of the pack. One that cannot be read cannot be run: no decision.
        rule.and_then(Self::new).unwrap_or_else(|_| Self::unusable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_rule_is_read_in_full_and_by_the_id_it_is_sorted_by() {
        let rules = builtin().unwrap();
        assert!(rules.is_sorted_by(|one, next| one.id < next.id));
        for rule in rules {
            assert!(!rule.text.why.is_empty() && !rule.text.source.is_empty(), "{}", rule.id);
            if let Some(text) = rule.text_rule() {
                text.pattern.regex().unwrap();
                assert_eq!(rule.keywords(), text.keywords, "{}", rule.id);
            }
        }
    }
}
