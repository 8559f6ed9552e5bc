//! Number-theoretic transforms that are checked before they are used.

use std::sync::Arc;

use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Context, Poly, Representation};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tfhe_ntt::prime64::Plan;

use crate::modular::{inverse, product};

/// The number of a product's coefficients that are checked. A wrong plan is wrong in nearly all coefficients.
const CHECKED_COEFFICIENTS: usize = 16;

/// The negacyclic transform of N coefficients modulo one prime. The values are in bit-reversed order, which is the order of `fhe`'s
/// transform.
///
/// `tfhe-ntt` 0.7.1 makes plans that are silently wrong for many primes between 2^52 / 3 and 2^51 on processors with
/// AVX512-IFMA. So a plan is accepted only after it has multiplied two random polynomials correctly.
#[derive(Debug, Clone)]
pub struct Transform {
    plan: Plan,
    inverse_degree: u64,
}

/// A transform that is not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// The modulus is not a prime congruent to 1 modulo 2N, or N is not a power of two from 16.
    #[error("there is no number-theoretic transform of {degree} coefficients modulo {prime}")]
    Missing {
        /// N.
        degree: usize,
        /// The modulus.
        prime: u64,
    },
    /// The transform multiplies wrongly.
    #[error(
        "the number-theoretic transform of {degree} coefficients modulo {prime} is wrong on this processor; use primes of another size"
    )]
    Wrong {
        /// N.
        degree: usize,
        /// The modulus.
        prime: u64,
    },
    /// The values are in another order than in `fhe`.
    #[error(
        "the number-theoretic transform of {degree} coefficients modulo {prime} differs from the encryption library's"
    )]
    Order {
        /// N.
        degree: usize,
        /// The modulus.
        prime: u64,
    },
}

impl Transform {
    /// The transform of `degree` coefficients modulo `prime`.
    ///
    /// # Errors
    /// If there is no such transform, or it is wrong on this processor.
    pub fn new(degree: usize, prime: u64) -> Result<Self, TransformError> {
        let plan = Plan::try_new(degree, prime).ok_or(TransformError::Missing { degree, prime })?;
        let transform = Self { plan, inverse_degree: inverse(degree as u64 % prime, prime) };
        if !transform.multiplies_correctly() {
            return Err(TransformError::Wrong { degree, prime });
        }
        Ok(transform)
    }

    /// The transforms modulo the primes of a context of `fhe`.
    ///
    /// # Errors
    /// As [`new`](Self::new), or if a transform orders its values in another way than `fhe`.
    pub fn of_context(context: &Arc<Context>, degree: usize) -> Result<Vec<Self>, TransformError> {
        let primes = context.moduli();
        let transforms: Vec<Self> =
            primes.iter().map(|&prime| Self::new(degree, prime)).collect::<Result<_, _>>()?;
        // The values of X are the roots in their order.
        let mut x = vec![0u64; degree * primes.len()];
        x.iter_mut().skip(1).step_by(degree).for_each(|coefficient| *coefficient = 1);
        let order = |prime| TransformError::Order { prime, degree };
        let theirs = Poly::try_convert_from(x.clone(), context, true, Representation::PowerBasis);
        let mut theirs = theirs.map_err(|_| order(context.moduli().first().copied().unwrap_or_default()))?;
        theirs.change_representation(Representation::Ntt);
        for ((ours, theirs), transform) in
            x.chunks_exact_mut(degree).zip(theirs.coefficients().outer_iter()).zip(&transforms)
        {
            transform.forward(ours);
            if !ours.iter().eq(theirs.iter()) {
                return Err(order(transform.prime()));
            }
        }
        Ok(transforms)
    }

    /// Transforms coefficients to values, both below the prime.
    ///
    /// # Panics
    /// If there are not N.
    pub fn forward(&self, polynomial: &mut [u64]) {
        self.plan.fwd(polynomial);
    }

    /// Transforms values to N times the coefficients ([`inverse_degree`](Self::inverse_degree)), both below the prime.
    ///
    /// # Panics
    /// If there are not N.
    pub fn inverse(&self, values: &mut [u64]) {
        self.plan.inv(values);
    }

    /// The prime.
    #[must_use]
    pub fn prime(&self) -> u64 {
        self.plan.modulus()
    }

    /// The number N of coefficients.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.plan.ntt_size()
    }

    /// 1 / N modulo the prime.
    #[must_use]
    pub fn inverse_degree(&self) -> u64 {
        self.inverse_degree
    }

    /// Returns whether the plan multiplies two dense random polynomials correctly.
    fn multiplies_correctly(&self) -> bool {
        let (prime, degree) = (self.prime(), self.degree());
        // The polynomials are the same every time: the result for a prime must not change.
        let mut rng = ChaCha8Rng::seed_from_u64(prime);
        let mut random = || -> Vec<u64> { (0..degree).map(|_| rng.random_range(0..prime)).collect() };
        let (a, b) = (random(), random());
        let (mut values, mut other) = (a.clone(), b.clone());
        self.forward(&mut values);
        self.forward(&mut other);
        for (value, other) in values.iter_mut().zip(&other) {
            if *value >= prime || *other >= prime {
                return false;
            }
            *value = product(*value, *other, prime);
        }
        self.inverse(&mut values);
        (0..CHECKED_COEFFICIENTS).all(|_| {
            let at = rng.random_range(0..degree);
            values.get(at).is_some_and(|&value| {
                let found = product(value, self.inverse_degree, prime);
                value < prime && found == coefficient(&a, &b, at, prime)
            })
        })
    }
}

/// One coefficient of a product modulo X^N + 1, by its definition.
fn coefficient(a: &[u64], b: &[u64], at: usize, prime: u64) -> u64 {
    let modulus = u128::from(prime);
    // N <= 2^20 products are below 2^104 each for the primes in use. Sums for larger primes are reduced in time.
    let sum = |a: &[u64], b: &[u64]| {
        a.iter().zip(b.iter().rev()).fold(0u128, |sum, (&a, &b)| {
            let sum = sum + u128::from(a) * u128::from(b);
            if sum >> 127 == 1 { sum % modulus } else { sum }
        }) % modulus
    };
    // X^i X^j is X^(i + j), or -X^(i + j - N) from N upwards.
    let ((a_low, a_high), (b_low, b_high)) = (a.split_at(at + 1), b.split_at(at + 1));
    let (direct, wrapped) = (sum(a_low, b_low), sum(a_high, b_high));
    ((direct + modulus - wrapped) % modulus) as u64
}

#[cfg(test)]
mod tests {
    use fhe_math::zq::primes::generate_prime;

    use super::*;

    const DEGREE: usize = 1024;

    /// A 51-bit prime for which `tfhe-ntt` 0.7.1 is wrong with AVX512-IFMA.
    fn suspect_prime() -> u64 {
        let mut bound = (1u64 << 51) / 100 * 88;
        loop {
            bound = generate_prime(51, 2 * DEGREE as u64, bound).unwrap();
            // Its plans have no 52-bit constants, but are run by the 52-bit code.
            if !Plan::try_new(DEGREE, bound).unwrap().use_ifma() {
                return bound;
            }
        }
    }

    #[test]
    fn a_wrong_plan_is_refused() {
        let ifma = Plan::try_new(DEGREE, generate_prime(50, 2 * DEGREE as u64, 1 << 50).unwrap());
        let prime = suspect_prime();
        let made = Transform::new(DEGREE, prime);
        if ifma.unwrap().use_ifma() {
            assert_eq!(made.unwrap_err(), TransformError::Wrong { prime, degree: DEGREE });
        } else {
            // Without these instructions the plan is right, and `new` has multiplied with it.
            assert!(made.is_ok());
        }
    }

    #[test]
    fn a_modulus_without_roots_is_refused() {
        for (modulus, degree) in [(97, 64), (1 << 20, 64), (12_289, 8), (12_289, 1 << 14)] {
            let error = Transform::new(degree, modulus).unwrap_err();
            assert_eq!(error, TransformError::Missing { prime: modulus, degree });
        }
    }

    #[test]
    fn transforms_of_every_size_agree_with_fhe() {
        for degree in [16, 64, 4096, 8192, 16_384] {
            let step = 2 * degree as u64;
            for bits in [17, 24, 31, 32, 33, 40, 48, 49, 50] {
                let Some(prime) = generate_prime(bits, step, 1 << bits) else { continue };
                let context = Context::new_arc(&[prime], degree).unwrap();
                let transform = Transform::of_context(&context, degree).unwrap().remove(0);
                let mut rng = ChaCha8Rng::seed_from_u64(bits as u64);
                let polynomial: Vec<u64> = (0..degree).map(|_| rng.random_range(0..prime)).collect();
                let mut theirs =
                    Poly::try_convert_from(polynomial.clone(), &context, true, Representation::PowerBasis)
                        .unwrap();
                theirs.change_representation(Representation::Ntt);
                let mut ours = polynomial.clone();
                transform.forward(&mut ours);
                assert!(ours.iter().eq(theirs.coefficients().iter()));
                transform.inverse(&mut ours);
                for (ours, coefficient) in ours.iter().zip(&polynomial) {
                    assert_eq!(product(*ours, transform.inverse_degree(), prime), *coefficient);
                }
            }
        }
    }
}
