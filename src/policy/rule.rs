//! A rule after checking.

use std::borrow::Cow;
use std::sync::OnceLock;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;

use super::pack::Stored;
use super::pattern::Pattern;
use super::syntax::{
    ChecksumSyntax, DetectSyntax, Each, ExampleSyntax, LifetimeSyntax, RuleSyntax, TextSyntax, ValueSyntax,
};
use super::when::{Sees, When};
use crate::finding::{Confidence, Enforcement, Family, RuleId, Severity};

/// A rule that can be run.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// What it is about.
    pub family: Family,
    /// Names the bad thing.
    pub title: Cow<'static, str>,
    /// How bad if true.
    pub severity: Severity,
    /// How likely true.
    pub confidence: Confidence,
    /// What it does when it fires, after overrides.
    pub enforcement: Enforcement,
    /// What it looks for.
    pub detect: Detect,
    /// What people read about it.
    pub text: Stored<RuleDoc>,
    /// The file it comes from, `policies/secrets/github.yml` or `.tollgate/rules/x.yml`.
    pub origin: Cow<'static, str>,
    /// The policy file that changed its enforcement or severity; empty when none did.
    pub overridden_by: String,
}

/// What a rule looks for.
#[derive(Debug, Clone)]
pub enum Detect {
    /// Bytes of a file.
    Text(Stored<TextRule>),
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

/// A pattern and what must hold around it.
#[derive(Debug, Clone)]
pub struct TextRule {
    /// Lower-case literals of which one stands in or near every match.
    pub keywords: Vec<String>,
    /// The pattern; its group `secret` is never shown.
    pub pattern: Pattern,
    /// What must stand right behind a keyword for the pattern to be tried there.
    pub then: Option<Pattern>,
    /// Least entropy of the secret in bits per byte.
    pub entropy: Option<f64>,
    /// Check digits or inner structure.
    pub checksum: Option<ChecksumSyntax>,
    /// A second pattern within so many lines.
    pub near: Option<(Pattern, usize)>,
    /// Paths it looks at; `None` is every path.
    pub paths: Option<GlobSet>,
    /// Lower-case words that say the secret is none.
    pub stop: Vec<String>,
    /// The decoder that tells what the secret says about itself.
    pub facts: Option<String>,
    /// Whether the value is judged by context and randomness.
    pub generic: bool,
    /// What the value must look like on its own.
    pub value: Option<ValueSyntax>,
    at_name: OnceLock<bool>,
}

/// What people read about a rule.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDoc {
    /// What an attacker gains.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// Where the format is written down, and when it was read.
    pub source: String,
    /// Framework ids.
    #[serde(default)]
    pub maps: Vec<String>,
    /// Texts it finds.
    #[serde(default)]
    pub examples: Vec<ExampleSyntax>,
    /// Texts no rule finds.
    #[serde(default)]
    pub look_alikes: Vec<ExampleSyntax>,
    /// Rules that find its examples too.
    #[serde(default)]
    pub also: Vec<String>,
    /// How long such a credential lives.
    pub lifetime: Option<LifetimeSyntax>,
    /// How such a credential is revoked.
    pub revoke: Option<String>,
}

impl Rule {
    /// Turns `syntax` into a rule of `family`; patterns and expressions are parsed at their first use.
    ///
    /// # Errors
    ///
    /// What is wrong, in words, and the words to look for in the file to find the place.
    pub fn new(syntax: RuleSyntax, family: Family, origin: &str) -> Result<Self, (String, String)> {
        let doc = RuleDoc {
            why: syntax.why,
            fix: syntax.fix,
            source: syntax.source,
            maps: syntax.maps,
            examples: syntax.examples,
            look_alikes: syntax.look_alikes,
            also: syntax.also,
            lifetime: syntax.lifetime,
            revoke: syntax.revoke,
        };
        let id = syntax.id.clone();
        let at = |message: String| (message, format!("id: {id}"));
        if !is_id(&id) {
            let message = format!("`{id}` is no rule id: ids are lower-case letters, digits and dashes");
            return Err(at(message));
        }
        let detect = Detect::new(syntax.detect).map_err(|message| at(format!("rule `{id}`: {message}")))?;
        Ok(Self {
            id: RuleId(syntax.id),
            family,
            title: syntax.title.into(),
            severity: syntax.severity,
            confidence: syntax.confidence.unwrap_or(Confidence::Medium),
            enforcement: syntax.enforcement.unwrap_or_else(|| usual(syntax.severity)),
            detect,
            text: doc.into(),
            origin: origin.to_owned().into(),
            overridden_by: String::new(),
        })
    }

    /// The kind of its `detect:` part, as written there.
    pub const fn kind(&self) -> &'static str {
        match self.detect {
            Detect::Text(_) => "text",
            Detect::Credential(_) => "credential",
            Detect::Identity { .. } => "identity",
            Detect::Document { .. } => "document",
        }
    }

    /// Its text pattern, for rules of that kind.
    pub fn text_rule(&self) -> Option<&TextRule> {
        match &self.detect {
            Detect::Text(rule) => Some(rule),
            _ => None,
        }
    }

    /// The keywords of its text pattern, without reading the rest of a built-in rule; none for rules of other kinds.
    pub fn keywords(&self) -> Vec<&str> {
        match &self.detect {
            Detect::Text(rule) => rule.keywords(),
            _ => Vec::new(),
        }
    }
}

/// What a rule does that says nothing of it.
pub(super) fn usual(severity: Severity) -> Enforcement {
    if severity >= Severity::High { Enforcement::Block } else { Enforcement::Advise }
}

impl Detect {
    /// The family of a repository's own rule that names none.
    pub const fn default_family(syntax: &DetectSyntax) -> Family {
        match syntax {
            DetectSyntax::Text(_) => Family::Secret,
            DetectSyntax::Credential(_) => Family::Lifetime,
            DetectSyntax::Identity(_) | DetectSyntax::Document(_) => Family::Privilege,
        }
    }

    pub(super) fn new(syntax: DetectSyntax) -> Result<Self, String> {
        Ok(match syntax {
            DetectSyntax::Text(text) => Self::Text(TextRule::new(*text)?.into()),
            DetectSyntax::Credential(credential) => {
                Self::Credential(When::deferred(&credential.when, Sees::Credential))
            }
            DetectSyntax::Identity(identity) => Self::Identity {
                each: identity.each,
                when: When::deferred(&identity.when, Sees::Identity(identity.each)),
            },
            DetectSyntax::Document(document) => Self::Document {
                dialects: document.dialects,
                when: When::deferred(&document.when, Sees::Document),
            },
        })
    }
}

impl TextRule {
    pub(super) fn new(syntax: TextSyntax) -> Result<Self, String> {
        let near = syntax.near.as_ref().map(|near| near.pattern.as_str());
        let keywords = super::literals::keywords(&syntax.keywords, &syntax.pattern, near)?;
        if !syntax.pattern.contains("?<secret>") && !syntax.pattern.contains("?P<secret>") {
            return Err("the pattern has no group named `secret`".to_owned());
        }
        Ok(Self {
            keywords,
            pattern: Pattern::new(&syntax.pattern),
            then: then(syntax.then)?,
            entropy: syntax.entropy,
            checksum: syntax.checksum,
            near: syntax.near.map(|near| (Pattern::new(&near.pattern), near.lines)),
            paths: globs(&syntax.paths)?,
            stop: syntax.stop.iter().map(|word| word.to_lowercase()).collect(),
            facts: syntax.facts,
            generic: syntax.generic,
            value: syntax.value,
            at_name: OnceLock::new(),
        })
    }

    /// One that cannot be run, so that there is no decision where it would be.
    pub(super) fn unusable() -> Self {
        Self {
            keywords: Vec::new(),
            pattern: Pattern::new("("),
            then: None,
            entropy: None,
            checksum: None,
            near: None,
            paths: None,
            stop: Vec::new(),
            facts: None,
            generic: false,
            value: None,
            at_name: OnceLock::new(),
        }
    }

    /// Whether a match begins where the name does that one of its keywords stands in, or one word before.
    pub fn is_at_name(&self) -> bool {
        *self.at_name.get_or_init(|| {
            let literals = super::literals::of_name(self.pattern.text()).unwrap_or_default();
            !literals.is_empty() && literals.iter().all(|one| self.keywords.contains(one))
        })
    }
}

/// The pattern behind a keyword, which must be anchored there.
fn then(pattern: Option<String>) -> Result<Option<Pattern>, String> {
    match pattern {
        Some(text) if !text.contains('^') => Err("`then` does not begin with `^`".to_owned()),
        text => Ok(text.map(|text| Pattern::new(&text))),
    }
}

/// Compiles globs in which `*` stays within one folder and `**` does not; `None` for an empty list.
pub fn globs(patterns: &[String]) -> Result<Option<GlobSet>, String> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build();
        set.add(glob.map_err(|error| format!("`{pattern}` is no path pattern: {}", error.kind()))?);
    }
    set.build().map(Some).map_err(|error| error.kind().to_string())
}

fn is_id(id: &str) -> bool {
    let letters = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    letters && !id.is_empty() && !id.starts_with('-') && !id.ends_with('-') && id.len() <= 80
}

/// Whether one glob is valid, for settings that keep the text.
pub fn is_glob(pattern: &str) -> bool {
    Glob::new(pattern).is_ok()
}
