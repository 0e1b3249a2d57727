//! The rules, run on every layer; what they find, where it stands in the file.

use super::{Budget, DEPTH, Layer, Scene, layers};
use crate::credential as forms;
use crate::detect::prefilter::{Hit, Prefilter};
use crate::detect::text::{self, Candidate, Decoded, Subject};
use crate::detect::{DetectError, credential, overlap};
use crate::finding::{Finding, Fingerprinter, Gap, Reason};
use crate::policy::{Policies, Rule};
use crate::text::span::Span;
use crate::text::time::Timestamp;

/// What every layer of one blob is searched with.
#[derive(Clone, Copy)]
pub(in crate::detect) struct Search<'a> {
    /// Path of the file; empty where nothing is ruled out by a path.
    pub(in crate::detect) path: &'a str,
    pub(in crate::detect) policies: &'a Policies,
    pub(in crate::detect) prefilter: &'a Prefilter,
    /// The rules over credentials.
    pub(in crate::detect) rules: &'a [&'a Rule],
    pub(in crate::detect) fingerprinter: &'a Fingerprinter,
    pub(in crate::detect) now: Timestamp,
}

/// What stands in layers; spans are those of the text they lie in.
#[derive(Default)]
pub(in crate::detect) struct Found {
    /// Candidates of text rules, settled among each other but not with those of the text itself.
    pub(in crate::detect) candidates: Vec<Candidate>,
    /// Findings about credentials, with nothing but the span of their location.
    pub(in crate::detect) lives: Vec<Finding>,
    /// What no snippet may show.
    pub(in crate::detect) masks: Vec<Span>,
    pub(in crate::detect) gaps: Vec<Gap>,
}

impl Search<'_> {
    /// All that the layers of `text` hold. `hits` is scratch space.
    pub(in crate::detect) fn run(&self, text: &[u8], hits: &mut Vec<Hit>) -> Result<Found, DetectError> {
        let mut budget = Budget::default();
        let scene = Scene::of(self.path, text);
        let mut found = self.below(&Layer::bottom(text), 1, scene, &mut budget, hits)?;
        found.gaps.extend(budget.met.into_iter().map(|limit| Gap {
            path: self.path.to_owned(),
            reason: Reason::Limit,
            detail: format!("encoded text was not decoded in full: limit of {limit}"),
        }));
        Ok(found)
    }

    /// Whether a layer of one of the `parts` of `text` may hold something at some path.
    pub(in crate::detect) fn may_hold(
        &self,
        text: &[u8],
        parts: &[Span],
        hits: &mut Vec<Hit>,
    ) -> Result<bool, DetectError> {
        let scene = Scene::anywhere(text);
        for part in parts {
            let mut budget = Budget::default();
            let found = self.below(&Layer::bottom(part.of(text)), 1, scene, &mut budget, hits)?;
            let holds = found.candidates.iter().any(|one| !one.refuted) || !found.lives.is_empty();
            if holds || !budget.met.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn below(
        &self,
        parent: &Layer<'_>,
        depth: usize,
        scene: Scene,
        budget: &mut Budget,
        hits: &mut Vec<Hit>,
    ) -> Result<Found, DetectError> {
        let mut found = Found::default();
        let layers = layers(parent, scene, budget);
        if depth > DEPTH {
            if !layers.is_empty() {
                budget.met.insert("depth");
            }
            return Ok(found);
        }
        for (number, layer) in layers.iter().enumerate() {
            let below = self.below(layer, depth + 1, Scene { secret: false, ..scene }, budget, hits)?;
            self.layer(layer, number, below, &mut found, hits)?;
        }
        Ok(found)
    }

    /// Those of one layer; without a path, those of every path.
    fn candidates(&self, bytes: &[u8], hits: &mut Vec<Hit>) -> Result<Vec<Candidate>, DetectError> {
        text::candidates(Subject { path: self.path, bytes }, self.policies, self.prefilter, hits)
    }

    /// Adds what stands in `layer` itself and `below` it.
    fn layer(
        &self,
        layer: &Layer<'_>,
        number: usize,
        below: Found,
        found: &mut Found,
        hits: &mut Vec<Hit>,
    ) -> Result<(), DetectError> {
        let mut candidates = self.candidates(layer.bytes(), hits)?;
        candidates.retain(|one| !(layer.opaque && one.is_generic()));
        let secrets = candidates.iter().map(|one| one.secret).chain(below.masks);
        found.masks.extend(secrets.map(|secret| layer.above(secret)));
        candidates.extend(below.candidates);
        let settled = overlap::settle_layer(candidates);
        found.candidates.extend(settled.into_iter().filter_map(|one| lifted(one, layer, number)));
        let mut credentials = forms::read(self.path, layer.bytes(), self.now);
        for credential in &mut credentials {
            self.policies.settings.limits.max_lifetime.set(credential, "unknown");
        }
        found.masks.extend(credentials.iter().map(|one| layer.above(one.place.span)));
        let lives = credential::in_text(self.rules, &credentials, layer.bytes(), self.fingerprinter)?;
        for mut life in lives.into_iter().chain(below.lives) {
            let Some(origin) = layer.origin(life.location.span, life.encoding.is_some()) else { continue };
            life.location.span = origin.span;
            life.encoding = Some(chain(&origin.how, life.encoding.as_deref()));
            found.lives.push(life);
        }
        Ok(())
    }
}

/// A candidate of `layer` as one of the text that the layer lies in; `None` if it is none of its own.
fn lifted(candidate: Candidate, layer: &Layer<'_>, number: usize) -> Option<Candidate> {
    let origin = layer
        .origin(candidate.secret, candidate.decoded.is_some())
        .or_else(|| layer.origin_by_name(candidate.secret, candidate.key))?;
    let bytes = layer.bytes();
    let value = crate::text::secret::Secret::new(candidate.value(bytes));
    let inner = candidate.decoded.as_ref().map(|decoded| decoded.encoding.as_str());
    let decoded = Decoded {
        key: candidate.name(bytes).to_vec(),
        encoding: chain(&origin.how, inner),
        whole: origin.whole || candidate.decoded.as_ref().is_some_and(|decoded| decoded.whole),
        layer: number,
        value,
    };
    Some(Candidate { secret: origin.span, decoded: Some(decoded), ..candidate })
}

/// `base64 > gzip`, the outermost decoding first.
fn chain(outer: &[&str], inner: Option<&str>) -> String {
    outer.iter().copied().chain(inner).collect::<Vec<_>>().join(" > ")
}
