//! Every identity of a tree in one list: what it may do, for how long, who is asked, how much falls with it.

use std::collections::BTreeMap;

use super::radius::{Radius, radius_among};
use super::widen::{Widened, widened};
use super::{Approval, Authority, Context, Effect, Identity, IdentityKind, Scope};
use crate::finding::{Finding, Gap, Location, Severity};

/// All identities of a tree, the widest blast radius first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// One for each identity and context, by falling score, then by name.
    pub rows: Vec<Row>,
    /// What was not read in full.
    pub gaps: Vec<Gap>,
    /// Whether there is a base that [`Row::widened`] compares with.
    pub compared: bool,
}

/// One identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// As the files declare it, joined.
    pub identity: Identity,
    /// The greatest authority among its grants and tools; `None` when it may do nothing that is known.
    pub authority: Option<Authority>,
    /// The least that asks a person before something executes; `None` where no tool executes.
    pub approval: Option<Approval>,
    /// The systems its grants, tools and steps reach, in words, sorted.
    pub reaches: Vec<String>,
    /// Its blast radius, steps to others followed.
    pub radius: Radius,
    /// The rules that find fault with it, the worst first.
    pub faults: Vec<Fault>,
    /// What it may do beyond the base.
    pub widened: Vec<Widened>,
}

/// One rule about one identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// How bad, worst last in this order.
    pub severity: Severity,
    /// The rule.
    pub rule: String,
    /// Where.
    pub place: Location,
}

impl Inventory {
    /// The inventory of `identities`, which are joined, with what `findings` say of them.
    ///
    /// `base` holds the identities of the base, where there is one.
    pub fn new(
        identities: &[Identity],
        base: Option<&[Identity]>,
        findings: &[Finding],
        gaps: Vec<Gap>,
    ) -> Self {
        let by_name: BTreeMap<&str, &Identity> =
            identities.iter().map(|identity| (identity.name.as_str(), identity)).collect();
        let faults = faults(findings);
        let before: BTreeMap<(&str, Context), &Identity> =
            base.unwrap_or_default().iter().map(|old| ((old.name.as_str(), old.context), old)).collect();
        let row = |identity: &Identity| {
            let old = before.get(&(identity.name.as_str(), identity.context)).copied();
            Row {
                authority: authority(identity),
                approval: approval(identity),
                reaches: reaches(identity, &by_name),
                radius: radius_among(identity, &by_name),
                faults: faults.get(identity.name.as_str()).cloned().unwrap_or_default(),
                widened: if base.is_some() { widened(old, identity) } else { Vec::new() },
                identity: identity.clone(),
            }
        };
        let mut rows: Vec<Row> = identities.iter().map(row).collect();
        rows.sort_by(|left, right| {
            let key = |row: &Row| {
                (std::cmp::Reverse(row.radius.score), row.identity.name.clone(), row.identity.context)
            };
            key(left).cmp(&key(right))
        });
        Self { rows, gaps, compared: base.is_some() }
    }
}

fn faults(findings: &[Finding]) -> BTreeMap<&str, Vec<Fault>> {
    let mut found: BTreeMap<&str, Vec<Fault>> = BTreeMap::new();
    for finding in findings {
        let Some(name) = &finding.identity else { continue };
        let (severity, place) = (finding.severity, finding.location.clone());
        found.entry(name).or_default().push(Fault { severity, rule: finding.rule.0.clone(), place });
    }
    for list in found.values_mut() {
        list.sort_by(|left, right| {
            (right.severity, &left.rule, &left.place).cmp(&(left.severity, &right.rule, &right.place))
        });
    }
    found
}

fn authority(identity: &Identity) -> Option<Authority> {
    let grants =
        identity.grants.iter().filter(|grant| grant.effect == Effect::Allow).map(|grant| grant.authority);
    grants.chain(identity.tools.iter().map(|tool| tool.authority)).max()
}

fn approval(identity: &Identity) -> Option<Approval> {
    let acting = identity.tools.iter().filter(|tool| tool.authority == Authority::Execute);
    acting.map(|tool| tool.approval).min()
}

fn reaches(identity: &Identity, by_name: &BTreeMap<&str, &Identity>) -> Vec<String> {
    use super::Scope;
    let mut found: Vec<String> = Vec::new();
    for grant in identity.grants.iter().filter(|grant| grant.effect == Effect::Allow) {
        found.push(match grant.scope {
            Scope::Unbound => continue,
            Scope::Organisation => "the whole organisation".to_owned(),
            Scope::Cluster => format!("all of {}", identity.platform),
            Scope::Namespace if grant.namespace.is_empty() => "one namespace or repository".to_owned(),
            Scope::Namespace => grant.namespace.clone(),
            Scope::Resource => grant.resources.join(", "),
        });
    }
    found.extend(
        identity.tools.iter().filter(|tool| tool.source != "builtin").map(|tool| tool.source.clone()),
    );
    // The grants of a role are its holder's own, and code that is called is no system.
    let steps = identity.delegation.iter().filter(|step| {
        step.how != "bound-to" && (step.how != "calls" || by_name.contains_key(step.to.as_str()))
    });
    found.extend(steps.map(|step| step.to.clone()));
    found.sort();
    found.dedup();
    found
}

impl IdentityKind {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::ServiceAccount => "service account",
            Self::Workload => "workload",
            Self::Pipeline => "pipeline",
            Self::Agent => "agent",
        }
    }
}

impl Context {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::LocalOptional => "local-optional",
            Self::Template => "template",
            Self::Docs => "docs",
            Self::Test => "test",
            Self::Plugin => "plugin",
        }
    }
}

impl Scope {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unbound => "unbound",
            Self::Resource => "resource",
            Self::Namespace => "namespace",
            Self::Cluster => "cluster",
            Self::Organisation => "organisation",
        }
    }
}

impl Authority {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inspect => "inspect",
            Self::Recommend => "recommend",
            Self::Execute => "execute",
        }
    }
}
