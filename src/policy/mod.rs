//! From YAML to rules that cannot be wrong.

/// Examples and look-alikes with their placeholders filled in.
pub mod example;
/// A rule as it stands in YAML.
pub mod syntax;
