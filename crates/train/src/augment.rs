//! Small random distortions of training images.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::elementary::sin_cos;

/// The largest distortions; each image draws its own uniformly. Zeros leave images as they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Rotation by up to this many degrees either way.
    pub rotation_degrees: f32,
    /// Shift by up to this many pixels in either direction.
    pub shift_pixels: f32,
    /// Scaling by up to this fraction either way.
    pub scale: f32,
}

impl Augmentation {
    /// Distorts an image of `side * side` bytes into `output`, as ink in `0..=1`: every output pixel samples
    /// the input bilinearly at its inversely mapped place, zero outside.
    pub(crate) fn apply(&self, image: &[u8], side: usize, output: &mut [f32], rng: &mut impl Rng) {
        let mut draw = |most: f32| if most > 0.0 { rng.random_range(-most..=most) } else { 0.0 };
        let (sin, cos) = sin_cos(f64::from(draw(self.rotation_degrees)).to_radians());
        let (sin, cos) = (sin as f32, cos as f32);
        let scale = 1.0 + draw(self.scale);
        let (shift_x, shift_y) = (draw(self.shift_pixels), draw(self.shift_pixels));
        let centre = (side as f32 - 1.0) / 2.0;
        let (sin, cos) = (sin / scale, cos / scale);
        for (row, line) in output.chunks_exact_mut(side).enumerate() {
            let y = row as f32 - centre;
            for (column, pixel) in line.iter_mut().enumerate() {
                let x = column as f32 - centre;
                let source_x = cos * x - sin * y + shift_x + centre;
                let source_y = sin * x + cos * y + shift_y + centre;
                *pixel = bilinear(image, side, source_x, source_y);
            }
        }
    }
}

fn bilinear(image: &[u8], side: usize, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    let ink = |x: f32, y: f32| {
        let last = side as f32 - 1.0;
        // Within the image, so both are small integers that are not negative.
        if x >= 0.0 && y >= 0.0 && x <= last && y <= last {
            f32::from(image[y as usize * side + x as usize])
        } else {
            0.0
        }
    };
    let upper = ink(left, top) * (1.0 - right_share) + ink(left + 1.0, top) * right_share;
    let lower = ink(left, top + 1.0) * (1.0 - right_share) + ink(left + 1.0, top + 1.0) * right_share;
    (upper * (1.0 - bottom_share) + lower * bottom_share) / 255.0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const NONE: Augmentation = Augmentation { rotation_degrees: 0.0, shift_pixels: 0.0, scale: 0.0 };

    #[test]
    fn no_distortion_leaves_the_image_as_it_is() {
        let image: Vec<u8> = (0..=255).collect();
        let mut output = vec![0.0; 256];
        NONE.apply(&image, 16, &mut output, &mut ChaCha8Rng::seed_from_u64(1));
        for (ink, byte) in output.iter().zip(&image) {
            assert!((ink - f32::from(*byte) / 255.0).abs() < 1e-4);
        }
    }

    #[test]
    fn distorted_ink_stays_within_its_range_and_differs_from_image_to_image() {
        let strong = Augmentation { rotation_degrees: 40.0, shift_pixels: 3.0, scale: 0.3 };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let image = vec![255; 100];
        let (mut first, mut second) = (vec![0.0; 100], vec![0.0; 100]);
        strong.apply(&image, 10, &mut first, &mut rng);
        strong.apply(&image, 10, &mut second, &mut rng);
        assert!(first.iter().chain(&second).all(|ink| (0.0..=1.0001).contains(ink)));
        assert_ne!(first, second);
    }
}
