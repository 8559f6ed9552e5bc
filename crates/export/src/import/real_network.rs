//! A network in 64-bit floating point.

use sottovoce_network::{Architecture, Block};

/// A layer of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// The convolution.
    Convolution,
    /// The hidden dense layer.
    Hidden,
    /// The last dense layer, whose outputs are the logits.
    Output,
}

impl LayerKind {
    /// Returns the layer's name in descriptions.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Convolution => "convolution",
            Self::Hidden => "hidden",
            Self::Output => "output",
        }
    }
}

/// A network with the blocks of a [`FloatNetwork`](sottovoce_network::FloatNetwork), in 64 bits. Imported weights keep the
/// precision of their file while they are folded and scaled.
#[derive(Debug, Clone, PartialEq)]
pub struct RealNetwork {
    architecture: Architecture,
    blocks: [Block<f64>; 3],
}

impl RealNetwork {
    /// Creates a network of blocks that have the architecture's shapes.
    pub(crate) fn new(architecture: Architecture, blocks: [Block<f64>; 3]) -> Self {
        Self { architecture, blocks }
    }

    /// Returns the architecture.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Returns convolution, hidden and output layer.
    #[must_use]
    pub fn blocks(&self) -> &[Block<f64>; 3] {
        &self.blocks
    }

    /// Returns the logits of an image of `pixels()` numbers, computed as defined. A batch network is faster for many
    /// images.
    ///
    /// # Panics
    /// If the image has fewer pixels than the architecture.
    #[must_use]
    pub fn logits(&self, image: &[f64]) -> Vec<f64> {
        let [_, _, logits] = self.layer_outputs(image);
        logits
    }

    /// Returns the outputs of every layer for an image of `pixels()` numbers, before their squares: the convolution's
    /// map by map, the hidden units, the logits.
    ///
    /// # Panics
    /// If the image has fewer pixels than the architecture.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "positions, taps and pixels are those of the architecture; a shorter image is the documented panic"
    )]
    pub fn layer_outputs(&self, image: &[f64]) -> [Vec<f64>; 3] {
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
