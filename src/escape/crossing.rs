//! Which run a deploy relied on, and whether that run was good for it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::event::{Deploy, Event, Glass, Id, RunKey, Sighting, Trip, What};
use crate::decide::Verdict;
use crate::pipeline::Stage;
use crate::text::time::{Length, Timestamp};

/// How long broken glass holds where its record does not say.
const GLASS_HOLDS: Length = Length::days(1);

/// Runs, sightings and production deploys by name; positions point into the sorted events.
pub(super) struct Roads<'e> {
    events: &'e [Event],
    runs: HashMap<RunKey, Vec<usize>>,
    sightings: HashMap<RunKey, Vec<usize>>,
    /// Deploy-stage runs by (pipeline, artefact digest or commit).
    carrying: HashMap<(Id, Id), Vec<usize>>,
    deploys: HashMap<(Id, Id), usize>,
    on_road: BTreeMap<Id, Vec<usize>>,
    activated: HashMap<Id, Vec<(Timestamp, Id)>>,
    /// Positions of the deploys that the glass was broken for.
    broken: HashSet<usize>,
}

/// A deploy with the run it relied on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Join {
    /// Position of the run's record; `None` when no record of it exists.
    pub run: Option<usize>,
    /// The run is fresh, under an activated policy, and about the artefact that was deployed.
    pub valid: bool,
    /// Whether the run opened the gate.
    pub opened: bool,
    /// Its attempt.
    pub attempt: i64,
    /// Its name.
    pub name: RunKey,
}

impl<'e> Roads<'e> {
    /// Reads `events`, sorted by time; `production` names the environments that count.
    pub(super) fn new(events: &'e [Event], production: impl Fn(Id) -> bool) -> Self {
        let mut roads = Self {
            events,
            runs: HashMap::new(),
            sightings: HashMap::new(),
            carrying: HashMap::new(),
            deploys: HashMap::new(),
            on_road: BTreeMap::new(),
            activated: HashMap::new(),
            broken: HashSet::new(),
        };
        for (at, event) in events.iter().enumerate() {
            match &event.what {
                What::Run(trip) => roads.add_run(at, trip),
                What::Observed(seen) => {
                    roads.sightings.entry((seen.key.pipeline, seen.run)).or_default().push(at);
                }
                What::Deploy(deploy) if production(deploy.environment) => {
                    roads.deploys.entry((deploy.pipeline, deploy.id)).or_insert(at);
                    roads.on_road.entry(deploy.pipeline).or_default().push(at);
                }
                What::PolicyActivated { pipeline, digest } => {
                    roads.activated.entry(*pipeline).or_default().push((event.ts, *digest));
                }
                What::BreakGlass(glass) => roads.break_glass(at, event.ts, glass, &production),
                _ => {}
            }
        }
        roads
    }

    fn add_run(&mut self, at: usize, trip: &Trip) {
        self.runs.entry(trip.run).or_default().push(at);
        if trip.stage == Stage::Deploy {
            for carried in trip.artifacts.iter().chain([&trip.commit]).filter(|carried| **carried != 0) {
                self.carrying.entry((trip.run.0, *carried)).or_default().push(at);
            }
        }
    }

    /// The run `deploy` relied on at `at`, by its name, else by artefact digest, else by commit.
    ///
    /// A run named by the deploy may stand at either CI stage; one that is only inferred stood at `deploy`.
    pub(super) fn join(&self, deploy: &Deploy, at: Timestamp, fresh_for: Length) -> Join {
        let none = Join {
            run: None,
            valid: false,
            opened: false,
            attempt: 0,
            name: (deploy.pipeline, deploy.relied_on),
        };
        let name = if deploy.relied_on == 0 {
            self.inferred(deploy, at)
        } else {
            Some((deploy.pipeline, deploy.relied_on))
        };
        let Some(name) = name else { return none };
        let known: Vec<(usize, &Trip)> = positions(&self.runs, name)
            .iter()
            .filter_map(|position| Some((*position, self.trip(*position)?)))
            .filter(|(position, _)| self.time(*position) <= at)
            .collect();
        let Some(attempt) = known.iter().map(|(_, trip)| trip.attempt).max() else {
            return Join { name, ..none };
        };
        let last: Vec<&(usize, &Trip)> = known.iter().filter(|(_, trip)| trip.attempt == attempt).collect();
        let valid = last.iter().any(|(position, trip)| {
            matches(trip, deploy) && self.allowed(trip, at) && at.since(self.time(*position)) <= fresh_for
        });
        let opened = last.iter().all(|(_, trip)| trip.outcome != Verdict::Blocked);
        Join { run: last.first().map(|(position, _)| *position), valid, opened, attempt, name }
    }

    /// What the run of `join` saw, up to `at`.
    pub(super) fn seen(&self, join: &Join, at: Timestamp) -> impl Iterator<Item = (&'e Event, &'e Sighting)> {
        let positions = positions(&self.sightings, join.name).iter();
        let attempt = join.attempt;
        positions.filter_map(move |position| {
            let event = self.events.get(*position)?;
            match &event.what {
                What::Observed(seen) if event.ts <= at && (attempt == 0 || seen.attempt == attempt) => {
                    Some((event, seen))
                }
                _ => None,
            }
        })
    }

    /// The production deploy named `id`, if the ledger held it at `known`.
    pub(super) fn deploy(&self, pipeline: Id, id: Id, known: Timestamp) -> Option<usize> {
        self.deploys.get(&(pipeline, id)).copied().filter(|at| self.time(*at) <= known)
    }

    /// Production deploys of `pipeline` up to `known`, oldest first.
    pub(super) fn deploys_until(&self, pipeline: Id, known: Timestamp) -> &[usize] {
        let all = self.on_road.get(&pipeline).map(Vec::as_slice).unwrap_or_default();
        all.get(..all.partition_point(|at| self.time(*at) <= known)).unwrap_or_default()
    }

    /// Whether a quorum broke the glass for the deploy at a position.
    pub(super) fn glass_broken(&self, deploy: usize) -> bool {
        self.broken.contains(&deploy)
    }

    /// The first deploy after the one at `at` that `glass` names, before it ends: one glass, one deploy.
    fn break_glass(&mut self, at: usize, since: Timestamp, glass: &Glass, production: &dyn Fn(Id) -> bool) {
        let until = glass.until.unwrap_or(since.plus(GLASS_HOLDS));
        let after = self.events.iter().enumerate().skip(at);
        let first =
            after.take_while(|(_, event)| event.ts < until).find(|(position, event)| match &event.what {
                What::Deploy(deploy) => {
                    let named = [deploy.id, deploy.relied_on, deploy.commit];
                    let fits = glass.names.iter().zip(named).any(|(name, of)| *name != 0 && *name == of);
                    production(deploy.environment)
                        && deploy.pipeline == glass.pipeline
                        && fits
                        && !self.broken.contains(position)
                }
                _ => false,
            });
        self.broken.extend(first.map(|(position, _)| position));
    }

    /// The event at a position.
    pub(super) fn event(&self, at: usize) -> Option<&'e Event> {
        self.events.get(at)
    }

    /// Digest of the policy of the run at a position.
    pub(super) fn policy(&self, run: Option<usize>) -> Id {
        run.and_then(|at| self.trip(at)).map_or(0, |trip| trip.policy)
    }

    fn inferred(&self, deploy: &Deploy, at: Timestamp) -> Option<RunKey> {
        [deploy.artifact, deploy.commit].into_iter().filter(|carried| *carried != 0).find_map(|carried| {
            let runs = self.carrying.get(&(deploy.pipeline, carried))?;
            let last = runs.iter().rev().find(|position| self.time(**position) <= at)?;
            self.trip(*last).filter(|trip| matches(trip, deploy)).map(|trip| trip.run)
        })
    }

    /// The run's policy was activated by then; a pipeline without any activation cannot tell.
    fn allowed(&self, trip: &Trip, at: Timestamp) -> bool {
        let known = self.activated.get(&trip.run.0).map(Vec::as_slice).unwrap_or_default();
        let mut known = known.iter().filter(|(when, _)| *when <= at).peekable();
        known.peek().is_none() || known.any(|(_, digest)| *digest == trip.policy)
    }

    fn trip(&self, at: usize) -> Option<&'e Trip> {
        match &self.events.get(at)?.what {
            What::Run(trip) => Some(trip),
            _ => None,
        }
    }

    fn time(&self, at: usize) -> Timestamp {
        self.events.get(at).map_or(Timestamp(i64::MAX), |event| event.ts)
    }
}

/// Same artefact where both name one, else same commit where both name one.
fn matches(trip: &Trip, deploy: &Deploy) -> bool {
    if deploy.artifact != 0 && !trip.artifacts.is_empty() {
        return trip.artifacts.contains(&deploy.artifact);
    }
    deploy.commit == 0 || trip.commit == 0 || deploy.commit == trip.commit
}

fn positions(map: &HashMap<RunKey, Vec<usize>>, name: RunKey) -> &[usize] {
    map.get(&name).map(Vec::as_slice).unwrap_or_default()
}
