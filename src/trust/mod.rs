//! What is believed: read from the trust commit, never from the head.
//!
//! ```text
//! .tollgate/policy.yml      thresholds, pipelines, overrides      ─┐
//! .tollgate/rules/*.yml     the repository's own rules             │ one digest over all of it
//! .tollgate/signers         who may sign                           │
//! .tollgate/signers.toml    person and class behind each principal │
//! .tollgate/revoked         exceptions and keys that are void     ─┘
//! .tollgate/policy.sig      signatures over that digest
//! ```

/// Which trust root is in force.
pub mod activation;
/// Which commit is trusted, and how it is read.
pub mod commit;

use std::collections::BTreeSet;

pub use commit::{CommitError, CommitFiles, Entry, History, TrustReader, WorkTree};

use crate::exception::Ulid;
use crate::signing::{Signers, SignersError};
use crate::text::hash;

/// The folder everything is read from.
pub const FOLDER: &str = ".tollgate";

/// Policies as text, signers and revocations of one commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustRoot {
    /// Full id of the commit; empty for the work tree, which guards nobody.
    pub commit: String,
    /// `.tollgate/policy.yml`, where there is one.
    pub policy: Option<TrustedFile>,
    /// `.tollgate/rules/*.yml`, by path.
    pub rules: Vec<TrustedFile>,
    /// Who may sign, without the keys that are revoked.
    pub signers: Signers,
    /// Ids of exceptions that are revoked.
    pub revoked: BTreeSet<String>,
    /// `sha256:` digest over paths and bytes of everything read; what `policy@tollgate` signs.
    pub digest: String,
    /// `.tollgate/policy.sig` as text; empty where there is none.
    pub signatures: String,
}

/// A file of the trust commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrustedFile {
    /// Path relative to the root of the repository.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why there is nothing to believe.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file of the trust commit cannot be read.
    #[error("`{path}` cannot be read: {cause}")]
    Read {
        /// Path relative to the root.
        path: String,
        /// Why not.
        cause: String,
    },
    /// A file is larger than any honest one.
    #[error("`{path}` has more than {MAX_FILE} bytes")]
    TooLarge {
        /// Path relative to the root.
        path: String,
    },
    /// The signers cannot be read.
    #[error("{}:{}: {}", .0.file, .0.line, .0.cause)]
    Signers(#[from] SignersError),
    /// A line of `revoked` is neither an exception nor a key.
    #[error(
        "{FOLDER}/revoked:{line}: `{text}` is neither the id of an exception nor the fingerprint of a key"
    )]
    Revoked {
        /// Line, from 1.
        line: usize,
        /// What stands there, made safe.
        text: String,
    },
    /// No commit can be trusted.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// The most bytes a trusted file may have.
pub const MAX_FILE: usize = 4 * 1024 * 1024;

impl TrustRoot {
    /// Reads everything that is believed from one commit.
    ///
    /// # Errors
    ///
    /// Anything that is there and cannot be read or understood. A missing file is no error: without
    /// signers nobody may sign, without a policy the built-in one holds.
    pub fn read(reader: &dyn TrustReader) -> Result<Self, TrustError> {
        let mut all = Vec::new();
        let policy = take(reader, "policy.yml", &mut all)?;
        let mut names: Vec<String> =
            reader.list(&format!("{FOLDER}/rules"))?.into_iter().filter(|name| is_rules(name)).collect();
        names.sort();
        let mut rules = Vec::new();
        for name in names {
            rules.extend(take(reader, &format!("rules/{name}"), &mut all)?);
        }
        let signers = take(reader, "signers", &mut all)?;
        let people = take(reader, "signers.toml", &mut all)?;
        let (revoked, keys) = match take(reader, "revoked", &mut all)? {
            Some(file) => parse_revoked(&file.bytes)?,
            None => Default::default(),
        };
        let people = people.as_ref().map(|file| (file.path.as_str(), file.bytes.as_slice()));
        let path = format!("{FOLDER}/signers");
        let bytes = signers.as_ref().map(|file| file.bytes.as_slice()).unwrap_or_default();
        let signers = Signers::parse((&path, bytes), people)?.without(keys);
        let digest = digest_of(&all);
        let signatures = take(reader, "policy.sig", &mut Vec::new())?;
        let signatures = signatures.map(|file| String::from_utf8_lossy(&file.bytes).into_owned());
        let signatures = signatures.unwrap_or_default();
        Ok(Self { commit: reader.commit(), policy, rules, signers, revoked, digest, signatures })
    }

    /// The same with files that the policy extends: they are believed too, so the digest is over them as well.
    #[must_use]
    pub fn extended_by(mut self, files: &[TrustedFile]) -> Self {
        if !files.is_empty() {
            let own = TrustedFile { path: String::new(), bytes: self.digest.clone().into_bytes() };
            self.digest = digest_of(&[std::slice::from_ref(&own), files].concat());
        }
        self
    }
}

impl TrustError {
    /// What to do about it; empty where the message says it all.
    pub fn help(&self) -> String {
        match self {
            Self::Signers(error) => error.help.clone(),
            Self::Revoked { .. } => {
                "write one id or one `SHA256:...` on each line; `#` begins a comment".to_owned()
            }
            Self::Commit(error) => error.help(),
            Self::TooLarge { .. } => format!("nothing of this size belongs in `{FOLDER}/`; move it away"),
            Self::Read { .. } => String::new(),
        }
    }
}

fn take(
    reader: &dyn TrustReader,
    name: &str,
    all: &mut Vec<TrustedFile>,
) -> Result<Option<TrustedFile>, TrustError> {
    let path = format!("{FOLDER}/{name}");
    let Some(bytes) = reader.blob(&path)? else { return Ok(None) };
    if bytes.len() > MAX_FILE {
        return Err(TrustError::TooLarge { path });
    }
    let file = TrustedFile { path, bytes };
    all.push(file.clone());
    Ok(Some(file))
}

fn is_rules(name: &str) -> bool {
    !name.contains('/') && name.rsplit_once('.').is_some_and(|(_, last)| last == "yml" || last == "yaml")
}

/// Ids of exceptions, and fingerprints of keys.
fn parse_revoked(bytes: &[u8]) -> Result<(BTreeSet<String>, BTreeSet<String>), TrustError> {
    let text = String::from_utf8_lossy(bytes);
    let (mut ids, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for (index, line) in text.lines().enumerate() {
        let word = line.split('#').next().unwrap_or_default().trim();
        if word.is_empty() {
            continue;
        }
        let is_key = word.strip_prefix("SHA256:").is_some_and(|rest| rest.len() == 43);
        if is_key {
            keys.insert(word.to_owned());
        } else if Ulid::parse(word).is_some() {
            ids.insert(word.to_owned());
        } else {
            let text = crate::text::safe::terminal(word);
            return Err(TrustError::Revoked { line: index + 1, text });
        }
    }
    Ok((ids, keys))
}

fn digest_of(files: &[TrustedFile]) -> String {
    let mut files: Vec<&TrustedFile> = files.iter().collect();
    files.sort();
    let parts: Vec<&[u8]> =
        files.iter().flat_map(|file| [file.path.as_bytes(), file.bytes.as_slice()]).collect();
    format!("sha256:{}", hash::hex(&hash::sha256_parts("tollgate-trust-v1", &parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> Result<TrustRoot, TrustError> {
        let entries =
            files.iter().map(|(path, text)| ((*path).to_owned(), Entry::File(text.as_bytes().to_vec())));
        TrustRoot::read(&CommitFiles::new(&"c".repeat(40), entries))
    }

    const KEY: &str = "dana namespaces=\"a@t\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n";

    #[test]
    fn everything_believed_comes_out_of_one_commit_under_one_digest() {
        let files = [
            (".tollgate/policy.yml", "version: 1\n"),
            (".tollgate/rules/b.yml", "rules: []\n"),
            (".tollgate/rules/a.yml", "rules: []\n"),
            (".tollgate/rules/README.md", "no rule"),
            (".tollgate/signers", KEY),
            (".tollgate/revoked", "# void\n01JDQ4R5M3K8ZV6T2XW9YABCDE\n"),
        ];
        let read = root(&files).unwrap();
        assert_eq!(read.commit, "c".repeat(40));
        assert_eq!(read.policy.as_ref().map(|file| file.path.as_str()), Some(".tollgate/policy.yml"));
        let rules: Vec<&str> = read.rules.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(rules, [".tollgate/rules/a.yml", ".tollgate/rules/b.yml"]);
        assert_eq!((read.signers.all().len(), read.revoked.len()), (1, 1));
        for index in [0, 1, 4, 5] {
            let fewer: Vec<_> =
                files.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, file)| *file).collect();
            assert_ne!(root(&fewer).unwrap().digest, read.digest, "without {}", files[index].0);
        }
    }

    #[test]
    fn a_commit_with_nothing_in_it_trusts_nobody() {
        let read = root(&[]).unwrap();
        assert!(read.signers.all().is_empty() && read.policy.is_none() && read.revoked.is_empty());
    }

    #[test]
    fn a_revoked_key_signs_nothing_any_more() {
        let plain = root(&[(".tollgate/signers", KEY)]).unwrap();
        let key = plain.signers.all()[0].key.clone();
        let read = root(&[(".tollgate/signers", KEY), (".tollgate/revoked", &key.fingerprint())]).unwrap();
        let now = crate::text::time::Timestamp(0);
        assert!(plain.signers.who(&key, "a@t", now).is_ok());
        assert_eq!(read.signers.who(&key, "a@t", now).unwrap_err().code(), "revoked");
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_and_never_left_out() {
        let error = root(&[(".tollgate/signers", "dana ssh-ed25519 AAAA")]).unwrap_err();
        assert!(error.to_string().starts_with(".tollgate/signers:1: "), "{error}");
        let error = root(&[(".tollgate/revoked", "\nnonsense")]).unwrap_err();
        assert!(error.to_string().starts_with(".tollgate/revoked:2: `nonsense`"), "{error}");
        assert!(!error.help().is_empty());
        let toml = "[principals.x]\nperson = \"y\"";
        assert!(root(&[(".tollgate/signers.toml", toml)]).is_err(), "a person without a key is a slip");
        let link = (".tollgate/policy.yml".to_owned(), Entry::Other("a symbolic link".to_owned()));
        assert!(TrustRoot::read(&CommitFiles::new("c", [link])).is_err());
    }
}
