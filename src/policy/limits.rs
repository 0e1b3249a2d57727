//! How strictly: enforcement, lifetimes, quorums and budgets. Here the part about exceptions.

use serde::Deserialize;

use crate::finding::Severity;
use crate::text::time::Length;

/// `exceptions:` of a policy.
///
/// ```text
/// exceptions:
///   separation_of_duties: true
///   tiers:
///     critical: { quorum: 2, max_lifetime: 7d, max_uses: 1, require_touch: true }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExceptionLimits {
    /// Whether whoever made the change may not approve for it.
    pub separation_of_duties: bool,
    /// What each severity asks for.
    pub tiers: Tiers,
}

/// A tier for each severity; what a policy leaves out keeps its default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, from = "TiersSyntax")]
pub struct Tiers {
    /// 7 days.
    pub critical: Tier,
    /// 30 days.
    pub high: Tier,
    /// 90 days.
    pub medium: Tier,
    /// 180 days.
    pub low: Tier,
    /// 180 days.
    pub info: Tier,
}

/// What an exception for a finding of one severity needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// How many distinct persons must approve, at least 1.
    pub quorum: u32,
    /// The longest time from `not_before` to `expires_at`.
    pub max_lifetime: Length,
    /// The most uses a document may grant; 0 asks for none, so a time-bound document will do.
    pub max_uses: u32,
    /// Whether each approval must come from a security key that was touched.
    pub require_touch: bool,
}

impl ExceptionLimits {
    /// What a finding of `severity` needs.
    pub const fn tier(&self, severity: Severity) -> &Tier {
        match severity {
            Severity::Critical => &self.tiers.critical,
            Severity::High => &self.tiers.high,
            Severity::Medium => &self.tiers.medium,
            Severity::Low => &self.tiers.low,
            Severity::Info => &self.tiers.info,
        }
    }
}

impl Default for ExceptionLimits {
    fn default() -> Self {
        Self { separation_of_duties: true, tiers: Tiers::default() }
    }
}

impl Default for Tiers {
    fn default() -> Self {
        let of =
            |days| Tier { quorum: 1, max_lifetime: Length::days(days), max_uses: 0, require_touch: false };
        Self { critical: of(7), high: of(30), medium: of(90), low: of(180), info: of(180) }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct TiersSyntax {
    critical: TierSyntax,
    high: TierSyntax,
    medium: TierSyntax,
    low: TierSyntax,
    info: TierSyntax,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct TierSyntax {
    #[serde(deserialize_with = "at_least_one")]
    quorum: Option<u32>,
    #[serde(deserialize_with = "positive")]
    max_lifetime: Option<Length>,
    max_uses: Option<u32>,
    require_touch: Option<bool>,
}

impl From<TiersSyntax> for Tiers {
    fn from(syntax: TiersSyntax) -> Self {
        let usual = Self::default();
        Self {
            critical: syntax.critical.over(usual.critical),
            high: syntax.high.over(usual.high),
            medium: syntax.medium.over(usual.medium),
            low: syntax.low.over(usual.low),
            info: syntax.info.over(usual.info),
        }
    }
}

impl TierSyntax {
    fn over(self, usual: Tier) -> Tier {
        Tier {
            quorum: self.quorum.unwrap_or(usual.quorum),
            max_lifetime: self.max_lifetime.unwrap_or(usual.max_lifetime),
            max_uses: self.max_uses.unwrap_or(usual.max_uses),
            require_touch: self.require_touch.unwrap_or(usual.require_touch),
        }
    }
}

fn at_least_one<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(serde::de::Error::custom("a quorum of 0 would need no approval; the least is 1")),
        number => Ok(Some(number)),
    }
}

fn positive<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Length>, D::Error> {
    match Length::deserialize(deserializer)? {
        Length(0) => Err(serde::de::Error::custom("a lifetime of 0 would refuse every exception")),
        length => Ok(Some(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_design() {
        let limits = ExceptionLimits::default();
        assert!(limits.separation_of_duties);
        for (severity, days) in Severity::ALL.into_iter().zip([7, 30, 90, 180, 180]) {
            let expected =
                Tier { quorum: 1, max_lifetime: Length::days(days), max_uses: 0, require_touch: false };
            assert_eq!(*limits.tier(severity), expected, "{severity:?}");
        }
    }

    #[test]
    fn a_policy_changes_what_it_names_and_nothing_else() {
        let text = "tiers: { critical: { quorum: 2, max_uses: 1 }, high: { max_lifetime: 14d } }";
        let limits: ExceptionLimits = serde_yaml::from_str(text).unwrap();
        assert!(limits.separation_of_duties);
        assert_eq!((limits.tiers.critical.quorum, limits.tiers.critical.max_lifetime), (2, Length::days(7)));
        assert_eq!((limits.tiers.high.quorum, limits.tiers.high.max_lifetime), (1, Length::days(14)));
        assert_eq!(limits.tiers.medium, Tiers::default().medium);
    }

    #[test]
    fn what_would_switch_a_guard_off_by_a_slip_is_an_error() {
        for text in [
            "tiers: { critical: { quorum: 0 } }",
            "tiers: { critical: { max_lifetime: 0 } }",
            "tiers: { critcal: { quorum: 1 } }",
            "tiers: { high: { quorums: 1 } }",
            "separation: false",
        ] {
            assert!(serde_yaml::from_str::<ExceptionLimits>(text).is_err(), "{text}");
        }
    }
}
