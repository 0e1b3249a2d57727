//! Every token that is recognised by itself, in the places where people leave tokens.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test stops at the first surprise")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate::detect::{Scan, Setting, checksum, scan, trial};
use tollgate::finding::{Finding, Fingerprinter};
use tollgate::policy::example::{self, Check};
use tollgate::policy::rule::Rule;
use tollgate::policy::{Policies, load};
use tollgate::source::{Blob, Extent, Item, Source, SourceError};
use tollgate::text::span::Span;
use tollgate::text::time::Timestamp;

const NOW: Timestamp = Timestamp(1_795_219_200_000);

/// What stands around a token, which is `@`.
const CONTEXTS: [(&str, &str); 17] = [
    ("a setting", "KEY=@\n"),
    ("a setting before a comment", "export KEY=@ # of the team\n"),
    ("a JSON string", "{\n  \"key\": \"@\",\n  \"next\": 1\n}\n"),
    ("JSON in a JSON string", "{\"body\": \"{\\\"key\\\": \\\"@\\\"}\"}\n"),
    ("JSON on one line", "{\"a\":1,\"key\":\"@\"}"),
    ("YAML", "auth:\n  key: @\n  region: eu\n"),
    ("code", "let client = Client::new(\"@\");\n"),
    ("code in single quotes", "client = Client('@')\n"),
    ("a string that ends its line", "write(\"@\\n\");\n"),
    ("the query of a URL", "see https://acme.example/hook?key=@&page=2 for it\n"),
    ("a header", "curl -H 'Authorization: Bearer @' https://acme.example\n"),
    ("XML", "<settings><value>@</value></settings>\n"),
    ("Markdown", "Use `@` for now (or @) until then.\n"),
    ("a list", "one, @, two\n"),
    ("a statement", "set key @;\n"),
    ("CRLF", "first\r\n@\r\nlast\r\n"),
    ("the whole file", "@"),
];

/// Texts that are handed out as files.
struct Texts(Vec<(String, String)>);

impl Source for Texts {
    fn read(&self, _threads: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        for (path, text) in &self.0 {
            let bytes = text.clone().into_bytes();
            sink(Item::Blob(Blob { path: path.clone(), commit: None, change: None, bytes }));
        }
        Ok(Extent { full: true, ..Extent::default() })
    }
}

/// The secret of the first example of `rule`, where its pattern needs nothing around it.
fn token(rule: &Rule) -> Option<String> {
    let text = rule.text_rule()?;
    if text.near.is_some() || text.paths.is_some() || text.generic {
        return None;
    }
    let (_, template) = rule.text.examples.first()?.files().into_iter().next()?;
    let pattern = text.pattern.regex().unwrap();
    let check = text.checksum.as_ref().map(|syntax| Check { syntax, pattern });
    let filled = example::fill(template, &format!("context {}", rule.id), 0, check).unwrap();
    let secret = pattern.captures(&filled)?.name("secret")?.as_bytes();
    let alone = pattern.captures(secret)?.name("secret")?.as_bytes();
    let plain = alone == secret && !secret.iter().any(u8::is_ascii_whitespace);
    plain.then(|| String::from_utf8(secret.to_vec()).ok()).flatten()
}

fn tokens(policies: &Policies) -> Vec<(&Rule, String)> {
    policies.rules.iter().filter_map(|rule| Some((rule, token(rule)?))).collect()
}

fn scanned(policies: &Policies, texts: Vec<(String, String)>) -> Scan {
    let fingerprinter = Fingerprinter::default();
    let setting = Setting { policies, fingerprinter: &fingerprinter, now: NOW, threads: 1 };
    scan(&Texts(texts), setting).unwrap()
}

#[test]
fn a_token_is_found_whole_wherever_it_stands() {
    let policies = load::policies(&[]).unwrap();
    let tokens = tokens(&policies);
    assert!(tokens.len() >= 100, "only {} rules know a token by itself", tokens.len());
    let mut texts = Vec::new();
    for (rule, token) in &tokens {
        for (at, (_, context)) in CONTEXTS.iter().enumerate() {
            texts.push((format!("{}/{at}.txt", rule.id), context.replace('@', token)));
        }
    }
    let scan = scanned(&policies, texts);
    let mut missed = Vec::new();
    for (rule, token) in &tokens {
        for (at, (name, context)) in CONTEXTS.iter().enumerate() {
            let (path, text) = (format!("{}/{at}.txt", rule.id), context.replace('@', token));
            let here = scan.findings.iter().filter(|one| one.rule == rule.id && one.location.path == path);
            let found =
                here.filter(|one| text[one.location.span.start..one.location.span.end] == **token).count();
            if found != context.matches('@').count() {
                missed.push(format!("{} in {name}: {found}", rule.id));
            }
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

/// Where values stand that are written in other letters, which are `@`.
const ENCODED: [(&str, &str); 3] = [
    ("x.yaml", "auth:\n  key: @\n  region: eu\n"),
    ("x.json", "{\n  \"key\": \"@\",\n  \"next\": 1\n}\n"),
    ("x.env", "KEY=@\nnext\n"),
];

/// What is shorter is not taken for encoded text.
const ENCODED_BYTES: usize = 16;

/// `text` in base64 and in hex, each under the name of its decoding.
fn encodings(text: &str) -> [(&'static str, String); 2] {
    let hex = text.bytes().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    [("base64", STANDARD.encode(text)), ("hex", hex)]
}

#[test]
fn a_token_is_found_in_base64_and_in_hex_and_its_place_is_all_that_stands_for_it() {
    let policies = load::policies(&[]).unwrap();
    let mut tokens = tokens(&policies);
    tokens.retain(|(_, token)| token.len() >= ENCODED_BYTES);
    assert!(tokens.len() >= 100, "only {} tokens are long enough", tokens.len());
    let mut texts = Vec::new();
    let mut expected = Vec::new();
    for (rule, token) in &tokens {
        for (name, encoded) in encodings(token) {
            for (file, context) in ENCODED {
                let (path, text) = (format!("{}/{name}/{file}", rule.id), context.replace('@', &encoded));
                texts.push((path.clone(), text.clone()));
                expected.push((rule, name, path, text, encoded.trim_end_matches('=').to_owned()));
            }
        }
    }
    let scan = scanned(&policies, texts);
    let mut missed = Vec::new();
    for (rule, name, path, text, encoded) in expected {
        let here = scan.findings.iter().filter(|one| one.rule == rule.id && one.location.path == path);
        let place = |span: Span| text[span.start..span.end].trim_end_matches('=');
        let is_it =
            |one: &&Finding| one.encoding.as_deref() == Some(name) && place(one.location.span) == encoded;
        if here.filter(is_it).count() != 1 {
            missed.push(path);
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

/// An assignment in which the generic rule takes any random value for a secret.
const PASSWORD: &str = "db_password = \"@\"\n";

#[test]
fn a_token_with_a_changed_letter_is_found_by_no_rule_wherever_it_stands() {
    let policies = load::policies(&[]).unwrap();
    let mut texts = Vec::new();
    let mut exact = 0;
    for (rule, token) in tokens(&policies) {
        let check = rule.text_rule().and_then(|text| text.checksum.as_ref());
        exact += usize::from(check.is_some_and(checksum::is_exact));
        for (which, (_, mutant)) in trial::mutants(rule, token.as_bytes()).into_iter().enumerate() {
            let mutant = String::from_utf8(mutant).unwrap();
            for (at, context) in CONTEXTS.iter().map(|(_, context)| *context).chain([PASSWORD]).enumerate() {
                texts.push((format!("{}/{which}/{at}.txt", rule.id), context.replace('@', &mutant)));
            }
        }
    }
    assert!(exact >= 25, "only {exact} rules with check digits know a token by itself");
    assert!(texts.len() > 10 * exact * CONTEXTS.len(), "{} texts", texts.len());
    let scan = scanned(&policies, texts);
    let found: Vec<String> =
        scan.findings.iter().map(|one| format!("{}: {}", one.location.path, one.rule)).collect();
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));

    let control = example::fill("{alnum:40}", "control", 0, None).unwrap();
    let control = PASSWORD.replace('@', std::str::from_utf8(&control).unwrap());
    let scan = scanned(&policies, vec![("control.txt".to_owned(), control)]);
    assert_eq!(scan.findings.len(), 1, "the generic rule would have told of them");
}
