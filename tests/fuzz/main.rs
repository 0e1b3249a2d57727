//! Inputs changed at random, without end: nothing panics, nothing hangs, and what must hold holds.
//!
//! ```text
//! cargo test --release --test fuzz                                                 a taste of each target
//! FUZZ_SECONDS=3600 cargo test --release --test fuzz -- --ignored --nocapture      an hour in all
//! FUZZ_TARGET=scanner FUZZ_SEED=1 FUZZ_ONLY=815 cargo test ... -- --ignored        one execution again
//! ```
//!
//! Each execution depends on the seed, the target and its own number alone, so a failure names all it takes to see
//! it again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a driver that is started by hand, says what it does, and stops at the first surprise"
)]

mod mutate;
mod seeds;
#[path = "../support/mod.rs"]
mod support;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mutate::Random;
use targets::{TARGETS, Target, World};
use tollgate::text::time::Timestamp;

const NOW: Timestamp = Timestamp(1_795_219_200_000);

/// No input of a few kilobytes may take longer.
const SLOW: Duration = Duration::from_secs(20);

/// What became of one target.
struct Report {
    executions: u64,
    slowest: (Duration, u64),
    failures: Vec<String>,
}

/// Feeds `target` with the executions of `numbers`, for as long as `time`.
fn fuzz(target: &Target, seed: u64, numbers: impl Iterator<Item = u64>, time: Duration) -> Report {
    let world = World::new();
    let seeds = (target.seeds)(&world);
    let end = Instant::now() + time;
    let mut report = Report { executions: 0, slowest: (Duration::ZERO, 0), failures: Vec::new() };
    for number in numbers {
        let started = Instant::now();
        if started > end || report.failures.len() > 20 {
            break;
        }
        let mut random = Random::of(seed, target.name, number);
        let fed = catch_unwind(AssertUnwindSafe(|| targets::once(target, &seeds, &world, &mut random)));
        report.executions += 1;
        report.slowest = report.slowest.max((started.elapsed(), number));
        let again = format!("FUZZ_TARGET={} FUZZ_SEED={seed} FUZZ_ONLY={number}", target.name);
        if fed.is_err() {
            report.failures.push(again);
        } else if started.elapsed() > SLOW {
            report.failures.push(format!("{again}: {:?}", started.elapsed()));
        }
    }
    report
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn a_taste_of_each_target_holds() {
    for target in &TARGETS {
        let report = fuzz(target, 7, 0..40, Duration::from_secs(2));
        assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
        assert!(report.executions > 0, "{}", target.name);
    }
}

/// Otherwise the mutations would never leave the first check of a parser.
#[test]
fn what_the_mutations_start_from_is_valid() {
    use tollgate::{exception::document::Document, ledger::record::Record, report::saved, signing};
    Document::parse(&seeds::document()).unwrap();
    saved::read(&targets::report()).unwrap();
    saved::outcome(&targets::report()).unwrap();
    for record in seeds::records() {
        Record::parse(&record).unwrap();
    }
    let signed = seeds::signed();
    signing::KeyFile::parse(&signed[0], "key").unwrap();
    signing::Signature::parse(&signed[1]).unwrap();
    assert_eq!(signing::signers::Signers::parse(("signers", &signed[2]), None).unwrap().all().len(), 1);
}

#[test]
#[ignore = "takes as long as it is told to; started by hand"]
fn every_target_for_as_long_as_asked() {
    let number = |name: &str| variable(name).and_then(|text| text.parse::<u64>().ok());
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let wanted = variable("FUZZ_TARGET");
    let targets: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| wanted.as_deref().is_none_or(|wanted| wanted == target.name))
        .collect();
    let each =
        Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(60)) / u32::try_from(targets.len()).unwrap();
    let mut failures = Vec::new();
    for target in targets {
        let numbers = number("FUZZ_ONLY").map_or(0..u64::MAX, |only| only..only + 1);
        let report = fuzz(target, seed, numbers, each);
        let (time, slowest) = report.slowest;
        println!(
            "{:<12} {:>10} executions, {} failures, slowest {} ms (number {slowest})",
            target.name,
            report.executions,
            report.failures.len(),
            time.as_millis(),
        );
        failures.extend(report.failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
