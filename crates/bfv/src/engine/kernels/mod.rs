//! The inner loops of the engine, chosen once for the processor at hand.
//!
//! Every loop is written once, in portable Rust (`loops`, `lists`, `digits`), and compiled several times: as it is, and with
//! the vector instructions that a processor may have. Loops with modular products are written a second time for AVX-512's
//! 52-bit products (`ifma`), and dense layers of large weights for its 16-bit products (`words`). All variants give the
//! same residues. `modular` defines the ranges of values and derives them.

mod digits;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod input_map;
mod lists;
mod loops;
mod modular;
mod square_map;
#[cfg(target_arch = "x86_64")]
mod words;

use digits::Digits;
pub use digits::MOST_INPUTS;
pub use input_map::{InputMap, Sums as InputSums};
use lists::Lists;
pub use loops::{Input, Square};
pub use modular::Modulus;
pub use square_map::{Band, SquareMap, Sums as SquareSums};

use crate::kernel::{InstructionSet, Kernel};

/// Evaluation points of a tile: two vectors of 64-bit numbers.
pub const LANES: usize = 16;

/// Parts of a square (Fan and Vercauteren 2012): a0^2, 2 a0 a1, a1^2.
pub const PARTS: usize = 3;

/// The weights of one row that are not zero, with their inputs.
pub type SparseRow = Vec<(usize, i64)>;

/// A row's L1 norm.
fn norm(row: &SparseRow) -> u128 {
    row.iter().map(|(_, weight)| u128::from(weight.unsigned_abs())).sum()
}

/// A row's largest weight in absolute value.
fn largest_weight(row: &SparseRow) -> u64 {
    row.iter().map(|(_, weight)| weight.unsigned_abs()).max().unwrap_or(0)
}

impl Kernel {
    /// Adds the weighted inputs of every row to its sums.
    fn add_input_lists(self, lists: &Lists, input: &[Input], sums: &mut [Input]) {
        match self.instruction_set() {
            InstructionSet::Portable => loops::add_input_lists::<false>(lists, input, sums),
            #[cfg(target_arch = "x86_64")]
            _ => self.add_input_lists_widely(lists, input, sums),
        }
    }

    /// Adds the weighted squares of every row to its sums.
    fn add_square_lists(self, lists: &Lists, input: &[Square], sums: &mut [Square]) {
        match self.instruction_set() {
            InstructionSet::Portable => loops::add_square_lists::<false>(lists, input, sums),
            #[cfg(target_arch = "x86_64")]
            _ => self.add_square_lists_widely(lists, input, sums),
        }
    }

    /// log2 of R, by which Montgomery products are too small (`modular`).
    pub(in crate::engine) fn radix_bits(self) -> u32 {
        if self.is_avx512() { 52 } else { 64 }
    }

    /// `a R` modulo q: a constant that a Montgomery product multiplies with `a`.
    pub(in crate::engine) fn montgomery_form(self, a: u64, modulus: Modulus) -> u64 {
        modulus.shifted(a, self.radix_bits())
    }
}

/// Defines methods of [`Kernel`] that run a loop compiled for its instruction set; AVX-512's is that of the module named.
macro_rules! compiled_loops {
    ($avx512:ident: $features:literal; $($(#[$doc:meta])* fn $method:ident = $name:ident $(::<$wide:literal>)?($($argument:ident: $type:ty),* $(,)?);)*) => {
        impl Kernel {
            $($(#[$doc])*
            #[inline]
            #[allow(unsafe_code)]
            pub(in crate::engine) fn $method(self, $($argument: $type),*) {
                match self.instruction_set() {
                    InstructionSet::Portable => loops::$name$(::<$wide>)?($($argument),*),
                    // SAFETY: `available` alone makes these, on processors with their features.
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
        }
    };
}

compiled_loops! {
    loops: "avx512f,avx512dq,avx512bw,avx512vl";

    /// [`Kernel::add_input_lists`] with all of a tile's values at once.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    fn add_input_lists_widely = add_input_lists::<true>(lists: &Lists, input: &[Input], sums: &mut [Input]);

    /// [`Kernel::add_square_lists`] with all of a tile's values at once.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    fn add_square_lists_widely = add_square_lists::<true>(lists: &Lists, input: &[Square], sums: &mut [Square]);

    /// Adds inputs with weights of any size to the digits' sums of every row.
    fn add_input_digits = add_digits(weights: &Digits, input: &[Input], sums: &mut [Input]);

    /// Adds squares with weights of any size to the digits' sums of every row.
    fn add_square_digits = add_digits(weights: &Digits, input: &[Square], sums: &mut [Square]);

    /// The residues of all rows' digits' sums.
    fn join_input_digits = join_digits(weights: &Digits, sums: &[Input], modulus: Modulus, output: &mut [Input]);

    /// The residues of all rows' digits' sums.
    fn join_square_digits = join_digits(weights: &Digits, sums: &[Square], modulus: Modulus, output: &mut [Square]);

    /// Values that are biases in the first polynomial and zeros in the second.
    fn begin = begin(biases: &[u64], values: &mut [Input]);

    /// Copies residues, part after part, each to the beginning of `stride` numbers of `output`.
    fn copy_all = copy_all(residues: &[Square], output: &mut [u64], stride: usize);

    /// Adds residues to residues.
    fn add = add(sums: &mut [u64], values: &[u64], modulus: Modulus);
}

compiled_loops! {
    ifma: "avx512f,avx512dq,avx512bw,avx512vl,avx512ifma";

    /// The three parts of the squares of sums, each divided by R: numbers in `-q..2q`.
    fn square = square(values: &[Input], modulus: Modulus, squares: &mut [Square]);

    /// The residues of sums, part after part, each to the beginning of `stride` numbers of `output`.
    fn reduce_all = reduce_all(sums: &[Square], modulus: Modulus, output: &mut [u64], stride: usize);

    /// Multiplies residues by `factor / R`.
    fn scale = scale(values: &mut [u64], factor: u64, modulus: Modulus);

    /// The residues modulo `modulus` of residues modulo `from` that are taken for numbers from `-from / 2` to `from / 2`.
    fn centred_residues = centred_residues(values: &[u64], from: Modulus, modulus: Modulus, output: &mut [u64]);

    /// The residues of `sum_i a_i b_i / R + constant` for residues a_i and b_i, value by value, of at most 2^9 terms.
    fn inner_product = inner_product(terms: &[(&[u64], &[u64])], constant: u64, modulus: Modulus, output: &mut [u64]);

    /// `(value - rest) inverse / R` for residues.
    fn divide_exactly = divide_exactly(values: &mut [u64], rests: &[u64], inverse: u64, modulus: Modulus);
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
impl Kernel {
    /// Splits squares, numbers in `-q..2q`, into words.
    fn split_words(self, squares: &[Square], modulus: Modulus, pairs: &mut [words::Pair]) {
        assert!(self.is_avx512());
        // SAFETY: `available` alone makes these, on processors with their features.
        unsafe { words::split_words(squares, modulus, pairs) }
    }

    /// Adds the weighted words of every row to its sums.
    fn add_words(self, words: &words::Words, pairs: &[words::Pair], sums: &mut [words::Sums]) {
        assert!(self.is_avx512());
        // SAFETY: as above.
        unsafe { words::add_words(words, pairs, sums) }
    }

    /// The residues of all rows.
    fn join_words(self, sums: &[words::Sums], modulus: Modulus, output: &mut [Square]) {
        assert!(self.is_avx512());
        // SAFETY: as above.
        unsafe { words::join_words(sums, modulus, output) }
    }
}

#[cfg(test)]
mod tests;
