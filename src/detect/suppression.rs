//! Inline allow comments of other tools: counted, shown, never obeyed (threat B15).

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// What those comments say, in lower case.
const MARKERS: [&str; 12] = [
    "gitleaks:allow",
    "pragma: allowlist",
    "pragma: whitelist",
    "trufflehog:ignore",
    "ggignore",
    "ggshield-ignore",
    "kingfisher:ignore",
    "kics-scan ignore",
    "checkov:skip",
    "nosemgrep",
    "zizmor: ignore",
    "betterleaks:allow",
];

/// `None` only if the markers could not be compiled, which a test excludes.
static SEARCH: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(MARKERS).ok());

/// How many lines of `lines` (those that hold a finding) also hold such a comment.
///
/// A minified file is one line with hundreds of findings: a line is searched once for all that follow each other.
pub fn count<'t>(lines: impl Iterator<Item = &'t [u8]>) -> u64 {
    let mut last: Option<(&[u8], bool)> = None;
    let mut count = 0;
    for line in lines {
        let known = last.filter(|(before, _)| std::ptr::eq(*before, line));
        let allows = known.map_or_else(
            || SEARCH.as_ref().is_some_and(|markers| markers.is_match(line)),
            |(_, allows)| allows,
        );
        last = Some((line, allows));
        count += u64::from(allows);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b15_every_marker_counts_once_for_each_finding_of_its_line() {
        for marker in MARKERS {
            let line = format!("key = 1 # {}", marker.to_uppercase());
            let lines = [line.as_bytes(), line.as_bytes(), b"key = 2"];
            assert_eq!(count(lines.into_iter()), 2, "{marker}");
        }
    }
}
