//! A run whose ledger is out of reach: decided without it, its records kept aside, and never a pass at `deploy`.

use super::memory::Memory;
use super::{GateError, Recorded, Request, conclude, records, rule};
use crate::decide::Verdict;
use crate::detect::Scan;
use crate::finding::Finding;
use crate::ledger::spool::Spooled;
use crate::ledger::{LedgerError, Record};
use crate::outcome::Outcome;
use crate::pipeline::Stage;
use crate::text::time::Timestamp;

/// Has the records of the run kept. At `merge` the outcome is told with the word that it was recorded nowhere; elsewhere
/// there is no decision. Runs at `local` feed no number, so nothing of them is kept.
pub(super) fn keep(
    request: &Request<'_>,
    origin: &str,
    findings: &[Finding],
    scan: Scan,
    why: LedgerError,
    now: Timestamp,
) -> Result<Outcome, GateError> {
    if request.stage == Stage::Local {
        return Err(why.into());
    }
    let memory = Memory::none(request);
    let ruling = rule(request, findings, &scan, &memory, now);
    let mut batch = records::of_run(request, origin, &scan, &ruling, &memory, now);
    if let Some(run) = batch.last_mut().filter(|_| request.stage == Stage::Deploy) {
        shut(run);
    }
    let kept = match (request.spool)(Spooled::new(batch, &why.to_string())) {
        Ok(place) => format!("the records of this run are kept in `{place}` for `tollgate ledger import`"),
        Err(fault) => format!("the records of this run could not be kept: {fault}"),
    };
    if request.stage == Stage::Deploy {
        return Err(GateError::OutOfReach { why, kept });
    }
    Ok(conclude(request, ruling, scan, Recorded::nowhere(format!("{why}; {kept}")), now))
}

/// Nothing was let through, whatever the findings alone would have said; that is kept beside it.
fn shut(run: &mut Record) {
    let found = run.text("outcome").to_owned();
    run.set("spooled.outcome", found);
    run.set("outcome", Verdict::Blocked.word());
}
