//! The name of what was found: survives moved lines, and no secret can be guessed from it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::hash;
use crate::text::secret::Secret;

/// 128 bits that name one subject under one rule. People see and type the first 12 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

/// How a fingerprint was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FingerprintAlgorithm {
    /// HMAC under the organisation's key.
    Hmac,
    /// A hash with the constant prefix of the format; only for subjects that cannot be guessed.
    Salted,
    /// Path, key name and occurrence instead of a value that could be guessed.
    Located,
}

/// What a fingerprint names.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A secret with the estimated strength of its value in bits.
    Secret {
        /// The value.
        value: &'a Secret,
        /// Estimated strength of the value in bits.
        bits: u32,
        /// Where a weak value stands.
        place: WeakPlace<'a>,
    },
    /// An identity's stable name and the offending part of it.
    Identity {
        /// Stable name of the identity, such as `kubernetes/ClusterRole/payments-admin`.
        name: &'a str,
        /// The offending grant, tool or field in normal form; empty for the identity as a whole.
        part: &'a str,
    },
}

/// Names a weak secret without its value.
#[derive(Debug, Clone, Copy)]
pub struct WeakPlace<'a> {
    /// Path of the file.
    pub path: &'a str,
    /// Name of the key the value is assigned to; may be empty.
    pub key: &'a str,
    /// Which of several such values under that key in that file, from 0.
    pub occurrence: u32,
}

/// What a subject is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub fingerprint: Fingerprint,
    /// How it was made.
    pub algorithm: FingerprintAlgorithm,
    /// What it was called under the key before, while keys are changed.
    pub former: Option<(Fingerprint, FingerprintAlgorithm)>,
}

/// Makes fingerprints; with a key, all of them are HMACs.
#[derive(Debug, Clone, Default)]
pub struct Fingerprinter {
    key: Option<Secret>,
    former: Option<Box<Self>>,
}

/// The least strength in bits a value must have to be hashed without a key.
pub const STRONG_BITS: u32 = 64;

/// How fingerprints are made, as a word: rates over different versions are never compared.
pub const VERSION: &str = "tollgate-fp-v1";

const DOMAIN: &str = VERSION;

impl Fingerprinter {
    /// A maker of fingerprints under `key` (`TOLLGATE_FINGERPRINT_KEY`), or without one.
    pub fn new(key: Option<Secret>) -> Self {
        Self { key, former: None }
    }

    /// The same, which also tells what `former` called each subject: exceptions and records know it by that name.
    #[must_use]
    pub fn after(self, former: Self) -> Self {
        Self { former: Some(Box::new(former)), ..self }
    }

    /// Names `subject` under `rule`.
    pub fn of(&self, rule: &str, subject: Subject<'_>) -> Name {
        let (fingerprint, algorithm) = self.own(rule, subject);
        Name { fingerprint, algorithm, former: self.former.as_ref().map(|former| former.own(rule, subject)) }
    }

    fn own(&self, rule: &str, subject: Subject<'_>) -> (Fingerprint, FingerprintAlgorithm) {
        let occurrence;
        let mut algorithm = FingerprintAlgorithm::Salted;
        let parts: Vec<&[u8]> = match subject {
            Subject::Identity { name, part } => vec![rule.as_bytes(), name.as_bytes(), part.as_bytes()],
            Subject::Secret { value, bits, .. } if self.key.is_some() || bits >= STRONG_BITS => {
                vec![rule.as_bytes(), value.expose()]
            }
            Subject::Secret { place, .. } => {
                algorithm = FingerprintAlgorithm::Located;
                occurrence = place.occurrence.to_be_bytes();
                vec![rule.as_bytes(), b"located", place.path.as_bytes(), place.key.as_bytes(), &occurrence]
            }
        };
        let full = match &self.key {
            Some(key) => hash::hmac_parts(key.expose(), DOMAIN, &parts),
            None => hash::sha256_parts(DOMAIN, &parts),
        };
        let mut kept = [0; 16];
        kept.copy_from_slice(full.first_chunk::<16>().unwrap_or(&[0; 16]));
        (Fingerprint(kept), if self.key.is_some() { FingerprintAlgorithm::Hmac } else { algorithm })
    }

    /// The id of the key in use, `None` without one: 8 hex digits that tell keys apart and nothing else.
    pub fn key_id(&self) -> Option<String> {
        let key = self.key.as_ref()?;
        let id = hash::hmac_parts(key.expose(), "tollgate-fpk-v1", &[]);
        Some(hash::hex(id.first_chunk::<4>().unwrap_or(&[0; 4])))
    }

    /// Whether a name made under the key of the id `key`, or without one, is one this maker gives.
    pub fn knows(&self, key: Option<&str>) -> bool {
        self.key_id().as_deref() == key || self.former.as_ref().is_some_and(|former| former.knows(key))
    }
}

impl Fingerprint {
    /// All 32 hex digits.
    pub fn hex(&self) -> String {
        hash::hex(&self.0)
    }

    /// Reads 32 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        hash::unhex(text)?.try_into().ok().map(Self)
    }

    /// Whether `typed` (hex digits, dashes ignored) is how this fingerprint begins.
    pub fn matches(&self, typed: &str) -> bool {
        let typed: String = typed.chars().filter(|letter| *letter != '-').collect::<String>().to_lowercase();
        !typed.is_empty() && self.hex().starts_with(&typed)
    }
}

impl fmt::Display for Fingerprint {
    /// The first 12 hex digits in groups of four: `4f0c-91aa-7be2`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.hex();
        let groups: Vec<&str> = [0, 4, 8].iter().filter_map(|at| hex.get(*at..at + 4)).collect();
        formatter.write_str(&groups.join("-"))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a fingerprint is 32 hex digits"))
    }
}

impl FingerprintAlgorithm {
    /// The word reports and records use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hmac => "hmac",
            Self::Salted => "salted",
            Self::Located => "located",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str, bits: u32, path: &str) -> (Fingerprint, FingerprintAlgorithm) {
        let place = WeakPlace { path, key: "password", occurrence: 0 };
        let value = Secret::new(value.as_bytes());
        Fingerprinter::default().own("r", Subject::Secret { value: &value, bits, place })
    }

    #[test]
    fn b6_a_strong_value_keeps_its_name_wherever_it_stands_and_another_value_gets_another() {
        assert_eq!(of("value-1", 64, "a.env"), of("value-1", 64, "b.env"));
        assert_ne!(of("value-1", 64, "a.env").0, of("value-2", 64, "a.env").0);
    }

    #[test]
    fn a_weak_value_is_named_by_its_place_alone() {
        assert_eq!(of("summer", 63, "a.env"), of("winter", 63, "a.env"));
        assert_eq!(of("summer", 63, "a.env").1, FingerprintAlgorithm::Located);
        assert_ne!(of("summer", 63, "a.env").0, of("summer", 63, "b.env").0);
    }

    #[test]
    fn with_a_key_every_value_is_named_by_hmac() {
        let maker = Fingerprinter::new(Some(Secret::new(b"k")));
        let value = Secret::new(b"summer");
        let place = WeakPlace { path: "a", key: "", occurrence: 0 };
        let subject = Subject::Secret { value: &value, bits: 5, place };
        let name = maker.of("r", subject);
        assert_eq!((name.algorithm, name.former), (FingerprintAlgorithm::Hmac, None));
        assert_ne!(name.fingerprint, of("summer", 99, "a").0);
        // While keys are changed both names are told; the first key ever comes after none.
        let next = Fingerprinter::new(Some(Secret::new(b"l"))).after(maker.clone());
        let renamed = next.of("r", subject);
        assert_ne!(renamed.fingerprint, name.fingerprint);
        assert_eq!(renamed.former, Some((name.fingerprint, name.algorithm)));
        assert!(next.knows(maker.key_id().as_deref()) && !next.knows(None) && !maker.knows(None));
        let first = maker.after(Fingerprinter::default()).of("r", subject);
        assert_eq!(first.former, Some(Fingerprinter::default().own("r", subject)));
    }

    #[test]
    fn people_type_the_first_digits_with_or_without_dashes() {
        let name = Fingerprint([0x4f, 0x0c, 0x91, 0xaa, 0x7b, 0xe2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(name.to_string(), "4f0c-91aa-7be2");
        assert!(
            name.matches("4f0c-91aa")
                && name.matches("4F0C91AA7BE2")
                && !name.matches("")
                && !name.matches("4f1")
        );
        assert_eq!(Fingerprint::from_hex(&name.hex()), Some(name));
    }
}
