//! The inner loops, compiled for each instruction set. Every function runs the loop for the instruction set of `kernel`.

use super::digits::Digits;
#[cfg(target_arch = "x86_64")]
use super::ifma;
use super::lists::Lists;
use super::loops;
use super::modular::{Modulus, MontgomeryConstant};
use super::tiles::{InputTile, SquareTile};
#[cfg(target_arch = "x86_64")]
use super::words;
use crate::kernel::{InstructionSet, Kernel};

/// Adds the weighted inputs of every row to its sums.
pub fn add_input_lists(kernel: Kernel, lists: &Lists, input: &[InputTile], sums: &mut [InputTile]) {
    match kernel.instruction_set() {
        InstructionSet::Portable => loops::add_input_lists::<false>(lists, input, sums),
        #[cfg(target_arch = "x86_64")]
        _ => add_input_lists_widely(kernel, lists, input, sums),
    }
}

/// Adds the weighted squares of every row to its sums.
pub fn add_square_lists(kernel: Kernel, lists: &Lists, input: &[SquareTile], sums: &mut [SquareTile]) {
    match kernel.instruction_set() {
        InstructionSet::Portable => loops::add_square_lists::<false>(lists, input, sums),
        #[cfg(target_arch = "x86_64")]
        _ => add_square_lists_widely(kernel, lists, input, sums),
    }
}

/// log2 of R, by which Montgomery products are too small ([`modular`](super::modular)).
pub fn radix_bits(kernel: Kernel) -> u32 {
    if kernel.is_avx512() { 52 } else { 64 }
}

/// The Montgomery form of a constant for a kernel.
pub fn montgomery_constant(kernel: Kernel, constant: u64, modulus: Modulus) -> MontgomeryConstant {
    MontgomeryConstant::new(constant, modulus, radix_bits(kernel))
}

/// Defines functions that run a loop compiled for a kernel's instruction set. The loop for AVX-512 is that of the module named.
macro_rules! compiled_loops {
    ($avx512:ident: $features:literal; $($(#[$doc:meta])* fn $method:ident = $name:ident $(::<$wide:literal>)?($($argument:ident: $type:ty),* $(,)?);)*) => {
        $($(#[$doc])*
        #[inline]
        #[allow(unsafe_code)]
        pub fn $method(kernel: Kernel, $($argument: $type),*) {
            match kernel.instruction_set() {
                InstructionSet::Portable => loops::$name$(::<$wide>)?($($argument),*),
                // SAFETY: `Kernel::available` makes kernels only for processors with their features.
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2 => {
                    #[target_feature(enable = "avx2,bmi2")]
                    fn compiled($($argument: $type),*) {
                        loops::$name$(::<$wide>)?($($argument),*);
                    }
                    unsafe { compiled($($argument),*) }
                }
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512 => {
                    #[target_feature(enable = $features)]
                    fn compiled($($argument: $type),*) {
                        $avx512::$name$(::<$wide>)?($($argument),*);
                    }
                    unsafe { compiled($($argument),*) }
                }
            }
        })*
    };
}

compiled_loops! {
    loops: "avx512f,avx512dq,avx512bw,avx512vl";

    /// [`add_input_lists`] with all of a tile's values at once.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    fn add_input_lists_widely = add_input_lists::<true>(lists: &Lists, input: &[InputTile], sums: &mut [InputTile]);

    /// [`add_square_lists`] with all of a tile's values at once.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    fn add_square_lists_widely = add_square_lists::<true>(lists: &Lists, input: &[SquareTile], sums: &mut [SquareTile]);

    /// Adds inputs with weights of any size to the digits' sums of every row.
    fn add_input_digits = add_digits(weights: &Digits, input: &[InputTile], sums: &mut [InputTile]);

    /// Adds squares with weights of any size to the digits' sums of every row.
    fn add_square_digits = add_digits(weights: &Digits, input: &[SquareTile], sums: &mut [SquareTile]);

    /// The residues of all rows' digits' sums.
    fn join_input_digits = join_digits(weights: &Digits, sums: &[InputTile], modulus: Modulus, output: &mut [InputTile]);

    /// The residues of all rows' digits' sums.
    fn join_square_digits = join_digits(weights: &Digits, sums: &[SquareTile], modulus: Modulus, output: &mut [SquareTile]);

    /// Values that are biases in the first polynomial and zeros in the second.
    fn begin_with_biases = begin_with_biases(biases: &[u64], values: &mut [InputTile]);

    /// Copies residues, part after part, each to the beginning of `stride` numbers of `output`.
    fn copy_residues = copy_residues(residues: &[SquareTile], output: &mut [u64], stride: usize);

    /// Adds residues to residues.
    fn add = add(sums: &mut [u64], values: &[u64], modulus: Modulus);
}

compiled_loops! {
    ifma: "avx512f,avx512dq,avx512bw,avx512vl,avx512ifma";

    /// The three parts of the squares of sums, each divided by R: numbers in `-q..2q`.
    fn square = square(values: &[InputTile], modulus: Modulus, squares: &mut [SquareTile]);

    /// The residues of sums, part after part, each to the beginning of `stride` numbers of `output`.
    fn reduce_sums = reduce_sums(sums: &[SquareTile], modulus: Modulus, output: &mut [u64], stride: usize);

    /// Multiplies residues by `factor / R`.
    fn multiply_by_constant = multiply_by_constant(values: &mut [u64], factor: MontgomeryConstant, modulus: Modulus);

    /// The residues modulo `modulus` of residues modulo `from` that are taken for numbers from `-from / 2` to `from / 2`.
    fn centred_residues = centred_residues(values: &[u64], from: Modulus, modulus: Modulus, output: &mut [u64]);

    /// The residues of `sum_i a_i b_i / R + constant` for residues a_i and b_i, value by value, of at most 2^9 terms.
    fn inner_product = inner_product(terms: &[(&[u64], &[u64])], constant: u64, modulus: Modulus, output: &mut [u64]);

    /// `(value - rest) inverse / R` for residues.
    fn divide_exactly = divide_exactly(values: &mut [u64], rests: &[u64], inverse: MontgomeryConstant, modulus: Modulus);
}

/// Splits squares, numbers in `-q..2q`, into words.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub fn split_words(kernel: Kernel, squares: &[SquareTile], modulus: Modulus, pairs: &mut [words::Pair]) {
    assert!(kernel.is_avx512());
    // SAFETY: `Kernel::available` makes such kernels only for processors with the features.
    unsafe { words::split_words(squares, modulus, pairs) }
}

/// Adds the weighted words of every row to its sums.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub fn add_words(kernel: Kernel, words: &words::Words, pairs: &[words::Pair], sums: &mut [words::WordSums]) {
    assert!(kernel.is_avx512());
    // SAFETY: as in `split_words`.
    unsafe { words::add_words(words, pairs, sums) }
}

/// Joins the words' sums of all rows to residues.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub fn join_words(kernel: Kernel, sums: &[words::WordSums], modulus: Modulus, output: &mut [SquareTile]) {
    assert!(kernel.is_avx512());
    // SAFETY: as in `split_words`.
    unsafe { words::join_words(sums, modulus, output) }
}
