//! Everything that makes a rule bad.

use super::rule::{Detect, Rule};
use super::syntax::ChecksumSyntax;
use crate::text::proof::CONSTRUCTIONS;

/// Whether the rule can run at all: its patterns compile, its expression names only what exists.
///
/// # Errors
///
/// The first thing that is wrong, in words.
pub fn usable(rule: &Rule) -> Result<(), String> {
    let name = |error: String| format!("rule `{}`: {error}", rule.id);
    match &rule.detect {
        Detect::Text(text) => {
            let regex = text.pattern.regex().map_err(name)?;
            if !regex.capture_names().flatten().any(|group| group == "secret") {
                return Err(name("the pattern has no group named `secret`".to_owned()));
            }
            if let Some(then) = &text.then {
                then.regex().map_err(|error| name(format!("`then`: {error}")))?;
            }
            if let Some((near, _)) = &text.near {
                near.regex().map_err(|error| name(format!("`near`: {error}")))?;
            }
            if let Some(check) = &text.checksum {
                let groups: Vec<&str> = regex.capture_names().flatten().collect();
                checkable(check, &groups).map_err(name)?;
            }
            Ok(())
        }
        Detect::Credential(when) | Detect::Identity { when, .. } | Detect::Document { when, .. } => {
            when.try_on_samples().map_err(|error| name(error.to_string()))
        }
    }
}

/// Whether a check can be computed over the `groups` of the pattern: one that cannot would find nothing, ever.
fn checkable(check: &ChecksumSyntax, groups: &[&str]) -> Result<(), String> {
    let construction = check.construction().ok_or_else(|| {
        let known: Vec<&str> = CONSTRUCTIONS.iter().map(|one| one.name).collect();
        format!("`checksum` has no algorithm `{}`, only {}", check.algorithm, known.join(", "))
    })?;
    if let Some(group) =
        check.over.iter().chain(&check.against).find(|group| !groups.contains(&group.as_str()))
    {
        return Err(format!("`checksum` speaks of a group `{group}` that the pattern lacks"));
    }
    if construction.has_digits() != check.against.is_some() {
        return Err(format!(
            "`checksum` with `{}` names a group `against` if, and only if, its digits stand apart",
            check.algorithm
        ));
    }
    construction.fault(&check.terms()).map_or(Ok(()), |fault| Err(format!("`checksum`: {fault}")))
}

/// Everything that is wrong with a rule, each in a sentence that names the rule.
pub fn problems(rule: &Rule) -> Vec<String> {
    let mut problems: Vec<String> = usable(rule).err().into_iter().collect();
    let mut add = |message: String| problems.push(format!("rule `{}`: {message}", rule.id));
    for (name, text) in [
        ("title", rule.title.as_ref()),
        ("why", rule.text.why.as_str()),
        ("fix", rule.text.fix.as_str()),
        ("source", rule.text.source.as_str()),
    ] {
        if text.trim().is_empty() {
            add(format!("`{name}` is empty"));
        }
    }
    for id in rule.text.maps.iter().filter(|id| !super::maps::known(id)) {
        add(format!("`maps` names `{id}`, which is no framework id we know"));
    }
    if rule.text.examples.is_empty() || rule.text.look_alikes.is_empty() {
        add("at least one example and one look-alike are needed".to_owned());
    }
    let file = rule.origin.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
    if rule.origin.starts_with("policies/") && !rule.id.0.starts_with(file) {
        add(format!("the id does not begin with the name of its file, `{file}`"));
    }
    problems
}
