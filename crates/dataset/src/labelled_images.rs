//! Grey square images with their labels.

/// Grey square images with one label each, in the order of their files.
///
/// Pixels are stored row by row, image after image; 0 is background, 255 full ink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledImages {
    side: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl LabelledImages {
    /// Images of `side` x `side` pixels.
    ///
    /// # Errors
    /// If `pixels` is not `labels.len()` whole images, or `side` is zero.
    pub fn new(side: usize, pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self, ShapeError> {
        if side == 0 || pixels.len() != labels.len() * side * side {
            return Err(ShapeError { side, pixels: pixels.len(), labels: labels.len() });
        }
        Ok(Self { side, pixels, labels })
    }

    /// As [`Self::new`], for callers inside this crate that have made whole images.
    pub(crate) fn from_whole_images(side: usize, pixels: Vec<u8>, labels: Vec<u8>) -> Self {
        debug_assert_eq!(pixels.len(), labels.len() * side * side);
        Self { side, pixels, labels }
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels on a side.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// All labels, one for each image.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The `side * side` pixels of image `index`, row by row.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.side * self.side;
        &self.pixels[index * size..(index + 1) * size]
    }

    /// The pixels of all images, one image after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.side * self.side)
    }

    /// How often each label occurs, by label; as many as the largest label says.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = Vec::new();
        for &label in &self.labels {
            let label = usize::from(label);
            if counts.len() <= label {
                counts.resize(label + 1, 0);
            }
            counts[label] += 1;
        }
        counts
    }

    /// The images with rows and columns exchanged.
    #[must_use]
    pub fn transposed(mut self) -> Self {
        let side = self.side;
        for image in self.pixels.chunks_exact_mut(side * side) {
            for row in 0..side {
                for column in 0..row {
                    image.swap(row * side + column, column * side + row);
                }
            }
        }
        self
    }

    /// The images with every pixel `p` as `255 - p`.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.pixels.iter_mut().for_each(|pixel| *pixel = u8::MAX - *pixel);
        self
    }

    /// The images with every label moved down by one; labels of 0 stay.
    pub(crate) fn with_labels_from_one(mut self) -> Self {
        self.labels.iter_mut().for_each(|label| *label = label.saturating_sub(1));
        self
    }

    /// The images at `indices`, in that order.
    ///
    /// # Panics
    /// If an index names no image.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            side: self.side,
            pixels: indices.iter().flat_map(|&i| self.image(i)).copied().collect(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
        }
    }

    /// The first `count` images, or all where there are fewer.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.len());
        Self {
            side: self.side,
            pixels: self.pixels[..count * self.side * self.side].to_vec(),
            labels: self.labels[..count].to_vec(),
        }
    }
}

/// Pixels and labels that do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pixels} pixels are not {labels} images of {side} x {side}")]
pub struct ShapeError {
    side: usize,
    pixels: usize,
    labels: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> LabelledImages {
        LabelledImages::new(2, vec![1, 2, 3, 4, 5, 6, 7, 8], vec![1, 3]).unwrap()
    }

    #[test]
    fn transposed_twice_images_are_as_before() {
        assert_eq!(two().transposed().image(1), [5, 7, 6, 8]);
        assert_eq!(two().transposed().transposed(), two());
    }

    #[test]
    fn labels_are_counted_up_to_the_largest() {
        assert_eq!(two().counts(), [0, 1, 0, 1]);
        assert!(two().take(0).counts().is_empty());
    }
}
