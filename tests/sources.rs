//! Where bytes come from: every source on repositories built in the test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a set-up that fails is a test that fails"
)]

mod support;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use support::TestRepo;
use tollgate::finding::{Gap, Reason};
use tollgate::git::{GitError, Repository};
use tollgate::source::{
    Blob, Change, Extent, Item, Limits, Range, SOURCES, Scope, Source, SourceError, Staged, Stdin, Tree,
    Worktree,
};

/// What a source handed out, sorted.
#[derive(Debug, PartialEq)]
struct Seen {
    blobs: Vec<Blob>,
    gaps: Vec<Gap>,
    extent: Extent,
}

impl Seen {
    fn paths(&self) -> Vec<&str> {
        self.blobs.iter().map(|blob| blob.path.as_str()).collect()
    }

    fn of(&self, path: &str) -> Vec<&[u8]> {
        self.blobs.iter().filter(|blob| blob.path == path).map(|blob| blob.bytes.as_slice()).collect()
    }

    fn reasons(&self) -> Vec<(&str, Reason)> {
        self.gaps.iter().map(|gap| (gap.path.as_str(), gap.reason)).collect()
    }

    fn holds(&self, text: &str) -> bool {
        self.blobs.iter().any(|blob| blob.bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

fn try_read(source: &dyn Source, threads: usize) -> Result<Seen, SourceError> {
    let items = Mutex::new(Vec::new());
    let extent = source.read(threads, &|item| items.lock().unwrap().push(item))?;
    let (mut blobs, mut gaps) = (Vec::new(), Vec::new());
    for item in items.into_inner().unwrap() {
        match item {
            Item::Blob(blob) => blobs.push(blob),
            Item::Base(_) | Item::Past(..) => {}
            Item::Gap(gap) => gaps.push(gap),
        }
    }
    blobs.sort_by(|a, b| (&a.path, &a.commit, &a.bytes).cmp(&(&b.path, &b.commit, &b.bytes)));
    gaps.sort();
    Ok(Seen { blobs, gaps, extent })
}

fn read(source: &dyn Source) -> Seen {
    let one = try_read(source, 1).unwrap();
    assert_eq!(one, try_read(source, 4).unwrap(), "threads change nothing");
    one
}

fn scope(path: &Path) -> Scope {
    Scope::new(path, Limits::default()).unwrap()
}

fn worktree(path: &Path) -> Seen {
    read(&Worktree::new(scope(path)))
}

fn since(repo: &TestRepo, revision: &str) -> Result<Seen, SourceError> {
    try_read(&Range::since(scope(repo.path()), revision), 2)
}

fn staged(repo: &TestRepo) -> Seen {
    read(&Staged::new(scope(repo.path())))
}

/// A repository with one commit in `a.txt`.
fn started() -> (TestRepo, String) {
    let repo = TestRepo::new();
    let first = repo.write("a.txt", "one\n").commit("first");
    (repo, first)
}

#[test]
fn the_test_clock_makes_the_same_commit_twice() {
    assert_eq!(started().1, started().1);
}

#[test]
fn every_file_of_the_folder_is_a_source_or_known_to_be_none() {
    let helpers = ["archive", "budget", "disk", "intake", "memo", "mod", "names", "scope", "stored"];
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/source")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let listed = SOURCES.iter().any(|(source, _, _)| *source == name);
        assert_ne!(listed, helpers.contains(&name), "{name}");
    }
}

#[test]
fn d1_links_are_text_and_pipes_are_not_waited_for() {
    let outside = TestRepo::folder();
    outside.write("secret.txt", "outside\n").write("folder/deep.txt", "outside\n");
    let repo = TestRepo::new();
    let link = |target: &Path, name: &str| symlink(target, repo.path().join(name)).unwrap();
    link(&outside.path().join("secret.txt"), "to-file");
    link(&outside.path().join("folder"), "to-folder");
    link(Path::new("/dev/zero"), "to-zero");
    link(Path::new("."), "to-itself");
    link(Path::new("loop"), "loop");
    link(Path::new("/nowhere"), "dangling");
    repo.commit("links");
    pipe(&repo.path().join("pipe"));
    let started = Instant::now();
    let seen = worktree(repo.path());
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(seen.paths(), ["dangling", "loop", "to-file", "to-folder", "to-itself", "to-zero"]);
    assert_eq!(seen.of("to-zero"), [b"/dev/zero"]);
    assert!(!seen.holds("outside\n") && seen.gaps.is_empty(), "{seen:?}");

    // The last link of the path a user names is no exception, unless it leads to a folder.
    assert_eq!(worktree(&repo.path().join("to-zero")).of("to-zero"), [b"/dev/zero"]);
    repo.git(&["rm", "-r", "--quiet", "."]);
    repo.write("pipe2", "x").commit("a file");
    repo.remove("pipe2");
    pipe(&repo.path().join("pipe2"));
    assert_eq!(worktree(repo.path()).reasons(), [("pipe2", Reason::Unreadable)], "tracked, and no file");
}

#[test]
fn d1_a_tracked_path_below_a_folder_that_became_a_link_is_not_followed() {
    let outside = TestRepo::folder();
    outside.write("a.txt", "outside\n");
    let repo = TestRepo::new();
    repo.write("folder/a.txt", "inside\n").commit("first");
    fs::remove_dir_all(repo.path().join("folder")).unwrap();
    symlink(outside.path(), repo.path().join("folder")).unwrap();
    let seen = worktree(repo.path());
    assert_eq!(seen.paths(), ["folder"]);
    assert!(!seen.holds("outside"));
}

#[test]
fn d2_a_sparse_giant_ends_at_once_in_a_named_limit() {
    let (repo, _) = started();
    File::create(repo.path().join("giant")).unwrap().set_len(10 << 30).unwrap();
    let started = Instant::now();
    let seen = worktree(repo.path());
    assert_eq!(seen.reasons(), [("giant", Reason::TooLarge)]);
    assert_eq!(seen.paths(), ["a.txt"]);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[test]
fn d2_a_file_of_just_the_limit_is_read_in_every_source() {
    let (repo, first) = started();
    let limits = Limits { file_bytes: 100, ..Limits::default() };
    repo.write("fits", [b'x'; 100]).write("over", [b'x'; 101]).git(&["add", "--all"]);
    let scope = || Scope::new(repo.path(), limits).unwrap();
    let check = |seen: Seen| {
        assert!(seen.paths().contains(&"fits"), "{seen:?}");
        assert_eq!(seen.reasons(), [("over", Reason::TooLarge)]);
    };
    check(read(&Worktree::new(scope())));
    check(read(&Staged::new(scope())));
    repo.commit("second");
    check(read(&Range::since(scope(), &first)));
    check(read(&Tree::new(scope(), "HEAD")));
    let seen = try_read(&Stdin::new("over", [b'x'; 101].as_slice(), limits), 1).unwrap();
    assert_eq!((seen.reasons(), seen.of("over")[0].len()), (vec![("over", Reason::TooLarge)], 100));
}

#[test]
fn d2_a_giant_blob_does_not_stop_what_comes_after_it() {
    let (repo, _) = started();
    repo.write("b-giant", vec![0; 40 << 20]).write("c.txt", "after\n").git(&["add", "--all"]);
    let limits = Limits { file_bytes: 1000, ..Limits::default() };
    let seen = read(&Staged::new(Scope::new(repo.path(), limits).unwrap()));
    assert_eq!((seen.paths(), seen.reasons()), (vec!["c.txt"], vec![("b-giant", Reason::TooLarge)]));
}

#[test]
fn d2_twenty_thousand_files_are_all_read_and_a_budget_names_what_was_not() {
    let repo = TestRepo::new();
    for number in 0..20_000 {
        let folder = repo.path().join(format!("d{}/e{}", number / 1000, number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&folder).unwrap();
        }
        let text = format!("{number}\n");
        File::create(folder.join(format!("f{number}"))).unwrap().write_all(text.as_bytes()).unwrap();
    }
    repo.git(&["add", "d0", "d1"]);
    let started = Instant::now();
    let seen = try_read(&Worktree::new(scope(repo.path())), 2).unwrap();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!((seen.blobs.len(), seen.gaps.len()), (20_000, 0));
    assert!(seen.of("d19/e199/f19999") == [b"19999\n"]);

    let limits = Limits { files: 700, ..Limits::default() };
    let seen = try_read(&Worktree::new(Scope::new(&repo.path().join("d0"), limits).unwrap()), 2).unwrap();
    assert_eq!(seen.blobs.len(), 700);
    assert_eq!(seen.reasons(), [("", Reason::Budget)]);
    assert!(seen.gaps[0].detail.starts_with("300 files"));
}

/// An archive with `inner/a.txt`, which holds `text`, made by git and not by us.
fn archive(format: &str, text: &str) -> Vec<u8> {
    let other = TestRepo::new();
    other.write("inner/a.txt", text).commit("inner");
    other.git(&["archive", &format!("--format={format}"), "--output=out", "HEAD"]);
    fs::read(other.path().join("out")).unwrap()
}

#[test]
fn d2_members_of_an_archive_are_read_in_every_source() {
    for format in ["zip", "tar"] {
        let (repo, base) = started();
        let text = |at: usize| format!("version {at} of what the archive holds\n").repeat(40);
        repo.write("b.bin", archive(format, &text(1)));
        let member = "b.bin!/inner/a.txt";
        let staged = {
            repo.git(&["add", "--all"]);
            staged(&repo)
        };
        assert_eq!(staged.of(member), [text(1).as_bytes()], "{format}");
        repo.commit("first");
        repo.write("b.bin", archive(format, &text(2))).commit("second");
        let range = since(&repo, &base).unwrap();
        assert_eq!(range.of(member).len(), 2, "both versions of the change: {format}");
        assert!(range.blobs.iter().all(|blob| blob.commit.is_some() && blob.change.is_some()));
        let tree = read(&Tree::new(scope(repo.path()), "HEAD"));
        let bytes = archive(format, &text(2));
        let stream = try_read(&Stdin::new("b.bin", bytes.as_slice(), Limits::default()), 1).unwrap();
        for seen in [worktree(repo.path()), tree, stream] {
            assert_eq!(seen.of(member), [text(2).as_bytes()], "{format}");
            assert!(
                !seen.of("b.bin")[0].windows(9).any(|part| part == b"version 2"),
                "{format}: found twice"
            );
            assert_eq!(seen.gaps, [], "{format}");
        }
    }
}

#[test]
fn d2_members_count_towards_the_budget_of_the_run() {
    let repo = TestRepo::folder();
    repo.write("b.zip", archive("zip", &"text ".repeat(100)));
    let limits = Limits { files: 2, ..Limits::default() };
    let seen = read(&Worktree::new(Scope::new(repo.path(), limits).unwrap()));
    assert_eq!(seen.reasons(), [], "an archive and one member are two files");
    let limits = Limits { files: 1, ..Limits::default() };
    let seen = read(&Worktree::new(Scope::new(repo.path(), limits).unwrap()));
    assert_eq!(seen.reasons(), [("", Reason::Budget)]);
}

#[test]
fn d2_an_encrypted_archive_in_a_tree_is_a_gap() {
    let repo = TestRepo::folder();
    let mut bytes = archive("zip", &"text ".repeat(100));
    let last = bytes.windows(4).rposition(|mark| mark == b"PK\x01\x02").unwrap();
    bytes[last + 8] |= 1;
    repo.write("b.zip", bytes);
    assert_eq!(worktree(repo.path()).reasons(), [("b.zip", Reason::Unreadable)]);
}

#[test]
fn d5_a_tracked_file_is_read_whatever_hides_it() {
    let repo = TestRepo::new();
    repo.write("kept/secret.env", "tracked\n").write("b/c.txt", "c\n").commit("first");
    for ignore in [".gitignore", ".ignore", ".rgignore", ".dockerignore", ".git/info/exclude"] {
        repo.write(ignore, "kept/\n*.env\n/b\n");
    }
    repo.write(
        ".gitattributes",
        "* export-ignore -diff -text linguist-generated working-tree-encoding=UTF-16 filter=x\n",
    );
    repo.write("kept/untracked.txt", "no\n").write("new.env", "no\n").write("new.txt", "yes\n");
    let seen = worktree(repo.path());
    assert_eq!(seen.of("kept/secret.env"), [b"tracked\n"]);
    assert_eq!(seen.of("b/c.txt"), [b"c\n"]);
    assert_eq!(seen.of("new.txt"), [b"yes\n"]);
    assert!(!seen.holds("no\n"), "what git ignores and does not track is not read");

    repo.remove(".gitattributes").git(&["add", "--force", "--all"]);
    assert!(staged(&repo).paths().contains(&"kept/untracked.txt"));
}

#[test]
fn d5_ignore_files_of_other_tools_hide_nothing_and_without_git_none_does() {
    let repo = TestRepo::new();
    repo.write(".ignore", "a.txt\n").write(".rgignore", "a.txt\n").write("a.txt", "x").write(".hidden", "x");
    assert_eq!(worktree(repo.path()).paths(), [".hidden", ".ignore", ".rgignore", "a.txt"]);
    let folder = TestRepo::folder();
    folder.write(".gitignore", "*\n").write("sub/a.txt", "x");
    let seen = worktree(folder.path());
    assert_eq!(seen.paths(), [".gitignore", "sub/a.txt"]);
    assert_eq!(seen.extent, Extent { full: true, ..Extent::default() });
}

#[test]
fn d6_nested_repositories_are_data_and_the_own_one_is_not() {
    let (repo, _) = started();
    repo.write("x/.git/config", "[remote] url = nested\n");
    let bare = repo.path().join("fixtures/bare.git");
    repo.git(&[OsStr::new("init"), OsStr::new("--quiet"), OsStr::new("--bare"), bare.as_os_str()]);
    let seen = worktree(repo.path());
    assert_eq!(seen.of("x/.git/config"), [b"[remote] url = nested\n"]);
    assert!(seen.paths().contains(&"fixtures/bare.git/HEAD"));
    assert!(!seen.paths().iter().any(|path| path.starts_with(".git/")));
    // Named on its own it is still data of the repository around it.
    assert!(worktree(&bare).paths().contains(&"fixtures/bare.git/HEAD"));
}

#[test]
fn d6_a_submodule_is_read_where_it_is_and_a_gap_where_it_is_not() {
    let (inner, _) = started();
    inner.write(".gitignore", "*.env\n").write("in.env", "ignored\n").git(&["add", "--force", "--all"]);
    inner.commit("with an ignored file");
    let (repo, first) = started();
    let url = inner.path().to_str().unwrap();
    repo.git(&["submodule", "--quiet", "add", url, "sub"]);
    assert_eq!(staged(&repo).reasons(), [("sub", Reason::Submodule)]);
    repo.commit("submodule");
    let seen = worktree(repo.path());
    assert_eq!((seen.of("sub/in.env"), seen.gaps.len()), (vec![b"ignored\n".as_slice()], 0));
    assert_eq!(since(&repo, &first).unwrap().reasons(), [("sub", Reason::Submodule)]);

    repo.git(&["submodule", "--quiet", "deinit", "--force", "sub"]);
    assert_eq!(worktree(repo.path()).reasons(), [("sub", Reason::Submodule)]);

    let outer = TestRepo::new();
    outer.git(&["submodule", "--quiet", "add", repo.path().to_str().unwrap(), "mid"]);
    outer.commit("two levels");
    assert_eq!(worktree(outer.path()).reasons(), [("mid/sub", Reason::Submodule)]);
}

#[test]
fn d7_a_large_file_pointer_is_a_gap_until_its_content_is_here() {
    let (repo, _) = started();
    let content = b"the content";
    let digest = tollgate::text::hash::hex(&tollgate::text::hash::sha256(content));
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 11\n");
    repo.write("model.bin", &pointer).git(&["add", "--all"]);
    for seen in [worktree(repo.path()), staged(&repo)] {
        assert_eq!(seen.reasons(), [("model.bin", Reason::Pointer)]);
        assert_eq!(seen.of("model.bin"), [pointer.as_bytes()]);
    }
    let object = PathBuf::from(format!(".git/lfs/objects/{}/{}/{digest}", &digest[..2], &digest[2..4]));
    repo.write(&object, "another");
    assert_eq!(staged(&repo).reasons(), [("model.bin", Reason::Pointer)], "another content is no content");
    repo.write(&object, content);
    let seen = staged(&repo);
    assert_eq!((seen.gaps.len(), seen.of("model.bin")), (0, vec![content.as_slice(), pointer.as_bytes()]));
}

#[test]
fn d8_paths_that_fold_into_each_other_are_read_and_reported() {
    let (repo, first) = started();
    repo.write("Config.yaml", "one").commit("upper");
    repo.write("config.yaml", "two").commit("lower");
    for seen in [worktree(repo.path()), since(&repo, &first).unwrap(), since(&repo, "HEAD~1").unwrap()] {
        assert!(seen.holds("two"));
        assert_eq!(seen.reasons(), [("config.yaml", Reason::Name)]);
    }
    repo.write("other", "x").commit("nothing about it");
    assert_eq!(since(&repo, "HEAD~1").unwrap().gaps, [], "a change answers for its own paths");
}

#[test]
fn d13_a_secret_only_in_a_middle_commit_is_named_by_it() {
    let (repo, first) = started();
    let second = repo.write("a.txt", "planted\n").write("b.txt", "b\n").commit("second");
    let third = repo.write("a.txt", "one\n").commit("third");
    repo.write("a.txt", "not committed\n");
    let seen = since(&repo, &first).unwrap();
    let expected = [
        ("a.txt", &third, Change::Modified, "one\n"),
        ("a.txt", &second, Change::Modified, "planted\n"),
        ("b.txt", &second, Change::Added, "b\n"),
    ];
    let mut found: Vec<_> = seen
        .blobs
        .iter()
        .map(|blob| {
            let text = std::str::from_utf8(&blob.bytes).unwrap();
            (blob.path.as_str(), blob.commit.as_ref().unwrap(), blob.change.unwrap(), text)
        })
        .collect();
    found.sort_by_key(|found| (found.0, found.3));
    assert_eq!(found, expected);
    assert_eq!((seen.extent.head, seen.extent.base, seen.extent.full), (third, first, false));
    assert!(seen.extent.superseded.contains(&("a.txt".to_owned(), second.clone())));
    assert!(!seen.extent.superseded.contains(&("b.txt".to_owned(), second)));
}

#[test]
fn d13_what_a_merge_itself_brings_in_is_read_and_what_the_base_has_is_not() {
    let (repo, _) = started();
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.write("topic.txt", "topic\n").commit("topic");
    repo.git(&["checkout", "--quiet", "main"]);
    let main = repo.write("main.txt", "main\n").commit("main moves on");
    repo.git(&["checkout", "--quiet", "topic"]);
    repo.git(&["merge", "--quiet", "--no-ff", "--no-commit", "main"]);
    let merge = repo.write("evil.txt", "only in the merge\n").commit("merge");
    let seen = since(&repo, "main").unwrap();
    assert_eq!(seen.paths(), ["evil.txt", "topic.txt"]);
    assert_eq!(seen.blobs[0].commit.as_ref(), Some(&merge));
    assert_eq!(seen.extent.base, main);
    let range = Range::parse(scope(repo.path()), "main..topic").unwrap();
    assert_eq!(read(&range), seen);
}

#[test]
fn d13_deletions_are_handed_out_without_bytes() {
    let (repo, first) = started();
    repo.write(".tollgate/policy.yml", "version: 1\n");
    repo.write("passing", "x").commit("second");
    repo.remove("passing").remove("a.txt").commit("third");
    let seen = since(&repo, &first).unwrap();
    let gone: Vec<_> = seen.blobs.iter().filter(|blob| blob.change == Some(Change::Deleted)).collect();
    assert_eq!(gone.len(), 1, "what came and went inside the change was never there: {seen:?}");
    assert_eq!((gone[0].path.as_str(), gone[0].bytes.len()), ("a.txt", 0));
    assert_eq!(seen.of("passing"), [b"x"]);
    repo.git(&["rm", "--quiet", ".tollgate/policy.yml"]);
    assert_eq!(staged(&repo).blobs[0].change, Some(Change::Deleted));
}

#[test]
fn d14_what_is_handed_out_is_one_moment_of_the_file() {
    let repo = TestRepo::folder();
    let path = repo.path().join("busy");
    let versions: Vec<Vec<u8>> = (0..4_u8).map(|number| vec![b'a' + number; 300_000]).collect();
    repo.write("busy", &versions[0]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for version in versions.iter().cycle() {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                File::create(&path).unwrap().write_all(version).unwrap();
            }
        });
        for _ in 0..200 {
            let seen = try_read(&Worktree::new(scope(repo.path())), 1).unwrap();
            match seen.blobs.as_slice() {
                [] => assert_eq!(seen.reasons(), [("busy", Reason::Changed)]),
                [blob] => assert!(blob.bytes.windows(2).all(|pair| pair[0] == pair[1])),
                _ => unreachable!(),
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a3_a_tag_called_like_the_base_is_never_taken_for_it() {
    let (repo, first) = started();
    let head = repo.write("a.txt", "planted\n").commit("second");
    repo.git(&["branch", "base", &first]);
    repo.git(&["tag", "base", &head]);
    match since(&repo, "base").unwrap_err() {
        SourceError::Git(GitError::Ambiguous { name, refs }) => {
            assert_eq!(name, "base");
            assert_eq!(refs, ["refs/heads/base", "refs/tags/base"]);
        }
        other => panic!("{other}"),
    }
    assert!(matches!(since(&repo, "base~0"), Err(SourceError::Git(GitError::Ambiguous { .. }))));
    assert!(since(&repo, "refs/heads/base").unwrap().holds("planted"));

    let git = Repository::discover(repo.path()).unwrap().unwrap();
    let tip = |name: &str| git.resolve_branch(name).unwrap().map(|id| id.to_string());
    assert_eq!(tip("refs/heads/base"), Some(first.clone()));
    assert_eq!(tip("refs/tags/base"), None);
    assert_eq!(tip("base"), None);
    // Refs called like full names, at the commit of the attacker, while the branch itself is not here.
    repo.git(&["branch", "refs/heads/release", &head]);
    repo.git(&["tag", "refs/remotes/origin/main", &head]);
    assert_eq!(tip("refs/heads/release"), None);
    assert_eq!(tip("refs/remotes/origin/main"), None);
    assert!(matches!(since(&repo, "refs/heads/release"), Err(SourceError::NoCommit { .. })));
    assert!(matches!(since(&repo, "refs/remotes/origin/main"), Err(SourceError::NoCommit { .. })));
}

#[test]
fn a3_a_base_that_is_not_here_is_no_decision_and_never_a_smaller_scan() {
    let (origin, first) = started();
    origin.git(&["branch", "base"]);
    origin.write("a.txt", "two\n").commit("second");
    origin.write("a.txt", "three\n").commit("third");
    let help_of = |error: SourceError| match error {
        SourceError::NoCommit { help, .. } | SourceError::NoMergeBase { help, .. } => help,
        other => panic!("{other}"),
    };
    assert_eq!(help_of(since(&origin, "origin/next").unwrap_err()), "git fetch origin next");
    assert_eq!(help_of(since(&origin, "$(x)").unwrap_err()), "");
    for name in ["", "-x", "--all", "a\nb", "a\0b", "*", "HEAD:a.txt"] {
        assert!(matches!(since(&origin, name), Err(SourceError::NoCommit { .. })), "{name:?}");
    }

    let clone = origin.shallow_clone();
    assert!(help_of(since(&clone, &first).unwrap_err()).contains("fetch-depth: 0"));
    // The base alone was fetched: the commits between are still missing.
    clone.git(&["fetch", "--quiet", "--depth=1", "origin", "refs/heads/base:refs/heads/base"]);
    assert!(help_of(since(&clone, "base").unwrap_err()).contains("fetch-depth: 0"));
}

#[test]
fn a3_a_history_that_is_cut_off_inside_the_change_is_no_decision() {
    let (origin, _) = started();
    origin.git(&["checkout", "--quiet", "-b", "topic"]);
    origin.write("t.txt", "hidden by the cut\n").commit("one");
    origin.write("t.txt", "two\n").commit("two");
    origin.git(&["checkout", "--quiet", "main"]);
    origin.write("m.txt", "m\n").commit("main");
    origin.git(&["merge", "--quiet", "--no-ff", "topic", "-m", "as a forge merges"]);
    let clone = TestRepo::folder();
    let url = format!("file://{}", origin.path().display());
    clone.git(&["clone", "--quiet", "--depth=2", &url, "."]);
    assert!(matches!(since(&clone, "HEAD^1"), Err(SourceError::NoMergeBase { .. })));
    clone.git(&["fetch", "--quiet", "--unshallow"]);
    assert!(since(&clone, "HEAD^1").unwrap().holds("hidden by the cut"));
}

#[test]
fn a4_nothing_the_repository_configures_is_run() {
    let (repo, first) = started();
    let marker = repo.path().join("marker");
    let script = repo.path().join("script");
    repo.write("script", format!("#!/bin/sh\ntouch {}\n", marker.display()));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap();
    let nested = "vendor/bare";
    repo.git(&["init", "--quiet", "--bare", nested]);
    repo.write(".gitattributes", "* filter=x diff=x\n").write("z.txt", "z\n").commit("second");
    repo.write("staged.txt", "staged\n").git(&["add", "--all"]);
    // From here on plain git would run the script, so the test starts no git of its own.
    let mut config = "[core]\n\tbare = false\n\tworktree = /\n[log]\n\tshowSignature = true\n".to_owned();
    for key in ["core\0fsmonitor", "core\0pager", "core\0sshCommand", "diff\0external", "gpg\0program"] {
        let (section, key) = key.split_once('\0').unwrap();
        writeln!(config, "[{section}]\n\t{key} = {script}").unwrap();
    }
    writeln!(config, "[filter \"x\"]\n\tclean = {script}\n\tsmudge = {script}").unwrap();
    writeln!(config, "[diff \"x\"]\n\ttextconv = {script}").unwrap();
    repo.write(".git/config", &config).write("vendor/bare/config", &config);
    for hook in ["post-index-change", "reference-transaction", "fsmonitor-watchman", "post-checkout"] {
        let hook = repo.path().join(".git/hooks").join(hook);
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::copy(script, hook).unwrap();
    }

    assert!(worktree(repo.path()).holds("staged\n"));
    worktree(&repo.path().join(nested));
    assert_eq!(staged(&repo).paths(), ["staged.txt"]);
    assert!(since(&repo, &first).unwrap().holds("z\n"));
    let repository = Repository::discover(repo.path()).unwrap().unwrap();
    let (base, head) = (repository.resolve(&first).unwrap().unwrap(), repository.head().unwrap().unwrap());
    repository.people(&base, &head).unwrap();
    assert!(!marker.exists());
    repo.try_git(&["--work-tree=.", "status"]);
    assert!(marker.exists(), "the trap works: git without a shield steps into it");
}

#[test]
fn a4_a_missing_object_of_a_partial_clone_is_not_fetched() {
    let (repo, _) = started();
    let marker = repo.path().join("marker");
    let id = repo.git(&["rev-parse", "HEAD:a.txt"]);
    repo.git(&["config", "remote.origin.url", &format!("ext::sh -c touch% {}", marker.display())]);
    repo.git(&["config", "remote.origin.promisor", "true"]);
    repo.git(&["config", "remote.origin.partialCloneFilter", "blob:none"]);
    repo.git(&["config", "extensions.partialClone", "origin"]);
    repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    repo.git(&["config", "protocol.ext.allow", "always"]);
    repo.remove(format!(".git/objects/{}/{}", &id[..2], &id[2..]));
    let seen = read(&Tree::new(scope(repo.path()), "HEAD"));
    assert_eq!(seen.reasons(), [("a.txt", Reason::Missing)]);
    assert!(!marker.exists());
}

#[test]
fn a4_replace_refs_and_grafts_change_nothing() {
    let (repo, first) = started();
    let head = repo.write("a.txt", "policy\n").commit("second");
    let other = repo.write("a.txt", "replaced\n").commit("third");
    repo.git(&["reset", "--quiet", "--hard", &head]);
    repo.git(&["replace", &head, &other]);
    let blobs = [
        repo.git(&["rev-parse", &format!("{head}:a.txt")]),
        repo.git(&["rev-parse", &format!("{other}:a.txt")]),
    ];
    repo.git(&["--no-replace-objects", "replace", "--force", &blobs[0], &blobs[1]]);
    repo.write(".git/info/grafts", format!("{head}\n"));
    assert_eq!(read(&Tree::new(scope(repo.path()), &head)).of("a.txt"), [b"policy\n"]);
    let seen = since(&repo, &first).unwrap();
    assert_eq!((seen.of("a.txt"), &seen.extent.base), (vec![b"policy\n".as_slice()], &first));
}

#[test]
fn hostile_names_come_through_every_source() {
    let (repo, first) = started();
    let hostile: [&[u8]; 5] =
        [b"line\nbreak", b":100644 100644 x", b"tab\there \"q\" \\", b"lat\xe9n", b"-rf*?["];
    for name in hostile {
        repo.write(Path::new(OsStr::from_bytes(name)), name);
    }
    repo.git(&["add", "--all"]);
    let expected = |seen: Seen| {
        for name in hostile {
            let text = String::from_utf8_lossy(name);
            assert_eq!(seen.of(&text), [name], "{text}");
        }
        assert_eq!(seen.reasons(), [("lat\u{fffd}n", Reason::Name)]);
    };
    expected(worktree(repo.path()));
    expected(staged(&repo));
    repo.commit("second");
    expected(since(&repo, &first).unwrap());
    expected(read(&Tree::new(scope(repo.path()), "HEAD")));
}

#[test]
fn staged_reads_the_index_and_not_the_disk() {
    let (repo, _) = started();
    repo.write("a.txt", "staged\n").write("b.txt", "new\n").git(&["add", "--all"]);
    repo.write("a.txt", "on disk\n").write("c.txt", "on disk\n").remove("b.txt");
    let seen = staged(&repo);
    assert_eq!(seen.paths(), ["a.txt", "b.txt"]);
    assert!(seen.holds("staged\n") && !seen.holds("on disk\n"));
    assert_eq!(seen.blobs[0].change, Some(Change::Modified));
    assert_eq!(seen.blobs[1].change, Some(Change::Added));
    assert_eq!(seen.extent, Extent::default());
    fs::create_dir(repo.path().join("sub")).unwrap();
    assert_eq!(read(&Staged::new(scope(&repo.path().join("sub")))).paths(), Vec::<&str>::new());
}

#[test]
fn staged_reads_the_index_a_hook_was_told_of() {
    let (repo, _) = started();
    fs::copy(repo.path().join(".git/index"), repo.path().join(".git/next-index")).unwrap();
    repo.write("b.txt", "b\n").git(&["add", "--all"]);
    let other = |index: &Path| read(&Staged::new(scope(repo.path()).with_index(index))).paths().len();
    assert_eq!(other(Path::new(".git/next-index")), 0);
    assert_eq!(other(&repo.path().join(".git/index")), 1);
}

#[test]
fn before_the_first_commit_everything_is_new_and_there_is_no_range() {
    let repo = TestRepo::new();
    assert_eq!(
        worktree(repo.path()),
        Seen { blobs: Vec::new(), gaps: Vec::new(), extent: Extent { full: true, ..Extent::default() } }
    );
    assert_eq!(staged(&repo).paths(), Vec::<&str>::new());
    repo.write("a.txt", "a\n").git(&["add", "--all"]);
    assert_eq!(staged(&repo).blobs[0].change, Some(Change::Added));
    let error = since(&repo, "HEAD").unwrap_err();
    assert_eq!(error.to_string(), "`HEAD` names no commit that is here");
}

#[test]
fn an_unresolved_merge_is_a_gap() {
    let (repo, _) = started();
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.write("a.txt", "two\n").commit("topic");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("a.txt", "three\n").commit("main");
    assert!(!repo.try_git(&["merge", "--quiet", "topic"]).status.success());
    assert_eq!(staged(&repo).reasons(), [("a.txt", Reason::Unreadable)]);
    assert!(worktree(repo.path()).holds("<<<<<<<"));
}

#[test]
fn a_path_limits_the_scope_and_names_still_count_from_the_top() {
    let (repo, first) = started();
    repo.write("sub/b.txt", "b\n")
        .write("sub/deep/c.txt", "c\n")
        .write("subject.txt", "d\n")
        .commit("second");
    let seen = worktree(&repo.path().join("sub"));
    assert_eq!((seen.paths(), seen.extent.full), (vec!["sub/b.txt", "sub/deep/c.txt"], false));
    assert_eq!(worktree(&repo.path().join("sub/b.txt")).paths(), ["sub/b.txt"]);
    let range = Range::since(scope(&repo.path().join("sub")), &first);
    assert_eq!(read(&range).paths(), ["sub/b.txt", "sub/deep/c.txt"]);
    let gone = Scope::new(&repo.path().join("nowhere"), Limits::default()).unwrap_err();
    assert!(matches!(gone, SourceError::NoPath(_)));
    let folder = TestRepo::folder();
    assert!(matches!(since(&folder, "HEAD"), Err(SourceError::NoRepository(_))));
}

#[test]
fn what_the_policy_excludes_is_left_out_and_named() {
    let (repo, first) = started();
    repo.write("third_party/x/a.c", "x").write("third_party/y.c", "x").commit("second");
    let globs = ["third_party/**".to_owned(), "unused/**".to_owned()];
    let scope = || scope(repo.path()).excluding(&globs).unwrap();
    for seen in [
        read(&Worktree::new(scope())),
        read(&Range::since(scope(), &first)),
        read(&Tree::new(scope(), "HEAD")),
    ] {
        assert!(!seen.paths().iter().any(|path| path.starts_with("third_party")));
        assert_eq!(seen.extent.excluded, ["third_party/**"]);
    }
    let bad = Scope::new(repo.path(), Limits::default()).unwrap().excluding(&["a[".to_owned()]).unwrap_err();
    assert!(bad.to_string().starts_with("`a[` is no glob"), "{bad}");
}

#[test]
fn a_linked_work_tree_a_bare_repository_and_a_sparse_checkout_are_read() {
    let (repo, _) = started();
    repo.write("left/out.txt", "left out\n").commit("second");
    let linked = TestRepo::folder();
    let place = linked.path().join("linked");
    repo.git(&[OsStr::new("worktree"), OsStr::new("add"), OsStr::new("--quiet"), place.as_os_str()]);
    let seen = worktree(&place);
    assert_eq!(seen.paths(), ["a.txt", "left/out.txt"]);
    let found = Repository::discover(&place.join("left")).unwrap().unwrap();
    assert_eq!(
        (found.work_tree(), found.common_dir()),
        (Some(place.as_path()), repo.path().join(".git").as_path())
    );

    let bare = TestRepo::folder();
    bare.git(&["clone", "--quiet", "--bare", repo.path().to_str().unwrap(), "."]);
    let seen = worktree(bare.path());
    assert_eq!((seen.paths(), seen.extent.full), (vec!["a.txt", "left/out.txt"], true));

    repo.git(&["sparse-checkout", "set", "--no-cone", "/a.txt"]);
    assert!(!repo.path().join("left").exists());
    assert_eq!(worktree(repo.path()).of("left/out.txt"), [b"left out\n"]);
    repo.remove("a.txt");
    assert_eq!(worktree(repo.path()).paths(), ["left/out.txt"], "a deleted file is gone");
}

#[test]
fn a_repository_that_names_its_objects_by_sha_256_is_read() {
    let repo = TestRepo::folder();
    repo.git(&["init", "--quiet", "--initial-branch=main", "--object-format=sha256"]);
    let first = repo.write("a.txt", "one\n").commit("first");
    assert_eq!(first.len(), 64);
    repo.write("a.txt", "two\n").commit("second");
    repo.write("a.txt", "three\n").git(&["add", "--all"]);
    assert!(since(&repo, &first).unwrap().holds("two\n") && staged(&repo).holds("three\n"));
}

#[test]
fn a_repository_named_by_its_git_directory_is_read() {
    let (repo, _) = started();
    fs::rename(repo.path().join(".git"), repo.path().join("elsewhere")).unwrap();
    let git_dir = repo.path().join("elsewhere");
    let scope = |path: &Path| {
        let repository = Repository::at(&git_dir, Some(repo.path())).unwrap();
        Scope::within(repository, path, Limits::default())
    };
    assert_eq!(read(&Worktree::new(scope(repo.path()).unwrap())).paths(), ["a.txt"]);
    assert!(matches!(scope(Path::new("/")), Err(SourceError::NoRepository(_))));
    repo.write(".git", "gitdir: nowhere\n");
    assert!(matches!(
        Scope::new(repo.path(), Limits::default()),
        Err(SourceError::Git(GitError::Broken { .. }))
    ));
}

#[test]
fn what_may_not_be_read_is_a_gap() {
    let (repo, _) = started();
    repo.write("closed", "x").write("folder/b.txt", "x").git(&["add", "--all"]);
    let close = |name: &str, mode| {
        fs::set_permissions(repo.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    close("closed", 0);
    close("folder", 0);
    let is_root = File::open(repo.path().join("closed")).is_ok();
    let seen = worktree(repo.path());
    close("folder", 0o755);
    // The superuser reads everything, so there is nothing to see for them.
    if !is_root {
        assert_eq!(seen.paths(), ["a.txt"]);
        let reasons = seen.reasons();
        assert!(reasons.contains(&("closed", Reason::Unreadable)), "{reasons:?}");
        assert!(reasons.contains(&("folder", Reason::Unreadable)), "{reasons:?}");
    }
}

#[test]
fn a_stream_is_one_named_blob() {
    let seen = try_read(&Stdin::new("deploy.env", b"k=v\n".as_slice(), Limits::default()), 1).unwrap();
    assert_eq!((seen.paths(), seen.of("deploy.env")), (vec!["deploy.env"], vec![b"k=v\n".as_slice()]));
}

#[test]
fn everyone_a_change_names_is_known() {
    let (repo, first) = started();
    let message = "second\n\nCo-authored-by: Lee Example <lee@example.com>\n";
    let head = repo.commit_as(message, ("Kim Example", "kim@example.com"));
    let git = Repository::discover(repo.path()).unwrap().unwrap();
    let (base, head) = (git.resolve(&first).unwrap().unwrap(), git.resolve(&head).unwrap().unwrap());
    let people = git.people(&base, &head).unwrap();
    let emails: Vec<&str> = people.iter().map(|person| person.email.as_str()).collect();
    assert_eq!(emails, ["kim@example.com", "lee@example.com"]);
    assert!(git.is_ancestor(&base, &head).unwrap() && !git.is_ancestor(&head, &base).unwrap());
    assert!(git.resolve_branch("refs/heads/main").unwrap() == Some(head) && !git.is_shallow());
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}
