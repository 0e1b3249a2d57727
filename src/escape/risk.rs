//! Risks and their episodes: what the state machine of `fold` moves.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Deploy, Event, Found, Id, Key, Sighting};
use super::review::Leave;
use crate::decide::Action;
use crate::finding::Severity;
use crate::text::time::{Length, Timestamp, Window};

/// One (pipeline, fingerprint) with its lives.
#[derive(Debug)]
pub(super) struct Risk {
    pub key: Key,
    pub episodes: Vec<Episode>,
    pub severity: Option<Severity>,
    pub rule: Id,
    pub family: Id,
    pub blast: Option<u8>,
    pub last_run: Id,
    /// Exceptions a run verified for it, in the order of first use.
    pub exceptions: Vec<Id>,
    /// From each notice to its revocation.
    pub notices: Vec<Notice>,
    /// Crossings and sightings with action block, inside the window and the severity set.
    pub crossings: u32,
    pub blocks: u32,
    /// Where it is still seen.
    pub refs: Vec<LiveRef>,
    /// When its severity was last lowered.
    pub downgraded: Option<Timestamp>,
    last_commit: Id,
}

/// One life of a risk.
#[derive(Debug)]
pub(super) struct Episode {
    pub state: State,
    /// First sighting, by the gate or in production.
    pub opened: Timestamp,
    /// First seen in production, not by the gate.
    pub found_first: bool,
    pub escape: Option<Escape>,
    /// When it was prevented, dismissed, abandoned or remediated.
    pub closed: Option<Timestamp>,
    /// Severity in force at the crossing or at the closing clear.
    pub severity: Option<Severity>,
    pub how: Id,
    pub opened_rid: u128,
    pub closed_rid: u128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Blocked,
    Advised,
    Excepted,
    Inherited,
    Prevented,
    Dismissed,
    Abandoned,
    Escaped,
    Remediated,
}

/// The first crossing of an episode.
#[derive(Debug, Clone)]
pub(super) struct Escape {
    pub at: Timestamp,
    pub class: Class,
    pub cause: Cause,
    /// Position of the deploy, or of the run in presumed mode; `None` when no record of it exists.
    pub event: Option<usize>,
    pub run: Option<usize>,
    pub found: Option<(Timestamp, u128)>,
    /// The carrying deploy was not known and taken from the order of records.
    pub estimated: bool,
    pub exception: Id,
    /// Its severity was lowered within the 7 days before.
    pub downgraded: bool,
}

/// How a risk came to be in production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Let through under a signed exception.
    Excepted,
    /// The rule advised and did not block.
    Advisory,
    /// The run was blocked and its deploy went ahead.
    Overridden,
    /// No valid run stood before the deploy.
    Ungated,
    /// The run was valid and did not see it.
    Missed,
}

/// What lies behind a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nothing more to say about this class.
    None,
    /// Overridden under a signed record.
    BreakGlass,
    /// Overridden without one.
    Unrecorded,
    /// Missed: the policy had no rule for it then.
    NoRule,
    /// Missed: the rule existed.
    Evaded,
    /// Missed: the ledger alone cannot tell which.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Notice {
    pub at: Timestamp,
    pub revoked: Option<Timestamp>,
    pub rids: [u128; 2],
}

#[derive(Debug, Clone, Copy)]
pub(super) struct LiveRef {
    pub name: Id,
    /// Only ever seen there in a pull or merge request.
    pub change: bool,
    /// Seen there by a deploy-stage run.
    pub deploying: bool,
}

/// A production deploy and what stood before it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "four questions, each answered on its own")]
pub(super) struct Crossing {
    pub event: usize,
    pub pipeline: Id,
    pub at: Timestamp,
    /// Joined to a valid run.
    pub gated: bool,
    /// That run opened the gate.
    pub honoured: bool,
    /// Run, decisions and exceptions are all on record.
    pub present: bool,
    pub signed: bool,
    pub run: Option<usize>,
}

/// What the fold needs to know beside the events.
pub(super) struct Terms<'a> {
    pub window: Window,
    pub as_of: Timestamp,
    pub severities: &'a [Severity],
    pub presumed: bool,
    pub fresh_for: Length,
    pub abandoned_after: Length,
    pub production: &'a dyn Fn(Id) -> bool,
    /// Whether a policy (digest) had a rule.
    pub knows_rule: &'a dyn Fn(Id, Id) -> Option<bool>,
}

/// Everything the records tell, as of a moment.
pub(super) struct Story {
    pub risks: Vec<Risk>,
    pub crossings: Vec<Crossing>,
    pub leaves: BTreeMap<Id, Leave>,
    /// Rules at a headline severity by (pipeline, rule), and whether they block.
    pub enforcing: BTreeMap<(Id, Id), bool>,
    /// Changes of a rule from block to advise, by pipeline, inside the window.
    pub relaxed: Vec<(Id, u128)>,
    /// Runs under a policy that lets the author approve, by pipeline, inside the window.
    pub alone: BTreeMap<Id, u64>,
    /// Commits that a hook would have stopped, by pipeline, inside the window: each once, however often it was judged.
    pub past_hook: BTreeMap<Id, BTreeSet<Id>>,
    /// Deploy-stage runs that opened the gate, by pipeline, inside the window.
    pub openings: BTreeMap<Id, u64>,
}

impl Class {
    /// The word reports use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Excepted => "excepted",
            Self::Advisory => "advisory",
            Self::Overridden => "overridden",
            Self::Ungated => "ungated",
            Self::Missed => "missed",
        }
    }
}

impl State {
    /// Seen, undecided, and not in production.
    pub(super) const fn pending(self) -> bool {
        matches!(self, Self::Blocked | Self::Advised | Self::Excepted)
    }

    pub(super) const fn of(action: Action) -> Self {
        match action {
            Action::Block => Self::Blocked,
            Action::Advise => Self::Advised,
            Action::Except => Self::Excepted,
            Action::Inherit => Self::Inherited,
        }
    }
}

impl Risk {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            episodes: Vec::new(),
            severity: None,
            rule: 0,
            family: 0,
            blast: None,
            last_run: 0,
            exceptions: Vec::new(),
            notices: Vec::new(),
            crossings: 0,
            blocks: 0,
            refs: Vec::new(),
            last_commit: 0,
            downgraded: None,
        }
    }

    pub(super) fn state(&self) -> Option<State> {
        self.episodes.last().map(|episode| episode.state)
    }

    pub(super) fn see(&mut self, seen: &Sighting) {
        self.severity = Some(seen.severity);
        self.rule = seen.rule;
        self.family = seen.family;
        self.blast = seen.blast.or(self.blast);
        self.last_run = seen.run;
        self.last_commit = seen.commit;
        if seen.action == Action::Except && !self.exceptions.contains(&seen.exception) {
            self.exceptions.push(seen.exception);
        }
        match self.refs.iter_mut().find(|live| live.name == seen.reference) {
            Some(live) => {
                live.change &= seen.change;
                live.deploying |= seen.deploying;
            }
            None => self.refs.push(LiveRef {
                name: seen.reference,
                change: seen.change,
                deploying: seen.deploying,
            }),
        }
    }

    pub(super) fn learn(&mut self, found: &Found) {
        self.severity = found.severity.or(self.severity);
        self.blast = found.blast.or(self.blast);
        self.rule = if self.rule == 0 { found.rule } else { self.rule };
        self.family = if self.family == 0 { found.family } else { self.family };
    }

    pub(super) fn set(&mut self, state: State) {
        if let Some(episode) = self.episodes.last_mut() {
            episode.state = state;
        }
    }

    pub(super) fn close(&mut self, state: State, at: Timestamp, rid: u128) {
        let severity = self.severity;
        if let Some(episode) = self.episodes.last_mut() {
            episode.state = state;
            episode.closed = Some(at);
            episode.closed_rid = rid;
            episode.severity = severity;
        }
    }

    pub(super) fn escape(&mut self, escape: Escape, severity: Option<Severity>) {
        if let Some(episode) = self.episodes.last_mut() {
            episode.state = State::Escaped;
            episode.closed = None;
            episode.closed_rid = 0;
            episode.severity = severity;
            episode.escape = Some(escape);
        }
    }

    /// Whether it is open where `deploy` came from: the same commit, the same ref, or, when the deploy names
    /// no branch, any ref that a deploy-stage run has seen.
    pub(super) fn stands_on(&self, deploy: &Deploy) -> bool {
        let same_commit = deploy.commit != 0 && deploy.commit == self.last_commit;
        let unnamed = deploy.reference == 0 || deploy.tag;
        same_commit || self.refs.iter().any(|live| live.name == deploy.reference || unnamed && live.deploying)
    }
}

impl Episode {
    pub(super) fn new(state: State, event: &Event) -> Self {
        Self::at(state, event.ts, event.rid)
    }

    pub(super) fn at(state: State, opened: Timestamp, rid: u128) -> Self {
        Self {
            state,
            opened,
            found_first: false,
            escape: None,
            closed: None,
            severity: None,
            how: 0,
            opened_rid: rid,
            closed_rid: 0,
        }
    }
}

impl Escape {
    pub(super) fn new(
        at: Timestamp,
        class: Class,
        cause: Cause,
        event: Option<usize>,
        run: Option<usize>,
        exception: Id,
    ) -> Self {
        Self { at, class, cause, event, run, found: None, estimated: false, exception, downgraded: false }
    }
}
