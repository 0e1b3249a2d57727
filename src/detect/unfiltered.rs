//! What all text rules find at all places, without the prefilter: what it must not lose.

use proptest::prelude::*;

use super::prefilter::{Hit, Prefilter};
use super::text::{Subject, candidates, of_hits};
use crate::policy::example::{self, Check};
use crate::policy::{Policies, load};

/// A hit of every rule at every offset. A rule with `then` asks what stands behind its keyword: it has them where they are.
fn everywhere(policies: &Policies, text: &[u8]) -> Vec<Hit> {
    let lower = text.to_ascii_lowercase();
    let mut hits = Vec::new();
    for (rule, one) in (0_u32..).zip(&policies.rules) {
        let Some(one) = one.text_rule() else { continue };
        if one.then.is_none() {
            hits.extend((0..=text.len()).map(|at| Hit { rule, start: at, end: at }));
            continue;
        }
        for word in &one.keywords {
            let found = memchr::memmem::find_iter(&lower, word.as_bytes());
            hits.extend(found.map(|start| Hit { rule, start, end: start + word.len() }));
        }
    }
    hits.sort_unstable();
    hits.dedup();
    hits
}

/// The examples and look-alikes of all text rules, filled in.
fn examples(policies: &Policies) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for rule in &policies.rules {
        let Some(text) = rule.text_rule() else { continue };
        let check = text.checksum.as_ref().zip(text.pattern.regex().ok());
        let check = check.map(|(syntax, pattern)| Check { syntax, pattern });
        for (index, one) in rule.text.examples.iter().chain(&rule.text.look_alikes).enumerate() {
            let filled =
                one.files().into_iter().map(|(_, text)| example::fill(text, "unfiltered", index, check));
            found.extend(filled.flatten());
        }
    }
    found
}

fn world() -> &'static (Policies, Prefilter, Vec<Vec<u8>>) {
    static WORLD: std::sync::LazyLock<(Policies, Prefilter, Vec<Vec<u8>>)> = std::sync::LazyLock::new(|| {
        let policies = load::policies(&[]).unwrap();
        let prefilter = Prefilter::new(&policies.rules);
        let examples = examples(&policies);
        (policies, prefilter, examples)
    });
    &WORLD
}

/// What is found with the prefilter and without, as rule and span.
fn both(path: &str, text: &[u8]) -> [Vec<String>; 2] {
    let (policies, prefilter, _) = world();
    let subject = Subject { path, bytes: text };
    let on = candidates(subject, policies, prefilter, &mut Vec::new()).unwrap();
    let off = of_hits(subject, policies, &everywhere(policies, text), &|_, _| true).unwrap();
    [on, off].map(|found| {
        let mut names: Vec<String> =
            found.iter().map(|one| format!("{} {:?} {}", one.rule_id, one.secret, one.refuted)).collect();
        names.sort();
        names
    })
}

/// What stands between two examples.
const BETWEEN: [&[u8]; 8] = [b"\n", b" ", b"\"", b"', '", b"\0", b"", b"=", b"\xff\n"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn with_and_without_the_prefilter_the_same_is_found(
        parts in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&BETWEEN[..])), 1..5),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        lead in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        let (_, _, examples) = world();
        let mut text = lead;
        for (which, between) in parts {
            text.extend_from_slice(which.get::<Vec<u8>>(examples));
            text.extend_from_slice(between);
        }
        text.truncate(1500);
        for (at, byte) in changes {
            let at = at.index(text.len().max(1));
            if let Some(place) = text.get_mut(at) {
                *place = byte;
            }
        }
        let [on, off] = both("a.txt", &text);
        prop_assert_eq!(on, off, "in {}", text.escape_ascii());
    }
}
