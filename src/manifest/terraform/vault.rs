//! Policies, roles and tokens of Vault in Terraform.
//!
//! A role is an identity: its session lasts as long as the token or the lease it gives may, and what decides who may
//! log in by it are settings by the names of the provider. What a setting is when nobody gives it:
//!
//! ```text
//! secret_id_num_uses    0, which is no limit
//! bound_audiences       `none` where a role for JSON web tokens names nobody for whom they must be
//! bound_claims          `none` where it names nobody who must have got them, `wildcards` where only patterns do
//! audience              `none` where a role for Kubernetes takes tokens meant for anyone
//! token_explicit_max_ttl, explicit_max_ttl    0, which is no end
//! ```

use super::home;
use super::module::{Module, Resource, blocks, each, reference};
use crate::identity::{Authority, Credential, CredentialKind, Effect, Grant, Identity, Life, Scope, Storage};
use crate::manifest::Reading;
use crate::manifest::aws_iam::cloudformation::bound;
use crate::manifest::aws_iam::symbol::texts;
use crate::manifest::file::{File, unknown_credential};
use crate::manifest::parts::Parts;
use crate::manifest::vault::{Given, PLATFORM, POLICY, given, note_unknown, rule, stem};
use crate::text::time::Length;
use crate::text::tree::{self, Node};

/// The data source in which policies are written.
const DOCUMENT: &str = "vault_policy_document";

/// Adds the identities of Vault that `module` declares.
pub(super) fn read(file: &File<'_>, module: &Module, reading: &mut Reading) {
    let mut parts = Parts::new(file, PLATFORM, &home(file));
    let mut reader = Reader { file, module, unknown: Vec::new() };
    for resource in module.resources.iter().filter(|one| !one.data && one.kind.starts_with("vault_")) {
        reader.resource(resource, &mut parts);
    }
    note_unknown(file, &reader.unknown, reading);
    reading.identities.extend(parts.finish());
}

struct Reader<'r, 'f> {
    file: &'r File<'f>,
    module: &'r Module,
    /// What of policies is not known.
    unknown: Vec<String>,
}

/// Seconds that Vault lets a token or a lease live where nothing else is said.
///
/// Source: Vault, "Server configuration", `max_lease_ttl`, read 2026-11-21.
const DEFAULT_SECONDS: i64 = 2_764_800;

impl Reader<'_, '_> {
    fn resource(&mut self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        let kind = resource.kind.trim_start_matches("vault_");
        if kind == POLICY {
            self.policy(resource, parts);
        } else if kind == "token" {
            let name = format!("{PLATFORM}/token/{}", resource.label);
            self.token(body, parts.declare(&name, "token", body));
        } else if let Some(backend) = kind.strip_suffix("_auth_backend_role") {
            let name = format!("{PLATFORM}/{backend}-role/{}", resource.label);
            self.auth_role(backend, body, parts.declare(&name, "auth-role", body));
        } else if let Some(backend) =
            kind.strip_suffix("_secret_backend_role").or_else(|| kind.strip_suffix("_secret_role"))
        {
            let name = format!("{PLATFORM}/{backend}-role/{}", resource.label);
            self.secret_role(backend, body, parts.declare(&name, "secret-role", body));
        }
    }

    fn policy(&mut self, resource: &Resource, parts: &mut Parts<'_, '_>) {
        let body = &resource.body;
        let name = format!("{PLATFORM}/{POLICY}/{}", resource.label);
        let identity = parts.declare(&name, POLICY, body);
        super::called(self.file, body, "name", identity);
        let Some(written) = body.get("policy") else { return };
        let text = written.as_text().unwrap_or_default();
        if let Some(source) = self.module.find(text).filter(|source| source.kind == DOCUMENT) {
            self.take(self.document(&source.body, &name), identity);
        } else if let Some(inner) = tree::read_hcl_within(self.file.bytes, written)
            .or_else(|| tree::read_json_within(self.file.bytes, written))
            .or_else(|| written.is_map().then(|| written.clone()))
        {
            let given = given(self.file, &inner, &name);
            // An empty policy is one that says nothing, and not one that was not read.
            self.take(given, identity);
        } else if let Some(path) = quoted(text, ["file(", "templatefile("]) {
            // A file of the tree is read by itself, as the policy it is.
            let step = bound(self.file, format!("{PLATFORM}/{POLICY}/{}", stem(path)), "", written);
            identity.delegation.push(step);
        } else {
            identity.complete = false;
            self.unknown.push("a policy from elsewhere".to_owned());
        }
    }

    /// The grants of a data source.
    fn document(&self, body: &Node, giver: &str) -> Given {
        let mut found = Given::default();
        for block in blocks(body, "rule") {
            if let Some(path) = block.get("path") {
                rule(self.file, path, block, giver, &mut found);
            }
        }
        found
    }

    fn take(&mut self, given: Given, identity: &mut Identity) {
        identity.complete &= given.unknown.is_empty();
        identity.grants.extend(given.grants);
        self.unknown.extend(given.unknown);
    }

    /// A token that Terraform makes and keeps in its state.
    fn token(&self, body: &Node, identity: &mut Identity) {
        self.policies(body, &["policies"], identity);
        for key in ["no_parent", "renewable", "period"] {
            self.said(body, key, identity);
        }
        self.end(body, "explicit_max_ttl", identity);
        let period = lasting(body, "period");
        let explicit = lasting(body, "explicit_max_ttl");
        let renewable = body.get("renewable").and_then(Node::truthy) == Some(true);
        let endless = explicit.is_none() && (period.is_some() || renewable);
        let lifetime = explicit.or_else(|| lasting(body, "ttl"));
        identity.session.max_seconds = if endless { 0 } else { lifetime.unwrap_or(DEFAULT_SECONDS) };
        identity.credentials.push(Credential {
            issuer: PLATFORM.to_owned(),
            life: if endless { Life::Never } else { Life::Bounded },
            lifetime: if endless { -1 } else { lifetime.unwrap_or(DEFAULT_SECONDS) },
            ..unknown_credential(CredentialKind::VaultToken, &identity.name, self.file.location(body.span))
        });
    }

    fn auth_role(&self, backend: &str, body: &Node, identity: &mut Identity) {
        super::called(self.file, body, "role_name", identity);
        self.policies(body, &["token_policies", "policies", "allowed_policies"], identity);
        for key in ["token_period", "token_max_ttl", "period", "max_ttl"] {
            self.said(body, key, identity);
        }
        self.end(body, "token_explicit_max_ttl", identity);
        let first = |keys: &[&str]| keys.iter().find_map(|key| lasting(body, key));
        let explicit = first(&["token_explicit_max_ttl", "explicit_max_ttl"]);
        let longest = explicit.or_else(|| first(&["token_max_ttl", "max_ttl"]));
        let endless = explicit.is_none() && first(&["token_period", "period"]).is_some();
        identity.session.max_seconds = if endless { 0 } else { longest.unwrap_or(-1) };
        match backend {
            "approle" => self.app_role(body, identity),
            "jwt" => self.jwt_role(body, identity),
            "kubernetes" => self.kubernetes_role(body, identity),
            "token" => {
                self.said(body, "orphan", identity);
                self.said(body, "renewable", identity);
            }
            _ => {}
        }
    }

    /// A role for machines, which log in with the id of the role and a secret id.
    fn app_role(&self, body: &Node, identity: &mut Identity) {
        let cidrs = ["secret_id_bound_cidrs", "token_bound_cidrs", "bound_cidr_list"];
        if let Some(at) = cidrs.iter().find_map(|key| body.get(key)) {
            identity.settings.push(self.file.setting("bound_cidrs", "true", at));
        }
        if let Some(at) = body.get("bind_secret_id").filter(|at| at.truthy() == Some(false)) {
            identity.settings.push(self.file.setting("bind_secret_id", "false", at));
            return;
        }
        let uses = body.get("secret_id_num_uses");
        let value = uses.map_or(Some("0".to_owned()), Node::scalar).unwrap_or_default();
        identity.settings.push(self.file.setting("secret_id_num_uses", &value, uses.unwrap_or(body)));
        let at = body.get("secret_id_ttl");
        let seconds = lasting(body, "secret_id_ttl");
        identity.credentials.push(Credential {
            issuer: PLATFORM.to_owned(),
            life: match at.and_then(Node::scalar) {
                _ if seconds.is_some() => Life::Bounded,
                Some(text) if text.contains("${") => Life::Unknown,
                _ => Life::Never,
            },
            lifetime: seconds.unwrap_or(-1),
            ..unknown_credential(
                CredentialKind::VaultSecretId,
                &identity.name,
                self.file.location(at.unwrap_or(body).span),
            )
        });
    }

    /// A role for whoever holds a JSON web token. One by which people log in in a browser (`oidc`) needs no audience:
    /// that is the id of the client.
    fn jwt_role(&self, body: &Node, identity: &mut Identity) {
        let kind = body.get("role_type");
        let people = kind.is_none_or(|kind| kind.as_text() != Some("jwt"));
        let audiences: Vec<String> =
            texts(body.get("bound_audiences")).into_iter().map(|(text, _)| text).collect();
        let claims: Vec<(String, String, &Node)> = body
            .get("bound_claims")
            .into_iter()
            .flat_map(Node::entries)
            .flat_map(|(key, value)| {
                texts(Some(value)).into_iter().map(|(text, at)| (key.scalar().unwrap_or_default(), text, at))
            })
            .collect();
        let subject = body.get("bound_subject").and_then(Node::scalar).filter(|text| !text.is_empty());
        // Claims from a variable or a function are claims.
        let computed = body.get("bound_claims").is_some_and(|node| node.as_text().is_some());
        if people {
            return;
        }
        let at = body.get("bound_audiences");
        if audiences.is_empty() && at.is_none_or(|at| at.as_text().is_none()) {
            identity.settings.push(self.file.setting("bound_audiences", "none", at.unwrap_or(body)));
        }
        let glob = body.get("bound_claims_type").and_then(Node::as_text) == Some("glob");
        if subject.is_none() && claims.is_empty() && !computed {
            let at = body.get("bound_claims").unwrap_or(body);
            identity.settings.push(self.file.setting("bound_claims", "none", at));
        } else if let Some((_, _, at)) = claims.first()
            && subject.is_none()
            && glob
            && claims.iter().all(|(_, text, _)| is_open(text))
        {
            identity.settings.push(self.file.setting("bound_claims", "wildcards", at));
        }
        let whom = subject.or_else(|| claims.first().map(|(_, text, _)| text.clone()));
        self.proof(body, whom.unwrap_or_default(), audiences.join(" "), identity);
    }

    /// A role for service accounts of a cluster.
    fn kubernetes_role(&self, body: &Node, identity: &mut Identity) {
        let keys = ["bound_service_account_names", "bound_service_account_namespaces"];
        let bound = keys.map(|key| texts(body.get(key)));
        for (key, list) in keys.iter().zip(&bound) {
            for (text, at) in list.iter().filter(|(text, _)| text == "*") {
                identity.settings.push(self.file.setting(*key, text, at));
            }
        }
        let audience = body.get("audience").and_then(Node::scalar).filter(|text| !text.is_empty());
        if audience.is_none() {
            identity.settings.push(self.file.setting("audience", "none", body));
        }
        let [names, namespaces] = bound.map(|list| list.into_iter().next().map(|(text, _)| text));
        let subject = match (namespaces, names) {
            (Some(namespace), Some(name)) => format!("system:serviceaccount:{namespace}:{name}"),
            _ => String::new(),
        };
        self.proof(body, subject, audience.unwrap_or_default(), identity);
    }

    fn proof(&self, body: &Node, subject: String, audience: String, identity: &mut Identity) {
        let max = identity.session.max_seconds;
        identity.credentials.push(Credential {
            subject,
            audience,
            life: if max > 0 { Life::Bounded } else { Life::Unknown },
            lifetime: if max > 0 { max } else { -1 },
            storage: Storage::Federated,
            ..unknown_credential(CredentialKind::OidcFederated, &identity.name, self.file.location(body.span))
        });
    }

    /// What a secrets engine hands out, and for how long.
    fn secret_role(&self, backend: &str, body: &Node, identity: &mut Identity) {
        super::called(self.file, body, "name", identity);
        for key in ["max_ttl", "max_sts_ttl", "token_max_ttl", "allow_any_name", "allowed_users"] {
            self.said(body, key, identity);
        }
        let Some(longest) =
            ["max_ttl", "max_sts_ttl", "token_max_ttl"].iter().find_map(|key| lasting(body, key))
        else {
            return;
        };
        identity.session.max_seconds = longest;
        if backend == "pki" {
            let place = body.get("max_ttl").unwrap_or(body).span;
            identity.credentials.push(Credential {
                issuer: PLATFORM.to_owned(),
                life: Life::Bounded,
                lifetime: longest,
                ..unknown_credential(CredentialKind::X509, &identity.name, self.file.location(place))
            });
        }
    }

    fn policies(&self, body: &Node, keys: &[&str], identity: &mut Identity) {
        for node in keys.iter().filter_map(|key| body.get(key)) {
            let list: Vec<(String, &Node)> = each(node).flat_map(|item| texts(Some(item))).collect();
            for (text, at) in list {
                let named = reference(&text).filter(|found| found.kind == "vault_policy");
                match named.map(|found| found.label) {
                    Some(label) => identity.delegation.push(bound(self.file, policy(label), "", at)),
                    None if text == "root" => identity.grants.push(self.root(at)),
                    None if text.contains("${") => identity.complete = false,
                    None => identity.delegation.push(bound(self.file, policy(&text), "", at)),
                }
            }
        }
    }

    /// What the policy called `root` lets its holder do, which is all there is.
    fn root(&self, at: &Node) -> Grant {
        Grant {
            effect: Effect::Allow,
            actions: vec!["*".to_owned()],
            not_actions: vec![],
            resources: vec!["*".to_owned()],
            not_resources: vec![],
            groups: vec![],
            names: vec![],
            scope: Scope::Cluster,
            namespace: String::new(),
            conditions: vec![],
            authority: Authority::Execute,
            given_by: vec![policy("root")],
            place: self.file.location(at.span),
            action_places: vec![self.file.location(at.span)],
            bound_at: None,
        }
    }

    /// Keeps what the body says under `key`, lengths of time in seconds.
    fn said(&self, body: &Node, key: &str, identity: &mut Identity) {
        for at in body.get(key).into_iter().flat_map(each) {
            let Some(text) = at.scalar() else { continue };
            let seconds = if key.ends_with("ttl") || key.ends_with("period") { seconds(&text) } else { None };
            let value = seconds.map_or(text, |seconds| seconds.to_string());
            identity.settings.push(self.file.setting(key, &value, at));
        }
    }

    /// Keeps the longest life, which is none where nobody gives one.
    fn end(&self, body: &Node, key: &str, identity: &mut Identity) {
        let at = [key, "explicit_max_ttl"].iter().find_map(|key| body.get(key));
        let value = at.map_or(Some("0".to_owned()), Node::scalar).unwrap_or_default();
        let value = seconds(&value).map_or(value, |seconds| seconds.to_string());
        identity.settings.push(self.file.setting(key, &value, at.unwrap_or(body)));
    }
}

fn policy(name: &str) -> String {
    format!("{PLATFORM}/{POLICY}/{name}")
}

/// A length of time that is more than nothing, which in Vault is the same as not said.
fn lasting(body: &Node, key: &str) -> Option<i64> {
    body.get(key).and_then(Node::scalar).and_then(|text| seconds(&text)).filter(|seconds| *seconds > 0)
}

fn seconds(text: &str) -> Option<i64> {
    if let Some(product) = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) {
        return product
            .split('*')
            .map(|part| part.trim().parse::<i64>().ok())
            .try_fold(1_i64, |all, part| all.checked_mul(part?));
    }
    Length::parse(text).ok().map(|length| length.0 / 1000)
}

/// Whether a pattern lets in more than one owner: all, or all below one that is not a whole repository.
fn is_open(pattern: &str) -> bool {
    let Some((before, _)) = pattern.split_once('*') else { return false };
    let named = before.trim_start_matches("repo:").trim_start_matches("project_path:");
    named.matches('/').count() == 0 || !named.contains([':']) && named.ends_with('/')
}

/// The first quoted text in a call of one of `functions`.
fn quoted<'t>(text: &'t str, functions: [&str; 2]) -> Option<&'t str> {
    let inner = text.strip_prefix("${")?;
    functions.iter().find_map(|function| inner.strip_prefix(function))?.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_providers_take_them() {
        for (text, expected) in [
            ("3600", Some(3600)),
            ("24h", Some(86_400)),
            ("${60 * 60}", Some(3600)),
            ("${var.x}", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_pattern_of_claims_is_open_until_it_names_a_project() {
        for (pattern, open) in [
            ("*", true),
            ("repo:*", true),
            ("repo:acme/*", true),
            ("acme/*", true),
            ("repo:acme/pay:*", false),
            ("acme/pay", false),
            ("repo:acme/pay:ref:refs/heads/*", false),
        ] {
            assert_eq!(is_open(pattern), open, "{pattern}");
        }
    }
}
