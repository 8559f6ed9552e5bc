//! Built-in synthetic digits, which are used if no data set is available.
//!
//! Each digit has one of several styles ([`glyphs`]), random distortions ([`hand`]) and a random pen ([`pen`]). Images have
//! the format of MNIST: 28 x 28 grey pixels with the digit in a box of about 20 x 20.
//!
//! The digits are about as hard as MNIST. Accuracy on 10,000 test images (synthetic ones: seed 1):
//!
//! | model, trained on | synthetic | MNIST |
//! | --- | --- | --- |
//! | perceptron, 100 hidden units; 12,000 images | 96.5 % | 95.2 % |
//! | support vectors, radial basis, C = 5; 12,000 images | 97.6 % | 96.9 % |
//! | the paper's network, 10 epochs, no augmentation; 12,000 images | 98.2 % | 97.4 % |
//! | the same; 20,000 images | 98.6 % | 98.0 % |

mod curve;
mod glyphs;
mod hand;
mod pen;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::labelled_images::LabelledImages;

/// Number of pixels on a side, as in MNIST.
pub const SIDE: usize = 28;

/// Sizes and seed of a synthetic data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntheticSize {
    /// Number of training images.
    pub train: usize,
    /// Number of test images.
    pub test: usize,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl Default for SyntheticSize {
    /// 20,000 training images, 10,000 test images, seed 1.
    fn default() -> Self {
        Self { train: 20_000, test: 10_000, seed: 1 }
    }
}

/// Part of a synthetic data set. Both parts use different random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subset {
    /// Training images.
    Train,
    /// Test images.
    Test,
}

/// Draws the first `count` synthetic digits of a subset.
///
/// The same `seed` and `subset` give the same images, and a smaller `count` gives a prefix of them. Labels are uniform in
/// `0..10`. On another platform, whose sine or exponential may be rounded differently, single pixels may differ by one grey
/// level.
#[must_use]
#[expect(
    clippy::indexing_slicing,
    reason = "labels are drawn below the number of digits, styles below the number of styles"
)]
pub fn synthetic_digits(count: usize, seed: u64, subset: Subset) -> LabelledImages {
    let mut labels = vec![0; count];
    let mut pixels = vec![0; count * SIDE * SIDE];
    pixels.par_chunks_exact_mut(SIDE * SIDE).zip(labels.par_iter_mut()).enumerate().for_each(
        |(index, (image, label))| {
            let mut rng = rng_of_image(seed, subset, index);
            *label = rng.random_range(0..glyphs::STYLES.len()) as u8;
            let styles = glyphs::STYLES[usize::from(*label)];
            let glyph = styles[rng.random_range(0..styles.len())];
            let lines = hand::write(glyph, SIDE as f32, &mut rng);
            image.copy_from_slice(&pen::draw(&lines, SIDE, &mut rng));
        },
    );
    LabelledImages::from_whole_images(SIDE, pixels, labels)
}

/// Creates the random generator of one image. Every image has its own, so that images can be drawn in parallel.
fn rng_of_image(seed: u64, subset: Subset, index: usize) -> ChaCha8Rng {
    let subset: u64 = match subset {
        Subset::Train => 0,
        Subset::Test => 1,
    };
    let mut key = [0; 32];
    let words = [seed, index as u64, subset].into_iter().flat_map(u64::to_le_bytes);
    key.iter_mut().zip(words).for_each(|(byte, word)| *byte = word);
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_same_seed_gives_the_same_digits() {
        assert_eq!(synthetic_digits(50, 7, Subset::Train), synthetic_digits(50, 7, Subset::Train));
    }

    #[test]
    fn another_seed_or_half_gives_other_digits() {
        let digits = synthetic_digits(50, 7, Subset::Train);
        assert_ne!(digits, synthetic_digits(50, 8, Subset::Train));
        assert_ne!(digits, synthetic_digits(50, 7, Subset::Test));
    }

    #[test]
    fn fewer_digits_are_a_prefix_of_more() {
        assert_eq!(synthetic_digits(80, 7, Subset::Test).take(30), synthetic_digits(30, 7, Subset::Test));
    }

    #[test]
    fn no_digit_is_asked_for_and_none_is_drawn() {
        assert!(synthetic_digits(0, 7, Subset::Train).is_empty());
    }

    #[test]
    fn all_labels_occur_about_equally_often() {
        let digits = synthetic_digits(5_000, 7, Subset::Train);
        let mut counts = [0; 10];
        digits.labels().iter().for_each(|&label| counts[usize::from(label)] += 1);
        // 500 each, standard deviation 21.
        assert!(counts.iter().all(|count| (390..=610).contains(count)), "{counts:?}");
    }

    #[test]
    fn no_two_digits_are_equal_and_all_are_drawn_in_the_middle() {
        let digits = synthetic_digits(2_000, 7, Subset::Train);
        assert_eq!(digits.iter().collect::<HashSet<_>>().len(), digits.len());
        for image in digits.iter() {
            let inked = image.iter().filter(|&&pixel| pixel > 100).count();
            assert!((15..400).contains(&inked), "{inked} inked pixels");
            // The centre of the ink is near the centre of the image, at 13.5 in both directions.
            let ink: f32 = image.iter().map(|&pixel| f32::from(pixel)).sum();
            let centre = |position: fn(usize) -> usize| {
                image.iter().enumerate().map(|(i, &p)| position(i) as f32 * f32::from(p)).sum::<f32>() / ink
            };
            let (x, y) = (centre(|i| i % SIDE), centre(|i| i / SIDE));
            assert!((x - 13.5).hypot(y - 13.5) < 6.0, "centre at {x}, {y}");
        }
    }
}
