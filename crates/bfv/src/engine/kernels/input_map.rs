//! The linear map before a square: a convolution's weights, in the form that a kernel multiplies with fastest.

use aligned_vec::AVec;

use super::digits::{Digits, digits_of};
use super::lists::Lists;
use super::loops::Input;
use super::modular::Modulus;
use super::{Kernel, LANES, SparseRow, largest_weight, norm};

/// The largest L1 norm of a row that is added up without reductions: residues are below 2^50, so that a sum with a bias stays
/// below `(2^11 - 1) 2^50 + 2^50 = 2^61`.
const LISTS_NORM: u128 = (1 << 11) - 1;

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

/// Space for sums.
pub type Sums = AVec<Input>;

impl InputMap {
    /// A map of the rows of every band.
    pub fn new(bands: &[Vec<SparseRow>]) -> Self {
        let rows = || bands.iter().flatten();
        let small = rows().all(|row| norm(row) <= LISTS_NORM);
        let digits = digits_of(rows().map(largest_weight).max().unwrap_or(0));
        let weights = |rows: &Vec<SparseRow>| match small {
            true => Weights::Lists(Lists::new(rows)),
            false => Weights::Digits(Digits::new(rows, digits)),
        };
        Self { bands: bands.iter().map(weights).collect() }
    }

    /// Adds the weighted inputs of a band's rows to `values`, which hold biases, both residues: sums.
    pub fn add(
        &self,
        kernel: Kernel,
        band: usize,
        inputs: &[Input],
        modulus: Modulus,
        sums: &mut Sums,
        values: &mut [Input],
    ) {
        match &self.bands[band] {
            Weights::Lists(lists) => kernel.add_input_lists(lists, inputs, values),
            Weights::Digits(digits) => {
                let width = values.len() * digits.width();
                sums.clear();
                sums.resize(width + values.len(), [0; 2 * LANES]);
                let (sums, joined) = sums.split_at_mut(width);
                kernel.add_input_digits(digits, inputs, sums);
                kernel.join_input_digits(digits, sums, modulus, joined);
                for (value, joined) in values.as_flattened_mut().iter_mut().zip(joined.as_flattened()) {
                    *value += joined;
                }
            }
        }
    }
}
