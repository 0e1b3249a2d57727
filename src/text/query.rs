//! Parameters of a URL, as they stand in a text.

use super::span::Span;

/// Names in lower case and values, percent signs decoded.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The value of `name`; `None` also when it stands twice, since services differ in which of them counts.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

/// Every `name=value` of `text`, which may be a whole URL or a part of one; `&amp;` and `\u0026` are `&`.
pub fn parameters(text: &[u8]) -> Parameters {
    let text = String::from_utf8_lossy(text).replace("&amp;", "&").replace("\\u0026", "&");
    let pairs = text.split(['?', '&']).filter_map(|part| part.split_once('='));
    Parameters(pairs.map(|(name, value)| (name.to_ascii_lowercase(), decoded(value))).collect())
}

/// The query that the byte at `at` belongs to, at most `behind` bytes back and as many on; `None` where nothing
/// before `at` is part of one.
pub fn around(bytes: &[u8], at: usize, behind: usize) -> Option<Span> {
    let part =
        |byte: &u8| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'?');
    let before = bytes.get(at.saturating_sub(behind)..at)?;
    let length = before.iter().rev().take_while(|byte| part(byte)).count();
    let ahead = bytes.get(at..bytes.len().min(at + behind))?;
    let end = at + ahead.iter().take_while(|byte| part(byte)).count();
    (before.last().is_some_and(|byte| matches!(byte, b'&' | b'?' | b';' | b'6')))
        .then(|| Span::new(at - length, end))
}

/// The value that begins at `start`, up to the next parameter or the end of the query.
pub fn value(bytes: &[u8], start: usize) -> Span {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"%+/=-_.~".contains(byte);
    let rest = bytes.get(start..).unwrap_or_default();
    Span::new(start, start + rest.iter().take_while(|byte| part(byte)).count())
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let code = from.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(b'%'));
        rest = from.get(if code.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
