//! Training images as input tensors of a training step.

use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand::seq::SliceRandom;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, PixelLevels};

use crate::augmentation::Augmentation;

/// Makes augmented, padded and, in the quantisation-aware phase, quantised batches of the training images.
pub struct TrainingBatches<'a> {
    pub images: &'a LabelledImages,
    pub architecture: &'a Architecture,
    pub augmentation: &'a Augmentation,
    /// Levels that ink is rounded to in the quantisation-aware phase; absent in the float phase.
    pub pixel_levels: Option<PixelLevels>,
    pub device: &'a Device,
}

impl TrainingBatches<'_> {
    /// Returns all image indices in random order.
    pub fn shuffle(&self, rng: &mut impl Rng) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.images.len()).collect();
        order.shuffle(rng);
        order
    }

    /// Makes the batch of the images at `indices`: the patches that the convolution reads, and the images' labels.
    ///
    /// With patches, a convolution is a matrix product.
    ///
    /// # Shapes
    /// - patches: `[images, taps, positions]`, ink in `0..=1`
    /// - labels: one for each image
    #[expect(
        clippy::indexing_slicing,
        reason = "a tap's row of positions lies inside the padded image, and the indices are those of `shuffle`"
    )]
    pub fn make_batch(&self, indices: &[usize], rng: &mut impl Rng) -> (Tensor<3>, Vec<u8>) {
        let Architecture { image_side: side, padding, kernel, stride, .. } = *self.architecture;
        let padded = side + padding.leading + padding.trailing;
        let output_side = self.architecture.convolution_side();
        let (taps, positions) = (self.architecture.taps(), self.architecture.positions());
        let mut patches: Vec<f32> = Vec::with_capacity(indices.len() * taps * positions);
        let mut image = vec![0.0; side * side];
        let mut ink = vec![0.0; padded * padded];
        for &index in indices {
            self.augmentation.apply(self.images.image(index), side, &mut image, rng);
            if let Some(levels) = self.pixel_levels {
                let largest = f32::from(levels.largest());
                image.iter_mut().for_each(|pixel| *pixel = (*pixel * largest).round() / largest);
            }
            for (row, line) in image.chunks_exact(side).enumerate() {
                let start = (row + padding.leading) * padded + padding.leading;
                ink[start..start + side].copy_from_slice(line);
            }
            for (tap_row, tap_column) in (0..taps).map(|tap| (tap / kernel, tap % kernel)) {
                for row in 0..output_side {
                    let line = &ink[(row * stride + tap_row) * padded + tap_column..];
                    patches.extend(line.iter().step_by(stride).take(output_side));
                }
            }
        }
        let patches = TensorData::new(patches, [indices.len(), taps, positions]);
        let labels = indices.iter().map(|&index| self.images.labels()[index]).collect();
        (Tensor::from_data(patches, self.device), labels)
    }
}
