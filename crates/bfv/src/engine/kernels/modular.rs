//! Arithmetic modulo a prime of at most 50 bits, in words and in the ranges that the kernels share.
//!
//! Values come in three ranges, each of which the types and names below keep to:
//!
//! | range | what |
//! | --- | --- |
//! | *residue* | `0..q` |
//! | *lazy* | `0..2q`, below 2^51 |
//! | *sum* | a signed number of at most 2^61 in absolute value ([`SUM_LIMIT`]) |
//!
//! **Barrett reduction** takes a sum to a lazy value. With `K` the least multiple of q from 2^61 on, `x = s + K` lies in
//! `0..2^62 + q`, and `r = x - floor(x m / 2^64) q` with `m = floor(2^64 / q)`. From `m > 2^64 / q - 1` follows
//! `x m / 2^64 > x / q - x / 2^64 > x / q - 1/2`, so the quotient is too small by at most 1 and `r < 2q`. Vectors of 52-bit
//! products compute `floor(floor(x / 2^12) m / 2^52)` instead: the bits that are cut off make less than `2^12 / q` of a
//! quotient, at most 2^-11 for the smallest primes (24 bits), and 1/2 + 2^-11 is still below 1.
//!
//! **Montgomery products** (Montgomery 1985) leave a factor of 1/R, R = 2^64 here and 2^52 in vectors: with
//! `u = a b q^-1 mod R`, `a b - u q` is a multiple of R, and `(a b - u q) / R = floor(a b / R) - floor(u q / R)`, since both
//! have the same remainder. Where `a b < 4 q^2`, this lies in `-q..q`: for R = 2^52, `4 q^2 / R <= q` because of
//! `q <= 2^50`. Factors of R are folded into constants.

/// Bits of the largest modulus.
pub const MOST_MODULUS_BITS: u32 = 50;

/// The largest absolute value of a sum.
pub const SUM_LIMIT: i64 = 1 << 61;

/// A prime modulus and what reductions by it need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modulus {
    /// The prime q.
    pub value: u64,
    /// `q^-1 mod 2^64`, the lowest 52 bits of which are `q^-1 mod 2^52`.
    pub(super) inverse: u64,
    /// `floor(2^64 / q)`.
    pub(super) reciprocal: u64,
    /// The least multiple of q from 2^61 on.
    pub(super) offset: i64,
}

impl Modulus {
    /// An odd modulus from 2^20 to 2^50.
    pub fn new(value: u64) -> Self {
        debug_assert!(value % 2 == 1 && value.ilog2() >= 13 && value < 1 << MOST_MODULUS_BITS);
        // Newton's iteration doubles the number of right bits; q is its own inverse modulo 8.
        let inverse = (0..5)
            .fold(value, |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(value.wrapping_mul(inverse))));
        let reciprocal = ((1u128 << 64) / u128::from(value)) as u64;
        // Below 2^61 + 2^50.
        let offset = ((SUM_LIMIT as u64).div_ceil(value) * value) as i64;
        Self { value, inverse, reciprocal, offset }
    }

    /// The lazy value of a sum.
    #[inline(always)]
    pub fn reduce_lazily(self, sum: i64) -> u64 {
        let x = (sum + self.offset) as u64;
        let quotient = ((u128::from(x) * u128::from(self.reciprocal)) >> 64) as u64;
        x.wrapping_sub(quotient.wrapping_mul(self.value))
    }

    /// The residue of a lazy value.
    #[inline(always)]
    pub fn settle(self, lazy: u64) -> u64 {
        lazy.min(lazy.wrapping_sub(self.value))
    }

    /// The residue of a sum.
    #[inline(always)]
    pub fn reduce(self, sum: i64) -> u64 {
        self.settle(self.reduce_lazily(sum))
    }

    /// `a b / 2^64`, a sum in `-q..max(q, a b / 2^64)`.
    #[inline(always)]
    pub fn montgomery(self, a: u64, b: u64) -> i64 {
        let product = u128::from(a) * u128::from(b);
        let multiple = u128::from((product as u64).wrapping_mul(self.inverse)) * u128::from(self.value);
        (product >> 64) as i64 - (multiple >> 64) as i64
    }

    /// The residue of `a b` by division: for constants.
    pub fn multiply(self, a: u64, b: u64) -> u64 {
        (u128::from(a) * u128::from(b) % u128::from(self.value)) as u64
    }

    /// The residue of `a 2^bits`: for constants.
    pub fn shifted(self, a: u64, bits: u32) -> u64 {
        (u128::from(a % self.value) * ((1u128 << bits) % u128::from(self.value)) % u128::from(self.value))
            as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The smallest and the largest primes of every size in use, and the largest odd number below the limit.
    pub const MODULI: [u64; 6] =
        [8_404_993, 16_580_609, 4_294_828_033, 281_474_976_694_273, 1_125_899_906_826_241, (1 << 50) - 1];

    proptest! {
        #[test]
        fn sums_reduce_to_their_residues(sum in -SUM_LIMIT..=SUM_LIMIT, index in 0..MODULI.len()) {
            let modulus = Modulus::new(MODULI[index]);
            prop_assert!(modulus.reduce_lazily(sum) < 2 * modulus.value);
            prop_assert_eq!(modulus.reduce(sum), sum.rem_euclid(modulus.value as i64) as u64);
        }

        #[test]
        fn montgomery_products_are_exact(a in any::<u64>(), b in any::<u64>(), index in 0..MODULI.len()) {
            let modulus = Modulus::new(MODULI[index]);
            let (a, b) = (a % (2 * modulus.value), b % (2 * modulus.value));
            let product = modulus.montgomery(a, b);
            prop_assert!(product.unsigned_abs() < modulus.value);
            let q = i128::from(modulus.value);
            let exact = (i128::from(a) * i128::from(b)).rem_euclid(q);
            prop_assert_eq!((i128::from(product) << 64).rem_euclid(q), exact);
        }
    }

    #[test]
    fn the_ends_of_the_range_reduce() {
        for value in MODULI {
            let modulus = Modulus::new(value);
            for sum in [-SUM_LIMIT, SUM_LIMIT, 0, -1, value as i64, -(value as i64)] {
                assert_eq!(modulus.reduce(sum), sum.rem_euclid(value as i64) as u64);
            }
        }
    }
}
