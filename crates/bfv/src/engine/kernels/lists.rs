//! Rows of small weights as lists of inputs to add and to subtract.
//!
//! Trained weights are small integers with few different values, and mostly zero. A row is stored by the binary digits of its
//! weights: for each digit, the highest first, the inputs to add and to subtract. Between two digits the sum is doubled. So
//! there is no multiplication, and an addition is one vector instruction with its operand in memory.
//!
//! Every list ends in a branch. A wrong prediction of that branch takes as long as forty additions of vectors. So rows are visited
//! in the order of their lists' lengths, so that most lists are as long as the list before. If nearly all weights are 1 and -1,
//! there is only one digit, and larger weights are listed several times.

#![expect(
    clippy::indexing_slicing,
    reason = "lists name rows and inputs that tiles hold, and end within each other"
)]

use super::sparse_row::SparseRow;

/// Ends of one digit's lists in `inputs`: first the inputs to add, then the inputs to subtract.
#[derive(Debug, Clone, Copy)]
struct Digit {
    plus_end: u32,
    minus_end: u32,
}

/// Weights of several rows.
#[derive(Debug, Clone)]
pub struct Lists {
    /// The number of digits of a row, the same for all rows.
    digits_per_row: usize,
    /// The rows in the order in which they are visited.
    order: Vec<u32>,
    /// Row after row in that order, the highest digit first.
    digits: Vec<Digit>,
    inputs: Vec<u32>,
}

/// The factor by which the number of additions may grow so that there are fewer lists.
const MAX_REPETITION: f64 = 1.25;

impl Lists {
    /// Lists of rows, in each of which an input occurs once.
    pub fn new(rows: &[SparseRow]) -> Self {
        let weights = || rows.iter().flatten().map(|(_, weight)| weight.unsigned_abs());
        let ones: u64 = weights().map(|weight| u64::from(weight.count_ones())).sum();
        let units = weights().fold(0u64, u64::saturating_add);
        let repeat = units as f64 <= MAX_REPETITION * ones as f64;
        let bits = 64 - weights().fold(0, |all, weight| all | weight).leading_zeros();
        let digits_per_row = if repeat { 1 } else { bits };
        let lengths = |row: &SparseRow| {
            let of_sign = |negative: bool| row.iter().filter(|(_, weight)| (*weight < 0) == negative).count();
            (of_sign(false), of_sign(true))
        };
        // There are fewer than 2^32 rows: a tile has memory for each.
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_by_key(|&row| lengths(&rows[row as usize]));
        let digits_per_row = digits_per_row as usize;
        let mut lists = Self { digits_per_row, order, digits: Vec::new(), inputs: Vec::new() };
        for &row in &lists.order {
            let row = &rows[row as usize];
            for digit in (0..digits_per_row).rev() {
                let of_sign = |negative: bool| {
                    let of_sign = row.iter().filter(move |(_, weight)| (*weight < 0) == negative);
                    of_sign.flat_map(move |&(input, weight)| {
                        let size = weight.unsigned_abs();
                        let times = if repeat { size } else { size >> digit & 1 };
                        // There are fewer than 2^32 inputs: a tile has memory for each.
                        std::iter::repeat_n(input as u32, times as usize)
                    })
                };
                lists.inputs.extend(of_sign(false));
                let plus_end = lists.inputs.len() as u32;
                lists.inputs.extend(of_sign(true));
                lists.digits.push(Digit { plus_end, minus_end: lists.inputs.len() as u32 });
            }
        }
        lists
    }

    /// Returns whether weights are listed as often as their absolute value says.
    #[cfg(test)]
    pub fn repeats(&self) -> bool {
        self.digits_per_row == 1
    }

    /// The number of additions and subtractions over all rows.
    pub fn additions(&self) -> usize {
        self.inputs.len()
    }

    /// The number of lists, each of which ends in a branch.
    pub fn lists(&self) -> usize {
        2 * self.digits.len()
    }
}

/// Adds the weighted inputs of every row to its sums. `W` values of every input lie together. `C` of them are added at the same time:
/// as many as there are registers for. The caller keeps the sums, and each row's L1 norm times the largest input, below 2^62.
#[inline(always)]
pub fn add_lists<const W: usize, const C: usize>(lists: &Lists, input: &[[i64; W]], sums: &mut [[i64; W]]) {
    let mut start = 0;
    for (&row, digits) in lists.order.iter().zip(lists.digits.chunks_exact(lists.digits_per_row.max(1))) {
        let sums = sums[row as usize].as_chunks_mut::<C>().0;
        for (chunk, sums) in sums.iter_mut().enumerate() {
            let mut start = start;
            let mut sum = *sums;
            if let [digit] = digits {
                add_digit(lists, *digit, &mut start, input, chunk, &mut sum);
            } else {
                let mut row = [0; C];
                for digit in digits {
                    for value in &mut row {
                        *value *= 2;
                    }
                    add_digit(lists, *digit, &mut start, input, chunk, &mut row);
                }
                for (sum, value) in sum.iter_mut().zip(row) {
                    *sum += value;
                }
            }
            *sums = sum;
        }
        start = digits.last().map_or(start, |digit| digit.minus_end as usize);
    }
}

#[inline(always)]
fn add_digit<const W: usize, const C: usize>(
    lists: &Lists,
    digit: Digit,
    start: &mut usize,
    input: &[[i64; W]],
    chunk: usize,
    sum: &mut [i64; C],
) {
    let (plus_end, minus_end) = (digit.plus_end as usize, digit.minus_end as usize);
    for &index in &lists.inputs[*start..plus_end] {
        for (sum, &value) in sum.iter_mut().zip(&input[index as usize].as_chunks::<C>().0[chunk]) {
            *sum += value;
        }
    }
    for &index in &lists.inputs[plus_end..minus_end] {
        for (sum, &value) in sum.iter_mut().zip(&input[index as usize].as_chunks::<C>().0[chunk]) {
            *sum -= value;
        }
    }
    *start = minus_end;
}
