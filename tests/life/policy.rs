//! Which policy is in force on the road to production, and who must have signed it.

use serde_json::Value;

use crate::people::Scene;
use crate::run::{Said, borrowed, token};

/// A scene in which Sam and Pat may sign policies, and all is merged.
fn merged() -> Scene {
    let scene = Scene::new();
    scene.stage.repo.git(&["checkout", "--quiet", "main"]);
    scene
}

impl Scene {
    /// Pushes the work tree straight to the protected branch.
    fn push(&self, message: &str) -> String {
        let commit = self.stage.repo.commit_as(message, ("Root Example", "root@acme.example"));
        self.stage.protect(&commit);
        commit
    }

    /// The gate at deploy.
    fn deploys(&self) -> Said {
        let variables = self.deploying();
        let arguments = ["check", "--stage", "deploy", "--trust", "origin/main", "--report", "json"];
        self.stage.run_with(&arguments, &borrowed(&variables))
    }

    fn append_policy(&self, line: &str) {
        let path = self.stage.repo.path().join(".tollgate/policy.yml");
        let text = std::fs::read_to_string(&path).unwrap();
        self.stage.repo.write(".tollgate/policy.yml", format!("{text}{line}\n"));
    }

    fn sign_policy(&self, name: &str) {
        self.person(name, &["rules", "sign"]).ends(0);
    }

    fn activations(&self) -> Vec<Value> {
        self.records().into_iter().filter(|record| record["kind"] == "policy.activated").collect()
    }
}

#[test]
fn a7_signers_pushed_straight_to_the_base_shut_the_road_until_a_quorum_signed_them() {
    let scene = merged();
    let said = scene.deploys().ends(0);
    assert!(said.json()["trust"]["activation"].as_str().unwrap().contains("taken on trust"));
    assert_eq!(scene.deploys().ends(0).json()["trust"].get("activation"), None, "it is in force by now");
    let eve = scene.stage.key("eve");
    let path = scene.stage.repo.path().join(".tollgate/signers");
    let signers = std::fs::read_to_string(&path).unwrap();
    let grab = "exception@tollgate,exception-critical@tollgate,policy@tollgate,record@tollgate";
    scene.stage.repo.write(".tollgate/signers", format!("{signers}{}", scene.stage.signer("eve", grab)));
    scene.push("signers");
    let size = scene.records().len();
    let said = scene.deploys().ends(2);
    assert!(said.err.contains("0 of 2 persons signed the policy"), "{}", said.err);
    // Eve is listed by the new signers alone, and one of two is not enough.
    scene.stage.run(&["rules", "sign", "--key", &eve]).ends(0);
    scene.sign_policy("sam");
    scene.push("signed by one");
    let said = scene.deploys().ends(2);
    assert!(said.err.contains("1 of 2 persons signed the policy"), "{}", said.err);
    assert_eq!(scene.records().len(), size, "no decision writes nothing");
    scene.sign_policy("pat");
    let commit = scene.push("signed by two");
    let said = scene.deploys().ends(0);
    assert!(said.json()["trust"]["activation"].as_str().unwrap().contains("signed by pat"), "{}", said.out);
    let newest = scene.activations().pop().unwrap();
    assert_eq!(
        (newest["standing"].as_str(), newest["policy"]["version"].as_u64()),
        (Some("signed"), Some(2))
    );
    assert_eq!(newest["policy"]["source_commit"], Value::from(commit));
    assert_eq!(scene.activations().len(), 2);
    scene.verifies();
}

#[test]
fn a7_a_signature_over_another_policy_or_by_a_bot_is_no_signature() {
    let scene = merged();
    scene.deploys().ends(0);
    scene.append_policy("gaps: block");
    scene.sign_policy("sam");
    scene.sign_policy("pat");
    scene.append_policy("critical: [high]");
    scene.push("changed after it was signed");
    let said = scene.deploys().ends(2);
    assert!(said.err.contains("0 of 2 persons") && said.err.contains("does not match"), "{}", said.err);
    scene.sign_policy("sam");
    scene.sign_policy("sam");
    scene.push("signed twice by one");
    scene.deploys().ends(2);
    scene.sign_policy("pat");
    scene.push("signed");
    scene.deploys().ends(0);
}

#[test]
fn a7_what_the_policy_extends_is_signed_with_it() {
    let scene = merged();
    scene.append_policy("extends: [builtin, gate/more.yml]");
    scene.stage.repo.write("gate/more.yml", "rules: []\n");
    scene.push("extended");
    scene.deploys().ends(0);
    scene.stage.repo.write("gate/more.yml", "rules: [] # weaker\n");
    scene.push("the extended file alone");
    scene.deploys().ends(2);
}

#[test]
fn r88_a_rule_that_blocked_and_only_advises_is_on_record_once_it_is_in_force() {
    let scene = merged();
    scene.deploys().ends(0);
    scene.append_policy("rules:\n  - { id: github-classic-token, enforcement: advise }");
    scene.append_policy("  - { id: npm-access-token, enabled: false }");
    scene.sign_policy("sam");
    scene.sign_policy("pat");
    scene.push("weaker");
    let report = scene.deploys().ends(0).json();
    let told = report["trust"]["activation"].as_str().unwrap();
    assert!(told.contains("rules that blocked and no longer do: 2"), "{told}");
    let changed = || -> Vec<(String, String, String)> {
        let all = scene.records().into_iter().filter(|record| record["kind"] == "enforcement.changed");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.map(|one| (text(&one["finding"]["rule"]), text(&one["from"]), text(&one["to"]))).collect()
    };
    let owned = |rule: &str, to: &str| (rule.to_owned(), "block".to_owned(), to.to_owned());
    let expected = [owned("github-classic-token", "advise"), owned("npm-access-token", "off")];
    assert_eq!(changed(), expected);
    scene.deploys().ends(0);
    assert_eq!(changed().len(), 2, "it is in force by now");
    let rate = scene.stage.run(&["rate", "--format", "json"]).ends(0).json();
    assert_eq!(rate["all"]["trust"]["relaxed"], 2, "{:#}", rate["all"]);
    scene.verifies();
}

#[test]
fn a_risk_that_is_rated_lower_before_the_deploy_is_on_record() {
    let scene = merged();
    scene.stage.repo.write("live.env", format!("GITHUB_TOKEN={}\n", token("live")));
    scene.push("a token");
    scene.deploys().ends(1);
    scene.append_policy("rules:\n  - { id: github-classic-token, severity: low }");
    scene.sign_policy("sam");
    scene.sign_policy("pat");
    scene.push("less severe");
    scene.deploys();
    let record = scene.only("rerated");
    assert_eq!((record["from"].as_str(), record["to"].as_str()), (Some("critical"), Some("low")));
    assert_eq!(record["finding"]["fp"], Value::from(scene.print()));
    let at = |kind: &str| scene.records().iter().rposition(|record| record["kind"] == kind).unwrap();
    assert!(at("rerated") < at("observed"), "the sighting that follows is rated as it is now");
    scene.deploys();
    scene.only("rerated");
    scene.verifies();
}

#[test]
fn a5_a_policy_that_was_left_behind_does_not_come_back() {
    let scene = merged();
    scene.deploys().ends(0);
    let first = std::fs::read(scene.stage.repo.path().join(".tollgate/policy.yml")).unwrap();
    scene.append_policy("gaps: block");
    for name in ["sam", "pat"] {
        scene.sign_policy(name);
    }
    scene.push("stricter");
    scene.deploys().ends(0);
    // Back to the first, signed by everybody who may.
    scene.stage.repo.write(".tollgate/policy.yml", first);
    for name in ["sam", "pat"] {
        scene.sign_policy(name);
    }
    scene.push("as before");
    let size = scene.records().len();
    let said = scene.deploys().ends(2);
    assert!(said.err.contains("is version 1, and version 2 is in force"), "{}", said.err);
    assert_eq!(scene.records().len(), size);
    // An older commit of the same branch is the same.
    scene.stage.repo.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    scene.stage.protect(&scene.stage.repo.git(&["rev-parse", "HEAD"]));
    scene.deploys().ends(2);
}

#[test]
fn a5_without_anybody_who_may_sign_a_new_policy_is_shown_as_unsigned() {
    let scene = merged();
    let path = scene.stage.repo.path().join(".tollgate/signers");
    let signers = std::fs::read_to_string(&path).unwrap().replace(",policy@tollgate", "");
    scene.stage.repo.write(".tollgate/signers", signers);
    scene.push("nobody signs policies");
    scene.deploys().ends(0);
    scene.append_policy("gaps: block");
    scene.push("stricter");
    let said = scene.deploys().ends(0);
    assert!(said.json()["trust"]["activation"].as_str().unwrap().contains("unsigned"), "{}", said.out);
    assert_eq!(scene.activations().last().unwrap()["standing"], "unsigned");
}

#[test]
fn the_text_that_plain_ssh_keygen_signs_is_the_one_we_sign() {
    let scene = merged();
    scene.deploys().ends(0);
    scene.append_policy("gaps: block");
    let text = scene.stage.run(&["rules", "sign", "--text"]).ends(0).out;
    let file = scene.stage.home().join("text");
    let mut all = String::new();
    for name in ["sam", "pat"] {
        std::fs::write(&file, &text).unwrap();
        let _ = std::fs::remove_file(scene.stage.home().join("text.sig"));
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", "policy@tollgate", "-f"])
            .arg(scene.stage.home().join(name))
            .arg(&file)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        all.push_str(&std::fs::read_to_string(scene.stage.home().join("text.sig")).unwrap());
    }
    scene.stage.repo.write(".tollgate/policy.sig", all);
    scene.push("signed with stock tools");
    scene.deploys().ends(0);
}
