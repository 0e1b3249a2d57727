//! The baseline of an old repository: signed, dated, and only shrinking.

use serde_json::Value;

use crate::people::{REASON, Scene, refusals};
use crate::run::{borrowed, token};

/// A scene whose change adopts what it holds; Kim wrote the baseline.
fn adopted(more: &[&str]) -> Scene {
    let scene = Scene::new();
    scene.check();
    let mut arguments = vec!["except", "adopt", "--owner", "payments", "--review-by", "90d"];
    arguments.extend(more);
    scene.stage.run(&arguments).ends(0);
    scene
}

fn actions(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect()
}

/// The gate at deploy, in the next run.
fn deploy(scene: &Scene) -> (i32, Value) {
    scene.stage.protect(&scene.stage.repo.git(&["rev-parse", "HEAD"]));
    let variables = scene.deploying();
    scene.stage.check_with(&["--stage", "deploy", "--trust", "origin/main"], &borrowed(&variables))
}

fn write_tokens(scene: &Scene, seeds: &[&str]) {
    let lines: String = seeds.iter().map(|seed| format!("GITHUB_TOKEN={}\n", token(seed))).collect();
    // One commit, so that nothing stands in an earlier one.
    scene.stage.repo.git(&["reset", "--quiet", "--soft", &scene.base]);
    scene.stage.repo.write("prod.env", lines).commit_as("tokens", ("Kim Example", "kim@acme.example"));
}

#[test]
fn what_was_there_before_is_inherited_once_somebody_else_signed_for_it() {
    let scene = adopted(&[]);
    let (code, report) = scene.check();
    assert_eq!((code, refusals(&report)), (1, vec!["bad_signature".to_owned()]), "nobody signed: {report:#}");
    scene.person("lee", &["except", "approve", "baseline"]).ends(0);
    let (code, report) = scene.check();
    assert_eq!((code, refusals(&report)), (1, vec!["wrong_namespace".to_owned()]), "{report:#}");
    scene.person("sam", &["except", "approve", "baseline"]).ends(0);
    let (code, report) = scene.check();
    assert_eq!((code, report["outcome"].as_str()), (0, Some("excepted")), "{report:#}");
    assert_eq!(actions(&report), ["inherit"]);
    assert_eq!(report["findings"][0]["exception"]["code"], "adopted");
    let record = scene.only("adopted");
    assert_eq!(
        (record["by"].as_str(), record["approvers"][0].as_str()),
        (Some("kim"), Some("sam@acme.example"))
    );
    assert_eq!(record["findings"].as_array().map(Vec::len), Some(1));
    assert_eq!(scene.check().0, 0);
    scene.only("adopted");
    scene.verifies();
    assert!(scene.stage.run(&["except", "list"]).ends(0).out.contains("1 finding inherited"));
}

#[test]
fn b2_who_wrote_the_baseline_cannot_sign_it() {
    let scene = adopted(&[]);
    let author = ("Sam Example", "sam@acme.example");
    scene.person("sam", &["except", "approve", "baseline"]).ends(0);
    scene.stage.repo.commit_as("baseline", author);
    let (code, report) = scene.check();
    assert_eq!((code, refusals(&report)), (1, vec!["self_approval".to_owned()]), "{report:#}");
    assert_eq!(scene.check().0, 1);
    scene.only("exception.refused");
    scene.person("pat", &["except", "approve", "baseline"]).ends(0);
    assert_eq!(scene.check().0, 0, "somebody else signed too");
}

#[test]
fn b1_no_byte_of_a_baseline_is_free() {
    let scene = adopted(&[]);
    scene.person("sam", &["except", "approve", "baseline"]).ends(0);
    let path = scene.stage.repo.path().join(".tollgate/exceptions/baseline.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(scene.check().0, 0);
    for (from, to) in [("payments", "nobodys"), ("\"v\": 1", "\"v\":  1"), ("\"kim\"", "\"tim\"")] {
        assert!(text.contains(from), "{from}");
        scene.stage.repo.write(".tollgate/exceptions/baseline.json", text.replacen(from, to, 1));
        let (code, report) = scene.check();
        assert_eq!((code, refusals(&report)), (1, vec!["bad_signature".to_owned()]), "{from}");
    }
}

#[test]
fn a_baseline_only_shrinks_however_it_is_signed() {
    let scene = Scene::new();
    write_tokens(&scene, &["a", "b"]);
    scene.check();
    scene.stage.run(&["except", "adopt", "--owner", "prod.env=pay", "--review-by", "90d"]).ends(0);
    scene.person("sam", &["except", "approve", "baseline"]).ends(0);
    assert_eq!(scene.check().0, 0);
    // A third token comes along: adopting does not take it in.
    write_tokens(&scene, &["a", "c"]);
    assert_eq!(actions(&scene.check().1).iter().filter(|action| **action == "block").count(), 1);
    let said = scene.stage.run(&["except", "adopt"]).ends(0);
    assert!(said.out.contains("1 finding left of 2; 1 finding came since"), "{}", said.out);
    // One made by hand that names it is signed by two, and still is none of those on record.
    scene.stage.repo.remove(".tollgate/exceptions/baseline.json");
    scene.stage.run(&["except", "adopt", "--owner", "pay", "--review-by", "90d"]).ends(0);
    for name in ["sam", "pat"] {
        scene.person(name, &["except", "approve", "baseline"]).ends(0);
    }
    let (code, report) = scene.check();
    assert_eq!((code, refusals(&report)), (1, vec!["baseline_growth".to_owned()]), "{report:#}");
}

#[test]
fn what_a_deployed_baseline_no_longer_names_never_comes_back() {
    let scene = Scene::new();
    write_tokens(&scene, &["a", "b"]);
    scene.check();
    scene.stage.run(&["except", "adopt", "--owner", "pay", "--review-by", "90d"]).ends(0);
    scene.person("sam", &["except", "approve", "baseline"]).ends(0);
    assert_eq!(scene.check().0, 0);
    let read =
        |name: &str| std::fs::read(scene.stage.repo.path().join(".tollgate/exceptions").join(name)).unwrap();
    let large = ["baseline.json", "baseline.json.1.sig"].map(|name| (name, read(name)));
    write_tokens(&scene, &["a"]);
    scene.check();
    scene.stage.run(&["except", "adopt"]).ends(0);
    scene.person("sam", &["except", "approve", "baseline"]).ends(0);
    assert_eq!(scene.check().0, 0);
    scene.only("adopted");
    let (code, report) = deploy(&scene);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(scene.records().iter().filter(|record| record["kind"] == "adopted").count(), 2);
    for (name, bytes) in large {
        scene.stage.repo.write(format!(".tollgate/exceptions/{name}"), bytes);
    }
    write_tokens(&scene, &["a", "b"]);
    let (code, report) = scene.check();
    assert_eq!((code, refusals(&report)), (1, vec!["baseline_growth".to_owned()]), "{report:#}");
    scene.verifies();
}

#[test]
fn an_item_past_its_day_blocks_again() {
    let scene = Scene::new();
    scene.check();
    scene.stage.run(&["except", "adopt", "--owner", "pay", "--review-by", "2s"]).ends(0);
    scene.person("sam", &["except", "approve", "baseline"]).ends(0);
    assert_eq!(scene.check().0, 0);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let (code, report) = scene.check();
    assert_eq!((code, refusals(&report)), (1, vec!["review_due".to_owned()]), "{report:#}");
}

#[test]
fn a_baseline_is_revoked_as_an_exception_is() {
    let scene = adopted(&[]);
    scene.person("sam", &["except", "approve", "baseline"]).ends(0);
    assert_eq!(scene.check().0, 0);
    scene.person("sam", &["except", "revoke", "baseline", "--reason", REASON]).ends(0);
    let (code, report) = scene.check();
    assert_eq!((code, refusals(&report)), (1, vec!["revoked".to_owned()]), "{report:#}");
}

#[test]
fn what_is_inherited_is_open_exposure_and_no_escape() {
    let scene = adopted(&[]);
    scene.person("sam", &["except", "approve", "baseline"]).ends(0);
    assert_eq!(scene.check().0, 0);
    assert_eq!(deploy(&scene).0, 0);
    let variables = scene.deploying();
    let key = scene.stage.home().join("ci").display().to_string();
    scene.stage.run_with(&["record", "deploy", "--key", &key], &borrowed(&variables)).ends(0);
    let rate = scene.stage.run(&["rate", "--format", "json"]).ends(0).json();
    let headline = |field: &str| rate["all"]["rate"][field].as_u64();
    assert_eq!((headline("escaped"), headline("decided")), (Some(0), Some(0)), "{rate:#}");
}
