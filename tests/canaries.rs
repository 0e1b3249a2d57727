//! Planted secrets, and a search for them in every output of every command (threat C12).

#![allow(
    clippy::many_single_char_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "support/run.rs"]
mod run;
mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use run::{Said, Stage, fingerprints};
use sha2::{Digest as _, Sha256};
use tollgate::policy::example::{self, Check};
use tollgate::policy::pack;

/// A secret and where it was planted.
struct Canary {
    name: String,
    value: Vec<u8>,
}

/// Everything planted, and what of it must not be seen.
#[derive(Default)]
struct Aviary {
    canaries: Vec<Canary>,
}

impl Aviary {
    fn plant(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.canaries.push(Canary { name: name.to_owned(), value: value.into() });
    }

    /// Every form of every canary that a reader could turn back, with its name.
    fn needles(&self) -> Vec<(String, Vec<u8>)> {
        let mut needles = Vec::new();
        for Canary { name, value } in &self.canaries {
            let mut add = |form: &str, needle: Vec<u8>| needles.push((format!("{name}, {form}"), needle));
            let reversed: Vec<u8> = value.iter().rev().copied().collect();
            let percent = value.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "%{byte:02X}");
                text
            });
            add("as it is", value.clone());
            add("in part", part(value).to_vec());
            add("reversed", reversed);
            add("in URLs", percent.into_bytes());
            add("in hex", hex(value).into_bytes());
            add("in upper hex", hex(value).to_uppercase().into_bytes());
            add("in base64", STANDARD_NO_PAD.encode(value).into_bytes());
            add("in URL base64", URL_SAFE_NO_PAD.encode(value).into_bytes());
            add("as SHA-256", hex(&Sha256::digest(value)).into_bytes());
            add("as SHA-256 in base64", STANDARD_NO_PAD.encode(Sha256::digest(value)).into_bytes());
            add("as SHA-1", hex(&sha1(value)).into_bytes());
        }
        needles
    }
}

/// What a mask may not leave: the middle of a long secret, the second half of a short one.
fn part(value: &[u8]) -> &[u8] {
    let length = value.len();
    if length >= 48 { &value[length / 2 - 8..length / 2 + 8] } else { &value[length / 2..] }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// FIPS 180-4.
fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64) + if padded.len() % 64 > 56 { 64 } else { 0 }, 0);
    let end = padded.len() - 8;
    padded[end..].copy_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    let mut state = [0x6745_2301_u32, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    for block in padded.chunks_exact(64) {
        let mut words: Vec<u32> =
            block.chunks_exact(4).map(|four| u32::from_be_bytes(four.try_into().unwrap())).collect();
        for at in 16..80 {
            let word = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
            words.push(word.rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (at, word) in words.iter().enumerate() {
            let (mixed, constant) = match at / 20 {
                0 => ((b & c) | (!b & d), 0x5A82_7999_u32),
                1 => (b ^ c ^ d, 0x6ED9_EBA1),
                2 => ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6),
            };
            let sum = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant);
            (a, b, c, d, e) = (sum.wrapping_add(*word), a, b.rotate_left(30), c, d);
        }
        for (old, new) in state.iter_mut().zip([a, b, c, d, e]) {
            *old = old.wrapping_add(new);
        }
    }
    let mut digest = [0; 20];
    for (four, word) in digest.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[test]
fn the_digest_of_this_test_is_sha_1() {
    assert_eq!(hex(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(hex(&sha1(&[b'a'; 120])), "f34c1488385346a55709ba056ddd08280dd4c6d6");
}

/// Every output there was, with what made it.
#[derive(Default)]
struct Outputs(Vec<(String, Vec<u8>)>);

impl Outputs {
    /// Runs the command and keeps all it says.
    fn of(&mut self, stage: &Stage, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let said = stage.run_with(arguments, variables);
        self.0.push((format!("{arguments:?}"), format!("{}\n{}", said.out, said.err).into_bytes()));
        said
    }

    /// Keeps every file below `folder`.
    fn files(&mut self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                self.files(&path);
            } else {
                self.0.push((path.display().to_string(), fs::read(&path).unwrap()));
                self.0.push((
                    format!("the name of {}", path.display()),
                    path.display().to_string().into_bytes(),
                ));
            }
        }
    }

    /// Panics with every canary that got out.
    fn hold_none_of(&self, aviary: &Aviary) {
        let needles = aviary.needles();
        let search = AhoCorasick::new(needles.iter().map(|(_, needle)| needle)).unwrap();
        let mut leaks = Vec::new();
        for (output, bytes) in &self.0 {
            for found in search.find_overlapping_iter_checked(bytes) {
                let around = &bytes[found.0.saturating_sub(60)..(found.1 + 10).min(bytes.len())];
                leaks.push(format!(
                    "{} in {output}: {}",
                    needles[found.2].0,
                    String::from_utf8_lossy(around)
                ));
            }
        }
        leaks.sort();
        leaks.dedup();
        assert!(leaks.is_empty(), "{} leaks\n{}", leaks.len(), leaks.join("\n"));
    }
}

/// Overlapping matches as (start, end, pattern).
trait Overlapping {
    fn find_overlapping_iter_checked(&self, bytes: &[u8]) -> Vec<(usize, usize, usize)>;
}

impl Overlapping for AhoCorasick {
    fn find_overlapping_iter_checked(&self, bytes: &[u8]) -> Vec<(usize, usize, usize)> {
        let one = |found: aho_corasick::Match| (found.start(), found.end(), found.pattern().as_usize());
        self.find_overlapping_iter(bytes).map(one).collect()
    }
}

/// The first example of every rule about text, each in a file, with the secret it holds.
fn plant_every_rule(stage: &Stage, aviary: &mut Aviary) {
    for rule in pack::builtin().unwrap() {
        let (Some(text), Some(example)) = (rule.text_rule(), rule.text.examples.first()) else { continue };
        let pattern = text.pattern.regex().unwrap();
        let check = text.checksum.as_ref().map(|syntax| Check { syntax, pattern });
        let Some((path, template)) = example.files().into_iter().next() else { continue };
        let bytes = example::fill(template, &format!("canary {}", rule.id), 0, check).unwrap();
        let secret = pattern.captures(&bytes).and_then(|all| all.name("secret"));
        let Some(secret) = secret else { continue };
        aviary.plant(&rule.id.0, secret.as_bytes());
        stage.repo.write(format!("rules/{}/{path}", rule.id), &bytes);
    }
}

/// Secrets in manifests, in files that are broken, and where no rule looks.
fn plant_in_manifests(stage: &Stage, aviary: &mut Aviary) {
    let mut made = |name: &str| {
        let value = run::made_up("generic-credential", "{alnum:28}", name);
        aviary.plant(name, value.as_bytes());
        value
    };
    let (env, args, url) = (made("env of a pod"), made("argument of a pod"), made("password in an address"));
    stage.repo.write("deploy/app.yaml", format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: app }}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: app\n        args: [\"--token={args}\"]\n        env:\n        - name: DB_PASSWORD\n          value: \"{env}\"\n        - {{ name: DATABASE, value: \"postgres://app:{url}@db.acme.example/app\" }}\n"
    ));
    let data = made("value of a secret");
    stage.repo.write(
        "deploy/secret.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{ name: app }}\nstringData:\n  password: \"{data}\"\n"
        ),
    );
    let (header, server, flag, address) = (
        made("header of a server"),
        made("env of a server"),
        made("flag of a server"),
        made("query of a server"),
    );
    stage.repo.write(".mcp.json", serde_json::to_string(&serde_json::json!({ "mcpServers": {
        "web": { "type": "http", "url": format!("https://mcp.acme.example/sse?api_key={address}"),
                 "headers": { "Authorization": format!("Bearer {header}"), "X-Api-Key": header } },
        "disk": { "command": "npx", "args": ["-y", "@acme/disk", "--api-key", flag], "env": { "DISK_TOKEN": server } },
    }})).unwrap());
    let (helper, rule) = (made("helper of an agent"), made("permission of an agent"));
    stage.repo.write(".claude/settings.json", serde_json::to_string(&serde_json::json!({
        "env": { "ANTHROPIC_API_KEY": helper, "ANTHROPIC_BASE_URL": format!("https://kim:{helper}@proxy.acme.example") },
        "apiKeyHelper": format!("echo {helper}"),
        "permissions": { "allow": [format!("Bash(curl -H 'Authorization: Bearer {rule}' *)")], "defaultMode": "bypassPermissions" },
        "hooks": { "PreToolUse": [{ "matcher": "*", "hooks": [{ "type": "command", "command": format!("curl -u kim:{rule} x") }] }] },
    })).unwrap());
    let broken = made("a broken manifest");
    for (name, text) in [
        (
            "twice.yaml",
            format!(
                "kind: Secret\napiVersion: v1\npassword: {broken}\npassword: {broken}\n{broken}: 1\n{broken}: 2\n"
            ),
        ),
        ("open.yaml", format!("kind: Secret\napiVersion: v1\npassword: \"{broken}\n")),
        ("tag.yaml", format!("kind: !{broken} Secret\napiVersion: &{broken} v1\nx: *{broken}x\n")),
        (
            "number.yaml",
            format!(
                "kind: ClusterRole\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {broken}\nrules: {broken}\n"
            ),
        ),
        ("template.yaml", format!("kind: Secret\napiVersion: v1\npassword: {{{{ {broken} }}}}\n")),
        (".mcp.json", format!("{{ \"mcpServers\": {{ \"a\": \"{broken}\", \"{broken}\": 1, }}, {broken} ")),
        (".claude/settings.json", format!("{{ \"permissions\": \"{broken}\", \"env\": [\"{broken}\"] }}")),
    ] {
        stage.repo.write(format!("broken/{name}"), text);
    }
}

/// Secrets in base64 and hex, alone and with a name before them. What stands in the file is a secret as well.
fn plant_encoded(stage: &Stage, aviary: &mut Aviary) {
    let mut made = |name: &str, write: &dyn Fn(&str) -> String| {
        let token = run::token(name);
        let encoded = write(&token);
        aviary.plant(name, token.as_bytes());
        aviary.plant(&format!("{name}, as it stands there"), encoded.as_bytes());
        encoded
    };
    let base64 = |text: &str| STANDARD_NO_PAD.encode(text);
    let env = made("base64 in a setting", &base64);
    let login = made("base64 of a login", &|token| base64(&format!("kim:{token}")));
    let twice = made("base64 of base64", &|token| base64(&base64(token)));
    let digits = made("hex in JSON", &|token| hex(token.as_bytes()));
    let data = made("data of a secret", &base64);
    let (head, tail) = made("base64 on two lines", &|token| base64(&format!("{token} {token}")))
        .split_at_checked(64)
        .map(|(head, tail)| (head.to_owned(), tail.to_owned()))
        .unwrap();
    for (path, text) in [
        ("app.env", format!("API_TOKEN={env}\nLOGIN={login} # {login}\nTWICE={twice}\n")),
        ("app.json", format!("{{\"token\": \"{digits}\", \"again\": \"{digits}\"}}\n")),
        (
            "secret.yaml",
            format!("apiVersion: v1\nkind: Secret\nmetadata: {{ name: a }}\ndata:\n  key: {data}\n"),
        ),
        ("wrapped.txt", format!("{head}\n{tail}\n")),
    ] {
        stage.repo.write(format!("encoded/{path}"), text);
    }
}

#[test]
fn c12_no_output_of_any_command_holds_a_planted_secret() {
    let mut aviary = Aviary::default();
    let mut outputs = Outputs::default();
    let stage = Stage::new();
    let key = stage.key("lee");
    stage.repo.write(".tollgate/signers", stage.signers(&["lee"])).commit("base");
    let remote = run::token("remote");
    aviary.plant("address of the origin", remote.as_bytes());
    stage.repo.git(&["remote", "add", "origin", &format!("https://kim:{remote}@git.acme.example/pay")]);
    plant_every_rule(&stage, &mut aviary);
    plant_in_manifests(&stage, &mut aviary);
    plant_encoded(&stage, &mut aviary);
    assert!(aviary.canaries.len() > 100);
    stage.repo.git(&["add", "--all"]);
    let pepper = run::made_up("generic-credential", "{alnum:40}", "pepper");
    aviary.plant("key of fingerprints", pepper.as_bytes());
    let pepper = [("TOLLGATE_FINGERPRINT_KEY", pepper.as_str())];

    let folder = stage.home().join("reports");
    let formats = tollgate::report::FORMATS.iter();
    let reports: Vec<String> =
        formats.map(|format| format!("{}={}", format.name, folder.join(format.name).display())).collect();
    let mut check = vec!["check", "--color", "always"];
    check.extend(reports.iter().flat_map(|report| ["--report", report]));
    outputs.of(&stage, &check, &[]).ends(1);
    outputs.files(&folder);
    outputs.of(&stage, &["check", "--color", "always", "--staged"], &pepper).ends(1);
    stage.repo.commit("all");
    for scope in [&["--since", "main~1"][..], &["--stage", "merge", "--trust", "main~1"]] {
        let mut arguments = vec!["check"];
        arguments.extend(scope);
        outputs.of(&stage, &arguments, &[]).ends(1);
    }
    let report = fs::read(stage.repo.path().join(".git/tollgate/last-report.json")).unwrap();
    let report = serde_json::from_slice(&report).unwrap();
    let encoded = run::found(&report).iter().filter(|(path, _)| path.starts_with("encoded/")).count();
    assert!(encoded >= 6, "{encoded} findings in encoded text");
    let prints = fingerprints(&report);
    assert!(prints.len() > 100, "{} findings", prints.len());
    for print in [&prints[0], &prints[prints.len() / 2], &prints[prints.len() - 1]] {
        outputs.of(&stage, &["explain", print], &[]).ends(0);
        outputs
            .of(
                &stage,
                &[
                    "except",
                    "request",
                    print,
                    "--owner",
                    "pay",
                    "--reason",
                    "it ships on Tuesday with PAY-88",
                ],
                &[],
            )
            .ends(0);
    }
    let listed = outputs.of(&stage, &["except", "list"], &[]).ends(0).out;
    let id = listed.split_whitespace().next().unwrap();
    outputs.of(&stage, &["except", "approve", id, "--key", &key], &[]).ends(0);
    outputs.of(&stage, &["except", "verify"], &[]);
    outputs.of(&stage, &["check"], &[]).ends(1);
    outputs.of(&stage, &["record", "deploy", "--key", &key], &[]).ends(0);
    outputs.of(&stage, &["record", "remediated", &prints[0], "--how", "revoked"], &[]).ends(0);
    for format in ["text", "jsonl"] {
        outputs.of(&stage, &["ledger", "log", "--format", format], &[]).ends(0);
    }
    outputs.of(&stage, &["ledger", "verify"], &[]).ends(0);
    outputs.of(&stage, &["explain", "3"], &[]).ends(0);
    for format in ["text", "json", "markdown"] {
        outputs.of(&stage, &["rate", "--explain", "--format", format], &[]).ends(0);
    }
    outputs.files(&stage.repo.path().join(".git/tollgate"));
    outputs.files(&stage.repo.path().join(".tollgate"));
    outputs.hold_none_of(&aviary);
}

#[test]
fn c12_no_error_repeats_a_secret_out_of_a_file_or_a_flag() {
    let mut aviary = Aviary::default();
    let mut outputs = Outputs::default();
    let token = run::token("policy");
    aviary.plant("token", token.as_bytes());
    let rule = |detect: &str| {
        format!(
            "rules:\n  - id: own-rule\n    title: own\n    severity: high\n    detect: {detect}\n    why: w\n    fix: f\n    source: s\n    examples: []\n"
        )
    };
    let cases = [
        (".tollgate/policy.yml", format!("version: {token}\n")),
        (".tollgate/policy.yml", format!("{token}: 1\n")),
        (".tollgate/policy.yml", format!("version: 1\n{token}\n")),
        (".tollgate/policy.yml", format!("limits: {{ file_bytes: {token} }}\n")),
        (".tollgate/policy.yml", format!("limits: {token}\n")),
        (".tollgate/policy.yml", format!("enforce: {{ {token}: block }}\n")),
        (".tollgate/policy.yml", format!("enforce: {{ high: {token} }}\n")),
        (".tollgate/policy.yml", format!("extends: [{token}]\n")),
        (".tollgate/policy.yml", format!("paths: {{ exclude: ['{token}['] }}\n")),
        (".tollgate/policy.yml", format!("rules:\n  - {{ id: {token}, enabled: false }}\n")),
        (".tollgate/policy.yml", format!("ledger: postgres://kim:{token}@db.acme.example/ledger\n")),
        (".tollgate/policy.yml", format!("a: &{token} 1\nb: *{token}x\n")),
        (".tollgate/policy.yml", format!("{token}: 1\n{token}: 2\n")),
        (".tollgate/rules/own.yml", rule(&format!("{{ text: {{ pattern: '(?<secret>{token}' }} }}"))),
        (".tollgate/rules/own.yml", rule(&format!("{{ identity: {{ when: '{token} == ' }} }}"))),
        (".tollgate/rules/own.yml", rule(&format!("{{ identity: {{ when: 'identity.{token}' }} }}"))),
        (".tollgate/rules/own.yml", rule(&format!("{{ {token}: 1 }}"))),
        (".tollgate/signers", format!("kim@acme.example ssh-ed25519 {token}\n")),
        (".tollgate/signers", format!("kim@acme.example {token}\n")),
        (".tollgate/signers.toml", format!("[principals.x]\nperson = {token}\n")),
        (".tollgate/revoked", format!("{token}\n")),
        (".tollgate/exceptions/01JDQ4R5M3K8ZV6T2XW9YABCDE.json", format!("{{ \"v\": \"{token}\" }}")),
        (".tollgate/exceptions/01JDQ4R5M3K8ZV6T2XW9YABCDE.json", format!("{{ \"v\": 1, \"{token}\": 1 }}")),
    ];
    for (path, text) in cases {
        let stage = Stage::new();
        stage.repo.write(path, text);
        outputs.of(&stage, &["check"], &[]);
        if path.contains("exceptions") {
            outputs.of(&stage, &["except", "list"], &[]);
            outputs.of(&stage, &["except", "verify"], &[]);
        }
    }
    let stage = Stage::new();
    let address = format!("postgres://kim:{token}@db.acme.example/ledger");
    for flags in [
        &["check", "--ledger", &address][..],
        &["ledger", "log", "--ledger", &address],
        &["except", "approve", "x", "--key", "nowhere"],
        &["check", "--since", &format!("https://kim:{token}@x")],
    ] {
        outputs.of(&stage, flags, &[]).ends(2);
    }
    outputs.hold_none_of(&aviary);
}
