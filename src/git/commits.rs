//! Who made a commit and of what, read from its bytes.
//!
//! ```text
//! tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
//! parent 2e65efe2a145dda7ee51d1741299f848e5bf752e
//! author Dana Example <dana@example.com> 1767225600 +0000
//! committer Dana Example <dana@example.com> 1767225600 +0000
//! gpgsig -----BEGIN SSH SIGNATURE-----
//!  U1NIU0lHAAAAAQ...                    lines of one header go on after a space
//!
//! the message, with lines such as
//! Co-authored-by: Lee Example <lee@example.com>
//! ```
//!
//! Anyone can write any name into a commit: these names may exclude people, never admit them.

use std::collections::BTreeSet;

use super::command::strange;
use super::{GitError, Object, ObjectId, Repository};

/// A name and an address as a commit states them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// The name; may be empty.
    pub name: String,
    /// The address; may be empty.
    pub email: String,
}

/// What a commit states about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// The commits it follows.
    pub parents: Vec<ObjectId>,
    /// Who wrote the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// Who else is named as an author, anywhere in the message.
    pub co_authors: Vec<Person>,
    /// Its signature as it stands there, not checked.
    pub signature: Option<String>,
}

/// A commit with a longer text than this is not read: no person writes one.
const COMMIT_BYTES: u64 = 1 << 20;

impl Repository {
    /// Reads commits, in their order.
    ///
    /// # Errors
    ///
    /// When one is missing, damaged or longer than 1 MiB: whoever it names would not be excluded.
    pub fn commits(&self, ids: &[ObjectId]) -> Result<Vec<Commit>, GitError> {
        let mut found = Vec::with_capacity(ids.len());
        self.objects(ids, COMMIT_BYTES, &mut |at, object| {
            if let (Object::Content(bytes), Some(id)) = (object, ids.get(at)) {
                found.extend(commit(id, &bytes));
            }
        })?;
        if found.len() == ids.len() { Ok(found) } else { Err(strange(&["cat-file"])) }
    }

    /// Everyone named as author, committer or co-author by the commits that `head` has and `base` has not.
    pub fn people(&self, base: &ObjectId, head: &ObjectId) -> Result<BTreeSet<Person>, GitError> {
        let commits = self.commits(&self.between(base, head)?)?;
        Ok(commits
            .into_iter()
            .flat_map(|commit| [commit.author, commit.committer].into_iter().chain(commit.co_authors))
            .collect())
    }
}

fn commit(id: &ObjectId, bytes: &[u8]) -> Option<Commit> {
    let text = String::from_utf8_lossy(bytes);
    let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut tree = None;
    let mut parents = Vec::new();
    let (mut author, mut committer, mut signature) = (None, None, None);
    for header in head.replace("\n ", "\u{0}").lines() {
        let (key, value) = header.split_once(' ').unwrap_or((header, ""));
        match key {
            "tree" => tree = ObjectId::parse(value),
            "parent" => parents.push(ObjectId::parse(value)?),
            "author" => author = Some(person(value)),
            "committer" => committer = Some(person(value)),
            "gpgsig" | "gpgsig-sha256" => signature = Some(value.replace('\u{0}', "\n")),
            _ => {}
        }
    }
    let (author, committer) = (author?, committer?);
    let co_authors = message.lines().filter_map(co_author).collect();
    Some(Commit { id: id.clone(), tree: tree?, parents, author, committer, co_authors, signature })
}

/// `Name <address>` and whatever follows.
fn person(text: &str) -> Person {
    let (name, rest) = text.split_once('<').unwrap_or((text, ""));
    let email = rest.split_once('>').map_or(rest, |(email, _)| email);
    Person { name: name.trim().to_owned(), email: email.trim().to_owned() }
}

fn co_author(line: &str) -> Option<Person> {
    let (key, value) = line.split_once(':')?;
    key.trim().eq_ignore_ascii_case("co-authored-by").then(|| person(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    #[test]
    fn a_commit_is_read_with_everyone_it_names() {
        let text = format!(
            "tree {TREE}\nparent {TREE}\nauthor Dana <dana@example.com> 1 +0000\n\
             committer Forge <forge@example.com> 1 +0000\ngpgsig -----BEGIN\n abc\n -----END\n\n\
             title\n\nco-AUTHORED-by: Lee <lee@example.com>\nnot: one\n"
        );
        let id = ObjectId::parse(TREE).unwrap();
        let read = commit(&id, text.as_bytes()).unwrap();
        assert_eq!(read.parents, [id]);
        assert_eq!(read.author.email, "dana@example.com");
        assert_eq!(read.committer.name, "Forge");
        assert_eq!(read.co_authors, [Person { name: "Lee".to_owned(), email: "lee@example.com".to_owned() }]);
        assert_eq!(read.signature.as_deref(), Some("-----BEGIN\nabc\n-----END"));
    }

    proptest! {
        #[test]
        fn no_commit_makes_the_reader_panic(text in "(tree|author|parent| |<|>|\n|:|[a-f0-9]{40}|.){0,60}") {
            let _ = commit(&ObjectId::parse(TREE).unwrap(), text.as_bytes());
        }
    }
}
