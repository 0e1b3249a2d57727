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
//!   before or behind it: the filter lets every such byte pass, and the window is looked up without it.
//! - What passes is compared with the literal byte by byte, so a hit is always one.
//! - A literal of one character is met at both ends of a longer run of it only: what repeats a character without end
//!   is no secret, and would be a hit at each of its bytes.

use crate::policy::Rule;

/// Bits of a window's hash that choose its bit in the filter. With one less the pass takes a fifth longer, for look-ups in vain.
const FILTER_BITS: u32 = 21;

/// Bits of a window's hash that choose its list of literals.
const LIST_BITS: u32 = 13;

/// The first byte of a window that any byte may stand for; no keyword has it.
const ANY_FIRST: u32 = 0xff;

/// The last one.
const ANY_LAST: u32 = 0xff << 24;

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
    /// Whether all its bytes are the same.
    repeats: bool,
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
        let words = (0_u32..)
            .zip(rules)
            .flat_map(|(index, rule)| rule.keywords().into_iter().map(move |word| (word.as_bytes(), index)));
        Self::of(words.chain(others.iter().copied()))
    }

    /// Bytes of the longest literal.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }

    fn of<'k>(keywords: impl Iterator<Item = (&'k [u8], u32)>) -> Self {
        let mut pairs: Vec<(&[u8], u32)> = keywords.collect();
        pairs.sort_unstable();
        pairs.dedup();
        let same = |(one, _): &(&[u8], u32), (other, _): &(&[u8], u32)| one == other;
        let literals: Vec<Literal> = pairs.chunk_by(same).map(Literal::of).collect();
        let frequent = Frequent::new();
        let mut windows = Vec::with_capacity(2 * literals.len());
        for (index, literal) in (0_u32..).zip(&literals) {
            windows.extend(windows_of(&literal.text, &frequent).map(|(bytes, offset)| Window {
                bytes,
                literal: index,
                offset,
            }));
        }
        let (lists, windows) = by_list(&windows);
        let longest = literals.iter().map(|literal| literal.text.len()).max().unwrap_or_default();
        Self { filter: filter(&windows), literals, longest, lists, windows }
    }

    /// Every hit in `text`, sorted by rule and place, into `hits`, which is emptied first.
    pub fn hits(&self, text: &[u8], hits: &mut Vec<Hit>) {
        hits.clear();
        for (at, window) in text.windows(4).enumerate().step_by(2) {
            if window.first_chunk().is_some_and(|window| self.passes(folded(*window))) {
                self.look_up(text, at, hits);
            }
        }
        // Behind the last whole window.
        let rest = text.len().saturating_sub(3).next_multiple_of(2);
        for at in (rest..text.len()).step_by(2) {
            if self.passes(window_at(text.get(at..).unwrap_or_default())) {
                self.look_up(text, at, hits);
            }
        }
        hits.sort_unstable();
    }

    #[inline]
    fn passes(&self, window: u32) -> bool {
        let (word, bit) = place(window);
        self.filter.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Adds the literals that are recognised by the window at `at`; behind the end of the text all is zero.
    fn look_up(&self, text: &[u8], at: usize, hits: &mut Vec<Hit>) {
        let rest = text.get(at..).unwrap_or_default();
        let window = window_at(rest);
        self.compare(text, at, window, hits);
        for any in [ANY_FIRST, ANY_LAST].into_iter().filter(|any| window & any != *any) {
            self.compare(text, at, window | any, hits);
        }
    }

    /// Adds those literals of which `window` is registered, if they stand around `at`.
    fn compare(&self, text: &[u8], at: usize, window: u32, hits: &mut Vec<Hit>) {
        let list = list_of(window);
        let ends = (self.lists.get(list), self.lists.get(list + 1));
        let (Some(from), Some(to)) = ends else { return };
        let list = self.windows.get(*from as usize..*to as usize).unwrap_or_default();
        for candidate in list.iter().filter(|candidate| candidate.bytes == window) {
            let Some(literal) = self.literals.get(candidate.literal as usize) else { continue };
            let Some(start) = at.checked_add_signed(-isize::from(candidate.offset)) else { continue };
            let end = start + literal.text.len();
            if literal.repeats && is_inside(text, start, end) {
                continue;
            }
            if text.get(start..end).is_some_and(|found| found.eq_ignore_ascii_case(&literal.text)) {
                hits.extend(literal.rules.iter().map(|rule| Hit { rule: *rule, start, end }));
            }
        }
    }
}

impl Literal {
    /// One text with each of its rules.
    fn of(pairs: &[(&[u8], u32)]) -> Self {
        let text = pairs.first().map(|(text, _)| text.to_ascii_lowercase()).unwrap_or_default();
        let repeats = text.iter().all(|byte| Some(byte) == text.first());
        Self { text, repeats, rules: pairs.iter().map(|(_, rule)| *rule).collect() }
    }
}

/// Whether what stands from `start` to `end` of `text` goes on with the same character on both sides.
fn is_inside(text: &[u8], start: usize, end: usize) -> bool {
    let byte = |at: Option<usize>| text.get(at?).map(u8::to_ascii_lowercase);
    let first = byte(Some(start));
    byte(start.checked_sub(1)) == first && byte(Some(end)) == first
}

/// The bits of all that `windows` may be.
fn filter(windows: &[Window]) -> Vec<u64> {
    let mut filter = vec![0; 1 << (FILTER_BITS - 6)];
    let mut set = |window: u32| {
        let (word, bit) = place(window);
        if let Some(word) = filter.get_mut(word) {
            *word |= bit;
        }
    };
    // All values a folded byte can have.
    let any = || (0..=u32::from(u8::MAX)).filter(|byte| byte & 0x20 != 0);
    for window in windows {
        match window.bytes {
            bytes if bytes & ANY_FIRST == ANY_FIRST => any().for_each(|byte| set(bytes & !ANY_FIRST | byte)),
            bytes if bytes & ANY_LAST == ANY_LAST => {
                any().for_each(|byte| set(bytes & !ANY_LAST | byte << 24));
            }
            bytes => set(bytes),
        }
    }
    filter
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

/// The windows of one literal and their offsets in it: at an even and at an odd start exactly one of them is met.
fn windows_of(text: &[u8], frequent: &Frequent) -> impl Iterator<Item = (u32, i8)> {
    let any = u8::MAX;
    let of_five =
        |five: &[u8], offset: i8| Some([(*five.first_chunk()?, offset), (*five.last_chunk()?, offset + 1)]);
    let windows = match text {
        [a, b, c] => Some([([*a, *b, *c, any], 0), ([any, *a, *b, *c], -1)]),
        [a, b, c, d] => Some([([*a, *b, *c, *d], 0), ([*b, *c, *d, any], 1)]),
        _ => {
            let pairs = text.windows(5).zip(0_i8..i8::MAX);
            let best = pairs.min_by_key(|(pair, _)| frequent.cost(pair));
            best.and_then(|(pair, offset)| of_five(pair, offset))
        }
    };
    windows.into_iter().flatten().map(|(bytes, offset)| (folded(bytes), offset))
}

/// How often four bytes stand together in source text. Only speed depends on it.
struct Frequent {
    /// By the hash of the window, the logarithm to the base 2 of its count in a million.
    levels: Vec<u8>,
}

impl Frequent {
    /// Bits of a window's hash that choose its place.
    const BITS: u32 = 16;

    /// The 1,500 most frequent windows of 75 MB of public Rust, Go, Python, JavaScript, YAML and prose: lines of a level
    /// and all windows of it, without gaps.
    const TABLE: &str = include_str!("frequent.txt");

    fn new() -> Self {
        let mut levels = vec![0; 1 << Self::BITS];
        for (level, windows) in Self::TABLE.lines().filter_map(|line| line.split_once(' ')) {
            for window in windows.as_bytes().as_chunks::<4>().0 {
                if let (Some(known), Ok(level)) =
                    (levels.get_mut(Self::place(folded(*window))), level.parse())
                {
                    *known = level;
                }
            }
        }
        Self { levels }
    }

    const fn place(window: u32) -> usize {
        (hash(window) >> (32 - Self::BITS)) as usize
    }

    /// What it costs to meet both windows of five bytes, a hundred for each one in a million and some for its letters.
    fn cost(&self, pair: &[u8]) -> u32 {
        let of = |window: &[u8]| {
            let window = folded(window.first_chunk().copied().unwrap_or_default());
            match self.levels.get(Self::place(window)) {
                Some(0) | None => window.to_le_bytes().into_iter().map(letter).sum(),
                Some(level) => 100 << level,
            }
        };
        pair.windows(4).map(of).sum()
    }
}

/// How often a letter stands in source text, on a scale from 0 to 9, in the order of their use in English and code.
const fn letter(byte: u8) -> u32 {
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
            .filter(|hit| !repeats(&literals[hit.rule as usize]) || !is_inside(text, hit.start, hit.end))
            .collect();
        hits.sort_unstable();
        hits
    }

    fn repeats(literal: &str) -> bool {
        literal.bytes().all(|byte| byte == literal.as_bytes()[0])
    }

    #[test]
    fn a_long_run_of_one_character_is_met_at_its_ends() {
        let hits = quick(&["aaaa".to_owned()], &b"AaaA".repeat(1000));
        assert_eq!(hits.iter().map(|hit| hit.start).collect::<Vec<_>>(), [0, 3996]);
    }

    fn quick(literals: &[String], text: &[u8]) -> Vec<Hit> {
        let mut hits = vec![Hit { rule: 9, start: 9, end: 9 }];
        Prefilter::of(literals.iter().map(String::as_bytes).zip(0..)).hits(text, &mut hits);
        hits
    }

    fn of_the_pack() -> Vec<String> {
        let rules = crate::policy::pack::builtin().unwrap();
        let mut all: Vec<String> = rules.iter().flat_map(Rule::keywords).map(str::to_owned).collect();
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
                            if repeats(literal) && is_inside(&bytes, offset, end) {
                                continue;
                            }
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
