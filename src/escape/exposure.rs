//! How long risks were live in production, under whose leave, and how long they survive.

use serde::Serialize;

use super::Figure;
use super::interval::float;
use super::review::quantile;
use super::risk::{Episode, Risk, Story, Terms};
use crate::text::time::{Length, Timestamp};

/// Days of open exposure within the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Exposure {
    /// Sum over escapes, clipped to the window.
    pub days: Figure,
    /// Days by the length of the window: how many were open on average.
    pub mean_open: Option<Figure>,
    /// The part under a live exception.
    pub sanctioned: Figure,
    /// The part under none.
    pub unsanctioned: Figure,
    /// Sum of blast radius times days; risks without a blast radius add nothing.
    pub blast_days: Figure,
    /// Escapes still open at `as_of`.
    pub open: u64,
    /// Days under the adoption baseline, beside the others and never in them.
    pub inherited_days: Figure,
}

/// How long something lasted: what ended, what had not ended at `as_of`, and the Kaplan-Meier curve over both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survival {
    /// Days of what ended, shortest first.
    pub closed_days: Vec<Figure>,
    /// Days so far of what had not, shortest first.
    pub censored_days: Vec<Figure>,
    /// Share that lasts longer than so many days, at each end.
    pub curve: Vec<[Figure; 2]>,
    /// First day on which at most half last longer; `None` while more than half do.
    pub median_days: Option<Figure>,
    /// Share still going on after 1, 5 and 30 days; `None` without any.
    pub still_after: [Option<Figure>; 3],
}

/// Exposure of `risks` in the window.
pub(super) fn exposure(story: &Story, terms: &Terms<'_>, risks: &[&Risk]) -> Exposure {
    let (mut days, mut sanctioned, mut blast_days, mut inherited, mut open) = (0.0, 0.0, 0.0, 0.0, 0);
    for risk in risks {
        for episode in &risk.episodes {
            let Some(from) = live_from(episode) else {
                if let Some(span) = inherited_span(risk, episode, terms) {
                    inherited += span.1.since(span.0).in_days();
                }
                continue;
            };
            if !episode.severity.is_some_and(|severity| terms.severities.contains(&severity)) {
                continue;
            }
            open += u64::from(episode.closed.is_none());
            let Some(span) = clip(from, episode.closed, terms) else { continue };
            let lasted = span.1.since(span.0).in_days();
            days += lasted;
            sanctioned += sanctioned_within(story, risk, span).in_days();
            blast_days += lasted * f64::from(risk.blast.unwrap_or_default());
        }
    }
    let length = terms.window.end.since(terms.window.start).in_days();
    Exposure {
        days: Figure(days),
        mean_open: (length > 0.0).then(|| Figure(days / length)),
        sanctioned: Figure(sanctioned),
        unsanctioned: Figure((days - sanctioned).max(0.0)),
        blast_days: Figure(blast_days),
        open,
        inherited_days: Figure(inherited),
    }
}

/// Days in production of one escape, sanctioned and not, clipped to the window.
pub(super) fn days_of(story: &Story, terms: &Terms<'_>, risk: &Risk, episode: &Episode) -> (f64, f64) {
    let span = live_from(episode).and_then(|from| clip(from, episode.closed, terms));
    span.map_or((0.0, 0.0), |span| {
        let all = span.1.since(span.0).in_days();
        let sanctioned = sanctioned_within(story, risk, span).in_days();
        (sanctioned, (all - sanctioned).max(0.0))
    })
}

/// Kaplan and Meier's estimate over what ended and what had not ended yet.
///
/// At each end, what lasted at least as long is at risk; something censored at that very moment still is.
/// Source: Kaplan and Meier, "Nonparametric estimation from incomplete observations", 1958.
pub fn survival(mut closed: Vec<Length>, mut censored: Vec<Length>) -> Survival {
    closed.sort_unstable();
    censored.sort_unstable();
    let mut curve: Vec<(Length, f64)> = Vec::new();
    let mut left = 1.0;
    let mut rest = closed.as_slice();
    while let Some(at) = rest.first() {
        let ended = rest.partition_point(|length| length <= at);
        let at_risk = rest.len() + censored.len() - censored.partition_point(|length| length < at);
        left *= 1.0 - float(ended as u64) / float(at_risk as u64);
        curve.push((*at, left));
        rest = rest.get(ended..).unwrap_or_default();
    }
    let known = !closed.is_empty() || !censored.is_empty();
    let still = |days: i64| {
        let steps = curve.iter().take_while(|(at, _)| *at <= Length::days(days));
        known.then(|| Figure(steps.last().map_or(1.0, |(_, share)| *share)))
    };
    let days = |lengths: &[Length]| lengths.iter().map(|length| Figure(length.in_days())).collect();
    Survival {
        closed_days: days(&closed),
        censored_days: days(&censored),
        // Sums of thirds miss a half by one unit in the last place.
        median_days: curve
            .iter()
            .find(|(_, share)| *share <= 0.5 + 1e-12)
            .map(|(at, _)| Figure(at.in_days())),
        still_after: [still(1), still(5), still(30)],
        curve: curve.iter().map(|(at, share)| [Figure(at.in_days()), Figure(*share)]).collect(),
    }
}

/// How long the escapes took, or have taken until `as_of`, to be remediated.
pub(super) fn remediation<'r>(
    escapes: impl Iterator<Item = (&'r Risk, &'r Episode)>,
    terms: &Terms<'_>,
) -> Survival {
    let (mut closed, mut censored) = (Vec::new(), Vec::new());
    for (_, episode) in escapes {
        let Some(from) = live_from(episode) else { continue };
        match episode.closed {
            Some(end) => closed.push(end.since(from)),
            None => censored.push(terms.as_of.since(from)),
        }
    }
    survival(closed, censored)
}

/// How long secrets stayed valid after notice, escaped or merely pushed; by notices within the window.
pub(super) fn revocation(risks: &[&Risk], terms: &Terms<'_>) -> Survival {
    let (mut closed, mut censored) = (Vec::new(), Vec::new());
    let counted = |risk: &&&Risk| risk.severity.is_some_and(|severity| terms.severities.contains(&severity));
    for notice in risks.iter().filter(counted).flat_map(|risk| &risk.notices) {
        if terms.window.contains(notice.at) {
            match notice.revoked {
                Some(end) => closed.push(end.since(notice.at)),
                None => censored.push(terms.as_of.since(notice.at)),
            }
        }
    }
    survival(closed, censored)
}

/// Median in days of lengths of time.
pub(super) fn median_days(lengths: &[Length]) -> Option<Figure> {
    let values: Vec<i64> = lengths.iter().map(|length| length.0).collect();
    quantile(&values, 0.5).map(|middle| Figure(middle / 86_400_000.0))
}

fn live_from(episode: &Episode) -> Option<Timestamp> {
    episode.escape.as_ref().map(|escape| escape.at)
}

fn clip(from: Timestamp, to: Option<Timestamp>, terms: &Terms<'_>) -> Option<(Timestamp, Timestamp)> {
    let from = from.max(terms.window.start);
    let to = to.unwrap_or(terms.as_of).min(terms.window.end);
    (from < to).then_some((from, to))
}

fn inherited_span(risk: &Risk, episode: &Episode, terms: &Terms<'_>) -> Option<(Timestamp, Timestamp)> {
    let severity = episode.severity.or(risk.severity)?;
    let inherited = matches!(episode.state, super::risk::State::Inherited | super::risk::State::Remediated);
    if inherited && terms.severities.contains(&severity) {
        clip(episode.opened, episode.closed, terms)
    } else {
        None
    }
}

/// How much of `span` lies under a live exception of the risk; where two overlap it counts once.
fn sanctioned_within(story: &Story, risk: &Risk, span: (Timestamp, Timestamp)) -> Length {
    let mut parts: Vec<(Timestamp, Timestamp)> = risk
        .exceptions
        .iter()
        .filter_map(|id| story.leaves.get(id)?.span())
        .map(|(from, to)| (from.max(span.0), to.min(span.1)))
        .filter(|(from, to)| from < to)
        .collect();
    parts.sort_unstable();
    let mut reached = span.0;
    let mut sum = 0;
    for (from, to) in parts {
        let from = from.max(reached);
        sum += to.since(from).0.max(0);
        reached = reached.max(to);
    }
    Length(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(numbers: &[i64]) -> Vec<Length> {
        numbers.iter().map(|number| Length::days(*number)).collect()
    }

    #[test]
    fn open_ones_are_censored_and_never_dropped() {
        let survival = survival(days(&[12, 2, 10]), days(&[23, 3, 6]));
        let curve: Vec<String> =
            survival.curve.iter().map(|[at, left]| format!("{:.0}:{:.4}", at.0, left.0)).collect();
        assert_eq!(curve, ["2:0.8333", "10:0.5556", "12:0.2778"]);
        assert_eq!(survival.median_days, Some(Figure(12.0)));
    }

    #[test]
    fn without_an_end_there_is_no_median_and_without_anything_no_share() {
        assert_eq!(survival(Vec::new(), days(&[5])).median_days, None);
        assert_eq!(survival(Vec::new(), days(&[5])).still_after[1], Some(Figure(1.0)));
        assert_eq!(survival(Vec::new(), Vec::new()).still_after, [None; 3]);
    }
}
