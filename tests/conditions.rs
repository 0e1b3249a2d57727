//! What findings of conditions say: their place, their name, and how severe they are where.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail with a panic")]

use tollgate::credential;
use tollgate::detect::{credential as credentials, document, identity};
use tollgate::finding::{Enforcement, Family, Finding, Fingerprinter, Severity};
use tollgate::identity::Context;
use tollgate::policy::rule::Rule;
use tollgate::policy::syntax::RuleFile;
use tollgate::source::Change;
use tollgate::text::time::Timestamp;

const NOW: Timestamp = Timestamp(1_795_219_200_000);

fn pack() -> Vec<(String, Rule)> {
    let mut rules = Vec::new();
    for (family, folder) in Family::ALL {
        let Ok(files) = std::fs::read_dir(format!("policies/{folder}")) else { continue };
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let text = std::fs::read_to_string(&path).unwrap();
            let file: RuleFile =
                serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            for syntax in file.rules {
                rules.push((name.clone(), Rule::new(syntax, family, "").unwrap()));
            }
        }
    }
    rules
}

fn found(rules: &[&Rule], path: &str, bytes: &[u8]) -> Vec<Finding> {
    let names = Fingerprinter::default();
    let read = credential::read(path, bytes, NOW);
    let mut found = credentials::in_text(rules, &read, bytes, &names).unwrap();
    let file: document::Document<'_, ()> = document::Document {
        path,
        commit: None,
        change: Some(Change::Added),
        context: Context::Live,
        bytes,
        content: None,
    };
    found.extend(document::judge(rules, &file, &names).unwrap());
    let reading = tollgate::manifest::read(path, None, bytes, tollgate::manifest::Keep::Identities);
    assert_eq!(reading.gaps, vec![], "{path}: {}", String::from_utf8_lossy(bytes));
    let identities = tollgate::identity::join::join(reading.identities).identities;
    for identity in &identities {
        found.extend(credentials::declared(rules, identity, &names).unwrap());
    }
    found.extend(identity::judge(rules, &identities, &names, 1).unwrap());
    found
}

fn judged(path: &str, text: &str) -> Vec<Finding> {
    let pack = pack();
    let rules: Vec<&Rule> = pack.iter().map(|(_, rule)| rule).collect();
    found(&rules, path, text.as_bytes())
}

fn role(verbs: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{ name: api, namespace: payments }}\nrules:\n  - apiGroups: ['']\n    resources: [configmaps, secrets]\n    verbs: [{verbs}]\n"
    )
}

#[test]
fn a_finding_points_at_the_very_verb_and_at_the_binding() {
    let binding = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: { name: b, namespace: payments }\nroleRef: { kind: Role, name: api }\nsubjects: [{ kind: ServiceAccount, name: ci }]\n";
    let finding = judged("k8s/a.yaml", &(role("create, get") + binding)).remove(0);
    assert_eq!((finding.location.start.line, finding.location.start.column), (7, 21));
    assert_eq!(finding.detail, "get on secrets");
    assert_eq!(finding.identity.as_deref(), Some("kubernetes/Role/payments/api"));
    assert_eq!(finding.related.len(), 1);
    assert_eq!(finding.related[0].location.start.line, 12);
    assert_eq!(finding.related[0].message, "bound here, to kubernetes/ServiceAccount/payments/ci");
}

#[test]
fn a_fingerprint_changes_with_what_is_wrong_and_with_nothing_else() {
    let name = |path: &str, text: &str| judged(path, text).remove(0).fingerprint;
    let first = name("k8s/a.yaml", &role("get, list"));
    for (path, same) in
        [("k8s/a.yaml", "list, get"), ("deploy/b.yml", "get, list"), ("k8s/a.yaml", "delete, get, list")]
    {
        assert_eq!(name(path, &role(same)), first, "{path} {same}");
    }
    assert_eq!(name("k8s/a.yaml", &("# moved\n\n".to_owned() + &role("get, list"))), first);
    assert_ne!(name("k8s/a.yaml", &role("get, list, watch")), first, "one verb more is another finding");
    assert_ne!(name("k8s/a.yaml", &role("get")), first);
}

#[test]
fn documentation_is_one_level_lower_but_for_what_is_in_the_clear() {
    let live = judged("k8s/a.yaml", &role("get")).remove(0);
    let docs = judged("docs/k8s/a.yaml", &role("get")).remove(0);
    assert_eq!((live.severity, docs.severity), (Severity::High, Severity::Medium));
    assert_eq!((live.enforcement, docs.enforcement), (Enforcement::Block, Enforcement::Advise));
    let config = "apiVersion: v1\nkind: Config\nusers: [{ name: ci, user: { password: hunter2-hunter2 } }]\n";
    let docs = judged("docs/ops/kubeconfig", config).remove(0);
    assert_eq!(docs.severity, Severity::Critical);
    assert!(!format!("{docs:?}").contains("hunter2"));
}
