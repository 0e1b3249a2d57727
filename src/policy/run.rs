//! The run of bytes that no match of a pattern lacks. Most places that a keyword names hold none, so the pattern is
//! neither tried there nor, in most scans, compiled at all.
//!
//! ```text
//! okta[ \t:="]{1,8}(?<secret>[0-9A-Za-z_-]{42})     42 of [0-9A-Za-z_-] in a row
//! sk-(?:[0-9a-f]{32}|[0-9a-z]{48})                  32 of [0-9a-z] in a row
//! (?<secret>eyJ[0-9a-z]{9,}\.eyJ[0-9a-z]{9,})       25 of [.0-9a-zJ] in a row
//! ```

use regex_syntax::hir::{Class, Hir, HirKind};

/// Fewer bytes in a row stand nearly everywhere.
const LEAST: usize = 8;

/// More kinds of bytes are nearly all.
const MOST: u32 = 128;

/// A kind of bytes, and how many of them stand in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// One bit for each byte of the kind.
    kind: [u64; 4],
    least: usize,
}

impl Run {
    /// The most telling run of which one stands in every match; `None` where no long one does.
    ///
    /// Words that a pattern writes out are none: they are its keywords, which were found before.
    pub(super) fn of(hir: &Hir) -> Option<Self> {
        let (whole, part) = match hir.kind() {
            HirKind::Capture(capture) => (Self::whole(hir), Self::of(&capture.sub)),
            HirKind::Repetition(repetition) if repetition.min > 0 => {
                (Self::whole(hir), Self::of(&repetition.sub))
            }
            HirKind::Concat(parts) => (None, parts.iter().filter_map(Self::of).max_by_key(Self::worth)),
            HirKind::Alternation(parts) => {
                (None, parts.iter().map(Self::of).reduce(|one, other| Some(one?.either(other?))).flatten())
            }
            _ => (None, None),
        };
        let is_long = |run: &Self| run.least >= LEAST && run.size() <= MOST;
        [whole, part].into_iter().flatten().filter(is_long).max_by_key(Self::worth)
    }

    /// All that `hir` may match, as far as it tells how long that is at least.
    fn whole(hir: &Hir) -> Option<Self> {
        let mut run = Self { kind: [0; 4], least: hir.properties().minimum_len()? };
        run.add(hir)?;
        Some(run)
    }

    /// Takes in every byte that may be part of what `hir` matches.
    fn add(&mut self, hir: &Hir) -> Option<()> {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Some(()),
            HirKind::Literal(literal) => {
                literal.0.iter().for_each(|byte| self.add_byte(*byte));
                Some(())
            }
            HirKind::Class(Class::Bytes(class)) => {
                let bytes = class.ranges().iter().flat_map(|range| range.start()..=range.end());
                bytes.for_each(|byte| self.add_byte(byte));
                Some(())
            }
            HirKind::Class(Class::Unicode(_)) => None,
            HirKind::Repetition(repetition) => self.add(&repetition.sub),
            HirKind::Capture(capture) => self.add(&capture.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().try_for_each(|part| self.add(part))
            }
        }
    }

    fn add_byte(&mut self, byte: u8) {
        if let Some(word) = self.kind.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    /// What stands wherever one of both does.
    fn either(self, other: Self) -> Self {
        let mut kind = self.kind;
        for (word, more) in kind.iter_mut().zip(other.kind) {
            *word |= more;
        }
        Self { kind, least: self.least.min(other.least) }
    }

    /// How many bytes are of the kind.
    fn size(&self) -> u32 {
        self.kind.iter().map(|word| word.count_ones()).sum()
    }

    /// How unlikely the run would be if all bytes were as likely, in bits.
    fn worth(&self) -> usize {
        self.least * (8 - self.size().max(1).ilog2() as usize)
    }

    fn holds(&self, byte: u8) -> bool {
        self.kind.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 != 0)
    }

    /// Whether one stands in `text`. It looks at the last byte of each window first, so most bytes are never looked at.
    pub fn stands_in(&self, text: &[u8]) -> bool {
        let mut start = 0;
        while let Some(window) = text.get(start..start + self.least) {
            match window.iter().rposition(|byte| !self.holds(*byte)) {
                None => return true,
                Some(gap) => start += gap + 1,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::literals::parse;

    fn run(pattern: &str) -> Option<Run> {
        Run::of(&parse(pattern).unwrap())
    }

    #[test]
    fn the_run_of_a_pattern_is_the_most_telling_one_that_no_match_lacks() {
        for (pattern, expected) in [
            (r"\bghp_(?:[0-9A-Za-z]{36})\b", Some((36, 62))),
            (r"\b(?<secret>ghp_[0-9A-Za-z]{36})\b", Some((40, 63))),
            (r"(?i)[a-f]{20}", Some((20, 12))),
            (r"[0-9A-Za-z]{30}-[0-9a-f]{32,}", Some((32, 16))),
            (r"(?<secret>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12})", Some((26, 17))),
            (r"(?:[0-9]{10,12}|[a-z]{16}):x", Some((10, 36))),
            (r"(?:\\n|[a-z]){12,}", Some((12, 27))),
            (r"(?:[0-9]{10}){2}", Some((20, 10))),
            (r"(?:[0-9]{10}|key)x", None),
            (r"(?:[0-9]{10})?x", None),
            (r"[0-9]{0,10}x", None),
            (r"[0-9]{7}", None),
            (r"[^ ]{40}", None),
            (r"secret_access_key", None),
        ] {
            assert_eq!(run(pattern).map(|run| (run.least, run.size())), expected, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_run_stands_where_so_many_bytes_of_the_kind_do(text in "[ab .]{0,60}") {
            let longest = text.split([' ', '.']).map(str::len).max().unwrap_or_default();
            let found = run("[ab]{8}").unwrap().stands_in(text.as_bytes());
            prop_assert_eq!(found, longest >= 8);
        }
    }
}
