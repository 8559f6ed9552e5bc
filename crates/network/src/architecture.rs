//! The sizes that define a network's layers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Number of rows and columns of zeros around the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Padding {
    /// Zero rows above and zero columns to the left of the image.
    pub leading: usize,
    /// Zero rows below and zero columns to the right of the image.
    pub trailing: usize,
}

/// The sizes of a convolution -> square -> dense -> square -> dense network.
///
/// The default is the paper's network (Table 1): 28 x 28 pixels, 5 maps of 5 x 5 kernels with stride 2 and
/// one row and column of padding (13 x 13 x 5 = 845 activations), 100 hidden units, 10 classes.
///
/// ```
/// use sottovoce_network::Architecture;
///
/// let paper = Architecture::default();
/// paper.validate()?;
/// assert_eq!((paper.pixels(), paper.positions(), paper.activations()), (784, 169, 845));
///
/// let impossible = Architecture { stride: 6, ..paper };
/// assert_eq!(impossible.validate().unwrap_err().to_string(), "stride is 6, but must be between 1 and 5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Pixels on a side of the square image.
    pub image_side: usize,
    /// Taps on a side of the square convolution kernel.
    pub kernel: usize,
    /// Distance of neighbouring windows in pixels, in both directions.
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
        Self::PAPER
    }
}

/// Name and size of one of a network's three blocks of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockShape {
    /// `convolution`, `hidden` or `output`.
    pub name: &'static str,
    /// Outputs of the layer.
    pub rows: usize,
    /// Weights of one output.
    pub columns: usize,
}

/// An architecture that describes no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// A size is outside its range.
    #[error("{field} is {found}, but must be between {min} and {max}")]
    OutOfRange {
        /// Name of the field of [`Architecture`].
        field: &'static str,
        /// Value of the field.
        found: usize,
        /// Smallest allowed value.
        min: usize,
        /// Largest allowed value.
        max: usize,
    },
}

impl Architecture {
    /// The paper's network (Table 1), which is also the default.
    pub const PAPER: Self = Self {
        image_side: 28,
        kernel: 5,
        stride: 2,
        padding: Padding { leading: 1, trailing: 0 },
        maps: 5,
        hidden: 100,
        classes: 10,
    };

    /// Largest size that is accepted: larger ones are mistakes, or would not fit in memory.
    const MAX_SIZE: usize = 4096;

    /// Weights of the largest hidden block that is accepted: a gigabyte.
    const MAX_HIDDEN_WEIGHTS: usize = 1 << 27;

    /// Checks that the shapes fit together.
    ///
    /// # Errors
    /// If a size is zero or above 4096, the kernel exceeds the padded image, the stride exceeds the kernel, the padding
    /// reaches the kernel's size, there are fewer than 2 or more than 256 classes, or the hidden block has more than
    /// 2^27 weights.
    pub fn validate(&self) -> Result<(), ArchitectureError> {
        let check = |field, found, min, max| {
            if (min..=max).contains(&found) {
                Ok(())
            } else {
                Err(ArchitectureError::OutOfRange { field, found, min, max })
            }
        };
        check("image_side", self.image_side, 1, Self::MAX_SIZE)?;
        check("padding.leading", self.padding.leading, 0, self.kernel.saturating_sub(1))?;
        check("padding.trailing", self.padding.trailing, 0, self.kernel.saturating_sub(1))?;
        check("kernel", self.kernel, 1, self.padded_side())?;
        check("stride", self.stride, 1, self.kernel)?;
        check("maps", self.maps, 1, Self::MAX_SIZE)?;
        check("hidden", self.hidden, 1, Self::MAX_SIZE)?;
        check("classes", self.classes, 2, 256)?;
        let hidden_weights = self.hidden.saturating_mul(self.activations());
        check("hidden x activations", hidden_weights, 1, Self::MAX_HIDDEN_WEIGHTS)
    }

    /// Names and sizes of the convolution, the hidden and the output block, in this order.
    #[must_use]
    pub fn block_shapes(&self) -> [BlockShape; 3] {
        [
            BlockShape { name: "convolution", rows: self.maps, columns: self.taps() },
            BlockShape { name: "hidden", rows: self.hidden, columns: self.activations() },
            BlockShape { name: "output", rows: self.classes, columns: self.hidden },
        ]
    }

    fn padded_side(&self) -> usize {
        self.image_side + self.padding.leading + self.padding.trailing
    }

    /// Number of pixels of an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.image_side * self.image_side
    }

    /// Number of taps of one convolution kernel.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Number of windows on a side of the convolution's output (13 in the paper). Rows and columns at the end that do
    /// not fill a whole window are not read.
    #[must_use]
    pub fn convolution_side(&self) -> usize {
        (self.padded_side() - self.kernel) / self.stride + 1
    }

    /// Number of positions of the convolution window (169 in the paper).
    #[must_use]
    pub fn positions(&self) -> usize {
        self.convolution_side() * self.convolution_side()
    }

    /// Number of the convolution's outputs over all maps (845 in the paper). They are ordered map by map.
    #[must_use]
    pub fn activations(&self) -> usize {
        self.maps * self.positions()
    }

    /// Iterates over the pairs `(tap, pixel)` that the window at `position` reads, in row order. Taps on padding are
    /// left out.
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
