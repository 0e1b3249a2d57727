//! A look with a basis answers what a look without one does, on texts made of keywords, values and lines.

use std::sync::LazyLock;

use base64::Engine as _;
use proptest::prelude::*;

use super::*;
use crate::finding::Fingerprinter;
use crate::git::pack::Run;
use crate::policy::{Policies, load};
use crate::source::Sieve as _;
use crate::text::time::Timestamp;

/// Over the built-in rules, whose patterns are compiled once.
fn sieve() -> Sieve<'static> {
    static WORDS: LazyLock<(Policies, Fingerprinter)> =
        LazyLock::new(|| (load::policies(&[]).unwrap(), Fingerprinter::default()));
    let (policies, fingerprinter) = &*WORDS;
    Sieve::new(Setting { policies, fingerprinter, now: Timestamp(0), threads: 1 })
}

/// What texts under judgement are made of, whole tokens only when they are joined.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let text = prop::sample::select(vec![
        "password = \"",
        "\"\n",
        "\n",
        " ",
        "api_key: ",
        "token=",
        "ghp_",
        "AKIA",
        "aws_secret_access_key = ",
        "eyJhbGciOiJIUzI1NiJ9",
        ".eyJpc3MiOiJhIn0",
        ".",
        "-----BEGIN RSA PRIVATE",
        " KEY-----\n",
        "postgres://u:",
        "@db.acme.example/x",
        "\0",
        "k\0e\0y\0s\0",
        "\u{feff}",
        "// a comment that goes on for a while, of no use\n",
        "type: service_account\n",
        "\"private_key\": \"",
        "{\"refresh_token\": \"1//0",
        "x = \"ghp_\" +\n  \"",
        "\",\n  \"",
        "\" \\\n\"",
        "\\\n",
        "kind: Secret\n",
        "\\u0067hp_",
    ]);
    let encoded = ("[a-z]{3,9}", 0..90_usize).prop_map(|(name, cut)| {
        let line = format!("{name}_password = \"Zk7{name}qXv9rTb2wLm5cNd\" and more of it, {name}\n");
        let mut letters = base64::engine::general_purpose::STANDARD.encode(line).into_bytes();
        letters.insert(cut.min(letters.len()), b'\n');
        letters
    });
    prop_oneof![
        1 => encoded,
        4 => text.prop_map(|text| text.as_bytes().to_vec()),
        2 => "[0-9a-zA-Z]{1,48}".prop_map(String::into_bytes),
        1 => "[A-Z0-9]{16}".prop_map(String::into_bytes),
        1 => (1..700_usize).prop_map(|count| vec![b'x'; count]),
        1 => (1..9_usize).prop_map(|count| "plain words here\n".repeat(count).into_bytes()),
    ]
}

/// Settings without quotes, which are values in some files only.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let names = prop::sample::select(vec![
        "password: ",
        "DB_PASSWORD=",
        "api_key = ",
        "  secret: ",
        "pwd ",
        "token(",
    ]);
    (names, "[a-z]{4,9}[0-9]{0,4}[A-Z!]{0,3}")
        .prop_map(|(name, value)| format!("{name}{value}\n").into_bytes())
}

/// A copy from the base or something new.
#[derive(Debug, Clone)]
enum Step {
    Copy(prop::sample::Index, prop::sample::Index),
    Insert(Vec<Vec<u8>>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let copy = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let insert = prop::collection::vec(part(), 1..5).prop_map(Step::Insert);
    prop::collection::vec(prop_oneof![3 => copy.prop_map(|(a, b)| Step::Copy(a, b)), 1 => insert], 1..6)
}

/// What `steps` make out of `base`, and the runs they copy.
fn made(base: &[u8], steps: &[Step]) -> (Vec<u8>, Vec<Run>) {
    let (mut text, mut runs) = (Vec::new(), Vec::<Run>::new());
    for step in steps {
        match step {
            Step::Insert(parts) => text.extend(parts.concat()),
            Step::Copy(start, end) if !base.is_empty() => {
                let (start, end) = (start.index(base.len()), end.index(base.len()) + 1);
                // The ends of a text are where mistakes are made, and most deltas keep them.
                let start = if start < base.len() / 3 { 0 } else { start };
                let end = if end > base.len() - base.len() / 3 { base.len() } else { end };
                if start < end {
                    runs.push(Run { from: start, to: text.len(), length: end - start });
                    text.extend_from_slice(&base[start..end]);
                }
            }
            Step::Copy(..) => {}
        }
    }
    (text, runs)
}

/// An edit in the middle, as most versions are made.
fn edit(base: &[u8], at: usize, gone: usize, new: &[u8]) -> (Vec<u8>, Vec<Run>) {
    let behind = (at + gone).min(base.len());
    let text = [&base[..at], new, &base[behind..]].concat();
    let runs = [
        Run { from: 0, to: 0, length: at },
        Run { from: behind, to: at + new.len(), length: base.len() - behind },
    ];
    (text, runs.into_iter().filter(|run| run.length > 0).collect())
}

fn assert_same(sieve: &Sieve<'_>, base: &[u8], trace: &Trace, text: &[u8], runs: &[Run]) -> Trace {
    let whole = sieve.look(text, None);
    let quick = sieve.look(text, Some(Basis { trace, length: base.len(), runs }));
    let told = |trace: &Trace| (trace.holds, trace.plain, trace.shown.clone(), trace.marks.clone());
    assert_eq!(told(&quick), told(&whole), "{}", text.escape_ascii());
    quick
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_delta_inserts_tells_as_much_as_the_whole(
        first in prop::collection::vec(part(), 0..24), versions in prop::collection::vec(steps(), 1..5)
    ) {
        let sieve = sieve();
        let mut base = first.concat();
        let mut trace = sieve.look(&base, None);
        for steps in versions {
            let (text, runs) = made(&base, &steps);
            trace = assert_same(&sieve, &base, &trace, &text, &runs);
            base = text;
        }
    }

    #[test]
    fn what_is_found_at_some_path_is_seen_without_one(
        parts in prop::collection::vec(prop_oneof![3 => part(), 1 => words()], 1..12)
    ) {
        let (sieve, bytes) = (sieve(), parts.concat());
        let holds = sieve.look(&bytes, None).holds;
        for path in ["a", "prod.env", "deploy/values.yaml", "src/main.py", "src/x.c", "locale/de.json", "docs/a.md", ".npmrc"] {
            let subject = text::Subject { path, bytes: &bytes };
            let prefilter = &sieve.ready().prefilter;
            let found = text::candidates(subject, sieve.setting.policies, prefilter, &mut Vec::new()).unwrap();
            prop_assert!(holds || found.iter().all(|one| one.refuted), "{path}: {}", bytes.escape_ascii());
        }
    }

    #[test]
    fn an_edit_anywhere_tells_as_much_as_the_whole(
        first in prop::collection::vec(part(), 1..24),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, prop::collection::vec(part(), 0..3)), 1..6)
    ) {
        let sieve = sieve();
        let mut base = first.concat();
        let mut trace = sieve.look(&base, None);
        for (at, gone, new) in edits {
            let (text, runs) = edit(&base, at.index(base.len() + 1), gone, &new.concat());
            trace = assert_same(&sieve, &base, &trace, &text, &runs);
            base = text;
        }
    }
}
