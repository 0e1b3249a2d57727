//! Names that hide each other: equal where a file system folds case or Unicode form.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::finding::{Gap, Reason};
use crate::text::safe;

/// Letters with one mark, as `letter mark composed...` by mark. Lower case is enough: names are folded first.
///
/// Source: Unicode 16.0, `UnicodeData.txt`, canonical decompositions of U+00E0 to U+017E.
const COMPOSED: &[(char, &str)] = &[
    ('\u{300}', "aàeèiìoòuùnǹ"),
    ('\u{301}', "aáeéiíoóuúyýcćlĺnńrŕsśzź"),
    ('\u{302}', "aâeêiîoôuûcĉgĝhĥjĵsŝwŵyŷ"),
    ('\u{303}', "aãnñoõiĩuũ"),
    ('\u{304}', "aāeēiīoōuū"),
    ('\u{306}', "aăeĕgğiĭoŏuŭ"),
    ('\u{307}', "cċeėgġzż"),
    ('\u{308}', "aäeëiïoöuüyÿ"),
    ('\u{30a}', "aåuů"),
    ('\u{30b}', "oőuű"),
    ('\u{30c}', "cčdďeěnňrřsštťzžlľ"),
    ('\u{327}', "cçgģkķlļnņrŗsştţ"),
    ('\u{328}', "aąeęiįuų"),
];

/// A gap for every path that would land on an earlier one with another content.
///
/// `paths` are (path, what its content is called). Case is folded by Unicode's lower case; of the forms, the Latin
/// letters of Europe and the Korean syllables are taken apart.
pub(super) fn collisions<'a>(paths: impl Iterator<Item = (&'a [u8], &'a str)>) -> Vec<Gap> {
    let mut seen: HashMap<Vec<u8>, (&[u8], &str)> = HashMap::new();
    let mut gaps = Vec::new();
    for (path, content) in paths {
        match seen.entry(folded(path)) {
            Entry::Vacant(entry) => {
                entry.insert((path, content));
            }
            Entry::Occupied(entry) => {
                let (first, other) = *entry.get();
                if first != path && other != content {
                    gaps.push(gap(path, first));
                }
            }
        }
    }
    gaps
}

fn gap(path: &[u8], first: &[u8]) -> Gap {
    let first = safe::terminal(&String::from_utf8_lossy(first));
    Gap {
        path: String::from_utf8_lossy(path).into_owned(),
        reason: Reason::Name,
        detail: format!("lands on `{first}` where a file system folds case or Unicode form"),
    }
}

fn folded(path: &[u8]) -> Vec<u8> {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    let Ok(text) = std::str::from_utf8(path) else { return path.to_vec() };
    let mut out = String::with_capacity(path.len() + 8);
    for letter in text.chars().flat_map(char::to_lowercase) {
        take_apart(letter, &mut out);
    }
    out.into_bytes()
}

fn take_apart(letter: char, out: &mut String) {
    let code = u32::from(letter);
    if let Some(syllable) = code.checked_sub(0xac00).filter(|syllable| *syllable < 11_172) {
        // Source: The Unicode Standard, section 3.12, "Hangul Syllable Decomposition".
        let parts = [0x1100 + syllable / 588, 0x1161 + syllable % 588 / 28, 0x11a7 + syllable % 28];
        let last = if syllable % 28 == 0 { 2 } else { 3 };
        out.extend(parts.into_iter().take(last).filter_map(char::from_u32));
        return;
    }
    for (mark, table) in COMPOSED {
        let mut letters = table.chars();
        while let (Some(base), Some(composed)) = (letters.next(), letters.next()) {
            if composed == letter {
                out.extend([base, *mark]);
                return;
            }
        }
    }
    out.push(letter);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d8_names_that_differ_in_case_or_form_collide() {
        let paths = [
            ("Config.yaml", "1"),
            ("a/É.txt", "2"),
            ("a/e\u{301}.txt", "3"),
            ("config.yaml", "4"),
            ("other", "5"),
            ("한", "6"),
            ("\u{1112}\u{1161}\u{11ab}", "7"),
            ("same.txt", "8"),
            ("SAME.txt", "8"),
        ];
        let gaps = collisions(paths.iter().map(|(path, id)| (path.as_bytes(), *id)));
        let named: Vec<&str> = gaps.iter().map(|gap| gap.path.as_str()).collect();
        assert_eq!(named, ["a/e\u{301}.txt", "config.yaml", "\u{1112}\u{1161}\u{11ab}"]);
    }

    #[test]
    fn the_table_has_a_letter_for_every_composed_one() {
        for (mark, table) in COMPOSED {
            assert_eq!(table.chars().count() % 2, 0, "{mark:?}");
            assert!(table.chars().step_by(2).all(|letter| letter.is_ascii_lowercase()), "{mark:?}");
            assert!(!table.chars().skip(1).step_by(2).any(|letter| letter.is_ascii()), "{mark:?}");
        }
    }
}
