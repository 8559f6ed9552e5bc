//! The shapes of a network, in one value.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Rows and columns of zeros around the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Padding {
    /// Zero rows above and zero columns to the left of the image.
    pub leading: usize,
    /// Zero rows below and zero columns to the right of the image.
    pub trailing: usize,
}

/// The shapes of a convolution -> square -> dense -> square -> dense network.
///
/// The default is the paper's network (Table 1): 28 x 28 pixels, 5 maps of 5 x 5 kernels with stride 2 and
/// one row and column of padding (13 x 13 x 5 = 845 activations), 100 hidden units, 10 classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Pixels on a side of the square image.
    pub image_side: usize,
    /// Taps on a side of the square convolution kernel.
    pub kernel: usize,
    /// Pixels between neighbouring windows, in both directions.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: Padding,
    /// Convolution maps (output channels).
    pub maps: usize,
    /// Units of the hidden dense layer.
    pub hidden: usize,
    /// Classes, one logit each.
    pub classes: usize,
}

impl Default for Architecture {
    fn default() -> Self {
        Self {
            image_side: 28,
            kernel: 5,
            stride: 2,
            padding: Padding { leading: 1, trailing: 0 },
            maps: 5,
            hidden: 100,
            classes: 10,
        }
    }
}

/// Shapes that make no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// A size is outside its range.
    #[error("{field} is {found}, but must be between {least} and {most}")]
    OutOfRange {
        /// The field of [`Architecture`].
        field: &'static str,
        /// Its value.
        found: usize,
        /// The least allowed value.
        least: usize,
        /// The largest allowed value.
        most: usize,
    },
}

impl Architecture {
    /// Sizes beyond this are refused: they are a slip, or would not fit in memory.
    const LARGEST: usize = 4096;

    /// The largest hidden block: a gigabyte of weights.
    const MOST_WEIGHTS: usize = 1 << 27;

    /// Checks that the shapes fit together.
    ///
    /// # Errors
    /// If a size is zero or absurdly large, the kernel exceeds the padded image, or the padding reaches the
    /// kernel's size.
    pub fn validate(&self) -> Result<(), ArchitectureError> {
        let range = |field, found, least, most| {
            if (least..=most).contains(&found) {
                Ok(())
            } else {
                Err(ArchitectureError::OutOfRange { field, found, least, most })
            }
        };
        range("image_side", self.image_side, 1, Self::LARGEST)?;
        range("padding.leading", self.padding.leading, 0, self.kernel.saturating_sub(1))?;
        range("padding.trailing", self.padding.trailing, 0, self.kernel.saturating_sub(1))?;
        range("kernel", self.kernel, 1, self.padded_side())?;
        range("stride", self.stride, 1, self.kernel)?;
        range("maps", self.maps, 1, Self::LARGEST)?;
        range("hidden", self.hidden, 1, Self::LARGEST)?;
        range("classes", self.classes, 2, 256)?;
        range("hidden x activations", self.hidden.saturating_mul(self.activations()), 1, Self::MOST_WEIGHTS)?;
        Ok(())
    }

    fn padded_side(&self) -> usize {
        self.image_side + self.padding.leading + self.padding.trailing
    }

    /// Pixels of an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.image_side * self.image_side
    }

    /// Taps of one convolution kernel.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Windows on a side of the convolution's output (13 in the paper). Rows and columns at the end that fill
    /// no whole window are not read.
    #[must_use]
    pub fn convolution_side(&self) -> usize {
        (self.padded_side() - self.kernel) / self.stride + 1
    }

    /// Positions of the convolution window (169 in the paper).
    #[must_use]
    pub fn positions(&self) -> usize {
        self.convolution_side() * self.convolution_side()
    }

    /// Outputs of the convolution over all maps, map by map (845 in the paper).
    #[must_use]
    pub fn activations(&self) -> usize {
        self.maps * self.positions()
    }

    /// The pairs `(tap, pixel)` that window `position` reads, in row order. Taps on padding are left out.
    pub fn window(&self, position: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let Self { image_side, kernel, stride, padding, .. } = *self;
        let (row, column) = (position / self.convolution_side(), position % self.convolution_side());
        (0..kernel * kernel).filter_map(move |tap| {
            let y = (row * stride + tap / kernel).checked_sub(padding.leading)?;
            let x = (column * stride + tap % kernel).checked_sub(padding.leading)?;
            (y < image_side && x < image_side).then_some((tap, y * image_side + x))
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image_side, kernel, stride, padding, maps, hidden, classes } = *self;
        write!(
            f,
            "{image_side} x {image_side} pixels, {maps} maps of {kernel} x {kernel} with stride {stride} and padding {} leading, {} \
             trailing, {hidden} hidden units, {classes} classes",
            padding.leading, padding.trailing
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_has_the_shapes_of_the_paper() {
        let paper = Architecture::default();
        paper.validate().unwrap();
        assert_eq!((paper.pixels(), paper.convolution_side(), paper.activations()), (784, 13, 845));
    }

    #[test]
    fn the_first_window_leaves_out_its_padding() {
        let window: Vec<_> = Architecture::default().window(0).collect();
        // One padded row and column: 16 of the 25 taps lie on the image, the first at the centre's corner.
        assert_eq!(window.len(), 16);
        assert_eq!(window[0], (6, 0));
        assert_eq!(window[15], (24, 3 * 28 + 3));
    }

    #[test]
    fn the_last_window_ends_at_the_last_pixel() {
        let paper = Architecture::default();
        assert_eq!(paper.window(168).last(), Some((24, 783)));
    }

    #[test]
    fn rows_that_fill_no_window_are_not_read() {
        let bare = Architecture { padding: Padding { leading: 0, trailing: 0 }, ..Architecture::default() };
        bare.validate().unwrap();
        assert_eq!(bare.convolution_side(), 12);
        assert_eq!(bare.window(143).last(), Some((24, 26 * 28 + 26)));
    }

    #[test]
    fn sizes_out_of_range_are_refused_by_name() {
        let none = Architecture { maps: 0, ..Architecture::default() };
        assert_eq!(none.validate().unwrap_err().to_string(), "maps is 0, but must be between 1 and 4096");
        let huge = Architecture { kernel: 40, ..Architecture::default() };
        assert!(matches!(huge.validate(), Err(ArchitectureError::OutOfRange { field: "kernel", .. })));
    }
}
