//! Names to commits; never a tag where a branch was meant.

use super::command::{failed, strange};
use super::{GitError, ObjectId, Repository};

impl Repository {
    /// The commit that `revision` names, or `None` when there is none here.
    ///
    /// A full name (`refs/heads/main`) means exactly this ref. git itself would go on to `refs/tags/refs/heads/main`.
    ///
    /// # Errors
    ///
    /// [`GitError::Ambiguous`] for a plain name that several refs have.
    pub fn resolve(&self, revision: &str) -> Result<Option<ObjectId>, GitError> {
        if revision.is_empty() || revision.contains(['\0', '\n']) {
            return Ok(None);
        }
        if let Some(id) = ObjectId::parse(revision) {
            return self.commit_of(id.as_str());
        }
        // `main~2`, `main^{commit}`, `main@{1}` and `main:path` are about `main`.
        let name =
            revision.find(['~', '^', ':', '@']).and_then(|end| revision.get(..end)).unwrap_or(revision);
        if !name.is_empty() && name != "HEAD" {
            let mut refs = self.refs_named(name)?;
            if name.starts_with("refs/") {
                refs.retain(|full| full == name);
                if refs.is_empty() {
                    return Ok(None);
                }
            }
            if refs.len() > 1 {
                return Err(GitError::Ambiguous { name: name.to_owned(), refs });
            }
        }
        self.commit_of(revision)
    }

    /// The commit at the tip of a branch given by its full name, such as `refs/remotes/origin/main`.
    ///
    /// Exactly this ref counts, whatever tags and branches are called like it. `None` when it is not here, or
    /// when `full` does not name a branch.
    pub fn resolve_branch(&self, full: &str) -> Result<Option<ObjectId>, GitError> {
        let is_branch = full.starts_with("refs/heads/") || full.starts_with("refs/remotes/");
        if !is_branch || full.contains(['\0', '\n']) {
            return Ok(None);
        }
        let arguments = ["show-ref", "--verify", "--hash", "--", full];
        let answer = self.ask(&arguments)?;
        if answer.status != 0 {
            return Ok(None);
        }
        let id = ObjectId::from_bytes(answer.output.trim_ascii()).ok_or_else(|| strange(&arguments))?;
        self.commit_of(id.as_str())
    }

    /// The commit that is checked out; `None` before the first one.
    pub fn head(&self) -> Result<Option<ObjectId>, GitError> {
        match self.head_in_files() {
            Some(id) => Ok(Some(id)),
            None => self.commit_of("HEAD"),
        }
    }

    /// The commit of `HEAD` where it is a branch in a file of its own or among the packed refs, which saves a
    /// process; all else git answers.
    fn head_in_files(&self) -> Option<ObjectId> {
        let name = self.head_branch()?;
        match std::fs::read_to_string(self.common_dir().join(&name)) {
            Ok(text) => ObjectId::parse(text.trim_end()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                packed(&std::fs::read(self.common_dir().join("packed-refs")).ok()?, &name)
            }
            Err(_) => None,
        }
    }

    /// The branch that the file `HEAD` names; `None` where there is no such file or it says something else.
    fn head_branch(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.git_dir().join("HEAD")).ok()?;
        let name = text.strip_prefix("ref: ")?.trim_end();
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte));
        let usual = name.starts_with("refs/heads/") && !name.contains("..") && !name.ends_with(".invalid");
        (plain && usual).then(|| name.to_owned())
    }

    /// Full name of the branch that is checked out, as `refs/heads/main`; `None` on a commit of no branch.
    pub fn branch(&self) -> Result<Option<String>, GitError> {
        if let Some(name) = self.head_branch() {
            return Ok(Some(name));
        }
        let arguments = ["symbolic-ref", "--quiet", "HEAD"];
        let answer = self.ask(&arguments)?;
        match answer.status {
            0 => Ok(String::from_utf8(answer.output.trim_ascii().to_vec()).ok()),
            1 => Ok(None),
            _ => Err(failed(&arguments, answer.complaint)),
        }
    }

    /// The best common ancestor of two commits, `None` when none is here.
    pub fn merge_base(&self, left: &ObjectId, right: &ObjectId) -> Result<Option<ObjectId>, GitError> {
        let arguments = ["merge-base", left.as_str(), right.as_str()];
        let answer = self.ask(&arguments)?;
        match answer.status {
            0 => {
                ObjectId::from_bytes(answer.output.trim_ascii()).ok_or_else(|| strange(&arguments)).map(Some)
            }
            1 => Ok(None),
            _ => Err(failed(&arguments, answer.complaint)),
        }
    }

    /// Whether `older` is `newer` or an ancestor of it.
    pub fn is_ancestor(&self, older: &ObjectId, newer: &ObjectId) -> Result<bool, GitError> {
        let arguments = ["merge-base", "--is-ancestor", older.as_str(), newer.as_str()];
        let answer = self.ask(&arguments)?;
        match answer.status {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(failed(&arguments, answer.complaint)),
        }
    }

    /// The commits that `head` has and `base` has not, oldest first, parents before children.
    pub fn between(&self, base: &ObjectId, head: &ObjectId) -> Result<Vec<ObjectId>, GitError> {
        let not_base = format!("^{base}");
        let arguments = ["rev-list", "--topo-order", "--reverse", head.as_str(), &not_base];
        let output = self.demand(&arguments)?;
        let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| ObjectId::from_bytes(line).ok_or_else(|| strange(&arguments))).collect()
    }

    /// The commits that `HEAD` and all refs lead to.
    pub fn tips(&self) -> Result<Vec<ObjectId>, GitError> {
        self.names_from(&["rev-list", "--no-walk=unsorted", "--all"])
    }

    /// All commits that `HEAD` and all refs lead to, oldest first, parents before children.
    pub fn everything(&self) -> Result<Vec<ObjectId>, GitError> {
        self.names_from(&["rev-list", "--topo-order", "--reverse", "--all"])
    }

    /// Every object that commits of `head` and not of `base` bring in: commits, trees and contents, in no order.
    pub fn objects_between(&self, base: &ObjectId, head: &ObjectId) -> Result<Vec<ObjectId>, GitError> {
        let not_base = format!("^{base}");
        self.names_from(&["rev-list", "--objects", "--no-object-names", head.as_str(), &not_base])
    }

    fn names_from(&self, arguments: &[&str]) -> Result<Vec<ObjectId>, GitError> {
        let output = self.demand(arguments)?;
        let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| ObjectId::from_bytes(line).ok_or_else(|| strange(arguments))).collect()
    }

    fn commit_of(&self, revision: &str) -> Result<Option<ObjectId>, GitError> {
        let wanted = format!("{revision}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
        let answer = self.ask(&arguments)?;
        match answer.status {
            0 => {
                ObjectId::from_bytes(answer.output.trim_ascii()).ok_or_else(|| strange(&arguments)).map(Some)
            }
            // 1 is a name for nothing, 128 a name for something that is no commit or is not here.
            1 | 128 => Ok(None),
            _ => Err(failed(&arguments, answer.complaint)),
        }
    }

    /// The refs git would consider for a plain name, by their full names, sorted.
    fn refs_named(&self, name: &str) -> Result<Vec<String>, GitError> {
        if name.starts_with('-') || name.contains(['*', '?', '[', '\\']) {
            return Ok(Vec::new());
        }
        let names = ["refs/tags/", "refs/heads/", "refs/remotes/"].map(|folder| format!("{folder}{name}"));
        let [tag, branch, remote] = &names;
        let mut all = vec![format!("refs/{name}"), tag.clone(), branch.clone(), remote.clone()];
        all.push(format!("{remote}/HEAD"));
        if name.starts_with("refs/") {
            all.push(name.to_owned());
        }
        let mut arguments = vec!["for-each-ref", "--format=%(refname)"];
        arguments.extend(all.iter().map(String::as_str));
        let output = self.demand(&arguments)?;
        let found = String::from_utf8_lossy(&output);
        let mut found: Vec<String> =
            found.lines().filter(|full| all.iter().any(|name| name == full)).map(str::to_owned).collect();
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// The id that a `packed-refs` file has for a full name: lines of `<id> <name>` between comments and peeled tags.
fn packed(refs: &[u8], name: &str) -> Option<ObjectId> {
    let mut lines = refs.split(|byte| *byte == b'\n');
    let id = lines.find_map(|line| line.strip_suffix(name.as_bytes())?.strip_suffix(b" "))?;
    ObjectId::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_ref_is_found_by_its_whole_name() {
        let id = |digit: &str| digit.repeat(40);
        let text = format!(
            "# pack-refs with: peeled fully-peeled sorted \n{} refs/heads/a/main\n{} refs/heads/main\n{} refs/tags/v1\n^{}\n",
            id("1"),
            id("2"),
            id("3"),
            id("4")
        );
        let found = |name| packed(text.as_bytes(), name);
        assert_eq!(found("refs/heads/main"), ObjectId::parse(&id("2")));
        assert_eq!(found("refs/heads/a/main"), ObjectId::parse(&id("1")));
        assert_eq!(found("heads/main"), None);
        assert_eq!(found("refs/heads/mai"), None);
        assert_eq!(packed(b"\xff\0", "refs/heads/main"), None);
    }
}
