//! Bounds on how far noise strays from its standard deviation.
//!
//! Two things are random: the key, which a whole run shares, and the samples of every ciphertext.
//!
//! **Given the key**, a coefficient is a sum over the N/2 pairs of conjugate roots x of `X^N + 1` of `|z(x)| cos(phase)`
//! with independent, uniform phases. Since `E exp(a cos(phase)) <= exp(a^2 / 4)`, such a sum has at most the tail of a
//! Gaussian of its own variance: `P(|c| > z sigma) <= 2 exp(-z^2 / 2)`.
//!
//! **The key** decides that variance. A part of it with p factors of the key is at a root the p-th power of X (`variance`),
//! and in a coefficient the mean over N/2 roots of `X^p / p!`. Its tail is heavier than exponential: one large root in 4096
//! inflates the variance of a bad key. The tail is bounded by cutting X off at B:
//! `P <= n exp(-B) + exp(n (ln E[exp(l X^p); X <= B] - l p! inflation))` for every l (Chernoff), n = N/2. A variance of
//! several such parts is at most the sum of its parts' bounds. Y has a lighter tail than X, and is counted as X.
//!
//! **Both**: keys are sorted into classes, the j-th of inflations that are exceeded with a probability of at most `2^-2j`. A
//! key of the j-th class has the probability of leaving the class before, and its coefficients the tail of the class's variance.
//!
//! Two things are assumed: roots are independent, and the sums over pixels and hidden units have so many terms that their own
//! squares stay near the mean. The second assumption holds less for a network of one pixel and one unit. Decryption measures the
//! noise and refuses noise that is too large, so noise beyond the bound is an error and not a wrong answer.

use super::variance::{Deviation, POWERS};

/// Steps of the integral.
const STEPS: usize = 200;

/// Steps of the search for the best l.
const SLOPES: u32 = 12;

/// Bits between the probabilities of two classes of keys.
const CLASS_BITS: f64 = 2.0;

/// The ratio by which a limit must exceed a standard deviation so that none of a run's coefficients exceeds the limit, but for a given
/// probability.
#[derive(Debug, Clone, PartialEq)]
pub struct TailBound {
    key_classes: Vec<KeyClass>,
}

/// A class of keys.
#[derive(Debug, Clone, PartialEq)]
struct KeyClass {
    /// The square of the number of deviations that no coefficient exceeds under such a key, but for its share of the probability.
    deviations_squared: f64,
    /// The factors by which such a key multiplies the parts of a variance at most, by their power.
    inflation: [f64; POWERS],
}

impl TailBound {
    /// The bound for a run of so many coefficients (answers x classes x ring degree) under one key.
    #[must_use]
    pub fn new(probability_log2: f64, degree: usize, coefficients: f64) -> Self {
        // Every class of keys has the same share, and so have the keys beyond the last class.
        let count = (-probability_log2 / CLASS_BITS).ceil().max(1.0) + 3.0;
        let share = probability_log2 - (count + 1.0).log2();
        let class = |class: u32| {
            let reached = -CLASS_BITS * f64::from(class - 1);
            // 2 exp(-z^2 / 2) for every coefficient.
            let bits = ((2.0 * coefficients).log2() + reached - share).max(0.0);
            KeyClass {
                deviations_squared: 2.0 * bits / std::f64::consts::LOG2_E,
                inflation: inflation(reached - CLASS_BITS, degree),
            }
        };
        // The number of classes is below a few hundred.
        Self { key_classes: (1..=count as u32).map(class).collect() }
    }

    /// The ratio in bits, for noise of that deviation.
    #[must_use]
    pub fn bits(&self, deviation: &Deviation) -> f64 {
        let squared = |class: &KeyClass| class.deviations_squared * inflated(deviation, &class.inflation);
        self.key_classes.iter().map(squared).fold(1.0, f64::max).log2() / 2.0
    }

    /// The bound in bits that the largest coefficient does not exceed: the deviation and the ratio.
    #[must_use]
    pub fn bound(&self, deviation: &Deviation) -> f64 {
        deviation.bits() + self.bits(deviation)
    }
}

/// The bound for noise with a factor that is not random, of which nearly all may be in a few roots. Its coefficients are no sums of many
/// independent terms, so no Gaussian is assumed.
///
/// Errors, secrets, roundings and digits are sums of independent fair signs, or limits of such sums. So a coefficient is a polynomial P of
/// some degree d in independent signs, and `E |P|^q <= (q - 1)^(d q / 2) (E P^2)^(q / 2)` for every q of at least 2 (Bonami 1970;
/// O'Donnell, *Analysis of Boolean Functions*, theorem 9.21). By Markov's inequality P exceeds its deviation by the factor
/// `(q - 1)^(d / 2) p^(-1 / q)` with a probability of at most p. The key counts as random, so no classes of keys are needed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MomentBound {
    /// By d, from 0: the number of deviations.
    deviations: [f64; MomentBound::MAX_FACTORS + 1],
}

impl MomentBound {
    /// The most random factors.
    pub const MAX_FACTORS: usize = 3;

    /// The bound for any of so many coefficients.
    #[must_use]
    pub fn new(probability_log2: f64, coefficients: f64) -> Self {
        // Every number of factors has the same share.
        let share = coefficients.log2() + (Self::MAX_FACTORS as f64).log2() - probability_log2;
        let mut deviations = [1.0; Self::MAX_FACTORS + 1];
        for (factors, deviations) in deviations.iter_mut().enumerate().skip(1) {
            let half = factors as f64 / 2.0;
            let bits = |q: u32| half * f64::from(q - 1).log2() + share / f64::from(q);
            *deviations = (2..400).map(bits).fold(f64::INFINITY, f64::min).exp2();
        }
        Self { deviations }
    }

    /// The number of deviations that noise with so many random factors does not exceed.
    #[must_use]
    pub fn deviations(&self, factors: u32) -> f64 {
        // No noise has more factors than the last.
        self.deviations.get(factors as usize).copied().unwrap_or(f64::INFINITY)
    }
}

fn inflated(deviation: &Deviation, inflation: &[f64; POWERS]) -> f64 {
    deviation.shares().iter().zip(inflation).map(|(share, inflation)| share * inflation).sum()
}

/// The number of classes of keys whose probabilities are added up. The keys beyond have a probability of 2^-160.
const CLASSES: u32 = 80;

/// A bound on the binary logarithm of the probability that any of `coefficients` coefficients (answers x classes x
/// ring degree) under one key exceeds `limit_bits`. Their expected standard deviation is `deviation`, and may be `model_bits` more.
#[must_use]
pub fn failure_probability_log2(
    deviation: &Deviation,
    model_bits: f64,
    limit_bits: f64,
    degree: usize,
    coefficients: f64,
) -> f64 {
    let deviations = (limit_bits - deviation.bits() - model_bits).exp2();
    let class = |class: u32| {
        let reached = -CLASS_BITS * f64::from(class - 1);
        let inflation = inflated(deviation, &inflation(reached - CLASS_BITS, degree));
        let gaussian =
            (2.0 * coefficients).log2() - deviations.powi(2) / (2.0 * inflation) * std::f64::consts::LOG2_E;
        (reached + gaussian.min(0.0)).exp2()
    };
    let beyond = (-CLASS_BITS * f64::from(CLASSES)).exp2();
    (1..=CLASSES).map(class).fold(beyond, |sum, class| sum + class).log2().min(0.0)
}

/// The factors by which a key multiplies the expected variance of a part of every power at most, but for a probability of
/// `2^probability_log2` for any of them.
fn inflation(probability_log2: f64, degree: usize) -> [f64; POWERS] {
    // The part without a factor of the key is not inflated.
    let each = probability_log2 - ((POWERS - 1) as f64).log2();
    let mut inflation = [1.0; POWERS];
    for (power, inflation) in inflation.iter_mut().enumerate().skip(1) {
        *inflation = inflation_of_power(power as i32, each, degree);
    }
    inflation
}

fn inflation_of_power(power: i32, probability_log2: f64, degree: usize) -> f64 {
    let mean: f64 = (1..=power).map(f64::from).product();
    let roots = degree as f64 / 2.0;
    // Half of the probability for the cut, half for the sum below it.
    let log_odds = (1.0 - probability_log2) / std::f64::consts::LOG2_E;
    let cut = log_odds + roots.ln();
    let points = points(power, cut);
    let bound = |slope: u32| {
        // Below 1, so that exp(l X^p - X) falls from 0 to the cut and beyond.
        let l = f64::from(slope) / f64::from(SLOPES) / cut.powi(power - 1);
        (log_moment(l, &points) + log_odds / roots) / (l * mean)
    };
    (1..SLOPES).map(bound).fold(f64::INFINITY, f64::min)
}

/// `X^p` from 0 to the cut, and the weights of its values by Simpson's rule.
fn points(power: i32, cut: f64) -> Vec<(f64, f64)> {
    let width = cut / STEPS as f64;
    let point = |step: usize| {
        let x = step as f64 * width;
        let weight = match step {
            0 | STEPS => 1.0,
            step if step % 2 == 1 => 4.0,
            _ => 2.0,
        };
        (x.powi(power), weight * width / 3.0 * (-x).exp())
    };
    (0..=STEPS).map(point).collect()
}

/// `ln E[exp(l X^p); X <= cut]`.
fn log_moment(l: f64, points: &[(f64, f64)]) -> f64 {
    // Less 1, which is added again: the moment is near 1.
    points.iter().map(|(power, weight)| weight * (l * power).exp_m1()).sum::<f64>().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEGREES: [usize; 3] = [4096, 8192, 16_384];

    fn of_power(power: usize) -> Deviation {
        Deviation::of_power(4f64.powi(60), power)
    }

    #[test]
    fn the_tail_keeps_the_probability_that_it_was_asked_for() {
        for degree in DEGREES {
            for power in 0..POWERS {
                for coefficients in [1e5, 1e7, 1e9] {
                    let limit = TailBound::new(-40.0, degree, coefficients).bound(&of_power(power));
                    let found = failure_probability_log2(&of_power(power), 0.0, limit, degree, coefficients);
                    // Not every class needs its share.
                    assert!((-45.0..=-40.0).contains(&found), "{degree} {power}: {found}");
                }
            }
        }
    }

    #[test]
    fn bad_keys_are_rarer_in_larger_rings_and_with_fewer_factors() {
        for degrees in DEGREES.windows(2) {
            for power in 1..POWERS {
                let tails = |power| {
                    let tail = |degree| TailBound::new(-40.0, degree, 1e7).bits(&of_power(power));
                    [tail(degrees[0]), tail(degrees[1])]
                };
                let (more, fewer) = (tails(power), tails(power - 1));
                assert!(more[0] > more[1] && more[0] > fewer[0] && more[1] > fewer[1]);
                // At least the Gaussian's: 9.4 deviations for 2^-41 over 10^7 coefficients.
                assert!(more[1] > 9.4f64.log2() && more[0] < 5.6, "{power} {more:?}");
            }
        }
    }

    #[test]
    fn the_tail_of_a_sum_lies_between_those_of_its_parts() {
        let tail = TailBound::new(-40.0, 8192, 1e7);
        let [light, heavy] = [0, 4].map(of_power);
        let both = tail.bits(&light.divided(0.0, &heavy));
        assert!(tail.bits(&light) < both && both < tail.bits(&heavy));
    }

    #[test]
    fn the_integral_agrees_with_the_moments() {
        // E[exp(l X^2)] - 1 = 2 l + 24 l^2 / 2 + ... with next to nothing beyond the cut.
        let l: f64 = 1e-4;
        let expected = (2.0 * l + 12.0 * l * l + 120.0 * l.powi(3)).ln_1p();
        assert!((log_moment(l, &points(2, 40.0)) / expected - 1.0).abs() < 1e-4);
    }

    #[test]
    fn sampled_keys_stay_below_the_inflation() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        for (power, mean) in [(3, 6.0), (4, 24.0)] {
            // Of 2000 keys, those beyond a bound of 2^-8 should be fewer than 2000 / 256.
            let most = inflation_of_power(power, -8.0, 4096);
            let mut key = || {
                let powers = (0..2048).map(|_| (-rng.random::<f64>().ln()).powi(power));
                powers.sum::<f64>() / 2048.0 / mean
            };
            let beyond = (0..2000).filter(|_| key() > most).count();
            assert!(beyond <= 8, "{beyond} beyond {most}");
        }
    }

    #[test]
    fn products_of_sampled_signs_stay_below_the_moment_bound() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(2);
        for factors in 1..=MomentBound::MAX_FACTORS as u32 {
            // A product of sums of 40 signs each, as the values of a polynomial at one root are.
            let limit =
                MomentBound::new(-8.0, 1.0).deviations(factors) * 40f64.powf(f64::from(factors) / 2.0);
            let mut value = || {
                let sum = |_| (0..40).map(|_| if rng.random() { 1.0 } else { -1.0 }).sum::<f64>();
                (0..factors).map(sum).product::<f64>()
            };
            let beyond = (0..5000).filter(|_| value().abs() > limit).count();
            assert!(beyond <= 5000 / 256, "{factors}: {beyond} beyond {limit}");
        }
    }

    #[test]
    fn noise_with_more_random_factors_has_a_longer_tail() {
        let bound = MomentBound::new(-41.0, 1e7);
        let bits: Vec<f64> = (1..=3).map(|factors| bound.deviations(factors).log2()).collect();
        // A Gaussian would keep 9.5 deviations, 3.25 bits.
        assert!(
            bits[0] > 3.25 && bits.windows(2).all(|pair| pair[0] + 2.0 < pair[1]) && bits[2] < 10.0,
            "{bits:?}"
        );
    }
}
