//! Every row of the threat model has a test that begins with its number.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a set-up that fails is a test that fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rows: M is for the first release, S soon after.
///
/// A is about policy and trust root, B exceptions, C the ledger, D hiding from the scan, E output, F the pipeline.
const ROWS: &str = "
    A1M A2M A3M A4M A5M A6M A7S A8S
    B1M B2M B3M B4M B5M B6M B7M B8M B9M B10M B11M B12M B13M B14M B15M B16S B17M B18M
    C1M C2M C3M C4M C5M C6M C7M C8M C9S C10M C11M C12M C13M C14M C15M C16S
    D1M D2M D3M D4M D5M D6M D7M D8S D9S D10M D11S D12M D13S D14M
    E1M E2M E3M E4S
    F1M F2M F3M F4M F5S F6S F7M
";

/// Number (`a1`) to whether it is for the first release.
fn rows() -> BTreeMap<String, bool> {
    let row = |text: &str| {
        let (number, mark) = text.split_at(text.len() - 1);
        assert!(mark == "M" || mark == "S", "`{text}` has no mark");
        (number.to_lowercase(), mark == "M")
    };
    ROWS.split_whitespace().map(row).collect()
}

/// The numbers that names of test functions and fixtures below `folder` begin with.
fn tested(folder: &Path, numbers: &mut BTreeSet<String>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            tested(&path, numbers);
        } else if path.extension().is_some_and(|ending| ending == "txt") {
            // A fixture of its own: the test of its folder runs every one.
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            numbers.extend(name.split_once('_').map(|(number, _)| number.to_owned()));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let is_test = |at: usize| {
                let mut above =
                    lines.iter().take(at).rev().take_while(|line| !line.is_empty() && !line.ends_with('}'));
                above.any(|line| *line == "#[test]")
                    || lines.iter().take(at).any(|line| line.contains("proptest! {"))
            };
            for (at, line) in lines.iter().enumerate() {
                let number =
                    line.strip_prefix("fn ").and_then(|name| name.split_once('_')).map(|(number, _)| number);
                if let Some(number) = number.filter(|_| is_test(at)) {
                    numbers.insert(number.to_owned());
                }
            }
        }
    }
}

#[test]
fn every_row_of_the_threat_model_has_its_test() {
    let rows = rows();
    let mut numbers = BTreeSet::new();
    tested(Path::new("src"), &mut numbers);
    tested(Path::new("tests"), &mut numbers);
    let mut faults = Vec::new();
    for (row, first) in &rows {
        if !numbers.contains(row) {
            let when = if *first { "the first release" } else { "soon after" };
            faults.push(format!("{row} ({when}) has no test"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
