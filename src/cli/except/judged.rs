//! The documents of the work tree, with what signers, policy and ledger say of them.

use std::collections::{BTreeMap, BTreeSet};

use tollgate::decide::terms;
use tollgate::exception::{Authors, Document, Exception, Exceptions, Ulid};
use tollgate::finding::Severity;
use tollgate::ledger::{Key, Kind, Ledger};
use tollgate::policy::Policies;
use tollgate::text::time::Timestamp;
use tollgate::trust::{TrustRoot, WorkTree};

use crate::cli::context::Context;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

/// All documents here.
pub struct Judged {
    pub exceptions: Exceptions,
    pub files: Vec<(String, Vec<u8>)>,
    policies: Policies,
    trust: TrustRoot,
    /// By id, what the ledger remembers.
    remembered: BTreeMap<String, BTreeSet<Kind>>,
    /// Those that let something through.
    used: BTreeSet<String>,
}

impl Judged {
    /// Judges by the signers and the policy of the work tree, and by the ledger where one can be read.
    pub fn here(context: &Context) -> Result<Self, Trouble> {
        let site = Site::find(&context.folder, context)?;
        let policies = site.local_policies()?;
        let trust = TrustRoot::read(&WorkTree::new(&site.root))?;
        let files = site.exception_files()?;
        let exceptions = Exceptions::verify(&files, &trust.signers, &BTreeMap::new(), context.now);
        let (remembered, used) = (BTreeMap::new(), BTreeSet::new());
        let mut judged = Self { exceptions, files, policies, trust, remembered, used };
        if let Err(trouble) = judged.remember(&site, context) {
            context.note(&format!("note: the ledger was not asked: {}", trouble.message()));
        }
        Ok(judged)
    }

    fn remember(&mut self, site: &Site, context: &Context) -> Result<(), Trouble> {
        let Some(url) = site.ledger_url(None, &self.policies, context) else { return Ok(()) };
        let mut ledger = match Ledger::open_existing(&site.ledger_place(&url)) {
            Err(tollgate::ledger::LedgerError::Absent(_)) => return Ok(()),
            opened => opened?,
        };
        for id in documents(&self.files).into_keys() {
            for (_, record) in ledger.about(Key::exception(id.as_str()))? {
                let Some(kind) = record.kind() else { continue };
                self.remembered.entry(id.as_str().to_owned()).or_default().insert(kind);
                if kind == Kind::Observed {
                    self.used.insert(id.as_str().to_owned());
                }
            }
        }
        Ok(())
    }

    /// Whether a run let something through under the exception `id`.
    pub fn used(&self, id: &str) -> bool {
        self.used.contains(id)
    }

    /// Where an exception stands, in a few words.
    pub fn state(&self, exception: &Exception, now: Timestamp) -> String {
        let document = exception.document();
        if let Some(end) = self.end(document, now) {
            return end;
        }
        if now < document.not_before {
            return "not yet valid".to_owned();
        }
        let severity = document.findings.iter().map(|named| named.severity).max().unwrap_or(Severity::Info);
        let terms = terms(&self.policies.settings.exceptions, severity);
        let mut authors = Authors::new(&self.trust.signers);
        authors.add_name(&document.requested_by);
        match tollgate::exception::approval::judge(exception.votes(), &authors, &terms) {
            Ok(approval) => format!("approved by {}", approval.persons.join(", ")),
            Err((code, _)) => code.word().to_owned(),
        }
    }

    /// Why a document can let nothing through any more, whoever signs it; `None` while it still may.
    pub fn end(&self, document: &Document, now: Timestamp) -> Option<String> {
        let id = document.id.as_str();
        let kinds = self.remembered.get(id).cloned().unwrap_or_default();
        if self.trust.revoked.contains(id) || kinds.contains(&Kind::ExceptionRevoked) {
            return Some("revoked".to_owned());
        }
        if kinds.contains(&Kind::ExceptionDenied) && !kinds.contains(&Kind::ExceptionApproved) {
            return Some("denied".to_owned());
        }
        (now >= document.expires_at).then(|| "expired".to_owned())
    }
}

/// The documents among `files` that can be read, by id; nobody vouches for them.
pub fn documents(files: &[(String, Vec<u8>)]) -> BTreeMap<Ulid, Document> {
    let is_document =
        |path: &str| std::path::Path::new(path).extension().is_some_and(|ending| ending == "json");
    let read = files.iter().filter(|(path, _)| is_document(path));
    let read = read.filter_map(|(_, bytes)| Document::parse(bytes).ok());
    read.map(|document| (document.id.clone(), document)).collect()
}

/// How many exceptions `document` follows, one after the other; what is not in `known` ends the chain.
pub fn renewals(document: &Document, known: &BTreeMap<Ulid, Document>) -> u32 {
    let mut seen = BTreeSet::from([document.id.clone()]);
    let mut next = document.renews.clone();
    let mut count = 0;
    while let Some(id) = next.filter(|id| seen.insert(id.clone())) {
        count += 1;
        next = known.get(&id).and_then(|former| former.renews.clone());
    }
    count
}
