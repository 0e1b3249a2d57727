//! What looks like a secret, masked in text whose parts no rule has judged.
//!
//! A mask here is a second net: lines of a repository and messages about its files are shown to people, and may hold
//! a credential that no rule knows. It hides too much rather than too little, and never changes a decision.

use super::secret::MASK;

/// The least length of a run that is hidden.
const LONG: usize = 16;

/// `line` of a repository with every long run of letters and digits, and every password in an address, masked.
pub fn line(line: &str) -> String {
    masked(line, |run| has_digit(run) && run.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// `message` for people with the same masked, but for what only has digits and letters of one case: ids and digests.
pub fn message(message: &str) -> String {
    let both = |run: &str| {
        run.bytes().any(|byte| byte.is_ascii_lowercase()) && run.bytes().any(|byte| byte.is_ascii_uppercase())
    };
    masked(message, |run| has_digit(run) && both(run))
}

fn has_digit(run: &str) -> bool {
    run.bytes().any(|byte| byte.is_ascii_digit())
}

fn masked(text: &str, looks_random: impl Fn(&str) -> bool) -> String {
    let text = without_passwords(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (run, after) = rest.split_at(rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()));
        // The fingerprint of a public key is written with its algorithm.
        let hidden = run.len() >= LONG && looks_random(run) && !out.ends_with("SHA256:");
        out.push_str(if hidden { MASK } else { run });
        let (between, next) = after.split_at(after.find(is_part).unwrap_or(after.len()));
        out.push_str(between);
        rest = next;
    }
    out
}

fn is_part(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '+' | '=')
}

/// Addresses without the password between `://user:` and `@`.
fn without_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(|letter: char| letter.is_whitespace() || "/?#`'\"<>".contains(letter));
        let (authority, next) = after.split_at(end.unwrap_or(after.len()));
        match authority.rsplit_once('@') {
            Some((login, host)) => {
                let user = login.split_once(':').map(|(user, _)| format!("{user}:"));
                out.push_str(&user.unwrap_or_default());
                out.push_str(MASK);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = next;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_random_runs_and_passwords_are_hidden_and_words_are_not() {
        let key = ["9L9wYJYkRaBl", "fHD5kMk08w4CrIDd"].concat();
        assert_eq!(
            line(&format!("Authorization: Bearer {key}\"")),
            format!("Authorization: Bearer {MASK}\"")
        );
        assert_eq!(
            line("kind: ClusterRole # of aggregationRuleOfTheTeam"),
            "kind: ClusterRole # of aggregationRuleOfTheTeam"
        );
        assert_eq!(line("postgres://app:hunter2@db/x"), format!("postgres://app:{MASK}@db/x"));
        assert_eq!(message(&format!("unknown field `{key}`")), format!("unknown field `{MASK}`"));
    }

    #[test]
    fn ids_digests_and_fingerprints_of_keys_stay_in_messages() {
        for text in [
            "`01JDQ4R5M3K8ZV6T2XW9YABCDE` was used",
            "commit 90562f56f30a1a630a856f1794942620357252e2",
            "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDjLgbzo6dYgZ8Xy1M is in no signers file",
            "`TOLLGATE_FINGERPRINT_KEY` https://acme.example/a",
        ] {
            assert_eq!(message(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn masking_a_second_time_changes_nothing(text in "[a-zA-Z0-9:/@ `é·_-]{0,60}") {
            let once = line(&text);
            proptest::prop_assert_eq!(line(&once), once);
            let once = message(&text);
            proptest::prop_assert_eq!(message(&once), once);
        }
    }
}
