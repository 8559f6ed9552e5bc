//! A network in 64-bit floating point.

use sottovoce_network::{Architecture, Block};

/// The same blocks as [`FloatNetwork`](sottovoce_network::FloatNetwork), in 64 bits: foreign weights in the
/// precision they came in, folded and rescaled without a loss that could be seen; and integer networks, whose values
/// are exact in it up to 53 bits, several times faster than in exact integers.
#[derive(Debug, Clone, PartialEq)]
pub struct RealNetwork {
    architecture: Architecture,
    blocks: [Block<f64>; 3],
    /// What the convolution reads: position, tap, pixel.
    readings: Vec<(usize, usize, usize)>,
}

impl RealNetwork {
    /// A network of blocks that have the architecture's shapes.
    pub(super) fn new(architecture: Architecture, blocks: [Block<f64>; 3]) -> Self {
        let window = |position| architecture.window(position).map(move |(tap, pixel)| (position, tap, pixel));
        let readings = (0..architecture.positions()).flat_map(window).collect();
        Self { architecture, blocks, readings }
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

    /// The logits of an image of `pixels()` numbers.
    ///
    /// # Panics
    /// If the image has fewer pixels than the architecture.
    #[must_use]
    pub fn logits(&self, image: &[f64]) -> Vec<f64> {
        let [convolution, hidden, output] = &self.blocks;
        let positions = self.architecture.positions();
        let biases = convolution.biases().iter().flat_map(|&bias| std::iter::repeat_n(bias, positions));
        let mut activations: Vec<f64> = biases.collect();
        for &(position, tap, pixel) in &self.readings {
            let ink = image[pixel];
            // Most of an image is blank.
            if ink != 0.0 {
                for (map, weights) in convolution.row_iter().enumerate() {
                    activations[map * positions + position] += weights[tap] * ink;
                }
            }
        }
        activations.iter_mut().for_each(|value| *value *= *value);
        let mut units = dense(hidden, &activations);
        units.iter_mut().for_each(|value| *value *= *value);
        dense(output, &units)
    }
}

fn dense(block: &Block<f64>, inputs: &[f64]) -> Vec<f64> {
    block.row_iter().zip(block.biases()).map(|(weights, bias)| bias + dot(weights, inputs)).collect()
}

/// In eight independent sums: one would wait for itself at every step.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
