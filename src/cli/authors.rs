//! Who had a hand in a change, and so may not approve for it.

use tollgate::exception::Authors;
use tollgate::git::{Commit, ObjectId, Repository};
use tollgate::pipeline::Stage;
use tollgate::signing::Signature;
use tollgate::trust::TrustRoot;

use super::check::Arguments;
use super::site::Site;
use super::trouble::Trouble;

/// Everyone named by the run and by the commits of the change, wherever it may begin: what was asked for can add
/// commits, and take none away.
///
/// `is_asked` is whether anybody could be let through by it: then commits that are not here are no decision.
pub fn of_change(
    arguments: &Arguments,
    site: &Site,
    trust: &TrustRoot,
    stage: Stage,
    is_asked: bool,
) -> Result<Authors, Trouble> {
    let mut authors = Authors::new(&trust.signers);
    for name in [&site.run.actor_login, &site.run.actor_id, &site.run.request_author] {
        authors.add_name(name);
    }
    let Some(repository) = &site.repository else { return Ok(authors) };
    let Some(head) = repository.head()? else { return Ok(authors) };
    let must_be_here = is_asked && stage != Stage::Local;
    for base in bases(arguments, site, trust, &head, must_be_here)? {
        let ids = repository.between(&base, &head)?;
        let cut = repository.shallow_commits();
        if must_be_here && ids.iter().any(|id| cut.contains(id)) {
            return Err(not_here());
        }
        for commit in repository.commits(&ids)? {
            add(&mut authors, &commit);
        }
    }
    Ok(authors)
}

/// The commits the change may begin at.
fn bases(
    arguments: &Arguments,
    site: &Site,
    trust: &TrustRoot,
    head: &ObjectId,
    must_be_here: bool,
) -> Result<Vec<ObjectId>, Trouble> {
    let Some(repository) = &site.repository else { return Ok(Vec::new()) };
    let named = arguments.since.as_deref();
    let named = named.or_else(|| arguments.range.as_ref()?.split_once("..").map(|(left, _)| left));
    let mut bases = Vec::new();
    let mut missing = false;
    for revision in
        [&site.run.base, &site.run.before, &trust.commit].into_iter().map(String::as_str).chain(named)
    {
        if revision.is_empty() {
            continue;
        }
        match base(repository, revision, head)? {
            Some(base) if base != *head => bases.push(base),
            Some(_) => {}
            None => missing = true,
        }
    }
    bases.sort();
    bases.dedup();
    if missing && bases.is_empty() && must_be_here { Err(not_here()) } else { Ok(bases) }
}

/// The commit that `head` left the history of `revision` at.
pub fn base(repository: &Repository, revision: &str, head: &ObjectId) -> Result<Option<ObjectId>, Trouble> {
    let Some(left) = repository.resolve(revision)? else { return Ok(None) };
    Ok(repository.merge_base(&left, head)?)
}

/// Names can be forged and keys cannot: either only adds to those who may not approve.
fn add(authors: &mut Authors, commit: &Commit) {
    for person in [&commit.author, &commit.committer].into_iter().chain(&commit.co_authors) {
        authors.add_name(&person.name);
        authors.add_name(&person.email);
    }
    let signature = commit.signature.as_ref().and_then(|armour| Signature::parse(armour.as_bytes()).ok());
    if let Some(signature) = signature {
        authors.add_key(signature.key().clone());
    }
}

fn not_here() -> Trouble {
    Trouble::new(
        "commits of this change are not in this clone, so nobody knows whose approval would be for their own",
    )
    .help("fetch them first: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` for GitLab")
}
