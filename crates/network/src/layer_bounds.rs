//! Bounds on a network's values that hold for every image.

use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::block::IntegerBlock;
use crate::pixel_levels::PixelLevels;

/// Largest absolute values after each block that *any* image of pixels in `0..=L` can cause.
///
/// The bounds follow from the L1 norms of the rows: `|w x + b| <= |w|_1 max|x| + |b|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerBounds {
    /// Largest absolute value after the convolution, before the first square.
    #[serde(with = "decimal")]
    pub convolution: i128,
    /// Largest absolute value after the hidden layer, before the second square.
    #[serde(with = "decimal")]
    pub hidden: i128,
    /// Largest absolute logit.
    #[serde(with = "decimal")]
    pub logits: i128,
}

/// The values of a network could exceed 127 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the values after the {layer} could exceed 127 bits; use smaller weights or fewer pixel levels")]
pub struct RangeTooLarge {
    /// Name of the first layer or square whose bound exceeds 127 bits.
    pub layer: &'static str,
}

impl LayerBounds {
    /// Computes the bounds of a network with these blocks (convolution, hidden, output).
    ///
    /// # Errors
    /// If a bound exceeds 127 bits.
    pub(crate) fn of(
        architecture: &Architecture,
        levels: PixelLevels,
        [convolution, hidden, output]: [&IntegerBlock; 3],
    ) -> Result<Self, RangeTooLarge> {
        debug_assert_eq!(convolution.columns(), architecture.taps());
        let bound = |block: &IntegerBlock, input: i128, layer| {
            largest_output(block, input).ok_or(RangeTooLarge { layer })
        };
        let square = |value: i128, layer| value.checked_mul(value).ok_or(RangeTooLarge { layer });
        let convolution = bound(convolution, i128::from(levels.largest()), "convolution")?;
        let hidden = bound(hidden, square(convolution, "first square")?, "hidden layer")?;
        let logits = bound(output, square(hidden, "second square")?, "output layer")?;
        Ok(Self { convolution, hidden, logits })
    }

    /// Returns whether the hidden layer's inputs fit 16 signed bits and its sums 32.
    pub(crate) fn hidden_layer_is_narrow(&self) -> bool {
        let inputs = self.convolution.checked_mul(self.convolution);
        inputs.is_some_and(|largest| largest <= i16::MAX.into()) && self.hidden <= i32::MAX.into()
    }

    /// Returns whether every value of a forward pass fits 64 signed bits.
    pub(crate) fn fit_i64(&self) -> bool {
        // The bound of the hidden layer covers the first square times any nonzero weight, and the bound of the logits
        // covers the second square in the same way. Rows of zeros cover neither, so both squares are checked too.
        [
            self.convolution.checked_mul(self.convolution),
            self.hidden.checked_mul(self.hidden),
            Some(self.logits),
        ]
        .into_iter()
        .all(|value| value.is_some_and(|v| v <= i128::from(i64::MAX)))
    }
}

/// Bounds the absolute outputs of `block` for absolute inputs up to `input`; `None` on overflow.
fn largest_output(block: &IntegerBlock, input: i128) -> Option<i128> {
    let mut largest = 0;
    for (weights, bias) in block.row_iter().zip(block.biases()) {
        let norm = weights.iter().try_fold(0i128, |sum, w| sum.checked_add(i128::from(w.unsigned_abs())))?;
        largest = largest.max(norm.checked_mul(input)?.checked_add(bias.checked_abs()?)?);
    }
    Some(largest)
}

/// Integers as decimal strings in JSON: many programs read JSON numbers beyond 53 bits as floating point.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
