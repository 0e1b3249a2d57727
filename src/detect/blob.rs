//! All that is found in one blob, whatever kind of rule finds it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::engine::Engine;
use super::{
    DetectError, Manifest, Version, credential, document, layer, notebook, overlap, snippet, suppression,
    text,
};
use crate::credential as forms;
use crate::finding::{Enforcement, Finding, Gap, Location, Severity, Subject, WeakPlace};
use crate::identity::{Identity, Storage};
use crate::manifest;
use crate::policy::Policies;
use crate::source::{Blob, Change};
use crate::text::places::Places;
use crate::text::secret::Secret;
use crate::text::span::{Span, line_within};
use crate::text::tree::Node;

/// How far from a secret the comment of another tool is looked for, in bytes of its line.
const COMMENT: usize = 4 << 10;

/// What one blob gave.
#[derive(Default)]
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    pub(super) identities: Vec<Identity>,
    pub(super) manifests: Vec<(Version, Manifest)>,
    pub(super) gaps: Vec<Gap>,
    pub(super) suppressions: u64,
    /// Whether it holds what must not be shown, such as a credential that is no finding today and one tomorrow.
    masked: bool,
}

impl Found {
    /// Whether the same bytes at the same path will always give nothing under the same rules.
    pub(super) fn is_clean(&self) -> bool {
        let Self { findings, identities, manifests, gaps, suppressions, masked } = self;
        let found = findings.len() + identities.len() + manifests.len() + gaps.len();
        found == 0 && *suppressions == 0 && !masked
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
    /// All that is found in `blob`.
    pub(super) fn blob(&self, blob: &Blob) -> Result<Found, DetectError> {
        let place = Place { path: &blob.path, commit: blob.commit.as_deref() };
        let mut found = Found { findings: self.file(blob)?, ..Found::default() };
        if blob.change == Some(Change::Deleted) {
            return Ok(found);
        }
        let text = crate::text::encoding::to_scan(&blob.bytes);
        let mut credentials = forms::read(place.path, &text, self.setting.now);
        for credential in &mut credentials {
            credential.place.commit.clone_from(&blob.commit);
            self.setting.policies.settings.limits.max_lifetime.set(credential, "unknown");
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
            path,
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
        let name = self.setting.fingerprinter.of(&rule.id.0, subject);
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
            title: rule.title.to_string(),
            detail: String::new(),
            location,
            fingerprint: name.fingerprint,
            algorithm: name.algorithm,
            former: name.former,
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
