//! From YAML to rules that cannot be wrong.

/// A rule as it stands in YAML.
pub mod syntax;
