//! Tests for differences between pairs, and between two proportions.

use std::iter::{once, repeat_n};

use statrs::distribution::{ContinuousCDF as _, StudentsT};
use statrs::function::erf::erfc;

use crate::data::statistics::summary::Summary;

/// The signed-rank test is exact up to this number of pairs that differ.
const EXACT_PAIRS: usize = 100;

/// Differences of fractions below this size are rounding errors.
const RESOLUTION: f64 = 1e-12;

/// Tests of the differences within pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PairedTests {
    pub(crate) mean: f64,
    /// Sample standard deviation; absent for one pair.
    pub(crate) deviation: Option<f64>,
    /// Two-sided p-value of the paired t test; absent for one pair, and if all differences are equal.
    pub(crate) t_p: Option<f64>,
    /// Two-sided p-value of Wilcoxon's signed-rank test; absent if no pair differs.
    pub(crate) wilcoxon_p: Option<f64>,
    /// Number of pairs with a difference above 0.
    pub(crate) above: usize,
    /// Number of pairs with a difference below 0.
    pub(crate) below: usize,
}

impl PairedTests {
    /// Tests the differences; `None` if there are none.
    pub(crate) fn of(differences: &[f64]) -> Option<Self> {
        let rounded: Vec<f64> = differences.iter().map(|d| (d / RESOLUTION).round() * RESOLUTION).collect();
        let Summary { mean, deviation } = Summary::of(&rounded)?;
        Some(Self {
            mean,
            deviation,
            t_p: deviation.and_then(|deviation| t_test(mean, deviation, rounded.len())),
            wilcoxon_p: signed_rank_test(&rounded),
            above: rounded.iter().filter(|difference| **difference > 0.0).count(),
            below: rounded.iter().filter(|difference| **difference < 0.0).count(),
        })
    }
}

/// Student's paired t test (1908): two-sided p-value for a mean of 0, if the differences are draws of one normal distribution.
fn t_test(mean: f64, deviation: f64, pairs: usize) -> Option<f64> {
    if deviation <= RESOLUTION {
        return None;
    }
    let distribution = StudentsT::new(0.0, 1.0, (pairs - 1) as f64).ok()?;
    let t = mean / (deviation / (pairs as f64).sqrt());
    Some(2.0 * distribution.cdf(-t.abs()))
}

/// Wilcoxon's signed-rank test: two-sided p-value. Differences of 0 are left out. Equal differences share their mean rank. Each sign
/// is a toss of a fair coin. The distribution is exact up to [`EXACT_PAIRS`] differences; beyond, it is the normal distribution with
/// the variance of the actual ranks.
///
/// Source: F. Wilcoxon, *Individual comparisons by ranking methods*, Biometrics Bulletin 1 (1945) 80-83.
fn signed_rank_test(differences: &[f64]) -> Option<f64> {
    let mut sizes: Vec<(f64, bool)> =
        differences.iter().filter(|d| **d != 0.0).map(|d| (d.abs(), *d > 0.0)).collect();
    if sizes.is_empty() {
        return None;
    }
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let same = |a: f64, b: f64| (a - b).abs() < RESOLUTION;
    // Twice the mean rank is an integer.
    let mut ranks: Vec<(usize, bool)> = Vec::with_capacity(sizes.len());
    let mut rest = sizes.as_slice();
    while let Some(&(size, _)) = rest.first() {
        let (ties, others) = rest.split_at(rest.iter().take_while(|(other, _)| same(*other, size)).count());
        let doubled_rank = 2 * ranks.len() + 1 + ties.len();
        ranks.extend(ties.iter().map(|(_, above)| (doubled_rank, *above)));
        rest = others;
    }
    let all: usize = ranks.iter().map(|(rank, _)| rank).sum();
    let above: usize = ranks.iter().filter(|(_, above)| *above).map(|(rank, _)| rank).sum();
    let smaller = above.min(all - above);
    if ranks.len() > EXACT_PAIRS {
        let squares: f64 = ranks.iter().map(|(rank, _)| (*rank as f64).powi(2)).sum();
        // Distance from the mean of the sum of doubled ranks, less a continuity correction for its steps of two.
        let distance = (all as f64 / 2.0 - smaller as f64 - 1.0).max(0.0);
        return Some(erfc(distance / (squares / 4.0).sqrt() / std::f64::consts::SQRT_2).min(1.0));
    }
    // Probability of each sum of the doubled ranks with a positive sign.
    let mut chances: Vec<f64> = once(1.0).chain(repeat_n(0.0, all)).collect();
    for &(rank, _) in &ranks {
        // Half of the chance of each sum comes from the sum without this rank.
        let without = repeat_n(0.0, rank).chain(chances.iter().copied());
        chances = chances.iter().zip(without).map(|(stays, rises)| 0.5 * (stays + rises)).collect();
    }
    Some((2.0 * chances.iter().take(smaller + 1).sum::<f64>()).min(1.0))
}

/// Two-sided p-value of two shares of images, `first` and `second` as (correct, images), under the normal approximation with
/// the pooled share (A. Agresti, *Categorical Data Analysis*, section 3.2). `None` without images.
pub(crate) fn two_proportions(first: (usize, usize), second: (usize, usize)) -> Option<f64> {
    if first.1 == 0 || second.1 == 0 {
        return None;
    }
    let share = |(correct, images): (usize, usize)| correct as f64 / images as f64;
    let pooled = (first.0 + second.0) as f64 / (first.1 + second.1) as f64;
    let variance = pooled * (1.0 - pooled) * (1.0 / first.1 as f64 + 1.0 / second.1 as f64);
    let difference = (share(first) - share(second)).abs();
    if variance <= 0.0 || difference == 0.0 {
        return Some(1.0);
    }
    Some(erfc(difference / variance.sqrt() / std::f64::consts::SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Student's own example (Cushny and Peebles 1905, the data set `sleep` of R): t = -4.0621 with 9 degrees of freedom, p =
    /// 0.002833; Wilcoxon's exact test of the nine pairs that differ, with ties: 2 / 512.
    #[test]
    fn the_sleep_data_give_the_published_p_value() {
        let gains = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        let found = PairedTests::of(&gains).unwrap();
        assert!((found.t_p.unwrap() - 0.002_833).abs() < 5e-7, "{found:?}");
        assert!((found.wilcoxon_p.unwrap() - 2.0 / 512.0).abs() < 1e-12, "{found:?}");
        assert_eq!((found.above, found.below), (9, 0));
    }

    /// R: `wilcox.test(c(1.83,0.50,1.62,2.48,1.68,1.88,1.55,3.06,1.30), c(0.878,0.647,0.598,2.05,1.06,1.29,1.06,3.14,1.29),
    /// paired = TRUE)`, its documentation's example (Hollander and Wolfe 1973): V = 40, p = 0.03906.
    #[test]
    fn the_depression_data_give_the_published_p_value() {
        let x = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        #[expect(clippy::approx_constant, reason = "a measurement")]
        let y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let differences: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - y).collect();
        let p = PairedTests::of(&differences).unwrap().wilcoxon_p.unwrap();
        assert!((p - 0.039_062_5).abs() < 1e-12, "{p}");
    }

    #[test]
    fn many_pairs_agree_with_the_exact_test() {
        let differences: Vec<f64> =
            (0..100).map(|i| f64::from((i * 37) % 101) - 41.0 + f64::from(i % 3) * 0.1).collect();
        let exact = signed_rank_test(&differences).unwrap();
        let mut more = differences;
        // One more pair, the smallest of all, takes the approximation.
        more.push(1e-6);
        let approximate = signed_rank_test(&more).unwrap();
        assert!((exact - approximate).abs() < 0.01, "{exact} and {approximate}");
    }

    #[test]
    fn equal_pairs_and_single_pairs_have_no_t_test() {
        let equal = PairedTests::of(&[0.0, 0.0]).unwrap();
        assert_eq!((equal.t_p, equal.wilcoxon_p, equal.above, equal.below), (None, None, 0, 0));
        let single = PairedTests::of(&[0.1]).unwrap();
        assert_eq!((single.deviation, single.t_p, single.wilcoxon_p), (None, None, Some(1.0)));
        assert_eq!(PairedTests::of(&[]), None);
    }

    #[test]
    fn two_shares_are_compared_by_their_pooled_share() {
        // z = 0.01 / sqrt(0.945 x 0.055 x 2 / 10,000) = 3.1016.
        let p = two_proportions((9_400, 10_000), (9_500, 10_000)).unwrap();
        assert!((p - 0.001_925).abs() < 5e-6, "{p}");
        assert_eq!(two_proportions((5, 5), (7, 7)), Some(1.0));
        assert_eq!(two_proportions((0, 0), (7, 7)), None);
    }
}
