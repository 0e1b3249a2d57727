//! Text from a repository made harmless for the place it goes to.
//!
//! Every function takes any text and yields one without control characters; `json` and `cut` alone expect text that is.

use std::fmt::Write as _;

/// For a terminal or a log: every control, format and direction character becomes a visible escape.
///
/// Line feeds too, so that untrusted text can never start a line of its own.
pub fn terminal(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        if is_unsafe(letter) {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
        } else {
            out.push(letter);
        }
        out
    })
}

/// For the message of a GitHub workflow command, and for any line a runner reads.
///
/// `::`, `##[` and `##vso[` are broken with a zero-width space, since a runner looks for them inside lines too.
pub fn github_data(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(log_line).collect();
    lines.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// For a property of a GitHub workflow command, such as `file=`.
pub fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// For a line of a CI log: as [`terminal`], and no command of a CI service survives in it.
pub fn log_line(text: &str) -> String {
    line(text).replace("::", ":\u{200b}:")
}

/// For HTML text and quoted attributes.
pub fn html(text: &str) -> String {
    let text = terminal(text);
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// For a line that begins with words of ours: as [`terminal`], and no command that a runner finds *inside* lines.
///
/// Unlike [`log_line`] it keeps `::`, which commands only begin lines with and every ARN holds.
pub fn line(text: &str) -> String {
    terminal(text)
        .replace("##[", "##\u{200b}[")
        .replace("##vso[", "##\u{200b}vso[")
        .replace("##teamcity[", "##\u{200b}teamcity[")
}

/// For Markdown outside code: no markup, link, mention or reference survives, the text reads the same.
///
/// Mentions and references are broken with a zero-width space, since forges look for them after entities are decoded.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = line(text);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(letter);
            }
            _ => out.push(letter),
        }
        // `@team`, `#12`, `!12`, `~label`, `$3`, `%1.0`, and `https://` which becomes a link by itself.
        let reference = |next: &char| match letter {
            '@' | '#' | '!' | '~' | '$' | '%' => next.is_alphanumeric() || *next == '"',
            ':' => *next == '/',
            _ => false,
        };
        if letters.peek().is_some_and(reference) {
            out.push('\u{200b}');
        }
    }
    out.replace("www.", "www\u{200b}.")
}

/// For a code span of Markdown, fences included: longer than any run of backticks inside.
///
/// In a table the caller still writes `|` as `\|`.
pub fn markdown_code(text: &str) -> String {
    let text = line(text);
    if text.trim().is_empty() {
        return "(empty)".to_owned();
    }
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// For one cell of a CSV file, quotes included: never begins as a formula.
///
/// A cell that would is given a leading `'`, as spreadsheets themselves mark text. Source: RFC 4180, section 2.
pub fn csv(text: &str) -> String {
    let text = line(text);
    let formula = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    let mark = if text.trim_start().starts_with(formula) { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

/// For XML text and quoted attributes; what XML 1.0 cannot hold becomes a visible escape.
pub fn xml(text: &str) -> String {
    let text = text.replace('\u{fffe}', "\\u{fffe}").replace('\u{ffff}', "\\u{ffff}");
    html(&line(&text))
}

/// For JSON that is written already: the same value, with no raw control, format or direction character
/// and nothing that a runner takes for a command inside a line.
pub fn json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for line in document.split_inclusive('\n') {
        // Reports have many lines and hardly one that is not plain.
        if line.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)) {
            out.push_str(line);
        } else {
            line.chars().for_each(|letter| push_json(letter, &mut out));
        }
    }
    // Outside of texts JSON has no `#`, and a backslash in front of one belongs to a pair.
    if out.contains("##") { out.replace("##", "#\\u0023") } else { out }
}

fn push_json(letter: char, out: &mut String) {
    if letter == '\n' || !is_unsafe(letter) {
        out.push(letter);
        return;
    }
    for unit in letter.encode_utf16(&mut [0; 2]) {
        // Writing to a `String` cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// For the message of a SARIF result, where `[text](target)` is a link and `@name` may be a mention.
pub fn sarif(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in line(text).chars() {
        if (before, letter) == (']', '(') {
            out.push('\u{200b}');
        }
        out.push(letter);
        if letter == '@' && !before.is_alphanumeric() {
            out.push('\u{200b}');
        }
        before = letter;
    }
    out
}

/// A path as a relative URI reference (RFC 3986): `/` stays, all but unreserved characters are percent-encoded.
pub fn uri(path: &str) -> String {
    let trimmed = path.trim_start_matches('/');
    let mut out = "%2F".repeat(path.len() - trimmed.len());
    for byte in trimmed.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    if out.is_empty() { "-".to_owned() } else { out }
}

/// At most `most` characters of `text`; where it is longer, the last of them is `…`.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Control characters, and those that reorder or hide what stands beside them.
fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(u32::from(letter),
            0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff
            | 0xfff9..=0xfffb | 0xe0000..=0xe007f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn e1_no_control_byte_reaches_a_terminal() {
        let every: String =
            (0..=0x9f_u32).filter_map(char::from_u32).chain(['\u{202e}', '\u{200b}']).collect();
        let safe = terminal(&every);
        assert!(
            !safe.chars().any(|letter| letter.is_control() || letter == '\u{202e}' || letter == '\u{200b}')
        );
        assert!(safe.contains("\\u{1b}") && safe.contains("\\u{202e}"));
    }

    #[test]
    fn e2_a_file_name_cannot_start_a_second_command() {
        let hostile = "a\n::error::x%0A,b:c##[group]##vso[task]\r";
        let property = github_property(hostile);
        assert!(!property.contains("::") && !property.contains('\n') && !property.contains(','));
        assert!(!property.contains("##[") && !property.contains("##vso["));
        assert!(property.contains("%250A"), "a percent sign of the text is escaped first: {property}");
    }

    #[test]
    fn e3_markup_becomes_text() {
        assert_eq!(html("</td><b onx='1'>"), "&lt;/td&gt;&lt;b onx=&#39;1&#39;&gt;");
    }

    #[test]
    fn e2_a_command_inside_a_line_is_broken_and_an_arn_stays() {
        for (text, safe) in [
            ("x ##[error]y", "x ##\u{200b}[error]y"),
            ("##vso[task.x]", "##\u{200b}vso[task.x]"),
            ("arn:aws:iam::123456789012:role/x", "arn:aws:iam::123456789012:role/x"),
        ] {
            assert_eq!(line(text), safe);
        }
    }

    #[test]
    fn e3_markdown_of_a_repository_is_text() {
        for (text, safe) in [
            ("@team", "@\u{200b}team"),
            ("fixes #12", "fixes #\u{200b}12"),
            ("[x](javascript:y)", "\\[x\\]\\(javascript:y\\)"),
            ("</td><img>", "&lt;/td&gt;&lt;img&gt;"),
            ("a|b", "a\\|b"),
            ("https://evil", "https:\u{200b}//evil"),
        ] {
            assert_eq!(markdown(text), safe);
        }
        for (text, safe) in [
            ("a", "`a`"),
            ("a`b``c", "```a`b``c```"),
            ("`a", "`` `a ``"),
            ("", "(empty)"),
            ("\n", "`\\u{a}`"),
        ] {
            assert_eq!(markdown_code(text), safe);
        }
        assert_eq!(sarif("[x](y) @team a@b"), "[x]\u{200b}(y) @\u{200b}team a@b");
    }

    #[test]
    fn e4_no_cell_begins_as_a_formula() {
        for text in ["=cmd", "+1", "-1", "@x", " =cmd", "\u{ff1d}x"] {
            assert!(csv(text).starts_with("\"'"), "{text}");
        }
        assert_eq!(csv("\t=cmd"), "\"\\u{9}=cmd\"");
        assert_eq!(csv("say \"x\""), "\"say \"\"x\"\"\"");
    }

    #[test]
    fn e3_a_path_becomes_a_relative_reference() {
        for (path, reference) in [
            ("a b/ä.env", "a%20b/%C3%A4.env"),
            ("c:x", "c%3Ax"),
            ("//host/x", "%2F%2Fhost/x"),
            ("a?b#c%", "a%3Fb%23c%25"),
            ("", "-"),
        ] {
            assert_eq!(uri(path), reference);
        }
    }

    proptest! {
        #[test]
        fn e1_every_writer_leaves_no_control_character(text in any::<String>()) {
            for safe in [terminal(&text), line(&text), log_line(&text), html(&text), xml(&text), markdown(&text),
                markdown_code(&text), csv(&text), sarif(&text), uri(&text), github_data(&text)] {
                prop_assert!(!safe.chars().any(char::is_control), "{safe:?}");
                prop_assert!(!safe.contains("##[") && !safe.contains("##vso["));
            }
        }

        #[test]
        fn json_made_safe_means_the_same(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let safe = json(&written);
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
            prop_assert!(!safe.contains("##") && !safe.chars().any(char::is_control));
        }

        #[test]
        fn a_cut_text_is_never_longer(text in any::<String>(), most in 1_usize..20) {
            let short = cut(&text, most);
            prop_assert!(short.chars().count() <= most);
            prop_assert!(short == text || short.ends_with('…'));
        }
    }
}
