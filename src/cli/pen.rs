//! What people sign with: a key file, or the first key of the agent that the signers file lists.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate::ledger::Record;
use tollgate::signing::{Agent, Key, KeyFile, Signature, Signer};
use tollgate::trust::{TrustRoot, WorkTree};

use super::context::Context;
use super::site::Site;
use super::trouble::Trouble;
use super::voucher;

/// A key that was found, and what it signs for.
pub struct Pen {
    hand: Hand,
    namespace: &'static str,
}

enum Hand {
    File(Box<KeyFile>),
    Agent(Box<Agent<std::os::unix::net::UnixStream>>, Key),
}

impl Pen {
    /// The key in `file`, else the first one of the agent that may sign for one of `namespaces`; it signs for the
    /// first of these it may sign for, else for the first of all.
    pub fn find(
        file: Option<&Path>,
        namespaces: &[&'static str],
        site: &Site,
        context: &Context,
    ) -> Result<Self, Trouble> {
        let trust = TrustRoot::read(&WorkTree::new(&site.root))?;
        let may = |key: &Key| {
            namespaces.iter().copied().find(|name| trust.signers.who(key, name, context.now).is_ok())
        };
        let usual = namespaces.first().copied().unwrap_or(voucher::RECORD_NAMESPACE);
        if let Some(path) = file {
            let key = voucher::key_file(&context.absolute(path))?;
            let namespace = may(key.key()).unwrap_or(usual);
            return Ok(Self { hand: Hand::File(Box::new(key)), namespace });
        }
        let socket = context.environment.get("SSH_AUTH_SOCK").ok_or_else(|| {
            Trouble::new("no key was named and no SSH agent runs")
                .help("name a key file with `--key`, or start an agent")
        })?;
        let mut agent = Agent::connect(&PathBuf::from(socket))?;
        let offers = agent.offers()?;
        let listed = offers.into_iter().find_map(|offer| Some((may(&offer.key)?, offer.key)));
        let (namespace, key) = listed.ok_or_else(|| {
            Trouble::new(format!("none of the agent's keys may sign for `{usual}`"))
                .help("`.tollgate/signers` lists who may; `--key FILE` names another key")
        })?;
        Ok(Self { hand: Hand::Agent(Box::new(agent), key), namespace })
    }

    /// What it signs for.
    pub const fn namespace(&self) -> &'static str {
        self.namespace
    }

    /// The public half of the key.
    pub fn key(&self) -> &Key {
        match &self.hand {
            Hand::File(file) => file.key(),
            Hand::Agent(_, key) => key,
        }
    }

    /// Whose key it is, by the signers of the work tree; an error where it may not sign for its namespace.
    pub fn signer(&self, site: &Site, context: &Context) -> Result<Signer, Trouble> {
        let trust = TrustRoot::read(&WorkTree::new(&site.root))?;
        let signer = trust.signers.who(self.key(), self.namespace, context.now);
        signer.cloned().map_err(|refusal| {
            Trouble::new(refusal.to_string())
                .help(format!("`.tollgate/signers` lists who may sign for `{}`", self.namespace))
        })
    }

    /// Signs `bytes`.
    pub fn sign(&mut self, bytes: &[u8]) -> Result<Signature, Trouble> {
        Ok(match &mut self.hand {
            Hand::File(file) => file.sign(self.namespace, bytes)?,
            Hand::Agent(agent, key) => agent.sign(key, self.namespace, bytes)?,
        })
    }

    /// Signs `record` as it is; nothing in it may change afterwards.
    pub fn sign_record(&mut self, record: &mut Record) -> Result<(), Trouble> {
        let armour = self.sign(&record.signed_bytes())?.armour();
        record.set("sig.signature", STANDARD.encode(armour));
        Ok(())
    }
}
