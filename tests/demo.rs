//! The demonstration tells the truth: it is the real gate, so it is a test of the whole road.

#![allow(clippy::unwrap_used, reason = "a test that meets what it cannot read has failed")]

use assert_cmd::Command;

/// What each step must have said, in the order it is told.
const STORY: [&str; 11] = [
    "blocked: 5 findings block",
    "blocked: 1 finding blocks",
    "asks for leave until",
    "had a hand in the change",
    "approved by rae@acme.example",
    "excepted: 1 finding is excepted",
    "relies on run",
    ": holds",
    "files on",
    "records, holds",
    "escaped: 1 of 3",
];

#[test]
fn the_story_goes_from_blocked_to_an_escape_rate() {
    let output = Command::cargo_bin("tollgate").unwrap().arg("demo").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let mut rest = text.as_str();
    for words in STORY {
        let (_, after) =
            rest.split_once(words).unwrap_or_else(|| panic!("`{words}` is missing or out of order:\n{text}"));
        rest = after;
    }
    assert!(!text.contains("ghp_"), "no byte of the token is shown");
}
