//! The whole life of an exception, and of the keys behind it, with the real `git` and the real `ssh-keygen`.
//!
//! Tests that begin with a letter and a number are rows of the threat model.

#![allow(
    clippy::string_slice,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "life/adopt.rs"]
mod adopt;
#[path = "life/keys.rs"]
mod keys;
#[path = "life/outside.rs"]
mod outside;
#[path = "life/people.rs"]
mod people;
#[path = "life/policy.rs"]
mod policy;
#[path = "life/release.rs"]
mod release;
#[path = "support/run.rs"]
mod run;
mod support;

use people::{REASON, Scene};
use run::found;
use serde_json::Value;

#[test]
fn a_request_is_on_record_from_the_moment_it_is_made() {
    let scene = Scene::new();
    scene.check();
    let id = scene.request(&[]);
    let record = scene.only("exception.requested");
    assert_eq!((record["exception_id"].as_str(), record["by"].as_str()), (Some(id.as_str()), Some("kim")));
    assert_eq!(record["pipeline"], "acme/pay/gate", "as the document says, wherever it is written");
    scene.approve(&id, "lee");
    assert_eq!(scene.check().0, 0);
    scene.only("exception.requested");
    scene.verifies();
}

#[test]
fn the_reason_of_a_request_is_asked_for_in_the_editor() {
    let scene = Scene::new();
    scene.check();
    let print = scene.print();
    let request = ["except", "request", &print, "--owner", "pay"];
    let said = scene.stage.run(&request).ends(2);
    assert!(said.err.contains("no editor is set"), "{}", said.err);
    let nothing = scene.stage.run_with(&request, &[("EDITOR", "true")]).ends(2);
    assert!(nothing.err.contains("the reason is empty"), "{}", nothing.err);
    let editor = "sed -i '1i the new role ships on Tuesday\\nas PAY-88 says'";
    let said = scene.stage.run_with(&request, &[("EDITOR", "false"), ("VISUAL", editor)]).ends(0);
    assert!(said.out.contains("asks for leave"), "{}", said.out);
    let reason = scene.document()["reason"]["text"].as_str().unwrap().to_owned();
    assert_eq!(reason, "the new role ships on Tuesday as PAY-88 says");
}

#[test]
fn what_was_denied_holds_for_nobody_and_is_on_record() {
    let scene = Scene::new();
    scene.check();
    let id = scene.request(&[]);
    for (who, words) in [("ci", "may not sign"), ("bot", "can only ask")] {
        let said = scene.person(who, &["except", "deny", &id, "--reason", REASON]).ends(2);
        assert!(said.err.contains(words), "{who}: {}", said.err);
    }
    scene.person("lee", &["except", "deny", &id, "--reason", "the role can be split today"]).ends(0);
    let record = scene.only("exception.denied");
    assert_eq!((record["by"].as_str(), record["exception_id"].as_str()), (Some("lee"), Some(id.as_str())));
    scene.approve(&id, "mia");
    let (code, report) = scene.check();
    assert_eq!((code, people::refusals(&report)), (1, vec!["denied".to_owned()]), "{report:#}");
    assert!(scene.stage.run(&["except", "list"]).ends(0).out.contains("denied"));
    scene.stage.run(&["except", "verify", &id]).ends(1);
    scene.verifies();
    let rate = scene.stage.run(&["rate", "--format", "json"]).ends(0).json();
    assert_eq!(rate["all"]["review"]["denied"], 1, "{rate:#}");
}

#[test]
fn a_denial_after_a_run_accepted_it_is_a_revocation_and_says_so() {
    let scene = Scene::new();
    scene.check();
    let id = scene.request(&[]);
    scene.approve(&id, "lee");
    assert_eq!(scene.check().0, 0);
    let said = scene.person("lee", &["except", "deny", &id, "--reason", REASON]).ends(2);
    assert!(said.err.contains("except revoke"), "{}", said.err);
    assert_eq!(scene.check().0, 0);
}

#[test]
fn b10_one_holder_of_the_namespace_revokes_and_nothing_in_the_head_brings_it_back() {
    let scene = Scene::new();
    scene.check();
    let id = scene.request(&[]);
    scene.approve(&id, "lee");
    assert_eq!(scene.check().0, 0);
    let said = scene.person("lee", &["except", "revoke", &id, "--reason", REASON]).ends(2);
    assert!(said.err.contains("may not sign for `revoke@tollgate`"), "{}", said.err);
    scene.person("sam", &["except", "revoke", &id[..12], "--reason", REASON]).ends(0);
    let (code, report) = scene.check();
    assert_eq!((code, people::refusals(&report)), (1, vec!["revoked".to_owned()]), "{report:#}");
    scene.stage.repo.remove(format!(".tollgate/exceptions/{id}.json"));
    assert_eq!(scene.check().0, 1);
    scene.verifies();
    // The ledger has the document: it can be revoked where it no longer lies.
    scene.person("sam", &["except", "revoke", &id, "--reason", REASON]).ends(0);
    assert!(scene.stage.run(&["ledger", "log"]).ends(0).out.contains("exception.revoked"));
}

#[test]
fn an_approval_from_outside_the_group_that_owns_the_risk_is_counted() {
    for (approver, outside) in [("lee", 0), ("mia", 1)] {
        let scene = Scene::new();
        scene.check();
        let id = scene.request(&[]);
        scene.approve(&id, approver);
        assert_eq!(scene.check().0, 0);
        let named = scene.only("exception.approved")["outside_owner_group"].as_array().unwrap().len();
        assert_eq!(named, outside);
        let rate = scene.stage.run(&["rate", "--format", "json"]).ends(0).json();
        assert_eq!(rate["all"]["review"]["outside_owner_group"], outside, "{rate:#}");
    }
}

#[test]
fn an_approval_of_ones_own_change_that_the_policy_allows_is_counted() {
    let scene = Scene::with("exceptions: { separation_of_duties: false }\n");
    scene.check();
    let id = scene.request(&[]);
    scene.approve(&id, "kim");
    assert_eq!(scene.check().0, 0);
    assert_eq!(scene.only("exception.approved")["self_approved"], true);
    let rate = scene.stage.run(&["rate", "--format", "json"]).ends(0).json();
    assert_eq!(rate["all"]["review"]["self_approved"], 1, "{rate:#}");
}

#[test]
fn b12_a_renewal_is_a_new_document_and_the_third_is_flagged() {
    let scene = Scene::new();
    scene.check();
    let mut id = scene.request(&[]);
    for (count, flag) in [(1, false), (2, false), (3, true)] {
        let renew = ["except", "request", "--renews", &id, "--reason", REASON];
        let said = scene.stage.run(&renew).ends(0);
        assert!(said.out.contains(&format!("renewal {count}")), "{}", said.out);
        assert_eq!(said.out.contains("not an exception any more"), flag, "{}", said.out);
        let next = scene.newest(&id);
        let read = |id: &str| -> Value {
            let path = scene.stage.repo.path().join(format!(".tollgate/exceptions/{id}.json"));
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
        };
        let (old, new) = (read(&id), read(&next));
        for kept in ["findings", "scope", "repo", "ledger", "owner"] {
            assert_eq!(old[kept], new[kept], "{kept}");
        }
        assert_eq!(new["renews"], Value::from(id));
        id = next;
    }
    scene.approve(&id, "lee");
    assert_eq!(scene.check().0, 0, "each stands for itself");
    assert!(scene.stage.run(&["except", "list"]).ends(0).out.contains("renewal 3"));
}

#[test]
fn pruning_lists_what_can_let_nothing_through_any_more_and_removes_on_demand() {
    let scene = Scene::new();
    scene.check();
    let live = scene.request(&[]);
    scene.approve(&live, "lee");
    let short = scene.renewed(&live, &["--expires", "1s"]);
    let denied = scene.renewed(&live, &[]);
    scene.person("lee", &["except", "deny", &denied, "--reason", REASON]).ends(0);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let size = scene.records().len();
    let said = scene.stage.run(&["except", "prune"]).ends(0);
    for (id, words) in [(&short, "expired, never used"), (&denied, "denied, never used")] {
        assert!(
            said.out.lines().any(|line| line.contains(id.as_str()) && line.contains(words)),
            "{}",
            said.out
        );
    }
    assert!(!said.out.contains(&live), "{}", said.out);
    scene.stage.repo.write("prod.env", "REGION=eu\n");
    let said = scene.stage.run(&["except", "prune", "--remove"]).ends(0);
    assert!(
        said.out.contains("matches nothing here") && said.out.contains("4 files deleted"),
        "{}",
        said.out
    );
    assert!(scene.stage.run(&["except", "list"]).ends(0).out.contains("no exceptions here"));
    assert_eq!(scene.records().len(), size, "pruning is no step of an exception's life");
}

#[test]
fn b17_after_a_signer_is_revoked_his_approvals_are_void_and_what_leaned_on_them_is_listed() {
    let scene = Scene::new();
    scene.check();
    let id = scene.request(&[]);
    scene.approve(&id, "lee");
    assert_eq!(scene.check().0, 0);
    let used = scene.records().iter().position(|record| record["action"] == "except").unwrap();
    // From now on: what the ledger took in before stands.
    let said = scene.person("sam", &["except", "revoke", "lee@acme.example", "--reason", REASON]).ends(0);
    assert!(
        said.out.contains("no decisions leaned") || said.out.contains("0 decisions leaned"),
        "{}",
        said.out
    );
    assert_eq!(scene.check().0, 0, "it was approved before");
    let late = scene.renewed(&id, &[]);
    scene.stage.repo.remove(format!(".tollgate/exceptions/{id}.json"));
    scene.stage.repo.remove(format!(".tollgate/exceptions/{id}.json.1.sig"));
    scene.approve(&late, "lee");
    let (code, report) = scene.check();
    assert_eq!((code, people::refusals(&report)), (1, vec!["revoked".to_owned()]), "{report:#}");
    scene.verifies();
    // From a record on: what came in since is void, and each use of it is named.
    let from = used.to_string();
    scene.stage.repo.git(&["checkout", "--quiet", "--", "."]);
    let from = (from.parse::<usize>().unwrap() - 1).to_string();
    let revoke = ["except", "revoke", "lee@acme.example", "--void-from", &from, "--reason", REASON];
    let said = scene.person("sam", &revoke).ends(0);
    assert!(said.out.contains(&format!("record {used}: ")), "{}", said.out);
    let listed = scene.stage.run(&["ledger", "verify"]).ends(0);
    assert!(listed.out.contains(&format!("record {used}: ")) && listed.out.contains(&id), "{}", listed.out);
    assert_eq!(scene.records().iter().filter(|record| record["kind"] == "signer.revoked").count(), 2);
}

#[test]
fn b17_somebody_else_may_approve_anew_what_a_revoked_signer_approved() {
    let scene = Scene::new();
    scene.check();
    let id = scene.request(&[]);
    scene.approve(&id, "lee");
    assert_eq!(scene.check().0, 0);
    let revoke = ["except", "revoke", "lee@acme.example", "--void-from", "0", "--reason", REASON];
    scene.person("sam", &revoke).ends(0);
    assert_eq!(scene.check().0, 1);
    scene.approve(&id, "mia");
    let (code, report) = scene.check();
    assert_eq!(
        (code, report["findings"][0]["exception"]["approvers"][0].as_str()),
        (0, Some("mia")),
        "{report:#}"
    );
    let listed = scene.stage.run(&["ledger", "verify"]).ends(0);
    assert_eq!(listed.out.matches("leaned").count(), 0);
    assert_eq!(listed.out.matches("approved with the revoked key").count(), 1, "{}", listed.out);
    assert_eq!(found(&report).len(), 1);
}
