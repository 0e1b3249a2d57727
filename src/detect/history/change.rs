//! What is new in a content that was made out of another one, and what was copied in one piece.

use crate::detect::layer::is_letter;
use crate::git::pack::Run;
use crate::policy::syntax::THEN_BYTES;
use crate::source::{Basis, Mark};
use crate::text::span::Span;

/// How much of a line, and of lines that go on in the next one, is looked at around a change, in bytes each way.
const LINE: usize = 4 << 10;
const WRAPPED: usize = 4 << 20;

/// The shortest line of base64 that may go on in the next one.
const FULL: usize = 40;

/// The kind of manifest whose values are base64, however short.
const SECRET: &[u8] = b"Secret";

/// A content beside the one it was made out of.
pub(super) struct Change<'a> {
    basis: Basis<'a>,
    /// Bytes of the new one.
    length: usize,
    /// What lies between runs, and before and behind them; empty where two of them meet.
    gaps: Vec<Span>,
}

impl<'a> Change<'a> {
    pub(super) fn new(basis: Basis<'a>, length: usize) -> Self {
        let ends = std::iter::once(0).chain(basis.runs.iter().map(|run| run.to + run.length));
        let starts = basis.runs.iter().map(|run| run.to).chain([length]);
        let gaps = ends.zip(starts).map(|(end, start)| Span::new(end, start)).collect();
        Self { basis, length, gaps }
    }

    pub(super) fn gaps(&self) -> &[Span] {
        &self.gaps
    }

    /// Whether the run ends where both texts do.
    const fn ends_both(&self, run: &Run) -> bool {
        run.from + run.length == self.basis.length && run.to + run.length == self.length
    }

    /// Takes along the marks of the base that were copied with what stands behind them.
    pub(super) fn carry(&self, into: &mut Vec<Mark>) {
        let all = &self.basis.trace.marks;
        for run in self.basis.runs {
            let tail = if self.ends_both(run) { 0 } else { THEN_BYTES };
            let end = run.from + run.length;
            let first = all.partition_point(|mark| mark.start < run.from);
            let begun = all.iter().skip(first).take_while(|mark| mark.start < end);
            into.extend(begun.filter(|mark| mark.end + tail <= end).map(|mark| Mark {
                start: mark.start - run.from + run.to,
                end: mark.end - run.from + run.to,
                kind: mark.kind,
            }));
        }
    }

    /// Where literals can stand that were not carried along, joined where they overlap.
    pub(super) fn seams(&self, longest: usize) -> Vec<Span> {
        let mut parts: Vec<Span> = Vec::new();
        let last_ends = self.basis.runs.last().is_some_and(|run| self.ends_both(run));
        for gap in &self.gaps {
            let at_start = gap.end == 0 && self.length > 0;
            if at_start || (gap.start == self.length && last_ends) {
                continue;
            }
            let start = gap.start.saturating_sub(longest + THEN_BYTES);
            let part = Span::new(start, (gap.end + longest).min(self.length));
            match parts.last_mut() {
                Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
                _ => parts.push(part),
            }
        }
        parts
    }

    /// Whether `run` has all of `span` of the base in it, as far as there is text, and each end of a text is one of both.
    fn is_whole_in(&self, run: &Run, span: Span) -> bool {
        let end = run.from + run.length;
        let at_start = span.start == 0 || span.start + run.to == run.from;
        let starts = if at_start { run.from == 0 && run.to == 0 } else { run.from <= span.start };
        let is_inside = || {
            let now = span.end.saturating_sub(run.from) + run.to;
            span.end <= end && span.end < self.basis.length && now < self.length
        };
        starts && span.start < end && (self.ends_both(run) || is_inside())
    }

    /// Whether all of `span` was copied in one piece.
    pub(super) fn is_copied(&self, span: Span) -> bool {
        let at = self.basis.runs.partition_point(|run| run.to <= span.start);
        let run = at.checked_sub(1).and_then(|at| self.basis.runs.get(at));
        run.is_some_and(|run| {
            let before = |at: usize| (at - run.to).saturating_add(run.from);
            self.is_whole_in(run, Span::new(before(span.start), before(span.end)))
        })
    }

    /// What the base shows, where it is now, as far as it was copied, in order; and whether that is all of it, once.
    pub(super) fn kept(&self) -> (Vec<Span>, bool) {
        let shown = &self.basis.trace.shown;
        let mut counts = vec![0_u32; shown.len()];
        let mut kept = Vec::new();
        for run in self.basis.runs {
            let first = shown.partition_point(|span| span.start < run.from);
            let begun = shown.iter().zip(&mut counts).skip(first);
            let begun = begun.take_while(|(span, _)| span.start < run.from + run.length);
            for (span, count) in begun.filter(|(span, _)| self.is_whole_in(run, **span)) {
                kept.push(Span::new(span.start - run.from + run.to, span.end - run.from + run.to));
                *count += 1;
            }
        }
        (kept, counts.iter().all(|count| *count == 1))
    }

    /// Whether something new lies within `far` bytes of `span`.
    pub(super) fn is_near(&self, span: Span, far: usize) -> bool {
        let at = self.gaps.partition_point(|gap| gap.end + far < span.start);
        self.gaps.get(at).is_some_and(|gap| gap.start <= span.end + far)
    }

    /// Where something encoded may be otherwise than in the base: the lines with what was not copied in one piece, and
    /// those they go on in, joined where they overlap.
    pub(super) fn blocks(&self, text: &[u8]) -> Vec<Span> {
        // What is read as base64 anywhere in a text depends on this word.
        let names_secret = |gap: &Span| {
            let around = Span::new(gap.start.saturating_sub(SECRET.len()), gap.end + SECRET.len());
            memchr::memmem::find(around.of(text), SECRET).is_some()
        };
        if self.gaps.iter().any(names_secret) {
            return vec![Span::new(0, text.len())];
        }
        let mut parts: Vec<Span> = Vec::new();
        for gap in &self.gaps {
            if parts.last().is_some_and(|last| gap.end < last.end) {
                continue;
            }
            let part = block(text, *gap);
            match parts.last_mut() {
                Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
                _ => parts.push(part),
            }
        }
        parts
    }
}

/// The lines of `gap`, up to the end of the one it ends in, and those they go on in.
fn block(text: &[u8], gap: Span) -> Span {
    let mut block = Span::new(line_start(text, gap.start), line_end(text, gap.end));
    let mut below = line_end(text, block.start);
    while block.start > 0 && gap.start - block.start < WRAPPED {
        let above = line_start(text, block.start - 1);
        if !goes_on(Span::new(above, block.start).of(text), Span::new(block.start, below).of(text)) {
            break;
        }
        (block.start, below) = (above, block.start);
    }
    while block.end < text.len() && block.end - gap.end < WRAPPED {
        let above = line_start(text, block.end.saturating_sub(1));
        let below = line_end(text, block.end);
        if !goes_on(Span::new(above, block.end).of(text), Span::new(block.end, below).of(text)) {
            break;
        }
        block.end = below;
    }
    block
}

/// The start of the line that `at` stands in, or of the run of letters that is cut by looking so far back only.
fn line_start(text: &[u8], at: usize) -> usize {
    let least = at.saturating_sub(LINE);
    if let Some(feed) = memchr::memrchr(b'\n', Span::new(least, at).of(text)) {
        return least + feed + 1;
    }
    let before = Span::new(0, least).of(text);
    before.iter().rposition(|byte| !is_letter(*byte)).map_or(0, |at| at + 1)
}

fn line_end(text: &[u8], at: usize) -> usize {
    let most = (at + LINE).min(text.len());
    if let Some(feed) = memchr::memchr(b'\n', Span::new(at, most).of(text)) {
        return at + feed + 1;
    }
    let behind = Span::new(most, text.len()).of(text);
    behind.iter().position(|byte| !is_letter(*byte)).map_or(text.len(), |at| most + at)
}

/// Whether something encoded at the end of the line `above` may go on in the one `below`: a block of base64, a line that
/// says so, or a literal in parts.
fn goes_on(above: &[u8], below: &[u8]) -> bool {
    let above = above.trim_ascii_end();
    let is_wrapped = above.len() >= FULL && above.iter().rev().take(FULL).all(|byte| is_letter(*byte));
    if is_wrapped || above.ends_with(b"\\") {
        return true;
    }
    let between = |byte: &u8| byte.is_ascii_whitespace() || b"+.&<>~|,;[(\\".contains(byte);
    let quote = |byte: &u8| b"\"'`".contains(byte);
    let end = above.iter().rev().find(|byte| !between(byte));
    (end.is_none_or(quote) || above.ends_with(b"[") || above.ends_with(b"(")) && below.iter().any(quote)
}
