//! From YAML to rules that cannot be wrong.

/// How strictly: quorums and lifetimes of exceptions.
pub mod limits;
/// A rule as it stands in YAML.
pub mod syntax;
