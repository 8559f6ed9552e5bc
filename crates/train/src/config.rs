//! The training options of a configuration.

use serde::{Deserialize, Serialize};
use sottovoce_network::PixelLevels;

use crate::augmentation::Augmentation;
use crate::elementary_functions::ln;

/// Options for training one member. The comments in `configs/paper.toml` explain each field to users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Passes over the member's images in the float phase.
    pub float_epochs: usize,
    /// Passes over the member's images in the quantisation-aware phase.
    pub quantised_epochs: usize,
    /// Images of one training step.
    pub batch: usize,
    /// Peak learning rate of the float phase.
    pub float_rate: f64,
    /// Peak learning rate of the quantisation-aware phase.
    pub quantised_rate: f64,
    /// Decoupled weight decay. It applies to weights, not to biases.
    pub weight_decay: f64,
    /// Largest norm of a parameter's gradient; larger gradients are scaled down to it.
    pub clip: f64,
    /// Distortions of training images.
    pub augmentation: Augmentation,
    /// Grey levels of a pixel.
    pub pixel_levels: PixelLevels,
    /// Largest absolute integer weights of the convolution, hidden and output block.
    pub largest_weights: [u32; 3],
    /// Bits of the plaintext modulus to aim at. The logit scale is chosen so that an ensemble with logits of the usual size
    /// needs this many bits. The range that the trained weights need is measured at export.
    pub logit_bits: u32,
    /// Loss per bit of logit range in the quantisation-aware phase.
    pub range_penalty: f64,
    /// Strength of logit adjustment (Menon et al. 2021) in both phases: the loss adds this factor times the logarithm of a
    /// label's frequency among the member's own images to the logits. With 0, nothing is added. With 1, the member does not
    /// learn how rare a label was among its images. A label that never occurs counts as half an image. The range
    /// penalty, the accuracy in the training curve and the trained network use the logits without the adjustment.
    pub logit_adjustment: f64,
    /// The largest share of the hidden layer's integer weights that are not zero, above 0 and at most 1. A density of 1
    /// is not written, so that hashes of configurations older than this field stay valid.
    #[serde(default = "full_density", skip_serializing_if = "is_full_density")]
    pub density: f64,
}

fn full_density() -> f64 {
    1.0
}

fn is_full_density(density: &f64) -> bool {
    *density == 1.0
}

/// The options that the float phase depends on. Two configurations with equal options train the same float networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FloatPhaseConfig {
    float_epochs: usize,
    batch: usize,
    float_rate: f64,
    weight_decay: f64,
    clip: f64,
    augmentation: Augmentation,
    logit_adjustment: f64,
}

/// The largest real logit of a well-trained member over its images, in nats. The logit scale is derived from it.
const USUAL_LARGEST_LOGIT: f64 = 60.0;

impl TrainingConfig {
    /// Returns the options that the float phase depends on.
    pub fn float_phase(&self) -> FloatPhaseConfig {
        let Self {
            float_epochs, batch, float_rate, weight_decay, clip, augmentation, logit_adjustment, ..
        } = *self;
        FloatPhaseConfig {
            float_epochs,
            batch,
            float_rate,
            weight_decay,
            clip,
            augmentation,
            logit_adjustment,
        }
    }

    /// Computes the natural logarithm of the real logit that one integer unit represents, in an ensemble of `members`.
    pub(crate) fn log_logit_scale(&self, members: usize) -> f64 {
        // Logits have both signs, so |sum| < t / 2 must hold.
        let log_largest_integer = (f64::from(self.logit_bits) - 1.0) * std::f64::consts::LN_2;
        ln(USUAL_LARGEST_LOGIT * members as f64) - log_largest_integer
    }
}
