//! The inventory of identities: every format of one tree, what a change widens, and the page in a real browser.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a set-up that fails is a test that fails"
)]

#[path = "inventory/browser.rs"]
mod browser;
#[path = "support/run.rs"]
mod run;
mod support;

use std::fs;

use browser::Browser;
use run::Stage;

const NOW: &str = "2026-11-21T00:00:00Z";

const ROLES: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: watcher }
rules:
  - { apiGroups: [\"\"], resources: [secrets], verbs: [get, list] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: watcher }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: watcher }
subjects: [{ kind: ServiceAccount, name: api, namespace: pay }]
";

const WORKLOAD: &str = "apiVersion: v1
kind: ServiceAccount
metadata: { name: api, namespace: pay }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: api, namespace: pay, labels: { team: pay } }
spec:
  template:
    spec:
      serviceAccountName: api
      containers: [{ name: api, image: api:1 }]
";

const AGENT: &str = r#"{ "permissions": { "allow": ["Bash(git push *)"], "ask": ["WebFetch"] } }"#;

fn stage() -> Stage {
    let stage = Stage::new();
    stage
        .repo
        .write("deploy/roles.yaml", ROLES)
        .write("deploy/api.yaml", WORKLOAD)
        .write(".claude/settings.json", AGENT)
        .commit("one");
    stage
}

fn inventory(stage: &Stage, format: &str) -> String {
    stage.run(&["inventory", "--as-of", NOW, "--format", format]).ends(0).out
}

#[test]
fn every_format_tells_the_same_tree() {
    let stage = stage();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("inventory");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        for format in ["text", "json", "csv", "dot", "html"] {
            insta::assert_snapshot!(format, inventory(&stage, format));
        }
    });
}

#[test]
fn names_of_a_repository_are_plain_text_in_every_format() {
    let stage = Stage::new();
    let hostile = "apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: \"=1+1<script>alert(1)</script>\\e[31m\\\"|\\u202e\", namespace: x }\n\
                   ---\napiVersion: v1\nkind: Pod\nmetadata: { name: \"</svg><b>\", namespace: x }\nspec: { serviceAccountName: \"=1+1<script>alert(1)</script>\\e[31m\\\"|\\u202e\", containers: [] }\n";
    stage.repo.write("a.yaml", hostile).commit("one");
    for format in ["text", "json", "csv", "dot", "html"] {
        let out = inventory(&stage, format);
        assert!(out.contains("alert"), "{format}: {out}");
        assert!(!out.contains(['\u{1b}', '\u{202e}']), "{format}: {out}");
        match format {
            "html" => assert!(!out.contains("<script>alert") && !out.contains("</svg><b>"), "{out}"),
            "csv" => assert!(!out.contains(",\"="), "{out}"),
            "dot" => assert!(!out.lines().any(|line| line.trim_start().starts_with('|')), "{out}"),
            _ => {}
        }
    }
}

#[test]
fn what_a_branch_widens_is_told_with_old_and_new() {
    let stage = stage();
    stage.repo.git(&["branch", "base"]);
    stage
        .repo
        .write("deploy/roles.yaml", ROLES.replace("verbs: [get, list]", "verbs: [get, list, create]"))
        .write(
            ".claude/settings.json",
            AGENT.replace("\"ask\"", "\"deny\": [], \"allowed\"").replace("git push *", "*"),
        )
        .commit("wider");
    let said = stage.run(&["inventory", "--as-of", NOW, "--since", "base"]).ends(0).out;
    assert!(
        said.contains(
            "widened  grant: get, list on secrets (cluster) -> get, list, create on secrets (cluster)"
        ),
        "{said}"
    );
    assert!(said.contains("widened  tool: nothing -> Bash(*)") || said.contains("-> Bash"), "{said}");
    // A change that takes away widens nothing.
    stage.repo.git(&["checkout", "--quiet", "-B", "less", "base"]);
    stage.repo.write("deploy/roles.yaml", ROLES.replace("verbs: [get, list]", "verbs: [get]")).commit("less");
    let said = stage.run(&["inventory", "--as-of", NOW, "--since", "base"]).ends(0).out;
    assert!(said.contains("0 wider than at the base"), "{said}");
    stage.run(&["inventory", "--since", "nowhere"]).ends(2);
}

#[test]
fn as_of_repeats_a_result() {
    let stage = stage();
    let first = inventory(&stage, "json");
    assert_eq!(first, inventory(&stage, "json"));
    let schema = serde_json::from_str::<serde_json::Value>(&first).unwrap()["schema"].clone();
    assert_eq!(schema, "tollgate.inventory/v1");
}

#[test]
fn the_page_opens_from_disk_sorts_and_filters_by_keyboard_in_light_and_dark() {
    let stage = stage();
    let page = stage.home().join("identities.html");
    fs::File::create(&page)
        .and_then(|mut file| std::io::Write::write_all(&mut file, inventory(&stage, "html").as_bytes()))
        .unwrap();
    let Some(browser) = Browser::start() else {
        assert!(std::env::var_os("TOLLGATE_CI").is_none(), "chromium or chromedriver is not here");
        eprintln!("left out: the page in a browser, since chromedriver is not here");
        return;
    };
    browser.open(&format!("file://{}", page.display()));
    let names = "return [...document.querySelectorAll('tbody tr:not([hidden])')].map(row => row.dataset.name).join(' ')";
    let by_score = browser.run(names);
    assert!(by_score.split(' ').count() >= 3, "{by_score}");
    // By keyboard: to the heading `Identity`, and press it.
    browser.run("document.querySelector('th[data-key=name] button').focus()");
    browser.press("\u{e007}");
    let by_name = browser.run(names);
    let mut sorted: Vec<&str> = by_name.split(' ').collect();
    sorted.sort_unstable_by_key(|name| name.to_lowercase());
    assert_eq!(by_name, sorted.join(" "));
    assert_eq!(browser.run("return document.querySelector('th[data-key=name]').ariaSort"), "ascending");
    browser.press("\u{e007}");
    assert_eq!(browser.run("return document.querySelector('th[data-key=name]').ariaSort"), "descending");
    // The address keeps what is shown, and Tab reaches the search field from the graph.
    assert!(browser.run("return location.hash").contains("sort=name"));
    browser.run("document.querySelector('.graph').focus()");
    let mut reached = String::new();
    for _ in 0..20 {
        browser.press("\u{e004}");
        reached = browser.run("return document.activeElement.id");
        if reached == "search" {
            break;
        }
    }
    assert_eq!(reached, "search");
    browser.press("Deployment");
    assert_eq!(
        browser.run("return document.getElementById('count').textContent").split(' ').next(),
        Some("1")
    );
    // Light and dark differ, and in both the text stands out.
    let ground = "return getComputedStyle(document.body).backgroundColor + ' ' + getComputedStyle(document.body).color";
    browser.prefer("light");
    let light = browser.run(ground);
    browser.prefer("dark");
    let dark = browser.run(ground);
    assert_eq!(light, "rgb(255, 255, 255) rgb(27, 31, 36)");
    assert_eq!(dark, "rgb(13, 17, 23) rgb(230, 237, 243)");
    // Nothing was asked of a network, and the page's own policy forbids any.
    assert_eq!(browser.run("return String(performance.getEntriesByType('resource').length)"), "0");
    let refused = "return fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'refused')";
    assert_eq!(browser.run(refused), "refused");
}
