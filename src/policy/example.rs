//! Examples and look-alikes: texts whose secrets are made up when they are needed.
//!
//! ```text
//! {alnum:32}     32 letters and digits; so hex HEX upper lower digits lowernum uppernum b32 b64 b64u word base58,
//!                bech32 (upper case)
//! {uuid}         8-4-4-4-12 hex digits
//! {der:118}      base64 of a DER sequence of 118 bytes that begins like a private key
//! {sealed:118}   the same that begins like an encrypted one
//! {checksum:6}   the check digits of the rule's own check over what its pattern matched
//! \{             a brace that opens no placeholder
//! ```
//!
//! So no whole token is ever committed, not even a false one. The same rule and index give the same text.

use regex::bytes::Regex;

use super::syntax::ChecksumSyntax;
use crate::text::digits::{self, Algorithm, Encoding};

/// Why an example cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExampleError {
    /// No placeholder of that name.
    #[error("`{{{0}}}` is no placeholder; write `\\{{` for a plain brace")]
    Unknown(String),
    /// A length that is no number from 1 to 10000.
    #[error("`{{{0}}}` has a length that is not between 1 and 10000")]
    Length(String),
    /// Check digits are asked for where the rule has none.
    #[error("`{{checksum:..}}` stands in an example of a rule without check digits")]
    NoCheck,
    /// The pattern does not match, so nobody knows what the digits are computed over.
    #[error("the pattern does not match around `{{checksum:..}}`, or its width is not that of the check")]
    NoMatch,
}

/// What check digits are computed with: the check of the rule and its compiled pattern.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// The check.
    pub syntax: &'a ChecksumSyntax,
    /// The pattern whose groups the check names.
    pub pattern: &'a Regex,
}

/// Fills the placeholders of `template`, the same way for the same `seed` (a rule id) and `index`.
///
/// A random run begins and ends with a letter or digit, so that word boundaries hold.
pub fn fill(
    template: &str,
    seed: &str,
    index: usize,
    check: Option<Check<'_>>,
) -> Result<Vec<u8>, ExampleError> {
    let mut random = SplitMix::seeded(seed, index);
    let mut text = Vec::new();
    let mut pending = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        if let Some(plain) = before.strip_suffix('\\') {
            text.extend_from_slice(plain.as_bytes());
            text.push(b'{');
            rest = from.get(1..).unwrap_or_default();
            continue;
        }
        text.extend_from_slice(before.as_bytes());
        let Some((placeholder, after)) = placeholder(from) else {
            text.push(b'{');
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        rest = after;
        if let Some(width) = placeholder.strip_prefix("checksum:") {
            let width = length(placeholder, width)?;
            let filler = check
                .and_then(|check| Encoding::named(check.syntax.encoding.as_deref()?))
                .ok_or(ExampleError::NoCheck)?;
            pending.push(text.len());
            text.resize(text.len() + width, filler.filler());
        } else {
            text.extend(run(placeholder, &mut random)?);
        }
    }
    text.extend_from_slice(rest.as_bytes());
    match check {
        Some(check) if !pending.is_empty() => sign(text, &pending, check),
        _ => Ok(text),
    }
}

/// The inside of a placeholder at the start of `text`, and what follows it; `None` for a plain brace.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (inside, after) = text.strip_prefix('{')?.split_once('}')?;
    let known = match inside.split_once(':') {
        Some((name, count)) => {
            name.starts_with(|letter: char| letter.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && !count.is_empty()
                && count.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => inside == "uuid",
    };
    known.then_some((inside, after))
}

fn length(placeholder: &str, count: &str) -> Result<usize, ExampleError> {
    match count.parse() {
        Ok(count @ 1..=10_000) => Ok(count),
        _ => Err(ExampleError::Length(placeholder.to_owned())),
    }
}

const ALNUM: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn run(placeholder: &str, random: &mut SplitMix) -> Result<Vec<u8>, ExampleError> {
    let Some((name, count)) = placeholder.split_once(':') else { return Ok(uuid(random)) };
    let count = length(placeholder, count)?;
    let (alphabet, extra): (&[u8], &[u8]) = match name {
        "alnum" => (ALNUM, b""),
        "word" => (ALNUM, b"_"),
        "b64" => (ALNUM, b"+/"),
        "b64u" => (ALNUM, b"-_"),
        "hex" => (b"0123456789abcdef", b""),
        "HEX" => (b"0123456789ABCDEF", b""),
        "upper" => (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b""),
        "lower" => (b"abcdefghijklmnopqrstuvwxyz", b""),
        "digits" => (b"0123456789", b""),
        "lowernum" => (b"0123456789abcdefghijklmnopqrstuvwxyz", b""),
        "uppernum" => (b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", b""),
        "b32" => (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b""),
        "bech32" => (b"ACDEFGHJKLMNPQRSTUVWXYZ023456789", b""),
        "base58" => (b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", b""),
        "der" => return Ok(der(count, 2, random)),
        "sealed" => return Ok(der(count, 0x30, random)),
        _ => return Err(ExampleError::Unknown(placeholder.to_owned())),
    };
    let all = [alphabet, extra].concat();
    Ok((0..count).map(|at| random.pick(if at == 0 || at + 1 == count { alphabet } else { &all })).collect())
}

fn uuid(random: &mut SplitMix) -> Vec<u8> {
    let groups: Vec<Vec<u8>> = [8, 4, 4, 4, 12]
        .into_iter()
        .map(|count| (0..count).map(|_| random.pick(b"0123456789abcdef")).collect())
        .collect();
    groups.join(&b'-')
}

/// Base64 of a DER sequence of `count` random bytes behind `first`, the tag of its first element.
fn der(count: usize, first: u8, random: &mut SplitMix) -> Vec<u8> {
    let [high, low] = u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
    let mut bytes = vec![0x30, 0x82, high, low, first];
    let end = count + 4;
    while bytes.len() < end {
        bytes.extend(random.next().to_be_bytes());
    }
    bytes.truncate(end);
    let mut text = digits::to_base64(&bytes);
    text.resize(text.len().next_multiple_of(4), b'=');
    text
}

/// Writes check digits at every place of `pending`.
fn sign(mut text: Vec<u8>, pending: &[usize], check: Check<'_>) -> Result<Vec<u8>, ExampleError> {
    let syntax = check.syntax;
    let algorithm = Algorithm::named(&syntax.algorithm).ok_or(ExampleError::NoCheck)?;
    let encoding = syntax.encoding.as_deref().and_then(Encoding::named).ok_or(ExampleError::NoCheck)?;
    let over = syntax.over.as_deref().unwrap_or("secret");
    let against = syntax.against.as_deref().ok_or(ExampleError::NoCheck)?;
    let mut written = Vec::new();
    for groups in check.pattern.captures_iter(&text) {
        let (Some(over), Some(against)) = (groups.name(over), groups.name(against)) else { continue };
        if pending.contains(&against.start()) {
            let digits = digits::digits(algorithm, encoding, over.as_bytes(), against.len());
            written.push((against.start(), digits.ok_or(ExampleError::NoMatch)?));
        }
    }
    if written.len() != pending.len() {
        return Err(ExampleError::NoMatch);
    }
    for (start, digits) in written {
        text.splice(start..start + digits.len(), digits);
    }
    Ok(text)
}

/// The generator of Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
struct SplitMix(u64);

impl SplitMix {
    /// FNV-1a over the seed, so that rules and indexes differ from each other.
    fn seeded(seed: &str, index: usize) -> Self {
        let bytes = seed.bytes().chain((index as u64).to_be_bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn pick(&mut self, alphabet: &[u8]) -> u8 {
        let count = alphabet.len().max(1) as u64;
        let at = usize::try_from(self.next() % count).unwrap_or_default();
        alphabet.get(at).copied().unwrap_or(b'0')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(template: &str) -> String {
        String::from_utf8(fill(template, "acme-key", 0, None).unwrap()).unwrap()
    }

    #[test]
    fn every_placeholder_gives_its_alphabet_and_length() {
        for (placeholder, pattern) in [
            ("{alnum:32}", "^[0-9A-Za-z]{32}$"),
            ("{hex:40}", "^[0-9a-f]{40}$"),
            ("{HEX:8}", "^[0-9A-F]{8}$"),
            ("{upper:16}", "^[A-Z]{16}$"),
            ("{lower:16}", "^[a-z]{16}$"),
            ("{digits:12}", "^[0-9]{12}$"),
            ("{lowernum:9}", "^[0-9a-z]{9}$"),
            ("{uppernum:9}", "^[0-9A-Z]{9}$"),
            ("{b32:16}", "^[A-Z2-7]{16}$"),
            ("{b64:40}", "^[0-9A-Za-z+/]{40}$"),
            ("{b64u:20}", "^[0-9A-Za-z][0-9A-Za-z_-]{18}[0-9A-Za-z]$"),
            ("{word:20}", "^[0-9A-Za-z_]{20}$"),
            ("{base58:20}", "^[1-9A-HJ-NP-Za-km-z]{20}$"),
            ("{uuid}", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
        ] {
            let text = filled(placeholder);
            assert!(Regex::new(pattern).unwrap().is_match(text.as_bytes()), "{placeholder} gave {text}");
        }
        assert!(filled("{der:300}").starts_with("MIIBLA"), "a sequence of 300 bytes, then an integer");
        assert!(filled("{sealed:300}").starts_with("MIIBLD"), "a sequence of 300 bytes, then a sequence");
    }

    #[test]
    fn the_same_rule_and_index_give_the_same_text_and_others_another() {
        let text = |seed, index| fill("{alnum:32}", seed, index, None).unwrap();
        assert_eq!(text("a", 0), text("a", 0));
        assert_ne!(text("a", 0), text("a", 1));
        assert_ne!(text("a", 0), text("b", 0));
    }

    #[test]
    fn braces_that_open_no_placeholder_stay() {
        for text in ["{\"a\": 1}", "${VAR}", "{{ x }}", "{", "}", "{8}", "a{b", "{a:b}"] {
            assert_eq!(filled(text), text);
        }
        assert_eq!(filled(r"\{alnum:3}"), "{alnum:3}");
        assert_eq!(
            fill("{alnom:3}", "r", 0, None),
            Err(ExampleError::Unknown("alnom:3".to_owned())),
            "a typing error is told"
        );
        assert!(matches!(fill("{hex:99999}", "r", 0, None), Err(ExampleError::Length(_))));
    }

    #[test]
    fn check_digits_are_those_of_the_rule() {
        let pattern = Regex::new(r"(?<secret>acme_(?<body>[a-z]+)\.(?<check>[0-9A-Za-z]{6}))").unwrap();
        let syntax = ChecksumSyntax {
            algorithm: "crc32".to_owned(),
            over: Some("body".to_owned()),
            against: Some("check".to_owned()),
            encoding: Some("base62".to_owned()),
            holds: None,
        };
        let check = Some(Check { syntax: &syntax, pattern: &pattern });
        let text = fill("k=acme_hello.{checksum:6} acme_hello.{checksum:6}", "r", 0, check).unwrap();
        assert_eq!(text, b"k=acme_hello.0zNvy2 acme_hello.0zNvy2");
        assert_eq!(fill("other {checksum:6}", "r", 0, check), Err(ExampleError::NoMatch));
        assert_eq!(fill("{checksum:6}", "r", 0, None), Err(ExampleError::NoCheck));
    }

    proptest! {
        #[test]
        fn no_template_makes_it_fall_over(template in "[a-z:{}0-9\\\\ é]{0,40}") {
            let _ = fill(&template, "r", 0, None);
        }
    }
}
