//! One identity out of many files: roles, bindings, accounts and workloads.

use std::collections::BTreeMap;

use super::grant::Authority;
use super::{
    Context, CredentialKind, Delegation, Effect, Grant, Identity, Scope, Setting, called, deny, managed,
};
use crate::finding::{Gap, Reason};

/// The most that bindings may hand out in one tree: actions, resources, groups, names and grants together.
pub const MAX_JOINED: usize = 1_000_000;

/// All identities of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Joined {
    /// Sorted by name, then context, then place.
    pub identities: Vec<Identity>,
    /// Identities whose grants are too many to hand out.
    pub gaps: Vec<Gap>,
}

/// Joins what the files of one tree say about the same identities.
///
/// Parts of one identity of Kubernetes or a cloud are put together when they stand in the same context: a fixture
/// never widens what is live; and, where a name means something in one file or folder alone, in the same home. Whoever
/// is bound to a role or a policy holds its grants as far as the **binding** reaches, so a `ClusterRole` given by a
/// `RoleBinding` stays in the namespace; what any of them denies is taken back from the rest. Identities of other
/// platforms are named within their own file and stay apart. The order of `parts` does not matter.
pub fn join(mut parts: Vec<Identity>) -> Joined {
    called::rename(&mut parts);
    parts.sort_by(|left, right| {
        (&left.name, left.context, &left.home, rank(left), &left.places).cmp(&(
            &right.name,
            right.context,
            &right.home,
            rank(right),
            &right.places,
        ))
    });
    let mut identities: Vec<Identity> = Vec::new();
    for part in parts {
        match identities.last_mut() {
            Some(last) if JOINED.contains(&part.platform.as_str()) && key(last) == key(&part) => {
                merge(last, part);
            }
            _ => identities.push(part),
        }
    }
    let roles = Roles::of(&identities);
    let mut joined = Joined::default();
    let mut left = MAX_JOINED;
    for identity in &mut identities {
        let fits = roles.give(identity, &mut left);
        // RBAC has no denial, and in Vault the longest path decides.
        if identity.platform != KUBERNETES && identity.platform != VAULT {
            deny::take_back(&mut identity.grants);
        }
        if !fits {
            identity.complete = false;
            joined.gaps.push(Gap {
                path: identity.places.first().map(|place| place.path.clone()).unwrap_or_default(),
                reason: Reason::Limit,
                detail: format!("limit reached: more than {MAX_JOINED} parts of grants through bindings"),
            });
        }
    }
    joined.identities = identities;
    joined
}

const KUBERNETES: &str = "kubernetes";
const VAULT: &str = "vault";

/// Platforms whose identities are spread over files.
const JOINED: [&str; 5] = [KUBERNETES, "aws", "azure", "gcp", VAULT];

/// What makes two parts one identity.
type Key = (String, Context, String);

fn key(identity: &Identity) -> Key {
    (identity.name.clone(), identity.context, identity.home.clone())
}

/// The declaration of an identity comes before the places that only speak of it.
fn rank(identity: &Identity) -> u8 {
    let bound = identity.delegation.iter().any(|step| step.how == BOUND);
    let token = identity.credentials.iter().any(|one| one.kind == CredentialKind::KubeLegacyToken);
    u8::from(bound) * 2 + u8::from(token)
}

const BOUND: &str = "bound-to";

/// The setting that names a role one is bound to and that no file of the tree declares.
const ELSEWHERE: &str = "role.elsewhere";

fn merge(into: &mut Identity, part: Identity) {
    into.grants.extend(part.grants);
    into.credentials.extend(part.credentials);
    into.tools.extend(part.tools);
    into.delegation.extend(part.delegation);
    into.settings.extend(part.settings);
    into.places.extend(part.places);
    into.complete &= part.complete;
    for (field, other) in [(&mut into.owner, part.owner), (&mut into.purpose, part.purpose)] {
        if field.is_empty() {
            *field = other;
        }
    }
    if into.environment == "unknown" {
        into.environment = part.environment;
    }
    into.session.max_seconds = into.session.max_seconds.max(part.session.max_seconds);
}

/// The grants of every role, and how far bindings let each reach.
struct Roles {
    grants: BTreeMap<Key, Vec<Grant>>,
    /// The farthest reach of a binding to the role in its context, with the namespace where all agree on one.
    reach: BTreeMap<Key, (Scope, String)>,
}

impl Roles {
    fn of(identities: &[Identity]) -> Self {
        let mut roles = Self { grants: BTreeMap::new(), reach: BTreeMap::new() };
        for role in identities.iter().filter(|identity| is_role(identity)) {
            roles.grants.insert(key(role), role.grants.clone());
        }
        roles.aggregate(identities);
        roles.chain(identities);
        for holder in identities {
            for step in holder.delegation.iter().filter(|step| step.how == BOUND) {
                let key = (step.to.clone(), holder.context, holder.home.clone());
                let reach = roles.reach.entry(key).or_insert_with(|| (step.scope, step.namespace.clone()));
                if reach.1 != step.namespace {
                    reach.1.clear();
                }
                reach.0 = reach.0.max(step.scope);
            }
        }
        roles
    }

    /// Adds to roles with an aggregation rule what the labelled roles hold. One step: the API server makes
    /// further ones the same way, but a chain of aggregates is not seen in practice.
    fn aggregate(&mut self, identities: &[Identity]) {
        let labels = |role: &Identity, label: &str| {
            role.settings.iter().any(|setting| label.strip_suffix("=true") == Some(setting.name.as_str()))
        };
        let mut left = MAX_JOINED;
        for role in identities.iter().filter(|identity| is_role(identity)) {
            let wanted = role.settings.iter().filter(|setting| setting.name == "aggregationRule.matchLabels");
            for label in wanted {
                let sources = identities.iter().filter(|source| {
                    is_role(source) && source.context == role.context && labels(source, &label.value)
                });
                for grant in sources.flat_map(|source| &source.grants) {
                    let Some(rest) = left.checked_sub(weight(grant)) else { return };
                    left = rest;
                    self.grants.entry(key(role)).or_default().push(grant.clone());
                }
            }
        }
    }

    /// Adds to policies of a cloud what they are made of in another file. One step: a policy is attached, and a document
    /// is what it is made of.
    fn chain(&mut self, identities: &[Identity]) {
        let mut left = MAX_JOINED;
        let mut more: Vec<(Key, Vec<Grant>)> = Vec::new();
        for role in identities.iter().filter(|identity| identity.platform != KUBERNETES && is_role(identity))
        {
            for step in role.delegation.iter().filter(|step| step.how == BOUND) {
                let grants = self.find(step, role).unwrap_or_default();
                let Some(rest) = left.checked_sub(grants.iter().map(weight).sum()) else { return };
                left = rest;
                more.push((key(role), grants.to_vec()));
            }
        }
        for (key, grants) in more {
            self.grants.entry(key).or_default().extend(grants);
        }
    }

    /// Gives an identity what it is bound to, and a role the reach of its bindings; false when `left`, what
    /// may still be handed out, does not suffice.
    fn give(&self, identity: &mut Identity, left: &mut usize) -> bool {
        if is_role(identity)
            && let Some((scope, namespace)) = self.reach.get(&key(identity))
        {
            for grant in identity.grants.iter_mut().filter(|grant| grant.scope == Scope::Unbound) {
                grant.scope = *scope;
                grant.namespace.clone_from(namespace);
            }
        }
        let steps: Vec<Delegation> =
            identity.delegation.iter().filter(|step| step.how == BOUND).cloned().collect();
        let mut fits = true;
        for step in steps {
            let declared = self.find(&step, identity);
            let known = built_in(&step).or_else(|| managed::grants(&step));
            // Roles of the system itself are known and of no interest; nor are the many narrow ones a cloud keeps.
            let system = step.to.contains("/ClusterRole/system:")
                || managed::is_kept(&step.to)
                || step.to == "vault/policy/default";
            let here = system || declared.is_some() || known.is_some();
            identity.complete &= here;
            if !here && [KUBERNETES, VAULT].contains(&identity.platform.as_str()) {
                let (name, value) = (ELSEWHERE.to_owned(), step.to.clone());
                identity.settings.push(Setting { name, value, place: step.place.clone() });
            }
            // A file that declares a built-in role anew takes nothing away from it.
            let grants = declared.unwrap_or_default().iter().chain(known.iter().flatten());
            let Some(rest) = left.checked_sub(grants.clone().map(weight).sum()) else {
                fits = false;
                continue;
            };
            *left = rest;
            identity.grants.extend(grants.map(|grant| bound(grant.clone(), &step)));
        }
        let order = |grant: &Grant| (grant.given_by.clone(), grant.place.clone(), grant.resources.clone());
        identity.grants.sort_by_cached_key(order);
        identity.grants.dedup();
        fits
    }

    /// The grants of a role in the tree: that of the same context, else of the most live one.
    fn find(&self, step: &Delegation, holder: &Identity) -> Option<&[Grant]> {
        let contexts = [
            holder.context,
            Context::Live,
            Context::LocalOptional,
            Context::Template,
            Context::Docs,
            Context::Test,
            Context::Plugin,
        ];
        // A name that means the same everywhere has no home.
        let homes = [holder.home.as_str(), ""];
        let mut keys = homes
            .iter()
            .flat_map(|home| contexts.iter().map(|context| (step.to.clone(), *context, (*home).to_owned())));
        keys.find_map(|key| self.grants.get(&key)).map(Vec::as_slice)
    }
}

/// Whether others hold what the identity grants.
fn is_role(identity: &Identity) -> bool {
    let kinds: &[&str] = match identity.platform.as_str() {
        KUBERNETES => &["Role", "ClusterRole"],
        "aws" => &["policy", "group"],
        "azure" | "gcp" => &["role-definition"],
        VAULT => &["policy"],
        _ => &[],
    };
    kinds.contains(&identity.native_kind.as_str())
}

/// How much memory a grant takes, in parts.
fn weight(grant: &Grant) -> usize {
    1 + grant.actions.len() + grant.resources.len() + grant.groups.len() + grant.names.len()
}

/// A grant of a role as the binding `step` hands it on.
fn bound(grant: Grant, step: &Delegation) -> Grant {
    let limits = step.scope != Scope::Unbound;
    Grant {
        scope: if limits { step.scope } else { grant.scope },
        namespace: if limits { step.namespace.clone() } else { grant.namespace },
        given_by: vec![step.to.clone(), step.through.clone()],
        bound_at: Some(step.place.clone()),
        conditions: grant.conditions.iter().chain(&step.conditions).cloned().collect(),
        ..grant
    }
}

/// The roles every cluster has, as far as they matter here.
///
/// Source: Kubernetes, "Using RBAC Authorization", section "User-facing roles", read 2026-11-21.
fn built_in(step: &Delegation) -> Option<Vec<Grant>> {
    let core = |actions: &[&str], resources: &[&str]| rule(step, actions, resources, &[""]);
    let write = ["create", "update", "patch", "delete"];
    let edit = || {
        vec![
            core(
                &["get", "list", "watch", "create", "update", "patch", "delete"],
                &["secrets", "configmaps"],
            ),
            core(&write, &["pods", "services", "serviceaccounts"]),
            core(&["create", "get"], &["pods/exec", "pods/attach", "pods/portforward"]),
            core(&["impersonate"], &["serviceaccounts"]),
            rule(step, &write, &["deployments", "daemonsets", "statefulsets", "replicasets"], &["apps"]),
            rule(step, &write, &["jobs", "cronjobs"], &["batch"]),
        ]
    };
    match step.to.strip_prefix("kubernetes/ClusterRole/")? {
        "cluster-admin" => Some(vec![rule(step, &["*"], &["*"], &["*"]), rule(step, &["*"], &["/*"], &[])]),
        "admin" => {
            let roles = ["roles", "rolebindings"];
            let mut grants = edit();
            grants.push(rule(step, &write, &roles, &["rbac.authorization.k8s.io"]));
            Some(grants)
        }
        "edit" => Some(edit()),
        "view" => {
            Some(vec![core(&["get", "list", "watch"], &["pods", "services", "configmaps", "endpoints"])])
        }
        _ => None,
    }
}

fn rule(step: &Delegation, actions: &[&str], resources: &[&str], groups: &[&str]) -> Grant {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let reads = actions.iter().all(|action| matches!(*action, "get" | "list" | "watch"));
    Grant {
        effect: Effect::Allow,
        actions: owned(actions),
        resources: owned(resources),
        not_actions: vec![],
        not_resources: vec![],
        groups: owned(groups),
        names: vec![],
        scope: step.scope,
        namespace: step.namespace.clone(),
        conditions: vec![],
        authority: if reads { Authority::Inspect } else { Authority::Execute },
        given_by: vec![step.to.clone(), step.through.clone()],
        place: step.place.clone(),
        action_places: actions.iter().map(|_| step.place.clone()).collect(),
        bound_at: Some(step.place.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::{identity, place};

    fn role(name: &str, context: Context) -> Identity {
        let step = step(name, "", Scope::Unbound, "");
        let mut role = identity(KUBERNETES, "ClusterRole", name, context);
        role.grants = vec![Grant { bound_at: None, ..rule(&step, &["get"], &["secrets"], &[""]) }];
        role
    }

    fn step(to: &str, through: &str, scope: Scope, namespace: &str) -> Delegation {
        Delegation {
            conditions: vec![],
            how: BOUND.to_owned(),
            to: to.to_owned(),
            through: through.to_owned(),
            scope,
            namespace: namespace.to_owned(),
            place: place("b.yaml"),
        }
    }

    fn holder(context: Context, step: Delegation) -> Identity {
        let mut holder = identity(KUBERNETES, "ServiceAccount", "kubernetes/ServiceAccount/a/api", context);
        holder.delegation = vec![step];
        holder
    }

    const READER: &str = "kubernetes/ClusterRole/reader";

    #[test]
    fn the_binding_says_how_far_a_cluster_role_reaches() {
        let held = holder(Context::Live, step(READER, "kubernetes/RoleBinding/a/b", Scope::Namespace, "a"));
        let joined = join(vec![held, role(READER, Context::Live)]);
        for identity in &joined.identities {
            let grant = &identity.grants[0];
            assert_eq!((grant.scope, grant.namespace.as_str()), (Scope::Namespace, "a"), "{}", identity.name);
        }
        let account =
            joined.identities.iter().find(|identity| identity.native_kind == "ServiceAccount").unwrap();
        assert_eq!(account.grants[0].given_by, [READER, "kubernetes/RoleBinding/a/b"]);
        assert!(account.complete);
    }

    #[test]
    fn a_role_that_nothing_binds_stays_unbound() {
        assert_eq!(join(vec![role(READER, Context::Live)]).identities[0].grants[0].scope, Scope::Unbound);
    }

    #[test]
    fn a_role_that_is_not_here_leaves_its_holder_incomplete() {
        let missing =
            |to| join(vec![holder(Context::Live, step(to, "x", Scope::Cluster, ""))]).identities.remove(0);
        assert!(!missing("kubernetes/ClusterRole/gone").complete);
        assert!(missing("kubernetes/ClusterRole/system:auth-delegator").complete);
        let admin = missing("kubernetes/ClusterRole/cluster-admin");
        assert!(admin.complete && crate::identity::allows(&admin.grants[0], "*", "*", "*"));
    }

    #[test]
    fn a_built_in_role_that_is_declared_empty_keeps_its_grants() {
        let name = "kubernetes/ClusterRole/cluster-admin";
        let mut empty = role(name, Context::Live);
        empty.grants.clear();
        let joined = join(vec![empty, holder(Context::Live, step(name, "x", Scope::Cluster, ""))]);
        assert!(joined.identities.iter().any(|one| one.grants.len() == 2));
    }

    #[test]
    fn a_fixture_never_widens_what_is_live() {
        let test =
            holder(Context::Test, step("kubernetes/ClusterRole/cluster-admin", "x", Scope::Cluster, ""));
        let live = holder(Context::Live, step(READER, "y", Scope::Namespace, "a"));
        let joined = join(vec![test, live, role(READER, Context::Live)]);
        let live = joined
            .identities
            .iter()
            .find(|identity| identity.context == Context::Live && identity.name.ends_with("/api"));
        assert_eq!(live.unwrap().grants.len(), 1);
    }

    #[test]
    fn the_order_of_files_does_not_matter() {
        let declared =
            identity(KUBERNETES, "ServiceAccount", "kubernetes/ServiceAccount/a/api", Context::Live);
        let parts = vec![
            holder(Context::Live, step(READER, "y", Scope::Cluster, "")),
            role(READER, Context::Live),
            declared,
        ];
        let mut turned = parts.clone();
        turned.reverse();
        let joined = join(parts);
        assert_eq!(joined, join(turned));
        assert_eq!(joined.identities.len(), 2);
    }

    #[test]
    fn d3_bindings_that_multiply_grants_end_in_a_named_limit() {
        let mut wide = role(READER, Context::Live);
        wide.grants = vec![wide.grants[0].clone(); 1000];
        let holders = (0..300).map(|number| {
            let mut holder = holder(Context::Live, step(READER, "y", Scope::Cluster, ""));
            holder.name = format!("kubernetes/ServiceAccount/a/{number:03}");
            holder
        });
        let joined = join(holders.chain([wide]).collect());
        assert_eq!(joined.gaps.len(), 50);
        assert!(joined.gaps.iter().all(|gap| gap.reason == Reason::Limit));
    }
}
