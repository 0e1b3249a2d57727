//! Who may approve what, how many must, who is excluded.

use std::collections::BTreeSet;

use super::{Code, Terms};
use crate::signing::{Class, Key, Signer, Signers};

/// Namespace of approvals for findings that are not critical.
pub const NAMESPACE: &str = "exception@tollgate";
/// Namespace of approvals for critical findings; it counts for all others too.
pub const NAMESPACE_CRITICAL: &str = "exception-critical@tollgate";

/// A signature that was checked, and whose key may sign for its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who signed.
    pub signer: Signer,
    /// [`NAMESPACE`] or [`NAMESPACE_CRITICAL`].
    pub namespace: String,
    /// Whether a security key was touched; `None` for a key that cannot tell.
    pub touched: Option<bool>,
    /// The armour of the signature, for the ledger.
    pub armour: Vec<u8>,
}

/// Everyone who had a hand in the change, and so may not approve for it.
///
/// Names may be true or claimed (an author line can say anything): they only ever add to the set, so a
/// forged one can refuse an approver and never admit one. A name or key that belongs to a signer
/// excludes the person behind it, with every other principal and key of that person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authors {
    known: Vec<Signer>,
    names: BTreeSet<String>,
    keys: BTreeSet<Key>,
}

/// The approvals of one document, judged for one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The persons who count, sorted.
    pub persons: Vec<String>,
    /// Whether one of them is an author, which only `separation_of_duties: false` allows.
    pub self_approved: bool,
}

impl Authors {
    /// Nobody yet; `signers` tells which names and keys are one person.
    pub fn new(signers: &Signers) -> Self {
        Self { known: signers.all().to_vec(), names: BTreeSet::new(), keys: BTreeSet::new() }
    }

    /// Forgets everyone; who is one person stays known.
    pub fn clear(&mut self) {
        self.names.clear();
        self.keys.clear();
    }

    /// Adds a login, a principal, a person or an address. Empty names are ignored.
    ///
    /// A no-reply address of a forge (`7+dana@users.noreply.github.com`) also adds the login inside.
    pub fn add_name(&mut self, name: &str) {
        let name = fold(name);
        if let Some((local, domain)) = name.rsplit_once('@')
            && domain.contains("noreply")
        {
            self.names.insert(local.rsplit('+').next().unwrap_or(local).to_owned());
        }
        if !name.is_empty() {
            self.names.insert(name);
        }
        self.add_persons();
    }

    /// Adds the key of a commit or tag signature.
    pub fn add_key(&mut self, key: Key) {
        self.keys.insert(key);
        self.add_persons();
    }

    fn add_persons(&mut self) {
        let persons: Vec<String> = self
            .known
            .iter()
            .filter(|signer| self.contain(signer))
            .map(|signer| fold(&signer.person))
            .collect();
        self.names.extend(persons);
    }

    /// Whether `signer` is one of them: by key, by principal, by person, or by a login that is the
    /// part of the principal in front of its `@`.
    pub fn contain(&self, signer: &Signer) -> bool {
        let principal = fold(&signer.principal);
        let person = fold(&signer.person);
        self.keys.contains(&signer.key)
            || [&principal, &person].into_iter().any(|own| self.names.contains(own))
            || [&principal, &person].into_iter().any(|own| self.names.contains(login(own)))
            || self.names.iter().any(|name| login(name) == person || login(name) == principal)
    }
}

/// Counts the persons among `votes` who may approve under `terms`.
///
/// One person counts once, however many keys signed. Agents and bots never count.
///
/// # Errors
///
/// The first reason, in words, why they are too few.
pub fn judge(votes: &[Vote], authors: &Authors, terms: &Terms) -> Result<Approval, (Code, String)> {
    let in_tier = |vote: &&Vote| !terms.critical || vote.namespace == NAMESPACE_CRITICAL;
    let tier: Vec<&Vote> = votes.iter().filter(in_tier).collect();
    if tier.is_empty() {
        let reason = format!("a critical finding needs a signature in namespace `{NAMESPACE_CRITICAL}`");
        return Err((Code::NamespaceTier, reason));
    }
    let mut persons: Vec<(String, String)> = Vec::new();
    let mut self_approved = false;
    let mut left_out = None;
    for vote in tier {
        let folded = fold(&vote.signer.person);
        let own = authors.contain(&vote.signer);
        match refusal(vote, own, terms) {
            Some(reason) => left_out = left_out.or(Some(reason)),
            None if persons.iter().any(|(known, _)| *known == folded) => {}
            None => {
                self_approved |= own;
                persons.push((folded, vote.signer.person.clone()));
            }
        }
    }
    persons.sort();
    let counted = u32::try_from(persons.len()).unwrap_or(u32::MAX);
    if counted >= terms.quorum.max(1) {
        let persons = persons.into_iter().map(|(_, person)| person).collect();
        return Ok(Approval { persons, self_approved });
    }
    match left_out {
        Some(reason) if counted == 0 => Err(reason),
        _ => {
            let reason = format!("{counted} of {} persons approved", terms.quorum.max(1));
            let more = left_out.map(|(_, why)| format!("; {why}")).unwrap_or_default();
            Err((Code::Quorum, reason + &more))
        }
    }
}

/// Why `vote` does not count; `own` is whether its person is an author.
fn refusal(vote: &Vote, own: bool, terms: &Terms) -> Option<(Code, String)> {
    let person = &vote.signer.person;
    match vote.signer.class {
        Class::Human => {}
        class @ (Class::Agent | Class::Bot) => {
            return Some((
                Code::AgentApprover,
                format!("`{person}` is of class {} and can only ask", class.word()),
            ));
        }
    }
    if own && terms.separation_of_duties {
        return Some((
            Code::SelfApproval,
            format!("`{person}` had a hand in the change and cannot approve for it"),
        ));
    }
    if terms.require_touch && vote.touched != Some(true) {
        return Some((Code::NoTouch, format!("`{person}` did not touch a security key to sign")));
    }
    None
}

fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The part in front of the `@`, or the whole name.
fn login(name: &str) -> &str {
    name.split_once('@').map_or(name, |(local, _)| local)
}
