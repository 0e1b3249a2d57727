//! Findings from blobs and identities. Pure: same input, same findings, at any number of threads.

/// All that is found in one blob.
mod blob;
/// Named checks that a text carries itself.
pub mod checksum;
/// `when:` over credentials.
pub mod credential;
/// How text hides in text.
mod decode;
/// `when:` over raw documents.
pub mod document;
/// One pass over a source.
mod engine;
/// How random text looks.
pub mod entropy;
/// What a secret says about itself.
pub mod facts;
/// Assignments judged by context and randomness.
pub mod generic;
/// What stands in the history: which contents are worth a look, and since when.
mod history;
/// `when:` over joined identities.
pub mod identity;
/// From a condition that holds to a finding.
pub mod judge;
/// Texts inside a text, with the way back.
mod layer;
/// Jupyter notebooks, read as their cells.
mod notebook;
/// Two rules claim the same bytes: which one speaks.
pub mod overlap;
/// One pass that tells which rules can match.
pub mod prefilter;
/// What each rule costs.
pub mod profile;
/// The line of a finding, masked.
mod snippet;
/// Allow comments of other tools, counted.
mod suppression;
/// Patterns on the places the prefilter names.
pub mod text;
/// Every rule on the examples of every rule.
pub mod trial;
#[cfg(test)]
mod unfiltered;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use engine::Engine;

use crate::finding::{Finding, Fingerprinter, Gap, RuleId};
use crate::identity::govern::govern;
use crate::identity::radius::radius_among;
use crate::identity::relate;
use crate::identity::widen::widened;
use crate::identity::{Blast, Context, Identity, Joined, join};
use crate::policy::{Policies, Rule};
use crate::source::{Extent, Memo, Source, SourceError};
use crate::text::secret::Secret;
use crate::text::span::Span;
use crate::text::time::Timestamp;

/// All that one pass over a source saw.
#[derive(Debug, Default)]
pub struct Scan {
    /// Findings of text rules and credential rules, sorted.
    pub findings: Vec<Finding>,
    /// Identities as declared, not yet joined, in the order of their places.
    pub identities: Vec<Identity>,
    /// Identities as the base of the change declares them.
    pub base_identities: Vec<Identity>,
    /// The texts that identities were read from, to show a line of.
    manifests: BTreeMap<Version, Manifest>,
    /// What was not read in full, sorted.
    pub gaps: Vec<Gap>,
    /// Files or blobs read.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Allow comments of other tools beside findings.
    pub suppressions: u64,
    /// Digest over the paths and contents read.
    pub digest: String,
    /// What the source said of itself.
    pub extent: Extent,
}

/// Path and commit.
type Version = (String, Option<String>);

/// A text that identities were read from, with what must not be shown of it.
#[derive(Debug)]
struct Manifest {
    text: Secret,
    masks: Vec<(Span, usize)>,
}

/// Why nothing could be decided.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A condition has no answer.
    #[error(transparent)]
    Judge(#[from] judge::JudgeError),
    /// A rule cannot be run.
    #[error("rule `{rule}` cannot be run: {message}")]
    Rule {
        /// Which.
        rule: RuleId,
        /// Why, in words.
        message: String,
    },
}

/// What every thread needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The rules in force.
    pub policies: &'a Policies,
    /// Names what is found.
    pub fingerprinter: &'a Fingerprinter,
    /// The instant that expiry is judged at.
    pub now: Timestamp,
    /// How many threads may work at once, at least 1.
    pub threads: usize,
}

/// Reads `source` to its end and finds what stands in it.
///
/// # Errors
///
/// [`DetectError`]: the source cannot be read, or a rule cannot be run. Then nothing was decided.
pub fn scan(source: &dyn Source, setting: Setting<'_>) -> Result<Scan, DetectError> {
    scan_with(source, setting, None)
}

/// The same, and gives the same, without the searches that `memo` knows to find nothing.
///
/// # Errors
///
/// As [`scan`].
pub fn scan_with(
    source: &dyn Source,
    setting: Setting<'_>,
    memo: Option<&Memo>,
) -> Result<Scan, DetectError> {
    // Made on a thread of its own: meanwhile the source finds out what there is.
    let engine = OnceLock::new();
    let made = || engine.get_or_init(|| Engine::new(setting, memo));
    let sieve = history::Sieve::new(setting);
    let extent = std::thread::scope(|scope| {
        scope.spawn(made);
        source.sift(setting.threads, &sieve, &|item| made().take(item))
    })?;
    engine.into_inner().unwrap_or_else(|| Engine::new(setting, memo)).finish(extent)
}

/// Judges all identities together, once every file was read: what the change adds to its base.
///
/// The gaps are identities that could not be joined in full.
///
/// # Errors
///
/// [`DetectError`] when a condition has no answer.
pub fn judge(scan: &Scan, setting: Setting<'_>) -> Result<(Vec<Finding>, Vec<Gap>), DetectError> {
    let (base, _) = judge_all(&scan.base_identities, &[], setting)?;
    let (mut found, gaps) = judge_all(&scan.identities, &scan.base_identities, setting)?;
    for finding in &mut found {
        let place = &finding.location;
        if let Some(manifest) = scan.manifests.get(&(place.path.clone(), place.commit.clone())) {
            finding.snippet = Some(snippet::masked(manifest.text.expose(), place.span, &manifest.masks));
        }
    }
    Ok((introduced(found, &base, &scan.extent.commits), gaps))
}

/// What all rules say of `identities`, which a change made of those of its `base`.
fn judge_all(
    identities: &[Identity],
    base: &[Identity],
    setting: Setting<'_>,
) -> Result<(Vec<Finding>, Vec<Gap>), DetectError> {
    let rules: Vec<&Rule> = setting.policies.rules.iter().collect();
    let mut joined = prepared(identities, setting);
    widen(&mut joined.identities, &prepared(base, setting).identities);
    let mut findings = identity::judge(&rules, &joined.identities, setting.fingerprinter, setting.threads)?;
    for identity in &joined.identities {
        findings.extend(credential::declared(&rules, identity, setting.fingerprinter)?);
    }
    weigh(&mut findings, &joined.identities);
    Ok((findings, joined.gaps))
}

/// `identities` joined, with all that rules see of them and no file says.
fn prepared(identities: &[Identity], setting: Setting<'_>) -> Joined {
    let mut joined = join(identities.to_vec());
    govern(&mut joined.identities, setting.now);
    relate(&mut joined.identities);
    for identity in &mut joined.identities {
        let environment = identity.environment.clone();
        let limits = &setting.policies.settings.limits.max_lifetime;
        identity.credentials.iter_mut().for_each(|credential| limits.set(credential, &environment));
    }
    let by_name: BTreeMap<&str, &Identity> =
        joined.identities.iter().map(|identity| (identity.name.as_str(), identity)).collect();
    let blasts: Vec<Blast> =
        joined.identities.iter().map(|identity| radius_among(identity, &by_name).into()).collect();
    for (identity, blast) in joined.identities.iter_mut().zip(blasts) {
        identity.blast = blast;
    }
    joined
}

/// Tells each identity that the base has too what it may do beyond it.
fn widen(identities: &mut [Identity], base: &[Identity]) {
    let before: BTreeMap<(&str, Context), &Identity> =
        base.iter().map(|old| ((old.name.as_str(), old.context), old)).collect();
    for identity in identities {
        if let Some(old) = before.get(&(identity.name.as_str(), identity.context)) {
            identity.widened = widened(Some(old), identity);
        }
    }
}

/// Gives each finding about an identity the blast radius of that identity.
fn weigh(findings: &mut [Finding], identities: &[Identity]) {
    let by_name: BTreeMap<&str, i64> =
        identities.iter().map(|identity| (identity.name.as_str(), identity.blast.score)).collect();
    for finding in findings {
        let score = finding.identity.as_ref().and_then(|name| by_name.get(name.as_str()));
        finding.blast = score.and_then(|score| u8::try_from(*score).ok());
    }
}

/// What `findings` adds to `at_base`: one finding for each place, from the first commit that has it.
pub fn introduced(mut findings: Vec<Finding>, at_base: &[Finding], commits: &[String]) -> Vec<Finding> {
    let known: std::collections::BTreeSet<_> =
        at_base.iter().map(|old| (&old.rule, old.fingerprint)).collect();
    findings.retain(|new| !known.contains(&(&new.rule, new.fingerprint)));
    let age: BTreeMap<&str, usize> = commits.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    let first = |one: &Finding| one.location.commit.as_deref().and_then(|id| age.get(id).copied());
    findings.sort_by(|left, right| {
        (&left.rule, left.fingerprint, &left.location.path, first(left), left.location.span).cmp(&(
            &right.rule,
            right.fingerprint,
            &right.location.path,
            first(right),
            right.location.span,
        ))
    });
    findings.dedup_by(|later, earlier| {
        (&later.rule, later.fingerprint, &later.location.path)
            == (&earlier.rule, earlier.fingerprint, &earlier.location.path)
            && later.location.commit != earlier.location.commit
    });
    findings.sort_by(|left, right| left.sort_key().cmp(&right.sort_key()));
    let mut counts: BTreeMap<_, u32> = BTreeMap::new();
    for finding in &mut findings {
        let count = counts
            .entry((finding.rule.clone(), finding.fingerprint))
            .and_modify(|count| *count += 1)
            .or_insert(0);
        finding.occurrence = *count;
    }
    findings
}
