//! Every file of one commit, as stored: nothing a checkout does to names or contents can hide one.

use super::budget::Budget;
use super::intake::Intake;
use super::stored::{self, Wanted};
use super::{Extent, Item, Scope, Source, SourceError, names};
use crate::git::{ObjectId, TreeEntry};

/// The tree of a commit.
#[derive(Debug)]
pub struct Tree {
    scope: Scope,
    revision: String,
}

impl Tree {
    /// The tree of the commit that `revision` names.
    pub fn new(scope: Scope, revision: &str) -> Self {
        Self { scope, revision: revision.to_owned() }
    }
}

impl Source for Tree {
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        let repository = self.scope.need_repository()?;
        let commit = repository
            .resolve(&self.revision)?
            .ok_or_else(|| SourceError::NoCommit { revision: self.revision.clone(), help: String::new() })?;
        read_tree(&self.scope, &commit, threads, sink)
    }
}

/// Reads the part of `commit`'s tree that is in scope.
pub(super) fn read_tree(
    scope: &Scope,
    commit: &ObjectId,
    threads: usize,
    sink: &(dyn Fn(Item) + Sync),
) -> Result<Extent, SourceError> {
    let repository = scope.need_repository()?;
    let intake = Intake { budget: Budget::new(scope.limits), repository: Some(repository), sink };
    let entries: Vec<TreeEntry> =
        repository.tree(commit, "")?.into_iter().filter(|entry| scope.holds(&entry.path)).collect();
    let paths = entries.iter().map(|entry| (entry.path.as_slice(), entry.id.as_str()));
    intake.gaps(names::collisions(paths));
    let wanted: Vec<Wanted> = entries
        .into_iter()
        .map(|entry| Wanted {
            path: entry.path,
            commit: Some(commit.as_str().to_owned()),
            change: None,
            mode: entry.mode,
            id: entry.id,
            base: false,
        })
        .collect();
    stored::read(repository, &wanted, threads, &intake)?;
    intake.finish();
    Ok(Extent {
        full: scope.is_whole(),
        excluded: scope.excluded(),
        head: commit.as_str().to_owned(),
        ..Extent::default()
    })
}
