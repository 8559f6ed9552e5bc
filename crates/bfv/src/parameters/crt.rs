//! Integers by their residues modulo several plaintext moduli.

use super::error::ParametersError;
use super::limits::{MAX_PLAINTEXT_BITS, MAX_RANGE_BITS};
use crate::modular::{bits_of, inverse, is_prime};

/// Joins residues modulo several primes to integers (Chinese remainder theorem).
#[derive(Debug, Clone)]
pub struct Crt {
    /// The product M of the moduli, below 2^120.
    product: u128,
    terms: Vec<Term>,
}

/// The constants of one modulus.
#[derive(Debug, Clone)]
struct Term {
    modulus: u64,
    /// M divided by the modulus.
    cofactor: u128,
    /// The cofactor's inverse.
    inverse: u64,
}

impl Crt {
    /// The constants of different primes, whose product has at most [`MAX_RANGE_BITS`] bits.
    pub fn new(moduli: &[u64]) -> Self {
        let product: u128 = moduli.iter().map(|&modulus| u128::from(modulus)).product();
        let term = |&modulus: &u64| {
            let cofactor = product / u128::from(modulus);
            // Below the modulus.
            let inverse = inverse((cofactor % u128::from(modulus)) as u64, modulus);
            Term { modulus, cofactor, inverse }
        };
        Self { product, terms: moduli.iter().map(term).collect() }
    }

    /// log2 of the product.
    pub fn bits(&self) -> f64 {
        (self.product as f64).log2()
    }

    /// The largest integer that its residues represent, (M - 1) / 2.
    pub fn largest(&self) -> i128 {
        // Below 2^119.
        ((self.product - 1) / 2) as i128
    }

    /// The integer in `-(M - 1) / 2..=(M - 1) / 2` with the given residues.
    pub fn integer(&self, residues: impl Iterator<Item = u64>) -> i128 {
        let sum = self.terms.iter().zip(residues).fold(0, |sum, (term, residue)| {
            let digit = u128::from(residue) * u128::from(term.inverse) % u128::from(term.modulus);
            (sum + digit * term.cofactor) % self.product
        });
        // `fhe` decodes (t - 1) / 2 itself as negative, so residues are centred here.
        if sum > self.product / 2 { sum as i128 - self.product as i128 } else { sum as i128 }
    }
}

/// The `count` smallest primes, each congruent to 1 modulo 2N (so that there are N slots) and at least the `count`-th
/// root of the range, whose product M has `largest <= (M - 1) / 2`.
///
/// # Errors
/// If a modulus, or their product, would have too many bits.
pub fn plaintext_moduli(largest: i128, count: usize, degree: usize) -> Result<Vec<u64>, ParametersError> {
    let step = 2 * degree as u64;
    let range = largest.unsigned_abs().saturating_mul(2).saturating_add(1);
    let bits = 128 - range.leading_zeros();
    let too_large = ParametersError::Range { largest, bits, moduli: count };
    if bits > MAX_RANGE_BITS || bits > MAX_PLAINTEXT_BITS * count as u32 {
        return Err(too_large);
    }
    // The subtracted share covers the rounding of the root. No power of a smaller number reaches the range.
    let root = (range as f64).powf(1.0 / count as f64);
    let least = ((root * (1.0 - 1e-9)) as u64).max(step);
    let mut candidate = (least - 1).next_multiple_of(step) + 1;
    let mut moduli: Vec<u64> = Vec::new();
    loop {
        if bits_of(candidate) > MAX_PLAINTEXT_BITS {
            return Err(too_large);
        }
        if is_prime(candidate, step) {
            moduli.push(candidate);
            if moduli.len() > count {
                moduli.remove(0);
            }
            let product = moduli.iter().try_fold(1u128, |product, &t| product.checked_mul(t.into()));
            if moduli.len() == count && product.is_none_or(|product| product >= range) {
                return match product {
                    Some(product) if 128 - product.leading_zeros() <= MAX_RANGE_BITS => Ok(moduli),
                    _ => Err(too_large),
                };
            }
        }
        candidate += step;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEGREE: usize = 8192;

    #[test]
    fn one_modulus_is_the_least_prime_that_holds_the_logits_and_has_slots() {
        let modulus = |largest| plaintext_moduli(largest, 1, DEGREE).unwrap()[0];
        // 65537 is the first prime congruent to 1 modulo 16384.
        assert_eq!(modulus(0), 65_537);
        assert_eq!(modulus(32_768), 65_537);
        assert_eq!(modulus(32_769), 114_689);
        let t = modulus(1 << 30);
        assert!(t > 1 << 31 && t % 16_384 == 1);
    }

    #[test]
    fn logits_beyond_the_moduli_are_refused() {
        for (largest, count) in [(1 << 60, 1), (1 << 70, 1), (i128::MAX, 8), (1 << 120, 4), (i128::MIN, 3)] {
            let error = plaintext_moduli(largest, count, DEGREE).unwrap_err();
            assert!(matches!(error, ParametersError::Range { .. }), "{error}");
        }
    }

    proptest! {
        #[test]
        fn integers_come_back_from_their_residues(
            bits in 1u32..96, count in 2usize..6, near in -1i128..=1, share in -1.0f64..1.0,
        ) {
            let largest = 1i128 << bits;
            let moduli = plaintext_moduli(largest, count, 4096).unwrap();
            prop_assert!(moduli.windows(2).all(|pair| pair[0] < pair[1]));
            let crt = Crt::new(&moduli);
            prop_assert!(crt.largest() >= largest);
            for value in [largest * near, crt.largest() * near, (largest as f64 * share) as i128] {
                let residues = moduli.iter().map(|&t| value.rem_euclid(t.into()) as u64);
                prop_assert_eq!(crt.integer(residues), value);
            }
        }
    }
}
