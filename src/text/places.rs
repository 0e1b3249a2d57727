//! Where each character of one text stands, without counting from the start each time.

use super::span::{Position, Span};

/// Bytes between two counts.
const BLOCK: usize = 64;

/// An index of the lines and characters of one text.
///
/// It answers in the time of one block, so a minified file of ten megabytes costs no more than a short one.
#[derive(Debug, Clone)]
pub struct Places<'t> {
    text: &'t [u8],
    /// Offset of the first byte of each line.
    lines: Vec<usize>,
    /// Characters that begin before each block; empty where every byte is one, as in most files.
    counts: Vec<usize>,
}

impl<'t> Places<'t> {
    /// Counts `text` once.
    pub fn new(text: &'t [u8]) -> Self {
        let mut lines = vec![0];
        lines.extend(memchr::memchr_iter(b'\n', text).map(|at| at + 1));
        let mut total = 0;
        let blocks = if text.is_ascii() { &[] } else { text };
        let counts = blocks
            .chunks(BLOCK)
            .map(|block| {
                let before = total;
                total += starts(block);
                before
            })
            .collect();
        Self { text, lines, counts }
    }

    /// The position of the byte at `offset`; an offset behind the end is the end.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.characters(offset) - self.characters(start) + 1;
        let saturate = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Position { line: saturate(line), column: saturate(column) }
    }

    /// The offset of the first byte of the character with the number `index`, from 0; the end when
    /// there are not so many.
    pub fn offset(&self, index: usize) -> usize {
        if self.counts.is_empty() {
            return index.min(self.text.len());
        }
        let block = self.counts.partition_point(|before| *before <= index).saturating_sub(1);
        let start = block * BLOCK;
        let mut left = index - self.counts.get(block).copied().unwrap_or_default().min(index);
        for (at, byte) in Span::new(start, self.text.len()).of(self.text).iter().enumerate() {
            if is_start(*byte) {
                if left == 0 {
                    return start + at;
                }
                left -= 1;
            }
        }
        self.text.len()
    }

    /// How many characters begin before `offset`.
    fn characters(&self, offset: usize) -> usize {
        if self.counts.is_empty() {
            return offset;
        }
        let block = offset / BLOCK;
        match self.counts.get(block) {
            Some(before) => before + starts(Span::new(block * BLOCK, offset).of(self.text)),
            None => self.counts.last().map_or(0, |before| {
                before + starts(Span::new((block.max(1) - 1) * BLOCK, offset).of(self.text))
            }),
        }
    }
}

/// How many characters begin in `bytes`, which are UTF-8 but may begin in the middle of a character.
fn starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| is_start(**byte)).count()
}

fn is_start(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_place_is_the_one_that_counting_finds(text in "(\\PC|\n){0,700}") {
            let places = Places::new(text.as_bytes());
            for (index, (offset, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(places.offset(index), offset);
                prop_assert_eq!(places.position(offset), Position::at(text.as_bytes(), offset));
            }
            let end = text.len();
            prop_assert_eq!(places.position(end + 9), Position::at(text.as_bytes(), end));
            prop_assert_eq!(places.offset(text.chars().count()), end);
        }
    }
}
