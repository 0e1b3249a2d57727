//! Every number from (records, window, as-of). Pure.
//!
//! The unit is the risk: one fingerprint in one pipeline. A denominator holds only risks whose fate is known,
//! nothing of nothing is no rate, and the same records with the same query give the same bytes.
//!
//! ```text
//! records ─intake, event─> events ─fold─> risks, episodes ─┬─ rate      escaped by escaped and prevented ─┐
//!                            └──crossing──> deploys, runs ──┼─ exposure  days, survival                    │
//!                                                           ├─ coverage  what was not seen                 ├─ desk ─> report
//!                                                           └─ review    how leave was given               ┘
//! ```

/// Deploys without a run, records without a field.
pub mod coverage;
/// Days exposed, survival, blast-weighted.
pub mod exposure;
/// How sure a rate from few risks is; what may be compared.
pub mod interval;
/// The rate, its classes and its variants.
pub mod rate;
/// How approvals were given.
pub mod review;
/// Records folded into risks and episodes.
pub mod risk;
/// The numbers of one scope, as they are reported.
pub mod scope;

mod crossing;
mod desk;
mod event;
mod fold;
mod intake;

use serde::{Serialize, Serializer};

use crate::finding::Severity;
use crate::ledger::Record;
use crate::text::time::{Length, Timestamp, Window};

pub use coverage::Known;
pub use rate::Variant;
pub use scope::{Budget, Corrective, Detective, Escaped, Listed, Preventive, Quality, RiskName, Scope};

/// A number as it is reported: four decimals, half away from zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure(pub f64);

/// How crossings are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Confirmed when the ledger holds an authorised deploy record, presumed otherwise.
    #[default]
    Auto,
    /// By deploy records.
    Confirmed,
    /// By deploy-stage runs that opened the gate; overridden, ungated and missed escapes stay unseen.
    Presumed,
}

/// What to compute.
#[derive(Clone)]
pub struct Query<'a> {
    /// Which events count.
    pub window: Window,
    /// What was known: records up to and with this instant.
    pub as_of: Timestamp,
    /// Severities in the headline.
    pub severities: Vec<Severity>,
    /// Which escapes the headline's numerator holds.
    pub variant: Variant,
    /// How crossings are known.
    pub mode: Mode,
    /// How long after its end a window stays provisional.
    pub maturity: Length,
    /// How long without a run makes a change abandoned.
    pub abandoned_after: Length,
    /// How old a run may be when it is deployed.
    pub fresh_for: Length,
    /// The agreed rate, where there is one.
    pub target: Option<f64>,
    /// Environments that are production; a deploy without an environment always is.
    pub production: Vec<String>,
    /// Whether an authorised writer signed a record from outside the gate.
    ///
    /// Asked for `deploy`, `production_found`, `notice`, `revoked`, `remediated`, `dismissed`, `break_glass`,
    /// `exception.revoked`, and `cleared` of a ref that is gone. A `dismissed` that the gate wrote for an accepted
    /// false positive has no signature of its own: the answer is that of the exception it names.
    pub authorised: &'a dyn Fn(&Record) -> bool,
    /// Whether the policy with this digest had this rule; `None` when nobody can tell.
    pub knows_rule: &'a dyn Fn(&str, &str) -> Option<bool>,
    /// Records whose place in the ledger was verified, of how many.
    pub chain: Option<(u64, u64)>,
    /// Lists the record ids behind each number, and the prevented risks by name.
    pub explain: bool,
}

/// Why there is no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EscapeError {
    /// One id, two bodies: somebody wrote what the gate did not.
    #[error("record `{0}` stands in the ledger twice with different content")]
    Clash(String),
    /// A record nobody can refer to.
    #[error("record {0} of the ledger has no usable `rid`")]
    Unnamed(u64),
    /// A window that ends before it begins.
    #[error("the window ends before it starts")]
    Window,
}

/// Every number of a ledger prefix.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What was asked: two reports compare only where this agrees.
    pub header: Header,
    /// All pipelines together.
    pub all: Scope,
    /// Product lines, by name.
    pub products: Vec<Scope>,
    /// Pipelines, by name.
    pub pipelines: Vec<Scope>,
    /// Pairs of pipelines, where there are at most eight.
    pub comparisons: Vec<Comparison>,
    /// Fingerprints with different fates in different pipelines.
    pub split_outcome: Vec<String>,
    /// What was read and what was left out.
    pub records: Counts,
}

/// What the numbers were computed under.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Header {
    /// First instant that counts.
    pub window_start: Timestamp,
    /// First instant that no longer counts.
    pub window_end: Timestamp,
    /// What was known.
    pub as_of: Timestamp,
    /// Which escapes the headline holds.
    pub variant: Variant,
    /// Severities in the headline, worst first.
    pub severities: Vec<Severity>,
    /// Days after its end until a window is final.
    pub maturity_days: Figure,
    /// How risks are named.
    pub fingerprint_version: &'static str,
    /// How crossings are known: never [`Mode::Auto`].
    pub mode: Mode,
    /// Whether every crossing of every pipeline can be seen.
    pub coverage: Known,
    /// The rate may be higher.
    pub lower_bound: bool,
    /// Late knowledge may still restate it.
    pub provisional: bool,
}

/// Two pipelines set against each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The first.
    pub first: String,
    /// The second.
    pub second: String,
    /// First rate minus second rate; the two differ only if `changed`.
    #[serde(flatten)]
    pub difference: interval::Difference,
}

/// What was read and what was left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Records up to `as_of`.
    pub read: u64,
    /// Retries of one event, folded into it.
    pub duplicates_folded: u64,
    /// Seen on developers' machines: they feed no rate.
    pub local: u64,
    /// From outside the gate and unsigned: shown here, counted nowhere.
    pub unsigned: Vec<String>,
    /// Without a field their kind needs, each with the field: counted nowhere.
    pub unreadable: Vec<String>,
}

impl<'a> Query<'a> {
    /// A query with the defaults of the design; `authorised` judges signatures of records from outside the gate.
    pub fn new(window: Window, as_of: Timestamp, authorised: &'a dyn Fn(&Record) -> bool) -> Self {
        Self {
            window,
            as_of,
            severities: vec![Severity::Critical],
            variant: Variant::All,
            mode: Mode::Auto,
            maturity: Length::days(90),
            abandoned_after: Length::days(30),
            fresh_for: Length::days(7),
            target: None,
            production: ["production", "prod", "live"].map(str::to_owned).to_vec(),
            authorised,
            knows_rule: &|_, _| None,
            chain: None,
            explain: false,
        }
    }
}

/// Computes every number of `records`, in ledger order, under `query`.
///
/// # Errors
///
/// - [`EscapeError::Clash`]: an id stands twice with different bodies; nothing can be believed then.
/// - [`EscapeError::Unnamed`]: a record has no id.
/// - [`EscapeError::Window`]: the window ends before it starts.
pub fn measure<R, I>(records: I, query: &Query<'_>) -> Result<Report, EscapeError>
where
    R: std::borrow::Borrow<Record>,
    I: IntoIterator<Item = R>,
{
    if query.window.end < query.window.start {
        return Err(EscapeError::Window);
    }
    let intake = intake::read(records, query)?;
    Ok(desk::report(intake, query))
}

impl Figure {
    /// The number to four decimals.
    pub fn rounded(self) -> f64 {
        let rounded = (self.0 * 10_000.0).round() / 10_000.0;
        // Minus zero would be a second way to write zero.
        rounded + 0.0
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.rounded())
    }
}
