//! Private keys.

use super::{Said, Seen, plain};
use crate::text::proof::pem::{self, Protection};
use crate::text::proof::{openssh, pgp};
use crate::text::time::Timestamp;

/// The kind of key and whether a passphrase stands before its use; of a PGP key also when it was made and, where its
/// owner said so, until when it counts. It opens what was encrypted to it after that too, so that is no end.
pub(super) fn private(seen: Seen<'_>) -> Option<Said> {
    let block = pem::block(seen.secret)?;
    let mut facts = Vec::new();
    if block.label.contains("OPENSSH") {
        let container = openssh::parse(&block.bytes)?;
        facts.extend(plain(&container.kind).map(|kind| format!("kind {kind}")));
        facts.push(match container.protection() {
            Protection::Plain => "without a passphrase".to_owned(),
            Protection::Encrypted => {
                let derivation = plain(&container.derivation).unwrap_or_default();
                format!("passphrase, {} with {derivation}", plain(&container.cipher).unwrap_or_default())
            }
        });
        return Said::of(facts);
    }
    facts.push(match block.protection()? {
        Protection::Plain => "without a passphrase".to_owned(),
        Protection::Encrypted if block.cipher.is_empty() => "passphrase".to_owned(),
        Protection::Encrypted => format!("passphrase, {}", block.cipher),
    });
    if let Some(key) =
        Some(&block).filter(|block| block.label.contains("PGP")).and_then(|block| pgp::parse(&block.bytes))
    {
        let date = |seconds: i64| Timestamp::from_seconds(seconds).date();
        facts.push(format!("created {}", date(i64::from(key.created))));
        let counts = key.lives.filter(|lives| *lives > 0);
        facts.extend(
            counts.map(|lives| format!("counts until {}", date(i64::from(key.created) + i64::from(lives)))),
        );
    }
    Said::of(facts)
}
