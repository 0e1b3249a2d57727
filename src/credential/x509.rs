//! Certificates: whom they speak for and until when. Those of authorities are no credentials and left out.
//!
//! Source: RFC 5280, section 4.1.

use super::{Form, REACH, bounded, unknown};
use crate::identity::{Credential, CredentialKind};
use crate::text::proof::{der, pem};
use crate::text::span::Span;
use crate::text::time::Timestamp;

/// Every PEM block of a certificate of an end entity.
pub(super) const FORM: Form = Form { name: "x509", literals: &[BEGIN], read };

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

fn read(bytes: &[u8], at: usize, now: Timestamp) -> Option<(Span, Credential)> {
    let rest = bytes.get(at..bytes.len().min(at + REACH))?;
    let length = memchr::memmem::find(rest, END)? + END.len();
    let text = rest.get(..length)?;
    let block = pem::block(text).filter(|block| block.label == "CERTIFICATE")?;
    let certificate = der::certificate(&block.bytes).filter(|certificate| !certificate.authority)?;
    let mut credential = unknown(CredentialKind::X509, "certificate");
    if !certificate.subject.is_empty() {
        credential.name.clone_from(&certificate.subject);
    }
    credential.subject = certificate.subject;
    credential.issuer = certificate.issuer;
    Some((Span::new(at, at + length), bounded(credential, Some(certificate.start), certificate.end, now)))
}
