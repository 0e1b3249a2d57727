//! What proves an identity, with issue and end.

use serde::{Deserialize, Serialize};

use crate::finding::Location;

/// What proves an identity. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// What kind of text or object it is.
    pub kind: CredentialKind,
    /// A name for people and for the fingerprint of a declared credential; never the value.
    pub name: String,
    /// Who issued it, as it says itself; empty when unknown.
    pub issuer: String,
    /// Whom it speaks for, as it says itself; empty when unknown.
    pub subject: String,
    /// For whom it is meant; empty when it does not say.
    pub audience: String,
    /// Signature algorithm as it says itself; empty when it has none.
    pub algorithm: String,
    /// Seconds since 1970 when it was issued; -1 when unknown.
    pub issued: i64,
    /// Seconds since 1970 when it ends; -1 when it does not say or never does.
    pub expires: i64,
    /// Whether it ends.
    pub life: Life,
    /// From issue to end in seconds where `life` is `bounded` and both are known; -1 otherwise.
    pub lifetime: i64,
    /// From now to its end in seconds, negative once it has ended; 0 where `expires` is -1.
    pub remaining: i64,
    /// The longest life the policy allows it, in seconds; -1 where it says nothing. Set before rules are asked.
    pub limit: i64,
    /// Where it is kept.
    pub storage: Storage,
    /// Where it stands.
    #[serde(skip)]
    pub place: Location,
}

/// What kind of text or object a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are those of the platforms")]
pub enum CredentialKind {
    StaticKey,
    Password,
    Pat,
    SaKeyFile,
    X509,
    Jwt,
    KubeLegacyToken,
    KubeBoundToken,
    OidcFederated,
    StsSession,
    VaultToken,
    VaultSecretId,
    AppInstallationToken,
    OauthClientSecret,
    ApiKey,
    SshKey,
    Sas,
    PresignedUrl,
}

/// Whether a credential ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// It says when it ends.
    Bounded,
    /// It never ends.
    Never,
    /// Nothing says whether it ends.
    Unknown,
}

/// Where a credential is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// In the tree, in the clear.
    Literal,
    /// A reference to a variable.
    Environment,
    /// A secret manager, a CI secret store or a keyring.
    SecretManager,
    /// Exchanged for a proof of identity; nothing is kept.
    Federated,
}

impl Credential {
    /// A credential of which only this is known.
    pub fn unknown(kind: CredentialKind, name: &str, storage: Storage, place: Location) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            issuer: String::new(),
            subject: String::new(),
            audience: String::new(),
            algorithm: String::new(),
            issued: -1,
            expires: -1,
            life: Life::Unknown,
            lifetime: -1,
            remaining: 0,
            limit: -1,
            storage,
            place,
        }
    }
}

impl CredentialKind {
    /// The kind that rules and policies write as `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        use serde::de::IntoDeserializer as _;
        let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
        Self::deserialize(text).ok()
    }
}
