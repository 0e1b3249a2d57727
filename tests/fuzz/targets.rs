//! What is fed with changed inputs, and what must hold whatever they are.

use tollgate::credential;
use tollgate::detect::facts::{self, Seen};
use tollgate::detect::{self, Setting, checksum};
use tollgate::exception::BaselineDocument;
use tollgate::exception::document::Document;
use tollgate::finding::Fingerprinter;
use tollgate::ledger::Proof;
use tollgate::ledger::checkpoint::Checkpoint;
use tollgate::ledger::record::Record;
use tollgate::manifest::{self, Keep};
use tollgate::policy::{Policies, PolicyFile, load};
use tollgate::report::{live, saved};
use tollgate::signing::signers::Signers;
use tollgate::signing::{Key, KeyFile, Note, NoteKey, Signature};
use tollgate::source::{Blob, Extent, Item, Limits, Source, SourceError, Stdin};
use tollgate::text::encoding;
use tollgate::text::json::{read_strict, write_canonical};
use tollgate::text::proof::Outcome;
use tollgate::text::{digits, safe, tree};

use crate::mutate::{Random, mutated};
use crate::{NOW, seeds};

/// What every target may use.
pub struct World {
    policies: Policies,
    fingerprinter: Fingerprinter,
}

/// An input, and the path it stands at.
pub type Named = (String, Vec<u8>);

/// One thing that is fed.
pub struct Target {
    pub name: &'static str,
    /// Inputs to start from.
    pub seeds: fn(&World) -> Vec<Named>,
    /// Panics when something does not hold.
    pub feed: fn(&World, &mut Random, path: &str, input: &[u8]),
}

pub const TARGETS: [Target; 11] = [
    Target { name: "scanner", seeds: scanned, feed: scanner },
    Target { name: "decoders", seeds: scanned, feed: decoders },
    Target { name: "layers", seeds: layers, feed: scanner },
    Target { name: "archives", seeds: |_| seeds::archives(), feed: archives },
    Target { name: "checksum", seeds: scanned, feed: check_digits },
    Target { name: "manifests", seeds: |_| seeds::manifests(), feed: manifests },
    Target { name: "credentials", seeds: tokens, feed: credentials },
    Target { name: "documents", seeds: documents, feed: document_parsers },
    Target { name: "policies", seeds: |_| seeds::files("policies"), feed: policies },
    Target { name: "signatures", seeds: |_| unnamed(seeds::signed()), feed: signatures },
    Target { name: "seals", seeds: |_| unnamed(seeds::sealed()), feed: seals },
];

impl World {
    pub fn new() -> Self {
        Self { policies: load::policies(&[]).unwrap(), fingerprinter: Fingerprinter::default() }
    }
}

/// One input of `target`, changed as `random` has it.
pub fn once(target: &Target, seeds: &[(String, Vec<u8>)], world: &World, random: &mut Random) {
    let (path, _) = random.pick(seeds).clone();
    let same: Vec<Vec<u8>> =
        seeds.iter().filter(|(other, _)| *other == path).map(|(_, input)| input.clone()).collect();
    let input = mutated(random, &same);
    (target.feed)(world, random, &path, &input);
}

fn unnamed(inputs: Vec<Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    inputs.into_iter().map(|input| ("input".to_owned(), input)).collect()
}

fn scanned(world: &World) -> Vec<(String, Vec<u8>)> {
    seeds::examples(&world.policies)
}

/// The same, hidden in one or two encodings.
fn layers(world: &World) -> Vec<Named> {
    use base64::Engine as _;
    let base64 = |text: &[u8]| base64::engine::general_purpose::STANDARD.encode(text).into_bytes();
    let hex =
        |text: &[u8]| text.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect::<Vec<_>>();
    let wide = |text: &[u8]| text.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<_>>();
    let hidden = |text: &[u8], how: usize| match how % 5 {
        0 => base64(text),
        1 => hex(text),
        2 => base64(&seeds::gzip(text)),
        3 => base64(&wide(text)),
        _ => base64(&base64(text)),
    };
    let named =
        |(at, (path, text)): (usize, Named)| (path, [b"x: ", hidden(&text, at).as_slice(), b"\n"].concat());
    scanned(world).into_iter().enumerate().map(named).collect()
}

/// An archive as a file, read as every source reads one: in bounded memory, and no path of it leads out.
fn archives(world: &World, _: &mut Random, path: &str, input: &[u8]) {
    let setting =
        Setting { policies: &world.policies, fingerprinter: &world.fingerprinter, now: NOW, threads: 1 };
    let source = Stdin::new(path, input, Limits::default());
    let seen = detect::scan(&source, setting).unwrap();
    assert!(seen.bytes <= 1 << 30, "{} bytes", seen.bytes);
    for finding in &seen.findings {
        assert!(finding.location.path.starts_with(path), "{}", finding.location.path);
    }
}

struct One(Blob);

impl Source for One {
    fn read(&self, _: usize, sink: &(dyn Fn(Item) + Sync)) -> Result<Extent, SourceError> {
        sink(Item::Blob(self.0.clone()));
        Ok(Extent::default())
    }
}

/// Findings lie inside the text, never show a whole secret, and are the same twice.
fn scanner(world: &World, random: &mut Random, path: &str, input: &[u8]) {
    let text = encoding::to_scan(input).into_owned();
    let setting =
        Setting { policies: &world.policies, fingerprinter: &world.fingerprinter, now: NOW, threads: 1 };
    let source = One(Blob { path: path.to_owned(), commit: None, change: None, bytes: input.to_vec() });
    let seen = detect::scan(&source, setting).unwrap();
    for finding in &seen.findings {
        let span = finding.location.span;
        assert!(span.start <= span.end && span.end <= text.len(), "{} at {span:?}", finding.rule);
        assert!(finding.location.start <= finding.location.end);
        let secret = String::from_utf8_lossy(&text[span.start..span.end]).into_owned();
        let shown = format!("{:?}", finding.snippet);
        let is_secret = world.policies.rule(&finding.rule.0).is_some_and(|rule| rule.text_rule().is_some());
        assert!(!is_secret || secret.len() < 12 || !shown.contains(&secret), "{} shows it", finding.rule);
    }
    if random.below(8) == 0 {
        assert_eq!(detect::scan(&source, setting).unwrap().findings, seen.findings);
        detect::judge(&seen, setting).unwrap();
    }
}

/// Whatever makes other bytes of bytes.
fn decoders(world: &World, random: &mut Random, _: &str, input: &[u8]) {
    let text = encoding::to_scan(input);
    assert!(text.len() <= input.len().saturating_mul(3).max(16));
    let base64 = digits::from_base64(input);
    assert!(base64.is_none_or(|bytes| bytes.len() <= input.len()));
    digits::from_base32(input);
    let seen = Seen { secret: input, around: input };
    for rule in world.policies.rules.iter().filter_map(|rule| rule.text_rule()) {
        rule.facts.iter().for_each(|decoder| drop(facts::read(decoder, seen)));
    }
    let lossy = String::from_utf8_lossy(input);
    for made in [safe::terminal(&lossy), safe::line(&lossy), safe::log_line(&lossy), safe::csv(&lossy)] {
        assert!(!made.contains('\x1b'), "an escape sequence reached a terminal");
    }
    let (html, markdown, xml) = (safe::html(&lossy), safe::markdown(&lossy), safe::xml(&lossy));
    assert!(!html.contains('<') && !xml.contains('<'), "{markdown}");
    assert!(safe::cut(&lossy, random.below(80)).chars().count() <= 80);
}

/// Every check of every rule over any groups.
fn check_digits(world: &World, random: &mut Random, _: &str, input: &[u8]) {
    let checked = world.policies.rules.iter().filter_map(|rule| rule.text_rule());
    let cut = random.below(input.len() + 1);
    let (body, against) = input.split_at(cut);
    for text in checked {
        let Some(check) = &text.checksum else { continue };
        let group = |name: &str| match name {
            _ if check.against.as_deref() == Some(name) => Some(against),
            "nothing" => None,
            _ => Some(body),
        };
        checksum::judge(check, group);
        checksum::judge(check, |_| None);
        let Some(construction) = check.construction() else { continue };
        let width = random.below(70);
        for digits in construction.digits(&check.terms(), body, width) {
            assert_eq!(digits.len(), width);
            let outcome = construction.judge(&check.terms(), body, Some(&digits));
            assert_eq!(outcome, Outcome::Holds, "{check:?} refuses its own digits");
        }
    }
}

/// Every dialect, at its own paths and at those of the others.
fn manifests(world: &World, random: &mut Random, path: &str, input: &[u8]) {
    let others =
        ["a.yaml", ".mcp.json", ".claude/settings.json", "CLAUDE.md", "x.toml", "claude_desktop_config.json"];
    let path = if random.below(4) == 0 { random.pick(&others) } else { path };
    let reading = manifest::read(path, None, input, Keep::Documents);
    for identity in &reading.identities {
        for place in &identity.places {
            assert!(place.span.start <= place.span.end && place.span.end <= input.len(), "{place:?}");
        }
    }
    for read in [tree::read_json, tree::read_yaml, tree::read_toml] {
        let parsed = read(input);
        assert!(parsed.documents.iter().all(|node| node.span.end <= input.len()));
    }
    if random.below(4) == 0 {
        scanner(world, random, path, input);
    }
}

fn tokens(world: &World) -> Vec<(String, Vec<u8>)> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut found = scanned(world);
    for (_, cases) in seeds::files("tests/credentials") {
        let cases: toml::Table = toml::from_str(&String::from_utf8(cases).unwrap()).unwrap();
        for case in cases["case"].as_array().unwrap() {
            let part = |name: &str| URL_SAFE_NO_PAD.encode(case[name].as_str().unwrap());
            let text = format!("TOKEN={}.{}.c2lnbmF0dXJl\n", part("header"), part("claims"));
            found.extend(std::iter::repeat_n(("token.txt".to_owned(), text.into_bytes()), 20));
        }
    }
    found
}

/// Every form of credential.
fn credentials(_: &World, _: &mut Random, path: &str, input: &[u8]) {
    let read = credential::read(path, input, NOW);
    assert!(read.is_empty() || credential::possible(input), "a credential where none is possible");
    for credential in read {
        let span = credential.place.span;
        assert!(span.start <= span.end && span.end <= input.len(), "{span:?}");
    }
}

fn documents(_: &World) -> Vec<(String, Vec<u8>)> {
    let checkpoint = format!("acme.example/payments/2026\n118\n{}=\n", "A".repeat(43));
    let report = report();
    let documents = vec![seeds::document(), seeds::baseline(), seeds::sarif()];
    unnamed([seeds::records(), documents, vec![checkpoint.into_bytes(), report]].concat())
}

/// A report as `check` writes it.
pub fn report() -> Vec<u8> {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reports/json.snap")).unwrap();
    text.as_bytes()[text.find("\n{").unwrap_or_default()..].to_vec()
}

/// Everything that is signed, recorded or read back: what parses is written again as it was.
fn document_parsers(_: &World, _: &mut Random, _: &str, input: &[u8]) {
    if let Ok(document) = Document::parse(input) {
        let encoded = document.encode().unwrap();
        assert_eq!(Document::parse(&encoded).unwrap(), document);
    }
    if let Ok(baseline) = BaselineDocument::parse(input) {
        let encoded = baseline.encode().unwrap();
        assert_eq!(BaselineDocument::parse(&encoded).unwrap(), baseline);
    }
    if let Ok(report) = live::read(input) {
        assert!(report.found.iter().all(|found| found.rule.len() <= 100 && found.rule.is_ascii()));
    }
    if let Ok(record) = Record::parse(input) {
        assert_eq!(record.bytes(), input);
        record.computed_rid();
        let _ = record.check_lineage("acme.example/ledger/2026");
    }
    if let Ok(value) = read_strict(input) {
        let canonical = write_canonical(&value);
        assert_eq!(write_canonical(&read_strict(&canonical).unwrap()), canonical);
    }
    if let Some(checkpoint) = str::from_utf8(input).ok().and_then(|text| Checkpoint::parse(text).ok()) {
        assert_eq!(checkpoint.text().as_bytes(), input);
    }
    let _ = saved::read(input);
    let _ = saved::outcome(input);
}

/// A rule file, and the same text as the policy.
fn policies(world: &World, random: &mut Random, _: &str, input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let path = *random.pick(&[".tollgate/rules/fuzz.yml", ".tollgate/policy.yml"]);
    match load::policies(&[PolicyFile { path: path.to_owned(), text }]) {
        Ok(policies) => {
            for rule in policies.rules.iter().filter(|rule| rule.origin.starts_with(".tollgate")) {
                tollgate::policy::lint::problems(rule).len();
                for example in &rule.text.examples {
                    let bytes = example.files().iter().flat_map(|(_, text)| text.bytes()).collect();
                    let source = One(Blob { path: "a.txt".to_owned(), commit: None, change: None, bytes });
                    let fingerprinter = &world.fingerprinter;
                    let setting = Setting { policies: &policies, fingerprinter, now: NOW, threads: 1 };
                    let _ = detect::scan(&source, setting);
                }
            }
        }
        Err(error) => assert!(!error.message.is_empty()),
    }
}

/// Keys, signatures and signers.
fn signatures(_: &World, _: &mut Random, _: &str, input: &[u8]) {
    if let Ok(signature) = Signature::parse(input) {
        assert!(signature.verify("tollgate-exception", b"another message").is_err());
    }
    let _ = Signature::from_blob(input);
    let _ = Key::from_blob(input);
    let _ = KeyFile::parse(input, "key");
    if let Ok(signers) = Signers::parse(("signers", input), None) {
        // Comments are left out, so lines have other numbers.
        let encoded = signers.encode();
        let again = Signers::parse(("signers", encoded.as_bytes()), None).unwrap();
        assert_eq!((again.all().len(), again.encode()), (signers.all().len(), encoded));
    }
}

/// What was signed or proven once holds for no other text, and what parses is written again byte for byte.
fn seals(_: &World, _: &mut Random, _: &str, input: &[u8]) {
    let known = seeds::sealed();
    if let Ok(note) = Note::parse(input) {
        assert_eq!(note.to_string().as_bytes(), input);
        let believed = note.verify(&seeds::seal_key()).is_ok_and(|signed| signed.is_some());
        assert!(!believed || known.contains(&input.to_vec()) || note.text() == seeds::checkpoint().text());
    }
    if let Ok(proof) = Proof::parse(input) {
        assert_eq!(proof.to_string().as_bytes(), input);
        let holds = proof.verify().is_ok() && proof.seal.checkpoint == seeds::checkpoint();
        assert!(!holds || proof.record == seeds::records()[0]);
    }
    let text = String::from_utf8_lossy(input);
    if let Ok(key) = NoteKey::parse(&text) {
        assert_eq!(key.to_string(), text);
    }
}
