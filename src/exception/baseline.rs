//! The signed baseline of an old repository: what was there before the gate was, and no more.
//!
//! ```text
//! .tollgate/exceptions/baseline.json         each finding with an owner and the day somebody looks at it again
//! .tollgate/exceptions/baseline.json.1.sig   in namespace baseline@tollgate, by somebody else than the adopter
//! ```
//!
//! What it names is `inherit`ed: shown, open, and no fresh escape. It only shrinks: what the ledger did not take in
//! with the baseline before is not covered by the next one, however it is signed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::approval::{self, Approval};
use super::document::{
    DocumentError, Named, Repo, Ulid, check_findings, check_name, fault, pretty, strict, utc,
};
use super::verified::{self, RefusedDocument, Seen};
use super::{Code, Context, Permit, Refusal, Terms, Vote};
use crate::finding::{Finding, Fingerprint};
use crate::signing::Signers;
use crate::text::hash;
use crate::text::time::{Length, Timestamp};

/// Namespace of signatures over a baseline.
pub const NAMESPACE_BASELINE: &str = "baseline@tollgate";
/// The name of the file, in the folder of exceptions.
pub const FILE: &str = "baseline.json";
/// The most bytes a baseline may have.
pub const MAX_BASELINE: usize = 4 * 1024 * 1024;
/// The most findings a baseline may name.
pub const MAX_ITEMS: usize = 10_000;
/// The longest time from its writing until somebody must look at an item again.
pub const MAX_REVIEW: Length = Length::days(365);

/// Everything its signers put a name to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineDocument {
    /// Version of the format: 1.
    pub v: u32,
    /// Its name; each shrunken one has a name of its own.
    pub id: Ulid,
    /// Origin of the ledger without the year.
    pub ledger: String,
    /// The one repository it holds for.
    pub repo: Repo,
    /// Who wrote it, and so may not sign it.
    pub adopted_by: String,
    /// When it was written, as it says itself.
    #[serde(deserialize_with = "utc")]
    pub created_at: Timestamp,
    /// What it names, at most [`MAX_ITEMS`]; nothing at all is where it ends.
    pub items: Vec<Item>,
}

/// One finding that was there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The finding.
    pub finding: Named,
    /// Who answers for it.
    pub owner: String,
    /// The first instant it blocks again.
    #[serde(deserialize_with = "utc")]
    pub review_by: Timestamp,
}

/// A baseline that at least one listed signer signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    document: BaselineDocument,
    path: String,
    digest: String,
    votes: Vec<Vote>,
    places: BTreeMap<Fingerprint, usize>,
}

impl BaselineDocument {
    /// Reads `bytes` as a baseline.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let document: Self = strict(bytes, MAX_BASELINE)?;
        document.check()?;
        Ok(document)
    }

    /// The bytes to store and to sign.
    ///
    /// # Errors
    ///
    /// A document that [`Self::parse`] would not take back.
    pub fn encode(&self) -> Result<Vec<u8>, DocumentError> {
        let bytes = pretty(self)?;
        Self::parse(&bytes)?;
        Ok(bytes)
    }

    fn check(&self) -> Result<(), DocumentError> {
        if self.v != 1 {
            return Err(fault("v", "must be 1"));
        }
        check_name("ledger", &self.ledger)?;
        check_name("repo.host", &self.repo.host)?;
        check_name("repo.id", &self.repo.id)?;
        check_name("repo.name", &self.repo.name)?;
        check_name("adopted_by", &self.adopted_by)?;
        check_findings(self.items.iter().map(|item| &item.finding), MAX_ITEMS)?;
        for item in &self.items {
            check_name("items.owner", &item.owner)?;
            if item.review_by.since(self.created_at) > MAX_REVIEW {
                return Err(fault("items.review_by", "is more than a year after `created_at`"));
            }
        }
        Ok(())
    }
}

impl Baseline {
    /// The baseline among `files`, checked as an exception is: size, signature, namespace, signer, and only then the
    /// JSON of the bytes that were signed. `None` where there is none.
    pub fn verify(
        files: &[(String, Vec<u8>)],
        signers: &Signers,
        seen: &BTreeMap<String, Seen>,
        now: Timestamp,
    ) -> Option<Result<Self, RefusedDocument>> {
        let (path, bytes) = files.iter().find(|(path, _)| name_of(path) == FILE)?;
        let refuse = |code: Code, reason: String| {
            let items = BaselineDocument::parse(bytes).map(|document| document.items).unwrap_or_default();
            let named = items.iter().map(|item| item.finding.fp).collect();
            Err(RefusedDocument { refusal: Refusal::new(path, code, reason), named })
        };
        if bytes.len() > MAX_BASELINE {
            return Some(refuse(Code::Malformed, format!("it has more than {MAX_BASELINE} bytes")));
        }
        let armours = files.iter().filter(|(path, _)| is_baseline(path) && name_of(path) != FILE);
        let (mut votes, mut noted) = (Vec::new(), Vec::new());
        for (_, armour) in armours.take(verified::MAX_SIGNATURES) {
            match verified::vote(bytes, armour, signers, seen, now, &[NAMESPACE_BASELINE]) {
                Ok(vote) => votes.push(vote),
                Err(reason) => noted.push(reason),
            }
        }
        if votes.is_empty() {
            let none = (Code::BadSignature, "it has no signature".to_owned());
            let (code, reason) = noted.into_iter().next().unwrap_or(none);
            return Some(refuse(code, reason));
        }
        let document = match BaselineDocument::parse(bytes) {
            Ok(document) => document,
            Err(error) => return Some(refuse(Code::Malformed, error.to_string())),
        };
        let places = document.items.iter().enumerate().map(|(at, item)| (item.finding.fp, at)).collect();
        let (path, digest) = (path.clone(), hash::digest(bytes));
        Some(Ok(Self { document, path, digest, votes, places }))
    }

    /// What was signed.
    pub fn document(&self) -> &BaselineDocument {
        &self.document
    }

    /// `sha256:` digest of the bytes that were signed.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The signatures that count for somebody.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// The item that names the fingerprint of `finding`.
    pub fn item(&self, finding: &Finding) -> Option<&Item> {
        let place = finding.names().find_map(|(name, _)| self.places.get(&name))?;
        self.document.items.get(*place)
    }

    /// Who signed it and may, under what the policy asks of an exception of the same tier.
    ///
    /// # Errors
    ///
    /// The first reason, in words, why they are too few.
    pub fn judge(&self, context: &Context, terms: &Terms) -> Result<Approval, (Code, String)> {
        let mut authors = context.authors.clone();
        if context.vetted.contains(self.document.id.as_str()) {
            authors.clear();
        }
        authors.add_name(&self.document.adopted_by);
        // The tier of a baseline is its own namespace.
        approval::judge(&self.votes, &authors, &Terms { critical: false, ..*terms })
    }

    /// Leave for `finding`, which `item` of this baseline names, in the run `context` describes, at `now`.
    ///
    /// # Errors
    ///
    /// The first reason it does not hold.
    pub fn covers(
        &self,
        finding: &Finding,
        item: &Item,
        context: &Context,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        let id = self.document.id.as_str();
        let refuse = |(code, reason): (Code, String)| Refusal::new(id, code, reason);
        self.check(finding, item, context, now).map_err(refuse)?;
        let approval = self.judge(context, terms).map_err(refuse)?;
        Ok(Permit {
            exception: id.to_owned(),
            path: self.path.clone(),
            approvers: approval.persons,
            expires_at: item.review_by,
            reason: format!("it was there before the gate; {} answers for it", item.owner),
            code: "adopted".to_owned(),
            self_approved: approval.self_approved,
        })
    }

    fn check(
        &self,
        finding: &Finding,
        item: &Item,
        context: &Context,
        now: Timestamp,
    ) -> Result<(), (Code, String)> {
        let (named, document) = (&item.finding, &self.document);
        let only =
            |what: &str, named: &str, here: &str| format!("it holds for {what} `{named}`, not `{here}`");
        if named.rule != finding.rule {
            return Err((
                Code::RuleMismatch,
                format!("it names rule `{}`, not `{}`", named.rule, finding.rule),
            ));
        }
        if finding.goes_by(named.fp) != Some(named.fp_alg) {
            let (named, made) = (named.fp_alg.word(), finding.algorithm.word());
            return Err((
                Code::Fingerprint,
                format!("it names a fingerprint made by `{named}`, not `{made}`"),
            ));
        }
        context.check_standing(document.id.as_str())?;
        if document.ledger != context.ledger {
            return Err((Code::ScopeLedger, only("ledger", &document.ledger, &context.ledger)));
        }
        if document.repo.host != context.repo_host {
            return Err((Code::ScopeRepo, only("repository host", &document.repo.host, &context.repo_host)));
        }
        if document.repo.id != context.repo_id {
            return Err((Code::ScopeRepo, only("repository id", &document.repo.id, &context.repo_id)));
        }
        if context.adopted.as_ref().is_some_and(|adopted| !adopted.contains(&named.fp)) {
            let reason = "the baseline only shrinks, and the one on record does not name this".to_owned();
            return Err((Code::Growth, reason));
        }
        if now >= item.review_by {
            let owner = &item.owner;
            return Err((Code::ReviewDue, format!("{owner} was to look at it again by {}", item.review_by)));
        }
        Ok(())
    }
}

/// Whether the file at `path` is the baseline or a signature of it.
pub fn is_baseline(path: &str) -> bool {
    let name = name_of(path);
    name == FILE || (name.starts_with(FILE) && verified::document_of(name) == Some(FILE))
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
