//! OpenSSH signatures and their namespaces.
//!
//! ```text
//! -----BEGIN SSH SIGNATURE-----
//! U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg...      70 base64 digits a line
//! -----END SSH SIGNATURE-----
//! ```
//!
//! The blob inside is `SSHSIG`, version, public key, namespace, reserved, hash name, signature. Reading is
//! strict: what would not be written again byte for byte is refused, so no bit of it is free.
//!
//! Source: OpenSSH, PROTOCOL.sshsig.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ssh_key::encoding::{Decode, Encode};
use ssh_key::{HashAlg, PublicKey, SshSig};

use super::{Key, SigningError};

/// The most bytes an armoured signature may have; the largest kind we accept needs about 500.
pub const MAX_ARMOUR: usize = 8 * 1024;

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
const LINE: usize = 70;

/// The bit of a security key's flags that says a person touched it.
const PRESENCE: u8 = 0x01;

/// A well-formed signature by a key of an accepted kind. It says nothing until [`Self::verify`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    blob: SshSig,
    key: Key,
}

impl Signature {
    /// Reads the armour that `ssh-keygen -Y sign` writes.
    ///
    /// # Errors
    ///
    /// Anything that would not be written again byte for byte, a version other than 1, a reserved
    /// field that is not empty, a kind of key we do not take.
    pub fn parse(armour: &[u8]) -> Result<Self, SigningError> {
        if armour.len() > MAX_ARMOUR {
            return Err(SigningError::Armour(format!("it has more than {MAX_ARMOUR} bytes")));
        }
        let text = std::str::from_utf8(armour)
            .map_err(|_| SigningError::Armour("it is binary; `ssh-keygen -Y sign` writes text".to_owned()))?;
        let body = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)).ok_or_else(|| {
            SigningError::Armour("its first or last line is not as it should be".to_owned())
        })?;
        let bytes = STANDARD
            .decode(body.replace('\n', ""))
            .map_err(|_| SigningError::Armour("its middle is not base64".to_owned()))?;
        let signature = Self::from_blob(&bytes)?;
        if signature.armour().as_bytes() == armour {
            Ok(signature)
        } else {
            Err(SigningError::Armour("its lines are not broken as `ssh-keygen` breaks them".to_owned()))
        }
    }

    /// Reads the blob inside the armour, as strictly as [`Self::parse`].
    pub fn from_blob(bytes: &[u8]) -> Result<Self, SigningError> {
        let mut rest = bytes;
        let blob = SshSig::decode(&mut rest)
            .map_err(|error| SigningError::Format(error.to_string().to_lowercase()))?;
        if !rest.is_empty() || blob.encode_vec().ok().as_deref() != Some(bytes) {
            return Err(SigningError::Format("it is not written in its one form".to_owned()));
        }
        Self::accept(blob)
    }

    /// Takes `blob` if every part of it is one we know.
    pub(super) fn accept(blob: SshSig) -> Result<Self, SigningError> {
        if blob.version() != SshSig::VERSION {
            return Err(SigningError::Format(format!("version {} is not known", blob.version())));
        }
        if !blob.reserved().is_empty() {
            return Err(SigningError::Format("the reserved field is not empty".to_owned()));
        }
        if !matches!(blob.hash_alg(), HashAlg::Sha256 | HashAlg::Sha512) {
            return Err(SigningError::Format("the hash is neither sha256 nor sha512".to_owned()));
        }
        let key = Key::accept(blob.public_key().clone())?;
        // The crate checks a security key's signature without looking at the name of its algorithm.
        if blob.signature().algorithm() != key.data().algorithm() {
            return Err(SigningError::Format("key and signature are of different kinds".to_owned()));
        }
        Ok(Self { blob, key })
    }

    /// The blob inside the armour.
    pub fn blob(&self) -> Vec<u8> {
        self.blob.encode_vec().unwrap_or_default()
    }

    /// The text `ssh-keygen -Y sign` would write.
    pub fn armour(&self) -> String {
        let digits = STANDARD.encode(self.blob());
        let mut text = BEGIN.to_owned();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && index % LINE == 0 {
                text.push('\n');
            }
            text.push(digit);
        }
        text.push('\n');
        text.push_str(END);
        text
    }

    /// What it was made for.
    pub fn namespace(&self) -> &str {
        self.blob.namespace()
    }

    /// The key that made it, as it says itself.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether a person touched the security key; `None` for a key that cannot tell.
    ///
    /// Neither `ssh-keygen -Y verify` nor the crate looks at this bit.
    pub fn touched(&self) -> Option<bool> {
        let bytes = self.blob.signature().as_bytes();
        // The last five bytes are the flags and a counter of four.
        let flags = bytes.len().checked_sub(5).and_then(|at| bytes.get(at))?;
        self.key.is_hardware().then_some(flags & PRESENCE != 0)
    }

    /// Checks that the key of this signature signed `message` for `namespace`.
    ///
    /// Whether that key may sign anything is the question of [`super::Signers::who`].
    pub fn verify(&self, namespace: &str, message: &[u8]) -> Result<(), SigningError> {
        if self.namespace() != namespace {
            return Err(SigningError::Namespace {
                found: self.namespace().to_owned(),
                wanted: namespace.to_owned(),
            });
        }
        PublicKey::new(self.key.data().clone(), "")
            .verify(namespace, message, &self.blob)
            .map_err(|_| SigningError::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::KeyFile;
    use crate::text::hash::sha256;
    use proptest::prelude::*;
    use ssh_key::private::{Ed25519Keypair, KeypairData};
    use ssh_key::public::KeyData;
    use ssh_key::{LineEnding, PrivateKey};

    fn key_file(seed: u8) -> KeyFile {
        let pair = Ed25519Keypair::from_seed(&[seed; 32]);
        let secret = PrivateKey::new(KeypairData::from(pair), "").unwrap();
        KeyFile::parse(secret.to_openssh(LineEnding::LF).unwrap().as_bytes(), "id").unwrap()
    }

    #[test]
    fn a_signature_reads_back_and_verifies_for_its_namespace_only() {
        let made = key_file(1).sign("record@tollgate", b"hello").unwrap();
        let read = Signature::parse(made.armour().as_bytes()).unwrap();
        assert_eq!(read, made);
        assert_eq!(read.touched(), None);
        assert!(read.verify("record@tollgate", b"hello").is_ok());
        assert_eq!(read.verify("record@tollgate", b"hallo"), Err(SigningError::Mismatch));
        assert!(matches!(read.verify("policy@tollgate", b"hello"), Err(SigningError::Namespace { .. })));
    }

    #[test]
    fn armour_that_is_not_written_by_the_book_is_refused() {
        let armour = key_file(1).sign("a@b", b"x").unwrap().armour();
        let long = format!("{}\n{}", armour, " ".repeat(MAX_ARMOUR));
        for bad in [
            armour.trim_end().to_owned(),
            armour.replace('\n', "\r\n"),
            format!("{armour}\n"),
            format!(" {armour}"),
            armour.replace("SSH SIGNATURE", "SSH SIGNATUR3"),
            armour.replacen('\n', "\n\n", 1),
            armour.replace("=\n", "\n"),
            String::new(),
            long,
        ]
        .iter()
        .filter(|bad| **bad != armour)
        {
            assert!(Signature::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Signature::parse(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn what_hides_in_reserved_version_or_behind_the_end_is_refused() {
        let good = key_file(1).sign("a@b", b"x").unwrap().blob();
        let mut old = good.clone();
        old[9] = 0;
        let mut new = good.clone();
        new[9] = 2;
        let mut longer = good.clone();
        longer.push(0);
        // After the key (4 + 51 bytes) and the namespace (4 + 3) comes the reserved field.
        let at = 6 + 4 + 4 + 51 + 4 + 3;
        let mut reserved = good.clone();
        reserved[at + 3] = 1;
        reserved.insert(at + 4, b'x');
        for (name, bad) in [("old", old), ("new", new), ("longer", longer), ("reserved", reserved)] {
            assert!(Signature::from_blob(&bad).is_err(), "{name}");
        }
        assert!(Signature::from_blob(&good).is_ok());
    }

    /// A signature as a security key makes it, with these flags.
    fn touch(flags: u8) -> Signature {
        fn sign<S: ssh_key::SigningKey>(key: &S, bytes: &[u8]) -> Vec<u8> {
            key.try_sign(bytes).unwrap().as_bytes().to_vec()
        }
        let pair = Ed25519Keypair::from_seed(&[9; 32]);
        let data = KeyData::SkEd25519(ssh_key::public::SkEd25519::new(pair.public, "ssh:"));
        let secret = PrivateKey::new(KeypairData::from(pair), "").unwrap();
        let message = SshSig::signed_data("a@b", HashAlg::Sha512, b"x").unwrap();
        let trailer = [flags, 0, 0, 0, 5];
        let signed = [&sha256(b"ssh:")[..], &trailer, &sha256(&message)].concat();
        let made = [sign(&secret, &signed), trailer.to_vec()].concat();
        let made = ssh_key::Signature::new(ssh_key::Algorithm::SkEd25519, made).unwrap();
        Signature::accept(SshSig::new(data, "a@b", HashAlg::Sha512, made).unwrap()).unwrap()
    }

    #[test]
    fn b16_the_presence_bit_of_a_security_key_is_read_and_signed() {
        for (flags, touched) in [(0, false), (1, true), (4, false), (5, true)] {
            let read = Signature::parse(touch(flags).armour().as_bytes()).unwrap();
            assert_eq!(read.touched(), Some(touched), "flags {flags}");
            assert!(read.verify("a@b", b"x").is_ok());
        }
        let mut blob = touch(0).blob();
        let flags = blob.len() - 5;
        blob[flags] = 1;
        let forged = Signature::from_blob(&blob).unwrap();
        assert_eq!(forged.verify("a@b", b"x"), Err(SigningError::Mismatch));
    }

    #[test]
    fn a_signature_under_the_name_of_another_algorithm_is_refused() {
        let good = touch(1);
        let renamed = ssh_key::Signature::new(ssh_key::Algorithm::Ed25519, vec![1; 64]).unwrap();
        let blob = SshSig::new(good.key().data().clone(), "a@b", HashAlg::Sha512, renamed).unwrap();
        assert!(Signature::accept(blob).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Signature::parse(&bytes);
            let _ = Signature::from_blob(&bytes);
            let _ = Key::from_blob(&bytes);
            let _ = KeyFile::parse(&bytes, "id");
        }

        #[test]
        fn what_reads_is_written_again_byte_for_byte(
            at in 0_usize..190, byte in any::<u8>(), cut in 0_usize..190,
        ) {
            let mut bytes = key_file(1).sign("exception@tollgate", b"x").unwrap().blob();
            if let Some(slot) = bytes.get_mut(at) { *slot = byte; }
            if let Ok(read) = Signature::from_blob(&bytes) {
                prop_assert_eq!(read.blob(), bytes.clone());
                prop_assert_eq!(Signature::parse(read.armour().as_bytes()).unwrap(), read);
            }
            bytes.truncate(cut.min(bytes.len() - 1));
            prop_assert!(Signature::from_blob(&bytes).is_err());
        }
    }
}
