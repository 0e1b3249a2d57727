//! Armoured private keys: a label, perhaps headers, base64, perhaps a checksum line.
//!
//! ```text
//! -----BEGIN RSA PRIVATE KEY-----
//! Proc-Type: 4,ENCRYPTED
//! DEK-Info: AES-128-CBC,...
//!
//! MIIEpAIBAAKCAQEA...          also as one line with escaped breaks, in quotes, with commas
//! -----END RSA PRIVATE KEY-----
//! ```
//!
//! Source: RFC 7468; RFC 1421, section 4.6 (headers); RFC 9580, section 6 (armour of OpenPGP).

use super::{Outcome, Terms, der, openssh, pgp};
use crate::text::digits::from_base64;

/// Whether a private key can be used by whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// It lies open.
    Plain,
    /// A passphrase stands before its use.
    Encrypted,
}

/// A block taken apart.
#[derive(Debug)]
pub struct Block {
    /// What stands behind `BEGIN`.
    pub label: String,
    /// The cipher of an encrypted traditional block, such as `AES-128-CBC`; empty for any other.
    pub cipher: String,
    /// What the base64 stands for.
    pub bytes: Vec<u8>,
    /// The checksum line, where there is one.
    crc: Option<Vec<u8>>,
}

/// A block that holds anything but base64 is no broken key: whatever else stands in it may be a secret of its own.
pub(super) fn judge(text: &[u8], terms: &Terms<'_>) -> Outcome {
    match outcome(block(text).and_then(|block| block.protection()), terms) {
        Outcome::Fails if !is_base64(text) => Outcome::Differs,
        outcome => outcome,
    }
}

/// Whether all between the labels could be base64, however it is wrapped: no colon, and `=` only at the end.
fn is_base64(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let body = text.split("-----").nth(2).unwrap_or_default();
    let letters = unwrapped(body.as_bytes());
    let end = letters.iter().position(|byte| *byte == b'=').unwrap_or(letters.len());
    !body.contains(':') && letters.len() - end <= "===abcd".len()
}

/// `holds: plain` wants a key that lies open, `holds: encrypted` one that does not.
pub(super) fn outcome(found: Option<Protection>, terms: &Terms<'_>) -> Outcome {
    let wanted = match terms.holds {
        Some("plain") => Some(Protection::Plain),
        Some("encrypted") => Some(Protection::Encrypted),
        _ => None,
    };
    match found {
        None => Outcome::Fails,
        Some(found) if wanted.is_none_or(|wanted| wanted == found) => Outcome::Holds,
        Some(_) => Outcome::Differs,
    }
}

impl Block {
    /// Whether the key inside lies open; `None` where no key is inside.
    pub fn protection(&self) -> Option<Protection> {
        if self.label.contains("OPENSSH") {
            return openssh::parse(&self.bytes).map(|container| container.protection());
        }
        if self.label.contains("PGP") {
            let sum = pgp::crc24(&self.bytes).to_be_bytes();
            if self.crc.as_ref().is_some_and(|crc| Some(crc.as_slice()) != sum.get(1..)) {
                return None;
            }
            return pgp::parse(&self.bytes).map(|key| key.protection);
        }
        if !self.cipher.is_empty() {
            return (self.bytes.len() >= 32).then_some(Protection::Encrypted);
        }
        der::key(&self.bytes)
    }
}

/// The first block in `text`, however its lines are wrapped.
pub fn block(text: &[u8]) -> Option<Block> {
    let text = String::from_utf8_lossy(text);
    let (label, rest) = text.split_once("-----BEGIN ")?.1.split_once("-----")?;
    let body = rest.split("-----END").next()?;
    let escaped = body.replace("\\\\n", "\n").replace("\\n", "\n").replace("\\r", "\n");
    let encrypted = escaped.contains("ENCRYPTED") && escaped.contains("Proc-Type");
    let cipher = escaped.split_once("DEK-Info:").map_or("unknown", |(_, rest)| rest.trim_start());
    let cipher: String = cipher.chars().take(40).take_while(|letter| is_name(*letter)).collect();
    let lines = escaped.split('\n').filter(|line| !line.contains(": "));
    let base64 = unwrapped(lines.collect::<Vec<_>>().join("\n").as_bytes());
    let end = base64.iter().position(|byte| *byte == b'=').unwrap_or(base64.len());
    let (letters, behind) = base64.split_at_checked(end)?;
    // Only OpenPGP has a checksum line: `=` and four letters, behind the padding.
    let crc = behind.get(behind.iter().rposition(|byte| *byte == b'=').map_or(0, |at| at + 1)..)?;
    Some(Block {
        label: label.to_owned(),
        cipher: if encrypted { cipher } else { String::new() },
        bytes: from_base64(letters)?,
        crc: if crc.len() == 4 { from_base64(crc) } else { None },
    })
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-'
}

/// What stands between the quotes, backslashes, commas and blanks of a wrapped literal.
pub(super) fn unwrapped(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text).replace("\\n", "\n").replace("\\r", "\n");
    text.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte)).collect()
}
