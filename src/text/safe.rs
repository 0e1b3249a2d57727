//! Text from a repository made harmless for the place it goes to.

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
    terminal(text)
        .replace("::", ":\u{200b}:")
        .replace("##[", "##\u{200b}[")
        .replace("##vso[", "##\u{200b}vso[")
        .replace("##teamcity[", "##\u{200b}teamcity[")
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
}
