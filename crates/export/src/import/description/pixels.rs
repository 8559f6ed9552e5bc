//! The normalisation of pixels before the float network: the table `[pixels]` of a description.

use std::fmt;

use serde::Deserialize;

use super::error::FieldError;

/// The number that the float network received for a pixel `p` in `0..=1`: `(p - mean) / std`, or `scale * p + offset`.
///
/// ```rust
/// use sottovoce_export::import::PixelNormalisation;
///
/// let mnist = PixelNormalisation { mean: Some(0.1307), std: Some(0.3081), ..PixelNormalisation::default() };
/// let map = mnist.to_map()?;
/// assert!((map.offset + 0.1307 / 0.3081).abs() < 1e-12);
/// # Ok::<(), sottovoce_export::import::FieldError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PixelNormalisation {
    /// Subtracted first; 0 if absent.
    pub mean: Option<f64>,
    /// Divisor after the subtraction; 1 if absent.
    pub std: Option<f64>,
    /// Factor of the pixel; 1 if absent.
    pub scale: Option<f64>,
    /// Added after the multiplication; 0 if absent.
    pub offset: Option<f64>,
    /// The numbers around the image.
    #[serde(default)]
    pub padding: PixelPadding,
}

/// The numbers that the float network received around the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PixelPadding {
    /// Zeros: the image was padded after its pixels were normalised, as a convolution's own padding does.
    #[default]
    Zero,
    /// Blank pixels: the image was padded before its pixels were normalised.
    Blank,
}

/// The number that the float network received for a byte `b`: `scale * b / 255 + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelMap {
    /// Difference between a pixel of full ink and a blank one.
    pub scale: f64,
    /// Number of a blank pixel.
    pub offset: f64,
    /// The numbers around the image, if windows read them.
    pub padding: PixelPadding,
}

/// Usual normalisations of data sets: mean and standard deviation of their pixels in `0..=1`.
pub const DATA_SETS: [(&str, f64, f64); 4] = [
    ("MNIST", 0.1307, 0.3081),
    ("Fashion-MNIST", 0.2860, 0.3530),
    ("KMNIST", 0.1918, 0.3483),
    ("EMNIST", 0.1751, 0.3332),
];

/// The largest value of a byte. A mean of bytes divided by it is a mean of pixels in `0..=1`.
pub const LARGEST_BYTE: f64 = 255.0;

impl PixelNormalisation {
    /// Returns the map from pixels in `0..=1` to the float network's numbers.
    ///
    /// # Errors
    /// If both forms are mixed, a number is not finite, or `std` or `scale` is 0.
    pub fn to_map(&self) -> Result<PixelMap, FieldError> {
        let Self { mean, std, scale, offset, padding } = *self;
        if (mean.is_some() || std.is_some()) && (scale.is_some() || offset.is_some()) {
            let message = "has both `mean` or `std` and `scale` or `offset`; use one of the two forms: (p - mean) / std, or scale * p + \
                 offset, with p in 0..=1";
            return Err(FieldError::new(&["pixels"], message));
        }
        for (name, value) in [("mean", mean), ("std", std), ("scale", scale), ("offset", offset)] {
            let value = value.unwrap_or(1.0);
            if !value.is_finite() || (value == 0.0 && ["std", "scale"].contains(&name)) {
                let message = format!("is {value}, but must be a finite number, and `std` and `scale` not 0");
                return Err(FieldError::new(&["pixels", name], message));
            }
        }
        let std = std.unwrap_or(1.0);
        // One of the two forms is absent and then changes nothing. A mean of 0 gives the offset 0, not -0.
        let offset = offset.unwrap_or(0.0) + 0.0 - mean.unwrap_or(0.0) / std;
        Ok(PixelMap { scale: scale.unwrap_or(1.0) / std, offset, padding })
    }
}

impl fmt::Display for PixelNormalisation {
    /// Writes the fields as a description has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, std, scale, offset, padding } = *self;
        let fields = [("mean", mean), ("std", std), ("scale", scale), ("offset", offset)];
        let mut fields: Vec<String> = fields
            .iter()
            .filter_map(|(name, value)| value.map(|value| format!("{name} = {value:?}")))
            .collect();
        if padding == PixelPadding::Blank {
            fields.push("padding = \"blank\"".to_owned());
        }
        write!(f, "pixels = {{ {} }}", fields.join(", "))
    }
}
