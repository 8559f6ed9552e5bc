//! How far noise strays from its standard deviation.
//!
//! Two things are random: the key, which a whole run shares, and everything that is drawn for a ciphertext.
//!
//! **Given the key**, a coefficient is a sum over the N/2 pairs of conjugate roots x of `X^N + 1` of `|z(x)| cos(phase)`
//! with independent, uniform phases. Since `E exp(a cos(phase)) <= exp(a^2 / 4)`, such a sum has at most the tail of a
//! Gaussian of its own variance: `P(|c| > z sigma) <= 2 exp(-z^2 / 2)`.
//!
//! **The key** decides that variance. Noise with p factors `s` has, at a root, the p-th power of `|s(x)|^2`, which is
//! exponentially distributed about its mean (a centred binomial's moments are at most a Gaussian's), so a coefficient's
//! variance given the key is the mean of N/2 values `X^p / p!` with X exponential. Their tail is heavier than
//! exponential: one large root in 4096 is what inflates the variance of a bad key. It is bounded by cutting X off at B:
//! `P <= n exp(-B) + exp(n (ln E[exp(l X^p); X <= B] - l p! inflation))` for every l (Chernoff), n = N/2.
//!
//! What is assumed: roots are independent, and the sums over pixels and hidden units have so many terms that their own
//! squares stay near the mean. The second holds less for a network of one pixel and one unit; decryption measures noise
//! and refuses what is too large, so what is beyond the bound is an error and not a wrong answer.

use crate::Encryption;

/// Steps of the integral, and of the search for the best l.
const STEPS: usize = 400;
const SLOPES: u32 = 20;

/// A bound on the binary logarithm of the probability that any of `coefficients` coefficients (answers x classes x
/// ring degree) leaves `limit_bits`, where their standard deviation is expected to be `deviation_bits`. Evaluations
/// under one key are meant.
#[must_use]
pub fn failure_probability_log2(
    deviation_bits: f64,
    limit_bits: f64,
    encryption: Encryption,
    degree: usize,
    coefficients: f64,
) -> f64 {
    let deviations = (limit_bits - deviation_bits).exp2();
    // Any share between bad keys and bad coefficients gives a bound.
    let bounds = (1..=150).map(|step| {
        let key_log2 = 1.0 - 2.0 * f64::from(step);
        let gaussian = (2.0 * coefficients).log2()
            - deviations.powi(2) / (2.0 * inflation(key_log2, encryption, degree)) * std::f64::consts::LOG2_E;
        let (larger, smaller) = (gaussian.max(key_log2), gaussian.min(key_log2));
        larger + (smaller - larger).exp2().ln_1p() * std::f64::consts::LOG2_E
    });
    bounds.fold(0.0, f64::min)
}

/// Bits by which a limit must exceed the expected standard deviation so that, with probability
/// `1 - 2^probability_log2`, none of `coefficients` coefficients leaves it.
#[must_use]
pub fn tail_bits(probability_log2: f64, encryption: Encryption, degree: usize, coefficients: f64) -> f64 {
    // Half of the probability each.
    let half = probability_log2 - 1.0;
    let deviations_squared = 2.0 * ((2.0 * coefficients).log2() - half) / std::f64::consts::LOG2_E;
    (deviations_squared * inflation(half, encryption, degree)).log2() / 2.0
}

/// By what at most a key multiplies the expected variance, but with a probability of `2^probability_log2`.
fn inflation(probability_log2: f64, encryption: Encryption, degree: usize) -> f64 {
    // Of the logits' noise: each square is a product with `s`, and public-key encryption has a part with another.
    let power = match encryption {
        Encryption::PublicKey => 3,
        Encryption::SecretKey => 2,
    };
    let mean: f64 = (1..=power).map(f64::from).product();
    let roots = degree as f64 / 2.0;
    // Half of the probability for the cut, half for the sum below it.
    let log_odds = (1.0 - probability_log2) / std::f64::consts::LOG2_E;
    let cut = log_odds + roots.ln();
    let bound = |slope: u32| {
        // Below 1, so that exp(l X^p - X) falls from 0 to the cut and beyond.
        let l = f64::from(slope) / f64::from(SLOPES) / cut.powi(power - 1);
        (log_moment(l, power, cut) + log_odds / roots) / (l * mean)
    };
    (1..SLOPES).map(bound).fold(f64::INFINITY, f64::min)
}

/// `ln E[exp(l X^p); X <= cut]` by Simpson's rule.
fn log_moment(l: f64, power: i32, cut: f64) -> f64 {
    let width = cut / STEPS as f64;
    let value = |step: usize| {
        let x = step as f64 * width;
        // Less 1, which is added again: the moment is near 1.
        (l * x.powi(power)).exp_m1() * (-x).exp()
    };
    let weight = |step: usize| match step {
        0 | STEPS => 1.0,
        step if step % 2 == 1 => 4.0,
        _ => 2.0,
    };
    ((0..=STEPS).map(|step| weight(step) * value(step)).sum::<f64>() * width / 3.0).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEGREES: [usize; 3] = [4096, 8192, 16_384];

    #[test]
    fn the_tail_keeps_the_probability_that_it_was_asked_for() {
        for degree in DEGREES {
            for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
                for coefficients in [1e5, 1e7, 1e9] {
                    let tail = tail_bits(-40.0, encryption, degree, coefficients);
                    let found = failure_probability_log2(60.0, 60.0 + tail, encryption, degree, coefficients);
                    // The search for the best split may find a better one than halves.
                    assert!((-41.0..=-39.9).contains(&found), "{degree} {encryption}: {found}");
                }
            }
        }
    }

    #[test]
    fn bad_keys_are_rarer_in_larger_rings_and_with_fewer_factors() {
        let tails = |encryption| DEGREES.map(|degree| tail_bits(-40.0, encryption, degree, 1e7));
        let (public, secret) = (tails(Encryption::PublicKey), tails(Encryption::SecretKey));
        assert!(public.windows(2).chain(secret.windows(2)).all(|pair| pair[0] > pair[1]));
        assert!(public.iter().zip(secret).all(|(&public, secret)| public > secret));
        // At least the Gaussian's: 9.4 deviations for 2^-41 over 10^7 coefficients.
        assert!(secret.iter().all(|&tail| tail > 9.4f64.log2() && tail < 4.5));
    }

    #[test]
    fn the_integral_agrees_with_the_moments() {
        // E[exp(l X^2)] - 1 = 2 l + 24 l^2 / 2 + ... with next to nothing beyond the cut.
        let l: f64 = 1e-4;
        let expected = (2.0 * l + 12.0 * l * l + 120.0 * l.powi(3)).ln_1p();
        assert!((log_moment(l, 2, 40.0) / expected - 1.0).abs() < 1e-4);
    }

    #[test]
    fn sampled_keys_stay_below_the_inflation() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        // Of 2000 keys, those beyond a bound of 2^-8 should be fewer than 2000 / 256.
        let most = inflation(-8.0, Encryption::PublicKey, 4096);
        let mut key = || {
            let cubes = (0..2048).map(|_| (-rng.random::<f64>().ln()).powi(3));
            cubes.sum::<f64>() / 2048.0 / 6.0
        };
        let beyond = (0..2000).filter(|_| key() > most).count();
        assert!(beyond <= 8, "{beyond} beyond {most}");
    }
}
