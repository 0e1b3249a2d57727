//! `when:` over joined identities: as a whole, or over each grant, tool, credential, delegation, setting.

use std::collections::BTreeMap;

use serde::Serialize;

use super::credential;
use super::judge::{JudgeError, Subject, finding};
use crate::finding::{Finding, Fingerprinter, Location, Related, Subject as Named};
use crate::identity::{Context, Grant, Identity, Setting};
use crate::policy::rule::{Detect, Rule};
use crate::policy::syntax::Each;
use crate::policy::when::{Facts, When, WhenError};

/// A setting's value is shown up to this many letters: a word is, a text may hold anything.
const LONGEST_VALUE: usize = 40;

/// Judges every identity by every rule over identities, in the order of both.
pub fn judge(
    rules: &[&Rule],
    identities: &[Identity],
    fingerprinter: &Fingerprinter,
) -> Result<Vec<Finding>, JudgeError> {
    let asked: Vec<Asked<'_>> = rules
        .iter()
        .filter_map(|rule| match &rule.detect {
            Detect::Identity { each, when } => Some(Asked { rule, each: *each, when }),
            _ => None,
        })
        .collect();
    let mut findings = Vec::new();
    let Some(first) = asked.first() else { return Ok(findings) };
    let bound = bindings(identities);
    for identity in identities {
        let path = identity.places.first().map_or("", |place| place.path.as_str());
        let mut facts = Facts::new();
        facts.set("path", path).map_err(JudgeError::of(first.rule, path))?;
        facts.set("identity", identity).map_err(JudgeError::of(first.rule, path))?;
        for one in &asked {
            let parts = one.parts(identity, &mut facts).map_err(JudgeError::of(one.rule, path))?;
            findings.extend(parts.into_iter().map(|mut part| {
                if self_given(&part, one.each) {
                    part.related.extend(bound.get(identity.name.as_str()).into_iter().flatten().cloned());
                }
                let named = Named::Identity { name: &identity.name, part: &part.normal_form };
                let subject = Subject {
                    location: part.location,
                    detail: part.detail,
                    name: fingerprinter.of(&one.rule.id.0, named),
                    identity: Some(identity.name.clone()),
                    related: part.related,
                    facts: part.facts,
                };
                finding(one.rule, subject, part.context)
            }));
        }
    }
    Ok(findings)
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

impl Asked<'_> {
    fn parts(&self, identity: &Identity, facts: &mut Facts) -> Result<Vec<Part>, WhenError> {
        let mut parts = Vec::new();
        match self.each {
            None => {
                if let (Some(place), true) = (identity.places.first(), self.when.holds(facts)?) {
                    parts.push(Part::of(identity, String::new(), identity.native_kind.clone(), place));
                }
            }
            Some(Each::Grants) => {
                for grant in &identity.grants {
                    parts.extend(self.grant(identity, grant, facts)?);
                }
            }
            Some(Each::Tools) => {
                for tool in &identity.tools {
                    if self.holds_of("tool", tool, facts)? {
                        let normal_form = format!("tool {} {}", tool.source, tool.name);
                        parts.push(Part::of(identity, normal_form, tool.name.clone(), &tool.place));
                    }
                }
            }
            Some(Each::Credentials) => {
                for one in &identity.credentials {
                    if self.holds_of("credential", one, facts)? {
                        let normal_form = credential::normal_form(one);
                        let part = Part::of(identity, normal_form, one.name.clone(), &one.place);
                        let context = credential::context(identity, one);
                        parts.push(Part { facts: credential::facts(one), context, ..part });
                    }
                }
            }
            Some(Each::Delegation) => {
                for step in &identity.delegation {
                    if self.holds_of("delegation", step, facts)? {
                        let normal_form = format!(
                            "delegation {} {} {} {}",
                            step.how, step.to, step.through, step.namespace
                        );
                        let detail = format!("{} {}", step.how, step.to);
                        parts.push(Part::of(identity, normal_form, detail, &step.place));
                    }
                }
            }
            Some(Each::Settings) => {
                for setting in &identity.settings {
                    if self.holds_of("setting", setting, facts)? {
                        let normal_form = format!("setting {} {}", setting.name, setting.value);
                        parts.push(Part::of(identity, normal_form, shown(setting), &setting.place));
                    }
                }
            }
        }
        Ok(parts)
    }

    fn holds_of(&self, name: &str, value: &impl Serialize, facts: &mut Facts) -> Result<bool, WhenError> {
        facts.set(name, value)?;
        self.when.holds(facts)
    }

    /// Names exactly the actions and resources at fault, so that a harmless neighbour changes nothing.
    fn grant(
        &self,
        identity: &Identity,
        grant: &Grant,
        facts: &mut Facts,
    ) -> Result<Option<Part>, WhenError> {
        if !self.holds_of("grant", grant, facts)? {
            return Ok(None);
        }
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
        Ok(Some(part))
    }
}

impl Part {
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
    format!(
        "grant {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
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
