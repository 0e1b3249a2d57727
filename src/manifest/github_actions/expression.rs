//! `${{ ... }}`: what a scalar takes in from elsewhere, and whether an outsider chose it.

use crate::text::span::Span;

/// One `${{ ... }}`.
pub(super) struct Expression<'t> {
    /// What stands between the braces.
    pub(super) inner: &'t str,
    /// The whole of it, braces included, from the start of the text.
    pub(super) span: Span,
}

/// The expressions of `text`, in order.
pub(super) fn expressions(text: &str) -> impl Iterator<Item = Expression<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find("${{")?;
        let length = text.get(start..)?.find("}}")?;
        from = start + length + 2;
        Some(Expression { inner: text.get(start + 3..start + length)?, span: Span::new(start, from) })
    })
}

/// Texts that whoever opens an issue, a pull request or a comment, or pushes to a fork, chooses.
///
/// Source: GitHub, "Secure use reference", section "Good practices for mitigating script injection attacks".
const CHOSEN: [&str; 27] = [
    "github.head_ref",
    "github.event.issue.title",
    "github.event.issue.body",
    "github.event.pull_request.title",
    "github.event.pull_request.body",
    "github.event.pull_request.head.ref",
    "github.event.pull_request.head.label",
    "github.event.pull_request.head.repo.default_branch",
    "github.event.pull_request.head.repo.description",
    "github.event.pull_request.head.repo.homepage",
    "github.event.comment.body",
    "github.event.review.body",
    "github.event.review_comment.body",
    "github.event.discussion.title",
    "github.event.discussion.body",
    "github.event.workflow_run.head_branch",
    "github.event.workflow_run.display_title",
    "github.event.workflow_run.head_commit.message",
    "github.event.workflow_run.head_commit.author.name",
    "github.event.workflow_run.head_commit.author.email",
    "github.event.head_commit.message",
    "github.event.head_commit.author.name",
    "github.event.head_commit.author.email",
    "github.event.changes.title.from",
    "github.event.changes.body.from",
    "github.event.changes.head.ref.from",
    "github.event.merge_group.head_commit.message",
];

/// Lists of which each item holds such a text, and the last names of those.
const LISTS: [(&str, &[&str]); 3] = [
    ("github.event.commits", &["message", "name", "email"]),
    ("github.event.pages", &["page_name", "title"]),
    ("github.event.workflow_run.pull_requests", &["ref"]),
];

/// Objects that hold such texts among others.
const WHOLE: [&str; 8] = [
    "github",
    "github.event",
    "github.event.issue",
    "github.event.pull_request",
    "github.event.comment",
    "github.event.review",
    "github.event.discussion",
    "github.event.head_commit",
];

/// Functions that give true, false or a number of digits, whatever they are given.
const SAFE: [&str; 4] = ["contains", "startswith", "endswith", "hashfiles"];

/// A name in an expression, such as `github.event.issue.title`, in lower case and with dots alone.
struct Name {
    text: String,
    /// The function around it; empty when there is none.
    function: String,
    /// Whether only its truth matters here: it is compared, negated or stands before `&&`.
    asked: bool,
}

/// The first value in `inner` that an outsider chose and that is put out as text.
pub(super) fn chosen_by_outsider(inner: &str) -> Option<String> {
    let found = names(inner).into_iter().find(|name| {
        !name.asked && !SAFE.contains(&name.function.as_str()) && (is_chosen(&name.text) || is_whole(name))
    });
    found.map(|name| name.text)
}

/// Names in `inner` that begin with `start`, such as `secrets.`, without it and as written.
pub(super) fn named<'t>(inner: &'t str, start: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    for word in inner.split(|letter: char| !(letter.is_ascii_alphanumeric() || "._-".contains(letter))) {
        let head = word.get(..start.len()).filter(|head| head.eq_ignore_ascii_case(start));
        found.extend(head.and_then(|_| word.get(start.len()..)).filter(|rest| !rest.is_empty()));
    }
    found
}

/// Whether `inner` takes in the whole of `secrets`, or one whose name is only known when it runs.
pub(super) fn takes_all_secrets(inner: &str) -> bool {
    let compact: String = inner.chars().filter(|letter| !letter.is_whitespace()).collect();
    let compact = compact.to_ascii_lowercase();
    compact.contains("tojson(secrets)")
        || compact.contains("join(secrets")
        || compact.contains("secrets.*")
        || compact
            .match_indices("secrets[")
            .any(|(at, mark)| !compact.get(at + mark.len()..).unwrap_or_default().starts_with(['\'', '"']))
}

fn is_chosen(name: &str) -> bool {
    CHOSEN.contains(&name)
        || LISTS.iter().any(|(list, ends)| {
            name.strip_prefix(list).is_some_and(|rest| {
                rest.is_empty() || ends.iter().any(|end| rest.rsplit('.').next() == Some(*end))
            })
        })
}

fn is_whole(name: &Name) -> bool {
    name.function == "tojson" && WHOLE.contains(&name.text.as_str())
}

fn names(inner: &str) -> Vec<Name> {
    let text = dotted(inner);
    let mut found = Vec::new();
    let mut functions: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = String::new();
    let mut quoted = false;
    let letters: Vec<char> = text.chars().chain([' ']).collect();
    for (at, letter) in letters.iter().enumerate() {
        if *letter == '\'' {
            quoted = !quoted;
        }
        if !quoted && (letter.is_ascii_alphanumeric() || "._-*".contains(*letter)) {
            word.push(*letter);
            continue;
        }
        let ended = std::mem::take(&mut word);
        match letter {
            '(' if !quoted => functions.push(ended),
            _ => {
                if !ended.is_empty() {
                    let rest: String =
                        letters.iter().skip(at).filter(|letter| **letter != ' ').take(2).collect();
                    let asked = ["==", "!=", "&&"].contains(&rest.as_str())
                        || rest.starts_with(['<', '>'])
                        || ["==", "!="].iter().any(|mark| before.ends_with(mark))
                        || before.ends_with('!');
                    let function = functions.iter().rev().find(|name| !name.is_empty());
                    found.push(Name { text: ended, function: function.cloned().unwrap_or_default(), asked });
                    before.clear();
                }
                if *letter == ')' && !quoted {
                    functions.pop();
                }
            }
        }
        if !letter.is_whitespace() {
            before.push(*letter);
        }
    }
    found
}

/// `inner` in lower case, with `['name']` and `[0]` written `.name` and `.0`.
fn dotted(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        let Some((index, behind)) = after.split_once(']') else {
            rest = after;
            break;
        };
        out.push('.');
        out.push_str(index.trim().trim_matches('\''));
        rest = behind;
    }
    out.push_str(rest);
    out.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_an_outsider_chose_is_told_from_what_is_only_compared() {
        for (inner, chosen) in [
            ("github.event.issue.title", true),
            ("github.head_ref", true),
            ("github.head_ref || github.ref_name", true),
            ("github.event.pull_request.head['ref']", true),
            ("GitHub.Event.Comment.Body", true),
            ("format('{0}', github.event.comment.body)", true),
            ("toJSON(github.event)", true),
            ("toJson(github.event.issue)", true),
            ("join(github.event.commits.*.message)", true),
            ("github.event.commits[0].message", true),
            ("github.event.action == 'x' && github.head_ref || 'main'", true),
            ("github.event.issue.number", false),
            ("github.event.pull_request.head.sha", false),
            ("contains(github.event.comment.body, '/deploy')", false),
            ("github.head_ref == 'main'", false),
            ("'main' != github.head_ref", false),
            ("github.head_ref && 'pr' || 'push'", false),
            ("hashFiles(github.head_ref)", false),
            ("'github.head_ref'", false),
            ("github.event", false),
            ("secrets.TOKEN", false),
            ("github.event.commits[0].id", false),
        ] {
            assert_eq!(chosen_by_outsider(inner).is_some(), chosen, "{inner}");
        }
    }

    #[test]
    fn all_secrets_are_told_from_one() {
        for (inner, all) in [
            ("toJSON(secrets)", true),
            ("toJson( secrets )", true),
            ("secrets[format('{0}_KEY', matrix.env)]", true),
            ("secrets[matrix.name]", true),
            ("secrets['NAME']", false),
            ("secrets.NAME", false),
            ("toJSON(matrix)", false),
        ] {
            assert_eq!(takes_all_secrets(inner), all, "{inner}");
        }
        assert_eq!(named("secrets.A || secrets.B_2 && x.secrets", "secrets."), ["A", "B_2"]);
    }

    #[test]
    fn expressions_keep_their_place() {
        let text = "a ${{ x }} b ${{y}} ${{ open";
        let found: Vec<_> = expressions(text).map(|one| (one.inner, one.span.start, one.span.end)).collect();
        assert_eq!(found, [(" x ", 2, 10), ("y", 13, 19)]);
    }

    proptest! {
        #[test]
        fn no_expression_makes_it_fall_over(text in "[ -~ü\\n]{0,60}") {
            for one in expressions(&text) {
                prop_assert!(one.span.end <= text.len());
            }
            let _ = chosen_by_outsider(&text);
            let _ = takes_all_secrets(&text);
            let _ = named(&text, "secrets.");
        }
    }
}
