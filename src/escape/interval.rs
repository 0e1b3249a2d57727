//! How sure a rate from few risks is, and what may be compared.

use serde::Serialize;

use super::Figure;

/// Two-sided 95 % of the normal distribution.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Half-width of the warning and of the action limits of a funnel plot (95 % and 99.8 %).
pub const FUNNEL: [f64; 2] = [1.96, 3.09];

/// How many risks at the pooled rate a shrunken rate starts from.
pub const PRIOR: f64 = 10.0;

/// Below this many decided risks limits come from exact binomial tails and not from a normal curve.
pub const EXACT_BELOW: u64 = 10;

/// The difference of two rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// First rate minus second rate.
    pub difference: Figure,
    /// 95 % interval of it.
    pub interval: [Figure; 2],
    /// Whether the interval excludes 0: only then do the two differ.
    pub changed: bool,
}

/// Wilson's 95 % interval of `k` of `n`; `[0, 1]` when `n` is 0.
///
/// Source: Wilson, "Probable inference", 1927.
pub fn wilson(k: u64, n: u64) -> [f64; 2] {
    if n == 0 {
        return [0.0, 1.0];
    }
    let (count, square) = (float(n), Z95 * Z95);
    let share = float(k.min(n)) / count;
    let scale = 1.0 + square / count;
    let centre = (share + square / (2.0 * count)) / scale;
    let spread = share * (1.0 - share) / count + square / (4.0 * count * count);
    let half = Z95 * spread.sqrt() / scale;
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

/// Newcombe's interval of the difference of two rates, each `(k, n)`; `None` when one has no rate.
///
/// Source: Newcombe, "Interval estimation for the difference between independent proportions", 1998, method 10.
pub fn newcombe(first: (u64, u64), second: (u64, u64)) -> Option<Difference> {
    let (p1, p2) = (share(first.0, first.1)?, share(second.0, second.1)?);
    let ([low1, high1], [low2, high2]) = (wilson(first.0, first.1), wilson(second.0, second.1));
    let difference = p1 - p2;
    let low = difference - (p1 - low1).hypot(high2 - p2);
    let high = difference + (high1 - p1).hypot(p2 - low2);
    Some(Difference {
        difference: Figure(difference),
        interval: [Figure(low), Figure(high)],
        changed: low > 0.0 || high < 0.0,
    })
}

/// Limits around the rate `pooled` for `n` risks, `z` half-widths wide, within `[0, 1]`; `None` when `n` is 0.
///
/// Source: Spiegelhalter, "Funnel plots for comparing institutional performance", 2005.
pub fn funnel(pooled: f64, n: u64, z: f64) -> Option<[f64; 2]> {
    if n == 0 {
        return None;
    }
    let half = z * (pooled * (1.0 - pooled) / float(n)).sqrt();
    Some([(pooled - half).max(0.0), (pooled + half).min(1.0)])
}

/// Probability of `k` of `n` or something further out on the same side, if the true rate were `pooled`.
pub fn binomial_tail(k: u64, n: u64, pooled: f64) -> Option<f64> {
    let low = share(k, n)? <= pooled;
    let tail: f64 = if low {
        (0..=k).map(|i| mass(i, n, pooled)).sum()
    } else {
        (k..=n).map(|i| mass(i, n, pooled)).sum()
    };
    Some(tail.min(1.0))
}

/// The rate pulled towards `pooled` as [`PRIOR`] risks would pull it: what a ranking may use.
pub fn shrunken(k: u64, n: u64, pooled: f64) -> f64 {
    (float(k) + PRIOR * pooled) / (float(n) + PRIOR)
}

/// Which points `(k, n)` of a series, oldest first, leave the 3-sigma limits or end a run of 8 on one side.
pub fn chart_flags(points: &[(u64, u64)]) -> Vec<usize> {
    let (all, total) = points.iter().fold((0, 0), |(k, n), point| (k + point.0, n + point.1));
    let Some(centre) = share(all, total) else { return Vec::new() };
    let mut side = 0_i32;
    let mut flags = Vec::new();
    for (index, (k, n)) in points.iter().enumerate() {
        let (Some(rate), Some([low, high])) = (share(*k, *n), funnel(centre, *n, 3.0)) else { continue };
        side = match rate.total_cmp(&centre) {
            std::cmp::Ordering::Greater => side.max(0) + 1,
            std::cmp::Ordering::Less => side.min(0) - 1,
            std::cmp::Ordering::Equal => 0,
        };
        if rate < low || rate > high || side.abs() >= 8 {
            flags.push(index);
        }
    }
    flags
}

/// `k / n`, and nothing for nothing: 0 of 0 is neither 0 % nor 100 %.
pub fn share(k: u64, n: u64) -> Option<f64> {
    (n > 0).then(|| float(k) / float(n))
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "no ledger holds 2^53 records")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// Probability of exactly `k` of `n` at `rate`; in logarithms, so that a large `n` does not overflow.
fn mass(k: u64, n: u64, rate: f64) -> f64 {
    if rate <= 0.0 || rate >= 1.0 {
        let certain = if rate <= 0.0 { 0 } else { n };
        return if k == certain { 1.0 } else { 0.0 };
    }
    let choose: f64 = (0..k.min(n - k)).map(|i| (float(n - i) / float(i + 1)).ln()).sum();
    (choose + float(k) * rate.ln() + float(n - k) * (1.0 - rate).ln()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wilson_gives_the_published_check_values() {
        for (k, n, expected) in
            [(0, 0, [0.0, 1.0]), (0, 3, [0.0, 0.5615]), (1, 1, [0.2065, 1.0]), (3, 40, [0.0258, 0.1986])]
        {
            for (got, want) in wilson(k, n).into_iter().zip(expected) {
                assert!((got - want).abs() < 5e-5, "{k}/{n}: {got} is not {want}");
            }
        }
    }

    #[test]
    fn nothing_of_nothing_is_no_rate() {
        assert_eq!(share(0, 0), None);
        assert_eq!(newcombe((0, 0), (1, 2)), None);
        assert_eq!(funnel(0.5, 0, 1.96), None);
        assert_eq!(binomial_tail(0, 0, 0.5), None);
    }

    #[test]
    fn eight_in_a_row_on_one_side_are_a_trend() {
        let mut points = vec![(5, 10); 8];
        assert!(chart_flags(&points).is_empty());
        points.extend([(4, 10); 8]);
        assert_eq!(chart_flags(&points), [7, 15]);
        assert_eq!(chart_flags(&[(1, 100), (1, 100), (1, 100), (30, 100)]), [3]);
    }

    proptest! {
        #[test]
        fn intervals_hold_their_rate_and_stay_within_bounds(k in 0_u64..400, more in 0_u64..400, p in 0.0_f64..=1.0) {
            let n = k + more;
            let [low, high] = wilson(k, n);
            prop_assert!((0.0..=1.0).contains(&low) && low <= high && high <= 1.0);
            if let Some(rate) = share(k, n) {
                prop_assert!(low <= rate + 1e-12 && rate <= high + 1e-12);
                let tail = binomial_tail(k, n, p).unwrap_or_default();
                prop_assert!((0.0..=1.0).contains(&tail));
                let [down, up] = funnel(p, n, 1.96).unwrap_or_default();
                prop_assert!(0.0 <= down && down <= up && up <= 1.0);
            }
        }
    }
}
