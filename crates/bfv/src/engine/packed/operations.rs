//! Rotations, squares and sums of diagonals of packed ciphertexts.

use rayon::prelude::*;

use super::ring::PackedRing;
use super::switching_key::{Digits, RotationKey, SwitchingKey, SwitchingKeys, divide_by_special};
use super::weights::DiagonalWeights;
use crate::engine::buffer_pool::PooledBuffer;
use crate::engine::kernels::dispatch;
use crate::engine::modulus_switching::switch_modulus_down;
use crate::engine::ring::Ring;
use crate::error::BfvError;

/// A ciphertext of two polynomials at `primes` primes, in BFV form. Buffers may have residues modulo more primes behind them, which are
/// arbitrary.
pub struct PackedCiphertext<'a> {
    pub parts: [PooledBuffer<'a>; 2],
    pub primes: usize,
}

impl<'a> PackedCiphertext<'a> {
    /// Adds another ciphertext at the same primes.
    pub fn add(&mut self, ring: &PackedRing, other: &Self) {
        for (sum, part) in self.parts.iter_mut().zip(&other.parts) {
            add_rows(ring, sum, part, self.primes);
        }
    }

    /// Adds a polynomial, at least at the ciphertext's primes, to the message.
    pub fn add_plain(&mut self, ring: &PackedRing, polynomial: &[u64]) {
        let [first, _] = &mut self.parts;
        add_rows(ring, first, polynomial, self.primes);
    }

    /// Switches the modulus down to the first `kept` primes.
    pub fn switch_down(&mut self, ring: &PackedRing, kept: usize) {
        switch_modulus_down(ring.ring(), &mut self.parts, self.primes, kept);
        self.primes = kept;
    }

    /// The ciphertext rotated by the key's columns.
    pub fn rotated(&self, ring: &'a PackedRing, key: &RotationKey) -> Self {
        let [_, second] = &self.parts;
        self.rotated_by_digits(ring, key, &Digits::new(ring, second, self.primes))
    }

    /// The ciphertext rotated by the key's columns, with the digits of its second polynomial.
    fn rotated_by_digits(&self, ring: &'a PackedRing, key: &RotationKey, digits: &Digits<'_>) -> Self {
        let mut switched = key.key.times(ring, digits);
        switched.iter_mut().for_each(|part| divide_by_special(ring, part, self.primes));
        let ([first, _], [own, _]) = (&mut switched, &self.parts);
        add_rows(ring, first, own, self.primes);
        let parts = switched.map(|part| permuted(ring, &part, &key.permutation));
        Self { parts, primes: self.primes }
    }

    /// The sum of the ciphertext and its rotation, for each of `steps` in turn.
    ///
    /// # Errors
    /// If a rotation has no key.
    pub fn fold(
        &mut self,
        ring: &'a PackedRing,
        keys: &SwitchingKeys,
        steps: impl Iterator<Item = usize>,
    ) -> Result<(), BfvError> {
        for steps in steps {
            let rotated = self.rotated(ring, keys.rotation(steps).ok_or(BfvError::Incomplete)?);
            self.add(ring, &rotated);
        }
        Ok(())
    }

    /// The square, multiplied by t and relinearised.
    #[expect(clippy::indexing_slicing, reason = "parts have `degree` residues for each of the primes")]
    pub fn squared(&self, ring: &'a PackedRing, key: &SwitchingKey, t: u64) -> Self {
        let Ring { kernel, moduli, pool, degree, .. } = ring.ring();
        let length = self.primes * degree;
        let mut products = [0; 3].map(|_| pool.take(length));
        let mut scaled = pool.take(degree);
        for (prime, &modulus) in moduli.iter().enumerate().take(self.primes) {
            let range = prime * degree..(prime + 1) * degree;
            let [a, b] = [0, 1].map(|part: usize| &self.parts[part][range.clone()]);
            // A Montgomery product of x t R and y is x y t.
            let factor = |times| {
                let radix = modulus.shifted(times * (t % modulus.value), dispatch::radix_bits(kernel));
                dispatch::montgomery_constant(kernel, radix, modulus)
            };
            let mut multiply = |x: &[u64], y: &[u64], times, output: &mut [u64]| {
                scaled.copy_from_slice(x);
                dispatch::multiply_by_constant(kernel, &mut scaled, factor(times), modulus);
                dispatch::inner_product(kernel, &[(&scaled, y)], 0, modulus, output);
            };
            let [first, second, third] = &mut products;
            multiply(a, a, 1, &mut first[range.clone()]);
            multiply(a, b, 2, &mut second[range.clone()]);
            multiply(b, b, 1, &mut third[range.clone()]);
        }
        let [first, second, third] = products;
        let mut parts = key.times(ring, &Digits::new(ring, &third, self.primes));
        for (part, own) in parts.iter_mut().zip([first, second]) {
            divide_by_special(ring, part, self.primes);
            add_rows(ring, part, &own, self.primes);
        }
        Self { parts, primes: self.primes }
    }

    /// The ciphertext and its rotations by the baby steps of diagonals.
    ///
    /// # Errors
    /// If a rotation has no key.
    pub fn baby_steps(
        self,
        ring: &'a PackedRing,
        keys: &SwitchingKeys,
        steps: impl Iterator<Item = usize>,
    ) -> Result<Vec<Self>, BfvError> {
        let [_, second] = &self.parts;
        let digits = Digits::new(ring, second, self.primes);
        let steps: Vec<usize> = steps.filter(|&steps| steps > 0).collect();
        let rotate = |&steps: &usize| {
            Ok(self.rotated_by_digits(ring, keys.rotation(steps).ok_or(BfvError::Incomplete)?, &digits))
        };
        let mut rotated = steps.par_iter().map(rotate).collect::<Result<Vec<_>, BfvError>>()?;
        drop(digits);
        rotated.insert(0, self);
        Ok(rotated)
    }

    /// The sum over all diagonals of rotated inputs times weights. `rotated` are the baby steps.
    ///
    /// The products of all giant steps are added up before the division by P (Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux 2021, "Efficient
    /// bootstrapping for approximate homomorphic encryption with non-sparse keys", section 4).
    ///
    /// # Errors
    /// If a rotation has no key.
    pub fn diagonal_sum(
        ring: &'a PackedRing,
        keys: &SwitchingKeys,
        rotated: &[Self],
        weights: &DiagonalWeights,
    ) -> Result<Self, BfvError> {
        let primes = rotated.first().ok_or(BfvError::Incomplete)?.primes;
        let giant = |step: &super::weights::GiantStep| -> Result<GiantSum<'a>, BfvError> {
            let sum = weighted_sum(ring, rotated, &step.weights, primes);
            if step.steps == 0 {
                return Ok(GiantSum { own: sum, extended: None });
            }
            let key = keys.rotation(step.steps).ok_or(BfvError::Incomplete)?;
            let [first, second] = sum;
            let extended = key.key.times(ring, &Digits::new(ring, &second, primes));
            let extended = extended.map(|part| permuted(ring, &part, &key.permutation));
            Ok(GiantSum { own: [permuted(ring, &first, &key.permutation), second], extended: Some(extended) })
        };
        let sums = weights.steps.par_iter().map(giant).collect::<Result<Vec<_>, BfvError>>()?;
        let mut sums = sums.into_iter();
        let GiantSum { own: mut parts, .. } = sums.next().ok_or(BfvError::Incomplete)?;
        let mut total: Option<[PooledBuffer<'a>; 2]> = None;
        for GiantSum { own: [own, _], extended } in sums {
            let [first, _] = &mut parts;
            add_rows(ring, first, &own, primes);
            let Some(extended) = extended else { continue };
            match &mut total {
                Some(total) => {
                    for (total, part) in total.iter_mut().zip(&extended) {
                        add_extended(ring, total, part, primes);
                    }
                }
                None => total = Some(extended),
            }
        }
        if let Some(mut total) = total {
            for (part, total) in parts.iter_mut().zip(&mut total) {
                divide_by_special(ring, total, primes);
                add_rows(ring, part, total, primes);
            }
        }
        Ok(Self { parts, primes })
    }

    /// The product with a polynomial of weights.
    pub fn weighted(&self, ring: &'a PackedRing, weights: &[u64]) -> Self {
        let inputs = std::slice::from_ref(self);
        let parts = weighted_sum(ring, inputs, std::slice::from_ref(&weights), self.primes);
        Self { parts, primes: self.primes }
    }
}

/// The products of one giant step.
struct GiantSum<'a> {
    /// Both polynomials of the sum that is not rotated; else the first one rotated, and another one.
    own: [PooledBuffer<'a>; 2],
    /// The rotated product with the key, extended.
    extended: Option<[PooledBuffer<'a>; 2]>,
}

/// The sum of ciphertexts times polynomials of weights in Montgomery form.
#[expect(
    clippy::indexing_slicing,
    reason = "parts and weights have `degree` residues for each of the primes"
)]
fn weighted_sum<'a, W: AsRef<[u64]>>(
    ring: &'a PackedRing,
    inputs: &[PackedCiphertext<'_>],
    weights: &[W],
    primes: usize,
) -> [PooledBuffer<'a>; 2] {
    let Ring { kernel, moduli, pool, degree, .. } = ring.ring();
    [0, 1].map(|part: usize| {
        let mut sum = pool.take(primes * degree);
        for (prime, sum) in sum.chunks_exact_mut(degree).enumerate() {
            let range = prime * degree..(prime + 1) * degree;
            let terms = inputs.iter().zip(weights);
            let terms: Vec<(&[u64], &[u64])> = terms
                .map(|(input, weights)| (&input.parts[part][range.clone()], &weights.as_ref()[range.clone()]))
                .collect();
            dispatch::inner_product(kernel, &terms, 0, moduli[prime], sum);
        }
        sum
    })
}

/// Adds the residues modulo the first primes.
fn add_rows(ring: &PackedRing, sum: &mut [u64], values: &[u64], primes: usize) {
    let Ring { kernel, moduli, degree, .. } = ring.ring();
    let rows = sum.chunks_exact_mut(degree).zip(values.chunks_exact(degree));
    for ((sum, values), &modulus) in rows.zip(moduli).take(primes) {
        dispatch::add(kernel, sum, values, modulus);
    }
}

/// Adds extended polynomials.
#[expect(clippy::indexing_slicing, reason = "extended polynomials have `degree` residues for each prime")]
fn add_extended(ring: &PackedRing, sum: &mut [u64], values: &[u64], primes: usize) {
    let Ring { kernel, moduli, degree, .. } = ring.ring();
    add_rows(ring, sum, values, primes);
    let last = primes * degree..(primes + 1) * degree;
    dispatch::add(kernel, &mut sum[last.clone()], &values[last], moduli[ring.special()]);
}

/// The values of a polynomial in another order of the evaluation points.
fn permuted<'a>(ring: &'a PackedRing, values: &[u64], permutation: &[u32]) -> PooledBuffer<'a> {
    let Ring { pool, degree, .. } = ring.ring();
    let mut output = pool.take(values.len());
    for (output, values) in output.chunks_exact_mut(degree).zip(values.chunks_exact(degree)) {
        for (output, &place) in output.iter_mut().zip(permutation) {
            #[expect(clippy::indexing_slicing, reason = "a permutation has numbers below the degree")]
            {
                *output = values[place as usize];
            }
        }
    }
    output
}
