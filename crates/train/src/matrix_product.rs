//! Matrix products whose last bits do not depend on the processor.
//!
//! `burn` uses the matrix library `gemm`, which adds up the products of one output value in a chain of fused multiply-adds. It cuts
//! a chain of more than 512 products into pieces and sums each piece from zero. The length of the pieces follows from the
//! associativity of the first-level cache: 845 products are two chains of 423 and 422 on a Zen 4 and one chain on a Zen 5. Chains of
//! at most 512 products are one piece on every processor, so this file cuts longer chains itself.

use std::ops::Range;

use burn::tensor::Tensor;

/// The longest chain of products that `gemm` (0.19, `kernel_params`) does not cut on any processor.
const MAX_CHAIN: usize = 512;

/// Computes the matrix product of `left`, `[..., m, k]`, and `right`, `[..., k, n]`. Dimensions before the last two are broadcast.
///
/// The products of an output value are cut into the fewest pieces of at most [`MAX_CHAIN`], as equal as possible, longer
/// ones first. A piece is a chain of fused multiply-adds that starts at zero. Pieces are added from first to last. The gradient's products
/// are sums over `m` and `n`, which are cut in the same way.
#[expect(clippy::indexing_slicing, reason = "a matrix has at least two dimensions, so `D` is at least 2")]
pub fn matrix_product<const D: usize>(left: Tensor<D>, right: Tensor<D>) -> Tensor<D> {
    let (rows, inner, columns) = (D - 2, D - 1, D - 1);
    let [m, k, n] = [left.dims()[rows], left.dims()[inner], right.dims()[columns]];
    join_pieces(m, rows, |of_rows| {
        let left = narrow(&left, rows, of_rows);
        join_pieces(n, columns, |of_columns| {
            let right = narrow(&right, columns, of_columns);
            let piece = |of_inner: Range<usize>| {
                let (left, right) = (narrow(&left, inner, of_inner.clone()), narrow(&right, rows, of_inner));
                #[allow(clippy::disallowed_methods, reason = "no dimension exceeds the longest chain")]
                left.matmul(right)
            };
            let mut pieces = pieces(k).into_iter();
            let first = piece(pieces.next().unwrap_or_default());
            pieces.fold(first, |sum, range| sum + piece(range))
        })
    })
}

/// Runs `compute` for every piece of `length` and joins the results along dimension `dim`.
fn join_pieces<const D: usize>(
    length: usize,
    dim: usize,
    compute: impl Fn(Range<usize>) -> Tensor<D>,
) -> Tensor<D> {
    match &*pieces(length) {
        [all] => compute(all.clone()),
        several => Tensor::cat(several.iter().cloned().map(compute).collect(), dim),
    }
}

/// Returns the indices of `range` along dimension `dim`; the full range needs no copy.
#[expect(clippy::indexing_slicing, reason = "callers pass one of the last two of `D` dimensions")]
fn narrow<const D: usize>(tensor: &Tensor<D>, dim: usize, range: Range<usize>) -> Tensor<D> {
    if range.len() == tensor.dims()[dim] {
        tensor.clone()
    } else {
        tensor.clone().narrow(dim, range.start, range.len())
    }
}

/// Cuts `0..length` into the fewest pieces of at most [`MAX_CHAIN`], at least one. All pieces but the last are equally long.
fn pieces(length: usize) -> Vec<Range<usize>> {
    let count = length.div_ceil(MAX_CHAIN).max(1);
    let each = length.div_ceil(count);
    (0..count).map(|piece| piece * each..((piece + 1) * each).min(length)).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A row-major matrix.
    #[derive(Clone)]
    struct Matrix {
        columns: usize,
        values: Vec<f32>,
    }

    impl Matrix {
        fn random(rows: usize, columns: usize, rng: &mut impl Rng) -> Self {
            Self { columns, values: (0..rows * columns).map(|_| rng.random_range(-1.0..1.0)).collect() }
        }

        fn rows(&self) -> usize {
            self.values.len() / self.columns
        }

        fn transpose(&self) -> Self {
            let values = (0..self.columns).flat_map(|c| (0..self.rows()).map(move |r| (r, c)));
            let values = values.map(|(r, c)| self.values[r * self.columns + c]).collect();
            Self { columns: self.rows(), values }
        }

        /// The product as the documentation of [`matrix_product`] defines it, without the matrix library.
        fn times(&self, other: &Self) -> Vec<f32> {
            let chain = |row: usize, column: usize, range: Range<usize>| {
                range.fold(0f32, |sum, i| {
                    let (left, right) =
                        (self.values[row * self.columns + i], other.values[i * other.columns + column]);
                    left.mul_add(right, sum)
                })
            };
            let value = |row, column| {
                pieces(self.columns)
                    .into_iter()
                    .map(|range| chain(row, column, range))
                    .reduce(|sum, piece| sum + piece)
            };
            let places = (0..self.rows()).flat_map(|row| (0..other.columns).map(move |column| (row, column)));
            places.filter_map(|(row, column)| value(row, column)).collect()
        }

        fn tensor(&self, device: &Device) -> Tensor<2> {
            let data = TensorData::new(self.values.clone(), [self.rows(), self.columns]);
            Tensor::from_data(data, device).require_grad()
        }
    }

    fn numbers(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn pieces_are_as_few_and_as_equal_as_possible() {
        assert_eq!(pieces(845), [0..423, 423..845]);
        assert_eq!((pieces(512).len(), pieces(512)[0].clone()), (1, 0..512));
        assert_eq!(pieces(1025), [0..342, 342..684, 684..1025]);
        assert_eq!((pieces(0).len(), pieces(0)[0].clone()), (1, 0..0));
    }

    #[test]
    fn products_and_their_gradients_are_the_defined_chains_to_the_last_bit() {
        if !crate::tests::has_fused_multiply_add() {
            return;
        }
        let device = Device::flex().autodiff();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for [m, k, n] in [[64, 845, 100], [70, 1300, 65], [600, 30, 520], [64, 100, 10], [17, 600, 80]] {
            let left = Matrix::random(m, k, &mut rng);
            // As weights are stored: one row for an output.
            let right = Matrix::random(n, k, &mut rng);
            let gradient = Matrix::random(m, n, &mut rng);
            let (left_tensor, right_tensor) = (left.tensor(&device), right.tensor(&device));
            let result = matrix_product(left_tensor.clone(), right_tensor.clone().transpose());
            let gradients = (result.clone() * gradient.tensor(&device).detach()).sum().backward();
            assert_eq!(numbers(result), left.times(&right.transpose()), "{m} x {k} x {n}");
            let of_left = left_tensor.grad(&gradients).unwrap();
            assert_eq!(numbers(of_left), gradient.times(&right), "{m} x {k} x {n}");
            let of_right = right_tensor.grad(&gradients).unwrap();
            assert_eq!(numbers(of_right), gradient.transpose().times(&left), "{m} x {k} x {n}");
        }
    }
}
