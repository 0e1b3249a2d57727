//! All that a run concluded.

use serde::{Deserialize, Serialize};

use crate::decide::{Action, Decision, Verdict};
use crate::finding::Gap;
pub use crate::ledger::Receipt;
use crate::pipeline::{Run, Stage};
use crate::text::time::Timestamp;

/// All that a run concluded. Reports are made from it and from nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Where the gate stood.
    pub stage: Stage,
    /// Its one word.
    pub verdict: Verdict,
    /// When it decided.
    pub decided_at: Timestamp,
    /// The trip it decided on.
    pub run: Run,
    /// What happened to each finding, in the order of [`crate::finding::Finding::sort_key`].
    pub decisions: Vec<Decision>,
    /// What was in scope and not read in full, sorted.
    pub gaps: Vec<Gap>,
    /// Whether gaps keep the gate shut at this stage.
    pub gaps_block: bool,
    /// What was read.
    pub coverage: Coverage,
    /// Where each record went; empty when nothing was recorded.
    pub receipts: Vec<Receipt>,
    /// Why nothing was recorded, where that is so.
    pub unrecorded: Option<String>,
    /// How the policy came into force, in words, where it did with this run; else empty.
    pub activation: String,
    /// `sha256:` digest of the policy in force.
    pub policy_digest: String,
    /// The commit policy and signers came from; empty when they came from the work tree.
    pub trust_commit: String,
    /// Flags and variables that would have relaxed the gate and were ignored.
    pub overrides_rejected: Vec<String>,
    /// The text of each rule that has a decision, by id, sorted.
    pub rules: Vec<RuleText>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// Files or blobs read in full.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Globs of the policy that kept something out.
    pub excluded: Vec<String>,
    /// Inline allow comments and ignore files of other tools that were seen and not obeyed.
    pub suppressions_ignored: u64,
    /// Digest over the ids of everything read, so that another run can be compared.
    pub digest: String,
    /// How many of `files` are contents of the history, judged by their text alone; absent where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<u64>,
    /// The commits of the change that hold what the hook stops: it was bypassed, or is not installed there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub past_hook: Vec<String>,
}

/// What reports say about a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// Id of the rule.
    pub id: String,
    /// Names the bad thing.
    pub title: String,
    /// What an attacker gains.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// Where the format is written down.
    pub source: String,
    /// Framework ids.
    pub maps: Vec<String>,
    /// How such a credential is revoked; empty when not said.
    pub revoke: String,
}

impl Outcome {
    /// How many decisions have `action`.
    pub fn count(&self, action: Action) -> usize {
        self.decisions.iter().filter(|decision| decision.action == action).count()
    }

    /// The text of the rule with `id`.
    pub fn rule(&self, id: &str) -> Option<&RuleText> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The index of the record that holds the decision on `fingerprint`.
    pub fn record_of(&self, fingerprint: &str) -> Option<u64> {
        let observed = |receipt: &&Receipt| receipt.kind == "observed" && receipt.fingerprint == fingerprint;
        self.receipts.iter().find(observed).map(|receipt| receipt.index)
    }
}
