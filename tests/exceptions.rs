//! Exceptions from files to rulings, with keys and signatures of the real OpenSSH.
//!
//! Tests that begin with a letter and a number are rows of the threat model.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests may fall over and write files where they like"
)]

#[path = "exceptions/people.rs"]
mod people;

use std::collections::BTreeMap;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use people::*;
use tollgate::decide::{self, Gaps, Verdict};
use tollgate::exception::verified::signature_digest;
use tollgate::exception::{Clock, Context, Exceptions, Seen, decision_time};
use tollgate::finding::{Confidence, Enforcement, Fingerprint, RuleId, Severity};
use tollgate::pipeline::Stage;
use tollgate::policy::limits::ExceptionLimits;
use tollgate::signing::{Agent, KeyFile, Signature, Signers};

/// One approver, one document for a high finding, signed.
struct Simple {
    scene: Scene,
    key: std::path::PathBuf,
    signers: Signers,
    bytes: Vec<u8>,
    armour: Vec<u8>,
}

fn simple() -> Simple {
    let mut scene = Scene::new();
    let key = scene.add("dana", "dana", "human", BOTH, "");
    let signers = scene.signers();
    let bytes = document(Severity::High).encode().unwrap();
    let armour = our_sign(&key, PLAIN, &bytes);
    Simple { scene, key, signers, bytes, armour }
}

fn high(files: &[File], signers: &Signers, context: &Context) -> String {
    fate(&rule_on(finding(Severity::High), files, signers, context))
}

#[test]
fn a_document_signed_by_plain_ssh_keygen_lets_its_finding_through() {
    let Simple { scene: _scene, key, signers, bytes, .. } = simple();
    let armour = stock_sign(&key, PLAIN, &bytes);
    let stock_name = format!(".tollgate/exceptions/{ID}.json.sig");
    let mut files = files(&bytes, &[]);
    files.push((stock_name, armour));
    let ruling = rule_on(finding(Severity::High), &files, &signers, &context(&signers));
    assert_eq!(fate(&ruling), "except");
    assert_eq!(ruling.verdict, Verdict::Excepted);
    let permit = ruling.decisions[0].permit.clone().unwrap();
    assert_eq!(
        (permit.exception.as_str(), permit.approvers.as_slice()),
        (ID, ["dana".to_owned()].as_slice())
    );
    assert_eq!((permit.code.as_str(), permit.self_approved), ("accepted_risk", false));
}

#[test]
fn our_signature_verifies_with_plain_ssh_keygen() {
    for kind in ["ed25519", "ecdsa"] {
        let mut scene = Scene::new();
        let key = scene.keygen("dana", kind, "");
        scene.list("dana", &key, BOTH, ",valid-after=\"20200101Z\"");
        let armour = String::from_utf8(our_sign(&key, PLAIN, b"bytes")).unwrap();
        assert!(stock_verify(&scene, "dana@acme.example", PLAIN, &armour, b"bytes"), "{kind}");
        assert!(!stock_verify(&scene, "dana@acme.example", PLAIN, &armour, b"other"), "{kind}");
        assert!(!stock_verify(&scene, "dana@acme.example", "git", &armour, b"bytes"), "{kind}");
    }
}

#[test]
fn a_key_in_the_agent_signs_as_a_key_file_does() {
    let mut scene = Scene::new();
    let agent = TestAgent::start(&scene);
    for (name, kind) in [("dana", "ed25519"), ("lee", "ecdsa"), ("old", "rsa")] {
        let path = scene.keygen(name, kind, "");
        agent.load(&path);
        if kind != "rsa" {
            scene.list(name, &path, BOTH, "");
        }
    }
    let bytes = document(Severity::High).encode().unwrap();
    let mut client = Agent::connect(&agent.socket).unwrap();
    let offers = client.offers().unwrap();
    let comments: Vec<&str> = offers.iter().map(|offer| offer.comment.as_str()).collect();
    assert_eq!(comments, ["dana", "lee"], "an RSA key is no use here");
    let signers = scene.signers();
    for offer in offers {
        let signature = client.sign(&offer.key, PLAIN, &bytes).unwrap();
        let files = files(&bytes, &[signature.armour().into_bytes()]);
        assert_eq!(high(&files, &signers, &context(&signers)), "except", "{}", offer.comment);
        let principal = format!("{}@acme.example", offer.comment);
        assert!(stock_verify(&scene, &principal, PLAIN, &signature.armour(), &bytes));
    }
    let stranger = scene.keygen("stranger", "ed25519", "");
    let key = KeyFile::parse(&fs::read(stranger).unwrap(), "stranger").unwrap();
    let error = client.sign(key.key(), PLAIN, b"x").unwrap_err();
    assert!(error.to_string().contains("refuses") && error.help().contains("ssh-add"), "{error}");
}

#[test]
fn a_key_with_a_passphrase_is_an_error_that_names_the_agent() {
    let scene = Scene::new();
    let path = scene.keygen("id", "ed25519", "secret words");
    let error = KeyFile::parse(&fs::read(&path).unwrap(), "id").unwrap_err();
    assert_eq!(error.to_string(), "`id` cannot be used to sign: it is protected by a passphrase");
    assert!(error.help().contains("ssh-add id"), "{}", error.help());
    let public = KeyFile::parse(&fs::read(path.with_extension("pub")).unwrap(), "id.pub").unwrap_err();
    assert!(public.to_string().contains("public key"), "{public}");
    let rsa = scene.keygen("rsa", "rsa", "");
    let error = KeyFile::parse(&fs::read(rsa).unwrap(), "rsa").unwrap_err();
    assert!(error.to_string().contains("ssh-rsa"), "{error}");
}

#[test]
fn an_rsa_signature_is_refused_with_the_reason() {
    let mut scene = Scene::new();
    scene.add("dana", "dana", "human", BOTH, "");
    let rsa = scene.keygen("rsa", "rsa", "");
    let signers = scene.signers();
    let bytes = document(Severity::High).encode().unwrap();
    let files = files(&bytes, &[stock_sign(&rsa, PLAIN, &bytes)]);
    let ruling = rule_on(finding(Severity::High), &files, &signers, &context(&signers));
    assert_eq!(fate(&ruling), "bad_signature");
    assert!(ruling.refused[0].reason.contains("rsa"), "{}", ruling.refused[0].reason);
}

#[test]
fn a2_a_key_that_only_the_head_lists_signs_nothing() {
    let Simple { mut scene, signers, bytes, .. } = simple();
    let planted = scene.add("mallory", "mallory", "human", BOTH, "");
    assert_eq!(scene.signers().all().len(), 2, "the head lists it");
    let files = files(&bytes, &[our_sign(&planted, PLAIN, &bytes)]);
    let ruling = rule_on(finding(Severity::High), &files, &signers, &context(&signers));
    assert_eq!((fate(&ruling).as_str(), ruling.verdict), ("unknown_signer", Verdict::Blocked));
    assert_eq!(ruling.refused[0].exception, ID);
}

#[test]
fn b1_no_bit_of_the_document_is_free() {
    let Simple { signers, bytes, armour, .. } = simple();
    let context = context(&signers);
    assert_eq!(high(&files(&bytes, std::slice::from_ref(&armour)), &signers, &context), "except");
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(
            high(&files(&flipped, std::slice::from_ref(&armour)), &signers, &context),
            "except",
            "bit {bit}"
        );
    }
}

#[test]
fn b1_no_bit_of_the_signature_is_free() {
    for kind in ["ed25519", "ecdsa"] {
        let mut scene = Scene::new();
        let key = scene.keygen("dana", kind, "");
        scene.list("dana", &key, BOTH, "");
        let signers = scene.signers();
        let bytes = document(Severity::High).encode().unwrap();
        let blob = Signature::parse(&stock_sign(&key, PLAIN, &bytes)).unwrap().blob();
        let context = context(&signers);
        let fate = |blob: &[u8]| high(&files(&bytes, &[armoured(blob)]), &signers, &context);
        assert_eq!(fate(&blob), "except");
        for bit in 0..blob.len() * 8 {
            let mut flipped = blob.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(fate(&flipped), "except", "{kind} bit {bit}");
        }
    }
}

/// Armour around any bytes, with lines of 70 as `ssh-keygen` writes them.
fn armoured(blob: &[u8]) -> Vec<u8> {
    let digits = STANDARD.encode(blob);
    let lines: Vec<&str> =
        digits.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n")).into_bytes()
}

#[test]
fn b1_a_document_without_a_signature_or_with_that_of_another_is_refused() {
    let Simple { scene: _scene, key, signers, bytes, .. } = simple();
    let context = context(&signers);
    assert_eq!(high(&files(&bytes, &[]), &signers, &context), "bad_signature");
    let other = our_sign(&key, PLAIN, b"something else");
    assert_eq!(high(&files(&bytes, &[other]), &signers, &context), "bad_signature");
    assert_eq!(high(&files(&bytes, &[b"not a signature".to_vec()]), &signers, &context), "bad_signature");
}

#[test]
fn b2_whoever_had_a_hand_in_the_change_cannot_approve_for_it() {
    let mut scene = Scene::new();
    let key = scene.add("dana", "dana", "human", BOTH, "");
    scene.add("dana-laptop", "dana", "human", "git", "");
    scene.add("lee", "lee", "human", BOTH, "");
    let signers = scene.signers();
    let bytes = document(Severity::High).encode().unwrap();
    let files = files(&bytes, &[our_sign(&key, PLAIN, &bytes)]);
    let with = |names: &[&str]| {
        let mut context = context(&signers);
        for name in names {
            context.authors.add_name(name);
        }
        high(&files, &signers, &context)
    };
    for names in [
        ["dana"].as_slice(),
        &["Dana"],
        &["dana@acme.example"],
        &["DANA@acme.example"],
        &["dana@home.example"],
        &["7+dana@users.noreply.github.com"],
        &["dana-laptop@acme.example"],
        &["lee", "kim", "dana"],
    ] {
        assert_eq!(with(names), "self_approval", "{names:?}");
    }
    for names in [[].as_slice(), &["lee"], &["lee@acme.example", "kim", ""], &["mallory"], &["danae"]] {
        assert_eq!(with(names), "except", "{names:?}");
    }
    let laptop = signers.all().iter().find(|signer| signer.principal.starts_with("dana-laptop")).unwrap();
    let mut by_key = context(&signers);
    by_key.authors.add_key(laptop.key.clone());
    assert_eq!(high(&files, &signers, &by_key), "self_approval", "a commit signed with a second key");
}

#[test]
fn b2_a_forged_author_line_never_admits_anyone() {
    let Simple { signers, bytes, armour, .. } = simple();
    let files = files(&bytes, &[armour]);
    let mut context = context(&signers);
    context.authors.add_name("dana");
    for forged in ["lee@acme.example", "Dana Doe <dana@acme.example>", "nobody", "*"] {
        context.authors.add_name(forged);
        assert_eq!(high(&files, &signers, &context), "self_approval", "{forged}");
    }
}

#[test]
fn b3_one_person_with_two_keys_counts_once() {
    let mut scene = Scene::new();
    let keys = [("dana", "dana"), ("dana2", "Dana"), ("lee", "lee")]
        .map(|(name, person)| scene.add(name, person, "human", BOTH, ""));
    let signers = scene.signers();
    let mut limits = ExceptionLimits::default();
    limits.tiers.high.quorum = 2;
    let bytes = document(Severity::High).encode().unwrap();
    for (signing, expected) in
        [(vec![0, 1], Verdict::Blocked), (vec![0, 0], Verdict::Blocked), (vec![1, 2], Verdict::Excepted)]
    {
        let armour: Vec<_> = signing.iter().map(|at| our_sign(&keys[*at], PLAIN, &bytes)).collect();
        let exceptions = Exceptions::verify(&files(&bytes, &armour), &signers, &BTreeMap::new(), now());
        let found = vec![finding(Severity::High)];
        let ruling = decide::decide(found, &exceptions, &context(&signers), &limits, Gaps::None, now());
        assert_eq!(ruling.verdict, expected, "{signing:?}");
        if expected == Verdict::Blocked {
            assert_eq!(fate(&ruling), "quorum");
            assert!(ruling.decisions[0].refused[0].reason.starts_with("1 of 2 persons"));
        }
    }
}

#[test]
fn b4_an_agent_or_a_bot_never_approves() {
    let mut scene = Scene::new();
    let human = scene.add("dana", "dana", "human", BOTH, "");
    let machines = ["agent", "bot"].map(|class| scene.add(class, class, class, BOTH, ""));
    let signers = scene.signers();
    let context = context(&signers);
    let bytes = document(Severity::High).encode().unwrap();
    for machine in &machines {
        let one = files(&bytes, &[our_sign(machine, PLAIN, &bytes)]);
        assert_eq!(high(&one, &signers, &context), "agent_approver");
    }
    let all = [&human, &machines[0], &machines[1]].map(|key| our_sign(key, PLAIN, &bytes));
    assert_eq!(high(&files(&bytes, &all), &signers, &context), "except");
    let mut limits = ExceptionLimits::default();
    limits.tiers.high.quorum = 2;
    let exceptions = Exceptions::verify(&files(&bytes, &all), &signers, &BTreeMap::new(), now());
    let ruling =
        decide::decide(vec![finding(Severity::High)], &exceptions, &context, &limits, Gaps::None, now());
    assert_eq!(fate(&ruling), "quorum", "three signatures, one person");
}

/// Moves a run somewhere else.
type Move = fn(&mut Context);

#[test]
fn b5_an_exception_holds_in_its_own_place_only() {
    let Simple { scene: _scene, key, signers, .. } = simple();
    let mut written = document(Severity::High);
    written.scope.commits = serde_json::from_str(&format!("\"exact {}\"", "c".repeat(40))).unwrap();
    let bytes = written.encode().unwrap();
    let files = files(&bytes, &[our_sign(&key, PLAIN, &bytes)]);
    let moves: [(&str, Move); 10] = [
        ("scope_ledger", |context| context.ledger = "acme.example/other".to_owned()),
        ("scope_repo", |context| context.repo_host = "gitlab.com".to_owned()),
        ("scope_repo", |context| context.repo_id = "4712".to_owned()),
        ("scope_pipeline", |context| context.pipeline = "pay-web".to_owned()),
        ("scope_environment", |context| context.environment = Some("prod-eu".to_owned())),
        ("scope_environment", |context| context.environment = None),
        ("scope_base_branch", |context| context.base_branch = Some("release".to_owned())),
        ("scope_base_branch", |context| context.base_branch = None),
        ("scope_commit", |context| context.commit = "d".repeat(40)),
        ("revoked", |context| context.revoked = [ID.to_owned()].into()),
    ];
    assert_eq!(high(&files, &signers, &context(&signers)), "except");
    for (code, change) in moves {
        let mut context = context(&signers);
        change(&mut context);
        assert_eq!(high(&files, &signers, &context), code);
    }
    let mut merge = context(&signers);
    (merge.stage, merge.environment) = (Stage::Merge, None);
    assert_eq!(high(&files, &signers, &merge), "except", "a merge deploys to no environment");
}

#[test]
fn b6_another_value_at_the_same_place_is_another_finding() {
    let Simple { signers, bytes, armour, .. } = simple();
    let files = files(&bytes, &[armour]);
    let context = context(&signers);
    let mut swapped = finding(Severity::High);
    swapped.fingerprint = Fingerprint([8; 16]);
    assert_eq!(fate(&rule_on(swapped, &files, &signers, &context)), "fingerprint");
    let mut moved = finding(Severity::High);
    moved.location.path = "elsewhere.env".to_owned();
    assert_eq!(fate(&rule_on(moved, &files, &signers, &context)), "except");
    let mut renamed = finding(Severity::High);
    renamed.rule = RuleId("other-rule".to_owned());
    assert_eq!(fate(&rule_on(renamed, &files, &signers, &context)), "rule_mismatch");
}

/// The fate of a document whose text was changed before it was signed.
fn altered(scene: &Simple, change: impl Fn(&str) -> String) -> String {
    let text = String::from_utf8(scene.bytes.clone()).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text, "the change must change something");
    let armour = our_sign(&scene.key, PLAIN, changed.as_bytes());
    high(&files(changed.as_bytes(), &[armour]), &scene.signers, &context(&scene.signers))
}

#[test]
fn b7_no_document_reaches_further_than_it_names() {
    let scene = simple();
    let swap = |from: &str, to: &str| altered(&scene, |text| text.replace(from, to));
    for (from, to) in [
        ("\"pay-api\"", "\"*\""),
        ("\"pay-api\"", "\"pay-*\""),
        ("\"prod\"", "\"pro?\""),
        ("\"aws-access-key\"", "\"*\""),
        ("\"aws-access-key\"", "\"\""),
        ("\"4711\"", "\"*\""),
        ("\"main\"", "\"*\""),
        ("\"acme.example/payments\"", "\"acme.example/*\""),
        ("\"07070707070707070707070707070707\"", "\"*\""),
        ("\"07070707070707070707070707070707\"", "\"0707\""),
        ("\n      \"pay-api\"\n    ", ""),
        ("\n      \"prod\"\n    ", ""),
        ("\"until_fixed\"", "\"exact *\""),
        ("\"prod\"", "\"prod\", \"prod\""),
    ] {
        assert_eq!(swap(from, to), "malformed", "{from} to {to}");
    }
    for (count, expected) in [(1, "except"), (50, "except"), (51, "malformed"), (0, "malformed")] {
        let mut many = document(Severity::High);
        let first = many.findings[0].clone();
        many.findings = (0..count)
            .map(|at| {
                let mut named = first.clone();
                named.fp = Fingerprint(if at == 0 { [7; 16] } else { [at; 16].map(|byte| byte + 100) });
                named
            })
            .collect();
        let bytes = serde_json::to_vec(&many).unwrap();
        let files = files(&bytes, &[our_sign(&scene.key, PLAIN, &bytes)]);
        assert_eq!(high(&files, &scene.signers, &context(&scene.signers)), expected, "{count}");
    }
}

#[test]
fn b8_an_exception_ends_at_its_last_instant() {
    let Simple { signers, bytes, armour, .. } = simple();
    let context = context(&signers);
    for (instant, expected) in [
        ("2026-11-19T23:59:59.999Z", "not_yet_valid"),
        ("2026-11-20T00:00:00Z", "except"),
        ("2026-11-26T23:59:59.999Z", "except"),
        ("2026-11-27T00:00:00Z", "expired"),
        ("2031-01-01T00:00:00Z", "expired"),
    ] {
        let exceptions = Exceptions::verify(
            &files(&bytes, std::slice::from_ref(&armour)),
            &signers,
            &BTreeMap::new(),
            at(instant),
        );
        let found = vec![finding(Severity::High)];
        let limits = ExceptionLimits::default();
        let ruling = decide::decide(found, &exceptions, &context, &limits, Gaps::None, at(instant));
        assert_eq!(fate(&ruling), expected, "{instant}");
    }
}

#[test]
fn b8_a_clock_set_back_keeps_nothing_alive() {
    let Simple { scene: _scene, key, signers, .. } = simple();
    let bytes = document(Severity::Critical).encode().unwrap();
    let files = files(&bytes, &[our_sign(&key, CRITICAL, &bytes)]);
    let (inside, after) = ("2026-11-22T00:00:00Z", "2026-12-01T00:00:00Z");
    for (local, backend, severity, expected) in [
        (inside, Some(inside), Severity::Critical, "except"),
        ("2024-11-22T00:00:00Z", Some(after), Severity::High, "expired"),
        ("2024-11-22T00:00:00Z", Some(inside), Severity::Critical, "no_trusted_time"),
        ("2024-11-22T00:00:00Z", Some(inside), Severity::High, "except"),
        (inside, None, Severity::Critical, "no_trusted_time"),
        (inside, None, Severity::High, "except"),
    ] {
        let mut context = context(&signers);
        let (instant, clock) = decision_time(at(local), backend.map(at), None);
        context.clock = clock;
        let exceptions = Exceptions::verify(&files, &signers, &BTreeMap::new(), instant);
        let (found, limits) = (vec![finding(severity)], ExceptionLimits::default());
        let ruling = decide::decide(found, &exceptions, &context, &limits, Gaps::None, instant);
        assert_eq!(fate(&ruling), expected, "{local} {backend:?} {severity:?}");
    }
    assert_eq!(context(&signers).clock, Clock::Agreed);
}

#[test]
fn b9_a_key_is_judged_when_its_signature_enters_the_ledger() {
    let mut scene = Scene::new();
    let key =
        scene.add("dana", "dana", "human", BOTH, ",valid-after=\"20261101Z\",valid-before=\"20261121Z\"");
    let signers = scene.signers();
    let context = context(&signers);
    let bytes = document(Severity::High).encode().unwrap();
    let armour = our_sign(&key, PLAIN, &bytes);
    let judged = |seen: Option<&str>| {
        let seen: BTreeMap<String, Seen> = seen
            .map(|instant| (signature_digest(&armour), Seen { index: 0, at: at(instant) }))
            .into_iter()
            .collect();
        let files = files(&bytes, std::slice::from_ref(&armour));
        let exceptions = Exceptions::verify(&files, &signers, &seen, now());
        let limits = ExceptionLimits::default();
        fate(&decide::decide(
            vec![finding(Severity::High)],
            &exceptions,
            &context,
            &limits,
            Gaps::None,
            now(),
        ))
    };
    assert_eq!(judged(None), "key_expired", "dated inside the key's time, and brought too late");
    assert_eq!(judged(Some("2026-11-20T12:00:00Z")), "except", "the ledger had it while the key was good");
    assert_eq!(judged(Some("2026-11-21T00:00:00Z")), "key_expired");
    assert_eq!(judged(Some("2026-10-31T00:00:00Z")), "not_yet_valid");
}

#[test]
fn b9_a_second_signature_does_not_inherit_the_time_of_the_first() {
    let mut scene = Scene::new();
    let good = scene.add("dana", "dana", "human", BOTH, "");
    let late = scene.add("lee", "lee", "human", BOTH, ",valid-before=\"20261121Z\"");
    let signers = scene.signers();
    let bytes = document(Severity::High).encode().unwrap();
    let armour = [&good, &late].map(|key| our_sign(key, PLAIN, &bytes));
    let first = Seen { index: 0, at: at("2026-11-20T00:00:00Z") };
    let seen = [(signature_digest(&armour[0]), first)].into();
    let exceptions = Exceptions::verify(&files(&bytes, &armour), &signers, &seen, now());
    let mut limits = ExceptionLimits::default();
    limits.tiers.high.quorum = 2;
    let found = vec![finding(Severity::High)];
    let ruling = decide::decide(found, &exceptions, &context(&signers), &limits, Gaps::None, now());
    assert_eq!(fate(&ruling), "quorum");
    assert!(
        ruling.decisions[0].refused[0].reason.contains("was valid until"),
        "the reason names the late key"
    );
}

#[test]
fn b12_an_exception_longer_than_its_limit_is_refused() {
    let Simple { scene: _scene, key, signers, .. } = simple();
    let context = context(&signers);
    for (severity, days, expected) in [
        (Severity::Critical, "2026-11-27T00:00:00Z", "except"),
        (Severity::Critical, "2026-11-27T00:00:00.001Z", "too_long"),
        (Severity::High, "2026-12-20T00:00:00Z", "except"),
        (Severity::High, "2026-12-20T00:00:00.001Z", "too_long"),
        (Severity::Medium, "2027-02-18T00:00:00Z", "except"),
        (Severity::Medium, "2027-02-18T00:00:00.001Z", "too_long"),
        (Severity::Low, "2027-05-19T00:00:00Z", "except"),
        (Severity::Info, "2099-01-01T00:00:00Z", "too_long"),
    ] {
        let mut written = document(severity);
        written.expires_at = at(days);
        let bytes = written.encode().unwrap();
        let files = files(&bytes, &[our_sign(&key, CRITICAL, &bytes)]);
        let ruling = rule_on(finding(severity), &files, &signers, &context);
        assert_eq!(fate(&ruling), expected, "{severity:?} {days}");
    }
}

/// What stands in a good document, and what is put in its place.
const MALFORMED: [(&str, &str, &str); 29] = [
    ("duplicate key", "\"max_uses\": 0", "\"max_uses\": 0, \"max_uses\": 9"),
    ("duplicate key inside", "\"id\": \"4711\"", "\"id\": \"4711\", \"id\": \"1\""),
    ("duplicate by escape", "\"v\": 1", "\"v\": 1, \"\\u0076\": 1"),
    ("unknown field", "\"v\": 1", "\"v\": 1, \"quorum\": 1"),
    ("unknown field inside", "\"host\"", "\"hots\": \"x\", \"host\""),
    ("missing field", "\"owner\": \"dana\",", ""),
    ("huge number", "\"max_uses\": 0", "\"max_uses\": 18446744073709551616"),
    ("large number", "\"max_uses\": 0", "\"max_uses\": 4294967296"),
    ("negative number", "\"max_uses\": 0", "\"max_uses\": -1"),
    ("fraction", "\"max_uses\": 0", "\"max_uses\": 0.0"),
    ("exponent", "\"v\": 1", "\"v\": 1e0"),
    ("number as text", "\"v\": 1", "\"v\": \"1\""),
    ("null", "\"v\": 1", "\"v\": 1, \"renews\": null"),
    (
        "list for an object",
        "{\n    \"host\": \"github.com\",\n    \"id\": \"4711\",\n    \"name\": \"acme/pay\"\n  }",
        "[\"github.com\", \"4711\", \"acme/pay\"]",
    ),
    ("lone surrogate", "\"kim\"", "\"\\ud800\""),
    ("other version", "\"v\": 1", "\"v\": 2"),
    ("other id", ID, "01JDQ4R5M3K8ZV6T2XW9YABCDF"),
    ("no id", ID, "1"),
    ("time without offset", "2026-11-27T00:00:00.000Z", "2026-11-27T00:00:00"),
    ("local offset", "2026-11-27T00:00:00.000Z", "2026-11-27T00:00:00+01:00"),
    ("bare date", "2026-11-27T00:00:00.000Z", "2026-11-27"),
    ("finer than a millisecond", "2026-11-27T00:00:00.000Z", "2026-11-27T00:00:00.000999Z"),
    ("ends before it begins", "2026-11-27T00", "2026-11-19T00"),
    ("short reason", "the new role is rolled out on Tuesday", "because"),
    ("padded reason", "the new role is rolled out on Tuesday", "x                         "),
    ("hidden character", "\"prod\"", "\"prod\u{200b}\""),
    ("space around a name", "\"prod\"", "\" prod\""),
    ("key id without a key", "\"fp_alg\": \"salted\"", "\"fp_alg\": \"salted\", \"fpk\": \"00aa11bb\""),
    ("hmac without a key id", "\"fp_alg\": \"salted\"", "\"fp_alg\": \"hmac\""),
];

#[test]
fn b13_what_two_readers_could_take_differently_is_refused() {
    let scene = simple();
    for (name, from, to) in MALFORMED {
        assert_eq!(altered(&scene, |text| text.replace(from, to)), "malformed", "{name}");
    }
    let nested = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let good = String::from_utf8(scene.bytes.clone()).unwrap();
    for (name, text) in [
        ("deep nesting", good.replace("\"prod\"", &nested)),
        ("too long", good.replace("PAY-88", &"x".repeat(33 * 1024))),
        ("trailing data", format!("{good}{{}}")),
        ("trailing comma", good.replace("\n}\n", ",\n}\n")),
        ("comment", format!("// reviewed\n{good}")),
        ("byte order mark", format!("\u{feff}{good}")),
        ("nul byte", format!("{good}\0")),
        ("empty object", "{}".to_owned()),
        ("yaml", "v: 1\n".to_owned()),
        ("nothing", String::new()),
    ] {
        assert_eq!(altered(&scene, |_| text.clone()), "malformed", "{name}");
    }
    let mut bytes = scene.bytes.clone();
    let at = bytes.windows(3).position(|window| window == b"kim").unwrap();
    bytes[at] = 0xff;
    let invalid = files(&bytes, &[our_sign(&scene.key, PLAIN, &bytes)]);
    assert_eq!(high(&invalid, &scene.signers, &context(&scene.signers)), "malformed", "invalid UTF-8");
}

#[test]
fn b14_a_signature_made_for_something_else_is_no_approval() {
    let mut scene = Scene::new();
    let dana = scene.add("dana", "dana", "human", "git,file,exception@tollgate", "");
    let git_only = scene.add("lee", "lee", "human", "git", "");
    let signers = scene.signers();
    let context = context(&signers);
    let bytes = document(Severity::High).encode().unwrap();
    for (key, namespace) in [
        (&dana, "git"),
        (&dana, "file"),
        (&dana, "record@tollgate"),
        (&dana, "exception@tollgat"),
        (&dana, CRITICAL),
        (&git_only, "git"),
        (&git_only, PLAIN),
    ] {
        let files = files(&bytes, &[stock_sign(key, namespace, &bytes)]);
        assert_eq!(high(&files, &signers, &context), "wrong_namespace", "{namespace}");
    }
    let open = format!("kim@acme.example {}", fs::read_to_string(dana.with_extension("pub")).unwrap());
    assert!(Signers::parse(("signers", open.as_bytes()), None).is_err(), "a line that lists no namespaces");
}

#[test]
fn b14_a_critical_finding_needs_the_critical_namespace() {
    let Simple { scene: _scene, key, signers, .. } = simple();
    let context = context(&signers);
    let bytes = document(Severity::Critical).encode().unwrap();
    for (namespace, expected) in [(PLAIN, "namespace_tier"), (CRITICAL, "except")] {
        let files = files(&bytes, &[our_sign(&key, namespace, &bytes)]);
        let ruling = rule_on(finding(Severity::Critical), &files, &signers, &context);
        assert_eq!(fate(&ruling), expected);
        assert_eq!(high(&files, &signers, &context), "except", "the higher tier serves the lower");
    }
}

#[test]
fn b16_a_policy_that_asks_for_touch_refuses_keys_that_cannot_tell() {
    let Simple { signers, bytes, armour, .. } = simple();
    let mut limits = ExceptionLimits::default();
    limits.tiers.high.require_touch = true;
    let exceptions = Exceptions::verify(&files(&bytes, &[armour]), &signers, &BTreeMap::new(), now());
    let found = vec![finding(Severity::High)];
    let ruling = decide::decide(found, &exceptions, &context(&signers), &limits, Gaps::None, now());
    assert_eq!(fate(&ruling), "no_touch");
}

#[test]
fn b18_what_a_document_says_of_severity_is_not_asked() {
    let Simple { scene: _scene, key, signers, .. } = simple();
    let context = context(&signers);
    let mut modest = document(Severity::Low);
    modest.expires_at = at("2027-01-01T00:00:00Z");
    let bytes = modest.encode().unwrap();
    for (namespace, expected) in [(PLAIN, "too_long"), (CRITICAL, "too_long")] {
        let files = files(&bytes, &[our_sign(&key, namespace, &bytes)]);
        let ruling = rule_on(finding(Severity::Critical), &files, &signers, &context);
        assert_eq!(fate(&ruling), expected);
    }
    let short = document(Severity::Low).encode().unwrap();
    let files = files(&short, &[our_sign(&key, PLAIN, &short)]);
    assert_eq!(fate(&rule_on(finding(Severity::Critical), &files, &signers, &context)), "namespace_tier");
    assert_eq!(fate(&rule_on(finding(Severity::Low), &files, &signers, &context)), "except");
}

#[test]
fn uses_are_bounded_by_the_document_and_by_the_policy() {
    let Simple { scene: _scene, key, signers, .. } = simple();
    let mut limits = ExceptionLimits::default();
    for (granted, limit, used, expected) in [
        (0, 0, 99, "except"),
        (2, 0, 1, "except"),
        (2, 0, 2, "max_uses"),
        (0, 1, 0, "max_uses"),
        (2, 1, 0, "max_uses"),
        (1, 1, 0, "except"),
        (1, 1, 1, "max_uses"),
    ] {
        let mut written = document(Severity::High);
        written.max_uses = granted;
        limits.tiers.high.max_uses = limit;
        let bytes = written.encode().unwrap();
        let mut context = context(&signers);
        context.uses.insert(ID.to_owned(), used);
        let files = files(&bytes, &[our_sign(&key, PLAIN, &bytes)]);
        let exceptions = Exceptions::verify(&files, &signers, &BTreeMap::new(), now());
        let ruling =
            decide::decide(vec![finding(Severity::High)], &exceptions, &context, &limits, Gaps::None, now());
        assert_eq!(fate(&ruling), expected, "{granted} {limit} {used}");
    }
}

#[test]
fn who_works_alone_may_approve_and_it_shows() {
    let Simple { signers, bytes, armour, .. } = simple();
    let mut context = context(&signers);
    context.authors.add_name("dana");
    let limits = ExceptionLimits { separation_of_duties: false, ..ExceptionLimits::default() };
    let exceptions = Exceptions::verify(&files(&bytes, &[armour]), &signers, &BTreeMap::new(), now());
    let ruling =
        decide::decide(vec![finding(Severity::High)], &exceptions, &context, &limits, Gaps::None, now());
    assert_eq!(fate(&ruling), "except");
    assert!(ruling.decisions[0].permit.as_ref().unwrap().self_approved);
}

#[test]
fn files_that_belong_to_nothing_are_named_and_strangers_spoil_nothing() {
    let Simple { scene, signers, bytes, armour, .. } = simple();
    let stranger = scene.keygen("stranger", "ed25519", "");
    let mut all = files(&bytes, &[b"rubbish".to_vec(), our_sign(&stranger, PLAIN, &bytes), armour]);
    all.push((".tollgate/exceptions/README.md".to_owned(), b"how to".to_vec()));
    all.push((".tollgate/exceptions/wish.json".to_owned(), b"{}".to_vec()));
    all.push((format!(".tollgate/exceptions/{ID}.json.x.sig"), b"".to_vec()));
    all.push((".tollgate/exceptions/01JDQ4R5M3K8ZV6T2XW9YABCDF.json.sig".to_owned(), b"".to_vec()));
    let exceptions = Exceptions::verify(&all, &signers, &BTreeMap::new(), now());
    assert_eq!(exceptions.accepted().len(), 1);
    assert_eq!(exceptions.accepted()[0].noted().len(), 2);
    let named: Vec<&str> = exceptions
        .refused()
        .iter()
        .map(|refused| refused.refusal.exception.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(named.len(), 3, "{named:?}");
    assert!(exceptions.refused().iter().all(|refused| refused.refusal.code == "malformed"));
    assert_eq!(high(&all, &signers, &context(&signers)), "except");
}

#[test]
fn two_documents_of_one_id_are_both_refused() {
    let Simple { signers, bytes, armour, .. } = simple();
    let mut both = files(&bytes, std::slice::from_ref(&armour));
    both.extend(files(&bytes, &[armour]).into_iter().map(|(path, bytes)| (format!("base/{path}"), bytes)));
    assert_eq!(high(&both, &signers, &context(&signers)), "malformed");
}

#[test]
fn advice_and_guesses_never_block() {
    let Simple { signers, .. } = simple();
    let mut advised = finding(Severity::Critical);
    advised.enforcement = Enforcement::Advise;
    let mut guessed = finding(Severity::Critical);
    guessed.confidence = Confidence::Low;
    let exceptions = Exceptions::default();
    let limits = ExceptionLimits::default();
    for (findings, gaps, verdict) in [
        (vec![], Gaps::None, Verdict::Clean),
        (vec![], Gaps::Shown, Verdict::Advised),
        (vec![], Gaps::Block, Verdict::Blocked),
        (vec![advised.clone(), guessed], Gaps::None, Verdict::Advised),
        (vec![advised, finding(Severity::Info)], Gaps::None, Verdict::Blocked),
    ] {
        let ruling = decide::decide(findings, &exceptions, &context(&signers), &limits, gaps, now());
        assert_eq!(ruling.verdict, verdict);
    }
}

// How fast. Run with `--release -- --ignored --nocapture`.

#[test]
#[ignore = "a figure, not a promise"]
fn figures_of_ten_thousand_exceptions() {
    let Simple { scene: _scene, key, signers, .. } = simple();
    let mut files = Vec::new();
    for number in 0..10_000 {
        let mut document = document(Severity::High);
        document.id =
            tollgate::exception::Ulid::parse(&format!("01JDQ4R5M3K8ZV6T2XW900{number:04}")).unwrap();
        let bytes = document.encode().unwrap();
        let path = format!(".tollgate/exceptions/{}.json", document.id.as_str());
        files.push((format!("{path}.1.sig"), our_sign(&key, PLAIN, &bytes)));
        files.push((path, bytes));
    }
    let start = std::time::Instant::now();
    let exceptions = Exceptions::verify(&files, &signers, &BTreeMap::new(), now());
    assert_eq!(exceptions.accepted().len(), 10_000);
    eprintln!("10,000 exceptions with their signatures: {:?}", start.elapsed());
}
