//! The dense layer as an 8-bit integer matrix product.
//!
//! Residues below 2^48 are six planes of bytes, weights are signed bytes, and `vpdpbusd` adds four products of a
//! byte and a weight to a 32-bit sum in each of 16 lanes. Four outputs of six planes fill 24 of the 32 vector
//! registers with sums, so that every loaded vector is used four times.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::loops::{LANES, PLANES};
use super::{Kernel, Modulus};

/// Outputs that are summed at the same time.
const ROWS: usize = 4;

/// Bytes of one group: four columns in every lane of every plane.
const GROUP: usize = PLANES * 4 * LANES;

/// The longest row: 255 times 128 in each column must stay below 2^31 in all.
const MOST_COLUMNS: usize = (1 << 31) / (255 * 128);

/// Weights that are bytes.
#[derive(Debug)]
pub struct ByteWeights {
    rows: usize,
    groups: usize,
    /// For every four rows, for every four columns, for each of the rows: four weights.
    words: Vec<[i8; 4]>,
}

impl ByteWeights {
    /// Weights as digits from -128 to 127 to the base of 256, the highest first; `None` where a row is too long. Only for
    /// kernels that multiply bytes.
    pub fn digits(weights: &[i64], columns: usize) -> Option<Vec<Self>> {
        if columns > MOST_COLUMNS {
            return None;
        }
        let mut digits = Vec::new();
        let mut rest = weights.to_vec();
        while digits.is_empty() || rest.iter().any(|&weight| weight != 0) {
            let lowest: Vec<i8> = rest.iter().map(|&weight| weight as i8).collect();
            for (weight, &digit) in rest.iter_mut().zip(&lowest) {
                *weight = ((i128::from(*weight) - i128::from(digit)) >> 8) as i64;
            }
            digits.push(Self::new(&lowest, columns));
        }
        digits.reverse();
        Some(digits)
    }

    fn new(weights: &[i8], columns: usize) -> Self {
        let rows = weights.len() / columns;
        let groups = columns.div_ceil(4);
        let weight = |row: usize, column: usize| {
            // Zeros beyond the last row and column.
            if row < rows && column < columns { weights[row * columns + column] } else { 0 }
        };
        let mut words = Vec::with_capacity(rows.div_ceil(ROWS) * groups * ROWS);
        for block in 0..rows.div_ceil(ROWS) {
            for group in 0..groups {
                for row in block * ROWS..(block + 1) * ROWS {
                    words.push(std::array::from_fn(|k| weight(row, 4 * group + k)));
                }
            }
        }
        Self { rows, groups, words }
    }

    /// Multiplies with byte planes, `groups` times six planes of LANES times four bytes; `output` gets LANES
    /// residues for each row.
    pub fn multiply(&self, kernel: Kernel, planes: &[u8], modulus: Modulus, output: &mut [u64]) {
        assert!(kernel.is_avx512());
        assert!(planes.len() >= self.groups * GROUP && output.len() >= self.rows * LANES);
        for (words, output) in self
            .words
            .chunks_exact(self.groups * ROWS)
            .zip(output[..self.rows * LANES].chunks_mut(ROWS * LANES))
        {
            // SAFETY: a kernel that multiplies bytes exists only on processors with VNNI; the lengths are checked above,
            // and `words` holds ROWS words for each group.
            let sums = unsafe { multiply_block(words, planes) };
            kernel.join_planes(sums.as_flattened().as_flattened(), modulus, output);
        }
    }
}

type Sums = [[[i32; LANES]; PLANES]; ROWS];

/// Sums of four rows over all groups.
///
/// # Safety
/// The processor must have the features; `planes` must hold `words.len() / ROWS` groups.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn multiply_block(words: &[[i8; 4]], planes: &[u8]) -> Sums {
    let mut sums = [[_mm512_setzero_si512(); PLANES]; ROWS];
    for (words, group) in words.chunks_exact(ROWS).zip(planes.chunks_exact(GROUP)) {
        // SAFETY: a group holds PLANES vectors of 64 bytes.
        let bytes: [__m512i; PLANES] =
            std::array::from_fn(|plane| unsafe { _mm512_loadu_si512(group.as_ptr().add(plane * 64).cast()) });
        for (sums, word) in sums.iter_mut().zip(words) {
            let weights = _mm512_set1_epi32(i32::from_ne_bytes(word.map(|weight| weight as u8)));
            for (sum, bytes) in sums.iter_mut().zip(bytes) {
                *sum = _mm512_dpbusd_epi32(*sum, bytes, weights);
            }
        }
    }
    let mut output = [[[0; LANES]; PLANES]; ROWS];
    for (output, sum) in output.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        // SAFETY: LANES numbers of 32 bits are one vector.
        unsafe { _mm512_storeu_si512(output.as_mut_ptr().cast(), *sum) };
    }
    output
}
