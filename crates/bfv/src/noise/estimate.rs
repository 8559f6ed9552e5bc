//! The standard deviation of the noise after every part of an evaluation.
//!
//! `fhe` draws secret, errors and the public-key encryption's masks from centred binomial distributions of variance 10.
//! With `s` the secret, N the degree:
//!
//! - a fresh encryption carries `e u + e1 + e2 s` with the public key, `e` with the secret key, and both the rounding of
//!   the message, which `fhe` rounds down. Half a unit on average is little, but the same in every pixel, so that a
//!   row's weights count by their sum there;
//! - `(c0 + c1 s) / Q` is a polynomial `r` of N uniform fractions times coefficients of `s`: variance
//!   `(10 N + 1) / 12`. Scaled by t / Q, the square of a ciphertext with noise `v` has the noise `2 t r v` (Fan and
//!   Vercauteren 2012; Kim, Polyakov and Zucca 2021), `N` products for each coefficient;
//! - in the engine a hidden unit is `sum_j u_j (sum_i w_ji x_i)^2` scaled once, so its noise is
//!   `2 t sum_ik M_ik r_i v_k`. The reference scales and relinearises every square (`norms`);
//! - relinearisation with one digit per ciphertext prime adds k sums of N products of digits and errors. The engine's
//!   digits are centred; those of `fhe`'s relinearisation are not, and their mean, half a prime, meets the same errors of
//!   the key in every square, so that the weights of a row count by their sum there;
//! - products with powers of the one secret are not independent: the k-th moment of `|s(x)|^2` at a root x of
//!   `X^N + 1` is `k!` times the k-th power of its mean. So every part of the noise is followed with the number of
//!   factors `s` that it has.

use std::collections::BTreeMap;

use super::VARIANCE;
use super::norms::{HiddenNorms, Norms, correlated};
use crate::Encryption;

/// Who evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Evaluation {
    /// [`Engine`](crate::Engine).
    Engine,
    /// [`ReferenceEvaluator`](crate::ReferenceEvaluator).
    Reference,
}

/// The expected noise of one evaluation, as binary logarithms of a coefficient's standard deviation. Noise below one
/// rounding (-1.8 bits) is counted as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseEstimate {
    /// In a fresh encryption.
    pub fresh: f64,
    /// In the noisiest hidden unit.
    pub hidden: f64,
    /// In the noisiest class of the members' sum or of a member, with all ciphertext primes.
    pub logits: f64,
    degree: usize,
    reads_pixels: bool,
}

impl NoiseEstimate {
    /// Whether any logit depends on a pixel. The noise of one that does not is a rounding error of encoded biases, no
    /// sum of many terms, and may be far smaller than estimated.
    #[must_use]
    pub fn reads_pixels(&self) -> bool {
        self.reads_pixels
    }

    /// Estimates the noise for plaintext modulus `t` and `primes` ciphertext primes of `prime_bits` bits.
    #[must_use]
    pub fn new(
        norms: &Norms,
        evaluation: Evaluation,
        encryption: Encryption,
        degree: usize,
        t: u64,
        primes: usize,
        prime_bits: usize,
    ) -> Self {
        let model = Model::new(evaluation, encryption, degree, t, primes, prime_bits);
        let units: Vec<(HiddenNorms, Hidden)> = norms
            .members
            .iter()
            .flat_map(|member| member.hidden.iter().map(|&norms| (norms, model.hidden(&norms))))
            .collect();
        // Units of all members whose ciphertexts depend on each other: the reference's where they are multiples, the
        // engine's only where they are equal, since relinearisation at the end makes anything else of another rounding.
        let mut rays: BTreeMap<(u64, u64), Vec<usize>> = BTreeMap::new();
        for (unit, (norms, _)) in units.iter().enumerate().filter(|(_, (norms, _))| norms.reads_pixels()) {
            let multiple = match evaluation {
                Evaluation::Engine => norms.multiple.to_bits(),
                Evaluation::Reference => 0,
            };
            rays.entry((norms.direction, multiple)).or_default().push(unit);
        }
        // Every member's own logits are decrypted as well as their sum, where others' weights may cancel its noise.
        let members = norms.members.len();
        let alone = (0..members).filter(|_| members > 1).map(Some);
        let classes = norms.members.first().map_or(0, |member| member.output.len());
        let logits: Vec<(f64, bool)> = std::iter::once(None)
            .chain(alone)
            .flat_map(|voter| (0..classes).map(move |class| (voter, class)))
            .map(|(voter, class)| {
                let weights: Vec<f64> = norms
                    .members
                    .iter()
                    .enumerate()
                    .flat_map(|(member, norms)| {
                        let counts = voter.is_none_or(|voter| voter == member);
                        norms.output[class].iter().map(move |weight| if counts { *weight } else { 0.0 })
                    })
                    .collect();
                model.logit(&units, &weights, rays.values())
            })
            .collect();
        let largest =
            |variances: &mut dyn Iterator<Item = f64>| deviation_bits(variances.fold(0.0, f64::max));
        Self {
            fresh: deviation_bits(model.fresh.variance()),
            hidden: largest(&mut units.iter().map(|(_, hidden)| hidden.variance)),
            logits: largest(&mut logits.iter().map(|(variance, _)| *variance)),
            degree,
            reads_pixels: logits.iter().any(|(_, reads_pixels)| *reads_pixels),
        }
    }

    /// The standard deviation in bits after the answer was switched to a modulus that is smaller by `dropped_bits`.
    #[must_use]
    pub fn answer(&self, dropped_bits: f64) -> f64 {
        let scaled = 4f64.powf(self.logits - dropped_bits);
        let rounding = if self.reads_pixels { 4f64.powf(switching_bits(self.degree)) } else { 1.0 / 12.0 };
        deviation_bits(if dropped_bits > 0.0 { scaled + rounding } else { scaled })
    }
}

/// Bits of standard deviation that switching a ciphertext to fewer primes adds: c0 and c1 are rounded, and the second
/// rounding is multiplied by the secret, `sqrt((10 N + 1) / 12)`.
#[must_use]
pub fn switching_bits(degree: usize) -> f64 {
    deviation_bits((VARIANCE * degree as f64 + 1.0) / 12.0)
}

/// Bits of standard deviation of a fresh encryption with the public key, with which an answer is made anew.
#[must_use]
pub fn rerandomised_bits(degree: usize) -> f64 {
    deviation_bits(2.0 * degree as f64 * VARIANCE * VARIANCE + VARIANCE + 1.0 / 12.0)
}

fn deviation_bits(variance: f64) -> f64 {
    variance.max(1.0 / 12.0).log2() / 2.0
}

/// The variance of a fresh encryption's noise, by its factors.
struct Fresh {
    /// Of `e u`: the key's error and the mask.
    mask: f64,
    /// Of `e2 s`.
    secret: f64,
    /// Of what has one factor: `e1`, or `e`, and the rounding of the message.
    single: f64,
}

impl Fresh {
    fn variance(&self) -> f64 {
        self.mask + self.secret + self.single
    }

    /// The same behind `squares` squares, each of which is a product with another factor `s`: the moments of
    /// `|s(x)|^2`.
    fn behind(&self, squares: u32) -> f64 {
        (self.mask + self.single) * moment(squares) + self.secret * moment(squares + 1)
    }

    /// What the mean of the message's rounding adds behind `squares` squares: `fhe` rounds down, half a unit on average
    /// in every pixel's every coefficient.
    fn mean_behind(&self, squares: u32) -> f64 {
        0.25 * moment(squares)
    }
}

/// The mean of `|s(x)|^2` to a power, over that power of its mean.
fn moment(power: u32) -> f64 {
    (1..=power).map(f64::from).product()
}

struct Model {
    evaluation: Evaluation,
    fresh: Fresh,
    /// By what a square multiplies the variance.
    growth: f64,
    /// The variance of a relinearisation's noise per unit of its digits' mean square.
    key_noise: f64,
    /// The digits' mean square around their mean, and the square of their mean.
    digits: (f64, f64),
    /// The variance that rounding the three parts of a square adds.
    rounding: f64,
    /// The largest absolute constant that is encoded.
    largest_constant: f64,
}

/// The variance of one hidden unit's noise.
#[derive(Debug, Clone, Copy)]
struct Hidden {
    variance: f64,
    /// The part that grows with the unit's multiple, as it counts behind another square.
    grown: f64,
    /// The rest: the engine's relinearisation and rounding.
    own: f64,
}

impl Model {
    fn new(
        evaluation: Evaluation,
        encryption: Encryption,
        degree: usize,
        t: u64,
        primes: usize,
        prime_bits: usize,
    ) -> Self {
        let (n, t) = (degree as f64, t as f64);
        let product = n * VARIANCE * VARIANCE;
        // The message is rounded down: a mean of a half, and a twelfth around it.
        let single = VARIANCE + 1.0 / 12.0;
        let prime = 4f64.powi(prime_bits as i32);
        Self {
            evaluation,
            fresh: match encryption {
                Encryption::PublicKey => Fresh { mask: product, secret: product, single },
                Encryption::SecretKey => Fresh { mask: 0.0, secret: 0.0, single },
            },
            growth: 4.0 * t * t * n * (VARIANCE * n + 1.0) / 12.0,
            key_noise: primes as f64 * n * VARIANCE,
            digits: (prime / 12.0, if evaluation == Evaluation::Engine { 0.0 } else { prime / 4.0 }),
            // The mean of |s(x)|^4 is twice the square of the mean of |s(x)|^2.
            rounding: (1.0 + VARIANCE * n + 2.0 * (VARIANCE * n).powi(2)) / 12.0,
            largest_constant: t / 2.0,
        }
    }

    fn hidden(&self, norms: &HiddenNorms) -> Hidden {
        if !norms.reads_pixels() {
            let variance = (1.0 + norms.constant_rounding) / 12.0;
            return Hidden { variance, grown: 0.0, own: 0.0 };
        }
        let linear = 4.0 * norms.linear * if norms.form == 0.0 { 1.0 } else { 0.0 };
        let (squares, mean, own) = match self.evaluation {
            Evaluation::Engine => {
                // Nothing is left to relinearise where the squares cancel.
                let own = self.key_noise * self.digits.0 + self.rounding;
                (norms.form, norms.form_mean, if norms.form > 0.0 { own } else { 1.0 / 12.0 })
            }
            Evaluation::Reference => (norms.squares, norms.squares_mean, 0.0),
        };
        let relinearisation = match self.evaluation {
            Evaluation::Engine => 0.0,
            Evaluation::Reference => {
                self.key_noise * (self.digits.0 * norms.distinct + self.digits.1 * norms.sum.powi(2))
                    + self.rounding * norms.distinct
            }
        };
        let part = |behind: u32| {
            self.growth * (squares * self.fresh.behind(behind) + mean * self.fresh.mean_behind(behind))
                + linear * self.fresh.behind(behind - 1)
        };
        Hidden { variance: part(1) + relinearisation + own, grown: part(2) + relinearisation, own }
    }

    /// The variance of a sum of all members' squared units with the given weights, and whether it depends on a pixel.
    fn logit<'a>(
        &self,
        units: &[(HiddenNorms, Hidden)],
        weights: &[f64],
        rays: impl Iterator<Item = &'a Vec<usize>>,
    ) -> (f64, bool) {
        let (mut variance, mut distinct, mut sum) = (0.0, 0.0, 0.0);
        for ray in rays {
            let Some(&first) = ray.first() else { continue };
            let (norms, hidden) = &units[first];
            let grown = hidden.grown / norms.multiple.powi(2);
            // Equal squares are squared once, their weights added.
            let mut terms: Vec<(f64, f64)> = Vec::new();
            for &unit in ray {
                let multiple = units[unit].0.multiple.abs();
                match terms.iter_mut().find(|(other, _)| *other == multiple) {
                    Some((_, weight)) => *weight += weights[unit],
                    None => terms.push((multiple, weights[unit])),
                }
            }
            let squares = terms.iter().map(|(_, weight)| weight * weight).sum::<f64>();
            variance += self.growth * (grown * correlated(&terms) + hidden.own * squares);
            distinct += squares;
            sum += terms.iter().map(|(_, weight)| weight).sum::<f64>();
        }
        // Units that read no pixel are constants with a rounding error.
        for ((norms, hidden), weight) in
            units.iter().zip(weights).filter(|((norms, _), _)| !norms.reads_pixels())
        {
            let constant = norms.constant.abs().min(self.largest_constant);
            variance += (2.0 * weight * constant).powi(2) * hidden.variance;
        }
        let reads_pixels = distinct > 0.0;
        if reads_pixels {
            variance += match self.evaluation {
                Evaluation::Engine => self.key_noise * self.digits.0 + self.rounding,
                Evaluation::Reference => {
                    self.key_noise * (self.digits.0 * distinct + self.digits.1 * sum.powi(2))
                        + self.rounding * distinct
                }
            };
        }
        (variance, reads_pixels)
    }
}
