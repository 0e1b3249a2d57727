//! Inline allow comments of other tools: counted, shown, never obeyed (threat B15).

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

/// How many lines of `lines` (those that hold a finding) also hold such a comment.
pub fn count<'t>(lines: impl Iterator<Item = &'t [u8]>) -> u64 {
    lines
        .filter(|line| {
            let line = String::from_utf8_lossy(line).to_lowercase();
            MARKERS.iter().any(|marker| line.contains(marker))
        })
        .fold(0, |count, _| count + 1)
}
