//! What the ledger remembers that a decision depends on: uses, revocations, when signatures came in, what is open.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Request;
use crate::decide::{Action, Ruling};
use crate::detect::Scan;
use crate::exception::baseline::{self, BaselineDocument};
use crate::exception::verified::signature_digest;
use crate::exception::{Clock, Exceptions, Seen, Unverified, decision_time};
use crate::finding::{Finding, Fingerprint, FingerprintAlgorithm, Severity};
use crate::ledger::{Key, Kind, Ledger, LedgerError, Prefix, Record, audit};
use crate::pipeline::Stage;
use crate::source;
use crate::text::time::Timestamp;

/// What a decision takes from the ledger.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// Time of the newest record.
    pub(super) newest: Option<Timestamp>,
    /// The other runs that used each exception.
    uses: BTreeMap<String, BTreeSet<RunKey>>,
    /// Exceptions whose uses nobody can count.
    unknown: BTreeSet<String>,
    /// Revoked exceptions.
    pub(super) revoked: BTreeSet<String>,
    /// Exceptions somebody said no to before a run accepted them.
    pub(super) denied: BTreeSet<String>,
    /// Keys that are void, by fingerprint, and from which record on.
    void: BTreeMap<String, u64>,
    /// Exceptions whose request is recorded.
    pub(super) requested: BTreeSet<String>,
    /// Exceptions whose approval is recorded.
    pub(super) approved: BTreeSet<String>,
    /// Exceptions whose approval a merge run recorded, which knew the authors of the change.
    pub(super) vetted: BTreeSet<String>,
    /// When and where each signature came in, by its digest.
    pub(super) signatures_seen: BTreeMap<String, Seen>,
    /// Attempts to approve one's own change that are recorded, by exception and reason.
    pub(super) refused: BTreeSet<(String, String)>,
    /// The newest baseline on record.
    pub(super) adopted: Option<Adopted>,
    /// Known risks that this run does not see any more, and on which ref.
    pub(super) gone: Vec<Gone>,
    /// How each open risk was rated when it was last seen.
    pub(super) rated: BTreeMap<Fingerprint, Severity>,
}

/// A baseline as the ledger took it in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Adopted {
    /// Its id.
    pub(super) id: String,
    /// Digest of its bytes.
    pub(super) digest: String,
    /// What it names.
    pub(super) findings: BTreeSet<Fingerprint>,
}

/// Run id, attempt and job.
type RunKey = (String, i64, String);

/// A known risk that is no longer there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gone {
    pub(super) fingerprint: Fingerprint,
    pub(super) reference: String,
    pub(super) rule: String,
    pub(super) severity: Option<Severity>,
    pub(super) how: &'static str,
}

impl Memory {
    /// Without a ledger: nobody knows how often an exception was used, so none that counts its uses holds.
    pub(super) fn none(request: &Request<'_>) -> Self {
        Self { unknown: ids(request), ..Self::default() }
    }

    /// Reads what `request` with `findings` depends on.
    pub(super) fn of(
        ledger: &mut Ledger,
        request: &Request<'_>,
        findings: &[Finding],
        scan: &Scan,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        ledger.refresh()?;
        let mut memory = Self { newest: ledger.newest()?.map(|record| record.ts()), ..Self::default() };
        for id in ids(request) {
            for (index, record) in ledger.about(Key::exception(&id))? {
                memory.take(&id, index, &record, request);
            }
        }
        memory.void = audit::voided(ledger)?;
        memory.adopt(ledger, request)?;
        if request.stage != Stage::Local {
            let (open, scopes) = open_risks(ledger, request)?;
            memory.rated = rated(&open);
            memory.gone = gone(open, &scopes, request, findings, scan, now);
        }
        Ok(memory)
    }

    /// The instant to decide at, which never runs backwards, and whether the clock can be relied on.
    pub(super) fn decision_time(&self, now: Timestamp) -> (Timestamp, Clock) {
        decision_time(now, None, self.newest)
    }

    /// The documents of `request` that hold at `now`, by the signers that are good by what the ledger says of them.
    pub(super) fn exceptions(&self, request: &Request<'_>, now: Timestamp) -> Exceptions {
        let signers = request.trust.signers.clone().void_from(self.void.clone());
        Exceptions::verify(request.exceptions, &signers, &self.signatures_seen, now)
    }

    /// How many other runs used each exception.
    pub(super) fn use_counts(&self) -> BTreeMap<String, u32> {
        let count = |runs: &BTreeSet<RunKey>| u32::try_from(runs.len()).unwrap_or(u32::MAX);
        let counted = self.uses.iter().map(|(id, runs)| (id.clone(), count(runs)));
        counted.chain(self.unknown.iter().map(|id| (id.clone(), u32::MAX))).collect()
    }

    /// Reads the newest baseline of this repository, which may stand in several records of one run.
    fn adopt(&mut self, ledger: &mut Ledger, request: &Request<'_>) -> Result<(), LedgerError> {
        let run = &request.run;
        for (index, record) in ledger.about(Key::kind(Kind::Adopted))? {
            if record.text("repo.host") != run.repo_host || record.text("repo.id") != run.repo_id {
                continue;
            }
            let digest = record.text("baseline.digest");
            let adopted = self.adopted.get_or_insert_default();
            if adopted.digest != digest {
                let id = record.text("exception_id").to_owned();
                *adopted = Adopted { id, digest: digest.to_owned(), ..Adopted::default() };
            }
            let names = record.get("findings").and_then(|list| list.as_array()).into_iter().flatten();
            adopted.findings.extend(names.filter_map(|name| Fingerprint::from_hex(name.as_str()?)));
            self.remember_signatures(index, &record);
        }
        Ok(())
    }

    fn remember_signatures(&mut self, index: u64, record: &Record) {
        let signatures = record.get("signatures").and_then(|list| list.as_array()).into_iter().flatten();
        for armour in signatures.filter_map(|text| STANDARD.decode(text.as_str()?).ok()) {
            let seen = Seen { index, at: record.ts() };
            self.signatures_seen.entry(signature_digest(&armour)).or_insert(seen);
        }
    }

    fn take(&mut self, id: &str, index: u64, record: &Record, request: &Request<'_>) {
        match record.kind() {
            Some(Kind::ExceptionRevoked) => {
                self.revoked.insert(id.to_owned());
            }
            // What was accepted before must be revoked.
            Some(Kind::ExceptionDenied) if !self.approved.contains(id) => {
                self.denied.insert(id.to_owned());
            }
            Some(Kind::ExceptionRequested) => {
                self.requested.insert(id.to_owned());
            }
            Some(Kind::ExceptionRefused) => {
                self.refused.insert((id.to_owned(), record.text("reason").to_owned()));
            }
            Some(Kind::ExceptionApproved) => {
                self.approved.insert(id.to_owned());
                if record.text("stage") == Stage::Merge.word() {
                    self.vetted.insert(id.to_owned());
                }
                self.remember_signatures(index, record);
            }
            Some(Kind::Observed)
                if record.text("action") == Action::Except.word() && !is_own(record, request) =>
            {
                self.uses.entry(id.to_owned()).or_default().insert(run_of(record));
            }
            _ => {}
        }
    }

    /// Refuses the batch when, since it was decided, an exception it uses was used up or revoked.
    pub(super) fn still_holds(
        &self,
        prefix: &mut Prefix<'_>,
        request: &Request<'_>,
        ruling: &Ruling,
    ) -> Result<(), LedgerError> {
        let used: BTreeSet<&str> = ruling
            .decisions
            .iter()
            .filter_map(|one| one.permit.as_ref())
            .map(|permit| permit.exception.as_str())
            .collect();
        for id in used {
            let mut fresh = Self::default();
            for (index, record) in prefix.about(Key::exception(id))? {
                fresh.take(id, index, &record, request);
            }
            if fresh.uses.get(id) != self.uses.get(id)
                || fresh.revoked.contains(id) != self.revoked.contains(id)
                || fresh.denied.contains(id) != self.denied.contains(id)
            {
                return Err(LedgerError::Refused(format!(
                    "exception `{id}` was used, denied or revoked in between"
                )));
            }
        }
        let revoked = prefix.about(Key::kind(Kind::SignerRevoked))?;
        if audit::void_of(revoked) != self.void {
            return Err(LedgerError::Refused("a signer was revoked in between".to_owned()));
        }
        Ok(())
    }
}

/// Whether a record was written by an earlier attempt of this very run.
fn is_own(record: &Record, request: &Request<'_>) -> bool {
    let run = &request.run;
    (record.text("run_id"), record.integer("attempt"), record.text("job"))
        == (run.run_id.as_str(), Some(i64::from(run.attempt.max(1))), run.job.as_str())
}

/// Ids of the documents that came with the request, and of the baseline.
fn ids(request: &Request<'_>) -> BTreeSet<String> {
    let (documents, _) = Unverified::collect(request.exceptions);
    let files = request.exceptions.iter().filter(|(path, _)| path.ends_with(baseline::FILE));
    let baselines = files.filter_map(|(_, bytes)| BaselineDocument::parse(bytes).ok());
    let ids = documents.iter().map(|document| document.id().to_owned());
    ids.chain(baselines.map(|document| document.id.as_str().to_owned())).collect()
}

/// How a known risk was last seen on a ref.
struct Sighting {
    run: RunKey,
    at: Timestamp,
    commit: String,
    request: String,
    path: String,
    algorithm: String,
    key: String,
    rule: String,
    severity: Option<Severity>,
}

/// What a run read so completely that what is absent from it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Not everything it set out to read.
    Nothing,
    /// All of one change.
    Change,
    /// All of a ref.
    Ref,
}

impl Reach {
    fn of(request: &Request<'_>, scan: &Scan) -> Self {
        let extent = &scan.extent;
        let whole_change = !extent.narrowed && !extent.base.is_empty() && extent.base == request.change_base;
        match (scan.gaps.is_empty(), extent.full) {
            (true, true) => Self::Ref,
            (true, false) if whole_change => Self::Change,
            _ => Self::Nothing,
        }
    }
}

/// Known risks of this pipeline and repository that this run proves to be gone.
///
/// A full-scope run proves absence on its own ref and, on the protected branch, for changes whose head it contains;
/// a run over a change proves absence of what only that change had introduced. A run that left something unread
/// proves nothing, and none proves anything of what it would not have found.
fn gone(
    open: OpenRisks,
    scopes: &Scopes,
    request: &Request<'_>,
    findings: &[Finding],
    scan: &Scan,
    now: Timestamp,
) -> Vec<Gone> {
    let reach = Reach::of(request, scan);
    let Ok(excluded) = source::globs(&request.policies.settings.paths.exclude) else { return Vec::new() };
    if reach == Reach::Nothing {
        return Vec::new();
    }
    let seen: BTreeSet<Fingerprint> =
        findings.iter().flat_map(Finding::names).map(|(name, _)| name).collect();
    let gone = open.into_iter().filter(|((fingerprint, _), sighting)| {
        !seen.contains(fingerprint)
            && would_be_found(request, sighting)
            && !excluded.is_match(&sighting.path)
            && ((request.contains)(&sighting.commit)
                || (sighting.at <= now && (request.replaces)(&sighting.commit)))
    });
    gone.filter_map(|((fingerprint, reference), sighting)| {
        let was_full = scopes.get(&sighting.run).copied().unwrap_or_default();
        let how = how_gone(request, reach, was_full, &reference, &sighting)?;
        Some(Gone { fingerprint, reference, rule: sighting.rule, severity: sighting.severity, how })
    })
    .collect()
}

/// How each of `open` was rated when it was seen last, on whatever ref.
fn rated(open: &OpenRisks) -> BTreeMap<Fingerprint, Severity> {
    let mut newest: BTreeMap<Fingerprint, &Sighting> = BTreeMap::new();
    for ((fingerprint, _), sighting) in open {
        let known = newest.entry(*fingerprint).or_insert(sighting);
        if sighting.at > known.at {
            *known = sighting;
        }
    }
    newest.into_iter().filter_map(|(fingerprint, sighting)| Some((fingerprint, sighting.severity?))).collect()
}

/// The newest sighting of each risk on each ref.
type OpenRisks = BTreeMap<(Fingerprint, String), Sighting>;
/// Which runs were over everything.
type Scopes = BTreeMap<RunKey, bool>;

/// The risks of this pipeline and repository that nothing has cleared, and which runs were over everything.
fn open_risks(ledger: &mut Ledger, request: &Request<'_>) -> Result<(OpenRisks, Scopes), LedgerError> {
    let own = &request.run;
    let mut scopes = Scopes::new();
    let mut open = OpenRisks::new();
    for entry in ledger.records() {
        let (_, record) = entry?;
        let here = [("pipeline", &own.pipeline), ("repo.host", &own.repo_host), ("repo.id", &own.repo_id)];
        if here.iter().any(|(field, own)| record.text(field) != own.as_str())
            || record.text("stage") == Stage::Local.word()
        {
            continue;
        }
        let run = run_of(&record);
        let Some(fingerprint) = Fingerprint::from_hex(record.text("finding.fp")) else {
            if record.kind() == Some(Kind::Run) {
                scopes.insert(run, record.text("scope") == "full");
            }
            continue;
        };
        let key = (fingerprint, record.text("ref").to_owned());
        match record.kind() {
            Some(Kind::Cleared) => drop(open.remove(&key)),
            Some(Kind::Observed) => drop(open.insert(key, Sighting::of(&record, run))),
            _ => {}
        }
    }
    Ok((open, scopes))
}

/// Whether this run would have found the risk under the same name: its rule is in force, and the names are made the
/// same way. A key that was left out, or a rule that was turned off, makes nothing go away.
fn would_be_found(request: &Request<'_>, sighting: &Sighting) -> bool {
    let is_keyed = sighting.algorithm == FingerprintAlgorithm::Hmac.word();
    let key = is_keyed.then_some(sighting.key.as_str());
    request.fingerprinter.knows(key) && request.policies.rule(&sighting.rule).is_some()
}

fn how_gone(
    request: &Request<'_>,
    reach: Reach,
    was_full: bool,
    reference: &str,
    sighting: &Sighting,
) -> Option<&'static str> {
    let same_ref = reference == request.run.reference;
    let same_change = !was_full && same_ref && sighting.request == request.run.request;
    match reach {
        Reach::Ref if same_ref => Some("absent"),
        Reach::Change if same_change => Some("absent"),
        Reach::Ref if request.protected && !was_full && (request.contains)(&sighting.commit) => {
            Some("merged_absent")
        }
        _ => None,
    }
}

impl Sighting {
    fn of(record: &Record, run: RunKey) -> Self {
        Self {
            run,
            at: record.ts(),
            commit: record.text("commit.id").to_owned(),
            request: record.text("pr.number").to_owned(),
            path: record.text("finding.path").to_owned(),
            algorithm: record.text("finding.fp_alg").to_owned(),
            key: record.text("finding.fpk").to_owned(),
            rule: record.text("finding.rule").to_owned(),
            severity: Severity::from_word(record.text("finding.severity")),
        }
    }
}

fn run_of(record: &Record) -> RunKey {
    (record.text("run_id").to_owned(), record.integer("attempt").unwrap_or(1), record.text("job").to_owned())
}
