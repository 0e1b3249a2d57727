//! What a condition asks before all else, read without compiling it: most rules over identities are about another
//! platform or another setting than the one at hand.
//!
//! ```text
//! identity.platform == "claude-code" && setting.name in ["a", "b"] && setting.value == "true" && …
//! ~~~~~~~~~~~~~~ guard ~~~~~~~~~~~~~    ~~~~~~~~~ guard ~~~~~~~~~~    ~~~~~~~~~ guard ~~~~~~~~~
//! ```

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
