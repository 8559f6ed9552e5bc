//! Rows of small weights as lists of what is added and what is taken away.
//!
//! Trained weights are few small integers and mostly zero. A row is kept by the binary digits of its weights: for each
//! digit, the highest first, the inputs to add and to subtract; between two digits the sum is doubled. So there is no
//! multiplication, and an addition is one vector instruction with its operand in memory. That is as fast as the
//! first-level cache delivers, if the inputs are in it: long rows are cut into spans of columns.
//!
//! Every list ends in a branch that the processor guesses wrong, which costs as much as seven additions. So where nearly
//! all weights are 1 and -1, there is one digit alone, and larger weights are listed several times.

use super::Modulus;
use super::loops::LANES;

/// Where the inputs to add and those to subtract of one digit end.
#[derive(Debug, Clone, Copy)]
struct Digit {
    plus_end: u32,
    minus_end: u32,
}

/// Weights of several rows.
#[derive(Debug, Clone)]
pub struct SparseRows {
    /// Digits of a row, the same number for all.
    digits_per_row: usize,
    /// Row after row, the highest digit first.
    digits: Vec<Digit>,
    inputs: Vec<u32>,
    /// Whether a row's sum may leave 62 bits, so that sums must be reduced before they are doubled.
    wide: bool,
}

/// Largest L1 norm of a row whose sums of residues below 2^48 stay below 2^61, and most inputs of a row.
pub const NORM_LIMIT: u64 = 1 << 13;

/// What the branch at the end of a list takes, in additions.
const LIST_END: usize = 7;

/// How many more additions may be made for the sake of fewer lists.
const MOST_REPETITION: f64 = 1.25;

impl SparseRows {
    /// Rows of `(input, weight)`; an input is there once in a row, and a row has fewer than [`NORM_LIMIT`] inputs.
    /// `wide` rows are parts of rows whose L1 norm is [`NORM_LIMIT`] or more.
    pub fn new(rows: impl Iterator<Item = Vec<(usize, i64)>>, wide: bool) -> Self {
        let rows: Vec<Vec<(usize, i64)>> = rows.collect();
        let weights = || rows.iter().flatten().map(|(_, weight)| weight.unsigned_abs());
        let ones: u64 = weights().map(|weight| u64::from(weight.count_ones())).sum();
        let units = weights().fold(0u64, u64::saturating_add);
        let repeat = !wide && units as f64 <= MOST_REPETITION * ones as f64;
        let bits = 64 - weights().fold(0, |all, weight| all | weight).leading_zeros();
        let digits_per_row = if repeat { 1 } else { bits };
        let mut sparse =
            Self { digits_per_row: digits_per_row as usize, digits: Vec::new(), inputs: Vec::new(), wide };
        for row in &rows {
            debug_assert!((row.len() as u64) < NORM_LIMIT);
            for digit in (0..digits_per_row).rev() {
                let of_sign = |negative: bool| {
                    let of_sign = row.iter().filter(move |(_, weight)| (*weight < 0) == negative);
                    of_sign.flat_map(move |&(input, weight)| {
                        let size = weight.unsigned_abs();
                        let times = if repeat { size } else { size >> digit & 1 };
                        // Inputs are fewer than 2^32: each is a row of a tile in memory.
                        std::iter::repeat_n(input as u32, times as usize)
                    })
                };
                sparse.inputs.extend(of_sign(false));
                let plus_end = sparse.inputs.len() as u32;
                sparse.inputs.extend(of_sign(true));
                sparse.digits.push(Digit { plus_end, minus_end: sparse.inputs.len() as u32 });
            }
        }
        sparse
    }

    /// Whether weights are listed as often as they are large.
    #[cfg(test)]
    pub fn repeats(&self) -> bool {
        self.digits_per_row == 1
    }

    /// The time of all rows, in additions.
    pub fn cost(&self) -> usize {
        self.inputs.len() + LIST_END * 2 * self.digits.len()
    }

    /// Additions and subtractions over all rows.
    pub fn additions(&self) -> usize {
        self.inputs.len()
    }
}

#[inline(always)]
pub fn add_rows(rows: &SparseRows, input: &[u64], modulus: Modulus, sums: &mut [i64]) {
    let (input, _) = input.as_chunks::<LANES>();
    let (sums, _) = sums.as_chunks_mut::<LANES>();
    let mut start = 0;
    for (sums, digits) in sums.iter_mut().zip(rows.digits.chunks_exact(rows.digits_per_row.max(1))) {
        let mut sum = [0i64; LANES];
        for (index, digit) in digits.iter().enumerate() {
            if index > 0 {
                for sum in &mut sum {
                    // Otherwise below 2^48 times the row's norm in all.
                    *sum = 2 * if rows.wide { modulus.reduce(*sum) as i64 } else { *sum };
                }
            }
            let (plus_end, minus_end) = (digit.plus_end as usize, digit.minus_end as usize);
            for &index in &rows.inputs[start..plus_end] {
                for (sum, &value) in sum.iter_mut().zip(&input[index as usize]) {
                    *sum += value as i64;
                }
            }
            for &index in &rows.inputs[plus_end..minus_end] {
                for (sum, &value) in sum.iter_mut().zip(&input[index as usize]) {
                    *sum -= value as i64;
                }
            }
            start = minus_end;
        }
        for (sums, sum) in sums.iter_mut().zip(sum) {
            // A part of a wide row adds less than 2^49, and 2^48 for each of its inputs.
            *sums += sum;
        }
    }
}
