//! Which commit is believed, and what it holds.

use tollgate::git::{Mode, Object, ObjectId, Repository};
use tollgate::pipeline::Stage;
use tollgate::policy::{Policies, PolicyFile, load};
use tollgate::trust::activation::{Former, QUORUM};
use tollgate::trust::commit::prove;
use tollgate::trust::{CommitError, History, TrustError, TrustReader, TrustRoot, TrustedFile, WorkTree};

use super::context::Context;
use super::site::{POLICY_BYTES, Site};
use super::trouble::Trouble;

/// What is believed at `stage`: the base of the request, else the commit asked for, else the protected branch, else
/// (locally) the work tree. In CI the flags are those of whoever wrote the workflow: a wish that could relax the
/// gate is not granted and goes to `rejected`.
pub fn root(
    asked: Option<&str>,
    stage: Stage,
    site: &Site,
    context: &Context,
    rejected: &mut Vec<String>,
) -> Result<TrustRoot, Trouble> {
    match commit(asked, stage, site, context, rejected)? {
        Some((repository, id)) => read(&AtCommit { repository, id }),
        None => of_work_tree(site),
    }
}

/// What the work tree would have everybody believe.
pub fn of_work_tree(site: &Site) -> Result<TrustRoot, Trouble> {
    read(&WorkTree::new(&site.root))
}

/// The root that was read from `commit` before, with what its policy asks of the next; `None` where it is not here or
/// cannot be read any more.
pub fn former(commit: &str, site: &Site) -> Option<Former> {
    let (repository, id) = site.repository.as_ref().zip(ObjectId::parse(commit))?;
    let root = read(&AtCommit { repository, id }).ok()?;
    let policies = policies(&root, site).ok()?;
    let quorum = policies.settings.trust.quorum.unwrap_or(QUORUM);
    let enforcement = policies.rules.iter().map(|rule| (rule.id.0.clone(), rule.enforcement)).collect();
    Some(Former { root, quorum, enforcement })
}

/// Reads all that is believed, with what the policy extends.
fn read(reader: &dyn TrustReader) -> Result<TrustRoot, Trouble> {
    let root = TrustRoot::read(reader)?;
    let Some(policy) = &root.policy else { return Ok(root) };
    let mut extended = Vec::new();
    for path in load::extended(&policy_file(&policy.path, policy.bytes.clone())?)? {
        extended.extend(reader.blob(&path)?.map(|bytes| TrustedFile { path, bytes }));
    }
    Ok(root.extended_by(&extended))
}

fn commit<'s>(
    asked: Option<&str>,
    stage: Stage,
    site: &'s Site,
    context: &Context,
    rejected: &mut Vec<String>,
) -> Result<Option<(&'s Repository, ObjectId)>, Trouble> {
    if asked.is_none() && stage == Stage::Local {
        return Ok(None);
    }
    let repository = site.repository.as_ref().ok_or_else(|| no_trust("this is no git repository"))?;
    if let Some(branch) = request_branch(stage, site, context) {
        let base = proven(repository, &branch, Some(&site.run.base))?;
        let Some(asked) = asked else { return Ok(Some((repository, base))) };
        // Newer than the base and on the same branch is what a fresh fetch brings; all else would relax.
        let wanted = repository.resolve(asked).ok().flatten();
        let newer = wanted.filter(|id| {
            repository.is_ancestor(&base, id).unwrap_or(false)
                && proven(repository, &branch, Some(id.as_str())).is_ok()
        });
        if newer.is_none() {
            rejected.push(format!("--trust {asked}"));
        }
        return Ok(Some((repository, newer.unwrap_or(base))));
    }
    if let Some(own) = site.run.protected.first() {
        let tips = site.run.protected.iter().map(|name| proven(repository, &remote(name), None));
        let wanted = asked.and_then(|asked| repository.resolve(asked).ok().flatten());
        let known = wanted.filter(|id| tips.flatten().any(|tip| tip == *id));
        if let Some(asked) = asked.filter(|_| known.is_none()) {
            rejected.push(format!("--trust {asked}"));
        }
        let id = known.map_or_else(|| proven(repository, &remote(own), None), Ok)?;
        return Ok(Some((repository, id)));
    }
    let Some(revision) = asked else { return protected(repository).map(|id| Some((repository, id))) };
    let id = repository.resolve(revision)?.ok_or_else(|| {
        Trouble::new(format!("the trusted commit `{revision}` is not here"))
            .help("fetch it first: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` for GitLab, or `git fetch origin`")
    })?;
    Ok(Some((repository, id)))
}

/// The protected branch that a request is meant for; `None` without a request.
fn request_branch(stage: Stage, site: &Site, context: &Context) -> Option<String> {
    let is_request = stage == Stage::Merge && !site.run.request.is_empty() && !site.run.base.is_empty();
    let branch = site.base_branch(context).filter(|_| is_request)?;
    Some(remote(&branch))
}

/// Full name of a branch of the origin, as the clone keeps it.
fn remote(branch: &str) -> String {
    format!("refs/remotes/origin/{branch}")
}

/// `commit`, once it is shown to lie on `branch`.
fn proven(repository: &Repository, branch: &str, commit: Option<&str>) -> Result<ObjectId, Trouble> {
    let id = prove(&Clone(repository), branch, commit).map_err(TrustError::from)?;
    ObjectId::parse(&id).ok_or_else(|| no_trust("git gave no commit"))
}

/// What a clone knows of its commits.
struct Clone<'r>(&'r Repository);

impl History for Clone<'_> {
    fn tip(&self, full_name: &str) -> Result<Option<String>, CommitError> {
        let tip = self.0.resolve_branch(full_name).map_err(|error| CommitError::Git(error.to_string()))?;
        Ok(tip.map(|id| id.as_str().to_owned()))
    }

    fn has(&self, commit: &str) -> Result<bool, CommitError> {
        let id = self.0.resolve(commit).map_err(|error| CommitError::Git(error.to_string()))?;
        Ok(id.is_some_and(|id| id.as_str() == commit))
    }

    fn contains(&self, newer: &str, older: &str) -> Result<bool, CommitError> {
        let unclear = || CommitError::NotAnId(older.to_owned());
        let (older, newer) = ObjectId::parse(older).zip(ObjectId::parse(newer)).ok_or_else(unclear)?;
        self.0.is_ancestor(&older, &newer).map_err(|error| CommitError::Git(error.to_string()))
    }
}

/// The protected branch, as the clone knows the one of its origin.
fn protected(repository: &Repository) -> Result<ObjectId, Trouble> {
    let tip = repository.resolve("refs/remotes/origin/HEAD")?;
    tip.ok_or_else(|| no_trust("nothing tells the base of this change"))
}

fn no_trust(why: &str) -> Trouble {
    Trouble::new(format!("no commit is trusted: {why}, so nobody knows whose policy and signers hold"))
        .help("name the protected branch with `--trust`, as in `--trust origin/main`")
}

/// The policy of the trust root.
pub fn policies(trust: &TrustRoot, site: &Site) -> Result<Policies, Trouble> {
    Ok(load::policies(&policy_files(trust, site)?)?)
}

/// The policy of the trust root, its rules, and what it extends, in the order they are read.
pub fn policy_files(trust: &TrustRoot, site: &Site) -> Result<Vec<PolicyFile>, Trouble> {
    if trust.commit.is_empty() {
        return site.policy_files();
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
    Ok(files)
}

/// What `commit` holds, or the work tree where it is empty; `None` when the commit is not here.
pub fn at(commit: &str, site: &Site) -> Result<Option<TrustRoot>, Trouble> {
    if commit.is_empty() {
        return Ok(Some(TrustRoot::read(&WorkTree::new(&site.root))?));
    }
    let Some((repository, id)) = site.repository.as_ref().zip(ObjectId::parse(commit)) else {
        return Ok(None);
    };
    if repository.resolve(commit)?.is_none() {
        return Ok(None);
    }
    Ok(Some(TrustRoot::read(&AtCommit { repository, id })?))
}

/// One file of `commit`, or of the work tree where it is empty.
pub fn file(commit: &str, path: &str, site: &Site) -> Result<Option<Vec<u8>>, Trouble> {
    match site.repository.as_ref().zip(ObjectId::parse(commit)) {
        Some((repository, id)) => Ok((AtCommit { repository, id }).blob(path)?),
        None => Ok(WorkTree::new(&site.root).blob(path)?),
    }
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
