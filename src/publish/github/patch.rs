//! Which lines of the new file a patch adds: the only ones a review comment may stand at without being refused.
//!
//! Source: POSIX `diff -u`, as GitHub gives it for each file of a request, without the two lines of file names.

use std::collections::BTreeSet;

/// The numbers, from 1, of the lines that `patch` adds; reading stops where it is no patch.
pub fn added(patch: &str) -> BTreeSet<u32> {
    let mut lines = BTreeSet::new();
    let mut next = None;
    for line in patch.split('\n') {
        match (line.as_bytes().first(), next) {
            (Some(b'@'), _) => next = start(line),
            (Some(b'+'), Some(number)) => {
                lines.insert(number);
                next = number.checked_add(1);
            }
            (Some(b' ') | None, Some(number)) => next = number.checked_add(1),
            _ => {}
        }
    }
    lines
}

/// The first line of the new file in `@@ -1,2 +3,4 @@`.
fn start(header: &str) -> Option<u32> {
    let (_, new) = header.strip_prefix("@@ -")?.split_once(" +")?;
    new.split([',', ' ']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_counted_in_the_new_file() {
        let patch = "@@ -1,3 +1,4 @@ fn main\n context\n-gone\n+new\n+newer\n context\n@@ -20,0 +22 @@\n+last\n\\ No newline at end of file";
        assert_eq!(added(patch).into_iter().collect::<Vec<_>>(), [2, 3, 22]);
        assert_eq!(added("@@ -0,0 +1,2 @@\n+a\n+@@ -1 +9 @@").into_iter().collect::<Vec<_>>(), [1, 2]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fall_over(patch in "(@@ -[0-9]{1,12} \\+[0-9]{1,12} @@\n|[+ -].{0,9}\n|.{0,9}\n){0,9}") {
            let plus = patch.lines().filter(|line| line.starts_with('+')).count();
            prop_assert!(added(&patch).len() <= plus);
        }
    }
}
