//! How large a network's values can become, for any input.

use serde::{Deserialize, Serialize};

use crate::{Architecture, IntegerBlock, PixelLevels, sum_logits};

/// Largest absolute values after each block that *any* image of `0..=L` pixels can cause (the `proven`
/// range), from the L1 norms of the rows: `|w x + b| <= |w|_1 max|x| + |b|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// After the convolution, before its square.
    #[serde(with = "decimal")]
    pub convolution: i128,
    /// After the hidden dense layer, before its square.
    #[serde(with = "decimal")]
    pub hidden: i128,
    /// The logits.
    #[serde(with = "decimal")]
    pub logits: i128,
}

/// The largest absolute logits that were seen over some images (the `observed` range): nothing is proven
/// about other images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedRange {
    /// Of every member.
    pub members: Vec<i128>,
    /// Of the members' sum.
    pub ensemble: i128,
}

impl ObservedRange {
    /// The range of `logits`, the members' for one image.
    #[must_use]
    pub fn of(logits: &[Vec<i128>]) -> Self {
        let largest = |logits: &[i128]| logits.iter().map(|logit| logit.abs()).max().unwrap_or(0);
        Self {
            members: logits.iter().map(|member| largest(member)).collect(),
            ensemble: largest(&sum_logits(logits)),
        }
    }

    /// The range over both sets of images.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if self.members.is_empty() {
            return other;
        }
        if other.members.is_empty() {
            return self;
        }
        let members = self.members.into_iter().zip(other.members).map(|(a, b)| a.max(b)).collect();
        Self { members, ensemble: self.ensemble.max(other.ensemble) }
    }

    /// The largest of all, which one plaintext modulus must hold when members and sum are decrypted.
    #[must_use]
    pub fn largest(&self) -> i128 {
        self.members.iter().copied().fold(self.ensemble, i128::max)
    }
}

/// A network whose values could exceed 127 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the values after the {layer} could exceed 127 bits; use smaller weights or fewer pixel levels")]
pub struct RangeTooLarge {
    /// The layer where the bound leaves 127 bits.
    pub layer: &'static str,
}

impl Bounds {
    pub(crate) fn of(
        architecture: &Architecture,
        levels: PixelLevels,
        blocks: [&IntegerBlock; 3],
    ) -> Result<Self, RangeTooLarge> {
        debug_assert_eq!(blocks[0].columns(), architecture.taps());
        let bound = |block: &IntegerBlock, input: i128, layer| {
            largest_output(block, input).ok_or(RangeTooLarge { layer })
        };
        let square = |value: i128, layer| value.checked_mul(value).ok_or(RangeTooLarge { layer });
        let convolution = bound(blocks[0], i128::from(levels.largest()), "convolution")?;
        let hidden = bound(blocks[1], square(convolution, "first square")?, "hidden layer")?;
        let logits = bound(blocks[2], square(hidden, "second square")?, "output layer")?;
        Ok(Self { convolution, hidden, logits })
    }

    /// Whether the hidden layer's inputs fit 16 signed bits and its sums 32.
    pub(crate) fn hidden_layer_is_narrow(&self) -> bool {
        let inputs = self.convolution.checked_mul(self.convolution);
        inputs.is_some_and(|largest| largest <= i16::MAX.into()) && self.hidden <= i32::MAX.into()
    }

    /// Whether every value that a forward pass meets fits 64 signed bits.
    pub(crate) fn fit_i64(&self) -> bool {
        // The hidden layer's sum bounds the first square times any weight that is not zero, and its own
        // square is bounded through the logits in the same way; a zero row leaves both to be looked at.
        [
            self.convolution.checked_mul(self.convolution),
            self.hidden.checked_mul(self.hidden),
            Some(self.logits),
        ]
        .into_iter()
        .all(|value| value.is_some_and(|v| v <= i128::from(i64::MAX)))
    }
}

/// The largest absolute output of `block` over inputs of at most `input`.
fn largest_output(block: &IntegerBlock, input: i128) -> Option<i128> {
    let mut largest = 0;
    for (weights, bias) in block.row_iter().zip(block.biases()) {
        let norm = weights.iter().try_fold(0i128, |sum, w| sum.checked_add(i128::from(w.unsigned_abs())))?;
        largest = largest.max(norm.checked_mul(input)?.checked_add(bias.checked_abs()?)?);
    }
    Some(largest)
}

/// JSON numbers beyond 53 bits are read as floating point by many programs, so these are strings.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
