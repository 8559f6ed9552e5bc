//! Pixel normalisation, folded into the convolution.

use sottovoce_network::{Architecture, Block};

use serde::Deserialize;

use super::ImportError;

/// What the float network saw around the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PixelPadding {
    /// Zeros: the image was padded when its pixels had been normalised, as by a convolution's own padding.
    #[default]
    Zero,
    /// Blank pixels: it was padded before.
    Blank,
}

/// What the float network saw where a pixel is `p` of 255: `scale * p / 255 + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelMap {
    /// What full ink adds.
    pub scale: f64,
    /// What a blank pixel is.
    pub offset: f64,
    /// What is around the image, where windows read that.
    pub padding: PixelPadding,
}

impl PixelMap {
    /// The convolution on pixels in `0..=1` that gives what `convolution` gives on mapped ones:
    /// `w (s x + o) + b = (w s) x + (b + o sum w)`. A blank pixel of padding is `x = 0` like any other, so the sum goes
    /// over all taps at the image's edge too.
    ///
    /// # Errors
    /// If there is an offset, and windows read padding that is zero to the float network, not `offset` as the sum
    /// assumes.
    pub fn fold(
        self,
        convolution: &Block<f64>,
        architecture: &Architecture,
    ) -> Result<Block<f64>, ImportError> {
        let Self { scale, offset, padding } = self;
        let padded =
            (0..architecture.positions()).any(|p| architecture.window(p).count() < architecture.taps());
        if offset != 0.0 && padded && padding == PixelPadding::Zero {
            let padding = architecture.padding;
            return Err(ImportError::PaddedOffset {
                offset,
                leading: padding.leading,
                trailing: padding.trailing,
            });
        }
        let sums: Vec<f64> = convolution.row_iter().map(|row| row.iter().sum()).collect();
        Ok(convolution.map(|_, _, weight| weight * scale, |row, bias| bias + offset * sums[row]))
    }
}
