//! The noise of the reference, which evaluates BFV ciphertexts as `fhe` does.
//!
//! - `(c0 + c1 s) / Q` is a polynomial `r` of N uniform fractions times coefficients of `s`: variance
//!   `(10 N + 1) / 12`. Multiplied by t / Q, the square of a ciphertext with noise `v` has the noise `2 t r v` (Fan and
//!   Vercauteren 2012; Kim, Polyakov and Zucca 2021), `N` products for each coefficient;
//! - every square is rescaled and relinearised separately (`norms`). `fhe`'s relinearisation has one digit for each ciphertext
//!   prime, and adds as many sums of N products of digits and errors. The digits are not centred: their mean, half a prime,
//!   meets the same errors of the key in every square, so that the sum of a row's weights counts there;
//! - `fhe` rounds a message down. With the secret key that is half a unit on average in every pixel, and the sum of a row's weights
//!   counts as well;
//! - every part of the noise is followed together with its number of factors `s`.

#![expect(clippy::indexing_slicing, reason = "units are numbered through all members")]

use std::collections::BTreeMap;

use super::stage::{StageDeviations, VARIANCE};
use super::variance::Deviation;
use super::weight_norms::{HiddenNorms, WeightNorms, correlated};
use crate::parameters::encryption::Encryption;
use crate::parameters::prime_sizes::PrimeSizes;

pub struct ReferenceNoise {
    fresh: Fresh,
    /// The factor by which a square multiplies the variance.
    growth: f64,
    /// The variance of a relinearisation's noise for digits around their mean, and for their mean.
    digits: (f64, f64),
    /// The variance that rounding the three parts of a square adds.
    rounding: f64,
    /// The largest absolute constant that is encoded.
    largest_constant: f64,
    /// Factors of the key in the logits' noise: each square is a product with `s`, and an upload that was encrypted with the
    /// public key has another.
    power: usize,
}

/// The variance of a fresh encryption's noise, by its factors.
struct Fresh {
    /// The variance of products with the secret.
    secret: f64,
    /// The variance of everything else.
    single: f64,
    /// The square of its mean.
    mean: f64,
}

impl Fresh {
    /// The variance behind `squares` squares, each of which is a product with another factor `s`: the moments of
    /// `|s(x)|^2`.
    fn behind(&self, squares: u32) -> f64 {
        self.single * moment(squares) + self.secret * moment(squares + 1)
    }

    /// The variance that the mean adds behind `squares` squares.
    fn mean_behind(&self, squares: u32) -> f64 {
        self.mean * moment(squares)
    }
}

/// The mean of `|s(x)|^2` to a power, over that power of its mean.
fn moment(power: u32) -> f64 {
    (1..=power).map(f64::from).product()
}

/// The variance of one hidden unit's noise.
#[derive(Debug, Clone, Copy)]
struct Hidden {
    variance: f64,
    /// The variance behind another square.
    grown: f64,
}

impl ReferenceNoise {
    pub fn new(encryption: Encryption, degree: usize, t: u64, primes: &PrimeSizes) -> Self {
        let (n, plaintext) = (degree as f64, t as f64);
        let squares: f64 = primes.upload.iter().map(|&bits| 4f64.powi(bits as i32)).sum();
        let fresh = match encryption {
            Encryption::PublicKey => {
                // Divided by the encryption prime, next to nothing is left of what encryption added.
                let prime = primes.all(t, encryption).last().map_or(0, |&bits| bits as i32);
                let encrypted = 2.0 * n * VARIANCE * VARIANCE * 4f64.powi(-prime);
                Fresh { secret: encrypted + n * VARIANCE / 12.0, single: 1.0 / 12.0, mean: 0.0 }
            }
            Encryption::SecretKey => Fresh { secret: 0.0, single: VARIANCE + 1.0 / 12.0, mean: 0.25 },
        };
        Self {
            fresh,
            growth: 4.0 * plaintext * plaintext * n * (VARIANCE * n + 1.0) / 12.0,
            digits: (n * VARIANCE * squares / 12.0, n * VARIANCE * squares / 4.0),
            // The mean of |s(x)|^4 is twice the square of the mean of |s(x)|^2.
            rounding: (1.0 + VARIANCE * n + 2.0 * (VARIANCE * n).powi(2)) / 12.0,
            largest_constant: plaintext / 2.0,
            power: match encryption {
                Encryption::PublicKey => 3,
                Encryption::SecretKey => 2,
            },
        }
    }

    pub fn stages(&self, norms: &WeightNorms) -> StageDeviations {
        let units: Vec<(HiddenNorms, Hidden)> = norms
            .members
            .iter()
            .flat_map(|member| member.hidden.iter().map(|&norms| (norms, self.hidden(&norms))))
            .collect();
        // Units of all members whose ciphertexts are multiples of each other.
        let mut rays: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (unit, (norms, _)) in units.iter().enumerate().filter(|(_, (norms, _))| norms.reads_pixels()) {
            rays.entry(norms.direction).or_default().push(unit);
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
                self.logit(&units, &weights, rays.values())
            })
            .collect();
        let largest = |variances: &mut dyn Iterator<Item = f64>| variances.fold(0.0, f64::max);
        let hidden = largest(&mut units.iter().map(|(_, hidden)| hidden.variance));
        let hidden = Deviation::of_power(hidden, self.power - 1);
        StageDeviations {
            fresh: Deviation::new([self.fresh.single + self.fresh.mean, self.fresh.secret, 0.0, 0.0, 0.0]),
            products: hidden,
            hidden,
            logits: Deviation::of_power(
                largest(&mut logits.iter().map(|(variance, _)| *variance)),
                self.power,
            ),
            reads_pixels: logits.iter().any(|(_, reads_pixels)| *reads_pixels),
        }
    }

    /// The variance that relinearisation adds to weighted squares. `distinct` is the sum of the squared weights, `sum` their sum.
    fn relinearisation(&self, distinct: f64, sum: f64) -> f64 {
        self.digits.0 * distinct + self.digits.1 * sum.powi(2) + self.rounding * distinct
    }

    fn hidden(&self, norms: &HiddenNorms) -> Hidden {
        if !norms.reads_pixels() {
            let variance = (1.0 + norms.constant_rounding) / 12.0;
            return Hidden { variance, grown: 0.0 };
        }
        let linear = 4.0 * norms.linear * if norms.form == 0.0 { 1.0 } else { 0.0 };
        let relinearisation = self.relinearisation(norms.distinct, norms.sum);
        let part = |behind: u32| {
            let squares = norms.squares * self.fresh.behind(behind)
                + norms.squares_mean * self.fresh.mean_behind(behind);
            self.growth * squares + linear * self.fresh.behind(behind - 1) + relinearisation
        };
        Hidden { variance: part(1), grown: part(2) }
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
            variance += self.growth * grown * correlated(&terms);
            distinct += terms.iter().map(|(_, weight)| weight * weight).sum::<f64>();
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
            variance += self.relinearisation(distinct, sum);
        }
        (variance, reads_pixels)
    }
}
