//! Which trust root is in force on the road to production: a chain that only moves forward.
//!
//! ```text
//! .tollgate/policy.sig     signatures in namespace policy@tollgate, one after the other, each over this line:
//! sha256:4e07...           the digest of everything the trust root reads, and a line feed
//! ```
//!
//! At `deploy` head and base are the same commit, so nothing in the repository can vouch for it. What the ledger knows
//! to be in force does: a new root needs signatures of those whom the root before it lists.

use std::collections::{BTreeMap, BTreeSet};

use super::{FOLDER, TrustRoot};
use crate::finding::Enforcement;
use crate::signing::{Class, Signature, Signer, Signers};
use crate::text::time::Timestamp;

/// Namespace of signatures over a trust root.
pub const NAMESPACE_POLICY: &str = "policy@tollgate";
/// The most signatures that are looked at.
pub const MAX_SIGNATURES: usize = 50;
/// How many persons must sign a new root where the policy does not say; never more than there are.
pub const QUORUM: u32 = 2;

const END: &str = "-----END SSH SIGNATURE-----\n";

/// A trust root that was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// [`TrustRoot::digest`].
    pub digest: String,
    /// Its number in the chain, from 1.
    pub version: u64,
    /// The commit it was read from then.
    pub commit: String,
    /// How many persons it lists who may sign the next one, where that is on record.
    pub holders: Option<u64>,
}

/// The trust root before this one, with what its policy asks of the next.
#[derive(Debug, Clone)]
pub struct Former {
    /// The root.
    pub root: TrustRoot,
    /// How many persons must sign.
    pub quorum: u32,
    /// What each of its rules did when it fired, by id.
    pub enforcement: BTreeMap<String, Enforcement>,
}

/// How a trust root came to be in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is the newest of the chain.
    InForce,
    /// There was none before it: it is taken on trust.
    First,
    /// Nobody may sign for one, by the root before it.
    Unsigned,
    /// These persons signed, sorted.
    Signed(Vec<String>),
}

/// Why a trust root is not in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivationError {
    /// It was in force once, and another one is now.
    #[error("the policy of commit `{commit}` is version {version}, and version {newest} is in force")]
    Rollback {
        /// Where it was read from.
        commit: String,
        /// Its number.
        version: u64,
        /// The number of the one in force.
        newest: u64,
    },
    /// Too few of those who may sign it did.
    #[error(
        "{signed} of {quorum} persons signed the policy of commit `{commit}`, so it is not in force{why}"
    )]
    TooFew {
        /// Where it was read from.
        commit: String,
        /// How many did.
        signed: u32,
        /// How many must.
        quorum: u32,
        /// Why other signatures do not count; empty, or begins with a colon.
        why: String,
    },
    /// The root before it cannot be read, so nobody knows who may sign.
    #[error("the policy in force was read from commit `{0}`, which is not in this clone or not the same")]
    NoFormer(String),
}

impl ActivationError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Rollback { .. } => {
                "take the newest policy; an older one comes back as a new version: change a comment and have it signed"
                    .to_owned()
            }
            Self::TooFew { .. } => {
                format!("those who may sign for `{NAMESPACE_POLICY}` sign with `tollgate rules sign`, and commit `{FOLDER}/policy.sig`")
            }
            Self::NoFormer(_) => {
                "fetch it: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` for GitLab".to_owned()
            }
        }
    }
}

impl TrustRoot {
    /// How many persons may sign the root after this one.
    pub fn holders(&self) -> usize {
        holders(&self.signers).len()
    }

    /// The bytes that signatures over this root are made of.
    pub fn signed_text(&self) -> String {
        format!("{}\n", self.digest)
    }

    /// Its signatures, one by one.
    pub fn armours(&self) -> impl Iterator<Item = &str> {
        self.signatures.split_inclusive(END)
    }

    /// Where this root stands after `chain`, oldest first.
    ///
    /// `former` reads the root in force from the commit it was read from, and is asked only for a new root.
    ///
    /// # Errors
    ///
    /// The root is not in force, or nobody can tell.
    pub fn standing(
        &self,
        chain: &[Activated],
        former: impl FnOnce(&str) -> Option<Former>,
        now: Timestamp,
    ) -> Result<Standing, ActivationError> {
        let Some(newest) = chain.last() else { return Ok(Standing::First) };
        if newest.digest == self.digest {
            return Ok(Standing::InForce);
        }
        if let Some(known) = chain.iter().find(|known| known.digest == self.digest) {
            let (commit, version, newest) = (self.commit.clone(), known.version, newest.version);
            return Err(ActivationError::Rollback { commit, version, newest });
        }
        if newest.holders == Some(0) {
            return Ok(Standing::Unsigned);
        }
        // The ledger names the digest, so no other commit can pass for the one it was read from.
        let former = former(&newest.commit).filter(|former| former.root.digest == newest.digest);
        let former = former.ok_or_else(|| ActivationError::NoFormer(newest.commit.clone()))?;
        let holders = holders(&former.root.signers);
        if holders.is_empty() {
            return Ok(Standing::Unsigned);
        }
        let (signed, noted) = self.signed_by(&former.root.signers, now);
        let quorum = former.quorum.clamp(1, u32::try_from(holders.len()).unwrap_or(u32::MAX));
        let count = u32::try_from(signed.len()).unwrap_or(u32::MAX);
        if count >= quorum {
            return Ok(Standing::Signed(signed.into_iter().collect()));
        }
        let why = noted.first().map(|why| format!(": {why}")).unwrap_or_default();
        Err(ActivationError::TooFew { commit: self.commit.clone(), signed: count, quorum, why })
    }

    /// The persons whose signature of this root counts by `signers`, and why others do not.
    pub fn signed_by(&self, signers: &Signers, now: Timestamp) -> (BTreeSet<String>, Vec<String>) {
        let (mut persons, mut noted) = (BTreeSet::new(), Vec::new());
        for armour in self.armours().take(MAX_SIGNATURES) {
            match self.person(armour, signers, now) {
                Ok(signer) => drop(persons.insert(signer.person.clone())),
                Err(why) => noted.push(why),
            }
        }
        (persons, noted)
    }

    fn person<'s>(&self, armour: &str, signers: &'s Signers, now: Timestamp) -> Result<&'s Signer, String> {
        let signature = Signature::parse(armour.as_bytes()).map_err(|error| error.to_string())?;
        signature
            .verify(NAMESPACE_POLICY, self.signed_text().as_bytes())
            .map_err(|error| error.to_string())?;
        let signer = signers
            .who_by(signature.key(), NAMESPACE_POLICY, now, None)
            .map_err(|refusal| refusal.to_string())?;
        match signer.class {
            Class::Human => Ok(signer),
            class => Err(format!("`{}` is of class {}", signer.person, class.word())),
        }
    }
}

/// The persons who may sign for a trust root.
fn holders(signers: &Signers) -> BTreeSet<&str> {
    let may = |signer: &&Signer| {
        signer.class == Class::Human && signer.namespaces.iter().any(|name| name == NAMESPACE_POLICY)
    };
    signers.all().iter().filter(may).map(|signer| signer.person.as_str()).collect()
}
