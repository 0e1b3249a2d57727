//! Blast radius: how much an identity reaches when it falls, 0 to 100, from what files declare alone.
//!
//! Four factors from 0 to 5: the scope of its privileges, how long what it holds lasts, the systems it
//! reaches, and how easily it is used again by somebody else. The score ranks identities; rules decide.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::escalation::{Extent, escalation};
use super::wildcard::{allows_somewhere, covers_path};
use super::{
    Approval, Authority, Credential, Effect, Grant, Identity, IdentityKind, Life, Scope, Storage, Tool,
    allows,
};
use crate::finding::Location;

/// The four factors, each 0 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Levels {
    /// P: what it may do.
    pub privilege: u8,
    /// D: how long its credentials and sessions last.
    pub duration: u8,
    /// R: which systems it reaches.
    pub reach: u8,
    /// E: how easily somebody else uses it.
    pub ease: u8,
}

/// One factor with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Factor {
    /// 0 to 5.
    pub level: u8,
    /// Why, in a few words.
    pub reason: String,
    /// Whether the level is a default because nothing says otherwise.
    pub assumed: bool,
    /// What it was read from; `None` where it was assumed.
    #[serde(skip)]
    pub evidence: Option<Location>,
}

/// A change that lowers the score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What to do, in the imperative.
    pub what: String,
    /// The score afterwards.
    pub score: u8,
}

/// The blast radius of one identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Radius {
    /// 0 to 100.
    pub score: u8,
    /// `critical`, `high`, `medium`, `low` or `minimal`.
    pub band: &'static str,
    /// P, with delegation followed.
    pub privilege: Factor,
    /// D.
    pub duration: Factor,
    /// R, with delegation followed.
    pub reach: Factor,
    /// E.
    pub ease: Factor,
    /// The score if each assumed factor were as low as it can be.
    pub least: u8,
    /// The score if each assumed factor were as high as it can be.
    pub most: u8,
    /// Stable names from this identity to the one that gives the highest privilege; empty when it is itself.
    pub path: Vec<String>,
    /// The change that lowers the score most; `None` when none does.
    pub change: Option<Change>,
}

/// What rules see of a radius.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Blast {
    /// 0 to 100.
    pub score: i64,
    /// P, 0 to 5, steps to others followed.
    pub privilege: i64,
    /// Stable names on the way to the one that gives the highest privilege; empty when it is itself.
    pub path: Vec<String>,
}

impl From<Radius> for Blast {
    fn from(radius: Radius) -> Self {
        let Radius { score, privilege, path, .. } = radius;
        Self { score: score.into(), privilege: privilege.level.into(), path }
    }
}

/// The largest whole s with s⁵ · 3125 ≤ 100⁵ · P² · D · R · E; whole numbers only, so the same everywhere.
///
/// Any factor 0 gives 0; factors above 5 count as 5.
pub fn score(levels: Levels) -> u8 {
    let [p, d, r, e] =
        [levels.privilege, levels.duration, levels.reach, levels.ease].map(|level| u64::from(level.min(5)));
    let limit = 100_u64.pow(5) * p * p * d * r * e;
    (0..=100_u8).rev().find(|guess| u64::from(*guess).pow(5) * 3125 <= limit).unwrap_or(0)
}

/// The band of a score.
pub const fn band(score: u8) -> &'static str {
    match score {
        85.. => "critical",
        65..=84 => "high",
        45..=64 => "medium",
        25..=44 => "low",
        _ => "minimal",
    }
}

/// The radius of `identity` among `others`, which may hold it too; steps to others are followed three deep.
pub fn radius(identity: &Identity, others: &[Identity]) -> Radius {
    let by_name: BTreeMap<&str, &Identity> =
        others.iter().map(|other| (other.name.as_str(), other)).collect();
    radius_among(identity, &by_name)
}

/// As [`radius`], for callers that ask for many identities of one tree.
pub fn radius_among(identity: &Identity, by_name: &BTreeMap<&str, &Identity>) -> Radius {
    let (mut privilege, mut reach, mut path) = (privilege(identity), reach(identity), vec![]);
    for (other, way) in reachable(identity, by_name) {
        let (theirs, wider) = (self::privilege(other), self::reach(other));
        if theirs.level > privilege.level {
            privilege = theirs;
            path = way;
        }
        if wider.level > reach.level {
            reach = wider;
        }
    }
    let (duration, ease) = (duration(identity), ease(identity));
    adjust(identity, &mut privilege, &mut reach);
    let levels =
        Levels { privilege: privilege.level, duration: duration.level, reach: reach.level, ease: ease.level };
    let bound = |to: u8| {
        let pick = |factor: &Factor| if factor.assumed && factor.level > 0 { to } else { factor.level };
        score(Levels {
            privilege: pick(&privilege),
            duration: pick(&duration),
            reach: pick(&reach),
            ease: pick(&ease),
        })
    };
    let (least, most) = (bound(1), bound(5));
    let total = score(levels);
    let change = cheapest(levels, identity);
    Radius { score: total, band: band(total), privilege, duration, reach, ease, least, most, path, change }
}

fn known(level: u8, reason: impl Into<String>, evidence: Option<&Location>) -> Factor {
    Factor { level, reason: reason.into(), assumed: false, evidence: evidence.cloned() }
}

fn assumed(level: u8, reason: &str) -> Factor {
    Factor { level, reason: reason.to_owned(), assumed: true, evidence: None }
}

/// The first of the highest.
fn highest(factors: impl Iterator<Item = Factor>) -> Option<Factor> {
    factors.reduce(|best, next| if next.level > best.level { next } else { best })
}

/// P: the greatest of what grants and tools allow.
fn privilege(identity: &Identity) -> Factor {
    let grants = identity.grants.iter().filter(|grant| grant.effect == Effect::Allow);
    let grants = grants.map(|grant| grant_privilege(&identity.platform, grant));
    let tools = identity.tools.iter().map(tool_privilege);
    let none = match identity.native_kind.as_str() {
        "kubeconfig-user" => assumed(3, "what it may do is not in the tree"),
        _ if !identity.complete => assumed(3, "what it may do is not in the tree"),
        _ if !identity.credentials.is_empty() => assumed(1, "no grant is in the tree"),
        _ => known(0, "nothing is allowed", None),
    };
    highest(grants.chain(tools)).unwrap_or(none)
}

fn grant_privilege(platform: &str, grant: &Grant) -> Factor {
    let wide = !matches!(grant.scope, Scope::Namespace | Scope::Resource);
    let place = Some(&grant.place);
    if allows(grant, "*", "*", "*") {
        return known(if wide { 5 } else { 4 }, "may do anything in its scope", place);
    }
    if let Some((what, extent)) = escalation(platform, grant) {
        let level = if extent == Extent::Whole { 5 } else { 4 };
        return known(level, format!("may {what}, which leads to more"), place);
    }
    if reads_secrets(platform, grant) {
        return known(4, "reads secrets", place);
    }
    match grant.authority {
        Authority::Execute if wide && grant.names.is_empty() => known(4, "writes widely", place),
        Authority::Execute => known(3, "writes in one scope", place),
        Authority::Recommend => known(2, "proposes", place),
        Authority::Inspect if grant.names.is_empty() && grant.scope != Scope::Resource => {
            known(2, "reads widely", place)
        }
        Authority::Inspect => known(1, "reads what is named", place),
    }
}

/// Whether a grant reads every secret in its reach.
fn reads_secrets(platform: &str, grant: &Grant) -> bool {
    match platform {
        "aws" => {
            grant.scope == Scope::Cluster
                && ["secretsmanager:GetSecretValue", "ssm:GetParameter", "kms:Decrypt"]
                    .iter()
                    .any(|action| allows_somewhere(grant, action))
        }
        "azure" => {
            grant.scope >= Scope::Namespace
                && ["Key Vault Administrator", "Key Vault Secrets Officer", "Key Vault Secrets User"]
                    .iter()
                    .any(|role| grant.actions.iter().any(|action| action == role))
        }
        "gcp" => {
            grant.scope >= Scope::Cluster
                && ["roles/secretmanager.secretAccessor", "secretmanager.versions.access"]
                    .iter()
                    .any(|action| allows_somewhere(grant, action))
        }
        "vault" => {
            grant.scope >= Scope::Cluster
                && grant.actions.iter().any(|action| action == "read" || action == "*")
                && grant.resources.iter().any(|path| covers_path(path, "secret/data/any"))
        }
        _ => {
            let reads = ["get", "list", "watch"].iter().any(|action| allows(grant, action, "secrets", ""));
            reads && grant.names.is_empty()
        }
    }
}

fn tool_privilege(tool: &Tool) -> Factor {
    let place = Some(&tool.place);
    match (tool.authority, tool.unlimited) {
        (Authority::Execute, true) => known(4, format!("tool `{}` runs anything", tool.name), place),
        (Authority::Execute, false) => known(3, format!("tool `{}` executes", tool.name), place),
        (Authority::Recommend, _) => known(2, format!("tool `{}` proposes", tool.name), place),
        (Authority::Inspect, true) => known(2, format!("tool `{}` reads everything", tool.name), place),
        (Authority::Inspect, false) => known(1, format!("tool `{}` reads", tool.name), place),
    }
}

/// D: the longest of credentials and session.
fn duration(identity: &Identity) -> Factor {
    let credentials =
        identity.credentials.iter().map(|credential| match (credential.life, credential.lifetime) {
            (Life::Never, _) => {
                known(5, format!("`{}` never ends", credential.name), Some(&credential.place))
            }
            (Life::Bounded, seconds) if seconds >= 0 => known(
                lasting(seconds),
                format!("`{}` lasts {seconds} s", credential.name),
                Some(&credential.place),
            ),
            _ => Factor {
                evidence: Some(credential.place.clone()),
                ..assumed(4, "nothing says when a credential ends")
            },
        });
    let session = match identity.session.max_seconds {
        0 => Some(known(5, "the session has no end", identity.places.first())),
        seconds if seconds > 0 => {
            Some(known(lasting(seconds), format!("a session lasts {seconds} s"), identity.places.first()))
        }
        _ => None,
    };
    let default = match identity.platform.as_str() {
        "kubernetes" => assumed(2, "tokens of pods are renewed each hour"),
        _ => assumed(4, "nothing says how long it lasts"),
    };
    highest(credentials.chain(session)).unwrap_or(default)
}

fn lasting(seconds: i64) -> u8 {
    match seconds {
        ..=900 => 1,
        901..=3600 => 2,
        3601..=43_200 => 3,
        43_201..=7_776_000 => 4,
        _ => 5,
    }
}

/// R: the systems in reach.
fn reach(identity: &Identity) -> Factor {
    let grants = identity.grants.iter().filter(|grant| grant.effect == Effect::Allow);
    let namespaces: BTreeSet<&str> = grants
        .clone()
        .filter(|grant| grant.scope == Scope::Namespace)
        .map(|grant| grant.namespace.as_str())
        .collect();
    let scopes = grants.filter_map(|grant| {
        let place = Some(&grant.place);
        Some(match grant.scope {
            Scope::Unbound => return None,
            Scope::Resource => known(1, "one resource", place),
            Scope::Namespace => match namespaces.len() {
                0 | 1 => known(2, "one namespace", place),
                2 | 3 => known(3, "two or three namespaces", place),
                _ => known(4, "more than three namespaces", place),
            },
            Scope::Cluster => known(3, "one cluster or account", place),
            Scope::Organisation => known(5, "a whole organisation", place),
        })
    });
    let free = identity.tools.iter().filter(|tool| tool.unlimited && tool.authority == Authority::Execute);
    let open = free.map(|tool| match tool.approval {
        Approval::None if identity.kind == IdentityKind::Agent => {
            known(4, "private data and an open way out", Some(&tool.place))
        }
        _ => known(3, "what one tool reaches", Some(&tool.place)),
    });
    let named: Vec<_> = identity.settings.iter().filter(|setting| setting.name == "reach").collect();
    let systems = named.first().map(|first| match named.len() {
        1 => known(2, "one system", Some(&first.place)),
        2 | 3 => known(3, "two or three systems", Some(&first.place)),
        _ => known(4, "more than three systems", Some(&first.place)),
    });
    let unbound = || assumed(3, "nothing says what it reaches");
    highest(scopes.chain(open).chain(systems)).unwrap_or_else(unbound)
}

/// E: how easily somebody else uses it.
fn ease(identity: &Identity) -> Factor {
    if let Some(group) = OPEN_GROUPS.iter().find(|name| identity.name.ends_with(*name)) {
        return known(5, format!("anyone is `{}`", group.trim_start_matches('/')), identity.places.first());
    }
    let exported = identity.kind == IdentityKind::Agent || identity.native_kind == "mcp-server";
    let default = match (identity.platform.as_str(), exported) {
        (_, true) => assumed(4, "what an agent holds, each of its tools can use"),
        ("kubernetes", _) => assumed(1, "tokens are bound to one pod"),
        _ => assumed(3, "credentials are kept in a secret store"),
    };
    let held = identity.credentials.iter().map(|credential| credential_ease(credential, exported));
    highest(held).unwrap_or(default)
}

/// Groups and users that need no credential, or any.
const OPEN_GROUPS: [&str; 6] = [
    "/system:anonymous",
    "/system:unauthenticated",
    "/system:authenticated",
    "aws/principal/*",
    "gcp/allUsers",
    "gcp/allAuthenticatedUsers",
];

fn credential_ease(credential: &Credential, exported: bool) -> Factor {
    let place = Some(&credential.place);
    let name = &credential.name;
    match credential.storage {
        Storage::Literal => known(5, format!("`{name}` stands in the tree"), place),
        Storage::Environment | Storage::SecretManager if exported => {
            known(4, format!("`{name}` is handed to an agent's tools"), place)
        }
        Storage::Environment | Storage::SecretManager => {
            known(3, format!("`{name}` is kept in a secret store"), place)
        }
        Storage::Federated if credential.subject == "*" => {
            known(5, format!("anyone may become it: `{name}`"), place)
        }
        Storage::Federated => {
            let many = credential.subject.is_empty() || credential.subject.contains('*');
            if many || credential.audience.is_empty() {
                return known(2, format!("`{name}` is exchanged for a proof that many can give"), place);
            }
            known(1, format!("`{name}` is exchanged for a proof of one subject"), place)
        }
    }
}

/// One step at most in all: wider where it may become anybody, else lower where a person is asked before
/// everything that executes, or where names pin every grant.
fn adjust(identity: &Identity, privilege: &mut Factor, reach: &mut Factor) {
    if identity.delegation.iter().any(|step| step.to.ends_with('*')) {
        if reach.level < 5 {
            reach.level += 1;
            reach.reason.push_str("; it may call or become any other");
        }
        return;
    }
    let acting: Vec<&Tool> =
        identity.tools.iter().filter(|tool| tool.authority == Authority::Execute).collect();
    let executes = identity.grants.iter().any(|grant| grant.authority == Authority::Execute);
    let gated = !executes && !acting.is_empty() && acting.iter().all(|tool| tool.approval != Approval::None);
    let named = |grant: &Grant| !grant.names.is_empty() || grant.scope == Scope::Resource;
    let pinned =
        identity.tools.is_empty() && !identity.grants.is_empty() && identity.grants.iter().all(named);
    if (gated || pinned) && privilege.level > 1 {
        privilege.level -= 1;
        privilege.reason.push_str(if gated { "; a person is asked" } else { "; names pin it" });
    }
}

/// How many steps are followed.
const MAX_STEPS: usize = 3;

/// Every other identity in at most three steps, each with the shortest way to it.
fn reachable<'a>(
    identity: &'a Identity,
    by_name: &BTreeMap<&str, &'a Identity>,
) -> Vec<(&'a Identity, Vec<String>)> {
    let mut seen = BTreeSet::from([identity.name.as_str()]);
    let mut found: Vec<(&Identity, Vec<String>)> = Vec::new();
    let mut edge = vec![(identity, vec![identity.name.clone()])];
    for _ in 0..MAX_STEPS {
        let mut next = Vec::new();
        for (from, way) in &edge {
            // The grants of a role one is bound to are its holder's own, at the reach of the binding.
            for step in from.delegation.iter().filter(|step| step.how != "bound-to") {
                let Some(other) =
                    by_name.get(step.to.as_str()).filter(|other| seen.insert(other.name.as_str()))
                else {
                    continue;
                };
                let mut way = way.clone();
                way.push(other.name.clone());
                next.push((*other, way));
            }
        }
        found.extend(next.iter().cloned());
        edge = next;
    }
    found
}

/// The change that lowers the score most; the first of equals.
fn cheapest(levels: Levels, identity: &Identity) -> Option<Change> {
    let Levels { privilege, duration, reach, ease } = levels;
    let agent = identity.kind == IdentityKind::Agent;
    let changes = [
        if identity.credentials.is_empty() {
            ("say that a session lasts one hour at most", Levels { duration: duration.min(2), ..levels })
        } else {
            (
                "hold no credential of its own: federate, for one hour at most",
                Levels { duration: duration.min(2), ease: ease.min(1), ..levels },
            )
        },
        (
            if agent {
                "ask a person before anything executes"
            } else {
                "give only the actions it needs, none that leads to more"
            },
            Levels {
                privilege: privilege.min(if agent { privilege.saturating_sub(1).max(1) } else { 3 }),
                ..levels
            },
        ),
        (
            "limit it to one namespace, repository or service",
            Levels { privilege: privilege.min(4), reach: reach.min(2), ..levels },
        ),
    ];
    let now = score(levels);
    let lower =
        changes.into_iter().map(|(what, levels)| (what, score(levels))).filter(|(_, score)| *score < now);
    let best = lower.reduce(|best, next| if next.1 < best.1 { next } else { best });
    best.map(|(what, score)| Change { what: what.to_owned(), score })
}

#[cfg(test)]
mod tests;
