//! The index, trees, and what commits changed.
//!
//! Everything is asked for with `-z`: a name may hold any byte but NUL, and only its place tells it from the rest.

use super::command::strange;
use super::{GitError, ObjectId, Repository};

/// What kind of thing a tree entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A file, executable or not.
    File,
    /// A symbolic link: its bytes are the target's name.
    Link,
    /// A commit of another repository.
    Submodule,
    /// A folder; only a sparse index lists one.
    Folder,
    /// Nothing: the side of a change where the path is not there.
    Absent,
}

/// One path in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// From the top of the work tree, forward slashes.
    pub path: Vec<u8>,
    /// What it is.
    pub mode: Mode,
    /// Its content.
    pub id: ObjectId,
    /// 0, or 1 to 3 for the sides of a merge that is not resolved.
    pub merge_side: u8,
    /// Left out of the work tree on purpose, as a sparse checkout does.
    pub left_out: bool,
}

/// One path in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// From the top of the tree, forward slashes.
    pub path: Vec<u8>,
    /// What it is.
    pub mode: Mode,
    /// Its content.
    pub id: ObjectId,
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Was not there before.
    Added,
    /// Another content or kind than before.
    Modified,
    /// Is not there any more.
    Deleted,
    /// In the middle of a merge: there is no one content.
    Unmerged,
}

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The commit that made the change; `None` between two trees and for the index.
    pub commit: Option<ObjectId>,
    /// From the top of the tree, forward slashes.
    pub path: Vec<u8>,
    /// What happened.
    pub status: Status,
    /// What it is now.
    pub mode: Mode,
    /// Its content now; only zeros when deleted.
    pub id: ObjectId,
    /// Its content before, in the first tree compared with; `None` when it was no file there.
    pub was: Option<ObjectId>,
}

const RAW: [&str; 6] = ["--raw", "-r", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff"];

impl Repository {
    /// Every path of the index, in the order of the index.
    pub fn index(&self) -> Result<Vec<IndexEntry>, GitError> {
        let arguments = ["ls-files", "--stage", "-t", "-z"];
        let output = self.demand(&arguments)?;
        records(&output).map(|record| index_entry(record).ok_or_else(|| strange(&arguments))).collect()
    }

    /// What the index has that `HEAD` has not, or everything in it before the first commit.
    pub fn staged(&self) -> Result<Vec<Change>, GitError> {
        let mut arguments = vec!["diff-index", "--cached"];
        arguments.extend(RAW);
        arguments.extend(["HEAD", "--"]);
        let answer = self.ask(&arguments)?;
        if answer.status == 0 {
            return changes(&answer.output).ok_or_else(|| strange(&arguments));
        }
        if self.head()?.is_some() {
            return Err(super::command::failed(&arguments, answer.complaint));
        }
        let all = self.index()?.into_iter().filter(|entry| entry.mode != Mode::Folder);
        Ok(all
            .map(|entry| Change {
                commit: None,
                status: if entry.merge_side == 0 { Status::Added } else { Status::Unmerged },
                path: entry.path,
                mode: entry.mode,
                id: entry.id,
                was: None,
            })
            .collect())
    }

    /// Every path of a commit's tree but folders, sorted by path; only those below the folder `under` (or that
    /// file) unless it is empty.
    pub fn tree(&self, commit: &ObjectId, under: &str) -> Result<Vec<TreeEntry>, GitError> {
        let mut arguments = vec!["ls-tree", "-r", "-z", "--full-tree", commit.as_str()];
        if !under.is_empty() {
            arguments.extend(["--", under]);
        }
        let output = self.demand(&arguments)?;
        records(&output).map(|record| tree_entry(record).ok_or_else(|| strange(&arguments))).collect()
    }

    /// What each of `commits` changed, in their order.
    ///
    /// The first commit of a history adds its whole tree. A merge changes what differs from every parent: the
    /// rest is a change of one of the commits it joins.
    pub fn changes_of(&self, commits: &[ObjectId]) -> Result<Vec<Change>, GitError> {
        let mut arguments = vec!["diff-tree", "--stdin", "--root", "-c"];
        arguments.extend(RAW);
        let asked: String = commits.iter().flat_map(|id| [id.as_str(), "\n"]).collect();
        let output = self.demand_with(&arguments, asked.as_bytes())?;
        changes(&output).ok_or_else(|| strange(&arguments))
    }

    /// What differs between two commits' trees, sorted by path.
    pub fn changes_between(&self, base: &ObjectId, head: &ObjectId) -> Result<Vec<Change>, GitError> {
        let mut arguments = vec!["diff-tree"];
        arguments.extend(RAW);
        arguments.extend([base.as_str(), head.as_str(), "--"]);
        changes(&self.demand(&arguments)?).ok_or_else(|| strange(&arguments))
    }
}

/// The NUL-terminated records of an answer.
fn records(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.strip_suffix(b"\0").into_iter().flat_map(|all| all.split(|byte| *byte == 0))
}

/// `H 100644 <id> 0<tab><path>`; the first letter is `S` for a path a sparse checkout leaves out.
fn index_entry(record: &[u8]) -> Option<IndexEntry> {
    let (head, path) = split_at_byte(record, b'\t')?;
    let mut words = head.split(|byte| *byte == b' ');
    let tag = words.next()?;
    let mode = mode(words.next()?)?;
    let id = ObjectId::from_bytes(words.next()?)?;
    let [side @ b'0'..=b'3'] = words.next()? else { return None };
    Some(IndexEntry {
        path: path.to_vec(),
        mode,
        id,
        merge_side: side - b'0',
        left_out: tag.eq_ignore_ascii_case(b"s"),
    })
}

/// `100644 blob <id><tab><path>`.
fn tree_entry(record: &[u8]) -> Option<TreeEntry> {
    let (head, path) = split_at_byte(record, b'\t')?;
    let mut words = head.split(|byte| *byte == b' ');
    let mode = mode(words.next()?)?;
    let id = ObjectId::from_bytes(words.nth(1)?)?;
    Some(TreeEntry { path: path.to_vec(), mode, id })
}

/// Reads `:<modes> <ids> <status>` and the path after it, with the commit's id on a record of its own before.
///
/// One colon for each tree that is compared with; a merge has several.
fn changes(output: &[u8]) -> Option<Vec<Change>> {
    let mut found = Vec::new();
    let mut commit = None;
    let mut records = records(output);
    while let Some(record) = records.next() {
        if record.starts_with(b":") {
            found.push(change(record, records.next()?, commit.clone())?);
        } else {
            commit = Some(ObjectId::from_bytes(record)?);
        }
    }
    Some(found)
}

fn change(head: &[u8], path: &[u8], commit: Option<ObjectId>) -> Option<Change> {
    let parents = head.iter().take_while(|byte| **byte == b':').count().max(1);
    let mut words = head.get(parents..)?.split(|byte| *byte == b' ');
    let old_mode = mode(words.next()?)?;
    let mode = mode(words.nth(parents - 1)?)?;
    let old = ObjectId::from_bytes(words.next()?)?;
    let id = ObjectId::from_bytes(words.nth(parents - 1)?)?;
    let letters = words.next()?;
    let status = match letters {
        _ if letters.contains(&b'U') => Status::Unmerged,
        _ if mode == Mode::Absent => Status::Deleted,
        _ if letters.iter().all(|letter| *letter == b'A') => Status::Added,
        _ => Status::Modified,
    };
    let was = matches!(old_mode, Mode::File | Mode::Link).then_some(old);
    Some(Change { commit, path: path.to_vec(), status, mode, id, was })
}

/// The six octal digits git writes for a kind of entry.
fn mode(digits: &[u8]) -> Option<Mode> {
    Some(match digits {
        b"000000" => Mode::Absent,
        b"040000" => Mode::Folder,
        b"120000" => Mode::Link,
        b"160000" => Mode::Submodule,
        [b'1', b'0', b'0', ..] => Mode::File,
        _ => return None,
    })
}

fn split_at_byte(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(mark, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "2e65efe2a145dda7ee51d1741299f848e5bf752e";
    const NONE: &str = "0000000000000000000000000000000000000000";

    #[test]
    fn a_path_that_looks_like_a_record_is_a_path() {
        let hostile = format!(":100644 100644 {ID} {ID} M");
        let output = format!("{ID}\0:000000 100644 {NONE} {ID} A\0{hostile}\0");
        let found = changes(output.as_bytes()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, hostile.as_bytes());
        assert_eq!((found[0].status, found[0].mode), (Status::Added, Mode::File));
        assert_eq!(found[0].commit, ObjectId::parse(ID));
    }

    #[test]
    fn a_merge_is_read_with_its_result() {
        let output = format!("::100644 100755 120000 {NONE} {NONE} {ID} MM\0a\nb\0");
        let found = changes(output.as_bytes()).unwrap();
        assert_eq!((found[0].mode, found[0].id.as_str()), (Mode::Link, ID));
        assert_eq!(found[0].path, b"a\nb");
    }

    #[test]
    fn an_index_entry_keeps_the_bytes_of_its_name() {
        let record = [format!("S 160000 {ID} 2\t").as_bytes(), b"a\tb\xff"].concat();
        let entry = index_entry(&record).unwrap();
        assert_eq!((entry.path.as_slice(), entry.merge_side), (&b"a\tb\xff"[..], 2));
        assert!(entry.left_out && entry.mode == Mode::Submodule);
    }

    proptest! {
        #[test]
        fn no_answer_of_git_makes_the_readers_panic(bytes: Vec<u8>, text in "[:\\x00 0-9a-f\t]{0,200}") {
            for answer in [bytes.as_slice(), text.as_bytes()] {
                let _ = changes(answer);
                for record in records(answer) {
                    let _ = (index_entry(record), tree_entry(record));
                }
            }
        }
    }
}
