//! Findings from blobs and identities. Pure: same input, same findings, at any number of threads.

/// Named checks that a text carries itself.
pub mod checksum;
/// `when:` over credentials.
pub mod credential;
/// How text hides in text.
mod decode;
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

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::credential as forms;
use crate::finding::{
    Enforcement, Finding, Fingerprinter, Gap, Location, RuleId, Severity, Subject, WeakPlace,
};
use crate::identity::radius::radius_among;
use crate::identity::{Identity, Storage};
use crate::manifest;
use crate::policy::rule::Detect;
use crate::policy::{Policies, Rule};
use crate::source::{Blob, Change, Extent, Item, Memo, Source, SourceError, outermost};
use crate::text::hash;
use crate::text::places::Places;
use crate::text::secret::Secret;
use crate::text::span::{Span, line_within};
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

/// How far from a secret the comment of another tool is looked for, in bytes of its line.
const COMMENT: usize = 4 << 10;

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
    let made = || engine.get_or_init(|| Engine { memo, ..Engine::new(setting) });
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
    let mut findings = identity::judge(&rules, &joined.identities, setting.fingerprinter, setting.threads)?;
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
    keep: manifest::Keep,
    memo: Option<&'a Memo>,
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
    /// Whether it holds what must not be shown, such as a credential that is no finding today and one tomorrow.
    masked: bool,
}

impl Found {
    /// Whether the same bytes at the same path will always give nothing under the same rules.
    fn is_clean(&self) -> bool {
        let Self { findings, identities, manifests, gaps, suppressions, masked } = self;
        let found = findings.len() + identities.len() + manifests.len() + gaps.len();
        found == 0 && *suppressions == 0 && !masked
    }
}

impl<'a> Engine<'a> {
    fn new(setting: Setting<'a>) -> Self {
        let prefilter = prefilter::Prefilter::new(&setting.policies.rules);
        let of_kind = |kind: &str| setting.policies.rules.iter().filter(|rule| rule.kind() == kind).collect();
        let (rules, document_rules): (_, Vec<&Rule>) = (of_kind("credential"), of_kind("document"));
        let looks =
            |rule: &&&Rule| matches!(&rule.detect, Detect::Document { dialects, .. } if !dialects.is_empty());
        let keep = match document_rules.iter().find(looks) {
            Some(_) => manifest::Keep::Documents,
            None => manifest::Keep::Identities,
        };
        let (scratch, seen) = (Mutex::default(), Mutex::default());
        Self { setting, rules, document_rules, keep, memo: None, prefilter, scratch, seen }
    }

    fn take(&self, item: Item) {
        match item {
            Item::Gap(gap) => self.lock().gaps.push(gap),
            Item::Blob(blob) => {
                let content = hash::content(&blob.bytes);
                let found = self.unless_clean(&blob, &content);
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

    /// All that is found in one blob, which is not searched where it is known to be clean.
    fn unless_clean(&self, blob: &Blob, content: &[u8; 32]) -> Result<Found, DetectError> {
        let Some(memo) = self.memo else { return self.blob(blob) };
        let tag = memo.tag(blob, content);
        if memo.knows(&tag) {
            return Ok(Found::default());
        }
        let found = self.blob(blob)?;
        if found.is_clean() {
            memo.remember(tag);
        }
        Ok(found)
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
        let reading = manifest::read(place.path, place.commit, &text, self.keep);
        let literals = reading.identities.iter().flat_map(|identity| &identity.credentials);
        let literals = literals.filter(|one| one.storage == Storage::Literal).map(|one| one.place.span);
        let hidden: Vec<Span> = credential_spans.into_iter().chain(literals).collect();
        let masks = self.text(place, &text, &hidden, &mut found)?;
        found.masked = !masks.is_empty();
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
    fn location(&self, places: &Places<'_>, span: Span) -> Location {
        Location {
            path: self.path.to_owned(),
            start: places.position(span.start),
            end: places.position(span.end),
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
        let layers = self.layers(place.path).run(bytes, &mut hits);
        let (mut candidates, layers) = (candidates?, layers?);
        let hidden: Vec<Span> = credentials.iter().copied().chain(layers.masks).collect();
        candidates.extend(layers.candidates);
        let mut search = |subject: text::Subject<'_>| {
            text::candidates(subject, self.setting.policies, &self.prefilter, &mut hits)
        };
        let candidates = notebook::reread(subject, candidates, &mut search)?;
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(hits);
        let secrets = self.masks(bytes, &candidates, &hidden);
        found.gaps.extend(layers.gaps);
        let places = OnceCell::new();
        let places = || places.get_or_init(|| Places::new(bytes));
        for mut life in layers.lives.into_iter().filter(|life| !covered(life.location.span, credentials)) {
            life.location = place.location(places(), life.location.span);
            life.snippet = Some(snippet::masked(bytes, life.location.span, &secrets));
            found.findings.push(life);
        }
        let settled = overlap::settle(candidates);
        let lines = settled.iter().map(|one| line_within(bytes, one.secret.start, COMMENT).of(bytes));
        found.suppressions += suppression::count(lines);
        let mut weak: BTreeMap<(usize, Vec<u8>), u32> = BTreeMap::new();
        for candidate in settled {
            let key = candidate.name(bytes).to_vec();
            let occurrence = weak.entry((candidate.rule, key)).and_modify(|count| *count += 1).or_insert(0);
            let location = place.location(places(), candidate.secret);
            found.findings.extend(self.finding(location, bytes, &candidate, *occurrence, &secrets));
        }
        Ok(secrets)
    }

    fn layers<'s>(&'s self, path: &'s str) -> layer::search::Search<'s> {
        layer::search::Search {
            path: Some(path),
            policies: self.setting.policies,
            prefilter: &self.prefilter,
            rules: &self.rules,
            fingerprinter: self.setting.fingerprinter,
            now: self.setting.now,
        }
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
                if candidate.decoded.is_some() {
                    return (candidate.secret, 0);
                }
                let rule = self.setting.policies.rules.get(candidate.rule);
                let keywords = rule.and_then(|rule| rule.text_rule()).map_or(&[][..], |text| &text.keywords);
                (candidate.secret, public_prefix(candidate.secret.of(bytes), keywords))
            })
            .chain(credentials.iter().map(|span| (*span, 0)))
            .collect();
        let decoded = candidates.iter().filter_map(|candidate| candidate.decoded.as_ref());
        let decoded: Vec<&[u8]> = decoded.map(|decoded| decoded.value.expose()).collect();
        spans.extend(snippet::repeats(bytes, &spans, &decoded));
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
        location: Location,
        bytes: &[u8],
        candidate: &text::Candidate,
        occurrence: u32,
        secrets: &[(Span, usize)],
    ) -> Option<Finding> {
        let rule = self.setting.policies.rules.get(candidate.rule)?;
        let value = Secret::new(candidate.value(bytes));
        let key = String::from_utf8_lossy(candidate.name(bytes)).into_owned();
        let weak = WeakPlace { path: &location.path, key: &key, occurrence };
        let subject = Subject::Secret { value: &value, bits: candidate.bits, place: weak };
        let (fingerprint, algorithm) = self.setting.fingerprinter.of(&rule.id.0, subject);
        let (facts, ended) = candidate.said.clone().at(self.setting.now);
        // What has ended opens nothing any more; it still shows where a live one will stand tomorrow.
        let (severity, enforcement) = if ended {
            (rule.severity.min(Severity::Low), Enforcement::Advise)
        } else {
            (rule.severity, Policies::enforcement(rule, candidate.confidence))
        };
        Some(Finding {
            rule: rule.id.clone(),
            family: rule.family,
            severity,
            confidence: candidate.confidence,
            enforcement,
            title: rule.title.clone(),
            detail: String::new(),
            location,
            fingerprint,
            algorithm,
            identity: None,
            blast: None,
            occurrence: 0,
            snippet: Some(snippet::masked(bytes, candidate.secret, secrets)),
            related: Vec::new(),
            facts,
            encoding: candidate.decoded.as_ref().map(|decoded| decoded.encoding.clone()),
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
                let commit = place.commit.clone().unwrap_or_default();
                let is = |path: &str| extent.superseded.contains(&(path.to_owned(), commit.clone()));
                is(&place.path) || is(outermost(&place.path))
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

fn covered(span: Span, others: &[Span]) -> bool {
    others.iter().any(|other| other.overlaps(&span))
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
