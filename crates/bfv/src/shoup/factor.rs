//! Constants with precomputed quotients, for products modulo a prime.

use zeroize::Zeroizing;

/// A residue with its quotient, which makes products with the residue cheap (Shoup).
#[derive(Debug, Clone, Copy)]
pub struct Factor {
    /// The residue w, below the prime p.
    pub value: u64,
    /// floor(w 2^64 / p).
    pub quotient: u64,
}

impl Factor {
    /// The factor of a residue below `prime`.
    pub fn new(value: u64, prime: u64) -> Self {
        debug_assert!(value < prime);
        // Below 2^64, because the value is below the prime.
        Self { value, quotient: ((u128::from(value) << 64) / u128::from(prime)) as u64 }
    }

    /// The residue of the product with any number.
    pub fn multiply(self, number: u64, prime: u64) -> u64 {
        let estimate = ((u128::from(number) * u128::from(self.quotient)) >> 64) as u64;
        // Below twice the prime (Shoup).
        let product = number.wrapping_mul(self.value).wrapping_sub(estimate.wrapping_mul(prime));
        product.min(product.wrapping_sub(prime))
    }
}

/// Many residues with their quotients, zeroed when dropped.
pub struct Factors {
    /// The residues.
    pub values: Zeroizing<Vec<u64>>,
    /// floor(w 2^64 / p) of each residue w.
    pub quotients: Zeroizing<Vec<u64>>,
}

impl Factors {
    /// The factors of residues below `prime`. The time does not depend on the residues: there is no division.
    pub fn new(values: Zeroizing<Vec<u64>>, prime: u64) -> Self {
        let bits = 64 - prime.leading_zeros();
        // Below 2^66.
        let reciprocal = (1u128 << (64 + bits)) / u128::from(prime);
        let quotient = |&value: &u64| {
            // The product is below 2^(66 + 50). The truncated reciprocal loses at most w / 2^bits < 1, so the estimate is too small
            // by at most 1.
            let estimate = ((u128::from(value) * reciprocal) >> bits) as u64;
            // w 2^64 - q p is below 2p, so its residue modulo 2^64 is the number itself.
            let rest = estimate.wrapping_mul(prime).wrapping_neg();
            estimate + u64::from(rest >= prime)
        };
        let mut quotients = Zeroizing::new(Vec::with_capacity(values.len()));
        quotients.extend(values.iter().map(quotient));
        Self { values, quotients }
    }
}

/// The term of a message in a polynomial: coefficients below 2^50, times a constant.
#[derive(Clone, Copy)]
pub struct MessageTerm<'a> {
    /// The coefficients.
    pub coefficients: &'a [u64],
    /// The constant.
    pub factor: Factor,
}

impl MessageTerm<'_> {
    /// The term of no message.
    pub const NONE: Self = Self { coefficients: &[], factor: Factor { value: 0, quotient: 0 } };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quotients_without_division_equal_those_by_division(
            prime in 1u64 << 16..1 << 51, values in prop::collection::vec(any::<u64>(), 1..50),
        ) {
            let mut values: Vec<u64> = values.into_iter().map(|value| value % prime).collect();
            values.extend([0, 1, prime - 1]);
            let factors = Factors::new(Zeroizing::new(values), prime);
            for (&value, &quotient) in factors.values.iter().zip(factors.quotients.iter()) {
                prop_assert_eq!(quotient, Factor::new(value, prime).quotient);
            }
        }
    }
}
