use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::detect::prefilter::Prefilter;
use crate::policy::{Policies, load};

static POLICIES: LazyLock<Policies> = LazyLock::new(|| load::policies(&[]).unwrap());
static PREFILTER: LazyLock<Prefilter> = LazyLock::new(|| Prefilter::new(&POLICIES.rules));

/// Spans of the secrets that the rules at names find in `text` at `path`: by their names, and in whole areas.
fn both(path: &str, text: &[u8]) -> [Vec<(usize, Span)>; 2] {
    let mut hits = Vec::new();
    PREFILTER.hits(text, &mut hits);
    let subject = Subject { path, bytes: text };
    let (mut by_name, mut by_area) = (Vec::new(), Vec::new());
    for (index, rule) in POLICIES.rules.iter().enumerate() {
        let Some(pattern) = rule.text_rule().filter(|pattern| pattern.is_at_name()) else { continue };
        let search = Search { subject, rule, index, text: pattern };
        let of_rule: Vec<Hit> = hits.iter().filter(|hit| hit.rule as usize == index).copied().collect();
        search.names(of_rule.iter(), &|_| true, &mut by_name).unwrap();
        search.areas(of_rule.iter(), &|_| true, &mut by_area).unwrap();
    }
    [by_name, by_area].map(|found| found.iter().map(|one| (one.rule, one.secret)).collect())
}

#[test]
fn a_name_of_two_words_is_one_name() {
    for name in ["api key", "API Key", "encryption key", "the private key", "api_key", "x.api-key", "key key"]
    {
        let text = format!("# of {name} = \"Zk7{}v9rTb2wLm5cNd\"\n", "qX");
        let [by_name, by_area] = both("a.conf", text.as_bytes());
        assert_eq!(by_name, by_area, "{text}");
        assert_eq!(by_name.len(), usize::from(name != "key key"), "{text}");
    }
}

#[test]
fn rules_that_begin_with_a_name_are_searched_from_there() {
    let count = POLICIES.rules.iter().filter_map(Rule::text_rule).filter(|rule| rule.is_at_name()).count();
    assert!(count > 0, "{count}");
}

proptest! {
    #[test]
    fn what_is_found_from_a_name_is_what_is_found_in_the_area_around_it(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "api", " ", "key", "_", ".", "secret", "token", "=", ": ", "\"", "'", "\n", "(", ")", "$", "-", ",",
                "aB3dE5fG7hJ9kL1m", "x", "os.environ[", "if ", "é", "private", "Zk7qXv9rTb2wLm5cNd", "?", "&", "password",
            ]),
            0..24,
        ),
        path in prop::sample::select(vec!["a.conf", "a.go"]),
    ) {
        let [by_name, by_area] = both(path, words.concat().as_bytes());
        prop_assert_eq!(by_name, by_area);
    }
}
