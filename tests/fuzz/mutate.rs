//! Chance that can be repeated, and what it does to an input.

/// Numbers from one seed: the same seed, the same numbers.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 (`SplitMix`).
pub struct Random(u64);

/// No input gets longer.
const MAX_INPUT: usize = 16 << 10;

/// Bytes that parsers care about.
const WORDS: [&[u8]; 46] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b"\\",
    b"\\u0000",
    b"\\x",
    b"%",
    b"%00",
    b"=",
    b":",
    b": ",
    b",",
    b"\n",
    b"\r\n",
    b"\n---\n",
    b"\n- ",
    b"\t",
    b" ",
    b"#",
    b"/*",
    b"*/",
    b"//",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!binary ",
    b"|\n",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"9223372036854775808",
    b"1e999",
    b"\0",
    b"\x1b[2J",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\xc3",
    b"password",
    b"eyJ",
    b"-----BEGIN",
];

impl Random {
    /// Seeded by the run, the target and the number of the execution, so that each can be repeated alone.
    pub fn of(seed: u64, target: &str, execution: u64) -> Self {
        let name = target.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Self(name ^ execution.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`; 0 when that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap()
    }

    pub fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }

    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let (one, other) = (self.below(len + 1), self.below(len + 1));
        one.min(other)..one.max(other)
    }
}

/// One of `seeds`, changed in up to eight places.
pub fn mutated(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.pick(seeds).clone();
    for _ in 0..=random.below(8) {
        change(random, seeds, &mut input);
        input.truncate(MAX_INPUT);
    }
    input
}

fn change(random: &mut Random, seeds: &[Vec<u8>], input: &mut Vec<u8>) {
    let at = random.below(input.len() + 1);
    match random.below(13) {
        0 | 1 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] ^= 1 << random.below(8);
        }
        2 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] = random.next().to_le_bytes()[0];
        }
        3 => drop(input.splice(at..at, random.pick(&WORDS).iter().copied())),
        4 => {
            let range = random.range(input.len());
            let end = range.end.min(range.start + 64);
            drop(input.drain(range.start..end));
        }
        5 => {
            let part = input[random.range(input.len())].to_vec();
            drop(input.splice(at..at, part));
        }
        6 => {
            let other = random.pick(seeds);
            let part = other[random.range(other.len())].to_vec();
            drop(input.splice(at..at, part));
        }
        7 => {
            let other = random.pick(seeds);
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        8 => {
            let range = random.range(input.len());
            let part = input[range.start..range.end.min(range.start + 16)].repeat(1 + random.below(300));
            drop(input.splice(at..at, part));
        }
        9 => {
            let range = random.range(input.len());
            for byte in &mut input[range] {
                *byte = if byte.is_ascii_uppercase() {
                    byte.to_ascii_lowercase()
                } else {
                    byte.to_ascii_uppercase()
                };
            }
        }
        10 => {
            let digits: Vec<usize> = (0..input.len()).filter(|at| input[*at].is_ascii_digit()).collect();
            if !digits.is_empty() {
                input[*random.pick(&digits)] = b'0' + random.next().to_le_bytes()[0] % 10;
            }
        }
        11 => recode(random, input),
        _ => input.truncate(at),
    }
}

/// Writes the whole input, or a part of it, in another way that decoders take back.
fn recode(random: &mut Random, input: &mut Vec<u8>) {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let range = random.range(input.len());
    let part = &input[range.clone()];
    let hex = |bytes: &[u8], before: &str| -> Vec<u8> {
        bytes.iter().flat_map(|byte| format!("{before}{byte:02x}").into_bytes()).collect()
    };
    let coded = match random.below(7) {
        0 => STANDARD.encode(part).into_bytes(),
        1 => URL_SAFE_NO_PAD.encode(part).into_bytes(),
        2 => hex(part, ""),
        3 => hex(part, "%"),
        4 => hex(part, "\\x"),
        5 => hex(part, "\\u00"),
        _ => {
            let wide = input.iter().flat_map(|byte| [*byte, 0]);
            *input = [0xff, 0xfe].into_iter().chain(wide).collect();
            return;
        }
    };
    drop(input.splice(range, coded));
}
