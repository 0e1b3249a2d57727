//! One file for each format of each thing that is reported. Pure.

/// The escape rate and its companions.
pub mod rate;
