//! How random text looks, and how strong a value is at least.

/// Shannon entropy of `bytes` in bits per byte: 0.0 when empty, 8.0 at most.
///
/// Source: Shannon, "A Mathematical Theory of Communication", 1948, section 6.
pub fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = length(bytes);
    counts
        .into_iter()
        .filter(|count| *count > 0)
        .map(|count| {
            let share = f64::from(count) / total;
            -share * share.log2()
        })
        .sum()
}

/// Estimated strength of `value` in bits, rounded down: how hard it is to guess at least.
///
/// A `specific` value has a format that only machines write: its length times the bits of the smallest
/// usual alphabet it fits into (10, 16, 26, 32, 36, 62, 64). A generic one may be made of words: a run of
/// four or more letters of one case, or capitalised, counts 1.5 bits a letter (the rate of English text,
/// Shannon 1951), a digit 3.3, and the whole never more than the entropy of its own letters.
pub fn strength_bits(value: &[u8], specific: bool) -> u32 {
    let letter = alphabet(value).log2();
    if specific {
        return whole(length(value) * letter);
    }
    let mut bits = 0.0;
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let run = word_run(rest);
        if run >= 4 {
            bits += 1.5 * length(rest.get(..run).unwrap_or_default());
            rest = rest.get(run..).unwrap_or_default();
        } else {
            bits += if first.is_ascii_digit() { 10_f64.log2().min(letter) } else { letter };
            rest = after;
        }
    }
    whole(bits.min(length(value) * entropy(value)))
}

/// How many letters at the start of `text` are of one case, or one capital and then small ones.
pub(crate) fn word_run(text: &[u8]) -> usize {
    let small = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    match text.split_first() {
        Some((first, after)) if first.is_ascii_uppercase() => {
            let capitals = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
            if capitals > 1 { capitals } else { 1 + small(after) }
        }
        _ => small(text),
    }
}

/// Size of the smallest usual alphabet that holds all of `value`.
fn alphabet(value: &[u8]) -> f64 {
    let all = |fits: fn(u8) -> bool| value.iter().all(|byte| fits(*byte));
    if all(|byte| byte.is_ascii_digit()) {
        10.0
    } else if all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        || all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
    {
        16.0
    } else if all(|byte| byte.is_ascii_lowercase()) || all(|byte| byte.is_ascii_uppercase()) {
        26.0
    } else if all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        || all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
    {
        32.0
    } else if all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
        || all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    {
        36.0
    } else if all(|byte| byte.is_ascii_alphanumeric()) {
        62.0
    } else {
        64.0
    }
}

fn length(bytes: &[u8]) -> f64 {
    f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded down on purpose; the cast of a float saturates"
)]
fn whole(bits: f64) -> u32 {
    bits.max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn entropy_counts_how_evenly_bytes_are_used() {
        for (text, expected) in [("", 0.0), ("aaaa", 0.0), ("ab", 1.0), ("abcd", 2.0), ("aabb", 1.0)] {
            assert!((entropy(text.as_bytes()) - expected).abs() < 1e-9, "{text}");
        }
        let all: Vec<u8> = (0..=255).collect();
        assert!((entropy(&all) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn a_machine_made_value_is_as_strong_as_its_alphabet_allows() {
        for (value, bits) in [
            ("0123456789", 33),
            ("0123456789abcdef", 64),
            ("ABCDEFGH234567", 70),
            ("aB3".repeat(8).as_str(), 142),
        ] {
            assert_eq!(strength_bits(value.as_bytes(), true), bits, "{value}");
        }
    }

    #[test]
    fn words_make_a_generic_value_weak() {
        for weak in [
            "password",
            "Summer2024!",
            "CorrectHorseBatteryStaple",
            "P@ssw0rdP@ssw0rd",
            "myservicepassword123",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "",
        ] {
            assert!(strength_bits(weak.as_bytes(), false) < 64, "{weak}");
        }
        for strong in ["9fQ2xLw7Rk4ZtB8vYp3M", "4e1c9a7b02d85f63e1a9c7400d3b5f28"] {
            assert!(strength_bits(strong.as_bytes(), false) >= 64, "{strong}");
        }
    }

    proptest! {
        #[test]
        fn a_generic_value_is_never_stronger_than_a_specific_one(value in "[ -~]{0,60}") {
            prop_assert!(strength_bits(value.as_bytes(), false) <= strength_bits(value.as_bytes(), true) + 1);
        }
    }
}
