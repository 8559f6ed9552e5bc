//! A network on a batch of images.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayRef2, ArrayViewMut1};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, Block, IntegerNetwork};

use super::candidate::Candidate;
use crate::import::real_network::RealNetwork;

/// A network's weights as matrices, so that hidden and output layer are one matrix product each for a batch of
/// images.
///
/// # Shapes
/// A batch of `n` images is `[n, positions x maps]` after the convolution, position by position, `[n, hidden]` after
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

/// For each pixel, the windows that read it and the kernel index that each window reads it with.
#[derive(Debug, Clone)]
struct Windows {
    /// Pixel `p` is read by `reads[starts[p]..starts[p + 1]]`; each entry is a position and a kernel index.
    starts: Vec<usize>,
    reads: Vec<(usize, usize)>,
}

/// The network's number for each byte of a pixel.
pub type PixelValues = [f64; 256];

/// Returns the network's numbers for all bytes.
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

    /// Converts an integer network to floating point: exact for weights and biases of up to 53 bits, rounded beyond.
    pub fn of_integers(network: &IntegerNetwork) -> Self {
        let [(_, convolution), (_, hidden), (_, output)] = network.blocks();
        let architecture = network.architecture();
        Self::new(architecture, convolution, hidden, output, |&weight| weight as f64, |&bias| bias as f64)
    }

    #[expect(clippy::indexing_slicing, reason = "rows and columns are those of the block")]
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

    /// Returns the network with weights and biases rounded to integers, as [`Candidate::round`] does, in floating
    /// point.
    pub fn rounded(&self, candidate: &Candidate) -> Self {
        let [convolution_scale, hidden_scale, output_scale] = candidate.scales.0;
        let [convolution_unit, hidden_unit, output_unit] = candidate.output_scales();
        let round = |layer: &Affine, scale: f64, unit: f64| Affine {
            weights: layer.weights.mapv(|weight| (weight * scale).round()),
            biases: layer.biases.mapv(|bias| (bias * unit).round()),
        };
        Self {
            windows: self.windows.clone(),
            convolution: round(&self.convolution, convolution_scale, convolution_unit),
            hidden: round(&self.hidden, hidden_scale, hidden_unit),
            output: round(&self.output, output_scale, output_unit),
        }
    }

    /// Returns the number of the convolution's outputs for one image.
    pub fn activations(&self) -> usize {
        self.hidden.weights.ncols()
    }

    /// Returns the number of hidden units.
    pub fn units(&self) -> usize {
        self.hidden.weights.nrows()
    }

    /// Returns the squares after the convolution, for the images `range`.
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

    #[expect(
        clippy::indexing_slicing,
        reason = "positions, taps and pixels are those of the architecture, by which all arrays were made"
    )]
    fn convolve_one(&self, image: &[u8], values: &PixelValues, mut output: ArrayViewMut1<f64>) {
        let Affine { weights, biases } = &self.convolution;
        let maps = biases.len();
        // Both slices exist, because all arrays of this file are contiguous.
        let (Some(output), Some(weights)) = (output.as_slice_mut(), weights.as_slice()) else { return };
        for windows in output.chunks_exact_mut(maps) {
            for (value, bias) in windows.iter_mut().zip(biases) {
                *value = *bias;
            }
        }
        for (&pixel, bounds) in image.iter().zip(self.windows.starts.windows(2)) {
            let ink = values[usize::from(pixel)];
            // Most pixels of an image are blank.
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

    /// Returns the hidden layer's values, before their square.
    pub fn hidden(&self, squares: &ArrayRef2<f64>) -> Array2<f64> {
        self.hidden.of(squares)
    }

    /// Returns the logits.
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
    #[expect(clippy::indexing_slicing, reason = "windows only read pixels of the image")]
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
