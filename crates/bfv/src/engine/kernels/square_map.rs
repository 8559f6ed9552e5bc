//! The linear map after a square: the weights of a dense layer, in the form with the fastest kernel.

#![expect(
    clippy::indexing_slicing,
    reason = "callers count the bands that the map was made of, and every band has all rows"
)]

use aligned_vec::{AVec, avec};

use super::digits::{Digits, digit_count};
use super::dispatch;
use super::lists::Lists;
use super::modular::Modulus;
use super::sparse_row::{SparseRow, l1_norm, max_weight};
use super::tiles::{LANES, PARTS, SquareTile};
#[cfg(target_arch = "x86_64")]
use super::words::{self, Words};
use crate::kernel::Kernel;

/// The largest L1 norm of a row whose sum needs no reduction: squares are below 2^51 in absolute value, so that a sum stays below
/// `(2^10 - 1) 2^51 < 2^61`.
const MAX_LISTS_NORM: u128 = (1 << 10) - 1;

/// The time of a list's end in additions: the processor may predict its branch wrongly.
#[cfg(target_arch = "x86_64")]
const LIST_END: usize = 6;

/// A band of a map's inputs: their number, and every row's weights of them.
pub struct Band {
    pub inputs: usize,
    pub rows: Vec<SparseRow>,
}

/// A linear map of squares, band after band of its inputs.
#[derive(Debug)]
pub struct SquareMap {
    rows: usize,
    weights: Weights,
}

#[derive(Debug)]
enum Weights {
    Lists(Vec<Lists>),
    #[cfg(target_arch = "x86_64")]
    Words(Vec<Words>),
    Digits(Vec<Digits>),
}

/// The sums of a map while bands are added. All memory begins at a cache line, because loads of vectors that lie across two cache lines
/// take twice as long.
#[derive(Debug, Clone)]
pub struct SquareSums {
    values: AVec<SquareTile>,
    /// The residues of sums that have several digits or words.
    joined: AVec<SquareTile>,
    #[cfg(target_arch = "x86_64")]
    words: AVec<words::WordSums>,
    #[cfg(target_arch = "x86_64")]
    pairs: AVec<words::Pair>,
}

impl Default for SquareSums {
    fn default() -> Self {
        Self {
            values: avec![],
            joined: avec![],
            #[cfg(target_arch = "x86_64")]
            words: avec![],
            #[cfg(target_arch = "x86_64")]
            pairs: avec![],
        }
    }
}

impl SquareMap {
    /// A map of fewer than 2^16 inputs in all.
    pub fn new(kernel: Kernel, rows: usize, bands: &[Band]) -> Self {
        let norm = |row: usize| bands.iter().map(|band| l1_norm(&band.rows[row])).sum::<u128>();
        let norm = (0..rows).map(norm).max().unwrap_or(0);
        let largest = bands.iter().flat_map(|band| &band.rows).map(max_weight).max().unwrap_or(0);
        let lists: Option<Vec<Lists>> =
            (norm <= MAX_LISTS_NORM).then(|| bands.iter().map(|band| Lists::new(&band.rows)).collect());
        #[cfg(target_arch = "x86_64")]
        if kernel.is_avx512() && norm <= words::MAX_NORM && largest < 1 << 15 {
            let inputs: usize = bands.iter().map(|band| band.inputs).sum();
            let additions = |lists: &Lists| lists.additions() + LIST_END * lists.lists();
            // A weight takes as long as an addition, whatever its size.
            let slower = |lists: &Vec<Lists>| lists.iter().map(additions).sum::<usize>() > rows * inputs;
            if lists.as_ref().is_none_or(slower) {
                let words = bands.iter().map(|band| Words::new(&band.rows, band.inputs)).collect();
                return Self { rows, weights: Weights::Words(words) };
            }
        }
        let _ = kernel;
        let digits = || bands.iter().map(|band| Digits::new(&band.rows, digit_count(largest))).collect();
        Self { rows, weights: lists.map_or_else(|| Weights::Digits(digits()), Weights::Lists) }
    }

    /// Sets the sums to zero.
    pub fn begin(&self, sums: &mut SquareSums) {
        let width = match &self.weights {
            Weights::Lists(_) => 1,
            #[cfg(target_arch = "x86_64")]
            Weights::Words(_) => 0,
            Weights::Digits(bands) => bands.first().map_or(0, Digits::width),
        };
        sums.values.clear();
        sums.values.resize(self.rows * width, [0; PARTS * LANES]);
        #[cfg(target_arch = "x86_64")]
        if matches!(self.weights, Weights::Words(_)) {
            sums.words.clear();
            sums.words.resize(self.rows, words::WordSums::default());
        }
    }

    /// Adds a band of squares, numbers in `-q..2q`.
    pub fn add(
        &self,
        kernel: Kernel,
        band: usize,
        squares: &[SquareTile],
        modulus: Modulus,
        sums: &mut SquareSums,
    ) {
        match &self.weights {
            Weights::Lists(bands) => {
                dispatch::add_square_lists(kernel, &bands[band], squares, &mut sums.values)
            }
            #[cfg(target_arch = "x86_64")]
            Weights::Words(bands) => {
                let words = &bands[band];
                sums.pairs.resize(words.pairs().max(sums.pairs.len()), words::Pair::default());
                dispatch::split_words(kernel, squares, modulus, &mut sums.pairs);
                dispatch::add_words(kernel, words, &sums.pairs, &mut sums.words);
            }
            Weights::Digits(bands) => {
                dispatch::add_square_digits(kernel, &bands[band], squares, &mut sums.values)
            }
        }
        // Lists need no reduction, so other targets than x86-64 do not use the modulus.
        let _ = modulus;
    }

    /// Reduces the sums after all bands: writes the residues of every row and part to the beginning of `stride` numbers of `output`.
    pub fn finish(
        &self,
        kernel: Kernel,
        modulus: Modulus,
        sums: &mut SquareSums,
        output: &mut [u64],
        stride: usize,
    ) {
        match &self.weights {
            Weights::Lists(_) => {
                dispatch::reduce_sums(kernel, &sums.values, modulus, output, stride);
                return;
            }
            #[cfg(target_arch = "x86_64")]
            Weights::Words(_) => {
                sums.joined.resize(self.rows, [0; PARTS * LANES]);
                dispatch::join_words(kernel, &sums.words, modulus, &mut sums.joined);
            }
            Weights::Digits(bands) => {
                sums.joined.resize(self.rows, [0; PARTS * LANES]);
                if let Some(digits) = bands.first() {
                    dispatch::join_square_digits(kernel, digits, &sums.values, modulus, &mut sums.joined);
                }
            }
        }
        dispatch::copy_residues(kernel, &sums.joined, output, stride);
    }
}
