//! URLs as they may be shown: without the name and password that some carry.

/// What stands in place of a name and password.
const HIDDEN: &str = "***";

/// One URL without its name, password and query, which may hold a password too.
///
/// The last `@` counts, since people write passwords with `@` and `/` in them as they are.
pub fn public(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (hidden, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
    let rest = rest.split('?').next().unwrap_or_default();
    format!("{scheme}://{hidden}{rest}")
}

/// Text of another program, with the name and password of every URL in it hidden.
///
/// What follows `://` up to a space or quote is one URL, since a password may hold `://` itself.
pub fn scrub(text: &str) -> String {
    let mut scrubbed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("://") {
        scrubbed.extend([before, "://"]);
        let end = behind.find(|letter: char| letter.is_whitespace() || "'\"`<>".contains(letter));
        let (url, after) = behind.split_at_checked(end.unwrap_or(behind.len())).unwrap_or((behind, ""));
        match url.rsplit_once('@') {
            None => scrubbed.push_str(url),
            Some((_, place)) => scrubbed.extend([HIDDEN, "@", place]),
        }
        rest = after;
    }
    scrubbed.push_str(rest);
    scrubbed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_password_with_a_scheme_in_it_is_hidden_whole() {
        assert_eq!(scrub("no https://u:pa://ss@forge.example here"), "no https://***@forge.example here");
        assert_eq!(public("https://u:pa://ss@forge.example"), "https://***@forge.example");
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://gate:pa@s/s?w@db:5432/tollgate?password=x", "postgres://***@db:5432/tollgate"),
            ("https://t0ken@forge.example/a/b", "https://***@forge.example/a/b"),
            ("https://forge.example/a/b", "https://forge.example/a/b"),
            ("git@forge.example:a/b", "git@forge.example:a/b"),
            ("/srv/ledger.git", "/srv/ledger.git"),
        ] {
            assert_eq!(public(url), shown);
        }
        assert_eq!(
            scrub("unable to access 'https://a:b@c/': see https://d/e, ssh://git@f"),
            "unable to access 'https://***@c/': see https://d/e, ssh://***@f"
        );
    }

    proptest! {
        #[test]
        fn what_stands_before_the_last_at_is_gone(password in "[!-~&&[^'\"`<>]]{1,12}", place in "[a-z/.]{1,9}") {
            let url = format!("https://u:{password}@{place}");
            prop_assert_eq!(public(&url), format!("https://***@{place}"));
            prop_assert_eq!(scrub(&format!("no {url} here")), format!("no https://***@{place} here"));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = (public(&text), scrub(&text));
        }
    }
}
