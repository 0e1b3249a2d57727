//! The worked example of the metric definitions, to the last digit.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what builds the example may fail like the test that asks for it"
)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tollgate::escape::{Figure, Mode, Query, Report, Scope, measure};
use tollgate::finding::Severity;
use tollgate::ledger::{Kind, Record};
use tollgate::text::hash::{hex, sha256};
use tollgate::text::time::{Length, Timestamp, Window};

fn vector() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contracts/metrics-vector.json");
    serde_json::from_slice(&std::fs::read(path).expect("the vector is in the repository"))
        .expect("it is JSON")
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time of the vector")
}

/// The vector's events as records, in ledger order.
struct Ledger {
    records: Vec<Record>,
    /// Pipeline and fingerprint each exception was requested for, and when.
    asked: BTreeMap<String, (String, String, Timestamp)>,
    products: BTreeMap<String, String>,
}

impl Ledger {
    fn of(vector: &Value) -> Self {
        let lines = vector["lines"].as_object().expect("lines");
        let products = lines.iter().flat_map(|(line, names)| {
            names.as_array().expect("a list").iter().map(move |name| (word(name).to_owned(), line.clone()))
        });
        let mut ledger = Self { records: Vec::new(), asked: BTreeMap::new(), products: products.collect() };
        for event in vector["events"].as_array().expect("events") {
            for step in 0..event["n"].as_i64().unwrap_or(1) {
                ledger.add(event, step);
            }
        }
        ledger
    }

    fn add(&mut self, event: &Value, step: i64) {
        let ts = time(word(&event["ts"]))
            .plus(Length::seconds(step * event["step_s"].as_i64().unwrap_or_default()));
        let kind = Kind::from_word(word(&event["type"])).expect("a kind");
        let mut record = Record::new(kind, ts);
        let exception = word(&event["x"]).to_owned();
        if kind == Kind::ExceptionRequested {
            self.asked.insert(exception.clone(), (word(&event["p"]).into(), word(&event["f"]).into(), ts));
        }
        let asked = self.asked.get(&exception).cloned();
        let pipeline = match (word(&event["p"]), &asked) {
            ("", Some((pipeline, _, _))) => pipeline.clone(),
            (named, _) => named.to_owned(),
        };
        let short = match word(&event["ref"]) {
            "" => "main",
            named => named,
        };
        let run = match (word(&event["run"]), step) {
            ("r1", step) => format!("r{}", step + 1),
            (named, _) => named.to_owned(),
        };
        record.set("ledger", "example/metrics/2026");
        record.set("actor.id", "7");
        record.set("actor.login", "ci");
        record.set("commit.id", format!("commit-{run}-{}", word(&event["d"])));
        record.set("product", self.products[&pipeline].clone());
        record.set("pipeline", pipeline);
        record.set("run_id", if run.is_empty() { "outside".to_owned() } else { run.clone() });
        record.set("attempt", 1);
        record.set("job", "gate");
        record.set("stage", if short == "main" { "deploy" } else { "merge" });
        record.set("ref", format!("refs/heads/{short}"));
        record.set("policy.digest", "sha256:00");
        record.set("sig.signature", "checked elsewhere");
        if !word(&event["f"]).is_empty() {
            record.set("finding.fp", word(&event["f"]));
        }
        for (field, path) in [
            ("d", "deploy_id"),
            ("x", "exception_id"),
            ("introduced_by", "introduced_by"),
            ("by", "by"),
            ("reason", "reason"),
            ("how", "how"),
            ("outcome", "outcome"),
            ("action", "action"),
            ("path", "finding.path"),
        ] {
            if !word(&event[field]).is_empty() {
                record.set(path, word(&event[field]));
            }
        }
        if let Some(blast) = event["blast"].as_i64() {
            record.set("finding.blast", blast);
        }
        match kind {
            Kind::Observed | Kind::ProductionFound => {
                record.set(
                    "finding.severity",
                    if event["sev"].is_null() { "critical" } else { word(&event["sev"]) },
                );
                record.set("finding.rule", "example-rule");
                record
                    .set("enforcement", if word(&event["action"]) == "advise" { "advise" } else { "block" });
            }
            Kind::Cleared if word(&event["how"]).is_empty() => record.set("how", "absent"),
            Kind::Deploy => {
                record.set("environment", "production");
                record.set("relied_on", run.clone());
                record.set("commit.id", format!("commit-{run}-"));
            }
            Kind::ExceptionApproved => {
                let (_, fp, requested) = asked.expect("approved after it was requested");
                record.set("findings", vec![fp]);
                record.set("approvers", vec![word(&event["by"])]);
                record.set("requested_at", requested.to_string());
                record.set("approved_at", ts.to_string());
                record.set("expires_at", time(word(&event["expires"])).to_string());
                record.set("reason", "to be split next week");
            }
            Kind::ExceptionRequested => record.set("findings", vec![word(&event["f"])]),
            _ => {}
        }
        let key = word(&event["key"]);
        let name = if key.is_empty() { self.records.len().to_string() } else { key.to_owned() };
        record.set("rid", &hex(&sha256(name.as_bytes()))[..32]);
        self.records.push(record);
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn window(vector: &Value) -> Window {
    Window { start: time(word(&vector["window"][0])), end: time(word(&vector["window"][1])) }
}

fn report(change: impl FnOnce(&mut Query<'_>)) -> Report {
    let vector = vector();
    let mut query =
        Query::new(window(&vector), time(word(&vector["as_of"])), &|record| record.get("sig").is_some());
    query.explain = true;
    query.target = Some(0.10);
    change(&mut query);
    measure(&Ledger::of(&vector).records, &query).expect("the example has no clash")
}

fn scope<'r>(report: &'r Report, name: &str) -> &'r Scope {
    report
        .pipelines
        .iter()
        .chain(&report.products)
        .chain([&report.all])
        .find(|scope| scope.name == name)
        .expect("a scope")
}

/// `got` is `want` within the tolerance of the vector.
fn close(got: impl Into<Option<Figure>>, want: &Value, what: &str) {
    let (got, want) = (got.into().map(|figure| figure.0), want.as_f64());
    let (Some(got), Some(want)) = (got, want) else { panic!("{what}: {got:?} is not {want:?}") };
    assert!((got - want).abs() <= 0.00005, "{what}: {got} is not {want}");
}

fn all_close(got: &[Figure], want: &Value, what: &str) {
    let want = want.as_array().expect("a list");
    assert_eq!(got.len(), want.len(), "{what}: {got:?} is not {want:?}");
    for (got, want) in got.iter().zip(want) {
        close(*got, want, what);
    }
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().expect("a list").iter().map(word).collect()
}

#[test]
fn every_risk_ends_as_the_example_tells() {
    let (report, vector) = (report(|_| {}), vector());
    for (pipeline, want) in vector["expected"]["final"].as_object().expect("pipelines") {
        let scope = scope(&report, pipeline);
        let names = |listed: &[tollgate::escape::Listed]| {
            listed.iter().map(|risk| risk.fingerprint.clone()).collect::<BTreeSet<_>>()
        };
        let same = |got: BTreeSet<String>, want: &Value| {
            assert_eq!(got.iter().map(String::as_str).collect::<BTreeSet<_>>(), texts(want));
        };
        same(names(&scope.prevented), &want["prevented"]);
        same(names(&scope.pending), &want["pending"]);
        same(names(&scope.dismissed), &want["dismissed"]);
        let escaped: BTreeMap<&str, &str> =
            scope.escapes.iter().map(|risk| (risk.fingerprint.as_str(), risk.class.word())).collect();
        let want: BTreeMap<&str, &str> = want["escaped"]
            .as_object()
            .expect("escaped")
            .iter()
            .map(|(name, class)| (name.as_str(), word(class)))
            .collect();
        assert_eq!(escaped, want, "{pipeline}");
    }
}

#[test]
fn the_rate_its_interval_and_its_limits_are_those_of_the_example() {
    let (report, vector) = (report(|_| {}), vector());
    for (name, want) in vector["expected"]["crer"].as_object().expect("scopes") {
        let rate = &scope(&report, name).rate;
        assert_eq!(
            (Some(rate.escaped), Some(rate.decided)),
            (want["E"].as_u64(), want["n"].as_u64()),
            "{name}"
        );
        close(rate.rate, &want["rate"], name);
        all_close(&rate.interval, &want["wilson"], name);
        close(rate.blast_rate, &want["blast_rate"], name);
        if name != "all" {
            all_close(&rate.funnel95.expect("n is not 0"), &want["funnel95"], name);
            close(rate.exact_tail, &want["exact_tail"], name);
            close(rate.shrunk, &want["shrunk_m10"], name);
        }
    }
    let lines: Vec<(&str, u64)> =
        report.products.iter().map(|line| (line.name.as_str(), line.rate.escaped)).collect();
    assert_eq!(lines, [("assist", 4), ("payments", 2)]);
}

#[test]
fn classes_and_variants_share_one_denominator() {
    let (report, vector) = (report(|_| {}), vector());
    let rate = &report.all.rate;
    for (class, number) in vector["expected"]["classes"].as_object().expect("classes") {
        assert_eq!(rate.classes.get(class.as_str()).copied(), number.as_u64(), "{class}");
    }
    for (variant, want) in vector["expected"]["variants"].as_object().expect("variants") {
        close(rate.variants[variant.as_str()], want, variant);
    }
    for (variant, word) in tollgate::escape::Variant::ALL {
        let chosen = self::report(|query| query.variant = variant);
        close(chosen.all.rate.rate, &vector["expected"]["variants"][word], word);
        assert_eq!(chosen.all.rate.decided, 12, "{word}");
    }
}

#[test]
fn another_severity_set_runs_the_same_code() {
    let want = &vector()["expected"]["severity_critical_and_high"];
    let report = report(|query| query.severities = vec![Severity::High, Severity::Critical]);
    let rate = &report.all.rate;
    assert_eq!((Some(rate.escaped), Some(rate.decided)), (want["E"].as_u64(), want["n"].as_u64()));
    close(rate.rate, &want["rate"], "rate");
}

#[test]
fn the_two_pipelines_cannot_be_told_apart() {
    let (report, vector) = (report(|_| {}), vector());
    let want = &vector["expected"]["difference_agent_minus_pay"];
    let [pair] = report.comparisons.as_slice() else { panic!("one pair") };
    assert_eq!((pair.first.as_str(), pair.second.as_str()), ("pay-api", "support-agent"));
    close(Figure(-pair.difference.difference.0), &want["d"], "difference");
    let [low, high] = pair.difference.interval;
    all_close(&[Figure(-high.0), Figure(-low.0)], &want["newcombe"], "newcombe");
    assert_eq!(Some(pair.difference.changed), want["changed"].as_bool());
}

#[test]
fn detection_and_coverage_are_those_of_the_example() {
    let (report, vector) = (report(|_| {}), vector());
    let (want, all) = (&vector["expected"]["detection"], &report.all);
    let before = all.preventive.detected_before;
    assert_eq!(
        (Some(before.count), Some(before.of)),
        (want["predeploy_detected"].as_u64(), want["of"].as_u64())
    );
    close(before.rate, &want["rate"], "detected before");
    close(all.preventive.conversion.rate, &want["enforcement_conversion"], "conversion");
    assert_eq!(Some(all.detective.production_found.count), want["production_found"].as_u64());
    all_close(&all.detective.detect_days, &want["ttd_days"], "time to detect");
    close(all.detective.detect_median_days, &want["ttd_median_days"], "median time to detect");

    let want = &vector["expected"]["coverage"];
    assert_eq!(Some(all.trust.deploys), want["deploys"].as_u64());
    for (share, count, rate) in [
        (all.trust.gated, "gated", "gated_rate"),
        (all.trust.honoured, "honoured", "honoured_rate"),
        (all.preventive.escaping_deploys, "escaping_deploys", "escaping_rate"),
    ] {
        assert_eq!(Some(share.count), want[count].as_u64(), "{count}");
        close(share.rate, &want[rate], rate);
    }
    assert_eq!(report.header.mode, Mode::Confirmed);
    assert!(!report.header.lower_bound && report.header.provisional);
}

#[test]
fn exposure_and_survival_are_those_of_the_example() {
    let (report, vector) = (report(|_| {}), vector());
    let (want, got) = (&vector["expected"]["exposure"], &report.all.exposure);
    close(got.days, &want["days"], "days");
    close(got.mean_open, &want["mean_open"], "mean open");
    close(got.sanctioned, &want["sanctioned"], "sanctioned");
    close(got.unsanctioned, &want["unsanctioned"], "unsanctioned");
    close(got.blast_days, &want["blast_days"], "blast days");

    let (want, got) = (&vector["expected"]["remediate"], &report.all.corrective.remediate);
    all_close(&got.closed_days, &want["closed_days"], "closed");
    all_close(&got.censored_days, &want["censored_days"], "censored");
    let curve: Vec<Figure> = got.curve.iter().flatten().copied().collect();
    let flat: Vec<Value> = want["km"]
        .as_array()
        .expect("km")
        .iter()
        .flat_map(|step| step.as_array().expect("step").clone())
        .collect();
    all_close(&curve, &Value::Array(flat), "curve");
    close(got.median_days, &want["km_median_days"], "median");
    let naive = got.closed_days.iter().map(|days| days.0).sum::<f64>() / 3.0;
    close(Figure(naive), &want["naive_mean_closed"], "the mean nobody should print");
    assert_ne!(got.median_days, Some(Figure(naive)));

    let (want, got) = (&vector["expected"]["revoke"], &report.all.corrective.revoke);
    all_close(&got.closed_days, &want["events_days"], "revoked");
    all_close(&got.censored_days, &want["censored_days"], "still valid");
    close(got.still_after[1], &want["km_still_valid_5d"], "still valid after 5 days");
    close(got.median_days, &want["km_median_days"], "median");
}

#[test]
fn exceptions_are_those_of_the_example() {
    let (report, vector) = (report(|_| {}), vector());
    let (want, got) = (&vector["expected"]["exceptions"], &report.all.review);
    for (field, number) in [
        ("requested", got.requested),
        ("approved", got.approved),
        ("denied", got.denied),
        ("refused_self_approval", got.refused_self_approval),
        ("fast_le_60s", got.fast),
        ("used", got.used),
    ] {
        assert_eq!(Some(number), want[field].as_u64(), "{field}");
    }
    assert_eq!(Value::from(got.latency_s.clone()), want["latency_s"]);
    close(got.latency_median_s, &want["latency_median_s"], "median latency");
    close(got.top_approver_share, &want["top_approver_share"], "top approver");
    assert_eq!(got.approve_ratio_signal, word(&want["approve_ratio_signal"]));
    assert_eq!(Value::from(got.open.clone()), want["open_at_as_of"]);
    assert_eq!(Value::from(got.open_age_s.clone()), want["open_age_s"]);
    assert_eq!(Value::from(got.expired_while_exposed.clone()), want["expired_while_exposed"]);
    close(got.risk_exception_rate, &want["risk_exception_rate"], "exception rate");
    assert_eq!(got.without_expiry, 0);
}

#[test]
fn quality_and_budget_are_those_of_the_example() {
    let (report, vector) = (report(|_| {}), vector());
    let (want, got) = (&vector["expected"]["quality"], &report.all.quality);
    let recurrence: BTreeSet<&str> = got.recurrence.iter().map(|risk| risk.fingerprint.as_str()).collect();
    assert_eq!(recurrence, texts(&want["recurrence"]));
    assert_eq!(Value::from(report.split_outcome.clone()), want["split_outcome"]);
    assert_eq!(Some(report.records.duplicates_folded), want["duplicates_folded"].as_u64());
    assert_eq!(Some(report.records.read), want["events_expanded"].as_u64());
    close(got.dismissal.rate, &want["dismissal_rate"], "dismissals");
    assert_eq!(Some(got.crossings), want["crossings"].as_u64());
    assert_eq!(Some(got.block_observations), want["block_observations"].as_u64());
    let (want, got) = (&vector["expected"]["budget"], report.all.budget.expect("a target was given"));
    close(got.target, &want["target"], "target");
    close(got.burn, &want["burn"], "burn");
    close(got.allowed_risks, &want["allowed_risks"], "allowed risks");
}

#[test]
fn what_is_found_later_restates_the_window_of_its_deploy() {
    let vector = vector();
    let want = vector["expected"]["restatement"].as_object().expect("restatement");
    for (name, want) in want.iter().filter(|(name, _)| name.starts_with("as_of_")) {
        let restated = report(|query| {
            query.window = window(&vector["expected"]["restatement"]);
            query.as_of = time(&name["as_of_".len()..]);
        });
        let rate = &restated.all.rate;
        assert_eq!(
            (Some(rate.escaped), Some(rate.decided)),
            (want["E"].as_u64(), want["n"].as_u64()),
            "{name}"
        );
        close(rate.rate, &want["rate"], name);
    }
    let restated = report(|query| query.window = window(&vector["expected"]["restatement"]));
    let first = restated.all.rate.first_reported.expect("later knowledge was asked for");
    assert_eq!((first.escaped, first.decided), (3, 8), "what was first reported stands beside it");
}

#[test]
fn presumed_crossings_give_a_lower_bound_with_unknown_coverage() {
    let (report, vector) = (report(|query| query.mode = Mode::Presumed), vector());
    let want = &vector["expected"]["presumed_mode"];
    let name = |pipeline: &str, fp: &str| format!("{pipeline}/{fp}");
    let escaped: Vec<String> =
        report.all.escapes.iter().map(|risk| name(&risk.pipeline, &risk.fingerprint)).collect();
    let pending: Vec<String> =
        report.all.pending.iter().map(|risk| name(&risk.pipeline, &risk.fingerprint)).collect();
    assert_eq!(escaped.iter().map(String::as_str).collect::<BTreeSet<_>>(), texts(&want["escaped"]));
    assert_eq!(pending.iter().map(String::as_str).collect::<BTreeSet<_>>(), texts(&want["pending"]));
    let rate = &report.all.rate;
    assert_eq!((Some(rate.escaped), Some(rate.decided)), (want["E"].as_u64(), want["n"].as_u64()));
    close(rate.rate, &want["rate"], "rate");
    assert!(report.header.lower_bound && report.header.mode == Mode::Presumed);
    assert_eq!(serde_json::to_value(&report.header).expect("JSON")["coverage"], "unknown");
}

#[test]
fn no_common_mistake_is_printed_as_the_rate() {
    let (report, vector) = (report(|_| {}), vector());
    let rate = &report.all.rate;
    for (mistake, wrong) in vector["expected"]["wrong_answers"].as_object().expect("mistakes") {
        if let Some(wrong) = wrong.as_u64() {
            assert_ne!(rate.decided, wrong, "{mistake}");
        } else {
            let printed = rate.rate.expect("decided risks").rounded();
            assert!((printed - wrong.as_f64().expect("a number")).abs() > 0.001, "{mistake}");
        }
    }
}

#[test]
fn the_same_records_and_query_give_the_same_bytes() {
    let bytes = || serde_json::to_vec(&report(|_| {})).expect("JSON");
    assert_eq!(bytes(), bytes());
}

#[test]
fn the_example_as_a_person_reads_it() {
    let text = tollgate::report::rate::text::render(&report(|query| query.explain = false));
    for line in [
        "escaped: 6 of 12 (50.0 %), 95 % interval 0.25 to 0.75",
        "  by class: 1 advisory, 2 excepted, 1 missed, 1 overridden, 1 ungated",
        "  support-agent: 4 of 5 (80.0 %), 95 % interval 0.38 to 0.96, 1 pending",
        "  pay-api and support-agent cannot be told apart yet: difference -0.51, 95 % interval -0.78 to +0.04",
        "exposure: 56.0 days of open risk, 1.87 open on average, 3 open now",
    ] {
        assert!(text.lines().any(|known| known == line), "`{line}` is not in\n{text}");
    }
}

#[test]
fn each_number_names_the_records_that_made_it() {
    let report = report(|_| {});
    let records: BTreeSet<String> =
        Ledger::of(&vector()).records.iter().map(|record| record.rid().to_owned()).collect();
    for (number, rids) in &report.all.explain {
        assert!(!rids.is_empty() && rids.iter().all(|rid| records.contains(rid)), "{number}");
    }
    for number in
        ["escaped", "prevented", "pending", "dismissed", "exposure", "deploys", "gated", "revoke", "approved"]
    {
        assert!(report.all.explain.contains_key(number), "{number}");
    }
    assert_eq!(report.all.explain["deploys"].len(), 8);
}
