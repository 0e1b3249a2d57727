//! One pass over a text that tells which rules can match, and where. Never a false negative.
//!
//! ```text
//! text      p a s s w o r d = …        every second byte: four bytes, folded to lower case, hashed, one bit asked
//! windows   pass  sswo  word  d=…
//! literal   password                   registers two neighbouring windows: at any offset one of them is met
//! ```
//!
//! - The cost of the pass does not depend on how many literals there are; only what passes the bit is looked up.
//! - A literal of three or four bytes has one window of its own at most. The other one takes in a byte that stands
//!   before or behind it: every such byte is registered.
//! - What passes is compared with the literal byte by byte, so a hit is always one.

use crate::policy::Rule;

/// Bits of a window's hash that choose its bit in the filter.
const FILTER_BITS: u32 = 20;

/// Bits of a window's hash that choose its list of literals.
const LIST_BITS: u32 = 16;

/// Windows tested at once: a block of the text is four times as long.
const BLOCK: usize = 16;

/// Sets bit 5 of each byte: upper-case letters become lower-case ones. It joins other bytes too, which costs a comparison.
const FOLD: u32 = 0x2020_2020;

/// All literals of all text rules, found in any case.
#[derive(Debug)]
pub struct Prefilter {
    literals: Vec<Literal>,
    /// Bytes of the longest of them.
    longest: usize,
    filter: Vec<u64>,
    /// Where the list of each hash begins in `windows`, and at last where the last one ends.
    lists: Vec<u32>,
    windows: Vec<Window>,
}

/// A text in lower case and the indexes of the rules it may announce.
#[derive(Debug)]
struct Literal {
    text: Vec<u8>,
    rules: Vec<u32>,
}

/// Four bytes that a literal is recognised by.
#[derive(Debug, Clone, Copy)]
struct Window {
    bytes: u32,
    literal: u32,
    /// How far into the literal the window begins; -1 when it begins a byte before it.
    offset: i8,
}

/// A literal of a rule at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Index of the rule.
    pub rule: u32,
    /// Offset of the literal's first byte.
    pub start: usize,
    /// Offset behind its last byte.
    pub end: usize,
}

impl Prefilter {
    /// Over the text rules among `rules`; the indexes in hits are those of this slice.
    ///
    /// A keyword has three bytes or more, which [`crate::policy::TextRule`] sees to; a shorter one is never found.
    pub fn new(rules: &[Rule]) -> Self {
        Self::with(rules, &[])
    }

    /// As [`Prefilter::new`], and over literals that are no rule's, each with the index its hits shall have.
    pub(super) fn with(rules: &[Rule], others: &[(&[u8], u32)]) -> Self {
        let texts = (0_u32..).zip(rules).filter_map(|(index, rule)| Some((index, rule.text_rule()?)));
        Self::of(
            texts
                .flat_map(|(index, text)| text.keywords.iter().map(move |word| (word.as_bytes(), index)))
                .chain(others.iter().copied()),
        )
    }

    /// Bytes of the longest literal.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }

    fn of<'k>(keywords: impl Iterator<Item = (&'k [u8], u32)>) -> Self {
        let mut pairs: Vec<(Vec<u8>, u32)> =
            keywords.map(|(word, rule)| (word.to_ascii_lowercase(), rule)).collect();
        pairs.sort();
        pairs.dedup();
        let mut literals: Vec<Literal> = Vec::new();
        for (text, rule) in pairs {
            match literals.last_mut().filter(|last| last.text == text) {
                Some(last) => last.rules.push(rule),
                None => literals.push(Literal { text, rules: vec![rule] }),
            }
        }
        let frequent = Frequent::new();
        let mut windows = Vec::new();
        for (index, literal) in (0_u32..).zip(&literals) {
            add_windows(&literal.text, index, &frequent, &mut windows);
        }
        let mut filter = vec![0; 1 << (FILTER_BITS - 6)];
        for window in &windows {
            let (word, bit) = place(window.bytes);
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
        }
        let (lists, windows) = by_list(&windows);
        let longest = literals.iter().map(|literal| literal.text.len()).max().unwrap_or_default();
        Self { literals, longest, filter, lists, windows }
    }

    /// Every hit in `text`, sorted by rule and place, into `hits`, which is emptied first.
    pub fn hits(&self, text: &[u8], hits: &mut Vec<Hit>) {
        hits.clear();
        let at_first = text.as_chunks::<4>().0;
        let at_third = text.get(2..).unwrap_or_default().as_chunks::<4>().0;
        let blocks = at_first.as_chunks::<BLOCK>().0.iter().zip(at_third.as_chunks::<BLOCK>().0);
        let mut start = 0;
        for (first, third) in blocks {
            let mut passed = [0_u32; 2];
            for (mask, windows) in passed.iter_mut().zip([first, third]) {
                for (bit, window) in windows.iter().enumerate() {
                    *mask |= u32::from(self.passes(folded(*window))) << bit;
                }
            }
            for (mask, offset) in passed.into_iter().zip([0, 2]) {
                let mut mask = mask;
                while mask != 0 {
                    let at = start + offset + 4 * mask.trailing_zeros() as usize;
                    self.look_up(text, at, hits);
                    mask &= mask - 1;
                }
            }
            start += 4 * BLOCK;
        }
        for at in (start..text.len()).step_by(2) {
            if self.passes(window_at(text.get(at..).unwrap_or_default())) {
                self.look_up(text, at, hits);
            }
        }
        hits.sort_unstable();
    }

    fn passes(&self, window: u32) -> bool {
        let (word, bit) = place(window);
        self.filter.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Adds the literals that are recognised by the window at `at`; behind the end of the text all is zero.
    fn look_up(&self, text: &[u8], at: usize, hits: &mut Vec<Hit>) {
        let rest = text.get(at..).unwrap_or_default();
        let window = window_at(rest);
        let list = list_of(window);
        let ends = (self.lists.get(list), self.lists.get(list + 1));
        let (Some(from), Some(to)) = ends else { return };
        let list = self.windows.get(*from as usize..*to as usize).unwrap_or_default();
        for candidate in list.iter().filter(|candidate| candidate.bytes == window) {
            let Some(literal) = self.literals.get(candidate.literal as usize) else { continue };
            let Some(start) = at.checked_add_signed(-isize::from(candidate.offset)) else { continue };
            let end = start + literal.text.len();
            if text.get(start..end).is_some_and(|found| found.eq_ignore_ascii_case(&literal.text)) {
                hits.extend(literal.rules.iter().map(|rule| Hit { rule: *rule, start, end }));
            }
        }
    }
}

/// The first four bytes, folded; behind the end all is zero.
fn window_at(rest: &[u8]) -> u32 {
    folded(rest.first_chunk().copied().unwrap_or_else(|| last_bytes(rest)))
}

/// Fewer than four bytes, and zeros behind them.
fn last_bytes(rest: &[u8]) -> [u8; 4] {
    let mut bytes = [0; 4];
    for (byte, found) in bytes.iter_mut().zip(rest) {
        *byte = *found;
    }
    bytes
}

/// Where the list of each hash begins, and at last where the last one ends; and the windows in the order of the lists.
fn by_list(windows: &[Window]) -> (Vec<u32>, Vec<Window>) {
    let mut lists = vec![0_u32; (1 << LIST_BITS) + 1];
    for window in windows {
        if let Some(count) = lists.get_mut(list_of(window.bytes) + 1) {
            *count += 1;
        }
    }
    let mut total = 0;
    for count in &mut lists {
        total += *count;
        *count = total;
    }
    let mut free = lists.clone();
    let mut sorted = vec![Window { bytes: 0, literal: 0, offset: 0 }; windows.len()];
    for window in windows {
        let Some(at) = free.get_mut(list_of(window.bytes)) else { continue };
        if let Some(place) = sorted.get_mut(*at as usize) {
            *place = *window;
        }
        *at += 1;
    }
    (lists, sorted)
}

/// Registers the windows of one literal: at an even and at an odd start exactly one of them is met.
fn add_windows(text: &[u8], literal: u32, frequent: &Frequent, windows: &mut Vec<Window>) {
    let mut add = |bytes: [u8; 4], offset: i8| {
        windows.push(Window { bytes: folded(bytes), literal, offset });
    };
    // All values a folded byte can have.
    let any = || (0..=u8::MAX).filter(|byte| byte & 0x20 != 0);
    match text {
        [a, b, c] => any().for_each(|byte| {
            add([*a, *b, *c, byte], 0);
            add([byte, *a, *b, *c], -1);
        }),
        [a, b, c, d] => {
            add([*a, *b, *c, *d], 0);
            any().for_each(|byte| add([*b, *c, *d, byte], 1));
        }
        _ => {
            let pairs = text.windows(5).zip(0_i8..i8::MAX);
            let Some((pair, offset)) = pairs.min_by_key(|(pair, _)| frequent.cost(pair)) else { return };
            if let [a, b, c, d, e] = pair {
                add([*a, *b, *c, *d], offset);
                add([*b, *c, *d, *e], offset + 1);
            }
        }
    }
}

/// How often four bytes stand together in source text. Only speed depends on it.
struct Frequent {
    /// By the hash of the window, the logarithm to the base 2 of its count in a million.
    levels: Vec<u8>,
}

impl Frequent {
    /// The 1,500 most frequent windows of 75 MB of public Rust, Go, Python, JavaScript, YAML and prose: lines of a level
    /// and all windows of it, without gaps.
    const TABLE: &str = include_str!("frequent.txt");

    fn new() -> Self {
        let mut levels = vec![0; 1 << LIST_BITS];
        for (level, windows) in Self::TABLE.lines().filter_map(|line| line.split_once(' ')) {
            for window in windows.as_bytes().as_chunks::<4>().0 {
                if let (Some(known), Ok(level)) = (levels.get_mut(list_of(folded(*window))), level.parse()) {
                    *known = level;
                }
            }
        }
        Self { levels }
    }

    /// What it costs to meet both windows of five bytes, a hundred for each one in a million and some for its letters.
    fn cost(&self, pair: &[u8]) -> u32 {
        let of = |window: &[u8]| {
            let window = folded(window.first_chunk().copied().unwrap_or_default());
            match self.levels.get(list_of(window)) {
                Some(0) | None => window.to_le_bytes().into_iter().map(letter).sum(),
                Some(level) => 100 << level,
            }
        };
        pair.windows(4).map(of).sum()
    }
}

/// How often a letter stands in source text, on a scale from 0 to 9, in the order of their use in English and code.
fn letter(byte: u8) -> u32 {
    match byte {
        b'e' | b't' | b'a' | b' ' => 9,
        b'o' | b'i' | b'n' | b's' | b'r' => 8,
        b'l' | b'c' | b'd' | b'p' => 7,
        b'u' | b'm' | b'h' | b'f' | b'g' => 6,
        b'b' | b'y' | b'v' | b'w' | b'k' | b'.' | b'_' | b'-' | b'/' | b':' => 4,
        b'0'..=b'9' => 3,
        _ => 2,
    }
}

fn folded(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes) | FOLD
}

/// Multiplicative hashing; the factor is 2^32 divided by the golden ratio.
const fn hash(window: u32) -> u32 {
    window.wrapping_mul(0x9e37_79b1)
}

/// The word of the filter and the bit in it.
const fn place(window: u32) -> (usize, u64) {
    let hash = hash(window) >> (32 - FILTER_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

const fn list_of(window: u32) -> usize {
    (hash(window) >> (32 - LIST_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use aho_corasick::{AhoCorasick, MatchKind};
    use proptest::prelude::*;

    use super::*;

    /// What a plain automaton finds, one rule for each literal.
    fn plain(literals: &[String], text: &[u8]) -> Vec<Hit> {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(literals)
            .unwrap();
        let mut hits: Vec<Hit> = automaton
            .find_overlapping_iter(text)
            .map(|hit| Hit { rule: hit.pattern().as_u32(), start: hit.start(), end: hit.end() })
            .collect();
        hits.sort_unstable();
        hits
    }

    fn quick(literals: &[String], text: &[u8]) -> Vec<Hit> {
        let mut hits = vec![Hit { rule: 9, start: 9, end: 9 }];
        Prefilter::of(literals.iter().map(String::as_bytes).zip(0..)).hits(text, &mut hits);
        hits
    }

    fn of_the_pack() -> Vec<String> {
        let rules = crate::policy::load::builtin().unwrap();
        let mut all: Vec<String> =
            rules.iter().filter_map(Rule::text_rule).flat_map(|text| text.keywords.iter().cloned()).collect();
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn every_literal_of_the_pack_is_found_at_every_offset_between_all_bytes() {
        let literals = of_the_pack();
        let filter = Prefilter::of(literals.iter().map(String::as_bytes).zip(0..));
        let mut hits = Vec::new();
        for (rule, literal) in (0..).zip(&literals) {
            for text in [literal.clone(), literal.to_uppercase()] {
                for offset in [0, 1, 2, 3, 61, 62, 63, 64, 65] {
                    for beside in [0, 9, b' ', b'"', b'@', b'A', b'_', b'z', 0x7f, 0x80, 0xff] {
                        for behind in [0, 1, 2, 70] {
                            let around = |length| vec![beside; length];
                            let bytes = [around(offset), text.clone().into_bytes(), around(behind)].concat();
                            filter.hits(&bytes, &mut hits);
                            let end = offset + literal.len();
                            assert!(hits.contains(&Hit { rule, start: offset, end }), "{literal} {offset}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_pack_finds_in_its_own_text_what_a_plain_automaton_finds() {
        let literals = of_the_pack();
        let text = literals.join("-").repeat(3);
        assert_eq!(quick(&literals, text.as_bytes()), plain(&literals, text.as_bytes()));
    }

    proptest! {
        #[test]
        fn hits_are_those_of_a_plain_automaton(
            literals in prop::collection::btree_set("[ab_@.0]{3,7}", 1..9),
            text in prop::collection::vec(prop::sample::select(b"aAbB_\x7f@`.\x0e0\x10 \xff".to_vec()), 0..300),
        ) {
            let literals: Vec<String> = literals.into_iter().collect();
            prop_assert_eq!(quick(&literals, &text), plain(&literals, &text));
        }

        #[test]
        fn hits_in_any_bytes_are_those_of_a_plain_automaton(
            parts in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        ) {
            let literals = of_the_pack();
            let text: Vec<u8> = parts
                .into_iter()
                .flat_map(|(which, bytes)| [bytes, which.get(&literals).clone().into_bytes()].concat())
                .collect();
            prop_assert_eq!(quick(&literals, &text), plain(&literals, &text));
        }
    }
}
