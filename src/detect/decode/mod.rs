//! How text hides in text; one file for each decoding. No decoding knows where it is used: [`super::layer`] finds
//! what to decode, keeps the places, and holds the limits.
//!
//! ```text
//! character   \u0067hp_…   %67hp_…   &#103;hp_…      one character, written otherwise
//! joint       "ghp_" + "…"   ghp_\u{200b}…            nothing, between two parts of one value
//! run         Z2hwXy4uLg==   6768705f2e2e            bytes in the letters of an alphabet
//! packed      1f 8b 08 …   g·h·p·_·                  bytes that are text once unpacked
//! ```
//!
//! Not decoded: base32, base85, letters of other scripts that look alike, arrays of numbers, ciphers of any kind, and what only a program
//! that runs puts together.

mod base64;
mod entity;
mod escape;
mod gzip;
mod hex;
mod invisible;
mod join;
mod percent;
mod quoted;
mod utf16;
mod zlib;

/// One decoding.
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    /// Its name, that of its file, as findings tell it.
    pub name: &'static str,
    /// What it reads.
    pub reads: Reads,
}

/// What a decoding reads.
#[derive(Debug, Clone, Copy)]
pub enum Reads {
    /// A character or a joint that begins at an offset, with one of these bytes, then one of those.
    Atom([&'static [u8]; 2], fn(&[u8], usize, Language) -> Option<Atom>),
    /// A whole run of letters of an alphabet.
    Run(fn(&[u8]) -> Option<Vec<u8>>),
    /// Bytes that came out of a run, into at most so many.
    Packed(fn(&[u8], usize) -> Option<Unpacked>),
}

/// A character that is written otherwise, or a joint, which stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Atom {
    /// How many bytes it takes, at least 2.
    pub length: usize,
    /// What it stands for.
    pub stands_for: Option<char>,
    /// Whether a secret may hide behind it.
    pub hides: Hides,
}

/// Whether a secret may hide behind an atom, so that the text around it must be read a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hides {
    /// Nobody writes this character so without a reason.
    Always,
    /// Only if a long word begins behind it, whose beginning it blurs.
    BeforeWord,
    /// The rules read it as it is.
    Never,
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The bytes, as many as fit the limit.
    pub bytes: Vec<u8>,
    /// Whether there is more.
    pub cut: bool,
}

/// What the file says about how its text is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Language {
    /// Literals side by side are one, as in C and Python.
    pub adjacent: bool,
    /// The word `join(` stands somewhere in the text.
    pub joins: bool,
    /// The text says that a part of it is quoted-printable.
    pub quoted: bool,
}

/// Every decoding, in the order in which they are tried at one place.
pub const DECODERS: [Decoder; 11] = [
    percent::DECODER,
    quoted::DECODER,
    invisible::DECODER,
    join::DECODER,
    escape::DECODER,
    entity::DECODER,
    hex::DECODER,
    base64::DECODER,
    gzip::DECODER,
    zlib::DECODER,
    utf16::DECODER,
];

/// The atom at `offset` of `text`, with the name of its decoding.
pub fn atom(text: &[u8], offset: usize, language: Language) -> Option<(Atom, &'static str)> {
    let mut left = begun_by(*text.get(offset)?, *text.get(offset + 1)?);
    while left != 0 {
        if let Some(Decoder { name, reads: Reads::Atom(_, read) }) =
            DECODERS.get(left.trailing_zeros() as usize)
            && let Some(atom) = read(text, offset, language)
        {
            return Some((atom, name));
        }
        left &= left - 1;
    }
    None
}

/// Whether an atom may begin with the two bytes of `pair`.
#[inline]
pub fn begins(pair: &[u8]) -> bool {
    matches!(pair, [one, two] if begun_by(*one, *two) != 0)
}

/// The decodings whose atoms begin with `one` and `two`, a bit for each by its place among all.
#[inline]
fn begun_by(one: u8, two: u8) -> u16 {
    const BEGUN: [[u16; 256]; 2] = [begun(0), begun(1)];
    let [first, second] = &BEGUN;
    let of = |table: &[u16; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
    of(first, one) & of(second, two)
}

#[expect(clippy::indexing_slicing, reason = "it makes a constant, so what lies outside does not compile")]
const fn begun(place: usize) -> [u16; 256] {
    let mut begun = [0; 256];
    let mut which = 0;
    while which < DECODERS.len() {
        if let Reads::Atom(begins, _) = DECODERS[which].reads {
            let mut at = 0;
            while at < begins[place].len() {
                begun[begins[place][at] as usize] |= 1 << which;
                at += 1;
            }
        }
        which += 1;
    }
    begun
}

/// What `run` stands for, with the names of the decodings, and whether more would have come out than `limit`.
pub fn run(run: &[u8], limit: usize) -> Option<(Unpacked, Vec<&'static str>)> {
    let (bytes, name) = DECODERS.iter().find_map(|decoder| match decoder.reads {
        Reads::Run(read) => Some((read(run)?, decoder.name)),
        _ => None,
    })?;
    let mut all = Unpacked { bytes, cut: false };
    let mut names = vec![name];
    // A packing that comes twice hides; one that comes three times is no text.
    for _ in 0..3 {
        let next = DECODERS.iter().find_map(|decoder| match decoder.reads {
            Reads::Packed(read) => Some((read(&all.bytes, limit)?, decoder.name)),
            _ => None,
        });
        let Some((unpacked, name)) = next else { break };
        all = Unpacked { cut: all.cut || unpacked.cut, ..unpacked };
        names.push(name);
    }
    Some((all, names))
}

/// A hex digit as its number.
fn digit(byte: Option<&u8>) -> Option<u32> {
    char::from(*byte?).to_digit(16)
}

/// Two hex digits at `offset` as a byte.
fn two_digits(text: &[u8], offset: usize) -> Option<u8> {
    let number = digit(text.get(offset))? * 16 + digit(text.get(offset + 1))?;
    u8::try_from(number).ok()
}

#[cfg(test)]
mod tests;
