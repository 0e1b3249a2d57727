//! Findings from blobs and identities. Pure: same input, same findings, at any number of threads.

/// Named checks that a text carries itself.
pub mod checksum;
/// `when:` over credentials.
pub mod credential;
/// `when:` over raw documents.
pub mod document;
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
/// Two rules claim the same bytes: which one speaks.
pub mod overlap;
/// One pass that tells which rules can match.
pub mod prefilter;
/// The line of a finding, masked.
mod snippet;
/// Allow comments of other tools, counted.
mod suppression;
/// Patterns on the places the prefilter names.
pub mod text;
/// Every rule on the examples of every rule.
pub mod trial;

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::credential as forms;
use crate::finding::{Finding, Fingerprinter, Gap, Location, RuleId, Subject, WeakPlace};
use crate::identity::radius::radius_among;
use crate::identity::{Identity, Storage};
use crate::manifest;
use crate::policy::{Policies, Rule};
use crate::source::{Blob, Change, Extent, Item, Source, SourceError};
use crate::text::hash;
use crate::text::secret::Secret;
use crate::text::span::{Position, Span, line_around};
use crate::text::time::Timestamp;
use crate::text::tree::Node;

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
    // Made on a thread of its own: meanwhile the source finds out what there is.
    let engine = OnceLock::new();
    let made = || engine.get_or_init(|| Engine::new(setting));
    let sieve = history::Sieve::new(setting);
    let extent = std::thread::scope(|scope| {
        scope.spawn(made);
        source.sift(setting.threads, &sieve, &|item| made().take(item))
    })?;
    engine.into_inner().unwrap_or_else(|| Engine::new(setting)).finish(extent)
}

/// Judges all identities together, once every file was read: what the change adds to its base.
///
/// The gaps are identities that could not be joined in full.
///
/// # Errors
///
/// [`DetectError`] when a condition has no answer.
pub fn judge(scan: &Scan, setting: Setting<'_>) -> Result<(Vec<Finding>, Vec<Gap>), DetectError> {
    let (base, _) = judge_all(&scan.base_identities, setting)?;
    let (mut found, gaps) = judge_all(&scan.identities, setting)?;
    for finding in &mut found {
        let place = &finding.location;
        if let Some(manifest) = scan.manifests.get(&(place.path.clone(), place.commit.clone())) {
            finding.snippet = Some(snippet::masked(manifest.text.expose(), place.span, &manifest.masks));
        }
    }
    Ok((introduced(found, &base, &scan.extent.commits), gaps))
}

fn judge_all(identities: &[Identity], setting: Setting<'_>) -> Result<(Vec<Finding>, Vec<Gap>), DetectError> {
    let rules: Vec<&Rule> = setting.policies.rules.iter().collect();
    let joined = crate::identity::join::join(identities.to_vec());
    let mut findings = identity::judge(&rules, &joined.identities, setting.fingerprinter)?;
    for identity in &joined.identities {
        findings.extend(credential::declared(&rules, identity, setting.fingerprinter)?);
    }
    weigh(&mut findings, &joined.identities);
    Ok((findings, joined.gaps))
}

/// Gives each finding about an identity the blast radius of that identity.
fn weigh(findings: &mut [Finding], identities: &[Identity]) {
    let by_name: BTreeMap<&str, &Identity> =
        identities.iter().map(|identity| (identity.name.as_str(), identity)).collect();
    let mut known: BTreeMap<String, u8> = BTreeMap::new();
    for finding in findings {
        let Some(name) = &finding.identity else { continue };
        let Some(identity) = by_name.get(name.as_str()) else { continue };
        let weight = || radius_among(identity, &by_name).score;
        finding.blast = Some(*known.entry(name.clone()).or_insert_with(weight));
    }
}

struct Engine<'a> {
    setting: Setting<'a>,
    rules: Vec<&'a Rule>,
    document_rules: Vec<&'a Rule>,
    prefilter: prefilter::Prefilter,
    scratch: Mutex<Vec<Vec<prefilter::Hit>>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    findings: Vec<Finding>,
    /// What stands in the history.
    past: history::Past,
    /// Names of what the base holds already.
    at_base: Vec<Finding>,
    identities: Vec<Identity>,
    base_identities: Vec<Identity>,
    manifests: BTreeMap<Version, Manifest>,
    gaps: Vec<Gap>,
    contents: Vec<(String, [u8; 32])>,
    bytes: u64,
    suppressions: u64,
    error: Option<DetectError>,
}

/// What one blob gave.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    identities: Vec<Identity>,
    manifests: Vec<(Version, Manifest)>,
    gaps: Vec<Gap>,
    suppressions: u64,
}

impl<'a> Engine<'a> {
    fn new(setting: Setting<'a>) -> Self {
        let prefilter = prefilter::Prefilter::new(&setting.policies.rules);
        let of_kind = |kind: &str| setting.policies.rules.iter().filter(|rule| rule.kind() == kind).collect();
        let (rules, document_rules) = (of_kind("credential"), of_kind("document"));
        Self { setting, rules, document_rules, prefilter, scratch: Mutex::default(), seen: Mutex::default() }
    }

    fn take(&self, item: Item) {
        match item {
            Item::Gap(gap) => self.lock().gaps.push(gap),
            Item::Blob(blob) => {
                let content = hash::sha256(&blob.bytes);
                let found = self.blob(&blob);
                let mut seen = self.lock();
                seen.bytes += blob.bytes.len() as u64;
                seen.contents.push((blob.path, content));
                match found {
                    Ok(found) => {
                        seen.findings.extend(found.findings);
                        seen.identities.extend(found.identities);
                        seen.manifests.extend(found.manifests);
                        seen.gaps.extend(found.gaps);
                        seen.suppressions += found.suppressions;
                    }
                    Err(error) => seen.error = seen.error.take().or(Some(error)),
                }
            }
            Item::Past(blob, past) => {
                let found = self.past(&blob, &past);
                let mut seen = self.lock();
                match found {
                    Ok(found) => {
                        seen.past.take(found.findings, &past);
                        seen.gaps.extend(found.gaps);
                        seen.suppressions += found.suppressions;
                    }
                    Err(error) => seen.error = seen.error.take().or(Some(error)),
                }
            }
            Item::Base(blob) => {
                let found = self.blob(&blob);
                let mut seen = self.lock();
                match found {
                    Ok(found) => {
                        seen.at_base.extend(found.findings);
                        seen.base_identities.extend(found.identities);
                    }
                    Err(error) => seen.error = seen.error.take().or(Some(error)),
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that is found in one blob, whatever kind of rule finds it.
    fn blob(&self, blob: &Blob) -> Result<Found, DetectError> {
        let place = Place { path: &blob.path, commit: blob.commit.as_deref() };
        let mut found = Found { findings: self.file(blob)?, ..Found::default() };
        if blob.change == Some(Change::Deleted) {
            return Ok(found);
        }
        let text = crate::text::encoding::to_scan(&blob.bytes);
        let mut credentials = forms::read(place.path, &text, self.setting.now);
        for credential in &mut credentials {
            credential.place.commit.clone_from(&blob.commit);
        }
        let credential_spans: Vec<Span> =
            credentials.iter().map(|credential| credential.place.span).collect();
        let reading = manifest::read(place.path, place.commit, &text);
        let literals = reading.identities.iter().flat_map(|identity| &identity.credentials);
        let literals = literals.filter(|one| one.storage == Storage::Literal).map(|one| one.place.span);
        let hidden: Vec<Span> = credential_spans.into_iter().chain(literals).collect();
        let masks = self.text(place, &text, &hidden, &mut found)?;
        let mut lives = credential::in_text(&self.rules, &credentials, &text, self.setting.fingerprinter)?;
        for finding in &mut lives {
            finding.snippet = Some(snippet::masked(&text, finding.location.span, &masks));
        }
        found.findings.extend(lives);
        for (dialect, document) in &reading.documents {
            let content = Some((*dialect, document));
            found.findings.extend(self.document(blob, content)?);
        }
        found.gaps.extend(reading.gaps);
        if !reading.identities.is_empty() {
            let text = Manifest { text: Secret::new(&text), masks };
            found.manifests.push(((blob.path.clone(), blob.commit.clone()), text));
        }
        found.identities.extend(reading.identities);
        Ok(found)
    }

    /// Rules over the path and the change of a file alone.
    fn file(&self, blob: &Blob) -> Result<Vec<Finding>, DetectError> {
        self.document::<Node>(blob, None)
    }

    fn document<T: serde::Serialize + ?Sized>(
        &self,
        blob: &Blob,
        content: Option<(&str, &T)>,
    ) -> Result<Vec<Finding>, DetectError> {
        if content.is_none() && blob.change.is_none() {
            return Ok(Vec::new());
        }
        let document = document::Document {
            path: &blob.path,
            commit: blob.commit.as_deref(),
            change: blob.change,
            context: manifest::context_of(&blob.path),
            bytes: &blob.bytes,
            content,
        };
        Ok(document::judge(&self.document_rules, &document, self.setting.fingerprinter)?)
    }
}

/// Where a blob stands.
#[derive(Clone, Copy)]
struct Place<'b> {
    path: &'b str,
    commit: Option<&'b str>,
}

impl Place<'_> {
    fn location(&self, text: &[u8], span: Span) -> Location {
        Location {
            path: self.path.to_owned(),
            start: Position::at(text, span.start),
            end: Position::at(text, span.end),
            span,
            commit: self.commit.map(ToOwned::to_owned),
        }
    }
}

impl Engine<'_> {
    fn text(
        &self,
        place: Place<'_>,
        bytes: &[u8],
        credentials: &[Span],
        found: &mut Found,
    ) -> Result<Vec<(Span, usize)>, DetectError> {
        let mut hits = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let subject = text::Subject { path: place.path, bytes };
        let candidates = text::candidates(subject, self.setting.policies, &self.prefilter, &mut hits);
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(hits);
        let candidates = candidates?;
        let secrets = self.masks(bytes, &candidates, credentials);
        let settled = overlap::settle(candidates);
        let lines = settled.iter().map(|one| line_around(bytes, one.secret.start).of(bytes));
        found.suppressions += suppression::count(lines);
        let mut weak: BTreeMap<(usize, Vec<u8>), u32> = BTreeMap::new();
        for candidate in settled {
            let key = candidate.key.of(bytes).to_vec();
            let occurrence = weak.entry((candidate.rule, key)).and_modify(|count| *count += 1).or_insert(0);
            found.findings.extend(self.finding(place, bytes, &candidate, *occurrence, &secrets));
        }
        Ok(secrets)
    }

    /// Every span that must be masked, with how much of its start is public, in order.
    fn masks(
        &self,
        bytes: &[u8],
        candidates: &[text::Candidate],
        credentials: &[Span],
    ) -> Vec<(Span, usize)> {
        let mut spans: Vec<(Span, usize)> = candidates
            .iter()
            .map(|candidate| {
                let rule = self.setting.policies.rules.get(candidate.rule);
                let keywords = rule.and_then(|rule| rule.text_rule()).map_or(&[][..], |text| &text.keywords);
                (candidate.secret, public_prefix(candidate.secret.of(bytes), keywords))
            })
            .chain(credentials.iter().map(|span| (*span, 0)))
            .collect();
        spans.extend(snippet::repeats(bytes, &spans));
        spans.sort();
        spans.dedup_by(|later, earlier| {
            let same = earlier.0.overlaps(&later.0);
            if same {
                earlier.0.end = earlier.0.end.max(later.0.end);
            }
            same
        });
        spans
    }

    fn finding(
        &self,
        place: Place<'_>,
        bytes: &[u8],
        candidate: &text::Candidate,
        occurrence: u32,
        secrets: &[(Span, usize)],
    ) -> Option<Finding> {
        let rule = self.setting.policies.rules.get(candidate.rule)?;
        let value = Secret::new(candidate.secret.of(bytes));
        let key = String::from_utf8_lossy(candidate.key.of(bytes)).into_owned();
        let weak = WeakPlace { path: place.path, key: &key, occurrence };
        let subject = Subject::Secret { value: &value, bits: candidate.bits, place: weak };
        let (fingerprint, algorithm) = self.setting.fingerprinter.of(&rule.id.0, subject);
        Some(Finding {
            rule: rule.id.clone(),
            family: rule.family,
            severity: rule.severity,
            confidence: candidate.confidence,
            enforcement: Policies::enforcement(rule, candidate.confidence),
            title: rule.title.clone(),
            detail: String::new(),
            location: place.location(bytes, candidate.secret),
            fingerprint,
            algorithm,
            identity: None,
            blast: None,
            occurrence: 0,
            snippet: Some(snippet::masked(bytes, candidate.secret, secrets)),
            related: Vec::new(),
            facts: candidate.facts.clone(),
            past: None,
        })
    }

    fn finish(self, extent: Extent) -> Result<Scan, DetectError> {
        let mut seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = seen.error.take() {
            return Err(error);
        }
        std::mem::take(&mut seen.past).join(&mut seen.findings);
        let sifted = extent.sifted.clone().unwrap_or_default();
        if extent.sifted.is_some() {
            seen.contents.push((String::new(), hash::sha256(sifted.digest.as_bytes())));
        }
        seen.contents.sort();
        let digest: Vec<u8> = seen
            .contents
            .iter()
            .flat_map(|(path, content)| [path.as_bytes(), &[0], content].concat())
            .collect();
        seen.gaps.sort();
        seen.gaps.dedup();
        let superseded = |one: &Identity| {
            one.places.first().is_some_and(|place| {
                let version = (place.path.clone(), place.commit.clone().unwrap_or_default());
                extent.superseded.contains(&version)
            })
        };
        seen.identities.retain(|one| !superseded(one));
        let by_place =
            |one: &Identity, other: &Identity| (&one.places, &one.name).cmp(&(&other.places, &other.name));
        seen.identities.sort_by(by_place);
        seen.base_identities.sort_by(by_place);
        Ok(Scan {
            findings: introduced(seen.findings, &seen.at_base, &extent.commits),
            identities: seen.identities,
            base_identities: seen.base_identities,
            manifests: seen.manifests,
            gaps: seen.gaps,
            files: seen.contents.len() as u64 + sifted.blobs - u64::from(extent.sifted.is_some()),
            bytes: seen.bytes + sifted.bytes,
            suppressions: seen.suppressions,
            digest: hash::digest(&digest),
            extent,
        })
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

/// How many bytes at the start of `secret` are the public prefix of its format.
///
/// Only a keyword that the secret begins with, in the same case as far as it has letters, and that leaves at least
/// twelve bytes unseen.
fn public_prefix(secret: &[u8], keywords: &[String]) -> usize {
    let begins = |word: &&String| {
        secret.len() >= word.len() + 12
            && secret.iter().zip(word.bytes()).all(|(one, other)| one.eq_ignore_ascii_case(&other))
    };
    keywords.iter().filter(begins).map(String::len).max().unwrap_or_default()
}
