//! The escape rate, its classes and its variants, all over one denominator.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Figure;
use super::interval::{self, FUNNEL, float, share, wilson};
use super::risk::{Cause, Class, Episode, Risk, State, Terms};
use crate::text::time::Timestamp;

/// Which escapes the numerator holds. The denominator is the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Did serious risk reach production?
    #[default]
    All,
    /// How much did we knowingly let through?
    ApprovedExceptionOnly,
    /// What did we not see?
    PostDeployDiscoveryOnly,
    /// What got through without a decision we stand behind?
    ControlFailure,
}

/// A count out of another, with its share; no share of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Out of how many.
    pub of: u64,
    /// The share; `None` out of 0.
    pub rate: Option<Figure>,
}

/// The escape rate of one pipeline, product line, or all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rate {
    /// The numerator of the chosen variant.
    pub numerator: u64,
    /// Escaped and prevented risks: the denominator.
    pub decided: u64,
    /// Numerator by denominator; `None` when nothing is decided.
    pub rate: Option<Figure>,
    /// Wilson's 95 % interval.
    pub interval: [Figure; 2],
    /// One minus the rate.
    pub preventive_effectiveness: Option<Figure>,
    /// Risks that first crossed into production in the window.
    pub escaped: u64,
    /// Risks prevented in the window, not escaped in it and not open again at its end.
    pub prevented: u64,
    /// Seen and undecided at the end of the window: beside the rate, never in it.
    pub pending: u64,
    /// Dismissed in the window, out of the rate.
    pub dismissed: u64,
    /// On changes without a run for long enough, out of the rate.
    pub abandoned: u64,
    /// Let through under the adoption baseline and still open, out of the rate.
    pub inherited_open: u64,
    /// Escapes by class.
    pub classes: BTreeMap<&'static str, u64>,
    /// Escapes by what lies behind their class.
    pub causes: BTreeMap<&'static str, u64>,
    /// The rate of each variant.
    pub variants: BTreeMap<&'static str, Option<Figure>>,
    /// Blast radius of the escaped by that of the decided.
    pub blast_rate: Option<Figure>,
    /// Decided risks without a blast radius, left out of the weighted figures.
    pub without_blast: u64,
    /// Escapes whose carrying deploy is an estimate.
    pub estimated: u64,
    /// Escapes seen through an unsigned deploy or a run alone.
    pub presumed: u64,
    /// Limits around the pooled rate, 95 %.
    pub funnel95: Option<[Figure; 2]>,
    /// Limits around the pooled rate, 99.8 %.
    pub funnel998: Option<[Figure; 2]>,
    /// Chance of this or something further out at the pooled rate, below ten decided risks.
    pub exact_tail: Option<Figure>,
    /// The rate pulled towards the pooled one by ten risks: the only one to rank by.
    pub shrunk: Option<Figure>,
    /// What the same window gave at its end, before later knowledge restated it.
    pub first_reported: Option<Brief>,
}

/// Escapes and decided risks alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Brief {
    /// Escaped.
    pub escaped: u64,
    /// Decided.
    pub decided: u64,
    /// The rate of all classes.
    pub rate: Option<Figure>,
}

/// How a risk stands to a window.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate<'r> {
    Escaped(&'r Episode),
    Prevented(&'r Episode),
    Pending(&'r Episode),
    Dismissed(&'r Episode),
    Abandoned(&'r Episode),
    Inherited,
}

/// A risk with its fate.
pub(super) type Fated<'r> = (&'r Risk, Fate<'r>);

impl Variant {
    /// Every variant with the word of arguments and reports.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::All, "all"),
        (Self::ApprovedExceptionOnly, "approved_exception_only"),
        (Self::PostDeployDiscoveryOnly, "post_deploy_discovery_only"),
        (Self::ControlFailure, "control_failure"),
    ];

    /// The word of arguments and reports.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(variant, _)| *variant == self).map_or("all", |(_, word)| word)
    }

    /// The variant of a word; a dash is as good as an underscore.
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.replace('-', "_");
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(variant, _)| *variant)
    }

    fn holds(self, episode: &Episode) -> bool {
        let Some(escape) = &episode.escape else { return false };
        match self {
            Self::All => true,
            Self::ApprovedExceptionOnly => escape.class == Class::Excepted,
            Self::PostDeployDiscoveryOnly => {
                episode.opened > escape.at || episode.found_first || escape.class == Class::Missed
            }
            Self::ControlFailure => escape.class != Class::Excepted,
        }
    }
}

impl Share {
    /// `count` out of `of`.
    pub fn new(count: u64, of: u64) -> Self {
        Self { count, of, rate: share(count, of).map(Figure) }
    }
}

/// How `risk` stands to the window of `terms`: the worst outcome within it wins. `None` when it says nothing there.
pub(super) fn fate<'r>(risk: &'r Risk, terms: &Terms<'_>) -> Option<Fate<'r>> {
    let window = terms.window;
    let counted =
        |episode: &&Episode| episode.severity.is_some_and(|severity| terms.severities.contains(&severity));
    let escaped_at = |episode: &Episode| episode.escape.as_ref().map(|escape| escape.at);
    let first = risk
        .episodes
        .iter()
        .filter(counted)
        .filter(|episode| escaped_at(episode).is_some_and(|at| window.contains(at)));
    if let Some(episode) = first.min_by_key(|episode| escaped_at(episode)) {
        return Some(Fate::Escaped(episode));
    }
    if let Some(episode) = open_at(risk, window.end)
        && episode.severity.or(risk.severity).is_some_and(|severity| terms.severities.contains(&severity))
    {
        return Some(Fate::Pending(episode));
    }
    let closed_as =
        |state: State| {
            risk.episodes.iter().rev().filter(counted).find(|episode| {
                episode.state == state && episode.closed.is_some_and(|at| window.contains(at))
            })
        };
    if let Some(episode) = closed_as(State::Prevented) {
        return Some(Fate::Prevented(episode));
    }
    if let Some(episode) = closed_as(State::Dismissed) {
        return Some(Fate::Dismissed(episode));
    }
    if let Some(episode) = closed_as(State::Abandoned) {
        return Some(Fate::Abandoned(episode));
    }
    let inherited = risk.state() == Some(State::Inherited);
    let critical = risk.severity.is_some_and(|severity| terms.severities.contains(&severity));
    let begun = risk.episodes.last().is_some_and(|episode| episode.opened < window.end);
    (inherited && critical && begun).then_some(Fate::Inherited)
}

/// The episode that is seen and undecided just before `end`.
fn open_at(risk: &Risk, end: Timestamp) -> Option<&Episode> {
    risk.episodes.iter().rev().find(|episode| {
        let decided =
            [episode.closed, episode.escape.as_ref().map(|escape| escape.at)].into_iter().flatten().min();
        let inherited = episode.state == State::Inherited
            || episode.state == State::Remediated && episode.escape.is_none();
        episode.opened < end && decided.is_none_or(|at| at >= end) && !inherited
    })
}

/// The rate over `fates`, `signed` telling whether the record at a position is a signed deploy.
pub(super) fn rate(fates: &[Fated<'_>], variant: Variant, signed: &dyn Fn(Option<usize>) -> bool) -> Rate {
    let number =
        |pick: fn(&Fate<'_>) -> bool| super::review::count(fates.iter().filter(|(_, fate)| pick(fate)));
    let crossed: Vec<(&Risk, &Episode)> = escapes(fates).collect();
    let escaped = crossed.len() as u64;
    let prevented = number(|fate| matches!(fate, Fate::Prevented(_)));
    let decided = escaped + prevented;
    let of_variant =
        |variant: Variant| super::review::count(crossed.iter().filter(|(_, episode)| variant.holds(episode)));
    let numerator = of_variant(variant);
    let of_escapes = |pick: &dyn Fn(&super::risk::Escape) -> bool| {
        super::review::count(crossed.iter().filter(|(_, episode)| episode.escape.as_ref().is_some_and(pick)))
    };
    let classes = [Class::Excepted, Class::Advisory, Class::Overridden, Class::Ungated, Class::Missed];
    let causes = [
        (Cause::BreakGlass, "break_glass"),
        (Cause::Unrecorded, "unrecorded"),
        (Cause::NoRule, "no_rule"),
        (Cause::Evaded, "evaded"),
        (Cause::Unknown, "unknown"),
    ];
    let (blast_rate, without_blast) = weighted(fates);
    Rate {
        numerator,
        decided,
        rate: share(numerator, decided).map(Figure),
        interval: wilson(numerator, decided).map(Figure),
        preventive_effectiveness: share(decided - numerator, decided).map(Figure),
        escaped,
        prevented,
        pending: number(|fate| matches!(fate, Fate::Pending(_))),
        dismissed: number(|fate| matches!(fate, Fate::Dismissed(_))),
        abandoned: number(|fate| matches!(fate, Fate::Abandoned(_))),
        inherited_open: number(|fate| matches!(fate, Fate::Inherited)),
        classes: classes
            .into_iter()
            .map(|class| (class.word(), of_escapes(&|escape| escape.class == class)))
            .collect(),
        causes: causes
            .into_iter()
            .map(|(cause, word)| (word, of_escapes(&|escape| escape.cause == cause)))
            .collect(),
        variants: Variant::ALL
            .into_iter()
            .map(|(variant, word)| (word, share(of_variant(variant), decided).map(Figure)))
            .collect(),
        blast_rate,
        without_blast,
        estimated: of_escapes(&|escape| escape.estimated),
        presumed: of_escapes(&|escape| !signed(escape.event)),
        funnel95: None,
        funnel998: None,
        exact_tail: None,
        shrunk: None,
        first_reported: None,
    }
}

/// Escapes and decided risks of `fates` alone.
pub(super) fn brief(fates: &[Fated<'_>]) -> Brief {
    let escaped = super::review::count(escapes(fates));
    let prevented = super::review::count(fates.iter().filter(|(_, fate)| matches!(fate, Fate::Prevented(_))));
    Brief { escaped, decided: escaped + prevented, rate: share(escaped, escaped + prevented).map(Figure) }
}

/// The risks that escaped in the window, each with the episode that did.
pub(super) fn escapes<'r>(fates: &[Fated<'r>]) -> impl Iterator<Item = (&'r Risk, &'r Episode)> {
    fates.iter().filter_map(|(risk, fate)| match fate {
        Fate::Escaped(episode) => Some((*risk, *episode)),
        _ => None,
    })
}

impl Rate {
    /// Sets it against the rate of all pipelines together.
    pub(super) fn compare(&mut self, pooled: Option<f64>) {
        let Some(pooled) = pooled else { return };
        let (k, n) = (self.numerator, self.decided);
        let [warning, action] =
            FUNNEL.map(|z| interval::funnel(pooled, n, z).map(|limits| limits.map(Figure)));
        self.funnel95 = warning;
        self.funnel998 = action;
        self.exact_tail =
            if n < interval::EXACT_BELOW { interval::binomial_tail(k, n, pooled).map(Figure) } else { None };
        self.shrunk = (n > 0).then(|| Figure(interval::shrunken(k, n, pooled)));
    }
}

/// Blast radius of the escaped by that of the decided, and how many decided risks have none.
fn weighted(fates: &[Fated<'_>]) -> (Option<Figure>, u64) {
    let (mut over, mut all, mut without) = (0, 0, 0);
    for (risk, fate) in fates {
        let escaped = matches!(fate, Fate::Escaped(_));
        match (fate, risk.blast) {
            (Fate::Escaped(_) | Fate::Prevented(_), Some(blast)) => {
                all += u64::from(blast);
                over += if escaped { u64::from(blast) } else { 0 };
            }
            (Fate::Escaped(_) | Fate::Prevented(_), None) => without += 1,
            _ => {}
        }
    }
    ((all > 0).then(|| Figure(float(over) / float(all))), without)
}
