//! The network in floating point, which training produces.

use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::block::Block;

/// Real-valued weights on pixels in `0..=1`, in the same blocks as an [`IntegerNetwork`](crate::IntegerNetwork).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FloatNetwork {
    /// Sizes of the layers.
    pub architecture: Architecture,
    /// `maps` rows of `kernel * kernel` taps.
    pub convolution: Block<f32>,
    /// `hidden` rows of `activations` weights.
    pub hidden: Block<f32>,
    /// `classes` rows of `hidden` weights.
    pub output: Block<f32>,
}

impl FloatNetwork {
    /// Returns whether the architecture is valid and the blocks have the sizes that it needs. Only then may an image be
    /// classified.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.architecture.validate().is_ok()
            && self
                .architecture
                .block_shapes()
                .iter()
                .zip([&self.convolution, &self.hidden, &self.output])
                .all(|(shape, block)| (shape.rows, shape.columns) == (block.rows(), block.columns()))
    }

    /// Computes the logits of one image of `architecture.pixels()` bytes. A byte `p` stands for the pixel `p / 255`.
    ///
    /// # Panics
    /// If the image has fewer pixels than the architecture, or the network is not [consistent](Self::is_consistent).
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "the documentation states the panic for images and blocks of wrong sizes"
    )]
    pub fn logits(&self, image: &[u8]) -> Vec<f32> {
        let image: Vec<f32> = image.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        let mut activations = Vec::with_capacity(self.architecture.activations());
        for (weights, &bias) in self.convolution.row_iter().zip(self.convolution.biases()) {
            for position in 0..self.architecture.positions() {
                let window = self.architecture.window(position);
                let sum = window.fold(bias, |sum, (tap, pixel)| sum + weights[tap] * image[pixel]);
                activations.push(sum * sum);
            }
        }
        let mut hidden = dense(&self.hidden, &activations);
        hidden.iter_mut().for_each(|value| *value *= *value);
        dense(&self.output, &hidden)
    }
}

fn dense(block: &Block<f32>, inputs: &[f32]) -> Vec<f32> {
    block.row_iter().zip(block.biases()).map(|(weights, bias)| bias + dot(weights, inputs)).collect()
}

/// Adds the products in eight independent sums, because one sum would wait for every addition before the next.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = a_lanes.remainder().iter().zip(b_lanes.remainder());
    for (a, b) in a_lanes.zip(b_lanes) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + tail.map(|(a, b)| a * b).sum::<f32>()
}
