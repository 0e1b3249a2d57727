//! What only somebody who owns the store can do: set it back behind our backs, and put other records in place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tollgate::ledger::Record;
use tollgate::ledger::merkle::leaf_hash;

use super::server;

/// What a store was.
pub enum Before {
    /// The files that hold records, and their bytes.
    Files(Vec<(PathBuf, Vec<u8>)>),
    /// The commit of the branch.
    Commit(String),
    /// The statements that bring a database back.
    Statements(String),
}

/// What the store at `url` is now.
pub fn remember(url: &str) -> Before {
    if let Some(folder) = url.strip_prefix("file:") {
        let names = ["head.json", "index.bin", "segments/000000.jsonl"];
        let read =
            |name: &str| (Path::new(folder).join(name), fs::read(Path::new(folder).join(name)).unwrap());
        return Before::Files(names.map(read).into());
    }
    if let Some((path, branch)) = branch(url) {
        return Before::Commit(git(&path, &["rev-parse", &branch]));
    }
    let head = "SELECT format('UPDATE tollgate.head SET size = %s, root = %L, frontier = %L', size, root, frontier) \
                FROM tollgate.head";
    let update = server::server().unwrap().ask(database(url), head);
    let size = "SELECT size::text FROM tollgate.head";
    let size = server::server().unwrap().ask(database(url), size);
    Before::Statements(format!("DELETE FROM tollgate.entry WHERE index >= {size}; {update}"))
}

/// Sets the records of the store at `url` back to `before`; its seals stay.
pub fn to(url: &str, before: &Before) {
    match before {
        Before::Files(files) => files.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap()),
        Before::Commit(commit) => {
            let (path, branch) = branch(url).unwrap();
            rewrite(&path, &branch, &|work| {
                let here = work.to_str().unwrap();
                for name in ["leaves", "head.json"] {
                    git(&path, &["-C", here, "rm", "-r", "--quiet", name]);
                    git(&path, &["-C", here, "checkout", "--quiet", commit, "--", name]);
                }
            });
        }
        Before::Statements(statements) => behind_triggers(url, statements),
    }
}

/// Takes the record at `index` away and puts `record` under its name.
pub fn make_again(url: &str, index: usize, record: &Record) {
    let replaced = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[index] = String::from_utf8(record.bytes()).unwrap();
        lines.join("\n") + "\n"
    };
    if let Some(folder) = url.strip_prefix("file:") {
        let path = Path::new(folder).join("segments/000000.jsonl");
        let text = replaced(&fs::read_to_string(&path).unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(&path, text).unwrap();
        // Whoever forges a record leaves no list of what was there.
        fs::remove_file(Path::new(folder).join("index.bin")).unwrap();
        return;
    }
    if let Some((path, branch)) = branch(url) {
        let files = git(&path, &["ls-tree", "-r", "--name-only", &branch]);
        let leaves = files.lines().find(|name| name.ends_with("/0.jsonl")).unwrap().to_owned();
        let text = git(&path, &["show", &format!("{branch}:{leaves}")]);
        return rewrite(&path, &branch, &|work| fs::write(work.join(&leaves), replaced(&text)).unwrap());
    }
    let bytes = record.bytes();
    let hex = tollgate::text::hash::hex;
    behind_triggers(
        url,
        &format!(
            "DELETE FROM tollgate.entry WHERE index = {index}; INSERT INTO tollgate.entry (index, leaf, hash, rid) \
             VALUES ({index}, '\\x{}', '\\x{}', '\\x{}')",
            hex(&bytes),
            hex(&leaf_hash(&bytes)),
            record.rid()
        ),
    );
}

/// Runs `statements` as the owner of the tables, with what guards them turned off meanwhile.
fn behind_triggers(url: &str, statements: &str) {
    let turn = |how: &str| {
        let guards = [("entry", "only_grows"), ("head", "only_grows"), ("head", "stays")];
        guards.map(|(table, name)| format!("ALTER TABLE tollgate.{table} {how} TRIGGER {name};")).concat()
    };
    let server = server::server().unwrap();
    server.run(database(url), &format!("{} {statements}; {}", turn("DISABLE"), turn("ENABLE ALWAYS")));
}

fn database(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

fn branch(url: &str) -> Option<(PathBuf, String)> {
    let (path, branch) = url.strip_prefix("git:")?.split_once('#')?;
    Some((PathBuf::from(path), branch.to_owned()))
}

/// A new commit over the branch with what `change` makes of its files.
fn rewrite(path: &Path, branch: &str, change: &dyn Fn(&Path)) {
    let work = tempfile::TempDir::new().unwrap();
    let folder = work.path().to_str().unwrap();
    git(path, &["worktree", "add", "--quiet", "--force", folder, branch]);
    change(work.path());
    git(path, &["-C", folder, "add", "--all"]);
    git(path, &["-C", folder, "commit", "--quiet", "-m", "by hand"]);
    git(path, &["worktree", "remove", "--force", folder]);
}

fn git(path: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(path)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
        .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@b"), ("GIT_COMMITTER_NAME", "a")])
        .env("GIT_COMMITTER_EMAIL", "a@b")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
