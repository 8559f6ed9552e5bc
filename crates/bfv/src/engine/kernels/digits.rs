//! Rows of weights of any size, as digits to the base of 2^20.
//!
//! A weight of 64 bits has at most four digits, from -2^19 to 2^19. An input x below 2^51 in absolute value is `h 2^26 + l` with
//! `0 <= l < 2^26` and `|h| <= 2^25`. So products with a digit have at most 45 bits, and a sum of fewer than 2^16 products
//! stays below 2^61. Sums of low and of high halves are joined at the end.

#![expect(
    clippy::indexing_slicing,
    reason = "tiles hold every input, and sums hold both halves of every digit of a row"
)]

use super::modular::Modulus;
use super::sparse_row::SparseRow;

/// Bits of a digit.
const DIGIT_BITS: u32 = 20;

/// Bits of an input's low half.
const HALF_BITS: u32 = 26;

/// The number of a row's inputs over all bands must be below this.
pub const MAX_INPUTS: usize = 1 << 16;

/// One digit of the weights of several rows.
#[derive(Debug, Clone, Default)]
struct DigitRows {
    /// End of each row in `terms`.
    ends: Vec<usize>,
    terms: Vec<(u32, i32)>,
}

/// Weights of several rows.
#[derive(Debug, Clone)]
pub struct Digits {
    /// The highest digit first. All bands of a map have the same number of digits.
    digits: Vec<DigitRows>,
}

/// The number of digits of weights with at most this absolute value.
pub fn digit_count(largest: u64) -> usize {
    // Digits below the highest have a sign, which may carry into the next digit.
    ((66 - largest.leading_zeros()).div_ceil(DIGIT_BITS) as usize).max(1)
}

impl Digits {
    /// Rows of `(input, weight)` in `count` digits.
    pub fn new(rows: &[SparseRow], count: usize) -> Self {
        let mut digits = vec![DigitRows::default(); count];
        for row in rows {
            for &(input, weight) in row.iter().filter(|(_, weight)| *weight != 0) {
                let mut rest = i128::from(weight);
                for digit in digits.iter_mut().rev() {
                    // From -2^19 to 2^19 - 1.
                    let low = (rest << (128 - DIGIT_BITS)) >> (128 - DIGIT_BITS);
                    rest = (rest - low) >> DIGIT_BITS;
                    if low != 0 {
                        // Inputs are fewer than 2^32: each is a row of a tile in memory.
                        digit.terms.push((input as u32, low as i32));
                    }
                }
                debug_assert_eq!(rest, 0);
            }
            digits.iter_mut().for_each(|digit| digit.ends.push(digit.terms.len()));
        }
        Self { digits }
    }

    /// The number of a row's sums: low and high halves of every digit.
    pub fn width(&self) -> usize {
        2 * self.digits.len()
    }
}

/// Adds the weighted inputs of every row to its sums: for every row and digit, `W` sums of low halves and `W` sums of high halves.
#[inline(always)]
pub fn add_digits<const W: usize>(weights: &Digits, input: &[[i64; W]], sums: &mut [[i64; W]]) {
    let width = weights.width();
    for (place, digit) in weights.digits.iter().enumerate() {
        let mut start = 0;
        for (row, &end) in digit.ends.iter().enumerate() {
            let place = row * width + 2 * place;
            let (mut low, mut high) = (sums[place], sums[place + 1]);
            for &(index, weight) in &digit.terms[start..end] {
                let weight = i64::from(weight);
                for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(&input[index as usize]) {
                    *low += weight * (value & ((1 << HALF_BITS) - 1));
                    *high += weight * (value >> HALF_BITS);
                }
            }
            (sums[place], sums[place + 1]) = (low, high);
            start = end;
        }
    }
}

/// Joins the sums of all rows to residues.
#[inline(always)]
pub fn join_digits<const W: usize>(
    weights: &Digits,
    sums: &[[i64; W]],
    modulus: Modulus,
    output: &mut [[i64; W]],
) {
    let (half, base) = (modulus.shifted(1, HALF_BITS + 64), modulus.shifted(1, DIGIT_BITS + 64));
    for (sums, output) in sums.chunks_exact(weights.width()).zip(output) {
        let mut joined = [0u64; W];
        for halves in sums.chunks_exact(2) {
            for (lane, joined) in joined.iter_mut().enumerate() {
                // Horner's rule. Residues times constants are below q in absolute value, and sums of low halves below 2^61 - 2^52.
                let (low, high) = (halves[0][lane], modulus.reduce(halves[1][lane]));
                let next = modulus.montgomery(*joined, base) + modulus.montgomery(high, half);
                *joined = modulus.reduce(modulus.reduce(low) as i64 + next);
            }
        }
        for (output, joined) in output.iter_mut().zip(joined) {
            *output = joined as i64;
        }
    }
}
