//! Signed notes: a text, and below it one line for each key that signed it.
//!
//! ```text
//! acme.example/payments/2026
//! 118
//! qt5rqTb5E2PYiIyd4PRO0kT7dGFBeyb09tchu7LbT8w=
//!
//! — acme.example/payments/2026 Az3grlgtzPICa5OS8npV...      base64(key id, signature)
//! — witness.example jWbPPwAAAABkGFDLEZMHwSRaJNiI...         base64(key id, time, signature)
//! ```
//!
//! A key is told as `<name>+<key id in hex>+<base64(type, public key)>`. Source: C2SP signed-note, types `0x01`
//! (Ed25519) and `0x04` (C2SP tlog-cosignature, with the time of signing).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::{KeyFile, SigningError};
use crate::text::hash;
use crate::text::time::Timestamp;

/// The most bytes a note may have: its text, and 16 signatures or more.
pub const MAX_NOTE: usize = 64 * 1024;

/// What a signature line begins with.
const DASH: &str = "\u{2014} ";

/// What a signature says beside "I saw this text".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statement {
    /// The signer made the text.
    Sealed,
    /// The signer knew no newer state of this log at the time the signature holds.
    Witnessed,
}

/// A public key that signs notes, under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    statement: Statement,
    key: VerifyingKey,
}

/// A secret key that signs notes, under its name.
pub struct NoteSigner {
    name: String,
    secret: SigningKey,
}

/// A note as read or made. Its text says nothing until [`Note::verify`] holds for a key that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Statement {
    /// The type byte of C2SP signed-note.
    const fn byte(self) -> u8 {
        match self {
            Self::Sealed => 0x01,
            Self::Witnessed => 0x04,
        }
    }
}

impl NoteKey {
    /// Reads `<name>+<key id>+<base64>`.
    ///
    /// # Errors
    ///
    /// Another form, a type we do not take, an id that is not that of name and key.
    pub fn parse(text: &str) -> Result<Self, SigningError> {
        let fault = |cause: &str| SigningError::NoteKey(cause.to_owned());
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(fault("it is not `<name>+<key id>+<key>`"));
        };
        check_name(name)?;
        let blob = STANDARD.decode(key).map_err(|_| fault("its key is not base64"))?;
        let (kind, public) = blob.split_first().ok_or_else(|| fault("its key is empty"))?;
        let statement = [Statement::Sealed, Statement::Witnessed].into_iter().find(|it| it.byte() == *kind);
        let statement = statement.ok_or_else(|| fault("its key is of a type we do not take"))?;
        let public: [u8; 32] = public.try_into().map_err(|_| fault("its key has not 32 bytes"))?;
        let key = VerifyingKey::from_bytes(&public).map_err(|_| fault("its key is no point of the curve"))?;
        let read = Self { name: name.to_owned(), statement, key };
        if hash::hex(&read.id()) == id { Ok(read) } else { Err(fault("its id is not that of its key")) }
    }

    /// Whose key it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its signatures say.
    pub fn statement(&self) -> Statement {
        self.statement
    }

    /// First four bytes of `SHA-256(name || 0x0A || type || public key)`.
    fn id(&self) -> [u8; 4] {
        let input = [self.name.as_bytes(), b"\n", &[self.statement.byte()], self.key.as_bytes()].concat();
        *hash::sha256(&input).first_chunk::<4>().unwrap_or(&[0; 4])
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blob = [&[self.statement.byte()][..], self.key.as_bytes()].concat();
        write!(formatter, "{}+{}+{}", self.name, hash::hex(&self.id()), STANDARD.encode(blob))
    }
}

impl NoteSigner {
    /// The Ed25519 key of `file`, signing as `name`.
    ///
    /// # Errors
    ///
    /// A key of another kind, a name that is empty or holds a space or a plus.
    pub fn new(file: &KeyFile, name: &str) -> Result<Self, SigningError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), secret: file.ed25519()? })
    }

    /// The public half, for signatures that say `statement`.
    pub fn key(&self, statement: Statement) -> NoteKey {
        NoteKey { name: self.name.clone(), statement, key: self.secret.verifying_key() }
    }

    /// The signature of whoever made `text`.
    pub fn seal(&self, text: &str) -> NoteSignature {
        let bytes = self.secret.sign(text.as_bytes()).to_bytes().to_vec();
        self.line(Statement::Sealed, bytes)
    }

    /// The signature of a witness that knows no newer state at `now`.
    pub fn witness(&self, text: &str, now: Timestamp) -> NoteSignature {
        let seconds = seconds(now);
        let signature = self.secret.sign(witnessed(text, seconds).as_bytes()).to_bytes();
        self.line(Statement::Witnessed, [&seconds.to_be_bytes()[..], &signature].concat())
    }

    fn line(&self, statement: Statement, bytes: Vec<u8>) -> NoteSignature {
        NoteSignature { name: self.name.clone(), id: self.key(statement).id(), bytes }
    }
}

impl Note {
    /// A note over `text`, which ends in a line feed, without a signature yet.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), signatures: Vec::new() }
    }

    /// Reads what [`Self`] is written as, and nothing that would be written in another way.
    ///
    /// # Errors
    ///
    /// Too large, not UTF-8, a control character, no signature, a line that is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, SigningError> {
        let fault = |cause: &str| SigningError::Note(cause.to_owned());
        if bytes.len() > MAX_NOTE {
            return Err(fault("it has more than 64 KiB"));
        }
        let all = std::str::from_utf8(bytes).map_err(|_| fault("it is not UTF-8"))?;
        if all.chars().any(|letter| letter < ' ' && letter != '\n') {
            return Err(fault("it holds a control character"));
        }
        let (text, lines) = all.rsplit_once("\n\n").ok_or_else(|| fault("it has no signature"))?;
        let lines = lines.strip_suffix('\n').ok_or_else(|| fault("its last line does not end"))?;
        let signatures = lines.split('\n').map(NoteSignature::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// What is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name on each signature line, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signature| signature.name.as_str())
    }

    /// Adds a signature, in place of an earlier one of the same key.
    pub fn add(&mut self, signature: NoteSignature) {
        let same = |other: &NoteSignature| other.name == signature.name && other.id == signature.id;
        match self.signatures.iter_mut().find(|other| same(other)) {
            Some(earlier) => *earlier = signature,
            None => self.signatures.push(signature),
        }
    }

    /// Whether `key` signed, and when where its signatures tell; `None` without a line of that key.
    ///
    /// # Errors
    ///
    /// [`SigningError::Mismatch`] when a line bears its name and id and is not its signature.
    pub fn verify(&self, key: &NoteKey) -> Result<Option<Option<Timestamp>>, SigningError> {
        let of_key = |line: &&NoteSignature| line.name == key.name && line.id == key.id();
        let mut found = None;
        for line in self.signatures.iter().filter(of_key) {
            found = Some(self.verify_line(key, &line.bytes)?);
        }
        Ok(found)
    }

    fn verify_line(&self, key: &NoteKey, bytes: &[u8]) -> Result<Option<Timestamp>, SigningError> {
        let (time, signature) = match key.statement {
            Statement::Sealed => (None, bytes),
            Statement::Witnessed => {
                let (time, rest) = bytes.split_first_chunk::<8>().ok_or(SigningError::Mismatch)?;
                (Some(u64::from_be_bytes(*time)), rest)
            }
        };
        let signature: [u8; 64] = signature.try_into().map_err(|_| SigningError::Mismatch)?;
        let message = time.map_or_else(|| self.text.clone(), |time| witnessed(&self.text, time));
        key.key
            .verify_strict(message.as_bytes(), &Signature::from_bytes(&signature))
            .map_err(|_| SigningError::Mismatch)?;
        Ok(time.map(|time| Timestamp::from_seconds(i64::try_from(time).unwrap_or(i64::MAX))))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        for line in &self.signatures {
            let blob = [&line.id[..], &line.bytes].concat();
            writeln!(formatter, "{DASH}{} {}", line.name, STANDARD.encode(blob))?;
        }
        Ok(())
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Result<Self, SigningError> {
        let fault = |cause: &str| SigningError::Note(cause.to_owned());
        let rest = line.strip_prefix(DASH).ok_or_else(|| fault("a line below its text is no signature"))?;
        let (name, blob) = rest.split_once(' ').ok_or_else(|| fault("a signature has no name"))?;
        check_name(name)?;
        let blob = STANDARD.decode(blob).map_err(|_| fault("a signature is not base64"))?;
        let (id, bytes) = blob.split_first_chunk::<4>().ok_or_else(|| fault("a signature is too short"))?;
        Ok(Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

fn check_name(name: &str) -> Result<(), SigningError> {
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '+';
    if name.is_empty() || name.chars().any(odd) {
        return Err(SigningError::NoteKey(
            "its name is empty, or holds a space, a control character or `+`".to_owned(),
        ));
    }
    Ok(())
}

/// What a witness signs. Source: C2SP tlog-cosignature, `cosignature/v1`.
fn witnessed(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.0 / 1000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer(seed: u8, name: &str) -> NoteSigner {
        let text = KeyFile::generate(&[seed; 32], "test").unwrap();
        NoteSigner::new(&KeyFile::parse(text.as_bytes(), "test").unwrap(), name).unwrap()
    }

    fn sealed_and_witnessed() -> (Note, NoteKey, NoteKey) {
        let (log, witness) = (signer(1, "acme.example/pay/2026"), signer(2, "witness.example"));
        let mut note = Note::new("acme.example/pay/2026\n3\nAAAA\n");
        note.add(log.seal(note.text()));
        note.add(witness.witness(note.text(), Timestamp::from_seconds(1_679_315_147)));
        (note, log.key(Statement::Sealed), witness.key(Statement::Witnessed))
    }

    #[test]
    fn the_example_of_the_specification_verifies() {
        // C2SP tlog-cosignature, the checkpoint of its first page; its keys are published by the key ids alone, so
        // what is checked is that every line is read and written again byte for byte.
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
             \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
             \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
        let note = Note::parse(text.as_bytes()).unwrap();
        assert_eq!(note.to_string(), text);
        assert_eq!(
            note.names().collect::<Vec<_>>(),
            ["example.com/behind-the-sofa", "witness.example.com/w1"]
        );
        let time = u64::from_be_bytes(*note.signatures[1].bytes.first_chunk().unwrap());
        assert_eq!(time, 1_679_315_147, "the time its text gives");
    }

    #[test]
    fn the_published_example_of_go_verifies() {
        // The package documentation of golang.org/x/mod/sumdb/note.
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
             \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let key =
            NoteKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        assert_eq!(Note::parse(text.as_bytes()).unwrap().verify(&key), Ok(Some(None)));
    }

    #[test]
    fn a_seal_and_its_witness_verify_with_their_own_keys_alone() {
        let (note, log, witness) = sealed_and_witnessed();
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(read.verify(&log), Ok(Some(None)));
        assert_eq!(read.verify(&witness), Ok(Some(Some(Timestamp::from_seconds(1_679_315_147)))));
        let stranger = signer(3, "acme.example/pay/2026").key(Statement::Sealed);
        assert_eq!(read.verify(&stranger), Ok(None));
        for key in [log, witness] {
            assert_eq!(NoteKey::parse(&key.to_string()), Ok(key));
        }
    }

    #[test]
    fn no_bit_of_a_note_is_free() {
        let (note, log, witness) = sealed_and_witnessed();
        let bytes = note.to_string().into_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let believed = |key: &NoteKey| {
                Note::parse(&altered).is_ok_and(|note| matches!(note.verify(key), Ok(Some(_))))
            };
            assert!(!(believed(&log) && believed(&witness)), "bit {bit}");
        }
    }

    #[test]
    fn keys_that_are_not_written_so_are_refused() {
        let good = signer(1, "a").key(Statement::Sealed).to_string();
        let id = good.split('+').nth(1).unwrap();
        for bad in [
            "",
            "a",
            "a+b",
            &good.replacen('a', "b", 1),
            &good.replacen(id, "00000000", 1),
            &good.replacen("a+", " +", 1),
            good.split_at(good.len() - 1).0,
            &format!("a+{id}+"),
        ] {
            assert!(NoteKey::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_written_again_byte_for_byte(text in "(\\PC|\n){0,40}", name in "[ +a-z]{0,4}", blob in "[A-Za-z0-9+/=]{0,24}") {
            let text = format!("{text}\n\n\u{2014} {name} {blob}\n");
            if let Ok(note) = Note::parse(text.as_bytes()) {
                prop_assert_eq!(note.to_string(), text);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_fall_over(bytes in any::<Vec<u8>>()) {
            let _ = Note::parse(&bytes);
            let _ = NoteKey::parse(&String::from_utf8_lossy(&bytes));
        }
    }
}
