//! What a change lets an identity do, or keep, that it could not before.

use std::collections::BTreeSet;

use serde::Serialize;

use super::wildcard::{covers_action, covers_group, covers_resource};
use super::{Approval, Credential, Delegation, Effect, Grant, Identity, Life, Setting, Tool};
use crate::finding::Location;
use crate::text::time::Length;

/// One thing that is more than it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Widened {
    /// `identity`, `grant`, `condition`, `denial`, `tool`, `approval`, `credential`, `lifetime`, `session` or
    /// `delegation`.
    pub what: &'static str,
    /// What was there; empty for nothing.
    pub old: String,
    /// What is there now; empty where something that narrowed was taken away.
    pub new: String,
    /// Where it says so.
    #[serde(skip)]
    pub place: Location,
}

/// What `new` may do beyond `old`, of the same name in the same context; `None` is an identity that is new.
///
/// Less is no widening: what was taken away is not told, but for denials, conditions, ends and approvals, whose
/// loss gives. Order: grants, tools, credentials, session, delegation.
pub fn widened(old: Option<&Identity>, new: &Identity) -> Vec<Widened> {
    let Some(place) = new.places.first() else { return Vec::new() };
    let Some(old) = old else {
        let name = new.name.clone();
        return vec![Widened { what: "identity", old: String::new(), new: name, place: place.clone() }];
    };
    let mut found = grants(old, new);
    found.extend(denials(old, new, place));
    found.extend(refusals(old, new, place));
    found.extend(tools(old, new));
    found.extend(credentials(old, new));
    found.extend(session(old, new, place));
    found.extend(delegations(old, new));
    found
}

/// A grant without what only says where it stands.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Bare<'g> {
    actions: BTreeSet<&'g str>,
    resources: BTreeSet<&'g str>,
    groups: BTreeSet<&'g str>,
    names: BTreeSet<&'g str>,
    /// What is left out of actions and of resources.
    without: [BTreeSet<&'g str>; 2],
    scope: super::Scope,
    namespace: &'g str,
}

impl<'g> Bare<'g> {
    fn of(grant: &'g Grant) -> Self {
        fn set(list: &[String]) -> BTreeSet<&str> {
            list.iter().map(String::as_str).collect()
        }
        Self {
            actions: set(&grant.actions),
            resources: set(&grant.resources),
            groups: set(&grant.groups),
            names: set(&grant.names),
            without: [set(&grant.not_actions), set(&grant.not_resources)],
            scope: grant.scope,
            namespace: &grant.namespace,
        }
    }

    /// Whether everything `other` gives is given here as well.
    fn holds(&self, other: &Self) -> bool {
        type Covers = fn(&str, &str) -> bool;
        let all = |mine: &BTreeSet<&str>, theirs: &BTreeSet<&str>, covers: Covers| {
            theirs.iter().all(|wanted| mine.iter().any(|pattern| covers(pattern, wanted)))
        };
        // A grant that names no group holds for all of them.
        let any_group = |groups: &BTreeSet<&str>| groups.is_empty() || groups.contains("*");
        let named = self.names.is_empty() || !other.names.is_empty() && other.names.is_subset(&self.names);
        let reach =
            self.scope > other.scope || self.scope == other.scope && self.namespace == other.namespace;
        let left_out = self.without.iter().zip(&other.without).all(|(mine, theirs)| mine.is_subset(theirs));
        named
            && reach
            && left_out
            && all(&self.actions, &other.actions, covers_action)
            && all(&self.resources, &other.resources, covers_resource)
            && (any_group(&self.groups)
                || !any_group(&other.groups) && all(&self.groups, &other.groups, covers_group))
    }
}

fn allowed(identity: &Identity) -> impl Iterator<Item = &Grant> {
    identity.grants.iter().filter(|grant| grant.effect == Effect::Allow)
}

fn grants(old: &Identity, new: &Identity) -> Vec<Widened> {
    let mut found = Vec::new();
    for grant in allowed(new) {
        let bare = Bare::of(grant);
        let mut covering = allowed(old).filter(|before| Bare::of(before).holds(&bare)).peekable();
        if covering.peek().is_none() {
            let near = allowed(old).find(|before| before.resources == grant.resources);
            let old = near.map(shown).unwrap_or_default();
            found.push(Widened { what: "grant", old, new: shown(grant), place: grant.place.clone() });
            continue;
        }
        // Conditions of a grant narrow it: without those it had, it gives more.
        let conditions = |before: &Grant| -> Vec<String> {
            before.conditions.iter().filter(|it| !grant.conditions.contains(it)).cloned().collect()
        };
        let lost = covering.map(conditions).min_by_key(Vec::len).unwrap_or_default();
        if !lost.is_empty() {
            let old = lost.join("; ");
            found.push(Widened { what: "condition", old, new: String::new(), place: grant.place.clone() });
        }
    }
    found
}

fn denials(old: &Identity, new: &Identity, place: &Location) -> Vec<Widened> {
    let denied = |identity: &Identity| -> Vec<String> {
        identity.grants.iter().filter(|grant| grant.effect == Effect::Deny).map(shown).collect()
    };
    let now = denied(new);
    let lost = denied(old).into_iter().filter(|grant| !now.contains(grant));
    lost.map(|old| Widened {
        what: "grant",
        old: format!("deny {old}"),
        new: String::new(),
        place: place.clone(),
    })
    .collect()
}

/// Tools that were refused and are no more.
fn refusals(old: &Identity, new: &Identity, place: &Location) -> Vec<Widened> {
    let is_refusal = |setting: &&Setting| REFUSALS.contains(&setting.name.as_str());
    let now: BTreeSet<&str> = new.settings.iter().filter(is_refusal).map(|one| one.value.as_str()).collect();
    let before = old.settings.iter().filter(is_refusal).filter(|one| !now.contains(one.value.as_str()));
    before
        .map(|one| Widened {
            what: "denial",
            old: one.value.clone(),
            new: String::new(),
            place: place.clone(),
        })
        .collect()
}

/// Settings of agents that each refuse a tool.
const REFUSALS: [&str; 5] =
    ["permissions.deny", "tools.exclude", "excludeTools", "disallowedTools", "disabled_tools"];

fn tools(old: &Identity, new: &Identity) -> Vec<Widened> {
    let mut found = Vec::new();
    for tool in &new.tools {
        let same = |other: &&Tool| other.name == tool.name && other.source == tool.source;
        let Some(before) = old.tools.iter().find(same) else {
            let new = format!("{} ({})", tool.name, approval(tool.approval));
            found.push(Widened { what: "tool", old: String::new(), new, place: tool.place.clone() });
            continue;
        };
        if tool.approval < before.approval {
            let [old, new] = [before, tool].map(|tool| format!("{}: {}", tool.name, approval(tool.approval)));
            found.push(Widened { what: "approval", old, new, place: tool.place.clone() });
        }
        if tool.unlimited && !before.unlimited || tool.authority > before.authority {
            let [old, new] = [before, tool].map(reach_of);
            found.push(Widened { what: "tool", old, new, place: tool.place.clone() });
        }
    }
    found
}

fn reach_of(tool: &Tool) -> String {
    let all = if tool.unlimited { "anything" } else { "what is named" };
    format!("{}: {}, {all}", tool.name, tool.authority.word())
}

/// How a person is asked, in words.
pub fn approval(approval: Approval) -> &'static str {
    match approval {
        Approval::None => "nobody is asked",
        Approval::Ask => "asks a person",
        Approval::Required => "asks a person each time",
    }
}

fn credentials(old: &Identity, new: &Identity) -> Vec<Widened> {
    let mut found = Vec::new();
    for credential in &new.credentials {
        let place = credential.place.clone();
        let same = |other: &&Credential| other.name == credential.name && other.kind == credential.kind;
        match old.credentials.iter().find(same) {
            None => {
                let new = format!("{}, {}", credential.name, life(credential));
                found.push(Widened { what: "credential", old: String::new(), new, place });
            }
            Some(before) if lasts(credential) > lasts(before) => {
                let [old, new] = [before, credential].map(|one| format!("{}, {}", one.name, life(one)));
                found.push(Widened { what: "lifetime", old, new, place });
            }
            Some(_) => {}
        }
    }
    found
}

/// Seconds, with no end last; what is not known counts as nothing.
fn lasts(credential: &Credential) -> i64 {
    match credential.life {
        Life::Never => i64::MAX,
        Life::Bounded => credential.lifetime,
        Life::Unknown => -1,
    }
}

/// How long a credential lives, in words.
pub fn life(credential: &Credential) -> String {
    match (credential.life, credential.lifetime) {
        (Life::Never, _) => "never ends".to_owned(),
        (Life::Bounded, seconds) if seconds >= 0 => format!("lasts {}", Length::seconds(seconds)),
        (Life::Bounded, _) => "ends".to_owned(),
        (Life::Unknown, _) => "no end is said".to_owned(),
    }
}

fn session(old: &Identity, new: &Identity, place: &Location) -> Option<Widened> {
    // 0 is without bound, -1 unknown.
    let rank = |seconds: i64| if seconds == 0 { i64::MAX } else { seconds };
    let (before, now) = (old.session.max_seconds, new.session.max_seconds);
    let said = |seconds: i64| match seconds {
        0 => "without end".to_owned(),
        seconds => Length::seconds(seconds).to_string(),
    };
    (before >= 0 && rank(now) > rank(before)).then(|| Widened {
        what: "session",
        old: said(before),
        new: said(now),
        place: place.clone(),
    })
}

fn delegations(old: &Identity, new: &Identity) -> Vec<Widened> {
    let before = |step: &Delegation| {
        old.delegation.iter().any(|other| {
            (&other.how, &other.to) == (&step.how, &step.to)
                && (other.scope > step.scope
                    || other.scope == step.scope && other.namespace == step.namespace)
        })
    };
    let added = new.delegation.iter().filter(|step| !before(step));
    added
        .map(|step| Widened {
            what: "delegation",
            old: String::new(),
            new: format!("{} {}", step.how, step.to),
            place: step.place.clone(),
        })
        .collect()
}

fn shown(grant: &Grant) -> String {
    let on = if grant.resources.is_empty() { "anything".to_owned() } else { grant.resources.join(", ") };
    let names =
        if grant.names.is_empty() { String::new() } else { format!(" named {}", grant.names.join(", ")) };
    let reach =
        if grant.namespace.is_empty() { grant.scope.word().to_owned() } else { grant.namespace.clone() };
    format!("{} on {on}{names} ({reach})", grant.actions.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::{identity, place};
    use crate::identity::{Authority, Context, Scope};

    fn grant(actions: &[&str], resources: &[&str], names: &[&str], conditions: &[&str]) -> Grant {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Grant {
            effect: Effect::Allow,
            actions: owned(actions),
            resources: owned(resources),
            groups: vec![],
            names: owned(names),
            not_actions: vec![],
            not_resources: vec![],
            scope: Scope::Namespace,
            namespace: "pay".to_owned(),
            conditions: owned(conditions),
            authority: Authority::Inspect,
            given_by: vec![],
            place: place("g"),
            action_places: vec![],
            bound_at: None,
        }
    }

    fn with(grants: Vec<Grant>) -> Identity {
        Identity { grants, ..identity("kubernetes", "ServiceAccount", "a", Context::Live) }
    }

    #[test]
    fn only_what_gives_more_is_told() {
        let base = || grant(&["get", "list"], &["pods"], &[], &["c"]);
        for (now, expected) in [
            (vec![base()], vec![]),
            (vec![grant(&["get"], &["pods"], &["one"], &["c", "d"])], vec![]),
            (vec![], vec![]),
            (vec![grant(&["get", "create"], &["pods"], &[], &["c"])], vec!["grant"]),
            (vec![grant(&["*"], &["pods"], &[], &["c"])], vec!["grant"]),
            (vec![grant(&["get"], &["secrets"], &[], &["c"])], vec!["grant"]),
            (vec![grant(&["get"], &["pods"], &[], &[])], vec!["condition"]),
            (vec![Grant { not_actions: vec!["get".to_owned()], ..base() }], vec![]),
            (vec![Grant { scope: Scope::Cluster, ..base() }], vec!["grant"]),
            (vec![Grant { namespace: "other".to_owned(), ..base() }], vec!["grant"]),
        ] {
            let found = widened(Some(&with(vec![base()])), &with(now.clone()));
            let what: Vec<&str> = found.iter().map(|one| one.what).collect();
            assert_eq!(what, expected, "{now:?}");
        }
    }

    #[test]
    fn what_a_pattern_gave_already_is_not_told_again() {
        let bucket = "arn:aws:s3:::backups/*";
        let base = || grant(&["s3:*"], &[bucket], &[], &[]);
        for (now, expected) in [
            (grant(&["s3:GetObject", "S3:Put*"], &["arn:aws:s3:::backups/daily/*"], &[], &[]), 0),
            (grant(&["s3:GetObject", "iam:PassRole"], &[bucket], &[], &[]), 1),
            (grant(&["s3:GetObject"], &["*"], &[], &[]), 1),
            (grant(&["*"], &[bucket], &[], &[]), 1),
        ] {
            let found = widened(Some(&with(vec![base()])), &with(vec![now]));
            assert_eq!(found.len(), expected, "{found:?}");
        }
        let of_apps = Grant { groups: vec!["apps".to_owned()], ..base() };
        assert_eq!(widened(Some(&with(vec![of_apps])), &with(vec![base()])).len(), 1, "every group is more");
    }

    #[test]
    fn a_name_taken_from_a_grant_gives_every_name() {
        let found = widened(
            Some(&with(vec![grant(&["get"], &["secrets"], &["one"], &[])])),
            &with(vec![grant(&["get"], &["secrets"], &[], &[])]),
        );
        assert_eq!(
            (found[0].old.as_str(), found[0].new.as_str()),
            ("get on secrets named one (pay)", "get on secrets (pay)")
        );
    }

    #[test]
    fn a_denial_that_is_gone_gives_what_it_denied() {
        let deny = Grant { effect: Effect::Deny, ..grant(&["delete"], &["pods"], &[], &[]) };
        let found = widened(Some(&with(vec![deny.clone()])), &with(vec![]));
        assert_eq!(found[0].old, "deny delete on pods (pay)");
        assert_eq!(widened(Some(&with(vec![])), &with(vec![deny])), vec![]);
    }

    #[test]
    fn a_session_without_end_is_longer_than_any() {
        let lasting = |seconds: i64| {
            let mut one = with(vec![]);
            one.session.max_seconds = seconds;
            one
        };
        for (before, now, wider) in [
            (3600, 7200, true),
            (3600, 0, true),
            (0, 3600, false),
            (3600, 3600, false),
            (3600, -1, false),
            (-1, 0, false),
        ] {
            assert_eq!(
                !widened(Some(&lasting(before)), &lasting(now)).is_empty(),
                wider,
                "{before} to {now}"
            );
        }
    }
}
