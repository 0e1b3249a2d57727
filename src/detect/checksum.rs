//! Formats that carry their own check digits or inner structure.
//!
//! A check refutes what only looks like a token. It knows no rule: what is computed over which group is
//! in [`ChecksumSyntax`].

use serde_json::Value;

use crate::policy::syntax::ChecksumSyntax;
use crate::text::digits::{self, Algorithm, Encoding, from_base64};

/// The names a rule may give as `algorithm`.
pub const ALGORITHMS: [&str; 7] = ["crc32", "crc32-le", "sha256", "base64-text", "jwt", "openssh-key", "pem"];

/// Whether `check` holds for the groups of one match.
///
/// `group` gives the bytes of a named group, `None` where it took no part. A check that cannot be
/// computed (an unknown name, a missing group) does not hold: rules are linted before they run.
pub fn holds<'t>(check: &ChecksumSyntax, group: impl Fn(&str) -> Option<&'t [u8]>) -> bool {
    let Some(over) = group(check.over.as_deref().unwrap_or("secret")) else { return false };
    match check.algorithm.as_str() {
        "base64-text" => from_base64(over).is_some_and(|text| has(&text, check.holds.as_deref())),
        "jwt" => jwt(over, check.holds.as_deref()),
        "openssh-key" => protection(openssh(&unwrapped(over)), check.holds.as_deref()),
        "pem" => protection(pem(over), check.holds.as_deref()),
        _ => {
            let Some(against) = check.against.as_deref().and_then(&group) else { return false };
            digits(check, over, against.len()).is_some_and(|expected| expected == against)
        }
    }
}

/// Whether a failure of `check` says that the text is no credential of any kind.
///
/// Only check digits do: they belong to one format and fit or do not. A container that is not encrypted,
/// or a JWT without a claim, fails one rule and is the very thing another one looks for.
pub fn refutes(check: &ChecksumSyntax) -> bool {
    Algorithm::named(&check.algorithm).is_some()
}

/// The `width` digits that make `check` hold over `body`.
///
/// `None` where the check has no digits (a structural one) or not that many.
pub fn digits(check: &ChecksumSyntax, body: &[u8], width: usize) -> Option<Vec<u8>> {
    let algorithm = Algorithm::named(&check.algorithm)?;
    let encoding = Encoding::named(check.encoding.as_deref()?)?;
    digits::digits(algorithm, encoding, body, width)
}

/// Whether a private key can be used by whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    Plain,
    Encrypted,
}

fn protection(found: Option<Protection>, wanted: Option<&str>) -> bool {
    match wanted {
        None => found.is_some(),
        Some("plain") => found == Some(Protection::Plain),
        Some("encrypted") => found == Some(Protection::Encrypted),
        Some(_) => false,
    }
}

/// Whether `text` begins with `wanted` or, after `*`, contains it.
fn has(text: &[u8], wanted: Option<&str>) -> bool {
    match wanted {
        None => true,
        Some(wanted) => match wanted.strip_prefix('*') {
            Some(part) => contains(text, part.as_bytes()),
            None => text.starts_with(wanted.as_bytes()),
        },
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// RFC 7519: header and payload are JSON objects, the header names its `alg`.
fn jwt(token: &[u8], wanted: Option<&str>) -> bool {
    let mut parts = token.split(|byte| *byte == b'.');
    let mut object = || -> Option<(Value, Vec<u8>)> {
        let text = from_base64(parts.next()?)?;
        let value: Value = serde_json::from_slice(&text).ok()?;
        value.is_object().then_some((value, text))
    };
    let (Some((header, _)), Some((_, payload))) = (object(), object()) else { return false };
    header.get("alg").is_some_and(Value::is_string) && has(&payload, wanted)
}

/// The container of PROTOCOL.key: `openssh-key-v1\0`, then cipher and KDF names, each behind its length.
fn openssh(body: &[u8]) -> Option<Protection> {
    let bytes = from_base64(body)?;
    let rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let cipher = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    // A key of any kind has a public and a private part; less is a header with nothing behind it.
    if rest.len() < 96 || cipher.is_empty() {
        return None;
    }
    Some(if cipher == b"none" { Protection::Plain } else { Protection::Encrypted })
}

/// A PEM block as it stands in a text: label, headers, base64, also as one line with escaped breaks.
fn pem(block: &[u8]) -> Option<Protection> {
    let text = String::from_utf8_lossy(block);
    let (label, rest) = text.split_once("-----BEGIN ")?.1.split_once("-----")?;
    let body = rest.split("-----END").next()?;
    let escaped = body.replace("\\\\n", "\n").replace("\\n", "\n").replace("\\r", "\n");
    let headed = escaped.contains("ENCRYPTED") && escaped.contains("Proc-Type");
    let lines = escaped.split('\n').filter(|line| !line.contains(": "));
    let joined: String = lines.collect::<Vec<_>>().join("\n");
    let base64 = unwrapped(joined.as_bytes());
    if label.contains("OPENSSH") {
        return openssh(&base64);
    }
    let bytes = from_base64(base64.split(|byte| *byte == b'=').next()?)?;
    if label.contains("PGP") {
        return secret_packet(&bytes).then_some(Protection::Plain);
    }
    if headed {
        return (bytes.len() >= 32).then_some(Protection::Encrypted);
    }
    der(&bytes)
}

/// What stands between the quotes, backslashes, commas and blanks of a wrapped literal.
fn unwrapped(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text).replace("\\n", "\n").replace("\\r", "\n");
    text.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte)).collect()
}

/// RFC 4880, section 4.2: the first packet is a secret key (tag 5).
fn secret_packet(bytes: &[u8]) -> bool {
    bytes.len() >= 64 && bytes.first().is_some_and(|tag| matches!(tag, 0x94..=0x97 | 0xc5))
}

/// A DER sequence that is as long as it says: a version in front is a key, a sequence is PKCS #8 encrypted.
fn der(bytes: &[u8]) -> Option<Protection> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(*short), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    if *tag != 0x30 || length != rest.len() || length < 32 {
        return None;
    }
    match rest.first()? {
        0x02 => Some(Protection::Plain),
        0x30 => Some(Protection::Encrypted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::digits::to_base64;
    use proptest::prelude::*;

    fn check(algorithm: &str, encoding: Option<&str>, holds: Option<&str>) -> ChecksumSyntax {
        ChecksumSyntax {
            algorithm: algorithm.to_owned(),
            over: Some("body".to_owned()),
            against: Some("check".to_owned()),
            encoding: encoding.map(str::to_owned),
            holds: holds.map(str::to_owned),
        }
    }

    fn ask(check: &ChecksumSyntax, body: &[u8], digits: &[u8]) -> bool {
        holds(check, |name| match name {
            "body" => Some(body),
            "check" => Some(digits),
            _ => None,
        })
    }

    #[test]
    fn every_vector_of_hello_holds_and_no_other_digits_do() {
        for (algorithm, encoding, digits) in [
            ("crc32", "hex", "3610a686"),
            ("crc32-le", "hex", "86a61036"),
            ("crc32", "base62", "0zNvy2"),
            ("crc32", "base36", "0f01gna"),
            ("crc32-le", "base64", "hqYQNg"),
            ("sha256", "base32", "FTZE3OS7"),
        ] {
            let check = check(algorithm, Some(encoding), None);
            assert!(ask(&check, b"hello", digits.as_bytes()), "{algorithm} {encoding}");
            assert!(!ask(&check, b"hellp", digits.as_bytes()), "{algorithm} {encoding}");
            assert!(!ask(&check, b"hello", &b"!".repeat(digits.len())), "{algorithm} {encoding}");
        }
    }

    #[test]
    fn only_check_digits_refute_for_other_rules_too() {
        let refuting: Vec<_> =
            ALGORITHMS.into_iter().filter(|name| refutes(&check(name, None, None))).collect();
        assert_eq!(refuting, ["crc32", "crc32-le", "sha256"]);
    }

    #[test]
    fn a_check_that_cannot_be_computed_does_not_hold() {
        assert!(!ask(&check("crc64", Some("hex"), None), b"hello", b"3610a686"));
        assert!(!ask(&check("crc32", None, None), b"hello", b"3610a686"));
        assert!(!holds(&check("crc32", Some("hex"), None), |_| None));
    }

    #[test]
    fn decoded_text_begins_with_or_contains_what_is_asked() {
        let body = to_base64(b"reftkn:01:0000000000:abc");
        for (wanted, expected) in
            [("reftkn:", true), ("tkn:", false), ("*:0000000000:", true), ("*1111", false)]
        {
            assert_eq!(ask(&check("base64-text", None, Some(wanted)), &body, b""), expected, "{wanted}");
        }
        assert!(!ask(&check("base64-text", None, Some("x")), b"!!", b""));
    }

    fn token(header: &str, payload: &str) -> Vec<u8> {
        [to_base64(header.as_bytes()), to_base64(payload.as_bytes()), b"c2ln".to_vec()].join(&b'.')
    }

    #[test]
    fn a_jwt_has_a_header_that_names_its_algorithm() {
        let plain = check("jwt", None, None);
        assert!(ask(&plain, &token(r#"{"alg":"HS256"}"#, r#"{"sub":"1"}"#), b""));
        assert!(!ask(&plain, &token(r#"{"typ":"JWT"}"#, r#"{"sub":"1"}"#), b""));
        assert!(!ask(&plain, &token("[1]", "{}"), b""));
        assert!(!ask(&plain, b"eyJ.eyJ.x", b""));
        let role = check("jwt", None, Some("*\"role\":\"service_role\""));
        assert!(ask(&role, &token(r#"{"alg":"HS256"}"#, r#"{"role":"service_role"}"#), b""));
        assert!(!ask(&role, &token(r#"{"alg":"HS256"}"#, r#"{"role":"anon"}"#), b""));
    }

    fn wrapped(label: &str, body: &[u8], line_break: &str) -> Vec<u8> {
        let text = String::from_utf8(to_base64(body)).unwrap();
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let body = lines.join(line_break);
        format!("-----BEGIN {label}-----{line_break}{body}{line_break}-----END {label}-----").into_bytes()
    }

    fn sequence(first: u8) -> Vec<u8> {
        let mut bytes = vec![0x30, 0x82, 0, 200, first];
        bytes.resize(204, 7);
        bytes
    }

    #[test]
    fn a_pem_block_is_told_plain_from_encrypted_however_its_lines_break() {
        for line_break in ["\n", "\r\n", "\\n", "\\r\\n", "\n    "] {
            for (label, body, state) in [
                ("PRIVATE KEY", sequence(2), "plain"),
                ("RSA PRIVATE KEY", sequence(2), "plain"),
                ("ENCRYPTED PRIVATE KEY", sequence(0x30), "encrypted"),
            ] {
                let block = wrapped(label, &body, line_break);
                assert!(ask(&check("pem", None, None), &block, b""), "{label} {line_break:?}");
                assert!(ask(&check("pem", None, Some(state)), &block, b""), "{label} {line_break:?}");
                let other = if state == "plain" { "encrypted" } else { "plain" };
                assert!(!ask(&check("pem", None, Some(other)), &block, b""), "{label} {line_break:?}");
            }
        }
        let truncated = wrapped("PRIVATE KEY", &sequence(2)[..100], "\n");
        assert!(!ask(&check("pem", None, None), &truncated, b""), "a truncated key opens nothing");
    }

    #[test]
    fn a_header_that_says_encrypted_is_believed() {
        let body = String::from_utf8(to_base64(&[9; 64])).unwrap();
        let block = format!(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n{body}\n-----END RSA PRIVATE KEY-----"
        );
        assert!(ask(&check("pem", None, Some("encrypted")), block.as_bytes(), b""));
    }

    #[test]
    fn an_openssh_container_names_its_cipher() {
        for (cipher, state) in [("none", "plain"), ("aes256-ctr", "encrypted")] {
            let mut bytes = b"openssh-key-v1\0".to_vec();
            bytes.extend(u32::try_from(cipher.len()).unwrap().to_be_bytes());
            bytes.extend(cipher.as_bytes());
            bytes.resize(200, 1);
            assert!(ask(&check("openssh-key", None, Some(state)), &to_base64(&bytes), b""), "{cipher}");
            let block = wrapped("OPENSSH PRIVATE KEY", &bytes, "\n");
            assert!(ask(&check("pem", None, Some(state)), &block, b""), "{cipher}");
        }
        assert!(!ask(&check("openssh-key", None, None), &to_base64(b"openssh-key-v1\0\0\0\0\x04none"), b""));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_check_fall_over(body in prop::collection::vec(any::<u8>(), 0..200), width in 0..20_usize) {
            for algorithm in ALGORITHMS {
                for encoding in ["hex", "base36", "base62", "base64", "base32"] {
                    let check = check(algorithm, Some(encoding), None);
                    let _ = ask(&check, &body, b"000000");
                    if let Some(digits) = digits(&check, &body, width) {
                        prop_assert_eq!(digits.len(), width);
                        prop_assert!(ask(&check, &body, &digits));
                    }
                }
            }
        }
    }
}
