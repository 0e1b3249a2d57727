//! `when:` over joined identities: as a whole, or over each grant, tool, credential, delegation, setting.

use std::collections::BTreeMap;

use serde::Serialize;

use super::credential;
use super::judge::{JudgeError, Subject, finding};
use crate::finding::{Finding, Fingerprinter, Location, Related, Subject as Named};
use crate::identity::{Context, Credential, Grant, Identity, IdentityKind, Setting};
use crate::policy::rule::{Detect, Rule};
use crate::policy::syntax::Each;
use crate::policy::when::{Facts, When, WhenError};

/// A setting's value is shown up to this many letters: a word is, a text may hold anything.
const LONGEST_VALUE: usize = 40;

/// Judges every identity by every rule over identities, in the order of both, on at most so many threads.
pub fn judge(
    rules: &[&Rule],
    identities: &[Identity],
    fingerprinter: &Fingerprinter,
    threads: usize,
) -> Result<Vec<Finding>, JudgeError> {
    let asked: Vec<Asked<'_>> = rules
        .iter()
        .filter_map(|rule| match &rule.detect {
            Detect::Identity { each, when } => Some(Asked { rule, each: *each, when }),
            _ => None,
        })
        .collect();
    let Some(first) = asked.first() else { return Ok(Vec::new()) };
    let bound = bindings(identities);
    let judge = |part: &[Identity]| -> Result<Vec<Finding>, JudgeError> {
        let mut findings = Vec::new();
        for identity in part {
            let bound = bound.get(identity.name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let found = asked_of(&asked, identity, first.rule)?.into_iter();
            findings.extend(found.map(|(rule, part)| rule.finding(identity, part, bound, fingerprinter)));
        }
        Ok(findings)
    };
    let each = identities.len().div_ceil(threads.max(1)).max(LEAST_OF_A_THREAD);
    std::thread::scope(|scope| {
        let judge = &judge;
        let parts: Vec<_> = identities.chunks(each).map(|part| scope.spawn(move || judge(part))).collect();
        let mut findings = Vec::new();
        for part in parts {
            findings.extend(part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(findings)
    })
}

/// Fewer identities are not worth a thread of their own.
const LEAST_OF_A_THREAD: usize = 64;

/// What each rule finds in `identity`, in the order of the rules. Each part is turned into facts once, for all rules.
fn asked_of<'q, 'r>(
    asked: &'q [Asked<'r>],
    identity: &Identity,
    first: &Rule,
) -> Result<Vec<(&'q Asked<'r>, Part)>, JudgeError> {
    let path = identity.places.first().map_or("", |place| place.path.as_str());
    let mut facts = Facts::new();
    facts.set("path", path).map_err(JudgeError::of(first, path))?;
    // Most rules are about another kind of identity: for them not all of this one need be turned into facts.
    facts.set("identity", &Head::of(identity)).map_err(JudgeError::of(first, path))?;
    let concerned = |one: &Asked<'_>| has(identity, one.each) && one.when.may_hold(&facts);
    let asked: Vec<(usize, &Asked<'_>)> =
        asked.iter().enumerate().filter(|(_, one)| concerned(one)).collect();
    let mut found = Vec::new();
    if !asked.is_empty() {
        facts.set("identity", identity).map_err(JudgeError::of(first, path))?;
    }
    for kind in KINDS {
        let rules: Vec<(usize, &Asked<'_>)> =
            asked.iter().filter(|(_, one)| one.each == kind).copied().collect();
        if !rules.is_empty() {
            parts(kind, &rules, identity, path, &mut facts, &mut found)?;
        }
    }
    found.sort_by_key(|(at, ..)| *at);
    Ok(found.into_iter().map(|(_, rule, part)| (rule, part)).collect())
}

/// What rules ask of an identity before all else, under the names of its fields.
#[derive(Serialize)]
struct Head<'i> {
    kind: IdentityKind,
    platform: &'i str,
    native_kind: &'i str,
    name: &'i str,
}

impl<'i> Head<'i> {
    fn of(identity: &'i Identity) -> Self {
        let Identity { kind, platform, native_kind, name, .. } = identity;
        Self { kind: *kind, platform, native_kind, name }
    }
}

/// Whether `identity` has anything for a rule that looks at `each`.
fn has(identity: &Identity, each: Option<Each>) -> bool {
    match each {
        None => true,
        Some(Each::Grants) => !identity.grants.is_empty(),
        Some(Each::Tools) => !identity.tools.is_empty(),
        Some(Each::Credentials) => !identity.credentials.is_empty(),
        Some(Each::Delegation) => !identity.delegation.is_empty(),
        Some(Each::Settings) => !identity.settings.is_empty(),
        Some(Each::Widened) => !identity.widened.is_empty(),
    }
}

/// How many bindings of one role are shown.
const BINDINGS: usize = 3;

/// Where each role is handed out, first places first: a role is only as dangerous as its bindings.
fn bindings(identities: &[Identity]) -> BTreeMap<&str, Vec<Related>> {
    let mut found: BTreeMap<&str, Vec<Related>> = BTreeMap::new();
    for holder in identities {
        for step in holder.delegation.iter().filter(|step| step.how == "bound-to") {
            let message = format!("bound here, to {}", holder.name);
            found.entry(&step.to).or_default().push(Related { location: step.place.clone(), message });
        }
    }
    for places in found.values_mut() {
        places.sort();
        places.dedup();
        places.truncate(BINDINGS);
    }
    found
}

/// Whether the part is a grant the identity holds of itself and not through a binding.
fn self_given(part: &Part, each: Option<Each>) -> bool {
    each == Some(Each::Grants) && part.related.is_empty()
}

/// A rule over identities.
struct Asked<'r> {
    rule: &'r Rule,
    each: Option<Each>,
    when: &'r When,
}

/// The part of an identity that a condition held of.
struct Part {
    /// What names the part within its identity: written the same way wherever and however it stands.
    normal_form: String,
    detail: String,
    location: Location,
    context: Context,
    related: Vec<Related>,
    facts: Vec<String>,
}

/// The whole identity, and each of its lists.
const KINDS: [Option<Each>; 7] = [
    None,
    Some(Each::Grants),
    Some(Each::Tools),
    Some(Each::Credentials),
    Some(Each::Delegation),
    Some(Each::Settings),
    Some(Each::Widened),
];

/// Rules with their places in the order of all.
type Rules<'a, 'q, 'r> = &'a [(usize, &'q Asked<'r>)];

/// Adds what `rules`, which all look at `kind`, find in `identity`.
fn parts<'q, 'r>(
    kind: Option<Each>,
    rules: Rules<'_, 'q, 'r>,
    identity: &Identity,
    path: &str,
    facts: &mut Facts,
    found: &mut Vec<(usize, &'q Asked<'r>, Part)>,
) -> Result<(), JudgeError> {
    let Some(kind) = kind else {
        let Some(place) = identity.places.first() else { return Ok(()) };
        for (at, one) in holding(rules, path, facts)? {
            let part = Part::of(identity, String::new(), identity.native_kind.clone(), place);
            found.push((at, one, part));
        }
        return Ok(());
    };
    match kind {
        Each::Grants => {
            for grant in &identity.grants {
                // Most grants allow nothing that most rules ask for.
                let rules: Vec<(usize, &Asked<'_>)> =
                    rules.iter().filter(|(_, one)| one.when.may_allow(grant)).copied().collect();
                for (at, one) in holding_of("grant", grant, &rules, path, facts)? {
                    let part = one.grant(identity, grant, facts);
                    found.push((at, one, part.map_err(JudgeError::of(one.rule, path))?));
                }
            }
        }
        Each::Tools => {
            for tool in &identity.tools {
                for (at, one) in holding_of("tool", tool, rules, path, facts)? {
                    let normal_form = format!("tool {} {}", tool.source, tool.name);
                    found.push((at, one, Part::of(identity, normal_form, tool.name.clone(), &tool.place)));
                }
            }
        }
        Each::Credentials => {
            for credential in &identity.credentials {
                for (at, one) in holding_of("credential", credential, rules, path, facts)? {
                    found.push((at, one, Part::of_credential(identity, credential)));
                }
            }
        }
        Each::Delegation => {
            for step in &identity.delegation {
                for (at, one) in holding_of("delegation", step, rules, path, facts)? {
                    let normal_form =
                        format!("delegation {} {} {} {}", step.how, step.to, step.through, step.namespace);
                    let detail = format!("{} {}", step.how, step.to);
                    found.push((at, one, Part::of(identity, normal_form, detail, &step.place)));
                }
            }
        }
        Each::Widened => {
            for wider in &identity.widened {
                for (at, one) in holding_of("widened", wider, rules, path, facts)? {
                    let normal_form = format!("widened {} {}", wider.what, wider.new);
                    let said =
                        |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
                    let detail = format!("{}: {} -> {}", wider.what, said(&wider.old), said(&wider.new));
                    found.push((at, one, Part::of(identity, normal_form, detail, &wider.place)));
                }
            }
        }
        Each::Settings => {
            for setting in &identity.settings {
                for (at, one) in holding_of("setting", setting, rules, path, facts)? {
                    let normal_form = format!("setting {} {}", setting.name, setting.value);
                    found.push((at, one, Part::of(identity, normal_form, shown(setting), &setting.place)));
                }
            }
        }
    }
    Ok(())
}

/// Those of `rules` that hold of `value`, under its `name`.
fn holding_of<'q, 'r>(
    name: &str,
    value: &impl Serialize,
    rules: Rules<'_, 'q, 'r>,
    path: &str,
    facts: &mut Facts,
) -> Result<Vec<(usize, &'q Asked<'r>)>, JudgeError> {
    let Some((_, first)) = rules.first() else { return Ok(Vec::new()) };
    facts.set(name, value).map_err(JudgeError::of(first.rule, path))?;
    holding(rules, path, facts)
}

/// Those of `rules` that hold of the facts as they are.
fn holding<'q, 'r>(
    rules: Rules<'_, 'q, 'r>,
    path: &str,
    facts: &Facts,
) -> Result<Vec<(usize, &'q Asked<'r>)>, JudgeError> {
    let mut held = Vec::new();
    for (at, one) in rules {
        if one.when.holds(facts).map_err(JudgeError::of(one.rule, path))? {
            held.push((*at, *one));
        }
    }
    Ok(held)
}

impl Asked<'_> {
    fn finding(
        &self,
        identity: &Identity,
        mut part: Part,
        bound: &[Related],
        fingerprinter: &Fingerprinter,
    ) -> Finding {
        if self_given(&part, self.each) {
            part.related.extend_from_slice(bound);
        }
        let named = Named::Identity { name: &identity.name, part: &part.normal_form };
        let subject = Subject {
            location: part.location,
            detail: part.detail,
            name: fingerprinter.of(&self.rule.id.0, named),
            identity: Some(identity.name.clone()),
            related: part.related,
            facts: part.facts,
        };
        finding(self.rule, subject, part.context)
    }

    fn holds_of(&self, name: &str, value: &impl Serialize, facts: &mut Facts) -> Result<bool, WhenError> {
        facts.set(name, value)?;
        self.when.holds(facts)
    }

    /// Names exactly the actions and resources at fault, so that a harmless neighbour changes nothing.
    fn grant(&self, identity: &Identity, grant: &Grant, facts: &mut Facts) -> Result<Part, WhenError> {
        let mut guilty = grant.clone();
        let mut place = None;
        let mut alone = Vec::new();
        for (at, action) in grant.actions.iter().enumerate() {
            guilty.actions = vec![action.clone()];
            if self.holds_of("grant", &guilty, facts)? {
                place = place.or_else(|| grant.action_places.get(at));
                alone.push(action.clone());
            }
        }
        guilty.actions = if alone.is_empty() { grant.actions.clone() } else { alone };
        let mut alone = Vec::new();
        for resource in &grant.resources {
            guilty.resources = vec![resource.clone()];
            if self.holds_of("grant", &guilty, facts)? {
                alone.push(resource.clone());
            }
        }
        guilty.resources = if alone.is_empty() { grant.resources.clone() } else { alone };
        let detail = format!("{} on {}", guilty.actions.join(", "), guilty.resources.join(", "));
        let location = place.unwrap_or(&grant.place);
        let mut part = Part::of(identity, normal_form(&guilty), detail, location);
        if let Some(bound) = &grant.bound_at {
            part.related.push(Related { location: bound.clone(), message: "bound here".to_owned() });
        }
        Ok(part)
    }
}

impl Part {
    fn of_credential(identity: &Identity, one: &Credential) -> Self {
        let part = Self::of(identity, credential::normal_form(one), one.name.clone(), &one.place);
        let context = credential::context(identity, one);
        Self { facts: credential::facts(one), context, ..part }
    }

    fn of(identity: &Identity, normal_form: String, detail: String, place: &Location) -> Self {
        Self {
            normal_form,
            detail,
            location: place.clone(),
            context: identity.context,
            related: Vec::new(),
            facts: Vec::new(),
        }
    }
}

/// The grant with its lists in the order of the alphabet, so that no order of writing makes another one.
fn normal_form(grant: &Grant) -> String {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list.dedup();
        list
    };
    let left_out = match (grant.not_actions.is_empty(), grant.not_resources.is_empty()) {
        (true, true) => String::new(),
        _ => format!(" but {:?} {:?}", sorted(&grant.not_actions), sorted(&grant.not_resources)),
    };
    format!(
        "grant {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}{left_out}",
        grant.effect,
        sorted(&grant.actions),
        sorted(&grant.resources),
        sorted(&grant.groups),
        sorted(&grant.names),
        grant.scope,
        grant.namespace,
        sorted(&grant.conditions),
    )
}

/// A setting as people read it; a long value or an address is left out, since it could hold anything.
fn shown(setting: &Setting) -> String {
    let Setting { name, value, .. } = setting;
    if value.is_empty() || value.chars().count() > LONGEST_VALUE || value.contains("://") {
        name.clone()
    } else {
        format!("{name}: {value}")
    }
}
