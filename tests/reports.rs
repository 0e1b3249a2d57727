//! One fixed outcome in every format: its snapshot, and valid under its published schema.
//!
//! The tests walk `FORMATS`: a new format is covered by adding it there. `tests/reports/<format>.snap` holds what it
//! should look like; `INSTA_UPDATE=always cargo test --test reports` rewrites them after a look at the change.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should say where"
)]

use proptest::prelude::*;
use serde_json::Value;
use tollgate::decide::decision::{Permit, Refusal};
use tollgate::decide::{Action, Decision, Verdict};
use tollgate::finding::gap::{Gap, Reason};
use tollgate::finding::{
    Confidence, Enforcement, Family, Finding, Fingerprint, FingerprintAlgorithm, Location, Related, RuleId,
    Severity, Snippet,
};
use tollgate::outcome::{Coverage, Outcome, Receipt, RuleText};
use tollgate::pipeline::{Run, Stage};
use tollgate::report::outcome::json;
use tollgate::report::{FORMATS, Format, Options, REPORT_SCHEMA, named, saved};
use tollgate::text::span::{Position, Span};
use tollgate::text::time::Timestamp;

const MASK: &str = "················";

#[test]
fn every_format_writes_the_fixed_outcome_as_it_always_did() {
    for format in FORMATS {
        check_snapshot(format.name, &render(format.name, &fixed()));
    }
    let colour = Options { colour: true, ..options() };
    check_snapshot("human-colour", &escaped(&(named("human").unwrap().render)(&fixed(), &colour)));
}

#[test]
fn every_format_writes_an_empty_outcome() {
    for format in FORMATS {
        check_snapshot(&format!("{}-empty", format.name), &render(format.name, &empty()));
    }
}

#[test]
fn every_file_of_the_folder_is_a_format_and_the_other_way_round() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/outcome");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".rs").map(|name| name.replace('_', "-")))
        .filter(|name| name != "mod")
        .collect();
    files.sort_unstable();
    let mut names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    names.sort_unstable();
    assert_eq!(names, files);
    assert!(named("toml").is_none());
}

#[test]
fn reports_are_valid_under_their_published_schemas() {
    let sarif: Value = serde_json::from_str(include_str!("contracts/sarif-2.1.0.schema.json")).unwrap();
    let gitlab: Value =
        serde_json::from_str(include_str!("contracts/gitlab-code-quality.own.schema.json")).unwrap();
    let of = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let checks = [
        ("json", closed_schema()),
        ("sarif", sarif.clone()),
        ("github-sarif", sarif),
        ("gitlab-codequality", gitlab),
        (
            "gitlab-secret-detection",
            of(include_str!("contracts/gitlab-secret-detection-15.2.5.transcribed.schema.json")),
        ),
        ("gitlab-sast", of(include_str!("contracts/gitlab-sast-15.2.transcribed.schema.json"))),
        ("rdjson", of(include_str!("contracts/reviewdog-rdjson.schema.json"))),
    ];
    for (name, schema) in checks {
        let validator = jsonschema::validator_for(&schema).unwrap();
        for outcome in [fixed(), empty(), hostile(HOSTILE), many(12)] {
            let report: Value = serde_json::from_str(&render(name, &outcome)).unwrap();
            let faults: Vec<String> = validator
                .iter_errors(&report)
                .map(|fault| format!("{} at {}", fault, fault.instance_path()))
                .collect();
            assert!(faults.is_empty(), "{name}: {faults:#?}");
        }
    }
}

/// What the schema of Jenkins' xUnit plugin (`junit-10.xsd`) allows of what we use.
#[test]
fn junit_uses_only_elements_and_attributes_that_readers_take() {
    let suite: &[&str] = &["name", "tests", "failures", "errors", "skipped"];
    let allowed: [(&str, &[&str]); 8] = [
        ("testsuites", &["name", "tests", "failures", "errors"]),
        ("testsuite", suite),
        ("testcase", &["name", "classname"]),
        ("failure", &["message"]),
        ("error", &["message"]),
        ("skipped", &["message"]),
        ("properties", &[]),
        ("property", &["name", "value"]),
    ];
    let schema = include_str!("contracts/junit-jenkins-10.xsd");
    for (element, attributes) in allowed {
        for name in attributes.iter().chain([&element]) {
            assert!(schema.contains(&format!("name=\"{name}\"")), "{element} {name}");
        }
    }
    for outcome in [fixed(), empty(), hostile(HOSTILE)] {
        let elements = xml_elements(&render("junit", &outcome));
        assert!(elements.iter().any(|(name, _)| name == "testcase"));
        for (name, attributes) in elements {
            let known = allowed.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(attributes, known.1, "{name}");
        }
    }
}

/// The same by a validator that reads the whole schema: order, numbers and types too.
#[test]
fn junit_is_valid_under_the_schema_of_jenkins() {
    let folder = tempfile::tempdir().unwrap();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contracts/junit-jenkins-10.xsd");
    for (name, outcome) in
        [("fixed", fixed()), ("empty", empty()), ("hostile", hostile(HOSTILE)), ("many", many(300))]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, render("junit", &outcome)).unwrap();
        let ran = std::process::Command::new("xmllint")
            .args(["--nonet", "--noout", "--schema", schema])
            .arg(&path)
            .output();
        let Ok(output) = ran else {
            assert!(std::env::var_os("TOLLGATE_CI").is_none(), "xmllint is not here");
            eprintln!("left out: JUnit under its schema, since no xmllint is installed here");
            return;
        };
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_summary_stays_below_the_size_at_which_it_is_dropped() {
    let text = render("markdown", &many(6_000));
    assert!(text.len() < 1_000_000, "{}", text.len());
    assert!(text.contains(" more |"), "what does not fit is counted");
    assert!(text.contains("| **block** |"), "the worst comes first");
}

#[test]
fn the_same_outcome_gives_the_same_bytes() {
    for format in FORMATS {
        assert_eq!(render(format.name, &fixed()), render(format.name, &fixed()), "{}", format.name);
    }
}

#[test]
fn every_report_ends_with_one_line_feed() {
    for (format, text) in all(&fixed()).into_iter().chain(all(&empty())) {
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{}", format.name);
    }
}

#[test]
fn every_format_tells_the_same_verdict() {
    for verdict in [Verdict::Clean, Verdict::Advised, Verdict::Excepted, Verdict::Blocked] {
        for outcome in [fixed(), empty(), hostile(HOSTILE)] {
            let outcome = Outcome { verdict, ..outcome };
            for (format, text) in all(&outcome) {
                let told = told(format.name, &text);
                assert!(told.is_none_or(|told| told == verdict.word()), "{}", format.name);
            }
        }
    }
}

#[test]
fn a_report_reads_back_with_its_findings() {
    let outcome = fixed();
    let text = render("json", &outcome);
    let saved = json::read(text.as_bytes()).unwrap();
    assert_eq!(saved.outcome, "blocked");
    assert_eq!(saved.policy_digest, outcome.policy_digest);
    assert_eq!(saved.findings.len(), outcome.decisions.len());
    for (saved, decision) in saved.findings.iter().zip(&outcome.decisions) {
        assert_eq!(saved.fingerprint, decision.finding.fingerprint);
        assert_eq!(saved.path, decision.finding.location.path);
        assert_eq!(saved.action, decision.action.word());
    }
    let saved = json::read(render("json", &hostile(HOSTILE)).as_bytes()).unwrap();
    assert_eq!(
        saved.findings[0].path,
        format!("p{HOSTILE}"),
        "what is escaped on the way out is whole again"
    );
}

#[test]
fn a_report_read_back_as_an_outcome_writes_the_same_bytes() {
    for outcome in [fixed(), empty(), hostile(HOSTILE), many(12)] {
        let text = render("json", &outcome);
        let again = saved::outcome(text.as_bytes()).unwrap();
        assert_eq!(render("json", &again), text);
        assert_eq!(
            render("markdown", &again),
            render("markdown", &outcome),
            "nothing a reader needs is lost"
        );
    }
}

#[test]
fn what_is_more_than_a_format_takes_is_counted_and_the_worst_stay() {
    let outcome = many(25_001);
    // Searched as text: reading 20 MB of JSON back takes long in a build for tests.
    let sarif = render("sarif", &outcome);
    assert_eq!(sarif.matches("\"ruleIndex\"").count(), 25_000);
    let (_, results) = sarif.split_once("\"results\"").unwrap();
    let level = results.lines().find(|line| line.contains("\"level\"")).unwrap();
    assert!(level.contains("error"), "the only blocking finding comes first: {level}");
    assert!(sarif.contains("1 finding left out: code scanning takes 25000, the worst are here"));

    let github = render("github", &outcome);
    assert_eq!(github.matches("::error ").count(), 1);
    assert_eq!(github.matches("::warning ").count(), 10);
    assert!(github.contains("24990 results without an annotation"), "{github}");

    let human = render("human", &outcome);
    assert!(human.lines().count() < 2_000, "{} lines", human.lines().count());
    assert!(human.contains("advise: 24900 findings not shown here"), "{human}");
}

#[test]
fn code_scanning_is_told_of_open_findings_alone() {
    let results = |name: &str| {
        let log: Value = serde_json::from_str(&render(name, &fixed())).unwrap();
        log["runs"][0]["results"].as_array().unwrap().clone()
    };
    let (all, open) = (results("sarif"), results("github-sarif"));
    assert!(all.len() > open.len() && !open.is_empty());
    assert!(open.iter().all(|result| result["suppressions"].as_array().is_none_or(Vec::is_empty)));
}

#[test]
fn the_json_report_has_every_finding() {
    let json: Value = serde_json::from_str(&render("json", &many(300))).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), 300);
    assert_eq!(json["counts"]["advise"], 299);
}

#[test]
fn many_findings_of_one_rule_in_one_file_are_one_block() {
    let mut outcome = many(40);
    for decision in &mut outcome.decisions {
        decision.finding.location.path = "config/keys.txt".to_owned();
        decision.action = Action::Block;
    }
    let human = render("human", &outcome);
    assert_eq!(human.matches("block[bulk-rule]").count(), 1);
    assert_eq!(human.matches("  = fix: ").count(), 1);
    assert!(human.contains("and 17 more of this rule in this file"), "{human}");
}

/// Everything that means something to a terminal, a runner, a forge, a browser or a spreadsheet.
const HOSTILE: &str = "\n::error::x\r##vso[task.setvariable]##[error]`b`</td><script>@team [x](javascript:y)\u{1b}[31m\
    |\u{7f}\u{85}\u{9b}\u{202e}\u{200b}%0A,:\u{0}\u{8}]]>&\"'=cmd\u{feff}";

#[test]
fn e1_no_raw_control_byte_in_any_format() {
    let every: String = (0..=0x9f_u32).filter_map(char::from_u32).chain(['\u{202e}', '\u{2066}']).collect();
    for outcome in [hostile(&every), hostile(HOSTILE)] {
        for (format, text) in all(&outcome) {
            assert_eq!(raw_control(&text), None, "{}", format.name);
            assert!(!text.contains(['\u{202e}', '\u{2066}']), "{}", format.name);
        }
    }
}

#[test]
fn e1_colour_adds_nothing_but_colour() {
    for outcome in [fixed(), empty(), hostile(HOSTILE)] {
        let colour = Options { colour: true, ..options() };
        let text = (named("human").unwrap().render)(&outcome, &colour);
        let mut plain = String::new();
        for (index, part) in text.split('\u{1b}').enumerate() {
            let shown = if index == 0 { part } else { part.split_once('m').unwrap().1 };
            plain.push_str(shown);
        }
        assert_eq!(plain, render("human", &outcome));
    }
}

#[test]
fn e2_no_line_of_any_format_is_a_command_of_the_repository() {
    for (format, text) in all(&hostile(HOSTILE)) {
        for line in text.lines() {
            for command in ["##[", "##vso[", "##teamcity["] {
                assert!(!line.contains(command), "{}: {line}", format.name);
            }
            let ours = ["::error ", "::warning ", "::notice ", "::: "]
                .iter()
                .any(|own| line.trim().starts_with(own));
            assert!(!line.trim_start().starts_with("::") || ours, "{}: {line}", format.name);
            if format.name == "github" {
                assert_eq!(line.matches("::").count(), 2, "a command has one head and one body: {line}");
            }
        }
    }
}

#[test]
fn e2_a_property_of_a_workflow_command_holds_no_separator() {
    let text = render("github", &hostile("a%b,c:d\r\nx\ry"));
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("::error file=pa%25b%2Cc%3Ad%0Ax\\u{d}y,line="), "{first}");
}

#[test]
fn e3_markup_of_the_repository_is_text_in_every_format() {
    for (format, text) in all(&hostile(HOSTILE)) {
        match format.name {
            "markdown" => {
                for markup in ["<script", "</td>", "@team", "[x](", "](javascript"] {
                    let outside_code = strip_code(&text);
                    assert!(!outside_code.contains(markup), "{markup}: {outside_code}");
                }
            }
            "junit" => assert!(!text.contains("<script") && !text.contains("</td>") && !text.contains("]]>")),
            "sarif" | "github-sarif" => {
                let log: Value = serde_json::from_str(&text).unwrap();
                let message = log["runs"][0]["results"][0]["message"]["text"].as_str().unwrap();
                assert!(!message.contains("](") && !message.contains("@team"), "{message}");
                let uri = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
                    ["uri"];
                let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~/%".contains(letter);
                assert!(uri.as_str().unwrap().chars().all(plain), "{uri}");
            }
            // Their readers show these as Markdown.
            "rdjson" | "gitlab-secret-detection" | "gitlab-sast" => {
                let report: Value = serde_json::from_str(&text).unwrap();
                let entries = report["diagnostics"].as_array().or(report["vulnerabilities"].as_array());
                for entry in entries.unwrap() {
                    for field in ["message", "description", "solution"] {
                        let outside_code = strip_code(entry[field].as_str().unwrap_or_default());
                        for markup in ["<script", "</td>", "@team", "[x](", "](javascript"] {
                            assert!(!outside_code.contains(markup), "{markup}: {outside_code}");
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

#[test]
fn e4_no_cell_of_a_table_begins_as_a_formula() {
    let Some(format) = named("csv") else { return };
    for start in ["=cmd", "+1", "-1", "@x", "\t=1", "\r=1"] {
        let mut outcome = hostile(start);
        for decision in &mut outcome.decisions {
            decision.finding.location.path = start.to_owned();
            decision.finding.title = start.to_owned();
        }
        let text = (format.render)(&outcome, &options());
        for cell in text.lines().flat_map(|line| line.split("\",\"")) {
            let cell = cell.trim_start_matches('"');
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
    }
}

#[test]
fn f4_a_run_that_recorded_nothing_says_so_and_claims_no_record() {
    let outcome = Outcome {
        receipts: Vec::new(),
        unrecorded: Some("the ledger cannot be written from a fork".to_owned()),
        ..fixed()
    };
    for name in ["human", "github", "sarif", "markdown"] {
        assert!(render(name, &outcome).contains("advisory: nothing was recorded, the ledger"), "{name}");
    }
    assert!(!render("human", &outcome).contains("record 118"));
    assert!(!render("json", &outcome).contains("\"record\""));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn e1_no_text_in_any_field_yields_a_raw_control_byte(text in any::<String>()) {
        for (format, report) in all(&hostile(&text)) {
            prop_assert_eq!(raw_control(&report), None, "{}", format.name);
            if let "json" | "sarif" | "gitlab-codequality" = format.name {
                prop_assert!(serde_json::from_str::<Value>(&report).is_ok());
            }
        }
    }
}

fn options() -> Options {
    Options { root: "payments".to_owned(), ..Options::default() }
}

fn render(name: &str, outcome: &Outcome) -> String {
    (named(name).unwrap().render)(outcome, &options())
}

fn all(outcome: &Outcome) -> Vec<(&'static Format<Outcome>, String)> {
    FORMATS.iter().map(|format| (format, (format.render)(outcome, &options()))).collect()
}

fn raw_control(text: &str) -> Option<char> {
    text.chars().find(|letter| letter.is_control() && *letter != '\n')
}

fn check_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("reports");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // A new version of the tool is no new report.
    let text = text.replace(env!("CARGO_PKG_VERSION"), "0.0.0");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Colours as text, so that a snapshot can be read.
fn escaped(text: &str) -> String {
    text.replace('\u{1b}', "<ESC>")
}

/// The verdict a report tells, found as its readers would; `None` for a format that has no place for one.
fn told(name: &str, report: &str) -> Option<String> {
    let parsed = || serde_json::from_str::<Value>(report).unwrap();
    let word = |text: &str| text.split(':').next().unwrap().trim().to_owned();
    Some(match name {
        // They tell what stands where; the exit code tells the verdict.
        "gitlab-codequality" | "rdjson" => return None,
        "gitlab-secret-detection" | "gitlab-sast" => {
            word(parsed()["scan"]["messages"][0]["value"].as_str().unwrap())
        }
        "dotenv" => report.lines().next()?.strip_prefix("TOLLGATE_OUTCOME=")?.to_owned(),
        "csv" => report.lines().last()?.split('"').nth(3)?.to_owned(),
        "human" => word(report.lines().last().unwrap()),
        "json" => parsed()["outcome"].as_str().unwrap().to_owned(),
        "sarif" | "github-sarif" => {
            parsed()["runs"][0]["invocations"][0]["exitCodeDescription"].as_str().unwrap().to_owned()
        }
        "github" => word(report.lines().last().unwrap().strip_prefix("::notice title=tollgate::").unwrap()),
        "markdown" => word(report.lines().next().unwrap().trim_start_matches(['#', ' ', '*'])),
        "junit" => {
            report.split("name=\"verdict\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        }
        other => panic!("how does `{other}` tell its verdict?"),
    })
}

/// Markdown without what stands in code spans (`CommonMark` 0.31, section 6.1: fences of one length).
fn strip_code(text: &str) -> String {
    let mut outside = String::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(at) = rest.find(['`', '\\']) {
            outside.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with('\\') {
                let escaped: String = rest.chars().take(2).collect();
                outside.push_str(&escaped);
                rest = &rest[escaped.len()..];
                continue;
            }
            let fence = rest.len() - rest.trim_start_matches('`').len();
            let body = &rest[fence..];
            rest =
                closing(body, fence).map_or_else(|| panic!("an open code span: {line}"), |end| &body[end..]);
        }
        outside.push_str(rest);
        outside.push('\n');
    }
    outside
}

/// Where the code span ends that was opened by `fence` backticks, the closing ones included.
fn closing(body: &str, fence: usize) -> Option<usize> {
    let mut at = 0;
    loop {
        at += body[at..].find('`')?;
        let run = body[at..].len() - body[at..].trim_start_matches('`').len();
        at += run;
        if run == fence {
            return Some(at);
        }
    }
}

/// Reads XML as far as a report uses it: elements that close, quoted attributes, no stray `<` or `&`. Gives the
/// name of each element with the names of its attributes.
fn xml_elements(text: &str) -> Vec<(String, Vec<String>)> {
    let (mut open, mut elements) = (Vec::new(), Vec::new());
    let body = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap();
    for part in body.split('<').skip(1) {
        let (tag, between) = part.split_once('>').unwrap();
        assert!(!between.contains('"') && entities_are_known(part), "{part}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let inner = tag.strip_suffix('/').unwrap_or(tag);
        let (name, attributes) = inner.split_once(' ').unwrap_or((inner, ""));
        let pieces: Vec<&str> = attributes.split('"').collect();
        assert_eq!(pieces.len() % 2, 1, "{tag}");
        let names = pieces.iter().step_by(2).filter(|piece| !piece.is_empty());
        elements.push((
            name.to_owned(),
            names.map(|piece| piece.trim().trim_end_matches('=').to_owned()).collect(),
        ));
        if inner == tag {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    elements
}

fn entities_are_known(text: &str) -> bool {
    let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
    text.split('&').skip(1).all(|rest| known.iter().any(|entity| rest.starts_with(entity)))
}

/// The published schema with every object closed: whatever is written and not described is a fault here.
fn closed_schema() -> Value {
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(map) => {
                map.values_mut().for_each(close);
                if map.contains_key("properties") && map.get("type").is_some() {
                    map.insert("additionalProperties".to_owned(), Value::Bool(false));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut schema: Value = serde_json::from_str(REPORT_SCHEMA).unwrap();
    close(&mut schema);
    schema
}

fn empty() -> Outcome {
    Outcome {
        stage: Stage::Local,
        verdict: Verdict::Clean,
        decided_at: Timestamp::parse("2026-11-21T10:00:00Z").unwrap(),
        run: Run { provider: "local".to_owned(), attempt: 1, ..Run::default() },
        decisions: Vec::new(),
        gaps: Vec::new(),
        gaps_block: false,
        coverage: Coverage { files: 212, bytes: 48_113, ..Coverage::default() },
        receipts: Vec::new(),
        unrecorded: None,
        activation: String::new(),
        policy_digest: "sha256:0d5f".to_owned(),
        trust_commit: String::new(),
        overrides_rejected: Vec::new(),
        rules: Vec::new(),
    }
}

/// All four actions, gaps, refusals, related places, another commit, several lines, letters of several bytes.
fn fixed() -> Outcome {
    Outcome {
        stage: Stage::Deploy,
        verdict: Verdict::Blocked,
        run: run(),
        decisions: vec![
            inherited(),
            blocked(),
            advised("docs/größe.md", 3),
            advised("docs/größe.md", 5),
            excepted(),
        ],
        gaps: vec![
            Gap {
                path: "assets/video.mp4".to_owned(),
                reason: Reason::TooLarge,
                detail: "70 MiB; the limit is 64 MiB".to_owned(),
            },
            Gap { path: "chart/deploy.yaml".to_owned(), reason: Reason::Partial, detail: String::new() },
        ],
        gaps_block: true,
        coverage: Coverage {
            files: 212,
            bytes: 48_113,
            excluded: vec!["third_party/**".to_owned()],
            suppressions_ignored: 2,
            digest: "sha256:77aa".to_owned(),
            history: None,
            past_hook: Vec::new(),
        },
        receipts: vec![
            receipt(116, "run", ""),
            receipt(117, "observed", &name(7)),
            receipt(118, "observed", &name(3)),
        ],
        trust_commit: "9f3c2b1a00d4e5f60718293a4b5c6d7e8f901234".to_owned(),
        overrides_rejected: vec!["TOLLGATE_STAGE=local".to_owned()],
        rules: vec![
            aws_rule(),
            rule("kubernetes-wildcard-verb"),
            rule("long-lived-token"),
            rule("note-in-docs"),
        ],
        ..empty()
    }
}

fn run() -> Run {
    Run {
        provider: "github".to_owned(),
        repo_host: "github.com".to_owned(),
        repo_id: "4711".to_owned(),
        repo_name: "acme/payments".to_owned(),
        pipeline: "payments/deploy".to_owned(),
        product: "payments".to_owned(),
        run_id: "88".to_owned(),
        attempt: 2,
        job: "gate".to_owned(),
        trigger: "push".to_owned(),
        actor_id: "7".to_owned(),
        actor_login: "dana".to_owned(),
        actor_class: "human".to_owned(),
        commit: "11aa22bb33cc44dd55ee66ff7788990011223344".to_owned(),
        reference: "refs/heads/main".to_owned(),
        ..Run::default()
    }
}

fn blocked() -> Decision {
    let finding = Finding {
        detail: "never expires; 412 days old".to_owned(),
        location: location("deploy/prod.env", (7, 19), (7, 39)),
        snippet: Some(Snippet { text: format!("AWS_ACCESS_KEY_ID=AKIA{MASK}"), start: 18, length: 20 }),
        facts: vec!["account 123456789012".to_owned(), "expires never".to_owned()],
        encoding: None,
        ..finding("aws-access-key", "long-lived AWS key in a deployed file", Severity::Critical, 7)
    };
    let refused = vec![Refusal {
        exception: "01JDQ2".to_owned(),
        code: "expired".to_owned(),
        reason: "it ended on 2026-11-20".to_owned(),
    }];
    Decision { finding, action: Action::Block, permit: None, refused }
}

fn excepted() -> Decision {
    let mut finding = Finding {
        family: Family::Privilege,
        detail: "verb `*` on secrets".to_owned(),
        location: location("k8s/payments.yaml", (114, 12), (116, 3)),
        identity: Some("kubernetes/Role/payments-admin".to_owned()),
        blast: Some(72),
        snippet: Some(Snippet { text: "    verbs: [\"*\"]".to_owned(), start: 12, length: 3 }),
        ..finding(
            "kubernetes-wildcard-verb",
            "role `payments-admin` may do anything to secrets",
            Severity::High,
            3,
        )
    };
    finding.related = vec![Related {
        location: location("k8s/binding.yaml", (9, 3), (9, 20)),
        message: "bound to the service account `ci` here".to_owned(),
    }];
    let permit = Permit {
        exception: "01JDQ4".to_owned(),
        path: ".tollgate/exceptions/01JDQ4.json".to_owned(),
        approvers: vec!["dana".to_owned(), "lee".to_owned()],
        expires_at: Timestamp::parse("2026-12-01").unwrap(),
        reason: "split in PAY-88".to_owned(),
        code: "risk_accepted".to_owned(),
        self_approved: false,
    };
    Decision { finding, action: Action::Except, permit: Some(permit), refused: Vec::new() }
}

fn inherited() -> Decision {
    let finding = Finding {
        family: Family::Lifetime,
        confidence: Confidence::Medium,
        algorithm: FingerprintAlgorithm::Located,
        former: None,
        location: Location {
            commit: Some("00ff11ee22dd33cc44bb55aa66997788aabbccdd".to_owned()),
            ..location("app/old.json", (2, 5), (2, 9))
        },
        ..finding("long-lived-token", "token without an end", Severity::High, 9)
    };
    let permit = Permit {
        exception: "baseline-2026".to_owned(),
        path: ".tollgate/exceptions/baseline-2026.json".to_owned(),
        approvers: vec!["lee".to_owned()],
        expires_at: Timestamp::parse("2027-03-01T12:30:00Z").unwrap(),
        reason: "found when the gate was adopted".to_owned(),
        code: "adopted".to_owned(),
        self_approved: true,
    };
    Decision { finding, action: Action::Inherit, permit: Some(permit), refused: Vec::new() }
}

fn advised(path: &str, line: u32) -> Decision {
    let finding = Finding {
        family: Family::Agent,
        enforcement: Enforcement::Advise,
        location: location(path, (line, 7), (line, 9)),
        snippet: Some(Snippet { text: "größe 中文 = é".to_owned(), start: 6, length: 2 }),
        ..finding(
            "note-in-docs",
            "agent told to skip approval",
            Severity::Low,
            0x20 + u8::try_from(line).unwrap(),
        )
    };
    Decision { finding, action: Action::Advise, permit: None, refused: Vec::new() }
}

/// One blocking finding in the last place and `count` - 1 advised ones in files of their own.
fn many(count: u32) -> Outcome {
    let one = |index: u32| {
        let mut fingerprint = [0; 16];
        fingerprint[..4].copy_from_slice(&index.to_be_bytes());
        let last = index + 1 == count;
        let finding = Finding {
            fingerprint: Fingerprint(fingerprint),
            location: location(&format!("src/{index:05}.rs"), (index + 1, 1), (index + 1, 5)),
            ..finding("bulk-rule", "one of many", Severity::Medium, 0)
        };
        let action = if last { Action::Block } else { Action::Advise };
        Decision { finding, action, permit: None, refused: Vec::new() }
    };
    let decisions = (0..count).map(one).collect();
    Outcome {
        verdict: Verdict::Blocked,
        decisions,
        rules: vec![rule("bulk-rule")],
        gaps: Vec::new(),
        ..fixed()
    }
}

/// The fixed outcome with `text` in every field that holds text.
fn hostile(text: &str) -> Outcome {
    let it = || format!("p{text}");
    let mut outcome = fixed();
    for decision in &mut outcome.decisions {
        let finding = &mut decision.finding;
        finding.rule = RuleId(it());
        finding.title = it();
        finding.detail = it();
        finding.location.path = it();
        finding.location.commit = finding.location.commit.as_ref().map(|_| it());
        finding.identity = Some(it());
        finding.facts = vec![it(), text.to_owned()];
        finding.snippet = Some(Snippet { text: format!("{text}{text}"), start: 1, length: 3 });
        finding.related = vec![Related { location: location(&it(), (1, 1), (1, 2)), message: it() }];
        if let Some(permit) = &mut decision.permit {
            permit.exception = it();
            permit.path = it();
            permit.approvers = vec![it(), text.to_owned()];
            permit.reason = it();
            permit.code = it();
        }
        decision.refused = vec![Refusal { exception: it(), code: it(), reason: it() }];
    }
    for gap in &mut outcome.gaps {
        gap.path = it();
        gap.detail = it();
    }
    let own = |id: &str| RuleText {
        id: id.to_owned(),
        title: it(),
        why: it(),
        fix: it(),
        source: it(),
        maps: vec![it(); 30],
        revoke: it(),
    };
    outcome.rules = vec![own(&it())];
    outcome.coverage.excluded = vec![it(), text.to_owned()];
    outcome.coverage.digest = it();
    outcome.overrides_rejected = vec![it(), text.to_owned()];
    outcome.unrecorded = Some(it());
    outcome.policy_digest = it();
    outcome.trust_commit = it();
    outcome.run.pipeline = it();
    outcome.run.reference = it();
    outcome.run.actor_login = it();
    outcome.run.repo_name = it();
    outcome
}

fn finding(rule: &str, title: &str, severity: Severity, number: u8) -> Finding {
    Finding {
        rule: RuleId(rule.to_owned()),
        family: Family::Secret,
        severity,
        confidence: Confidence::High,
        enforcement: Enforcement::Block,
        title: title.to_owned(),
        detail: String::new(),
        location: location("a", (1, 1), (1, 2)),
        fingerprint: Fingerprint([number; 16]),
        algorithm: FingerprintAlgorithm::Salted,
        former: None,
        identity: None,
        blast: None,
        occurrence: 0,
        snippet: None,
        related: Vec::new(),
        facts: Vec::new(),
        encoding: None,
        past: None,
    }
}

fn location(path: &str, start: (u32, u32), end: (u32, u32)) -> Location {
    let position = |(line, column)| Position { line, column };
    let path = path.to_owned();
    Location { path, start: position(start), end: position(end), span: Span::default(), commit: None }
}

fn name(number: u8) -> String {
    Fingerprint([number; 16]).hex()
}

fn receipt(index: u64, kind: &str, fingerprint: &str) -> Receipt {
    let (kind, fingerprint) = (kind.to_owned(), fingerprint.to_owned());
    Receipt { rid: format!("{index:032x}"), index, kind, fingerprint }
}

fn aws_rule() -> RuleText {
    RuleText {
        title: "long-lived AWS key".to_owned(),
        why: "whoever reads this file acts as `ci-deployer` until the key is deleted".to_owned(),
        fix: "delete the key and let the job assume the role through OIDC".to_owned(),
        maps: vec!["owasp-nhi:2025/NHI2".to_owned(), "owasp-nhi:2025/NHI7".to_owned()],
        revoke: "IAM, Users, Security credentials".to_owned(),
        ..rule("aws-access-key")
    }
}

fn rule(id: &str) -> RuleText {
    RuleText {
        id: id.to_owned(),
        title: format!("what {id} finds"),
        why: "a person who holds it can do what its owner can, on every environment, and nobody will see a \
              second login in the log of the provider"
            .to_owned(),
        fix: "take it out".to_owned(),
        source: "documentation of the provider, read 2026-11-20".to_owned(),
        maps: Vec::new(),
        revoke: String::new(),
    }
}
