//! The history as git tells it, for what is not read here: repositories that name objects by SHA-256, old indexes,
//! single objects that are broken. Slower, and without a sieve.

use std::collections::{BTreeMap, BTreeSet};

use super::places::Place;
use super::{Commit, History, RawId, version};
use crate::finding::{Moment, Past, Reason};
use crate::git::{self, Mode, Object, ObjectId, Repository, Status};
use crate::source::intake::Intake;
use crate::source::{Blob, Sifted, SourceError};
use crate::text::hash;

/// Reads all of it: every version a commit brings in, once for each path.
///
/// Its last commit is the last one that wrote it, which another one may have followed.
pub(super) fn read(
    history: &History,
    repository: &Repository,
    intake: &Intake<'_>,
) -> Result<Sifted, SourceError> {
    let commits = match history.ends(repository)? {
        Some((left, right)) => repository.between(&left, &right)?,
        None => repository.everything()?,
    };
    let order: BTreeMap<&ObjectId, u64> = commits.iter().zip(0..).collect();
    let mut sifted = Sifted::default();
    let mut versions: BTreeMap<(Vec<u8>, ObjectId), (&ObjectId, &ObjectId)> = BTreeMap::new();
    let steps = repository.changes_of(&commits)?;
    for step in &steps {
        let is_content = matches!(step.mode, Mode::File | Mode::Link) && step.status != Status::Deleted;
        let Some(commit) = step.commit.as_ref().filter(|_| is_content && history.scope.holds(&step.path))
        else {
            continue;
        };
        versions.entry((step.path.clone(), step.id.clone())).or_insert((commit, commit)).1 = commit;
    }
    let head = repository.head()?;
    let tree = head.as_ref().map(|head| repository.tree(head, "")).transpose()?.unwrap_or_default();
    let at_head: BTreeSet<(Vec<u8>, ObjectId)> =
        tree.into_iter().map(|entry| (entry.path, entry.id)).collect();
    let moment = |commit: &ObjectId| Moment {
        order: order.get(commit).copied().unwrap_or_default(),
        commit: commit.as_str().to_owned(),
    };
    let wanted: Vec<_> = versions.into_iter().collect();
    let ids: Vec<ObjectId> = wanted.iter().map(|((_, id), _)| id.clone()).collect();
    let firsts: BTreeSet<&ObjectId> = wanted.iter().map(|(_, (first, _))| *first).collect();
    let authors = authors(repository, firsts)?;
    repository.objects(&ids, intake.budget.file_bytes(), &mut |at, object| {
        let Some(((path, id), (first, last))) = wanted.get(at) else { return };
        let bytes = match object {
            Object::Content(bytes) => bytes,
            Object::TooLarge(size) => return intake.too_large(path, size),
            Object::Missing => {
                return intake.gap(path, Reason::Missing, &format!("object {id} is not here or damaged"));
            }
        };
        if !intake.budget.take(bytes.len() as u64) {
            return;
        }
        sifted.blobs += 1;
        sifted.bytes += bytes.len() as u64;
        let past = Past {
            first: moment(first),
            last: moment(last),
            author: authors.get(*first).cloned().unwrap_or_default(),
            in_head: at_head.contains(&(path.clone(), id.clone())),
        };
        let path = String::from_utf8_lossy(path).into_owned();
        let blob = Blob { path, commit: Some(first.as_str().to_owned()), change: None, bytes };
        intake.past(blob, &past);
    })?;
    intake.finish();
    let names: Vec<&str> = ids.iter().map(ObjectId::as_str).collect();
    sifted.digest = hash::digest(names.concat().as_bytes());
    Ok(sifted)
}

fn authors(
    repository: &Repository,
    commits: BTreeSet<&ObjectId>,
) -> Result<BTreeMap<ObjectId, String>, SourceError> {
    let ids: Vec<ObjectId> = commits.into_iter().cloned().collect();
    let name = |person: &git::Person| format!("{} <{}>", person.name, person.email);
    let commits = repository.commits(&ids)?;
    Ok(commits.into_iter().map(|commit| (commit.id, name(&commit.author))).collect())
}

/// Hands out contents that could only be read by git.
pub(super) fn hand_out(
    repository: &Repository,
    contents: &BTreeMap<RawId, Vec<Place>>,
    commits: &[Commit],
    intake: &Intake<'_>,
) -> Result<(), SourceError> {
    let names: Vec<ObjectId> = contents.keys().map(ObjectId::of_raw).collect();
    let places: Vec<&Vec<Place>> = contents.values().collect();
    repository.objects(&names, intake.budget.file_bytes(), &mut |at, object| {
        let Object::Content(bytes) = object else { return };
        for place in places.get(at).copied().into_iter().flatten() {
            if let Some((blob, past)) = version(&bytes, place, commits) {
                intake.past(blob, &past);
            }
        }
    })?;
    Ok(())
}
