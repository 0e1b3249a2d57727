//! A branch of a repository of its own: for pipelines whose forge is all they share.
//!
//! ```text
//! leaves/7e/118.jsonl     records from 118 on, one on each line, below the first byte of the hash of the first
//! head.json               size, root, frontier
//! seals/118               the seal over the first 118 records
//! ```
//!
//! One commit for each append. The commit point is the server's update of the branch, which it refuses to
//! everybody but the first who follows the present end; what the server says of a push is conflict, refusal or
//! doubt, and on doubt the shared loop reads back. The names git gives to commits carry no trust: the root of
//! the tree over all records stands in `head.json`.
//!
//! The branch needs a rule against overwriting and deletion, and a repository to which nobody else may write:
//! the job's own token can write to the repository that is scanned. Git finds its credentials as it always does:
//! a deploy key in the agent or in `GIT_SSH_COMMAND`, a token in a credential helper, in `GIT_CONFIG_*`, or
//! in `TOLLGATE_LEDGER_TOKEN` for a remote over `https`; one in the address works and stands in the list of processes.
//!
//! Limits: about five runs a minute. GitHub asks for at most 6 pushes a minute and 15 reads a second for one
//! repository, and an append takes a push and about three reads. Every job fetches all records once, about half
//! a kilobyte for each, so begin a new branch each year; the newest commit alone is fetched, without the
//! history. Beyond that use PostgreSQL.

mod leaves;
mod tip;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use self::leaves::Named;
use self::tip::Tip;
use super::{Batch, Head, Scheme, Store, StoreError, set_back};
use crate::git::{self, GitError, ObjectId, Pushed};
use crate::ledger::append::{Pace as _, Patient};
use crate::ledger::error::LedgerError;
use crate::ledger::key::Key;
use crate::text::url;

/// `git:REMOTE#BRANCH`.
pub const SCHEME: Scheme = Scheme { prefix: "git:", form: "git:REMOTE#BRANCH", open: open_url };

/// What an address must be, for messages.
const FORM: &str =
    "`git:REMOTE#BRANCH`, where REMOTE is a full path, or begins with `https://`, `ssh://` or `user@host:`";

/// A ledger on a branch.
pub struct Branch {
    address: String,
    name: String,
    /// Made when it is first needed.
    far: Option<git::Branch>,
    /// The branch as it was when we last looked; `None` before that, and where there is none.
    tip: Option<Tip>,
    /// What the records of a file are found by. The content's id says which file, so it holds for ever.
    named: BTreeMap<ObjectId, Named>,
}

fn open_url(rest: &str) -> Result<Box<dyn Store>, LedgerError> {
    let refused = || LedgerError::Url(url::public(&format!("git:{rest}")), FORM.to_owned());
    let (address, name) = rest.rsplit_once('#').ok_or_else(refused)?;
    if !is_address(address) || !is_branch(name) {
        return Err(refused());
    }
    Ok(Box::new(Branch::new(address, name)))
}

/// Whether records may travel there: a full path, or a host over a protocol that knows who it is.
fn is_address(address: &str) -> bool {
    let is_path = address.starts_with('/') && !address.starts_with("//") || address.starts_with("file:///");
    let is_url = ["https://", "ssh://"].iter().any(|scheme| address.starts_with(scheme));
    let is_short = !address.contains("::")
        && !address.contains("://")
        && address.split_once(':').is_some_and(|(host, path)| {
            !host.is_empty() && !path.is_empty() && !host.starts_with('-') && !host.contains('/')
        });
    is_path || is_url || is_short
}

/// Whether it is a plain name of a branch, without characters that mean something to git.
fn is_branch(name: &str) -> bool {
    let is_plain = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !part.is_empty() && part.bytes().all(fits) && !part.starts_with(['.', '-']) && !part.ends_with('.')
    };
    name.split('/').all(is_plain) && !name.contains("..") && name.strip_suffix(".lock").is_none()
}

impl Branch {
    /// The ledger on the branch `name` of the repository at `address`, which the first append makes.
    pub fn new(address: &str, name: &str) -> Self {
        let (address, name) = (address.to_owned(), name.to_owned());
        Self { address, name, far: None, tip: None, named: BTreeMap::new() }
    }

    /// The private repository of this value, made when it is first needed.
    fn far(&mut self) -> Result<&mut git::Branch, LedgerError> {
        match &mut self.far {
            Some(far) => Ok(far),
            none => {
                let far = git::Branch::new(&self.address, &self.name);
                Ok(none.insert(far.map_err(|error| out_of_reach(&self.address, &error))?))
            }
        }
    }

    /// Looks what the branch is now.
    fn look(&mut self) -> Result<(), LedgerError> {
        let fetched = self.far()?.fetch();
        let commit = fetched.map_err(|error| out_of_reach(&self.address, &error))?;
        if commit.as_ref() != self.tip.as_ref().map(|tip| &tip.commit) {
            self.tip = None;
            if let Some(commit) = commit {
                self.tip = Some(Tip::read(self.far()?.repository(), commit)?);
            }
        }
        Ok(())
    }

    /// The branch, which must hold `head` as its beginning.
    fn at_least(&mut self, head: &Head) -> Result<&Tip, LedgerError> {
        if self.tip.as_ref().is_none_or(|tip| tip.head.size() < head.size()) {
            self.look()?;
        }
        let size = self.tip.as_ref().map_or(0, |tip| tip.head.size());
        let tip = self.tip.as_ref().filter(|_| size >= head.size());
        tip.ok_or(LedgerError::Rollback { size, known: head.size() })
    }

    /// Makes a commit behind the tip and pushes it; what the branch is then must be looked at again.
    fn add(&mut self, message: &str, files: &[(String, Vec<u8>)]) -> Result<Pushed, LedgerError> {
        let parent = self.tip.take().map(|tip| tip.commit);
        let far = self.far()?;
        match far.commit(parent.as_ref(), message, files) {
            Ok(commit) => Ok(far.push(&commit)),
            Err(error) => Err(out_of_reach(&self.address, &error)),
        }
    }
}

impl Store for Branch {
    fn place(&self) -> String {
        format!("git:{}#{}", url::public(&self.address), self.name)
    }

    fn probe(&mut self) -> Result<Option<String>, LedgerError> {
        // A push names the end it follows and the server compares it: what is asked here is only who may rewrite.
        let asked = self.far()?.takes_rewriting();
        let caution = asked.map_err(|error| out_of_reach(&self.address, &error))?.then(|| {
            "the branch may be rewritten there: set `receive.denyNonFastForwards` and `receive.denyDeletes`"
                .to_owned()
        });
        Ok(caution)
    }

    fn load_head(&mut self) -> Result<Option<Head>, LedgerError> {
        self.look()?;
        Ok(self.tip.as_ref().map(|tip| tip.head.clone()))
    }

    fn read(&mut self, head: &Head, range: Range<u64>) -> Result<Vec<Vec<u8>>, LedgerError> {
        let files = self.at_least(head)?.files(&range);
        let mut found = Vec::new();
        let mut next = None;
        leaves::read(self.far()?.repository(), &files, &mut |file, lines| {
            // A record that is missing must not let a later one take its index.
            if next.is_none_or(|next| next == file.range.start) {
                next = Some(file.range.start + lines.len() as u64);
                let wanted = (file.range.start..).zip(lines).filter(|(index, _)| range.contains(index));
                found.extend(wanted.map(|(_, line)| line));
            }
            Ok(())
        })?;
        let begins = files.first().is_some_and(|file| file.range.start <= range.start);
        Ok(if begins { found } else { Vec::new() })
    }

    fn try_append(&mut self, expected: &Head, batch: &Batch) -> Result<(), StoreError> {
        if self.tip.as_ref().is_none_or(|tip| tip.head != *expected) {
            self.look()?;
        }
        let there = self.tip.as_ref().map_or_else(|| Head::empty(&expected.origin), |tip| tip.head.clone());
        if there != *expected {
            return Err(StoreError::Conflict);
        }
        set_back(&there, self.tip.as_ref().and_then(|tip| tip.seals.keys().next_back()))?;
        let mut files = leaves::files(expected.size(), &batch.leaves);
        files.push((tip::HEAD.to_owned(), tip::encode(&batch.next)));
        let message = format!("records {} to {}", expected.size(), batch.next.size().saturating_sub(1));
        match self.add(&message, &files)? {
            Pushed::Accepted => Ok(()),
            Pushed::Behind => Err(StoreError::Conflict),
            Pushed::Refused(why) => Err(LedgerError::Unavailable(why).into()),
            Pushed::Unclear(why) => Err(StoreError::Ambiguous(why)),
        }
    }

    fn locate(&mut self, head: &Head, wanted: &BTreeSet<Key>) -> Result<Vec<(u64, Key)>, LedgerError> {
        let files = self.at_least(head)?.files(&(0..head.size()));
        let unread: Vec<_> =
            files.iter().filter(|file| !self.named.contains_key(&file.id)).cloned().collect();
        let mut named = std::mem::take(&mut self.named);
        leaves::read(self.far()?.repository(), &unread, &mut |file, lines| {
            named.insert(file.id.clone(), leaves::keys(file, &lines)?);
            Ok(())
        })?;
        self.named = named;
        let all = files.iter().filter_map(|file| Some(file.range.clone().zip(self.named.get(&file.id)?)));
        let keys = all.flatten().flat_map(|(index, keys)| keys.present().map(move |key| (index, key)));
        Ok(keys.filter(|(index, key)| *index < head.size() && wanted.contains(key)).collect())
    }

    fn seals(&mut self) -> Result<Vec<u64>, LedgerError> {
        self.look()?;
        Ok(self.tip.iter().flat_map(|tip| tip.seals.keys().copied()).collect())
    }

    fn read_seal(&mut self, size: u64) -> Result<Vec<u8>, LedgerError> {
        let Some(id) = self.tip.as_ref().and_then(|tip| tip.seals.get(&size)).cloned() else {
            return Ok(Vec::new());
        };
        tip::content(self.far()?.repository(), &id)
    }

    fn keep_seal(&mut self, size: u64, note: &[u8]) -> Result<(), LedgerError> {
        let (mut pace, mut wait, mut doubt) = (Patient, FIRST_WAIT, String::new());
        for _ in 0..SEAL_ATTEMPTS {
            self.look()?;
            if self.tip.is_none() {
                return Err(LedgerError::Absent(self.place()));
            }
            if self.read_seal(size)? == note {
                return Ok(());
            }
            match self
                .add(&format!("seal over {size} records"), &[(tip::seal_path(size), note.to_owned())])?
            {
                Pushed::Accepted => return Ok(()),
                Pushed::Refused(why) => return Err(LedgerError::Unavailable(why)),
                Pushed::Behind => "others were first every time".clone_into(&mut doubt),
                Pushed::Unclear(why) => doubt = why,
            }
            let length = pace.jitter(wait);
            pace.sleep(length);
            wait *= 2;
        }
        Err(LedgerError::Unavailable(format!("no turn for the seal in {SEAL_ATTEMPTS} attempts: {doubt}")))
    }
}

/// How often a seal is tried: with doubled waits, about half a minute in the middle.
const SEAL_ATTEMPTS: u32 = 11;

const FIRST_WAIT: Duration = Duration::from_millis(50);

fn out_of_reach(address: &str, error: &GitError) -> LedgerError {
    LedgerError::Unavailable(format!("`{}`: {error}", url::public(address)))
}

#[cfg(test)]
mod tests {
    use crate::ledger::stores::open;

    #[test]
    fn an_address_is_a_place_that_knows_who_comes() {
        for (url, is_fine) in [
            ("git:/srv/ledger.git#tollgate-ledger", true),
            ("git:file:///srv/ledger.git#l", true),
            ("git:https://forge.example/acme/ledger.git#ledger/2026", true),
            ("git:ssh://git@forge.example/acme/ledger#l", true),
            ("git:git@forge.example:acme/ledger.git#l", true),
            ("git:/srv/ledger.git", false),
            ("git:/srv/ledger.git#", false),
            ("git:ledger.git#l", false),
            ("git://forge.example/acme/ledger#l", false),
            ("git:http://forge.example/acme/ledger#l", false),
            ("git:ext::sh -c id#l", false),
            ("git:-oProxyCommand=id:x#l", false),
            ("git:--upload-pack=id#l", false),
            ("git:/srv/l.git#-x", false),
            ("git:/srv/l.git#a..b", false),
            ("git:/srv/l.git#a:b", false),
            ("git:/srv/l.git#+a", false),
            ("git:/srv/l.git#a b", false),
            ("git:/srv/l.git#a.lock", false),
        ] {
            assert_eq!(open(url).is_ok(), is_fine, "{url}");
        }
    }

    #[test]
    fn a_token_in_the_address_is_shown_nowhere() {
        let store = open("git:https://x:t0ken@forge.example/a/l.git#l").unwrap();
        assert_eq!(store.place(), "git:https://***@forge.example/a/l.git#l");
        let refused = open("git:http://x:t0ken@forge.example/a#l").err().unwrap().to_string();
        assert!(!refused.contains("t0ken"), "{refused}");
    }
}
