//! `"ghp_" + "…"`: a literal in several parts. What stands between two parts stands for nothing.
//!
//! ```text
//! "ab" + "cd"   'ab' . 'cd'   "ab" .. "cd"   "ab" & "cd"     an operator, on one line or two
//! "ab""cd"      "ab" "cd"                                    side by side; with a gap where the language has it
//! ab\           cd                                           a line that goes on
//! x = "ab"      x += "cd"                                    two assignments to one name
//! join("", ["ab", "cd"])      ["ab", "cd"].join("")          a list with nothing between
//! ```

use super::{Atom, Decoder, Hides, Language, Reads};

pub(super) const DECODER: Decoder = Decoder { name: "join", reads: Reads::Atom([b"\"'`\\", BEHIND], read) };

/// What may stand behind a quote that ends a part, or behind the backslash of a line that goes on.
const BEHIND: &[u8] = b"\"'`+.&<~|;, \t\r\n\\";

/// The most bytes between two parts.
const FAR: usize = 120;

/// How far around a list its `join` is looked for.
const LIST: usize = 600;

const OPERATORS: [&[u8]; 7] = [b"+", b"..", b".", b"&", b"<>", b"~", b"||"];

fn read(text: &[u8], offset: usize, language: Language) -> Option<Atom> {
    // Only what goes on as one word can be one secret; it also drops nearly every quote at once.
    if !is_part(*text.get(offset.checked_sub(1)?)?) {
        return None;
    }
    let end = if text.get(offset) == Some(&b'\\') {
        continued(text, offset)?
    } else {
        opening(text, offset, language)?
    };
    is_part(*text.get(end)?).then_some(Atom { length: end - offset, stands_for: None, hides: Hides::Always })
}

/// A letter of the formats that secrets have.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=' | b'.')
}

/// Behind the backslash at `offset`, the line feed and the indentation.
fn continued(text: &[u8], offset: usize) -> Option<usize> {
    let rest = Rest { text, at: offset + 1 }.skip(b"\r")?.take(b"\n")?;
    Some(rest.skip(b" \t")?.at)
}

/// Where the next part begins, if the quote at `offset` closes one part and another follows.
fn opening(text: &[u8], offset: usize, language: Language) -> Option<usize> {
    let rest = Rest { text, at: offset + 1 };
    if rest.first() == Some(&b',') && !language.joins {
        return None;
    }
    if let Some(quote) = rest.quote() {
        return Some(quote.at);
    }
    let gap = rest.skip(b" \t\r\n\\")?;
    if let Some(quote) = gap.quote() {
        return language.adjacent.then_some(quote.at);
    }
    if let Some(behind) = OPERATORS.iter().find_map(|operator| gap.take(operator)) {
        return behind.skip(b" \t\r\n\\")?.prefix().quote().map(|quote| quote.at);
    }
    if gap.first() == Some(&b',') {
        let next = gap.take(b",")?.skip(b" \t\r\n")?.quote()?;
        return is_joined(text, offset).then_some(next.at);
    }
    assigned(text, offset, gap)
}

/// `x = "ab"; x += "cd"`, from behind the first part.
fn assigned(text: &[u8], offset: usize, gap: Rest<'_>) -> Option<usize> {
    let gap = gap.take(b";").unwrap_or(gap).skip(b" \t\r\n")?;
    let end = gap.skip_while(|byte| is_name(*byte))?;
    let name = text.get(gap.at..end.at).filter(|name| !name.is_empty())?;
    let gap = end.skip(b" \t")?;
    let behind = gap.take(b"+=").or_else(|| gap.take(b".="))?;
    let quote = behind.skip(b" \t")?.prefix().quote()?;
    (assignee(text, offset)? == name).then_some(quote.at)
}

/// The name that the literal closed at `offset` is assigned to.
fn assignee(text: &[u8], offset: usize) -> Option<&[u8]> {
    let before = text.get(offset.saturating_sub(LIST)..offset)?;
    let opened = memchr::memrchr(*text.get(offset)?, before)?;
    let left = trimmed(before.get(..opened)?);
    let left = left.strip_suffix(b"=")?;
    let left = left
        .strip_suffix(b"+")
        .or_else(|| left.strip_suffix(b":"))
        .or_else(|| left.strip_suffix(b"."))
        .unwrap_or(left);
    let left = trimmed(left);
    let start = left.iter().rposition(|byte| !is_name(*byte)).map_or(0, |at| at + 1);
    left.get(start..)
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii_end()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_$.".contains(&byte)
}

/// Whether the list around `offset` is put together with nothing between its members.
fn is_joined(text: &[u8], offset: usize) -> bool {
    const BEFORE: [&[u8]; 4] = [b"join(\"\", ", b"join(\"\",", b"\"\".join(", b"''.join("];
    const BEHIND: [&[u8]; 3] = [b".join(\"\")", b".join('')", b".join(``)"];
    let before = text.get(offset.saturating_sub(LIST)..offset).unwrap_or_default();
    let behind = text.get(offset..(offset + LIST).min(text.len())).unwrap_or_default();
    let opened = before.iter().rposition(|byte| b"[(".contains(byte)).unwrap_or(0);
    let closed = memchr::memchr(b']', behind).map_or(behind.len(), |at| at + 1);
    let head = before.get(..opened).unwrap_or_default();
    let head_with = before.get(..=opened).unwrap_or_default();
    BEFORE.iter().any(|start| head.ends_with(start) || head_with.ends_with(start))
        || BEHIND.iter().any(|end| behind.get(closed..).unwrap_or_default().starts_with(end))
}

/// What is still to be read.
#[derive(Clone, Copy)]
struct Rest<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Rest<'t> {
    fn first(self) -> Option<&'t u8> {
        self.text.get(self.at)
    }

    fn take(self, word: &[u8]) -> Option<Self> {
        let rest = self.text.get(self.at..)?;
        rest.starts_with(word).then_some(Self { at: self.at + word.len(), ..self })
    }

    /// Behind the quote that begins the next part.
    fn quote(self) -> Option<Self> {
        self.first().filter(|byte| b"\"'`".contains(byte)).map(|_| Self { at: self.at + 1, ..self })
    }

    /// Behind one letter that says what kind of literal follows.
    fn prefix(self) -> Self {
        let kind = self.first().is_some_and(|byte| b"bfruBFRU@$L".contains(byte));
        if kind { Self { at: self.at + 1, ..self } } else { self }
    }

    fn skip(self, bytes: &[u8]) -> Option<Self> {
        self.skip_while(|byte| bytes.contains(byte))
    }

    /// Behind all bytes that `belongs` accepts; `None` where there are too many of them.
    fn skip_while(self, belongs: impl Fn(&u8) -> bool) -> Option<Self> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let count = rest.iter().take(FAR + 1).take_while(|byte| belongs(byte)).count();
        (count <= FAR).then_some(Self { at: self.at + count, ..self })
    }
}
