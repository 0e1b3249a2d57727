//! Every form of credential on tokens that are put together here: none is committed whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail with a panic")]

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
    header: String,
    claims: String,
    read: String,
}

fn token(header: &str, claims: &str) -> String {
    let signature = if header.contains("none") { "" } else { "c2lnbmF0dXJlLW9mLXRoZS10ZXN0LW9ubHk" };
    format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn words(credential: &Credential) -> String {
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
            let text = format!("TOKEN={}\n", token(&case.header, &case.claims));
            let found = read("prod.env", text.as_bytes(), NOW);
            let found: Vec<String> = found.iter().map(words).collect();
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
