//! Jupyter notebooks: cells and outputs as the text that people wrote and saw, with the way back into the file.
//!
//! ```text
//! "source": ["key = \"a1\"\n", "!export B=2\n"]      the file
//!              key = "a1"                            code, judged like a .py file
//!              !export B=2                           text, as outputs and Markdown are
//! ```
//!
//! Without this a value would end in `\n`, a key in several strings of one cell would stand in no line, and every
//! expression would look like a value that somebody wrote down.
//!
//! Source: Jupyter, "The Notebook file format" (nbformat 4).

use super::DetectError;
use super::overlap;
use super::text::{Candidate, Decoded, Subject};
use crate::text::secret::Secret;
use crate::text::span::Span;

/// Keys whose strings are what a person reads in a notebook. One value may be a list of lines.
const SHOWN: [&[u8]; 6] = [b"source", b"text", b"text/plain", b"text/html", b"text/markdown", b"traceback"];

/// A longer string is no line of anything: it is judged as it stands. Cells are taken in parts of about so many bytes.
const MOST: usize = 1 << 20;

/// The number of the layer a notebook is: no other is a layer of the file as such.
const LAYER: usize = usize::MAX;

/// Replaces what was seen in the JSON of a notebook at `subject` by what is seen in its cells.
///
/// `search` finds the candidates of any text. Every other file keeps `candidates` as they are.
pub(super) fn reread(
    subject: Subject<'_>,
    mut candidates: Vec<Candidate>,
    search: &mut dyn FnMut(Subject<'_>) -> Result<Vec<Candidate>, DetectError>,
) -> Result<Vec<Candidate>, DetectError> {
    let Some(stem) = subject.path.strip_suffix(".ipynb") else { return Ok(candidates) };
    let notebook = Notebook::read(subject.bytes);
    let mut found = Vec::new();
    for (view, path) in [(&notebook.code, &*format!("{stem}.py")), (&notebook.text, subject.path)] {
        let seen = search(Subject { path, bytes: &view.bytes })?;
        found.extend(overlap::settle_layer(seen).into_iter().map(|one| view.lifted(one, subject.bytes)));
    }
    candidates.retain(|one| {
        let same = |other: &Candidate| other.rule == one.rule && other.secret.overlaps(&one.secret);
        let guess = one.is_generic() && !one.decoded.as_ref().is_some_and(|decoded| decoded.whole);
        let reread = guess && notebook.shows(one.secret);
        !reread && !found.iter().any(same)
    });
    candidates.extend(found);
    Ok(candidates)
}

/// What a notebook shows.
#[derive(Debug, Default)]
struct Notebook {
    /// Lines of code cells.
    code: View,
    /// Lines for a shell, outputs and Markdown.
    text: View,
    /// The insides of all strings that were read, in order.
    shown: Vec<Span>,
}

/// Text that was put together from the strings of a file.
#[derive(Debug, Default)]
struct View {
    bytes: Vec<u8>,
    /// From the first offset here on, bytes come from the second one there, one by one.
    jumps: Vec<(usize, usize)>,
}

impl Notebook {
    /// Reads strings by the key they stand under; what is no JSON gives what can be read of it.
    fn read(file: &[u8]) -> Self {
        let mut notebook = Self::default();
        let (mut key, mut is_code) = (&b""[..], false);
        let mut cell: Vec<(u8, usize)> = Vec::new();
        let mut at = 0;
        while let Some(open) = file.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
            let inside = Span::new(at + open + 1, string_end(file, at + open + 1));
            at = inside.end + 1;
            let behind = file.get(at..).unwrap_or_default().trim_ascii_start();
            if behind.starts_with(b":") {
                notebook.add(&cell, is_code && key == b"source");
                cell.clear();
                key = inside.of(file);
            } else if key == b"cell_type" {
                is_code = inside.of(file) == b"code";
            } else if SHOWN.contains(&key) && inside.end - inside.start <= MOST {
                notebook.shown.push(inside);
                unescape(file, inside, &mut cell);
                if cell.len() > MOST {
                    notebook.add(&cell, is_code && key == b"source");
                    cell.clear();
                }
            }
        }
        notebook.add(&cell, is_code && key == b"source");
        notebook
    }

    /// Adds the characters of one cell or output, each with its place in the file.
    fn add(&mut self, cell: &[(u8, usize)], is_code: bool) {
        let magic = cell.first().is_some_and(|first| first.0 == b'%')
            && cell.get(1).is_some_and(|next| next.0 == b'%');
        for line in cell.split_inclusive(|(byte, _)| *byte == b'\n') {
            let first =
                line.iter().find(|(byte, _)| !byte.is_ascii_whitespace()).map_or(b' ', |(byte, _)| *byte);
            let is_shell = magic || b"!%".contains(&first);
            let view = if is_code && !is_shell { &mut self.code } else { &mut self.text };
            for (byte, place) in line {
                view.push(*byte, *place);
            }
        }
        for view in [&mut self.code, &mut self.text] {
            view.push(b'\n', cell.last().map_or(0, |(_, place)| *place));
        }
    }

    /// Whether `span` of the file lies in a string that was read.
    fn shows(&self, span: Span) -> bool {
        let next = self.shown.partition_point(|shown| shown.start <= span.start);
        next.checked_sub(1).and_then(|at| self.shown.get(at)).is_some_and(|shown| shown.contains(&span))
    }
}

impl View {
    fn push(&mut self, byte: u8, place: usize) {
        let here = self.bytes.len();
        if self.jumps.last().is_none_or(|(start, there)| there + (here - start) != place) {
            self.jumps.push((here, place));
        }
        self.bytes.push(byte);
    }

    /// Where the byte at `here` stands in the file.
    fn place(&self, here: usize) -> usize {
        let next = self.jumps.partition_point(|(start, _)| *start <= here);
        let jump = next.checked_sub(1).and_then(|at| self.jumps.get(at));
        jump.map_or(0, |(start, there)| there + (here - start))
    }

    fn above(&self, span: Span) -> Span {
        if span.start >= span.end {
            return Span::default();
        }
        Span::new(self.place(span.start), self.place(span.end - 1) + 1)
    }

    /// A candidate of this view as one of `file`. Where escapes or the ends of strings lie in it, it is a decoded one.
    fn lifted(&self, candidate: Candidate, file: &[u8]) -> Candidate {
        let (secret, key) = (self.above(candidate.secret), self.above(candidate.key));
        let value = candidate.secret.of(&self.bytes);
        let decoded = (secret.of(file) != value).then(|| Decoded {
            value: Secret::new(value),
            key: candidate.key.of(&self.bytes).to_vec(),
            encoding: "notebook".to_owned(),
            whole: false,
            layer: LAYER,
        });
        Candidate { secret, key, decoded, ..candidate }
    }
}

/// Where the string that begins at `start` ends: at its closing quote, or with the file.
fn string_end(file: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(stop) = file.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += stop;
        if file.get(at) == Some(&b'"') {
            return at;
        }
        at += 2;
    }
    file.len()
}

/// Appends the characters of a JSON string, each with the place where it is written.
fn unescape(file: &[u8], inside: Span, into: &mut Vec<(u8, usize)>) {
    let text = inside.of(file);
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let place = inside.start + at;
        if *byte != b'\\' {
            into.push((*byte, place));
            at += 1;
            continue;
        }
        let (letter, length) = match text.get(at + 1) {
            Some(b'n') => ('\n', 2),
            Some(b't') => ('\t', 2),
            Some(b'r') => ('\r', 2),
            Some(b'u') => (unicode(text, at).unwrap_or('\u{fffd}'), 6),
            Some(b'b' | b'f') => (' ', 2),
            Some(other) => (char::from(*other), 2),
            None => ('\\', 1),
        };
        into.extend(letter.encode_utf8(&mut [0; 4]).bytes().map(|byte| (byte, place)));
        at += length;
    }
}

/// The letter of `\u0041`; halves of pairs are none.
fn unicode(text: &[u8], at: usize) -> Option<char> {
    let digits = std::str::from_utf8(text.get(at + 2..at + 6)?).ok()?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOTEBOOK: &str = r##"{
 "cells": [
  {
   "cell_type": "code",
   "metadata": { "token": "meta" },
   "outputs": [ { "name": "stdout", "text": [ "key is \"x\"\n", "done" ] },
                { "data": { "text/plain": [ "'shown'" ], "image/png": "iVBORw0KGgo=" } } ],
   "source": [
    "a = \"one\"\n",
    "  !export B=2\n",
    "c = '''p\n",
    "q'''"
   ]
  },
  { "cell_type": "code", "source": "%%bash\nexport D=4\n" },
  { "cell_type": "markdown", "source": [ "# T\u0069tle\\" ] }
 ],
 "nbformat": 4
}"##;

    #[test]
    fn cells_are_code_and_what_a_shell_or_a_person_reads_is_text() {
        let notebook = Notebook::read(NOTEBOOK.as_bytes());
        let lines = |view: &View| {
            let text = String::from_utf8(view.bytes.clone()).unwrap();
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(lines(&notebook.code), ["a = \"one\"", "c = '''p", "q'''"]);
        let text = ["key is \"x\"", "done", "'shown'", "  !export B=2", "%%bash", "export D=4", "# Title\\"];
        assert_eq!(lines(&notebook.text), text);
        let place = |word: &str| {
            let start = NOTEBOOK.find(word).unwrap();
            Span::new(start, start + word.len())
        };
        assert!(
            notebook.shows(place("one"))
                && !notebook.shows(place("meta"))
                && !notebook.shows(place("stdout"))
        );
        for (view, word) in
            [(&notebook.code, "a = "), (&notebook.text, "export D=4"), (&notebook.text, "shown")]
        {
            let start = memchr::memmem::find(&view.bytes, word.as_bytes()).unwrap();
            assert_eq!(view.above(Span::new(start, start + word.len())), place(word));
        }
    }

    proptest! {
        #[test]
        fn any_file_is_read_and_every_span_lies_in_it(
            parts in proptest::collection::vec("\"source\": ?\\[?|\"cell_type\": \"code\",|\"[^\"]{0,9}\"[,\\]]?|.{0,4}|\\\\u00", 0..20),
        ) {
            let file = parts.concat();
            let notebook = Notebook::read(file.as_bytes());
            for view in [&notebook.code, &notebook.text] {
                for at in 0..view.bytes.len() {
                    let above = view.above(Span::new(at, at + 1));
                    prop_assert!(above.end <= file.len().max(1), "{above:?}");
                }
            }
            prop_assert!(notebook.shown.iter().all(|shown| shown.end <= file.len()));
        }
    }
}
