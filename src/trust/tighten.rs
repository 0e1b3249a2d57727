//! Flags and variables may make the gate stricter, never laxer.
//!
//! Who writes the workflow of a change writes its flags and variables, so what relaxes the gate lives in
//! the trust root alone. A wish that would relax it changes nothing and is recorded.

use std::collections::BTreeMap;

use crate::finding::{Enforcement, Severity};
use crate::pipeline::Stage;
use crate::policy::limits::ExceptionLimits;
use crate::text::time::{Length, Timestamp};

/// How strict the gate is: first as the trusted policy says, then as it was tightened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stance {
    /// Where the gate stands.
    pub stage: Stage,
    /// What rules of each severity do; a severity that is missing advises.
    pub enforce: BTreeMap<Severity, Enforcement>,
    /// What gaps do.
    pub gaps: Enforcement,
    /// What exceptions need.
    pub exceptions: ExceptionLimits,
    /// Whether decisions are recorded.
    pub ledger: bool,
    /// The instant to decide at instead of now.
    pub as_of: Option<Timestamp>,
}

/// A wish and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The flag or variable as the user knows it, with its value, such as `--gaps advise`.
    pub from: String,
    /// What it asks for.
    pub wish: Wish,
}

/// What a flag or a variable can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Another stage. Later stages are stricter.
    Stage(Stage),
    /// Another enforcement for rules of one severity.
    Enforce(Severity, Enforcement),
    /// Another enforcement for gaps.
    Gaps(Enforcement),
    /// Whether authors are kept from approving.
    SeparationOfDuties(bool),
    /// Another quorum for one severity.
    Quorum(Severity, u32),
    /// Another longest lifetime of exceptions for one severity.
    MaxLifetime(Severity, Length),
    /// Whether approvals need a touched security key, for one severity.
    RequireTouch(Severity, bool),
    /// Not to record.
    NoLedger,
    /// To decide at another instant.
    AsOf(Timestamp),
    /// To use policies that do not come from the trust root.
    OtherPolicy,
}

/// What holds in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tightened {
    /// How strict the gate is.
    pub stance: Stance,
    /// The wishes that were not granted, as the user knows them: the `override_rejected` of the record.
    pub rejected: Vec<String>,
}

/// Grants those of `asks` that make `trusted` stricter, in their order, and names the others.
///
/// A wish for what holds already is granted. On a developer's machine (`local` outside CI) there is
/// nobody to guard, so `--no-ledger`, `--as-of` and another policy are granted there.
pub fn tighten(trusted: Stance, in_ci: bool, asks: &[Ask]) -> Tightened {
    let mut stance = trusted;
    let mut rejected = Vec::new();
    // The stage comes first: what else is granted depends on it, and not on the order of flags.
    let (stages, others): (Vec<&Ask>, Vec<&Ask>) =
        asks.iter().partition(|ask| matches!(ask.wish, Wish::Stage(_)));
    for ask in stages.into_iter().chain(others) {
        if !grant(&mut stance, in_ci, &ask.wish) {
            rejected.push(ask.from.clone());
        }
    }
    Tightened { stance, rejected }
}

fn grant(stance: &mut Stance, in_ci: bool, wish: &Wish) -> bool {
    let private = stance.stage == Stage::Local && !in_ci;
    match *wish {
        Wish::Stage(stage) => raise(&mut stance.stage, stage, rank),
        Wish::Enforce(severity, wanted) => {
            let slot = stance.enforce.entry(severity).or_insert(Enforcement::Advise);
            raise(slot, wanted, |enforcement| enforcement)
        }
        Wish::Gaps(wanted) => raise(&mut stance.gaps, wanted, |enforcement| enforcement),
        Wish::SeparationOfDuties(wanted) => {
            raise(&mut stance.exceptions.separation_of_duties, wanted, |on| on)
        }
        Wish::Quorum(severity, wanted) => raise(&mut tier(stance, severity).quorum, wanted, |count| count),
        Wish::MaxLifetime(severity, wanted) => {
            raise(&mut tier(stance, severity).max_lifetime, wanted, std::cmp::Reverse)
        }
        Wish::RequireTouch(severity, wanted) => {
            raise(&mut tier(stance, severity).require_touch, wanted, |on| on)
        }
        Wish::NoLedger => {
            stance.ledger &= !private;
            private
        }
        Wish::AsOf(instant) => {
            if private {
                stance.as_of = Some(instant);
            }
            private
        }
        Wish::OtherPolicy => private,
    }
}

/// Puts `wanted` into `slot` unless it ranks lower; says whether it holds.
fn raise<T: Copy, R: Ord>(slot: &mut T, wanted: T, rank: impl Fn(T) -> R) -> bool {
    let holds = rank(wanted) >= rank(*slot);
    if holds {
        *slot = wanted;
    }
    holds
}

const fn rank(stage: Stage) -> u8 {
    match stage {
        Stage::Local => 0,
        Stage::Merge => 1,
        Stage::Deploy => 2,
    }
}

fn tier(stance: &mut Stance, severity: Severity) -> &mut crate::policy::limits::Tier {
    let tiers = &mut stance.exceptions.tiers;
    match severity {
        Severity::Critical => &mut tiers.critical,
        Severity::High => &mut tiers.high,
        Severity::Medium => &mut tiers.medium,
        Severity::Low => &mut tiers.low,
        Severity::Info => &mut tiers.info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(stage: Stage) -> Stance {
        Stance {
            stage,
            enforce: [(Severity::Critical, Enforcement::Block), (Severity::Medium, Enforcement::Advise)]
                .into(),
            gaps: Enforcement::Block,
            exceptions: ExceptionLimits::default(),
            ledger: true,
            as_of: None,
        }
    }

    fn ask(wish: Wish) -> Ask {
        Ask { from: format!("{wish:?}"), wish }
    }

    #[test]
    fn a6_a_wish_that_relaxes_changes_nothing_and_is_named() {
        for wish in [
            Wish::Stage(Stage::Local),
            Wish::Enforce(Severity::Critical, Enforcement::Advise),
            Wish::Gaps(Enforcement::Advise),
            Wish::SeparationOfDuties(false),
            Wish::Quorum(Severity::Critical, 0),
            Wish::MaxLifetime(Severity::High, Length::days(31)),
            Wish::NoLedger,
            Wish::AsOf(Timestamp(0)),
            Wish::OtherPolicy,
        ] {
            let asked = ask(wish);
            let outcome = tighten(trusted(Stage::Merge), true, std::slice::from_ref(&asked));
            assert_eq!(outcome.rejected, std::slice::from_ref(&asked.from));
            assert_eq!(outcome.stance, trusted(Stage::Merge), "{}", asked.from);
        }
    }

    #[test]
    fn a_wish_that_tightens_is_granted() {
        let asks = [
            Wish::Stage(Stage::Deploy),
            Wish::Enforce(Severity::Medium, Enforcement::Block),
            Wish::Enforce(Severity::Info, Enforcement::Block),
            Wish::Quorum(Severity::Critical, 2),
            Wish::MaxLifetime(Severity::High, Length::days(1)),
            Wish::RequireTouch(Severity::Low, true),
        ]
        .map(ask);
        let Tightened { stance, rejected } = tighten(trusted(Stage::Merge), true, &asks);
        assert!(rejected.is_empty(), "{rejected:?}");
        assert_eq!(stance.stage, Stage::Deploy);
        assert_eq!(stance.enforce.get(&Severity::Medium), Some(&Enforcement::Block));
        assert_eq!(stance.enforce.get(&Severity::Info), Some(&Enforcement::Block));
        assert_eq!(stance.exceptions.tiers.critical.quorum, 2);
        assert_eq!(stance.exceptions.tiers.high.max_lifetime, Length::days(1));
        assert!(stance.exceptions.tiers.low.require_touch);
    }

    #[test]
    fn on_ones_own_machine_a_trial_is_allowed_and_in_ci_it_is_not() {
        let asks = [ask(Wish::NoLedger), ask(Wish::AsOf(Timestamp(5)))];
        let at_home = tighten(trusted(Stage::Local), false, &asks);
        assert!(at_home.rejected.is_empty() && !at_home.stance.ledger);
        assert_eq!(at_home.stance.as_of, Some(Timestamp(5)));
        assert_eq!(tighten(trusted(Stage::Local), true, &asks).rejected.len(), 2);
        let both = [ask(Wish::NoLedger), ask(Wish::Stage(Stage::Deploy))];
        let outcome = tighten(trusted(Stage::Local), false, &both);
        assert!(outcome.stance.ledger && outcome.rejected.len() == 1, "the stage counts, not the order");
    }
}
