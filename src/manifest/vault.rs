//! Policies of Vault and `OpenBao`: what each path of a policy lets its holder do, in HCL and in JSON.
//!
//! A policy is an identity with one grant for each path. Whoever logs in by a role, or holds a token, is `bound-to`
//! it; those are declared in Terraform. Names:
//!
//! ```text
//! vault/policy/deploy            the name of the file; in Terraform its label
//! vault/approle-role/deploy      a way to log in, by the kind of its backend
//! vault/database-role/deploy     what a secrets engine hands out
//! vault/token/deploy             a token that Terraform makes
//! ```

use super::file::{File, Text, ends_in, holds};
use super::parts::Parts;
use super::{Dialect, Keep, Reading};
use crate::finding::Reason;
use crate::identity::{Authority, Effect, Grant, Scope};
use crate::text::tree::{self, Node};

pub(super) const DIALECT: Dialect = Dialect { name: PLATFORM, claims, read };

/// The platform of what this dialect reads, and of the same resources in Terraform.
pub(super) const PLATFORM: &str = "vault";

/// The native kind of a policy.
pub(super) const POLICY: &str = "policy";

fn claims(path: &str, text: &Text<'_>) -> bool {
    let hcl = ends_in(path, &[".hcl"]) && holds(text.bytes, &["path"]);
    let json = ends_in(path, &[".json"]) && text.may_hold(&["\"path\""]);
    (hcl || json) && text.may_hold(&["capabilities", "policy"])
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let json = ends_in(file.path, &[".json"]);
    let tree = if json { tree::read_json(file.bytes) } else { tree::read_hcl_with_open_labels(file.bytes) };
    let first = reading.identities.len();
    for document in &tree.documents {
        let name = format!("{PLATFORM}/{POLICY}/{}", stem(file.path));
        let given = given(file, document, &name);
        if given.grants.is_empty() {
            continue;
        }
        let mut parts = Parts::new(file, PLATFORM, "");
        let identity = parts.mention(&name, POLICY, document, true);
        identity.complete = given.unknown.is_empty();
        identity.grants = given.grants;
        reading.identities.extend(parts.finish());
        note_unknown(file, &given.unknown, reading);
    }
    let found = reading.identities.len() > first;
    // Files of Nomad, Consul and Packer end the same way; one with a path that has capabilities is ours.
    file.note_fault(&tree, found || (!json && holds(file.bytes, &["path \"", "path\t\""])), reading);
    if found && file.keep == Keep::Documents {
        reading.documents.extend(tree.documents.into_iter().map(|document| (DIALECT.name, document)));
    }
}

/// The name of a file without its endings.
pub(super) fn stem(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default()
}

/// What a policy gives.
#[derive(Default)]
pub(super) struct Given {
    pub(super) grants: Vec<Grant>,
    /// What of it is not known, in a few words each.
    pub(super) unknown: Vec<String>,
}

/// Notes what of policies is not known.
pub(super) fn note_unknown(file: &File<'_>, unknown: &[String], reading: &mut Reading) {
    let mut unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
    unknown.sort_unstable();
    unknown.dedup();
    if !unknown.is_empty() {
        reading.gap(file, Reason::Partial, format!("not understood in a policy: {}", unknown.join(", ")));
    }
}

/// The grants of a policy: those of its paths.
pub(super) fn given(file: &File<'_>, document: &Node, policy: &str) -> Given {
    let mut given = Given::default();
    let blocks = document.get("path").into_iter().flat_map(|node| match node.items() {
        [] => std::slice::from_ref(node),
        items => items,
    });
    for (path, body) in blocks.flat_map(Node::entries) {
        for body in std::slice::from_ref(body).iter().chain(body.items()).filter(|body| body.is_map()) {
            rule(file, path, body, policy, &mut given);
        }
    }
    given
}

/// What a path may hold besides its capabilities, and whether it narrows them: `Some` of how sure that is.
///
/// Source: Vault, "Policies", sections "Capabilities" and "Fine-grained control", and `OpenBao`, "Policies", read
/// 2026-11-21.
const KEYS: [(&str, Option<&str>); 15] = [
    ("capabilities", None),
    ("policy", None),
    ("path", None),
    ("description", None),
    ("comment", None),
    ("min_wrapping_ttl", None),
    ("pagination_limit", None),
    ("max_wrapping_ttl", Some("")),
    ("allowed_parameters", Some("")),
    ("allowed_parameter", Some("")),
    ("control_group", Some("")),
    ("mfa_methods", Some("")),
    ("expiration", Some("")),
    ("required_parameters", Some("weak: ")),
    ("subscribe_event_types", Some("weak: ")),
];

/// Parameters that may not be given narrow little: whatever is not named may.
const DENIED: [&str; 3] = ["denied_parameters", "denied_parameter", "list_scan_response_keys_filter_path"];

/// Adds what one path gives; `body` may be a rule of a document in Terraform too.
pub(super) fn rule(file: &File<'_>, path: &Node, body: &Node, policy: &str, given: &mut Given) {
    let Some(name) = path.scalar() else { return };
    if name.contains("${") || name.contains("<%") {
        given.unknown.push("a path with a variable".to_owned());
    }
    let actions = actions(body, given);
    let denied = actions.iter().any(|(action, _)| action == "deny");
    let list = body.get("capabilities").or_else(|| body.get("policy")).unwrap_or(body);
    if actions.is_empty() {
        return;
    }
    let conditions = conditions(body, given);
    given.grants.push(Grant {
        effect: if denied { Effect::Deny } else { Effect::Allow },
        authority: actions.iter().map(|(action, _)| authority(action)).max().unwrap_or(Authority::Inspect),
        action_places: actions.iter().map(|(_, at)| file.location(at.span)).collect(),
        actions: actions.into_iter().map(|(action, _)| action).collect(),
        not_actions: vec![],
        scope: scope(&name),
        resources: vec![name],
        not_resources: vec![],
        groups: vec![],
        names: vec![],
        namespace: String::new(),
        conditions,
        given_by: vec![policy.to_owned()],
        place: file.location(if path.span == list.span { list.span } else { path.span }),
        bound_at: None,
    });
}

/// Capabilities, those behind a word of older policies too.
///
/// Source: Vault, "Policies", and its API of `sys/policy`, which still takes the older words, read 2026-11-21.
fn actions<'n>(body: &'n Node, given: &mut Given) -> Vec<(String, &'n Node)> {
    const ALL: [&str; 10] =
        ["create", "read", "update", "patch", "delete", "list", "scan", "sudo", "deny", "subscribe"];
    let mut found = Vec::new();
    if let Some(list) = body.get("capabilities") {
        if list.items().is_empty() && list.scalar().is_some() {
            given.unknown.push("capabilities from a variable".to_owned());
        }
        for item in list.items() {
            match item.as_text().map(str::to_ascii_lowercase) {
                Some(word) if ALL.contains(&word.as_str()) => found.push((word, item)),
                // `root` in a list means nothing to Vault either.
                _ => given.unknown.push("a capability of another name".to_owned()),
            }
        }
    }
    if let Some(at) = body.get("policy") {
        let words: &[&str] = match at.as_text() {
            Some("deny") => &["deny"],
            Some("read") => &["read", "list"],
            Some("write") => &["create", "read", "update", "delete", "list"],
            Some("sudo") => &["create", "read", "update", "delete", "list", "sudo"],
            _ => &[],
        };
        found.extend(words.iter().map(|word| ((*word).to_owned(), at)));
    }
    found
}

/// What a capability does.
fn authority(capability: &str) -> Authority {
    if ["read", "list", "scan", "subscribe", "deny"].contains(&capability) {
        Authority::Inspect
    } else {
        Authority::Execute
    }
}

/// How far a path reaches: one secret, one mount or folder, or more than one mount.
fn scope(path: &str) -> Scope {
    let first = path.split('/').next().unwrap_or_default();
    let wild = path.ends_with('*') || path.split('/').any(|part| part == "+");
    match () {
        () if !wild => Scope::Resource,
        () if first == "+" || first.contains('*') => Scope::Cluster,
        () if ["sys/*", "auth/*", "identity/*"].contains(&path) => Scope::Cluster,
        () => Scope::Namespace,
    }
}

fn conditions(body: &Node, given: &mut Given) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in body.entries() {
        let key = key.scalar().unwrap_or_default();
        if DENIED.contains(&key.as_str()) {
            found.push(format!("weak: {key}"));
            continue;
        }
        match KEYS.iter().find(|(known, _)| *known == key) {
            // Everything else may be given as well.
            Some((_, Some(""))) if value.get("*").is_some() => found.push(format!("weak: {key}")),
            Some((_, Some(how))) => found.push(format!("{how}{key}")),
            Some((_, None)) => {}
            None => given.unknown.push(format!("`{key}`")),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::read;

    #[test]
    fn a_policy_is_known_by_its_words() {
        for (path, text, claimed) in [
            ("a.hcl", "path \"x\" { capabilities = [] }", true),
            ("a.hcl.tpl", "path \"x\" { capabilities = [] }", true),
            ("a.json", "{\"path\": {\"x\": {\"capabilities\": []}}}", true),
            ("a.hcl", "namespace \"x\" { policy = \"read\" }", false),
            ("a.tf", "path capabilities", false),
        ] {
            assert_eq!(DIALECT.claims(path, text.as_bytes()), claimed, "{path}: {text}");
        }
    }

    #[test]
    fn a_path_reaches_as_far_as_its_wildcard() {
        for (path, expected) in [
            ("secret/data/app", Scope::Resource),
            ("secret/data/app/*", Scope::Namespace),
            ("secret/+/app", Scope::Namespace),
            ("*", Scope::Cluster),
            ("+/*", Scope::Cluster),
            ("sys/*", Scope::Cluster),
        ] {
            assert_eq!(scope(path), expected, "{path}");
        }
    }

    #[test]
    fn a_policy_with_a_fault_is_a_gap_and_one_of_another_product_is_none() {
        let gaps = |text: &str| read("a.hcl", None, text.as_bytes(), Keep::Identities).gaps.len();
        assert_eq!(gaps("path \"x\" { capabilities = [\"read\"]"), 1);
        assert_eq!(gaps("path \"x\" { capabilities = [\"read\"]\n capabilities = [\"list\"] }"), 1);
        assert_eq!(gaps("namespace \"x\" { capabilities = [\"read\"]"), 0);
        assert_eq!(gaps("path \"x\" { capabilities = [\"read\"] }"), 0);
    }

    proptest! {
        #[test]
        fn no_policy_makes_it_fall_over(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "path \"a/*\" {\n", "}\n", "capabilities = [\"read\", \"sudo\"]\n", "policy = \"write\"\n", "capabilities = var.x\n",
                    "path = \"x\"\n", "allowed_parameters = { \"*\" = [] }\n", "{\"path\": {\"x\": {\"capabilities\": [1]}}}", "[", "\"", "${a}",
                ]),
                0..20,
            )
        ) {
            let text = parts.concat();
            for path in ["a.hcl", "a.json"] {
                for identity in read(path, None, text.as_bytes(), Keep::Documents).identities {
                    let places = identity.grants.iter().flat_map(|grant| grant.action_places.iter().chain([&grant.place]));
                    prop_assert!(places.chain(&identity.places).all(|place| place.span.end <= text.len()));
                }
            }
        }
    }
}
