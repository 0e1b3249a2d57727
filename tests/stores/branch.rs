//! What holds for the store on a branch alone: it is never overwritten, and it says what the server says.

use std::fs;

use tollgate::ledger::stores::{self, StoreError};
use tollgate::ledger::{Ledger, LedgerError};

use super::backends::GitRemote;
use super::{NoTime, ORIGIN, ledger_on, record, records, verified};

fn open(remote: &GitRemote) -> Ledger {
    Ledger::with(stores::open(&remote.url()).unwrap(), Box::new(NoTime), ORIGIN).unwrap()
}

#[test]
fn c14_a_branch_that_was_overwritten_is_an_error_and_stays_as_it_is() {
    let remote = GitRemote::new();
    let mut ledger = open(&remote);
    ledger.append(&records("88", 0..2)).unwrap();
    let early = remote.git(&["rev-parse", "tollgate-ledger"]);
    ledger.append(&records("89", 0..2)).unwrap();
    // Whoever owns the server sets the branch back, to another history, or deletes it.
    let other = GitRemote::new();
    open(&other).append(&records("foreign", 0..4)).unwrap();
    let other = other.path();
    remote.git(&["fetch", "--quiet", other.to_str().unwrap(), "tollgate-ledger:refs/heads/other"]);
    let foreign = remote.git(&["rev-parse", "other"]);
    for (to, expected) in [(&early, "set back"), (&foreign, "another root")] {
        remote.git(&["update-ref", "refs/heads/tollgate-ledger", to]);
        let error = ledger.append(&records("90", 0..1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(&remote.git(&["rev-parse", "tollgate-ledger"]), to);
    }
    remote.git(&["update-ref", "-d", "refs/heads/tollgate-ledger"]);
    assert_eq!(ledger.append(&records("90", 0..1)), Err(LedgerError::Rollback { size: 0, known: 4 }));
    assert_eq!(remote.git(&["for-each-ref", "--format=%(refname)", "refs/heads/tollgate-ledger"]), "");
}

#[test]
fn c14_a_commit_that_does_not_follow_the_newest_one_is_a_conflict() {
    let remote = GitRemote::new();
    open(&remote).append(&records("88", 0..1)).unwrap();
    let mut slow = stores::open(&remote.url()).unwrap();
    let head = slow.load_head().unwrap().unwrap();
    open(&remote).append(&records("89", 0..1)).unwrap();
    let there = remote.git(&["rev-parse", "tollgate-ledger"]);
    let batch = super::batch_of_one(&head, &record("90", 0));
    assert_eq!(slow.try_append(&head, &batch), Err(StoreError::Conflict));
    assert_eq!(remote.git(&["rev-parse", "tollgate-ledger"]), there);
    // Two who make the branch at once: the second is late too.
    let (empty, other) = (GitRemote::new(), GitRemote::new());
    let mut late = stores::open(&empty.url()).unwrap();
    assert_eq!(late.load_head().unwrap(), None);
    drop(other);
    open(&empty).append(&records("88", 0..1)).unwrap();
    let head = tollgate::ledger::Head::empty(ORIGIN);
    assert_eq!(
        late.try_append(&head, &super::batch_of_one(&head, &record("90", 0))),
        Err(StoreError::Conflict)
    );
}

#[test]
fn c10_a_remote_that_would_be_overwritten_is_told_and_never_is() {
    let guarded = GitRemote::new();
    let open_to_all = GitRemote::new();
    fs::remove_file(open_to_all.path().join("hooks/update")).unwrap();
    for setting in ["receive.denyNonFastForwards", "receive.denyDeletes"] {
        guarded.git(&["config", setting, "true"]);
        open_to_all.git(&["config", setting, "false"]);
    }
    assert_eq!(stores::open(&guarded.url()).unwrap().probe(), Ok(None));
    let caution = stores::open(&open_to_all.url()).unwrap().probe().unwrap().unwrap();
    assert!(caution.contains("denyNonFastForwards"), "{caution}");
    // No hook and no setting keeps the second of two from overwriting the first: its push does.
    open(&open_to_all).append(&records("88", 0..1)).unwrap();
    let mut late = stores::open(&open_to_all.url()).unwrap();
    let head = late.load_head().unwrap().unwrap();
    open(&open_to_all).append(&records("89", 0..1)).unwrap();
    let there = open_to_all.git(&["rev-parse", "tollgate-ledger"]);
    assert_eq!(
        late.try_append(&head, &super::batch_of_one(&head, &record("90", 0))),
        Err(StoreError::Conflict)
    );
    assert_eq!(open_to_all.git(&["rev-parse", "tollgate-ledger"]), there);
}

#[test]
fn c14_the_branch_holds_one_commit_for_each_append_and_what_the_layout_says() {
    let remote = GitRemote::new();
    let mut ledger = open(&remote);
    ledger.append(&records("88", 0..3)).unwrap();
    ledger.append(&records("89", 0..1)).unwrap();
    let mut store = stores::open(&remote.url()).unwrap();
    store.keep_seal(4, b"a seal\n").unwrap();
    store.keep_seal(4, b"a seal\n").unwrap();
    assert_eq!(store.seals().unwrap(), [4]);
    assert_eq!(store.read_seal(4).unwrap(), b"a seal\n");
    assert_eq!(remote.git(&["rev-list", "--count", "tollgate-ledger"]), "3");
    let files = remote.git(&["ls-tree", "-r", "--name-only", "tollgate-ledger"]);
    let names: Vec<&str> = files.lines().map(|path| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(
        names.iter().filter(|name| ["0.jsonl", "3.jsonl", "head.json", "4"].contains(name)).count(),
        4
    );
    assert_eq!(names.len(), 4, "{files}");
    ledger.append(&records("90", 0..1)).unwrap();
    assert_eq!(store.seals().unwrap(), [4], "a seal stays when the ledger goes on");
    assert!(verified(&mut ledger).holds());
}

#[test]
fn c13_a_server_that_does_not_want_us_is_an_error_at_once() {
    let remote = GitRemote::new();
    let mut ledger = open(&remote);
    ledger.append(&records("88", 0..1)).unwrap();
    remote.hook("pre-receive", "#!/bin/sh\necho 'GH013: rule violations' >&2\nexit 1\n");
    let error = ledger.append(&records("89", 0..1)).unwrap_err();
    assert!(matches!(&error, LedgerError::Unavailable(why) if why.contains("declined")), "{error}");
    // And one that is gone, or was never there.
    fs::rename(remote.path(), remote.path().with_extension("gone")).unwrap();
    assert!(matches!(ledger.append(&records("89", 0..1)), Err(LedgerError::Unavailable(_))));
    let never = Ledger::open("git:https://u:t0ken@127.0.0.1:9/none.git#l", ORIGIN).err().unwrap();
    assert!(matches!(&never, LedgerError::Unavailable(why) if !why.contains("t0ken")), "{never}");
    fs::rename(remote.path().with_extension("gone"), remote.path()).unwrap();
}

#[test]
fn c7_a_reply_lost_after_the_branch_moved_is_read_back() {
    let remote = GitRemote::new();
    let mut ledger = open(&remote);
    ledger.append(&records("88", 0..1)).unwrap();
    // The server takes the commit and dies before it can say so, once.
    let hook = "#!/bin/sh\n[ -e died ] && exit 0\ntouch died\nkill -9 $PPID\n";
    remote.hook("post-update", hook);
    let receipts = ledger.append(&records("89", 0..2)).unwrap();
    assert!(remote.path().join("died").exists());
    assert_eq!(receipts.iter().map(|receipt| receipt.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(remote.git(&["rev-list", "--count", "tollgate-ledger"]), "2");
    assert!(verified(&mut ledger).holds());
}

#[test]
fn c3_what_is_changed_on_the_branch_by_hand_is_named() {
    let remote = GitRemote::new();
    ledger_on(stores::open(&remote.url()).unwrap(), 1).append(&records("88", 0..3)).unwrap();
    let honest = remote.git(&["rev-parse", "tollgate-ledger"]);
    let files = remote.git(&["ls-tree", "-r", "--name-only", "tollgate-ledger"]);
    let path = files.lines().find(|path| path.ends_with("/0.jsonl")).unwrap().to_owned();
    let text = remote.git(&["show", &format!("tollgate-ledger:{path}")]);
    let changed = |new: &str, path: &str| {
        let work = tempfile::TempDir::new().unwrap();
        let folder = work.path().to_str().unwrap();
        remote.git(&["update-ref", "refs/heads/tollgate-ledger", &honest]);
        remote.git(&["worktree", "add", "--quiet", folder, "tollgate-ledger"]);
        fs::create_dir_all(work.path().join(path).parent().unwrap()).unwrap();
        fs::write(work.path().join(path), new).unwrap();
        remote.git(&["-C", folder, "add", "--all"]);
        remote.git(&["-C", folder, "commit", "--quiet", "-m", "by hand"]);
        remote.git(&["worktree", "remove", "--force", folder]);
        let opened = Ledger::open_existing(&remote.url());
        opened.and_then(|mut ledger| ledger.verify(&[], 1, &mut |_, _| Ok(())))
    };
    let index = |found: Result<tollgate::ledger::Verification, LedgerError>| match found {
        Ok(found) => found.problems.first().map(|problem| problem.index),
        Err(LedgerError::Corrupt { index, .. }) => index,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(index(changed(&format!("{text}\n"), "README.md")), None, "other files are no data");
    assert!(index(changed(&text.replacen("absent", "Absent", 1), &path)).is_some());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(index(changed(&format!("{}\n{}\n", lines[0], lines[1]), &path)), Some(2), "one is gone");
    assert_eq!(index(changed(&format!("{text}\n{}\n", lines[0]), &path)), Some(2), "one more");
    assert_eq!(index(changed(&format!("{text}\n"), "leaves/00/0.jsonl")), Some(0), "twice");
    assert_eq!(index(changed(&format!("{text}\n"), "leaves/00/9.jsonl")), Some(9), "behind the head");
    assert!(changed("{}", "head.json").is_err());
}
