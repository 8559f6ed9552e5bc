//! Images that differ from those that networks are trained on, and duplicates.

use std::collections::HashMap;

use crate::labelled_images::LabelledImages;

/// Brightness up to which an image counts as faint, of 255: with few grey levels, all its pixels become background.
pub const FAINT_BRIGHTNESS: u8 = 32;

/// Mean brightness of the pixels along the edges above which an image looks inverted. Ink is bright, and images that
/// networks are trained on have no ink along the edges.
const BRIGHT_BORDER: usize = 127;

/// Images that are unlike those that networks are trained on. An image is in at most one of the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspection {
    /// Number of images.
    pub images: usize,
    /// Indices of images whose pixels are all equal.
    pub blank: Vec<usize>,
    /// Indices of images whose brightest pixel is at most [`FAINT_BRIGHTNESS`].
    pub faint: Vec<usize>,
    /// Indices of images whose edges are bright, as dark ink on light paper is.
    pub bright_border: Vec<usize>,
}

impl Inspection {
    /// Inspects images of `side` x `side` pixels.
    pub fn of<'a>(images: impl Iterator<Item = &'a [u8]>, side: usize) -> Self {
        let mut inspection = Self::default();
        for (index, image) in images.enumerate() {
            inspection.images += 1;
            let brightest = image.iter().copied().max().unwrap_or_default();
            if image.iter().all(|&pixel| pixel == brightest) {
                inspection.blank.push(index);
            } else if brightest <= FAINT_BRIGHTNESS {
                inspection.faint.push(index);
            } else if border_mean(image, side) > BRIGHT_BORDER {
                inspection.bright_border.push(index);
            }
        }
        inspection
    }

    /// Returns whether more than half of the images have bright edges.
    #[must_use]
    pub fn looks_inverted(&self) -> bool {
        2 * self.bright_border.len() > self.images
    }
}

/// Mean of the pixels along the edges, rounded down.
fn border_mean(image: &[u8], side: usize) -> usize {
    let last = side.saturating_sub(1);
    let (mut sum, mut count) = (0, 0);
    for (index, &pixel) in image.iter().enumerate() {
        let (row, column) = (index / side, index % side);
        if row == 0 || row == last || column == 0 || column == last {
            sum += usize::from(pixel);
            count += 1;
        }
    }
    sum / count.max(1)
}

/// Numbers of images that occur more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DuplicateCounts {
    /// Training images that are equal to an earlier one.
    pub in_training: usize,
    /// Test images that are equal to an earlier one.
    pub in_test: usize,
    /// Test images that are equal to a training image.
    pub in_both: usize,
    /// Training images that are equal to an earlier one with another label.
    pub contradictory: usize,
}

impl DuplicateCounts {
    /// Counts the images that occur more than once.
    #[must_use]
    pub fn of(train: &LabelledImages, test: &LabelledImages) -> Self {
        let mut repetitions = Self::default();
        let mut seen: HashMap<&[u8], u8> = HashMap::with_capacity(train.len());
        for (image, &label) in train.iter().zip(train.labels()) {
            match seen.get(image) {
                Some(&earlier) => {
                    repetitions.in_training += 1;
                    repetitions.contradictory += usize::from(earlier != label);
                }
                None => {
                    seen.insert(image, label);
                }
            }
        }
        let mut seen_in_test: HashMap<&[u8], ()> = HashMap::with_capacity(test.len());
        for image in test.iter() {
            repetitions.in_test += usize::from(seen_in_test.insert(image, ()).is_some());
            repetitions.in_both += usize::from(seen.contains_key(image));
        }
        repetitions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Subset, synthetic_digits};

    #[test]
    fn digits_of_a_data_set_are_not_unusual() {
        let digits = synthetic_digits(500, 1, Subset::Train);
        let inspection = Inspection::of(digits.iter(), digits.side());
        assert_eq!(inspection, Inspection { images: 500, ..Inspection::default() });
    }

    #[test]
    fn dark_digits_on_light_paper_look_inverted() {
        let digits = synthetic_digits(50, 1, Subset::Train);
        let inverted: Vec<Vec<u8>> =
            digits.iter().map(|image| image.iter().map(|&pixel| 255 - pixel).collect()).collect();
        let inspection = Inspection::of(inverted.iter().map(Vec::as_slice), digits.side());
        assert_eq!(inspection.bright_border.len(), 50);
        assert!(inspection.looks_inverted());
    }

    #[test]
    fn blank_and_faint_images_are_told_apart() {
        let images: [&[u8]; 5] = [
            &[0; 4],
            &[255; 4],
            &[0, 1, 0, 0],
            &[0, FAINT_BRIGHTNESS, 0, 0],
            &[0, FAINT_BRIGHTNESS + 1, 0, 0],
        ];
        let inspection = Inspection::of(images.into_iter(), 2);
        assert_eq!((inspection.blank, inspection.faint), (vec![0, 1], vec![2, 3]));
        assert!(inspection.bright_border.is_empty());
    }

    #[test]
    fn repeated_images_are_counted() {
        let train = LabelledImages::new(1, vec![1, 2, 1, 1], vec![0, 0, 0, 1]).unwrap();
        let test = LabelledImages::new(1, vec![2, 3, 3], vec![0, 1, 1]).unwrap();
        let expected = DuplicateCounts { in_training: 2, in_test: 1, in_both: 1, contradictory: 1 };
        assert_eq!(DuplicateCounts::of(&train, &test), expected);
    }
}
