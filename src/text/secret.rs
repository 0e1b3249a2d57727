//! Bytes that cannot be printed.

use std::fmt;

use zeroize::Zeroizing;

/// A secret value: `Debug` and `Display` show a mask, and the bytes are wiped on drop.
///
/// It has no `Serialize`, so no report or record can hold one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The bytes themselves: to hash or to measure, never to print or store.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// What stands in place of every secret: of one length, so that it tells none.
pub const MASK: &str = "················";

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_a_mask_of_one_length() {
        for value in ["x", "a much longer secret value"] {
            let secret = Secret::new(value.as_bytes());
            assert_eq!(format!("{secret}|{secret:?}"), format!("{MASK}|{MASK}"));
        }
    }
}
