//! Grey square images with labels.

/// Grey square images with one label each, in the order of their files.
///
/// Pixels are stored row by row, image after image. A pixel of 0 is background, a pixel of 255 is full ink. There are
/// `len() * side * side` pixels, and the side is at least 1.
///
/// ```
/// use sottovoce_dataset::LabelledImages;
///
/// // Two images of 2 x 2 pixels, labelled 1 and 3.
/// let images = LabelledImages::new(2, vec![0, 9, 8, 7, 1, 2, 3, 4], vec![1, 3])?;
/// assert_eq!(images.image(1), [1, 2, 3, 4]);
/// assert_eq!(images.counts(), [0, 1, 0, 1]);
/// assert!(LabelledImages::new(2, vec![0; 7], vec![1, 3]).is_err());
/// # Ok::<(), sottovoce_dataset::ShapeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledImages {
    side: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl LabelledImages {
    /// Creates images of `side` x `side` pixels.
    ///
    /// # Errors
    /// If `pixels` are not `labels.len()` whole images, or `side` is zero.
    pub fn new(side: usize, pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self, ShapeError> {
        if side == 0 || pixels.len() != labels.len() * side * side {
            return Err(ShapeError { side, pixels: pixels.len(), labels: labels.len() });
        }
        Ok(Self { side, pixels, labels })
    }

    /// Creates images as [`Self::new`] does. The caller makes sure that `pixels` are `labels.len()` whole images.
    #[cfg(feature = "data-sets")]
    pub(crate) fn from_whole_images(side: usize, pixels: Vec<u8>, labels: Vec<u8>) -> Self {
        debug_assert_eq!(pixels.len(), labels.len() * side * side);
        Self { side, pixels, labels }
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there are no images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Number of pixels on a side.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// Labels, one for each image.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Pixels of image `index`, row by row: `side * side` of them.
    ///
    /// # Panics
    /// If `index` is not below the number of images.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "the documentation states the panic; there are `len()` whole images"
    )]
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.side * self.side;
        &self.pixels[index * size..(index + 1) * size]
    }

    /// Iterates over the images, each as `side * side` pixels.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.side * self.side)
    }

    /// Number of images of each label, indexed by label. The last entry belongs to the largest label.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = Vec::new();
        for &label in &self.labels {
            let label = usize::from(label);
            if counts.len() <= label {
                counts.resize(label + 1, 0);
            }
            if let Some(count) = counts.get_mut(label) {
                *count += 1;
            }
        }
        counts
    }

    /// Exchanges rows and columns of every image.
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

    /// Replaces every pixel `p` by `255 - p`.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.pixels.iter_mut().for_each(|pixel| *pixel = u8::MAX - *pixel);
        self
    }

    /// Lowers every label by one. Labels of 0 stay 0.
    #[cfg(feature = "data-sets")]
    pub(crate) fn with_labels_from_one(mut self) -> Self {
        self.labels.iter_mut().for_each(|label| *label = label.saturating_sub(1));
        self
    }

    /// Selects the images at `indices`, in that order.
    ///
    /// # Panics
    /// If an index is not below the number of images.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "the documentation states the panic; there is a label for each image"
    )]
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            side: self.side,
            pixels: indices.iter().flat_map(|&i| self.image(i)).copied().collect(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
        }
    }

    /// Selects the first `count` images, or all if there are fewer.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "`new` checks that there are side x side pixels for each label"
    )]
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.len());
        let (pixels, labels) = (&self.pixels[..count * self.side * self.side], &self.labels[..count]);
        Self { side: self.side, pixels: pixels.to_vec(), labels: labels.to_vec() }
    }
}

/// A number of pixels that does not fit the number of labels.
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
