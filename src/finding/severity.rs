//! How bad a finding is if true, and how likely it is true.

use serde::{Deserialize, Serialize};

/// How bad a finding is if true. `Critical` is the greatest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// An inventory entry or an unresolved reference.
    Info,
    /// Hygiene that shortens response time.
    Low,
    /// Missing narrowing that widens damage but needs another fault.
    Medium,
    /// One realistic extra step gives authority beyond the stated job.
    High,
    /// No second control stands behind it.
    Critical,
}

/// How likely a finding is true. A check that holds makes it high; low never blocks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A guess from context alone.
    Low,
    /// A shape that other things rarely have.
    Medium,
    /// A check that holds, or a fact that was read.
    High,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The word policies, reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of a word, if it is one.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.word() == word)
    }
}

impl Confidence {
    /// The word policies, reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
