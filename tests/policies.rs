//! Every rule on the examples and look-alikes of every rule; ids match files; nothing is forgotten.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;

use tollgate::detect::{Setting, checksum, facts, trial};
use tollgate::finding::{Family, Fingerprinter};
use tollgate::policy::{Policies, lint, load};
use tollgate::text::time::Timestamp;

const NOW: Timestamp = Timestamp(1_795_219_200_000);

fn pack() -> Policies {
    load::policies(&[]).unwrap()
}

#[test]
fn every_example_is_found_by_its_own_rule_and_no_look_alike_by_any() {
    let policies = pack();
    let fingerprinter = Fingerprinter::default();
    let setting = Setting { policies: &policies, fingerprinter: &fingerprinter, now: NOW, threads: 1 };
    let failures: Vec<String> = trial::run(setting)
        .unwrap()
        .into_iter()
        .map(|failure| format!("{}: {}: {}", failure.rule, failure.which, failure.message))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_rule_is_complete_and_carries_the_name_of_its_file() {
    let policies = pack();
    let problems: Vec<String> = policies.rules.iter().flat_map(lint::problems).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let ids: BTreeSet<&str> = policies.rules.iter().map(|rule| rule.id.0.as_str()).collect();
    assert_eq!(ids.len(), policies.rules.len(), "an id stands twice");
    for rule in &policies.rules {
        for other in &rule.text.also {
            assert!(ids.contains(other.as_str()), "{}: `also` names {other}, which is no rule", rule.id);
        }
        if rule.family == Family::Secret {
            assert!(rule.text.source.contains("2026-"), "{}: the source has no date", rule.id);
            assert!(rule.text.lifetime.is_some(), "{}: how long does it live?", rule.id);
        }
        let Some(text) = rule.text_rule() else { continue };
        assert!(text.facts.as_deref().is_none_or(facts::known), "{}: no such decoder", rule.id);
    }
}

#[test]
fn the_pack_holds_what_it_promises() {
    let policies = pack();
    let count = |family| policies.rules.iter().filter(|rule| rule.family == family).count();
    assert!(policies.rules.len() >= 300);
    assert!(count(Family::Secret) >= 60, "at least 60 kinds of token");
    for (family, folder) in Family::ALL {
        assert!(count(family) >= 5, "{folder}");
    }
    let checked = policies.rules.iter().filter_map(|rule| rule.text_rule()?.checksum.as_ref());
    assert!(checked.filter(|check| checksum::is_exact(check)).count() >= 25, "with check digits");
}

#[test]
fn every_row_of_the_token_table_names_its_rules_or_the_reason_for_none() {
    let policies = pack();
    let ids: BTreeSet<&str> = policies.rules.iter().map(|rule| rule.id.0.as_str()).collect();
    let rows: Vec<Vec<&str>> = include_str!("contracts/token-formats.csv")
        .lines()
        .skip(1)
        .map(|line| line.splitn(5, ',').collect())
        .collect();
    assert_eq!(rows.len(), 237);
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row[0], (at + 1).to_string(), "rows are numbered");
        if let Some(reason) = row[4].strip_prefix("none: ") {
            assert!(reason.len() > 10, "row {}: why is there no rule?", row[0]);
            continue;
        }
        for id in row[4].split(' ') {
            assert!(ids.contains(id), "row {}: {id} is no rule", row[0]);
        }
    }
}
