//! Loops over residues, compiled for AVX512-IFMA and for any processor.
//!
//! Primes are below 2^50. Residues are fully reduced (below the prime) on entry and on return. Slices have equal lengths, which
//! are multiples of eight. Except for [`uniform`], no loop's time depends on the values that it computes with.

#![allow(clippy::too_many_arguments)]

use super::factor::{Factor, Factors, MessageTerm};
use super::loops;
use crate::kernel::Kernel;

/// Defines functions that run a loop compiled for a kernel's instruction set.
macro_rules! compiled_loops {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        $($(#[$doc])*
        #[inline]
        #[allow(unsafe_code)]
        pub fn $name(kernel: Kernel, $($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            if kernel.is_avx512() {
                // SAFETY: there are such kernels only on processors with both features.
                return unsafe { ifma::$name($($argument),*) };
            }
            loops::$name::<u64>($($argument),*)
        })*

        #[cfg(target_arch = "x86_64")]
        mod ifma {
            use super::{Factor, Factors, MessageTerm, loops};
            use crate::shoup::vector::Ifma;

            $(#[target_feature(enable = "avx512f,avx512ifma")]
            pub fn $name($($argument: $type),*) $(-> $result)? {
                loops::$name::<Ifma>($($argument),*)
            })*
        }
    };
}

compiled_loops! {
    /// The residues of `small`, numbers between `-prime` and `prime`.
    fn residues(small: &[i64], prime: u64, output: &mut [u64]);

    /// `values * factor`.
    fn multiply_by_constant(values: &mut [u64], factor: Factor, prime: u64);

    /// `message + small`, with small numbers between `-prime` and `prime`.
    fn add_message(message: MessageTerm<'_>, small: &[i64], prime: u64, output: &mut [u64]);

    /// `values * factors`.
    fn multiply(values: &[u64], factors: &Factors, prime: u64, output: &mut [u64]);

    /// `sums + values * factors`.
    fn add_products(sums: &mut [u64], values: &[u64], factors: &Factors, prime: u64);

    /// `sums - values * factors`.
    fn subtract_products(sums: &mut [u64], values: &[u64], factors: &Factors, prime: u64);

    /// `values * factor + message + small + half`, for a polynomial modulo the prime that is dropped. Switching the modulus down
    /// subtracts this less `half`. Small numbers lie between `-prime` and `prime`, `half` is below `prime`.
    fn rounding(
        values: &mut [u64],
        factor: Factor,
        message: Option<MessageTerm<'_>>,
        small: &[i64],
        half: u64,
        prime: u64,
    );

    /// `(small + offset - rounding) * factor + message`. Rounding is below 2^50, and the offset below 2^51 and so large
    /// that the difference is not negative.
    fn switched(
        rounding: &[u64],
        small: &[i64],
        offset: u64,
        factor: Factor,
        message: Option<MessageTerm<'_>>,
        prime: u64,
        output: &mut [u64],
    );

    /// `values * factor - message`.
    fn subtract_message(values: &mut [u64], factor: Factor, message: MessageTerm<'_>, prime: u64);

    /// The largest absolute value of centred residues: numbers between `-prime / 2` and `prime / 2`.
    fn largest_centred(values: &[u64], prime: u64) -> u64;

    /// Makes uniform residues from uniform 64-bit words until `words` or `output` ends: `floor(w p / 2^64)` of each word w, except
    /// those for which `w p mod 2^64` is below `2^64 mod p`. Returns the numbers of words that were read and of residues that
    /// were written. The lengths may be any. The time depends on the words.
    fn uniform(words: &[u64], prime: u64, output: &mut [u64]) -> (usize, usize);
}
