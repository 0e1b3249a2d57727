//! Blobs out of the object store, for the sources that read no disk.

use super::intake::Intake;
use super::{Change, SourceError};
use crate::finding::Reason;
use crate::git::{self, Mode, Object, ObjectId, Repository};

/// A blob that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) path: Vec<u8>,
    pub(super) commit: Option<String>,
    pub(super) change: Option<Change>,
    pub(super) mode: Mode,
    pub(super) id: ObjectId,
    /// Whether this is a version of the base, which only tells what is not new.
    pub(super) base: bool,
}

impl Wanted {
    /// The version a change replaces, where it was a file.
    pub(super) fn replaced(change: &git::Change) -> Option<Self> {
        Some(Self {
            path: change.path.clone(),
            commit: None,
            change: None,
            mode: Mode::File,
            id: change.was.clone()?,
            base: true,
        })
    }
}

/// So many blobs are worth a git process of their own.
const PER_PROCESS: usize = 256;

/// Hands every wanted blob to `intake`, with at most `threads` git processes.
///
/// A submodule is a gap: its files are in another repository.
pub(super) fn read(
    repository: &Repository,
    wanted: &[Wanted],
    threads: usize,
    intake: &Intake<'_>,
) -> Result<(), SourceError> {
    let (blobs, others): (Vec<&Wanted>, Vec<&Wanted>) =
        wanted.iter().partition(|one| matches!(one.mode, Mode::File | Mode::Link));
    for one in others.iter().filter(|one| one.mode == Mode::Submodule) {
        intake.gap(&one.path, Reason::Submodule, &format!("a submodule at {}", one.id));
    }
    let parts = blobs.len().div_ceil(PER_PROCESS).clamp(1, threads.max(1));
    let each = blobs.len().div_ceil(parts).max(1);
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            blobs.chunks(each).map(|part| scope.spawn(move || read_part(repository, part, intake))).collect();
        readers.into_iter().try_for_each(|reader| match reader.join() {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn read_part(repository: &Repository, part: &[&Wanted], intake: &Intake<'_>) -> Result<(), SourceError> {
    let ids: Vec<ObjectId> = part.iter().map(|one| one.id.clone()).collect();
    repository.objects(&ids, intake.budget.file_bytes(), &mut |at, object| {
        let Some(one) = part.get(at) else { return };
        match object {
            Object::Content(bytes) if one.base => intake.base(&one.path, bytes),
            Object::Content(bytes) => intake.blob(&one.path, one.commit.as_deref(), one.change, bytes),
            Object::TooLarge(_) | Object::Missing if one.base => {}
            Object::TooLarge(size) => intake.too_large(&one.path, size),
            Object::Missing => {
                intake.gap(&one.path, Reason::Missing, &format!("object {} is not here or damaged", one.id));
            }
        }
    })?;
    Ok(())
}
