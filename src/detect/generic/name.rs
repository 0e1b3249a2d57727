//! What the name of a value promises.

/// The kind of credential a name speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// Something a person may have chosen.
    Password,
    /// Something a machine made.
    Token,
    /// A key of something, which opens nothing more often than not.
    Key,
}

const PASSWORDS: [&str; 7] = ["password", "passwd", "passphrase", "passcode", "passwort", "pwd", "pass"];
const TOKENS: [&str; 6] = ["secret", "token", "tokens", "credential", "credentials", "salt"];

/// What makes a `key` one that opens something.
const KEYS: [&str; 27] = [
    "api",
    "access",
    "auth",
    "private",
    "signing",
    "encryption",
    "encrypt",
    "master",
    "shared",
    "account",
    "service",
    "secret",
    "session",
    "storage",
    "hmac",
    "jwt",
    "admin",
    "app",
    "consumer",
    "oauth",
    "cipher",
    "validation",
    "crypto",
    "aes",
    "license",
    "integration",
    "webhook",
];

/// What other keys find, order or open on a screen.
const OTHER_KEYS: [&str; 24] = [
    "primary",
    "foreign",
    "cache",
    "sort",
    "partition",
    "ssh",
    "host",
    "i",
    "translation",
    "object",
    "row",
    "map",
    "dict",
    "group",
    "unique",
    "index",
    "query",
    "hot",
    "arrow",
    "json",
    "message",
    "label",
    "lookup",
    "join",
];

/// Behind a credential's name they turn it into something about it.
const ABOUT: [&str; 96] = [
    "name",
    "names",
    "file",
    "filename",
    "path",
    "dir",
    "url",
    "uri",
    "endpoint",
    "host",
    "type",
    "id",
    "ids",
    "length",
    "len",
    "size",
    "count",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "exp",
    "age",
    "policy",
    "field",
    "label",
    "placeholder",
    "hint",
    "prefix",
    "suffix",
    "regex",
    "regexp",
    "pattern",
    "format",
    "version",
    "algorithm",
    "alg",
    "header",
    "ref",
    "reference",
    "arn",
    "class",
    "issuer",
    "audience",
    "limit",
    "limits",
    "provider",
    "manager",
    "store",
    "enabled",
    "required",
    "rule",
    "rules",
    "hash",
    "digest",
    "input",
    "form",
    "error",
    "message",
    "title",
    "description",
    "help",
    "key_id",
    "index",
    "status",
    "strategy",
    "env",
    "scheme",
    "helper",
    "desc",
    "address",
    "component",
    "strength",
    "checker",
    "validator",
    "validation",
    "tip",
    "tooltip",
    "note",
    "notice",
    "warning",
    "success",
    "failed",
    "failure",
    "changed",
    "updated",
    "reset",
    "tag",
    "tags",
    "symbol",
    "supply",
    "encryption",
    "mode",
    "yaml",
    "yml",
    "txt",
];

/// Before a credential's name they say that it opens nothing.
const HARMLESS: [&str; 44] = [
    "public",
    "pub",
    "publishable",
    "csrf",
    "xsrf",
    "next",
    "prev",
    "page",
    "continuation",
    "continue",
    "cancellation",
    "cancel",
    "max",
    "min",
    "num",
    "total",
    "pagination",
    "cursor",
    "lexer",
    "syntax",
    "parser",
    "design",
    "eos",
    "bos",
    "pad",
    "unk",
    "mask",
    "stop",
    "special",
    "idempotency",
    "cache",
    "sort",
    "forgot",
    "show",
    "hide",
    "toggle",
    "has",
    "is",
    "invalid",
    "missing",
    "wrong",
    "encrypted",
    "hashed",
    "sealed",
];

impl Name {
    /// Reads `key` as words, `db_password`, `dbPassword` and `DB-PASSWORD` alike; `None` for a name that is
    /// not that of a credential, such as `tokenizer`, `password_file` or `next_page_token`.
    pub(super) fn read(key: &str) -> Option<Self> {
        let words: Vec<String> = words(key)
            .into_iter()
            .map(|word| word.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned())
            .filter(|word| !word.is_empty())
            .collect();
        let (at, name) = words.iter().enumerate().rev().find_map(|(at, word)| {
            let before = at.checked_sub(1).and_then(|before| words.get(before)).map_or("", String::as_str);
            Some((at, kind(word, before)?))
        })?;
        let about = words.iter().skip(at + 1).any(|word| ABOUT.contains(&word.as_str()));
        let harmless = words.iter().take(at).any(|word| HARMLESS.contains(&word.as_str()));
        (!about && !harmless).then_some(name)
    }
}

fn kind(word: &str, before: &str) -> Option<Name> {
    if PASSWORDS.contains(&word) {
        return Some(Name::Password);
    }
    // In a signed address, the id of the key and the scope it signs for.
    if word == "credential" && ["amz", "goog"].contains(&before) {
        return None;
    }
    if TOKENS.contains(&word) || (word == "key" && KEYS.contains(&before)) {
        return Some(Name::Token);
    }
    // Names run together: `dbpassword`, `authtoken`, `MYAPIKEY`; but `compass` and `bypass` end in `pass` too.
    if PASSWORDS.iter().any(|end| end.len() >= 6 && word.ends_with(end)) {
        return Some(Name::Password);
    }
    if word == "key" && !before.is_empty() && !OTHER_KEYS.contains(&before) {
        return Some(Name::Key);
    }
    let key = word.strip_suffix("key").is_some_and(|head| KEYS.iter().any(|end| head.ends_with(end)));
    let token = ["secret", "token", "salt"].iter().any(|end| word.ends_with(end));
    (key || token).then_some(Name::Token)
}

/// The lower-case words of an identifier.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last = '_';
    let mut letters = key.chars().peekable();
    while let Some(letter) = letters.next() {
        let next_small = letters.peek().is_some_and(char::is_ascii_lowercase);
        let border = letter.is_ascii_uppercase()
            && (last.is_ascii_lowercase()
                || last.is_ascii_digit()
                || (last.is_ascii_uppercase() && next_small));
        if !letter.is_ascii_alphanumeric() || border {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(letter.to_ascii_lowercase());
        }
        last = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_by_its_words() {
        for (key, expected) in [
            ("password", Some(Name::Password)),
            ("DB_PASSWORD", Some(Name::Password)),
            ("dbPassword", Some(Name::Password)),
            ("smtp.pass", Some(Name::Password)),
            ("dbpassword", Some(Name::Password)),
            ("apiKey", Some(Name::Token)),
            ("APIKey", Some(Name::Token)),
            ("X-Api-Key", Some(Name::Token)),
            ("clientSecret", Some(Name::Token)),
            ("SECRET_KEY", Some(Name::Token)),
            ("authtoken", Some(Name::Token)),
            ("MYAPIKEY", Some(Name::Token)),
            ("tokenizer", None),
            ("secretary", None),
            ("compass", None),
            ("primary_key", None),
            ("tenant_key", Some(Name::Key)),
            ("consumerKey", Some(Name::Token)),
            ("password1", Some(Name::Password)),
            ("password_file", None),
            ("tokenUrl", None),
            ("secretName", None),
            ("max_tokens", None),
            ("next_page_token", None),
            ("publicApiKey", None),
            ("passwordPolicy", None),
            ("password_encryption", None),
            ("passwordLoginMode", None),
            ("X-Amz-Credential", None),
            ("X-Goog-Credential", None),
            ("X-Amz-Security-Token", Some(Name::Token)),
            ("-secret.yaml", None),
            ("", None),
        ] {
            assert_eq!(Name::read(key), expected, "{key}");
        }
    }
}
