//! The numbers of all pipelines, one product line, or one pipeline, as they are reported.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Figure;
use super::coverage::{Coverage, Known};
use super::exposure::{Exposure, Survival};
use super::rate::{Rate, Share};
use super::review::Review;
use super::risk::{Cause, Class};
use crate::finding::Severity;
use crate::text::time::Timestamp;

/// Every number of all pipelines, one product line, or one pipeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scope {
    /// Its name; `all` for everything.
    pub name: String,
    /// Whether every crossing can be seen.
    pub coverage: Known,
    /// The rate may be higher.
    pub lower_bound: bool,
    /// The escape rate.
    pub rate: Rate,
    /// What was open in production, for how long.
    pub exposure: Exposure,
    /// What stopped risks before production.
    pub preventive: Preventive,
    /// What noticed them after.
    pub detective: Detective,
    /// How fast they were dealt with.
    pub corrective: Corrective,
    /// What the numbers rest on.
    pub trust: Coverage,
    /// How approvals were given.
    pub review: Review,
    /// Whether the number is honest.
    pub quality: Quality,
    /// The agreed rate and how fast it is used up.
    pub budget: Option<Budget>,
    /// The escapes, by time.
    pub escapes: Vec<Escaped>,
    /// Seen and undecided.
    pub pending: Vec<Listed>,
    /// Dismissed as false.
    pub dismissed: Vec<Listed>,
    /// On abandoned changes.
    pub abandoned: Vec<Listed>,
    /// Prevented; only when an explanation was asked for.
    pub prevented: Vec<Listed>,
    /// The record ids behind each number; only when asked for.
    pub explain: BTreeMap<&'static str, Vec<String>>,
}

/// What stopped risks before production.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Preventive {
    /// Decided risks sighted before their crossing, of the decided.
    pub detected_before: Share,
    /// Prevented risks, of the decided ones sighted before their crossing.
    pub conversion: Share,
    /// Deploys with at least one first crossing, of all deploys.
    pub escaping_deploys: Share,
}

/// What noticed risks in production.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detective {
    /// Escapes first sighted in production, of all escapes.
    pub production_found: Share,
    /// Days from crossing to sighting of each, by time of crossing.
    pub detect_days: Vec<Figure>,
    /// Median of them.
    pub detect_median_days: Option<Figure>,
}

/// How fast risks were dealt with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Corrective {
    /// From crossing to remedy.
    pub remediate: Survival,
    /// From notice to revocation, of secrets escaped or merely pushed.
    pub revoke: Survival,
}

/// Whether the number is honest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// Decided risks that came back.
    pub recurrence: Vec<RiskName>,
    /// Their share of the decided.
    pub recurrence_rate: Share,
    /// Dismissed, of dismissed, decided and pending.
    pub dismissal: Share,
    /// Every crossing of a counted risk, not only the first.
    pub crossings: u64,
    /// Sightings with action block.
    pub block_observations: u64,
    /// Escapes whose severity was lowered in the week before.
    pub downgraded: u64,
}

/// A risk by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RiskName {
    /// Pipeline.
    pub pipeline: String,
    /// Fingerprint.
    pub fingerprint: String,
}

/// The agreed rate and how fast it is used up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Budget {
    /// The agreed rate.
    pub target: Figure,
    /// Rate by target: above 1 it is spent faster than agreed.
    pub burn: Option<Figure>,
    /// How many of the decided risks may escape.
    pub allowed_risks: Figure,
}

/// One escape, for people: what changed, who or what acted, was exposure reduced.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Escaped {
    /// Pipeline.
    pub pipeline: String,
    /// Fingerprint.
    pub fingerprint: String,
    /// Rule.
    pub rule: String,
    /// Family of the rule.
    pub family: String,
    /// Severity at the crossing.
    pub severity: Option<Severity>,
    /// Blast radius.
    pub blast: Option<u8>,
    /// How it came to be in production.
    pub class: Class,
    /// What lies behind that.
    pub cause: Cause,
    /// First sighting.
    pub first_seen: Timestamp,
    /// First crossing.
    pub escaped_at: Timestamp,
    /// The deploy that carried it; empty in presumed mode.
    pub deploy: String,
    /// Who deployed.
    pub deployed_by: String,
    /// The run that deploy relied on.
    pub run: String,
    /// The exception it crossed under.
    pub exception: String,
    /// Who approved that.
    pub approved_by: Vec<String>,
    /// When production told, where it did.
    pub found_at: Option<Timestamp>,
    /// When it was remediated.
    pub remediated_at: Option<Timestamp>,
    /// How.
    pub remedy: String,
    /// Days in production within the window under a live exception.
    pub sanctioned_days: Figure,
    /// Days in production within the window under none.
    pub unsanctioned_days: Figure,
    /// The carrying deploy is an estimate.
    pub estimated: bool,
    /// The records that say so.
    pub rids: Vec<String>,
}

/// A risk that did not escape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// Pipeline.
    pub pipeline: String,
    /// Fingerprint.
    pub fingerprint: String,
    /// Rule.
    pub rule: String,
    /// First sighting of this episode.
    pub first_seen: Timestamp,
    /// When its fate was decided.
    pub decided_at: Option<Timestamp>,
}
