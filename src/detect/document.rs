//! `when:` over raw documents, and over the path and change of any file.

use serde::Serialize;

use super::judge::{JudgeError, Subject, finding};
use crate::finding::{Finding, Fingerprinter, Location, Subject as Named};
use crate::identity::Context;
use crate::policy::rule::{Detect, Rule};
use crate::policy::when::{Facts, When, WhenError};
use crate::source::Change;
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
    /// The dialect of the document and what it holds; `None` judges the file by path and change alone.
    pub content: Option<(&'d str, &'d T)>,
}

/// Judges one file, or one document of it. Rules for dialects see documents of these, the rest see files.
pub fn judge<T: Serialize + ?Sized>(
    rules: &[&Rule],
    document: Document<'_, T>,
    fingerprinter: &Fingerprinter,
) -> Result<Vec<Finding>, JudgeError> {
    let mut findings = Vec::new();
    let asked: Vec<(&Rule, &When)> =
        rules.iter().filter_map(|rule| Some((*rule, condition(rule, &document)?))).collect();
    let Some((first, _)) = asked.first() else { return Ok(findings) };
    let facts = facts(&document).map_err(JudgeError::of(first, document.path))?;
    for (rule, when) in asked {
        if when.holds(&facts).map_err(JudgeError::of(rule, document.path))? {
            let named = Named::Identity { name: document.path, part: word(document.change) };
            let subject = Subject {
                location: top(&document),
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
