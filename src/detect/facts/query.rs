//! Parameters of a URL, as they stand in a text.

/// Names in lower case and values, percent signs decoded.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The value of `name`; `None` also when it stands twice, since services differ in which of them counts.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

/// Every `name=value` of `text`, which may be a whole URL or a part of one; `&amp;` and `\u0026` are `&`.
pub(super) fn parameters(text: &[u8]) -> Parameters {
    let text = String::from_utf8_lossy(text).replace("&amp;", "&").replace("\\u0026", "&");
    let pairs = text.split(['?', '&']).filter_map(|part| part.split_once('='));
    Parameters(pairs.map(|(name, value)| (name.to_ascii_lowercase(), decoded(value))).collect())
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
