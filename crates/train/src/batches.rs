//! Training images as the tensors that a step reads.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::Rng;
use rand::seq::SliceRandom;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, PixelLevels};

use crate::Augmentation;

/// Turns images into padded, augmented and (in the quantisation-aware phase) quantised batches.
pub struct Batches<'a> {
    pub images: &'a LabelledImages,
    pub architecture: &'a Architecture,
    pub augmentation: &'a Augmentation,
    /// Rounds ink to these levels where given.
    pub pixel_levels: Option<PixelLevels>,
    pub device: &'a Device,
}

impl Batches<'_> {
    /// All image indices in random order.
    pub fn shuffled(&self, rng: &mut impl Rng) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.images.len()).collect();
        order.shuffle(rng);
        order
    }

    /// The images at `indices`.
    ///
    /// # Shapes
    /// - ink: `[images, 1, padded side, padded side]`, in `0..=1`
    /// - labels: `[images]`
    pub fn batch(&self, indices: &[usize], rng: &mut impl Rng) -> (Tensor<4>, Tensor<1, Int>) {
        let side = self.architecture.image_side;
        let padding = self.architecture.padding;
        let padded = side + padding.leading + padding.trailing;
        let mut ink = vec![0.0; indices.len() * padded * padded];
        let mut image = vec![0.0; side * side];
        for (&index, target) in indices.iter().zip(ink.chunks_exact_mut(padded * padded)) {
            self.augmentation.apply(self.images.image(index), side, &mut image, rng);
            if let Some(levels) = self.pixel_levels {
                let largest = f32::from(levels.largest());
                image.iter_mut().for_each(|pixel| *pixel = (*pixel * largest).round() / largest);
            }
            for (row, line) in image.chunks_exact(side).enumerate() {
                let start = (row + padding.leading) * padded + padding.leading;
                target[start..start + side].copy_from_slice(line);
            }
        }
        let labels: Vec<i32> = indices.iter().map(|&index| self.images.labels()[index].into()).collect();
        let count = indices.len();
        (
            Tensor::from_data(TensorData::new(ink, [count, 1, padded, padded]), self.device),
            Tensor::from_data(TensorData::new(labels, [count]), self.device),
        )
    }
}
