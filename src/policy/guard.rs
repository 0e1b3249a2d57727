//! What a condition asks before all else, read without compiling it: most rules over identities are about another
//! platform or another setting than the one at hand.
//!
//! ```text
//! identity.platform == "claude-code" && setting.name in ["a", "b"] && setting.value == "true" && …
//! ~~~~~~~~~~~~~~ guard ~~~~~~~~~~~~~    ~~~~~~~~~ guard ~~~~~~~~~~    ~~~~~~~~~ guard ~~~~~~~~~
//! ```

use crate::identity::{Grant, wildcard};

/// A field that must be one of some words; no other answer than false is possible where it is another word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guard {
    /// Such as `identity`.
    pub(super) variable: String,
    /// Such as `platform`.
    pub(super) field: String,
    pub(super) words: Vec<String>,
}

/// The guards that `expression` begins with, in its order; none where it is not made of parts joined by `&&`.
pub(super) fn guards(expression: &str) -> Vec<Guard> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some((guard, behind)) = guard(rest) {
        let next = behind.strip_prefix("&&");
        if next.is_none() && !behind.is_empty() {
            break;
        }
        found.push(guard);
        rest = next.unwrap_or_default();
    }
    if is_conjunction(expression) { found } else { Vec::new() }
}

/// `variable.field == "word"` or `variable.field in ["word", "word"]`, and what stands behind it and white space.
fn guard(text: &str) -> Option<(Guard, &str)> {
    let (variable, rest) = name(text.trim_start())?;
    let (field, rest) = name(rest.strip_prefix('.')?)?;
    let rest = rest.trim_start();
    let (words, rest) = if let Some(rest) = rest.strip_prefix("==") {
        let (word, rest) = word(rest.trim_start())?;
        (vec![word.to_owned()], rest)
    } else {
        let (list, rest) = rest.strip_prefix("in ")?.trim_start().strip_prefix('[')?.split_once(']')?;
        let words = list.split(',').map(|item| word(item.trim()).filter(|(_, rest)| rest.is_empty()));
        (words.map(|item| Some(item?.0.to_owned())).collect::<Option<_>>()?, rest)
    };
    let (variable, field) = (variable.to_owned(), field.to_owned());
    Some((Guard { variable, field, words }, rest.trim_start()))
}

/// A question whether a grant allows something, with all its words written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    actions: Vec<String>,
    /// `None` for any at all.
    resources: Option<Vec<String>>,
    groups: Vec<String>,
}

impl Ask {
    /// What `allows(grant, ...)` answers.
    pub(super) fn holds(&self, grant: &Grant) -> bool {
        self.actions.iter().any(|action| match &self.resources {
            None => wildcard::allows_somewhere(grant, action),
            Some(resources) => resources.iter().any(|resource| {
                self.groups.iter().any(|group| wildcard::allows(grant, action, resource, group))
            }),
        })
    }
}

/// Parts that `expression` joins by `&&`, each a list of questions of which one must hold.
///
/// What stands behind an index is left out: it may have no answer, and then nothing behind it is asked.
pub(super) fn asks(expression: &str) -> Vec<Vec<Ask>> {
    if !is_conjunction(expression) {
        return Vec::new();
    }
    let parts = split(expression, "&&");
    let certain = parts.into_iter().take_while(|part| !has_index(part));
    certain.filter_map(|part| any_of(part.trim())).collect()
}

fn any_of(part: &str) -> Option<Vec<Ask>> {
    let inside = part.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let inside = inside.filter(|inside| split(inside, "||").iter().all(|one| balanced(one)));
    split(inside.unwrap_or(part), "||").into_iter().map(|one| ask(one.trim())).collect()
}

/// `allows(grant, words, words, words)`, the last two left out or not.
fn ask(text: &str) -> Option<Ask> {
    let arguments = text.strip_prefix("allows(")?.strip_suffix(')').filter(|inside| balanced(inside))?;
    let arguments = split(arguments, ",");
    let [grant, actions, rest @ ..] = arguments.as_slice() else { return None };
    let resources = rest.first().map(|text| words(text)).map_or(Some(None), |words| words.map(Some))?;
    let groups = rest.get(1).map_or_else(|| Some(vec![String::new()]), |text| words(text))?;
    (grant.trim() == "grant" && rest.len() <= 2).then_some(Ask {
        actions: words(actions)?,
        resources,
        groups,
    })
}

/// A word in quotes, or a list of them.
fn words(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    let list = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let items = list.map_or_else(|| vec![text], |list| split(list, ","));
    let whole =
        |item: &str| word(item.trim()).filter(|(_, rest)| rest.is_empty()).map(|(word, _)| word.to_owned());
    items.into_iter().map(whole).collect()
}

/// The parts of `text` between `mark`s that stand in no bracket and no quotes.
fn split<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let (mut parts, mut from, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            _ if depth == 0 && at >= from && text.get(at..).is_some_and(|rest| rest.starts_with(mark)) => {
                parts.extend(text.get(from..at));
                from = at + mark.len();
            }
            _ => {}
        }
    }
    parts.extend(text.get(from..));
    parts
}

fn balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    text.chars().all(|letter| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        depth >= 0
    }) && depth == 0
}

/// Whether something is looked up by its place: `list[0]`, `map["key"]`.
fn has_index(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    letters
        .windows(2)
        .any(|pair| matches!(pair, [before, '['] if before.is_alphanumeric() || "_)]".contains(*before)))
}

fn name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
    text.split_at_checked(end).filter(|(name, _)| !name.is_empty())
}

/// A text in quotes without any escape.
fn word(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| "\"'".contains(*quote))?;
    let (word, rest) = text.get(1..)?.split_once(quote)?;
    (!word.contains(['\\', ',', ']']) && !rest.starts_with(quote)).then_some((word, rest))
}

/// Whether no `||` and no `?` joins the parts of `expression`, as far as can be told without a parser.
fn is_conjunction(expression: &str) -> bool {
    let mut depth = 0_i32;
    let mut quote = None;
    let mut before = ' ';
    let mut letters = expression.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => drop(letters.next()),
            (Some(open), _) if open == letter => quote = None,
            // A text marked as raw, or in three quotes, ends otherwise.
            (None, '"' | '\'') if before.is_ascii_alphanumeric() || "\"'".contains(before) => return false,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, '|' | '?') if depth == 0 => return false,
            // A comment could hold any of these.
            (None, '/') => return false,
            _ => {}
        }
        before = letter;
    }
    quote.is_none() && depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_questions_about_a_grant_are_read_and_no_others() {
        for (text, expected) in [
            ("allows(grant, 'get', 'secrets')", 1),
            ("a == 'b' && (allows(grant, ['get', 'list'], 'pods', 'x') || allows(grant, 'create'))", 1),
            ("allows(grant, '*', '*', '*') && allows(grant, 'get')", 2),
            ("!allows(grant, '*', '*', '*')", 0),
            ("(allows(grant, 'get') || a)", 0),
            ("(allows(grant, 'get') && a)", 0),
            ("(allows(grant, 'get')) || (a)", 0),
            ("allows(g, 'get')", 0),
            ("allows(grant, a)", 0),
            ("allows(grant, 'get', 'a', 'b', 'c')", 0),
            ("a[0] == 'b' && allows(grant, 'get')", 0),
            ("allows(grant, 'get') || a", 0),
            ("allows(grant, 'get') == false", 0),
        ] {
            assert_eq!(asks(text).len(), expected, "{text}");
        }
    }

    #[test]
    fn the_first_questions_of_a_condition_are_its_guards() {
        for (text, expected) in [
            ("identity.kind == \"agent\"", "identity.kind: agent"),
            ("a.b == 'c' && d.e in [\"f\", 'g']\n  && h.startsWith(\"i\")", "a.b: c; d.e: f g"),
            ("a.b == 'c' && (d || e)", "a.b: c"),
            ("a.b == 'x|y?' && c", "a.b: x|y?"),
            ("a.b == 'c' && d || e", ""),
            ("a.b == 'c' ? d : e", ""),
            ("a.b == 'c' // || d\n", ""),
            ("a.b == 'c' && d == r'\\' || e == '\\''", ""),
            ("a.b == 'c' + 'd'", ""),
            ("a.b == 'c' == true", ""),
            ("a.b == '''c'''", ""),
            ("a.b == 'c\\n'", ""),
            ("a.b in ['c', d]", ""),
            ("a.b in ['c,d', 'e']", ""),
            ("a.b in []", ""),
            ("a.b.c == 'd'", ""),
            ("a.b != 'c'", ""),
            ("a.b == c", ""),
            ("!(a.b == 'c')", ""),
            ("a == 'b'", ""),
            ("", ""),
        ] {
            let shown = |one: &Guard| format!("{}.{}: {}", one.variable, one.field, one.words.join(" "));
            let found: Vec<String> = guards(text).iter().map(shown).collect();
            assert_eq!(found.join("; "), expected, "{text}");
        }
    }
}
