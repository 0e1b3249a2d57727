use super::*;
use crate::text::digits::{to_base64, to_base64_url};
use crate::text::proof::der::compact;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_795_219_200_000);

/// The facts about `text`, which is both the secret and all that matched.
fn facts(decoder: &str, text: &[u8]) -> (Vec<String>, bool) {
    read(decoder, Seen { secret: text, around: text }).at(NOW)
}

fn base64(text: &[u8]) -> String {
    String::from_utf8(to_base64(text)).unwrap()
}

#[test]
fn the_account_stands_in_the_key_id() {
    let id = ["AK", "IA", "QNZGKIQY", "56JQ7WML"].concat();
    assert_eq!(facts("aws-account", id.as_bytes()).0, ["account 029608264753"]);
    let url = format!(
        "X-Amz-Credential={id}%2F20261120%2Feu-central-1%2Fs3%2Faws4_request&amp;X-Amz-Date=20261120T235900Z&X-Amz-Expires=30"
    );
    assert_eq!(
        facts("aws-presigned", url.as_bytes()),
        (
            [
                "account 029608264753",
                "region eu-central-1",
                "service s3",
                "signed 2026-11-20",
                "expired 2026-11-20"
            ]
            .map(str::to_owned)
            .to_vec(),
            true
        )
    );
    let session = format!("bedrock-api-key-{}", base64(url.as_bytes()));
    assert!(facts("aws-bedrock-session", session.as_bytes()).1);
    let key = format!("ABSK{}", base64(b"BedrockAPIKey-x1-at-029608264753:abc"));
    assert_eq!(facts("aws-bedrock", key.as_bytes()).0, ["account 029608264753"]);
}

#[test]
fn what_a_value_says_of_itself_is_shown() {
    let routable = [&[7_u8; 16][..], b"o:1\nu:2n\n", &[8]].concat();
    let token =
        |claims: &str| format!("{}.{}.c2ln", base64(br#"{"alg":"HS256"}"#), base64(claims.as_bytes()));
    for (decoder, text, expected) in [
        ("azure-cask", format!("{}JQQJ99BC{}", "x".repeat(52), "x".repeat(24)), &["created 2025-03"][..]),
        ("azure-cask", "x".repeat(84), &[]),
        (
            "gitlab-routable",
            format!("glpat-{}.01.0y0f01gna", base64(&routable)),
            &["organisation 1", "user 95"],
        ),
        (
            "sentry-organisation",
            format!("sntrys_{}_abc", base64(br#"{"iat":1700000000.5,"org":"acme"}"#)),
            &["organisation acme", "created 2023-11-14"],
        ),
        (
            "grafana-cloud",
            format!("glc_{}", base64(br#"{"o":"12","n":"ci","k":"hidden"}"#)),
            &["organisation 12", "name ci"],
        ),
        ("jfrog-reference", base64(b"reftkn:01:0000000000:ab"), &["expires never"]),
        ("jfrog-reference", base64(b"reftkn:01:1900000000:ab"), &["expires 2030-03-17"]),
        (
            "azure-sas",
            "sv=2025&st=2026-01-01&se=2027-01-01T00%3A00Z&sp=rl&sr=c&sig=x".to_owned(),
            &["permissions rl", "resource c", "starts 2026-01-01", "expires 2027-01-01"],
        ),
        (
            "google-signed",
            "X-Goog-Credential=ci%40acme.iam.example%2F2026&X-Goog-Date=20261201T000000Z&X-Goog-Expires=60"
                .to_owned(),
            &["service account ci@acme.iam.example", "signed 2026-12-01", "expires 2026-12-01"],
        ),
        (
            "jwt",
            token(
                r#"{"iss":"https://id.acme.example","aud":["api","web"],"iat":1700000000,"exp":1900000000,"sub":"dana"}"#,
            ),
            &["issuer https://id.acme.example", "audience api", "created 2023-11-14", "expires 2030-03-17"],
        ),
        (
            "jwt",
            token(r#"{"iss":"kubernetes/serviceaccount"}"#),
            &["issuer kubernetes/serviceaccount", "expires never"],
        ),
        (
            "discord-bot",
            format!("{}.{}.x", base64(b"123456789012345678"), base64(&1_700_000_000_u32.to_be_bytes())),
            &["bot 123456789012345678", "created 2023-11-14"],
        ),
        (
            "discord-bot",
            format!("{}.{}.x", base64(b"1234567890"), base64(&206_160_000_u32.to_be_bytes())),
            &["bot 1234567890", "created 2017-07-14"],
        ),
    ] {
        assert_eq!(
            facts(decoder, text.as_bytes()),
            (expected.iter().map(|fact| (*fact).to_owned()).collect(), false),
            "{decoder}"
        );
    }
}

#[test]
fn what_has_ended_is_told_from_what_has_not() {
    let token = |exp: i64| {
        let claims = base64(format!(r#"{{"exp":{exp}}}"#).as_bytes());
        format!("{}.{claims}.c2ln", base64(br#"{"alg":"HS256"}"#))
    };
    let now = NOW.0 / 1000;
    assert_eq!(facts("jwt", token(now - 1).as_bytes()), (vec!["expired 2026-11-20".to_owned()], true));
    assert_eq!(
        facts("jwt", token(now).as_bytes()),
        (vec!["expired 2026-11-21".to_owned()], true),
        "half-open"
    );
    assert_eq!(facts("jwt", token(now + 1).as_bytes()), (vec!["expires 2026-11-21".to_owned()], false));
}

#[test]
fn a_parameter_that_stands_twice_says_nothing() {
    let text = b"se=2020-01-01&sp=r&se=2030-01-01";
    assert_eq!(facts("azure-sas", text), (vec!["permissions r".to_owned()], false));
}

/// A field of a binary macaroon.
fn field(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

#[test]
fn caveats_say_what_a_macaroon_is_for_and_until_when() {
    let mut bytes = [&[2][..], &field(1, b"pypi.org"), &field(2, b"id"), &[0]].concat();
    for caveat in [&b"[1, [\"acme\"]]"[..], b"[0, 1900000000, 1]", b"[0, 1800000000, 1]"] {
        bytes.extend([&field(2, caveat)[..], &[0]].concat());
    }
    bytes.extend([&[0][..], &field(6, &[9; 32])].concat());
    let token = [b"pypi-", &to_base64_url(&bytes)[..]].concat();
    assert_eq!(facts("pypi-macaroon", &token).0, ["project acme", "expires 2027-01-15"]);

    let fly = |caveats: &[u8]| {
        let head = [&[0x94, 0x92, 0xc4, 1, 7, 0xc4, 1, 7, 0xa1, b'x'][..], caveats, &[0xc4, 1, 7]].concat();
        format!("fm2_{}", base64(&head))
    };
    let ends = |second: u32| [&[0x92, 4, 0x92, 0, 0xce][..], &second.to_be_bytes()].concat();
    let (short, long) = (fly(&ends(1_800_000_000)), fly(&ends(1_900_000_000)));
    for (token, expected) in [
        (long.clone(), vec!["expires 2030-03-17"]),
        (format!("{long},{short}"), vec!["expires 2030-03-17"]),
        (format!("{},{short}", fly(&[0x90])), vec![]),
        ("fm2_AAAA".to_owned(), vec![]),
    ] {
        assert_eq!(facts("fly-macaroon", token.as_bytes()).0, expected, "{token}");
    }
}

#[test]
fn certificates_say_until_when_they_are_taken() {
    let text = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let certificate = |before: u64| {
        let kind = b"ssh-ed25519-cert-v01@openssh.com";
        let bytes = [
            text(kind),
            text(&[1; 32]),
            text(&[2; 32]),
            vec![0; 8],
            vec![0, 0, 0, 1],
            text(b"ci"),
            text(&[]),
            vec![0; 8],
            before.to_be_bytes().to_vec(),
        ];
        format!("{} {}", String::from_utf8_lossy(kind), base64(&bytes.concat()))
    };
    assert_eq!(facts("ssh-certificate", certificate(1_900_000_000).as_bytes()).0, ["expires 2030-03-17"]);
    assert_eq!(facts("ssh-certificate", certificate(u64::MAX).as_bytes()).0, ["expires never"]);
    assert!(facts("ssh-certificate", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5").0.is_empty());

    let der = |tag: u8, contents: &[u8]| [&[tag, u8::try_from(contents.len()).unwrap()], contents].concat();
    for (end, expected) in [
        (der(0x17, b"300317174640Z"), vec!["expires 2030-03-17".to_owned()]),
        (der(0x17, b"990101000000Z"), vec!["expired 1999-01-01".to_owned()]),
        (der(0x18, b"20500101000000Z"), vec!["expires 2050-01-01".to_owned()]),
        (der(0x17, b"3003171746Z"), vec![]),
    ] {
        let validity = der(0x30, &[der(0x17, b"200101000000Z"), end].concat());
        let parts = [der(0xa0, &der(2, &[2])), der(2, &[1]), der(0x30, &[]), der(0x30, &[]), validity];
        let signed = der(0x30, &parts.concat());
        let block = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
            base64(&der(0x30, &[signed, der(0x30, &[]), der(3, &[0])].concat()))
        );
        assert_eq!(facts("x509-validity", block.as_bytes()).0, expected);
        assert_eq!(facts("x509-validity", base64(block.as_bytes()).as_bytes()).0, expected);
    }
    assert_eq!(compact("20300317174640"), Some(Timestamp::from_seconds(1_900_000_000)));
}

#[test]
fn an_unknown_decoder_reads_nothing() {
    assert!(!known("acme") && facts("acme", b"x").0.is_empty());
}

#[test]
fn decoders_are_listed_in_order_and_once() {
    assert!(DECODERS.is_sorted_by(|left, right| left.0 < right.0));
}

proptest! {
    #[test]
    fn no_value_makes_a_decoder_fall_over(value in prop::collection::vec(any::<u8>(), 0..200), keep in any::<bool>()) {
        // Base64 of the bytes gets further than the bytes themselves.
        let text = if keep { value.clone() } else { to_base64(&value) };
        for (_, read) in DECODERS {
            for prefix in ["", "pypi-", "fm2_", "glc_", "sntrys_", "bedrock-api-key-", "ssh-x AAAA"] {
                let text = [prefix.as_bytes(), &text].concat();
                let _ = read(Seen { secret: &text, around: &text });
            }
        }
    }

    #[test]
    fn no_fact_holds_a_control_character(text in "[ -~]{0,80}\\PC{0,5}") {
        let claims = serde_json::json!({ "iss": text, "aud": text, "org": text, "o": text, "n": text }).to_string();
        let jwt = format!("{}.{}.x", base64(br#"{"alg":"x"}"#), base64(claims.as_bytes()));
        for value in [jwt, format!("sntrys_{}", base64(claims.as_bytes())), format!("glc_{}", base64(claims.as_bytes()))] {
            for (_, read) in DECODERS {
                let said = read(Seen { secret: value.as_bytes(), around: value.as_bytes() }).unwrap_or_default();
                prop_assert!(said.facts.iter().all(|fact| fact.is_ascii() && fact.len() <= 100));
            }
        }
    }
}
