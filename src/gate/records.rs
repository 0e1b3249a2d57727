//! The records of a run: every decision, every accepted exception, what is gone, and the run itself.

use std::collections::BTreeMap;

use super::Request;
use super::adoption;
use super::memory::Memory;
use super::observed;
use super::past::past_hook;
use crate::decide::{Action, Decision, Ruling};
use crate::detect::Scan;
use crate::exception::document::MAX_FINDINGS;
use crate::exception::verified::signature_digest;
use crate::exception::{Code, Vote};
use crate::finding::{Finding, Fingerprint};
use crate::ledger::kinds::{About, Approval, RunFacts};
use crate::ledger::lineage::finish;
use crate::ledger::{Kind, Lineage, Record};
use crate::text::time::Timestamp;

/// The batch of one run, in the order it is appended.
pub(super) fn of_run(
    request: &Request<'_>,
    origin: &str,
    scan: &Scan,
    ruling: &Ruling,
    memory: &Memory,
    now: Timestamp,
) -> Vec<Record> {
    let lineage = request.lineage(origin, &request.run);
    let mut batch = approvals(request, &lineage, ruling, memory, now);
    batch.extend(adoption::records(request, &lineage, memory, now));
    let observed = observed::of(ruling, &lineage, &request.policies.digest, now);
    let key = request.fingerprinter.key_id();
    for (decision, mut record) in observed.kept {
        if let Some(key) = &key {
            record.set("finding.fpk", key.as_str());
        }
        // Before the sighting, which is rated as it is now.
        batch.extend(rerating(&lineage, &decision.finding, memory, now));
        batch.push(record);
        batch.extend(dismissal(&lineage, decision, now));
    }
    batch.extend(refusals(&lineage, ruling, memory, now));
    for (occurrence, gone) in memory.gone.iter().take(observed::MOST).enumerate() {
        let mut run = request.run.clone();
        run.reference.clone_from(&gone.reference);
        let about = About { fingerprint: gone.fingerprint, rule: &gone.rule, severity: gone.severity };
        let there = request.lineage(origin, &run);
        // One risk may be gone from several refs at once.
        let mut record = there.cleared(now, about, gone.how);
        record.set("occurrence", occurrence);
        batch.push(finish(record));
    }
    let mut run = run_record(request, &lineage, scan, ruling, now);
    if observed.left_out > 0 {
        run.set("left_out", observed.left_out);
    }
    let past = past_hook(request.stage, ruling, scan);
    if !past.is_empty() {
        run.set("past_hook", past);
    }
    batch.push(run);
    batch
}

/// An exception that is seen, or used, for the first time, with all that proves it.
fn approvals(
    request: &Request<'_>,
    lineage: &Lineage,
    ruling: &Ruling,
    memory: &Memory,
    now: Timestamp,
) -> Vec<Record> {
    let exceptions = memory.exceptions(request, now);
    let mut records = Vec::new();
    for exception in exceptions.accepted() {
        let document = exception.document();
        let id = document.id.as_str();
        let is_asked = ruling.decisions.iter().any(|decision| exception.names(&decision.finding));
        if is_asked && !memory.requested.contains(id) {
            let findings: Vec<Fingerprint> = document.findings.iter().map(|named| named.fp).collect();
            let (by, reason) = (&document.requested_by, &document.reason.text);
            let kind = Kind::ExceptionRequested;
            records.push(lineage.exception_event(kind, now, id, &findings, by, reason));
        }
        let permit =
            ruling.decisions.iter().filter_map(|one| one.permit.as_ref()).find(|one| one.exception == id);
        let is_new = |vote: &Vote| !memory.signatures_seen.contains_key(&signature_digest(&vote.armour));
        let is_news = !memory.approved.contains(id) || exception.votes().iter().any(is_new);
        let Some(permit) = permit.filter(|_| is_news) else { continue };
        let findings: Vec<Fingerprint> = document.findings.iter().map(|named| named.fp).collect();
        let signatures: Vec<Vec<u8>> = exception.votes().iter().map(|vote| vote.armour.clone()).collect();
        let outside = request.trust.signers.outside(&document.owner, &permit.approvers);
        records.push(lineage.exception_approved(
            now,
            &Approval {
                exception: id,
                findings: &findings,
                by: &document.requested_by,
                reason: &document.reason.text,
                approvers: &permit.approvers,
                outside: outside.as_deref(),
                self_approved: permit.self_approved,
                document: exception.bytes(),
                signatures: &signatures,
                requested_at: document.created_at,
                approved_at: now.max(document.created_at),
                expires_at: document.expires_at,
            },
        ));
    }
    records
}

/// A risk that was open under another severity: whoever lowers it before a deploy is seen to.
fn rerating(lineage: &Lineage, finding: &Finding, memory: &Memory, now: Timestamp) -> Option<Record> {
    let from = finding.names().find_map(|(name, _)| memory.rated.get(&name))?;
    if *from == finding.severity {
        return None;
    }
    Some(lineage.rerated(now, finding.fingerprint, *from, finding.severity))
}

/// An accepted `false_positive` leaves the rate: it is said so once, by the run that accepts it.
fn dismissal(lineage: &Lineage, decision: &Decision, now: Timestamp) -> Option<Record> {
    let permit = decision.permit.as_ref().filter(|permit| permit.code == "false_positive")?;
    let finding = &decision.finding;
    let about =
        About { fingerprint: finding.fingerprint, rule: &finding.rule.0, severity: Some(finding.severity) };
    let by = permit.approvers.join(", ");
    Some(lineage.dismissed(now, about, &by, "false_positive", &permit.exception))
}

/// Attempts to approve one's own change are on record, once each; other refusals are in the report.
fn refusals(lineage: &Lineage, ruling: &Ruling, memory: &Memory, now: Timestamp) -> Vec<Record> {
    let mut attempts: BTreeMap<(&str, &str), Vec<Fingerprint>> = BTreeMap::new();
    for decision in &ruling.decisions {
        let own = decision.refused.iter().filter(|refusal| refusal.code == Code::SelfApproval.word());
        for refusal in own {
            let named = attempts.entry((&refusal.exception, &refusal.reason)).or_default();
            if named.len() < MAX_FINDINGS && !named.contains(&decision.finding.fingerprint) {
                named.push(decision.finding.fingerprint);
            }
        }
    }
    let is_news =
        |(id, reason): &(&str, &str)| !memory.refused.contains(&((*id).to_owned(), (*reason).to_owned()));
    let news = attempts.into_iter().filter(|(attempt, _)| is_news(attempt));
    let record = |(count, ((id, reason), findings)): (u32, ((&str, &str), Vec<Fingerprint>))| {
        lineage.exception_refused(now, id, &findings, Code::SelfApproval.word(), reason, count)
    };
    (0..).zip(news).map(record).collect()
}

fn run_record(
    request: &Request<'_>,
    lineage: &Lineage,
    scan: &Scan,
    ruling: &Ruling,
    now: Timestamp,
) -> Record {
    let count = |action: Action| ruling.decisions.iter().filter(|one| one.action == action).count();
    lineage.run(
        now,
        &RunFacts {
            verdict: ruling.verdict,
            policy_digest: &request.policies.digest,
            policy_commit: &request.trust.commit,
            files: scan.files,
            bytes: scan.bytes,
            gaps: scan.gaps.len(),
            coverage_digest: &scan.digest,
            full_scope: scan.extent.full,
            counts: Action::ALL.map(count),
            artifacts: request.artifacts,
            tree: &request.tree,
            overrides_rejected: &request.overrides_rejected,
            separation_of_duties: request.policies.settings.exceptions.separation_of_duties,
        },
    )
}
