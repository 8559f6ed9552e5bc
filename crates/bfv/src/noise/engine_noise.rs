//! The noise of the engine.
//!
//! Write e for the phase of a ciphertext divided by t: a polynomial of BFV's noise and the message's part in a BGV ciphertext. Every
//! operation of the engine is linear in e, or replaces e by `t e^2`, or adds noise:
//!
//! - with the secret key, a fresh e is an error of variance 10 and the rounding of the message by `fhe`, which is uniform between
//!   -1 and 0 in every pixel that is not blank in every image. With the public key, encryption under one more prime is
//!   switched down to a rounding, `r0 + r1 s` with uniform coefficients between -1/2 and 1/2;
//! - a sum of squares is `t e^T M e`. Without a mean its variance is `2 N t^2 |M|^2 v^2`, v the variance of the pixels' e:
//!   `4 M_ik^2 N v^2` for two different pixels, `2 M_ii^2 N v^2` for one;
//! - relinearisation adds a product of a digit and an error of the key for every prime, N 10 q^2 / 12 with centred digits;
//! - dropped primes divide by their product and leave another rounding, `r0 + r1 s`;
//! - a logit is `t sum_j w_j h_j^2`. Its hidden units depend on each other through the pixels that they read (`moments`). Their
//!   roundings and relinearisations are independent, except in equal units;
//! - biases are constants of at most 1/2. They are negligible beside noise in N coefficients, and are counted only if no pixel is
//!   read.
//!
//! The mean of rounded messages, `-(1 + X + ... + X^(N-1)) / 2`, has the values `-1 / (1 - x)`: large at the few roots near 1. Powers
//! of it are sums over odd numbers.

#![expect(clippy::indexing_slicing, reason = "powers are at most 4")]

use super::stage::{StageDeviations, VARIANCE};
use super::variance::{Deviation, Variance};
use super::weight_norms::{HiddenNorms, LogitNorms, WeightNorms};
use crate::parameters::encryption::Encryption;
use crate::parameters::prime_sizes::PrimeSizes;

pub struct EngineNoise {
    degree: f64,
    t: f64,
    /// t over the product of the dropped primes.
    f: f64,
    /// The variance of a pixel, without its mean.
    fresh: Variance,
    /// The means over all roots of the powers, 0 to 4, of the squared mean of a pixel.
    mean: [f64; 5],
    /// The variance that relinearisation adds at an upload's primes.
    upload_digits: Variance,
    /// The variance that relinearisation adds at the hidden units' primes.
    hidden_digits: Variance,
    /// The product of the dropped primes.
    dropped: f64,
    /// The variance of the digits' factor of the key, Y.
    spread: f64,
    rounding: Variance,
}

impl EngineNoise {
    pub fn new(encryption: Encryption, degree: usize, t: u64, primes: &PrimeSizes) -> Self {
        let n = degree as f64;
        let rounding = Variance::new(1.0 / 12.0, VARIANCE * n / 12.0, 0.0);
        let (fresh, mean) = match encryption {
            Encryption::PublicKey => {
                let prime = primes.all(t, encryption).last().map_or(0, |&bits| bits as i32);
                // `e u + e2 s + e1` and the rounding of the message, divided by the encryption prime.
                let encrypted = Variance::new(VARIANCE + 1.0 / 12.0, 2.0 * n * VARIANCE * VARIANCE, 0.0);
                (encrypted.multiplied(4f64.powi(-prime)).plus(rounding), [1.0, 0.0, 0.0, 0.0, 0.0])
            }
            // The sums over odd numbers k of k^-2, k^-4, k^-6, k^-8 are pi^2 / 8, pi^4 / 96, pi^6 / 960, 17 pi^8 / 161280.
            Encryption::SecretKey => (
                Variance::new(VARIANCE + 1.0 / 12.0, 0.0, 0.0),
                [1.0, n / 4.0, n.powi(3) / 48.0, n.powi(5) / 480.0, n.powi(7) * 17.0 / 80_640.0],
            ),
        };
        let squares = |bits: &[usize]| bits.iter().map(|&bits| 4f64.powi(bits as i32)).collect::<Vec<f64>>();
        let digits =
            |squares: &[f64]| Variance::new(0.0, 0.0, VARIANCE * n * squares.iter().sum::<f64>() / 12.0);
        let squares = squares(&primes.upload);
        let sum: f64 = squares.iter().sum();
        let hidden = primes.hidden.min(squares.len());
        let dropped = primes.upload.iter().skip(hidden).sum::<usize>() as f64;
        Self {
            degree: n,
            t: t as f64,
            f: t as f64 / dropped.exp2(),
            fresh,
            mean,
            upload_digits: digits(&squares),
            hidden_digits: digits(squares.get(..hidden).unwrap_or(&squares)),
            dropped: dropped.exp2(),
            spread: squares.iter().map(|square| (square / sum).powi(2)).sum(),
            rounding,
        }
    }

    pub fn stages(&self, norms: &WeightNorms) -> StageDeviations {
        let fresh = self.fresh.plus(Variance::new(self.mean[1] / self.degree, 0.0, 0.0));
        let units = || norms.members.iter().flat_map(|member| &member.hidden);
        // A unit that reads no pixel is a constant.
        let parts = |unit: &HiddenNorms, f: f64| {
            let [squares, own] = unit.constant_noise;
            let constant = if unit.reads_pixels() { 0.0 } else { squares * f + own };
            // Squares that cancel are not relinearised.
            let digits = if unit.form == 0.0 { 0.0 } else { 1.0 };
            let rounding = if unit.reads_pixels() { 1.0 } else { 0.0 };
            let [squares, mixed, means] = unit.moments();
            [squares, mixed, means, unit.only_linear, digits, rounding, constant.powi(2)]
        };
        let [squares, mixed, means, linear] = self.of_pixels();
        let with_modulus = |variance: Variance| variance.multiplied(self.t * self.t / self.degree);
        let products = [squares, mixed, means, linear].map(with_modulus);
        let [squares, mixed, means, linear] = products;
        let (digits, none, one) = (self.upload_digits, Variance::default(), Variance::new(1.0, 0.0, 0.0));
        let products = [squares, mixed, means, linear, digits, none, one];
        let divided = |variance: Variance| variance.multiplied(self.dropped.powi(-2));
        let [squares, mixed, means, linear, digits, ..] = products.map(divided);
        let hidden = [squares, mixed, means, linear, digits, self.rounding, one];
        let logits = self.logit_parts();
        StageDeviations {
            fresh: fresh.deviation(0.0),
            products: noisiest(&products, units().map(|unit| parts(unit, self.t)), self.spread),
            hidden: noisiest(&hidden, units().map(|unit| parts(unit, self.f)), self.spread),
            logits: noisiest(&logits, norms.logits.iter().map(|logit| self.logit(logit)), self.spread),
            reads_pixels: norms.logits.iter().any(LogitNorms::reads_pixels),
        }
    }

    /// The fresh variance at a root, which is a sum of N coefficients, to a power.
    fn at_root(&self, power: usize) -> Variance {
        let root = self.fresh.multiplied(self.degree);
        (0..power).fold(Variance::new(1.0, 0.0, 0.0), |product, _| product.times(root))
    }

    /// The variances at a root that [`HiddenNorms::moments`] and linear parts are multiplied with.
    fn of_pixels(&self) -> [Variance; 4] {
        let one = self.at_root(1);
        let mean = |power: usize| Variance::new(self.mean[power], 0.0, 0.0);
        [self.at_root(2), one.multiplied(self.mean[1]), mean(2), one.plus(mean(1))]
    }

    /// The variances that the parts of [`logit`](Self::logit) are multiplied with.
    fn logit_parts(&self) -> [Variance; 13] {
        let (f, scale) = (self.f, self.t * self.t / self.degree);
        let pixels =
            |factors: usize| self.at_root(4 - factors).multiplied(self.mean[factors] * f.powi(4) * scale);
        let linear = self.at_root(2).multiplied(f.powi(4) * scale);
        // The noise of one hidden unit's relinearisation and rounding, at a root.
        let own =
            self.upload_digits.multiplied(self.dropped.powi(-2)).plus(self.rounding).multiplied(self.degree);
        let [squares, mixed, means, mixed_linear] =
            self.of_pixels().map(|variance| variance.times(own).multiplied(f * f * scale));
        [
            pixels(0),
            pixels(1),
            pixels(2),
            pixels(3),
            pixels(4),
            linear,
            squares,
            mixed,
            means,
            mixed_linear,
            own.times(own).multiplied(scale),
            self.hidden_digits,
            Variance::new(1.0, 0.0, 0.0),
        ]
    }

    fn logit(&self, logit: &LogitNorms) -> [f64; 13] {
        let ([p0, p1, p2, p3, p4], [m0, m1, m2], [a, ab, b]) = (logit.pixels, logit.mixed, logit.constants);
        let constant = self.t * (a * self.f * self.f + ab * self.f + b);
        let digits = if logit.reads_pixels() { 1.0 } else { 0.0 };
        [
            p0,
            p1,
            p2,
            p3,
            p4,
            logit.linear,
            m0,
            m1,
            m2,
            logit.mixed_linear,
            logit.own,
            digits,
            constant.powi(2),
        ]
    }
}

/// The deviation of the noisiest of several sums of the same variances.
fn noisiest<const PARTS: usize>(
    variances: &[Variance; PARTS],
    sums: impl Iterator<Item = [f64; PARTS]>,
    spread: f64,
) -> Deviation {
    let means = variances.map(|variance| variance.mean(spread));
    let mean = |sum: &[f64; PARTS]| sum.iter().zip(&means).map(|(part, mean)| part * mean).sum::<f64>();
    let noisiest = sums.map(|sum| (mean(&sum), sum)).max_by(|(a, _), (b, _)| a.total_cmp(b));
    let parts = noisiest.map_or([0.0; PARTS], |(_, sum)| sum);
    let variance = variances.iter().zip(parts);
    variance
        .fold(Variance::default(), |sum, (variance, part)| sum.plus(variance.multiplied(part)))
        .deviation(spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_rounded_messages_has_the_powers_that_its_values_have() {
        let degree = 1024;
        let engine = EngineNoise::new(Encryption::SecretKey, degree, 65_537, &PrimeSizes::new(&[40, 40]));
        for (power, expected) in engine.mean.into_iter().enumerate() {
            // |1 - x| = 2 sin(angle / 2).
            let value = |root: usize| {
                let angle = std::f64::consts::PI * (2 * root + 1) as f64 / degree as f64;
                (2.0 * (angle / 2.0).sin()).powi(-2).powi(power as i32)
            };
            let found = (0..degree).map(value).sum::<f64>() / degree as f64;
            assert!((found / expected - 1.0).abs() < 1e-3, "{power}: {found} {expected}");
        }
    }
}
