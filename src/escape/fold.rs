//! Records folded into risks and episodes: the state machine.
//!
//! ```text
//! none ──observed──> blocked / advised / excepted ──last ref cleared──> prevented
//!                        │        └──dismissed──> dismissed
//!                        └──deploy of that run, or round the gate──> escaped ──remediated──> remediated
//! inherited: let through under the adoption baseline; outside every rate, open until cleared or remediated
//! ```
//!
//! An episode is one life of a risk; its class is fixed at its first crossing. A risk seen again after it
//! was prevented or remediated begins the next episode; one that was dismissed stays so until it is found live.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::crossing::{Join, Roads};
use super::event::{Clearing, Deploy, Event, Found, Id, Key, Sighting, What};
use super::risk::{Cause, Class, Crossing, Episode, Escape, LiveRef, Notice, Risk, State, Story, Terms};
use crate::decide::Action;
use crate::finding::Severity;
use crate::pipeline::Stage;
use crate::text::time::{Length, Timestamp};

/// A crossing is downgraded when its severity was lowered at most this long before.
const SUSPICIOUS: Length = Length::days(7);

/// Plays `events` (sorted by time) up to `terms.as_of`.
pub(super) fn fold(events: &[Event], roads: &Roads<'_>, terms: &Terms<'_>) -> Story {
    let mut fold = Fold {
        roads,
        terms,
        index: HashMap::new(),
        open: HashMap::new(),
        active: HashMap::new(),
        ruled: BTreeSet::new(),
        story: Story {
            risks: Vec::new(),
            crossings: Vec::new(),
            leaves: BTreeMap::new(),
            enforcing: BTreeMap::new(),
            relaxed: Vec::new(),
            alone: BTreeMap::new(),
            past_hook: BTreeMap::new(),
            openings: BTreeMap::new(),
        },
    };
    let known = events.partition_point(|event| event.ts <= terms.as_of);
    // A presumed crossing comes after everything of its instant: a run's sightings may stand behind it.
    let mut waiting: Vec<usize> = Vec::new();
    let mut now = Timestamp::default();
    for (at, event) in events.iter().enumerate().take(known) {
        if event.ts != now {
            fold.presume_all(&mut waiting);
            now = event.ts;
        }
        fold.apply(at, event);
        if terms.presumed && matches!(event.what, What::Run(_)) {
            waiting.push(at);
        }
    }
    fold.presume_all(&mut waiting);
    fold.abandon();
    fold.story
}

struct Fold<'a, 'e> {
    roads: &'a Roads<'e>,
    terms: &'a Terms<'a>,
    index: HashMap<Key, usize>,
    /// Pending risks by pipeline: what a deploy round the gate may carry.
    open: HashMap<Id, BTreeSet<usize>>,
    /// Last run on a (pipeline, ref).
    active: HashMap<(Id, Id), Timestamp>,
    /// (policy digest, rule) pairs that were seen to fire.
    ruled: BTreeSet<(Id, Id)>,
    story: Story,
}

impl Fold<'_, '_> {
    fn apply(&mut self, at: usize, event: &Event) {
        match &event.what {
            What::Run(trip) => {
                self.active.insert((trip.run.0, trip.reference), event.ts);
                if self.terms.window.contains(event.ts) {
                    self.story.past_hook.entry(trip.run.0).or_default().extend(&trip.past_hook);
                    let opened = trip.stage == Stage::Deploy && trip.outcome.opens();
                    *self.story.alone.entry(trip.run.0).or_default() += u64::from(trip.alone);
                    *self.story.openings.entry(trip.run.0).or_default() += u64::from(opened);
                }
            }
            What::Observed(seen) => self.observed(event, seen),
            What::Cleared { key, reference, how } => self.cleared(event, *key, *reference, *how),
            What::Exception(step) => {
                self.story.leaves.entry(step.exception).or_default().apply(event, step);
            }
            What::Deploy(deploy) => {
                if (self.terms.production)(deploy.environment) && !(self.terms.presumed && deploy.signed) {
                    self.deployed(at, event.ts, deploy);
                }
            }
            What::Found(found) if !self.terms.presumed => self.found(event, found),
            What::Remediated { key, how } if !self.terms.presumed => self.remediated(event, *key, *how),
            What::Dismissed(key) => self.dismissed(event, *key),
            What::Notice(key) => {
                let notice = Notice { at: event.ts, revoked: None, rids: [event.rid, 0] };
                self.risk(*key, |risk| risk.notices.push(notice));
            }
            What::Revoked(key) => self.risk(*key, |risk| {
                for notice in risk.notices.iter_mut().filter(|notice| notice.revoked.is_none()) {
                    notice.revoked = Some(event.ts);
                    notice.rids = [notice.rids[0], event.rid];
                }
            }),
            What::Rerated { key, to } => self.risk(*key, |risk| {
                if risk.severity.is_some_and(|from| *to < from) {
                    risk.downgraded = Some(event.ts);
                }
                risk.severity = Some(*to);
            }),
            What::EnforcementChanged { pipeline, rule, blocks } => {
                if let Some(blocked) = self.story.enforcing.get_mut(&(*pipeline, *rule)) {
                    *blocked = *blocks;
                }
                if !blocks && self.terms.window.contains(event.ts) {
                    self.story.relaxed.push((*pipeline, event.rid));
                }
            }
            What::Found(_) | What::Remediated { .. } | What::BreakGlass(_) | What::PolicyActivated { .. } => {
            }
        }
    }

    fn at(&mut self, key: Key) -> usize {
        let next = self.story.risks.len();
        let at = *self.index.entry(key).or_insert(next);
        if at == next {
            self.story.risks.push(Risk::new(key));
        }
        at
    }

    /// Changes the risk of `key` and keeps the list of pending ones true.
    fn risk(&mut self, key: Key, change: impl FnOnce(&mut Risk)) {
        let at = self.at(key);
        let Some(risk) = self.story.risks.get_mut(at) else { return };
        change(risk);
        let pending = risk.state().is_some_and(State::pending);
        let open = self.open.entry(key.pipeline).or_default();
        if pending {
            open.insert(at);
        } else {
            open.remove(&at);
        }
    }

    fn observed(&mut self, event: &Event, seen: &Sighting) {
        let pipeline = seen.key.pipeline;
        self.active.insert((pipeline, seen.reference), event.ts);
        self.ruled.insert((seen.policy, seen.rule));
        let counted = self.counts(event.ts, Some(seen.severity));
        if self.terms.severities.contains(&seen.severity) {
            self.story.enforcing.insert((pipeline, seen.rule), seen.blocks);
        }
        self.risk(seen.key, |risk| {
            risk.blocks += u32::from(counted && seen.action == Action::Block);
            risk.see(seen);
            match risk.state() {
                Some(State::Escaped | State::Dismissed) => {}
                Some(state) if state.pending() || state == State::Inherited => {
                    risk.set(State::of(seen.action));
                }
                _ => risk.episodes.push(Episode::new(State::of(seen.action), event)),
            }
        });
    }

    fn cleared(&mut self, event: &Event, key: Key, reference: Id, how: Clearing) {
        if !self.index.contains_key(&key) {
            return;
        }
        self.risk(key, |risk| {
            let known = risk.refs.iter().any(|live| live.name == reference);
            // The run that proves a merged change gone stands on the protected branch, not on the change.
            risk.refs.retain(|live| {
                if !known && how == Clearing::Merged { !live.change } else { live.name != reference }
            });
            if !risk.refs.is_empty() {
                return;
            }
            match risk.state() {
                Some(state) if state.pending() => {
                    let end = if how == Clearing::Abandoned { State::Abandoned } else { State::Prevented };
                    risk.close(end, event.ts, event.rid);
                }
                Some(State::Inherited) => risk.close(State::Remediated, event.ts, event.rid),
                _ => {}
            }
        });
    }

    fn dismissed(&mut self, event: &Event, key: Key) {
        self.risk(key, |risk| match risk.state() {
            Some(state) if state.pending() || state == State::Inherited => {
                risk.close(State::Dismissed, event.ts, event.rid);
            }
            // The run that accepts a false positive may write this before what it saw.
            None => {
                risk.episodes.push(Episode::new(State::Dismissed, event));
                risk.close(State::Dismissed, event.ts, event.rid);
            }
            _ => {}
        });
    }

    fn remediated(&mut self, event: &Event, key: Key, how: Id) {
        self.risk(key, |risk| {
            if matches!(risk.state(), Some(State::Escaped | State::Inherited)) {
                let severity = risk.episodes.last().and_then(|episode| episode.severity);
                risk.close(State::Remediated, event.ts, event.rid);
                if let Some(episode) = risk.episodes.last_mut() {
                    episode.how = how;
                    // The severity that counts is that of the crossing, not of the remedy.
                    episode.severity = if episode.escape.is_some() { severity } else { episode.severity };
                }
            }
        });
    }

    fn presume_all(&mut self, waiting: &mut Vec<usize>) {
        for at in waiting.drain(..) {
            let Some(Event { ts, what: What::Run(trip), .. }) = self.roads.event(at) else { continue };
            if trip.stage != Stage::Deploy || !trip.outcome.opens() {
                continue;
            }
            let join =
                Join { run: Some(at), valid: true, opened: true, attempt: trip.attempt, name: trip.run };
            self.carry(at, *ts, &join, None);
        }
    }

    fn deployed(&mut self, at: usize, ts: Timestamp, deploy: &Deploy) {
        let join = self.roads.join(deploy, ts, self.terms.fresh_for);
        let lapsed = join.valid && self.lapsed(&join, ts);
        let present = join.run.is_some() && self.exceptions_known(&join, ts);
        let gated = join.valid && !lapsed;
        self.story.crossings.push(Crossing {
            event: at,
            pipeline: deploy.pipeline,
            at: ts,
            gated,
            honoured: gated && join.opened,
            present,
            signed: deploy.signed,
            run: join.run,
        });
        if join.valid {
            self.carry(at, ts, &join, Some(deploy));
        } else {
            self.carry_ungated(at, ts, &join, deploy);
        }
    }

    /// Whether an exception the run relied on no longer held when it was deployed.
    fn lapsed(&self, join: &Join, ts: Timestamp) -> bool {
        self.roads
            .seen(join, ts)
            .any(|(_, seen)| seen.action == Action::Except && !self.live(seen.exception, ts))
    }

    fn exceptions_known(&self, join: &Join, ts: Timestamp) -> bool {
        let approved = |id| self.story.leaves.get(&id).is_some_and(|leave| leave.approval.is_some());
        self.roads.seen(join, ts).all(|(_, seen)| seen.action != Action::Except || approved(seen.exception))
    }

    /// An exception without an approval on record was verified by the gate and has no known end.
    fn live(&self, exception: Id, ts: Timestamp) -> bool {
        self.story.leaves.get(&exception).is_none_or(|leave| leave.live_at(ts))
    }

    /// Everything the run saw and let through, or that its deploy overrode, crosses.
    fn carry(&mut self, at: usize, ts: Timestamp, join: &Join, deploy: Option<&Deploy>) {
        let seen: Vec<(Timestamp, u128, Sighting)> =
            self.roads.seen(join, ts).map(|(event, seen)| (event.ts, event.rid, *seen)).collect();
        for (when, rid, seen) in seen {
            let (class, cause) = match seen.action {
                Action::Inherit => continue,
                Action::Except if self.live(seen.exception, ts) => (Class::Excepted, Cause::None),
                Action::Except => (Class::Ungated, Cause::None),
                Action::Advise => (Class::Advisory, Cause::None),
                // What a presumed crossing blocked did not cross.
                Action::Block if deploy.is_none() => continue,
                Action::Block if self.roads.glass_broken(at) => (Class::Overridden, Cause::BreakGlass),
                Action::Block => (Class::Overridden, Cause::Unrecorded),
            };
            let exception = if class == Class::Excepted { seen.exception } else { 0 };
            if exception != 0
                && let Some(leave) = self.story.leaves.get_mut(&exception)
            {
                leave.used.insert(join.name.0);
            }
            let escape = Escape::new(ts, class, cause, Some(at), join.run, exception);
            self.cross(seen.key, Some((when, rid, seen.severity)), escape);
        }
    }

    /// A deploy without a valid run carries what is open where it came from.
    fn carry_ungated(&mut self, at: usize, ts: Timestamp, join: &Join, deploy: &Deploy) {
        let named: BTreeSet<usize> = self
            .roads
            .seen(join, ts)
            .filter(|_| deploy.relied_on != 0)
            .filter_map(|(_, seen)| self.index.get(&seen.key).copied())
            .collect();
        let open = self.open.get(&deploy.pipeline).into_iter().flatten().copied();
        let carried: Vec<Key> = open
            .filter(|at| {
                self.story.risks.get(*at).is_some_and(|risk| named.contains(at) || risk.stands_on(deploy))
            })
            .filter_map(|at| self.story.risks.get(at).map(|risk| risk.key))
            .collect();
        for key in carried {
            self.cross(key, None, Escape::new(ts, Class::Ungated, Cause::None, Some(at), join.run, 0));
        }
    }

    fn cross(&mut self, key: Key, seen: Option<(Timestamp, u128, Severity)>, mut escape: Escape) {
        let at = escape.at;
        let terms = self.terms;
        self.risk(key, |risk| {
            let severity = seen.map(|(_, _, severity)| severity).or(risk.severity);
            let counted =
                terms.window.contains(at) && severity.is_some_and(|known| terms.severities.contains(&known));
            escape.downgraded =
                risk.downgraded.is_some_and(|when| when <= at && at.since(when) <= SUSPICIOUS);
            match risk.state() {
                Some(State::Escaped) => risk.crossings += u32::from(counted),
                // Worst outcome wins: what was gone from the ref and deployed all the same was not prevented.
                Some(state) if state.pending() || matches!(state, State::Prevented | State::Abandoned) => {
                    risk.crossings += u32::from(counted);
                    risk.escape(escape, severity);
                }
                None => {
                    let Some((when, rid, _)) = seen else { return };
                    risk.crossings += u32::from(counted);
                    risk.episodes.push(Episode::at(State::Blocked, when, rid));
                    risk.escape(escape, severity);
                }
                _ => {}
            }
        });
    }

    fn found(&mut self, event: &Event, found: &Found) {
        let closed = self.index.get(&found.key).and_then(|at| self.story.risks.get(*at)).and_then(|risk| {
            let over = |state| matches!(state, State::Prevented | State::Abandoned | State::Remediated);
            risk.episodes.last().filter(|episode| over(episode.state)).and_then(|episode| episode.closed)
        });
        let (carrier, estimated) = self.carrier(event.ts, found, closed);
        let deploy = carrier.and_then(|at| match self.roads.event(at) {
            Some(Event { ts, what: What::Deploy(deploy), .. }) => Some((*ts, deploy)),
            _ => None,
        });
        let crossed = deploy.map(|(ts, _)| ts).or(found.since).unwrap_or(event.ts).min(event.ts);
        let join = deploy.map(|(ts, deploy)| self.roads.join(deploy, ts, self.terms.fresh_for));
        let valid = join.is_some_and(|join| join.valid);
        let (class, cause) = if valid {
            (Class::Missed, self.why_missed(join, found.rule))
        } else {
            (Class::Ungated, Cause::None)
        };
        let mut escape = Escape::new(crossed, class, cause, carrier, join.and_then(|join| join.run), 0);
        escape.estimated = estimated;
        escape.found = Some((event.ts, event.rid));
        let terms = self.terms;
        self.risk(found.key, |risk| {
            risk.learn(found);
            let severity = found.severity.or(risk.severity);
            if risk.state() == Some(State::Remediated) {
                // Found live after it was remediated: the next episode begins no earlier than that.
                escape.at = closed.map_or(crossed, |closed| crossed.max(closed));
            }
            let counted = terms.window.contains(escape.at)
                && severity.is_some_and(|known| terms.severities.contains(&known));
            match risk.state() {
                // Known to be there, or over: the ledger says so already.
                Some(State::Escaped | State::Inherited) => return,
                Some(state) if state.pending() => {}
                Some(State::Prevented | State::Abandoned)
                    if closed.is_some_and(|closed| crossed < closed) => {}
                _ => risk.episodes.push(Episode { found_first: true, ..Episode::new(State::Escaped, event) }),
            }
            risk.crossings += u32::from(counted);
            risk.escape(escape, severity);
        });
    }

    /// The deploy that carried what was found: the one named, else the first after absence was proved, else the
    /// last before it was first seen live, else the first of all. The flag says whether it is an estimate.
    fn carrier(&self, known: Timestamp, found: &Found, closed: Option<Timestamp>) -> (Option<usize>, bool) {
        if found.introduced_by != 0 {
            let named = self.roads.deploy(found.key.pipeline, found.introduced_by, self.terms.as_of);
            return (named, named.is_none());
        }
        let deploys = self.roads.deploys_until(found.key.pipeline, known);
        let time = |at: &usize| self.roads.event(*at).map_or(known, |event| event.ts);
        let estimate = match (closed, found.since) {
            (Some(closed), _) => deploys.iter().find(|at| time(at) >= closed),
            (None, Some(since)) => deploys.iter().rev().find(|at| time(at) <= since),
            (None, None) => deploys.first(),
        };
        (estimate.copied(), true)
    }

    fn why_missed(&self, join: Option<Join>, rule: Id) -> Cause {
        let policy = self.roads.policy(join.and_then(|join| join.run));
        match (self.terms.knows_rule)(policy, rule) {
            Some(true) => Cause::Evaded,
            Some(false) => Cause::NoRule,
            None if policy != 0 && self.ruled.contains(&(policy, rule)) => Cause::Evaded,
            None => Cause::Unknown,
        }
    }

    /// A change without a run for long enough is abandoned: what stood only there is neither open nor prevented.
    fn abandon(&mut self) {
        let (as_of, after) = (self.terms.as_of, self.terms.abandoned_after);
        for risk in &mut self.story.risks {
            let active = &self.active;
            let end = |live: &LiveRef| {
                let last = active.get(&(risk.key.pipeline, live.name))?;
                Some(last.plus(after)).filter(|end| live.change && *end <= as_of)
            };
            let ends: Option<Vec<Timestamp>> = risk.refs.iter().map(end).collect();
            if let Some(last) = ends.and_then(|ends| ends.into_iter().max())
                && risk.state().is_some_and(State::pending)
            {
                let rid = risk.episodes.last().map_or(0, |episode| episode.opened_rid);
                risk.close(State::Abandoned, last, rid);
            }
        }
    }

    fn counts(&self, ts: Timestamp, severity: Option<Severity>) -> bool {
        self.terms.window.contains(ts) && severity.is_some_and(|known| self.terms.severities.contains(&known))
    }
}
