//! One pass over a text that tells which rules can match, and where. Never a false negative.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::policy::Rule;

/// Texts below this size do not repay the building of the larger, faster automaton.
const SMALL_WORK: usize = 4 << 20;

/// All literals of all text rules, as one automaton that ignores ASCII case.
#[derive(Debug)]
pub struct Prefilter {
    literals: Vec<String>,
    /// For each literal, the indexes of the rules it may announce.
    rules: Vec<Vec<u32>>,
    small: OnceLock<Option<AhoCorasick>>,
    large: OnceLock<Option<AhoCorasick>>,
    seen: std::sync::atomic::AtomicUsize,
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
    pub fn new(rules: &[Rule]) -> Self {
        let mut pairs: Vec<(String, u32)> = Vec::new();
        for (index, rule) in (0_u32..).zip(rules) {
            if let Some(text) = rule.text_rule() {
                pairs.extend(text.keywords.iter().map(|word| (word.clone(), index)));
            }
        }
        pairs.sort();
        pairs.dedup();
        let mut literals: Vec<String> = Vec::new();
        let mut owners: Vec<Vec<u32>> = Vec::new();
        for (literal, rule) in pairs {
            if literals.last() != Some(&literal) {
                literals.push(literal);
                owners.push(Vec::new());
            }
            if let Some(owner) = owners.last_mut() {
                owner.push(rule);
            }
        }
        Self { literals, rules: owners, small: OnceLock::new(), large: OnceLock::new(), seen: 0.into() }
    }

    /// Every hit in `text`, sorted by rule and place, into `hits`, which is emptied first.
    ///
    /// # Errors
    ///
    /// In words, when the literals do not fit into an automaton.
    pub fn hits(&self, text: &[u8], hits: &mut Vec<Hit>) -> Result<(), String> {
        hits.clear();
        let Some(automaton) = self.automaton(text.len()) else {
            return Err("the keywords of the rules do not fit into one automaton".to_owned());
        };
        for found in automaton.find_overlapping_iter(text) {
            let owners = self.rules.get(found.pattern().as_usize()).map_or(&[][..], Vec::as_slice);
            hits.extend(owners.iter().map(|rule| Hit {
                rule: *rule,
                start: found.start(),
                end: found.end(),
            }));
        }
        hits.sort_unstable();
        Ok(())
    }

    /// The small automaton for the first megabytes, the large one once there is much to read.
    fn automaton(&self, bytes: usize) -> Option<&AhoCorasick> {
        let seen = self.seen.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed).saturating_add(bytes);
        let (slot, kind) = if seen < SMALL_WORK {
            (&self.small, AhoCorasickKind::ContiguousNFA)
        } else {
            (&self.large, AhoCorasickKind::DFA)
        };
        slot.get_or_init(|| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::Standard)
                .kind(Some(kind))
                .build(&self.literals)
                .ok()
        })
        .as_ref()
    }
}
