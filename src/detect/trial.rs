//! Every rule on the examples of every rule, and on each example of a checked rule with one letter changed.

use std::collections::BTreeSet;

use regex::bytes::Captures;

use super::engine::Engine;
use super::{DetectError, Setting, checksum, overlap};
use crate::finding::{Finding, RuleId};
use crate::policy::Rule;
use crate::policy::example::{self, Check};
use crate::policy::syntax::ExampleSyntax;
use crate::source::{Blob, Change};
use crate::text::proof::Outcome;
use crate::text::span::Span;

/// An example that behaves otherwise than its rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The rule whose example it is.
    pub rule: RuleId,
    /// `example 1`, `look-alike 2`, counted from 1.
    pub which: String,
    /// What happened instead, in words.
    pub message: String,
}

/// Runs all rules of `setting` on every example and look-alike, and returns what does not fit.
///
/// An example is found by its own rule and, beside it, only by those `also:` names; a look-alike only by those: a
/// token that lives as long as it should is still a token. Where a rule has a check, each example with one letter
/// changed is a look-alike too, which no rule at all may find.
///
/// # Errors
///
/// [`DetectError::Rule`] when a rule cannot be run at all.
pub fn run(setting: Setting<'_>) -> Result<Vec<Failure>, DetectError> {
    let engine = Engine::new(setting, None);
    let mut failures = Vec::new();
    for rule in &setting.policies.rules {
        let mut add = |which: String, message: String| {
            failures.push(Failure { rule: rule.id.clone(), which, message });
        };
        for (index, example) in rule.text.examples.iter().enumerate() {
            let which = format!("example {}", index + 1);
            match filled(rule, example, index) {
                Ok(tree) => {
                    if let Some(message) = judge_example(rule, &ids(&findings(&engine, &tree)?)) {
                        add(which.clone(), message);
                    }
                    for blob in &tree.head {
                        if let Some(message) = judge_mutants(&engine, rule, blob)? {
                            add(format!("{which} with a letter changed"), message);
                        }
                    }
                }
                Err(message) => add(which, message),
            }
        }
        for (index, example) in rule.text.look_alikes.iter().enumerate() {
            let message = match filled(rule, example, 1000 + index) {
                Ok(tree) => match strange(rule, &ids(&findings(&engine, &tree)?)) {
                    strange if strange.is_empty() => continue,
                    strange => format!("found by {}", list(&strange)),
                },
                Err(message) => message,
            };
            add(format!("look-alike {}", index + 1), message);
        }
    }
    Ok(failures)
}

fn judge_example(rule: &Rule, found: &BTreeSet<RuleId>) -> Option<String> {
    let mut others = strange(rule, found);
    others.remove(&rule.id);
    Some(match (found.contains(&rule.id), others.is_empty()) {
        (true, true) => return None,
        (true, false) => format!("also found by {}", list(&others)),
        (false, true) => "not found".to_owned(),
        (false, false) => format!("not found, but found by {}", list(&others)),
    })
}

/// What is wrong with the mutants of an example: one is found, or an exact check refuses none.
fn judge_mutants(engine: &Engine<'_>, rule: &Rule, example: &Blob) -> Result<Option<String>, DetectError> {
    let Some(check) = rule.text_rule().and_then(|text| text.checksum.as_ref()) else { return Ok(None) };
    let mutants = mutants(rule, &example.bytes);
    if mutants.is_empty() && checksum::is_exact(check) {
        return Ok(Some("no changed letter makes the check fail".to_owned()));
    }
    for (secret, bytes) in mutants {
        let blob = Blob { bytes, ..example.clone() };
        let mut found = findings(engine, &Tree { head: vec![blob], base: Vec::new() })?;
        found.retain(|finding| finding.location.span.overlaps(&secret));
        if !found.is_empty() {
            return Ok(Some(format!("found by {}", list(&ids(&found)))));
        }
    }
    Ok(None)
}

/// How many letters of an example are tried, spread over what the check is about.
const TRIED: usize = 12;

/// The example with one letter changed so that the pattern still matches and the check fails, with the place of the
/// secret. A structure does not notice every letter; those it does not notice are no mutants.
pub fn mutants(rule: &Rule, example: &[u8]) -> Vec<(Span, Vec<u8>)> {
    let Some(text) = rule.text_rule() else { return Vec::new() };
    let (Some(check), Ok(regex)) = (&text.checksum, text.pattern.regex()) else { return Vec::new() };
    let place =
        |groups: &Captures<'_>, name: &str| groups.name(name).map(|part| Span::new(part.start(), part.end()));
    let secret = |bytes: &[u8]| {
        let groups = regex.captures(bytes)?;
        let outcome = checksum::judge(check, |name| groups.name(name).map(|part| part.as_bytes()));
        Some((place(&groups, "secret")?, outcome))
    };
    let Some(groups) = regex.captures(example) else { return Vec::new() };
    let parts = [Some(check.over.as_deref().unwrap_or("secret")), check.against.as_deref()];
    let parts = parts.into_iter().flatten().filter_map(|name| place(&groups, name));
    let places = parts.flat_map(|part| {
        let step = (part.end - part.start).div_ceil(TRIED).max(1);
        (part.start..part.end).step_by(step)
    });
    let mutant = |at: usize| {
        let mut bytes = example.to_vec();
        let letter = bytes.get_mut(at)?;
        *letter = other(*letter)?;
        let before = secret(example)?;
        let after = secret(&bytes)?;
        (before.0 == after.0 && after.1 == Outcome::Fails).then_some((after.0, bytes))
    };
    places.filter_map(mutant).collect()
}

/// Another character of the same kind.
fn other(letter: u8) -> Option<u8> {
    Some(match letter {
        b'z' => b'a',
        b'Z' => b'A',
        b'9' => b'0',
        letter if letter.is_ascii_alphanumeric() => letter + 1,
        _ => return None,
    })
}

/// Those of `found` that `also:` does not name.
fn strange(rule: &Rule, found: &BTreeSet<RuleId>) -> BTreeSet<RuleId> {
    found.iter().filter(|id| !rule.text.also.contains(&id.0)).cloned().collect()
}

/// An example as files, or why it cannot be filled in.
fn filled(rule: &Rule, example: &ExampleSyntax, index: usize) -> Result<Tree, String> {
    let text_rule = rule.text_rule();
    let regex = text_rule.and_then(|text| text.pattern.regex().ok());
    let check = text_rule.and_then(|text| text.checksum.as_ref()).zip(regex);
    let check = check.map(|(syntax, pattern)| Check { syntax, pattern });
    let change = rule.kind().eq("document").then_some(Change::Modified);
    let blob = |(path, template): (&str, &str)| -> Result<Blob, String> {
        let bytes = example::fill(template, &rule.id.0, index, check).map_err(|error| error.to_string())?;
        Ok(Blob { path: path.to_owned(), commit: None, change, bytes })
    };
    let (mut head, mut base) = (Vec::new(), Vec::new());
    for (at, file) in example.files().into_iter().enumerate() {
        let is_base =
            matches!(example, ExampleSyntax::Files { files } if files.get(at).is_some_and(|file| file.base));
        if is_base { base.push(blob(file)?) } else { head.push(blob(file)?) }
    }
    Ok(Tree { head, base })
}

/// The files of an example, and those of its base.
struct Tree {
    head: Vec<Blob>,
    base: Vec<Blob>,
}

/// What all rules find in `tree`, one voice for each value.
fn findings(engine: &Engine<'_>, tree: &Tree) -> Result<Vec<Finding>, DetectError> {
    let (mut findings, mut identities, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for blob in &tree.head {
        let seen = engine.blob(blob)?;
        findings.extend(seen.findings);
        identities.extend(seen.identities);
    }
    for blob in &tree.base {
        before.extend(engine.blob(blob)?.identities);
    }
    let (judged, _) = super::judge_all(&identities, &before, engine.setting)?;
    findings.extend(judged);
    Ok(overlap::one_voice(findings, engine.setting.policies))
}

fn ids(findings: &[Finding]) -> BTreeSet<RuleId> {
    findings.iter().map(|finding| finding.rule.clone()).collect()
}

fn list(rules: &BTreeSet<RuleId>) -> String {
    rules.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}
