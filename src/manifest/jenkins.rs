//! The configuration of Jenkins as code: who may do what in it, and which secrets it keeps.
//!
//! Settings that the dialect works out itself:
//!
//! ```text
//! authorization         `unsecured`, `loggedInUsersCanDoAnything`, or who administers it: `administer.<whom>`
//! anonymous             `reads` where nobody has to log in to see jobs
//! builds                `on the controller` where jobs run beside its secrets
//! job-dsl.scripts       `unchecked` where whoever writes a seed job is an administrator
//! ```

use super::file::{File, Text, ends_in, unknown_credential};
use super::redact::is_reference;
use super::{Dialect, Keep, Reading};
use crate::finding::Reason;
use crate::identity::{Credential, CredentialKind, Identity, IdentityKind, Life, Storage};
use crate::text::tree::Node;

pub(super) const DIALECT: Dialect = Dialect { name: NAME, claims, read };

const NAME: &str = "jenkins";

/// Words one of which a file must hold.
const WORDS: [&str; 3] = ["authorizationStrategy", "securityRealm", "domainCredentials"];

fn claims(path: &str, text: &Text<'_>) -> bool {
    ends_in(path, &[".yml", ".yaml"]) && text.may_hold(&WORDS)
}

fn read(file: &File<'_>, reading: &mut Reading) {
    let tree = file.tree();
    let first = reading.identities.len();
    for document in tree.documents {
        let ours = document.get("jenkins").is_some()
            || document.at(&["credentials", "system", "domainCredentials"]).is_some();
        if !ours {
            continue;
        }
        reading.identities.push(controller(file, &document));
        if file.keep == Keep::Documents {
            reading.documents.push((NAME, document));
        }
    }
    let found = reading.identities.len() > first;
    if found && !tree.templates.is_empty() {
        reading.gap(file, Reason::Partial, "templates are not known before rendering".to_owned());
        reading.identities.iter_mut().skip(first).for_each(|identity| identity.complete = false);
    }
    if let Some(fault) = tree.fault.filter(|_| found || file.path.contains(NAME)) {
        let reason = if fault.kind.is_limit() { Reason::Limit } else { Reason::Unparsed };
        reading.gap(file, reason, fault.to_string());
    }
}

fn controller(file: &File<'_>, document: &Node) -> Identity {
    let name = format!("{NAME}/controller/{}", super::vault::stem(file.path));
    let mut identity = file.identity(IdentityKind::ServiceAccount, NAME, "controller", name, document);
    let jenkins = document.get("jenkins");
    if let Some(strategy) = jenkins.and_then(|jenkins| jenkins.get("authorizationStrategy")) {
        authorization(file, strategy, &mut identity);
    }
    if let Some(at) = jenkins.and_then(|node| node.get("numExecutors")).filter(|at| at.as_int() > Some(0)) {
        identity.settings.push(file.setting("builds", "on the controller", at));
    }
    let checked = document.at(&["security", "globalJobDslSecurityConfiguration", "useScriptSecurity"]);
    if let Some(at) = checked.filter(|at| at.truthy() == Some(false)) {
        identity.settings.push(file.setting("job-dsl.scripts", "unchecked", at));
    }
    if let Some(realm) = jenkins.and_then(|jenkins| jenkins.get("securityRealm")) {
        secrets(file, "securityRealm", realm, 0, &mut identity);
    }
    if let Some(kept) = document.get("credentials") {
        secrets(file, "credentials", kept, 0, &mut identity);
    }
    for part in ["unclassified", "tool", "jobs"] {
        if let Some(node) = document.get(part) {
            secrets(file, part, node, 0, &mut identity);
        }
    }
    identity
}

/// Permissions by which somebody is an administrator.
const ADMINISTER: [&str; 4] =
    ["Overall/Administer", "hudson.model.Hudson.Administer", "Administer", "Overall/RunScripts"];

/// Whom everybody or anybody is.
const EVERYBODY: [&str; 2] = ["anonymous", "authenticated"];

/// Strategies that let anybody, or anybody with an account, do anything.
const OPEN: [&str; 2] = ["unsecured", "loggedInUsersCanDoAnything"];

fn authorization(file: &File<'_>, strategy: &Node, identity: &mut Identity) {
    let open = strategy.as_text().filter(|text| OPEN.contains(text));
    identity.settings.extend(open.map(|word| file.setting("authorization", word, strategy)));
    for (key, value) in strategy.entries() {
        let word = key.as_text().unwrap_or_default();
        match word {
            _ if OPEN.contains(&word) => {
                identity.settings.push(file.setting("authorization", word, key));
                if let Some(at) = value.get("allowAnonymousRead").filter(|at| at.truthy() == Some(true)) {
                    identity.settings.push(file.setting("anonymous", "reads", at));
                }
            }
            "globalMatrix" | "projectMatrix" => matrix(file, value, identity),
            "roleBased" | "roleStrategy" => roles(file, value, identity),
            _ => {}
        }
    }
}

/// `permissions: ["Overall/Administer:anonymous"]`, or `entries: [{ group: { name: .., permissions: [..] } }]`.
fn matrix(file: &File<'_>, matrix: &Node, identity: &mut Identity) {
    let grants = ["permissions", "grantedPermissions"].iter().filter_map(|key| matrix.get(key));
    for item in grants.flat_map(Node::items) {
        let text = item.as_text().unwrap_or_default();
        let parts: Vec<&str> = text.split(':').collect();
        let whom = parts.iter().find(|part| EVERYBODY.contains(part));
        if let (Some(whom), true) = (whom, parts.iter().any(|part| ADMINISTER.contains(part))) {
            identity.settings.push(file.setting(format!("administer.{whom}"), "true", item));
        }
    }
    for (_, entry) in
        matrix.get("entries").map(Node::items).unwrap_or_default().iter().flat_map(Node::entries)
    {
        let name = entry.get("name").and_then(Node::scalar).unwrap_or_default();
        let all = entry.get("permissions").map(Node::items).unwrap_or_default();
        let administers =
            all.iter().find(|item| item.as_text().is_some_and(|text| ADMINISTER.contains(&text)));
        if let (Some(at), true) = (administers, EVERYBODY.contains(&name.as_str())) {
            identity.settings.push(file.setting(format!("administer.{name}"), "true", at));
        }
    }
}

/// Roles of the role strategy: `roles: { global: [{ name, permissions, entries | assignments }] }`.
fn roles(file: &File<'_>, strategy: &Node, identity: &mut Identity) {
    for role in strategy.at(&["roles", "global"]).map(Node::items).unwrap_or_default() {
        let all = role.get("permissions").map(Node::items).unwrap_or_default();
        if !all.iter().any(|item| item.as_text().is_some_and(|text| ADMINISTER.contains(&text))) {
            continue;
        }
        let lists = ["assignments", "entries"].iter().filter_map(|key| role.get(key));
        for entry in lists.flat_map(Node::items) {
            let named = ["user", "group"].iter().find_map(|key| entry.get(key)).unwrap_or(entry);
            let name = named.scalar().unwrap_or_default();
            if EVERYBODY.contains(&name.as_str()) {
                identity.settings.push(file.setting(format!("administer.{name}"), "true", named));
            }
        }
    }
}

/// Keys below which a secret stands, and what it is.
const SECRETS: [(&str, CredentialKind); 12] = [
    ("password", CredentialKind::Password),
    ("passphrase", CredentialKind::Password),
    ("managerPasswordSecret", CredentialKind::Password),
    ("secret", CredentialKind::ApiKey),
    ("token", CredentialKind::ApiKey),
    ("apiToken", CredentialKind::ApiKey),
    ("secretKey", CredentialKind::StaticKey),
    ("privateKey", CredentialKind::SshKey),
    ("secretBytes", CredentialKind::ApiKey),
    ("clientSecret", CredentialKind::OauthClientSecret),
    ("secretId", CredentialKind::VaultSecretId),
    ("keyStorePassword", CredentialKind::Password),
];

/// How deep secrets may lie.
const DEEPEST: usize = 12;

/// Adds each secret below `node`, by the id or the name beside it.
fn secrets(file: &File<'_>, name: &str, node: &Node, depth: usize, identity: &mut Identity) {
    if depth > DEEPEST {
        identity.complete = false;
        return;
    }
    for item in node.items() {
        secrets(file, name, item, depth + 1, identity);
    }
    let id = node.get("id").and_then(Node::scalar);
    let holder = id.map_or_else(|| name.to_owned(), |id| format!("{name}.{id}"));
    for (key, value) in node.entries() {
        let key = key.scalar().unwrap_or_default();
        let known = SECRETS.iter().find(|(word, _)| *word == key);
        match (known, value.scalar()) {
            (Some((_, kind)), Some(text)) if !text.is_empty() => {
                // What stands in braces Jenkins encrypted with a key of its own.
                let sealed = text.starts_with("{AQA") && text.ends_with('}');
                let reference = sealed || text.contains("${") || is_reference(&text);
                identity.credentials.push(Credential {
                    life: Life::Unknown,
                    storage: if reference { Storage::SecretManager } else { Storage::Literal },
                    ..unknown_credential(*kind, &format!("{holder}.{key}"), file.location(value.span))
                });
            }
            _ => secrets(file, &holder, value, depth + 1, identity),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::read;

    #[test]
    fn a_configuration_is_known_by_its_words() {
        assert!(DIALECT.claims("jenkins.yaml", b"jenkins:\n  authorizationStrategy: unsecured\n"));
        assert!(!DIALECT.claims("jenkins.yaml", b"image: jenkins\n"));
        assert!(!DIALECT.claims("a.json", b"authorizationStrategy"));
    }

    proptest! {
        #[test]
        fn no_configuration_makes_it_fall_over(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "jenkins:\n", "  authorizationStrategy: unsecured\n", "  authorizationStrategy: { globalMatrix: { permissions: ['a:b', 1] } }\n",
                    "  securityRealm: { local: { users: [{ id: a, password: b }] } }\n", "credentials: { system: { domainCredentials: [{ credentials: [{ string: { secret: x } }] }] } }\n",
                    "  numExecutors: 2\n", "---\n", "[", "}", "{{ x }}",
                ]),
                0..20,
            )
        ) {
            let text = parts.concat();
            for identity in read("jenkins.yaml", None, text.as_bytes(), Keep::Documents).identities {
                prop_assert!(identity.credentials.iter().all(|one| one.place.span.end <= text.len()));
            }
        }
    }
}
