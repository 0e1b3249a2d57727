//! How long credentials may live, by kind and environment.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::identity::{Credential, CredentialKind};
use crate::text::time::Length;

/// `limits.max_lifetime` of a policy.
///
/// ```text
/// max_lifetime:
///   default: 90d
///   jwt: 1h
///   prod: { jwt: 15m, default: 30d }       what is declared for this environment
/// ```
///
/// The first that is there counts: the kind in the environment, the default of the environment, the kind, the
/// default, what is built in. Kinds are the words that rules see (`kube_bound_token`, `x509`, ...), also with `-`;
/// `kubernetes-token` stands for both kinds of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Syntax>")]
pub struct Lifetimes {
    everywhere: ByKind,
    environments: BTreeMap<String, ByKind>,
}

/// Built-in limits: the longest that the public web takes for a certificate (CA/Browser Forum, Ballot SC-31, read
/// 2026-11-21), a day for a URL that is signed to be used at once, a month for a shared access signature.
const BUILT_IN: [(CredentialKind, Length); 3] = [
    (CredentialKind::X509, Length::days(398)),
    (CredentialKind::PresignedUrl, Length::days(1)),
    (CredentialKind::Sas, Length::days(30)),
];

const ENVIRONMENTS: [&str; 4] = ["dev", "test", "stage", "prod"];

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct ByKind {
    kinds: Vec<(CredentialKind, Length)>,
    default: Option<Length>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Syntax {
    Length(Length),
    ByKind(BTreeMap<String, Length>),
}

impl Lifetimes {
    /// The limit for a credential of `kind` in `environment`; `None` where nothing says one.
    pub fn of(&self, kind: CredentialKind, environment: &str) -> Option<Length> {
        let built_in = BUILT_IN.iter().find(|(known, _)| *known == kind).map(|(_, length)| *length);
        let there = self.environments.get(environment).and_then(|limits| limits.of(kind));
        there.or_else(|| self.everywhere.of(kind)).or(built_in)
    }

    /// Tells `credential` its limit.
    pub fn set(&self, credential: &mut Credential, environment: &str) {
        credential.limit = self.of(credential.kind, environment).map_or(-1, |length| length.0 / 1000);
    }
}

impl ByKind {
    fn of(&self, kind: CredentialKind) -> Option<Length> {
        self.kinds.iter().find(|(known, _)| *known == kind).map(|(_, length)| *length).or(self.default)
    }

    fn add(&mut self, name: &str, length: Length) -> Result<(), String> {
        let word = name.replace('-', "_");
        match word.as_str() {
            "default" => self.default = Some(length),
            "kubernetes_token" => self.kinds.extend(
                [CredentialKind::KubeBoundToken, CredentialKind::KubeLegacyToken].map(|kind| (kind, length)),
            ),
            _ => {
                let kind = CredentialKind::from_word(&word)
                    .ok_or_else(|| format!("`{name}` is no kind of credential, environment or `default`"))?;
                self.kinds.push((kind, length));
            }
        }
        Ok(())
    }
}

impl TryFrom<BTreeMap<String, Syntax>> for Lifetimes {
    type Error = String;

    fn try_from(syntax: BTreeMap<String, Syntax>) -> Result<Self, String> {
        let mut lifetimes = Self::default();
        for (name, value) in syntax {
            match value {
                Syntax::Length(length) => lifetimes.everywhere.add(&name, length)?,
                Syntax::ByKind(kinds) if ENVIRONMENTS.contains(&name.as_str()) => {
                    let own = lifetimes.environments.entry(name).or_default();
                    kinds.iter().try_for_each(|(kind, length)| own.add(kind, *length))?;
                }
                Syntax::ByKind(_) => {
                    return Err(format!("`{name}` is no environment: known are {}", ENVIRONMENTS.join(", ")));
                }
            }
        }
        Ok(lifetimes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Lifetimes, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_nearest_limit_counts() {
        let limits =
            read("{ default: 90d, jwt: 1h, kubernetes-token: 24h, prod: { jwt: 15m, default: 30d } }")
                .unwrap();
        for (kind, environment, expected) in [
            (CredentialKind::Jwt, "unknown", Some(Length::seconds(3600))),
            (CredentialKind::Jwt, "prod", Some(Length::seconds(900))),
            (CredentialKind::KubeLegacyToken, "dev", Some(Length::days(1))),
            (CredentialKind::StaticKey, "prod", Some(Length::days(30))),
            (CredentialKind::X509, "dev", Some(Length::days(90))),
        ] {
            assert_eq!(limits.of(kind, environment), expected, "{kind:?} in {environment}");
        }
        let none = read("{}").unwrap();
        assert_eq!(none.of(CredentialKind::Jwt, "prod"), None);
        assert_eq!(none.of(CredentialKind::X509, "prod"), Some(Length::days(398)));
    }

    #[test]
    fn a_word_that_means_nothing_is_an_error() {
        for (text, part) in [
            ("{ jtw: 1h }", "`jtw` is no kind"),
            ("{ production: { jwt: 1h } }", "`production` is no environment"),
            ("{ prod: { jtw: 1h } }", "`jtw` is no kind"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
