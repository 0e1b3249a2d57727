//! The whole run: what is believed, what is there, what happens to it, and the record of it before the gate opens.
//!
//! An error anywhere is *no decision*, never a pass.

/// Whether what is believed is in force.
mod activation;
/// The baseline of an old repository, on record.
mod adoption;
/// What the ledger remembers that a decision depends on.
mod memory;
/// The records of what a run saw.
mod observed;
/// Changes of the gate's own files, on the machine where they are made.
mod own;
/// Commits that a hook would have stopped.
mod past;
/// The records of a run.
mod records;
/// What becomes of them where the ledger is out of reach.
mod spool;

use std::collections::BTreeMap;

use crate::decide::{Gaps, Ruling, decide};
use crate::detect::{self, DetectError, Scan, Setting};
use crate::exception;
use crate::finding::{Enforcement, Finding, Fingerprinter, Gap};
use crate::ledger::spool::Spooled;
use crate::ledger::{Ledger, LedgerError, Lineage, Receipt, Record};
use crate::outcome::{Coverage, Outcome, RuleText};
use crate::pipeline::{Run, Stage};
use crate::policy::Policies;
use crate::source::{Memo, Source};
use crate::text::time::Timestamp;
use crate::trust::TrustRoot;
use crate::trust::activation::{ActivationError, Former};
use activation::Activation;
use memory::Memory;

/// How often a decision is made anew because the ledger moved on in between.
const TRIES: usize = 8;

/// All that one run of the gate is made of.
pub struct Request<'a> {
    /// What is judged.
    pub source: &'a dyn Source,
    /// Where the gate stands.
    pub stage: Stage,
    /// The trip it judges.
    pub run: Run,
    /// The rules in force, from the trust root.
    pub policies: &'a Policies,
    /// What is believed.
    pub trust: &'a TrustRoot,
    /// Documents and signatures, by path; they prove themselves.
    pub exceptions: &'a [(String, Vec<u8>)],
    /// What an exception is asked to hold for; the ledger adds uses and revocations.
    pub context: exception::Context,
    /// Names what is found.
    pub fingerprinter: &'a Fingerprinter,
    /// What need not be searched again; only at the local stage is it asked.
    pub memo: Option<&'a Memo>,
    /// How many threads may work at once.
    pub threads: usize,
    /// Version of the tool, for the records.
    pub version: &'a str,
    /// `sha256:` digest of the tool, for the records; empty where it need not be told from others.
    pub tool_digest: &'a dyn Fn() -> String,
    /// `sha256:` digests of what is about to be deployed.
    pub artifacts: &'a [String],
    /// Id of the tree of the commit under judgement; empty when unknown.
    pub tree: String,
    /// Flags and variables that would have relaxed the gate.
    pub overrides_rejected: Vec<String>,
    /// Whether the ref under judgement is the protected branch.
    pub protected: bool,
    /// Whether the head under judgement contains a commit.
    pub contains: &'a dyn Fn(&str) -> bool,
    /// Whether the head under judgement came after a commit on the same ref: it contains it, or the ref was rewritten
    /// without it. A run that is late, or made again, did not.
    pub replaces: &'a dyn Fn(&str) -> bool,
    /// Reads the trust root that was in force before, from the commit it was read from then.
    pub former: &'a dyn Fn(&str) -> Option<Former>,
    /// The commit a change must be measured from, so that what it no longer holds is gone; empty when unknown.
    pub change_base: String,
    /// Keeps the records of a run whose ledger is out of reach, and why they are kept: where, or what was in the way.
    pub spool: &'a dyn Fn(Spooled) -> Result<String, String>,
}

impl Request<'_> {
    /// What every record of this run begins with, where it speaks of `run`.
    fn lineage(&self, origin: &str, run: &Run) -> Lineage {
        Lineage::new(origin, self.version, run, self.stage).by_tool(&(self.tool_digest)())
    }
}

/// Where the decision is recorded.
pub enum Recording<'a> {
    /// In this ledger, before the gate opens.
    In(&'a mut Ledger),
    /// Nowhere, for this reason; the outcome says so. Never at the deploy stage.
    Nowhere(String),
    /// In a ledger with this origin that could not be opened.
    OutOfReach(String, LedgerError),
}

/// Why there is no decision.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The source or a rule.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The policy of the trusted commit is not in force.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// At the deploy stage a pass exists only once it is recorded.
    #[error("nothing may be deployed without a ledger: {0}")]
    NoLedger(String),
    /// The same, with the records kept aside, or not.
    #[error("{why}; {kept}")]
    OutOfReach {
        /// What is wrong with the ledger.
        why: LedgerError,
        /// What became of the records.
        kept: String,
    },
}

/// Scans, decides and records.
///
/// # Errors
///
/// [`GateError`]: no decision; the gate stays shut and nothing may claim a pass.
pub fn run(request: &Request<'_>, recording: Recording<'_>, now: Timestamp) -> Result<Outcome, GateError> {
    if let (Stage::Deploy, Recording::Nowhere(reason)) = (request.stage, &recording) {
        return Err(GateError::NoLedger(reason.clone()));
    }
    let setting = Setting {
        policies: request.policies,
        fingerprinter: request.fingerprinter,
        now,
        threads: request.threads,
    };
    let memo = request.memo.filter(|_| request.stage == Stage::Local);
    let mut scan = detect::scan_with(request.source, setting, memo)?;
    let (identities, gaps) = detect::judge(&scan, setting)?;
    scan.gaps.extend(gaps);
    let mut findings = std::mem::take(&mut scan.findings);
    findings.extend(identities);
    findings = detect::overlap::one_voice(findings, request.policies);
    own::shown_locally(request.stage, &mut findings);
    findings.sort_by(|left, right| left.sort_key().cmp(&right.sort_key()));
    match recording {
        Recording::Nowhere(reason) => {
            let ruling = rule(request, &findings, &scan, &Memory::none(request), now);
            Ok(conclude(request, ruling, scan, Recorded::nowhere(reason), now))
        }
        Recording::OutOfReach(origin, why) => spool::keep(request, &origin, &findings, scan, why, now),
        Recording::In(ledger) => recorded(request, ledger, &findings, scan, now),
    }
}

/// Decides by what the ledger holds, and appends; anew if the ledger moved on so that the decision no longer holds.
fn recorded(
    request: &Request<'_>,
    ledger: &mut Ledger,
    findings: &[Finding],
    scan: Scan,
    now: Timestamp,
) -> Result<Outcome, GateError> {
    for _ in 0..TRIES {
        let (now, ruling, recorded) = match attempt(request, ledger, findings, &scan, now) {
            Ok(done) => done,
            Err(GateError::Ledger(LedgerError::Refused(_))) => continue,
            Err(GateError::Ledger(error)) if is_absence(&error) => {
                return spool::keep(request, ledger.origin(), findings, scan, error, now);
            }
            Err(error) => return Err(error),
        };
        return Ok(conclude(request, ruling, scan, recorded, now));
    }
    Err(LedgerError::Unavailable("other runs used the same exceptions every time".to_owned()).into())
}

/// Whether the store cannot be used, as on a fork; damage is another matter.
const fn is_absence(error: &LedgerError) -> bool {
    matches!(error, LedgerError::Unavailable(_) | LedgerError::Absent(_))
}

type Attempt = (Timestamp, Ruling, Recorded);

/// What became of the records of a run.
#[derive(Default)]
struct Recorded {
    receipts: Vec<Receipt>,
    /// Why there are none.
    nowhere: Option<String>,
    /// How the policy came into force.
    activation: String,
}

impl Recorded {
    fn nowhere(reason: String) -> Self {
        Self { nowhere: Some(reason), ..Self::default() }
    }
}

fn attempt(
    request: &Request<'_>,
    ledger: &mut Ledger,
    findings: &[Finding],
    scan: &Scan,
    now: Timestamp,
) -> Result<Attempt, GateError> {
    let memory = Memory::of(ledger, request, findings, scan, now)?;
    let (decided_at, _) = memory.decision_time(now);
    let activation = Activation::of(ledger, request, decided_at)?;
    let ruling = rule(request, findings, scan, &memory, now);
    let mut batch: Vec<Record> = activation.records.clone();
    batch.extend(records::of_run(request, ledger.origin(), scan, &ruling, &memory, decided_at));
    let receipts = ledger.append_with(&mut |prefix| {
        memory.still_holds(prefix, request, &ruling)?;
        activation.still_holds(prefix, request)?;
        Ok(batch.clone())
    })?;
    Ok((decided_at, ruling, Recorded { receipts, nowhere: None, activation: activation.told }))
}

fn rule(request: &Request<'_>, findings: &[Finding], scan: &Scan, memory: &Memory, now: Timestamp) -> Ruling {
    let mut context = request.context.clone();
    let (now, clock) = memory.decision_time(now);
    context.clock = clock;
    context.uses = memory.use_counts();
    if request.stage == Stage::Deploy {
        context.vetted.clone_from(&memory.vetted);
    }
    context.revoked.extend(request.trust.revoked.iter().cloned());
    context.revoked.extend(memory.revoked.iter().cloned());
    let limits = &request.policies.settings.exceptions;
    context.adopted = memory.adopted.as_ref().map(|adopted| adopted.findings.clone());
    context.vetted.extend(memory.adopted.iter().map(|adopted| adopted.id.clone()));
    context.denied.extend(memory.denied.iter().cloned());
    let exceptions = memory.exceptions(request, now);
    decide(findings.to_vec(), &exceptions, &context, limits, gaps_of(request, scan), now)
}

fn gaps_of(request: &Request<'_>, scan: &Scan) -> Gaps {
    match (scan.gaps.is_empty(), gaps_block(request)) {
        (true, _) => Gaps::None,
        (false, true) => Gaps::Block,
        (false, false) => Gaps::Shown,
    }
}

fn gaps_block(request: &Request<'_>) -> bool {
    request.stage != Stage::Local && request.policies.settings.gaps != Some(Enforcement::Advise)
}

fn conclude(
    request: &Request<'_>,
    ruling: Ruling,
    scan: Scan,
    recorded: Recorded,
    now: Timestamp,
) -> Outcome {
    let rules = texts(request.policies, &ruling);
    let past_hook = past::past_hook(request.stage, &ruling, &scan);
    let mut gaps: Vec<Gap> = scan.gaps;
    gaps.sort();
    gaps.dedup();
    Outcome {
        stage: request.stage,
        verdict: ruling.verdict,
        decided_at: now,
        run: request.run.clone(),
        decisions: ruling.decisions,
        gaps,
        gaps_block: gaps_block(request),
        coverage: Coverage {
            files: scan.files,
            bytes: scan.bytes,
            excluded: scan.extent.excluded,
            suppressions_ignored: scan.suppressions,
            digest: scan.digest,
            history: scan.extent.sifted.map(|sifted| sifted.blobs),
            past_hook,
        },
        receipts: recorded.receipts,
        unrecorded: recorded.nowhere,
        activation: recorded.activation,
        policy_digest: request.policies.digest.clone(),
        trust_commit: request.trust.commit.clone(),
        overrides_rejected: request.overrides_rejected.clone(),
        rules,
    }
}

/// The text of each rule that has a decision, by id.
fn texts(policies: &Policies, ruling: &Ruling) -> Vec<RuleText> {
    let mut texts: BTreeMap<&str, RuleText> = BTreeMap::new();
    for decision in &ruling.decisions {
        let Some(rule) = policies.rule(&decision.finding.rule.0) else { continue };
        texts.entry(&rule.id.0).or_insert_with(|| RuleText {
            id: rule.id.0.clone(),
            title: rule.title.to_string(),
            why: rule.text.why.trim().to_owned(),
            fix: rule.text.fix.trim().to_owned(),
            source: rule.text.source.clone(),
            maps: rule.text.maps.clone(),
            revoke: rule.text.revoke.clone().unwrap_or_default(),
        });
    }
    texts.into_values().collect()
}
