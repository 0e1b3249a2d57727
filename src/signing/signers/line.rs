//! One line of the signers file.

use super::{Class, Signer};
use crate::signing::Key;
use crate::text::safe;
use crate::text::time::Timestamp;

/// What is wrong, and what to do.
type Fault = (String, &'static str);

const SHAPE: &str = "write `dana@acme.example namespaces=\"exception@tollgate\" ssh-ed25519 AAAA...`";
const UTC: &str = "write times in UTC, as in `valid-before=\"20270101Z\"` or `\"20270101120000Z\"`";

#[derive(Default)]
struct Options {
    namespaces: Option<Vec<String>>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

/// Reads `text`, a line with neither space around it nor a comment.
pub(super) fn parse(text: &str, line: usize) -> Result<Signer, Fault> {
    let (principal, rest) = word(text);
    check_name(principal, "a principal")?;
    let (options, rest) = parse_options(rest)?;
    let namespaces = options.namespaces.ok_or_else(|| {
        (format!("`{principal}` has no `namespaces=`, so the key could sign anything"), SHAPE)
    })?;
    if let (Some(from), Some(until)) = (options.valid_after, options.valid_before)
        && from >= until
    {
        return Err((format!("the key of `{principal}` is never valid: it ends before it begins"), UTC));
    }
    let (kind, rest) = word(rest);
    let (base64, _comment) = word(rest);
    let key = Key::parse(kind, base64)
        .map_err(|error| (format!("the key of `{principal}` cannot be used: {error}"), SHAPE))?;
    Ok(Signer {
        principal: principal.to_owned(),
        person: principal.to_owned(),
        class: Class::Human,
        groups: Vec::new(),
        key,
        namespaces,
        valid_after: options.valid_after,
        valid_before: options.valid_before,
        line,
    })
}

/// Writes `signer` as a line that [`parse`] reads, without its comment.
pub(super) fn encode(signer: &Signer) -> String {
    let mut options = format!("namespaces=\"{}\"", signer.namespaces.join(","));
    for (name, time) in [("valid-after", signer.valid_after), ("valid-before", signer.valid_before)] {
        if let Some(time) = time {
            let digits: String = time.to_string().chars().take(19).filter(char::is_ascii_digit).collect();
            options = format!("{options},{name}=\"{digits}Z\"");
        }
    }
    format!("{} {options} {}", signer.principal, signer.key.openssh())
}

/// The first word and what follows it.
fn word(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (first, rest.trim_start_matches([' ', '\t']))
}

/// Refuses what OpenSSH would read as a pattern, a list or a quotation.
fn check_name(name: &str, what: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err((format!("{what} is empty"), SHAPE));
    }
    if name.contains(',') {
        return Err((
            format!("`{name}` is more than one principal"),
            "write one principal on a line, each with a key of its own",
        ));
    }
    let strange = |letter: char| matches!(letter, '*' | '?' | '!' | '"' | '\\' | '=') || letter.is_control();
    match name.chars().find(|letter| strange(*letter)) {
        Some(letter) => Err((
            format!("{what} holds `{}`", safe::terminal(&letter.to_string())),
            "name each principal and namespace in full: patterns and negation are not read here",
        )),
        None => Ok(()),
    }
}

/// Reads `name="value",name="value"` and gives back what stands behind the space after it.
fn parse_options(mut rest: &str) -> Result<(Options, &str), Fault> {
    let mut options = Options::default();
    if !rest.contains('=') || is_key_type(word(rest).0) {
        let flag = word(rest).0;
        return if flag.is_empty() || is_key_type(flag) { Ok((options, rest)) } else { Err(unknown(flag)) };
    }
    loop {
        let (name, value) = rest.split_once('=').ok_or_else(|| unknown(word(rest).0))?;
        if name.contains([',', ' ', '\t', '"']) {
            return Err(unknown(name.split([',', ' ', '\t', '"']).next().unwrap_or(name)));
        }
        let quotes = || (format!("the value of `{name}` has no quotes around it"), SHAPE);
        let (value, after) =
            value.strip_prefix('"').and_then(|value| value.split_once('"')).ok_or_else(quotes)?;
        options.set(name, value)?;
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok((options, after)),
            None => {
                let behind = after.trim_start_matches([' ', '\t']);
                return if behind.len() < after.len() { Ok((options, behind)) } else { Err(quotes()) };
            }
        }
    }
}

impl Options {
    fn set(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        let twice = match name {
            "namespaces" => self.namespaces.replace(parse_namespaces(value)?).is_some(),
            "valid-after" => self.valid_after.replace(parse_time(value)?).is_some(),
            "valid-before" => self.valid_before.replace(parse_time(value)?).is_some(),
            _ => return Err(unknown(name)),
        };
        if twice { Err((format!("`{name}` stands twice"), SHAPE)) } else { Ok(()) }
    }
}

fn parse_namespaces(value: &str) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> = Vec::new();
    for name in value.split(',') {
        check_name(name, "a namespace")?;
        if name.contains([' ', '\t']) {
            return Err((format!("the namespace `{name}` holds a space"), SHAPE));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, each with the `Z` that OpenSSH takes as UTC.
fn parse_time(text: &str) -> Result<Timestamp, Fault> {
    let digits = text.strip_suffix('Z').ok_or_else(|| {
        (format!("the time `{text}` has no `Z`: it would mean another instant on each machine"), UTC)
    })?;
    let bad = || (format!("`{text}` is not a time"), UTC);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(digits.len(), 8 | 12 | 14) {
        return Err(bad());
    }
    let padded = format!("{digits:0<14}");
    let part = |from: usize, to: usize| padded.get(from..to).unwrap_or_default();
    let written = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14)
    );
    let time = Timestamp::parse(&written).map_err(|_| bad())?;
    // A leap second or a date that was bent into shape would be written in another way.
    if time.to_string().starts_with(written.trim_end_matches('Z')) { Ok(time) } else { Err(bad()) }
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start))
}

fn unknown(option: &str) -> Fault {
    (
        format!("the option `{option}` is not read here"),
        "only `namespaces`, `valid-after` and `valid-before` are; person and class stand in `signers.toml`",
    )
}
