//! x
use crate::outcome::Outcome; use crate::report::Options;
/// x
pub fn render(_: &Outcome, _: &Options) -> String { String::new() }
