//! One pass over a source: what every blob gives, gathered from all threads and put in order.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::blob::Found;
use super::{DetectError, Manifest, Scan, Setting, Version, history, introduced, prefilter};
use crate::finding::{Finding, Gap};
use crate::identity::Identity;
use crate::manifest::Keep;
use crate::policy::Rule;
use crate::policy::rule::Detect;
use crate::source::{Blob, Extent, Item, Memo, outermost};
use crate::text::hash;

/// The rules made ready, and what was seen so far.
pub(super) struct Engine<'a> {
    pub(super) setting: Setting<'a>,
    /// Rules over credentials.
    pub(super) rules: Vec<&'a Rule>,
    pub(super) document_rules: Vec<&'a Rule>,
    pub(super) keep: Keep,
    pub(super) prefilter: prefilter::Prefilter,
    pub(super) scratch: Mutex<Vec<Vec<prefilter::Hit>>>,
    memo: Option<&'a Memo>,
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

impl<'a> Engine<'a> {
    pub(super) fn new(setting: Setting<'a>, memo: Option<&'a Memo>) -> Self {
        let prefilter = prefilter::Prefilter::new(&setting.policies.rules);
        let of_kind = |kind: &str| setting.policies.rules.iter().filter(|rule| rule.kind() == kind).collect();
        let (rules, document_rules): (_, Vec<&Rule>) = (of_kind("credential"), of_kind("document"));
        let looks =
            |rule: &&&Rule| matches!(&rule.detect, Detect::Document { dialects, .. } if !dialects.is_empty());
        let keep = match document_rules.iter().find(looks) {
            Some(_) => Keep::Documents,
            None => Keep::Identities,
        };
        let (scratch, seen) = (Mutex::default(), Mutex::default());
        Self { setting, rules, document_rules, keep, prefilter, scratch, memo, seen }
    }

    /// Looks at `item`, on whatever thread, and keeps what it gives.
    pub(super) fn take(&self, item: Item) {
        match item {
            Item::Gap(gap) => self.lock().gaps.push(gap),
            Item::Blob(blob) => {
                let content = hash::content(&blob.bytes);
                self.add(self.unless_clean(&blob, &content), |seen, found| {
                    seen.bytes += blob.bytes.len() as u64;
                    seen.contents.push((blob.path, content));
                    seen.findings.extend(found.findings);
                    seen.identities.extend(found.identities);
                    seen.manifests.extend(found.manifests);
                    seen.gaps.extend(found.gaps);
                    seen.suppressions += found.suppressions;
                });
            }
            Item::Past(blob, past) => self.add(self.past(&blob, &past), |seen, found| {
                seen.past.take(found.findings, &past);
                seen.gaps.extend(found.gaps);
                seen.suppressions += found.suppressions;
            }),
            Item::Base(blob) => self.add(self.blob(&blob), |seen, found| {
                seen.at_base.extend(found.findings);
                seen.base_identities.extend(found.identities);
            }),
        }
    }

    fn add(&self, found: Result<Found, DetectError>, keep: impl FnOnce(&mut Seen, Found)) {
        let mut seen = self.lock();
        match found {
            Ok(found) => keep(&mut seen, found),
            Err(error) => seen.error = seen.error.take().or(Some(error)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
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

    /// All that was seen, in the same order whatever thread saw it.
    pub(super) fn finish(self, extent: Extent) -> Result<Scan, DetectError> {
        let mut seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = seen.error.take() {
            return Err(error);
        }
        std::mem::take(&mut seen.past).join(&mut seen.findings);
        let mut files = seen.contents.len() as u64;
        if let Some(sifted) = &extent.sifted {
            files += sifted.blobs;
            seen.bytes += sifted.bytes;
            seen.contents.push((String::new(), hash::sha256(sifted.digest.as_bytes())));
        }
        seen.contents.sort();
        let mut digest = Vec::new();
        for (path, content) in &seen.contents {
            digest.extend_from_slice(path.as_bytes());
            digest.push(0);
            digest.extend_from_slice(content);
        }
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
            files,
            bytes: seen.bytes,
            suppressions: seen.suppressions,
            digest: hash::digest(&digest),
            extent,
        })
    }
}
