//! Every store, each on what it needs: folders, memory, a git remote that refuses to be overwritten, a server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::server;
use tempfile::TempDir;
use tollgate::ledger::stores::memory::Memory;
use tollgate::ledger::stores::{self, Batch, StoreError};
use tollgate::ledger::{Head, LedgerError, Store};

/// How much of a test is worth its time on a store.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Writers at once.
    pub writers: u64,
    /// Records of each.
    pub each: u64,
    /// Runs at once.
    pub runs: u64,
    /// Appends one after the other.
    pub appends: u64,
}

const FULL: Load = Load { writers: 32, each: 50, runs: 50, appends: 1000 };

/// Every append takes a handful of processes.
const SLOW: Load = Load { writers: 4, each: 4, runs: 5, appends: 25 };

/// Everything is read again for every append.
const PLAIN: Load = Load { writers: 4, each: 10, runs: 10, appends: 100 };

/// Runs `test` on every store; what it is given opens one more handle on the same store.
pub fn on_every_store(test: impl Fn(&str, &(dyn Fn() -> Box<dyn Store> + Sync), Load)) {
    let memory = Memory::new();
    test("memory", &|| Box::new(memory.clone()), FULL);
    let plain = Memory::new();
    test("plain", &|| Box::new(Plain(plain.clone())), PLAIN);
    on_every_url(|url, load| test(url, &|| stores::open(url).unwrap(), load));
}

/// Runs `test` on every store that a URL names, which other processes can open too.
pub fn on_every_url(test: impl Fn(&str, Load)) {
    let folder = TempDir::new().unwrap();
    test(&format!("file:{}", folder.path().join("ledger").display()), FULL);
    let remote = GitRemote::new();
    test(&remote.url(), SLOW);
    if let Some(database) = server::database() {
        test(&database.owner, FULL);
    }
}

/// A store that has only what every store must have: no index, no noted hashes.
struct Plain(Memory);

impl Store for Plain {
    fn place(&self) -> String {
        self.0.place()
    }
    fn probe(&mut self) -> Result<Option<String>, LedgerError> {
        self.0.probe()
    }
    fn load_head(&mut self) -> Result<Option<Head>, LedgerError> {
        self.0.load_head()
    }
    fn read(&mut self, head: &Head, range: std::ops::Range<u64>) -> Result<Vec<Vec<u8>>, LedgerError> {
        self.0.read(head, range)
    }
    fn try_append(&mut self, expected: &Head, batch: &Batch) -> Result<(), StoreError> {
        self.0.try_append(expected, batch)
    }
    fn seals(&mut self) -> Result<Vec<u64>, LedgerError> {
        self.0.seals()
    }
    fn read_seal(&mut self, size: u64) -> Result<Vec<u8>, LedgerError> {
        self.0.read_seal(size)
    }
    fn keep_seal(&mut self, size: u64, note: &[u8]) -> Result<(), LedgerError> {
        self.0.keep_seal(size, note)
    }
}

/// A bare repository that stands for a forge: its hook refuses to overwrite or delete a branch.
pub struct GitRemote {
    folder: TempDir,
}

const HOOK: &str = r#"#!/bin/sh
case "$3" in *[!0]*) ;; *) echo "branches stay here" >&2; exit 1 ;; esac
case "$2" in *[!0]*) git merge-base --is-ancestor "$2" "$3" || { echo "nothing is overwritten here" >&2; exit 1; } ;; esac
"#;

impl GitRemote {
    pub fn new() -> Self {
        let remote = Self { folder: TempDir::new().unwrap() };
        remote.git(&["init", "--quiet", "--bare", "--template=", "."]);
        remote.hook("update", HOOK);
        remote
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The ledger on a branch of it.
    pub fn url(&self) -> String {
        format!("git:{}#tollgate-ledger", self.path().display())
    }

    /// Puts a hook in place.
    pub fn hook(&self, name: &str, text: &str) {
        let path = self.path().join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs git in it, as whoever administers the forge; what it printed.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@b"), ("GIT_COMMITTER_NAME", "a")])
            .env("GIT_COMMITTER_EMAIL", "a@b")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}
