//! What the index adds to the last commit: the bytes that will be committed, whatever the disk holds by now.
//!
//! Two git processes, one that lists and one that reads; before the first commit there are two more.

use super::budget::Budget;
use super::intake::Intake;
use super::stored::{self, Wanted};
use super::{Change, Extent, Item, Scope, Source, SourceError};
use crate::finding::Reason;
use crate::git::Status;

/// The index, against the last commit.
#[derive(Debug)]
pub struct Staged {
    scope: Scope,
}

impl Staged {
    /// What is staged in `scope`, with the index that [`Scope::with_index`] names.
    pub fn new(scope: Scope) -> Self {
        Self { scope }
    }
}

impl Source for Staged {
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        let repository = self.scope.need_repository()?;
        let intake = Intake { budget: Budget::new(self.scope.limits), repository: Some(repository), sink };
        let mut wanted = Vec::new();
        for change in repository.staged()?.into_iter().filter(|change| self.scope.holds(&change.path)) {
            wanted.extend(Wanted::replaced(&change));
            let how = match change.status {
                Status::Added => Change::Added,
                Status::Modified => Change::Modified,
                Status::Deleted => {
                    intake.deleted(&change.path, None);
                    continue;
                }
                Status::Unmerged => {
                    intake.gap(&change.path, Reason::Unreadable, "the merge of this file is not resolved");
                    continue;
                }
            };
            wanted.push(Wanted {
                path: change.path,
                commit: None,
                change: Some(how),
                mode: change.mode,
                id: change.id,
                base: false,
            });
        }
        stored::read(repository, &wanted, threads, &intake)?;
        intake.finish();
        Ok(Extent { excluded: self.scope.excluded(), ..Extent::default() })
    }
}
