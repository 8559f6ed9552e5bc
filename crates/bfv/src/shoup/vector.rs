//! Vectors of 64-bit numbers with the operations that the loops need.
//!
//! Products are Shoup's (Harvey 2014, "Faster arithmetic for number-theoretic transforms", section 2): for a constant
//! `w < p` and its quotient `w' = floor(w 2^b / p)`, the number `r = a w - floor(a w' / 2^b) p` is congruent to `a w`
//! and `0 <= r < 2p` for every `a < 2^b`. The portable code has b = 64. AVX512-IFMA multiplies 52 bits, so b = 52 there,
//! and its quotient is the upper 52 bits of the 64: `floor(floor(w 2^64 / p) / 2^12) = floor(w 2^52 / p)`.

/// A vector of numbers. No operation's time depends on the numbers.
pub trait Vector: Copy {
    /// Numbers in a vector.
    const LANES: usize;

    /// The first numbers of `values`, which holds LANES.
    fn load(values: &[u64]) -> Self;

    /// Writes the numbers to `values`, which holds LANES.
    fn store(self, values: &mut [u64]);

    /// A vector of one number in every lane.
    fn splat(value: u64) -> Self;

    /// Sums modulo 2^64.
    fn add(self, other: Self) -> Self;

    /// Differences modulo 2^64.
    fn sub(self, other: Self) -> Self;

    /// The smaller numbers, without sign.
    fn min(self, other: Self) -> Self;

    /// The larger numbers, without sign.
    fn max(self, other: Self) -> Self;

    /// `other` where this number is negative as an `i64`, and zero elsewhere.
    fn where_negative(self, other: Self) -> Self;

    /// Numbers below `2p` that are congruent to `self * factor`. `self` is below 2^52, `factor` below `p`, and
    /// `quotient` is `floor(factor 2^64 / p)`.
    fn multiply(self, factor: Self, quotient: Self, prime: u64) -> Self;

    /// The upper and the lower 64 bits of `self * prime`, for a prime below 2^50.
    fn multiply_wide(self, prime: u64) -> (Self, Self);

    /// True where no number is below `bound`.
    fn none_below(self, bound: Self) -> bool;

    /// Subtracts `bound` from numbers that are not below it: residues of numbers below `2 bound`.
    #[inline(always)]
    fn reduce(self, bound: u64) -> Self {
        self.min(self.sub(Self::splat(bound)))
    }
}

#[expect(clippy::indexing_slicing, reason = "callers pass LANES numbers: one")]
impl Vector for u64 {
    const LANES: usize = 1;

    #[inline(always)]
    fn load(values: &[u64]) -> Self {
        values[0]
    }

    #[inline(always)]
    fn store(self, values: &mut [u64]) {
        values[0] = self;
    }

    #[inline(always)]
    fn splat(value: u64) -> Self {
        value
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Ord::min(self, other)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Ord::max(self, other)
    }

    #[inline(always)]
    fn where_negative(self, other: Self) -> Self {
        ((self as i64) >> 63) as u64 & other
    }

    #[inline(always)]
    fn multiply(self, factor: Self, quotient: Self, prime: u64) -> Self {
        let estimate = ((u128::from(self) * u128::from(quotient)) >> 64) as u64;
        self.wrapping_mul(factor).wrapping_sub(estimate.wrapping_mul(prime))
    }

    #[inline(always)]
    fn multiply_wide(self, prime: u64) -> (Self, Self) {
        let product = u128::from(self) * u128::from(prime);
        ((product >> 64) as u64, product as u64)
    }

    #[inline(always)]
    fn none_below(self, bound: Self) -> bool {
        self >= bound
    }
}

#[cfg(target_arch = "x86_64")]
pub use ifma::Ifma;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod ifma {
    use std::arch::x86_64::*;

    use super::Vector;

    /// Eight numbers of AVX-512.
    ///
    /// Every method executes AVX512-F and AVX512-IFMA instructions: it must be called only where both were detected, from
    /// functions that are compiled for them. The methods are inlined there.
    #[derive(Clone, Copy)]
    pub struct Ifma(__m512i);

    const LOW_52: i64 = (1 << 52) - 1;

    // SAFETY, of all blocks: the processor has the instructions (above). `load` and `store` check the length first.
    impl Vector for Ifma {
        const LANES: usize = 8;

        #[inline(always)]
        fn load(values: &[u64]) -> Self {
            assert!(values.len() == Self::LANES);
            unsafe { Self(_mm512_loadu_si512(values.as_ptr().cast())) }
        }

        #[inline(always)]
        fn store(self, values: &mut [u64]) {
            assert!(values.len() == Self::LANES);
            unsafe { _mm512_storeu_si512(values.as_mut_ptr().cast(), self.0) }
        }

        #[inline(always)]
        fn splat(value: u64) -> Self {
            unsafe { Self(_mm512_set1_epi64(value as i64)) }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { Self(_mm512_add_epi64(self.0, other.0)) }
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            unsafe { Self(_mm512_sub_epi64(self.0, other.0)) }
        }

        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { Self(_mm512_min_epu64(self.0, other.0)) }
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm512_max_epu64(self.0, other.0)) }
        }

        #[inline(always)]
        fn where_negative(self, other: Self) -> Self {
            unsafe { Self(_mm512_and_si512(_mm512_srai_epi64::<63>(self.0), other.0)) }
        }

        #[inline(always)]
        fn multiply(self, factor: Self, quotient: Self, prime: u64) -> Self {
            unsafe {
                let zero = _mm512_setzero_si512();
                let estimate = _mm512_madd52hi_epu64(zero, self.0, _mm512_srli_epi64::<12>(quotient.0));
                // -p modulo 2^52, so that both products are added.
                let negative = _mm512_set1_epi64((1 << 52) - prime as i64);
                let product = _mm512_madd52lo_epu64(zero, self.0, factor.0);
                let difference = _mm512_madd52lo_epu64(product, estimate, negative);
                Self(_mm512_and_si512(difference, _mm512_set1_epi64(LOW_52)))
            }
        }

        #[inline(always)]
        fn multiply_wide(self, prime: u64) -> (Self, Self) {
            unsafe {
                // For x = 2^52 x1 + x0 and x0 p = 2^52 h + l, the product is 2^52 (x1 p + h) + l. The sum in brackets is below 2^62.
                let (zero, p) = (_mm512_setzero_si512(), _mm512_set1_epi64(prime as i64));
                let upper = _mm512_srli_epi64::<52>(self.0);
                let low = _mm512_madd52lo_epu64(zero, self.0, p);
                let sum = _mm512_madd52lo_epu64(_mm512_madd52hi_epu64(zero, self.0, p), upper, p);
                let carried = _mm512_slli_epi64::<52>(_mm512_madd52hi_epu64(zero, upper, p));
                let sum = _mm512_add_epi64(sum, carried);
                (Self(_mm512_srli_epi64::<12>(sum)), Self(_mm512_or_si512(_mm512_slli_epi64::<52>(sum), low)))
            }
        }

        #[inline(always)]
        fn none_below(self, bound: Self) -> bool {
            unsafe { _mm512_cmplt_epu64_mask(self.0, bound.0) == 0 }
        }
    }
}
