//! Arithmetic modulo a prime below 2^53, in a form that compilers turn into vector code.
//!
//! There is no 64-bit high multiplication in vector instruction sets, so quotients are estimated in floating
//! point: for `a, b < 2^53` and `a * b / m < 2^53`, the estimate of `a * b / m` is off by less than 5 (three
//! roundings of relative size 2^-53, and the truncation), so the remainder, computed exactly modulo 2^64, is
//! within 5 m of zero; for quotients up to 2^58 it is off by less than 100.

/// 1.5 * 2^52: numbers up to 2^51 added to it have no fraction.
const NEAREST: f64 = 6_755_399_441_055_744.0;

/// A modulus below 2^53 and its inverse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Modulus {
    /// The modulus.
    pub value: u64,
    inverse: f64,
    /// floor(2^(63 + bits) / m), below 2^64.
    reciprocal: u64,
    /// Bits of the modulus, less one.
    shift: u32,
}

impl Modulus {
    /// Bits of the largest modulus.
    pub const MOST_BITS: u32 = 53;

    /// # Panics
    /// In debug builds, for a modulus of 0 or 2^53 and above.
    pub fn new(value: u64) -> Self {
        debug_assert!(value > 0 && value < 1 << Self::MOST_BITS);
        let shift = value.ilog2();
        let reciprocal = ((1u128 << (64 + shift)) / u128::from(value)).min(u128::from(u64::MAX)) as u64;
        Self { value, inverse: 1.0 / value as f64, reciprocal, shift }
    }

    /// The residue of `a`, for `|a| / m < 2^60`, by products of 128 bits (Barrett 1986): faster than floating point where
    /// there are no vector instructions for 64-bit products and conversions.
    #[inline(always)]
    pub fn reduce_wide(self, a: i128) -> u64 {
        // Now from 0 to 2^61 m.
        let a = (a + (i128::from(self.value) << 60)) as u128;
        let high = (((a >> 64) as u64) << (64 - self.shift)) | ((a as u64) >> self.shift);
        let quotient = ((u128::from(high) * u128::from(self.reciprocal)) >> 64) as u64;
        // The quotient is too small by less than 3.
        let rest = (a as u64).wrapping_sub(quotient.wrapping_mul(self.value));
        let rest = rest.min(rest.wrapping_sub(self.value));
        rest.min(rest.wrapping_sub(self.value))
    }

    /// A number congruent to `a * b`. Needs `a, b <= 2^53` and `a b / m < 2^58` in absolute value. It is within
    /// `100 m` of zero, within `5 m` if one of the factors is below m.
    #[inline(always)]
    pub fn product(self, a: i64, b: i64) -> i64 {
        let quotient = truncate(a as f64 * b as f64 * self.inverse);
        a.wrapping_mul(b).wrapping_sub(quotient.wrapping_mul(self.value as i64))
    }

    /// The residue of `a` in `0..m`. Needs `|a| < 2^62` and `|a| / m < 2^50`: then the nearest integer to the quotient's
    /// estimate is off by less than one from the quotient.
    #[inline(always)]
    pub fn reduce(self, a: i64) -> u64 {
        let m = self.value as i64;
        let quotient = a as f64 * self.inverse;
        // Adding so much leaves no place for a fraction: the sum is rounded to the nearest integer.
        let rest = a - truncate(quotient + NEAREST - NEAREST) * m;
        // In -m..m.
        (rest + (m & (rest >> 63))) as u64
    }

    /// `a / m`, for the size of things.
    #[inline(always)]
    pub fn fraction(self, a: u64) -> f64 {
        (a as i64) as f64 * self.inverse
    }

    /// The residue of `a * b`, under the conditions of [`product`](Self::product).
    #[inline(always)]
    pub fn multiply(self, a: u64, b: u64) -> u64 {
        self.reduce(self.product(a as i64, b as i64))
    }
}

/// The integer part of a number below 2^62 in absolute value.
///
/// The cast that is defined for every number costs half the engine's time, and this is the innermost operation of
/// all; so the module's own callers answer for the range, and nothing outside the engine can call them.
#[inline(always)]
#[allow(unsafe_code)]
pub fn truncate(x: f64) -> i64 {
    debug_assert!(x.abs() < 2f64.powi(62));
    // SAFETY: `product` has quotients below 2^58, `combine` sums of 21 quotients below 2^53, `reduce` quotients of numbers
    // below 2^62, and roundings of a scaling are below 2^53: all finite and below 2^62.
    unsafe { x.to_int_unchecked() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Primes of all sizes that are used, and the largest odd numbers below their limits.
    const MODULI: [u64; 8] = [
        65_537,
        (1 << 36) - 5,
        // The engine's first, fourth and seventh evaluation prime: inverses are rounded up and down.
        281_474_976_694_273,
        281_474_975_842_305,
        281_474_975_285_249,
        (1 << 48) - 59,
        9_007_199_254_429_697 >> 1,
        (1 << 53) - 111,
    ];

    proptest! {
        #[test]
        fn products_are_exact(a in 0..1u64 << 53, b in 0..1u64 << 53, index in 0..MODULI.len()) {
            let modulus = Modulus::new(MODULI[index]);
            let b = b % modulus.value;
            let exact = (u128::from(a) * u128::from(b) % u128::from(modulus.value)) as u64;
            prop_assert_eq!(modulus.multiply(a, b), exact);
            prop_assert!(modulus.product(a as i64, b as i64).unsigned_abs() < 5 * modulus.value);
        }

        #[test]
        fn products_of_large_factors_are_exact(a in -(1i64 << 53)..=1 << 53, b in -(1i64 << 53)..=1 << 53, index in 5..MODULI.len()) {
            let modulus = Modulus::new(MODULI[index]);
            let product = modulus.product(a, b);
            let m = i128::from(modulus.value);
            prop_assert_eq!((i128::from(a) * i128::from(b) - i128::from(product)).rem_euclid(m), 0);
            prop_assert!(i128::from(product).abs() < 100 * m);
        }

        #[test]
        fn wide_residues_are_exact(high in -(1i64 << 60)..1 << 60, low in any::<u64>(), index in 0..MODULI.len()) {
            let modulus = Modulus::new(MODULI[index]);
            let m = i128::from(modulus.value);
            let a = (i128::from(high) * m + i128::from(low) % m).clamp(-(m << 60), (m << 60) - 1);
            prop_assert_eq!(i128::from(modulus.reduce_wide(a)), a.rem_euclid(m));
        }

        #[test]
        fn residues_are_exact(a in -(1i64 << 62)..1i64 << 62, index in 1..MODULI.len()) {
            let modulus = Modulus::new(MODULI[index]);
            prop_assert_eq!(modulus.reduce(a), a.rem_euclid(modulus.value as i64) as u64);
        }
    }

    #[test]
    fn multiples_of_the_modulus_reduce_to_zero() {
        for m in MODULI {
            let modulus = Modulus::new(m);
            for factor in -8191..8192i64 {
                let Some(multiple) = factor.checked_mul(m as i64).filter(|a| a.abs() < 1 << 61) else {
                    continue;
                };
                for near in [-100, -2, -1, 0, 1, 2, 100] {
                    let expected = (multiple + near).rem_euclid(m as i64) as u64;
                    assert_eq!(modulus.reduce(multiple + near), expected, "{factor} * {m} + {near}");
                }
            }
        }
    }
}
