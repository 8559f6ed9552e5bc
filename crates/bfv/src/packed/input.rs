//! The slots of an image's pixels and of the logits' shares.

use sottovoce_network::{Architecture, Padding};

use super::error::PackedLayoutError;

/// The part of a network's layout that a client needs to encrypt one image for packed evaluation and to read the answer: the geometry of the
/// convolution's windows, and the slots of the logits' shares.
///
/// Input slots are in blocks of B, the least power of two that holds one value for every window (the paper's 13 x 13 windows: 256). Block b
/// holds the pixel with the offset b, row by row, of every window (25 blocks for the paper's 5 x 5 kernel). Slots count through the first row and then
/// through the second. The blocks are as many as the least power of two that is enough (32), and are repeated if the slots
/// hold them several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackedInput {
    /// Pixels on a side of the square image.
    pub image_side: usize,
    /// Pixels on a side of a window.
    pub kernel: usize,
    /// Distance of neighbouring windows in pixels.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: Padding,
    /// The number of logits.
    pub classes: usize,
    /// The number D of columns in which the shares of one logit lie, in both rows of slots.
    pub logit_distance: usize,
}

impl PackedInput {
    /// Pixels of an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.image_side * self.image_side
    }

    /// Windows on a side of the image.
    pub(super) fn windows(&self) -> usize {
        let side = self.image_side + self.padding.leading + self.padding.trailing;
        side.saturating_sub(self.kernel) / self.stride.max(1) + 1
    }

    /// Slots of a block: the least power of two that holds one value for every window.
    #[must_use]
    pub fn block(&self) -> usize {
        (self.windows() * self.windows()).next_power_of_two()
    }

    /// The blocks of an input: the least power of two that holds every offset in a window.
    #[must_use]
    pub fn blocks(&self) -> usize {
        (self.kernel * self.kernel).next_power_of_two()
    }

    /// Checks that pixels and shares fit in `degree` slots.
    ///
    /// # Errors
    /// If the windows or the shares of the logits need more slots.
    pub fn check(&self, degree: usize) -> Result<(), PackedLayoutError> {
        let windows = self.block().saturating_mul(self.blocks());
        let shares = self.classes.saturating_mul(self.logit_distance);
        let (what, needed, available) = if windows > degree {
            ("slots for the windows of an image", windows, degree)
        } else if shares > degree / 2 {
            ("columns for the logits", shares, degree / 2)
        } else {
            return Ok(());
        };
        Err(PackedLayoutError { what, needed, available, degree })
    }

    /// The values of `slots` slots for an image, given row by row.
    #[must_use]
    pub fn slot_values(&self, image: &[u8], slots: usize) -> Vec<u8> {
        let block = self.block();
        let period = block * self.blocks();
        let value = |slot: usize| {
            let place = slot % period;
            self.pixel(place / block, place % block).and_then(|pixel| image.get(pixel).copied()).unwrap_or(0)
        };
        (0..slots).map(value).collect()
    }

    /// The number of the pixel at an offset of a window, or `None` for padding and unused slots.
    fn pixel(&self, offset: usize, window: usize) -> Option<usize> {
        let windows = self.windows();
        if offset >= self.kernel * self.kernel || window >= windows * windows {
            return None;
        }
        let inside = |window: usize, offset: usize| {
            let place = (window * self.stride + offset).checked_sub(self.padding.leading)?;
            (place < self.image_side).then_some(place)
        };
        let row = inside(window / windows, offset / self.kernel)?;
        let column = inside(window % windows, offset % self.kernel)?;
        Some(row * self.image_side + column)
    }

    /// The slots of the shares of a class's logit, among `slots` slots: D columns of both rows, from column `class D` on. The logit is their sum
    /// modulo t. The provider adds random numbers to the shares, so that only the sum means anything.
    pub fn share_slots(&self, class: usize, slots: usize) -> impl Iterator<Item = usize> + use<> {
        let (first, distance) = (class * self.logit_distance, self.logit_distance);
        [0, slots / 2].into_iter().flat_map(move |row| row + first..row + first + distance)
    }

    /// The logit of a class, below the plaintext modulus `t`, by the values of all slots. `None` if there are not enough slots.
    #[must_use]
    pub fn logit(&self, class: usize, values: &[u64], t: u64) -> Option<u64> {
        let mut shares = self.share_slots(class, values.len()).map(|slot| values.get(slot));
        shares.try_fold(0, |sum, share| Some((sum + share?) % t))
    }

    /// The windows of `architecture`.
    pub(super) fn of(architecture: &Architecture, logit_distance: usize) -> Self {
        let Architecture { image_side, kernel, stride, padding, classes, .. } = *architecture;
        Self { image_side, kernel, stride, padding, classes, logit_distance }
    }
}
