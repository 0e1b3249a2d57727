//! What stands in archives, notebooks and configuration files is found as if it stood in a file of its own.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::path::Path;

use support::TestRepo;
use tollgate::detect::{self, Scan, Setting};
use tollgate::finding::{Confidence, Fingerprinter};
use tollgate::policy::load;
use tollgate::source::{Limits, Range, Scope, Source, Worktree};
use tollgate::text::time::Timestamp;

const NOW: Timestamp = Timestamp(1_795_219_200_000);

/// A password, put together here so that it stands nowhere.
fn password(number: u32) -> String {
    ["x9Kq", "2mVb", "T7zL"].concat() + &format!("{:04x}", number * 7919)
}

fn scan(source: &dyn Source) -> Scan {
    let policies = load::policies(&[]).unwrap();
    let fingerprinter = Fingerprinter::default();
    detect::scan(source, Setting { policies: &policies, fingerprinter: &fingerprinter, now: NOW, threads: 2 })
        .unwrap()
}

fn scope(path: &Path) -> Scope {
    Scope::new(path, Limits::default()).unwrap()
}

/// Path and line of every finding.
fn places(scan: &Scan) -> Vec<(&str, u32)> {
    scan.findings.iter().map(|one| (one.location.path.as_str(), one.location.start.line)).collect()
}

/// An archive of all files of `repo`, made by git.
fn archive(repo: &TestRepo, format: &str) -> Vec<u8> {
    repo.commit("all");
    repo.git(&["archive", &format!("--format={format}"), "--output=out", "HEAD"]);
    let bytes = std::fs::read(repo.path().join("out")).unwrap();
    repo.remove("out");
    bytes
}

#[test]
fn d11_a_password_in_an_archive_in_an_archive_is_found_once() {
    let (inner, outer, tree) = (TestRepo::new(), TestRepo::new(), TestRepo::folder());
    inner.write("conf/app.env", format!("REGION=eu\nDB_PASSWORD=\"{}\"\n", password(1)));
    outer.write("lib/conf.jar", archive(&inner, "zip")).write("README", "nothing");
    tree.write("vendor/bundle.tar", archive(&outer, "tar"));
    let seen = scan(&Worktree::new(scope(tree.path())));
    assert_eq!(places(&seen), [("vendor/bundle.tar!/lib/conf.jar!/conf/app.env", 2)]);
    assert_eq!(seen.gaps, []);
}

#[test]
fn a_password_that_an_archive_held_before_the_change_is_not_new() {
    let (inner, repo) = (TestRepo::new(), TestRepo::new());
    inner.write("a.env", format!("DB_PASSWORD=\"{}\"\n", password(1)));
    repo.write("a.zip", archive(&inner, "zip"));
    let base = repo.commit("base");
    inner.write("b.env", format!("DB_PASSWORD=\"{}\"\n", password(2)));
    repo.write("a.zip", archive(&inner, "zip")).commit("change");
    assert_eq!(places(&scan(&Range::since(scope(repo.path()), &base))), [("a.zip!/b.env", 1)]);
}

#[test]
fn a_notebook_is_judged_by_its_cells() {
    let repo = TestRepo::folder();
    let cell = [
        format!("db_password = \\\"{}\\\"\\n", password(1)),
        "token = read_token_from(vault_address2)\\n".to_owned(),
        format!("!export DB_PASSWORD={}\\n", password(2)),
    ];
    let cell = cell.map(|line| format!("    \"{line}\"")).join(",\n");
    let output = format!("\"text\": [\n \"DB_PASSWORD={}\\n\"\n ]", password(3));
    let text = format!(
        "{{ \"cells\": [ {{\n \"cell_type\": \"code\",\n \"outputs\": [ {{ {output} }} ],\n \"source\": [\n{cell}\n ] }} ] }}\n"
    );
    repo.write("train.ipynb", &text);
    let seen = scan(&Worktree::new(scope(repo.path())));
    assert_eq!(places(&seen), [("train.ipynb", 4), ("train.ipynb", 7), ("train.ipynb", 9)], "{text}");
    for (finding, number) in seen.findings.iter().zip([3, 1, 2]) {
        assert_eq!(finding.location.span.of(text.as_bytes()), password(number).as_bytes());
    }
}

#[test]
fn a_value_in_an_example_is_a_guess_where_the_same_in_a_program_is_not() {
    let repo = TestRepo::folder();
    let text = format!("sshpass -p {} ssh bot@acme.example\n", password(1));
    repo.write("deploy/run.sh", &text).write("docs/run.sh", &text);
    let seen = scan(&Worktree::new(scope(repo.path())));
    let found: Vec<_> =
        seen.findings.iter().map(|one| (one.location.path.as_str(), one.confidence)).collect();
    assert_eq!(found, [("deploy/run.sh", Confidence::Medium), ("docs/run.sh", Confidence::Low)]);
}
