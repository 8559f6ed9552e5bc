//! Symmetric band matrices of integers, and a certified test for positive semidefiniteness.

#![expect(
    clippy::indexing_slicing,
    reason = "rows and columns are below `size`, columns at most `width` before their row, so `index` is in `entries`"
)]

/// Lower half of a symmetric matrix of integers with the entries `(i, j)`, `i - width <= j <= i`. The entries are floats
/// that hold the integers exactly: absolute values are at most 2^52.
#[derive(Debug, Clone)]
pub(super) struct SymmetricBand {
    size: usize,
    width: usize,
    /// `width + 1` entries for each row, the diagonal one last.
    entries: Vec<f64>,
}

/// Largest absolute entry. Such integers and the sum of two of them are exact as floats.
const EXACT: i128 = 1 << 52;

impl SymmetricBand {
    pub fn new(size: usize, width: usize) -> Self {
        Self { size, width, entries: vec![0.0; size * (width + 1)] }
    }

    fn index(&self, row: usize, column: usize) -> usize {
        row * (self.width + 1) + self.width + column - row
    }

    /// Sets the entry `(row, column)` of the lower half; `None` if its absolute value exceeds 2^52.
    pub fn set(&mut self, row: usize, column: usize, value: i128) -> Option<()> {
        let index = self.index(row, column);
        // The cast is exact below 2^53.
        self.entries[index] = (value.abs() <= EXACT).then_some(value as f64)?;
        Some(())
    }

    /// Computes the Euclidean lengths of the rows of the whole matrix.
    pub fn row_norms(&self) -> Vec<f64> {
        let mut squares = vec![0.0; self.size];
        self.for_each(|row, column, entry| {
            squares[row] += entry * entry;
            if row != column {
                squares[column] += entry * entry;
            }
        });
        squares.into_iter().map(f64::sqrt).collect()
    }

    fn for_each(&self, mut visit: impl FnMut(usize, usize, f64)) {
        for row in 0..self.size {
            for column in row.saturating_sub(self.width)..=row {
                let entry = self.entries[self.index(row, column)];
                if entry != 0.0 {
                    visit(row, column, entry);
                }
            }
        }
    }

    /// Estimates the largest eigenvalue of `S M S`, where `S` is the diagonal matrix of `scale`, by a few steps of Lanczos'
    /// method. The estimate may be too small or too large: it is only a start for a certified search.
    pub fn largest_eigenvalue(&self, scale: &[f64]) -> f64 {
        const STEPS: usize = 30;
        let mut triples = Vec::new();
        self.for_each(|row, column, entry| triples.push((row, column, entry * scale[row] * scale[column])));
        // The start must not be orthogonal to the eigenvector, so it has no symmetry that the matrix may have.
        let mut vector: Vec<f64> = (0..self.size).map(|i| 1.0 + (i * i % 7) as f64 / 3.0).collect();
        let mut previous = vec![0.0; self.size];
        let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
        let mut length = norm(&vector);
        for step in 0..STEPS.min(self.size) {
            vector.iter_mut().for_each(|v| *v /= length);
            let mut next = vec![0.0; self.size];
            for &(row, column, entry) in &triples {
                next[row] += entry * vector[column];
                if row != column {
                    next[column] += entry * vector[row];
                }
            }
            let along: f64 = next.iter().zip(&vector).map(|(a, b)| a * b).sum();
            let back = if step == 0 { 0.0 } else { length };
            for ((next, v), p) in next.iter_mut().zip(&vector).zip(&previous) {
                *next -= along * v + back * p;
            }
            diagonal.push(along);
            previous = std::mem::replace(&mut vector, next);
            length = norm(&vector);
            if length <= f64::EPSILON * along.abs() {
                break;
            }
            beside.push(length);
        }
        largest_of_tridiagonal(&diagonal, &beside)
    }

    /// Returns true only if `diag(shifts) - M` is positive semidefinite. If it returns false, the matrix may still be.
    ///
    /// The test is Cholesky's method in floats. If the method succeeds on a matrix `A` of size `n`, then `A + E` is positive
    /// semidefinite for an error `E` of at most `(n + 1) u trace(A)`, to first order in the rounding unit `u = 2^-53`, for
    /// any order of the sums (Demmel 1989; Rump, "Verification of positive definiteness", 2006). So four times this bound,
    /// and 1 for underflow, is subtracted from the diagonal first.
    pub fn is_certainly_below(&self, shifts: &[i128]) -> bool {
        self.factorise(shifts).is_some()
    }

    fn factorise(&self, shifts: &[i128]) -> Option<()> {
        let (size, width) = (self.size, self.width);
        if shifts.iter().any(|shift| !(0..=EXACT).contains(shift)) {
            return None;
        }
        let diagonal = |row: usize| self.entries[self.index(row, row)];
        // The sum is exact: every term is at most 2^53.
        let trace: i128 = (0..size).map(|row| shifts[row] - diagonal(row) as i128).sum();
        let margin = (trace.checked_mul(size as i128 + 2)? >> 51) + 1;
        let mut rows: Vec<f64> = self.entries.iter().map(|entry| -entry).collect();
        for (row, shift) in shifts.iter().enumerate() {
            let entry = shift - diagonal(row) as i128 - margin;
            rows[self.index(row, row)] = (0 < entry && entry <= EXACT).then_some(entry as f64)?;
        }
        let mut column = vec![0.0; width];
        for pivot in 0..size {
            let square = rows[self.index(pivot, pivot)];
            // This comparison refuses NaN too.
            if !(square > 0.0 && square.is_finite()) {
                return None;
            }
            let root = square.sqrt();
            let below = width.min(size - 1 - pivot);
            for (step, entry) in column[..below].iter_mut().enumerate() {
                *entry = rows[self.index(pivot + 1 + step, pivot)] / root;
            }
            for step in 0..below {
                let factor = column[step];
                if factor != 0.0 {
                    let start = self.index(pivot + 1 + step, pivot + 1);
                    for (entry, other) in rows[start..=start + step].iter_mut().zip(&column) {
                        *entry -= factor * other;
                    }
                }
            }
        }
        Some(())
    }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Computes the largest eigenvalue of a symmetric tridiagonal matrix by bisection of Gershgorin's interval. All
/// eigenvalues are below `x` if every pivot of the matrix minus `x` is negative.
fn largest_of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> f64 {
    let side = |i: usize| beside.get(i).copied().unwrap_or(0.0);
    let radius = |i: usize| side(i) + if i > 0 { side(i - 1) } else { 0.0 };
    let all_below = |x: f64| {
        let mut pivot = -1.0;
        diagonal.iter().enumerate().all(|(i, d)| {
            let coupling = if i > 0 { side(i - 1) } else { 0.0 };
            pivot = d - x - coupling * coupling / pivot;
            pivot < 0.0
        })
    };
    let ends = |sign: f64| diagonal.iter().enumerate().map(move |(i, d)| d + sign * radius(i));
    let (mut low, mut high) =
        (ends(-1.0).fold(f64::INFINITY, f64::min), ends(1.0).fold(f64::NEG_INFINITY, f64::max));
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if all_below(middle) { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn band(entries: &[[i128; 3]]) -> SymmetricBand {
        let mut band = SymmetricBand::new(3, 2);
        for (row, values) in entries.iter().enumerate() {
            for (column, &value) in values[..=row].iter().enumerate() {
                band.set(row, column, value).unwrap();
            }
        }
        band
    }

    #[test]
    fn a_matrix_is_below_shifts_beyond_its_largest_eigenvalue_alone() {
        // Eigenvalues 1, 1 and 4, a thousand times.
        let matrix = band(&[[2000, 0, 0], [1000, 2000, 0], [1000, 1000, 2000]]);
        assert!((matrix.largest_eigenvalue(&[1.0; 3]) - 4000.0).abs() < 1e-6);
        assert!(matrix.is_certainly_below(&[4002; 3]));
        assert!(!matrix.is_certainly_below(&[3999; 3]));
    }

    #[test]
    fn entries_that_floats_round_are_refused() {
        assert_eq!(SymmetricBand::new(1, 0).set(0, 0, (1 << 53) + 1), None);
        assert!(!SymmetricBand::new(1, 0).is_certainly_below(&[i128::MAX]));
    }

    proptest! {
        #[test]
        fn what_is_certain_holds_for_every_vector(
            entries in prop::array::uniform3(prop::array::uniform3(-50i128..50)),
            shifts in prop::array::uniform3(0i128..150),
            vector in prop::array::uniform3(-20i128..20),
        ) {
            if band(&entries).is_certainly_below(&shifts) {
                let entry = |i: usize, j: usize| entries[i.max(j)][i.min(j)];
                let form: i128 = (0..9).map(|p| entry(p / 3, p % 3) * vector[p / 3] * vector[p % 3]).sum();
                let shifted: i128 = shifts.iter().zip(vector).map(|(s, v)| s * v * v).sum();
                prop_assert!(form <= shifted);
            }
        }
    }
}
