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

#![expect(clippy::indexing_slicing, reason = "powers are at most 4, and parts are counted")]

use super::stage::{StageDeviations, VARIANCE};
use super::tail::{MomentBound, TailBound};
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
        let UnitVariances { products, hidden } = self.unit_variances();
        let logits = norms.logits.iter().map(|logit| self.logit(logit));
        StageDeviations {
            fresh: fresh.deviation(0.0),
            products: noisiest(&products, units().map(|unit| unit_parts(unit, self.t)), self.spread),
            hidden: noisiest(&hidden, units().map(|unit| unit_parts(unit, self.f)), self.spread),
            logits: noisiest(&self.logit_variances(), logits, self.spread),
            reads_pixels: norms.logits.iter().any(LogitNorms::reads_pixels),
        }
    }

    /// The bounds in bits that no coefficient exceeds, whichever pixels are blank, but for the probabilities of `tail` and `moments`. The norms
    /// must be [those for any pixels](WeightNorms::for_any_pixels).
    pub fn largest(&self, norms: &WeightNorms, tail: &TailBound, moments: &MomentBound) -> LargestNoise {
        let units = || norms.members.iter().flat_map(|member| &member.hidden);
        let UnitVariances { products, hidden } = self.unit_variances();
        let of = |variances: &[Variance], factors: &[PartKind], parts: &[f64]| {
            self.bound(variances, factors, parts, tail, moments)
        };
        let unit = |variances: &[Variance; 7], f: f64| {
            units().map(|unit| of(variances, &UNIT_PARTS, &unit_parts(unit, f))).fold(0.0, f64::max)
        };
        let mut logits = self.logit_variances();
        // A sum of two numbers, squared, is at most three times the sum of its squared terms.
        let scale = 3.0 * self.f.powi(4) * self.t * self.t / self.degree;
        let [squares, mixed, means, _] = self.of_pixels();
        logits[LINEAR] = squares.plus(mixed.multiplied(2.0)).plus(means).multiplied(scale);
        let logit = |logit| of(&logits, &LOGIT_PARTS, &self.logit(logit));
        LargestNoise {
            products: unit(&products, self.t),
            hidden: unit(&hidden, self.f),
            logits: norms.logits.iter().map(logit).fold(0.0, f64::max),
        }
    }

    /// The bound in bits of a sum of parts.
    fn bound(
        &self,
        variances: &[Variance],
        kinds: &[PartKind],
        parts: &[f64],
        tail: &TailBound,
        moments: &MomentBound,
    ) -> f64 {
        let mut without_mean = Variance::default();
        let mut with_mean = 0.0;
        for ((variance, kind), &part) in variances.iter().zip(kinds).zip(parts) {
            let variance = variance.multiplied(part);
            let deviation = || variance.mean(self.spread).sqrt();
            match kind {
                PartKind::WithoutMean => without_mean = without_mean.plus(variance),
                PartKind::Mean { largest } => with_mean += largest * deviation(),
                PartKind::WithMean { factors } => with_mean += moments.deviations(*factors) * deviation(),
            }
        }
        (tail.bound(&without_mean.deviation(self.spread)).exp2() + with_mean).log2()
    }

    fn unit_variances(&self) -> UnitVariances {
        let [squares, mixed, means, linear] = self.of_pixels();
        let with_modulus = |variance: Variance| variance.multiplied(self.t * self.t / self.degree);
        let products = [squares, mixed, means, linear].map(with_modulus);
        let [squares, mixed, means, linear] = products;
        let (digits, none, one) = (self.upload_digits, Variance::default(), Variance::new(1.0, 0.0, 0.0));
        let products = [squares, mixed, means, linear, digits, none, one];
        let divided = |variance: Variance| variance.multiplied(self.dropped.powi(-2));
        let [squares, mixed, means, linear, digits, ..] = products.map(divided);
        UnitVariances { products, hidden: [squares, mixed, means, linear, digits, self.rounding, one] }
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
    fn logit_variances(&self) -> [Variance; 13] {
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

/// The variances that the parts of a hidden unit are multiplied with, before and after its modulus is switched down.
struct UnitVariances {
    products: [Variance; 7],
    hidden: [Variance; 7],
}

/// The parts of a hidden unit's noise, of which constants are multiplied with `f`.
fn unit_parts(unit: &HiddenNorms, f: f64) -> [f64; 7] {
    // A unit that reads no pixel is a constant.
    let [squares, own] = unit.constant_noise;
    let constant = if unit.reads_pixels() { 0.0 } else { squares * f + own };
    // Squares that cancel are not relinearised.
    let digits = if unit.form == 0.0 { 0.0 } else { 1.0 };
    let rounding = if unit.reads_pixels() { 1.0 } else { 0.0 };
    let [squares, mixed, means] = unit.moments();
    [squares, mixed, means, unit.only_linear, digits, rounding, constant.powi(2)]
}

/// Bound on the distance of a part of the noise from its deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
enum PartKind {
    /// The part has no factor of the pixels' mean, and the tail of [`TailBound`].
    WithoutMean,
    /// The part is a power of the pixels' mean. The largest coefficient is so many times the deviation.
    Mean { largest: f64 },
    /// The part has a factor of the pixels' mean and so many random ones, and the tail of [`MomentBound`].
    WithMean { factors: u32 },
}

use PartKind::{Mean, WithMean, WithoutMean};

/// The largest coefficient of the squared mean `(1 + X + ... + X^(N-1))^2 / 4`, N / 4, over its deviation: the root of 3.
const SQUARED_MEAN: PartKind = Mean { largest: 1.732_051 };

/// The largest coefficient of the mean's fourth power, N^3 / 48, over its deviation, N^3 times the root of 17 / 80640.
const FOURTH_POWER_OF_MEAN: PartKind = Mean { largest: 1.434_867 };

/// The kinds of [`unit_parts`].
const UNIT_PARTS: [PartKind; 7] = [
    WithoutMean,
    WithMean { factors: 1 },
    SQUARED_MEAN,
    // A unit whose squares cancel is linear in the pixels, which may have the mean.
    WithMean { factors: 1 },
    WithoutMean,
    WithoutMean,
    WithoutMean,
];

/// The index of the part of units that are linear in the pixels.
const LINEAR: usize = 5;

/// The kinds of the parts of [`EngineNoise::logit`]. A unit's own noise has two random factors: a digit and an error of the key, or a rounding
/// and the secret.
const LOGIT_PARTS: [PartKind; 13] = [
    WithoutMean,
    WithMean { factors: 3 },
    WithMean { factors: 2 },
    WithMean { factors: 1 },
    FOURTH_POWER_OF_MEAN,
    WithMean { factors: 2 },
    WithoutMean,
    WithMean { factors: 3 },
    WithMean { factors: 2 },
    WithMean { factors: 3 },
    WithoutMean,
    WithoutMean,
    WithoutMean,
];

/// Bounds on the engine's noise in bits: the largest coefficient of any hidden unit or logit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LargestNoise {
    /// In hidden units before their modulus is switched down.
    pub products: f64,
    pub hidden: f64,
    pub logits: f64,
}

impl LargestNoise {
    /// The larger bound at every stage.
    #[must_use]
    pub fn or_larger(self, other: Self) -> Self {
        Self {
            products: self.products.max(other.products),
            hidden: self.hidden.max(other.hidden),
            logits: self.logits.max(other.logits),
        }
    }

    /// Bounds that are larger by so many bits.
    #[must_use]
    pub fn wider(self, bits: f64) -> Self {
        Self { products: self.products + bits, hidden: self.hidden + bits, logits: self.logits + bits }
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
    use sottovoce_network::{Architecture, IntegerEnsemble, IntegerNetwork, PixelLevels};

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

    /// The powers of the mean, as polynomials.
    fn powers_of_mean(degree: usize) -> [Vec<f64>; 2] {
        let times = |a: &[f64], b: &[f64]| {
            let mut product = vec![0.0; degree];
            for (i, a) in a.iter().enumerate() {
                for (j, b) in b.iter().enumerate() {
                    let sign = if i + j < degree { 1.0 } else { -1.0 };
                    product[(i + j) % degree] += sign * a * b;
                }
            }
            product
        };
        let mean = vec![-0.5; degree];
        let square = times(&mean, &mean);
        let fourth = times(&square, &square);
        [square, fourth]
    }

    #[test]
    fn no_coefficient_of_a_power_of_the_mean_is_larger_than_its_part_allows() {
        let degree = 512;
        let engine = EngineNoise::new(Encryption::SecretKey, degree, 65_537, &PrimeSizes::new(&[40, 40]));
        let powers = powers_of_mean(degree);
        for ((power, coefficients), kind) in
            [2, 4].into_iter().zip(powers).zip([SQUARED_MEAN, FOURTH_POWER_OF_MEAN])
        {
            let Mean { largest } = kind else { panic!("a power of the mean has a largest coefficient") };
            let deviation = (engine.mean[power] / degree as f64).sqrt();
            let found = coefficients.iter().map(|value| value.abs()).fold(0.0, f64::max) / deviation;
            assert!((0.98..1.001).contains(&(found / largest)), "{power}: {found} {largest}");
        }
    }

    fn bounds(weights: impl Fn(usize, usize) -> i64, encryption: Encryption) -> [f64; 2] {
        let shape = Architecture {
            image_side: 8,
            kernel: 3,
            maps: 2,
            hidden: 4,
            classes: 3,
            ..Architecture::default()
        };
        let weight = |block: &str, row, column| weights(row + block.len(), column);
        let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, _| 0).unwrap();
        let ensemble = IntegerEnsemble::new(vec![network]).unwrap();
        let primes = PrimeSizes { upload: vec![45, 45, 45], hidden: 2 };
        let engine = EngineNoise::new(encryption, 8192, 1 << 20, &primes);
        let tail = TailBound::new(-41.0, 8192, 1e7);
        let estimated = tail.bound(&engine.stages(&WeightNorms::of(&ensemble)).logits);
        let norms = WeightNorms::for_any_pixels(&ensemble);
        [estimated, engine.largest(&norms, &tail, &MomentBound::new(-41.0, 1e7)).logits]
    }

    #[test]
    fn noise_with_a_mean_is_bounded_beyond_the_gaussian_tail_and_other_noise_as_before() {
        let positive = |row: usize, column: usize| 1 + ((row + column) % 3) as i64;
        let signed = |row: usize, column: usize| ((row * 7 + column * 5) % 11) as i64 - 5;
        for weights in [&positive as &dyn Fn(usize, usize) -> i64, &signed] {
            let [estimated, bound] = bounds(weights, Encryption::PublicKey);
            assert!((bound - estimated).abs() < 1e-9, "{bound} {estimated}");
            let [estimated, bound] = bounds(weights, Encryption::SecretKey);
            assert!(bound > estimated, "{bound} {estimated}");
        }
    }

    #[test]
    fn blank_pixels_of_any_pattern_leave_less_noise_than_the_bound() {
        // Weights of both signs: with every second column blank, those that are left have one sign.
        let shape = Architecture {
            image_side: 8,
            kernel: 3,
            maps: 1,
            hidden: 2,
            classes: 2,
            ..Architecture::default()
        };
        let weight = |_: &str, _, column: usize| if column.is_multiple_of(2) { 3 } else { -3 };
        let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, _| 0).unwrap();
        let ensemble = IntegerEnsemble::new(vec![network]).unwrap();
        let any = WeightNorms::for_any_pixels(&ensemble);
        let moments = |norms: &WeightNorms| norms.logits.iter().map(|logit| logit.pixels).collect::<Vec<_>>();
        for pattern in 0..64u32 {
            let pixels: Vec<bool> = (0..shape.pixels())
                .map(|pixel| pattern >> (pixel % 3 + 3 * (pixel / 8 % 2)) & 1 == 1)
                .collect();
            let found = moments(&WeightNorms::for_pixels(&ensemble, &pixels));
            for (found, bound) in found.iter().zip(moments(&any)) {
                for (found, bound) in found.iter().zip(bound).skip(1) {
                    // The random vectors of both estimates are the same.
                    assert!(*found <= bound * 1.2, "{pattern}: {found} {bound}");
                }
            }
        }
    }
}
