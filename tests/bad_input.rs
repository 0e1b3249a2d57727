//! Inputs made to stop a scanner: each ends in a result or in a named limit.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::fmt::Write as _;

use tollgate::detect::{Scan, Setting, scan};
use tollgate::finding::Fingerprinter;
use tollgate::policy::{Policies, PolicyFile, load};
use tollgate::source::{Blob, Extent, Item, Limits, Source, SourceError, Stdin};
use tollgate::text::time::Timestamp;

const NOW: Timestamp = Timestamp(1_795_219_200_000);

/// A token that is made here.
fn token() -> String {
    format!("{}{}", "glpat-", "x7Qm2Lp9Rt4Kw8Zb3Nc6")
}

struct Files(Vec<(String, Vec<u8>)>);

impl Source for Files {
    fn read(&self, _: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        for (path, bytes) in self.0.clone() {
            sink(Item::Blob(Blob { path, commit: None, change: None, bytes }));
        }
        Ok(Extent::default())
    }
}

fn scanned(source: &dyn Source, policies: &Policies) -> Result<Scan, String> {
    let fingerprinter = Fingerprinter::default();
    let setting = Setting { policies, fingerprinter: &fingerprinter, now: NOW, threads: 2 };
    scan(source, setting).map_err(|error| error.to_string())
}

/// A rule file with what every rule needs beside `detect`.
fn rule(id: &str, pattern: &str) -> String {
    format!(
        "  - id: {id}\n    title: made up\n    severity: high\n    detect:\n      text: {{ pattern: '{pattern}' }}\n    \
         why: for a test\n    fix: nothing\n    source: this test, 2026-11-21\n    maps: [\"owasp-nhi:2025/NHI2\"]\n    \
         examples: ['x']\n"
    )
}

fn rules(name: &str, rules: &str) -> PolicyFile {
    PolicyFile { path: format!(".tollgate/rules/{name}.yml"), text: format!("rules:\n{rules}") }
}

#[test]
fn a_token_is_found_at_every_offset_around_every_border() {
    let policies = load::policies(&[]).unwrap();
    let token = token();
    let near = |border: usize, before: usize, behind: usize| border.saturating_sub(before)..border + behind;
    let offsets = (0..200).chain(near(4096, 30, 5)).chain(near(32 << 10, 30, 5)).chain(near(64 << 10, 30, 5));
    let files: Vec<(String, Vec<u8>)> = offsets
        .flat_map(|at| {
            let text = format!("{}{token} ", " ".repeat(at));
            let wide = text.encode_utf16().flat_map(u16::to_le_bytes);
            let wide = [0xff, 0xfe].into_iter().chain(wide).collect();
            [(format!("{at}.txt"), text.into_bytes()), (format!("{at}.wide"), wide)]
        })
        .collect();
    let found = scanned(&Files(files.clone()), &policies).unwrap();
    for (path, _) in &files {
        let here: Vec<usize> = found
            .findings
            .iter()
            .filter(|one| one.location.path == *path)
            .map(|one| one.location.span.start)
            .collect();
        let at: usize = path.split('.').next().unwrap().parse().unwrap();
        assert_eq!(here, [at], "{path}");
    }
}

/// Hands out a few bytes at a time.
struct Drops<'a>(&'a [u8], usize);

impl std::io::Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.0.len().min(self.1).min(buffer.len());
        let (now, later) = self.0.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.0 = later;
        Ok(size)
    }
}

#[test]
fn a_token_is_found_however_a_stream_is_cut() {
    let policies = load::policies(&[]).unwrap();
    let text = format!("{}{} ", " ".repeat(100), token());
    for size in 1..130 {
        let source = Stdin::new("a.txt", std::io::Cursor::new(Vec::new()), Limits::default());
        assert!(scanned(&source, &policies).unwrap().findings.is_empty());
        let text: &'static [u8] = Box::leak(text.clone().into_bytes().into_boxed_slice());
        let source = Stdin::new("a.txt", Drops(text, size), Limits::default());
        assert_eq!(scanned(&source, &policies).unwrap().findings.len(), 1, "{size} bytes at a time");
    }
}

#[test]
fn a_line_of_megabytes_is_a_result_and_a_longer_one_a_named_limit() {
    let policies = load::policies(&[]).unwrap();
    let (token, filler) = (token(), "a, ".repeat(1 << 20));
    let line = format!("{token} {filler}{token} {filler}{token}");
    let found = scanned(&Files(vec![("line.txt".to_owned(), line.into_bytes())]), &policies).unwrap();
    assert_eq!(found.findings.len(), 3);
    assert!(found.findings.iter().all(|one| one.snippet.as_ref().unwrap().text.chars().count() < 400));

    let limits = Limits { file_bytes: 4 << 20, ..Limits::default() };
    for (length, gaps) in [(4 << 20, 0), ((4 << 20) + 1, 1)] {
        let long = Stdin::new("long.txt", std::io::Read::take(std::io::repeat(b'a'), length), limits);
        let found = scanned(&long, &policies).unwrap();
        assert!(found.findings.is_empty() && found.gaps.len() == gaps, "{:?}", found.gaps);
    }
}

#[test]
fn a_line_with_thousands_of_findings_costs_what_each_of_them_does() {
    let policies = load::policies(&[]).unwrap();
    let made = |at: usize| format!("x={}{:06}x7Qm2Lp9Rt4Kw8 ", "glpat-", at * 7919 % 1_000_000);
    let line: String = (0..2000).map(made).collect();
    let found = scanned(&Files(vec![("line.txt".to_owned(), line.into_bytes())]), &policies).unwrap();
    assert_eq!(found.findings.len(), 2000);
}

#[test]
fn ten_thousand_rules_load_and_the_last_one_finds() {
    let files: Vec<PolicyFile> = (0..20)
        .map(|file| {
            let mut text = String::new();
            for number in file * 500..(file + 1) * 500 {
                let id = format!("many{file}-{number}");
                let _ =
                    write!(text, "{}", rule(&id, &format!("\\b(?<secret>zq{number:05}_[0-9a-z]{{20}})\\b")));
            }
            rules(&format!("many{file}"), &text)
        })
        .collect();
    let policies = load::policies(&files).unwrap_or_else(|error| panic!("{}: {error}", error.path));
    assert!(policies.rules.len() > 10_000);
    let text = format!("key = zq09999_{}\n", "a1b2c3d4e5".repeat(2));
    let found = scanned(&Files(vec![("a.txt".to_owned(), text.into_bytes())]), &policies).unwrap();
    assert!(found.findings.iter().any(|one| one.rule.0 == "many19-9999"), "{:?}", found.findings);
}

#[test]
fn a_pattern_that_would_blow_up_is_a_named_limit_and_no_scan() {
    let pattern = "\\b(?<secret>zqbig_(?:[a-z]{1000}){1000})\\b";
    let said = match load::policies(&[rules("big", &rule("big-pattern", pattern))]) {
        Err(error) => error.to_string(),
        Ok(policies) => {
            let text = format!("zqbig_{}", "a".repeat(2000)).into_bytes();
            scanned(&Files(vec![("a.txt".to_owned(), text)]), &policies).err().unwrap()
        }
    };
    assert!(said.contains("4 MiB") && said.contains("bound its repetitions"), "{said}");
}

#[test]
fn a_pattern_with_very_many_states_is_run_in_linear_time() {
    let pattern = "(?<secret>zqdfa_[ab]*a[ab]{150}c)";
    let policies = load::policies(&[rules("dfa", &rule("dfa-pattern", pattern))]).unwrap();
    let text = format!("zqdfa_{}", "abbab".repeat(20_000)).into_bytes();
    assert!(scanned(&Files(vec![("a.txt".to_owned(), text)]), &policies).unwrap().findings.is_empty());
}
