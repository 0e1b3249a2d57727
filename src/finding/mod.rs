//! One rule true at one place in one run.

/// The name of a subject.
pub mod fingerprint;
/// Something in scope that was not read in full.
pub mod gap;
/// Since when, until when and by whom.
pub mod past;
/// How bad, how likely.
pub mod severity;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use fingerprint::{Fingerprint, FingerprintAlgorithm, Fingerprinter, Name, Subject, WeakPlace};
pub use gap::{Gap, Reason};
pub use past::{Moment, Past};
pub use severity::{Confidence, Severity};

use crate::text::span::{Position, Span};

/// The id of a rule: lower-case ASCII letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub String);

/// What a rule is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// A credential in the open.
    Secret,
    /// A credential that lives too long or never ends.
    Lifetime,
    /// An identity that may do more than it should.
    Privilege,
    /// An agent's tools, autonomy, approval, delegation or logging.
    Agent,
}

/// What a rule does when it fires.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// The gate opens and the finding is shown.
    Advise,
    /// The gate stays shut unless an exception covers the finding.
    Block,
}

/// Where a finding stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Path relative to the scanned root, forward slashes.
    pub path: String,
    /// First character.
    pub start: Position,
    /// Just behind the last character.
    pub end: Position,
    /// Bytes within the file as scanned.
    pub span: Span,
    /// The commit whose version of the file was read; `None` for the disk, the index and a stream.
    pub commit: Option<String>,
}

/// The line of a finding with every secret of it masked, ready to show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Snippet {
    /// The masked line, safe to print, at most about 200 characters.
    pub text: String,
    /// First marked character of `text`, from 0.
    pub start: usize,
    /// How many characters of `text` are marked, at least 1.
    pub length: usize,
}

/// A second place that explains a finding: "because of this".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Related {
    /// Where.
    pub location: Location,
    /// What stands there, in a few words.
    pub message: String,
}

/// One rule true at one place in one run.
///
/// It holds no secret: values are hashed into `fingerprint` and masked in `snippet` where they are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is true here.
    pub rule: RuleId,
    /// What the rule is about.
    pub family: Family,
    /// How bad if true.
    pub severity: Severity,
    /// How likely true.
    pub confidence: Confidence,
    /// What the rule does when it fires, after the policy's overrides.
    pub enforcement: Enforcement,
    /// What is wrong, in a few words.
    pub title: String,
    /// What exactly stands here; untrusted text, no secret. May be empty.
    pub detail: String,
    /// Where.
    pub location: Location,
    /// The name of what was found.
    pub fingerprint: Fingerprint,
    /// How the name was made.
    pub algorithm: FingerprintAlgorithm,
    /// Its name under the key before and how that was made, while keys are changed.
    pub former: Option<(Fingerprint, FingerprintAlgorithm)>,
    /// Stable name of the identity concerned, where one is.
    pub identity: Option<String>,
    /// Blast radius of that identity, 0 to 100.
    pub blast: Option<u8>,
    /// Which of several places with the same fingerprint in this run, from 0.
    pub occurrence: u32,
    /// The line, masked.
    pub snippet: Option<Snippet>,
    /// What else explains it.
    pub related: Vec<Related>,
    /// Facts that were decoded offline, such as `account 123456789012` or `expires never`; no secret.
    pub facts: Vec<String>,
    /// How the secret is encoded where it stands, outermost first, such as `base64 > gzip`; `None` in the clear.
    pub encoding: Option<String>,
    /// When it stood in the history; `None` where that was not asked for.
    pub past: Option<Past>,
}

impl Finding {
    /// Every name it goes by: the one of today, then the one of before.
    pub fn names(&self) -> impl Iterator<Item = (Fingerprint, FingerprintAlgorithm)> {
        std::iter::once((self.fingerprint, self.algorithm)).chain(self.former)
    }

    /// How `name` was made, if it goes by it.
    pub fn goes_by(&self, name: Fingerprint) -> Option<FingerprintAlgorithm> {
        self.names().find(|(own, _)| *own == name).map(|(_, algorithm)| algorithm)
    }

    /// The order of findings in every report: place first, then rule, then fingerprint.
    pub fn sort_key(&self) -> (&str, Span, &str, &Option<String>, Fingerprint) {
        (&self.location.path, self.location.span, &self.rule.0, &self.location.commit, self.fingerprint)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Family {
    /// Every family with the folder of `policies/` that holds its rules.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Secret, "secrets"),
        (Self::Lifetime, "lifetimes"),
        (Self::Privilege, "privileges"),
        (Self::Agent, "agents"),
    ];

    /// The word policies, reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Lifetime => "lifetime",
            Self::Privilege => "privilege",
            Self::Agent => "agent",
        }
    }
}

impl Enforcement {
    /// The word policies, reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Advise => "advise",
            Self::Block => "block",
        }
    }
}
