use std::fmt::Write as _;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::runs::LEAST;
use super::*;
use crate::detect::Setting;
use crate::detect::engine::Engine;
use crate::finding::{Finding, Fingerprinter, Gap};
use crate::policy::example::{self, Check};
use crate::policy::{Policies, load};
use crate::source::Blob;
use crate::text::digits::to_base64;
use crate::text::time::Timestamp;

static POLICIES: LazyLock<Policies> = LazyLock::new(|| load::policies(&[]).unwrap());
static FINGERPRINTER: LazyLock<Fingerprinter> = LazyLock::new(Fingerprinter::default);
static ENGINE: LazyLock<Engine<'static>> = LazyLock::new(|| {
    let (policies, fingerprinter) = (&*POLICIES, &*FINGERPRINTER);
    Engine::new(Setting { policies, fingerprinter, now: Timestamp(1_795_219_200_000), threads: 1 }, None)
});

fn scanned(path: &str, text: &[u8]) -> (Vec<Finding>, Vec<Gap>) {
    let blob = Blob { path: path.to_owned(), commit: None, change: None, bytes: text.to_vec() };
    let found = ENGINE.blob(&blob).unwrap();
    (found.findings, found.gaps)
}

/// Rule, bytes it points at, encoding.
fn found(path: &str, text: &str) -> Vec<(String, String, Option<String>)> {
    let (findings, gaps) = scanned(path, text.as_bytes());
    assert_eq!(gaps, []);
    findings
        .into_iter()
        .map(|one| {
            let place = String::from_utf8_lossy(one.location.span.of(text.as_bytes())).into_owned();
            (one.rule.0, place, one.encoding)
        })
        .collect()
}

/// A token of the rule, made up from `seed`.
fn token(rule: &str, template: &str, seed: &str) -> String {
    let rule = POLICIES.rules.iter().find(|one| one.id.0 == rule).unwrap();
    let text = rule.text_rule().unwrap();
    let pattern = text.pattern.regex().unwrap();
    let check = text.checksum.as_ref().map(|syntax| Check { syntax, pattern });
    String::from_utf8(example::fill(template, seed, 0, check).unwrap()).unwrap()
}

fn github(seed: &str) -> String {
    token("github-classic-token", "ghp_{alnum:30}{checksum:6}", seed)
}

fn base64(text: impl AsRef<[u8]>) -> String {
    let mut letters = String::from_utf8(to_base64(text.as_ref())).unwrap();
    while !letters.len().is_multiple_of(4) {
        letters.push('=');
    }
    letters
}

fn every(text: &str, write: impl Fn(u32) -> String) -> String {
    text.chars().map(|letter| write(u32::from(letter))).collect()
}

fn packed(text: &str, window_bits: i32) -> Vec<u8> {
    let mut room = vec![0; zlib_rs::compress_bound(text.len()) + 32];
    let config = zlib_rs::DeflateConfig { window_bits, ..zlib_rs::DeflateConfig::best_compression() };
    zlib_rs::compress_slice(&mut room, text.as_bytes(), config).0.to_vec()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn d11_a_token_is_found_however_it_is_encoded() {
    let token = github("shapes");
    let (head, tail) = token.split_at(17);
    let url = base64(format!("{{\"a\":\"?>\",\"key\":\"{token}\"}}")).replace('+', "-").replace('/', "_");
    let twice = base64(base64(&token));
    let lines = base64(format!("{}\nKEY={token}\n{}", "a b ".repeat(20), "c d ".repeat(20)));
    let wrapped =
        lines.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>();
    let wrapped = wrapped.join("\n    ");
    let hex = every(&token, |letter| format!("{letter:02x}"));
    for (before, encoded, behind, encoding) in [
        ("key: ", base64(&token), "\n", "base64"),
        ("key = '", base64(&token).trim_end_matches('=').to_owned(), "'\n", "base64"),
        ("https://acme.example/hook/", base64(&token), "?x=1\n", "base64"),
        ("https://acme.example/v1?state=", url, "&page=2\n", "base64"),
        ("state_", base64(&token), "\n", "base64"),
        ("data: ", wrapped, "\n", "base64"),
        ("key: ", twice, "\n", "base64 > base64"),
        ("key: ", hex.clone(), "\n", "hex"),
        ("key: 0x", hex.to_uppercase(), "\n", "hex"),
        ("release: ", base64(packed(&token, 31)), "\n", "base64 > gzip"),
        ("blob: ", base64(packed(&token, 15)), "\n", "base64 > zlib"),
        ("powershell -EncodedCommand ", base64(wide(&format!("$t = '{token}'"))), "\n", "base64 > utf16"),
        ("?key=", every(&token, |letter| format!("%{letter:02X}")), "&a=1\n", "percent"),
        ("q=key%3D", token.clone(), "&a=1\n", "percent"),
        ("\"", every(&token, |letter| format!("\\u{letter:04x}")), "\"\n", "escape"),
        ("\"", every(&token, |letter| format!("\\u{{{letter:x}}}")), "\"\n", "escape"),
        ("\"", every(&token, |letter| format!("\\x{letter:02x}")), "\"\n", "escape"),
        ("\"", every(&token, |letter| format!("\\{letter:03o}")), "\"\n", "escape"),
        ("\"first\\n", token.clone(), "\\n\"\n", "escape"),
        ("\"{\\\"a\\\": \\\"first\\\\n", token.clone(), "\\\"}\"\n", "escape"),
        ("<b>", every(&token, |letter| format!("&#{letter};")), "</b>\n", "entity"),
        ("<b>", every(&token, |letter| format!("&#x{letter:x};")), "</b>\n", "entity"),
        ("key = \"", format!("{head}\" + \"{tail}"), "\"\n", "join"),
        ("$key = '", format!("{head}' . '{tail}"), "';\n", "join"),
        ("key = \"", format!("{head}\" \\\n  + \"{tail}"), "\"\n", "join"),
        ("key = \"", format!("{head}\\\n{tail}"), "\"\n", "join"),
        ("key = \"", format!("{head}\"\nkey += \"{tail}"), "\"\n", "join"),
        ("key = join(\"\", [\"", format!("{head}\", \"{tail}"), "\"])\n", "join"),
    ] {
        let text = format!("# first\n{before}{encoded}{behind}last\n");
        let expected = vec![("github-classic-token".to_owned(), encoded, Some(encoding.to_owned()))];
        let strip = |found: Vec<(String, String, Option<String>)>| -> Vec<_> {
            let plain = |text: String| text.trim_end_matches('=').trim_start_matches("0x").to_owned();
            found.into_iter().map(|(rule, place, how)| (rule, plain(place), how)).collect()
        };
        assert_eq!(strip(found("a.txt", &text)), strip(expected), "{text}");
    }
}

#[test]
fn adjacent_literals_are_one_in_python_and_two_in_a_shell() {
    let token = github("adjacent");
    let (head, tail) = token.split_at(20);
    let text = format!("key = (\n    \"{head}\"\n    \"{tail}\"\n)\n");
    assert_eq!(found("a.py", &text).len(), 1);
    assert_eq!(found("a.sh", &text), []);
}

#[test]
fn the_values_of_a_kubernetes_secret_are_read_under_their_keys() {
    let token = github("kubernetes");
    let data = |key: &str, value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\ntype: Opaque\ndata:\n  {key}: {value}\n"
        )
    };
    let rules =
        |path: &str, text: &str| found(path, text).into_iter().map(|(rule, ..)| rule).collect::<Vec<_>>();
    assert_eq!(rules("secret.yaml", &data("github", &base64(&token))), ["github-classic-token"]);
    let hidden = base64("hunter22!");
    let text = data("password", &hidden);
    let expected = ("generic-credential".to_owned(), hidden.clone(), Some("base64".to_owned()));
    assert_eq!(found("secret.yaml", &text), [expected]);
    assert_eq!(rules("secret.yaml", &data("color", &base64("dark blue"))), [""; 0]);
    let elsewhere = found("map.yaml", &text.replace("Secret", "ConfigMap"));
    assert!(elsewhere.iter().all(|(_, _, encoding)| encoding.is_none()), "{elsewhere:?}");
    let json = format!("{{\"kind\":\"Secret\",\"data\":{{\"password\":\"{hidden}\"}}}}");
    assert_eq!(rules("secret.json", &json), ["generic-credential"]);
}

#[test]
fn a_web_token_in_the_data_of_a_secret_is_found_with_its_life() {
    let claims = base64(r#"{"sub":"123","iss":"acme"}"#).trim_end_matches('=').to_owned();
    let jwt = token("jwt-token", &format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{{b64u:43}}"), "data");
    let encoded = base64(&jwt);
    let text = format!("apiVersion: v1\nkind: Secret\ndata:\n  session: {encoded}\n");
    let mut all = found("secret.yaml", &text);
    all.sort();
    let rules: Vec<_> = all.iter().map(|(rule, ..)| rule.as_str()).collect();
    assert_eq!(rules, ["jwt-never-expires", "jwt-token"]);
    assert!(
        all.iter().all(|(_, place, how)| *place == encoded && how.as_deref() == Some("base64")),
        "{all:?}"
    );
    let plain = found("a.txt", &format!("jwt = {jwt}\n"));
    assert!(plain.iter().all(|(_, place, how)| *place == jwt && how.is_none()), "{plain:?}");
    assert_eq!(plain.len(), 2);
}

#[test]
fn encoded_and_in_the_clear_a_secret_is_one_risk() {
    let token = github("risk");
    let print = |text: String| {
        scanned("a.txt", text.as_bytes()).0.iter().map(|one| one.fingerprint).collect::<Vec<_>>()
    };
    let plain = print(format!("key: {token}\n"));
    assert_eq!(plain.len(), 1);
    assert_eq!(print(format!("key: {}\n", base64(&token))), plain);
    assert_eq!(print(format!("key: {}\n", base64(base64(&token)))), plain);
    assert_eq!(print(format!("key: {}\n", every(&token, |letter| format!("%{letter:x}")))), plain);
}

#[test]
fn what_is_found_in_the_clear_is_not_found_again() {
    let token = github("again");
    for text in [
        format!("\"first\\n\\\"{token}\\\"\\n\""),
        format!("key=%41%42 {token} \\u0041 \"a\" + \"b\"\n"),
        format!("x = \"{token}\" + \"{}\"\n", base64("nothing of interest here")),
    ] {
        let all = found("a.txt", &text);
        assert_eq!(all, [("github-classic-token".to_owned(), token.clone(), None)], "{text}");
    }
}

#[test]
fn a_private_key_is_found_once_in_the_clear_and_once_in_base64() {
    let name = ["RSA", "PRIVATE", "KEY"].join(" ");
    let template = format!("-----BEGIN {name}-----\n{{der:1188}}\n-----END {name}-----\n");
    let pem = token("private-key-rsa", &template, "pem");
    let plain = found("key.pem", &pem);
    assert_eq!(plain.len(), 1, "{plain:?}");
    let encoded = base64(&pem);
    let all = found("secret.yaml", &format!("kind: Secret\ndata:\n  tls.key: {encoded}\n"));
    assert_eq!(all, [(plain[0].0.clone(), encoded, Some("base64".to_owned()))]);
}

#[test]
fn several_secrets_of_one_run_are_several_findings() {
    let (one, other) = (github("one"), github("other"));
    let encoded = base64(format!("A={one}\nB={other}\n"));
    assert_eq!(found("a.txt", &format!("env: {encoded}\n")).len(), 2);
}

#[test]
fn a_snippet_shows_neither_the_secret_nor_its_encoding() {
    let token = github("snippet");
    let encoded = base64(&token);
    let text = format!("a: {encoded} # was {token}x, {}\n", encoded.trim_end_matches('='));
    let (findings, _) = scanned("a.txt", text.as_bytes());
    assert!(!findings.is_empty());
    for finding in findings {
        let shown = finding.snippet.unwrap().text;
        for (text, part) in [(&token, 4..16), (&token, 24..36), (&encoded, 4..16), (&encoded, 20..32)] {
            let hidden = text.get(part).unwrap();
            assert!(!shown.contains(hidden), "{shown}");
        }
    }
}

#[test]
fn digests_and_pictures_give_no_layer() {
    let digest = |at: u32| base64(crate::text::hash::sha256(&at.to_be_bytes()).repeat(2));
    let mut text = String::new();
    for at in 0..2000 {
        let _ = writeln!(text, "    \"integrity\": \"sha512-{}\",", digest(at));
        let _ = writeln!(
            text,
            "    \"commit\": \"{}\",",
            crate::text::hash::hex(&crate::text::hash::sha256(&at.to_be_bytes()))
        );
    }
    let mut budget = Budget::default();
    let bottom = Layer::bottom(text.as_bytes());
    assert_eq!(layers(&bottom, Scene::of("package-lock.json", text.as_bytes()), &mut budget).len(), 0);
    assert!(budget.met.is_empty());
}

#[test]
fn every_limit_is_a_gap_with_its_name() {
    let token = github("limits");
    let gap = |text: &str| {
        let (_, gaps) = scanned("a.txt", text.as_bytes());
        gaps.into_iter().map(|gap| gap.detail).collect::<Vec<_>>().join("; ")
    };
    let nested = |times: usize| (0..times).fold(token.clone(), |text, _| base64(text));
    assert_eq!(found("a.txt", &format!("k: {}\n", nested(DEPTH))).len(), 1);
    assert!(gap(&format!("k: {}\n", nested(DEPTH + 1))).ends_with("limit of depth"));
}

#[test]
fn d11_what_unpacks_without_end_is_cut_at_a_named_limit() {
    let bomb = base64(packed(&"a ".repeat(UNPACKED / 2 + 1), 31));
    assert!(bomb.len() < 20_000);
    let text = format!("k: {bomb}\n").repeat(3);
    let mut budget = Budget { bytes: 2 * UNPACKED, ..Budget::default() };
    let bottom = Layer::bottom(text.as_bytes());
    assert_eq!(layers(&bottom, Scene::default(), &mut budget).len(), 1);
    let met: Vec<_> = budget.met.into_iter().collect();
    assert_eq!(met, ["bytes decoded", "bytes unpacked from one run"]);
}

#[test]
fn the_number_of_layers_is_bounded() {
    let mut budget = Budget { layers: 2, ..Budget::default() };
    assert!(budget.takes(1) && budget.takes(1) && !budget.takes(1));
    assert!(budget.met.contains("number of encoded parts"));
}

/// Its name, and how it writes a text; each keeps the one line it is put in.
type Codec = (&'static str, fn(&str) -> String);

const CODECS: [Codec; 8] = [
    ("base64", |text| base64(text)),
    ("base64", |text| base64(text).replace('+', "-").replace('/', "_").replace('=', "")),
    ("hex", |text| text.bytes().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))),
    ("base64 > gzip", |text| base64(packed(text, 31))),
    ("base64 > utf16", |text| base64(wide(text))),
    ("percent", |text| text.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"))),
    ("escape", |text| text.bytes().fold(String::new(), |text, byte| format!("{text}\\u{byte:04x}"))),
    ("entity", |text| text.bytes().fold(String::new(), |text, byte| format!("{text}&#{byte};"))),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_secret_is_found_through_every_chain_of_encodings_and_maps_back_to_its_run(
        seed: u32,
        chain in prop::collection::vec(0..CODECS.len(), 1..=DEPTH),
        before in "([a-z ,.;:#]{0,30}\n){0,3}[a-z ,.;:#]{0,30}",
        behind in "([ ,;:#][a-z ,.;:#\n]{0,60})?",
    ) {
        let token = github(&seed.to_string());
        let encoded = chain.iter().rev().fold(token, |text, codec| CODECS[*codec].1(&text));
        let how = chain.iter().map(|codec| CODECS[*codec].0).collect::<Vec<_>>().join(" > ");
        let text = format!("{before} {encoded}{behind}");
        let (findings, gaps) = scanned("a.txt", text.as_bytes());
        prop_assert_eq!(gaps, []);
        let places: Vec<_> = findings
            .iter()
            .map(|one| (one.rule.0.as_str(), one.location.span, one.encoding.as_deref()))
            .collect();
        let start = before.len() + 1;
        let span = Span::new(start, start + encoded.len());
        prop_assert_eq!(places, vec![("github-classic-token", span, Some(how.as_str()))], "{}", text);
    }

    #[test]
    fn a_run_is_found_at_every_offset(before in 0..80_usize, length in LEAST..120_usize, behind in 0..40_usize) {
        let text = format!("{}{}{}", " ".repeat(before), "k".repeat(length), ".".repeat(behind));
        let found = runs::next(text.as_bytes(), 0, LEAST);
        prop_assert_eq!(found, Some(Span::new(before, before + length)));
        prop_assert_eq!(runs::next(text.as_bytes(), before + length, LEAST), None);
    }

    #[test]
    fn runs_are_those_of_a_plain_search(text in "[a/-_ .]{0,200}", least in 1..30_usize) {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
        let mut plain = Vec::new();
        let mut start = 0;
        for part in text.as_bytes().split(|byte| !letter(*byte)) {
            if part.len() >= least {
                plain.push(Span::new(start, start + part.len()));
            }
            start += part.len() + 1;
        }
        let mut quick = Vec::new();
        while let Some(run) = runs::next(text.as_bytes(), quick.last().map_or(0, |last: &Span| last.end), least) {
            quick.push(run);
        }
        prop_assert_eq!(quick, plain);
    }

    #[test]
    fn no_bytes_panic_and_every_span_lies_inside(
        parts in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                "[A-Za-z0-9+/=_-]{0,60}".prop_map(String::into_bytes),
                "[\\\\%&\"'`uxn{}0-9a-f#; +.,\n=]{0,40}".prop_map(String::into_bytes),
                any::<u32>().prop_map(|seed| base64(format!("password: {seed} token={seed:x}")).into_bytes()),
                any::<u32>().prop_map(|seed| base64(packed(&github(&seed.to_string()), 31)).into_bytes()),
                Just(b"\nkind: Secret\ndata:\n  password: ".to_vec()),
                Just(b"join(\"\", [\"".to_vec()),
            ],
            0..12,
        ),
        kind in 0..3_usize,
    ) {
        let bytes = parts.concat();
        let (findings, _) = scanned(["a.txt", "a.yaml", "a.py"][kind], &bytes);
        for finding in findings.iter().filter(|one| one.encoding.is_some()) {
            let span = finding.location.span;
            prop_assert!(span.start < span.end && span.end <= bytes.len(), "{span:?} of {}", bytes.len());
        }
    }
}

#[test]
fn a_block_of_lines_is_read_once_whatever_it_stands_for() {
    let picture = to_base64(&crate::text::hash::sha256(b"picture").repeat(4000));
    let lines: Vec<&str> = picture.chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let mut budget = Budget::default();
    let text = lines.join("\n");
    assert_eq!(layers(&Layer::bottom(text.as_bytes()), Scene::default(), &mut budget).len(), 0);
}

#[test]
fn one_long_line_costs_no_more_than_many() {
    let text = format!("\"\\n{}\",", "x".repeat(20)).repeat(20_000);
    let mut budget = Budget::default();
    let layers = layers(&Layer::bottom(text.as_bytes()), Scene::default(), &mut budget);
    assert_eq!(layers.len(), 1);
}

#[test]
fn d9_a_character_nobody_sees_in_a_token_or_in_a_name_hides_nothing() {
    for hidden in ['\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{202e}', '\u{e0061}'] {
        let token = github("unseen");
        for at in 1..token.len() {
            let (start, end) = token.split_at(at);
            let text = format!("key: {start}{hidden}{end}\n");
            let rules: Vec<String> = found("app.yml", &text).into_iter().map(|one| one.0).collect();
            assert_eq!(rules, ["github-classic-token"], "{at} {hidden:?}");
        }
        let text = format!("db_pass{hidden}word = \"kE8!vq2Zt0Lm#x\"\n");
        let found = found("app.py", &text);
        assert_eq!(found.len(), 1, "{hidden:?}");
        assert_eq!((found[0].1.as_str(), found[0].2.as_deref()), ("kE8!vq2Zt0Lm#x", Some("invisible")));
    }
}

#[test]
fn what_is_written_in_a_mail_is_read_as_it_was_meant() {
    let token = github("mail");
    let (head, tail) = token.split_at(16);
    let filled = format!("so that nobody has to look it up again: > the new token is {head}");
    assert_eq!(filled.len(), 75);
    let text = format!(
        "Content-Transfer-Encoding: quoted-printable\n\n{filled}=\n{}, keep it safe.\nurl=3D{}\n",
        tail,
        github("url")
    );
    let rules: Vec<_> = found("note.eml", &text).into_iter().map(|one| (one.0, one.2)).collect();
    let expected = |how: Option<&str>| ("github-classic-token".to_owned(), how.map(str::to_owned));
    assert_eq!(rules, [expected(Some("quoted")), expected(Some("quoted"))]);
}
