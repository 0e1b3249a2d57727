//! Public keys, and secret keys in files.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};
use zeroize::Zeroizing;

use super::{Signature, SigningError};

/// A public key of a kind we accept: ed25519, ecdsa on nistp256, or either on a security key.
///
/// Two keys are equal when all their parts are; for security keys the application belongs to them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(KeyData);

/// A secret key out of an OpenSSH key file without passphrase.
pub struct KeyFile {
    secret: PrivateKey,
    public: Key,
    path: String,
}

impl Key {
    /// Takes `data` if it is of an accepted kind.
    pub(super) fn accept(data: KeyData) -> Result<Self, SigningError> {
        match data.algorithm() {
            Algorithm::Ed25519
            | Algorithm::SkEd25519
            | Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }
            | Algorithm::SkEcdsaSha2NistP256
                if !data.is_certificate() =>
            {
                Ok(Self(data))
            }
            other => Err(SigningError::KeyKind(other.as_str().to_owned())),
        }
    }

    /// Reads the two words of a public key: its type and its base64.
    ///
    /// # Errors
    ///
    /// Base64 that is not canonical, a type that is not the one inside, bytes behind the key, a kind we do not take.
    pub fn parse(kind: &str, base64: &str) -> Result<Self, SigningError> {
        let blob =
            STANDARD.decode(base64).map_err(|_| SigningError::Format("the key is not base64".to_owned()))?;
        let key = Self::from_blob(&blob)?;
        if key.kind() == kind {
            Ok(key)
        } else {
            Err(SigningError::Format(format!("the key says `{}` inside, not `{kind}`", key.kind())))
        }
    }

    /// Reads the wire form of a public key.
    pub fn from_blob(blob: &[u8]) -> Result<Self, SigningError> {
        let fault = |_| SigningError::Format("the key cannot be read".to_owned());
        let key = PublicKey::from_bytes(blob).map_err(fault)?;
        if key.to_bytes().map_err(fault)? != blob {
            return Err(SigningError::Format("the key is not written in its one form".to_owned()));
        }
        Self::accept(key.key_data().clone())
    }

    /// The wire form.
    pub fn blob(&self) -> Vec<u8> {
        PublicKey::new(self.0.clone(), "").to_bytes().unwrap_or_default()
    }

    /// The word OpenSSH uses for this kind, such as `ssh-ed25519`.
    pub fn kind(&self) -> String {
        self.0.algorithm().as_str().to_owned()
    }

    /// Type and base64, as a line of a signers file holds them.
    pub fn openssh(&self) -> String {
        format!("{} {}", self.kind(), STANDARD.encode(self.blob()))
    }

    /// `SHA256:<base64>`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Whether it lives on a security key, which can tell whether it was touched.
    pub fn is_hardware(&self) -> bool {
        matches!(self.0, KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_))
    }

    pub(super) fn data(&self) -> &KeyData {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.fingerprint())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.fingerprint())
    }
}

impl KeyFile {
    /// Reads the text of an OpenSSH key file; `path` is for messages only.
    ///
    /// # Errors
    ///
    /// Another format, a passphrase, a kind of key we do not take or that only its device can use.
    pub fn parse(text: &[u8], path: &str) -> Result<Self, SigningError> {
        let fault = |cause: &str, help: String| SigningError::KeyFile {
            path: path.to_owned(),
            cause: cause.to_owned(),
            help,
        };
        let into_agent = || format!("load it with `ssh-add {path}` and sign through the agent");
        if text.starts_with(b"ssh-") || text.starts_with(b"ecdsa-") || text.starts_with(b"sk-") {
            let help = "name the file without `.pub`, or sign through the agent".to_owned();
            return Err(fault("this is a public key", help));
        }
        let secret = PrivateKey::from_openssh(text).map_err(|_| {
            fault("this is not an OpenSSH key file", "make one with `ssh-keygen -t ed25519`".to_owned())
        })?;
        if secret.is_encrypted() {
            return Err(fault("it is protected by a passphrase", into_agent()));
        }
        let public = Key::accept(secret.public_key().key_data().clone())?;
        if public.is_hardware() {
            return Err(fault("the key is on a security key", into_agent()));
        }
        Ok(Self { secret, public, path: path.to_owned() })
    }

    /// The text of a new Ed25519 key file made of 32 random bytes.
    pub fn generate(seed: &[u8; 32], comment: &str) -> Result<Zeroizing<String>, SigningError> {
        let fault = |_| SigningError::KeyFile {
            path: comment.to_owned(),
            cause: "no key could be made".to_owned(),
            help: String::new(),
        };
        let pair = ssh_key::private::Ed25519Keypair::from_seed(seed);
        let private = PrivateKey::new(pair.into(), comment).map_err(fault)?;
        private.to_openssh(LineEnding::LF).map_err(fault)
    }

    /// The public half.
    pub fn key(&self) -> &Key {
        &self.public
    }

    /// The secret of an Ed25519 key, for signatures that are not OpenSSH's.
    pub(super) fn ed25519(&self) -> Result<ed25519_dalek::SigningKey, SigningError> {
        match self.secret.key_data().ed25519() {
            Some(pair) => Ok(ed25519_dalek::SigningKey::from_bytes(&pair.private.to_bytes())),
            None => Err(SigningError::KeyFile {
                path: self.path.clone(),
                cause: "seals and witnesses sign with Ed25519 alone".to_owned(),
                help: "make a key with `ssh-keygen -t ed25519`".to_owned(),
            }),
        }
    }

    /// Signs `message` for `namespace`; the same armour as `ssh-keygen -Y sign -n <namespace>` writes.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<Signature, SigningError> {
        let fault = |_| SigningError::KeyFile {
            path: self.path.clone(),
            cause: "signing failed".to_owned(),
            help: String::new(),
        };
        let made = SshSig::sign(&self.secret, namespace, HashAlg::Sha512, message).map_err(fault)?;
        let signature = Signature::accept(made)?;
        signature.verify(namespace, message)?;
        Ok(signature)
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyFile({})", self.public)
    }
}
