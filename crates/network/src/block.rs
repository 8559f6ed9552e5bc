//! Weights and biases of one layer.

use std::ops::Mul;

use serde::{Deserialize, Serialize};

/// Weights (`rows` x `columns`, row by row) and biases (`rows`) of one layer. A row belongs to one output.
///
/// A network has three blocks (paper, Table 2), as rows x columns: convolution, `maps` x `kernel * kernel`; hidden,
/// `hidden` x `activations` (map by map, positions in row order); output, `classes` x `hidden`.
///
/// ```
/// use sottovoce_network::Block;
///
/// let block = Block::new(3, vec![1, 2, 3, 4, 5, 6], vec![10, 20]).ok_or("not 3 weights for each row")?;
/// assert_eq!((block.rows(), block.columns()), (2, 3));
/// assert_eq!(block.row(1), [4, 5, 6]);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedBlock<W, B>")]
pub struct Block<W, B = W> {
    columns: usize,
    weights: Vec<W>,
    biases: Vec<B>,
}

/// A deserialised block whose shape has not been checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedBlock<W, B> {
    columns: usize,
    weights: Vec<W>,
    biases: Vec<B>,
}

impl<W, B> TryFrom<UncheckedBlock<W, B>> for Block<W, B> {
    type Error = String;

    fn try_from(block: UncheckedBlock<W, B>) -> Result<Self, String> {
        let UncheckedBlock { columns, weights, biases } = block;
        let (found, rows) = (weights.len(), biases.len());
        Self::new(columns, weights, biases)
            .ok_or_else(|| format!("a block of {rows} rows and {columns} columns has {found} weights"))
    }
}

impl<W, B> Block<W, B> {
    /// Creates a block of `biases.len()` rows. Returns `None` unless there are `columns` weights for each row, and at
    /// least one column.
    #[must_use]
    pub fn new(columns: usize, weights: Vec<W>, biases: Vec<B>) -> Option<Self> {
        (columns > 0 && weights.len() == columns * biases.len()).then_some(Self { columns, weights, biases })
    }

    /// Creates a block with the weights `weight(row, column)` and the biases `bias(row)`. `weight` is called row by
    /// row, then `bias`.
    #[must_use]
    pub fn from_fn(
        rows: usize,
        columns: usize,
        mut weight: impl FnMut(usize, usize) -> W,
        bias: impl FnMut(usize) -> B,
    ) -> Self {
        let weights = (0..rows * columns).map(|i| weight(i / columns, i % columns)).collect();
        Self { columns, weights, biases: (0..rows).map(bias).collect() }
    }

    /// Number of outputs.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.biases.len()
    }

    /// Number of inputs, the same for every output.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All weights, row by row: `rows * columns` of them.
    #[must_use]
    pub fn weights(&self) -> &[W] {
        &self.weights
    }

    /// One bias for each row.
    #[must_use]
    pub fn biases(&self) -> &[B] {
        &self.biases
    }

    /// Iterates over the rows: the `columns` weights of one output after the other.
    pub fn row_iter(&self) -> impl ExactSizeIterator<Item = &[W]> {
        self.weights.chunks_exact(self.columns)
    }

    /// The `columns` weights of output `row`.
    ///
    /// # Panics
    /// If the block has no such row.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "the documentation states the panic; callers pass a row below `rows()`"
    )]
    pub fn row(&self, row: usize) -> &[W] {
        &self.weights[row * self.columns..(row + 1) * self.columns]
    }

    /// Returns a block of the same shape with the weights `f(row, column, weight)` and the biases `g(row, bias)`.
    /// `f` is called row by row, then `g`.
    #[must_use]
    pub fn map<V, C>(
        &self,
        mut f: impl FnMut(usize, usize, &W) -> V,
        mut g: impl FnMut(usize, &B) -> C,
    ) -> Block<V, C> {
        let mut weights = Vec::with_capacity(self.weights.len());
        for (row, in_row) in self.row_iter().enumerate() {
            weights.extend(in_row.iter().enumerate().map(|(column, weight)| f(row, column, weight)));
        }
        let biases = self.biases.iter().enumerate().map(|(row, bias)| g(row, bias)).collect();
        Block { columns: self.columns, weights, biases }
    }
}

impl<W: Copy + Mul<Output = W>> Block<W> {
    /// Multiplies every weight by the factors of its column and its row, and every bias by the factor of its row.
    #[must_use]
    pub fn scaled(&self, column: impl Fn(usize) -> W, row: impl Fn(usize) -> W) -> Self {
        self.map(|r, c, &weight| weight * column(c) * row(r), |r, &bias| bias * row(r))
    }
}

/// Integer weights and biases of one layer. Biases are wider than weights because they have the scale of the layer's
/// output, which reaches 80 bits for imported weights.
pub type IntegerBlock = Block<i64, i128>;
