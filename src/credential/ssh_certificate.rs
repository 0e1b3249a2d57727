//! Certificates of SSH: for whom, as whom and until when the key beside them opens a door.
//!
//! Source: OpenSSH, PROTOCOL.certkeys, read 2026-11-21.

use super::{Form, bounded, unknown};
use crate::identity::{Credential, CredentialKind, Life};
use crate::text::digits::from_base64;
use crate::text::proof::openssh::{self, Holder};
use crate::text::span::Span;
use crate::text::time::Timestamp;

/// Every certificate in one line, as `ssh-keygen` writes it.
pub(super) const FORM: Form = Form { name: "ssh-certificate", literals: &LITERALS, read };

const LITERALS: [&str; 7] = [
    "ssh-ed25519-cert-v01@openssh.com ",
    "ssh-rsa-cert-v01@openssh.com ",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com ",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com ",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com ",
    "sk-ssh-ed25519-cert-v01@openssh.com ",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com ",
];

/// No certificate has more letters.
const LONGEST: usize = 16 << 10;

fn read(bytes: &[u8], at: usize, now: Timestamp) -> Option<(Span, Credential)> {
    let rest = bytes.get(at..bytes.len().min(at + LONGEST))?;
    let start = memchr::memchr(b' ', rest)? + 1;
    let text = rest.get(start..)?;
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let length = text.iter().position(|byte| !base64(byte)).unwrap_or(text.len());
    let certificate = openssh::signed(&from_base64(text.get(..length)?)?)?;
    let mut credential = unknown(CredentialKind::SshKey, "SSH certificate");
    std::str::from_utf8(rest.get(..start - 1)?).ok()?.clone_into(&mut credential.algorithm);
    credential.subject = certificate.key_id;
    "user".clone_into(&mut credential.audience);
    if certificate.holder == Holder::Host {
        "host".clone_into(&mut credential.audience);
    }
    let span = Span::new(at, at + start + length);
    if certificate.before == u64::MAX {
        return Some((span, Credential { life: Life::Never, ..credential }));
    }
    let instant = |seconds: u64| i64::try_from(seconds).ok().map(Timestamp::from_seconds);
    let from = instant(certificate.after).filter(|_| certificate.after > 0);
    Some((span, bounded(credential, from, instant(certificate.before)?, now)))
}
