//! The inner loops of the engine, chosen once for the processor at hand.
//!
//! Every loop is written once, in portable Rust (`loops`), and compiled several times: as it is, and with the
//! vector instructions that a processor may have. Only the 8-bit matrix product of AVX-512 VNNI is written in
//! intrinsics of its own. All variants give the same residues.

mod dense;
mod loops;
mod modular;
mod rows;
mod sparse;
#[cfg(target_arch = "x86_64")]
mod vnni;

pub use dense::{DenseWeights, Scratch};
pub use loops::{LANES, PLANES};
pub use modular::Modulus;
pub use rows::{Rows, WeightedRows};
pub use sparse::{NORM_LIMIT, SparseRows};

use std::fmt;
use std::str::FromStr;

/// The instruction set that the loops run with. There are only values whose instructions the processor has: they
/// come from [`available`](Self::available) and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(InstructionSet);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InstructionSet {
    /// What every processor of the target has.
    Portable,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with DQ, BW, VL and VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            InstructionSet::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => "avx512",
        })
    }
}

/// A name that no kernel of this processor has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this processor runs {}", available.join(", "))]
pub struct UnknownKernel {
    available: Vec<String>,
}

impl FromStr for Kernel {
    type Err = UnknownKernel;

    fn from_str(name: &str) -> Result<Self, UnknownKernel> {
        let kernels = Self::available();
        let found = kernels.iter().copied().find(|kernel| kernel.to_string() == name);
        found.ok_or_else(|| UnknownKernel { available: kernels.iter().map(Self::to_string).collect() })
    }
}

impl Kernel {
    /// The fastest kernel that this processor can run.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or(Self(InstructionSet::Portable))
    }

    /// All kernels that this processor can run, the fastest last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)]
        let mut kernels = vec![Self(InstructionSet::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") {
                kernels.push(Self(InstructionSet::Avx2));
            }
            if has!("avx512f")
                && has!("avx512dq")
                && has!("avx512bw")
                && has!("avx512vl")
                && has!("avx512vnni")
            {
                kernels.push(Self(InstructionSet::Avx512));
            }
        }
        kernels
    }

    /// How much longer tiles take than with AVX-512 (docs/performance.md).
    pub(crate) fn slowness(self) -> f64 {
        match self.0 {
            InstructionSet::Portable => 3.2,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => 2.6,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => 1.0,
        }
    }

    /// Whether there are AVX-512's products: of vectors of 64-bit integers, and of bytes (VNNI).
    pub(crate) fn is_avx512(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.0 == InstructionSet::Avx512;
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// The products of `a` and `b`, value by value, times 1 or 2. Values are at most 2^53 in absolute value. Where there
    /// are no instructions for vectors of 64-bit products (all but AVX-512), products of 128 bits are faster.
    pub(in crate::engine) fn products(
        self,
        a: &[i64],
        b: &[i64],
        factor: i64,
        modulus: Modulus,
        products: &mut [u64],
    ) {
        if self.is_avx512() {
            self.products_by_vectors(a, b, factor, modulus, products);
        } else {
            loops::products_wide(a, b, factor, modulus, products);
        }
    }
}

/// Defines a method of [`Kernel`] that runs a loop compiled for its instruction set.
macro_rules! compiled_loops {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        impl Kernel {
            $($(#[$doc])*
            #[inline]
            #[allow(unsafe_code, clippy::too_many_arguments)]
            pub(in crate::engine) fn $name(self, $($argument: $type),*) {
                match self.0 {
                    InstructionSet::Portable => loops::$name($($argument),*),
                    // SAFETY: `available` alone makes these, on processors with their features.
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => unsafe { avx2::$name($($argument),*) },
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => unsafe { avx512::$name($($argument),*) },
                }
            })*
        }

        #[cfg(target_arch = "x86_64")]
        mod avx2 {
            #[allow(unused_imports)]
            use super::{Modulus, SparseRows, WeightedRows, loops};

            $(#[target_feature(enable = "avx2")]
            #[allow(clippy::too_many_arguments)]
            pub fn $name($($argument: $type),*) {
                loops::$name($($argument),*);
            })*
        }

        #[cfg(target_arch = "x86_64")]
        mod avx512 {
            #[allow(unused_imports)]
            use super::{Modulus, SparseRows, WeightedRows, loops};

            $(#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
            #[allow(clippy::too_many_arguments)]
            pub fn $name($($argument: $type),*) {
                loops::$name($($argument),*);
            })*
        }
    };
}

compiled_loops! {
    /// `output = sum_i digits_i * factors_i - wraps * wrap` modulo `modulus`; `digits` holds one row of
    /// `output.len()` for each factor, at most 20 rows of digits below 2^53; wraps are at most 20.
    fn combine(
        digits: &[u64],
        wraps: &[u8],
        factors: &[u64],
        wrap: u64,
        modulus: Modulus,
        output: &mut [u64],
    );

    /// [`Kernel::products`] with vectors of floating-point quotients.
    fn products_by_vectors(a: &[i64], b: &[i64], factor: i64, modulus: Modulus, products: &mut [u64]);

    /// Multiplies `digits` by `factor` modulo `modulus`, and adds each result divided by the modulus to
    /// `quotients`.
    fn scale_digits(digits: &mut [u64], factor: u64, modulus: Modulus, quotients: &mut [f64]);

    /// Adds the weighted inputs of every row to its sums; `input` holds LANES residues below 2^48 for each input, `sums`
    /// LANES numbers for each row.
    fn add_rows(rows: &SparseRows, input: &[u64], modulus: Modulus, sums: &mut [i64]);

    /// The same with products; the sum of a row's weights is below [`NORM_LIMIT`] in absolute values.
    fn multiply_rows(rows: &WeightedRows, input: &[u64], sums: &mut [i64]);

    /// Residues instead of numbers below 2^62 in absolute value.
    fn reduce_in_place(values: &mut [i64], modulus: Modulus);

    /// The residues of residues modulo `from` that are taken for numbers from `-from / 2` to `from / 2`.
    fn centred_residues(values: &[u64], from: Modulus, modulus: Modulus, output: &mut [u64]);

    /// Adds numbers congruent to the products of `a` and `b`, residues, to `sums`: each at most five times the modulus.
    fn add_products(sums: &mut [i64], a: &[u64], b: &[u64], modulus: Modulus);

    /// Adds `factor * values`, residues, to the residues `sums`.
    fn add_multiplied(sums: &mut [u64], values: &[u64], factor: u64, modulus: Modulus);

    /// Adds `weight * values` to `sums`, which the caller keeps below 2^62.
    fn add_scaled(sums: &mut [i64], values: &[u64], weight: i64);

    /// Adds `values` to `sums`, which the caller keeps below 2^62.
    fn add_all(sums: &mut [i64], values: &[i64]);

    /// The residues of sums of byte planes: for every row six times LANES sums below 2^31.
    fn join_planes(sums: &[i32], modulus: Modulus, output: &mut [u64]);

    /// The nearest integers of numbers from 0 to 20.
    fn round_quotients(quotients: &[f64], wraps: &mut [u8]);

    /// `0.5 - wraps * fraction`.
    fn start_roundings(wraps: &[u8], fraction: f64, roundings: &mut [f64]);

    /// Adds to residues modulo `q` below 2^53 the integer part of `roundings`, below 2^53 in absolute value.
    fn add_rounded(values: &mut [u64], roundings: &[f64], modulus: Modulus);

    /// Adds `digits * fraction` to `sums`; digits are below 2^53.
    fn add_fractions(digits: &[u64], fraction: f64, sums: &mut [f64]);

    /// The residues of `sums`.
    fn reduce_all(sums: &[i64], modulus: Modulus, output: &mut [u64]);

    /// Splits rows of LANES residues below 2^48 into byte planes: for four rows at a time and every plane, LANES
    /// groups of the four rows' bytes.
    fn split_bytes(values: &[u64], planes: &mut [u8]);
}

#[cfg(test)]
mod tests;
