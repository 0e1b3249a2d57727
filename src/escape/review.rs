//! How approvals were given: the life of each exception, and signs of a review that only clicks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Figure;
use super::event::{Approval, Event, Id, Key, Names, Step, StepKind};
use super::interval::{float, share, wilson};
use super::risk::{Risk, State, Story, Terms};
use crate::text::time::{Length, Timestamp};

/// An approval this soon after its request is a fast one.
const FAST_S: i64 = 60;

/// Below this many decisions nothing is said about a person.
const ENOUGH: u64 = 5;

/// The life of one exception.
#[derive(Debug, Default)]
pub(super) struct Leave {
    pub requested: Option<(Timestamp, Id, u128)>,
    pub approval: Option<Approval>,
    pub approved: Option<(Timestamp, u128)>,
    pub denied: Option<(Timestamp, Id, u128)>,
    pub refused: Vec<(Timestamp, Id, u128)>,
    pub revoked: Option<Timestamp>,
    /// Pipelines where a deploy relied on it.
    pub used: BTreeSet<Id>,
    reason: Id,
    pub pipelines: BTreeSet<Id>,
    findings: BTreeSet<Id>,
}

/// Exceptions requested, approved, denied and refused in the window, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Review {
    /// Requests.
    pub requested: u64,
    /// Approvals.
    pub approved: u64,
    /// Denials.
    pub denied: u64,
    /// Refused because requester or author approved.
    pub refused_self_approval: u64,
    /// Approved by their own author, which `separation_of_duties: false` allows.
    pub self_approved: u64,
    /// Seconds from request to approval, in the order of exception ids.
    pub latency_s: Vec<i64>,
    /// Median of them.
    pub latency_median_s: Option<Figure>,
    /// Tenth and ninetieth percentile of them, linear between neighbours.
    pub latency_p10_p90_s: Option<[Figure; 2]>,
    /// Approvals that took at most 60 s.
    pub fast: u64,
    /// Approved exceptions that a deploy relied on.
    pub used: u64,
    /// Live at `as_of` with a risk that is still open.
    pub open: Vec<String>,
    /// Seconds since the approval of each of them.
    pub open_age_s: Vec<i64>,
    /// Median of them.
    pub open_age_median_s: Option<Figure>,
    /// The oldest of them.
    pub open_age_max_s: Option<i64>,
    /// Ended while the risk was live in production.
    pub expired_while_exposed: Vec<String>,
    /// Approved without an end: must be 0.
    pub without_expiry: u64,
    /// Risks with more than one approved exception.
    pub renewed: u64,
    /// Share of critical risks sighted before deploy that have an approved exception.
    pub risk_exception_rate: Option<Figure>,
    /// Share of approvals that the busiest approver gave.
    pub top_approver_share: Option<Figure>,
    /// Sum of squared shares: 1 is one person, near 0 is many.
    pub herfindahl: Option<Figure>,
    /// Three or more approvals by one person within 60 s.
    pub bursts: u64,
    /// Approvals whose reason another one gave word for word.
    pub reused_reason: u64,
    /// Approvals by somebody who is not of the group that owns the risk, where `signers.toml` tells.
    pub outside_owner_group: u64,
    /// `insufficient`, `raised` or `quiet`: whether somebody approves nearly everything.
    pub approve_ratio_signal: &'static str,
    /// Each approver.
    pub approvers: Vec<Approver>,
}

/// What one approver decided; a signal to look at, never a verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Approver {
    /// Who.
    pub name: String,
    /// Approvals and denials.
    pub decisions: u64,
    /// Approvals.
    pub approvals: u64,
    /// 95 % interval of the approve ratio; `None` below five decisions.
    pub approve_ratio: Option<[Figure; 2]>,
    /// `insufficient`, `raised` or `quiet`: whether this person approves nearly everything.
    pub signal: &'static str,
    /// Share of all approvals that this person gave.
    pub share: Option<Figure>,
    /// Approvals within 60 s of their request.
    pub fast: u64,
    /// Approvals whose reason another one gave word for word.
    pub reused_reason: u64,
    /// Approvals for a group this person is not of, where `signers.toml` tells.
    pub outside_owner_group: u64,
    /// Three or more approvals within 60 s.
    pub burst: bool,
    /// What of it speaks of a review that only clicks: `fast`, `burst`, `reused_reason`, `outside_owner_group`,
    /// `approves_all`; `None` below five decisions, of which nothing is said.
    pub signs: Option<Vec<&'static str>>,
}

impl Leave {
    pub(super) fn apply(&mut self, event: &Event, step: &Step) {
        if step.pipeline != 0 {
            self.pipelines.insert(step.pipeline);
        }
        self.findings.extend(&step.findings);
        match &step.kind {
            StepKind::Requested => {
                self.requested.get_or_insert((event.ts, step.by, event.rid));
                self.reason = step.reason;
            }
            StepKind::Approved(approval) => {
                if self.approval.is_none() {
                    self.approval = Some(approval.clone());
                    self.approved = Some((event.ts, event.rid));
                }
                self.reason = if step.reason == 0 { self.reason } else { step.reason };
            }
            StepKind::Denied => {
                self.denied.get_or_insert((event.ts, step.by, event.rid));
            }
            StepKind::Refused => self.refused.push((event.ts, step.reason, event.rid)),
            StepKind::Revoked => {
                self.revoked.get_or_insert(event.ts);
            }
        }
    }

    /// Whether it holds at `ts`: the instant of its end no longer counts.
    pub(super) fn live_at(&self, ts: Timestamp) -> bool {
        self.end().is_none_or(|end| ts < end)
    }

    /// From its approval to its end; `None` without an approval on record.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.approval.as_ref()?.approved_at, self.end().unwrap_or(Timestamp(i64::MAX))))
    }

    /// Whether it belongs to one of `pipelines`; one that names none belongs to all.
    pub(super) fn concerns(&self, pipelines: &BTreeSet<Id>) -> bool {
        self.pipelines.is_empty() || !self.pipelines.is_disjoint(pipelines)
    }

    fn end(&self) -> Option<Timestamp> {
        let expires = self.approval.as_ref().and_then(|approval| approval.expires_at);
        [expires, self.revoked].into_iter().flatten().min()
    }

    fn latency(&self) -> Option<i64> {
        let approval = self.approval.as_ref()?;
        let requested = approval.requested_at.or(self.requested.map(|(ts, _, _)| ts));
        approval.latency_s.or_else(|| Some(approval.approved_at.since(requested?).0 / 1000))
    }
}

/// Exceptions that concern `pipelines`; `risks` are those of the pipelines, `sighted` those sighted before deploy.
pub(super) fn review(
    story: &Story,
    terms: &Terms<'_>,
    names: &Names,
    pipelines: &BTreeSet<Id>,
    risks: &[&Risk],
    sighted: &[&Risk],
) -> Review {
    let mut leaves: Vec<(&str, Id, &Leave)> = story
        .leaves
        .iter()
        .filter(|(_, leave)| leave.concerns(pipelines))
        .map(|(id, leave)| (names.text(*id), *id, leave))
        .collect();
    leaves.sort_unstable_by_key(|(name, _, _)| *name);
    let within = |at: Option<Timestamp>| at.is_some_and(|ts| terms.window.contains(ts));
    let approved: Vec<&(&str, Id, &Leave)> =
        leaves.iter().filter(|(_, _, leave)| within(leave.approved.map(|(ts, _)| ts))).collect();
    let latency_s: Vec<i64> = approved.iter().filter_map(|(_, _, leave)| leave.latency()).collect();
    let fast = count(latency_s.iter().filter(|seconds| **seconds <= FAST_S));
    let refused = |leave: &Leave| {
        count(
            leave
                .refused
                .iter()
                .filter(|(ts, why, _)| terms.window.contains(*ts) && names.text(*why) == "self_approval"),
        )
    };
    let approved_for = Named::new(&leaves);
    let open = open_leaves(&leaves, &approved_for, terms, risks);
    let open_age_s: Vec<i64> = open
        .iter()
        .map(|(_, leave)| leave.span().map_or(0, |(from, _)| terms.as_of.since(from).0 / 1000))
        .collect();
    let approvers = approvers(&leaves, &approved, terms, names);
    let approvals: u64 = approvers.iter().map(|approver| approver.approvals).sum();
    let shares: Vec<f64> = approvers
        .iter()
        .filter_map(|approver| share(approver.approvals, approvals))
        .filter(|part| *part > 0.0)
        .collect();
    let of_approval = |pick: fn(&Approval) -> bool| {
        count(approved.iter().filter(|(_, _, leave)| leave.approval.as_ref().is_some_and(pick)))
    };
    Review {
        requested: count(leaves.iter().filter(|(_, _, leave)| within(leave.requested.map(|(ts, _, _)| ts)))),
        approved: count(approved.iter()),
        denied: count(leaves.iter().filter(|(_, _, leave)| within(leave.denied.map(|(ts, _, _)| ts)))),
        refused_self_approval: leaves.iter().map(|(_, _, leave)| refused(leave)).sum(),
        self_approved: of_approval(|approval| approval.self_approved),
        latency_median_s: quantile(&latency_s, 0.5).map(Figure),
        latency_p10_p90_s: quantile(&latency_s, 0.1)
            .zip(quantile(&latency_s, 0.9))
            .map(|(low, high)| [Figure(low), Figure(high)]),
        latency_s,
        fast,
        used: count(approved.iter().filter(|(_, _, leave)| !leave.used.is_disjoint(pipelines))),
        open_age_median_s: quantile(&open_age_s, 0.5).map(Figure),
        open_age_max_s: open_age_s.iter().copied().max(),
        open_age_s,
        open: open.iter().map(|(name, _)| (*name).to_owned()).collect(),
        expired_while_exposed: expired(&leaves, terms, risks),
        without_expiry: of_approval(|approval| approval.expires_at.is_none()),
        renewed: count(risks.iter().filter(|risk| approved_for.approved(story, risk).len() > 1)),
        risk_exception_rate: share(
            count(sighted.iter().filter(|risk| !approved_for.approved(story, risk).is_empty())),
            count(sighted.iter()),
        )
        .map(Figure),
        top_approver_share: shares.iter().copied().reduce(f64::max).map(Figure),
        herfindahl: (!shares.is_empty()).then(|| Figure(shares.iter().map(|part| part * part).sum())),
        bursts: bursts(&approved),
        reused_reason: reused(&approved),
        outside_owner_group: of_approval(|approval| !approval.outside.is_empty()),
        approve_ratio_signal: worst_signal(&approvers),
        approvers,
    }
}

/// Linear between neighbours; `None` of nothing.
pub(super) fn quantile(values: &[i64], at: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    let place = at * float(last as u64);
    let mut low = 0;
    while low < last && float(low as u64 + 1) <= place {
        low += 1;
    }
    let number = |index: usize| {
        sorted.get(index.min(last)).map(|value| float(value.unsigned_abs()) * float_sign(*value))
    };
    let (under, over) = (number(low)?, number(low + 1)?);
    Some(under + (over - under) * (place - float(low as u64)))
}

fn float_sign(value: i64) -> f64 {
    if value < 0 { -1.0 } else { 1.0 }
}

/// How many items there are.
pub(super) fn count<I: Iterator>(items: I) -> u64 {
    items.fold(0, |sum, _| sum + 1)
}

/// Approved exceptions by the risks they name.
struct Named(BTreeMap<Key, BTreeSet<Id>>);

impl Named {
    fn new(leaves: &[(&str, Id, &Leave)]) -> Self {
        let mut named: BTreeMap<Key, BTreeSet<Id>> = BTreeMap::new();
        for (_, id, leave) in leaves.iter().filter(|(_, _, leave)| leave.approval.is_some()) {
            for pipeline in &leave.pipelines {
                for fp in &leave.findings {
                    named.entry(Key { pipeline: *pipeline, fp: *fp }).or_default().insert(*id);
                }
            }
        }
        Self(named)
    }

    /// Exceptions approved for `risk`: they name it, or a run verified them for it.
    fn approved(&self, story: &Story, risk: &Risk) -> BTreeSet<Id> {
        let known = |id: &&Id| story.leaves.get(id).is_some_and(|leave| leave.approval.is_some());
        let verified = risk.exceptions.iter().filter(known);
        self.0.get(&risk.key).into_iter().flatten().chain(verified).copied().collect()
    }
}

fn open_leaves<'l>(
    leaves: &[(&'l str, Id, &'l Leave)],
    named: &Named,
    terms: &Terms<'_>,
    risks: &[&Risk],
) -> Vec<(&'l str, &'l Leave)> {
    let still = |risk: &&&Risk| risk.state().is_some_and(|state| state.pending() || state == State::Escaped);
    let covering = |risk: &&Risk| {
        let named = named.0.get(&risk.key).into_iter().flatten();
        named.chain(&risk.exceptions).copied().collect::<Vec<_>>()
    };
    let open: BTreeSet<Id> = risks.iter().filter(still).flat_map(covering).collect();
    let live = leaves
        .iter()
        .filter(|(_, id, leave)| leave.approval.is_some() && leave.live_at(terms.as_of) && open.contains(id));
    live.map(|(name, _, leave)| (*name, *leave)).collect()
}

fn expired(leaves: &[(&str, Id, &Leave)], terms: &Terms<'_>, risks: &[&Risk]) -> Vec<String> {
    let ends: BTreeMap<Id, Timestamp> = leaves
        .iter()
        .filter_map(|(_, id, leave)| Some((*id, leave.span()?.1)))
        .filter(|(_, end)| *end <= terms.as_of && terms.window.contains(*end))
        .collect();
    let exposed = |risk: &Risk, at: Timestamp| {
        risk.episodes.iter().any(|episode| {
            let until = episode.closed.unwrap_or(Timestamp(i64::MAX));
            episode.escape.as_ref().is_some_and(|escape| escape.at < at && at < until)
        })
    };
    let hit = |risk: &&Risk| {
        let ended = risk.exceptions.iter().filter(|id| ends.get(id).is_some_and(|end| exposed(risk, *end)));
        ended.copied().collect::<Vec<_>>()
    };
    let hits: BTreeSet<Id> = risks.iter().flat_map(hit).collect();
    leaves.iter().filter(|(_, id, _)| hits.contains(id)).map(|(name, _, _)| (*name).to_owned()).collect()
}

/// What one person did, before anything is made of it.
#[derive(Debug, Default)]
struct Tally {
    approvals: u64,
    denials: u64,
    fast: u64,
    reused: u64,
    outside: u64,
    times: Vec<Timestamp>,
}

fn approvers(
    leaves: &[(&str, Id, &Leave)],
    approved: &[&(&str, Id, &Leave)],
    terms: &Terms<'_>,
    names: &Names,
) -> Vec<Approver> {
    let mut tally: BTreeMap<&str, Tally> = BTreeMap::new();
    let reasons = reasons(approved);
    for (_, _, leave) in approved {
        let Some(approval) = &leave.approval else { continue };
        for approver in &approval.approvers {
            let own = tally.entry(names.text(*approver)).or_default();
            own.approvals += 1;
            own.fast += u64::from(leave.latency().is_some_and(|seconds| seconds <= FAST_S));
            own.reused += u64::from(reasons.get(&leave.reason).is_some_and(|times| *times > 1));
            own.outside += u64::from(approval.outside.contains(approver));
            own.times.push(approval.approved_at);
        }
    }
    for (_, _, leave) in leaves {
        if let Some((ts, by, _)) = leave.denied
            && terms.window.contains(ts)
        {
            tally.entry(names.text(by)).or_default().denials += 1;
        }
    }
    let all = tally.values().map(|own| own.approvals).sum();
    tally.into_iter().map(|(name, own)| own.approver(name, all)).collect()
}

impl Tally {
    /// Of `name`, who gave some of `all` approvals.
    fn approver(mut self, name: &str, all: u64) -> Approver {
        let decisions = self.approvals + self.denials;
        let [low, high] = wilson(self.approvals, decisions);
        let signal = match () {
            () if decisions < ENOUGH => "insufficient",
            () if low > 0.8 => "raised",
            () => "quiet",
        };
        let enough = decisions >= ENOUGH;
        let burst = is_burst(&mut self.times);
        let signs = [
            (self.fast > 0, "fast"),
            (burst, "burst"),
            (self.reused > 0, "reused_reason"),
            (self.outside > 0, "outside_owner_group"),
            (low > 0.8, "approves_all"),
        ];
        let signs = signs.into_iter().filter(|(shows, _)| *shows).map(|(_, sign)| sign).collect();
        Approver {
            name: name.to_owned(),
            decisions,
            approvals: self.approvals,
            approve_ratio: enough.then_some([Figure(low), Figure(high)]),
            signal,
            share: share(self.approvals, all).map(Figure),
            fast: self.fast,
            reused_reason: self.reused,
            outside_owner_group: self.outside,
            burst,
            signs: enough.then_some(signs),
        }
    }
}

fn worst_signal(approvers: &[Approver]) -> &'static str {
    let any = |signal: &str| approvers.iter().any(|approver| approver.signal == signal);
    if any("raised") {
        "raised"
    } else if any("quiet") {
        "quiet"
    } else {
        "insufficient"
    }
}

fn bursts(approved: &[&(&str, Id, &Leave)]) -> u64 {
    let mut times: BTreeMap<Id, Vec<Timestamp>> = BTreeMap::new();
    for (_, _, leave) in approved {
        let Some(approval) = &leave.approval else { continue };
        for approver in &approval.approvers {
            times.entry(*approver).or_default().push(approval.approved_at);
        }
    }
    times.values_mut().map(|times| u64::from(is_burst(times))).sum()
}

/// Whether three of `times` lie within a minute.
fn is_burst(times: &mut [Timestamp]) -> bool {
    times.sort_unstable();
    let mut three = times.windows(3).filter_map(|three| Some(three.last()?.since(*three.first()?)));
    three.any(|length| length <= Length::seconds(FAST_S))
}

/// How often each reason was given.
fn reasons(approved: &[&(&str, Id, &Leave)]) -> BTreeMap<Id, u64> {
    let mut reasons: BTreeMap<Id, u64> = BTreeMap::new();
    for (_, _, leave) in approved.iter().filter(|(_, _, leave)| leave.reason != 0) {
        *reasons.entry(leave.reason).or_default() += 1;
    }
    reasons
}

fn reused(approved: &[&(&str, Id, &Leave)]) -> u64 {
    reasons(approved).values().filter(|times| **times > 1).sum()
}
