//! Signed, dated permission.
//!
//! ```text
//! files ─> Unverified ─(size, signature, namespace, signer, then the JSON)─> Exception ─ covers ─> Permit
//! ```
//!
//! Nothing here reads a clock, a file or a policy: limits arrive as [`Terms`], time as an argument.

/// Who may approve what, how many must, who is excluded.
pub mod approval;
/// What was there before the gate was.
pub mod baseline;
/// At which instant to decide.
pub mod clock;
/// The strict JSON document.
pub mod document;
/// From files to exceptions: the only way in.
pub mod verified;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use approval::{Authors, NAMESPACE, NAMESPACE_CRITICAL, Vote};
pub use baseline::{Baseline, BaselineDocument, NAMESPACE_BASELINE};
pub use clock::{Clock, decision_time};
pub use document::{Document, DocumentError, Ulid};
pub use verified::{Exceptions, RefusedDocument, Seen, Unverified};

use crate::finding::{Finding, Fingerprint};
use crate::pipeline::Stage;
use crate::text::time::{Length, Timestamp};
use document::{Commits, Named};

/// A document that at least one listed signer signed. Only [`verified`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    document: Document,
    path: String,
    bytes: Vec<u8>,
    votes: Vec<Vote>,
    noted: Vec<Refusal>,
}

/// What the policy in force asks of an exception for one finding: its tier, by the finding's severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Whether the finding is critical, so that approvals must be in the critical namespace.
    pub critical: bool,
    /// How many distinct persons must approve; 0 counts as 1.
    pub quorum: u32,
    /// The longest time from `not_before` to `expires_at`.
    pub max_lifetime: Length,
    /// The most uses a document may grant; 0 asks for no bound.
    pub max_uses: u32,
    /// Whether each approval must come from a touched security key.
    pub require_touch: bool,
    /// Whether authors of the change are excluded.
    pub separation_of_duties: bool,
}

/// The run an exception is asked to hold for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Where the gate stands.
    pub stage: Stage,
    /// Origin of the ledger without the year.
    pub ledger: String,
    /// Host of the repository.
    pub repo_host: String,
    /// The id of the repository that survives renaming.
    pub repo_id: String,
    /// The pipeline.
    pub pipeline: String,
    /// The environment that is deployed to; at `deploy`, none is refused.
    pub environment: Option<String>,
    /// The protected branch the change is meant for; none is refused but at `local`.
    pub base_branch: Option<String>,
    /// The commit under judgement; empty for a bare folder.
    pub commit: String,
    /// Everyone who had a hand in the change.
    pub authors: Authors,
    /// Whether the time of the decision can be relied on.
    pub clock: Clock,
    /// Ids of exceptions that an earlier run accepted when it knew the authors of the change they came with; here
    /// only whoever asked for them is excluded.
    pub vetted: BTreeSet<String>,
    /// How often each exception was used before, by id, as the ledger says.
    pub uses: BTreeMap<String, u32>,
    /// Ids of revoked exceptions, from the ledger and the trusted commit together.
    pub revoked: BTreeSet<String>,
    /// Ids of exceptions that somebody who may approve said no to before they were accepted.
    pub denied: BTreeSet<String>,
    /// What the newest baseline on record names; `None` while there is none on record.
    pub adopted: Option<BTreeSet<Fingerprint>>,
}

impl Context {
    /// Whether nobody ended the exception or baseline `id`, or said no to it.
    fn check_standing(&self, id: &str) -> Result<(), (Code, String)> {
        if self.revoked.contains(id) {
            return Err((Code::Revoked, "it was revoked".to_owned()));
        }
        if self.denied.contains(id) {
            return Err((Code::Denied, "somebody who may approve said no to it".to_owned()));
        }
        Ok(())
    }
}

/// The exception that let a finding through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permit {
    /// Id of the exception.
    pub exception: String,
    /// Path of its document, relative to the repository.
    pub path: String,
    /// Persons who approved.
    pub approvers: Vec<String>,
    /// The first instant it no longer holds.
    pub expires_at: Timestamp,
    /// The reason given; untrusted text.
    pub reason: String,
    /// Reason code, such as `false_positive`.
    pub code: String,
    /// Whether an approver is also an author, which `separation_of_duties: false` allows.
    pub self_approved: bool,
}

/// An exception that names a finding and does not cover it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Id of the exception, or the path of a document that has none.
    pub exception: String,
    /// One word: `unknown_signer`, `expired`, `self_approval`, `scope_repo`, ...
    pub code: String,
    /// The reason as a sentence without a full stop.
    pub reason: String,
}

/// Why an exception does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the words are the reasons themselves")]
pub enum Code {
    UnknownSigner,
    BadSignature,
    WrongNamespace,
    KeyExpired,
    SelfApproval,
    AgentApprover,
    NoTouch,
    Quorum,
    Expired,
    NotYetValid,
    TooLong,
    NoTrustedTime,
    ScopeRepo,
    ScopeLedger,
    ScopePipeline,
    ScopeEnvironment,
    ScopeBaseBranch,
    ScopeCommit,
    NamespaceTier,
    RuleMismatch,
    Fingerprint,
    Malformed,
    MaxUses,
    Revoked,
    Denied,
    Growth,
    ReviewDue,
}

impl Exception {
    /// What was signed.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Path of the document, as it was handed in.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The bytes that were signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The signatures that count for somebody, in the order of their files.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// Signature files of the same document that count for nobody, each with the reason.
    pub fn noted(&self) -> &[Refusal] {
        &self.noted
    }

    /// Whether the document names the fingerprint of `finding`, or its rule at its place.
    ///
    /// Only such exceptions are worth a word beside a finding that stays blocked.
    pub fn names(&self, finding: &Finding) -> bool {
        self.document.findings.iter().any(|named| {
            finding.goes_by(named.fp).is_some()
                || (named.rule == finding.rule && named.path == finding.location.path)
        })
    }

    /// Leave for `finding` in the run `context` describes, at the instant `now`, under `terms`.
    ///
    /// It holds while `not_before <= now < expires_at`. What the document says of severity or quorum is
    /// not asked.
    ///
    /// # Errors
    ///
    /// The first reason it does not hold: what it names, then where, then when, then who.
    pub fn covers(
        &self,
        finding: &Finding,
        context: &Context,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        let id = self.document.id.as_str();
        let refuse = |(code, reason): (Code, String)| Refusal::new(id, code, reason);
        self.check_name(finding).map_err(refuse)?;
        context.check_standing(id).map_err(refuse)?;
        self.check_scope(context).map_err(refuse)?;
        self.check_time(context.clock, terms, now).map_err(refuse)?;
        self.check_uses(context, terms).map_err(refuse)?;
        let mut authors = context.authors.clone();
        if context.vetted.contains(id) {
            authors.clear();
        }
        authors.add_name(&self.document.requested_by);
        let approval = approval::judge(&self.votes, &authors, terms).map_err(|(code, reason)| {
            let noted = self.noted.iter().map(|noted| noted.reason.as_str());
            let reason = std::iter::once(reason.as_str()).chain(noted).collect::<Vec<_>>().join("; ");
            refuse((code, reason))
        })?;
        Ok(Permit {
            exception: id.to_owned(),
            path: self.path.clone(),
            approvers: approval.persons,
            expires_at: self.document.expires_at,
            reason: self.document.reason.text.clone(),
            code: self.document.reason.code.clone(),
            self_approved: approval.self_approved,
        })
    }

    fn check_name(&self, finding: &Finding) -> Result<&Named, (Code, String)> {
        let named = self.document.findings.iter().find(|named| finding.goes_by(named.fp).is_some());
        match named {
            None => Err((
                Code::Fingerprint,
                format!(
                    "it does not name {}: another value or grant is another finding",
                    finding.fingerprint
                ),
            )),
            Some(named) if named.rule != finding.rule => {
                Err((Code::RuleMismatch, format!("it names rule `{}`, not `{}`", named.rule, finding.rule)))
            }
            Some(named) if finding.goes_by(named.fp) != Some(named.fp_alg) => Err((
                Code::Fingerprint,
                format!(
                    "it names a fingerprint made by `{}`, not `{}`",
                    named.fp_alg.word(),
                    finding.algorithm.word()
                ),
            )),
            Some(named) => Ok(named),
        }
    }

    fn check_scope(&self, context: &Context) -> Result<(), (Code, String)> {
        let (repo, scope) = (&self.document.repo, &self.document.scope);
        let only =
            |what: &str, named: &str, here: &str| format!("it holds for {what} `{named}`, not `{here}`");
        if self.document.ledger != context.ledger {
            return Err((Code::ScopeLedger, only("ledger", &self.document.ledger, &context.ledger)));
        }
        if repo.host != context.repo_host {
            return Err((Code::ScopeRepo, only("repository host", &repo.host, &context.repo_host)));
        }
        if repo.id != context.repo_id {
            return Err((Code::ScopeRepo, only("repository id", &repo.id, &context.repo_id)));
        }
        if !scope.pipelines.contains(&context.pipeline) {
            let named = scope.pipelines.join("`, `");
            return Err((Code::ScopePipeline, only("pipeline", &named, &context.pipeline)));
        }
        match &context.environment {
            None if context.stage != Stage::Deploy => {}
            Some(here) if scope.environments.contains(here) => {}
            here => {
                let named = scope.environments.join("`, `");
                let here = here.as_deref().unwrap_or("(unknown)");
                return Err((Code::ScopeEnvironment, only("environment", &named, here)));
            }
        }
        match &context.base_branch {
            None if context.stage == Stage::Local => {}
            Some(here) if *here == scope.base_branch => {}
            here => {
                let here = here.as_deref().unwrap_or("(unknown)");
                return Err((Code::ScopeBaseBranch, only("base branch", &scope.base_branch, here)));
            }
        }
        match &scope.commits {
            Commits::Exact(id) if *id != context.commit => {
                Err((Code::ScopeCommit, only("commit", id, &context.commit)))
            }
            Commits::Exact(_) | Commits::UntilFixed => Ok(()),
        }
    }

    fn check_time(&self, clock: Clock, terms: &Terms, now: Timestamp) -> Result<(), (Code, String)> {
        let (from, until) = (self.document.not_before, self.document.expires_at);
        if now < from {
            return Err((Code::NotYetValid, format!("it begins on {from}")));
        }
        if now >= until {
            return Err((Code::Expired, format!("it ended on {until}")));
        }
        let lifetime = until.since(from);
        if lifetime > terms.max_lifetime {
            let reason =
                format!("it holds for {lifetime}; the limit for this severity is {}", terms.max_lifetime);
            return Err((Code::TooLong, reason));
        }
        if terms.critical && clock == Clock::Doubtful {
            let reason = "no clock but this machine's vouches for the time, or they differ".to_owned();
            return Err((Code::NoTrustedTime, reason));
        }
        Ok(())
    }

    fn check_uses(&self, context: &Context, terms: &Terms) -> Result<(), (Code, String)> {
        let granted = self.document.max_uses;
        if terms.max_uses > 0 && (granted == 0 || granted > terms.max_uses) {
            let grants =
                if granted == 0 { "any number of uses".to_owned() } else { format!("{granted} uses") };
            let reason = format!("it grants {grants}; the limit for this severity is {}", terms.max_uses);
            return Err((Code::MaxUses, reason));
        }
        let used = context.uses.get(self.document.id.as_str()).copied().unwrap_or_default();
        if granted > 0 && used >= granted {
            return Err((Code::MaxUses, format!("its {granted} uses are spent")));
        }
        Ok(())
    }
}

impl Refusal {
    /// A refusal of the exception `exception` (an id or a path) for the reason `code`.
    pub fn new(exception: &str, code: Code, reason: String) -> Self {
        Self { exception: exception.to_owned(), code: code.word().to_owned(), reason }
    }
}

impl Code {
    /// The word reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnknownSigner => "unknown_signer",
            Self::BadSignature => "bad_signature",
            Self::WrongNamespace => "wrong_namespace",
            Self::KeyExpired => "key_expired",
            Self::SelfApproval => "self_approval",
            Self::AgentApprover => "agent_approver",
            Self::NoTouch => "no_touch",
            Self::Quorum => "quorum",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::TooLong => "too_long",
            Self::NoTrustedTime => "no_trusted_time",
            Self::ScopeRepo => "scope_repo",
            Self::ScopeLedger => "scope_ledger",
            Self::ScopePipeline => "scope_pipeline",
            Self::ScopeEnvironment => "scope_environment",
            Self::ScopeBaseBranch => "scope_base_branch",
            Self::ScopeCommit => "scope_commit",
            Self::NamespaceTier => "namespace_tier",
            Self::RuleMismatch => "rule_mismatch",
            Self::Fingerprint => "fingerprint",
            Self::Malformed => "malformed",
            Self::MaxUses => "max_uses",
            Self::Revoked => "revoked",
            Self::Denied => "denied",
            Self::Growth => "baseline_growth",
            Self::ReviewDue => "review_due",
        }
    }
}
