//! Arithmetic modulo a prime of at most 50 bits, in words and in the ranges that the kernels share.
//!
//! Values have one of three ranges:
//!
//! | name | range | type |
//! | --- | --- | --- |
//! | *residue* | `0..q` | `u64` |
//! | *lazy residue* | `0..2q`, below 2^51 | [`LazyResidue`] |
//! | *sum* | signed, at most 2^61 in absolute value ([`MAX_SUM`]) | `i64` |
//!
//! **Barrett reduction** reduces a sum to a lazy residue. With `K` the least multiple of q from 2^61 on, `x = s + K` lies in
//! `0..2^62 + q`, and `r = x - floor(x m / 2^64) q` with `m = floor(2^64 / q)`. From `m > 2^64 / q - 1` follows
//! `x m / 2^64 > x / q - x / 2^64 > x / q - 1/2`, so the quotient is too small by at most 1 and `r < 2q`. Vectors of 52-bit
//! products compute `floor(floor(x / 2^12) m / 2^52)` instead. The truncated bits change the quotient by less than `2^12 / q`, which
//! is at most 2^-11 for the smallest primes (24 bits), and 1/2 + 2^-11 is still below 1.
//!
//! **Montgomery products** (Montgomery 1985) leave a factor of 1/R, R = 2^64 here and 2^52 in vectors: with
//! `u = a b q^-1 mod R`, `a b - u q` is a multiple of R, and `(a b - u q) / R = floor(a b / R) - floor(u q / R)`, since both
//! have the same remainder. If `a b < 4 q^2`, this lies in `-q..q`: for R = 2^52, `4 q^2 / R <= q` because of
//! `q <= 2^50`. Factors of R are part of constants: a constant in *Montgomery form* is a residue times R
//! ([`MontgomeryConstant`]).

/// The most bits of a modulus.
pub const MAX_MODULUS_BITS: u32 = 50;

/// The largest absolute value of a sum.
pub const MAX_SUM: i64 = 1 << 61;

/// A number in `0..2q` for the modulus q, below 2^51.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LazyResidue(u64);

impl LazyResidue {
    /// The number.
    #[inline(always)]
    pub fn value(self) -> u64 {
        self.0
    }
}

/// A constant in Montgomery form: the residue of a constant times R. R depends on the kernel, so the constant is only for the
/// kernel that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MontgomeryConstant(u64);

impl MontgomeryConstant {
    /// The Montgomery form of `constant` for R = 2^`radix_bits`.
    pub fn new(constant: u64, modulus: Modulus, radix_bits: u32) -> Self {
        Self(modulus.shifted(constant, radix_bits))
    }

    /// The Montgomery form of this constant times a residue.
    pub fn times(self, residue: u64, modulus: Modulus) -> Self {
        Self(modulus.multiply(self.0, residue))
    }

    /// The residue of the constant times R.
    #[inline(always)]
    pub fn value(self) -> u64 {
        self.0
    }
}

/// A prime modulus with the constants of its reductions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modulus {
    /// The prime q.
    pub value: u64,
    /// `q^-1 mod 2^64`, the lowest 52 bits of which are `q^-1 mod 2^52`.
    pub inverse: u64,
    /// `floor(2^64 / q)`.
    pub reciprocal: u64,
    /// The least multiple of q from 2^61 on.
    pub offset: i64,
}

impl Modulus {
    /// An odd modulus from 2^20 to 2^50, with its constants.
    pub fn new(value: u64) -> Self {
        debug_assert!(value % 2 == 1 && value.ilog2() >= 13 && value < 1 << MAX_MODULUS_BITS);
        // Newton's iteration doubles the number of right bits; q is its own inverse modulo 8.
        let inverse = (0..5)
            .fold(value, |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(value.wrapping_mul(inverse))));
        let reciprocal = ((1u128 << 64) / u128::from(value)) as u64;
        // Below 2^61 + 2^50.
        let offset = ((MAX_SUM as u64).div_ceil(value) * value) as i64;
        Self { value, inverse, reciprocal, offset }
    }

    /// Reduces a sum to a lazy residue.
    #[inline(always)]
    pub fn reduce_lazily(self, sum: i64) -> LazyResidue {
        let x = (sum + self.offset) as u64;
        let quotient = ((u128::from(x) * u128::from(self.reciprocal)) >> 64) as u64;
        LazyResidue(x.wrapping_sub(quotient.wrapping_mul(self.value)))
    }

    /// Reduces a lazy residue to a residue.
    #[inline(always)]
    pub fn settle(self, lazy: LazyResidue) -> u64 {
        lazy.0.min(lazy.0.wrapping_sub(self.value))
    }

    /// Reduces a number in `0..3q` to a residue.
    #[inline(always)]
    pub fn settle_twice(self, number: u64) -> u64 {
        self.settle(LazyResidue(self.settle(LazyResidue(number))))
    }

    /// Adds two residues.
    #[inline(always)]
    pub fn add(self, a: u64, b: u64) -> u64 {
        self.settle(LazyResidue(a + b))
    }

    /// Reduces a sum to a residue.
    #[inline(always)]
    pub fn reduce(self, sum: i64) -> u64 {
        self.settle(self.reduce_lazily(sum))
    }

    /// The Montgomery product `a b / 2^64`, a sum in `-q..max(q, a b / 2^64)`.
    #[inline(always)]
    pub fn montgomery(self, a: u64, b: u64) -> i64 {
        let product = u128::from(a) * u128::from(b);
        let multiple = u128::from((product as u64).wrapping_mul(self.inverse)) * u128::from(self.value);
        (product >> 64) as i64 - (multiple >> 64) as i64
    }

    /// The residue of `a b`, by division: for constants.
    pub fn multiply(self, a: u64, b: u64) -> u64 {
        (u128::from(a) * u128::from(b) % u128::from(self.value)) as u64
    }

    /// The residue of `a 2^bits`, by division: for constants.
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
        fn sums_reduce_to_their_residues(sum in -MAX_SUM..=MAX_SUM, index in 0..MODULI.len()) {
            let modulus = Modulus::new(MODULI[index]);
            prop_assert!(modulus.reduce_lazily(sum).value() < 2 * modulus.value);
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
            for sum in [-MAX_SUM, MAX_SUM, 0, -1, value as i64, -(value as i64)] {
                assert_eq!(modulus.reduce(sum), sum.rem_euclid(value as i64) as u64);
            }
        }
    }
}
