//! Who signed a record, and whether that counts.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate::ledger::{Kind, Record};
use tollgate::signing::{KeyFile, Signature, Signers};
use tollgate::text::time::Timestamp;
use tollgate::trust::{TrustRoot, WorkTree};

use super::site::Site;
use super::trouble::Trouble;

/// Namespace of signatures over outside records.
pub const RECORD_NAMESPACE: &str = "record@tollgate";

/// The largest key file that is read.
const KEY_BYTES: u64 = 64 * 1024;

/// The people whose signature makes a record from outside the gate count.
pub struct Voucher {
    signers: Signers,
    /// The earliest time at which each signed record can have come in, by its id.
    came_in: BTreeMap<String, Timestamp>,
}

impl Voucher {
    /// The signers of the work tree at `site`, for `records` in the order of their ledger.
    pub fn of_site(site: &Site, records: &[Record]) -> Result<Self, Trouble> {
        let signers = TrustRoot::read(&WorkTree::new(&site.root))?.signers;
        Ok(Self { signers, came_in: came_in(records) })
    }

    /// Whether an authorised writer signed `record`.
    pub fn vouches_for(&self, record: &Record) -> bool {
        let Some((signature, bytes)) = signature_of(record) else { return false };
        let Some(at) = self.came_in.get(record.rid()) else { return false };
        signature.verify(RECORD_NAMESPACE, &bytes).is_ok()
            && self.signers.who(signature.key(), RECORD_NAMESPACE, *at).is_ok()
    }
}

/// Whoever signs a record chooses the time in it. It came in behind others, so not before the newest of them: a key
/// that ended by then signs nothing by an earlier date.
fn came_in(records: &[Record]) -> BTreeMap<String, Timestamp> {
    let mut newest = Timestamp(i64::MIN);
    let mut times = BTreeMap::new();
    for record in records {
        newest = newest.max(record.ts());
        if record.get("sig").is_some() {
            times.entry(record.rid().to_owned()).or_insert(newest);
        }
    }
    times
}

/// The signature of an outside record, and the bytes it is over.
fn signature_of(record: &Record) -> Option<(Signature, Vec<u8>)> {
    let armour = STANDARD.decode(record.text("sig.signature")).ok().filter(|armour| !armour.is_empty())?;
    Some((Signature::parse(&armour).ok()?, record.signed_bytes()))
}

/// Whether the signatures a record carries are over what it says; the text says what is wrong.
///
/// It proves that the holder of the key in the signature signed, not that the key was listed at the time.
pub fn signatures_hold(_: u64, record: &Record) -> Result<(), String> {
    match record.kind() {
        Some(Kind::ExceptionApproved) => approvals_hold(record),
        _ if record.get("sig").is_some() => {
            let (signature, bytes) = signature_of(record).ok_or("its signature cannot be read")?;
            signature.verify(RECORD_NAMESPACE, &bytes).map_err(|error| error.to_string())
        }
        _ => Ok(()),
    }
}

fn approvals_hold(record: &Record) -> Result<(), String> {
    let document = STANDARD.decode(record.text("document")).map_err(|_| "its document cannot be read")?;
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
