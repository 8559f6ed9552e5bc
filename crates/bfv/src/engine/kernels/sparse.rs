//! Rows of small weights as lists of what is added and what is taken away.
//!
//! Trained weights are few small integers and mostly zero. So the inputs of a row are grouped by the absolute value
//! of their weight; each group is summed up with additions alone, and multiplied once.

use super::Modulus;
use super::loops::LANES;

/// Inputs of a row that have the same absolute weight.
#[derive(Debug, Clone)]
struct Group {
    value: u64,
    /// Where the added inputs end, and then those taken away.
    plus_end: usize,
    minus_end: usize,
}

/// Weights of several rows.
#[derive(Debug, Clone)]
pub struct SparseRows {
    /// Where each row's groups end.
    row_ends: Vec<usize>,
    groups: Vec<Group>,
    inputs: Vec<u32>,
    /// Whether a row's sum may leave 62 bits, so that groups must be reduced before they are multiplied.
    wide: bool,
}

/// Largest L1 norm of a row whose sums of residues below 2^48 stay below 2^61, and most inputs of a row.
pub const MOST_NORM: u64 = 1 << 13;

impl SparseRows {
    /// Rows of `(input, weight)`; an input is there once in a row, and a row has fewer than [`MOST_NORM`] inputs.
    pub fn new(rows: impl Iterator<Item = Vec<(usize, i64)>>) -> Self {
        let mut sparse = Self { row_ends: Vec::new(), groups: Vec::new(), inputs: Vec::new(), wide: false };
        for mut row in rows {
            debug_assert!((row.len() as u64) < MOST_NORM);
            row.retain(|(_, weight)| *weight != 0);
            // By absolute value; what is added before what is taken away; in the order of memory.
            row.sort_unstable_by_key(|&(input, weight)| (weight.unsigned_abs(), weight < 0, input));
            let norm: u128 = row.iter().map(|(_, weight)| u128::from(weight.unsigned_abs())).sum();
            sparse.wide |= norm >= u128::from(MOST_NORM);
            for group in row.chunk_by(|a, b| a.1.unsigned_abs() == b.1.unsigned_abs()) {
                let plus = group.iter().take_while(|(_, weight)| *weight > 0).count();
                let start = sparse.inputs.len();
                // Inputs are fewer than 2^32: each is a row of a tile in memory.
                sparse.inputs.extend(group.iter().map(|&(input, _)| input as u32));
                sparse.groups.push(Group {
                    value: group[0].1.unsigned_abs(),
                    plus_end: start + plus,
                    minus_end: sparse.inputs.len(),
                });
            }
            sparse.row_ends.push(sparse.groups.len());
        }
        sparse
    }

    /// Inputs with weights that are not zero, over all rows.
    pub fn additions(&self) -> usize {
        self.inputs.len()
    }
}

#[inline(always)]
pub fn multiply_sparse(
    rows: &SparseRows,
    input: &[u64],
    biases: &[u64],
    modulus: Modulus,
    output: &mut [u64],
) {
    let (input, _) = input.as_chunks::<LANES>();
    let (output, _) = output.as_chunks_mut::<LANES>();
    let rows_per_bias = rows.row_ends.len().div_ceil(biases.len().max(1));
    let (mut group, mut start) = (0, 0);
    for (row, (output, &row_end)) in output.iter_mut().zip(&rows.row_ends).enumerate() {
        let bias = biases.get(row / rows_per_bias).copied().unwrap_or(0);
        let mut total = [bias as i64; LANES];
        for Group { value, plus_end, minus_end } in &rows.groups[group..row_end] {
            let mut sum = [0i64; LANES];
            for &index in &rows.inputs[start..*plus_end] {
                for (sum, &value) in sum.iter_mut().zip(&input[index as usize]) {
                    *sum += value as i64;
                }
            }
            for &index in &rows.inputs[*plus_end..*minus_end] {
                for (sum, &value) in sum.iter_mut().zip(&input[index as usize]) {
                    *sum -= value as i64;
                }
            }
            start = *minus_end;
            if rows.wide {
                for (total, sum) in total.iter_mut().zip(sum) {
                    // Below 2^48 each, and fewer than 2^13 of them.
                    *total += modulus.multiply(modulus.reduce(sum), value % modulus.value) as i64;
                }
            } else {
                for (total, sum) in total.iter_mut().zip(sum) {
                    // Below 2^48 times the row's norm in all.
                    *total += sum * *value as i64;
                }
            }
        }
        group = row_end;
        for (output, total) in output.iter_mut().zip(total) {
            *output = modulus.reduce(total);
        }
    }
}
