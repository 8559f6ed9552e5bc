//! A network on many images at once.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayRef2, ArrayViewMut1};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, Block, IntegerNetwork};

use super::candidate::Candidate;
use crate::import::real_network::RealNetwork;

/// A network's weights as matrices, so that a batch of images is two matrix products behind a convolution.
///
/// # Shapes
/// A batch of `n` images is `[n, positions x maps]` behind the convolution, position by position, `[n, hidden]` behind
/// the hidden layer, and `[n, classes]` at the end.
#[derive(Debug, Clone)]
pub struct BatchNetwork {
    windows: Windows,
    /// `[taps, maps]`.
    convolution: Affine,
    /// `[hidden, positions x maps]`.
    hidden: Affine,
    /// `[classes, hidden]`.
    output: Affine,
}

/// Weights and biases of a layer.
#[derive(Debug, Clone)]
struct Affine {
    weights: Array2<f64>,
    biases: Array1<f64>,
}

/// For each pixel, the windows that read it and the taps that they read it with.
#[derive(Debug, Clone)]
struct Windows {
    /// Pixel `p` is read by `reads[starts[p]..starts[p + 1]]`, each a position and a tap.
    starts: Vec<usize>,
    reads: Vec<(usize, usize)>,
}

/// What a pixel of each byte is to the network.
pub type PixelValues = [f64; 256];

/// The values of all bytes.
pub fn pixel_values(value: impl Fn(u8) -> f64) -> PixelValues {
    let mut values = [0.0; 256];
    for (byte, slot) in (0..=u8::MAX).zip(&mut values) {
        *slot = value(byte);
    }
    values
}

impl BatchNetwork {
    pub fn of_real(network: &RealNetwork) -> Self {
        let [convolution, hidden, output] = network.blocks();
        Self::new(network.architecture(), convolution, hidden, output, |weight| *weight, |bias| *bias)
    }

    /// The network in floating point: exact for weights and biases of up to 53 bits, rounded beyond.
    pub fn of_integers(network: &IntegerNetwork) -> Self {
        let [(_, convolution), (_, hidden), (_, output)] = network.blocks();
        let architecture = network.architecture();
        Self::new(architecture, convolution, hidden, output, |&weight| weight as f64, |&bias| bias as f64)
    }

    fn new<W, B>(
        architecture: &Architecture,
        convolution: &Block<W, B>,
        hidden: &Block<W, B>,
        output: &Block<W, B>,
        weight: impl Fn(&W) -> f64,
        bias: impl Fn(&B) -> f64,
    ) -> Self {
        let (maps, positions) = (architecture.maps, architecture.positions());
        let affine =
            |block: &Block<W, B>, shape: (usize, usize), at: &dyn Fn(usize, usize) -> (usize, usize)| {
                let place = |(i, j)| {
                    let (row, column) = at(i, j);
                    weight(&block.weights()[row * block.columns() + column])
                };
                Affine {
                    weights: Array2::from_shape_fn(shape, place),
                    biases: block.biases().iter().map(&bias).collect(),
                }
            };
        let by_position = |unit: usize, input: usize| (unit, input % maps * positions + input / maps);
        Self {
            windows: Windows::of(architecture),
            convolution: affine(convolution, (architecture.taps(), maps), &|tap, map| (map, tap)),
            hidden: affine(hidden, (architecture.hidden, positions * maps), &by_position),
            output: affine(output, (architecture.classes, architecture.hidden), &|row, column| (row, column)),
        }
    }

    /// The network with integer weights and biases, as [`Candidate::round`] makes them, in floating point.
    pub fn rounded(&self, candidate: &Candidate) -> Self {
        let (scales, outputs) = (candidate.scales.0, candidate.output_scales());
        let round = |layer: &Affine, index: usize| Affine {
            weights: layer.weights.mapv(|weight| (weight * scales[index]).round()),
            biases: layer.biases.mapv(|bias| (bias * outputs[index]).round()),
        };
        Self {
            windows: self.windows.clone(),
            convolution: round(&self.convolution, 0),
            hidden: round(&self.hidden, 1),
            output: round(&self.output, 2),
        }
    }

    /// The convolution's outputs for one image.
    pub fn activations(&self) -> usize {
        self.hidden.weights.ncols()
    }

    /// Hidden units.
    pub fn units(&self) -> usize {
        self.hidden.weights.nrows()
    }

    /// The squares behind the convolution, of the images `range`.
    pub fn convolve(
        &self,
        images: &LabelledImages,
        range: Range<usize>,
        values: &PixelValues,
    ) -> Array2<f64> {
        let mut outputs = Array2::zeros((range.len(), self.activations()));
        for (output, index) in outputs.outer_iter_mut().zip(range) {
            self.convolve_one(images.image(index), values, output);
        }
        outputs
    }

    fn convolve_one(&self, image: &[u8], values: &PixelValues, mut output: ArrayViewMut1<f64>) {
        let Affine { weights, biases } = &self.convolution;
        let maps = biases.len();
        // Both are in one piece, as all arrays that are made here.
        let (Some(output), Some(weights)) = (output.as_slice_mut(), weights.as_slice()) else { return };
        for windows in output.chunks_exact_mut(maps) {
            for (value, bias) in windows.iter_mut().zip(biases) {
                *value = *bias;
            }
        }
        for (&pixel, bounds) in image.iter().zip(self.windows.starts.windows(2)) {
            let ink = values[usize::from(pixel)];
            // Most of an image is blank.
            if ink == 0.0 {
                continue;
            }
            for &(position, tap) in &self.windows.reads[bounds[0]..bounds[1]] {
                let taps = &weights[tap * maps..][..maps];
                for (value, weight) in output[position * maps..][..maps].iter_mut().zip(taps) {
                    *value += weight * ink;
                }
            }
        }
        output.iter_mut().for_each(|value| *value *= *value);
    }

    /// The hidden layer's values, before their square.
    pub fn hidden(&self, squares: &ArrayRef2<f64>) -> Array2<f64> {
        self.hidden.of(squares)
    }

    /// The logits.
    pub fn output(&self, squares: &ArrayRef2<f64>) -> Array2<f64> {
        self.output.of(squares)
    }
}

impl Affine {
    /// `inputs weights^T + biases`.
    fn of(&self, inputs: &ArrayRef2<f64>) -> Array2<f64> {
        let mut outputs = Array2::zeros((inputs.nrows(), self.biases.len()));
        outputs += &self.biases;
        general_mat_mul(1.0, inputs, &self.weights.t(), 1.0, &mut outputs);
        outputs
    }
}

impl Windows {
    fn of(architecture: &Architecture) -> Self {
        let mut by_pixel: Vec<Vec<(usize, usize)>> = vec![Vec::new(); architecture.pixels()];
        for position in 0..architecture.positions() {
            for (tap, pixel) in architecture.window(position) {
                by_pixel[pixel].push((position, tap));
            }
        }
        let mut starts = vec![0];
        starts.extend(by_pixel.iter().scan(0, |end, reads| {
            *end += reads.len();
            Some(*end)
        }));
        Self { starts, reads: by_pixel.concat() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::fixtures::small_network::{SHAPE, network};

    #[test]
    fn a_batch_has_the_logits_of_its_images() {
        let float = network(SHAPE);
        let pixels: Vec<u8> =
            (0..36 * 7).map(|i| if i % 3 == 0 { 0 } else { (i * i * 31 % 256) as u8 }).collect();
        let images = LabelledImages::new(6, pixels, vec![0; 7]).unwrap();
        // An offset makes blank pixels count as well.
        for offset in [0.0, -0.25] {
            let value = |byte: u8| f64::from(byte) / 255.0 + offset;
            let batch = BatchNetwork::of_real(&float);
            let squares = batch.convolve(&images, 2..7, &pixel_values(value));
            let logits = batch.output(&batch.hidden(&squares).mapv(|value| value * value));
            assert_eq!(logits.shape(), [5, 3]);
            for (row, index) in logits.outer_iter().zip(2..7) {
                let image: Vec<f64> = images.image(index).iter().map(|&byte| value(byte)).collect();
                for (found, expected) in row.iter().zip(float.logits(&image)) {
                    assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
                }
            }
        }
    }
}
