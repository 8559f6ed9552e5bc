//! Training of ensemble members: first in floating point, then with rounding for integer networks.
//!
//! Encryption can evaluate square activations, but they also make training diverge easily. The learning rate
//! therefore warms up, gradients are clipped, and a member that diverges is trained again at a lower rate. If every attempt
//! diverges, training returns an error.
//!
//! 1. **Float phase**: every member is trained on its own part of the images with AdamW, a one-cycle learning rate
//!    and light augmentation.
//! 2. **Equalisation**: scales are folded through the squares so that all rows of a layer have similar norms.
//! 3. **Quantisation-aware phase**: weights, biases and pixels are rounded in the forward pass, and gradients pass
//!    straight through the rounding. A penalty keeps the range of the logits small, because the range decides the
//!    plaintext modulus and with it the cost of encryption. With [`TrainingConfig::density`], small weights of the
//!    hidden layer are set to zero during the first half of the phase. All members of an ensemble share one logit scale.
//!
//! In both phases the loss is adjusted for how often each label occurs among the member's own images, so that the logits of
//! members that saw different labels can be added ([`TrainingConfig::logit_adjustment`]).
//!
//! Members do not depend on each other. [`train_ensemble`] runs both phases for all members. [`train_float`] and
//! [`train_quantised`] run one phase of one member. Callers use them to run members as separate jobs, or to share a float network
//! between configurations that differ only in the quantised phase ([`TrainingConfig::float_phase`]).
//!
//! No other crate uses `burn`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod augmentation;
mod batches;
mod config;
mod elementary_functions;
mod ensemble;
mod equalise;
mod error;
mod float_model;
mod logit_adjustment;
mod loss;
mod matrix_product;
mod member;
mod phase_training;
mod pruning;
mod quantised_model;
#[cfg(test)]
mod tests;

pub use augmentation::Augmentation;
pub use config::{FloatPhaseConfig, TrainingConfig};
pub use ensemble::{TrainedEnsemble, train_ensemble};
pub use error::TrainError;
pub use member::{MemberTask, train_float, train_quantised};
pub use phase_training::{CurveRow, Phase, StepReport};
