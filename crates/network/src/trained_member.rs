//! What training hands to export.

use serde::{Deserialize, Serialize};

use crate::{FloatNetwork, PixelLevels};

/// One trained member: the float network, and the network trained on for integers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedMember {
    /// After the float phase, before anything was rounded: the `float` domain of the records.
    pub float: FloatNetwork,
    /// After quantisation-aware training: real-valued weights whose rounding makes the integer network.
    pub aware: FloatNetwork,
    /// How they are rounded.
    pub quantisation: Quantisation,
}

/// How real-valued weights become integers: `round(weight / step)`, at most `largest_weights`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantisation {
    /// Grey levels of a pixel.
    pub pixel_levels: PixelLevels,
    /// The real weight that one integer unit stands for, by block.
    pub steps: [f64; 3],
    /// The largest absolute integer weight, by block.
    pub largest_weights: [u32; 3],
}

impl Quantisation {
    /// The real value that one integer unit of each block's *output* stands for. A factor `a` before a
    /// square is `a^2` behind it, so with pixels of `1 / L`:
    /// `[s0 / L, (s0 / L)^2 s1, ((s0 / L)^2 s1)^2 s2]`. Biases are rounded at these scales.
    #[must_use]
    pub fn output_scales(&self) -> [f64; 3] {
        let [first, second, third] = self.steps;
        let convolution = first / f64::from(self.pixel_levels.largest());
        let hidden = convolution.powi(2) * second;
        [convolution, hidden, hidden.powi(2) * third]
    }
}
