//! The history: every content once, whatever it is stored in, and what stood where from when to when.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use run::{Stage, token};
use serde_json::Value;
use support::TestRepo;
use tollgate::detect::{self, Scan, Setting};
use tollgate::finding::{Finding, Fingerprinter, Reason};
use tollgate::policy::load;
use tollgate::source::{Extent, History, Item, Limits, Scope, Source, SourceError, Tree};
use tollgate::text::time::Timestamp;

/// Hands out everything a source has: no sieve lets anything go.
struct Whole(History);

impl Source for Whole {
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        self.0.read(threads, sink)
    }
}

fn scope(path: &Path) -> Scope {
    Scope::new(path, Limits::default()).unwrap()
}

fn try_scan(source: &dyn Source, threads: usize) -> Result<Scan, detect::DetectError> {
    let policies = load::policies(&[]).unwrap();
    let fingerprinter = Fingerprinter::default();
    detect::scan(
        source,
        Setting { policies: &policies, fingerprinter: &fingerprinter, now: Timestamp(0), threads },
    )
}

fn scan(source: &dyn Source) -> Scan {
    try_scan(source, 2).unwrap()
}

fn history(path: &Path) -> Scan {
    scan(&History::new(scope(path)))
}

/// What a finding is about, and when it was there.
fn told(findings: &[Finding]) -> Vec<(String, String, String, String, String, bool)> {
    findings
        .iter()
        .map(|finding| {
            let past = finding.past.clone().unwrap();
            let (first, last) = (past.first.commit, past.last.commit);
            (
                finding.rule.0.clone(),
                finding.fingerprint.hex(),
                finding.location.path.clone(),
                first,
                last,
                past.in_head,
            )
        })
        .collect()
}

/// A repository with secrets that come, move and go, in files that grow by small changes.
fn grown(seed: u64, commits: usize) -> TestRepo {
    let repo = TestRepo::new();
    let mut dice = Dice(seed);
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for step in 0..commits {
        for _ in 0..=dice.below(2) {
            let name = ["deploy/prod.env", "src/main.rs", "a/b/c/config.yml", "notes.md", "test/x.py"]
                [dice.below(5)];
            let lines = files.entry(name.to_owned()).or_default();
            for _ in 0..=dice.below(6) {
                let at = dice.below(lines.len() + 1);
                match dice.below(9) {
                    8 => {
                        lines
                            .insert(at, format!("data: {}", encoded(&token(&format!("e{}", dice.below(6))))));
                    }
                    0 => lines.insert(at, format!("GITHUB_TOKEN={}", token(&format!("t{}", dice.below(6))))),
                    1 => lines.insert(at, format!("password: \"{}\"", passphrase(&mut dice))),
                    2 if at < lines.len() => drop(lines.remove(at)),
                    3 => lines
                        .splice(at..at, (0..30).map(|line| format!("line {line} of step {step}")))
                        .for_each(drop),
                    _ => lines.insert(at, format!("let value_{step} = {};", dice.below(1000))),
                }
            }
            repo.write(name, lines.join("\n"));
        }
        if dice.below(9) == 0 && files.len() > 1 {
            let name = files.keys().nth(dice.below(files.len())).unwrap().clone();
            files.remove(&name);
            repo.remove(&name);
        }
        repo.commit(&format!("step {step}"));
    }
    repo
}

/// `text` in base64 on one line, or in hex.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    if text.ends_with(|last: char| last.is_ascii_digit() || last.is_ascii_lowercase()) {
        use base64::Engine as _;
        return base64::engine::general_purpose::STANDARD.encode(format!("GITHUB_TOKEN={text} # of CI"));
    }
    text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Sixteen letters that look chosen by a machine.
fn passphrase(dice: &mut Dice) -> String {
    (0..16)
        .map(|_| char::from(b"abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789"[dice.below(51)]))
        .collect()
}

/// Numbers that look random and are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// What the trees of all commits hold, each scanned as a state of its own: first and last commit by the order of git.
fn by_trees(repo: &TestRepo) -> BTreeMap<(String, String, String), (String, String)> {
    let mut found: BTreeMap<(String, String, String), (String, String)> = BTreeMap::new();
    for commit in repo.git(&["rev-list", "--topo-order", "--reverse", "--all"]).lines() {
        let tree = scan(&Tree::new(scope(repo.path()), commit));
        for finding in tree.findings {
            let key = (finding.rule.0, finding.fingerprint.hex(), finding.location.path);
            let known = found.entry(key).or_insert_with(|| (commit.to_owned(), String::new()));
            commit.clone_into(&mut known.1);
        }
    }
    found
}

#[test]
fn the_history_holds_what_the_trees_of_all_its_commits_hold() {
    for seed in [7, 77, 777] {
        let repo = grown(seed, 30);
        repo.git(&["gc", "--quiet", "--aggressive", "--prune=now"]);
        let expected: Vec<_> = by_trees(&repo).into_iter().collect();
        let found: BTreeMap<_, _> = told(&history(repo.path()).findings)
            .into_iter()
            .map(|(rule, name, path, first, last, _)| ((rule, name, path), (first, last)))
            .collect();
        assert!(expected.len() > 5, "{expected:?}");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "seed {seed}");
    }
}

#[test]
fn a_sieve_changes_nothing_and_threads_neither() {
    for seed in 1..6 {
        let repo = grown(seed * 1_000_003, 60);
        repo.git(&["repack", "-adfq", "--depth=250", "--window=50"]);
        let whole = scan(&Whole(History::new(scope(repo.path()))));
        assert!(!whole.findings.is_empty());
        for threads in [1, 2, 5] {
            let sifted = try_scan(&History::new(scope(repo.path())), threads).unwrap();
            assert_eq!(sifted.findings, whole.findings, "seed {seed}");
            assert_eq!((sifted.files, sifted.bytes, &sifted.gaps), (whole.files, whole.bytes, &whole.gaps));
            assert_eq!(sifted.digest, whole.digest);
        }
    }
}

/// Of the repositories that `TOLLGATE_HISTORIES` names, parted by colons; `benches/README.md` tells of which it was said.
#[test]
#[ignore = "needs real repositories"]
fn a_sieve_changes_nothing_in_a_real_history() {
    for path in std::env::var("TOLLGATE_HISTORIES").unwrap().split(':') {
        let whole = scan(&Whole(History::new(scope(Path::new(path)))));
        let sifted = history(Path::new(path));
        println!("{path}: {} findings in {} contents", whole.findings.len(), whole.files);
        let named = |scan: &Scan| -> BTreeSet<String> {
            told(&scan.findings).into_iter().map(|finding| format!("{finding:?}")).collect()
        };
        assert_eq!(named(&sifted).symmetric_difference(&named(&whole)).next(), None);
        assert_eq!(sifted.findings, whole.findings);
        assert_eq!((sifted.gaps, sifted.digest), (whole.gaps, whole.digest));
    }
}

#[test]
fn how_objects_are_stored_changes_nothing() {
    let expected = told(&history(grown(42, 25).path()).findings);
    assert!(!expected.is_empty());
    let layouts: [(&str, &[&[&str]]); 5] = [
        ("one pack", &[&["gc", "--quiet", "--aggressive", "--prune=now"]]),
        (
            "deltas by name",
            &[&["config", "repack.useDeltaBaseOffset", "false"], &["repack", "-adfq", "--depth=50"]],
        ),
        ("an old index", &[&["config", "pack.indexVersion", "1"], &["repack", "-adfq"]]),
        (
            "packed twice",
            &[&["repack", "-aq"], &["repack", "-akq", "--no-write-bitmap-index"], &["pack-refs", "--all"]],
        ),
        ("wide offsets", &[&["config", "pack.indexVersion", "2"], &["repack", "-adfq"]]),
    ];
    for (name, commands) in layouts {
        let repo = grown(42, 25);
        for command in commands {
            repo.git(command);
        }
        let found = told(&history(repo.path()).findings);
        // git alone knows who wrote a version and not how long others left it there.
        let without_last = |all: &[(String, String, String, String, String, bool)]| -> Vec<_> {
            all.iter()
                .map(|(a, b, c, first, _, now)| (a.clone(), b.clone(), c.clone(), first.clone(), *now))
                .collect()
        };
        assert_eq!(without_last(&found), without_last(&expected), "{name}");
        if name != "an old index" {
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[test]
fn packs_loose_objects_and_a_borrowed_store_are_one_history() {
    let origin = grown(4242, 12);
    origin.git(&["repack", "-adq"]);
    let clone = TestRepo::folder();
    clone.git(&["clone", "--quiet", "--shared", origin.path().to_str().unwrap(), "."]);
    clone.write("own.env", format!("T={}\n", token("packed"))).commit("packed");
    clone.git(&["repack", "-dlq"]);
    clone.write("own.env", format!("T={}\n", token("loose"))).commit("loose");
    let found = told(&history(clone.path()).findings);
    let own = found.iter().filter(|(_, _, path, ..)| path == "own.env").count();
    assert_eq!(own, 2, "{found:?}");
    assert_eq!(found.len(), 2 + told(&history(origin.path()).findings).len());
}

#[test]
fn a_repository_that_names_its_objects_by_sha_256_is_read_by_git() {
    let repo = TestRepo::folder();
    repo.git(&["init", "--quiet", "--initial-branch=main", "--object-format=sha256"]);
    let first = repo.write("a.env", format!("T={}\n", token("a"))).commit("first");
    repo.write("a.env", "T=\n").commit("second");
    let scan = history(repo.path());
    let (.., found, _, in_head) = told(&scan.findings).remove(0);
    assert_eq!((found, in_head, scan.findings.len(), scan.gaps.len()), (first, false, 1, 0));
}

#[test]
fn what_no_ref_leads_to_is_no_part_of_the_history() {
    let repo = TestRepo::new();
    let kept = repo.write("a.env", "T=\n").commit("kept");
    repo.write("a.env", format!("T={}\n", token("lost"))).commit("lost");
    repo.git(&["reset", "--quiet", "--hard", &kept]);
    assert_eq!(history(repo.path()).findings, []);
    repo.git(&["update-ref", "refs/somewhere/else", "ORIG_HEAD"]);
    assert_eq!(history(repo.path()).findings.len(), 1, "any ref counts");
}

#[test]
fn a_range_holds_what_its_commits_bring_in() {
    let repo = TestRepo::new();
    repo.write("old.env", format!("T={}\n", token("old"))).commit("one");
    let second = repo.write("new.env", format!("T={}\n", token("new"))).commit("two");
    let third = repo.write("new.env", "T=\n").write("other.txt", "x\n").commit("three");
    let range = |text: &str| told(&scan(&History::parse(scope(repo.path()), text).unwrap()).findings);
    let found = range("HEAD~2..HEAD");
    assert_eq!(found.len(), 1, "{found:?}");
    let (_, _, path, first, last, in_head) = &found[0];
    assert_eq!((path.as_str(), first, last, *in_head), ("new.env", &second, &second, false));
    assert_eq!(range("HEAD~1.."), []);
    assert_eq!(range("HEAD~2..HEAD~1").len(), 1);
    assert!(History::parse(scope(repo.path()), "HEAD").is_none());
    let _ = third;
}

#[test]
fn a_history_that_is_not_all_here_is_a_named_gap_and_a_cut_range_no_decision() {
    let origin = TestRepo::new();
    let first = origin.write("a.txt", "one\n").commit("one");
    origin.write("a.txt", "two\n").commit("two");
    origin.write("b.txt", "three\n").commit("three");
    let clone = origin.shallow_clone();
    let gaps = history(clone.path()).gaps;
    assert_eq!((gaps.len(), gaps[0].reason), (1, Reason::Missing));
    assert!(gaps[0].detail.contains("git fetch --unshallow"), "{gaps:?}");
    assert!(try_scan(&History::parse(scope(clone.path()), &format!("{first}..HEAD")).unwrap(), 1).is_err());

    let partial = TestRepo::folder();
    let url = format!("file://{}", origin.path().display());
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    partial.git(&["clone", "--quiet", "--no-checkout", "--filter=blob:none", &url, "."]);
    let gaps = history(partial.path()).gaps;
    assert!(gaps.iter().any(|gap| gap.detail.contains("partial clone")), "{gaps:?}");
}

#[test]
fn damage_anywhere_is_a_gap_or_an_error_and_never_silence() {
    let repo = grown(99, 15);
    repo.git(&["repack", "-adfq", "--depth=50"]);
    let pack = packs(repo.path()).remove(0);
    let sound = fs::read(&pack).unwrap();
    let whole = told(&history(repo.path()).findings);
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o600)).unwrap();
    let mut dice = Dice(5);
    for turn in 0..60 {
        let mut bytes = sound.clone();
        if turn % 10 == 0 {
            bytes.truncate(dice.below(bytes.len()));
        } else {
            let at = 12 + dice.below(bytes.len() - 32);
            bytes[at] ^= 1 << dice.below(8);
        }
        fs::write(&pack, &bytes).unwrap();
        if let Ok(scan) = try_scan(&History::new(scope(repo.path())), 2) {
            assert!(told(&scan.findings) == whole || !scan.gaps.is_empty(), "turn {turn}");
        }
    }
}

fn packs(repo: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(repo.join(".git/objects/pack")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pack"))
        .collect()
}

#[test]
fn check_tells_since_when_and_judges_today_as_ever() {
    let stage = Stage::new();
    let first = stage.repo.write("a.env", format!("T={}\n", token("gone"))).commit("first");
    let last = stage.repo.write("b.txt", "x\n").commit("second");
    stage.repo.write("a.env", "T=\n").commit("third");
    stage.repo.write("now.env", format!("T={}\n", token("now"))).commit("fourth");
    let (code, report) = stage.check(&["--history"]);
    assert_eq!(code, 1);
    let found: Vec<&Value> = report["findings"].as_array().unwrap().iter().collect();
    let paths: BTreeSet<&str> =
        found.iter().map(|finding| finding["place"]["path"].as_str().unwrap()).collect();
    assert_eq!((found.len(), paths), (2, BTreeSet::from(["a.env", "now.env"])));
    let gone = found.iter().find(|finding| finding["place"]["path"] == "a.env").unwrap();
    assert_eq!(gone["past"]["first"], first.as_str());
    assert_eq!(gone["past"]["last"], last.as_str());
    assert_eq!(
        (gone["past"]["in_head"].as_bool(), gone["place"]["commit"].as_str()),
        (Some(false), Some(&*first))
    );
    assert!(gone["past"]["author"].as_str().unwrap().contains("Dana Example"));
    let now = found.iter().find(|finding| finding["place"]["path"] == "now.env").unwrap();
    assert_eq!(now["past"]["in_head"], true);
    let said = stage.run(&["check", "--history"]).ends(1).out;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("no longer in HEAD") && said.contains("still in HEAD"), "{said}");
    let sarif = stage.run(&["check", "--history", "--report", "sarif"]).ends(1).out;
    assert!(sarif.contains("\"inHead\": false"), "{sarif}");

    let (_, today) = stage.check(&[]);
    let of_today = |report: &Value| {
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|finding| finding["place"]["path"] == "now.env")
            .unwrap()["fingerprint"]
            .clone()
    };
    assert_eq!(of_today(&today), of_today(&report), "one exception covers both");
    stage.run(&["check", "--history", "HEAD~1..HEAD"]).ends(1);
    let said = stage.run(&["check", "--history", "nothing"]).ends(2);
    assert!(said.err.contains("is no range of commits"), "{}", said.err);
}

#[test]
fn a_base_a_shallow_clone_lacks_is_no_decision_with_the_command_that_fetches_it() {
    let origin = TestRepo::new();
    let first = origin.write("a.txt", "one\n").commit("one");
    origin.write("a.txt", "two\n").commit("two");
    let stage = Stage::of(origin.shallow_clone());
    for arguments in [["check", "--since", &first], ["check", "--history", &format!("{first}..HEAD")]] {
        let said = stage.run(&arguments).ends(2);
        assert!(said.err.contains("git fetch --unshallow"), "{}", said.err);
    }
}
