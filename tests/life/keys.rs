//! The key that fingerprints are made with is changed, and what has a name keeps it.

use serde_json::Value;

use crate::people::{REASON, Scene};
use crate::run::borrowed;

const KEY: &str = "TOLLGATE_FINGERPRINT_KEY";
const BEFORE: &str = "TOLLGATE_FINGERPRINT_KEY_BEFORE";

impl Scene {
    /// The gate in the next run, under these keys.
    fn check_under(&self, keys: &[(&'static str, &str)]) -> (i32, Value) {
        let mut variables = self.github();
        variables.extend(keys.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.stage.check_with(&["--since", &self.base], &borrowed(&variables))
    }

    /// An approved exception for what is seen under these keys.
    fn excepted_under(&self, keys: &[(&'static str, &str)]) {
        assert_eq!(self.check_under(keys).0, 1);
        let print = self.print();
        let asked = ["except", "request", &print, "--owner", "payments", "--reason", REASON];
        self.stage.run_with(&asked, keys).ends(0);
        self.approve(&self.newest(""), "lee");
        assert_eq!(self.check_under(keys).0, 0);
    }

    fn risks(&self) -> Value {
        self.stage.run(&["rate", "--format", "json"]).ends(0).json()["all"].clone()
    }
}

#[test]
fn an_exception_holds_while_the_key_of_fingerprints_is_changed_and_not_after() {
    for (old, before) in [(vec![(KEY, "one")], "one"), (vec![], "")] {
        let scene = Scene::new();
        scene.excepted_under(&old);
        assert_eq!(scene.check_under(&[(KEY, "two")]).0, 1, "named under a key that is not known here");
        let (code, report) = scene.check_under(&[(KEY, "two"), (BEFORE, before)]);
        assert_eq!(code, 0, "{report:#}");
        let told = &report["findings"][0]["former_fingerprint"];
        let schema = include_str!("../../src/report/outcome/report.schema.json");
        let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
        assert!(schema.is_valid(&report), "{report:#}");
        let seen = scene.records().into_iter().rfind(|record| record["kind"] == "observed").unwrap();
        assert_eq!(&seen["finding"]["former_fp"], told);
        assert_eq!(seen["finding"]["former_fp"], scene.only("exception.approved")["findings"][0]);
        assert!(seen["finding"]["fpk"].as_str().is_some_and(|key| key.len() == 8), "{seen:#}");
        assert_eq!(scene.check_under(&[(KEY, "two")]).0, 1);
        scene.verifies();
    }
}

#[test]
fn a_risk_is_one_risk_under_all_its_names_and_a_change_of_keys_clears_none() {
    let scene = Scene::new();
    assert_eq!(scene.check_under(&[(KEY, "one")]).0, 1);
    assert_eq!(scene.check_under(&[(KEY, "two")]).0, 1);
    let cleared = || scene.records().iter().filter(|record| record["kind"] == "cleared").count();
    assert_eq!(cleared(), 0, "what is called otherwise is not gone");
    assert_eq!(scene.risks()["rate"]["pending"], 2, "nobody said that the two are one");
    assert_eq!(scene.check_under(&[(KEY, "two"), (BEFORE, "one")]).0, 1);
    assert_eq!(scene.risks()["rate"]["pending"], 1);
    scene.stage.repo.remove("prod.env");
    scene.stage.repo.commit_as("out", ("Kim Example", "kim@acme.example"));
    let mut variables = scene.github();
    variables.push((KEY, "two".to_owned()));
    assert_eq!(
        scene.stage.check_with(&[], &borrowed(&variables)).0,
        0,
        "everything there is, and not the change"
    );
    let all = scene.risks();
    assert_eq!((&all["rate"]["pending"], &all["rate"]["prevented"]), (&0.into(), &1.into()), "{all:#}");
    scene.verifies();
}
