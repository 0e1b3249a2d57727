//! Examples and look-alikes: texts whose secrets are made up when they are needed.
//!
//! ```text
//! {alnum:32}     32 letters and digits; so hex HEX upper lower digits lowernum uppernum b32 b64 b64u word base58,
//!                bech32 (upper case)
//! {uuid}         8-4-4-4-12 hex digits
//! {der:118}      base64 of a DER sequence of 118 bytes that begins like a private key
//! {sealed:118}   the same that begins like an encrypted one
//! {base64 text}  base64 of a text, which may hold all of these and bytes as `\x00`; {base64url text} without padding
//! {checksum:6}   the check digits of the rule's own check over what its pattern matched
//! \{             a brace that opens no placeholder
//! ```
//!
//! So no whole token is ever committed, not even a false one. The same rule and index give the same text.

use regex::bytes::{Captures, Regex};

use super::syntax::ChecksumSyntax;
use crate::text::digits;
use crate::text::proof::Outcome;

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
    #[error(
        "the pattern does not match around `{{checksum:..}}`, or what the check gives does not fit there"
    )]
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

/// How often an example is made anew until its check fits its pattern: check bits are letters that nobody chose.
const ATTEMPTS: u64 = 64;

/// Fills the placeholders of `template`, the same way for the same `seed` (a rule id) and `index`.
///
/// A random run begins and ends with a letter or digit, so that word boundaries hold.
pub fn fill(
    template: &str,
    seed: &str,
    index: usize,
    check: Option<Check<'_>>,
) -> Result<Vec<u8>, ExampleError> {
    let filler = check.and_then(|check| check.syntax.construction()?.filler(&check.syntax.terms()));
    let mut last = Err(ExampleError::NoMatch);
    for attempt in 0..ATTEMPTS {
        let mut filling =
            Filling { random: SplitMix::seeded(seed, index, attempt), filler, pending: Vec::new() };
        let text = filling.expand(template, false)?;
        last = match check {
            Some(check) if !filling.pending.is_empty() => sign(text, &filling.pending, check),
            _ => return Ok(text),
        };
        if last.is_ok() {
            break;
        }
    }
    last
}

/// One attempt.
struct Filling {
    random: SplitMix,
    filler: Option<u8>,
    /// Where check digits are missing.
    pending: Vec<usize>,
}

impl Filling {
    /// The text of `template`; `inside` base64, bytes may be written `\x00` and no check digits stand.
    fn expand(&mut self, template: &str, inside: bool) -> Result<Vec<u8>, ExampleError> {
        let mut text = Vec::new();
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            let escaped = before.strip_suffix('\\');
            text.extend(plain(escaped.unwrap_or(before), inside));
            if escaped.is_none()
                && let Some((placeholder, after)) = placeholder(from)
            {
                rest = after;
                self.placeholder(placeholder, inside, &mut text)?;
            } else {
                text.push(b'{');
                rest = from.get(1..).unwrap_or_default();
            }
        }
        text.extend(plain(rest, inside));
        Ok(text)
    }

    fn placeholder(
        &mut self,
        placeholder: &str,
        inside: bool,
        text: &mut Vec<u8>,
    ) -> Result<(), ExampleError> {
        if let Some(width) = placeholder.strip_prefix("checksum:") {
            let filler = self.filler.filter(|_| !inside).ok_or(ExampleError::NoCheck)?;
            let width = length(placeholder, width)?;
            self.pending.push(text.len());
            text.resize(text.len() + width, filler);
        } else if let Some(template) = placeholder.strip_prefix("base64 ") {
            let mut base64 = digits::to_base64(&self.expand(template, true)?);
            base64.resize(base64.len().next_multiple_of(4), b'=');
            text.extend(base64);
        } else if let Some(template) = placeholder.strip_prefix("base64url ") {
            text.extend(digits::to_base64_url(&self.expand(template, true)?));
        } else {
            text.extend(run(placeholder, &mut self.random)?);
        }
        Ok(())
    }
}

/// `text` as bytes; where `escaped`, `\x00` is a byte.
fn plain(text: &str, escaped: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\\x").filter(|_| escaped) {
        let (before, from) = rest.split_at(at);
        bytes.extend_from_slice(before.as_bytes());
        let byte = from.get(2..4).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(b'\\'));
        rest = from.get(if byte.is_some() { 4 } else { 1 }..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The inside of a placeholder at the start of `text`, and what follows it; `None` for a plain brace.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('{')?;
    if inner.starts_with("base64 ") || inner.starts_with("base64url ") {
        let mut depth = 1_usize;
        let (end, _) = inner.char_indices().find(|(_, letter)| {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        return Some((inner.get(..end)?, inner.get(end + 1..)?));
    }
    let (inside, after) = inner.split_once('}')?;
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
        "der" => return Ok(der(count, VERSION, random)),
        "sealed" => return Ok(der(count, SEALING, random)),
        _ => return Err(ExampleError::Unknown(placeholder.to_owned())),
    };
    let all = [alphabet, extra].concat();
    Ok((0..count).map(|at| random.pick(if at == 0 || at + 1 == count { alphabet } else { &all })).collect())
}

/// The version that a private key begins with.
const VERSION: &[u8] = &[0x02, 1, 0];

/// The algorithm that an encrypted private key begins with: PBES2 with no parameters.
const SEALING: &[u8] = &[0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d, 0x05, 0];

fn uuid(random: &mut SplitMix) -> Vec<u8> {
    let groups: Vec<Vec<u8>> = [8, 4, 4, 4, 12]
        .into_iter()
        .map(|count| (0..count).map(|_| random.pick(b"0123456789abcdef")).collect())
        .collect();
    groups.join(&b'-')
}

/// Base64 of a DER sequence of `count` bytes: `head`, then an octet string of random bytes that fills it.
fn der(count: usize, head: &[u8], random: &mut SplitMix) -> Vec<u8> {
    let sized = |tag: u8, count: usize| {
        let [high, low] = u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
        [tag, 0x82, high, low]
    };
    let mut bytes =
        [&sized(0x30, count)[..], head, &sized(0x04, count.saturating_sub(head.len() + 4))].concat();
    while bytes.len() < count + 4 {
        bytes.extend(random.next().to_be_bytes());
    }
    bytes.truncate(count + 4);
    let mut text = digits::to_base64(&bytes);
    text.resize(text.len().next_multiple_of(4), b'=');
    text
}

/// Writes check digits at every place of `pending`, or seals the block around it.
fn sign(mut text: Vec<u8>, pending: &[usize], check: Check<'_>) -> Result<Vec<u8>, ExampleError> {
    let construction = check.syntax.construction().ok_or(ExampleError::NoCheck)?;
    let terms = check.syntax.terms();
    let over = check.syntax.over.as_deref().unwrap_or("secret");
    let mut written = Vec::new();
    for groups in check.pattern.captures_iter(&text) {
        let Some(over) = groups.name(over) else { continue };
        let place = match &check.syntax.against {
            Some(against) => groups.name(against).filter(|digits| pending.contains(&digits.start())),
            None => Some(over).filter(|block| pending.iter().any(|at| block.range().contains(at))),
        };
        let Some(place) = place else { continue };
        let made = match check.syntax.against {
            Some(_) => construction.digits(&terms, over.as_bytes(), place.len()),
            None => construction.sealed(&terms, over.as_bytes()),
        };
        let made = made.into_iter().next().filter(|made| made.len() == place.len());
        written.push((place.start(), made.ok_or(ExampleError::NoMatch)?));
    }
    if written.len() != pending.len() {
        return Err(ExampleError::NoMatch);
    }
    for (start, made) in written {
        text.splice(start..start + made.len(), made);
    }
    let holds = |groups: &Captures<'_>| {
        let group = |name: &str| groups.name(name).map(|group| group.as_bytes());
        let against = check.syntax.against.as_deref().and_then(group);
        group(over).is_some_and(|over| construction.judge(&terms, over, against) == Outcome::Holds)
    };
    let signed = check.pattern.captures_iter(&text).filter(holds).count();
    if signed < pending.len() { Err(ExampleError::NoMatch) } else { Ok(text) }
}

/// The generator of Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
struct SplitMix(u64);

impl SplitMix {
    /// FNV-1a over the seed, so that rules, indexes and attempts differ from each other.
    fn seeded(seed: &str, index: usize, attempt: u64) -> Self {
        let bytes = seed.bytes().chain((index as u64).to_be_bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash ^ attempt)
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
            encoding: vec!["base62".to_owned()],
            ..ChecksumSyntax::default()
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
