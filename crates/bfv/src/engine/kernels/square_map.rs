//! The linear map behind a square: a dense layer's weights, in the form that a kernel multiplies with fastest.

use aligned_vec::{AVec, avec};

use super::digits::{Digits, digits_of};
use super::lists::Lists;
use super::loops::Square;
use super::modular::Modulus;
#[cfg(target_arch = "x86_64")]
use super::words::{self, Words};
use super::{Kernel, LANES, PARTS, SparseRow, largest_weight};

/// The largest L1 norm of a row that is added up without reductions: squares are below 2^51 in absolute value, so that a sum
/// stays below `(2^10 - 1) 2^51 < 2^61`.
const LISTS_NORM: u128 = (1 << 10) - 1;

/// A list's end in additions: a branch that the processor may guess wrong.
#[cfg(target_arch = "x86_64")]
const LIST_END: usize = 6;

/// A band of a map's inputs: how many there are, and every row's weights of them.
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

/// A map's sums while bands are added up.
/// Everything begins at a cache line, since vectors that lie across two take twice as long.
#[derive(Debug, Clone)]
pub struct Sums {
    values: AVec<Square>,
    /// Residues of sums in parts.
    joined: AVec<Square>,
    #[cfg(target_arch = "x86_64")]
    words: AVec<words::Sums>,
    #[cfg(target_arch = "x86_64")]
    pairs: AVec<words::Pair>,
}

impl Default for Sums {
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
        let norm = |row: usize| bands.iter().map(|band| super::norm(&band.rows[row])).sum::<u128>();
        let norm = (0..rows).map(norm).max().unwrap_or(0);
        let largest = bands.iter().flat_map(|band| &band.rows).map(largest_weight).max().unwrap_or(0);
        let lists: Option<Vec<Lists>> =
            (norm <= LISTS_NORM).then(|| bands.iter().map(|band| Lists::new(&band.rows)).collect());
        #[cfg(target_arch = "x86_64")]
        if kernel.is_avx512() && norm <= words::NORM_LIMIT && largest < 1 << 15 {
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
        let digits = || bands.iter().map(|band| Digits::new(&band.rows, digits_of(largest))).collect();
        Self { rows, weights: lists.map_or_else(|| Weights::Digits(digits()), Weights::Lists) }
    }

    /// Begins with sums of zero.
    pub fn begin(&self, sums: &mut Sums) {
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
            sums.words.resize(self.rows, words::Sums::default());
        }
    }

    /// Adds a band of squares, numbers in `-q..2q`.
    pub fn add(&self, kernel: Kernel, band: usize, squares: &[Square], modulus: Modulus, sums: &mut Sums) {
        match &self.weights {
            Weights::Lists(bands) => kernel.add_square_lists(&bands[band], squares, &mut sums.values),
            #[cfg(target_arch = "x86_64")]
            Weights::Words(bands) => {
                let words = &bands[band];
                sums.pairs.resize(words.pairs().max(sums.pairs.len()), words::Pair::default());
                kernel.split_words(squares, modulus, &mut sums.pairs);
                kernel.add_words(words, &sums.pairs, &mut sums.words);
            }
            Weights::Digits(bands) => kernel.add_square_digits(&bands[band], squares, &mut sums.values),
        }
        // Lists need no reduction.
        let _ = modulus;
    }

    /// The residues of all rows after all bands, row after row and part after part, each to the beginning of `stride` numbers of
    /// `output`.
    pub fn finish(
        &self,
        kernel: Kernel,
        modulus: Modulus,
        sums: &mut Sums,
        output: &mut [u64],
        stride: usize,
    ) {
        match &self.weights {
            Weights::Lists(_) => {
                kernel.reduce_all(&sums.values, modulus, output, stride);
                return;
            }
            #[cfg(target_arch = "x86_64")]
            Weights::Words(_) => {
                sums.joined.resize(self.rows, [0; PARTS * LANES]);
                kernel.join_words(&sums.words, modulus, &mut sums.joined);
            }
            Weights::Digits(bands) => {
                sums.joined.resize(self.rows, [0; PARTS * LANES]);
                if let Some(digits) = bands.first() {
                    kernel.join_square_digits(digits, &sums.values, modulus, &mut sums.joined);
                }
            }
        }
        kernel.copy_all(&sums.joined, output, stride);
    }
}
