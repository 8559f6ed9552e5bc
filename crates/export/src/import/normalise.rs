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

/// Normalisations that programs and tutorials have for a data set: mean and standard deviation of its pixels in `0..=1`.
pub(super) const DATA_SETS: [(&str, f64, f64); 4] = [
    ("MNIST", 0.1307, 0.3081),
    ("Fashion-MNIST", 0.2860, 0.3530),
    ("KMNIST", 0.1918, 0.3483),
    ("EMNIST", 0.1751, 0.3332),
];

/// The largest value of a byte: what a mean of bytes is divided by to be one of pixels in `0..=1`.
pub(super) const LARGEST_BYTE: f64 = 255.0;

/// Means and deviations are given with so many digits.
const SAME: f64 = 0.002;

/// What is unlikely about `mean` and `std`, in words, where something is.
pub(super) fn unlikely(mean: f64, std: f64) -> Option<String> {
    let alike = |a: f64, b: f64| (a - b).abs() < SAME;
    if let Some((name, of_mean, of_std)) =
        DATA_SETS.iter().find(|(_, m, s)| alike(mean, *s) && alike(std, *m))
    {
        return Some(format!(
            "`pixels.mean` is {mean} and `pixels.std` is {std}, but {name} has the mean {of_mean} and the standard deviation \
             {of_std}: are the two swapped?"
        ));
    }
    if mean > 1.0 && mean <= LARGEST_BYTE {
        return Some(format!(
            "`pixels.mean` is {mean}, but pixels here are in 0..1: where it is the mean of bytes, write mean = {:.4} and std = {:.4}, \
             both divided by {LARGEST_BYTE}",
            mean / LARGEST_BYTE,
            std / LARGEST_BYTE
        ));
    }
    // Of all pixels in 0..1 with a mean, those that are either 0 or 1 vary most: var <= mean (1 - mean).
    let most = (mean * (1.0 - mean)).max(0.0).sqrt();
    // A mean of 0 says that pixels were only scaled.
    (mean > 0.0 && mean <= 1.0 && std.abs() > most + SAME).then(|| {
        format!(
            "`pixels.std` is {std}, but pixels in 0..1 with the mean {mean} have a standard deviation of at most {most:.4}: is one of \
             the two mistyped, or of other pixels?"
        )
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normalisations_of_data_sets_are_not_remarked() {
        for (name, mean, std) in DATA_SETS {
            assert_eq!(unlikely(mean, std), None, "{name}");
        }
        // -1 to 1, black and white, a scale alone, none, and a negative deviation for inverted ink.
        for (mean, std) in [(0.5, 0.5), (0.1, 0.3), (0.0, 0.00392), (0.0, 1.0), (0.5, -0.5)] {
            assert_eq!(unlikely(mean, std), None, "{mean} {std}");
        }
    }

    #[test]
    fn a_mean_and_a_deviation_that_no_pixels_have_are_remarked() {
        let remark = |mean, std| unlikely(mean, std).unwrap();
        assert_eq!(
            remark(0.3081, 0.1307),
            "`pixels.mean` is 0.3081 and `pixels.std` is 0.1307, but MNIST has the mean 0.1307 and the standard deviation \
             0.3081: are the two swapped?"
        );
        assert!(remark(33.318, 78.57).contains("write mean = 0.1307 and std = 0.3081"));
        assert_eq!(
            remark(0.1307, 3.081),
            "`pixels.std` is 3.081, but pixels in 0..1 with the mean 0.1307 have a standard deviation of at most 0.3371: is one \
             of the two mistyped, or of other pixels?"
        );
        assert!(remark(0.5, 0.51).contains("at most 0.5000"));
    }
}
