//! Words every stage shares; knows nothing of gates.

/// Sums written in one of several alphabets.
pub mod digits;
/// Bytes of any encoding as bytes that patterns can read.
pub mod encoding;
/// The one hash, its hex and its domain prefixes.
pub mod hash;
/// Deflate streams undone within a bound.
pub mod inflate;
/// Strict JSON, and the one way of writing JSON that gets hashed or signed.
pub mod json;
/// What looks like a secret, masked in text that no rule has judged.
pub mod mask;
/// Where each character of one text stands.
pub mod places;
/// Checks that a text carries itself.
pub mod proof;
/// Parameters of a URL.
pub mod query;
/// Untrusted text made harmless for a terminal, a log, HTML.
pub mod safe;
/// Bytes that cannot be printed.
pub mod secret;
/// Byte spans; line and column, both from 1.
pub mod span;
/// Instants, lengths of time, half-open windows.
pub mod time;
/// YAML, JSON and TOML as one tree whose nodes know their span; bounded.
pub mod tree;
/// Ids that sort by time.
pub mod ulid;
/// URLs without what may not be shown.
pub mod url;
