//! Who may sign what, from when to when; person and class behind a key.
//!
//! ```text
//! # .tollgate/signers: OpenSSH allowed_signers, so that stock tools enforce the same
//! dana@acme.example namespaces="exception@tollgate",valid-before="20270101Z" ssh-ed25519 AAAA... dana
//! ```
//!
//! Stricter than OpenSSH where OpenSSH is lenient: `namespaces` must be there, times are UTC, one
//! principal per line, no patterns, no certificate authorities, and no key stands twice.
//!
//! Source: `ssh-keygen(1)`, ALLOWED SIGNERS.

/// One line of the signers file.
mod line;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Key;
use crate::text::time::Timestamp;

/// The most bytes a signers file may have.
pub const MAX_FILE: usize = 256 * 1024;

/// A key with the person behind it and what it may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The name in the signers file, usually an address.
    pub principal: String,
    /// Who that is; several principals may be one person.
    pub person: String,
    /// Human, bot or agent.
    pub class: Class,
    /// The teams the person belongs to, as `signers.toml` lists them.
    pub groups: Vec<String>,
    /// The key.
    pub key: Key,
    /// What it may sign, as listed; never empty.
    pub namespaces: Vec<String>,
    /// The first instant the key is good.
    pub valid_after: Option<Timestamp>,
    /// The first instant the key is no longer good.
    pub valid_before: Option<Timestamp>,
    /// Its line in the signers file, from 1.
    pub line: usize,
}

/// What kind of being signs. Only humans approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A person.
    #[default]
    Human,
    /// A machine that does what it is programmed to.
    Bot,
    /// Something that decides for itself.
    Agent,
}

/// Everyone whose signature means something. No key stands in it twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signers {
    listed: Vec<Signer>,
    revoked: BTreeSet<String>,
    /// Keys that the ledger says are void, by fingerprint, and from which of its records on.
    void: BTreeMap<String, u64>,
}

/// What is wrong in `signers` or `signers.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct SignersError {
    /// Path of the file, as given.
    pub file: String,
    /// Line, from 1; 0 where it is about the whole file.
    pub line: usize,
    /// What is wrong.
    pub cause: String,
    /// What to do.
    pub help: String,
}

/// Why a key may not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerRefusal {
    /// The key is not in the signers file.
    #[error("key {key} is not in the signers file of the trusted commit")]
    Unknown {
        /// Fingerprint of the key.
        key: String,
    },
    /// The key was revoked.
    #[error("the key of `{principal}` was revoked")]
    Revoked {
        /// Whose key.
        principal: String,
    },
    /// The key may sign, but not for this.
    #[error("`{principal}` may not sign for `{namespace}`")]
    WrongNamespace {
        /// Whose key.
        principal: String,
        /// For what.
        namespace: String,
    },
    /// Before its first instant.
    #[error("the key of `{principal}` is not valid before {from}")]
    NotYetValid {
        /// Whose key.
        principal: String,
        /// Its first instant.
        from: Timestamp,
    },
    /// At or after its end.
    #[error("the key of `{principal}` was valid until {until}")]
    KeyExpired {
        /// Whose key.
        principal: String,
        /// Its first instant that no longer counts.
        until: Timestamp,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct People {
    #[serde(default)]
    principals: BTreeMap<String, PersonSyntax>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonSyntax {
    person: Option<String>,
    class: Option<Class>,
    #[serde(default)]
    groups: Vec<String>,
}

impl Signers {
    /// Reads a signers file and, where there is one, the `signers.toml` beside it.
    ///
    /// A principal without an entry there is a human of the same name. The paths are for messages only.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its line: see the module documentation. An entry of
    /// `signers.toml` for a principal that has no key is wrong too, since a misspelt name would
    /// leave a bot counted as a human.
    pub fn parse(file: (&str, &[u8]), people: Option<(&str, &[u8])>) -> Result<Self, SignersError> {
        let mut signers = parse_lines(file.0, file.1)?;
        if let Some((path, bytes)) = people {
            assign_people(&mut signers, path, bytes)?;
        }
        Ok(Self { listed: signers, ..Self::default() })
    }

    /// The same signers without the keys in `fingerprints` (`SHA256:...`): deny wins.
    #[must_use]
    pub fn without(mut self, fingerprints: impl IntoIterator<Item = String>) -> Self {
        self.revoked.extend(fingerprints);
        self
    }

    /// The same signers, where the keys of `void` (`SHA256:...`) signed nothing from the record at that index on.
    #[must_use]
    pub fn void_from(mut self, void: BTreeMap<String, u64>) -> Self {
        self.void.extend(void);
        self
    }

    /// As [`Self::who`] at the instant `at`, for a signature that the ledger took in with its record `index`; for one
    /// that it does not know yet `None`, which comes after every revocation.
    pub fn who_by(
        &self,
        key: &Key,
        namespace: &str,
        at: Timestamp,
        index: Option<u64>,
    ) -> Result<&Signer, SignerRefusal> {
        let from = self.void.get(&key.fingerprint());
        if from.is_some_and(|from| index.is_none_or(|index| index >= *from)) {
            let principal = self.by_key(key).map(|signer| signer.principal.clone()).unwrap_or_default();
            return Err(SignerRefusal::Revoked { principal });
        }
        self.who(key, namespace, at)
    }

    /// The signer behind `key`, if the key may sign for `namespace` at the instant `at`.
    ///
    /// `at` is when the signature entered the ledger, or now; never a date inside a document or commit.
    /// A key is good while `valid_after <= at < valid_before`.
    pub fn who(&self, key: &Key, namespace: &str, at: Timestamp) -> Result<&Signer, SignerRefusal> {
        let fingerprint = key.fingerprint();
        let signer = self.by_key(key).ok_or_else(|| SignerRefusal::Unknown { key: fingerprint.clone() })?;
        let principal = || signer.principal.clone();
        if self.revoked.contains(&fingerprint) {
            return Err(SignerRefusal::Revoked { principal: principal() });
        }
        if !signer.namespaces.iter().any(|listed| listed == namespace) {
            let namespace = namespace.to_owned();
            return Err(SignerRefusal::WrongNamespace { principal: principal(), namespace });
        }
        match (signer.valid_after, signer.valid_before) {
            (Some(from), _) if at < from => Err(SignerRefusal::NotYetValid { principal: principal(), from }),
            (_, Some(until)) if at >= until => {
                Err(SignerRefusal::KeyExpired { principal: principal(), until })
            }
            _ => Ok(signer),
        }
    }

    /// The signer behind `key`, whatever it may sign and when.
    pub fn by_key(&self, key: &Key) -> Option<&Signer> {
        self.listed.iter().find(|signer| signer.key == *key)
    }

    /// Those of `persons` who are not in `group`; `None` where nobody is, since then it is no group that is known here.
    pub fn outside(&self, group: &str, persons: &[String]) -> Option<Vec<String>> {
        let in_group = |signer: &&Signer| signer.groups.iter().any(|name| name == group);
        let inside: BTreeSet<&str> =
            self.listed.iter().filter(in_group).map(|signer| signer.person.as_str()).collect();
        let is_outside = |person: &&String| !inside.contains(person.as_str());
        (!inside.is_empty()).then(|| persons.iter().filter(is_outside).cloned().collect())
    }

    /// Every signer, in the order of the file.
    pub fn all(&self) -> &[Signer] {
        &self.listed
    }

    /// The signers file that would be read as these signers.
    pub fn encode(&self) -> String {
        self.listed.iter().map(|signer| line::encode(signer) + "\n").collect()
    }
}

impl SignerRefusal {
    /// The reason as one word.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_signer",
            Self::Revoked { .. } => "revoked",
            Self::WrongNamespace { .. } => "wrong_namespace",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::KeyExpired { .. } => "key_expired",
        }
    }
}

impl Class {
    /// The word files and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Bot => "bot",
            Self::Agent => "agent",
        }
    }
}

fn parse_lines(file: &str, bytes: &[u8]) -> Result<Vec<Signer>, SignersError> {
    let fault = |line: usize, cause: String, help: &str| SignersError {
        file: file.to_owned(),
        line,
        cause,
        help: help.to_owned(),
    };
    if bytes.len() > MAX_FILE {
        return Err(fault(
            0,
            format!("the file has more than {MAX_FILE} bytes"),
            "list people, not groups of keys",
        ));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| fault(0, "the file is not UTF-8".to_owned(), "save it as UTF-8"))?;
    let mut signers: Vec<Signer> = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let number = index + 1;
        let text = text.trim_matches([' ', '\t']);
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let signer = line::parse(text, number).map_err(|(cause, help)| fault(number, cause, help))?;
        if let Some(first) = signers.iter().find(|known| known.key == signer.key) {
            let cause = if first.principal == signer.principal {
                format!("the key of `{}` stands on line {} already", first.principal, first.line)
            } else {
                format!("`{}` and `{}` have the same key", first.principal, signer.principal)
            };
            let help = "one key is one principal on one line: list all its namespaces there";
            return Err(fault(number, cause, help));
        }
        signers.push(signer);
    }
    Ok(signers)
}

fn assign_people(signers: &mut [Signer], file: &str, bytes: &[u8]) -> Result<(), SignersError> {
    let fault = |line: usize, cause: String, help: &str| SignersError {
        file: file.to_owned(),
        line,
        cause,
        help: help.to_owned(),
    };
    let shape = "write `[principals.\"dana@acme.example\"]`, then `person = \"dana\"`, `class = \"human\"` and `groups = [\"pay\"]`";
    if bytes.len() > MAX_FILE {
        return Err(fault(0, format!("the file has more than {MAX_FILE} bytes"), shape));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| fault(0, "the file is not UTF-8".to_owned(), "save it as UTF-8"))?;
    let people: People = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        fault(before.matches('\n').count() + 1, error.message().to_lowercase(), shape)
    })?;
    for (principal, entry) in people.principals {
        let line = text.lines().position(|line| line.contains(&principal)).map_or(0, |index| index + 1);
        let mut known = false;
        for signer in signers.iter_mut().filter(|signer| signer.principal == principal) {
            known = true;
            signer.class = entry.class.unwrap_or_default();
            signer.groups.clone_from(&entry.groups);
            if let Some(person) = &entry.person {
                signer.person.clone_from(person);
            }
        }
        if !known {
            let cause = format!("`{principal}` has no line in the signers file");
            return Err(fault(line, cause, "correct the name, or take the entry out"));
        }
        if entry.person.is_some_and(|person| person.trim().is_empty()) {
            let cause = format!("the person behind `{principal}` has no name");
            return Err(fault(line, cause, shape));
        }
        if entry.groups.iter().any(|group| group.trim().is_empty()) {
            return Err(fault(line, format!("a group of `{principal}` has no name"), shape));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(seed: u8) -> String {
        let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
        blob.extend([seed; 32]);
        Key::from_blob(&blob).unwrap().openssh()
    }

    fn parse(text: &str) -> Result<Signers, SignersError> {
        Signers::parse(("signers", text.as_bytes()), None)
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_key_is_good_for_its_namespaces_between_its_times() {
        let text = format!(
            "# people\n\n  dana@acme.example namespaces=\"a@t,b@t\",valid-after=\"20260101Z\",valid-before=\"202601021200Z\" {} dana's\r\n",
            key(1)
        );
        let signers = parse(&text).unwrap();
        let known = &signers.all()[0];
        assert_eq!(
            (known.principal.as_str(), known.person.as_str()),
            ("dana@acme.example", "dana@acme.example")
        );
        assert_eq!((known.class, known.line), (Class::Human, 3));
        let code = |namespace: &str, instant: &str| {
            signers.who(&known.key, namespace, at(instant)).map_or_else(|refusal| refusal.code(), |_| "")
        };
        for (namespace, instant, expected) in [
            ("a@t", "2026-01-01T00:00:00Z", ""),
            ("b@t", "2026-01-02T11:59:59.999Z", ""),
            ("a@t", "2026-01-02T12:00:00Z", "key_expired"),
            ("a@t", "2025-12-31T23:59:59.999Z", "not_yet_valid"),
            ("c@t", "2026-01-01T00:00:00Z", "wrong_namespace"),
            ("a", "2026-01-01T00:00:00Z", "wrong_namespace"),
        ] {
            assert_eq!(code(namespace, instant), expected, "{namespace} {instant}");
        }
        let (_, base64) = key(2).split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let other = Key::parse("ssh-ed25519", &base64).unwrap();
        assert_eq!(signers.who(&other, "a@t", at("2026-01-01")).unwrap_err().code(), "unknown_signer");
        let revoked = signers.clone().without([known.key.fingerprint()]);
        assert_eq!(revoked.who(&known.key, "a@t", at("2026-01-01")).unwrap_err().code(), "revoked");
    }

    #[test]
    fn what_openssh_would_let_pass_and_we_do_not_is_named() {
        let one = key(1);
        for (line, part) in [
            (format!("dana {one}"), "namespaces"),
            (format!("* namespaces=\"a\" {one}"), "`*`"),
            (format!("*@acme.example namespaces=\"a\" {one}"), "`*`"),
            (format!("!dana namespaces=\"a\" {one}"), "`!`"),
            (format!("dan? namespaces=\"a\" {one}"), "`?`"),
            (format!("dana,lee namespaces=\"a\" {one}"), "principal"),
            (format!("\"dana\" namespaces=\"a\" {one}"), "`\"`"),
            (format!("dana cert-authority,namespaces=\"a\" {one}"), "cert-authority"),
            (format!("dana no-touch-required,namespaces=\"a\" {one}"), "no-touch-required"),
            (format!("dana namespaces=\"a\",namespaces=\"b\" {one}"), "twice"),
            (format!("dana namespaces=\"*\" {one}"), "`*`"),
            (format!("dana namespaces=\"\" {one}"), "empty"),
            (format!("dana namespaces=\"a,,b\" {one}"), "empty"),
            (format!("dana namespaces=a {one}"), "quotes"),
            (format!("dana namespaces=\"a {one}"), "quotes"),
            (format!("dana namespaces=\"a\",valid-before=\"20260101\" {one}"), "`Z`"),
            (format!("dana namespaces=\"a\",valid-before=\"20261301Z\" {one}"), "20261301Z"),
            (format!("dana namespaces=\"a\",valid-before=\"2026010112Z\" {one}"), "2026010112Z"),
            (
                format!("dana namespaces=\"a\",valid-after=\"20260102Z\",valid-before=\"20260101Z\" {one}"),
                "never",
            ),
            ("dana namespaces=\"a\"".to_owned(), "key"),
            ("dana namespaces=\"a\" ssh-ed25519".to_owned(), "key"),
            ("dana namespaces=\"a\" ssh-ed25519 AAAA".to_owned(), "key"),
            (format!("dana namespaces=\"a\" {}", one.replace("ssh-ed25519 ", "ssh-rsa ")), "ssh-rsa"),
            (format!("dana namespaces=\"a\" {one}\ndana namespaces=\"b\" {one}"), "already"),
        ] {
            let error = parse(&line).unwrap_err();
            assert!(error.cause.contains(part), "{line}: {}", error.cause);
            assert!(error.line > 0 && !error.help.is_empty());
        }
    }

    #[test]
    fn b3_a_key_shared_by_two_principals_makes_the_file_invalid() {
        let text = format!("dana namespaces=\"a\" {}\nlee namespaces=\"a\" {}\n", key(1), key(1));
        let error = parse(&text).unwrap_err();
        assert_eq!((error.line, error.cause.as_str()), (2, "`dana` and `lee` have the same key"));
    }

    #[test]
    fn person_and_class_come_from_the_file_beside_it() {
        let text = format!("dana@a namespaces=\"a\" {}\nbot@a namespaces=\"a\" {}\n", key(1), key(2));
        let with = |people: &str| {
            Signers::parse(("signers", text.as_bytes()), Some(("signers.toml", people.as_bytes())))
        };
        let signers =
            with("[principals.\"dana@a\"]\nperson = \"dana\"\n[principals.\"bot@a\"]\nclass = \"bot\"\n")
                .unwrap();
        let seen: Vec<_> =
            signers.all().iter().map(|signer| (signer.person.as_str(), signer.class)).collect();
        assert_eq!(seen, [("dana", Class::Human), ("bot@a", Class::Bot)]);
        for (people, line) in [
            ("[principals.\"dna@a\"]\nperson = \"dana\"", 1),
            ("[principals.\"dana@a\"]\nklass = \"bot\"", 2),
            ("\n[principals.\"dana@a\"]\nclass = \"robot\"", 3),
            ("[principals.\"dana@a\"]\nperson = \" \"", 1),
            ("[principals.\"dana@a\"]\n[principals.\"dana@a\"]", 2),
            ("[people]", 1),
        ] {
            let error = with(people).unwrap_err();
            assert_eq!(
                (error.file.as_str(), error.line),
                ("signers.toml", line),
                "{people}: {}",
                error.cause
            );
        }
    }

    fn any_line() -> impl Strategy<Value = String> {
        let principal = "[a-z]{1,3}(@[a-z]{1,3})?";
        let names = prop::collection::vec("[a-z@-]{1,6}", 1..3);
        let time = prop::option::of("20[0-9]{2}0[1-9][0-2][1-8]([01][0-9][0-5][0-9]([0-5][0-9])?)?Z");
        (principal, names, time.clone(), time, any::<u8>()).prop_map(
            |(principal, names, from, until, seed)| {
                let mut line = format!("{principal} namespaces=\"{}\"", names.join(","));
                for (name, value) in [("valid-after", from), ("valid-before", until)] {
                    if let Some(value) = value {
                        line = format!("{line},{name}=\"{value}\"");
                    }
                }
                format!("{line} {}", key(seed))
            },
        )
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fall_over(text in "\\PC*", people in "\\PC*") {
            let _ = Signers::parse(("s", text.as_bytes()), Some(("p", people.as_bytes())));
        }

        #[test]
        fn no_line_of_familiar_parts_makes_the_reader_fall_over(
            parts in prop::collection::vec(prop::sample::select(vec![
                "dana", " ", "namespaces=", "\"", ",", "a@t", "valid-after=\"20260101Z\"", "ssh-ed25519", "\n", "=", "é",
            ]), 0..16)
        ) {
            let _ = parse(&parts.concat());
        }

        #[test]
        fn what_is_read_is_written_and_read_as_the_same(lines in prop::collection::vec(any_line(), 0..4)) {
            if let Ok(read) = parse(&lines.join("\n")) {
                let written = read.encode();
                let again = parse(&written).unwrap();
                prop_assert_eq!(&again.encode(), &written);
                prop_assert_eq!(again, read);
            }
        }
    }
}
