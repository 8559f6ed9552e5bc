//! Held-out validation images.

use std::cmp::Reverse;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::labelled_images::LabelledImages;
use crate::split::error::SplitError;

/// Stream of the random generator. [`partition`](crate::partition) draws from stream 0 of the same seed.
const STREAM: u64 = 1;

/// Holds `count` validation images out of the training images. Returns (training, validation), both in the order of
/// `images`. Choices about trained ensembles can be made by the validation images, so that the test images stay unseen.
///
/// Labels are as frequent among the validation images as among all: each label gets its share of `count` rounded down, and
/// the labels with the largest remainders get one image more (of equal remainders, the smaller label first). The images are
/// drawn at random. They depend only on `images`, `count` and `seed`, so all settings with one seed hold out the same
/// images. With a `count` of 0, all images are training images.
///
/// # Errors
/// If `count` is positive and no image would be left for training.
///
/// ```
/// use sottovoce_dataset::{Subset, hold_out, synthetic_digits};
///
/// let images = synthetic_digits(100, 1, Subset::Train);
/// let (training, validation) = hold_out(&images, 20, 1)?;
/// assert_eq!((training.len(), validation.len()), (80, 20));
/// # Ok::<(), sottovoce_dataset::SplitError>(())
/// ```
#[expect(
    clippy::indexing_slicing,
    reason = "`images_of` has an entry for each label, `held_out` one for each image"
)]
pub fn hold_out(
    images: &LabelledImages,
    count: usize,
    seed: u64,
) -> Result<(LabelledImages, LabelledImages), SplitError> {
    if count > 0 && count >= images.len() {
        return Err(SplitError::HoldOut { count, images: images.len() });
    }
    let mut images_of = vec![Vec::new(); usize::from(u8::MAX) + 1];
    for (index, &label) in images.labels().iter().enumerate() {
        images_of[usize::from(label)].push(index);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let mut held_out = vec![false; images.len()];
    let quotas = quotas(&images_of, count);
    for (mut of_label, quota) in images_of.into_iter().zip(quotas) {
        of_label.shuffle(&mut rng);
        of_label.iter().take(quota).for_each(|&index| held_out[index] = true);
    }
    let (validation, training): (Vec<usize>, Vec<usize>) =
        (0..images.len()).partition(|&index| held_out[index]);
    Ok((images.select(&training), images.select(&validation)))
}

/// Number of images of each label that are held out: the labels' shares of `count` by largest remainders.
#[expect(clippy::indexing_slicing, reason = "`label` is below `images_of.len()`, the length of `quotas`")]
fn quotas(images_of: &[Vec<usize>], count: usize) -> Vec<usize> {
    let all: usize = images_of.iter().map(Vec::len).sum();
    // Without images the divisor would be 0.
    let share = |label: usize| images_of[label].len() * count;
    let mut quotas: Vec<usize> = (0..images_of.len()).map(|label| share(label) / all.max(1)).collect();
    let missing = count - quotas.iter().sum::<usize>();
    let mut by_remainder: Vec<usize> = (0..images_of.len()).collect();
    by_remainder.sort_by_key(|&label| Reverse(share(label) % all.max(1)));
    // Remainders add up to `missing * all` and each is below `all`, so these labels have images left.
    by_remainder.iter().take(missing).for_each(|&label| quotas[label] += 1);
    quotas
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One pixel each, which says which image it is.
    fn numbered(labels: Vec<u8>) -> LabelledImages {
        let pixels = (0..=u8::MAX).cycle().take(labels.len()).collect();
        LabelledImages::new(1, pixels, labels).unwrap()
    }

    fn count(images: &LabelledImages, label: u8) -> usize {
        images.labels().iter().filter(|&&l| l == label).count()
    }

    #[test]
    fn the_largest_remainders_get_the_odd_images() {
        // Shares of 3: 1.5 of label 0, 0.9 of label 1, 0.6 of label 7.
        let images = numbered([vec![0; 5], vec![1; 3], vec![7; 2]].concat());
        let (_, validation) = hold_out(&images, 3, 1).unwrap();
        assert_eq!(validation.labels(), [0, 1, 7]);
        // Equal remainders of a half: the smaller label.
        let (_, validation) = hold_out(&numbered(vec![4, 3]), 1, 1).unwrap();
        assert_eq!(validation.labels(), [3]);
    }

    #[test]
    fn as_many_images_as_there_are_cannot_be_held_out() {
        let images = numbered(vec![0, 1, 1]);
        assert_eq!(hold_out(&images, 0, 1).unwrap(), (images.clone(), images.select(&[])));
        assert!(hold_out(&images, 2, 1).is_ok());
        for count in [3, 4] {
            let error = hold_out(&images, count, 1).unwrap_err();
            let expected =
                format!("{count} of 3 training images cannot be held out; fewer than all are allowed");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn another_seed_holds_out_other_images() {
        let images = numbered(vec![0; 100]);
        assert_ne!(hold_out(&images, 50, 1), hold_out(&images, 50, 2));
    }

    proptest! {
        #[test]
        fn training_and_validation_are_disjoint_complete_and_stratified(
            labels in prop::collection::vec(0..10_u8, 1..256),
            share in 0.0..1.0_f64,
            seed: u64,
        ) {
            let images = numbered(labels);
            let wanted = (share * images.len() as f64) as usize;
            let (training, validation) = hold_out(&images, wanted, seed).unwrap();
            prop_assert_eq!(hold_out(&images, wanted, seed).unwrap(), (training.clone(), validation.clone()));
            prop_assert_eq!(validation.len(), wanted);
            let pixels = |images: &LabelledImages| images.iter().map(|image| image[0]).collect::<Vec<_>>();
            prop_assert!(pixels(&training).is_sorted() && pixels(&validation).is_sorted());
            let mut all = [pixels(&training), pixels(&validation)].concat();
            all.sort_unstable();
            prop_assert_eq!(all, pixels(&images));
            for label in 0..10 {
                let fair = (count(&images, label) * wanted) as f64 / images.len() as f64;
                prop_assert!((count(&validation, label) as f64 - fair).abs() < 1.0);
            }
            for part in [&training, &validation] {
                let unchanged = |(image, &label): (&[u8], &u8)| images.labels()[usize::from(image[0])] == label;
                prop_assert!(part.iter().zip(part.labels()).all(unchanged));
            }
        }
    }
}
