//! The baseline of an old repository, on record: once when it is first accepted, and whenever what is deployed has a
//! smaller one.

use super::Request;
use super::memory::Memory;
use crate::decide::terms;
use crate::finding::{Fingerprint, Severity};
use crate::ledger::standing::Adoption;
use crate::ledger::{Lineage, Record};
use crate::pipeline::Stage;
use crate::text::time::Timestamp;

/// The records of the baseline that came with `request`, if it says more or less than the one on record.
///
/// A request that shrinks it takes nothing from what others still carry: that counts once it is deployed.
pub(super) fn records(
    request: &Request<'_>,
    lineage: &Lineage,
    memory: &Memory,
    now: Timestamp,
) -> Vec<Record> {
    let exceptions = memory.exceptions(request, now);
    let Some(baseline) = exceptions.baseline() else { return Vec::new() };
    let news = match &memory.adopted {
        None => request.stage != Stage::Local,
        Some(known) => request.stage == Stage::Deploy && known.digest != baseline.digest(),
    };
    let document = baseline.document();
    let is_ours = document.repo.host == request.run.repo_host && document.repo.id == request.run.repo_id;
    let mut context = request.context.clone();
    context.vetted.extend(memory.adopted.iter().map(|adopted| adopted.id.clone()));
    let is_revoked = memory.revoked.contains(document.id.as_str());
    let worst = document.items.iter().map(|item| item.finding.severity).max().unwrap_or(Severity::Info);
    let terms = terms(&request.policies.settings.exceptions, worst);
    let approval = baseline.judge(&context, &terms).ok().filter(|_| news && is_ours && !is_revoked);
    let Some(approval) = approval else { return Vec::new() };
    let known = memory.adopted.as_ref().map(|adopted| &adopted.findings);
    let named = document.items.iter().map(|item| item.finding.fp);
    let findings: Vec<Fingerprint> =
        named.filter(|name| known.is_none_or(|known| known.contains(name))).collect();
    let signatures: Vec<Vec<u8>> = baseline.votes().iter().map(|vote| vote.armour.clone()).collect();
    lineage.adopted(
        now,
        &Adoption {
            id: document.id.as_str(),
            digest: baseline.digest(),
            by: &document.adopted_by,
            approvers: &approval.persons,
            signatures: &signatures,
            findings: &findings,
        },
    )
}
