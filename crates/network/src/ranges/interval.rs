//! Signed interval arithmetic through a network.

use crate::block::IntegerBlock;
use crate::integer_network::IntegerNetwork;

/// All integers from `low` to `high`, with `low <= high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub low: i128,
    pub high: i128,
}

impl Interval {
    pub fn point(value: i128) -> Self {
        Self { low: value, high: value }
    }

    pub fn add(self, other: Self) -> Option<Self> {
        Some(Self { low: self.low.checked_add(other.low)?, high: self.high.checked_add(other.high)? })
    }

    pub fn times(self, weight: i64) -> Option<Self> {
        let (a, b) = (self.low.checked_mul(weight.into())?, self.high.checked_mul(weight.into())?);
        Some(Self { low: a.min(b), high: a.max(b) })
    }

    /// Smallest interval that holds the squares of its integers.
    pub fn square(self) -> Option<Self> {
        let (a, b) = (self.low.checked_mul(self.low)?, self.high.checked_mul(self.high)?);
        let low = if self.low <= 0 && self.high >= 0 { 0 } else { a.min(b) };
        Some(Self { low, high: a.max(b) })
    }

    /// Integers of both intervals. Both bound the same quantity, so there is at least one.
    pub fn intersect(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    pub fn largest(self) -> i128 {
        self.high.saturating_abs().max(self.low.saturating_abs())
    }
}

/// Bounds the activations (squares of the convolution's outputs) over every image, map by map, positions in row order.
pub(super) fn activations(network: &IntegerNetwork) -> Option<Vec<Interval>> {
    let shape = network.architecture();
    let pixel = Interval { low: 0, high: network.pixel_levels().largest().into() };
    let windows: Vec<Vec<usize>> =
        (0..shape.positions()).map(|position| shape.window(position).map(|(tap, _)| tap).collect()).collect();
    let convolution = network.convolution();
    let rows = convolution.row_iter().zip(convolution.biases());
    rows.flat_map(|(weights, &bias)| {
        windows.iter().map(move |taps| {
            let sum = taps
                .iter()
                .try_fold(Interval::point(bias), |sum, &tap| sum.add(pixel.times(*weights.get(tap)?)?));
            sum?.square()
        })
    })
    .collect()
}

/// Bounds the outputs of a dense layer over inputs that are independent of each other in their intervals.
pub(super) fn dense(block: &IntegerBlock, inputs: &[Interval]) -> Option<Vec<Interval>> {
    let rows = block.row_iter().zip(block.biases());
    rows.map(|(weights, &bias)| {
        let mut terms = weights.iter().zip(inputs);
        terms.try_fold(Interval::point(bias), |sum, (&weight, input)| sum.add(input.times(weight)?))
    })
    .collect()
}

/// Bounds the logits over hidden units (before their square) that are independent of each other in their intervals.
pub(super) fn logits(network: &IntegerNetwork, hidden: &[Interval]) -> Option<Vec<Interval>> {
    let squares = hidden.iter().map(|unit| unit.square()).collect::<Option<Vec<_>>>()?;
    dense(network.output(), &squares)
}
