//! Instants, lengths of time as people write them, and half-open windows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
///
/// Written `2026-03-01T00:00:00.000Z`: UTC, three decimals, so that bytes are the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A length of time in milliseconds, never negative where it is read from text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Length(pub i64);

/// A half-open window: `start` lies in it, `end` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first instant that counts.
    pub start: Timestamp,
    /// The first instant that no longer counts.
    pub end: Timestamp,
}

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not an RFC 3339 instant with an offset.
    #[error("`{0}` is not a time such as `2026-03-01T00:00:00Z`")]
    Instant(String),
    /// Not a length of time.
    #[error("`{0}` is not a length of time such as `90d`, `1h30m`, `PT8H` or `3600` (seconds)")]
    Length(String),
}

impl Timestamp {
    /// Reads an RFC 3339 instant; the offset is required, a bare date means its first instant in UTC.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        full.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_millisecond()))
            .map_err(|_| TimeError::Instant(text.to_owned()))
    }

    /// From whole seconds since 1970, as JWT and X.509 count.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The instant `length` later.
    #[must_use]
    pub fn plus(self, length: Length) -> Self {
        Self(self.0.saturating_add(length.0))
    }

    /// The length from `earlier` to this instant; negative when `earlier` is later.
    pub fn since(self, earlier: Self) -> Length {
        Length(self.0.saturating_sub(earlier.0))
    }

    /// The calendar date in UTC, `2026-03-01`.
    pub fn date(self) -> String {
        self.to_string().chars().take(10).collect()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(formatter, "{instant:.3}"),
            Err(_) => formatter.write_str("(no such instant)"),
        }
    }
}

impl Length {
    /// Whole days.
    pub const fn days(days: i64) -> Self {
        Self(days * 86_400_000)
    }

    /// Whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1000)
    }

    /// Reads `90d`, `2w`, `1h30m`, `45s`, `500ms`, ISO 8601 (`PT8H`, `P365D`), or whole seconds (`3600`).
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let fault = || TimeError::Length(text.to_owned());
        if let Ok(seconds) = text.parse::<u32>() {
            return Ok(Self::seconds(i64::from(seconds)));
        }
        let body = text.strip_prefix('P').unwrap_or(text);
        let iso = body.len() != text.len();
        let mut total: i64 = 0;
        let mut digits = String::new();
        let mut clock = !iso;
        let mut rest = body.chars().peekable();
        while let Some(letter) = rest.next() {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            if iso && letter == 'T' && digits.is_empty() {
                clock = true;
                continue;
            }
            let unit = match letter.to_ascii_lowercase() {
                'm' if rest.peek() == Some(&'s') => {
                    rest.next();
                    1
                }
                's' => 1000,
                'm' if clock => 60_000,
                'm' => 30 * 86_400_000,
                'h' => 3_600_000,
                'd' => 86_400_000,
                'w' => 7 * 86_400_000,
                'y' => 365 * 86_400_000,
                _ => return Err(fault()),
            };
            let number: i64 = digits.parse().map_err(|_| fault())?;
            digits.clear();
            total = number.checked_mul(unit).and_then(|part| total.checked_add(part)).ok_or_else(fault)?;
        }
        if digits.is_empty() && !body.is_empty() && body != "T" { Ok(Self(total)) } else { Err(fault()) }
    }

    /// In days, for rates and exposure.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a century fit into 53 bits")]
    pub fn in_days(self) -> f64 {
        self.0 as f64 / 86_400_000.0
    }
}

impl fmt::Display for Length {
    /// The two largest units that are not zero: `7d`, `1h 30m`, `45s`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.unsigned_abs() / 1000;
        let mut parts = Vec::new();
        for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
            if left >= unit && parts.len() < 2 {
                parts.push(format!("{}{name}", left / unit));
                left %= unit;
            }
        }
        let sign = if self.0 < 0 { "-" } else { "" };
        let text = if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") };
        write!(formatter, "{sign}{text}")
    }
}

impl Window {
    /// Whether `instant` lies in the window.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_one_way() {
        for (text, written) in [
            ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00.000Z"),
            ("2026-03-01T01:00:00.5+01:00", "2026-03-01T00:00:00.500Z"),
            ("2026-03-01", "2026-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|time| time.to_string()), Ok(written.to_owned()));
        }
        assert!(
            Timestamp::parse("2026-03-01T00:00:00").is_err(),
            "a time without an offset is nobody's time"
        );
    }

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90d", 7_776_000),
            ("1h30m", 5_400),
            ("PT8H", 28_800),
            ("P365D", 31_536_000),
            ("3600", 3_600),
            ("2w", 1_209_600),
            ("45s", 45),
        ] {
            assert_eq!(Length::parse(text), Ok(Length::seconds(seconds)), "{text}");
        }
        for text in ["", "P", "d", "7", "7x", "-3d", "1h30"].iter().filter(|text| **text != "7") {
            assert!(Length::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_ends_before_its_end() {
        let window = Window { start: Timestamp(0), end: Timestamp(10) };
        assert!(
            window.contains(Timestamp(0)) && window.contains(Timestamp(9)) && !window.contains(Timestamp(10))
        );
    }
}
