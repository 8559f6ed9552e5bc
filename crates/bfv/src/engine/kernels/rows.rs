//! Short rows of weights, in the form that a kernel adds up fastest.

use super::loops::LANES;
use super::{Kernel, Modulus, NORM_LIMIT, SparseRows};

/// Weights of several rows.
#[derive(Debug)]
pub enum Rows {
    /// As lists of additions: small weights.
    Lists(SparseRows),
    /// As products: weights of several binary digits, on processors with vectors of 64-bit products.
    Products(WeightedRows),
}

/// Rows of `(input, weight)`.
#[derive(Debug, Clone, Default)]
pub struct WeightedRows {
    /// Where each row ends.
    ends: Vec<usize>,
    terms: Vec<(u32, i64)>,
}

/// What a product with its addition takes, in additions of lists.
const PRODUCT: usize = 2;

impl Rows {
    /// Rows of `(input, weight)`, as [`SparseRows::new`] takes them.
    pub fn new(kernel: Kernel, rows: &[Vec<(usize, i64)>]) -> Self {
        let norm = |row: &Vec<(usize, i64)>| {
            row.iter().map(|(_, weight)| u128::from(weight.unsigned_abs())).sum::<u128>()
        };
        let wide = rows.iter().any(|row| norm(row) >= u128::from(NORM_LIMIT));
        let lists = SparseRows::new(rows.iter().cloned(), wide);
        let mut products = WeightedRows::default();
        for row in rows {
            let terms = row.iter().filter(|(_, weight)| *weight != 0);
            // Inputs are fewer than 2^32: each is a row of a tile in memory.
            products.terms.extend(terms.map(|&(input, weight)| (input as u32, weight)));
            products.ends.push(products.terms.len());
        }
        // Sums of products must stay below 2^62.
        if kernel.is_avx512() && !wide && lists.cost() > PRODUCT * products.terms.len() {
            Self::Products(products)
        } else {
            Self::Lists(lists)
        }
    }

    /// Adds the weighted inputs of every row to its sums, as [`Kernel::add_rows`].
    pub fn add(&self, kernel: Kernel, input: &[u64], modulus: Modulus, sums: &mut [i64]) {
        match self {
            Self::Lists(rows) => kernel.add_rows(rows, input, modulus, sums),
            Self::Products(rows) => kernel.multiply_rows(rows, input, sums),
        }
    }
}

#[inline(always)]
pub fn multiply_rows(rows: &WeightedRows, input: &[u64], sums: &mut [i64]) {
    let (input, _) = input.as_chunks::<LANES>();
    let (sums, _) = sums.as_chunks_mut::<LANES>();
    let mut start = 0;
    for (sums, &end) in sums.iter_mut().zip(&rows.ends) {
        let mut sum = *sums;
        for &(index, weight) in &rows.terms[start..end] {
            for (sum, &value) in sum.iter_mut().zip(&input[index as usize]) {
                *sum += weight * value as i64;
            }
        }
        *sums = sum;
        start = end;
    }
}
