//! Quantisation of pixels before encryption.

use serde::{Deserialize, Serialize};

/// Number of grey levels of a quantised pixel: 2 for black and white, 256 to keep every byte.
///
/// A quantised pixel is an integer in `0..=largest()`.
///
/// ```
/// use sottovoce_network::PixelLevels;
///
/// let levels = PixelLevels::new(4)?;
/// assert_eq!(levels.largest(), 3);
/// assert_eq!(levels.quantise_all(&[0, 42, 43, 255]), [0, 0, 1, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct PixelLevels(u16);

/// A number of grey levels below 2 or above 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} pixel levels: must be between 2 (black and white) and 256 (every byte)")]
pub struct PixelLevelsError(u16);

impl PixelLevels {
    /// Two levels: black and white.
    pub const BINARY: Self = Self(2);

    /// Four levels.
    pub const FOUR: Self = Self(4);

    /// Creates a quantisation to `levels` grey levels, 2 to 256.
    ///
    /// # Errors
    /// If `levels` is outside that range.
    pub fn new(levels: u16) -> Result<Self, PixelLevelsError> {
        if (2..=256).contains(&levels) { Ok(Self(levels)) } else { Err(PixelLevelsError(levels)) }
    }

    /// Largest quantised pixel: the number of levels less one.
    #[must_use]
    pub fn largest(self) -> u8 {
        // 2..=256 levels, so this is 1..=255.
        (self.0 - 1) as u8
    }

    /// Rounds a byte to the nearest level.
    ///
    /// There are no ties: `2 * pixel * largest` is even and `255 * (2 n + 1)` is odd.
    #[must_use]
    pub fn quantise(self, pixel: u8) -> u8 {
        // At most (2 * 255 * 255 + 255) / 510 = 255.
        ((2 * u32::from(pixel) * u32::from(self.largest()) + 255) / 510) as u8
    }

    /// Rounds every byte of one or more images to the nearest level.
    #[must_use]
    pub fn quantise_all(self, pixels: &[u8]) -> Vec<u8> {
        pixels.iter().map(|&pixel| self.quantise(pixel)).collect()
    }
}

impl TryFrom<u16> for PixelLevels {
    type Error = PixelLevelsError;

    fn try_from(levels: u16) -> Result<Self, Self::Error> {
        Self::new(levels)
    }
}

impl From<PixelLevels> for u16 {
    fn from(levels: PixelLevels) -> Self {
        levels.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantising_is_rounding_to_the_nearest_level() {
        for levels in 2..=256 {
            let levels = PixelLevels::new(levels).unwrap();
            for pixel in 0..=255u8 {
                let exact = f64::from(pixel) / 255.0 * f64::from(levels.largest());
                assert_eq!(f64::from(levels.quantise(pixel)), exact.round());
            }
        }
    }

    #[test]
    fn fewer_than_two_and_more_than_256_levels_are_refused() {
        for levels in [0, 1, 257, u16::MAX] {
            assert_eq!(PixelLevels::new(levels), Err(PixelLevelsError(levels)));
        }
    }
}
