//! One constructor for each kind of record that a command writes. Each comes out with its id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::lineage::{Lineage, finish};
use super::record::{Kind, Record};
use crate::decide::{Action, Decision, Verdict};
use crate::finding::{Enforcement, Fingerprint, Severity};
use crate::text::time::Timestamp;

/// What a `run` record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts<'a> {
    /// How the run ended.
    pub verdict: Verdict,
    /// `sha256:` digest of the policy in force.
    pub policy_digest: &'a str,
    /// The commit the policy came from; empty for the work tree.
    pub policy_commit: &'a str,
    /// Files read in full.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// How many gaps.
    pub gaps: usize,
    /// Digest over the ids of everything read.
    pub coverage_digest: &'a str,
    /// Whether everything on the ref was in scope; else only a change.
    pub full_scope: bool,
    /// How many decisions of each action, in the order of [`Action::ALL`].
    pub counts: [usize; 4],
    /// `sha256:` digests of what would be deployed; none when unknown.
    pub artifacts: &'a [String],
    /// Id of the tree that was read; empty when unknown.
    pub tree: &'a str,
    /// Flags and variables that would have relaxed the gate and were ignored.
    pub overrides_rejected: &'a [String],
    /// Whether the policy forbids authors to approve.
    pub separation_of_duties: bool,
}

/// What an `exception.approved` record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval<'a> {
    /// Id of the exception.
    pub exception: &'a str,
    /// Fingerprints it names.
    pub findings: &'a [Fingerprint],
    /// Who asked for it.
    pub by: &'a str,
    /// The reason given.
    pub reason: &'a str,
    /// Persons who approved.
    pub approvers: &'a [String],
    /// Those of them who are not of the group that owns the risk, where that group is known.
    pub outside: Option<&'a [String]>,
    /// Whether its own author is among them.
    pub self_approved: bool,
    /// The document, byte for byte as signed.
    pub document: &'a [u8],
    /// The signatures over it, each as its SSHSIG armour.
    pub signatures: &'a [Vec<u8>],
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the last approval needed was given.
    pub approved_at: Timestamp,
    /// The first instant it no longer holds.
    pub expires_at: Timestamp,
}

/// What a `deploy` record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deploy<'a> {
    /// Unique id of the deploy.
    pub id: &'a str,
    /// Environment; empty counts as production.
    pub environment: &'a str,
    /// `sha256:` digest of what was deployed; empty when unknown.
    pub artifact_digest: &'a str,
    /// The run it relied on; empty for none.
    pub relied_on: &'a str,
    /// The commit deployed; empty takes the commit of the run that records it.
    pub commit: &'a str,
}

/// The finding an outside record speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its rule; empty when unknown.
    pub rule: &'a str,
    /// Its severity, where known.
    pub severity: Option<Severity>,
}

impl Lineage {
    /// One gate run, also when clean.
    pub fn run(&self, at: Timestamp, facts: &RunFacts<'_>) -> Record {
        let mut record = self.begin(Kind::Run, at);
        record.set("outcome", facts.verdict.word());
        record.set("policy.digest", facts.policy_digest);
        record.set("policy.source_commit", facts.policy_commit);
        record.set("coverage.files", facts.files);
        record.set("coverage.bytes", facts.bytes);
        record.set("coverage.gaps", facts.gaps);
        record.set("coverage.digest", facts.coverage_digest);
        record.set("scope", if facts.full_scope { "full" } else { "change" });
        for (action, count) in Action::ALL.into_iter().zip(facts.counts) {
            record.set(&format!("counts.{}", action.word()), count);
        }
        match facts.artifacts {
            [] => {}
            [one] => record.set("artifact.digest", one.as_str()),
            many => record.set("artifact.digest", texts(many)),
        }
        if !facts.tree.is_empty() {
            record.set("commit.tree", facts.tree);
        }
        record.set("override_rejected", texts(facts.overrides_rejected));
        record.set("separation_of_duties", facts.separation_of_duties);
        finish(record)
    }

    /// One finding and what the gate did with it.
    pub fn observed(&self, at: Timestamp, decision: &Decision, policy_digest: &str) -> Record {
        let finding = &decision.finding;
        let mut record = self.begin(Kind::Observed, at);
        record.set("action", decision.action.word());
        record.set("enforcement", finding.enforcement.word());
        record.set("finding.rule", finding.rule.0.as_str());
        record.set("finding.severity", finding.severity.word());
        record.set("finding.family", finding.family.word());
        record.set("finding.fp", finding.fingerprint.hex());
        record.set("finding.fp_alg", finding.algorithm.word());
        if let Some((former, _)) = finding.former {
            record.set("finding.former_fp", former.hex());
        }
        record.set("finding.path", finding.location.path.as_str());
        record.set("finding.occurrence", finding.occurrence);
        record.set("finding.identity", finding.identity.clone().unwrap_or_default());
        if let Some(blast) = finding.blast {
            record.set("finding.blast", blast);
        }
        if let Some(permit) = &decision.permit {
            record.set("exception_id", permit.exception.as_str());
            record.set("self_approved", permit.self_approved);
        }
        record.set("policy.digest", policy_digest);
        finish(record)
    }

    /// A known risk that is no longer there. `how`: `absent`, `ref_deleted`, `abandoned` or `merged_absent`.
    pub fn cleared(&self, at: Timestamp, about: About<'_>, how: &str) -> Record {
        let mut record = self.about(Kind::Cleared, at, about);
        record.set("how", how);
        finish(record)
    }

    /// An exception that the gate accepted for the first time, with all that proves it.
    pub fn exception_approved(&self, at: Timestamp, approval: &Approval<'_>) -> Record {
        let mut record = self.exception(Kind::ExceptionApproved, at, approval.exception, approval.findings);
        record.set("by", approval.by);
        record.set("reason", approval.reason);
        record.set("approvers", texts(approval.approvers));
        record.set("document", STANDARD.encode(approval.document));
        let signatures: Vec<Value> =
            approval.signatures.iter().map(|signature| STANDARD.encode(signature).into()).collect();
        record.set("signatures", signatures);
        record.set("requested_at", approval.requested_at.to_string());
        record.set("approved_at", approval.approved_at.to_string());
        record.set("latency_s", approval.approved_at.since(approval.requested_at).0 / 1000);
        if approval.self_approved {
            record.set("self_approved", true);
        }
        if let Some(outside) = approval.outside {
            record.set("outside_owner_group", texts(outside));
        }
        record.set("expires_at", approval.expires_at.to_string());
        finish(record)
    }

    /// An exception asked for, denied by a person or revoked: `kind` says which.
    pub fn exception_event(
        &self,
        kind: Kind,
        at: Timestamp,
        exception: &str,
        findings: &[Fingerprint],
        by: &str,
        reason: &str,
    ) -> Record {
        let mut record = self.exception(kind, at, exception, findings);
        record.set("by", by);
        record.set("reason", reason);
        finish(record)
    }

    /// An exception the gate did not accept; `code` is one word, `occurrence` tells several refusals of
    /// one exception in one run apart, from 0.
    pub fn exception_refused(
        &self,
        at: Timestamp,
        exception: &str,
        findings: &[Fingerprint],
        code: &str,
        reason: &str,
        occurrence: u32,
    ) -> Record {
        let mut record = self.exception(Kind::ExceptionRefused, at, exception, findings);
        record.set("by", "tollgate");
        record.set("code", code);
        record.set("reason", reason);
        record.set("occurrence", occurrence);
        finish(record)
    }

    /// A crossing.
    pub fn deploy(&self, at: Timestamp, deploy: &Deploy<'_>) -> Record {
        let mut record = self.begin(Kind::Deploy, at);
        record.set("deploy_id", deploy.id);
        record.set("environment", deploy.environment);
        record.set("relied_on", deploy.relied_on);
        if !deploy.artifact_digest.is_empty() {
            record.set("artifact.digest", deploy.artifact_digest);
        }
        if !deploy.commit.is_empty() {
            record.set("commit.id", deploy.commit);
        }
        finish(record)
    }

    /// A risk seen live by `scanner` since `since`; `deploy` is the deploy that introduced it, or empty.
    pub fn production_found(
        &self,
        at: Timestamp,
        about: About<'_>,
        since: Timestamp,
        deploy: &str,
        scanner: &str,
    ) -> Record {
        let mut record = self.about(Kind::ProductionFound, at, about);
        record.set("introduced_by", deploy);
        record.set("since", since.to_string());
        record.set("scanner", scanner);
        finish(record)
    }

    /// A finding dismissed as none; `exception` is the approved exception that says so, or empty.
    pub fn dismissed(
        &self,
        at: Timestamp,
        about: About<'_>,
        by: &str,
        reason: &str,
        exception: &str,
    ) -> Record {
        let mut record = self.about(Kind::Dismissed, at, about);
        record.set("by", by);
        record.set("reason", reason);
        if !exception.is_empty() {
            record.set("exception_id", exception);
        }
        finish(record)
    }

    /// What people did about a finding: `kind` is `notice`, `revoked` or `remediated`.
    pub fn done(&self, kind: Kind, at: Timestamp, about: About<'_>, by: &str, how: &str) -> Record {
        let mut record = self.about(kind, at, about);
        record.set("by", by);
        record.set("how", how);
        finish(record)
    }

    /// A policy that is in force from now on.
    pub fn policy_activated(&self, at: Timestamp, digest: &str, commit: &str) -> Record {
        let mut record = self.begin(Kind::PolicyActivated, at);
        record.set("policy.digest", digest);
        record.set("policy.source_commit", commit);
        finish(record)
    }

    /// A rule that now does something else when it fires; `None` where it is not, or no longer, there.
    pub fn enforcement_changed(
        &self,
        at: Timestamp,
        rule: &str,
        from: Option<Enforcement>,
        to: Option<Enforcement>,
    ) -> Record {
        let mut record = self.begin(Kind::EnforcementChanged, at);
        record.set("finding.rule", rule);
        record.set("from", from.map_or("off", Enforcement::word));
        record.set("to", to.map_or("off", Enforcement::word));
        finish(record)
    }

    /// A finding whose severity is now another.
    pub fn rerated(&self, at: Timestamp, fingerprint: Fingerprint, from: Severity, to: Severity) -> Record {
        let mut record = self.begin(Kind::Rerated, at);
        record.set("finding.fp", fingerprint.hex());
        record.set("from", from.word());
        record.set("to", to.word());
        finish(record)
    }

    fn about(&self, kind: Kind, at: Timestamp, about: About<'_>) -> Record {
        let mut record = self.begin(kind, at);
        record.set("finding.fp", about.fingerprint.hex());
        if !about.rule.is_empty() {
            record.set("finding.rule", about.rule);
        }
        if let Some(severity) = about.severity {
            record.set("finding.severity", severity.word());
        }
        record
    }

    fn exception(&self, kind: Kind, at: Timestamp, id: &str, findings: &[Fingerprint]) -> Record {
        let mut record = self.begin(kind, at);
        record.set("exception_id", id);
        let names: Vec<String> = findings.iter().map(Fingerprint::hex).collect();
        record.set("findings", texts(&names));
        record
    }
}

fn texts(list: &[String]) -> Vec<Value> {
    list.iter().map(|text| text.as_str().into()).collect()
}
