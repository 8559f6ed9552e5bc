//! What can be chosen about training.

use serde::{Deserialize, Serialize};
use sottovoce_network::PixelLevels;

use crate::Augmentation;
use crate::elementary::ln;

/// Choices for training one member. The configs' comments explain each field to users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Passes over the member's images in the float phase.
    pub float_epochs: usize,
    /// Passes over the member's images in the quantisation-aware phase.
    pub quantised_epochs: usize,
    /// Images in a step.
    pub batch: usize,
    /// Peak learning rate of the float phase.
    pub float_rate: f64,
    /// Peak learning rate of the quantisation-aware phase.
    pub quantised_rate: f64,
    /// Decoupled weight decay, on weights and not on biases.
    pub weight_decay: f64,
    /// Largest norm of a parameter's gradient.
    pub clip: f64,
    /// Distortions of training images.
    pub augmentation: Augmentation,
    /// Grey levels of a pixel.
    pub pixel_levels: PixelLevels,
    /// Largest absolute integer weight of convolution, hidden and output block.
    pub largest_weights: [u32; 3],
    /// Bits of the plaintext modulus to aim at: the logit scale is chosen so that an ensemble with logits of
    /// the usual size needs this many. The weights adapt to it; the range that is really needed is
    /// measured at export.
    pub logit_bits: u32,
    /// Loss per bit of logit range in the quantisation-aware phase.
    pub range_penalty: f64,
    /// How much of the logarithm of a label's frequency among the member's own images the loss adds to the
    /// logits (Menon et al. 2021), in both phases: 0 for nothing, 1 so that the member does not learn how rare
    /// a label was for it. A label that never occurs counts as half an image. Only the loss sees it: the
    /// range penalty, the curve's accuracy and the trained network have the logits as they are.
    pub logit_adjustment: f64,
    /// The largest share of the hidden layer's integer weights that are not zero, above 0 and at most 1. Not written where it is 1,
    /// as in configurations from before the field.
    #[serde(default = "every_weight", skip_serializing_if = "is_every_weight")]
    pub density: f64,
}

fn every_weight() -> f64 {
    1.0
}

fn is_every_weight(density: &f64) -> bool {
    *density == 1.0
}

/// The choices that the float phase depends on. Two configurations that agree in them have the same float networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FloatPhase {
    float_epochs: usize,
    batch: usize,
    float_rate: f64,
    weight_decay: f64,
    clip: f64,
    augmentation: Augmentation,
    logit_adjustment: f64,
}

/// The largest real logit of a well-trained member over its images, in nats: what `logit_bits` is sized for.
const USUAL_LARGEST_LOGIT: f64 = 60.0;

impl TrainingConfig {
    /// What the float phase depends on.
    pub fn float_phase(&self) -> FloatPhase {
        let Self {
            float_epochs, batch, float_rate, weight_decay, clip, augmentation, logit_adjustment, ..
        } = *self;
        FloatPhase { float_epochs, batch, float_rate, weight_decay, clip, augmentation, logit_adjustment }
    }

    /// Natural logarithm of the real logit that one integer unit stands for, in an ensemble of `members`.
    pub(crate) fn log_logit_scale(&self, members: usize) -> f64 {
        // Logits of both signs: |sum| < t / 2.
        let log_largest_integer = (f64::from(self.logit_bits) - 1.0) * std::f64::consts::LN_2;
        ln(USUAL_LARGEST_LOGIT * members as f64) - log_largest_integer
    }
}
