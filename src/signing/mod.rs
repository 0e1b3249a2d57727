//! Signatures, shared by exceptions, records and seals.
//!
//! ```text
//! key file ──┐                        signers, signers.toml
//! ssh-agent ─┴─> armour ─> Signature ─> verify ─> Signers::who ─> person, class
//! ```
//!
//! A signature holds no time. Whoever asks [`signers::Signers::who`] says at which instant the key must
//! be valid, and that instant comes from the ledger, never from a document or a commit.

/// Keys that an ssh-agent holds.
pub mod agent;
/// Public keys, and secret keys in files.
pub mod key;
/// Texts that several keys sign, such as the seals of a ledger.
pub mod note;
/// Who may sign what, from when to when.
pub mod signers;
/// OpenSSH signatures and their namespaces.
pub mod sshsig;

pub use agent::Agent;
pub use key::{Key, KeyFile};
pub use note::{Note, NoteKey, NoteSigner, Statement};
pub use signers::{Class, Signer, SignerRefusal, Signers, SignersError};
pub use sshsig::Signature;

/// Why a signature cannot be read, made or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// Not the armour that `ssh-keygen -Y sign` writes.
    #[error("this is not an OpenSSH signature: {0}")]
    Armour(String),
    /// The armour is right and what it holds is not.
    #[error("the signature is malformed: {0}")]
    Format(String),
    /// A key we do not take.
    #[error("`{0}` keys are not accepted; use ed25519, ecdsa on nistp256, or either on a security key")]
    KeyKind(String),
    /// No signed note.
    #[error("this is no signed note: {0}")]
    Note(String),
    /// No key of a signed note.
    #[error("this is no key of a seal or a witness: {0}")]
    NoteKey(String),
    /// Made for another purpose.
    #[error("the signature is for `{found}`, not for `{wanted}`")]
    Namespace {
        /// What the signature says.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// It does not belong to these bytes.
    #[error("the signature does not match the signed bytes")]
    Mismatch,
    /// A key file that is not what it should be.
    #[error("`{path}` cannot be used to sign: {cause}")]
    KeyFile {
        /// As the user wrote it.
        path: String,
        /// Why not.
        cause: String,
        /// What to do.
        help: String,
    },
    /// The agent does not answer as it should.
    #[error("the ssh-agent at `{socket}` {cause}")]
    Agent {
        /// Path of its socket.
        socket: String,
        /// What it did.
        cause: String,
    },
}

impl SigningError {
    /// What to do about it; empty where nothing is better than the message.
    pub fn help(&self) -> String {
        match self {
            Self::KeyFile { help, .. } => help.clone(),
            Self::Agent { .. } => {
                "start one with `eval \"$(ssh-agent)\"`, load a key with `ssh-add`, or name a key file"
                    .to_owned()
            }
            Self::Armour(_) => "sign again with `tollgate except approve` or `ssh-keygen -Y sign`".to_owned(),
            Self::KeyKind(_) => "make one with `ssh-keygen -t ed25519`".to_owned(),
            Self::Namespace { wanted, .. } => format!("sign with `ssh-keygen -Y sign -n {wanted}`"),
            Self::NoteKey(_) => "`tollgate ledger seal` prints the key it signs with".to_owned(),
            Self::Format(_) | Self::Mismatch | Self::Note(_) => String::new(),
        }
    }
}
