//! Facts that a value tells offline, without giving itself away.
//!
//! A rule names its decoder as data (`facts: aws-account`); no decoder knows a rule. A fact holds an
//! identifier, a name or a date, never a part that proves anything. Nothing is verified: a signature that
//! does not fit makes a fact wrong, and the credential useless with it.

/// Account, date and end of what AWS signs.
mod aws;
/// Keys and shared access signatures of Azure.
mod azure;
/// Certificates.
mod certificate;
/// Bot tokens of Discord.
mod discord;
/// Routable tokens of GitLab.
mod gitlab;
/// Signed URLs of Google Cloud.
mod google;
/// Reference tokens of JFrog.
mod jfrog;
/// Tokens that carry a JSON object: Grafana, Sentry, JSON web tokens.
mod json;
/// Private keys.
mod key;
/// Macaroons of PyPI and Fly.io.
mod macaroon;

use crate::text::time::Timestamp;

/// What a decoder is given.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The secret.
    pub secret: &'a [u8],
    /// All that the pattern matched.
    pub around: &'a [u8],
}

/// What a value says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Facts for people, such as `account 029608264753`.
    pub facts: Vec<String>,
    /// When it ceases to work, where it says so itself and nobody can change that without breaking it.
    pub ends: Option<Timestamp>,
}

/// Reads what a value says of itself.
type Decoder = fn(Seen<'_>) -> Option<Said>;

/// The names a rule may give as `facts`, each with its decoder.
const DECODERS: [(&str, Decoder); 18] = [
    ("aws-account", aws::account),
    ("aws-bedrock", aws::bedrock),
    ("aws-bedrock-session", aws::bedrock_session),
    ("aws-presigned", aws::presigned),
    ("azure-cask", azure::cask),
    ("azure-sas", azure::sas),
    ("discord-bot", discord::bot),
    ("fly-macaroon", macaroon::fly),
    ("gitlab-routable", gitlab::routable),
    ("google-signed", google::signed),
    ("grafana-cloud", json::grafana_cloud),
    ("jfrog-reference", jfrog::reference),
    ("jwt", json::web_token),
    ("private-key", key::private),
    ("pypi-macaroon", macaroon::pypi),
    ("sentry-organisation", json::sentry_organisation),
    ("ssh-certificate", certificate::ssh),
    ("x509-validity", certificate::x509),
];

/// Whether a rule may name `decoder`.
pub fn known(decoder: &str) -> bool {
    DECODERS.iter().any(|(name, _)| *name == decoder)
}

/// What `decoder` reads; nothing when there is nothing to read.
pub fn read(decoder: &str, seen: Seen<'_>) -> Said {
    let decoder = DECODERS.iter().find(|(name, _)| *name == decoder);
    decoder.and_then(|(_, read)| read(seen)).unwrap_or_default()
}

impl Said {
    /// Facts without an end.
    #[expect(clippy::unnecessary_wraps, reason = "what a decoder gives back")]
    fn of(facts: impl IntoIterator<Item = String>) -> Option<Self> {
        Some(Self { facts: facts.into_iter().collect(), ends: None })
    }

    /// The facts as of `now`, the end among them, and whether it has passed: what ends now has ended.
    pub fn at(self, now: Timestamp) -> (Vec<String>, bool) {
        let mut facts = self.facts;
        let ended = self.ends.is_some_and(|end| end <= now);
        facts.extend(
            self.ends.map(|end| format!("{} {}", if ended { "expired" } else { "expires" }, end.date())),
        );
        (facts, ended)
    }
}

/// A short identifier or number; anything else is not shown.
fn plain(text: &str) -> Option<String> {
    named(text, b"-_. ")
}

/// A short text of letters, digits and `others`; anything else is not shown.
fn named(text: &str, others: &[u8]) -> Option<String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    (!text.is_empty() && text.len() <= 80 && text.bytes().all(fine)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
