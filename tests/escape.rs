//! What the worked example does not show: edge cases of the state machine, and what holds for any ledger.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what builds a ledger may fail like the test that asks for it"
)]

use proptest::prelude::*;
use tollgate::escape::{EscapeError, Known, Mode, Query, Report, Variant, measure};
use tollgate::ledger::{Kind, Record};
use tollgate::report::rate;
use tollgate::text::hash::{hex, sha256};
use tollgate::text::time::{Length, Timestamp, Window};

const FIRST: &str = "2026-03-01T00:00:00Z";

/// A ledger of pipeline `pay`; times are hours since the first of March.
#[derive(Default)]
struct Ledger(Vec<Record>);

impl Ledger {
    fn add(&mut self, hour: i64, kind: Kind, fields: &[(&str, &str)]) -> &mut Self {
        let mut record = Record::new(kind, at(hour));
        for (path, value) in [
            ("rid", &hex(&sha256(self.0.len().to_string().as_bytes()))[..32]),
            ("ledger", "example/pay/2026"),
            ("pipeline", "pay"),
            ("run_id", "r1"),
            ("stage", "deploy"),
            ("ref", "refs/heads/main"),
            ("actor.id", "7"),
            ("policy.digest", "sha256:01"),
            ("sig.signature", "checked elsewhere"),
        ] {
            record.set(path, value);
        }
        for (path, value) in fields {
            record.set(path, *value);
        }
        record.set("attempt", 1);
        self.0.push(record);
        self
    }

    fn seen(&mut self, hour: i64, action: &str, fields: &[(&str, &str)]) -> &mut Self {
        let base = [
            ("action", action),
            ("finding.fp", "f1"),
            ("finding.severity", "critical"),
            ("finding.rule", "rule"),
        ];
        self.add(hour, Kind::Observed, &[&base, fields].concat())
    }

    fn run(&mut self, hour: i64, run: &str, outcome: &str, fields: &[(&str, &str)]) -> &mut Self {
        self.add(hour, Kind::Run, &[&[("run_id", run), ("outcome", outcome)], fields].concat())
    }

    fn deploy(&mut self, hour: i64, id: &str, run: &str, fields: &[(&str, &str)]) -> &mut Self {
        let base = [("deploy_id", id), ("relied_on", run), ("environment", "production")];
        self.add(hour, Kind::Deploy, &[&base, fields].concat())
    }

    fn tell(&mut self, hour: i64, kind: Kind, fields: &[(&str, &str)]) -> &mut Self {
        self.add(hour, kind, &[&[("finding.fp", "f1")], fields].concat())
    }

    /// An exception for `f1` that ends at `end`, verified by run `r1` at `hour`.
    fn excepted(&mut self, hour: i64, end: i64) -> &mut Self {
        let (approved, expires) = (at(hour).to_string(), at(end).to_string());
        self.add(
            hour,
            Kind::ExceptionApproved,
            &[("exception_id", "X"), ("approved_at", &approved), ("expires_at", &expires), ("by", "lee")],
        );
        self.seen(hour, "except", &[("exception_id", "X")]).run(hour, "r1", "excepted", &[])
    }

    fn report(&self) -> Report {
        self.report_with(|_| {})
    }

    fn report_with(&self, change: impl FnOnce(&mut Query<'_>)) -> Report {
        measured(&self.0, change).expect("a ledger without clash")
    }
}

fn at(hour: i64) -> Timestamp {
    Timestamp::parse(FIRST).expect("a time").plus(Length::seconds(hour * 3600))
}

fn measured(records: &[Record], change: impl FnOnce(&mut Query<'_>)) -> Result<Report, EscapeError> {
    let window = Window { start: at(0), end: at(720) };
    let mut query = Query::new(window, at(720), &|record| record.get("sig").is_some());
    query.explain = true;
    change(&mut query);
    measure(records, &query)
}

/// `E/V/pending/dismissed/abandoned`, then the classes of the escapes.
fn fates(report: &Report) -> String {
    let rate = &report.all.rate;
    let classes: Vec<&str> = report.all.escapes.iter().map(|escape| escape.class.word()).collect();
    let numbers = [rate.escaped, rate.prevented, rate.pending, rate.dismissed, rate.abandoned]
        .map(|number| number.to_string());
    format!("{} {}", numbers.join("/"), classes.join(",")).trim_end().to_owned()
}

fn check(build: impl FnOnce(&mut Ledger), expected: &str) -> Report {
    let mut ledger = Ledger::default();
    build(&mut ledger);
    let report = ledger.report_with(|query| query.mode = Mode::Confirmed);
    assert_eq!(fates(&report), expected);
    report
}

#[test]
fn r80_an_exception_that_was_never_used_is_no_escape() {
    check(
        |l| {
            l.seen(1, "block", &[]).excepted(2, 100).tell(3, Kind::Cleared, &[("how", "absent")]);
        },
        "0/1/0/0/0",
    );
}

#[test]
fn r81_an_exception_that_ends_while_the_risk_is_live_leaves_unsanctioned_exposure_and_no_second_escape() {
    let report = check(
        |l| {
            l.excepted(24, 72).deploy(48, "d1", "r1", &[]).deploy(96, "d2", "r1", &[]).tell(
                120,
                Kind::Remediated,
                &[("how", "revoked")],
            );
        },
        "1/0/0/0/0 excepted",
    );
    assert_eq!((report.all.exposure.sanctioned.0, report.all.exposure.unsanctioned.0), (1.0, 2.0));
    assert_eq!(report.all.review.expired_while_exposed, ["X"]);
}

#[test]
fn r82_what_is_first_seen_in_production_is_missed_and_dated_to_its_deploy() {
    let report = check(
        |l| {
            l.run(10, "r1", "clean", &[]).deploy(12, "d1", "r1", &[]);
            l.tell(60, Kind::ProductionFound, &[("introduced_by", "d1"), ("finding.severity", "critical")]);
        },
        "1/0/0/0/0 missed",
    );
    assert_eq!(report.all.escapes[0].escaped_at, at(12));
    assert_eq!(report.all.detective.detect_median_days.map(|days| days.0), Some(2.0));
    assert_eq!(report.all.rate.variants["post_deploy_discovery_only"].map(|rate| rate.0), Some(1.0));
}

#[test]
fn r82_a_prevented_risk_found_live_since_an_earlier_deploy_is_an_escape_of_that_window() {
    let story = |l: &mut Ledger| {
        l.seen(1, "block", &[]).run(2, "r2", "clean", &[]).deploy(3, "d1", "r2", &[]);
        l.tell(5, Kind::Cleared, &[("how", "absent")]);
    };
    check(story, "0/1/0/0/0");
    check(
        |l| {
            story(l);
            l.tell(9, Kind::ProductionFound, &[("introduced_by", "d1")]);
        },
        "1/0/0/0/0 missed",
    );
}

#[test]
fn r82_an_unknown_introducing_deploy_is_estimated_and_said_so() {
    let report = check(
        |l| {
            l.seen(1, "block", &[]).tell(2, Kind::Cleared, &[("how", "absent")]);
            l.run(3, "r2", "clean", &[]).deploy(4, "d1", "r2", &[]).deploy(8, "d2", "r2", &[]);
            l.tell(9, Kind::ProductionFound, &[]);
        },
        "1/0/0/0/0 missed",
    );
    assert_eq!((report.all.escapes[0].deploy.as_str(), report.all.rate.estimated), ("d1", 1));
}

#[test]
fn r83_one_pattern_in_two_pipelines_is_two_risks_and_a_split_outcome() {
    let report = check(
        |l| {
            l.seen(1, "block", &[]).tell(2, Kind::Cleared, &[("how", "absent")]);
            let agent = ("pipeline", "agent");
            l.seen(1, "advise", &[agent]).run(1, "r1", "advised", &[agent]).deploy(2, "d1", "r1", &[agent]);
        },
        "1/1/0/0/0 advisory",
    );
    assert_eq!(report.split_outcome, ["f1"]);
}

#[test]
fn r84_a_person_who_only_clicks_is_a_signal_and_four_decisions_are_not_enough_to_say() {
    for (approvals, signal) in [(4, "insufficient"), (40, "raised")] {
        let mut ledger = Ledger::default();
        for number in 0..approvals {
            let (id, when) = (format!("X{number}"), at(number).to_string());
            ledger.add(
                number,
                Kind::ExceptionRequested,
                &[("exception_id", &id), ("by", "dana"), ("reason", "needed for now")],
            );
            ledger.add(
                number,
                Kind::ExceptionApproved,
                &[("exception_id", &id), ("approved_at", &when), ("by", "lee")],
            );
        }
        let review = ledger.report().all.review;
        assert_eq!((review.approve_ratio_signal, review.fast), (signal, approvals.unsigned_abs()));
        assert_eq!(
            (review.without_expiry, review.reused_reason),
            (approvals.unsigned_abs(), approvals.unsigned_abs())
        );
    }
}

#[test]
fn r86_a_run_without_a_deploy_stays_pending_and_a_deploy_without_a_run_is_ungated() {
    check(
        |l| {
            l.seen(1, "advise", &[]).run(1, "r1", "advised", &[]);
        },
        "0/0/1/0/0",
    );
    let report = check(
        |l| {
            l.seen(1, "block", &[]).run(1, "r1", "blocked", &[]).deploy(2, "d1", "", &[]);
        },
        "1/0/0/0/0 ungated",
    );
    assert_eq!((report.all.trust.deploys, report.all.trust.gated.count), (1, 0));
}

#[test]
fn r86_f1_a_deploy_of_another_artefact_or_an_old_run_or_a_local_run_has_no_valid_run() {
    for (run, deploy) in [
        (vec![("artifact.digest", "sha256:aa")], vec![("artifact.digest", "sha256:bb")]),
        (vec![("commit.id", "aa")], vec![("commit.id", "bb")]),
        (vec![("stage", "local")], vec![]),
    ] {
        let report = check(
            |l| {
                l.seen(1, "advise", &[]).run(1, "r1", "advised", &run).deploy(2, "d1", "r1", &deploy);
            },
            "1/0/0/0/0 ungated",
        );
        assert_eq!(report.all.trust.gated.count, 0, "{run:?}");
    }
    check(
        |l| {
            l.seen(1, "advise", &[]).run(1, "r1", "advised", &[]).deploy(24 * 9, "d1", "r1", &[]);
        },
        "1/0/0/0/0 ungated",
    );
}

#[test]
fn r86_a_deploy_feed_that_knows_no_run_joins_by_artefact_then_by_commit() {
    for field in ["artifact.digest", "commit.id"] {
        check(
            |l| {
                l.seen(1, "advise", &[]).run(1, "r1", "advised", &[(field, "aa")]).deploy(
                    2,
                    "d1",
                    "",
                    &[(field, "aa")],
                );
            },
            "1/0/0/0/0 advisory",
        );
    }
}

#[test]
fn r86_a_policy_nobody_activated_makes_no_valid_run() {
    check(
        |l| {
            l.add(0, Kind::PolicyActivated, &[("policy.digest", "sha256:02")]);
            l.seen(1, "advise", &[]).run(1, "r1", "advised", &[]).deploy(2, "d1", "r1", &[]);
        },
        "1/0/0/0/0 ungated",
    );
}

#[test]
fn r87_a_branch_copy_keeps_the_risk_open_until_its_last_ref_is_cleared() {
    let branch = [("ref", "refs/heads/copy")];
    let story = |l: &mut Ledger| {
        l.seen(1, "block", &[]).seen(2, "block", &branch).tell(3, Kind::Cleared, &[("how", "absent")]);
    };
    check(story, "0/0/1/0/0");
    let report = check(
        |l| {
            story(l);
            l.tell(9, Kind::Cleared, &[("how", "ref_deleted"), ("ref", "refs/heads/copy")]);
        },
        "0/1/0/0/0",
    );
    assert_eq!(report.all.prevented[0].decided_at, Some(at(9)));
}

#[test]
fn r87_a_merged_change_is_cleared_by_the_run_on_the_protected_branch() {
    check(
        |l| {
            l.seen(1, "block", &[("stage", "merge"), ("ref", "refs/pull/7/merge")]);
            l.tell(3, Kind::Cleared, &[("how", "merged_absent")]);
        },
        "0/1/0/0/0",
    );
}

#[test]
fn r87_a_retry_is_one_event_and_the_same_id_with_another_body_stops_everything() {
    let mut ledger = Ledger::default();
    ledger.seen(1, "block", &[]);
    let mut retry = ledger.0[0].clone();
    retry.set("ts", at(2).to_string());
    ledger.0.push(retry);
    let report = ledger.report();
    assert_eq!((report.records.duplicates_folded, report.all.quality.block_observations), (1, 1));
    let mut forged = ledger.0[0].clone();
    forged.set("action", "advise");
    ledger.0.push(forged);
    let rid = ledger.0[0].rid().to_owned();
    assert_eq!(measured(&ledger.0, |_| {}), Err(EscapeError::Clash(rid)));
}

#[test]
fn r88_a_rule_demoted_to_advise_shows_as_advisory_class_and_as_a_change() {
    let report = check(
        |l| {
            l.seen(1, "block", &[("enforcement", "block")]);
            l.tell(
                2,
                Kind::EnforcementChanged,
                &[("finding.rule", "rule"), ("from", "block"), ("to", "advise")],
            );
            l.seen(3, "advise", &[("enforcement", "advise")]).run(3, "r1", "advised", &[]);
            l.deploy(4, "d1", "r1", &[]);
        },
        "1/0/0/0/0 overridden",
    );
    assert_eq!((report.all.trust.relaxed, report.all.trust.enforcing.count), (1, 0));
}

#[test]
fn r88_a_severity_lowered_before_the_crossing_is_counted() {
    let mut ledger = Ledger::default();
    ledger.seen(1, "advise", &[]).tell(2, Kind::Rerated, &[("from", "critical"), ("to", "high")]);
    ledger.seen(3, "advise", &[("finding.severity", "high"), ("run_id", "r2")]).run(3, "r2", "advised", &[]);
    ledger.deploy(4, "d1", "r2", &[]);
    let report = ledger.report();
    assert_eq!(fates(&report), "0/0/0/0/0", "the severity in force at the crossing decides");
    let report = ledger.report_with(|query| query.severities = vec![tollgate::finding::Severity::High]);
    assert_eq!((fates(&report).as_str(), report.all.quality.downgraded), ("1/0/0/0/0 advisory", 1));
}

#[test]
fn r89_a_new_rule_that_finds_what_was_live_is_missed_for_want_of_a_rule() {
    let mut ledger = Ledger::default();
    ledger.run(1, "r1", "clean", &[]).deploy(2, "d1", "r1", &[]);
    ledger.seen(50, "block", &[("run_id", "r2")]).run(50, "r2", "blocked", &[]);
    assert_eq!(fates(&ledger.report()), "0/0/1/0/0", "a sighting alone proves nothing about production");
    ledger.tell(60, Kind::ProductionFound, &[("introduced_by", "d1"), ("finding.rule", "rule")]);
    let report = ledger.report_with(|query| query.knows_rule = &|_, _| Some(false));
    assert_eq!(fates(&report), "1/0/0/0/0 missed");
    assert_eq!((report.all.rate.causes["no_rule"], report.all.escapes[0].escaped_at), (1, at(2)));
    assert_eq!(report.all.preventive.detected_before.count, 0, "it was seen only after its crossing");
}

#[test]
fn an_exception_holds_until_its_end_and_not_at_it() {
    for (deployed, class) in [(9, "1/0/0/0/0 excepted"), (10, "1/0/0/0/0 ungated")] {
        check(
            |l| {
                l.excepted(1, 10).deploy(deployed, "d1", "r1", &[]);
            },
            class,
        );
    }
}

#[test]
fn a_revoked_exception_no_longer_covers_a_deploy() {
    let report = check(
        |l| {
            l.excepted(1, 100).add(5, Kind::ExceptionRevoked, &[("exception_id", "X")]).deploy(
                9,
                "d1",
                "r1",
                &[],
            );
        },
        "1/0/0/0/0 ungated",
    );
    assert_eq!((report.all.review.used, report.all.trust.gated.count), (0, 0));
}

#[test]
fn f7_break_glass_is_overridden_and_shown_apart() {
    let report = check(
        |l| {
            l.seen(1, "block", &[])
                .run(1, "r1", "blocked", &[])
                .add(2, Kind::BreakGlass, &[("run_id", "r1")])
                .deploy(3, "d1", "r1", &[]);
        },
        "1/0/0/0/0 overridden",
    );
    assert_eq!((report.all.rate.causes["break_glass"], report.all.rate.causes["unrecorded"]), (1, 0));
    assert_eq!((report.all.trust.gated.count, report.all.trust.honoured.count), (1, 0));
}

#[test]
fn f7_broken_glass_is_for_one_deploy_within_a_day() {
    // Two blocked runs over one commit, each with a risk of its own; the glass names the commit.
    let story = |first: i64, second: i64| {
        let mut ledger = Ledger::default();
        for (run, fingerprint) in [("r1", "f1"), ("r2", "f2")] {
            ledger.seen(1, "block", &[("run_id", run), ("finding.fp", fingerprint)]);
            ledger.run(1, run, "blocked", &[("commit.id", "c")]);
        }
        ledger.add(2, Kind::BreakGlass, &[("commit.id", "c"), ("run_id", "r9")]);
        ledger.deploy(2, "test", "r1", &[("commit.id", "c"), ("environment", "test")]);
        ledger.deploy(first, "d1", "r1", &[("commit.id", "c")]);
        ledger.deploy(second, "d2", "r2", &[("commit.id", "c")]);
        let report = ledger.report_with(|query| query.mode = Mode::Confirmed);
        ["break_glass", "unrecorded"].map(|cause| report.all.rate.causes[cause])
    };
    assert_eq!(story(3, 4), [1, 1], "the second deploy is a matter of its own");
    assert_eq!(story(30, 31), [0, 2], "it had ended");
}

#[test]
fn inherited_risks_are_open_exposure_and_outside_the_rate() {
    let report = check(
        |l| {
            l.seen(24, "inherit", &[]).run(24, "r1", "excepted", &[]).deploy(48, "d1", "r1", &[]);
        },
        "0/0/0/0/0",
    );
    assert_eq!((report.all.rate.inherited_open, report.all.exposure.inherited_days.0), (1, 29.0));
    assert!(report.all.exposure.days.0.abs() < 1e-9);
    let report = check(
        |l| {
            l.seen(24, "inherit", &[]).tell(48, Kind::Remediated, &[("how", "revoked")]);
        },
        "0/0/0/0/0",
    );
    assert_eq!((report.all.rate.inherited_open, report.all.exposure.inherited_days.0), (0, 1.0));
}

#[test]
fn a_dismissed_risk_stays_out_until_it_is_found_live() {
    let story = |l: &mut Ledger| {
        l.seen(1, "block", &[])
            .tell(2, Kind::Dismissed, &[("reason", "false_positive"), ("by", "sec")])
            .seen(3, "block", &[]);
        l.run(4, "r2", "clean", &[]).deploy(5, "d1", "r2", &[]);
    };
    check(story, "0/0/0/1/0");
    check(
        |l| {
            story(l);
            l.tell(9, Kind::ProductionFound, &[("introduced_by", "d1")]);
        },
        "1/0/0/0/0 missed",
    );
}

#[test]
fn a_change_without_a_run_for_thirty_days_is_abandoned_and_not_prevented() {
    let change = [("stage", "merge"), ("ref", "refs/pull/7/merge"), ("pr.number", "7")];
    let mut ledger = Ledger::default();
    ledger.seen(-24, "block", &change);
    let within = |days: i64| ledger.report_with(|query| query.abandoned_after = Length::days(days));
    assert_eq!(fates(&within(30)), "0/0/0/0/1");
    assert_eq!(fates(&within(32)), "0/0/1/0/0");
}

#[test]
fn what_was_prevented_and_is_deployed_all_the_same_is_an_escape() {
    check(
        |l| {
            l.seen(1, "advise", &[])
                .run(1, "r1", "advised", &[])
                .tell(2, Kind::Cleared, &[("how", "absent")])
                .deploy(3, "d1", "r1", &[]);
        },
        "1/0/0/0/0 advisory",
    );
}

#[test]
fn prevented_and_open_again_at_the_end_is_pending() {
    check(
        |l| {
            l.seen(1, "block", &[]).tell(2, Kind::Cleared, &[("how", "absent")]).seen(3, "block", &[]);
        },
        "0/0/1/0/0",
    );
}

#[test]
fn local_runs_never_feed_the_rate() {
    let local = [("stage", "local")];
    let report = check(
        |l| {
            l.seen(1, "advise", &local).run(1, "r1", "advised", &local).tell(
                2,
                Kind::Cleared,
                &[("how", "absent"), ("stage", "local")],
            );
        },
        "0/0/0/0/0",
    );
    assert_eq!((report.records.local, report.all.rate.rate), (3, None));
}

#[test]
fn c8_unsigned_records_from_outside_are_shown_and_never_counted() {
    let mut ledger = Ledger::default();
    ledger.seen(1, "block", &[]).run(1, "r1", "blocked", &[]).deploy(2, "d1", "r1", &[]);
    let before = ledger.report();
    for kind in [
        Kind::ProductionFound,
        Kind::Remediated,
        Kind::Dismissed,
        Kind::Notice,
        Kind::Revoked,
        Kind::BreakGlass,
    ] {
        ledger.tell(3, kind, &[("how", "revoked")]);
        ledger.0.last_mut().expect("a record").remove("sig");
    }
    ledger.tell(4, Kind::Cleared, &[("how", "ref_deleted")]);
    ledger.0.last_mut().expect("a record").remove("sig");
    let after = ledger.report();
    assert_eq!(after.records.unsigned.len(), 7);
    assert_eq!(
        (&after.all.rate, &after.all.exposure, &after.all.corrective),
        (&before.all.rate, &before.all.exposure, &before.all.corrective)
    );
}

#[test]
fn an_unsigned_deploy_counts_as_presumed() {
    let mut ledger = Ledger::default();
    ledger.seen(1, "block", &[]).run(1, "r1", "blocked", &[]).deploy(2, "d1", "r1", &[]);
    ledger.0.last_mut().expect("a record").remove("sig");
    let report = ledger.report();
    assert_eq!((report.header.mode, report.header.coverage), (Mode::Presumed, Known::Unknown));
    assert_eq!((fates(&report).as_str(), report.all.rate.presumed), ("1/0/0/0/0 overridden", 1));
}

#[test]
fn without_a_deploy_feed_the_rate_is_a_lower_bound_and_coverage_is_unknown() {
    let mut ledger = Ledger::default();
    ledger.run(1, "r1", "advised", &[]).seen(1, "advise", &[]);
    let report = ledger.report();
    assert_eq!((report.header.mode, fates(&report).as_str()), (Mode::Presumed, "1/0/0/0/0 advisory"));
    let text = rate::text::render(&report);
    assert!(text.contains("coverage: unknown") && text.contains("lower bound"), "{text}");
    // A second pipeline with a feed does not make the first one's silence known.
    ledger.deploy(2, "d1", "", &[("pipeline", "other")]);
    let report = ledger.report();
    let known: Vec<Known> = report.pipelines.iter().map(|scope| scope.coverage).collect();
    assert_eq!((known, report.header.lower_bound), (vec![Known::Known, Known::Unknown], true));
}

#[test]
fn a_record_that_lacks_a_field_is_named_and_not_counted() {
    let mut ledger = Ledger::default();
    ledger.add(1, Kind::Observed, &[("finding.fp", "f1"), ("action", "block")]);
    let report = ledger.report();
    assert_eq!(report.records.unreadable, [format!("{}: finding.severity", ledger.0[0].rid())]);
    ledger.0[0].set("rid", "short");
    assert_eq!(measured(&ledger.0, |_| {}), Err(EscapeError::Unnamed(0)));
}

#[test]
fn nothing_decided_gives_null_and_the_whole_interval() {
    let report = Ledger::default().report();
    let json: serde_json::Value = serde_json::from_str(&rate::json::render(&report)).expect("JSON");
    assert_eq!(json["schema"], "tollgate.rate/v1");
    assert!(json["all"]["rate"]["rate"].is_null());
    assert_eq!(json["all"]["rate"]["interval"], serde_json::json!([0.0, 1.0]));
    assert!(rate::text::render(&report).contains("there is no rate"));
}

#[test]
fn a_summary_of_four_prints_no_percentage_and_hostile_names_are_made_safe() {
    let mut ledger = Ledger::default();
    for number in 0..4 {
        let fp = format!("f{number}");
        ledger.seen(1, "block", &[("finding.fp", &fp), ("pipeline", "pay\u{1b}[2J|x")]);
        ledger.add(
            2,
            Kind::Cleared,
            &[("finding.fp", &fp), ("how", "absent"), ("pipeline", "pay\u{1b}[2J|x")],
        );
    }
    let report = ledger.report();
    let text = rate::text::render(&report);
    assert!(text.contains("escaped: 0 of 4, 95 %"), "{text}");
    assert!(!text.contains("0 of 4 (") && !text.contains('\u{1b}'));
    let page = rate::markdown::render(&report);
    assert!(page.contains("\\|x") && !page.contains('\u{1b}'), "{page}");
    for (name, render) in rate::FORMATS {
        assert!(!render(&report).contains('\u{1b}'), "{name}");
    }
}

#[test]
fn each_format_tells_the_same_rate_and_none_where_nothing_is_decided() {
    let mut ledger = Ledger::default();
    ledger.excepted(24, 72).deploy(48, "d1", "r1", &[("actor.login", "dana")]);
    let (report, empty) = (ledger.report(), Ledger::default().report());
    let table = rate::csv::render(&report);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split(',').collect();
    assert_eq!(
        (table.lines().next().unwrap().split(',').count(), row[2], row[5]),
        (row.len(), "1.0000", "1")
    );
    let empty_table = rate::csv::render(&empty);
    assert_eq!(empty_table.lines().nth(1).unwrap().split(',').nth(2), Some(""));
    let metrics = rate::openmetrics::render(&report);
    assert!(metrics.contains("tollgate_escape_rate{scope=\"all\",name=\"all\"} 1\n"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(!rate::openmetrics::render(&empty).contains("tollgate_escape_rate{"));
    let page = rate::html::render(&report);
    assert!(page.contains("Content-Security-Policy") && !page.contains("<script"), "{page}");
}

#[test]
fn the_text_report_puts_exposure_before_remediation_and_answers_three_questions() {
    let mut ledger = Ledger::default();
    ledger.excepted(24, 72).deploy(48, "d1", "r1", &[("actor.login", "dana")]);
    let text = rate::text::render(&ledger.report());
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("`{what}` is not in\n{text}"));
    let order = [
        "escaped:",
        "exposure:",
        "what changed:",
        "who or what acted:",
        "was exposure reduced:",
        "preventive:",
        "detective:",
        "corrective:",
        "time to remediate",
    ];
    let places: Vec<usize> = order.iter().map(|what| place(what)).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(
        text.contains("deployed by `dana`, approved by `lee`") && text.contains("no, still open"),
        "{text}"
    );
}

fn event() -> impl Strategy<Value = (i64, usize, [u8; 6])> {
    (0_i64..720, 0_usize..Kind::ALL.len(), any::<[u8; 6]>())
}

/// Any ledger: any kinds in any order, over few names so that they meet.
fn ledger_of(events: &[(i64, usize, [u8; 6])]) -> Ledger {
    let mut ledger = Ledger::default();
    for (hour, kind, bytes) in events {
        let pick = |at: usize, from: &[&'static str]| from[usize::from(bytes[at]) % from.len()];
        let fields = [
            ("finding.fp", pick(0, &["f1", "f2", "f3"])),
            ("pipeline", pick(1, &["pay", "agent"])),
            ("action", pick(2, &["block", "advise", "except", "inherit"])),
            ("outcome", pick(2, &["blocked", "advised", "excepted", "clean"])),
            ("run_id", pick(3, &["r1", "r2", "r3"])),
            ("relied_on", pick(3, &["r1", "r2", "r3", ""])),
            ("deploy_id", pick(4, &["d1", "d2"])),
            ("introduced_by", pick(5, &["d1", "d2", ""])),
            ("exception_id", pick(4, &["X1", "X2"])),
            ("ref", pick(5, &["refs/heads/main", "refs/pull/1/merge", ""])),
            ("stage", pick(4, &["deploy", "merge", "deploy", "local"])),
            ("how", pick(2, &["absent", "ref_deleted", "abandoned", "merged_absent"])),
            ("finding.severity", pick(1, &["critical", "critical", "high"])),
            ("finding.rule", "rule"),
            ("to", pick(1, &["critical", "high", "block", "advise"])),
            ("environment", pick(2, &["production", "", "staging"])),
        ];
        ledger.add(*hour, Kind::ALL[*kind].0, &fields);
        let last = ledger.0.last_mut().expect("a record");
        last.set("finding.blast", i64::from(bytes[0] % 101));
        if bytes[5] % 5 == 0 {
            last.remove("sig");
        }
    }
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_ledger_keeps_the_counting_rules(events in proptest::collection::vec(event(), 0..80), presumed: bool) {
        let ledger = ledger_of(&events);
        let report = ledger.report_with(|query| {
            query.mode = if presumed { Mode::Presumed } else { Mode::Auto };
            query.window = Window { start: at(100), end: at(600) };
        });
        for scope in report.pipelines.iter().chain([&report.all]) {
            let rate = &scope.rate;
            prop_assert_eq!(rate.escaped + rate.prevented, rate.decided);
            prop_assert_eq!(rate.classes.values().sum::<u64>(), rate.escaped);
            let mut decided: Vec<(&str, &str)> = scope.escapes.iter().map(|risk| (risk.pipeline.as_str(), risk.fingerprint.as_str())).collect();
            decided.extend(scope.prevented.iter().map(|risk| (risk.pipeline.as_str(), risk.fingerprint.as_str())));
            let named = decided.len();
            decided.sort_unstable();
            decided.dedup();
            prop_assert_eq!((decided.len() as u64, named as u64), (rate.decided, rate.decided));
            let shares = [rate.rate, rate.blast_rate, scope.preventive.detected_before.rate, scope.preventive.conversion.rate, scope.preventive.escaping_deploys.rate, scope.trust.gated.rate, scope.trust.honoured.rate, scope.quality.dismissal.rate];
            for share in shares.into_iter().flatten().chain(rate.interval) {
                prop_assert!((0.0..=1.0).contains(&share.0));
            }
            prop_assert_eq!(rate.rate.is_none(), rate.decided == 0);
            prop_assert!(scope.trust.honoured.count <= scope.trust.gated.count);
            let exposure = &scope.exposure;
            prop_assert!((exposure.sanctioned.0 + exposure.unsanctioned.0 - exposure.days.0).abs() < 1e-6);
            prop_assert!(exposure.days.0 >= 0.0);
            prop_assert!(scope.quality.crossings >= rate.escaped);
        }
        let all: u64 = report.pipelines.iter().map(|scope| scope.rate.decided).sum();
        prop_assert_eq!(all, report.all.rate.decided);
        prop_assert!(!rate::text::render(&report).is_empty() && !rate::markdown::render(&report).is_empty());
        let json: serde_json::Value = serde_json::from_str(&rate::json::render(&report)).expect("JSON");
        prop_assert_eq!(&json["all"]["rate"]["decided"], &serde_json::Value::from(report.all.rate.decided));
    }

    #[test]
    fn a_prefix_gives_the_same_report_whatever_came_after(events in proptest::collection::vec(event(), 1..60), cut in 0_usize..60) {
        let ledger = ledger_of(&events);
        let prefix = &ledger.0[..cut.min(ledger.0.len())];
        prop_assert_eq!(measured(prefix, |_| {}), measured(prefix, |_| {}));
        let hour = 300;
        let known: Vec<Record> = ledger.0.iter().filter(|record| record.ts() <= at(hour)).cloned().collect();
        prop_assert_eq!(measured(&ledger.0, |query| query.as_of = at(hour)), measured(&known, |query| query.as_of = at(hour)));
    }

    #[test]
    fn a_wider_blast_radius_of_an_escape_never_lowers_the_weighted_rate(low in 0_i64..=100, more in 0_i64..=100, other in 0_i64..=100) {
        let weighted = |blast: i64| {
            let mut ledger = Ledger::default();
            ledger.seen(1, "advise", &[]);
            ledger.0[0].set("finding.blast", blast);
            ledger.run(1, "r1", "advised", &[]).deploy(2, "d1", "r1", &[]);
            ledger.seen(1, "block", &[("finding.fp", "f2"), ("run_id", "r2")]);
            ledger.0[3].set("finding.blast", other);
            ledger.add(2, Kind::Cleared, &[("finding.fp", "f2"), ("how", "absent")]);
            let all = ledger.report().all;
            (all.rate.blast_rate.map_or(0.0, |rate| rate.0), all.exposure.blast_days.0)
        };
        let (narrow, wide) = (weighted(low), weighted((low + more).min(100)));
        prop_assert!(narrow.0 <= wide.0 && narrow.1 <= wide.1);
    }

    #[test]
    fn every_variant_is_part_of_the_whole(events in proptest::collection::vec(event(), 0..60)) {
        let ledger = ledger_of(&events);
        for (variant, _) in Variant::ALL {
            let rate = ledger.report_with(|query| query.variant = variant).all.rate;
            prop_assert!(rate.numerator <= rate.escaped && rate.decided == rate.escaped + rate.prevented);
        }
    }
}
