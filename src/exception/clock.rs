//! At which instant to decide: time never runs backwards, whatever the machine says.

use crate::text::time::{Length, Timestamp};

/// How far the machine's clock may be off before critical exceptions are refused.
pub const MAX_SKEW: Length = Length::seconds(300);

/// Whether the time of a decision can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Somebody else's clock or record agrees with it.
    Agreed,
    /// Nobody else was asked, or the clocks are more than [`MAX_SKEW`] apart: no critical exception holds.
    Doubtful,
}

/// The latest instant that anybody vouches for, and whether it can be relied on.
///
/// `backend` is the clock of the ledger's store; `sealed` the time of the newest sealed record, a lower
/// bound that only shows a machine whose clock is behind.
pub fn decision_time(
    local: Timestamp,
    backend: Option<Timestamp>,
    sealed: Option<Timestamp>,
) -> (Timestamp, Clock) {
    let now = [Some(local), backend, sealed].into_iter().flatten().max().unwrap_or(local);
    let behind = now.since(local) > MAX_SKEW;
    let ahead = backend.is_some_and(|backend| local.since(backend) > MAX_SKEW);
    let alone = backend.is_none() && sealed.is_none();
    (now, if behind || ahead || alone { Clock::Doubtful } else { Clock::Agreed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b8_the_latest_clock_decides_and_a_difference_is_seen() {
        let minutes = |count: i64| Timestamp(count * 60_000);
        for (local, backend, sealed, now, clock) in [
            (100, Some(100), None, 100, Clock::Agreed),
            (100, Some(105), None, 105, Clock::Agreed),
            (100, Some(106), None, 106, Clock::Doubtful),
            (106, Some(100), None, 106, Clock::Doubtful),
            (100, None, Some(20), 100, Clock::Agreed),
            (100, None, Some(200), 200, Clock::Doubtful),
            (100, Some(100), Some(200), 200, Clock::Doubtful),
            (100, None, None, 100, Clock::Doubtful),
        ] {
            let seen = decision_time(minutes(local), backend.map(minutes), sealed.map(minutes));
            assert_eq!(seen, (minutes(now), clock), "{local} {backend:?} {sealed:?}");
        }
    }
}
