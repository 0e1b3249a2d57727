//! `.tollgate/policy.yml`: thresholds, pipelines, overrides. Every field optional, unknown ones are errors.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::lifetimes::Lifetimes;
use super::limits::ExceptionLimits;
use crate::finding::{Enforcement, Severity};
use crate::text::time::Length;

/// All a policy file can say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Version of the format: 1.
    pub version: Option<u32>,
    /// `builtin`, or rule files of this repository.
    pub extends: Option<Vec<String>>,
    /// Name the organisation chose; the first part of the ledger's origin.
    pub organisation: Option<String>,
    /// Names for pipelines; the first match wins.
    #[serde(default)]
    pub pipelines: Vec<PipelineSettings>,
    /// Which environments are production.
    #[serde(default)]
    pub environments: Environments,
    /// URL of the ledger.
    pub ledger: Option<String>,
    /// Severities in the headline rate.
    pub critical: Option<Vec<Severity>>,
    /// Target, maturity and abandonment for the rate.
    #[serde(default)]
    pub rate: RateSettings,
    /// What each severity does when a rule of it fires.
    #[serde(default)]
    pub enforce: BTreeMap<Severity, Enforcement>,
    /// Whether coverage gaps keep the gate shut at `merge` and `deploy`.
    pub gaps: Option<Enforcement>,
    /// Limits of reading.
    #[serde(default)]
    pub limits: Limits,
    /// Quorums and lifetimes of exceptions.
    #[serde(default)]
    pub exceptions: ExceptionLimits,
    /// Paths that are left out, listed in every outcome.
    #[serde(default)]
    pub paths: Paths,
    /// What a new policy needs to come into force.
    #[serde(default)]
    pub trust: TrustSettings,
    /// `sha256:` digests of the tollgate binaries that may write records; any where none is listed.
    #[serde(default)]
    pub tools: BTreeSet<String>,
    /// Overrides by rule id; one that matches nothing is an error.
    #[serde(default)]
    pub rules: Vec<Override>,
}

/// A name for pipelines that match.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineSettings {
    /// What must match.
    #[serde(rename = "match")]
    pub when: PipelineMatch,
    /// The name in records and rates.
    pub name: String,
    /// Product line.
    pub product: Option<String>,
    /// Team that owns it.
    pub team: Option<String>,
}

/// Globs over what CI tells; all that are given must match.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineMatch {
    /// Over the repository's `owner/name`.
    pub repo: Option<String>,
    /// Over the derived pipeline name.
    pub workflow: Option<String>,
}

/// Which environments are production.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environments {
    /// Names; `production`, `prod` and `live` when left out.
    pub production: Option<Vec<String>>,
}

/// Target, maturity and abandonment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateSettings {
    /// The rate that was agreed on, 0 to 1.
    pub target: Option<f64>,
    /// How long after its end a window is provisional; 90 days when left out.
    pub maturity: Option<Length>,
    /// After how long without a run a change counts as abandoned; 30 days when left out.
    pub abandoned_after: Option<Length>,
}

/// What a new policy needs to come into force.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustSettings {
    /// How many persons must sign it, of those this one lists for `policy@tollgate`; 2 when left out, and never more
    /// than there are.
    pub quorum: Option<u32>,
}

/// Limits of reading.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Longest life of a credential by kind; `default` for the rest.
    #[serde(default)]
    pub max_lifetime: Lifetimes,
    /// The most bytes of one file, such as `64MiB`.
    pub file_bytes: Option<Size>,
}

/// A number of bytes, written `64MiB`, `10KiB` or `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Paths that are left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// Globs; `*` stays within one folder, `**` does not.
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// A change to one rule.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Which rule.
    pub id: String,
    /// What it does when it fires.
    pub enforcement: Option<Enforcement>,
    /// How bad it is here.
    pub severity: Option<Severity>,
    /// False takes the rule out.
    pub enabled: Option<bool>,
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl serde::de::Visitor<'_> for Either {
            type Value = Size;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a number of bytes such as `64MiB`")
            }

            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Size, E> {
                Size::parse(text)
                    .ok_or_else(|| E::custom(format!("`{text}` is not a number of bytes such as `64MiB`")))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Size {
    /// Reads `64MiB`, `10KiB`, `1GiB` or `4096`.
    pub fn parse(text: &str) -> Option<Self> {
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("B", 0), ("", 0)];
        let (digits, shift) =
            units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))?;
        digits.trim().parse::<u64>().ok()?.checked_mul(1 << shift).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [("64MiB", 64 << 20), ("10 KiB", 10 << 10), ("4096", 4096), ("7B", 7)] {
            assert_eq!(Size::parse(text), Some(Size(bytes)), "{text}");
        }
        assert!(Size::parse("64MB").is_none() && Size::parse("-1").is_none());
    }
}
