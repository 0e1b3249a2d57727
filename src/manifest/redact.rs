//! Text that may hold a secret, made fit to show: commands, URLs, arguments.

/// The least length of a run of letters and digits that is hidden.
const LONG: usize = 16;

/// Words after which the next value is a secret, in any case.
const SECRET_WORDS: [&str; 12] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "auth",
    "credential",
    "private_key",
];

/// Whether a name is that of a secret: `GITHUB_TOKEN`, `x-api-key`, `dbPassword`.
pub(super) fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let key = name.ends_with("_key") || name.ends_with("-key") || name == "key" || name.ends_with("apikey");
    let harmless = [
        "_file",
        "_path",
        "_url",
        "_uri",
        "_name",
        "tokens",
        "_endpoint",
        "_ttl",
        "author",
        "project_key",
        "cache_key",
    ];
    let count = name.contains("max_") || name.contains("public") || name.contains("unauthorized");
    let pat = name.ends_with("_pat") || name == "pat" || name.ends_with("-pat");
    !count
        && !harmless.iter().any(|end| name.ends_with(end))
        && (key || pat || SECRET_WORDS.iter().any(|word| name.contains(word)))
}

/// Whether a value only points to a secret: `${VAR}`, `$VAR`, `${input:id}`, `op://...`; or is none at all.
pub(super) fn is_reference(value: &str) -> bool {
    let value = value.trim();
    let bare = ["Bearer ", "bearer ", "Basic ", "basic ", "token ", "Token "]
        .iter()
        .find_map(|scheme| value.strip_prefix(scheme))
        .unwrap_or(value)
        .trim();
    let shell = bare.strip_prefix('$').is_some_and(|rest| {
        rest.starts_with(['{', '(']) || rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    let percent = bare.len() > 2 && bare.starts_with('%') && bare.ends_with('%');
    let angle = bare.starts_with('<') && bare.ends_with('>');
    let store = ["op://", "vault:", "keychain:", "env:", "secretref:", "aws-sm://", "gcp-sm://", "file:"]
        .iter()
        .any(|scheme| bare.starts_with(scheme));
    bare.is_empty()
        || shell
        || percent
        || angle
        || store
        || ["{{", "{env:", "{file:"].iter().any(|mark| bare.starts_with(mark))
        || is_placeholder(bare)
}

/// Text that tells the reader to put a secret here.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    [
        "your",
        "changeme",
        "change-me",
        "change_me",
        "replace",
        "placeholder",
        "example",
        "xxxx",
        "...",
        "todo",
        "dummy",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

/// `text` with what may be a secret replaced by `***`.
///
/// Hidden are user information and queries of URLs, values behind a word such as `--token` or `password=`,
/// what follows `Bearer`, and every run of at least sixteen letters and digits that has both.
pub(super) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut hide = false;
    for piece in text.split_inclusive([' ', '\t', '\n']) {
        let word = piece.trim_end_matches([' ', '\t', '\n']);
        let blank = piece.get(word.len()..).unwrap_or_default();
        let quoted = word.trim_matches(['"', '\'', ',', ')', '(']);
        if hide && !quoted.is_empty() && !is_reference(quoted) {
            out.push_str("***");
        } else {
            out.push_str(&word_redacted(word));
        }
        out.push_str(blank);
        hide = !word.is_empty() && announces(quoted);
    }
    out
}

/// Whether the next word is a secret: `--token`, `Bearer`, `Authorization:`.
fn announces(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    if matches!(lower.as_str(), "bearer" | "basic" | "-u" | "--user") {
        return true;
    }
    (lower.starts_with('-') && !lower.contains('=') && names_secret(lower.trim_start_matches('-')))
        || lower.strip_suffix([':', '=']).is_some_and(|name| name != "authorization" && names_secret(name))
}

fn word_redacted(word: &str) -> String {
    let word = without_user(word);
    if let Some((name, value)) = word.split_once(['=', ':'])
        && names_secret(name.rsplit(['?', '&', '"', '\'', '-', ' ']).next().unwrap_or(name))
        && !value.starts_with("//")
        && !is_reference(value.trim_matches(['"', '\'']))
    {
        let mark = word.get(name.len()..=name.len()).unwrap_or("=");
        return format!("{}{mark}***", hide_runs(name));
    }
    match word.split_once('?') {
        Some((start, query)) if start.contains("://") && query.contains('=') => {
            format!("{}?***", hide_runs(start))
        }
        _ => hide_runs(&word),
    }
}

/// A URL without `user:password@`.
fn without_user(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest.get(..host_end).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://***{}", rest.get(at..).unwrap_or_default()),
        None => word.to_owned(),
    }
}

fn hide_runs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_alphanumeric() || letter == '+' {
            run.push(letter);
            continue;
        }
        let mixed = run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic());
        out.push_str(if run.len() >= LONG && mixed { "***" } else { &run });
        run.clear();
        if letter != '\0' {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_hidden_and_the_rest_stays() {
        let canary = ["abc", "123", "DEF", "456", "ghi", "789"].concat();
        for shape in [
            "curl -H 'Authorization: Bearer CANARY' https://a.example",
            concat!("https://user:", "CANARY@a.example/x"),
            "https://a.example/x?key=CANARY",
            "--token=CANARY",
            "--api-key CANARY run",
            "PASSWORD=CANARY",
            "sk_CANARY",
            "pre-CANARY-post",
        ] {
            let shown = redact(&shape.replace("CANARY", &canary));
            assert!(!shown.contains(&canary), "{shape}: {shown}");
        }
        assert_eq!(redact("--password hunter2 x"), "--password *** x");
        assert_eq!(redact("https://me:pw@host/p"), "https://***@host/p");
        for text in [
            "Bash(git push *)",
            "npx -y @scope/server-filesystem@1.2.3 /srv",
            "mcp__github__create_pull_request",
            "--token ${GITHUB_TOKEN}",
            "https://a.example/mcp",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn names_and_references_are_told_apart() {
        for name in ["GITHUB_TOKEN", "x-api-key", "dbPassword", "OPENAI_API_KEY", "Authorization", "GH_PAT"] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "HOME",
            "TOKEN_FILE",
            "MAX_OUTPUT_TOKENS",
            "MONKEY",
            "PATH",
            "API_KEY_URL",
            "NODE_TLS_REJECT_UNAUTHORIZED",
        ] {
            assert!(!names_secret(name), "{name}");
        }
        for value in
            ["${X}", "$X", "Bearer ${X}", "${input:id}", "op://v/i", "<your key>", "", "YOUR_KEY_HERE", "%X%"]
        {
            assert!(is_reference(value), "{value}");
        }
        for value in ["hunter2", "Bearer abc", "$ab-c"] {
            assert!(!is_reference(value), "{value}");
        }
    }
}
