//! Which commit is believed, and what it holds.

use tollgate::git::{Mode, Object, ObjectId, Repository};
use tollgate::pipeline::Stage;
use tollgate::policy::{Policies, PolicyFile, load};
use tollgate::trust::{TrustError, TrustReader, TrustRoot, WorkTree};

use super::check::Arguments;
use super::site::{POLICY_BYTES, Site};
use super::trouble::Trouble;

/// What is believed at `stage`: the commit asked for, else the base of the request, else (locally) the work tree.
pub fn root(asked: Option<&str>, stage: Stage, site: &Site) -> Result<TrustRoot, Trouble> {
    match commit(asked, stage, site)? {
        Some((repository, id)) => Ok(TrustRoot::read(&AtCommit { repository, id })?),
        None => Ok(TrustRoot::read(&WorkTree::new(&site.root))?),
    }
}

fn commit<'s>(
    asked: Option<&str>,
    stage: Stage,
    site: &'s Site,
) -> Result<Option<(&'s Repository, ObjectId)>, Trouble> {
    let revision = match (asked, stage) {
        (Some(revision), _) => revision.to_owned(),
        (None, Stage::Local) => return Ok(None),
        (None, Stage::Merge) if !site.run.base.is_empty() => site.run.base.clone(),
        (None, Stage::Merge | Stage::Deploy) => return protected(site).map(Some),
    };
    let repository = site.repository.as_ref().ok_or_else(|| no_trust("this is no git repository"))?;
    let id = repository.resolve(&revision)?.ok_or_else(|| {
        Trouble::new(format!("the trusted commit `{revision}` is not here"))
            .help("fetch it first: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` for GitLab, or `git fetch origin`")
    })?;
    Ok(Some((repository, id)))
}

/// The protected branch, as the clone knows the one of its origin.
fn protected(site: &Site) -> Result<(&Repository, ObjectId), Trouble> {
    let repository = site.repository.as_ref().ok_or_else(|| no_trust("this is no git repository"))?;
    match repository.resolve("refs/remotes/origin/HEAD")? {
        Some(id) => Ok((repository, id)),
        None => Err(no_trust("nothing tells the base of this change")),
    }
}

fn no_trust(why: &str) -> Trouble {
    Trouble::new(format!("no commit is trusted: {why}, so nobody knows whose policy and signers hold"))
        .help("name the protected branch with `--trust`, as in `--trust origin/main`")
}

/// The commit a change is measured from, where there is one: its authors may not approve for it.
pub fn base(arguments: &Arguments, site: &Site) -> Result<Option<ObjectId>, Trouble> {
    let Some(repository) = &site.repository else { return Ok(None) };
    let named = arguments.since.clone().or_else(|| {
        arguments.range.as_ref().and_then(|range| range.split_once("..")).map(|(left, _)| left.to_owned())
    });
    let told = [&site.run.base, &site.run.before].into_iter().find(|commit| !commit.is_empty());
    let revision = named.or_else(|| told.cloned());
    let Some(revision) = revision.filter(|revision| !revision.is_empty()) else { return Ok(None) };
    let Some(left) = repository.resolve(&revision)? else { return Ok(None) };
    Ok(repository.head()?.map(|head| repository.merge_base(&left, &head)).transpose()?.flatten())
}

/// The policy of the trust root.
pub fn policies(trust: &TrustRoot, site: &Site) -> Result<Policies, Trouble> {
    if trust.commit.is_empty() {
        return site.local_policies();
    }
    let mut files = Vec::new();
    for file in trust.policy.iter().chain(&trust.rules) {
        files.push(policy_file(&file.path, file.bytes.clone())?);
    }
    if let Some(policy) = files.first().filter(|file| file.path.ends_with("policy.yml")).cloned() {
        let repository = site.repository.as_ref().zip(ObjectId::parse(&trust.commit));
        for path in load::extended(&policy)? {
            if let Some((repository, id)) = &repository
                && let Some(bytes) = (AtCommit { repository, id: id.clone() }).blob(&path)?
            {
                files.push(policy_file(&path, bytes)?);
            }
        }
    }
    Ok(load::policies(&files)?)
}

fn policy_file(path: &str, bytes: Vec<u8>) -> Result<PolicyFile, Trouble> {
    let text = String::from_utf8(bytes).map_err(|_| Trouble::new(format!("`{path}` is not UTF-8 text")))?;
    Ok(PolicyFile { path: path.to_owned(), text })
}

/// Files of one commit, read by object id.
struct AtCommit<'r> {
    repository: &'r Repository,
    id: ObjectId,
}

impl TrustReader for AtCommit<'_> {
    fn blob(&self, path: &str) -> Result<Option<Vec<u8>>, TrustError> {
        let fault = |cause: String| TrustError::Read { path: path.to_owned(), cause };
        let entries = self.repository.tree(&self.id, path).map_err(|error| fault(error.to_string()))?;
        let Some(entry) = entries.iter().find(|entry| entry.path == path.as_bytes()) else { return Ok(None) };
        if entry.mode != Mode::File {
            return Err(fault("it is no regular file".to_owned()));
        }
        match self.repository.object(&entry.id, POLICY_BYTES).map_err(|error| fault(error.to_string()))? {
            Object::Content(bytes) => Ok(Some(bytes)),
            Object::TooLarge(_) => Err(TrustError::TooLarge { path: path.to_owned() }),
            Object::Missing => Err(fault("its content is not here".to_owned())),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, TrustError> {
        let fault = |cause: String| TrustError::Read { path: folder.to_owned(), cause };
        let entries = self.repository.tree(&self.id, folder).map_err(|error| fault(error.to_string()))?;
        let prefix = format!("{folder}/");
        let names = entries.iter().filter(|entry| entry.mode == Mode::File).filter_map(|entry| {
            let name = entry.path.strip_prefix(prefix.as_bytes())?;
            (!name.contains(&b'/')).then(|| String::from_utf8(name.to_vec()).ok()).flatten()
        });
        Ok(names.collect())
    }

    fn commit(&self) -> String {
        self.id.as_str().to_owned()
    }
}
