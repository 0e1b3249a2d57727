//! The literals a pattern cannot match without.
//!
//! The build script includes this file too, so that the built-in pack carries its literals ready made;
//! it must not import from the crate.

use regex_syntax::hir::{Class, Hir, HirKind};

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
    let hir = parse(pattern)?;
    let mut set = best(&hir).unwrap_or_default();
    if set.iter().any(|literal| literal.len() < 3) {
        return Ok(Vec::new());
    }
    for literal in &mut set {
        literal.truncate(LONGEST);
    }
    let mut texts: Vec<String> =
        set.into_iter().filter_map(|literal| String::from_utf8(literal).ok()).collect();
    texts.sort();
    texts.dedup();
    Ok(texts)
}

/// The most bytes a match of `pattern` can have; `None` without a bound.
///
/// # Errors
///
/// As [`required`].
pub fn longest_match(pattern: &str) -> Result<Option<usize>, String> {
    Ok(parse(pattern)?.properties().maximum_len())
}

fn parse(pattern: &str) -> Result<Hir, String> {
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
    fn a_bad_pattern_is_an_error_in_words() {
        assert!(required("(").is_err());
        assert!(required(r"(?=x)").is_err());
    }
}
