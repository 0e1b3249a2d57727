//! What OpenSSH writes: private keys in a container, and certificates.
//!
//! ```text
//! "openssh-key-v1" 00 · cipher · key derivation · its options · 00000001 · public key · private part
//! private part in the clear: a random number twice, the key, its comment, bytes 01 02 03 up to a block
//! certificate: kind · nonce · public key · serial (8) · type (4) · id · principals · after (8) · before (8) · ...
//! ```
//!
//! Texts stand behind their length in four bytes. Source: OpenSSH, PROTOCOL.key and PROTOCOL.certkeys.

use super::pem::{self, Protection};
use super::{Outcome, Terms};
use crate::text::digits::from_base64;

/// A container taken apart, without its keys.
#[derive(Debug, PartialEq, Eq)]
pub struct Container {
    /// The cipher over the private part, `none` when it lies open.
    pub cipher: String,
    /// How the passphrase is made a key, `none` with the cipher of that name.
    pub derivation: String,
    /// The kind of key, such as `ssh-ed25519`.
    pub kind: String,
}

impl Container {
    /// Whether a passphrase stands before its use.
    pub fn protection(&self) -> Protection {
        if self.cipher == "none" { Protection::Plain } else { Protection::Encrypted }
    }
}

pub(super) fn judge(text: &[u8], terms: &Terms<'_>) -> Outcome {
    let container = from_base64(&pem::unwrapped(text)).and_then(|bytes| parse(&bytes));
    pem::outcome(container.map(|container| container.protection()), terms)
}

/// A certificate in base64; `holds: endless` wants one without an end.
pub(super) fn certificate(text: &[u8], terms: &Terms<'_>) -> Outcome {
    match from_base64(text).and_then(|bytes| valid_before(&bytes)) {
        None => Outcome::Fails,
        Some(end) if terms.holds == Some("endless") && end != u64::MAX => Outcome::Differs,
        Some(_) => Outcome::Holds,
    }
}

/// Reads a whole container; the two random numbers of an open one must agree.
pub fn parse(bytes: &[u8]) -> Option<Container> {
    let mut reader = Reader(bytes.strip_prefix(b"openssh-key-v1\0")?);
    let (cipher, derivation) = (reader.name()?, reader.name()?);
    reader.text()?;
    if reader.number()? != 1 {
        return None;
    }
    let kind = Reader(reader.text()?).name()?;
    let private = reader.text()?;
    // Ciphers with authentication put a tag of at most 16 bytes behind the last text.
    let rest = if cipher == "none" { 0 } else { 16 };
    if reader.0.len() > rest || private.len() < 32 || cipher.is_empty() {
        return None;
    }
    if cipher == "none" {
        let mut open = Reader(private);
        let agree = open.number()? == open.number()?;
        if !agree || open.name()? != kind {
            return None;
        }
    }
    Some(Container { cipher, derivation, kind })
}

/// When a certificate ends, in seconds since 1970; `u64::MAX` is never. `bytes` are what its base64 stands for.
pub fn valid_before(bytes: &[u8]) -> Option<u64> {
    signed(bytes).map(|certificate| certificate.before)
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Whom it is for.
    pub holder: Holder,
    /// What whoever signed it calls it; empty when it may not be shown.
    pub key_id: String,
    /// Seconds since 1970 from which it is good.
    pub after: u64,
    /// Seconds since 1970 from which it is not any more; `u64::MAX` is never.
    pub before: u64,
}

/// Who proves itself with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Somebody who logs in.
    User,
    /// A server.
    Host,
}

/// Reads a certificate up to its validity; `bytes` are what its base64 stands for.
pub fn signed(bytes: &[u8]) -> Option<Signed> {
    let mut reader = Reader(bytes);
    let kind = reader.name()?;
    // Nonce and the numbers of the public key, whose count its kind says.
    let numbers = match kind.split_once("-cert-v01@")?.0 {
        "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512" | "sk-ssh-ed25519" => 2,
        "ssh-ed25519" => 1,
        "ssh-dss" => 4,
        name if name.starts_with("ecdsa-sha2-nistp") => 2,
        name if name.starts_with("sk-ecdsa-sha2-nistp") => 3,
        _ => return None,
    };
    for _ in 0..=numbers {
        reader.text()?;
    }
    reader.long()?;
    let holder = if reader.number()? == 2 { Holder::Host } else { Holder::User };
    let key_id = reader.text()?;
    let shown = key_id.len() <= 64 && key_id.iter().all(u8::is_ascii_graphic);
    let key_id = if shown { String::from_utf8(key_id.to_vec()).ok()? } else { String::new() };
    reader.text()?;
    Some(Signed { holder, key_id, after: reader.long()?, before: reader.long()? })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    fn long(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*bytes))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    /// A text that names something: short, and of characters that may be shown.
    fn name(&mut self) -> Option<String> {
        let text = self.text().filter(|text| text.len() <= 64 && text.iter().all(u8::is_ascii_graphic))?;
        String::from_utf8(text.to_vec()).ok()
    }
}
