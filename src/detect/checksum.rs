//! What the check of a rule says of one match.
//!
//! How it is computed is in [`crate::text::proof`]; over which groups, in [`ChecksumSyntax`].

use crate::policy::syntax::ChecksumSyntax;
use crate::text::proof::Outcome;

/// What `check` says of the groups of one match.
///
/// `group` gives the bytes of a named group, `None` where it took no part. A check that cannot be computed (an unknown
/// name, a missing group) says nothing of the text but that the rule does not hold: rules are linted before they run.
pub fn judge<'t>(check: &ChecksumSyntax, group: impl Fn(&str) -> Option<&'t [u8]>) -> Outcome {
    let Some(construction) = check.construction() else { return Outcome::Differs };
    let Some(over) = group(check.over.as_deref().unwrap_or("secret")) else { return Outcome::Differs };
    let against = check.against.as_deref().and_then(&group);
    construction.judge(&check.terms(), over, against)
}

/// Whether any changed letter makes `check` fail: such checks say for certain that a text is none.
pub fn is_exact(check: &ChecksumSyntax) -> bool {
    check.construction().is_some_and(crate::text::proof::Construction::is_exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(algorithm: &str, encoding: &[&str]) -> ChecksumSyntax {
        ChecksumSyntax {
            algorithm: algorithm.to_owned(),
            over: Some("body".to_owned()),
            against: Some("check".to_owned()),
            encoding: encoding.iter().map(|word| (*word).to_owned()).collect(),
            ..ChecksumSyntax::default()
        }
    }

    #[test]
    fn a_check_that_cannot_be_computed_says_nothing_of_the_text() {
        let groups = |name: &str| match name {
            "body" => Some(&b"hello"[..]),
            "check" => Some(&b"3610a686"[..]),
            _ => None,
        };
        assert_eq!(judge(&check("crc32", &["hex"]), groups), Outcome::Holds);
        assert_eq!(judge(&check("crc32", &["base62", "hex"]), groups), Outcome::Holds);
        assert_eq!(judge(&check("crc32", &["hex-upper"]), groups), Outcome::Fails);
        assert_eq!(judge(&check("crc64", &["hex"]), groups), Outcome::Differs);
        assert_eq!(judge(&check("crc32", &["hex"]), |_| None), Outcome::Differs);
    }
}
