//! The literals a pattern cannot match without.
//!
//! The build script includes this file too, so that the built-in pack carries its literals ready made;
//! it must not import from the crate.

use regex_syntax::hir::{Class, ClassBytes, Hir, HirKind};

/// Sets above this size are no longer worth a look-up.
const MOST: usize = 64;

/// The longest literal that is kept; the rest of a longer one adds nothing to a filter.
const LONGEST: usize = 24;

/// Texts in lower case of which at least one stands in every match of `pattern`, sorted; empty when
/// there is no such set with members of three bytes or more.
///
/// # Errors
///
/// What is wrong with the pattern, in the words of its parser.
pub fn required(pattern: &str) -> Result<Vec<String>, String> {
    Ok(texts(best(&parse(pattern)?)))
}

/// Texts in lower case of which one stands in or near every match of a rule: those it names itself, or those that its
/// `pattern` requires, or those that the pattern `near` it requires.
///
/// # Errors
///
/// What is wrong with a pattern, or that there is no such text of three or more ASCII characters.
pub fn keywords(named: &[String], pattern: &str, near: Option<&str>) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = named.iter().map(|word| word.to_lowercase()).collect();
    if words.is_empty() {
        words = required(pattern).map_err(|error| format!("the pattern: {error}"))?;
    }
    if let (true, Some(near)) = (words.is_empty(), near) {
        words = required(near).map_err(|error| format!("`near`: {error}"))?;
    }
    if words.is_empty() {
        return Err("no text of three or more bytes stands in every match; add `keywords`".to_owned());
    }
    match words.iter().find(|word| word.len() < 3 || !word.is_ascii()) {
        Some(short) => Err(format!("the keyword `{short}` is not three or more ASCII characters")),
        None => Ok(words),
    }
}

/// Texts as of [`required`], of which at least one stands in the name that every match begins with; empty when no
/// such set is known.
///
/// The name is a group `key` that begins with up to [`NAME`] bytes of any name and has at most one blank. So a match
/// begins where the name does that the text stands in, or one word before.
///
/// # Errors
///
/// As [`required`].
pub fn of_name(pattern: &str) -> Result<Vec<String>, String> {
    let hir = parse(pattern)?;
    Ok(name(&hir).map(|rest| texts(best_of_sequence(rest))).unwrap_or_default())
}

fn texts(set: Option<Vec<Vec<u8>>>) -> Vec<String> {
    let mut set = set.unwrap_or_default();
    if set.iter().any(|literal| literal.len() < 3) {
        return Vec::new();
    }
    for literal in &mut set {
        literal.truncate(LONGEST);
    }
    let mut texts: Vec<String> =
        set.into_iter().filter_map(|literal| String::from_utf8(literal).ok()).collect();
    texts.sort();
    texts.dedup();
    texts
}

/// How far a match can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The most bytes a match can have; `None` without a bound.
    pub longest: Option<usize>,
    /// Whether a match lies in one line, but for one byte before it and one behind it.
    pub in_line: bool,
}

/// The most bytes of a name before what tells that it is one of a secret.
pub const NAME: usize = 48;

/// Whether the byte can stand in a name; a pattern says `[0-9A-Za-z_.$-]`.
pub const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b'-')
}

/// How far a match of `pattern` can go.
pub fn reach(pattern: &Hir) -> Reach {
    Reach { longest: pattern.properties().maximum_len(), in_line: is_in_line(pattern) }
}

/// What stands in the name of a match behind the bytes of any name it begins with, where it is such a one.
fn name(hir: &Hir) -> Option<&[Hir]> {
    let HirKind::Concat(parts) = hir.kind() else { return None };
    let HirKind::Capture(key) = parts.first()?.kind() else { return None };
    let HirKind::Concat(parts) = key.sub.kind() else { return None };
    let (lead, rest) = parts.split_first()?;
    let HirKind::Repetition(name) = lead.kind() else { return None };
    let HirKind::Class(Class::Bytes(class)) = name.sub.kind() else { return None };
    let is_class = (0..=u8::MAX).all(|byte| is_of_name(byte) == holds(class, byte));
    let is_whole = name.min == 0 && name.max.is_some_and(|max| max as usize == NAME) && name.greedy;
    let blanks: usize = rest.iter().map(|part| blanks(part).unwrap_or(2)).sum();
    (key.name.as_deref() == Some("key") && is_class && is_whole && blanks <= 1).then_some(rest)
}

/// The most blanks among bytes of a name; `None` without a bound, or where other bytes may stand.
fn blanks(hir: &Hir) -> Option<usize> {
    let of_byte = |byte: u8| if byte == b' ' { Some(1) } else { is_of_name(byte).then_some(0) };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(0),
        HirKind::Literal(literal) => literal.0.iter().map(|byte| of_byte(*byte)).sum(),
        HirKind::Class(Class::Bytes(class)) => {
            let all: Option<Vec<usize>> =
                (0..=u8::MAX).filter(|byte| holds(class, *byte)).map(of_byte).collect();
            all?.into_iter().max()
        }
        HirKind::Class(Class::Unicode(_)) => None,
        HirKind::Repetition(repetition) => match blanks(&repetition.sub)? {
            0 => Some(0),
            some => some.checked_mul(repetition.max? as usize),
        },
        HirKind::Capture(capture) => blanks(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().map(blanks).try_fold(0, |sum: usize, one| sum.checked_add(one?))
        }
        HirKind::Alternation(parts) => {
            parts.iter().map(blanks).collect::<Option<Vec<usize>>>()?.into_iter().max()
        }
    }
}

fn holds(class: &ClassBytes, byte: u8) -> bool {
    class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&byte))
}

/// Whether a line feed can be the first or the last byte of a match and no other.
fn is_in_line(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Concat(parts) => {
            let last = parts.len() - 1;
            let is_edge = |at: usize, part: &Hir| {
                (at == 0 || at == last) && part.properties().maximum_len().is_some_and(|most| most <= 1)
            };
            parts.iter().enumerate().all(|(at, part)| is_edge(at, part) || !has_line_feed(part))
        }
        _ => !has_line_feed(hir),
    }
}

/// Whether a line feed may be part of a match.
fn has_line_feed(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&b'\n'),
        HirKind::Class(Class::Bytes(class)) => holds(class, b'\n'),
        HirKind::Class(Class::Unicode(_)) => true,
        HirKind::Repetition(repetition) => has_line_feed(&repetition.sub),
        HirKind::Capture(capture) => has_line_feed(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(has_line_feed),
    }
}

/// Reads a pattern as the engine does.
///
/// # Errors
///
/// As [`required`].
pub fn parse(pattern: &str) -> Result<Hir, String> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .nest_limit(64)
        .build()
        .parse(pattern)
        .map_err(|error| match error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            other => other.to_string(),
        })
}

/// The most telling set of which one member stands in every match.
fn best(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    if let Some(set) = exact(hir)
        && set.iter().all(|literal| !literal.is_empty())
    {
        return Some(set);
    }
    match hir.kind() {
        HirKind::Capture(capture) => best(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => best(&repetition.sub),
        HirKind::Alternation(branches) => {
            let sets: Option<Vec<_>> = branches.iter().map(best).collect();
            let union: Vec<_> = sets?.into_iter().flatten().collect();
            (union.len() <= MOST).then_some(union)
        }
        HirKind::Concat(parts) => best_of_sequence(parts),
        _ => None,
    }
}

/// Joins neighbours that are exact into runs, and takes the best run or the best part.
fn best_of_sequence(parts: &[Hir]) -> Option<Vec<Vec<u8>>> {
    let mut candidates: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut run: Vec<Vec<u8>> = vec![Vec::new()];
    for part in parts {
        if let Some(longer) = exact(part).and_then(|set| product(&run, &set)) {
            run = longer;
        } else {
            candidates.push(std::mem::replace(&mut run, vec![Vec::new()]));
            candidates.extend(best(part));
        }
    }
    candidates.push(run);
    candidates
        .into_iter()
        .filter(|set| set.iter().all(|literal| !literal.is_empty()))
        .max_by_key(|set| worth(set))
}

/// Longer is better, up to where a literal is telling enough; then fewer.
fn worth(set: &[Vec<u8>]) -> (usize, std::cmp::Reverse<usize>, usize) {
    let shortest = set.iter().map(Vec::len).min().unwrap_or_default();
    (shortest.min(5), std::cmp::Reverse(set.len()), shortest)
}

/// Every text the expression can match, when there are few and all are finite.
fn exact(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => Some(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => exact_class(class),
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(vec![Vec::new()], |run, part| product(&run, &exact(part)?))
        }
        HirKind::Alternation(branches) => {
            let sets: Option<Vec<_>> = branches.iter().map(exact).collect();
            let mut union: Vec<_> = sets?.into_iter().flatten().collect();
            union.sort();
            union.dedup();
            (union.len() <= MOST).then_some(union)
        }
        HirKind::Repetition(repetition) => {
            let max = repetition.max?;
            if max > 3 {
                return None;
            }
            let one = exact(&repetition.sub)?;
            let mut all = Vec::new();
            let mut run = vec![Vec::new()];
            for count in 0..=max {
                if count >= repetition.min {
                    all.extend(run.iter().cloned());
                }
                run = product(&run, &one)?;
            }
            all.sort();
            all.dedup();
            (all.len() <= MOST).then_some(all)
        }
    }
}

fn exact_class(class: &Class) -> Option<Vec<Vec<u8>>> {
    let Class::Bytes(class) = class else { return None };
    let mut bytes = Vec::new();
    for range in class.ranges() {
        for byte in range.start()..=range.end() {
            bytes.push(vec![byte.to_ascii_lowercase()]);
            if bytes.len() > 16 {
                return None;
            }
        }
    }
    bytes.sort();
    bytes.dedup();
    (bytes.len() <= 4).then_some(bytes)
}

fn product(left: &[Vec<u8>], right: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if left.len() * right.len() > MOST {
        return None;
    }
    Some(
        left.iter().flat_map(|head| right.iter().map(move |tail| [head.as_slice(), tail].concat())).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_literals_of_a_pattern_are_those_no_match_lacks() {
        for (pattern, literals) in [
            (r"\b(?<secret>ghp_[0-9A-Za-z]{36})\b", vec!["ghp_"]),
            (r"(?i)acme[_-]key", vec!["acme-key", "acme_key"]),
            (r"[0-9]{3}(?:alpha|beta)[0-9]+", vec!["alpha", "beta"]),
            (r"(?:foo)?[0-9a-f]{32}", vec![]),
            (r"a(?:bc|d)?xyz", vec!["abcxyz", "adxyz", "axyz"]),
            (r"(?:left|[0-9]+)", vec![]),
            (r"sk_(live|test)_[0-9]{3}", vec!["sk_live_", "sk_test_"]),
            (r"[0-9]+T3BlbkFJ[0-9]+", vec!["t3blbkfj"]),
        ] {
            assert_eq!(
                required(pattern),
                Ok(literals.iter().map(ToString::to_string).collect()),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_match_lies_in_one_line_where_only_its_edges_can_be_a_line_feed() {
        for (pattern, longest, in_line) in [
            (r"ghp_[0-9A-Za-z]{36}", Some(40), true),
            (r"\bghp_(?<secret>[0-9]{2})(?:[^0-9]|$)", Some(7), true),
            (r"[^0-9]ghp_[0-9]{2}", Some(7), true),
            (r"key\s*=[0-9]{2}", None, false),
            (r"key[ \t]{0,3}=[^\n\r]{2}", Some(9), true),
            (r"key=[^ ]{2}", Some(6), false),
            (r"(?s)a.b", Some(3), false),
            (r"a\nb", Some(3), false),
            (r"[^a]", Some(1), false),
        ] {
            let reach = reach(&parse(pattern).unwrap());
            assert_eq!((reach.longest, reach.in_line), (longest, in_line), "{pattern}");
        }
    }

    #[test]
    fn the_literals_of_a_name_are_known_where_the_pattern_begins_with_one() {
        for (pattern, literals) in [
            (r"(?<key>[0-9A-Za-z_.$-]{0,48}pass)=(?<secret>x)", &["pass"][..]),
            (
                r"(?i)(?<key>[0-9a-z_.$-]{0,48}(?:pass|api[ _]?key)[a-z]{0,9})=x",
                &["api key", "api_key", "apikey", "pass"],
            ),
            (r"(?<key>[0-9A-Za-z_.$-]{0,48}key)=(?<secret>token)", &["key"]),
            (r"(?<key>[0-9A-Za-z_.$-]{0,48}(?:an old key))=(?<secret>x)", &[]),
            (r"(?<key>[0-9A-Za-z_.$-]{0,48}(?:a|b)[ a-z]{0,9}key)=(?<secret>x)", &[]),
            (r"(?<key>[0-9A-Za-z_.$-]{0,48}a/key)=(?<secret>x)", &[]),
            (r"(?<key>[0-9A-Za-z_.$-]{0,32}pass)=(?<secret>x)", &[]),
            (r"(?<key>[0-9A-Za-z_.-]{0,48}pass)=(?<secret>x)", &[]),
            (r"x(?<key>[0-9A-Za-z_.$-]{0,48}pass)=(?<secret>x)", &[]),
            (r"(?<name>[0-9A-Za-z_.$-]{0,48}pass)=(?<secret>x)", &[]),
        ] {
            assert_eq!(of_name(pattern).unwrap(), literals, "{pattern}");
        }
    }

    #[test]
    fn a_bad_pattern_is_an_error_in_words() {
        assert!(required("(").is_err());
        assert!(required(r"(?=x)").is_err());
    }
}
