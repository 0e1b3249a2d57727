//! `when:` over raw documents, and over the path and change of any file.

use serde::Serialize;

use super::judge::{JudgeError, Subject, finding};
use crate::finding::{Finding, Fingerprinter, Location, Subject as Named};
use crate::identity::Context;
use crate::policy::rule::{Detect, Rule};
use crate::policy::when::{Facts, When, WhenError};
use crate::source::Change;
use crate::text::hash;
use crate::text::span::{Position, Span};

/// One file or document as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Document<'d, T: Serialize + ?Sized> {
    /// Path relative to the scanned root.
    pub path: &'d str,
    /// The commit whose version was read.
    pub commit: Option<&'d str>,
    /// What the change under judgement does to the file.
    pub change: Option<Change>,
    /// Where in the tree the file stands.
    pub context: Context,
    /// The whole file as stored; empty when it was deleted.
    pub bytes: &'d [u8],
    /// The dialect of the document and what it holds; `None` judges the file by path and change alone.
    pub content: Option<(&'d str, &'d T)>,
}

/// Judges one file, or one document of it. Rules for dialects see documents of these, the rest see files.
pub fn judge<T: Serialize + ?Sized>(
    rules: &[&Rule],
    document: &Document<'_, T>,
    fingerprinter: &Fingerprinter,
) -> Result<Vec<Finding>, JudgeError> {
    let mut findings = Vec::new();
    let asked: Vec<(&Rule, &When)> =
        rules.iter().filter_map(|rule| Some((*rule, condition(rule, document)?))).collect();
    let Some((first, _)) = asked.first() else { return Ok(findings) };
    let facts = facts(document).map_err(JudgeError::of(first, document.path))?;
    for (rule, when) in asked {
        if when.holds(&facts).map_err(JudgeError::of(rule, document.path))? {
            let part = part(document);
            let named = Named::Identity { name: document.path, part: &part };
            let subject = Subject {
                location: top(document),
                detail: word(document.change).to_owned(),
                name: fingerprinter.of(&rule.id.0, named),
                identity: None,
                related: Vec::new(),
                facts: Vec::new(),
            };
            findings.push(finding(rule, subject, document.context));
        }
    }
    Ok(findings)
}

fn condition<'r, T: Serialize + ?Sized>(rule: &'r Rule, document: &Document<'_, T>) -> Option<&'r When> {
    let Detect::Document { dialects, when } = &rule.detect else { return None };
    let meant = match document.content {
        Some((dialect, _)) => dialects.iter().any(|one| one == dialect),
        None => dialects.is_empty(),
    };
    meant.then_some(when)
}

fn facts<T: Serialize + ?Sized>(document: &Document<'_, T>) -> Result<Facts, WhenError> {
    let mut facts = Facts::new();
    facts.set("path", document.path)?;
    facts.set("change", word(document.change))?;
    match document.content {
        Some((_, content)) => facts.set("document", content)?,
        None => facts.set("document", &())?,
    }
    Ok(facts)
}

/// What names the finding within its file. A finding about the file as such covers its exact content: leave
/// for one change of the gate's own files is no leave for the next.
fn part<T: Serialize + ?Sized>(document: &Document<'_, T>) -> String {
    match document.content {
        Some((dialect, _)) => format!("document {dialect}"),
        None => format!("file {} {}", word(document.change), hash::digest(document.bytes)),
    }
}

const fn word(change: Option<Change>) -> &'static str {
    match change {
        None => "",
        Some(Change::Added) => "added",
        Some(Change::Modified) => "modified",
        Some(Change::Deleted) => "deleted",
    }
}

fn top<T: Serialize + ?Sized>(document: &Document<'_, T>) -> Location {
    let start = Position { line: 1, column: 1 };
    Location {
        path: document.path.to_owned(),
        start,
        end: start,
        span: Span::default(),
        commit: document.commit.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::syntax::RuleFile;

    fn rule(detect: &str) -> Rule {
        let text = format!(
            "rules:\n  - id: r\n    title: t\n    severity: critical\n    detect: {detect}\n    why: w\n    fix: f\n    source: s\n"
        );
        let mut file: RuleFile = serde_yaml::from_str(&text).unwrap();
        Rule::new(file.rules.remove(0), crate::finding::Family::Privilege, "").unwrap()
    }

    fn found(rule: &Rule, path: &str, change: Option<Change>, bytes: &[u8]) -> Vec<Finding> {
        let document: Document<'_, ()> =
            Document { path, commit: None, change, context: Context::Live, bytes, content: None };
        judge(&[rule], &document, &Fingerprinter::default()).unwrap()
    }

    #[test]
    fn a_change_of_a_file_is_named_by_what_it_brings() {
        let rule = rule("{document: {when: 'path == \"a\" && change == \"modified\"'}}");
        let first = found(&rule, "a", Some(Change::Modified), b"1").remove(0);
        let second = found(&rule, "a", Some(Change::Modified), b"2").remove(0);
        assert_ne!(first.fingerprint, second.fingerprint, "leave for one content is no leave for another");
        assert_eq!(found(&rule, "a", None, b"1"), vec![]);
        assert_eq!(found(&rule, "b", Some(Change::Modified), b"1"), vec![]);
    }

    #[test]
    fn a_rule_for_a_dialect_sees_its_documents_and_no_other_file() {
        let rule = rule("{document: {dialects: [mcp], when: 'document.servers > 1'}}");
        let content = serde_json::json!({"servers": 2});
        let judged = |dialect| {
            let content = Some((dialect, &content));
            let document = Document {
                path: "a",
                commit: None,
                change: None,
                context: Context::Docs,
                bytes: b"",
                content,
            };
            judge(&[&rule], &document, &Fingerprinter::default()).unwrap()
        };
        assert_eq!(judged("mcp").len(), 1);
        assert_eq!(
            judged("mcp")[0].severity,
            crate::finding::Severity::High,
            "documentation is one level lower"
        );
        assert_eq!(judged("kubernetes"), vec![]);
        assert_eq!(found(&rule, "a", Some(Change::Added), b""), vec![]);
    }

    #[test]
    fn a_field_that_is_not_there_is_no_decision() {
        let rule = rule("{document: {dialects: [mcp], when: 'document.servers > 1'}}");
        let content = serde_json::json!({"other": "value-of-the-file"});
        let content = Some(("mcp", &content));
        let document =
            Document { path: "a", commit: None, change: None, context: Context::Live, bytes: b"", content };
        let error = judge(&[&rule], &document, &Fingerprinter::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            "rule `r` cannot be decided for `a`: the expression has no answer: a field it asks for is not there"
        );
    }
}
