//! What was read becomes one report: all pipelines, each product line, each pipeline.

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::{self, Known};
use super::crossing::Roads;
use super::event::{Event, Id, Key, Names, What};
use super::exposure;
use super::fold;
use super::intake::{Intake, rid_text};
use super::rate::{self, Brief, Fate, Fated, Rate, Share};
use super::review::{self, count};
use super::risk::{self, Episode, Risk, State, Story, Terms};
use super::scope::{Budget, Corrective, Detective, Escaped, Listed, Preventive, Quality, RiskName, Scope};
use super::{Comparison, Counts, Figure, Header, Mode, Query, Report, interval};
use crate::finding::fingerprint;
use crate::text::time::{Length, Timestamp};

/// More pipelines than these are compared by funnel alone: their pairs would tell nobody anything.
const PAIRS: usize = 8;

/// Computes the report over what was read.
pub(super) fn report(intake: Intake, query: &Query<'_>) -> Report {
    let Intake { events, names, counts, fields, products, confirmed } = intake;
    let mode = match query.mode {
        Mode::Auto if confirmed => Mode::Confirmed,
        Mode::Auto => Mode::Presumed,
        asked => asked,
    };
    let production = |id: Id| id == 0 || query.production.iter().any(|name| name == names.text(id));
    let knows_rule = |policy: Id, rule: Id| (query.knows_rule)(names.text(policy), names.text(rule));
    let roads = Roads::new(&events, production);
    let terms = Terms {
        window: query.window,
        as_of: query.as_of,
        severities: &query.severities,
        presumed: mode == Mode::Presumed,
        fresh_for: query.fresh_for,
        abandoned_after: query.abandoned_after,
        production: &production,
        knows_rule: &knows_rule,
    };
    let story = fold::fold(&events, &roads, &terms);
    let earlier = (query.as_of > query.window.end).then(|| {
        let terms = Terms { as_of: query.window.end, ..terms };
        (fold::fold(&events, &roads, &terms), terms)
    });
    let desk = Desk {
        query,
        terms: &terms,
        story: &story,
        grouped: Grouped::new(&story),
        earlier: earlier.as_ref().map(|(story, terms)| (Grouped::new(story), terms)),
        roads: &roads,
        names: &names,
        fields: &fields,
    };
    desk.report(mode, &products, counts)
}

/// Everything a scope is computed from.
struct Desk<'a, 'e> {
    query: &'a Query<'a>,
    terms: &'a Terms<'a>,
    story: &'a Story,
    grouped: Grouped<'a>,
    /// The same as it was known at the end of the window, where more is known now.
    earlier: Option<(Grouped<'a>, &'a Terms<'a>)>,
    roads: &'a Roads<'e>,
    names: &'a Names,
    fields: &'a BTreeMap<Id, (u64, u64)>,
}

/// Risks by pipeline, so that a thousand pipelines do not read all risks a thousand times.
struct Grouped<'s>(BTreeMap<Id, Vec<&'s Risk>>);

impl<'s> Grouped<'s> {
    fn new(story: &'s Story) -> Self {
        let mut groups: BTreeMap<Id, Vec<&Risk>> = BTreeMap::new();
        for risk in &story.risks {
            groups.entry(risk.key.pipeline).or_default().push(risk);
        }
        Self(groups)
    }

    fn of(&self, pipelines: &BTreeSet<Id>) -> Vec<&'s Risk> {
        pipelines.iter().filter_map(|pipeline| self.0.get(pipeline)).flatten().copied().collect()
    }
}

impl Desk<'_, '_> {
    fn report(&self, mode: Mode, products: &BTreeMap<Id, Id>, records: Counts) -> Report {
        let pipelines = self.pipelines();
        let mut lines: BTreeMap<&str, BTreeSet<Id>> = BTreeMap::new();
        for pipeline in &pipelines {
            if let Some(product) = products.get(pipeline) {
                lines.entry(self.names.text(*product)).or_default().insert(*pipeline);
            }
        }
        let mut all = self.scope("all", &pipelines, self.query.chain, true);
        let pooled = interval::share(all.rate.numerator, all.rate.decided);
        all.rate.compare(pooled);
        let named = |name: &str, pipelines: &BTreeSet<Id>| {
            let mut scope = self.scope(name, pipelines, None, false);
            scope.rate.compare(pooled);
            scope
        };
        let products: Vec<Scope> = lines.iter().map(|(name, pipelines)| named(name, pipelines)).collect();
        let mut each: Vec<(&str, Id)> = pipelines.iter().map(|id| (self.names.text(*id), *id)).collect();
        each.sort_unstable();
        let each: Vec<Scope> =
            each.into_iter().map(|(name, id)| named(name, &BTreeSet::from([id]))).collect();
        let mut severities = self.query.severities.clone();
        severities.sort_unstable_by(|left, right| right.cmp(left));
        severities.dedup();
        Report {
            header: Header {
                window_start: self.query.window.start,
                window_end: self.query.window.end,
                as_of: self.query.as_of,
                variant: self.query.variant,
                severities,
                maturity_days: Figure(self.query.maturity.in_days()),
                fingerprint_version: fingerprint::VERSION,
                mode,
                coverage: all.coverage,
                lower_bound: all.lower_bound,
                provisional: self.query.as_of < self.query.window.end.plus(self.query.maturity),
            },
            comparisons: comparisons(&each),
            split_outcome: self.split(),
            all,
            products,
            pipelines: each,
            records,
        }
    }

    /// Every pipeline with a risk, a run or a deploy.
    fn pipelines(&self) -> BTreeSet<Id> {
        let lived = self.story.risks.iter().filter(|risk| !risk.episodes.is_empty());
        let risks = lived.map(|risk| risk.key.pipeline);
        let deploys = self.story.crossings.iter().map(|crossing| crossing.pipeline);
        risks.chain(deploys).chain(self.story.openings.keys().copied()).collect()
    }

    /// `whole` says that exceptions of pipelines without a risk or run belong to it too.
    fn scope(&self, name: &str, pipelines: &BTreeSet<Id>, chain: Option<(u64, u64)>, whole: bool) -> Scope {
        let (story, terms) = (self.story, self.terms);
        let risks = self.grouped.of(pipelines);
        let fates = fates(&risks, terms);
        let deploys = coverage::deploys(story, terms, pipelines);
        let mut reviewed = pipelines.clone();
        if whole {
            reviewed.extend(story.leaves.values().flat_map(|leave| &leave.pipelines));
        }
        let coverage = coverage::known(story, terms, pipelines);
        let sighted: Vec<&Risk> = sighted_before(&fates).collect();
        let signed = |event: Option<usize>| {
            event.is_none_or(|at| matches!(self.roads.event(at), Some(Event { what: What::Deploy(deploy), .. }) if deploy.signed))
        };
        let mut rate = rate::rate(&fates, self.query.variant, &signed);
        rate.first_reported = self.first_reported(pipelines);
        let escapes: Vec<(&Risk, &Episode)> = rate::escapes(&fates).collect();
        Scope {
            name: name.to_owned(),
            coverage,
            lower_bound: coverage == Known::Unknown,
            exposure: exposure::exposure(story, terms, &risks),
            preventive: preventive(&fates, &deploys),
            detective: detective(&escapes),
            corrective: Corrective {
                remediate: exposure::remediation(escapes.iter().copied(), terms),
                revoke: exposure::revocation(&risks, terms),
            },
            trust: coverage::coverage(story, terms, pipelines, self.fields, chain),
            review: review::review(story, terms, self.names, &reviewed, &risks, &sighted),
            quality: self.quality(&risks, &fates, &rate),
            budget: self.query.target.map(|target| budget(target, &rate)),
            escapes: self.escaped(&escapes),
            pending: self.listed(&fates, |fate| match fate {
                Fate::Pending(episode) => Some(episode),
                _ => None,
            }),
            dismissed: self.listed(&fates, |fate| match fate {
                Fate::Dismissed(episode) => Some(episode),
                _ => None,
            }),
            abandoned: self.listed(&fates, |fate| match fate {
                Fate::Abandoned(episode) => Some(episode),
                _ => None,
            }),
            prevented: self.listed(&fates, |fate| match fate {
                Fate::Prevented(episode) if self.query.explain => Some(episode),
                _ => None,
            }),
            explain: if self.query.explain {
                self.explain(&fates, &risks, &deploys, &reviewed)
            } else {
                BTreeMap::new()
            },
            rate,
        }
    }

    fn first_reported(&self, pipelines: &BTreeSet<Id>) -> Option<Brief> {
        let (grouped, terms) = self.earlier.as_ref()?;
        Some(rate::brief(&fates(&grouped.of(pipelines), terms)))
    }

    fn quality(&self, risks: &[&Risk], fates: &[Fated<'_>], rate: &Rate) -> Quality {
        let decided = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Escaped(_) | Fate::Prevented(_)));
        let mut recurrence: Vec<RiskName> = decided
            .filter(|(risk, _)| risk.episodes.len() > 1)
            .map(|(risk, _)| self.name(risk.key))
            .collect();
        recurrence.sort_unstable();
        let all = rate.dismissed + rate.decided + rate.pending;
        let downgraded = rate::escapes(fates)
            .filter(|(_, episode)| episode.escape.as_ref().is_some_and(|escape| escape.downgraded));
        Quality {
            recurrence_rate: Share::new(recurrence.len() as u64, rate.decided),
            recurrence,
            dismissal: Share::new(rate.dismissed, all),
            crossings: risks.iter().map(|risk| u64::from(risk.crossings)).sum(),
            block_observations: risks.iter().map(|risk| u64::from(risk.blocks)).sum(),
            downgraded: count(downgraded),
        }
    }

    /// Fingerprints whose fates differ between pipelines.
    fn split(&self) -> Vec<String> {
        let mut fates: BTreeMap<Id, BTreeSet<u8>> = BTreeMap::new();
        for risk in &self.story.risks {
            let fate = match rate::fate(risk, self.terms) {
                Some(Fate::Escaped(_)) => 0,
                Some(Fate::Prevented(_)) => 1,
                Some(Fate::Dismissed(_)) => 2,
                _ => continue,
            };
            fates.entry(risk.key.fp).or_default().insert(fate);
        }
        let mut split: Vec<String> =
            fates.iter().filter(|(_, fates)| fates.len() > 1).map(|(fp, _)| self.names.owned(*fp)).collect();
        split.sort_unstable();
        split
    }

    fn escaped(&self, escapes: &[(&Risk, &Episode)]) -> Vec<Escaped> {
        let mut lines: Vec<Escaped> =
            escapes.iter().filter_map(|(risk, episode)| self.escape(risk, episode)).collect();
        lines.sort_by(|left, right| {
            (left.escaped_at, &left.pipeline, &left.fingerprint).cmp(&(
                right.escaped_at,
                &right.pipeline,
                &right.fingerprint,
            ))
        });
        lines
    }

    fn escape(&self, risk: &Risk, episode: &Episode) -> Option<Escaped> {
        let escape = episode.escape.as_ref()?;
        let names = self.names;
        let deploy = escape.event.and_then(|at| match &self.roads.event(at)?.what {
            What::Deploy(deploy) => Some(deploy),
            _ => None,
        });
        let run = escape.run.and_then(|at| match &self.roads.event(at)?.what {
            What::Run(trip) => Some(trip.run.1),
            _ => None,
        });
        let approval = self.story.leaves.get(&escape.exception).and_then(|leave| leave.approval.as_ref());
        let (sanctioned, unsanctioned) = exposure::days_of(self.story, self.terms, risk, episode);
        Some(Escaped {
            pipeline: names.owned(risk.key.pipeline),
            fingerprint: names.owned(risk.key.fp),
            rule: names.owned(risk.rule),
            family: names.owned(risk.family),
            severity: episode.severity,
            blast: risk.blast,
            class: escape.class,
            cause: escape.cause,
            first_seen: episode.opened,
            escaped_at: escape.at,
            deploy: deploy.map(|deploy| names.owned(deploy.id)).unwrap_or_default(),
            deployed_by: deploy.map(|deploy| names.owned(deploy.actor)).unwrap_or_default(),
            run: run.map(|run| names.owned(run)).unwrap_or_default(),
            exception: names.owned(escape.exception),
            approved_by: approval
                .iter()
                .flat_map(|approval| &approval.approvers)
                .map(|id| names.owned(*id))
                .collect(),
            found_at: escape.found.map(|(ts, _)| ts),
            remediated_at: episode.closed,
            remedy: names.owned(episode.how),
            sanctioned_days: Figure(sanctioned),
            unsanctioned_days: Figure(unsanctioned),
            estimated: escape.estimated,
            rids: self.rids(episode),
        })
    }

    /// The records that opened, carried and closed an episode.
    fn rids(&self, episode: &Episode) -> Vec<String> {
        let escape = episode.escape.as_ref();
        let carrier = |at: Option<usize>| at.and_then(|at| self.roads.event(at)).map(|event| event.rid);
        let found = escape.and_then(|escape| escape.found).map(|(_, rid)| rid);
        let mut rids: Vec<String> = Vec::new();
        let all = [
            Some(episode.opened_rid),
            carrier(escape.and_then(|escape| escape.run)),
            carrier(escape.and_then(|escape| escape.event)),
            found,
            Some(episode.closed_rid).filter(|rid| *rid != 0),
        ];
        for rid in all.into_iter().flatten().map(rid_text) {
            if !rids.contains(&rid) {
                rids.push(rid);
            }
        }
        rids
    }

    fn listed<'r>(
        &self,
        fates: &[Fated<'r>],
        pick: impl Fn(&Fate<'r>) -> Option<&'r Episode>,
    ) -> Vec<Listed> {
        let line = |(risk, fate): &Fated<'r>| {
            let episode = pick(fate)?;
            let RiskName { pipeline, fingerprint } = self.name(risk.key);
            let rule = self.names.owned(risk.rule);
            let open = episode.closed.is_some_and(|at| at >= self.terms.window.end);
            let decided_at = episode.closed.filter(|_| !open);
            Some(Listed { pipeline, fingerprint, rule, first_seen: episode.opened, decided_at })
        };
        let mut lines: Vec<Listed> = fates.iter().filter_map(line).collect();
        lines.sort_by(|left, right| {
            (&left.pipeline, &left.fingerprint).cmp(&(&right.pipeline, &right.fingerprint))
        });
        lines
    }

    fn name(&self, key: Key) -> RiskName {
        RiskName { pipeline: self.names.owned(key.pipeline), fingerprint: self.names.owned(key.fp) }
    }

    fn explain(
        &self,
        fates: &[Fated<'_>],
        risks: &[&Risk],
        deploys: &[risk::Crossing],
        pipelines: &BTreeSet<Id>,
    ) -> BTreeMap<&'static str, Vec<String>> {
        let mut numbers: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        let mut add =
            |number: &'static str, rids: Vec<String>| numbers.entry(number).or_default().extend(rids);
        for (_, fate) in fates {
            match fate {
                Fate::Escaped(episode) => add("escaped", self.rids(episode)),
                Fate::Prevented(episode) => add("prevented", self.rids(episode)),
                Fate::Pending(episode) => add("pending", self.rids(episode)),
                Fate::Dismissed(episode) => add("dismissed", self.rids(episode)),
                Fate::Abandoned(episode) => add("abandoned", self.rids(episode)),
                Fate::Inherited => {}
            }
        }
        for risk in risks {
            let exposed = risk.episodes.iter().filter(|episode| episode.escape.is_some());
            exposed.for_each(|episode| add("exposure", self.rids(episode)));
            if risk.state() == Some(State::Inherited) {
                risk.episodes
                    .last()
                    .into_iter()
                    .for_each(|episode| add("inherited_open", self.rids(episode)));
            }
            for notice in &risk.notices {
                add(
                    "revoke",
                    notice.rids.iter().filter(|rid| **rid != 0).map(|rid| rid_text(*rid)).collect(),
                );
            }
        }
        let rid = |at: usize| self.roads.event(at).map(|event| rid_text(event.rid));
        for crossing in deploys {
            let both: Vec<String> =
                [Some(crossing.event), crossing.run].into_iter().flatten().filter_map(rid).collect();
            add("deploys", both.iter().take(1).cloned().collect());
            if crossing.gated {
                add("gated", both.clone());
            }
            if crossing.honoured {
                add("honoured", both);
            }
        }
        add(
            "relaxed",
            self.story
                .relaxed
                .iter()
                .filter(|(pipeline, _)| pipelines.contains(pipeline))
                .map(|(_, rid)| rid_text(*rid))
                .collect(),
        );
        for leave in self.story.leaves.values().filter(|leave| leave.concerns(pipelines)) {
            add("requested", leave.requested.iter().map(|(_, _, rid)| rid_text(*rid)).collect());
            add("approved", leave.approved.iter().map(|(_, rid)| rid_text(*rid)).collect());
            add("denied", leave.denied.iter().map(|(_, _, rid)| rid_text(*rid)).collect());
            add("refused_self_approval", leave.refused.iter().map(|(_, _, rid)| rid_text(*rid)).collect());
        }
        numbers.retain(|_, rids| !rids.is_empty());
        for rids in numbers.values_mut() {
            rids.sort_unstable();
            rids.dedup();
        }
        numbers
    }
}

fn fates<'r>(risks: &[&'r Risk], terms: &Terms<'_>) -> Vec<Fated<'r>> {
    risks.iter().filter_map(|risk| Some((*risk, rate::fate(risk, terms)?))).collect()
}

/// Whether the gate saw it before it crossed, or at all where it never did.
fn seen_before(episode: &Episode) -> bool {
    !episode.found_first && episode.escape.as_ref().is_none_or(|escape| episode.opened <= escape.at)
}

/// Decided and pending risks the gate sighted before a crossing.
fn sighted_before<'r>(fates: &[Fated<'r>]) -> impl Iterator<Item = &'r Risk> {
    fates.iter().filter_map(|(risk, fate)| match fate {
        Fate::Escaped(episode) if seen_before(episode) => Some(*risk),
        Fate::Prevented(_) | Fate::Pending(_) => Some(*risk),
        _ => None,
    })
}

fn preventive(fates: &[Fated<'_>], deploys: &[risk::Crossing]) -> Preventive {
    let brief = rate::brief(fates);
    let prevented = brief.decided - brief.escaped;
    let before = prevented + count(rate::escapes(fates).filter(|(_, episode)| seen_before(episode)));
    Preventive {
        detected_before: Share::new(before, brief.decided),
        conversion: Share::new(prevented, before),
        escaping_deploys: coverage::escaping(fates, deploys),
    }
}

fn detective(escapes: &[(&Risk, &Episode)]) -> Detective {
    let mut found: Vec<(Timestamp, Length)> = escapes
        .iter()
        .filter(|(_, episode)| episode.found_first)
        .filter_map(|(_, episode)| episode.escape.as_ref())
        .filter_map(|escape| Some((escape.at, escape.found?.0.since(escape.at))))
        .collect();
    found.sort_unstable();
    let lengths: Vec<Length> = found.iter().map(|(_, length)| *length).collect();
    Detective {
        production_found: Share::new(lengths.len() as u64, escapes.len() as u64),
        detect_median_days: exposure::median_days(&lengths),
        detect_days: lengths.iter().map(|length| Figure(length.in_days())).collect(),
    }
}

fn budget(target: f64, rate: &Rate) -> Budget {
    let burn = interval::share(rate.numerator, rate.decided).filter(|_| target > 0.0);
    Budget {
        target: Figure(target),
        burn: burn.map(|rate| Figure(rate / target)),
        allowed_risks: Figure(target * interval::float(rate.decided)),
    }
}

fn comparisons(pipelines: &[Scope]) -> Vec<Comparison> {
    let decided: Vec<&Scope> = pipelines.iter().filter(|scope| scope.rate.decided > 0).collect();
    if decided.len() > PAIRS {
        return Vec::new();
    }
    let mut pairs = Vec::new();
    for (at, first) in decided.iter().enumerate() {
        for second in decided.iter().skip(at + 1) {
            let counts = |scope: &Scope| (scope.rate.numerator, scope.rate.decided);
            if let Some(difference) = interval::newcombe(counts(first), counts(second)) {
                pairs.push(Comparison { first: first.name.clone(), second: second.name.clone(), difference });
            }
        }
    }
    pairs
}
