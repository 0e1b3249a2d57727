//! A rule after checking.

use super::syntax::{DetectSyntax, Each, ExampleSyntax, RuleSyntax};
use super::when::When;
use crate::finding::{Confidence, Enforcement, Family, RuleId, Severity};

/// A rule that can be run.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// What it is about.
    pub family: Family,
    /// Names the bad thing.
    pub title: String,
    /// How bad if true.
    pub severity: Severity,
    /// How likely true.
    pub confidence: Confidence,
    /// What it does when it fires, after overrides.
    pub enforcement: Enforcement,
    /// What it looks for.
    pub detect: Detect,
    /// What people read about it.
    pub text: RuleDoc,
}

/// What a rule looks for.
#[derive(Debug, Clone)]
pub enum Detect {
    /// Bytes of a file.
    Text,
    /// One credential.
    Credential(When),
    /// One identity, or each item of one of its lists.
    Identity {
        /// The list; `None` judges the identity as a whole.
        each: Option<Each>,
        /// The condition.
        when: When,
    },
    /// A raw document.
    Document {
        /// Dialects whose documents are judged; empty: every file, by path and change.
        dialects: Vec<String>,
        /// The condition.
        when: When,
    },
}

/// What people read about a rule.
#[derive(Debug, Clone)]
pub struct RuleDoc {
    /// Framework ids.
    pub maps: Vec<String>,
    /// Texts it finds.
    pub examples: Vec<ExampleSyntax>,
    /// Texts no rule finds.
    pub look_alikes: Vec<ExampleSyntax>,
    /// Rules that find its examples too.
    pub also: Vec<String>,
}

impl Rule {
    /// Turns `syntax` into a rule of `family`.
    pub fn new(syntax: RuleSyntax, family: Family, _origin: &str) -> Result<Self, (String, String)> {
        let default =
            if syntax.severity >= Severity::High { Enforcement::Block } else { Enforcement::Advise };
        Ok(Self {
            id: RuleId(syntax.id),
            family,
            title: syntax.title,
            severity: syntax.severity,
            confidence: syntax.confidence.unwrap_or(Confidence::Medium),
            enforcement: syntax.enforcement.unwrap_or(default),
            detect: match syntax.detect {
                DetectSyntax::Text(_) => Detect::Text,
                DetectSyntax::Credential(credential) => {
                    Detect::Credential(When::credential(&credential.when))
                }
                DetectSyntax::Identity(identity) => Detect::Identity {
                    each: identity.each,
                    when: When::identity(&identity.when, identity.each),
                },
                DetectSyntax::Document(document) => {
                    Detect::Document { dialects: document.dialects, when: When::document(&document.when) }
                }
            },
            text: RuleDoc {
                maps: syntax.maps,
                examples: syntax.examples,
                look_alikes: syntax.look_alikes,
                also: syntax.also,
            },
        })
    }
}
