//! Deploys without a run, and records without a field: how far the numbers can be trusted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::event::Id;
use super::rate::{Fated, Share, escapes};
use super::review::count;
use super::risk::{Crossing, Story, Terms};

/// Production deploys of the window and what stood before them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Production deploys.
    pub deploys: u64,
    /// Those that no authorised writer signed.
    pub unsigned_deploys: u64,
    /// Joined to a valid run: same artefact, activated policy, fresh, exceptions still live.
    pub gated: Share,
    /// Joined to a valid run that opened the gate.
    pub honoured: Share,
    /// (pipeline, critical rule) pairs seen to fire whose rule blocks.
    pub enforcing: Share,
    /// Rules changed from block to advise.
    pub relaxed: u64,
    /// Runs under a policy that lets authors approve.
    pub without_separation: u64,
    /// Commits with what a hook stops: past it, or made where there is none.
    pub past_hook: u64,
    /// How complete the audit trail is.
    pub audit: Audit,
}

/// Three ratios, none of which makes up for another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Deploys whose run, decisions and exceptions are all on record.
    pub presence: Share,
    /// Records that name identity, session, action, resource, policy, rule, reason and time.
    pub fields: Share,
    /// Records whose place in the ledger verifies; `None` when nobody verified it, or for a part of the ledger.
    pub chain: Option<Share>,
    /// The least of those that are known.
    pub minimum: Option<super::Figure>,
}

/// Whether every crossing can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// A deploy feed exists.
    Known,
    /// None does, or it fell silent: the rate is a lower bound.
    Unknown,
}

/// Whether each of `pipelines` has a deploy feed that did not fall silent within the window.
pub(super) fn known(story: &Story, terms: &Terms<'_>, pipelines: &BTreeSet<Id>) -> Known {
    let mut ever = BTreeSet::new();
    let mut lately = BTreeSet::new();
    for crossing in story.crossings.iter().filter(|crossing| crossing.signed || !terms.presumed) {
        ever.insert(crossing.pipeline);
        if terms.window.contains(crossing.at) {
            lately.insert(crossing.pipeline);
        }
    }
    let quiet = |pipeline: &Id| story.openings.get(pipeline).is_none_or(|opened| *opened == 0);
    let fed = |pipeline: &Id| ever.contains(pipeline) && (lately.contains(pipeline) || quiet(pipeline));
    // A pipeline that opened no gate and deployed nothing says nothing about the others.
    let mut roads =
        pipelines.iter().filter(|pipeline| ever.contains(pipeline) || !quiet(pipeline)).peekable();
    if !terms.presumed && roads.peek().is_some() && roads.all(fed) { Known::Known } else { Known::Unknown }
}

/// Coverage of `pipelines`; `fields` counts complete and all records by pipeline.
pub(super) fn coverage(
    story: &Story,
    terms: &Terms<'_>,
    pipelines: &BTreeSet<Id>,
    fields: &BTreeMap<Id, (u64, u64)>,
    chain: Option<(u64, u64)>,
) -> Coverage {
    let deploys = deploys(story, terms, pipelines);
    let of_deploys = |pick: fn(&Crossing) -> bool| {
        Share::new(count(deploys.iter().filter(|crossing| pick(crossing))), deploys.len() as u64)
    };
    let pairs: Vec<bool> = story
        .enforcing
        .iter()
        .filter(|((pipeline, _), _)| pipelines.contains(pipeline))
        .map(|(_, blocks)| *blocks)
        .collect();
    let (complete, all) = fields
        .iter()
        .filter(|(pipeline, _)| pipelines.contains(pipeline))
        .fold((0, 0), |sum, (_, counts)| (sum.0 + counts.0, sum.1 + counts.1));
    let presence = of_deploys(|crossing| crossing.present);
    let fields = Share::new(complete, all);
    let chain = chain.map(|(verified, all)| Share::new(verified, all));
    let minimum = [presence.rate, fields.rate, chain.and_then(|chain| chain.rate)]
        .into_iter()
        .flatten()
        .min_by(|left, right| left.0.total_cmp(&right.0));
    Coverage {
        deploys: deploys.len() as u64,
        unsigned_deploys: count(deploys.iter().filter(|crossing| !crossing.signed)),
        gated: of_deploys(|crossing| crossing.gated),
        honoured: of_deploys(|crossing| crossing.honoured),
        enforcing: Share::new(count(pairs.iter().filter(|blocks| **blocks)), pairs.len() as u64),
        relaxed: count(story.relaxed.iter().filter(|(pipeline, _)| pipelines.contains(pipeline))),
        without_separation: pipelines.iter().filter_map(|pipeline| story.alone.get(pipeline)).sum(),
        past_hook: count(pipelines.iter().filter_map(|pipeline| story.past_hook.get(pipeline)).flatten()),
        audit: Audit { presence, fields, chain, minimum },
    }
}

/// Deploys that carried at least one first crossing, out of all: never more than 1.
pub(super) fn escaping(fates: &[Fated<'_>], deploys: &[Crossing]) -> Share {
    let carriers: BTreeSet<usize> =
        escapes(fates).filter_map(|(_, episode)| episode.escape.as_ref()?.event).collect();
    Share::new(
        count(deploys.iter().filter(|crossing| carriers.contains(&crossing.event))),
        deploys.len() as u64,
    )
}

/// Production deploys of `pipelines` within the window.
pub(super) fn deploys(story: &Story, terms: &Terms<'_>, pipelines: &BTreeSet<Id>) -> Vec<Crossing> {
    let wanted =
        |crossing: &&Crossing| pipelines.contains(&crossing.pipeline) && terms.window.contains(crossing.at);
    story.crossings.iter().filter(wanted).copied().collect()
}
