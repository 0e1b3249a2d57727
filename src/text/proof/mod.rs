//! Checks that a text carries itself: what a vendor built into a token so that anybody can tell it from noise.
//!
//! ```text
//! digits     ghp_ body check      a sum over one group is written in another
//! seal       body+check           check bits inside one encoded block: the text is what sealing it again gives
//! structure  eyJ... . eyJ... .    what is inside parses
//! ```
//!
//! A rule names its construction and the parameters as data; no construction knows a rule. A new one is a
//! file of this folder and its line in [`CONSTRUCTIONS`]; rules, `rules lint` and `rules test` see it at once.

/// Azure DevOps tokens of 52 letters.
mod azure_devops;
/// Base58 of a known number of bytes.
mod base58;
/// Bech32 (BIP 173).
mod bech32;
/// DER, as far as a key shows it.
pub mod der;
/// Text and JSON in base64.
mod encoded;
/// JSON web tokens.
pub mod jwt;
/// Macaroons of libmacaroons, version 2.
pub mod macaroon;
/// Marvin32, and the keys of Azure it is built into.
mod marvin;
/// Macaroons of Fly.io, in `MessagePack`.
pub mod msgpack;
/// The container of OpenSSH private keys, and certificates.
pub mod openssh;
/// Armoured private keys of any kind.
pub mod pem;
/// Secret key packets of OpenPGP.
pub mod pgp;
/// Sums over bytes.
mod sums;

pub use sums::crc32;

use crate::text::digits::Encoding;

/// What a rule says of its check, beside the construction.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// How digits are written; more than one where a vendor changed it.
    pub encodings: &'a [String],
    /// How the bytes are written that are summed or parsed; `None`: as they stand.
    pub decode: Option<&'a str>,
    /// What the sum starts from; more than one where a service has several kinds of key.
    pub seeds: &'a [String],
    /// What the inside holds.
    pub holds: Option<&'a str>,
    /// How many bytes the inside has.
    pub length: Option<usize>,
}

/// What a check says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is what the rule looks for.
    Holds,
    /// It is well made, and something else.
    Differs,
    /// It is no credential of any kind, whatever another rule takes it for.
    Fails,
}

/// One way to build a check into a text.
#[derive(Debug)]
pub struct Construction {
    /// Its name in rules.
    pub name: &'static str,
    /// How it is computed.
    kind: Kind,
}

/// The sum over bytes from a seed; `None` for a seed it cannot start from.
type Sum = fn(&[u8], Option<&str>) -> Option<Vec<u8>>;

/// The text with the check bits that belong into it, in the same length; `None` for what is no such text.
type Seal = fn(&[u8], &Terms<'_>, Option<&str>) -> Option<Vec<u8>>;

/// What the inside of a text says.
type Structure = fn(&[u8], &Terms<'_>) -> Outcome;

#[derive(Debug)]
enum Kind {
    Digits(Sum),
    /// With a letter of its alphabet, to stand where nothing is sealed yet.
    Seal(Seal, u8),
    Structure(Structure),
}

/// How the bytes may be written that are summed or parsed.
const DECODINGS: [&str; 3] = ["base64", "base64-url", "base64-plain"];

/// Texts of which every seal takes one for its own, from any seed that is one.
const SEALABLE: [&[u8]; 2] = [&[b'a'; 52], b"a1aaaaaa"];

/// Every construction a rule may name.
pub const CONSTRUCTIONS: [Construction; 19] = [
    Construction { name: "azure-devops", kind: Kind::Seal(azure_devops::seal, b'a') },
    Construction { name: "base58", kind: Kind::Structure(base58::judge) },
    Construction { name: "base64-digits", kind: Kind::Structure(encoded::digits) },
    Construction { name: "base64-json", kind: Kind::Structure(encoded::json) },
    Construction { name: "base64-text", kind: Kind::Structure(encoded::text) },
    Construction { name: "bech32", kind: Kind::Seal(bech32::seal, b'A') },
    Construction { name: "crc32", kind: Kind::Digits(sums::crc32_of) },
    Construction { name: "crc32-le", kind: Kind::Digits(sums::crc32_le) },
    Construction { name: "fly-macaroon", kind: Kind::Structure(msgpack::judge) },
    Construction { name: "jwt", kind: Kind::Structure(jwt::judge) },
    Construction { name: "macaroon", kind: Kind::Structure(macaroon::judge) },
    Construction { name: "marvin32", kind: Kind::Digits(marvin::sum) },
    Construction { name: "marvin32-key", kind: Kind::Seal(marvin::seal, b'A') },
    Construction { name: "marvin32-le", kind: Kind::Digits(marvin::sum_le) },
    Construction { name: "openssh-certificate", kind: Kind::Structure(openssh::certificate) },
    Construction { name: "openssh-key", kind: Kind::Structure(openssh::judge) },
    Construction { name: "pem", kind: Kind::Structure(pem::judge) },
    Construction { name: "printable", kind: Kind::Structure(encoded::printable) },
    Construction { name: "sha256", kind: Kind::Digits(sums::sha256) },
];

impl Construction {
    /// The one of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        static LIST: [Construction; CONSTRUCTIONS.len()] = CONSTRUCTIONS;
        LIST.iter().find(|one| one.name == name)
    }

    /// Whether the check stands in digits of its own, which a second group holds.
    pub const fn has_digits(&self) -> bool {
        matches!(self.kind, Kind::Digits(_))
    }

    /// Whether any changed letter makes it fail, but for chance: not so where only a structure is looked at.
    pub const fn is_exact(&self) -> bool {
        !matches!(self.kind, Kind::Structure(_))
    }

    /// A letter to stand where check digits or a seal will; `None` where there are none.
    pub fn filler(&self, terms: &Terms<'_>) -> Option<u8> {
        match self.kind {
            Kind::Digits(_) => Some(Encoding::named(terms.encodings.first()?)?.filler()),
            Kind::Seal(_, filler) => Some(filler),
            Kind::Structure(_) => None,
        }
    }

    /// What the check says of `over`, with its digits in `against` where it has some of their own.
    pub fn judge(&self, terms: &Terms<'_>, over: &[u8], against: Option<&[u8]>) -> Outcome {
        let holds = match self.kind {
            Kind::Structure(judge) => {
                return decoded(terms, over).map_or(Outcome::Fails, |text| judge(&text, terms));
            }
            Kind::Seal(..) => self.sealed(terms, over).iter().any(|sealed| sealed == over),
            Kind::Digits(_) => {
                let Some(against) = against else { return Outcome::Differs };
                self.digits(terms, over, against.len()).iter().any(|digits| digits == against)
            }
        };
        if holds { Outcome::Holds } else { Outcome::Fails }
    }

    /// Every way to write the `width` check digits of `body`; the first is how they are made today.
    pub fn digits(&self, terms: &Terms<'_>, body: &[u8], width: usize) -> Vec<Vec<u8>> {
        let Kind::Digits(sum) = self.kind else { return Vec::new() };
        let Some(body) = decoded(terms, body) else { return Vec::new() };
        let sums: Vec<Vec<u8>> = seeds(terms).filter_map(|seed| sum(&body, seed)).collect();
        let encodings = terms.encodings.iter().filter_map(|name| Encoding::named(name));
        encodings.flat_map(|one| sums.iter().filter_map(move |sum| one.write(sum, width))).collect()
    }

    /// Every way `text` is well sealed, one for each seed; empty for what cannot be sealed.
    pub fn sealed(&self, terms: &Terms<'_>, text: &[u8]) -> Vec<Vec<u8>> {
        let Kind::Seal(seal, _) = self.kind else { return Vec::new() };
        seeds(terms).filter_map(|seed| seal(text, terms, seed)).collect()
    }

    /// What is wrong with `terms` for this construction, in words.
    pub fn fault(&self, terms: &Terms<'_>) -> Option<String> {
        if let Some(unknown) = terms.encodings.iter().find(|name| Encoding::named(name).is_none()) {
            return Some(format!("`{unknown}` is no encoding of check digits"));
        }
        if let Some(unknown) = terms.decode.filter(|decode| !DECODINGS.contains(decode)) {
            return Some(format!("`decode` is one of {}, not `{unknown}`", DECODINGS.join(", ")));
        }
        let usable = |seed: Option<&str>| match self.kind {
            Kind::Digits(sum) => sum(b"tollgate", seed).is_some(),
            Kind::Seal(seal, _) => SEALABLE.iter().any(|text| seal(text, terms, seed).is_some()),
            Kind::Structure(_) => true,
        };
        match seeds(terms).find(|seed| !usable(*seed)) {
            Some(Some(seed)) => Some(format!("`{}` cannot start from the seed `{seed}`", self.name)),
            Some(None) => Some(format!("`{}` needs `seeds`", self.name)),
            None if self.has_digits() && terms.encodings.is_empty() => {
                Some(format!("`{}` needs an `encoding`", self.name))
            }
            None => None,
        }
    }
}

/// Each seed, or none at all once.
fn seeds<'a>(terms: &Terms<'a>) -> impl Iterator<Item = Option<&'a str>> {
    let none = terms.seeds.is_empty().then_some(None);
    none.into_iter().chain(terms.seeds.iter().map(|seed| Some(seed.as_str())))
}

fn decoded(terms: &Terms<'_>, body: &[u8]) -> Option<Vec<u8>> {
    match terms.decode {
        None => Some(body.to_vec()),
        Some(_) => crate::text::digits::from_base64(body),
    }
}

/// Whether `text` begins with `wanted` or, after `*`, contains it; true when nothing is wanted.
fn has(text: &[u8], wanted: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return true };
    match wanted.strip_prefix('*') {
        Some(part) => part.is_empty() || text.windows(part.len()).any(|window| window == part.as_bytes()),
        None => text.starts_with(wanted.as_bytes()),
    }
}

#[cfg(test)]
mod tests;
