//! A dense layer as a product of 16-bit integers (AVX-512 VNNI).
//!
//! A residue below 2^50 is four *planes* of 15 bits, a weight is a signed word, and `vpdpwssd` adds two products of a plane's
//! word and a weight to a 32-bit sum in each of 16 lanes. A row whose L1 norm is at most 2^16 keeps its sums below
//! `2^16 (2^15 - 1) < 2^31`. The cost is the same for every weight, whatever its size.
#![allow(unsafe_code)]
#![expect(clippy::indexing_slicing, reason = "lanes, parts and planes are counted within the arrays")]

use std::arch::x86_64::*;

use super::modular::Modulus;
use super::sparse_row::SparseRow;
use super::tiles::{LANES, PARTS, SquareTile};

/// Bits of a plane.
const PLANE_BITS: u32 = 15;

/// Planes of a residue.
const PLANES: usize = 4;

/// The largest L1 norm of a row, for which sums stay below 2^31.
pub const MAX_NORM: u128 = 1 << 16;

/// Two columns' words at the points of a tile, for every part and plane: the first column's in the lower halves.
pub type Pair = [[[u32; LANES]; PLANES]; PARTS];

/// A row's sums at the points of a tile, for every part and plane.
pub type WordSums = [[[i32; LANES]; PLANES]; PARTS];

/// The weights of several rows.
#[derive(Debug, Clone)]
pub struct Words {
    /// The number of pairs of columns.
    pairs: usize,
    /// The weights of every pair of columns, row after row.
    weights: Vec<[i16; 2]>,
}

impl Words {
    /// Rows with `columns` inputs. Their L1 norms are at most [`MAX_NORM`], and their weights are below 2^15 in absolute value.
    pub fn new(rows: &[SparseRow], columns: usize) -> Self {
        let pairs = columns.div_ceil(2);
        let mut weights = vec![[0; 2]; pairs * rows.len()];
        for (row, weights) in rows.iter().zip(weights.chunks_exact_mut(pairs)) {
            for &(input, weight) in row {
                // Below 2^15 in absolute value.
                weights[input / 2][input % 2] = weight as i16;
            }
        }
        Self { pairs, weights }
    }

    /// The number of pairs of columns.
    pub fn pairs(&self) -> usize {
        self.pairs
    }
}

/// Splits squares, numbers in `-q..2q`, into words. The partner of a last single column is zero.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma,avx512vnni")]
pub fn split_words(squares: &[SquareTile], modulus: Modulus, pairs: &mut [Pair]) {
    let mask = (1 << PLANE_BITS) - 1;
    for (squares, pair) in squares.chunks(2).zip(pairs) {
        for (part, planes) in pair.iter_mut().enumerate() {
            let residue = |square: &SquareTile, lane: usize| {
                let value = (square[part * LANES + lane] + modulus.value as i64) as u64;
                // Below 3q.
                modulus.settle_twice(value)
            };
            for lane in 0..LANES {
                let first = residue(&squares[0], lane);
                let second = squares.get(1).map_or(0, |square| residue(square, lane));
                for (plane, words) in planes.iter_mut().enumerate() {
                    let word = |residue: u64| (residue >> (PLANE_BITS * plane as u32)) as u32 & mask;
                    words[lane] = word(first) | word(second) << 16;
                }
            }
        }
    }
}

/// Adds the weighted pairs of every row to its sums.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma,avx512vnni")]
pub fn add_words(words: &Words, pairs: &[Pair], sums: &mut [WordSums]) {
    for (weights, sums) in words.weights.chunks_exact(words.pairs.max(1)).zip(sums) {
        let mut vectors = [[_mm512_setzero_si512(); PLANES]; PARTS];
        for (vector, sum) in vectors.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            // SAFETY: LANES numbers of 32 bits are one vector.
            *vector = unsafe { _mm512_loadu_si512(sum.as_ptr().cast()) };
        }
        for (weights, pair) in weights.iter().zip(pairs) {
            let weights = _mm512_set1_epi32(bytemuck::cast(*weights));
            for (vector, words) in vectors.as_flattened_mut().iter_mut().zip(pair.as_flattened()) {
                // SAFETY: LANES numbers of 32 bits are one vector.
                let words = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
                *vector = _mm512_dpwssd_epi32(*vector, words, weights);
            }
        }
        for (vector, sum) in vectors.as_flattened().iter().zip(sums.as_flattened_mut()) {
            // SAFETY: LANES numbers of 32 bits are one vector.
            unsafe { _mm512_storeu_si512(sum.as_mut_ptr().cast(), *vector) };
        }
    }
}

/// Joins the words' sums of all rows to residues.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma,avx512vnni")]
pub fn join_words(sums: &[WordSums], modulus: Modulus, output: &mut [SquareTile]) {
    let upper = modulus.shifted(1, 2 * PLANE_BITS + 64);
    for (sums, output) in sums.iter().zip(output) {
        for (part, planes) in sums.iter().enumerate() {
            for lane in 0..LANES {
                // Two planes below 2^31 at 0 and 15 bits: below 2^47.
                let join = |low: usize| {
                    i64::from(planes[low][lane]) + (i64::from(planes[low + 1][lane]) << PLANE_BITS)
                };
                let upper = modulus.montgomery(modulus.reduce_lazily(join(2)).value(), upper);
                output[part * LANES + lane] = modulus.reduce(join(0) + upper) as i64;
            }
        }
    }
}
