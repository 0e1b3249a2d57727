//! Bad input: no decision, said with place, cause and help, in words, with nothing written.

#![allow(
    clippy::type_complexity,
    clippy::format_push_string,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use run::{Said, Stage, token};

/// What only somebody who knows the code could read.
const RUST: [&str; 14] = [
    "unwrap",
    "Some(",
    "None",
    "Err(",
    "Ok(",
    "panicked",
    "RUST_BACKTRACE",
    "::",
    "src/",
    "Error {",
    "struct",
    "enum",
    "u64",
    "Utf8Error",
];

/// The files below `folder`, but those of git itself.
fn files(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.display().to_string();
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            }
            if !name.contains("/.git/") || name.contains("/tollgate/") {
                all.push(name);
            }
        }
    }
    all.sort();
    all
}

/// Runs what must end in no decision, and checks all that holds for every such end.
#[track_caller]
fn refused(stage: &Stage, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    let both = || [files(stage.repo.path()), files(stage.home())];
    let before = both();
    let said = stage.run_with(arguments, variables).ends(2);
    assert_eq!(said.out, "", "{arguments:?} printed a result");
    assert!(said.err.starts_with("error: "), "{}", said.err);
    assert!(said.err.contains("help"), "no help: {}", said.err);
    for word in RUST {
        assert!(!said.err.contains(word), "`{word}` in {}", said.err);
    }
    assert_eq!(both(), before, "{arguments:?} wrote something");
    said
}

fn rule(detect: &str) -> String {
    format!(
        "rules:\n  - id: own-rule\n    title: own\n    severity: high\n    detect:\n{detect}\n    why: w\n    fix: f\n    source: s\n    examples: []\n"
    )
}

#[test]
fn every_mistake_in_a_policy_is_named_at_its_place() {
    let policy = ".tollgate/policy.yml";
    let own = ".tollgate/rules/own.yml";
    let cases: [(&str, String, &str, &str); 12] = [
        (policy, "version: 1\nenfroce: {}\n".to_owned(), ":2:1", "unknown field `enfroce`"),
        (policy, "gaps: block\ngaps: advise\n".to_owned(), ":2:1", "stands twice"),
        (policy, "version: [1\n".to_owned(), "policy.yml:2:1", "did not find expected"),
        (policy, "version: 7\n".to_owned(), ":1", "version `7`"),
        (
            policy,
            "rules:\n  - { id: github-clasic-token, enabled: false }\n".to_owned(),
            ":2:",
            "`github-clasic-token`",
        ),
        (policy, "extends: [builtin, more.yml]\n".to_owned(), ":1:", "`more.yml`"),
        (policy, "extends: ['../more.yml']\n".to_owned(), ":1:", "no path inside"),
        (own, rule("      text: { pattern: 'a(?<secret>[0-9]+' }"), "own.yml:6:26", "pattern"),
        (own, rule("      text:\n        pattern: 'a(?=b)(?<secret>x)'"), "own.yml:7:20", "look"),
        (own, rule("      identity:\n        when: 'identity.kind == '"), "own.yml:7:33", "ends too early"),
        (own, rule("      identity:\n        when: 'identity.kidn == \"agent\"'"), "own.yml:7:24", "`kidn`"),
        (own, "rules: []\nrules: []\n".to_owned(), ":2:1", "stands twice"),
    ];
    let mut faults = Vec::new();
    for (path, text, place, words) in cases {
        let stage = Stage::new();
        stage.repo.write(path, &text);
        for command in [&["check"][..], &["rules", "list"]] {
            let said = refused(&stage, command, &[]);
            if !said.err.contains(place) || !said.err.contains(words) {
                faults.push(format!("{text}\nwanted {place} and {words} in\n{}", said.err));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn an_unmatched_override_suggests_the_nearest_rule() {
    let stage = Stage::new();
    stage.repo.write(".tollgate/policy.yml", "rules:\n  - { id: github-clasic-token, enabled: false }\n");
    assert!(refused(&stage, &["check"], &[]).err.contains("did you mean `github-classic-token`"));
}

#[test]
fn what_is_not_there_is_said_with_what_to_do() {
    let empty = Stage::new();
    let stage = Stage::new();
    let first = stage.repo.write("README", "x\n").commit("first");
    let second = stage.repo.write("README", "y\n").commit("second");
    let shallow = Stage::of(stage.repo.shallow_clone());
    let github = shallow.github(&first, &second, "kim");
    let folder = Stage::folder();
    let cases: [(&Stage, &[&str], &[(&str, &str)], &str); 16] = [
        (&stage, &["check", "no/such"], &[], "nothing at"),
        (&stage, &["check", "--since", "nowhere"], &[], "`nowhere`"),
        (&stage, &["check", "--range", "main"], &[], "no range"),
        (&empty, &["check", "--since", "main"], &[], "`main`"),
        (&folder, &["check", "--staged"], &[], "not inside a git repository"),
        (&shallow, &["check", "--since", &first], &run::borrowed(&github), "not in this clone"),
        (&shallow, &["check", "--since", &first], &[], &first),
        (&stage, &["check", "--stage", "merge"], &[], "no commit is trusted"),
        (&stage, &["check", "--stage", "deploy", "--trust", "nowhere"], &[], "`nowhere`"),
        (&stage, &["check", "--report", "pdf"], &[], "no report format"),
        (&stage, &["check", "--report", "json", "--report", "sarif"], &[], "more than one report"),
        (&stage, &["check", "--ledger", "ftp://x"], &[], "names no ledger"),
        (&stage, &["ledger", "log"], &[], "no ledger"),
        (&stage, &["explain", "4f0c-91aa"], &[], "no report"),
        (&stage, &["rate", "--format", "pdf"], &[], "no format"),
        (&stage, &["except", "approve", "01JD", "--key", "k"], &[], "no exception"),
    ];
    let mut faults = Vec::new();
    for (stage, arguments, variables, words) in cases {
        let said = refused(stage, arguments, variables);
        if !said.err.contains(words) {
            faults.push(format!("{arguments:?}: wanted {words} in\n{}", said.err));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn a_repository_without_commits_is_scanned_all_the_same() {
    let stage = Stage::new();
    stage.repo.write("prod.env", format!("T={}\n", token("a")));
    for arguments in [&["check"][..], &["check", "--staged"]] {
        stage.repo.git(&["add", "--all"]);
        stage.run(arguments).ends(1);
    }
}

#[test]
fn a_damaged_ledger_is_no_decision() {
    let stage = Stage::new();
    stage.repo.write("README", "x\n").commit("first");
    for _ in 0..2 {
        stage.run(&["check"]).ends(0);
    }
    let mut damaged = 0;
    for path in files(&stage.ledger()).into_iter().filter(|path| Path::new(path).is_file()) {
        let bytes = fs::read(&path).unwrap();
        let Some(at) = bytes.windows(7).position(|window| window == b"\"clean\"") else { continue };
        let mut other = bytes.clone();
        other[at + 1] = b'k';
        stage.repo.write(&path, other);
        damaged += 1;
    }
    assert!(damaged > 0);
    stage.run(&["ledger", "verify"]).ends(1);
    let said = refused(&stage, &["rate"], &[]);
    assert!(said.err.contains("ledger verify"), "{}", said.err);
    refused(&stage, &["ledger", "log"], &[]).err.contains("damaged");
}

#[test]
fn a_corrupt_exception_lets_nothing_through_and_is_named() {
    let stage = Stage::new();
    stage.repo.write("prod.env", format!("T={}\n", token("a")));
    let id = "01JDQ4R5M3K8ZV6T2XW9YABCDE";
    let path = format!(".tollgate/exceptions/{id}.json");
    let deep = "[".repeat(5000);
    for text in ["", "{", "{\"v\":1,\"v\":1}", "[1]", "\u{0}", "{} {}", deep.as_str()] {
        stage.repo.write(&path, text);
        let said = stage.run(&["check"]).ends(1);
        assert!(said.err.contains(id), "{text:.20}: {}", said.err);
        stage.run(&["except", "verify"]).ends(1);
        let said = refused(&stage, &["except", "approve", id, "--key", "k"], &[]);
        assert!(said.err.contains("is no exception"), "{}", said.err);
    }
    stage.repo.write(&path, vec![b' '; 5 << 20]);
    assert!(refused(&stage, &["check"], &[]).err.contains("has more than"));
}

/// Aliases that grow to 10^9 nodes.
fn bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let before = vec![format!("*a{}", n - 1); 10].join(", ");
        text += &format!("a{n}: &a{n} [{before}]\n");
    }
    text
}

#[test]
fn d3_a_bomb_ends_in_a_named_limit_within_a_second_as_manifest_and_as_policy() {
    let stage = Stage::new();
    stage.repo.write("deploy/bomb.yaml", format!("apiVersion: v1\nkind: Secret\n{}", bomb()));
    let (code, report) = stage.check(&["--no-ledger"]);
    assert_eq!((code, report["gaps"][0]["path"].as_str()), (0, Some("deploy/bomb.yaml")), "{report}");
    for path in [".tollgate/policy.yml", ".tollgate/rules/own.yml"] {
        let stage = Stage::new();
        stage.repo.write(path, bomb());
        let start = Instant::now();
        let said = refused(&stage, &["check"], &[]);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert!(said.err.contains(path), "{}", said.err);
    }
}

#[test]
fn d2_a_sparse_giant_ends_at_once_in_a_gap() {
    let stage = Stage::new();
    stage.repo.write("README", "x\n");
    fs::File::create(stage.repo.path().join("giant.bin")).unwrap().set_len(10 << 30).unwrap();
    let start = Instant::now();
    let (code, report) = stage.check(&[]);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!((code, report["gaps"][0]["path"].as_str()), (0, Some("giant.bin")), "{report}");
    assert!(report["gaps"][0].to_string().contains("large"), "{}", report["gaps"][0]);
}

#[test]
fn what_is_typed_wrong_ends_with_2_and_help_with_0() {
    let stage = Stage::new();
    stage.run(&["--help"]).ends(0);
    stage.run(&["check", "--help"]).ends(0);
    stage.run(&["--version"]).ends(0);
    for arguments in [&["chekc"][..], &["check", "--stagd"], &["check", "--stage", "prod"], &[]] {
        let said = stage.run(arguments).ends(2);
        assert!(!said.err.is_empty() && !said.err.contains("panicked"), "{}", said.err);
    }
}
