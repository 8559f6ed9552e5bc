//! Weights and biases of one layer.

use std::ops::Mul;

use serde::{Deserialize, Serialize};

/// Weights (`rows` x `columns`, row by row) and biases (`rows`) of one layer; a row is one output.
///
/// The three blocks of a network are (paper, Table 2): convolution, `maps` x `kernel * kernel`; dense,
/// `hidden` x `activations` (map by map, positions in row order); dense, `classes` x `hidden`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts<W, B>")]
pub struct Block<W, B = W> {
    columns: usize,
    weights: Vec<W>,
    biases: Vec<B>,
}

/// A block as it is read, before its shape is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts<W, B> {
    columns: usize,
    weights: Vec<W>,
    biases: Vec<B>,
}

impl<W, B> TryFrom<Parts<W, B>> for Block<W, B> {
    type Error = String;

    fn try_from(Parts { columns, weights, biases }: Parts<W, B>) -> Result<Self, String> {
        let (found, rows) = (weights.len(), biases.len());
        Self::new(columns, weights, biases)
            .ok_or_else(|| format!("{found} weights are not {columns} for each of {rows} biases"))
    }
}

impl<W, B> Block<W, B> {
    /// A block of `biases.len()` rows, or `None` where the weights are not `columns` for each of them.
    #[must_use]
    pub fn new(columns: usize, weights: Vec<W>, biases: Vec<B>) -> Option<Self> {
        (columns > 0 && weights.len() == columns * biases.len()).then_some(Self { columns, weights, biases })
    }

    /// A block with weight `weight(row, column)` and bias `bias(row)` everywhere.
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

    /// Outputs.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.biases.len()
    }

    /// Inputs of every output.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All weights, row by row.
    #[must_use]
    pub fn weights(&self) -> &[W] {
        &self.weights
    }

    /// One bias for each row.
    #[must_use]
    pub fn biases(&self) -> &[B] {
        &self.biases
    }

    /// The weights of one output after the other.
    pub fn row_iter(&self) -> impl ExactSizeIterator<Item = &[W]> {
        self.weights.chunks_exact(self.columns)
    }

    /// The weights of output `row`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[W] {
        &self.weights[row * self.columns..(row + 1) * self.columns]
    }

    /// The same shape with every weight `f(row, column, weight)` and every bias `g(row, bias)`.
    #[must_use]
    pub fn map<V, C>(&self, f: impl Fn(usize, usize, &W) -> V, g: impl Fn(usize, &B) -> C) -> Block<V, C> {
        let weight = |row, column| f(row, column, &self.weights[row * self.columns + column]);
        Block::from_fn(self.rows(), self.columns, weight, |row| g(row, &self.biases[row]))
    }
}

impl<W: Copy + Mul<Output = W>> Block<W> {
    /// The same shape with weights times the factors of their column and row, and biases times the row's.
    #[must_use]
    pub fn scaled(&self, column: impl Fn(usize) -> W, row: impl Fn(usize) -> W) -> Self {
        self.map(|r, c, &weight| weight * column(c) * row(r), |r, &bias| bias * row(r))
    }
}
