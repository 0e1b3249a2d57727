//! What the index adds to the last commit: the bytes that will be committed, whatever the disk holds by now.
//!
//! Two git processes, one that lists and one that reads; before the first commit there are two more.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::budget::Budget;
use super::intake::Intake;
use super::stored::{self, Wanted};
use super::{Change, Extent, Item, Scope, Source, SourceError};
use crate::finding::Reason;
use crate::git::{self, GitError, Repository, Status};

/// The index, against the last commit.
#[derive(Debug)]
pub struct Staged {
    scope: Scope,
    listing: Mutex<Option<Listing>>,
}

/// What is staged, asked of git while the policy is still being read.
#[derive(Debug)]
pub struct Listing {
    repository: Repository,
    changes: JoinHandle<Result<Vec<git::Change>, GitError>>,
}

impl Listing {
    /// Asks on a thread of its own.
    pub fn begin(repository: &Repository) -> Self {
        let (repository, asked) = (repository.clone(), repository.clone());
        Self { repository, changes: thread::spawn(move || asked.staged()) }
    }
}

impl Staged {
    /// What is staged in `scope`, with the index that [`Scope::with_index`] names.
    pub fn new(scope: Scope) -> Self {
        Self { scope, listing: Mutex::default() }
    }

    /// With an answer that is under way; one about another repository or index is left aside.
    #[must_use]
    pub fn with(self, listing: Option<Listing>) -> Self {
        let own = listing.filter(|listing| self.scope.repository() == Some(&listing.repository));
        Self { listing: Mutex::new(own), ..self }
    }

    fn changes(&self, repository: &Repository) -> Result<Vec<git::Change>, GitError> {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner).take();
        listing.map_or_else(
            || repository.staged(),
            |listing| listing.changes.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    }
}

impl Source for Staged {
    fn read(&self, threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        let repository = self.scope.need_repository()?;
        let intake = Intake { budget: Budget::new(self.scope.limits), repository: Some(repository), sink };
        let mut wanted = Vec::new();
        for change in self.changes(repository)?.into_iter().filter(|change| self.scope.holds(&change.path)) {
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
