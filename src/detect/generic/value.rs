//! What a value is when it is no credential, and how strong it is when it may be one.

use super::name::Name;
use crate::detect::entropy::{entropy, strength_bits, word_run};

/// Says what `value` is, where it is something else than a credential; `before` is its line up to it in lower case.
pub(super) fn is_something_else(value: &str, key: &str, before: &str, name: Name) -> Option<&'static str> {
    let lower = value.to_lowercase();
    let password = name == Name::Password;
    let checks: [(&'static str, bool); 16] = [
        ("too short", value.len() < if password { 4 } else { 6 }),
        ("a text in a natural language", !value.is_ascii()),
        ("a reference, not a value", reference(value, &lower)),
        ("a hash of a password", hash(&lower)),
        ("encrypted", encrypted(value, &lower)),
        ("a public key", public(value)),
        ("an expression, not a literal", expression(value)),
        ("a path or an address", address(value, &lower)),
        ("a regular expression", pattern(value)),
        ("a digest", digest(value, &lower, before)),
        ("the name of an action", action(value)),
        // Many services hand out version 4 UUIDs as tokens, nobody uses one as a password.
        ("a UUID", uuid(value) && (password || few_digits(value))),
        ("a number, a date or a version", number(value, password)),
        ("a placeholder", placeholder(value, &lower)),
        ("repeated or in sequence", patterned(value.as_bytes(), password) && !varied(value)),
        ("its own name", lower == key.to_lowercase() || algorithm(&lower)),
    ];
    checks.into_iter().find_map(|(reason, holds)| holds.then_some(reason))
}

/// How a value that is a credential came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    /// By a machine.
    Random,
    /// By a person who was asked for digits or signs.
    Chosen,
    /// By a person who took a word.
    Word,
}

/// How `value` was made, and its strength in bits; `None` where it is too weak, or too much like words, for what `name`
/// promises.
pub(super) fn strength(value: &str, name: Name) -> Option<(Make, u32)> {
    let bytes = value.as_bytes();
    let bits = strength_bits(bytes, false);
    let has = |test: fn(&u8) -> bool| usize::from(bytes.iter().any(test));
    let digit = has(u8::is_ascii_digit);
    let cases = has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase);
    let symbol = has(u8::is_ascii_punctuation);
    let words = word_share(bytes);
    let random = bytes.len() >= 12
        && entropy(bytes) >= 3.0
        && bits >= 40
        && words <= 0.5
        && (digit + cases >= 2 || (bytes.len() >= 16 && words <= 0.3));
    let chosen =
        name == Name::Password && bytes.len() >= 6 && digit + cases + symbol >= 2 && !identifier(bytes);
    // Letters and digits that take turns: no name is written like that.
    let turns = bytes.windows(2).filter(|pair| match pair {
        [first, second] => first.is_ascii_digit() != second.is_ascii_digit(),
        _ => false,
    });
    let mixed = (12..=64).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && turns.count() >= 3
        && words <= 0.4;
    let random = (random || mixed) && (name != Name::Key || (bits >= 64 && words <= 0.3 && !uuid(value)));
    let make = if random {
        Make::Random
    } else if chosen {
        Make::Chosen
    } else if name == Name::Password && plain_word(value) {
        Make::Word
    } else {
        return None;
    };
    Some((make, bits))
}

/// A short number, or one word in small letters, perhaps with digits behind it, that is not what forms, types and messages call a password.
fn plain_word(value: &str) -> bool {
    const PARTS: [&str; 24] = [
        "pass", "pwd", "secret", "token", "key", "auth", "user", "login", "cred", "prompt", "hidden",
        "input", "field", "error", "valid", "forgot", "reset", "confirm", "encrypt", "hash", "crypt",
        "string", "text", "type",
    ];
    const WORDS: [&str; 40] = [
        "true",
        "false",
        "null",
        "none",
        "undefined",
        "optional",
        "mandatory",
        "bytes",
        "number",
        "integer",
        "boolean",
        "object",
        "array",
        "char",
        "varchar",
        "email",
        "phone",
        "name",
        "value",
        "empty",
        "blank",
        "disabled",
        "enabled",
        "plain",
        "basic",
        "bearer",
        "digest",
        "interactive",
        "allow",
        "deny",
        "unauthorized",
        "change",
        "function",
        "symbol",
        "wrong",
        "root",
        "admin",
        "bad",
        "good",
        "else",
    ];
    let letters = value.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if letters.is_empty() {
        return (6..=12).contains(&value.len());
    }
    letters.len() >= 4
        && value.len() <= 24
        && letters.bytes().all(|byte| byte.is_ascii_lowercase())
        && !WORDS.contains(&letters)
        && !PARTS.iter().any(|part| letters.contains(part))
}

fn pattern(value: &str) -> bool {
    let repeated = |bytes: &[u8]| matches!(bytes, [b'\\', class, repeat] if b"sdwSDW".contains(class) && b"{*+".contains(repeat));
    (value.starts_with('^') && (value.ends_with('$') || value.contains("[^")))
        || value.contains("]{")
        || value.contains("(?:")
        || value.as_bytes().windows(3).any(repeated)
}

/// Digits alone; as a password only those that are written like a date, a version or a time.
fn number(value: &str, password: bool) -> bool {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.bytes().all(|byte| byte.is_ascii_digit() || b".-:+,/_TZ".contains(&byte))
        && !(password && digits && (6..=12).contains(&value.len()))
}

/// Long, and of many different characters: a sequence such as somebody types who needs a key at once.
fn varied(value: &str) -> bool {
    let mut seen = value.to_ascii_lowercase().into_bytes();
    seen.sort_unstable();
    seen.dedup();
    value.len() >= 20 && seen.len() >= 10
}

/// Fewer kinds of hex digits than chance gives.
fn few_digits(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    b"0123456789abcdef".iter().filter(|digit| lower.as_bytes().contains(digit)).count() < 10
}

/// A variable, a template, a look-up somewhere else.
fn reference(value: &str, lower: &str) -> bool {
    const STARTS: [&str; 17] = [
        "#{", "{", "%(", "%{", "@", "<", "!", "$(", "[", "&", "*", "arn:", "op://", "vault:", "ssm:", "ref:",
        "env:",
    ];
    const INSIDE: [&str; 22] = [
        "${",
        "{{",
        "#{",
        "<%",
        "%(",
        "$(",
        "process.env",
        "os.environ",
        "getenv",
        "env(",
        "env[",
        "env.",
        "secrets.",
        "secretkeyref",
        "valuefrom",
        "import.meta",
        "config.",
        "settings.",
        "keyvault",
        "secretsmanager",
        "var.",
        "githubusercontent",
    ];
    let variable = value.strip_prefix('$').is_some_and(|rest| {
        rest.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    let percent = value.len() > 2 && value.starts_with('%') && value.ends_with('%');
    let format = ["%s", "%d", "%v", "{}", "{0}", "%@"].iter().any(|hole| value.contains(hole));
    variable
        || percent
        || format
        || STARTS.iter().any(|start| lower.starts_with(start))
        || INSIDE.iter().any(|part| lower.contains(part))
}

/// A hole that a format string, a URI template or an example fills: `{n}`, `{token}`, `{id:08x}`. `rest` is what goes on
/// behind the value, such as the brace that closes its last hole.
pub(super) fn has_hole(value: &str, rest: &[u8]) -> bool {
    let word = format!("{value}{}", String::from_utf8_lossy(rest));
    word.split('{').skip(1).any(|part| part.split_once('}').is_some_and(|(inside, _)| hole(inside)))
}

fn hole(inside: &str) -> bool {
    let (name, format) = inside.split_once(':').unwrap_or((inside, ""));
    name.len() <= 32
        && name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
        && format.len() <= 8
        && format.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"<>^#.?+".contains(&byte))
}

/// The shapes of crypt, bcrypt, Argon2, LDAP and Django hashes.
fn hash(lower: &str) -> bool {
    const STARTS: [&str; 20] = [
        "$2a$", "$2b$", "$2y$", "$argon2", "$1$", "$5$", "$6$", "$y$", "$pbkdf2", "$scrypt", "{ssha", "{sha",
        "{bcrypt}", "{md5}", "{pbkdf2}", "pbkdf2", "scrypt:", "bcrypt", "argon2", "md5$",
    ];
    // Also behind the user of an htpasswd line.
    let crypt =
        lower.strip_prefix('$').and_then(|rest| rest.split_once('$')).is_some_and(|(scheme, rest)| {
            scheme.len() <= 10
                && rest.contains('$')
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    crypt
        || STARTS.iter().any(|start| lower.starts_with(start))
        || ["$2a$", "$2b$", "$2y$", "$argon2", "$apr1$"].iter().any(|mark| lower.contains(mark))
}

fn encrypted(value: &str, lower: &str) -> bool {
    const STARTS: [&str; 9] =
        ["enc[", "enc(", "{cipher}", "$ansible_vault", "vault:v", "{aes}", "secure:", "encrypted:", "crypt:"];
    // Ciphertext of AWS KMS and of Kubernetes sealed secrets, and Fernet tokens.
    const PREFIXES: [&str; 4] = ["AQICAH", "AgA", "AgB", "gAAAAA"];
    STARTS.iter().any(|start| lower.starts_with(start))
        || (value.len() >= 80 && PREFIXES.iter().any(|start| value.starts_with(start)))
}

fn public(value: &str) -> bool {
    const STARTS: [&str; 9] =
        ["ssh-", "ecdsa-", "AAAAB3", "AAAAC3", "AAAAE2", "MIIBIjAN", "MFkwEwYH", "age1", "pk_"];
    STARTS.iter().any(|start| value.starts_with(start)) || value.contains("-----BEGIN")
}

/// A call, an index, an attribute, a generic type.
fn expression(value: &str) -> bool {
    let call = value.split_once('(').is_some_and(|(head, _)| {
        !head.is_empty()
            && head.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:$>-!".contains(&byte))
    });
    let head = |text: &str| identifier(text.trim_start_matches(['$', '\\']).as_bytes());
    let index = value.split_once('[').is_some_and(|(name, _)| head(name));
    // What stands between two texts: `"",$next="0"`, `'a'.$p['b']`.
    let between =
        value.starts_with([',', ';', ')', '.', ':']) && value.ends_with(['=', '[', '(', ':', '+', '.', ',']);
    // And what follows the last one: `"Password: "),a=b`.
    let between = between || (value.starts_with("),") && value.contains('='));
    call || index
        || between
        || value.contains("::")
        || value.contains("->")
        || value.contains("=>")
        || dotted(value)
}

/// `com.acme.TokenProvider`, `login.password.hint`, `self.token`: names joined by dots.
fn dotted(value: &str) -> bool {
    value.contains('.')
        && value.split('.').all(|part| {
            part.is_empty()
                || (part.len() <= 40
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
                    && (identifier(part.as_bytes()) || part.len() <= 3))
        })
}

fn address(value: &str, lower: &str) -> bool {
    let url = lower.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.len() <= 12 && !rest.split('/').next().unwrap_or_default().contains('@')
    });
    let path = ["/", "./", "../", "~/", "c:\\", "\\\\"].iter().any(|start| lower.starts_with(start))
        && value.split(['/', '\\']).all(|part| part.len() <= 24 || identifier(part.as_bytes()));
    let file = [
        ".pem", ".key", ".crt", ".json", ".yml", ".yaml", ".txt", ".env", ".jks", ".p12", ".html", ".js",
        ".ts", ".py", ".php", ".md", ".com", ".org", ".net", ".io",
    ]
    .iter()
    .any(|end| lower.ends_with(end));
    let segments = value.contains('/')
        && value.split('/').all(|part| part.is_empty() || identifier(part.as_bytes()) || part.len() <= 3);
    url || path || file || segments || image(value)
}

/// A container image: `ghcr.io/acme/web:1.2.3`.
fn image(value: &str) -> bool {
    let named = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._/-".contains(&byte))
    };
    let Some((name, tag)) = value.rsplit_once(':') else { return false };
    let registry = name.split_once('/').is_some_and(|(host, _)| host.contains('.'));
    registry
        && named(name)
        && tag.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && tag.len() <= 24
}

/// An action of a cloud service: `ecr:GetAuthorizationToken`, `iam:Pass*`.
fn action(value: &str) -> bool {
    let Some((service, name)) = value.split_once(':') else { return false };
    let service = !service.is_empty()
        && service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let letters = name.strip_suffix('*').unwrap_or(name);
    service
        && letters.starts_with(|letter: char| letter.is_ascii_uppercase())
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        && word_share(letters.as_bytes()) > 0.7
}

/// Hex of the length of a digest where the line speaks of digests, and subresource integrity.
fn digest(value: &str, lower: &str, before: &str) -> bool {
    const NAMES: [&str; 14] = [
        "sha",
        "md5",
        "integrity",
        "checksum",
        "commit",
        "digest",
        "hash",
        "revision",
        "rev",
        "etag",
        "fingerprint",
        "thumbprint",
        "blob",
        "resolved",
    ];
    let hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let length = [32, 40, 56, 64, 96, 128].contains(&value.len());
    ["sha1-", "sha256-", "sha384-", "sha512-", "sha256:", "sha512:", "md5:", "h1:"]
        .iter()
        .any(|start| lower.starts_with(start))
        || (hex && length && NAMES.iter().any(|name| before.contains(name)))
}

fn uuid(value: &str) -> bool {
    let groups: Vec<usize> = value.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Words that stand for a value to come. Long ones count anywhere, short ones as a word of their own, and
/// neither in a value whose other part is long and random.
fn placeholder(value: &str, lower: &str) -> bool {
    const LONG: [&str; 32] = [
        "example",
        "changeme",
        "change-me",
        "change_me",
        "placeholder",
        "replace",
        "redacted",
        "insert",
        "sample",
        "dummy",
        "xxxx",
        "your-",
        "your_",
        "yourpass",
        "yourtoken",
        "yoursecret",
        "youapi",
        "yourapi",
        "todo",
        "fixme",
        "foobar",
        "secret_here",
        "goes-here",
        "goeshere",
        "undefined",
        "required",
        "optional",
        "****",
        "....",
        "notset",
        "changeit",
        "mypassword",
    ];
    const SHORT: [&str; 31] = [
        "test", "testing", "demo", "fake", "mock", "none", "null", "true", "false", "default", "here",
        "your", "my", "some", "abc", "foo", "bar", "baz", "tbd", "empty", "value", "string", "stub", "any",
        "not", "the", "super", "unset", "password", "secret", "token",
    ];
    if let Some(word) = LONG.iter().find(|word| lower.contains(*word)) {
        let rest = lower.replacen(word, "", 1);
        return rest.len() < 20 || strength_bits(rest.as_bytes(), false) < 70;
    }
    let words: Vec<&str> =
        lower.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
    let named = words.iter().filter(|word| SHORT.contains(*word)).map(|word| word.len()).sum::<usize>();
    named > 0 && value.len() - named < 12
}

/// One or two letters over and over, or mostly a run such as `123456` or `abcdef`; in a password a run may be a part.
pub(super) fn patterned(bytes: &[u8], password: bool) -> bool {
    let mut seen: Vec<u8> = bytes.to_vec();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() <= if bytes.len() < 6 { 2 } else { 3 } || (bytes.len() >= 12 && seen.len() <= 4) {
        return true;
    }
    let (mut run, mut longest) = (1, 1);
    for pair in bytes.windows(2) {
        let [first, second] = pair else { continue };
        let next = first.checked_add(1) == Some(*second) || (*first == b'9' && *second == b'0');
        run = if next { run + 1 } else { 1 };
        longest = longest.max(run);
    }
    if password {
        return longest * 5 >= bytes.len() * 4;
    }
    longest >= 6 && longest * 2 >= bytes.len() || longest >= 9
}

fn algorithm(lower: &str) -> bool {
    const NAMES: [&str; 17] = [
        "scram-sha-256",
        "sha1",
        "sha256",
        "sha384",
        "sha512",
        "hmac-sha256",
        "hs256",
        "rs256",
        "es256",
        "oauth2",
        "base64",
        "aes-256-gcm",
        "aes256",
        "bearer",
        "x-api-key",
        "ed25519",
        "pkcs8",
    ];
    NAMES.contains(&lower)
}

/// Words joined by `-`, `_` or capitals, with at most a short number at an end: what people call things.
fn identifier(bytes: &[u8]) -> bool {
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let plain = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte));
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    // A password such as `hunter2` is a word and a digit, so a digit at the end speaks only for longer names.
    let separated = bytes.iter().any(|byte| b"_-.".contains(byte));
    let digits_fit = digits == 0 || (digits <= 2 && separated);
    plain && letters > 0 && digits_fit && word_share(bytes) >= 0.6
}

/// Which part of `bytes` lies in runs of letters that read like words.
fn word_share(bytes: &[u8]) -> f64 {
    let mut rest = bytes;
    let mut inside = 0_u32;
    let mut total = 0_u32;
    while !rest.is_empty() {
        let run = word_run(rest).max(1);
        let part = rest.get(..run).unwrap_or_default();
        let count = u32::try_from(run).unwrap_or(u32::MAX);
        let separator = run == 1 && part.iter().all(|byte| b"_-. ".contains(byte));
        if !separator {
            total = total.saturating_add(count);
        }
        if run >= 3 && wordlike(part) {
            inside = inside.saturating_add(count);
        }
        rest = rest.get(run..).unwrap_or_default();
    }
    if total == 0 { 1.0 } else { f64::from(inside) / f64::from(total) }
}

/// Has a vowel, and no more than four consonants in a row.
fn wordlike(letters: &[u8]) -> bool {
    let (mut row, mut longest, mut vowels) = (0, 0, 0);
    for letter in letters {
        if b"aeiouyAEIOUY".contains(letter) {
            vowels += 1;
            row = 0;
        } else {
            row += 1;
            longest = longest.max(row);
        }
    }
    vowels > 0 && longest <= 4 && vowels * 8 >= letters.len()
}
