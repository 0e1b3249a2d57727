//! Whether a text may hold a word, however YAML and JSON let it be written.

use std::cell::OnceCell;

use memchr::memmem;

/// A text that dialects look for their words in.
pub(super) struct Text<'t> {
    pub(super) bytes: &'t [u8],
    read: OnceCell<Option<Vec<u8>>>,
}

impl<'t> Text<'t> {
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        Self { bytes, read: OnceCell::new() }
    }

    /// Whether one of `words` stands in the text, as it is or with escapes.
    ///
    /// A word may be told that is none: not every backslash stands in quotes.
    pub(super) fn may_hold(&self, words: &[&str]) -> bool {
        let read = || self.read.get_or_init(|| read(self.bytes)).as_deref();
        holds(self.bytes, words) || read().is_some_and(|text| holds(text, words))
    }
}

/// Whether one of `words` itself stands in `bytes`.
pub(super) fn holds(bytes: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| memmem::find(bytes, word.as_bytes()).is_some())
}

/// `bytes` with their escapes of ASCII characters read and lines joined that end in a backslash; `None` without any.
///
/// Source: YAML 1.2, section 5.7 and production 112; JSON writes a part of the same.
fn read(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\\', bytes.get(from..)?).map(|at| from + at) {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        let Some((length, letter)) = escape(rest) else {
            // The one behind a backslash is none itself.
            from = at + 1 + usize::from(!rest.is_empty());
            continue;
        };
        let text = text.get_or_insert_default();
        text.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
        text.extend(letter);
        copied = at + 1 + length;
        from = copied;
    }
    let mut text = text?;
    text.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    Some(text)
}

/// How much of `rest`, which follows a backslash, is an escape, and the character it stands for; none for a line that
/// goes on.
fn escape(rest: &[u8]) -> Option<(usize, Option<u8>)> {
    let digits = match rest.first()? {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        b'\n' | b'\r' => {
            let blank = rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
            return Some((blank, None));
        }
        _ => return None,
    };
    let number = str::from_utf8(rest.get(1..1 + digits)?).ok()?;
    let code = u32::from_str_radix(number, 16).ok()?;
    let letter = u8::try_from(code).ok().filter(u8::is_ascii)?;
    Some((1 + digits, Some(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn may_hold(text: &str) -> bool {
        Text::new(text.as_bytes()).may_hold(&["Statement"])
    }

    #[test]
    fn a_word_is_seen_however_it_is_written() {
        for text in [
            "Statement:",
            r#""\x53tatement": 1"#,
            r#""St\u0061tement": 1"#,
            r#""S\U00000074atement": 1"#,
            "\"State\\\n   ment\": 1",
            "\"State\\\r\n\tment\": 1",
            r#"a: "\\\x53tatement""#,
        ] {
            assert!(may_hold(text), "{text}");
        }
        for text in [
            "statement",
            "run: |\n  cat State \\\n  ment",
            r#""\\x53tatement""#,
            r#""\x5"#,
            r#""\u00e9tatement""#,
            "\\",
        ] {
            assert!(!may_hold(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_yaml_reads_as_the_word_is_seen(
            parts in proptest::collection::vec((0..5_u8, "[a-zA-Z]"), 1..12), before in "[a-z \\\\]{0,6}",
        ) {
            let word: String = parts.iter().map(|(_, letter)| letter.as_str()).collect();
            let written: String = parts.iter().map(|(how, letter)| {
                let code = letter.as_bytes()[0];
                match how {
                    0 => format!("\\x{code:02x}"),
                    1 => format!("\\u{code:04x}"),
                    2 => format!("\\U{code:08X}"),
                    3 => format!("\\\n  {letter}"),
                    _ => letter.clone(),
                }
            }).collect();
            let text = format!("{before}\n? \"{written}\"\n: 1\n");
            prop_assert!(Text::new(text.as_bytes()).may_hold(&[&word]), "{}", text);
        }

        #[test]
        fn no_bytes_make_it_fall_over(bytes: Vec<u8>) {
            let _ = Text::new(&bytes).may_hold(&["Statement"]);
        }
    }
}
