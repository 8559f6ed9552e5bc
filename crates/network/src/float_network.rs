//! The network in floating point, as training leaves it.

use serde::{Deserialize, Serialize};

use crate::{Architecture, Block, IntegerNetwork};

/// Real-valued weights on pixels in `0..=1`; same blocks and shapes as
/// [`IntegerNetwork`](crate::IntegerNetwork).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FloatNetwork {
    /// The shapes.
    pub architecture: Architecture,
    /// `maps` rows of `kernel * kernel` taps.
    pub convolution: Block<f32>,
    /// `hidden` rows of `activations` weights.
    pub hidden: Block<f32>,
    /// `classes` rows of `hidden` weights.
    pub output: Block<f32>,
}

impl FloatNetwork {
    /// Whether the blocks have the shapes that the architecture needs; only then may an image be classified.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.architecture.validate().is_ok()
            && IntegerNetwork::shapes(&self.architecture)
                .iter()
                .zip([&self.convolution, &self.hidden, &self.output])
                .all(|((_, shape), block)| *shape == [block.rows(), block.columns()])
    }

    /// The logits of one image of `pixels()` bytes, which stand for `0..=1`.
    ///
    /// # Panics
    /// If the image has fewer pixels than the architecture.
    #[must_use]
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

/// In eight independent sums: one would wait for itself at every step.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let tail = a.len() - a.len() % LANES;
    sums.iter().sum::<f32>() + a[tail..].iter().zip(&b[tail..]).map(|(a, b)| a * b).sum::<f32>()
}
