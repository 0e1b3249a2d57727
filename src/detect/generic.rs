//! Whether a value assigned to a telling name is a credential.
//!
//! ```text
//! const  dbPassword : string =  "  …  "  ;
//!        ~~~ key ~~~ ~ joint ~~~ value after
//! ```
//!
//! A pattern finds the place; here it is judged. First everything that such values usually are instead
//! (references, expressions, words, placeholders, hashes, encrypted text) is ruled out, then what is left
//! must look random, or be a password somebody chose.

mod name;
mod value;

use crate::finding::Confidence;
use crate::policy::syntax::ValueSyntax;
use crate::text::span::{Span, line_within};
use name::Name;
use value::Make;

/// How much of the line around the value is looked at, in bytes each way: minified files have one line.
const CONTEXT: usize = 160;

/// More than name, joint and value of a match and their context can take.
const FAR: usize = 1 << 10;

/// Bytes of the longest value the pattern reads.
const LONGEST: usize = 256;

/// A value that is assigned to a telling name, and what stands around it.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    key: &'a [u8],
    joint: &'a [u8],
    value: &'a [u8],
    before: &'a [u8],
    after: &'a [u8],
    /// Empty where it is not known: then nothing is ruled out by it.
    path: &'a str,
}

/// What is thought of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it is a finding at all.
    pub keep: bool,
    /// Low where it is a guess, medium where the value is quoted or clearly random; never high.
    pub confidence: Confidence,
    /// Why, in a few words without the value.
    pub reason: &'static str,
}

impl<'a> Candidate<'a> {
    /// The candidate at `value` of `text`, assigned to the name at `key` before it.
    pub fn of(text: &'a [u8], key: Span, value: Span, path: &'a str) -> Self {
        let line = line_within(text, value.start, FAR);
        let start = line.start.max(key.start.saturating_sub(CONTEXT));
        let end = line.end.max(value.end).min(value.end.saturating_add(CONTEXT));
        Self {
            key: key.of(text),
            joint: Span::new(key.end, value.start).of(text),
            value: value.of(text),
            before: Span::new(start.min(key.start), value.start).of(text),
            after: Span::new(value.end, end).of(text),
            path,
        }
    }

    /// `(?<secret>` and `(?P<secret>`: what follows is the rest of a pattern.
    fn names_a_group(&self) -> bool {
        let own = self.key.len() + self.joint.len();
        let before = self.before.get(..self.before.len().saturating_sub(own)).unwrap_or_default();
        self.joint.starts_with(b">") && (before.ends_with(b"?<") || before.ends_with(b"?P<"))
    }

    /// What goes on behind the value without a gap: brackets that close, or more of a value beyond the bound.
    fn rest_of_word(&self) -> &[u8] {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>".contains(byte);
        let end = self.after.iter().position(ends).unwrap_or(self.after.len());
        self.after.get(..end).unwrap_or_default()
    }
}

/// Whether values are looked for in the file at `path` at all.
pub fn reads(path: &str) -> bool {
    !generated(path)
}

/// Whether a value may be kept that stands `behind` a part of its name, where that may begin behind one of `before`.
///
/// In a program (`is_code`) it must be a literal in quotes, or a parameter of an address, as `behind` may hold another.
pub fn may_keep<'b>(is_code: bool, mut before: impl Iterator<Item = &'b u8>, behind: &[u8]) -> bool {
    !is_code
        || before.any(|byte| matches!(byte, b'?' | b'&'))
        || memchr::memchr3(b'"', b'\'', b'`', behind).is_some()
        || memchr::memchr2(b'?', b'&', behind).is_some()
}

/// Judges whether `candidate` is a credential.
pub fn judge(candidate: &Candidate<'_>) -> Judgement {
    let quiet = |reason| Judgement { keep: false, confidence: Confidence::Low, reason };
    let (Ok(key), Ok(joint), Ok(text)) = (
        std::str::from_utf8(candidate.key),
        std::str::from_utf8(candidate.joint),
        std::str::from_utf8(candidate.value),
    ) else {
        return quiet("not plain text");
    };
    if generated(candidate.path) {
        return quiet("a lock file or a generated one");
    }
    let Some(name) = Name::read(key) else { return quiet("the name is not that of a credential") };
    if candidate.names_a_group() {
        return quiet("the name of a group in a pattern");
    }
    let place = Place::of(candidate, joint);
    if let Some(reason) = place.rules_out() {
        return quiet(reason);
    }
    let before = String::from_utf8_lossy(candidate.before).to_lowercase();
    let text = if place.quoted { text } else { first_of_list(text) };
    if value::has_hole(text, if text.len() == candidate.value.len() { candidate.rest_of_word() } else { b"" })
    {
        return quiet("a template, not a value");
    }
    if let Some(reason) = value::is_something_else(text, key, &before, name) {
        return quiet(reason);
    }
    // Words that follow make a sentence of everything but a random value in front of a command.
    let variable = place.tight && place.joint == "=" && !key.bytes().any(|byte| byte.is_ascii_lowercase());
    let promised = match name {
        Name::Password if (!place.alone && !variable) || place.bare => Name::Token,
        // Neither name nor operator promises anything.
        Name::Token if place.bare => Name::Key,
        _ => name,
    };
    let Some((make, bits)) = value::strength(text, promised) else {
        return quiet("a word or too weak to be generated");
    };
    let whole = text.len() == candidate.value.len();
    let literal = place.quoted || (whole && (place.setting || variable));
    if make == Make::Word && (translated(candidate.path) || !literal) {
        return quiet("a word or too weak to be generated");
    }
    if make != Make::Random && place.first_argument {
        return quiet("the first argument of several");
    }
    if place.listed && (make == Make::Word || (make == Make::Chosen && place.behind_another)) {
        return quiet("one of a list of words");
    }
    let sample = sample(candidate.path) || value::patterned(text.as_bytes(), false);
    let sure = !sample
        && make != Make::Word
        && (bits >= 80 || (place.quoted && (bits >= 50 || name == Name::Password)));
    Judgement {
        keep: true,
        confidence: if sure { Confidence::Medium } else { Confidence::Low },
        reason: if name == Name::Password {
            "a password in clear"
        } else {
            "a random value under a telling name"
        },
    }
}

/// How likely `value` is what a pattern says it is, judged by nothing but itself; `None` where it stands for a value,
/// or is too weak to be one.
pub fn judge_alone(kind: ValueSyntax, value: &[u8], path: &str) -> Option<Confidence> {
    let text = std::str::from_utf8(value).ok()?;
    let name = match kind {
        ValueSyntax::Password => Name::Password,
        ValueSyntax::Token => Name::Token,
    };
    let is_value = !value::has_hole(text, b"") && value::is_something_else(text, "", "", name).is_none();
    value::strength(text, name).filter(|(make, _)| is_value && *make != Make::Word)?;
    Some(if sample(path) { Confidence::Low } else { Confidence::High })
}

/// The value of the first of several settings on a line: `a=1&b=2`, `a=1,b=2`, `a=1;b=2`.
fn first_of_list(text: &str) -> &str {
    let end = text.char_indices().find(|(at, letter)| match letter {
        '&' => true,
        ',' | ';' => text.get(*at..).is_some_and(|rest| rest.contains('=')),
        _ => false,
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// How the value stands in its line.
#[expect(clippy::struct_excessive_bools, reason = "eleven independent facts of one line")]
struct Place<'a> {
    joint: &'a str,
    quoted: bool,
    closed: bool,
    alone: bool,
    tight: bool,
    code: bool,
    /// A line of a configuration file.
    setting: bool,
    /// A parameter of an address.
    query: bool,
    /// The first of several arguments of a function.
    first_argument: bool,
    /// Behind a comma, and more follows.
    listed: bool,
    /// The name stands behind a comma too.
    behind_another: bool,
    /// The name is that of a function that compares, not one that sets.
    asks: bool,
    /// Nothing but white space between the name and the value.
    bare: bool,
}

impl<'a> Place<'a> {
    fn of(candidate: &Candidate<'_>, joint: &'a str) -> Self {
        let quote = joint.bytes().next_back().filter(|byte| b"\"'`".contains(byte));
        let after = candidate.after;
        let closing = after.iter().take(4).take_while(|byte| !byte.is_ascii_whitespace());
        // A word longer than the pattern reads is closed somewhere behind.
        let long = candidate.value.len() >= LONGEST;
        let closed = quote.is_some_and(|quote| long || closing.clone().any(|byte| *byte == quote));
        let rest = after.trim_ascii_start();
        let tight = joint.ends_with('=') && !joint.starts_with(' ');
        let tight = tight && !rest.starts_with(b"(") && !rest.starts_with(b"[");
        let alone = quote.is_some()
            || rest.first().is_none_or(|byte| b"#,;})]&\\<|\"'/".contains(byte))
            || rest.starts_with(b"--");
        let before = candidate.before;
        let own = candidate.key.len() + candidate.joint.len();
        let before = before.get(..before.len().saturating_sub(own)).unwrap_or_default();
        let query = joint == "=" && matches!(before.last(), Some(b'?' | b'&'));
        let setting = alone && (candidate.path.is_empty() || configuration(candidate.path));
        let unescaped = rest.strip_prefix(b"\\").unwrap_or(rest);
        let goes_on = unescaped.get(1..).is_some_and(|rest| rest.starts_with(b","));
        Self {
            joint,
            quoted: quote.is_some(),
            closed,
            alone,
            tight,
            code: code(candidate.path),
            setting,
            query,
            asks: std::str::from_utf8(candidate.key).is_ok_and(asks),
            bare: joint
                .trim_matches(|letter: char| letter.is_whitespace() || "\"'`".contains(letter))
                .is_empty(),
            first_argument: joint.starts_with('(') && goes_on,
            listed: joint.contains(',') && goes_on,
            behind_another: opened(before).ends_with(b","),
        }
    }

    fn rules_out(&self) -> Option<&'static str> {
        let joint = self.joint.trim();
        let behind = |rest: &str| rest.trim_start_matches([' ', '"', '\'', '`', '\\']).starts_with(',');
        let call = joint.split_once(')').is_some_and(|(_, rest)| behind(rest));
        if call {
            return Some("an argument behind another call");
        }
        if self.joint.starts_with('(') && self.asks {
            return Some("a question about a password");
        }
        if self.quoted {
            return (!self.closed).then_some("a text of several words");
        }
        if self.code && !self.query {
            return Some("an expression, not a literal");
        }
        if joint.ends_with(',') || joint.ends_with('(') {
            return Some("an argument that is no literal");
        }
        (!self.alone && !self.tight && !self.bare).then_some("a sentence")
    }
}

/// What stands before the quote that opens a name.
fn opened(before: &[u8]) -> &[u8] {
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before);
    before.strip_suffix(b"\\").unwrap_or(before).trim_ascii_end()
}

fn extension(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Languages in which an unquoted right-hand side is an expression.
pub fn code(path: &str) -> bool {
    const CODE: [&str; 49] = [
        "rs", "py", "js", "jsx", "ts", "tsx", "mjs", "cjs", "mts", "go", "java", "kt", "kts", "scala", "rb",
        "php", "cs", "fs", "vb", "cpp", "cc", "cxx", "c", "h", "hpp", "swift", "m", "mm", "dart", "lua",
        "pl", "pm", "r", "jl", "ex", "exs", "erl", "hs", "elm", "clj", "groovy", "gradle", "vue", "svelte",
        "sol", "tf", "nix", "proto", "zig",
    ];
    CODE.contains(&extension(path).to_ascii_lowercase().as_str())
}

/// `checkPassword("…")`: what follows is what somebody typed.
fn asks(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    ["check", "update", "verify", "validate", "compare", "prompt"].iter().any(|verb| lower.contains(verb))
}

/// Files in which an unquoted value is a string.
fn configuration(path: &str) -> bool {
    const FILES: [&str; 13] = [
        "yml",
        "yaml",
        "properties",
        "env",
        "ini",
        "conf",
        "cfg",
        "cnf",
        "toml",
        "xml",
        "config",
        "sh",
        "bat",
    ];
    let file = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    FILES.contains(&extension(&file)) || file.starts_with(".env") || file.contains("dockerfile")
}

/// Where words are shown to people: translations.
fn translated(path: &str) -> bool {
    const FOLDERS: [&str; 10] = [
        "i18n",
        "l10n",
        "lang",
        "langs",
        "language",
        "languages",
        "locale",
        "locales",
        "translation",
        "translations",
    ];
    let lower = path.to_ascii_lowercase();
    let language = |file: &str| {
        let stem = file.split('.').next().unwrap_or_default();
        stem.len() == 2
            || (stem.len() == 5 && stem.as_bytes().get(2).is_some_and(|byte| b"-_".contains(byte)))
    };
    lower.split(['/', '.', '_', '-']).any(|part| FOLDERS.contains(&part))
        || lower.rsplit('/').next().is_some_and(language)
}

fn generated(path: &str) -> bool {
    const FILES: [&str; 8] = [
        "package-lock.json",
        "npm-shrinkwrap.json",
        "pnpm-lock.yaml",
        "go.sum",
        "gradle-wrapper.properties",
        "packages.lock.json",
        "mix.lock",
        "cartfile.resolved",
    ];
    let lower = path.to_ascii_lowercase();
    let file = lower.rsplit('/').next().unwrap_or_default();
    FILES.contains(&file)
        || [".lock", ".min.js", ".min.css", ".map", ".svg", ".snap"].iter().any(|end| file.ends_with(end))
}

/// Tests, documents and templates: found all the same, but as a guess.
fn sample(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let words = lower.split(|letter: char| !letter.is_ascii_alphanumeric());
    let telling = [
        "test", "tests", "testdata", "spec", "specs", "fixture", "fixtures", "mock", "mocks", "docs", "doc",
        "example", "examples", "sample", "samples", "template", "dist", "md", "rst", "adoc",
    ];
    words.into_iter().any(|word| telling.contains(&word)) && lower != "example.txt"
}

#[cfg(test)]
mod tests;
