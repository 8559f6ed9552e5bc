//! A network in 64-bit floating point.

use sottovoce_network::{Architecture, Block};

/// Names of the layers, in order.
pub const LAYER_NAMES: [&str; 3] = ["convolution", "hidden", "output"];

/// The same blocks as [`FloatNetwork`](sottovoce_network::FloatNetwork), in 64 bits: foreign weights in the
/// precision that they came in, folded and scaled without a visible loss.
#[derive(Debug, Clone, PartialEq)]
pub struct RealNetwork {
    architecture: Architecture,
    blocks: [Block<f64>; 3],
}

impl RealNetwork {
    /// A network of blocks that have the architecture's shapes.
    pub(crate) fn new(architecture: Architecture, blocks: [Block<f64>; 3]) -> Self {
        Self { architecture, blocks }
    }

    /// The shapes.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Convolution, hidden and output layer.
    #[must_use]
    pub fn blocks(&self) -> &[Block<f64>; 3] {
        &self.blocks
    }

    /// The logits of an image of `pixels()` numbers, one by one as the definition has them. Many images go faster in
    /// batches.
    ///
    /// # Panics
    /// If the image has fewer pixels than the architecture.
    #[must_use]
    pub fn logits(&self, image: &[f64]) -> Vec<f64> {
        let [_, _, logits] = self.layers(image);
        logits
    }

    /// The outputs of every layer for an image of `pixels()` numbers, before their squares: the convolution's map by map, the
    /// hidden units, the logits.
    ///
    /// # Panics
    /// If the image has fewer pixels than the architecture.
    #[must_use]
    pub fn layers(&self, image: &[f64]) -> [Vec<f64>; 3] {
        let [convolution, hidden, output] = &self.blocks;
        let positions = self.architecture.positions();
        let biases = convolution.biases().iter().flat_map(|&bias| std::iter::repeat_n(bias, positions));
        let mut values: Vec<f64> = biases.collect();
        for position in 0..positions {
            for (tap, pixel) in self.architecture.window(position) {
                for (map, weights) in convolution.row_iter().enumerate() {
                    values[map * positions + position] += weights[tap] * image[pixel];
                }
            }
        }
        let units = dense(hidden, &squares(&values));
        let logits = dense(output, &squares(&units));
        [values, units, logits]
    }
}

fn squares(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value * value).collect()
}

fn dense(block: &Block<f64>, inputs: &[f64]) -> Vec<f64> {
    let output = |(weights, bias): (&[f64], &f64)| {
        bias + weights.iter().zip(inputs).map(|(weight, input)| weight * input).sum::<f64>()
    };
    block.row_iter().zip(block.biases()).map(output).collect()
}
