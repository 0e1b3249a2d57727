//! Byte spans, and the line and column a person counts.

use serde::Serialize;

/// A run of bytes of one text: `start` included, `end` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset just behind the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to and without `end`; an end before the start gives an empty span.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The bytes of `text` the span covers, cut at the end of the text.
    pub fn of<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let end = self.end.min(text.len());
        text.get(self.start.min(end)..end).unwrap_or_default()
    }

    /// Whether the two spans share a byte.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether every byte of `other` lies in this span.
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// A place in a text as people count it: both from 1, columns in Unicode characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Position {
    /// The position of the byte at `offset` in `text`; an offset behind the end is the end.
    pub fn at(text: &[u8], offset: usize) -> Self {
        let before = Span::new(0, offset).of(text);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let column = characters(Span::new(start, before.len()).of(before)) + 1;
        Self { line: saturate(line), column: saturate(column) }
    }
}

/// The span of the line that holds the byte at `offset`, without its line feed.
pub fn line_around(text: &[u8], offset: usize) -> Span {
    let offset = offset.min(text.len());
    let before = Span::new(0, offset).of(text);
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let after = Span::new(offset, text.len()).of(text);
    let end = memchr::memchr(b'\n', after).map_or(text.len(), |at| offset + at);
    Span::new(start, end)
}

/// The same, cut at `most` bytes on either side of `offset`: a minified file is one line of megabytes.
pub fn line_within(text: &[u8], offset: usize, most: usize) -> Span {
    let offset = offset.min(text.len());
    let first = offset.saturating_sub(most);
    let line = line_around(Span::new(first, offset.saturating_add(most)).of(text), offset - first);
    Span::new(first + line.start, first + line.end)
}

/// How many characters a reader of `bytes` sees, each run that is no UTF-8 as one.
fn characters(bytes: &[u8]) -> usize {
    match str::from_utf8(bytes) {
        Ok(text) => text.chars().count(),
        Err(_) => String::from_utf8_lossy(bytes).chars().count(),
    }
}

fn saturate(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_it_is_too_long() {
        let text = b"first\nabcdefghij\nlast";
        for (offset, most, expected) in
            [(10, 99, "abcdefghij"), (10, 2, "cdef"), (6, 3, "abc"), (99, 4, "last")]
        {
            let line = line_within(text, offset, most);
            assert_eq!(line.of(text), expected.as_bytes(), "{offset} {most}");
        }
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let text = "a\näb\n".as_bytes();
        for (offset, line, column) in [(0, 1, 1), (1, 1, 2), (2, 2, 1), (4, 2, 2), (6, 3, 1), (99, 3, 1)] {
            assert_eq!(Position::at(text, offset), Position { line, column }, "offset {offset}");
        }
    }

    #[test]
    fn a_line_ends_before_its_line_feed() {
        assert_eq!(line_around(b"ab\ncd\n", 4), Span::new(3, 5));
        assert_eq!(line_around(b"ab", 9), Span::new(0, 2));
    }
}
