//! Who signed a record, and whether that counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate::exception::{NAMESPACE, NAMESPACE_CRITICAL};
use tollgate::ledger::{Kind, Record, audit};
use tollgate::signing::{Class, KeyFile, NoteKey, NoteSigner, Signature, Signers, Statement};
use tollgate::text::time::Timestamp;
use tollgate::trust::{TrustRoot, WorkTree};

use super::site::Site;
use super::trouble::Trouble;

/// Namespace of signatures over outside records.
pub const RECORD_NAMESPACE: &str = "record@tollgate";
/// Namespace of revocations: of an exception, or of a signer.
pub const REVOKE_NAMESPACE: &str = "revoke@tollgate";
/// Namespace of those who may override the gate, together.
pub const GLASS_NAMESPACE: &str = "break-glass@tollgate";

/// What a signature over a record of `kind` must be made for.
const fn namespaces(kind: Option<Kind>) -> &'static [&'static str] {
    match kind {
        Some(Kind::ExceptionRevoked | Kind::SignerRevoked) => &[REVOKE_NAMESPACE],
        Some(Kind::ExceptionDenied) => &[NAMESPACE, NAMESPACE_CRITICAL],
        Some(Kind::BreakGlass) => &[GLASS_NAMESPACE],
        _ => &[RECORD_NAMESPACE],
    }
}

/// The largest key file that is read.
const KEY_BYTES: u64 = 64 * 1024;

/// How many persons must break the glass together.
pub const GLASS_QUORUM: usize = 2;

/// The people whose signature makes a record from outside the gate count.
pub struct Voucher {
    signers: Signers,
    /// Whether one person may do what takes two elsewhere.
    alone: bool,
    /// Where each record stands, and the earliest time at which it can have come in, by its id.
    came_in: BTreeMap<String, (u64, Timestamp)>,
    /// Exceptions on record under the signature of somebody who may give it.
    approved: BTreeSet<String>,
}

impl Voucher {
    /// The signers of the work tree at `site`, for `records` in the order of their ledger.
    pub fn of_site(site: &Site, records: &[Record]) -> Result<Self, Trouble> {
        let is_revocation = |(_, record): &(u64, &Record)| record.kind() == Some(Kind::SignerRevoked);
        let revocations = (0..).zip(records).filter(is_revocation);
        let void = audit::void_of(revocations.map(|(index, record)| (index, record.clone())).collect());
        let signers = TrustRoot::read(&WorkTree::new(&site.root))?.signers.void_from(void);
        let alone = !site.local_policies()?.settings.exceptions.separation_of_duties;
        let mut voucher = Self { signers, alone, came_in: came_in(records), approved: BTreeSet::new() };
        let approvals = records.iter().filter(|record| record.kind() == Some(Kind::ExceptionApproved));
        let known = approvals.filter(|record| voucher.knows_an_approver(record));
        voucher.approved = known.map(|record| record.text("exception_id").to_owned()).collect();
        Ok(voucher)
    }

    /// Whether authorised writers signed `record`, as many as its kind asks for. A dismissal that the gate wrote for
    /// an accepted false positive is as good as the exception it names.
    pub fn vouches_for(&self, record: &Record) -> bool {
        if record.get("sig").is_none() {
            let exception = record.text("exception_id");
            return record.kind() == Some(Kind::Dismissed) && self.approved.contains(exception);
        }
        let quorum = match record.kind() {
            Some(Kind::BreakGlass) if !self.alone => GLASS_QUORUM,
            _ => 1,
        };
        self.persons(record).len() >= quorum
    }

    /// Who signed `record` and may: each person once, and machines only for what asks for no judgement.
    fn persons(&self, record: &Record) -> BTreeSet<&str> {
        let mut persons = BTreeSet::new();
        let Some((index, at)) = self.came_in.get(record.rid()) else { return persons };
        let human = matches!(record.kind(), Some(Kind::BreakGlass | Kind::ExceptionDenied));
        let bytes = record.signed_bytes();
        for signature in signatures_of(record).into_iter().flatten() {
            let namespace = signature.namespace();
            if !namespaces(record.kind()).contains(&namespace) || signature.verify(namespace, &bytes).is_err()
            {
                continue;
            }
            if let Ok(signer) = self.signers.who_by(signature.key(), namespace, *at, Some(*index))
                && (!human || signer.class == Class::Human)
            {
                persons.insert(signer.person.as_str());
            }
        }
        persons
    }

    fn knows_an_approver(&self, record: &Record) -> bool {
        let Some((index, at)) = self.came_in.get(record.rid()) else { return false };
        let signed = record.get("signatures").and_then(serde_json::Value::as_array).into_iter().flatten();
        let signatures = signed.filter_map(|text| read_signature(text.as_str()?));
        let known = |signature: &Signature| {
            let namespace = signature.namespace();
            [NAMESPACE, NAMESPACE_CRITICAL].contains(&namespace)
                && self.signers.who_by(signature.key(), namespace, *at, Some(*index)).is_ok()
        };
        approvals_hold(record).is_ok() && signatures.into_iter().any(|signature| known(&signature))
    }
}

/// Whoever signs a record chooses the time in it. It came in behind others, so not before the newest of them: a key
/// that ended by then signs nothing by an earlier date.
fn came_in(records: &[Record]) -> BTreeMap<String, (u64, Timestamp)> {
    let mut newest = Timestamp(i64::MIN);
    let mut times = BTreeMap::new();
    for (index, record) in (0..).zip(records) {
        newest = newest.max(record.ts());
        if record.get("sig").is_some() || record.kind() == Some(Kind::ExceptionApproved) {
            times.entry(record.rid().to_owned()).or_insert((index, newest));
        }
    }
    times
}

/// The signatures over an outside record; `None` where one of them cannot be read.
fn signatures_of(record: &Record) -> Option<Vec<Signature>> {
    match record.get("sig.signatures").and_then(serde_json::Value::as_array) {
        Some(list) => list.iter().map(|text| read_signature(text.as_str()?)).collect(),
        None => read_signature(record.text("sig.signature")).map(|one| vec![one]),
    }
}

fn read_signature(text: &str) -> Option<Signature> {
    let armour = STANDARD.decode(text).ok().filter(|armour| !armour.is_empty())?;
    Signature::parse(&armour).ok()
}

/// Whether the signatures a record carries are over what it says; the text says what is wrong.
///
/// It proves that the holder of the key in the signature signed, not that the key was listed at the time.
pub fn signatures_hold(_: u64, record: &Record) -> Result<(), String> {
    match record.kind() {
        Some(Kind::ExceptionApproved) => approvals_hold(record),
        kind if record.get("sig").is_some() => {
            let signatures = signatures_of(record).filter(|all| !all.is_empty());
            let bytes = record.signed_bytes();
            for signature in signatures.ok_or("its signature cannot be read")? {
                let fit = namespaces(kind).iter().find(|name| **name == signature.namespace());
                let wanted = fit.or(namespaces(kind).first()).copied().unwrap_or(RECORD_NAMESPACE);
                signature.verify(wanted, &bytes).map_err(|error| error.to_string())?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The document of an approval on record.
pub fn document_of(record: &Record) -> Option<Vec<u8>> {
    STANDARD.decode(record.text("document")).ok()
}

fn approvals_hold(record: &Record) -> Result<(), String> {
    let document = document_of(record).ok_or("its document cannot be read")?;
    let signatures = record.get("signatures").and_then(serde_json::Value::as_array);
    let signatures = signatures.filter(|list| !list.is_empty()).ok_or("it holds no signature")?;
    for text in signatures {
        let armour =
            STANDARD.decode(text.as_str().unwrap_or_default()).map_err(|_| "a signature cannot be read")?;
        let signature = Signature::parse(&armour).map_err(|error| error.to_string())?;
        signature.verify(signature.namespace(), &document).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Reads an OpenSSH private key.
pub fn key_file(path: &Path) -> Result<KeyFile, Trouble> {
    let shown = path.display().to_string();
    let fault = |error: std::io::Error| Trouble::new(format!("the key `{shown}` cannot be read: {error}"));
    if std::fs::metadata(path).map_err(fault)?.len() > KEY_BYTES {
        return Err(Trouble::new(format!("`{shown}` is too large for a key")));
    }
    let text = std::fs::read(path).map_err(fault)?;
    Ok(KeyFile::parse(&text, &shown)?)
}

/// The public half of the key in `path`, as it seals the ledger `origin`.
pub fn seal_key(path: &Path, origin: &str) -> Result<NoteKey, Trouble> {
    Ok(NoteSigner::new(&key_file(path)?, origin)?.key(Statement::Sealed))
}
