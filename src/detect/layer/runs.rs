//! Long runs of the letters of base64 and hex: one layer for each that stands for text.
//!
//! Nearly all of them are digests, pictures and long names. What they stand for is looked at and dropped: a layer
//! is made of text, of what unpacks, and of bytes with a long piece of text among them.

use super::{Budget, CONTEXT, Layer, Scene, UNPACKED};
use crate::detect::decode;
use crate::text::span::Span;

/// The fewest letters of a run: 15 bytes.
pub(super) const LEAST: usize = 20;

/// The fewest in the manifest of a Secret, whose values are known to be base64.
const LEAST_SECRET: usize = 8;

/// The shortest line that goes on in the next one; encoders break at 60, 64, 72 or 76 letters.
const WRAPPED: usize = 40;

/// So many letters in a row do not come about by chance.
const TEXT: usize = 24;

/// A longer run is not taken to pieces: a picture has a slash in every line.
const LONG: usize = 4096;

/// What joins words to a run that are none of it: a path, a prefix.
const JOINTS: &[u8; 4] = b"/_-+";

pub(super) fn layers(parent: &Layer<'_>, scene: Scene, budget: &mut Budget) -> Vec<Layer<'static>> {
    let mut reader = Reader { parent, budget, layers: Vec::new() };
    let mut from = 0;
    let least = if scene.secret { LEAST_SECRET } else { LEAST };
    while let Some(run) = next(parent.bytes(), from, least) {
        from = if parent.is_new(run) { reader.run(run) } else { run.end };
    }
    reader.layers
}

/// The next run of at least `least` letters at or behind `from`, at which no run may be under way.
///
/// It looks at the last byte of each window first, so that most bytes are never looked at.
pub(super) fn next(text: &[u8], from: usize, least: usize) -> Option<Span> {
    let mut start = from;
    loop {
        let window = text.get(start..start + least)?;
        match window.iter().rposition(|byte| !is_letter(*byte)) {
            Some(gap) => start += gap + 1,
            None => return Some(Span::new(start, end_of_run(text, start + least))),
        }
    }
}

fn end_of_run(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.iter().position(|byte| !is_letter(*byte)).map_or(text.len(), |at| from + at)
}

/// A letter of either alphabet of base64, which have those of hex in them.
#[inline]
pub(in crate::detect) fn is_letter(byte: u8) -> bool {
    const LETTERS: [bool; 256] = letters();
    LETTERS.get(usize::from(byte)).is_some_and(|is_letter| *is_letter)
}

#[expect(clippy::indexing_slicing, reason = "it makes a constant, so what lies outside does not compile")]
const fn letters() -> [bool; 256] {
    let mut letters = [false; 256];
    let mut byte = 0;
    while byte < u8::MAX {
        letters[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        byte += 1;
    }
    letters
}

struct Reader<'r, 'p, 't> {
    parent: &'r Layer<'p>,
    budget: &'t mut Budget,
    layers: Vec<Layer<'static>>,
}

impl Reader<'_, '_, '_> {
    /// Makes the layers of one run and returns where to go on.
    fn run(&mut self, run: Span) -> usize {
        let text = self.parent.bytes();
        if run.end - run.start < LEAST {
            if is_value(text, run) {
                self.whole(run);
            }
            return run.end;
        }
        if let Some(mut block) = Block::at(text, run) {
            if !self.block(&block) && block.drop_tail() {
                self.block(&block);
            }
            return block.span.end;
        }
        if !self.whole(run) {
            self.parts(run, JOINTS);
        }
        run.end
    }

    /// Each line stands for whole bytes: where the block is no text, none of its lines is. Where it is, each may also
    /// be a run of its own.
    fn block(&mut self, block: &Block) -> bool {
        let found = self.letters(block.span, &block.letters);
        if found {
            for line in &block.lines {
                self.whole(*line);
            }
        }
        found
    }

    /// The run as it is, with the padding behind it.
    fn whole(&mut self, run: Span) -> bool {
        let text = self.parent.bytes();
        self.letters(Span::new(run.start, run.end + padding(text, run.end)), run.of(text))
    }

    /// The parts between the joints, the first kind of joint that gives any.
    fn parts(&mut self, run: Span, joints: &[u8]) -> bool {
        let parent = self.parent;
        let letters = run.of(parent.bytes());
        if letters.len() > LONG {
            return !joints.is_empty() && self.behind_words(run);
        }
        let Some(first) = joints.iter().position(|joint| letters.contains(joint)) else { return false };
        let Some(([.., joint], rest)) = joints.split_at_checked(first + 1) else { return false };
        let mut start = run.start;
        let mut found = false;
        for part in letters.split(|byte| byte == joint) {
            let part = Span::new(start, start + part.len());
            start = part.end + 1;
            if part.end - part.start >= LEAST {
                found |= self.whole(part) || self.parts(part, rest);
            }
        }
        found
    }

    /// A long run behind a few words that a joint parts from it.
    fn behind_words(&mut self, run: Span) -> bool {
        let letters = run.of(self.parent.bytes());
        let starts = letters.iter().take(CONTEXT).enumerate().filter(|(_, byte)| JOINTS.contains(byte));
        let begins = |at: &usize| {
            let head = letters.get(*at..at + 16).unwrap_or_default();
            decode::run(head, TEXT)
                .is_some_and(|(unpacked, names)| names.len() > 1 || is_text(&unpacked.bytes))
        };
        let start = starts.map(|(at, _)| at + 1).find(begins);
        start.is_some_and(|at| self.whole(Span::new(run.start + at, run.end)))
    }

    /// Adds the layer of `letters`, which stand at `span`, if they stand for anything readable.
    fn letters(&mut self, span: Span, letters: &[u8]) -> bool {
        if !may_be_readable(letters) {
            return false;
        }
        let Some((unpacked, how)) = decode::run(letters, UNPACKED) else { return false };
        let text = is_text(&unpacked.bytes);
        if !text && !has_text(&unpacked.bytes) {
            return false;
        }
        if unpacked.cut {
            self.budget.met.insert("bytes unpacked from one run");
        }
        if self.budget.takes(unpacked.bytes.len() + 2 * CONTEXT) {
            let mut layer = Layer::of_run(self.parent, span, &unpacked, how);
            layer.opaque = !text;
            self.layers.push(layer);
        }
        true
    }
}

/// A quick no for the names and paths that most runs are: too short for a piece of text among other bytes, and neither
/// text nor packed by what the first letters stand for. Never a false no.
fn may_be_readable(letters: &[u8]) -> bool {
    if letters.len() >= TEXT / 3 * 4 {
        return true;
    }
    let mut bytes = [0; TEXT];
    let quads = letters.as_chunks::<4>().0;
    for (triple, quad) in bytes.as_chunks_mut::<3>().0.iter_mut().zip(quads) {
        let bits = quad.iter().fold(0, |bits, letter| bits << 6 | sextet(*letter));
        let [_, first, second, third] = bits.to_be_bytes();
        *triple = [first, second, third];
    }
    let head = bytes.get(..quads.len() * 3).unwrap_or_default();
    let is_packed = head.starts_with(b"\x1f\x8b") || head.starts_with(b"\x78") || head.contains(&0);
    is_packed || is_text(head.get(..head.len() - incomplete(head)).unwrap_or_default())
}

/// How many bytes at the end of `bytes` begin a character that goes on behind them.
fn incomplete(bytes: &[u8]) -> usize {
    match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        _ => 0,
    }
}

/// What a letter of either alphabet of base64 stands for. Source: RFC 4648, sections 4 and 5.
const fn sextet(letter: u8) -> u32 {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    };
    value as u32
}

/// Lines of one length, but for the last one, that are one run.
struct Block {
    span: Span,
    lines: Vec<Span>,
    letters: Vec<u8>,
}

impl Block {
    /// The block whose first line ends with `first`, if the next line goes on.
    fn at(text: &[u8], first: Span) -> Option<Self> {
        let width = first.end - first.start;
        if width < WRAPPED || !width.is_multiple_of(4) {
            return None;
        }
        let mut block = Self { span: first, lines: vec![first], letters: first.of(text).to_vec() };
        let indent = indent_behind(text, first);
        let fits = |line: &Span| line.end - line.start <= width;
        while let Some(line) = next_line(text, block.span.end, indent).filter(fits) {
            block.lines.push(line);
            block.letters.extend_from_slice(line.of(text));
            block.span.end = line.end + padding(text, line.end);
            if block.span.end > line.end || line.end - line.start < width {
                break;
            }
        }
        (block.lines.len() > 1).then_some(block)
    }

    /// Leaves out a last line that is shorter than the others: it may be a word that only stands below them.
    fn drop_tail(&mut self) -> bool {
        let length = |line: &Span| line.end - line.start;
        let [.., before, tail] = self.lines.as_slice() else { return false };
        if length(tail) == length(before) {
            return false;
        }
        self.letters.truncate(self.letters.len() - length(tail));
        self.span.end = before.end;
        self.lines.pop();
        true
    }
}

/// How far the line behind `first` must be indented to go on with it: further than the line of `first`, if that is a
/// value behind its key and in no quotes.
fn indent_behind(text: &[u8], first: Span) -> usize {
    let before = Span::new(first.start.saturating_sub(CONTEXT), first.start).of(text);
    let before = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let indent = before.iter().take_while(|byte| b" \t".contains(byte)).count();
    let is_value = indent < before.len() && before.last().is_some_and(|byte| b" \t:=".contains(byte));
    if is_value { indent + 1 } else { 0 }
}

/// The letters that the line behind `end` consists of, but for white space of at least `indent` before them.
fn next_line(text: &[u8], end: usize, indent: usize) -> Option<Span> {
    let rest = text.get(end..)?;
    let behind = rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n")?;
    let blank = behind.iter().take(CONTEXT).take_while(|byte| b" \t".contains(byte)).count();
    let start = text.len() - behind.len() + blank;
    let stop = end_of_run(text, start);
    let closed = text.get(stop).is_none_or(|byte| b"\r\n=\"'`<".contains(byte));
    (blank >= indent && stop > start && closed).then(|| Span::new(start, stop))
}

fn padding(text: &[u8], end: usize) -> usize {
    let behind = text.get(end..).unwrap_or_default();
    behind.iter().take(2).take_while(|byte| **byte == b'=').count()
}

/// Whether a short run is the value of a key in YAML or JSON and complete base64 in itself.
fn is_value(text: &[u8], run: Span) -> bool {
    let end = run.end + padding(text, run.end);
    let before = text.get(..run.start).unwrap_or_default();
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before);
    let before = before.strip_suffix(b" ").unwrap_or(before);
    let ends = text.get(end).is_none_or(|byte| b"\r\n\"' ,}".contains(byte));
    before.ends_with(b":") && ends && (end - run.start).is_multiple_of(4)
}

/// Whether all of `bytes` is text.
fn is_text(bytes: &[u8]) -> bool {
    let control = |byte: &u8| byte.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(byte);
    let head = bytes.get(..bytes.len().min(TEXT)).unwrap_or_default();
    !head.iter().any(control) && !bytes.iter().any(control) && str::from_utf8(bytes).is_ok()
}

/// Whether a long piece of `bytes` is text; it looks at every so many bytes only.
fn has_text(bytes: &[u8]) -> bool {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~');
    let mut at = TEXT - 1;
    while let Some(window) = bytes.get(at + 1 - TEXT..=at) {
        match window.iter().rposition(|byte| !plain(byte)) {
            None => return true,
            Some(gap) => at += gap + 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_the_first_letters_rule_out_is_not_readable(
            word in "[A-Za-z0-9+/_-]{20,40}", text in "[ -~éß\t\n]{10,24}", bytes in prop::collection::vec(any::<u8>(), 14..24),
            packed in prop::sample::select(vec![&b"\x1f\x8b\x08"[..], b"\x78\x9c", b"k\0e\0y\0", b""]),
        ) {
            let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
            let encoded = [text.into_bytes(), [packed, &bytes].concat()].map(|bytes| engine.encode(bytes));
            for letters in [word].iter().chain(&encoded).map(String::as_bytes) {
                let readable = decode::run(letters, UNPACKED)
                    .is_some_and(|(unpacked, _)| is_text(&unpacked.bytes) || has_text(&unpacked.bytes));
                prop_assert!(may_be_readable(letters) || !readable, "{}", letters.escape_ascii());
            }
        }
    }
}
