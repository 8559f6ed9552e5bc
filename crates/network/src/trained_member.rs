//! Result of training one member, which export rounds to integers.

use serde::{Deserialize, Serialize};

use crate::float_network::FloatNetwork;
use crate::pixel_levels::PixelLevels;

/// One trained member: the network after the float phase, and the network after quantisation-aware training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedMember {
    /// Network after the float phase, before rounding: the `float` domain of the records.
    pub float: FloatNetwork,
    /// Network after quantisation-aware training. Its rounded weights are the integer network.
    pub aware: FloatNetwork,
    /// Steps and limits of the rounding.
    pub quantisation: Quantisation,
}

/// Rounding of real-valued weights to integers: `round(weight / step)`, clamped to `-largest_weight..=largest_weight`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantisation {
    /// Grey levels of a pixel.
    pub pixel_levels: PixelLevels,
    /// Real weight that one integer unit stands for, by block.
    pub steps: [f64; 3],
    /// Largest absolute integer weight, by block.
    pub largest_weights: [u32; 3],
}

impl Quantisation {
    /// Real value that one integer unit of each block's *output* stands for. Biases are rounded at these scales.
    ///
    /// A pixel unit is `1 / L`, and a factor `a` before a square is `a^2` behind it. So the scales are
    /// `[s0 / L, (s0 / L)^2 s1, ((s0 / L)^2 s1)^2 s2]` for steps `[s0, s1, s2]`.
    #[must_use]
    pub fn output_scales(&self) -> [f64; 3] {
        let [first, second, third] = self.steps;
        let convolution = first / f64::from(self.pixel_levels.largest());
        let hidden = convolution.powi(2) * second;
        [convolution, hidden, hidden.powi(2) * third]
    }
}
