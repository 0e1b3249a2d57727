//! Credentials read from text; one file for each form. Nothing is verified and nothing is asked of a
//! network: what a credential says of itself is what is known.

/// JSON web tokens.
mod jwt;
/// Service account tokens of Kubernetes, which are JSON web tokens of their own kind.
mod kubernetes;
/// URLs that carry the signature of one request.
mod presigned;
/// Shared access signatures of Azure Storage.
mod sas;
/// Certificates of SSH.
mod ssh_certificate;
/// Certificates.
mod x509;

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::finding::Location;
use crate::identity::{Credential, CredentialKind, Life, Storage};
use crate::text::span::{Position, Span};
use crate::text::time::Timestamp;

/// One form of credential.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Its name, that of its file.
    pub name: &'static str,
    /// Texts of which one stands in every credential of this form.
    pub literals: &'static [&'static str],
    read: Read,
}

/// The credential that a literal at this place of the bytes is part of, and its text.
type Read = fn(&[u8], usize, Timestamp) -> Option<(Span, Credential)>;

/// Every form we read, in the order in which they are tried at one place.
pub const FORMS: [Form; 6] =
    [kubernetes::FORM, jwt::FORM, sas::FORM, presigned::FORM, ssh_certificate::FORM, x509::FORM];

/// Whether any form could stand in `bytes`; never false where one does.
pub fn possible(bytes: &[u8]) -> bool {
    LITERALS.iter().any(|literal| literal.find(bytes).is_some())
}

/// No credential has more bytes, and no form looks further than that from its first one.
pub const REACH: usize = 256 << 10;

/// No form looks further back than that from its literal.
pub const BEHIND: usize = 2 << 10;

/// Whether the literal at `start` is that of a credential.
pub fn begins(bytes: &[u8], start: usize, now: Timestamp) -> bool {
    stands_alone(bytes, start) && read_at(bytes, start, now).is_some()
}

fn read_at(bytes: &[u8], start: usize, now: Timestamp) -> Option<(Span, Credential)> {
    let rest = Span::new(start, bytes.len()).of(bytes);
    let begins = |form: &&Form| form.literals.iter().any(|literal| rest.starts_with(literal.as_bytes()));
    FORMS.iter().filter(begins).find_map(|form| (form.read)(bytes, start, now))
}

/// A credential in the open that nothing is known of yet.
fn unknown(kind: CredentialKind, name: &str) -> Credential {
    let start = Position { line: 1, column: 1 };
    let place = Location { path: String::new(), start, end: start, span: Span::default(), commit: None };
    Credential::unknown(kind, name, Storage::Literal, place)
}

/// `credential`, known to end at `end`, and to begin at `start` where that is known.
fn bounded(credential: Credential, start: Option<Timestamp>, end: Timestamp, now: Timestamp) -> Credential {
    let seconds = |at: Timestamp| at.0.div_euclid(1000);
    Credential {
        issued: start.map_or(-1, |start| seconds(start).max(0)),
        expires: seconds(end).max(0),
        life: Life::Bounded,
        lifetime: start.map_or(-1, |start| seconds(end).saturating_sub(seconds(start)).max(0)),
        remaining: seconds(end).saturating_sub(seconds(now)),
        ..credential
    }
}

/// Every credential in `bytes`, in the order of their places; lives are measured at `now`.
///
/// The span of a credential's place covers exactly its text.
pub fn read(path: &str, bytes: &[u8], now: Timestamp) -> Vec<Credential> {
    let mut starts: Vec<usize> = LITERALS.iter().flat_map(|literal| literal.find_iter(bytes)).collect();
    starts.sort_unstable();
    let mut found = Vec::new();
    let mut counter = Counter::default();
    let mut from = 0;
    for start in starts {
        if start < from || !stands_alone(bytes, start) {
            continue;
        }
        let Some((span, mut credential)) = read_at(bytes, start, now).filter(|(span, _)| span.start >= from)
        else {
            continue;
        };
        from = span.end;
        let start_place = counter.advance(bytes, span.start);
        let end = counter.advance(bytes, from);
        credential.place = Location { path: path.to_owned(), start: start_place, end, span, commit: None };
        found.push(credential);
    }
    found
}

/// Each literal by itself: they are few, and one automaton over all is stopped by each letter that one begins with.
static LITERALS: LazyLock<Vec<Finder<'static>>> = LazyLock::new(|| {
    let mut literals: Vec<&str> = FORMS.iter().flat_map(|form| form.literals).copied().collect();
    literals.sort_unstable();
    literals.dedup();
    literals.into_iter().map(Finder::new).collect()
});

/// Whether no letter, digit or dot stands before `start`: else it is the middle of something else.
fn stands_alone(bytes: &[u8], start: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Counts lines and columns forward, so that many tokens in one file cost no more than one.
struct Counter {
    offset: usize,
    place: Position,
}

impl Default for Counter {
    fn default() -> Self {
        Self { offset: 0, place: Position { line: 1, column: 1 } }
    }
}

impl Counter {
    fn advance(&mut self, bytes: &[u8], to: usize) -> Position {
        for byte in Span::new(self.offset, to).of(bytes) {
            match byte {
                b'\n' => self.place = Position { line: self.place.line.saturating_add(1), column: 1 },
                0x80..=0xbf => {}
                _ => self.place.column = self.place.column.saturating_add(1),
            }
        }
        self.offset = to.max(self.offset);
        self.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_a_form() {
        let mut files: Vec<String> = std::fs::read_dir("src/credential")
            .unwrap()
            .filter_map(|entry| entry.unwrap().path().file_stem()?.to_str().map(str::to_owned))
            .filter(|name| name != "mod")
            .collect();
        files.sort();
        let mut names = FORMS.map(|form| form.name.replace('-', "_"));
        names.sort();
        assert_eq!(files, names);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic_and_spans_lie_inside(
            parts in proptest::collection::vec("(eyJ|ey|sig=|&se=2027-01-01|\\?sv=1|X-Amz-Signature=|-----BEGIN CERTIFICATE-----|MII|[A-Za-z0-9_-]{0,9}|\\.|\n|ä|\\{\"alg\":1\\})", 0..60)
        ) {
            let text = parts.concat();
            for credential in read("a", text.as_bytes(), Timestamp(0)) {
                proptest::prop_assert!(credential.place.span.end <= text.len());
            }
        }
    }
}
