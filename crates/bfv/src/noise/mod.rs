//! Predictions of the noise that an evaluation leaves, and of how far it may stray.
//!
//! The estimate is for the average case: every coefficient of a noise polynomial is taken for a sum of independent terms, and its
//! standard deviation is followed through the network. A bound for the tail says how often noise exceeds a multiple of its
//! deviation. The derivation, its assumptions and a comparison of prediction and measurement are in `docs/noise.md`. Noise is
//! measured with the secret key, so measurements are in [`client`](crate::client).
//!
//! A run does not rest on the estimate only: decryption measures the noise, and too much noise is an error.
//!
//! | module | holds |
//! | --- | --- |
//! | `estimate` | the standard deviation at every stage |
//! | `engine_noise`, `reference_noise` | the noise of each evaluator |
//! | `packed_noise` | the noise of packed evaluation |
//! | `weight_norms`, `moments` | everything about the weights that the noise depends on |
//! | `variance` | variances that depend on the key |
//! | `tail` | the probability of large noise |
//! | `stage` | the stages of an evaluation |

pub(crate) mod engine_noise;
pub(crate) mod estimate;
mod moments;
pub(crate) mod packed_noise;
mod reference_noise;
pub(crate) mod stage;
pub(crate) mod tail;
pub(crate) mod variance;
pub(crate) mod weight_norms;

pub use estimate::NoiseEstimate;
pub use packed_noise::PackedNoiseStage;
pub use stage::NoiseStage;
pub use tail::{TailBound, failure_probability_log2};
pub use variance::Deviation;
pub use weight_norms::WeightNorms;
