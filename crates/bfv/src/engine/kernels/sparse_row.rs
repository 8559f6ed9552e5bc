//! Rows of weights without their zeros.

/// The weights of one row that are not zero, with the numbers of their inputs.
pub type SparseRow = Vec<(usize, i64)>;

/// The sum of the absolute weights of a row.
pub fn l1_norm(row: &SparseRow) -> u128 {
    row.iter().map(|(_, weight)| u128::from(weight.unsigned_abs())).sum()
}

/// The largest absolute weight of a row.
pub fn max_weight(row: &SparseRow) -> u64 {
    row.iter().map(|(_, weight)| weight.unsigned_abs()).max().unwrap_or(0)
}
