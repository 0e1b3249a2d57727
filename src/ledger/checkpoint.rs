//! Size and root of a ledger as a text that can be signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::merkle::Hash;

/// A statement of how long the ledger is and what it hashes to.
///
/// ```text
/// acme.example/payments/2026                      which ledger
/// 118                                             number of records
/// qt5rqTb5E2PYiIyd4PRO0kT7dGFBeyb09tchu7LbT8w=    Merkle root over them
/// ```
///
/// Every line ends with a line feed. Source: C2SP tlog-checkpoint, without extension lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger: not empty, no control character.
    pub origin: String,
    /// Number of records.
    pub size: u64,
    /// Merkle root over them.
    pub root: Hash,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not three lines, each with its line feed.
    #[error("a checkpoint is three lines: origin, number of records, root")]
    Lines,
    /// The origin is empty or holds a control character.
    #[error("the first line of a checkpoint is no origin")]
    Origin,
    /// The second line is no decimal number as we write it.
    #[error("the second line of a checkpoint is no number of records")]
    Size,
    /// The third line is no base64 of 32 bytes.
    #[error("the third line of a checkpoint is no root")]
    Root,
}

impl Checkpoint {
    /// The text that gets signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads what [`Self::text`] wrote, and nothing that would be written in another way.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let [origin, size, root] = *body.split('\n').collect::<Vec<_>>().as_slice() else {
            return Err(CheckpointError::Lines);
        };
        if origin.is_empty() || origin.chars().any(char::is_control) {
            return Err(CheckpointError::Origin);
        }
        let number: u64 = size.parse().map_err(|_| CheckpointError::Size)?;
        if number.to_string() != size {
            return Err(CheckpointError::Size);
        }
        let bytes = STANDARD.decode(root).map_err(|_| CheckpointError::Root)?;
        let root = bytes.try_into().map_err(|_| CheckpointError::Root)?;
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_written_so_is_refused() {
        let root = STANDARD.encode([7; 32]);
        for (text, error) in [
            (String::new(), CheckpointError::Lines),
            (format!("a\n1\n{root}"), CheckpointError::Lines),
            (format!("a\n1\n{root}\nmore\n"), CheckpointError::Lines),
            (format!("\n1\n{root}\n"), CheckpointError::Origin),
            (format!("a\tb\n1\n{root}\n"), CheckpointError::Origin),
            (format!("a\n01\n{root}\n"), CheckpointError::Size),
            (format!("a\n+1\n{root}\n"), CheckpointError::Size),
            (format!("a\n-1\n{root}\n"), CheckpointError::Size),
            (format!("a\n1\n{}\n", STANDARD.encode([7; 31])), CheckpointError::Root),
            (format!("a\n1\n{}\n", root.trim_end_matches('=')), CheckpointError::Root),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_written_again_byte_for_byte(text in "[a-z/.]{0,8}\n[0-9+-]{0,4}\n[A-Za-z0-9+/=]{0,48}\n?") {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.text(), text);
            }
        }

        #[test]
        fn what_is_written_parses(origin in "[!-~]{1,20}", size in any::<u64>(), root in any::<[u8; 32]>()) {
            let checkpoint = Checkpoint { origin, size, root };
            prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint));
        }

        #[test]
        fn no_text_makes_the_reader_fall_over(text in any::<String>()) {
            let _ = Checkpoint::parse(&text);
        }
    }
}
