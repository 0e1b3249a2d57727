//! From files to exceptions: the only way in.
//!
//! The order is the defence: size, signature, namespace, signer, verification, and only then the JSON
//! of the very bytes that were verified. No byte of an unsigned document decides anything.

use std::collections::BTreeMap;

use super::approval::{NAMESPACE, NAMESPACE_CRITICAL};
use super::baseline::{Baseline, is_baseline};
use super::document::{Document, MAX_DOCUMENT, Ulid};
use super::{Code, Exception, Refusal, Vote};
use crate::finding::Fingerprint;
use crate::signing::{Signature, SignerRefusal, Signers};
use crate::text::hash;
use crate::text::time::Timestamp;

/// The most signature files looked at for one document.
pub const MAX_SIGNATURES: usize = 50;

/// A document and its signatures as files: nothing of it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    id: Ulid,
    path: String,
    bytes: Vec<u8>,
    signatures: Vec<(String, Vec<u8>)>,
}

/// When and where the ledger took a signature in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Index of the record that holds it.
    pub index: u64,
    /// Time of that record.
    pub at: Timestamp,
}

/// A document that is no exception, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedDocument {
    /// Why.
    pub refusal: Refusal,
    /// Fingerprints it names, where it can be read at all: a hint under which finding to show the
    /// refusal, and nothing else, since nobody vouches for it.
    pub named: Vec<Fingerprint>,
}

/// All that the files of a run hold: exceptions, and documents that are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exceptions {
    accepted: Vec<Exception>,
    refused: Vec<RefusedDocument>,
    baseline: Option<Baseline>,
}

impl Unverified {
    /// The id its file name gives.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Groups `files` (path, bytes) into documents with their signatures, in the order of their paths.
    ///
    /// Taken are `<id>.json`, `<id>.json.<n>.sig` and `<id>.json.sig` of any folder. Files that end in
    /// neither `.json` nor `.sig` are not for us, nor is the baseline; any other name is refused.
    pub fn collect(files: &[(String, Vec<u8>)]) -> (Vec<Self>, Vec<RefusedDocument>) {
        let mut documents: BTreeMap<&str, Self> = BTreeMap::new();
        let mut refused = Vec::new();
        let mut files: Vec<&(String, Vec<u8>)> =
            files.iter().filter(|(path, _)| !is_baseline(path)).collect();
        files.sort();
        for (path, bytes) in files.iter().filter(|(path, _)| ends_with(path, "json")) {
            let Some(id) = id_of(path) else {
                refused.push(malformed(path, "its name is not an id of 26 digits and `.json`"));
                continue;
            };
            let document = Self { id, path: path.clone(), bytes: bytes.clone(), signatures: Vec::new() };
            if documents.insert(path.as_str(), document).is_some() {
                refused.push(malformed(path, "two documents have this path"));
            }
        }
        for (path, bytes) in files.iter().filter(|(path, _)| ends_with(path, "sig")) {
            match document_of(path).and_then(|document| documents.get_mut(document)) {
                Some(document) => document.signatures.push((path.clone(), bytes.clone())),
                None => refused.push(malformed(path, "there is no document of its name beside it")),
            }
        }
        let twice: Vec<String> =
            refused.iter().map(|refused: &RefusedDocument| refused.refusal.exception.clone()).collect();
        let documents = documents.into_values().filter(|document| !twice.contains(&document.path)).collect();
        (documents, refused)
    }

    /// Makes an exception of it if a listed signer signed these bytes for the right purpose.
    ///
    /// A key is judged at the instant `seen` gives for the digest ([`signature_digest`]) of its signature,
    /// which is when the ledger took it in; without one, at `now`. A date inside the document is never asked.
    ///
    /// Signatures that do not count are noted beside those that do, so that nobody can spoil an
    /// exception by adding a file.
    pub fn verify(
        self,
        signers: &Signers,
        seen: &BTreeMap<String, Seen>,
        now: Timestamp,
    ) -> Result<Exception, RefusedDocument> {
        if self.bytes.len() > MAX_DOCUMENT {
            return Err(self.refuse(Code::Malformed, format!("it has more than {MAX_DOCUMENT} bytes")));
        }
        if self.signatures.len() > MAX_SIGNATURES {
            return Err(self.refuse(Code::Malformed, format!("it has more than {MAX_SIGNATURES} signatures")));
        }
        let mut votes = Vec::new();
        let mut noted = Vec::new();
        for (path, armour) in &self.signatures {
            match vote(&self.bytes, armour, signers, seen, now, &[NAMESPACE, NAMESPACE_CRITICAL]) {
                Ok(vote) => votes.push(vote),
                Err((code, reason)) => noted.push((code, format!("`{path}`: {reason}"))),
            }
        }
        if votes.is_empty() {
            let (code, reason) =
                noted.into_iter().next().unwrap_or((Code::BadSignature, "it has no signature".to_owned()));
            return Err(self.refuse(code, reason));
        }
        let document = match Document::parse(&self.bytes) {
            Ok(document) if document.id == self.id => document,
            Ok(document) => {
                return Err(
                    self.refuse(Code::Malformed, format!("it says inside that it is `{}`", document.id))
                );
            }
            Err(error) => return Err(self.refuse(Code::Malformed, error.to_string())),
        };
        let noted =
            noted.into_iter().map(|(code, reason)| Refusal::new(self.id.as_str(), code, reason)).collect();
        Ok(Exception { document, path: self.path, bytes: self.bytes, votes, noted })
    }

    fn refuse(&self, code: Code, reason: String) -> RefusedDocument {
        let named = Document::parse(&self.bytes)
            .map(|document| document.findings.iter().map(|named| named.fp).collect())
            .unwrap_or_default();
        RefusedDocument { refusal: Refusal::new(self.id.as_str(), code, reason), named }
    }
}

impl Exceptions {
    /// Verifies every document among `files`; see [`Unverified::collect`] and [`Unverified::verify`].
    ///
    /// Two documents of one id are both refused.
    pub fn verify(
        files: &[(String, Vec<u8>)],
        signers: &Signers,
        seen: &BTreeMap<String, Seen>,
        now: Timestamp,
    ) -> Self {
        let (documents, mut refused) = Unverified::collect(files);
        let mut count: BTreeMap<Ulid, usize> = BTreeMap::new();
        for document in &documents {
            *count.entry(document.id.clone()).or_default() += 1;
        }
        let mut accepted = Vec::new();
        for document in documents {
            if count.get(&document.id).copied().unwrap_or_default() > 1 {
                refused.push(document.refuse(Code::Malformed, "two documents have this id".to_owned()));
                continue;
            }
            match document.verify(signers, seen, now) {
                Ok(exception) => accepted.push(exception),
                Err(refusal) => refused.push(refusal),
            }
        }
        accepted.sort_by(|left, right| left.document.id.cmp(&right.document.id));
        let baseline = match Baseline::verify(files, signers, seen, now) {
            Some(Ok(baseline)) => Some(baseline),
            Some(Err(refusal)) => {
                refused.push(refusal);
                None
            }
            None => None,
        };
        Self { accepted, refused, baseline }
    }

    /// What was there before the gate was.
    pub fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// The exceptions, by id.
    pub fn accepted(&self) -> &[Exception] {
        &self.accepted
    }

    /// The documents that are none.
    pub fn refused(&self) -> &[RefusedDocument] {
        &self.refused
    }
}

/// The digest by which a ledger remembers when it took a signature in: of the armour's exact bytes.
pub fn signature_digest(armour: &[u8]) -> String {
    hash::digest(armour)
}

/// The vote of a signature over `bytes` for one of `namespaces`, by whoever was good for it when the ledger took the
/// signature in.
pub(super) fn vote(
    bytes: &[u8],
    armour: &[u8],
    signers: &Signers,
    seen: &BTreeMap<String, Seen>,
    now: Timestamp,
    namespaces: &[&str],
) -> Result<Vote, (Code, String)> {
    let signature = Signature::parse(armour).map_err(|error| (Code::BadSignature, error.to_string()))?;
    let namespace = signature.namespace().to_owned();
    if !namespaces.contains(&namespace.as_str()) {
        let wanted = namespaces.first().copied().unwrap_or_default();
        return Err((Code::WrongNamespace, format!("it is signed for `{namespace}`, not for `{wanted}`")));
    }
    let seen = seen.get(&signature_digest(armour));
    let (at, index) = seen.map_or((now, None), |seen| (seen.at, Some(seen.index)));
    let signer = signers
        .who_by(signature.key(), &namespace, at, index)
        .map_err(|refusal| (signer_code(&refusal), refusal.to_string()))?;
    signature.verify(&namespace, bytes).map_err(|error| (Code::BadSignature, error.to_string()))?;
    Ok(Vote { signer: signer.clone(), namespace, touched: signature.touched(), armour: armour.to_vec() })
}

const fn signer_code(refusal: &SignerRefusal) -> Code {
    match refusal {
        SignerRefusal::Unknown { .. } => Code::UnknownSigner,
        SignerRefusal::Revoked { .. } => Code::Revoked,
        SignerRefusal::WrongNamespace { .. } => Code::WrongNamespace,
        SignerRefusal::NotYetValid { .. } => Code::NotYetValid,
        SignerRefusal::KeyExpired { .. } => Code::KeyExpired,
    }
}

fn malformed(path: &str, reason: &str) -> RefusedDocument {
    RefusedDocument { refusal: Refusal::new(path, Code::Malformed, reason.to_owned()), named: Vec::new() }
}

fn ends_with(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, last)| last == extension)
}

fn id_of(path: &str) -> Option<Ulid> {
    let name = path.rsplit('/').next().unwrap_or(path);
    Ulid::parse(name.strip_suffix(".json")?)
}

/// The path of the document a signature file belongs to.
pub(super) fn document_of(path: &str) -> Option<&str> {
    let rest = path.strip_suffix(".sig")?;
    if ends_with(rest, "json") {
        return Some(rest);
    }
    let (document, number) = rest.rsplit_once('.')?;
    let is_number =
        !number.is_empty() && number.len() <= 4 && number.bytes().all(|digit| digit.is_ascii_digit());
    (is_number && ends_with(document, "json")).then_some(document)
}
