//! Texts inside a text: what the decodings of [`super::decode`] give, with the way back to where it stands.
//!
//! ```text
//! password: Z2hwX2FiYw==  # of CI          the text that stands in the file, or in the layer above
//! ~~~~~~~~~~^^^^^^^^^^^^~~~~~~~~~~
//! password: ghp_abc       # of CI          one layer: the part decoded, and the rest of its line as it is
//! ```
//!
//! - A layer takes the line along, so that rules see the name a value is assigned to.
//! - Only what touches a decoded part counts; the rest of the line was judged above.
//! - A part of an alphabet (base64, hex) maps back to the whole of its run; a character to itself.
//! - Limits of depth, bytes and number are gaps, each with its name.

mod atoms;
mod runs;
pub(super) mod search;

use std::borrow::Cow;

use super::decode::{Language, Unpacked};
use crate::text::span::Span;
pub(super) use runs::is_letter;

/// How deep texts may lie in texts: base64 of percent-encoded JSON escapes in base64 is four.
pub const DEPTH: usize = 4;

/// The most bytes that all layers of one blob may have together.
pub const BYTES: usize = 48 << 20;

/// The most layers of one blob.
pub const LAYERS: usize = 200_000;

/// The most bytes that one packed run may unpack to.
pub const UNPACKED: usize = 8 << 20;

/// How much of a line is taken along, in bytes on either side.
const CONTEXT: usize = 160;

/// A text that was decoded from a part of another one, its parent.
#[derive(Debug)]
pub(super) struct Layer<'t> {
    bytes: Cow<'t, [u8]>,
    pieces: Vec<Piece>,
    /// Whether the decoded part is no text: rules that judge by context have nothing to say about it.
    opaque: bool,
}

/// A stretch of a layer and where it comes from.
#[derive(Debug)]
struct Piece {
    here: Span,
    parent: Span,
    kind: Kind,
}

/// How a piece came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Byte for byte.
    Copied,
    /// By the decoding of that name; empty pieces are joints.
    Atom(&'static str),
    /// The whole run, by these decodings.
    Run(Vec<&'static str>),
}

/// Where a secret of a layer stands in the parent, and how it was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) span: Span,
    pub(super) how: Vec<&'static str>,
    /// Whether it was decoded as a whole run.
    pub(super) whole: bool,
}

/// What may still be decoded of one blob, and which limits it met.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    layers: usize,
    /// Names of limits, sorted.
    pub(super) met: std::collections::BTreeSet<&'static str>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: BYTES, layers: LAYERS, met: std::collections::BTreeSet::new() }
    }
}

impl Budget {
    /// Whether a layer of `bytes` bytes fits; it counts from now on.
    fn takes(&mut self, bytes: usize) -> bool {
        let (Some(bytes), Some(layers)) = (self.bytes.checked_sub(bytes), self.layers.checked_sub(1)) else {
            self.met.insert(if self.layers == 0 { "number of encoded parts" } else { "bytes decoded" });
            return false;
        };
        (self.bytes, self.layers) = (bytes, layers);
        true
    }
}

/// What is known of the file that a text stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scene {
    language: Language,
    /// A manifest of a Kubernetes Secret: its values are base64 however short.
    secret: bool,
}

impl Scene {
    pub(super) fn of(path: &str, text: &[u8]) -> Self {
        const ADJACENT: [&str; 13] =
            ["py", "pyi", "c", "h", "cc", "cpp", "cxx", "hh", "hpp", "hxx", "m", "mm", "d"];
        const MANIFESTS: [&str; 5] = ["yaml", "yml", "json", "tpl", "tmpl"];
        let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
        let holds = |word: &str| memchr::memmem::find(text, word.as_bytes()).is_some();
        let secret = MANIFESTS.contains(&ending)
            && (holds("kind: Secret") || holds("\"kind\":\"Secret\"") || holds("\"kind\": \"Secret\""));
        let language = Language {
            adjacent: ADJACENT.contains(&ending),
            joins: holds("join("),
            quoted: holds("quoted-printable"),
        };
        Self { language, secret }
    }

    /// What may be known of `text` at some path: whatever lets more be decoded.
    pub(super) fn anywhere(text: &[u8]) -> Self {
        let secret = memchr::memmem::find(text, b"Secret").is_some();
        Self { language: Language { adjacent: true, joins: true, quoted: true }, secret }
    }
}

/// Every layer that lies directly in `parent`.
pub(super) fn layers(parent: &Layer<'_>, scene: Scene, budget: &mut Budget) -> Vec<Layer<'static>> {
    let mut found = atoms::layers(parent, scene.language, budget);
    found.extend(runs::layers(parent, scene, budget));
    found
}

impl<'t> Layer<'t> {
    /// The text that stands in the file.
    pub(super) fn bottom(bytes: &'t [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), pieces: Vec::new(), opaque: false }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the span touches something that this layer decoded; in the file itself, everything counts.
    fn is_new(&self, span: Span) -> bool {
        matches!(self.bytes, Cow::Borrowed(_)) || self.touched(span).any(|piece| piece.kind != Kind::Copied)
    }

    /// The pieces that share a byte with `span` or end where it begins, or lie in it.
    fn touched(&self, span: Span) -> impl Iterator<Item = &Piece> {
        let first = self.pieces.partition_point(|piece| piece.here.end < span.start);
        let rest = self.pieces.get(first..).unwrap_or_default().iter();
        rest.take_while(move |piece| piece.here.start < span.end)
    }

    /// The bytes of the parent that `span` comes from.
    pub(super) fn above(&self, span: Span) -> Span {
        let mut above: Option<Span> = None;
        for piece in self.touched(span).filter(|piece| piece.here.overlaps(&span)) {
            let part = piece.above(span);
            above =
                Some(above.map_or(part, |all| Span::new(all.start.min(part.start), all.end.max(part.end))));
        }
        above.unwrap_or_default()
    }

    /// Where the secret at `span` comes from; `None` if it is nothing new, or only half decoded. What a layer below
    /// decoded is new, though nothing of it was written otherwise here.
    pub(super) fn origin(&self, span: Span, is_from_below: bool) -> Option<Origin> {
        let mut how: Vec<&'static str> = Vec::new();
        let mut whole = false;
        for piece in self.touched(span) {
            match &piece.kind {
                Kind::Run(_) if !piece.here.contains(&span) => return None,
                Kind::Run(names) => {
                    whole = true;
                    how.clone_from(names);
                }
                // A joint beside the secret joins nothing of it.
                Kind::Atom(name) if piece.here.start < piece.here.end || span.start < piece.here.start => {
                    if !how.contains(name) {
                        how.push(name);
                    }
                }
                Kind::Atom(_) | Kind::Copied => {}
            }
        }
        (is_from_below || !how.is_empty()).then(|| Origin { span: self.above(span), how, whole })
    }

    /// Where the secret at `span` comes from, which stands as it is under a name that does not.
    pub(super) fn origin_by_name(&self, span: Span, name: Span) -> Option<Origin> {
        let inside = |piece: &&Piece| {
            let joins = name.start < piece.here.start && piece.here.end < name.end;
            name.contains(&piece.here) && (piece.here.start < piece.here.end || joins)
        };
        let mut how: Vec<&'static str> = Vec::new();
        for piece in self.touched(name).filter(inside) {
            if let Kind::Atom(decoding) = &piece.kind
                && !how.contains(decoding)
            {
                how.push(decoding);
            }
        }
        (!how.is_empty()).then(|| Origin { span: self.above(span), how, whole: false })
    }

    fn empty() -> Layer<'static> {
        Layer { bytes: Cow::Owned(Vec::new()), pieces: Vec::new(), opaque: false }
    }

    fn add(&mut self, bytes: &[u8], parent: Span, kind: Kind) {
        let start = self.bytes.len();
        self.bytes.to_mut().extend_from_slice(bytes);
        self.pieces.push(Piece { here: Span::new(start, self.bytes.len()), parent, kind });
    }

    fn copy(&mut self, parent: &Layer<'_>, part: Span) {
        if part.start < part.end {
            self.add(part.of(&parent.bytes), part, Kind::Copied);
        }
    }

    /// The run at `run` of `parent` as `unpacked`, between what else stands on its line.
    ///
    /// A run cut out of a word stands alone: with the rest of that word its beginning would not be one.
    fn of_run(parent: &Layer<'_>, run: Span, unpacked: &Unpacked, how: Vec<&'static str>) -> Layer<'static> {
        let text = parent.bytes();
        let before = run.start.checked_sub(1).and_then(|at| text.get(at));
        let is_cut = [before, text.get(run.end)].into_iter().flatten().any(|byte| is_letter(*byte));
        let mut layer = Layer::empty();
        if is_cut {
            layer.add(&unpacked.bytes, run, Kind::Run(how));
            return layer;
        }
        let line = line_near(text, run, CONTEXT, CONTEXT);
        layer.copy(parent, Span::new(line.start, run.start));
        layer.add(&unpacked.bytes, run, Kind::Run(how));
        layer.copy(parent, Span::new(run.end, line.end));
        layer
    }
}

/// The line around `part`, at most `before` bytes back and `behind` bytes on. Nothing beyond is looked at: a minified
/// file is one line.
fn line_near(text: &[u8], part: Span, before: usize, behind: usize) -> Span {
    let from = part.start.saturating_sub(before);
    let to = part.end.saturating_add(behind).min(text.len());
    let start = memchr::memrchr(b'\n', Span::new(from, part.start).of(text));
    let end = memchr::memchr(b'\n', Span::new(part.end, to).of(text));
    Span::new(start.map_or(from, |at| from + at + 1), end.map_or(to, |at| part.end + at))
}

impl Piece {
    /// The bytes of the parent that the part of this piece in `span` comes from.
    fn above(&self, span: Span) -> Span {
        if self.kind != Kind::Copied {
            return self.parent;
        }
        let start = span.start.max(self.here.start) - self.here.start;
        let end = span.end.min(self.here.end) - self.here.start;
        Span::new(self.parent.start + start, self.parent.start + end)
    }
}

#[cfg(test)]
mod tests;
