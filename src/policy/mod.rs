//! From YAML to rules that cannot be wrong.

/// Examples and look-alikes with their placeholders filled in.
pub mod example;
mod facts;
/// Names of frameworks.
pub mod maps;
/// A rule after checking.
pub mod rule;
mod sample;
mod shape;
/// A rule as it stands in YAML.
pub mod syntax;
/// `when:` as CEL over the models.
pub mod when;
