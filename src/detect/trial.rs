//! Every rule on the examples of every rule.

use std::collections::BTreeSet;

use super::{DetectError, Engine, Setting, overlap};
use crate::finding::RuleId;
use crate::policy::Rule;
use crate::policy::example::{self, Check};
use crate::policy::syntax::ExampleSyntax;
use crate::source::{Blob, Change};

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
/// token that lives as long as it should is still a token.
///
/// # Errors
///
/// [`DetectError::Rule`] when a rule cannot be run at all.
pub fn run(setting: Setting<'_>) -> Result<Vec<Failure>, DetectError> {
    let engine = Engine::new(setting);
    let mut failures = Vec::new();
    for rule in &setting.policies.rules {
        for (index, example) in rule.text.examples.iter().enumerate() {
            let which = format!("example {}", index + 1);
            match found(&engine, rule, example, index)? {
                Ok(found) => failures.extend(judge_example(rule, which, &found)),
                Err(message) => failures.push(Failure { rule: rule.id.clone(), which, message }),
            }
        }
        for (index, example) in rule.text.look_alikes.iter().enumerate() {
            let which = format!("look-alike {}", index + 1);
            let message = match found(&engine, rule, example, 1000 + index)? {
                Ok(found) => match strange(rule, &found) {
                    strange if strange.is_empty() => continue,
                    strange => format!("found by {}", list(&strange)),
                },
                Err(message) => message,
            };
            failures.push(Failure { rule: rule.id.clone(), which, message });
        }
    }
    Ok(failures)
}

fn judge_example(rule: &Rule, which: String, found: &BTreeSet<RuleId>) -> Option<Failure> {
    let mut others = strange(rule, found);
    others.remove(&rule.id);
    let message = match (found.contains(&rule.id), others.is_empty()) {
        (true, true) => return None,
        (true, false) => format!("also found by {}", list(&others)),
        (false, true) => "not found".to_owned(),
        (false, false) => format!("not found, but found by {}", list(&others)),
    };
    Some(Failure { rule: rule.id.clone(), which, message })
}

/// Those of `found` that `also:` does not name.
fn strange(rule: &Rule, found: &BTreeSet<RuleId>) -> BTreeSet<RuleId> {
    found.iter().filter(|id| !rule.text.also.contains(&id.0)).cloned().collect()
}

/// The rules that fire on an example, or why it cannot be filled in.
fn found(
    engine: &Engine<'_>,
    rule: &Rule,
    example: &ExampleSyntax,
    index: usize,
) -> Result<Result<BTreeSet<RuleId>, String>, DetectError> {
    let (path, template) = match example {
        ExampleSyntax::Text(text) => ("example.txt", text),
        ExampleSyntax::File { path, text } => (path.as_str(), text),
    };
    let text_rule = rule.text_rule();
    let regex = text_rule.and_then(|text| text.pattern.regex().ok());
    let check = text_rule.and_then(|text| text.checksum.as_ref()).zip(regex);
    let check = check.map(|(syntax, pattern)| Check { syntax, pattern });
    let bytes = match example::fill(template, &rule.id.0, index, check) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let change = rule.kind().eq("document").then_some(Change::Modified);
    let blob = Blob { path: path.to_owned(), commit: None, change, bytes };
    let seen = engine.blob(&blob)?;
    let (identities, _) = super::judge_all(&seen.identities, engine.setting)?;
    let findings = seen.findings.into_iter().chain(identities).collect();
    let spoken = overlap::one_voice(findings, &engine.setting.policies.rules);
    Ok(Ok(spoken.into_iter().map(|finding| finding.rule).collect()))
}

fn list(rules: &BTreeSet<RuleId>) -> String {
    rules.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}
