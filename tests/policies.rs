//! Every rule on the examples and look-alikes of every rule; ids match files; nothing is forgotten.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise, in its helpers too"
)]

use std::collections::BTreeSet;
use std::path::Path;

use globset::Glob;
use regex::bytes::{Regex, RegexBuilder};
use tollgate::detect::{checksum, entropy, facts, generic};
use tollgate::policy::example::{Check, fill};
use tollgate::policy::syntax::{DetectSyntax, ExampleSyntax, RuleFile, RuleSyntax, TextSyntax};
use tollgate::text::span::{Position, Span};

struct Loaded {
    file: String,
    rule: RuleSyntax,
    pattern: Regex,
    near: Option<Regex>,
}

fn text(rule: &RuleSyntax) -> &TextSyntax {
    match &rule.detect {
        DetectSyntax::Text(text) => text,
        _ => panic!("{}: only text rules live in policies/secrets", rule.id),
    }
}

fn compile(id: &str, pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(4 << 20)
        .build()
        .unwrap_or_else(|error| panic!("{id}: {error}"))
}

fn load() -> Vec<Loaded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/secrets");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let yaml = std::fs::read_to_string(&path).unwrap();
        // Through JSON values, where `text: {..}` picks the kind of `detect` without a YAML tag.
        let value: serde_json::Value =
            serde_yaml::from_str(&yaml).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: RuleFile =
            serde_json::from_value(value).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for rule in file.rules {
            let pattern = compile(&rule.id, &text(&rule).pattern);
            let near = text(&rule).near.as_ref().map(|near| compile(&rule.id, &near.pattern));
            all.push(Loaded { file: name.clone(), rule, pattern, near });
        }
    }
    all
}

/// What a rule says of a text: the secrets it finds, and the spans its check refutes.
#[derive(Default)]
struct Found {
    secrets: Vec<Span>,
    refuted: Vec<Span>,
}

fn apply(loaded: &Loaded, path: &str, bytes: &[u8]) -> Found {
    let rule = text(&loaded.rule);
    let mut found = Found::default();
    let here = |glob: &String| Glob::new(glob).unwrap().compile_matcher().is_match(path);
    if !rule.paths.is_empty() && !rule.paths.iter().any(here) {
        return found;
    }
    for groups in loaded.pattern.captures_iter(bytes) {
        let secret = groups.name("secret").unwrap();
        let span = Span::new(secret.start(), secret.end());
        if let Some(check) = &rule.checksum
            && !checksum::holds(check, |name| groups.name(name).map(|group| group.as_bytes()))
        {
            if checksum::refutes(check) {
                found.refuted.push(span);
            }
            continue;
        }
        let value = secret.as_bytes();
        let lower = String::from_utf8_lossy(value).to_lowercase();
        let stopped = rule.stop.iter().any(|word| lower.contains(&word.to_lowercase()));
        let weak = rule.entropy.is_some_and(|least| entropy::entropy(value) < least);
        if stopped || weak || !near(loaded, bytes, span) {
            continue;
        }
        if rule.generic {
            let key = groups.name("key").unwrap();
            let key = Span::new(key.start(), key.end());
            if !generic::judge(&generic::Candidate::of(bytes, key, span, path)).keep {
                continue;
            }
        }
        found.secrets.push(span);
    }
    found
}

fn near(loaded: &Loaded, bytes: &[u8], span: Span) -> bool {
    let (Some(near), Some(second)) = (&text(&loaded.rule).near, &loaded.near) else { return true };
    let line_of = |offset| Position::at(bytes, offset).line as usize - 1;
    let (line, last) = (line_of(span.start), line_of(span.end));
    let window: Vec<&[u8]> = bytes
        .split(|byte| *byte == b'\n')
        .skip(line.saturating_sub(near.lines))
        .take(last - line + line.min(near.lines) + near.lines + 1)
        .collect();
    second.is_match(&window.join(&b'\n'))
}

/// Which rules speak on a text: none over what check digits refute, generic ones only where no other did.
fn speaking(all: &[Loaded], path: &str, bytes: &[u8]) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut claimed = Vec::new();
    let (general, specific): (Vec<_>, Vec<_>) = all.iter().partition(|loaded| text(&loaded.rule).generic);
    let found: Vec<_> =
        specific.into_iter().chain(general).map(|loaded| (loaded, apply(loaded, path, bytes))).collect();
    let refuted: Vec<Span> = found.iter().flat_map(|(_, found)| found.refuted.clone()).collect();
    for (loaded, found) in found {
        let generic = text(&loaded.rule).generic;
        let taken = |span: &Span| {
            refuted.iter().any(|other| other.overlaps(span))
                || (generic && claimed.iter().any(|other: &Span| other.overlaps(span)))
        };
        if found.secrets.iter().any(|span| !taken(span)) {
            ids.insert(loaded.rule.id.clone());
        }
        claimed.extend(found.secrets);
    }
    ids
}

fn filled(loaded: &Loaded, kind: &str, index: usize, example: &ExampleSyntax) -> (String, Vec<u8>) {
    let (path, template) = match example {
        ExampleSyntax::Text(text) => ("example.txt", text),
        ExampleSyntax::File { path, text } => (path.as_str(), text),
    };
    let check = text(&loaded.rule)
        .checksum
        .as_ref()
        .filter(|check| check.against.is_some())
        .map(|syntax| Check { syntax, pattern: &loaded.pattern });
    let bytes = fill(template, &loaded.rule.id, if kind == "example" { index } else { 1000 + index }, check)
        .unwrap_or_else(|error| panic!("{} {kind} {index}: {error}", loaded.rule.id));
    (path.to_owned(), bytes)
}

#[test]
fn every_example_is_found_by_its_own_rule_and_by_no_other() {
    let all = load();
    let mut wrong = Vec::new();
    for loaded in &all {
        let rule = &loaded.rule;
        for (index, example) in rule.examples.iter().enumerate() {
            let (path, bytes) = filled(loaded, "example", index, example);
            let found = speaking(&all, &path, &bytes);
            let own = found.contains(&rule.id);
            let others: Vec<_> =
                found.iter().filter(|id| **id != rule.id && !rule.also.contains(id)).collect();
            if !own || !others.is_empty() {
                wrong.push(format!("{} example {index}: own {own}, others {others:?}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_token_is_found_whatever_stands_around_it() {
    let all = load();
    let mut wrong = Vec::new();
    for loaded in &all {
        let rule = text(&loaded.rule);
        if rule.near.is_some() || !rule.paths.is_empty() || !rule.pattern.starts_with(r"\b(?<secret>") {
            continue;
        }
        let (path, bytes) = filled(loaded, "example", 0, &loaded.rule.examples[0]);
        let secret = apply(loaded, &path, &bytes).secrets[0].of(&bytes).to_vec();
        for (before, after) in [
            ("", ""),
            ("KEY=", "\n"),
            ("\"", "\""),
            ("'", "',"),
            ("`", "`"),
            ("k: ", " # comment"),
            ("{\\\"k\\\":\\\"", "\\\"}"),
            ("https://x:", "@h/p"),
            ("https://h/p?k=", "&b=1"),
            ("<k>", "</k>"),
            ("f(", ")"),
            ("k=", ";"),
            ("Bearer ", "\r\n"),
            ("see ", ", and"),
            ("[", "]"),
            ("\u{e9}", "\u{e9}"),
        ] {
            let text = [before.as_bytes(), &secret, after.as_bytes()].concat();
            let two = [&text[..], b"\n", &text].concat();
            if apply(loaded, &path, &two).secrets.len() != 2 {
                wrong.push(format!("{}: between {before:?} and {after:?}", loaded.rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_look_alike_is_found_by_any_rule() {
    let all = load();
    let mut wrong = Vec::new();
    for loaded in &all {
        for (index, example) in loaded.rule.look_alikes.iter().enumerate() {
            let (path, bytes) = filled(loaded, "look-alike", index, example);
            let found = speaking(&all, &path, &bytes);
            if !found.is_empty() {
                wrong.push(format!("{} look-alike {index}: {found:?}", loaded.rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_is_complete_and_carries_the_name_of_its_file() {
    let mut ids = BTreeSet::new();
    let all = load();
    for loaded in &all {
        let rule = &loaded.rule;
        assert!(
            rule.id.starts_with(&format!("{}-", loaded.file)),
            "{}: its file is {}",
            rule.id,
            loaded.file
        );
        assert!(ids.insert(rule.id.clone()), "{}: the id stands twice", rule.id);
        assert!(!rule.examples.is_empty() && rule.look_alikes.len() >= 2, "{}: too few texts", rule.id);
        assert!(!rule.maps.is_empty() && rule.lifetime.is_some(), "{}: no maps or lifetime", rule.id);
        for part in [&rule.why, &rule.fix, &rule.source, &rule.title] {
            assert!(!part.is_empty(), "{}: an empty text", rule.id);
        }
        assert!(rule.source.contains("2026-"), "{}: the source has no date", rule.id);
        let text = text(rule);
        assert!(text.facts.as_deref().is_none_or(facts::known), "{}: no such decoder", rule.id);
        if let Some(check) = &text.checksum {
            assert!(checksum::ALGORITHMS.contains(&check.algorithm.as_str()), "{}: algorithm", rule.id);
            for group in check.over.iter().chain(&check.against) {
                assert!(
                    loaded.pattern.capture_names().flatten().any(|name| name == group),
                    "{}: no group {group}",
                    rule.id
                );
            }
        }
    }
    for loaded in &all {
        assert!(loaded.rule.also.iter().all(|id| ids.contains(id)), "{}: also", loaded.rule.id);
    }
    // The pack promises at least 60 kinds of token, 8 of them with check digits.
    assert!(ids.len() >= 60);
    assert!(all.iter().filter(|loaded| text(&loaded.rule).checksum.is_some()).count() >= 8);
}
