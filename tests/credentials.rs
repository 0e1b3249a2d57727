//! Every form of credential on tokens that are put together here: none is committed whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail with a panic")]

use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use tollgate::credential::{FORMS, possible, read};
use tollgate::identity::Credential;
use tollgate::text::time::Timestamp;

const NOW: Timestamp = Timestamp(1_795_219_200_000);

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// A token, by its two parts ...
    #[serde(default)]
    header: String,
    #[serde(default)]
    claims: String,
    /// ... a text, in which `{sig}` stands for a signature in base64 and `{hex}` for one in hex ...
    #[serde(default)]
    text: String,
    /// ... or what the real `openssl req -x509` is asked for.
    #[serde(default)]
    openssl: Vec<String>,
    /// ... or a certificate of SSH by its holder (1 a user, 2 a host), its start and its end.
    #[serde(default)]
    ssh: Vec<i64>,
    read: String,
}

impl Case {
    /// What is read; `None` where it takes a program that is not here.
    fn text(&self) -> Option<String> {
        if !self.openssl.is_empty() {
            return certificate(&self.openssl);
        }
        if let [holder, after, before] = self.ssh.as_slice() {
            return Some(ssh_certificate(u32::try_from(*holder).unwrap(), *after, *before));
        }
        if self.text.is_empty() {
            return Some(format!("TOKEN={}\n", token(&self.header, &self.claims)));
        }
        let signature = format!("{}%3D", "bG9va3NsaWtlYmFzZTY0".repeat(3).split_at(43).0);
        Some(self.text.replace("{sig}", &signature).replace("{hex}", &"5a".repeat(32)))
    }
}

/// A certificate of a new key, as PEM.
fn certificate(arguments: &[String]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"])
        .arg(folder.path().join("key"))
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let Ok(made) = made else {
        assert!(std::env::var_os("TOLLGATE_CI").is_none(), "openssl is not here");
        return None;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).ok()
}

/// A certificate of SSH, up to its end, which a negative number leaves out; all that follows is padding.
fn ssh_certificate(holder: u32, after: i64, before: i64) -> String {
    const KIND: &str = "ssh-ed25519-cert-v01@openssh.com";
    let text = |text: &[u8]| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat();
    let end = u64::try_from(before).unwrap_or(u64::MAX);
    let parts = [
        text(KIND.as_bytes()),
        text(&[7; 32]),
        text(&[9; 32]),
        1_u64.to_be_bytes().to_vec(),
        holder.to_be_bytes().to_vec(),
        text(b"ci@acme"),
        text(&text(b"deploy")),
        after.to_be_bytes().to_vec(),
        end.to_be_bytes().to_vec(),
        text(&[]),
    ];
    format!("{KIND} {} ci@acme\n", base64::engine::general_purpose::STANDARD.encode(parts.concat()))
}

fn token(header: &str, claims: &str) -> String {
    let signature = if header.contains("none") { "" } else { "c2lnbmF0dXJlLW9mLXRoZS10ZXN0LW9ubHk" };
    format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn words(credential: &Credential, moving: bool) -> String {
    if moving {
        let Credential { kind, life, lifetime, issuer, subject, .. } = credential;
        return format!("{} {} lifetime={lifetime} iss={issuer} sub={subject}", word(kind), word(life));
    }
    format!(
        "{} {} issued={} expires={} lifetime={} remaining={} alg={} iss={} sub={} aud={}",
        word(&credential.kind),
        word(&credential.life),
        credential.issued,
        credential.expires,
        credential.lifetime,
        credential.remaining,
        credential.algorithm,
        credential.issuer,
        credential.subject,
        credential.audience,
    )
}

/// The word rules see for an enumeration.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn every_form_reads_its_cases() {
    for form in FORMS {
        let path = format!("tests/credentials/{}/cases.toml", form.name);
        let cases: Cases = toml::from_str(&std::fs::read_to_string(&path).expect(&path)).expect(&path);
        assert!(!cases.case.is_empty(), "{path}");
        for case in cases.case {
            let Some(text) = case.text() else { continue };
            let found = read("prod.env", text.as_bytes(), NOW);
            // Made just now, so that only their distance is known beforehand.
            let moving = !case.openssl.is_empty();
            let found: Vec<String> = found.iter().map(|one| words(one, moving)).collect();
            let wanted: Vec<String> = Some(case.read).filter(|read| !read.is_empty()).into_iter().collect();
            assert_eq!(found, wanted, "{}", case.name);
        }
    }
}

#[test]
fn a_place_covers_the_token_and_nothing_else() {
    let token = token("{\"alg\":\"HS256\"}", "{\"sub\":\"a\"}");
    let text = format!("# ä\nurl: \"https://x.example/?t={token}&b=1\"\nBearer {token}.\n");
    let found = read("a/b.yaml", text.as_bytes(), NOW);
    assert_eq!(found.len(), 2);
    for credential in &found {
        assert_eq!(credential.place.span.of(text.as_bytes()), token.as_bytes());
        assert_eq!(credential.place.path, "a/b.yaml");
    }
    assert_eq!((found[0].place.start.line, found[0].place.start.column), (2, 28));
    assert_eq!((found[1].place.start.line, found[1].place.start.column), (3, 8));
}

#[test]
fn what_only_looks_like_a_token_is_none() {
    let whole = token("{\"alg\":\"HS256\"}", "{\"sub\":\"a\"}");
    let (front, _) = whole.rsplit_once('.').unwrap();
    for text in [
        format!("pk.{whole}"),
        format!("x{whole}"),
        front.to_owned(),
        format!("{front}."),
        format!("{whole}.c2lnbmF0dXJl.c2ln"),
        format!("eyJ{}", "A".repeat(100_000)),
    ] {
        assert_eq!(read("a", text.as_bytes(), NOW), vec![], "{text}");
    }
    assert!(possible(whole.as_bytes()) && !possible(b"nothing here"));
}

#[test]
fn many_tokens_in_one_line_cost_no_more_than_their_bytes() {
    let text = format!("[{}]", vec![token("{\"alg\":\"HS256\"}", "{\"sub\":\"a\"}"); 20_000].join(","));
    assert_eq!(read("a.json", text.as_bytes(), NOW).len(), 20_000);
}

#[test]
fn the_place_of_a_signature_is_the_signature() {
    let signature = "5a".repeat(32);
    let query = format!("X-Amz-Date=20261120T000000Z&X-Amz-Expires=60&X-Amz-Signature={signature}&x=1");
    let text = format!("see <https://b.s3.example/k?{query}> and more");
    let found = read("a.md", text.as_bytes(), NOW);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place.span.of(text.as_bytes()), signature.as_bytes());
}
