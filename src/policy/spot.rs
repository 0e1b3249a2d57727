//! Where in a rule file the pattern or the expression of a rule goes wrong.
//!
//! The reader of YAML keeps no places, so the rule is looked up by its id and the value by its key, in the order
//! people write them. A value over several lines is named by its first.

use super::PolicyFile;
use super::syntax::{DetectSyntax, RuleSyntax};
use super::when::{Sees, When};
use crate::text::span::Position;

/// Line and column of the fault in the `pattern:` or `when:` of `rule`; `None` when both are sound or the text is
/// written in a way that is not seen through.
pub(super) fn of_rule(file: &PolicyFile, rule: &RuleSyntax) -> Option<(usize, usize)> {
    let (key, inside) = fault(&rule.detect)?;
    let start = file.text.find(&format!("id: {}", rule.id))?;
    let (_, body) = file.text.split_at_checked(start)?;
    let body = body.split("\n  - id:").next().unwrap_or(body);
    let value = body.find(key)? + key.len();
    let rest = body.get(value..)?;
    let blank = rest.len() - rest.trim_start_matches([' ', '\'', '"']).len();
    let at = Position::at(file.text.as_bytes(), start + value + blank);
    // A block begins on the next line, and the place inside it is that of its own lines.
    let is_block = rest.trim_start().starts_with(['|', '>']);
    let (line, column) = match (is_block, inside.line) {
        (true, line) => (at.line + line, 1),
        (false, 1) => (at.line, at.column + inside.column - 1),
        (false, _) => (at.line, at.column),
    };
    Some((line as usize, column as usize))
}

/// The key of the value that is wrong, and the place inside the value.
fn fault(detect: &DetectSyntax) -> Option<(&'static str, Position)> {
    let first = Position { line: 1, column: 1 };
    let when = |text: &str, sees| {
        let error = When::new(text, sees).err()?;
        Some(("when:", error.at().unwrap_or(first)))
    };
    match detect {
        DetectSyntax::Text(text) => {
            let at = broken_at(&text.pattern);
            let at = at.map(|at| Position::at(text.pattern.as_bytes(), at));
            let lacks = !text.pattern.contains("<secret>");
            let too_large = || super::pattern::Pattern::new(&text.pattern).regex().is_err();
            at.or_else(|| (lacks || too_large()).then_some(first)).map(|at| ("pattern:", at))
        }
        DetectSyntax::Credential(credential) => when(&credential.when, Sees::Credential),
        DetectSyntax::Identity(identity) => when(&identity.when, Sees::Identity(identity.each)),
        DetectSyntax::Document(document) => when(&document.when, Sees::Document),
    }
}

/// The byte of `pattern` at which it goes wrong; `None` when it does not, or nobody can say where.
fn broken_at(pattern: &str) -> Option<usize> {
    let parsed =
        regex_syntax::ParserBuilder::new().unicode(false).utf8(false).nest_limit(64).build().parse(pattern);
    match parsed {
        Err(regex_syntax::Error::Parse(error)) => Some(error.span().start.offset),
        Err(regex_syntax::Error::Translate(error)) => Some(error.span().start.offset),
        _ => None,
    }
}
