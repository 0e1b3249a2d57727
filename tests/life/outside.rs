//! What happened outside the gate: seen live, dismissed, gone with its ref, overridden by several persons.

use std::process::Command;

use serde_json::{Value, json};

use crate::people::Scene;
use crate::run::{Said, borrowed};

impl Scene {
    /// A command of the deploy system, in the pipeline of this repository.
    fn outside(&self, arguments: &[&str]) -> Said {
        self.stage.run_with(arguments, &borrowed(&self.deploying()))
    }

    /// The same, signed by the CI's key.
    fn recorded(&self, arguments: &[&str]) -> Said {
        let key = self.stage.home().join("ci").display().to_string();
        self.outside(&[arguments, &["--key", &key]].concat()).ends(0)
    }

    fn rate(&self) -> Value {
        self.stage.run(&["rate", "--format", "json"]).ends(0).json()
    }

    fn key(&self, name: &str) -> String {
        self.stage.home().join(name).display().to_string()
    }

    /// A blocked run at deploy, and the id it had.
    fn blocked_deploy(&self) -> String {
        self.stage.protect(&self.base);
        self.outside(&["check", "--stage", "deploy", "--trust", "origin/main"]).ends(1);
        self.records().pop().unwrap()["run_id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn what_a_production_scanner_saw_is_one_signed_record_for_each_risk() {
    let scene = Scene::new();
    scene.check();
    let own = scene.print();
    scene.recorded(&["record", "deploy", "--id", "d1"]);
    let sarif = json!({ "version": "2.1.0", "runs": [{
        "tool": { "driver": { "name": "seeker", "rules": [
            { "id": "leaked-key", "properties": { "security-severity": "9.5" } } ] } },
        "results": [
            { "ruleId": "leaked-key", "partialFingerprints": { "tollgate/v1": own } },
            { "ruleId": "leaked-key", "partialFingerprints": { "other/v1": "a" } },
            { "ruleId": "leaked-key", "partialFingerprints": { "other/v1": "a" } },
            { "ruleId": "leaked-key", "kind": "pass" },
        ],
    }]});
    let file = scene.stage.home().join("live.sarif");
    std::fs::write(&file, sarif.to_string()).unwrap();
    let file = file.display().to_string();
    let said = scene.recorded(&["record", "found", "--sarif", &file, "--introduced-by", "d1"]);
    assert!(
        said.out.contains("2 seen live, 1 of them known to the gate by name, 1 passed over"),
        "{}",
        said.out
    );
    let found: Vec<Value> =
        scene.records().into_iter().filter(|record| record["kind"] == "production_found").collect();
    assert_eq!(found.len(), 2);
    assert!(found.iter().any(|record| record["finding"]["fp"] == own.as_str()));
    assert!(found.iter().all(|record| record["scanner"] == "seeker" && record["introduced_by"] == "d1"));
    scene.verifies();
    let rate = scene.rate();
    assert_eq!(rate["all"]["rate"]["escaped"], 2, "{rate:#}");
    let said = scene.outside(&["record", "found", "--sarif", "Cargo.toml"]).ends(2);
    assert!(said.err.contains("cannot be read"), "{}", said.err);
}

#[test]
fn c8_what_nobody_who_may_signed_changes_no_rate() {
    let scene = Scene::new();
    scene.check();
    let before = scene.rate();
    let print = scene.print();
    let eve = scene.stage.key("eve");
    for arguments in [
        &["record", "found", &print, "--severity", "critical"][..],
        &["record", "dismissed", &print, "--reason", "it is none"],
        &["record", "cleared", "--ref", "refs/pull/7/merge"],
        &["record", "remediated", &print],
    ] {
        scene.outside(arguments).ends(0);
        // A key nobody listed, and one that may approve and not record.
        for key in [&eve, &scene.key("lee")] {
            scene.outside(&[arguments, &["--key", key]].concat()).ends(0);
        }
    }
    let after = scene.rate();
    for number in ["escaped", "prevented", "pending", "dismissed"] {
        assert_eq!(after["all"]["rate"][number], before["all"]["rate"][number], "{number}");
    }
    assert_eq!(after["records"]["unsigned"].as_array().map(Vec::len), Some(12));
}

#[test]
fn a_dismissal_by_somebody_who_may_leaves_the_rate_and_is_counted() {
    let scene = Scene::new();
    scene.check();
    scene.recorded(&["record", "dismissed", &scene.print(), "--reason", "a test key of nobody"]);
    let rate = scene.rate();
    let rate = &rate["all"]["rate"];
    assert_eq!((rate["pending"].as_u64(), rate["dismissed"].as_u64()), (Some(0), Some(1)), "{rate:#}");
}

#[test]
fn an_accepted_false_positive_is_dismissed_by_those_who_approved_it() {
    let scene = Scene::new();
    scene.check();
    let id = scene.request(&["--code", "false_positive"]);
    scene.approve(&id, "lee");
    assert_eq!(scene.check().0, 0);
    assert_eq!(scene.rate()["all"]["rate"]["dismissed"], 1);
}

#[test]
fn what_stood_on_a_ref_that_is_gone_was_prevented() {
    let scene = Scene::new();
    scene.check();
    assert_eq!(scene.rate()["all"]["rate"]["pending"], 1);
    scene.stage.repo.git(&["update-ref", "refs/remotes/origin/change", "HEAD"]);
    let said = scene.outside(&["record", "cleared", "--ref", "change"]).ends(2);
    assert!(said.err.contains("still a branch of the origin"), "{}", said.err);
    let said = scene.recorded(&["record", "cleared", "--ref", "refs/pull/8/merge"]);
    assert!(said.out.contains("nothing on record"), "{}", said.out);
    let said = scene.recorded(&["record", "cleared", "--ref", "refs/pull/7/merge"]);
    assert!(said.out.contains("1 cleared from `refs/pull/7/merge`"), "{}", said.out);
    let cleared = scene.only("cleared");
    assert_eq!(
        (cleared["how"].as_str(), cleared["ref"].as_str()),
        (Some("ref_deleted"), Some("refs/pull/7/merge"))
    );
    assert_eq!(scene.rate()["all"]["rate"]["prevented"], 1);
    scene.verifies();
}

#[test]
fn f7_the_glass_is_broken_by_two_persons_for_one_deploy_and_shown_apart() {
    let scene = Scene::new();
    let run = scene.blocked_deploy();
    let reason = ["record", "break-glass", "--reason", "payments are down, INC-12"];
    let (sam, pat) = (scene.key("sam"), scene.key("pat"));
    for (keys, words) in [
        (&[][..], "0 of 2 persons signed"),
        (&["--key", &sam][..], "1 of 2 persons signed"),
        (&["--key", &sam, "--key", &sam], "1 of 2 persons signed"),
        (&["--key", &sam, "--key", &scene.key("lee")], "may not sign for `break-glass@tollgate`"),
    ] {
        let said = scene.outside(&[&reason[..], keys].concat()).ends(2);
        assert!(said.err.contains(words), "{}", said.err);
    }
    let said = scene.outside(&[&reason[..], &["--key", &sam, "--key", &pat]].concat()).ends(0);
    assert!(said.out.contains("overridden by pat@acme.example and sam@acme.example"), "{}", said.out);
    let glass = scene.only("break_glass");
    assert_eq!((glass["relied_on"].as_str(), glass["max_uses"].as_u64()), (Some(run.as_str()), Some(1)));
    scene.outside(&["check", "--stage", "deploy", "--trust", "origin/main"]).ends(1);
    for id in ["d1", "d2"] {
        scene.recorded(&["record", "deploy", "--id", id, "--relied-on", &run]);
    }
    scene.verifies();
    let rate = scene.rate();
    let (causes, classes) = (&rate["all"]["rate"]["causes"], &rate["all"]["rate"]["classes"]);
    assert_eq!(
        (classes["overridden"].as_u64(), causes["break_glass"].as_u64()),
        (Some(1), Some(1)),
        "{rate:#}"
    );
    assert_eq!(rate["all"]["rate"]["prevented"], 0);
}

#[test]
fn f7_a_draft_is_signed_anywhere_with_stock_tools_and_recorded_with_both_signatures() {
    let scene = Scene::new();
    scene.blocked_deploy();
    let draft = scene.stage.home().join("glass");
    let path = draft.display().to_string();
    let reason = "payments are down, INC-12";
    scene.outside(&["record", "break-glass", "--reason", reason, "--draft", &path]).ends(0);
    let size = scene.records().len();
    for (number, name) in [(1, "sam"), (2, "pat")] {
        let said = scene.outside(&["record", "break-glass", "--from", &path]).ends(2);
        assert!(said.err.contains(&format!("{} of 2 persons", number - 1)), "{}", said.err);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", "break-glass@tollgate", "-f", &scene.key(name), &path])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        std::fs::rename(format!("{path}.sig"), format!("{path}.{number}.sig")).unwrap();
    }
    let text = std::fs::read_to_string(&draft).unwrap();
    std::fs::write(&draft, text.replace("payments", "anything")).unwrap();
    let said = scene.outside(&["record", "break-glass", "--from", &path]).ends(2);
    assert!(said.err.contains("does not match"), "{}", said.err);
    assert_eq!(scene.records().len(), size);
    std::fs::write(&draft, text).unwrap();
    scene.outside(&["record", "break-glass", "--from", &path]).ends(0);
    assert_eq!(scene.only("break_glass")["sig"]["signatures"].as_array().map(Vec::len), Some(2));
    scene.verifies();
}
