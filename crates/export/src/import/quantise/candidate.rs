//! Members rounded at given scales.

use sottovoce_network::{Block, IntegerBlock, IntegerEnsemble, IntegerNetwork, PixelLevels};

use super::error::QuantiseError;
use crate::import::description::quantisation::Scales;
use crate::import::real_network::{LayerKind, RealNetwork};

/// Pixel levels and scales for rounding. All members share them, and so have one logit scale.
///
/// ```rust
/// use sottovoce_export::import::{Candidate, Scales};
/// use sottovoce_network::PixelLevels;
///
/// let candidate = Candidate { levels: PixelLevels::new(17)?, scales: Scales([4.0, 2.0, 0.5]) };
/// let convolution = 16.0 * 4.0;
/// let hidden = convolution * convolution * 2.0;
/// assert_eq!(candidate.output_scales(), [convolution, hidden, hidden * hidden * 0.5]);
/// # Ok::<(), sottovoce_network::PixelLevelsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Number of grey levels of a pixel.
    pub levels: PixelLevels,
    /// Scales of the weights.
    pub scales: Scales,
}

impl Candidate {
    /// Returns the integer units in a real 1 at the output of every layer. A square also squares the factor before
    /// it, so with pixels in `0..=L`: `[L s0, (L s0)^2 s1, ((L s0)^2 s1)^2 s2]`. Biases are rounded at these scales.
    #[must_use]
    pub fn output_scales(&self) -> [f64; 3] {
        let [first, second, third] = self.scales.0;
        let convolution = f64::from(self.levels.largest()) * first;
        let hidden = convolution.powi(2) * second;
        [convolution, hidden, hidden.powi(2) * third]
    }

    /// Returns the number of leading layers that have the same rounded weights and biases as with `other`. These
    /// depend on the pixel levels, the layer's own scale and those of the layers before it.
    pub(crate) fn layers_in_common(&self, other: &Self) -> usize {
        if self.levels != other.levels {
            return 0;
        }
        self.scales.0.iter().zip(other.scales.0).take_while(|(own, other)| *own == other).count()
    }

    /// Returns a member with its weights and biases rounded, on pixels in `0..=L`, as integers in floating point.
    pub(crate) fn round(&self, member: &RealNetwork) -> RealNetwork {
        let [convolution, hidden, output] = member.blocks();
        let Scales([convolution_scale, hidden_scale, output_scale]) = self.scales;
        let [convolution_unit, hidden_unit, output_unit] = self.output_scales();
        let round = |block: &Block<f64>, scale: f64, unit: f64| {
            block.map(|_, _, weight| (weight * scale).round(), |_, bias| (bias * unit).round())
        };
        let blocks = [
            round(convolution, convolution_scale, convolution_unit),
            round(hidden, hidden_scale, hidden_unit),
            round(output, output_scale, output_unit),
        ];
        RealNetwork::new(*member.architecture(), blocks)
    }

    /// Returns the largest absolute integer weights of all members, by layer.
    #[must_use]
    pub fn largest_weights(&self, members: &[RealNetwork]) -> [f64; 3] {
        let mut largest = largest_weights(members);
        for (weight, scale) in largest.iter_mut().zip(self.scales.0) {
            *weight = (*weight * scale).round();
        }
        largest
    }

    /// Rounds the members to an ensemble in exact integers.
    ///
    /// # Errors
    /// If a weight or value does not fit its integer type.
    pub fn round_to_integers(&self, members: &[RealNetwork]) -> Result<IntegerEnsemble, QuantiseError> {
        let [_, _, logits_of_one] = self.output_scales();
        let logit_scale = logits_of_one.recip();
        let network = |(index, member): (usize, &RealNetwork)| {
            let rounded = self.round(member);
            let [convolution, hidden, output] = rounded.blocks();
            let blocks = [
                integer_block(convolution, index + 1, LayerKind::Convolution)?,
                integer_block(hidden, index + 1, LayerKind::Hidden)?,
                integer_block(output, index + 1, LayerKind::Output)?,
            ];
            IntegerNetwork::new(*member.architecture(), self.levels, logit_scale, blocks).map_err(|source| {
                let (levels, scales) = (self.levels.into(), self.scales);
                QuantiseError::Network { member: index + 1, levels, scales, source }
            })
        };
        let networks = members.iter().enumerate().map(network).collect::<Result<_, _>>()?;
        IntegerEnsemble::new(networks)
            .map_err(|source| QuantiseError::Ensemble { scales: self.scales, source })
    }
}

/// Returns the largest absolute weights of all members, by layer.
pub fn largest_weights(members: &[RealNetwork]) -> [f64; 3] {
    let mut largest = [0.0_f64; 3];
    for member in members {
        for (largest, block) in largest.iter_mut().zip(member.blocks()) {
            *largest = block.weights().iter().fold(*largest, |largest, weight| largest.max(weight.abs()));
        }
    }
    largest
}

/// Rounds a block. Casts saturate, so values that do not fit are refused first.
fn integer_block(block: &Block<f64>, member: usize, layer: LayerKind) -> Result<IntegerBlock, QuantiseError> {
    for (what, values, bits) in [("weight", block.weights(), 62), ("bias", block.biases(), 126)] {
        let most = 2f64.powi(bits as i32);
        if let Some(&value) = values.iter().find(|value| value.is_nan() || value.abs() > most) {
            return Err(QuantiseError::TooLarge { member, layer: layer.name(), what, value, bits });
        }
    }
    Ok(block.map(|_, _, &weight| weight as i64, |_, &bias| bias as i128))
}
