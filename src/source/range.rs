//! What each commit of a change introduces, not only what is left of it at the end.
//!
//! ```text
//!       c1 ── c2 ── HEAD       c1 adds a secret, c2 takes it out again:
//!      /                       the blob of c1 is read, and named by c1
//! ── base ── REV
//! ```
//!
//! A commit belongs to the change when `HEAD` has it and `REV` has not. Work that is not committed is no part of it.

use std::collections::{BTreeMap, BTreeSet};

use super::budget::Budget;
use super::intake::Intake;
use super::stored::{self, Wanted};
use super::{Change, Extent, Item, Scope, Source, SourceError, names};
use crate::finding::Gap;
use crate::git::{self, Mode, ObjectId, Repository, Status};

/// The commits that `right` has and `left` has not.
#[derive(Debug)]
pub struct Range {
    scope: Scope,
    left: String,
    right: String,
}

/// What a range comes down to.
struct Ends {
    left: ObjectId,
    head: ObjectId,
    base: ObjectId,
}

impl Range {
    /// From the merge base of `revision` and `HEAD` to `HEAD`.
    pub fn since(scope: Scope, revision: &str) -> Self {
        Self::between(scope, revision, "HEAD")
    }

    /// From the merge base of `left` and `right` to `right`.
    pub fn between(scope: Scope, left: &str, right: &str) -> Self {
        Self { scope, left: left.to_owned(), right: right.to_owned() }
    }

    /// Reads `A..B`; a side that is left out is `HEAD`, as git has it. `None` without two dots.
    pub fn parse(scope: Scope, text: &str) -> Option<Self> {
        let (left, right) = text.split_once("..")?;
        let side = |side: &str| if side.is_empty() { "HEAD".to_owned() } else { side.to_owned() };
        Some(Self::between(scope, &side(left), &side(right)))
    }

    fn ends(&self, repository: &Repository) -> Result<Ends, SourceError> {
        let commit = |revision: &str| {
            repository.resolve(revision)?.ok_or_else(|| SourceError::NoCommit {
                revision: revision.to_owned(),
                help: fetch(repository, revision),
            })
        };
        let (left, head) = (commit(&self.left)?, commit(&self.right)?);
        let base = repository.merge_base(&left, &head)?.ok_or_else(|| self.no_base(repository))?;
        Ok(Ends { left, head, base })
    }

    fn no_base(&self, repository: &Repository) -> SourceError {
        SourceError::NoMergeBase {
            left: self.left.clone(),
            right: self.right.clone(),
            help: if repository.is_shallow() { deepen() } else { String::new() },
        }
    }

    /// The commits of the change, oldest first.
    ///
    /// Where the clone cuts the history off inside the change, earlier commits of it are not here: that is an error
    /// and never a smaller scan.
    fn commits(&self, repository: &Repository, ends: &Ends) -> Result<Vec<ObjectId>, SourceError> {
        let commits = repository.between(&ends.left, &ends.head)?;
        let cut = repository.shallow_commits();
        if commits.iter().any(|commit| cut.contains(commit)) {
            Err(self.no_base(repository))
        } else {
            Ok(commits)
        }
    }
}

impl Source for Range {
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        let repository = self.scope.need_repository()?;
        let ends = self.ends(repository)?;
        let commits = self.commits(repository, &ends)?;
        let intake = Intake { budget: Budget::new(self.scope.limits), repository: Some(repository), sink };
        let in_scope = |change: &git::Change| self.scope.holds(&change.path);
        let steps: Vec<_> = repository.changes_of(&commits)?.into_iter().filter(in_scope).collect();
        let net: Vec<_> =
            repository.changes_between(&ends.base, &ends.head)?.into_iter().filter(in_scope).collect();
        for gone in net.iter().filter(|change| change.status == Status::Deleted) {
            intake.deleted(&gone.path, Some(ends.head.as_str()));
        }
        if net.iter().any(|change| change.status == Status::Added) {
            intake.gaps(collisions(repository, &ends.head, &net)?);
        }
        let mut wanted = introduced(&steps, &net, &ends.head);
        let superseded = superseded(&wanted, &net);
        wanted.extend(net.iter().filter_map(Wanted::replaced));
        stored::read(repository, &wanted, threads, &intake)?;
        intake.finish();
        Ok(Extent {
            full: false,
            narrowed: !self.scope.is_whole(),
            excluded: self.scope.excluded(),
            head: ends.head.as_str().to_owned(),
            base: ends.base.as_str().to_owned(),
            commits: commits.iter().map(|id| id.as_str().to_owned()).collect(),
            superseded,
            sifted: None,
        })
    }
}

/// Paths of the head that hide each other, where the change touched one of them.
fn collisions(
    repository: &Repository,
    head: &ObjectId,
    net: &[git::Change],
) -> Result<Vec<Gap>, SourceError> {
    let changed: BTreeSet<&[u8]> = net.iter().map(|change| change.path.as_slice()).collect();
    let mut entries = repository.tree(head, "")?;
    // What was there before comes first, so that the new one of two is named.
    entries.sort_by_key(|entry| changed.contains(entry.path.as_slice()));
    let gaps = names::collisions(entries.iter().map(|entry| (entry.path.as_slice(), entry.id.as_str())));
    let changed: BTreeSet<_> = changed.iter().map(|path| String::from_utf8_lossy(path)).collect();
    Ok(gaps.into_iter().filter(|gap| changed.contains(gap.path.as_str())).collect())
}

/// Every version that a commit introduced, once for each path, named by the first commit that did.
///
/// The net change is added for what no commit shows, should there be any: it is what would be merged.
fn introduced(steps: &[git::Change], net: &[git::Change], head: &ObjectId) -> Vec<Wanted> {
    let mut from_start: BTreeMap<&[u8], Change> = BTreeMap::new();
    for step in steps {
        let first = if step.status == Status::Added { Change::Added } else { Change::Modified };
        from_start.entry(&step.path).or_insert(first);
    }
    for change in net {
        let whole = if change.status == Status::Added { Change::Added } else { Change::Modified };
        from_start.insert(&change.path, whole);
    }
    let mut seen: BTreeMap<(&[u8], &ObjectId), (&ObjectId, Mode)> = BTreeMap::new();
    for step in steps.iter().chain(net).filter(|step| step.mode != Mode::Absent) {
        let commit = step.commit.as_ref().unwrap_or(head);
        seen.entry((&step.path, &step.id)).or_insert((commit, step.mode));
    }
    seen.into_iter()
        .map(|((path, id), (commit, mode))| Wanted {
            path: path.to_vec(),
            commit: Some(commit.as_str().to_owned()),
            change: from_start.get(path).copied(),
            mode,
            id: id.clone(),
            base: false,
        })
        .collect()
}

/// The versions that are not what the change leaves at head.
fn superseded(wanted: &[Wanted], net: &[git::Change]) -> BTreeSet<(String, String)> {
    let left: BTreeSet<(&[u8], &ObjectId)> =
        net.iter().map(|change| (change.path.as_slice(), &change.id)).collect();
    wanted
        .iter()
        .filter(|version| !left.contains(&(version.path.as_slice(), &version.id)))
        .map(|version| {
            (String::from_utf8_lossy(&version.path).into_owned(), version.commit.clone().unwrap_or_default())
        })
        .collect()
}

/// How to get a commit that is not here.
pub(super) fn fetch(repository: &Repository, revision: &str) -> String {
    if repository.is_shallow() {
        return deepen();
    }
    let name = revision.strip_prefix("origin/").unwrap_or(revision);
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
    // Only a name that means the same to a shell is put into a command.
    if name == "HEAD" || name.is_empty() || name.starts_with('-') || !is_plain {
        return String::new();
    }
    format!("git fetch origin {name}")
}

pub(super) fn deepen() -> String {
    "git fetch --unshallow origin  (in CI: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` for GitLab)"
        .to_owned()
}
