//! The linear map before a square: the weights of a convolution, in the form with the fastest kernel.

#![expect(clippy::indexing_slicing, reason = "callers count the bands that the map was made of")]

use aligned_vec::AVec;

use super::digits::{Digits, digit_count};
use super::dispatch;
use super::lists::Lists;
use super::modular::Modulus;
use super::sparse_row::{SparseRow, l1_norm, max_weight};
use super::tiles::{InputTile, LANES};
use crate::kernel::Kernel;

/// The largest L1 norm of a row whose sum needs no reduction: residues are below 2^50, so that a sum with a bias stays below
/// `(2^11 - 1) 2^50 + 2^50 = 2^61`.
const MAX_LISTS_NORM: u128 = (1 << 11) - 1;

/// A linear map of a block's inputs, band after band of its outputs.
#[derive(Debug)]
pub struct InputMap {
    bands: Vec<Weights>,
}

#[derive(Debug)]
enum Weights {
    Lists(Lists),
    Digits(Digits),
}

/// Memory for the sums of digits.
pub type InputSums = AVec<InputTile>;

impl InputMap {
    /// A map of the rows of every band.
    pub fn new(bands: &[Vec<SparseRow>]) -> Self {
        let rows = || bands.iter().flatten();
        let small = rows().all(|row| l1_norm(row) <= MAX_LISTS_NORM);
        let digits = digit_count(rows().map(max_weight).max().unwrap_or(0));
        let weights = |rows: &Vec<SparseRow>| match small {
            true => Weights::Lists(Lists::new(rows)),
            false => Weights::Digits(Digits::new(rows, digits)),
        };
        Self { bands: bands.iter().map(weights).collect() }
    }

    /// Adds the weighted inputs of a band's rows to `values`, which hold the biases. Inputs and biases are residues, and the results
    /// are sums.
    pub fn add(
        &self,
        kernel: Kernel,
        band: usize,
        inputs: &[InputTile],
        modulus: Modulus,
        sums: &mut InputSums,
        values: &mut [InputTile],
    ) {
        match &self.bands[band] {
            Weights::Lists(lists) => dispatch::add_input_lists(kernel, lists, inputs, values),
            Weights::Digits(digits) => {
                let width = values.len() * digits.width();
                sums.clear();
                sums.resize(width + values.len(), [0; 2 * LANES]);
                let (sums, joined) = sums.split_at_mut(width);
                dispatch::add_input_digits(kernel, digits, inputs, sums);
                dispatch::join_input_digits(kernel, digits, sums, modulus, joined);
                for (value, joined) in values.as_flattened_mut().iter_mut().zip(joined.as_flattened()) {
                    *value += joined;
                }
            }
        }
    }
}
