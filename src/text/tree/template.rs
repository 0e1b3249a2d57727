//! Templates (`{{ ... }}`, `{% ... %}`) masked with as many bytes, so that the rest parses and keeps its place.

use crate::text::span::Span;

/// A text without its templates.
pub(super) struct Masked {
    /// As long as the original, byte for byte.
    pub(super) text: String,
    /// Where templates were, in order.
    pub(super) spans: Vec<Span>,
}

/// Masks the templates of `text`; `None` when it has none.
///
/// A template that has its lines for itself becomes blanks, any other one letters: it stands for a part of a
/// scalar. `${{ ... }}` is an expression of a CI service inside a scalar, and templates in comments are comments.
pub(super) fn mask(text: &str) -> Option<Masked> {
    if !text.contains("{{") && !text.contains("{%") {
        return None;
    }
    let spans = find(text.as_bytes());
    if spans.is_empty() {
        return None;
    }
    let mut bytes = text.as_bytes().to_vec();
    for run in runs(text.as_bytes(), &spans) {
        let alone = is_alone(text.as_bytes(), run);
        for span in spans.iter().filter(|span| run.contains(span)) {
            for byte in bytes.iter_mut().take(span.end).skip(span.start) {
                *byte = match (alone, *byte) {
                    (true, b'\n' | b'\r') => *byte,
                    (true, _) => b' ',
                    (false, _) => b'x',
                };
            }
        }
    }
    // INVARIANT: whole templates were replaced by ASCII, and they begin and end with ASCII.
    let text = String::from_utf8(bytes).ok()?;
    Some(Masked { text, spans })
}

fn find(text: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = 0;
    let mut line = 0;
    while let Some(byte) = text.get(at) {
        if *byte == b'\n' {
            line = at + 1;
        }
        let close: &[u8] = match (byte, text.get(at + 1)) {
            (b'{', Some(b'{')) => b"}}",
            (b'{', Some(b'%')) => b"%}",
            _ => {
                at += 1;
                continue;
            }
        };
        let before = Span::new(line, at).of(text);
        let skipped = before.last() == Some(&b'$') || before.trim_ascii_start().first() == Some(&b'#');
        let rest = Span::new(at + 2, text.len()).of(text);
        match rest.windows(2).position(|pair| pair == close) {
            Some(length) if !skipped => {
                spans.push(Span::new(at, at + length + 4));
                at += length + 4;
            }
            Some(_) => at += 2,
            // Nothing closes from here on, so no later one is closed by the same mark either.
            None => break,
        }
    }
    spans
}

/// Joins templates that only blanks separate.
fn runs(text: &[u8], spans: &[Span]) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last)
                if Span::new(last.end, span.start)
                    .of(text)
                    .iter()
                    .all(|byte| matches!(byte, b' ' | b'\t')) =>
            {
                last.end = span.end;
            }
            _ => joined.push(*span),
        }
    }
    joined
}

/// Whether nothing but blanks stands before and behind `run` on its lines.
fn is_alone(text: &[u8], run: Span) -> bool {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
    let before = Span::new(0, run.start).of(text).iter().rev().find(|byte| !blank(byte));
    let behind = Span::new(run.end, text.len()).of(text).iter().find(|byte| !blank(byte));
    before.is_none_or(|byte| *byte == b'\n') && behind.is_none_or(|byte| *byte == b'\n')
}
