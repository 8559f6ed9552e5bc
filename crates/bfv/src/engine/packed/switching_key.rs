//! Switching keys: from a ciphertext under another secret to one under the client's.
//!
//! The digits of a polynomial are its centred residues modulo each of its primes. The sum of the digits times their keys is a ciphertext of P
//! times the polynomial times the other secret, modulo the ciphertext primes and P. It is divided by P and rounded. This is `fhe`'s own arithmetic for keys
//! with more primes than the ciphertext, with centred digits.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::ring::PackedRing;
use crate::engine::buffer_pool::PooledBuffer;
use crate::engine::error::EngineError;
use crate::engine::kernels::dispatch;
use crate::engine::ring::Ring;
use crate::evaluation_key::{PackedKeyResidues, SwitchingKeyResidues};
use crate::parameters::packed_chain::{PackedChain, Rotation};
use crate::seed::expansion::{Seed, expanded};

/// A client's keys in the engine's form.
pub struct SwitchingKeys {
    pub relinearisation: SwitchingKey,
    rotations: Vec<RotationKey>,
}

/// The key of one rotation.
pub struct RotationKey {
    steps: usize,
    pub key: SwitchingKey,
    /// The permutation of the evaluation points ([`PackedRing::permutation`]).
    pub permutation: Vec<u32>,
}

/// A key for the digits of polynomials at as many primes as it has digits, or fewer.
pub struct SwitchingKey {
    /// By digit, both polynomials: extended, in Montgomery form.
    digits: Vec<[Vec<u64>; 2]>,
}

/// The digits of a polynomial at k primes: k extended polynomials, one after the other.
pub struct Digits<'a> {
    values: PooledBuffer<'a>,
    primes: usize,
}

impl SwitchingKeys {
    /// The keys of a chain.
    ///
    /// # Errors
    /// If there are not as many keys as rotations in the chain.
    pub fn new(
        ring: &PackedRing,
        chain: &PackedChain,
        keys: &PackedKeyResidues,
    ) -> Result<Self, EngineError> {
        if keys.rotations.len() != chain.rotations.len() {
            return Err(EngineError::OtherParameters);
        }
        let degree = ring.ring().degree;
        let rotation = |(rotation, residues): (&Rotation, &SwitchingKeyResidues)| {
            let permutation = ring.permutation(rotation.exponent(degree));
            let mut key = SwitchingKey::new(ring, residues)?;
            key.permute_back(&permutation, degree);
            Ok(RotationKey { steps: rotation.steps, key, permutation })
        };
        let pairs = chain.rotations.par_iter().zip(&keys.rotations);
        Ok(Self {
            relinearisation: SwitchingKey::new(ring, &keys.relinearisation)?,
            rotations: pairs.map(rotation).collect::<Result<_, EngineError>>()?,
        })
    }

    /// The key of a rotation. A model asks only for rotations of its parameters' chain.
    pub fn rotation(&self, steps: usize) -> Option<&RotationKey> {
        self.rotations.iter().find(|key| key.steps == steps)
    }
}

impl SwitchingKey {
    fn new(ring: &PackedRing, key: &SwitchingKeyResidues) -> Result<Self, EngineError> {
        let Ring { kernel, moduli, degree, .. } = ring.ring();
        let primes = key.digits.len();
        // The key's seed gives a seed for every digit, as in `fhe`.
        let mut seeds = ChaCha8Rng::from_seed(key.seed);
        let digit = |first: &Vec<u64>| {
            let mut seed = Seed::default();
            seeds.fill_bytes(&mut seed);
            let all = expanded(kernel, &seed, ring.primes(), degree);
            let rows = all.chunks_exact(degree).enumerate();
            let second = rows.filter(|(prime, _)| *prime < primes || *prime == ring.special());
            let mut polynomials = [first.clone(), second.flat_map(|(_, row)| row).copied().collect()];
            for polynomial in &mut polynomials {
                for (row, values) in polynomial.chunks_exact_mut(degree).enumerate() {
                    let modulus = moduli.get(if row == primes { ring.special() } else { row });
                    let modulus = *modulus.ok_or(EngineError::OtherParameters)?;
                    // A Montgomery product with R in Montgomery form leaves the factor R.
                    let radix = modulus.shifted(1, dispatch::radix_bits(kernel));
                    let radix = dispatch::montgomery_constant(kernel, radix, modulus);
                    dispatch::multiply_by_constant(kernel, values, radix, modulus);
                }
            }
            Ok(polynomials)
        };
        Ok(Self { digits: key.digits.iter().map(digit).collect::<Result<_, EngineError>>()? })
    }

    /// Applies the inverse of a rotation to the key. The product of digits with this key, rotated, is the product of the rotated digits with
    /// the key as it was: digits that several rotations share need not be rotated.
    fn permute_back(&mut self, permutation: &[u32], degree: usize) {
        for polynomial in self.digits.iter_mut().flatten() {
            for values in polynomial.chunks_exact_mut(degree) {
                let before = values.to_vec();
                for (&place, value) in permutation.iter().zip(before) {
                    if let Some(after) = values.get_mut(place as usize) {
                        *after = value;
                    }
                }
            }
        }
    }

    /// The sums of digits times the key's two polynomials: extended polynomials.
    #[expect(
        clippy::indexing_slicing,
        reason = "a key has at least as many digits and primes as the polynomial"
    )]
    pub fn times<'a>(&self, ring: &'a PackedRing, digits: &Digits<'_>) -> [PooledBuffer<'a>; 2] {
        let Ring { kernel, moduli, degree, pool, .. } = ring.ring();
        let primes = digits.primes;
        let length = (primes + 1) * degree;
        [0, 1].map(|part| {
            let mut sum = pool.take(length);
            for (row, sum) in sum.chunks_exact_mut(degree).enumerate() {
                // The special prime's residues are the last of a digit's and the last of the key's.
                let (modulus, key_row) = match row == primes {
                    true => (moduli[ring.special()], self.digits.len()),
                    false => (moduli[row], row),
                };
                let terms: Vec<(&[u64], &[u64])> = digits
                    .values
                    .chunks_exact(length)
                    .zip(&self.digits)
                    .map(|(values, key)| {
                        let key = &key[part][key_row * degree..(key_row + 1) * degree];
                        (&values[row * degree..(row + 1) * degree], key)
                    })
                    .collect();
                dispatch::inner_product(kernel, &terms, 0, modulus, sum);
            }
            sum
        })
    }
}

impl<'a> Digits<'a> {
    /// The digits of a polynomial at `primes` primes.
    #[expect(clippy::indexing_slicing, reason = "buffers hold `degree` residues for each of the primes")]
    pub fn new(ring: &'a PackedRing, polynomial: &[u64], primes: usize) -> Self {
        let Ring { kernel, moduli, transforms, pool, degree } = ring.ring();
        let length = (primes + 1) * degree;
        let mut values = pool.take(primes * length);
        let mut coefficients = pool.take(degree);
        for (prime, digit) in values.chunks_exact_mut(length).enumerate() {
            let own = &polynomial[prime * degree..(prime + 1) * degree];
            coefficients.copy_from_slice(own);
            transforms[prime].inverse(&mut coefficients);
            dispatch::multiply_by_constant(
                kernel,
                &mut coefficients,
                ring.inverse_degree(prime),
                moduli[prime],
            );
            for (row, output) in digit.chunks_exact_mut(degree).enumerate() {
                if row == prime {
                    // The digit's values modulo its own prime are the polynomial's.
                    output.copy_from_slice(own);
                    continue;
                }
                let target = if row == primes { ring.special() } else { row };
                dispatch::centred_residues(kernel, &coefficients, moduli[prime], moduli[target], output);
                transforms[target].forward(output);
            }
        }
        Self { values, primes }
    }
}

/// Divides an extended polynomial by the special prime and rounds: a polynomial at `primes` primes. The residues modulo the special prime are
/// arbitrary afterwards.
#[expect(clippy::indexing_slicing, reason = "an extended polynomial has `degree` residues for each prime")]
pub fn divide_by_special(ring: &PackedRing, extended: &mut [u64], primes: usize) {
    let Ring { kernel, moduli, transforms, pool, degree } = ring.ring();
    let special = ring.special();
    let (rows, last) = extended.split_at_mut(primes * degree);
    transforms[special].inverse(last);
    dispatch::multiply_by_constant(kernel, last, ring.inverse_degree(special), moduli[special]);
    let mut rests = pool.take(degree);
    for (prime, values) in rows.chunks_exact_mut(degree).enumerate() {
        dispatch::centred_residues(kernel, last, moduli[special], moduli[prime], &mut rests);
        transforms[prime].forward(&mut rests);
        dispatch::divide_exactly(kernel, values, &rests, ring.inverse_special(prime), moduli[prime]);
    }
}
