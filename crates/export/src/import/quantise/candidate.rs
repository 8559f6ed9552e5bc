//! Members rounded at some scales.

use sottovoce_network::{Block, IntegerBlock, IntegerEnsemble, IntegerNetwork, PixelLevels};

use super::error::QuantiseError;
use crate::import::description::quantisation::Scales;
use crate::import::real_network::{LAYER_NAMES, RealNetwork};

/// What members are rounded at. All members share it, and so have one logit scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Grey levels of a pixel.
    pub levels: PixelLevels,
    /// Of the weights.
    pub scales: Scales,
}

impl Candidate {
    /// Integer units in a real 1 at the output of every layer. A factor before a square is squared behind it, so
    /// with pixels in `0..=L`: `[L s0, (L s0)^2 s1, ((L s0)^2 s1)^2 s2]`. Biases are rounded at these.
    #[must_use]
    pub fn output_scales(&self) -> [f64; 3] {
        let [first, second, third] = self.scales.0;
        let convolution = f64::from(self.levels.largest()) * first;
        let hidden = convolution.powi(2) * second;
        [convolution, hidden, hidden.powi(2) * third]
    }

    /// How many layers, from the first, make the same of an image at the scales of `other`. A layer's weights and biases
    /// depend on the pixel levels, its own scale and those of the layers before it.
    pub(crate) fn layers_in_common(&self, other: &Self) -> usize {
        if self.levels != other.levels {
            return 0;
        }
        self.scales.0.iter().zip(other.scales.0).take_while(|(own, other)| *own == other).count()
    }

    /// A member with its weights and biases rounded, on pixels in `0..=L`: integers in floating point.
    pub(crate) fn round(&self, member: &RealNetwork) -> RealNetwork {
        let outputs = self.output_scales();
        let block = |index: usize| {
            let (weight, output) = (self.scales.0[index], outputs[index]);
            member.blocks()[index].map(|_, _, w| (w * weight).round(), |_, b| (b * output).round())
        };
        RealNetwork::new(*member.architecture(), [block(0), block(1), block(2)])
    }

    /// The largest absolute integer weights of all members, by layer.
    #[must_use]
    pub fn largest_weights(&self, members: &[RealNetwork]) -> [f64; 3] {
        let mut largest = largest_weights(members);
        for (weight, scale) in largest.iter_mut().zip(self.scales.0) {
            *weight = (*weight * scale).round();
        }
        largest
    }

    /// The ensemble in exact integers.
    ///
    /// # Errors
    /// If a weight or value outgrows its integer.
    pub fn integers(&self, members: &[RealNetwork]) -> Result<IntegerEnsemble, QuantiseError> {
        let logit_scale = self.output_scales()[2].recip();
        let network = |(index, member): (usize, &RealNetwork)| {
            let rounded = self.round(member);
            let block = |layer: usize| integer_block(&rounded.blocks()[layer], index + 1, LAYER_NAMES[layer]);
            let blocks = [block(0)?, block(1)?, block(2)?];
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

/// The largest absolute weights of all members, by layer.
pub fn largest_weights(members: &[RealNetwork]) -> [f64; 3] {
    [0, 1, 2].map(|layer| {
        let weights = members.iter().flat_map(|member: &RealNetwork| member.blocks()[layer].weights());
        weights.fold(0.0, |largest: f64, weight| largest.max(weight.abs()))
    })
}

/// Casts saturate, so what does not fit is refused first.
fn integer_block(
    block: &Block<f64>,
    member: usize,
    layer: &'static str,
) -> Result<IntegerBlock, QuantiseError> {
    for (what, values, bits) in [("weight", block.weights(), 62), ("bias", block.biases(), 126)] {
        let most = 2f64.powi(bits as i32);
        if let Some(&value) = values.iter().find(|value| value.is_nan() || value.abs() > most) {
            return Err(QuantiseError::TooLarge { member, layer, what, value, bits });
        }
    }
    Ok(block.map(|_, _, &weight| weight as i64, |_, &bias| bias as i128))
}
