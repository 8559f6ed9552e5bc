//! Small random distortions of training images.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::elementary_functions::sin_cos;

/// The largest distortions. The distortions of each image are drawn uniformly up to them. Zeros leave images unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Largest rotation in either direction, in degrees.
    pub rotation_degrees: f32,
    /// Largest shift along either axis in either direction, in pixels.
    pub shift_pixels: f32,
    /// Largest enlargement or reduction, as a fraction of the size.
    pub scale: f32,
}

impl Augmentation {
    /// Distorts an image of `side * side` bytes into `output`, whose values are ink in `0..=1`.
    ///
    /// The value of an output pixel is the bilinear interpolation of the input at the inversely mapped position. Pixels outside
    /// the input are 0.
    pub(crate) fn apply(&self, image: &[u8], side: usize, output: &mut [f32], rng: &mut impl Rng) {
        let mut draw = |max: f32| if max > 0.0 { rng.random_range(-max..=max) } else { 0.0 };
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

/// Interpolates the image of `side * side` bytes bilinearly at column `x` and row `y`; the result is in `0..=1`.
fn bilinear(image: &[u8], side: usize, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    let ink = |x: f32, y: f32| {
        let last = side as f32 - 1.0;
        let inside = x >= 0.0 && y >= 0.0 && x <= last && y <= last;
        // Inside the image both coordinates are small integers that are not negative, so the casts are exact.
        let byte = inside.then(|| image.get(y as usize * side + x as usize)).flatten();
        byte.map_or(0.0, |&byte| f32::from(byte))
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
    fn without_distortion_the_image_stays_the_same() {
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
