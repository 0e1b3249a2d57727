//! Lines with characters that are written otherwise, or literals in parts: one layer for each stretch of them.

use super::{Budget, Kind, Layer, line_near};
use crate::detect::decode::{self, Atom, Hides, Language};
use crate::text::span::Span;

/// How much of the line before and behind an atom belongs to its layer, in bytes.
const BEFORE: usize = 512;
const BEHIND: usize = 4096;

/// The least length of a word that a secret could be.
const WORD: usize = 16;

pub(super) fn layers(parent: &Layer<'_>, language: Language, budget: &mut Budget) -> Vec<Layer<'static>> {
    let regions = regions(parent, language).into_iter();
    regions
        .filter(|region| budget.takes(region.end - region.start))
        .map(|region| decoded(parent, region, language))
        .collect()
}

/// The stretches of `parent` that hold a new atom behind which a secret may hide, in order.
fn regions(parent: &Layer<'_>, language: Language) -> Vec<Span> {
    let text = parent.bytes();
    let mut regions: Vec<Span> = Vec::new();
    let mut done = 0;
    // They stand too close for a search that is set up anew behind each.
    for (offset, pair) in text.windows(2).enumerate() {
        if !decode::begins(pair) || offset < done {
            continue;
        }
        let Some((atom, _)) = decode::atom(text, offset, language) else { continue };
        done = offset + atom.length;
        if !hides(text, done, atom) || !parent.is_new(Span::new(offset, done)) {
            continue;
        }
        let region = around(text, Span::new(offset, done));
        match regions.last_mut().filter(|last| region.start <= last.end) {
            Some(last) => last.end = last.end.max(region.end),
            None => regions.push(region),
        }
    }
    regions
}

/// Whether a secret may hide behind `atom`, which ends at `end`.
fn hides(text: &[u8], end: usize, atom: Atom) -> bool {
    match atom.hides {
        Hides::Always => true,
        Hides::Never => false,
        Hides::BeforeWord => {
            let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.=+/:%@$!".contains(byte);
            text.get(end..end + WORD).is_some_and(|word| word.iter().all(letter))
        }
    }
}

fn around(text: &[u8], atom: Span) -> Span {
    let mut region = line_near(text, atom, BEFORE, BEHIND);
    // Not into the middle of an escape.
    while region.start < atom.start && region.start.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'\\')
    {
        region.start += 1;
    }
    region
}

/// The region with every atom of it replaced by what it stands for.
fn decoded(parent: &Layer<'_>, region: Span, language: Language) -> Layer<'static> {
    let text = parent.bytes();
    let mut layer = Layer::empty();
    let mut copied = region.start;
    let part = text.get(region.start..text.len().min(region.end + 1)).unwrap_or_default();
    for (offset, pair) in (region.start..).zip(part.windows(2)) {
        if !decode::begins(pair) || offset < copied {
            continue;
        }
        let Some((atom, name)) = decode::atom(text, offset, language) else { continue };
        layer.copy(parent, Span::new(copied, offset));
        let mut letter = [0; 4];
        let bytes = atom.stands_for.map_or(&[][..], |one| one.encode_utf8(&mut letter).as_bytes());
        copied = offset + atom.length;
        layer.add(bytes, Span::new(offset, copied), Kind::Atom(name));
    }
    layer.copy(parent, Span::new(copied, region.end));
    layer
}
