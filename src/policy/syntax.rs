//! A rule as it stands in YAML, field for field. Unknown fields are errors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Confidence, Enforcement, Family, Severity};
use crate::text::proof::{Construction, Terms};

/// One file of `policies/` or of `.tollgate/rules/`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// The rules, in any order.
    pub rules: Vec<RuleSyntax>,
}

/// One rule.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSyntax {
    /// Lower-case letters, digits and dashes; begins with the name of its file.
    pub id: String,
    /// Names the bad thing; reads well after "except".
    pub title: String,
    /// How bad if true.
    pub severity: Severity,
    /// Only in a repository's own rules; the folder says it for built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// How likely true; medium when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// Left out: critical and high block, the rest advise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<Enforcement>,
    /// What it looks for.
    #[serde(with = "serde_yaml::with::singleton_map")]
    #[schemars(with = "DetectSyntax")]
    pub detect: DetectSyntax,
    /// What an attacker gains.
    pub why: String,
    /// What to do, in the imperative.
    pub fix: String,
    /// Where the format is written down, and when it was read.
    pub source: String,
    /// Framework ids.
    #[serde(default)]
    pub maps: Vec<String>,
    /// Texts the rule finds, with `{alnum:32}` placeholders.
    #[serde(default)]
    pub examples: Vec<ExampleSyntax>,
    /// Texts no rule finds but those that `also` names.
    #[serde(default)]
    pub look_alikes: Vec<ExampleSyntax>,
    /// Other rules that find the examples too, and may find the look-alikes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// How long such a credential lives, as the provider documents it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<LifetimeSyntax>,
    /// How, and by whom, such a credential is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke: Option<String>,
}

/// What a rule looks for: exactly one kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum DetectSyntax {
    /// Bytes of a file.
    Text(Box<TextSyntax>),
    /// One credential read from text or a manifest.
    Credential(WhenSyntax),
    /// One identity with all its grants, tools and credentials.
    Identity(IdentitySyntax),
    /// A raw document.
    Document(DocumentSyntax),
}

/// How far behind a keyword `then` sees.
pub const THEN_BYTES: usize = 128;

/// A pattern and what must hold around it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSyntax {
    /// A regular expression over bytes with a group named `secret`; ASCII classes, no look-around.
    pub pattern: String,
    /// Literals of which one stands in every match, any case; taken from the pattern when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// What must stand right behind a keyword for the pattern to be tried there: a pattern over the next
    /// [`THEN_BYTES`] bytes that begins with `^`. It costs a tenth of the whole pattern where keywords are everyday words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// Least Shannon entropy of the secret in bits per byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f64>,
    /// Check digits or inner structure; what fails is no secret, and with check digits for no other rule either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<ChecksumSyntax>,
    /// A second pattern that must stand close by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<NearSyntax>,
    /// Globs of the paths the rule looks at; all when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Words that, inside the secret (any case), say it is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// A named decoder (`detect::facts`) that tells what the secret says about itself, such as `aws-account`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<String>,
    /// Whether the value is judged as a generic one: by context, randomness and known placeholders.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generic: bool,
    /// What the value must look like on its own, where the pattern says what it is: references, placeholders, hashes,
    /// expressions and plain words are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<ValueSyntax>,
}

/// What a value promises to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValueSyntax {
    /// Something a person may have chosen.
    Password,
    /// Something a machine made.
    Token,
}

/// A check that the text itself carries, by one of the constructions of [`crate::text::proof`].
///
/// ```text
/// { algorithm: crc32, over: body, against: check, encoding: base62 }       digits in a group of their own
/// { algorithm: marvin32-key, over: secret, seeds: [Default0] }             check bits inside one block
/// { algorithm: pem, over: secret, holds: plain }                           a structure that parses
/// ```
///
/// What fails is no secret, for any other rule either; what parses and does not hold what `holds` says is left
/// to other rules.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecksumSyntax {
    /// Name of the construction, such as `crc32`, `marvin32-key`, `bech32`, `jwt`, `pem`.
    pub algorithm: String,
    /// Name of the group that is checked; `secret` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// Name of the group that holds the check digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// `hex`, `hex-upper`, `base36`, `base62`, `base62-lower`, `base62-left`, `base66`, `base64`, `base32`: how the digits are
    /// written. A list where a vendor has written them in several ways.
    #[serde(default, deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Words")]
    pub encoding: Vec<String>,
    /// How the bytes are written that are summed or parsed: `base64`, `base64-url`, `base64-plain`; left out: as they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode: Option<String>,
    /// What the sum starts from, eight characters each: text for `marvin32`, hex digits for `azure-devops`. Several
    /// where a service has several kinds of key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<String>,
    /// What the inside holds: text that decoded bytes begin with or, after `*`, contain; the members of a JSON object;
    /// the location of a macaroon; `plain` or `encrypted` for a key; `endless` for an OpenSSH certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<String>,
    /// How many bytes the inside has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
}

impl ChecksumSyntax {
    /// The parameters, as the construction reads them.
    pub fn terms(&self) -> Terms<'_> {
        Terms {
            encodings: &self.encoding,
            decode: self.decode.as_deref(),
            seeds: &self.seeds,
            holds: self.holds.as_deref(),
            length: self.length,
        }
    }

    /// The construction, if there is one of that name.
    pub fn construction(&self) -> Option<&'static Construction> {
        Construction::named(&self.algorithm)
    }
}

/// One word, or a list of them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Words {
    One(String),
    More(Vec<String>),
}

fn words<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Words::deserialize(deserializer)? {
        Words::One(word) => vec![word],
        Words::More(words) => words,
    })
}

/// A second pattern within some lines of the first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NearSyntax {
    /// The second pattern.
    pub pattern: String,
    /// How many lines before and behind count; 0 is the same line. No more than 4 KiB each way are looked at.
    pub lines: usize,
}

/// A CEL expression.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenSyntax {
    /// True where the rule fires.
    pub when: String,
}

/// A CEL expression over an identity, or over each part of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentitySyntax {
    /// Which list the rule judges item by item (variables `grant`, `tool`, `credential`, `delegation`,
    /// `setting` beside `identity`); left out, it judges the identity as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<Each>,
    /// True where the rule fires.
    pub when: String,
}

/// A list of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of the lists")]
pub enum Each {
    Grants,
    Tools,
    Credentials,
    Delegation,
    Settings,
    Widened,
}

/// A CEL expression over a raw document.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentSyntax {
    /// Dialects whose documents are judged; empty: every file, by `path` and `change` alone.
    #[serde(default)]
    pub dialects: Vec<String>,
    /// True where the rule fires; sees `document`, `path` and `change`.
    pub when: String,
}

/// A text of an example, alone or with the path it stands at.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum ExampleSyntax {
    /// The text; its path is `example.txt`.
    Text(String),
    /// The text at a path.
    File {
        /// Path relative to the root.
        path: String,
        /// The whole file.
        text: String,
    },
    /// Several files of one tree, for rules that look across them.
    Files {
        /// All of them.
        files: Vec<FileSyntax>,
    },
}

/// A text at a path.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSyntax {
    /// Path relative to the root.
    pub path: String,
    /// The whole file.
    pub text: String,
    /// Whether it is as the base of the change has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub base: bool,
}

impl ExampleSyntax {
    /// Path and text of each file.
    pub fn files(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Text(text) => vec![("example.txt", text)],
            Self::File { path, text } => vec![(path, text)],
            Self::Files { files } => {
                files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect()
            }
        }
    }
}

/// How long such a credential lives.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifetimeSyntax {
    /// Whether and how it ends.
    pub class: LifetimeClass,
    /// The documented maximum, such as `366d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// When this was read, `2026-11-20`.
    pub date: String,
    /// Where it is documented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Whether and how a credential ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LifetimeClass {
    /// The provider sets no end.
    Never,
    /// The issuer may choose no end.
    Optional,
    /// The provider enforces a maximum.
    Bounded,
    /// It ends within about a day.
    Short,
}
