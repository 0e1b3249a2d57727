//! tollgate: the gate in front of a deployment.
//!
//! Values flow one way. A module imports only from lines below its own; `tests/architecture.rs` reads
//! this table and fails on any other import.
//!
//! ```text
//! 10  cli
//!  9  publish
//!  8  gate  report
//!  7  outcome
//!  6  escape
//!  5  detect  ledger
//!  4  credential  manifest  decide  trust
//!  3  policy  source  exception
//!  2  identity
//!  1  finding  git  pipeline  signing
//!  0  text
//! ```

/// Credentials read from text.
pub mod credential;
/// What happens to each finding.
pub mod decide;
/// Findings from blobs and identities.
pub mod detect;
/// Every number, computed from records.
pub mod escape;
/// Signed, dated permission.
pub mod exception;
/// One rule true at one place.
pub mod finding;
/// The whole run as one short function.
pub mod gate;
/// The only place that starts a process.
pub mod git;
/// Whoever can be granted something.
pub mod identity;
/// The append-only log.
pub mod ledger;
/// Identities read from configuration.
pub mod manifest;
/// All that a run concluded.
pub mod outcome;
/// A named road to deployment and one trip on it.
pub mod pipeline;
/// From YAML to rules that cannot be wrong.
pub mod policy;
/// To the forge, where people look.
#[cfg(feature = "annotate")]
pub mod publish;
/// One file for each format.
pub mod report;
/// Signatures and signers.
pub mod signing;
/// Where bytes come from.
pub mod source;
/// Words every stage shares.
pub mod text;
/// What is believed.
pub mod trust;
