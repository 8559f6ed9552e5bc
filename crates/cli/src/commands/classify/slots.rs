//! The contents of a batch's slots: images, known images, and copies of images in spare slots.

use rand::Rng;
use rand::seq::{SliceRandom as _, index};

/// Number of slots that every batch keeps for known images, if there are as many.
const RESERVED_FOR_KNOWN: usize = 64;

/// Content of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The image with this index in the batch, or a copy of it.
    Image(usize),
    /// The known image with this index.
    Known(usize),
}

/// The content of every slot of a batch, in random order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotAssignment {
    images: usize,
    slots: Vec<Content>,
}

/// Largest number of images in a batch, beside `known` images.
pub fn capacity(slots: usize, known: usize) -> usize {
    slots.saturating_sub(known.min(RESERVED_FOR_KNOWN)).max(1)
}

impl SlotAssignment {
    /// Assigns a batch's images, a random choice of `known` images, and copies of the images to all slots. Known images take at
    /// most half of the spare slots, or those that [`capacity`] keeps for them.
    pub fn random(images: usize, known: usize, slots: usize, rng: &mut impl Rng) -> Self {
        let spare = slots.saturating_sub(images);
        let chosen = known.min((spare / 2).max(RESERVED_FOR_KNOWN)).min(spare);
        let mut contents: Vec<Content> = (0..images).map(Content::Image).collect();
        contents.extend(index::sample(rng, known, chosen).into_iter().map(Content::Known));
        contents.extend((0..images).cycle().take(spare - chosen).map(Content::Image));
        contents.shuffle(rng);
        Self { images, slots: contents }
    }

    /// Number of different images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The content of every slot.
    pub fn slots(&self) -> &[Content] {
        &self.slots
    }

    /// Pixels of all slots, from the pixels of the batch's images and of all known images, with `size` bytes for each image.
    pub fn arrange(&self, images: &[u8], known: &[u8], size: usize) -> Vec<u8> {
        let mut arranged = Vec::with_capacity(self.slots.len() * size);
        for content in &self.slots {
            let (pixels, index) = match *content {
                Content::Image(index) => (images, index),
                Content::Known(index) => (known, index),
            };
            arranged.extend(pixels.iter().skip(index * size).take(size));
        }
        arranged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_used_and_every_image_has_one() {
        let mut rng = rand::rng();
        for (images, known, slots) in
            [(1, 0, 16), (5, 3, 16), (16, 0, 16), (1, 500, 256), (192, 500, 256), (100, 200, 4096)]
        {
            let assignment = SlotAssignment::random(images, known, slots, &mut rng);
            assert_eq!(assignment.slots().len(), slots);
            for image in 0..images {
                assert!(assignment.slots().contains(&Content::Image(image)), "{image} of {images}");
            }
            let mut found: Vec<usize> = Vec::new();
            for content in assignment.slots() {
                match *content {
                    Content::Image(image) => assert!(image < images),
                    Content::Known(image) => found.push(image),
                }
            }
            let spare = slots - images;
            assert_eq!(found.len(), known.min((spare / 2).max(64)).min(spare));
            found.sort_unstable();
            found.dedup();
            assert_eq!(
                found.len(),
                known.min((spare / 2).max(64)).min(spare),
                "no known image is there twice"
            );
            assert!(found.iter().all(|&image| image < known));
        }
        assert_eq!((capacity(4096, 0), capacity(4096, 5), capacity(4096, 5000)), (4096, 4091, 4032));
    }

    #[test]
    fn slots_get_the_pixels_of_their_contents() {
        let assignment = SlotAssignment::random(3, 2, 12, &mut rand::rng());
        let arranged = assignment.arrange(&[1, 1, 2, 2, 3, 3], &[8, 8, 9, 9], 2);
        for (content, pixels) in assignment.slots().iter().zip(arranged.chunks(2)) {
            let expected = match content {
                Content::Image(index) => *index as u8 + 1,
                Content::Known(index) => *index as u8 + 8,
            };
            assert_eq!(pixels, [expected; 2]);
        }
    }

    #[test]
    fn positions_differ_from_batch_to_batch() {
        let draw = || SlotAssignment::random(100, 10, 4096, &mut rand::rng());
        assert_ne!(draw(), draw());
    }
}
